//! What a developer of a provider writes for one type of managed resource.
//!
//! The division of labour is the point of this module. A resource says what it is
//! ([`Resource::schema`]), what it can compute beforehand ([`Resource::plan`]) and
//! how the object is made, read, changed and removed. Everything the engines check
//! about a plan is carried out by [`crate::plan`], so it cannot be forgotten.
//!
//! Planning gets no client: a plan that depends on a clock, a random number or a
//! remote answer differs from the one made again at apply, and the engine refuses
//! it. What cannot be told from the configuration stays unknown.

use crate::{
    cty::{AttributePath, Value},
    diagnostic::{Diagnostic, Diagnostics},
    plan::Change,
    schema::Schema,
};

/// A type of managed resource, `C` being what the provider's configuration gave.
///
/// Every value passed in has the shape of [`Resource::schema`], with every
/// attribute present. Calls come from many threads at once.
pub trait Resource<C>: Send + Sync + 'static {
    /// The full name, which begins with the provider's: `cloud_network`.
    fn type_name(&self) -> &'static str;

    fn schema(&self) -> Schema;

    /// Checks what can be told offline. Any part of `config` may be unknown, and
    /// the provider may not be configured.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Fills in computed attributes whose value follows from known input, and adds
    /// reasons to replace. It runs on every plan, also when nothing changed, and
    /// must give the same result for the same input.
    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let _ = change;
        Diagnostics::new()
    }

    /// What to say when the object is about to be destroyed; an error prevents it.
    fn plan_destroy(&self, state: &Value) -> Diagnostics {
        let _ = state;
        Diagnostics::new()
    }

    /// Makes the object. The result is `planned` with every unknown filled in.
    fn create(&self, client: &C, planned: &Value) -> Result<Value, Failure>;

    /// The object as it is now; `None` when it is certainly gone. A transient
    /// failure is an error, never `None`: that would make the engine create a second.
    fn read(&self, client: &C, state: &Value) -> Result<Option<Value>, Diagnostics>;

    /// Changes the object in place.
    fn update(&self, client: &C, prior: &Value, planned: &Value) -> Result<Value, Failure>;

    /// Removes the object. Gone already is success.
    fn delete(&self, client: &C, state: &Value) -> Result<(), Diagnostics>;

    /// The state to begin from when adopting the object `id`; the engine reads it
    /// right after. Attributes left out are null.
    fn import(&self, client: &C, id: &str) -> Result<Value, Diagnostics> {
        let _ = (client, id);
        Err(Diagnostic::error(
            format!("`{}` cannot be imported", self.type_name()),
            "This type has nothing outside the state to import. Declare it and apply instead.",
        )
        .into())
    }

    /// Rewrites state stored by schema version `from` to the shape of this one.
    fn upgrade(
        &self,
        from: i64,
        state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        let _ = state;
        Err(Diagnostic::error(
            format!(
                "state of `{}` is of an unsupported version",
                self.type_name()
            ),
            format!(
                "The state was stored by schema version {from}, which this provider cannot read."
            ),
        )
        .into())
    }
}

/// Why creating or changing failed, and what exists all the same.
#[derive(Debug, Clone)]
pub struct Failure {
    pub diagnostics: Diagnostics,
    /// The object as far as it came to be. `None`: nothing changed.
    pub state: Option<Value>,
}

impl Failure {
    /// Something exists now, however incomplete: the engine keeps it and marks it
    /// to be replaced.
    pub fn with_state(diagnostics: impl Into<Diagnostics>, state: Value) -> Self {
        Self {
            diagnostics: diagnostics.into(),
            state: Some(state),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            state: None,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

/// A resource that exists nowhere but in the state: a declaration. Everything it
/// computes must follow from its configuration, in [`Declaration::plan`].
pub trait Declaration: Send + Sync + 'static {
    fn type_name(&self) -> &'static str;

    fn schema(&self) -> Schema;

    /// As [`Resource::validate`].
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// As [`Resource::plan`]. A computed attribute still unknown at apply is an error.
    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let _ = change;
        Diagnostics::new()
    }

    /// As [`Resource::plan_destroy`].
    fn plan_destroy(&self, state: &Value) -> Diagnostics {
        let _ = state;
        Diagnostics::new()
    }

    /// As [`Resource::upgrade`].
    fn upgrade(
        &self,
        from: i64,
        state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        let _ = state;
        Err(Diagnostic::error(
            format!(
                "state of `{}` is of an unsupported version",
                self.type_name()
            ),
            format!(
                "The state was stored by schema version {from}, which this provider cannot read."
            ),
        )
        .into())
    }
}

/// A [`Declaration`] as a resource, for [`crate::Provider::resources`].
pub fn declaration<C>(declaration: impl Declaration) -> Box<dyn Resource<C>> {
    Box::new(Declared(declaration))
}

struct Declared<D>(D);

impl<C, D: Declaration> Resource<C> for Declared<D> {
    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        self.0.validate(config)
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        self.0.plan(change)
    }

    fn plan_destroy(&self, state: &Value) -> Diagnostics {
        self.0.plan_destroy(state)
    }

    fn create(&self, _: &C, planned: &Value) -> Result<Value, Failure> {
        Ok(planned.clone())
    }

    fn read(&self, _: &C, state: &Value) -> Result<Option<Value>, Diagnostics> {
        Ok(Some(state.clone()))
    }

    fn update(&self, _: &C, _: &Value, planned: &Value) -> Result<Value, Failure> {
        Ok(planned.clone())
    }

    fn delete(&self, _: &C, _: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn upgrade(
        &self,
        from: i64,
        state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        self.0.upgrade(from, state)
    }
}

/// Something to read that the configuration does not manage.
pub trait DataSource<C>: Send + Sync + 'static {
    fn type_name(&self) -> &'static str;

    fn schema(&self) -> Schema;

    /// As [`Resource::validate`].
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// The answer: `config` with every computed attribute filled in.
    fn read(&self, client: &C, config: &Value) -> Result<Value, Diagnostics>;
}

/// A path, or the diagnostics of a provider that breaks its own schema.
pub(crate) fn provider_bug(
    what: impl std::fmt::Display,
    path: Option<AttributePath>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "the provider broke its own rules",
        format!(
            "{what}. This is a fault of the provider, not of the configuration: please report it."
        ),
    );
    match path {
        Some(path) => diagnostic.at(path),
        None => diagnostic,
    }
}
