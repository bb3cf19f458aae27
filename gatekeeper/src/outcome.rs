//! The outcome of an apply: what the events and the state say, held against the grants.
//!
//! It shows that state, events and plan agree with the approval, by the engine's and the provider's own account. The
//! objects found are recorded, with guards and provider texts, as what the next request is compared with.

use crate::{
    engine::{ApplyEnd, StateSnapshot},
    history::{self, ledger_stop},
    plan::{Plan, Value},
    radius::Known,
    stop::Stop,
};
use ambit_authority::{
    canonical::{self, Document},
    digest::Digest,
    record::{Body, OutcomeVerdict, Record},
    scope::{Action, Scope, Subject},
};
use ambit_evidence::Ledger;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The blob of an outcome record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    pub objects: Vec<ObjectRow>,
    /// `block setting` to the digest of its text.
    pub guards: BTreeMap<String, Digest>,
    pub providers: BTreeMap<String, Digest>,
}

/// One object in the state, by the provider's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRow {
    pub address: String,
    pub provider: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Document for Objects {
    const TYPE: &'static str = "ambit/objects";
}

impl Objects {
    pub fn new(state: Option<&StateSnapshot>, known: &Known) -> Self {
        let mut objects: Vec<ObjectRow> = state
            .iter()
            .flat_map(|s| &s.instances)
            .filter(|i| i.mode == "managed")
            .map(|i| ObjectRow {
                address: i.address(),
                provider: i.provider.clone(),
                kind: i.kind.clone(),
                id: i.id.clone(),
            })
            .collect();
        objects.sort();
        Self {
            objects,
            guards: known.guards.clone(),
            providers: known.providers.clone(),
        }
    }

    /// The objects an outcome recorded; `None` once the blob was deleted.
    pub fn of(ledger: &Ledger, outcome: &history::Outcome) -> Result<Option<Self>, Stop> {
        let entry = ledger.entry(outcome.index).map_err(ledger_stop)?;
        let record: Record = canonical::decode(&entry.body).map_err(Stop::unverified)?;
        let Body::Outcome { objects, .. } = record.body else {
            return Ok(None);
        };
        let Some(blob) = ledger.blob(&objects).map_err(ledger_stop)? else {
            return Ok(None);
        };
        canonical::decode(&blob.bytes)
            .map(Some)
            .map_err(Stop::unverified)
    }

    pub fn known(&self) -> Known {
        Known {
            guards: self.guards.clone(),
            providers: self.providers.clone(),
        }
    }
}

pub struct Finding {
    pub verdict: OutcomeVerdict,
    pub findings: Vec<String>,
}

/// What is known when the engine has ended.
pub struct Ended<'a> {
    pub scope: &'a Scope,
    pub plan: &'a Plan,
    pub end: &'a ApplyEnd,
    /// Addresses and actions the engine reported to have begun and completed.
    pub begun: &'a BTreeSet<String>,
    pub completed: &'a BTreeSet<String>,
    /// Reported work that no grant covers.
    pub strangers: &'a [String],
    pub unreadable_events: u64,
    pub before: Option<&'a StateSnapshot>,
    pub after: Option<&'a StateSnapshot>,
    /// The state file as it is now, for values.
    pub state: Option<&'a [u8]>,
}

