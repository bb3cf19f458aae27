//! The refreshed state that the plan starts from.

use std::collections::BTreeMap;

use super::address::{InstanceKey, ResourceKey, parse_module};
use super::document::{Document, Slice};
use super::naming::{Names, Shown, instance_key};
use super::value::Value;
use super::{FormatVersion, PlanError, raw};

/// One object in the prior state.
#[derive(Debug, Clone)]
pub struct PriorInstance {
    pub provider_name: String,
    pub tainted: bool,
    /// The resources it depended on at its last apply, transitively, absolute, without instance keys.
    pub depends_on: Vec<ResourceKey>,
    pub(super) values: Option<Slice>,
    pub(super) sensitive: Option<Slice>,
}

impl PriorInstance {
    pub fn values(&self) -> Result<Option<Value>, PlanError> {
        super::change::value(&self.values)
    }

    /// Marks in the shape of the values; engines before 0.14 have none.
    pub fn sensitive(&self) -> Result<Option<Value>, PlanError> {
        super::change::value(&self.sensitive)
    }

    /// What the provider calls the object, where it uses the customary attribute.
    pub fn id(&self) -> Result<Option<String>, PlanError> {
        Ok(self
            .values()?
            .as_ref()
            .and_then(|v| v.get("id"))
            .and_then(Value::as_str)
            .map(str::to_owned))
    }
}

pub(super) fn read(
    root: raw::StateModule<'_>,
    format: FormatVersion,
    document: &Document,
) -> Result<BTreeMap<InstanceKey, PriorInstance>, PlanError> {
    let mut out = BTreeMap::new();
    let mut open = vec![root];
    while let Some(module) = open.pop() {
        let path = parse_module(module.address.as_deref().unwrap_or_default())?;
        for resource in module.resources.unwrap_or_default() {
            let address = resource.address.as_deref();
            let address = if format.is_early() {
                Shown::PerhapsRelative(address)
            } else {
                Shown::Address(address)
            };
            let key = instance_key(
                path.clone(),
                Names {
                    mode: resource.mode,
                    r#type: resource.r#type,
                    name: resource.name,
                    index: resource.index,
                    deposed: resource.deposed_key,
                },
                address,
                document,
            )?;
            let instance = PriorInstance {
                provider_name: resource.provider_name.unwrap_or_default(),
                tainted: resource.tainted.unwrap_or(false),
                depends_on: resource
                    .depends_on
                    .unwrap_or_default()
                    .iter()
                    .map(|address| Ok(InstanceKey::parse(address)?.resource()))
                    .collect::<Result<_, PlanError>>()?,
                values: resource.values.map(|text| document.slice(text)),
                sensitive: resource.sensitive_values.map(|text| document.slice(text)),
            };
            if out.insert(key.clone(), instance).is_some() {
                return Err(PlanError::DuplicatePrior {
                    key: key.to_string(),
                });
            }
        }
        open.extend(module.child_modules.unwrap_or_default());
    }
    Ok(out)
}
