//! What a developer of a provider writes for the provider as a whole.

use std::collections::BTreeSet;

use crate::{
    cty::{Type, Value},
    diagnostic::Diagnostics,
    function::Function,
    resource::{DataSource, Resource},
    schema::{self, Schema},
};

/// A provider: what it offers and how it is configured.
///
/// One process serves one provider configuration for one phase of one run, and is
/// not even told its schema was read. Several run at the same time.
pub trait Provider: Send + Sync + 'static {
    /// What resources need to do their work: a connection, or `()`.
    type Client: Send + Sync + 'static;

    /// The name, with which every resource type begins.
    fn name(&self) -> &'static str;

    fn version(&self) -> &'static str;

    fn schema(&self) -> Schema;

    /// Checks what can be told offline. Any part of `config` may be unknown.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Makes the client. Called only with a wholly known configuration, possibly
    /// several times; while something is unknown, resources plan without a client
    /// and whatever needs one reports so.
    fn configure(&self, config: &Value) -> Result<Self::Client, Diagnostics>;

    fn resources(&self) -> Vec<Box<dyn Resource<Self::Client>>>;

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Self::Client>>> {
        Vec::new()
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }

    /// The user wants to stop: what runs should end soon, successfully or not.
    fn stop(&self) {}
}

/// Everything an engine would find wrong with what a provider declares, in words.
/// Every provider has a test that there is nothing.
pub fn problems<P: Provider>(provider: &P) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    let mut check = |kind: &str, name: &str, schema: &Schema| {
        found.extend(
            schema::problems(schema)
                .into_iter()
                .map(|problem| format!("{kind} `{name}`: {problem}")),
        );
        if !names.insert(format!("{kind} {name}")) {
            found.push(format!("{kind} `{name}` is declared twice"));
        }
        // The first word decides which provider an engine looks the type up in.
        if kind != "provider" && name.split('_').next() != Some(provider.name()) {
            found.push(format!(
                "{kind} `{name}` does not begin with `{}_`",
                provider.name()
            ));
        }
    };
    check("provider", provider.name(), &provider.schema());
    for resource in provider.resources() {
        check("resource", resource.type_name(), &resource.schema());
    }
    for source in provider.data_sources() {
        check("data source", source.type_name(), &source.schema());
    }
    for function in provider.functions() {
        let signature = function.signature();
        let types = signature
            .parameters
            .iter()
            .chain(&signature.variadic)
            .map(|parameter| &parameter.ty);
        for ty in types.chain([&signature.returns]) {
            if Type::from_json(ty.to_json().as_bytes()).as_ref() != Ok(ty) {
                found.push(format!(
                    "function `{}`: a type does not read back",
                    function.name()
                ));
            }
        }
        if !names.insert(format!("function {}", function.name())) {
            found.push(format!("function `{}` is declared twice", function.name()));
        }
    }
    found
}
