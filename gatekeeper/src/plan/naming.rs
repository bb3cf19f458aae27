//! The key of an instance, from the separate fields of the document.
//!
//! Engines write the same name twice, in fields and as an address. The fields are what counts; an address that says
//! anything else makes the document unreadable, since people are shown addresses.

use serde_json::value::RawValue;

use super::PlanError;
use super::address::{self, AddressError, InstanceKey, Key, Mode, ModuleStep};
use super::document::Document;
use super::value::Value;

/// The fields that name an instance, wherever they stand.
pub(super) struct Names<'a> {
    pub mode: Option<String>,
    pub r#type: Option<String>,
    pub name: Option<String>,
    pub index: Option<&'a RawValue>,
    pub deposed: Option<String>,
}

/// The address that stands beside those fields.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Address(Option<&'a str>),
    /// Early engines leave the module and the index out in the prior state.
    PerhapsRelative(Option<&'a str>),
    /// Early engines write drift without addresses.
    Perhaps(Option<&'a str>),
}

/// Builds a key from separate fields, and holds it against the address that the engine shows for it.
pub(super) fn instance_key(
    module: Vec<ModuleStep>,
    names: Names<'_>,
    address: Shown<'_>,
    document: &Document,
) -> Result<InstanceKey, PlanError> {
    let field = |value: Option<String>, field| {
        value.ok_or(PlanError::Missing {
            what: "resource instance",
            field,
        })
    };
    let index = match names.index {
        None => None,
        Some(raw) => match document.slice(raw).read()? {
            Value::String(key) => Some(Key::String(key)),
            Value::Number(n) => Some(Key::Int(
                address::whole_number(&n).ok_or(AddressError::Index { index: n })?,
            )),
            _ => {
                return Err(AddressError::Index {
                    index: "of another kind".to_owned(),
                }
                .into());
            }
        },
    };
    if let Some(Key::String(key)) = &index {
        address::normal(key)?;
    }
    for step in &module {
        if let Some(Key::String(key)) = &step.key {
            address::normal(key)?;
        }
    }
    let key = InstanceKey {
        module,
        mode: Mode::read(&field(names.mode, "mode")?)?,
        r#type: address::checked_name(&field(names.r#type, "type")?, "resource type")?,
        name: address::checked_name(&field(names.name, "name")?, "resource")?,
        index,
        deposed: names.deposed.filter(|key| !key.is_empty()),
    };
    let (address, relative) = match address {
        Shown::Address(Some(address)) => (address, false),
        Shown::PerhapsRelative(Some(address)) => (address, true),
        Shown::Perhaps(None) => return Ok(key),
        Shown::Perhaps(Some(address)) => (address, false),
        Shown::Address(None) | Shown::PerhapsRelative(None) => {
            return Err(PlanError::Missing {
                what: "resource instance",
                field: "address",
            });
        }
    };
    let mut shown = InstanceKey::parse(address)?;
    shown.deposed.clone_from(&key.deposed);
    if relative && shown.module.is_empty() {
        shown.module.clone_from(&key.module);
        shown.index.clone_from(&key.index);
    }
    if shown != key {
        return Err(PlanError::AddressMismatch {
            address: address.to_owned(),
            fields: key.address(),
        });
    }
    Ok(key)
}