pub fn judge(ended: &Ended<'_>) -> Result<Finding, Stop> {
    let mut outside = Vec::new();
    let mut missing = Vec::new();
    for stranger in ended.strangers {
        outside.push(format!("{stranger} was not approved"));
    }
    let granted: BTreeMap<String, Action> = ended
        .scope
        .grants
        .iter()
        .filter_map(|g| match &g.subject {
            Subject::Resource(key) => Some((key.to_string(), g.action)),
            _ => None,
        })
        .collect();
    let drifted: BTreeSet<String> = ended.plan.drift.iter().map(|c| c.key.address()).collect();
    let index = |state: Option<&StateSnapshot>| -> BTreeMap<String, [u8; 32]> {
        let instances = state
            .iter()
            .flat_map(|s| &s.instances)
            .filter(|i| i.mode == "managed" && i.deposed.is_none());
        instances.map(|i| (i.address(), i.digest)).collect()
    };
    let (before, after) = (index(ended.before), index(ended.after));
    for (address, digest) in &after {
        let planned = granted.contains_key(address) || drifted.contains(address);
        if before.get(address) != Some(digest) && !planned {
            outside.push(format!("{address} changed in the state without a grant"));
        }
    }
    for address in before.keys().filter(|a| !after.contains_key(*a)) {
        let moved = ended.plan.changes.iter().any(|c| {
            c.previous
                .as_ref()
                .is_some_and(|p| p.address() == **address)
        });
        if !granted.contains_key(address) && !moved {
            outside.push(format!("{address} left the state without a grant"));
        }
    }
    for (address, action) in &granted {
        let there = after.contains_key(address);
        match action {
            Action::Delete | Action::Forget if there => {
                missing.push(format!("{address} is still in the state"))
            }
            Action::Delete | Action::Forget | Action::Read => {}
            _ if !there => missing.push(format!("{address} is not in the state")),
            _ => {}
        }
    }
    missing.extend(differing_values(ended)?);

    let complete = matches!(ended.end, ApplyEnd::Complete);
    let doubtful: Vec<&String> = ended
        .begun
        .iter()
        .filter(|a| !ended.completed.contains(*a))
        .collect();
    let verdict = if !outside.is_empty() {
        OutcomeVerdict::Deviated
    } else if !doubtful.is_empty()
        || ended.unreadable_events > 0
        || ended.after.is_none() && !granted.is_empty()
    {
        OutcomeVerdict::Unknown
    } else if !complete || !missing.is_empty() {
        OutcomeVerdict::Incomplete
    } else {
        OutcomeVerdict::Verified
    };
    let mut findings = outside;
    findings.extend(missing);
    findings.extend(
        doubtful
            .iter()
            .map(|a| format!("{a} was begun and not reported done: in doubt")),
    );
    if ended.unreadable_events > 0 {
        findings.push(format!(
            "{} events of the engine could not be read",
            ended.unreadable_events
        ));
    }
    if !complete {
        findings.push("the engine did not complete".into());
    }
    Ok(Finding { verdict, findings })
}

/// Planned values that were known, against the attributes in the state. Values are compared, never shown.
fn differing_values(ended: &Ended<'_>) -> Result<Vec<String>, Stop> {
    let Some(bytes) = ended.state else {
        return Ok(vec![]);
    };
    let text = std::str::from_utf8(bytes).map_err(|_| Stop::failure("the state is not UTF-8"))?;
    let state = Value::read(text).map_err(Stop::failure)?;
    let attributes = attributes_by_address(&state);
    let mut lines = Vec::new();
    for change in &ended.plan.changes {
        let Some(found) = attributes.get(&change.key.address()) else {
            continue;
        };
        let sides = change.sides().map_err(Stop::failure)?;
        let Some(Value::Object(planned)) = sides.after else {
            continue;
        };
        if change.is_plain_no_op() {
            continue;
        }
        for (name, value) in &planned {
            let differs = value.is_known()
                && found
                    .get(name)
                    .is_some_and(|f| f != value && dynamic(f) != Some(value));
            if differs {
                lines.push(format!("{}: `{name}` is not what was planned", change.key));
            }
        }
    }
    Ok(lines)
}

/// The value inside a state's form of a dynamically typed attribute: `{"type": …, "value": …}`.
fn dynamic(found: &Value) -> Option<&Value> {
    match found {
        Value::Object(fields) if fields.len() == 2 && fields.contains_key("type") => {
            fields.get("value")
        }
        _ => None,
    }
}

fn attributes_by_address(state: &Value) -> BTreeMap<String, &Value> {
    let mut out = BTreeMap::new();
    let Some(Value::List(resources)) = state.get("resources") else {
        return out;
    };
    for resource in resources {
        let text = |name: &str| {
            resource
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let Some(Value::List(instances)) = resource.get("instances") else {
            continue;
        };
        if text("mode") != "managed" {
            continue;
        }
        for instance in instances {
            if instance.get("deposed").is_some() {
                continue;
            }
            let index = match instance.get("index_key") {
                Some(Value::String(key)) => format!("[{}]", crate::plan::quoted(key)),
                Some(Value::Number(n)) => format!("[{n}]"),
                _ => String::new(),
            };
            let module = if text("module").is_empty() {
                String::new()
            } else {
                format!("{}.", text("module"))
            };
            let address = format!("{module}{}.{}{index}", text("type"), text("name"));
            if let Some(attributes) = instance.get("attributes") {
                out.insert(address, attributes);
            }
        }
    }
    out
}
