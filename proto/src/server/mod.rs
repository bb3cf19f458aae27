//! The provider service: one method per request, each decoding what came, calling
//! the resource and encoding the answer.
//!
//! Three promises hold for all of them. A problem becomes a diagnostic, never a
//! gRPC status. A panic becomes a diagnostic too, and the answer keeps the state
//! that was sent. The work runs detached from the request, so that a client that
//! hangs up cannot stop it between creating an object and recording it.

mod requests;
mod salvage;

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, RwLock},
};

use tokio::sync::watch;
use tonic::{Response, Status};

use crate::{
    conform,
    cty::{Type, Value},
    diagnostic::{Diagnostic, Diagnostics},
    function::Function,
    plan,
    provider::Provider,
    resource::{DataSource, Resource, provider_bug},
    schema::Schema,
    wire::tfplugin6 as wire,
};

/// A provider with everything that can be worked out once.
pub(crate) struct Server<P: Provider>(Arc<Inner<P>>);

impl<P: Provider> Clone for Server<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<P: Provider> {
    provider: P,
    schema: Schema,
    resources: ByName<Typed<AnyResource<P>>>,
    data_sources: ByName<Typed<AnyDataSource<P>>>,
    functions: ByName<Box<dyn Function>>,
    client: RwLock<Configured<P::Client>>,
    /// How many pieces of work are under way.
    working: watch::Sender<usize>,
}

type ByName<T> = BTreeMap<&'static str, T>;
type AnyResource<P> = Box<dyn Resource<<P as Provider>::Client>>;
type AnyDataSource<P> = Box<dyn DataSource<<P as Provider>::Client>>;

/// Something with a schema, and the type of its values.
struct Typed<T> {
    it: T,
    schema: Schema,
    ty: Type,
}

impl<T> Typed<T> {
    fn new(it: T, schema: Schema) -> Self {
        let ty = schema.ty();
        Self { it, schema, ty }
    }

    fn decode(&self, value: Option<&wire::DynamicValue>) -> Result<Value, Diagnostics> {
        decode(&self.ty, value)
    }
}

enum Configured<C> {
    NotYet,
    /// Something in the provider's configuration is known only after apply.
    Unknown,
    Ready(Arc<C>),
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: P) -> Self {
        let resources = provider.resources().into_iter().map(|resource| {
            let schema = resource.schema();
            (resource.type_name(), Typed::new(resource, schema))
        });
        let data_sources = provider.data_sources().into_iter().map(|source| {
            let schema = source.schema();
            (source.type_name(), Typed::new(source, schema))
        });
        Self(Arc::new(Inner {
            resources: resources.collect(),
            data_sources: data_sources.collect(),
            functions: provider
                .functions()
                .into_iter()
                .map(|function| (function.name(), function))
                .collect(),
            schema: provider.schema(),
            client: RwLock::new(Configured::NotYet),
            working: watch::Sender::new(0),
            provider,
        }))
    }

    /// Runs `work` to its end on a thread of its own. If it panics, the answer is
    /// what `salvage` makes of the diagnostic.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner<P>) -> R + Send + 'static,
        salvage: impl FnOnce(Diagnostics) -> R + Send + 'static,
    ) -> Result<Response<R>, Status> {
        let inner = self.0.clone();
        inner.working.send_modify(|working| *working += 1);
        let finished = tokio::task::spawn_blocking(move || {
            // Whatever a panicking resource left behind is its own: nothing of ours is touched by it.
            let answer = catch_unwind(AssertUnwindSafe(|| work(&inner)))
                .unwrap_or_else(|panic| salvage(panicked(&*panic)));
            inner.working.send_modify(|working| *working -= 1);
            answer
        });
        match finished.await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }
}

