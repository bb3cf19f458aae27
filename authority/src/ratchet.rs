//! What changes between two bundles, and which of it weakens.
//!
//! Everything is a weakening unless the few orders below prove otherwise, so a field that is added later and forgotten
//! here asks for more signatures and not for fewer.

use crate::{
    address::{InstanceKey, escape},
    bundle::{Bundle, Mode},
    canonical::Malformed,
    digest::Digest,
    key::PublicKey,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `ambit_person.alice`, or `root`, `settings`, `claims`.
    pub declaration: String,
    pub what: What,
    pub weakening: bool,
    /// What is added or changed, in values: people sign for a key or a member, not for the word "keys".
    pub values: Vec<String>,
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
            What::Added => format!("{} added: {}", self.declaration, self.values.join("; ")),
            What::Removed => format!("{} removed", self.declaration),
            What::Changed(_) => format!("{} changed: {}", self.declaration, self.values.join("; ")),
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
pub fn differences(old: &Bundle, new: &Bundle) -> Result<Vec<Difference>, Malformed> {
    let (before, after) = (declarations(old)?, declarations(new)?);
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
        let values = shown(&what, before.get(name), after.get(name));
        found.push(Difference {
            values,
            declaration: name.clone(),
            what,
            weakening,
        });
    }
    Ok(found)
}

/// A change that no signatures bring about: once two persons were declared, nobody is alone again, since one person
/// alone may sign their own requests.
pub fn refused(old: &Bundle, new: &Bundle) -> Option<String> {
    (!old.solo() && new.solo()).then(|| {
        format!(
            "only person {} would be left, who could then approve alone; a history that has had two persons keeps two",
            new.persons[0].id
        )
    })
}

/// Only these are proved to strengthen: an agent that goes; observe to enforce and not critical to critical;
/// a rule that asks for more; an owner that is added everywhere it matches. Everything else weakens.
fn strengthens(name: &str, what: &What, before: Option<&Value>, after: Option<&Value>) -> bool {
    let kind = name.split('.').next().unwrap_or_default();
    match (kind, what, before, after) {
        ("ambit_agent", What::Removed, ..) => true,
        (_, What::Changed(fields), Some(before), Some(after)) if !fields.is_empty() => {
            fields.iter().all(|field| {
                let (b, a) = (&before[field], &after[field]);
                match (kind, field.as_str()) {
                    ("ambit_environment", "mode") => *a == mode(Mode::Enforce),
                    ("ambit_environment", "critical") | ("ambit_ownership", "always") => {
                        *a == Value::Bool(true)
                    }
                    ("ambit_approval_rule", "count" | "min_persons") => a.as_u64() > b.as_u64(),
                    _ => false,
                }
            })
        }
        _ => false,
    }
}

fn shown(what: &What, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(after), true) = (after, *what != What::Removed) else {
        return vec![];
    };
    match (what, before) {
        (What::Changed(fields), Some(before)) => fields
            .iter()
            .map(|f| format!("{f} {} -> {}", show(&before[f]), show(&after[f])))
            .collect(),
        _ => after
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| *field != "id" && !is_empty(value))
            .map(|(field, value)| format!("{field} {}", show(value)))
            .collect(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(set) => !set,
        _ => false,
    }
}

/// A value on part of a line. Keys appear by the fingerprint that `ssh-keygen -l` prints; a long value is cut and its
/// digest stands for the rest.
fn show(value: &Value) -> String {
    const WIDEST: usize = 240;
    let text = plain(value);
    if text.len() <= WIDEST {
        return text;
    }
    let cut: String = text.chars().take(WIDEST).collect();
    format!(
        "{cut}... ({})",
        Digest::tagged("ambit/folded", text.as_bytes())
    )
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => match PublicKey::parse(text) {
            Ok(key) => key.fingerprint(),
            Err(_) => escape(text),
        },
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(k, v)| format!("{} {}", escape(k), plain(v)));
            format!("({})", fields.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

fn mode(mode: Mode) -> Value {
    serde_json::to_value(mode).unwrap_or_default()
}

/// A bundle that cannot be written out has no differences to show, so it is an error and never an empty list.
fn declarations(bundle: &Bundle) -> Result<BTreeMap<String, Value>, Malformed> {
    let mut out = BTreeMap::new();
    let whole = serde_json::to_value(bundle).map_err(|e| Malformed::Shape(e.to_string()))?;
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
    Ok(out)
}

fn changed_fields(a: &Value, b: &Value) -> Vec<String> {
    let keys: BTreeSet<&String> = a
        .as_object()
        .into_iter()
        .chain(b.as_object())
        .flat_map(|o| o.keys())
        .collect();
    keys.into_iter()
        .filter(|k| a[k.as_str()] != b[k.as_str()])
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
