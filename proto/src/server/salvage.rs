//! What remains of an apply that panicked.

use super::{Answer, Inner, encode};
use crate::{conform, cty::Value, provider::Provider, wire::tfplugin6 as wire};

/// What can still be stored of an object when its apply panicked: nobody knows how
/// far it came, so an object that may exist stays in the state. One that was to be
/// created is then marked to be replaced.
pub(super) struct Salvage {
    type_name: String,
    prior: Option<wire::DynamicValue>,
    planned: Option<wire::DynamicValue>,
}

impl Salvage {
    pub(super) fn of(request: &wire::apply_resource_change::Request) -> Self {
        Self {
            type_name: request.type_name.clone(),
            prior: request.prior_state.clone(),
            planned: request.planned_state.clone(),
        }
    }

    pub(super) fn state<P: Provider>(self, inner: &Inner<P>) -> Option<wire::DynamicValue> {
        let planned = || -> Answer<Option<wire::DynamicValue>> {
            let resource = inner.resource(&self.type_name)?;
            match resource.decode(self.prior.as_ref())? {
                Value::Null => {}
                _ => return Ok(self.prior.clone()),
            }
            let planned = resource.decode(self.planned.as_ref())?;
            encode(&resource.ty, &conform::without_unknowns(&planned))
        };
        planned().unwrap_or(self.prior.clone())
    }
}