impl<P: Provider> Server<P> {
    /// Waits until nothing is under way, also not for clients that have hung up.
    pub(crate) async fn idle(&self) {
        // The sender is ours, so waiting cannot fail before it is over.
        let _ = self
            .0
            .working
            .subscribe()
            .wait_for(|working| *working == 0)
            .await;
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Diagnostics {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    provider_bug(format!("the provider panicked: {message}"), None).into()
}

fn decode(ty: &Type, value: Option<&wire::DynamicValue>) -> Result<Value, Diagnostics> {
    let decoded = match value {
        // Both empty, like none at all, is null.
        None => return Ok(Value::Null),
        Some(value) if !value.msgpack.is_empty() => Value::from_msgpack(ty, &value.msgpack),
        Some(value) if !value.json.is_empty() => Value::from_json_text(ty, &value.json),
        Some(_) => return Ok(Value::Null),
    };
    decoded.map_err(|error| {
        Diagnostic::error(
            "cannot read a value the engine sent",
            format!("The value does not fit the schema: {error}. Run `init` again if the provider was changed just now."),
        )
        .into()
    })
}

fn encode(ty: &Type, value: &Value) -> Result<Option<wire::DynamicValue>, Diagnostics> {
    match value.to_msgpack(ty) {
        Ok(msgpack) => Ok(Some(wire::DynamicValue {
            msgpack,
            json: Vec::new(),
        })),
        Err(error) => {
            Err(provider_bug(format!("a value does not fit its schema: {error}"), None).into())
        }
    }
}

fn unsupported(what: &str, name: &str) -> Diagnostics {
    Diagnostic::error(
        format!("`{name}` is not a {what} of this provider"),
        "Check its spelling, and the version of the provider in `required_providers`.",
    )
    .into()
}

/// What a request about an object comes to: what is answered, and what is said.
type Answer<T> = Result<T, Diagnostics>;

impl<P: Provider> Inner<P> {
    fn resource(&self, name: &str) -> Answer<&Typed<AnyResource<P>>> {
        self.resources
            .get(name)
            .ok_or_else(|| unsupported("resource type", name))
    }

    fn data_source(&self, name: &str) -> Answer<&Typed<AnyDataSource<P>>> {
        self.data_sources
            .get(name)
            .ok_or_else(|| unsupported("data source", name))
    }

    fn client(&self) -> Answer<Arc<P::Client>> {
        match &*self.client.read().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Configured::Ready(client) => Ok(client.clone()),
            Configured::NotYet => Err(Diagnostic::error(
                "the provider is not configured",
                "The engine asked for work before it configured the provider.",
            )
            .into()),
            Configured::Unknown => Err(Diagnostic::error(
                "the provider's configuration is not known yet",
                "Part of the provider block depends on something that is known only after apply. Apply that \
                 first, with `-target`, or give the provider a value that is known.",
            )
            .into()),
        }
    }

    fn configure(&self, config: Option<&wire::DynamicValue>) -> Answer<()> {
        let config = decode(&self.schema.ty(), config)?;
        let configured = match config.is_wholly_known() {
            true => Configured::Ready(Arc::new(self.provider.configure(&config)?)),
            false => Configured::Unknown,
        };
        *self
            .client
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = configured;
        Ok(())
    }

    fn upgrade(
        &self,
        request: &wire::upgrade_resource_state::Request,
    ) -> Answer<Option<wire::DynamicValue>> {
        let resource = self.resource(&request.type_name)?;
        let stored = request
            .raw_state
            .as_ref()
            .map(|raw| raw.json.as_slice())
            .unwrap_or_default();
        let unreadable = |detail: String| -> Diagnostics {
            Diagnostic::error(
                format!("cannot read the stored state of a `{}`", request.type_name),
                detail,
            )
            .into()
        };
        if stored.is_empty() {
            return Err(unreadable("It was stored by an engine older than 0.12, in a form this provider does not read.".to_owned()));
        }
        let json = serde_json::from_slice(stored)
            .map_err(|error| unreadable(format!("It is not JSON: {error}.")))?;
        let current = match request.version == resource.schema.version {
            true => json,
            false => resource.it.upgrade(request.version, json)?,
        };
        let state = Value::from_json(&resource.ty, &current)
            .map_err(|error| unreadable(format!("{error}.")))?;
        encode(&resource.ty, &state)
    }

    fn read(&self, request: &wire::read_resource::Request) -> Answer<Option<wire::DynamicValue>> {
        let resource = self.resource(&request.type_name)?;
        let state = resource.decode(request.current_state.as_ref())?;
        let Some(mut found) = resource.it.read(&*self.client()?, &state)? else {
            return encode(&resource.ty, &Value::Null);
        };
        if !found.is_wholly_known() {
            return Err(provider_bug("reading gave a value that is not known", None).into());
        }
        plan::keep_equivalent(&resource.schema.block, &state, &mut found);
        encode(&resource.ty, &found)
    }

    fn plan(
        &self,
        request: &wire::plan_resource_change::Request,
    ) -> Answer<wire::plan_resource_change::Response> {
        let resource = self.resource(&request.type_name)?;
        let prior = resource.decode(request.prior_state.as_ref())?;
        let proposed = resource.decode(request.proposed_new_state.as_ref())?;
        let mut response = wire::plan_resource_change::Response {
            planned_private: request.prior_private.clone(),
            ..Default::default()
        };
        if proposed.is_null() {
            response.diagnostics = resource.it.plan_destroy(&prior).to_wire();
            response.planned_state = encode(&resource.ty, &Value::Null)?;
            return Ok(response);
        }
        let config = resource.decode(request.config.as_ref())?;
        let planned = plan::plan(
            &resource.schema.block,
            &prior,
            proposed,
            &config,
            |change| resource.it.plan(change),
        );
        response.planned_state = encode(&resource.ty, &planned.value)?;
        response.requires_replace = planned
            .requires_replace
            .iter()
            .map(|path| path.to_wire())
            .collect();
        response.diagnostics = planned.diagnostics.to_wire();
        Ok(response)
    }

    /// The state to store, and what is to be said. Whatever goes wrong, the state is
    /// the best there is: losing track of an object is worse than any other fault.
    fn apply(
        &self,
        request: &wire::apply_resource_change::Request,
    ) -> (Option<wire::DynamicValue>, Diagnostics) {
        let kept = request.prior_state.clone();
        let known = || -> Answer<_> {
            let resource = self.resource(&request.type_name)?;
            let prior = resource.decode(request.prior_state.as_ref())?;
            let planned = resource.decode(request.planned_state.as_ref())?;
            Ok((resource, prior, planned, self.client()?))
        };
        let (resource, prior, planned, client) = match known() {
            Ok(known) => known,
            Err(diagnostics) => return (kept, diagnostics),
        };
        if planned.is_null() {
            return match resource.it.delete(&client, &prior) {
                Ok(()) => (
                    encode(&resource.ty, &Value::Null).unwrap_or_default(),
                    Diagnostics::new(),
                ),
                Err(diagnostics) => (kept, diagnostics),
            };
        }
        let result = match prior.is_null() {
            true => resource.it.create(&client, &planned),
            false => resource.it.update(&client, &prior, &planned),
        };
        let (state, mut diagnostics) = match result {
            Ok(state) => {
                let bugs = conform::apply_violations(&planned, &state);
                let bugs = bugs.into_iter().map(|(path, bug)| {
                    provider_bug(format!("after apply, `{path}` {bug}"), Some(path))
                });
                (state, bugs.collect())
            }
            Err(failure) => match failure.state {
                Some(state) => (state, failure.diagnostics),
                None => return (kept, failure.diagnostics),
            },
        };
        match encode(&resource.ty, &conform::without_unknowns(&state)) {
            Ok(encoded) => (encoded, diagnostics),
            Err(bug) => {
                diagnostics.extend(bug);
                // The object exists: better its plan in the state than nothing.
                (
                    encode(&resource.ty, &conform::without_unknowns(&planned)).unwrap_or(kept),
                    diagnostics,
                )
            }
        }
    }

    fn import(
        &self,
        request: &wire::import_resource_state::Request,
    ) -> Answer<wire::import_resource_state::ImportedResource> {
        let resource = self.resource(&request.type_name)?;
        let found = resource.it.import(&*self.client()?, &request.id)?;
        let mut state = resource.schema.block.empty();
        for (name, value) in found.entries().into_iter().flatten() {
            state = state.with(name, value.clone());
        }
        if !state.is_wholly_known() {
            return Err(provider_bug("importing gave a value that is not known", None).into());
        }
        Ok(wire::import_resource_state::ImportedResource {
            type_name: request.type_name.clone(),
            state: encode(&resource.ty, &state)?,
            ..Default::default()
        })
    }

    fn read_data(
        &self,
        request: &wire::read_data_source::Request,
    ) -> Answer<Option<wire::DynamicValue>> {
        let source = self.data_source(&request.type_name)?;
        let config = source.decode(request.config.as_ref())?;
        let answer = source.it.read(&*self.client()?, &config)?;
        if !answer.is_wholly_known() {
            return Err(
                provider_bug("reading a data source gave a value that is not known", None).into(),
            );
        }
        encode(&source.ty, &answer)
    }

    fn call(
        &self,
        request: &wire::call_function::Request,
    ) -> Result<Option<wire::DynamicValue>, crate::function::FunctionError> {
        use crate::function::FunctionError;
        let Some(function) = self.functions.get(request.name.as_str()) else {
            return Err(FunctionError::new(format!(
                "`{}` is not a function of this provider",
                request.name
            )));
        };
        let signature = function.signature();
        if request.arguments.len() < signature.parameters.len() {
            return Err(FunctionError::new(format!(
                "expected {} arguments",
                signature.parameters.len()
            )));
        }
        let mut arguments = Vec::new();
        for (index, argument) in request.arguments.iter().enumerate() {
            let parameter = signature
                .parameter(index)
                .ok_or_else(|| FunctionError::argument(index, "one argument too many"))?;
            let fault = |diagnostics: Diagnostics| {
                let details: Vec<_> = diagnostics
                    .iter()
                    .map(|diagnostic| diagnostic.detail.as_str())
                    .collect();
                FunctionError::argument(index, details.join(" "))
            };
            arguments.push(decode(&parameter.ty, Some(argument)).map_err(fault)?);
        }
        let result = function.call(&arguments)?;
        encode(&signature.returns, &result).map_err(|_| {
            FunctionError::new("the function gave a value of another type than it declares")
        })
    }

    fn functions(&self) -> BTreeMap<String, wire::Function> {
        let functions = self.functions.iter();
        functions
            .map(|(name, function)| ((*name).to_owned(), function.signature().to_wire()))
            .collect()
    }
}
