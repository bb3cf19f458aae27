//! What changes between two bundles, and which of it weakens.
//!
//! Everything is a weakening unless the few orders below prove otherwise, so a field that is added later and forgotten
//! here asks for more signatures and not for fewer.

use crate::{
    address::InstanceKey,
    bundle::{Bundle, Mode},
    canonical,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `ambit_person.alice`, or `root`, `settings`, `claims`.
    pub declaration: String,
    pub what: What,
    pub weakening: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Added,
    Removed,
    /// The fields that differ.
    Changed(Vec<String>),
}

impl Difference {
    /// One line for the text people sign.
    pub fn describe(&self) -> String {
        match &self.what {
            What::Added => format!("{} added", self.declaration),
            What::Removed => format!("{} removed", self.declaration),
            What::Changed(fields) => format!("{} changed: {}", self.declaration, fields.join(", ")),
        }
    }

    /// The declaration as an instance, for ownership. `None` belongs to root by rule.
    pub fn instance(&self) -> Option<InstanceKey> {
        self.declaration
            .split_once('.')
            .map(|(kind, name)| InstanceKey::root(kind, name))
    }
}

/// All differences, sorted by declaration. Empty means the bundles are equal.
pub fn differences(old: &Bundle, new: &Bundle) -> Vec<Difference> {
    let (before, after) = (declarations(old), declarations(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let what = match (before.get(name), after.get(name)) {
            (None, Some(_)) => What::Added,
            (Some(_), None) => What::Removed,
            (Some(a), Some(b)) if a != b => What::Changed(changed_fields(a, b)),
            _ => continue,
        };
        let weakening = !strengthens(name, &what, before.get(name), after.get(name));
        found.push(Difference {
            declaration: name.clone(),
            what,
            weakening,
        });
    }
    found
}

/// Only these are proved to strengthen: an agent that goes; observe to enforce and not critical to critical;
/// a rule that asks for more; an owner that is added everywhere it matches. Everything else weakens.
fn strengthens(name: &str, what: &What, before: Option<&Value>, after: Option<&Value>) -> bool {
    let kind = name.split('.').next().unwrap_or_default();
    match (kind, what, before, after) {
        ("ambit_agent", What::Removed, ..) => true,
        (_, What::Changed(fields), Some(before), Some(after)) => fields.iter().all(|field| {
            let (b, a) = (&before[field], &after[field]);
            match (kind, field.as_str()) {
                ("ambit_environment", "mode") => *a == mode(Mode::Enforce),
                ("ambit_environment", "critical") | ("ambit_ownership", "always") => {
                    *a == Value::Bool(true)
                }
                ("ambit_approval_rule", "count" | "min_persons") => a.as_u64() > b.as_u64(),
                _ => false,
            }
        }),
        _ => false,
    }
}

fn mode(mode: Mode) -> Value {
    serde_json::to_value(mode).unwrap_or_default()
}

fn declarations(bundle: &Bundle) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    let whole = serde_json::to_value(bundle).unwrap_or_default();
    for (list, kind) in [
        ("persons", "ambit_person"),
        ("teams", "ambit_team"),
        ("agents", "ambit_agent"),
        ("environments", "ambit_environment"),
        ("ownership", "ambit_ownership"),
        ("rules", "ambit_approval_rule"),
    ] {
        for member in whole[list].as_array().into_iter().flatten() {
            let id = member["id"].as_str().unwrap_or_default();
            out.insert(format!("{kind}.{id}"), member.clone());
        }
    }
    for single in ["root", "settings"] {
        out.insert(single.into(), whole[single].clone());
    }
    out.insert(
        "claims".into(),
        serde_json::json!({ "claims": whole["claims"] }),
    );
    out
}

fn changed_fields(a: &Value, b: &Value) -> Vec<String> {
    let keys: BTreeSet<&String> = a
        .as_object()
        .into_iter()
        .chain(b.as_object())
        .flat_map(|o| o.keys())
        .collect();
    let encoded = |v: &Value| canonical::encode_value(v).unwrap_or_default();
    keys.into_iter()
        .filter(|k| encoded(&a[k.as_str()]) != encoded(&b[k.as_str()]))
        .cloned()
        .collect()
}
