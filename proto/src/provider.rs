//! What a developer of a provider writes for the provider as a whole.

use crate::{
    cty::Value,
    diagnostic::Diagnostics,
    function::Function,
    resource::{DataSource, Resource},
    schema::Schema,
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
