//! From plan JSON to a [`Plan`]: every check that makes the difference between the two.
//!
//! A document is either understood as a whole or refused. What a plan then means is not judged here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::address::{self, InstanceKey, Mode, parse_module};
use super::change::{
    self, Action, ActionInvocation, Body, DeferredChange, Importing, OutputChange, ResourceChange,
    Trigger,
};
use super::document::{Document, Slice};
use super::naming::{Names, Shown, instance_key};
use super::prior::{self, PriorInstance};
use super::{
    Check, CheckStatus, FormatVersion, Plan, PlanError, Variable, configuration, json, raw,
};

impl Plan {
    /// Reads and checks what `show -json` wrote for a plan file.
    pub fn read(bytes: &[u8]) -> Result<Plan, PlanError> {
        let document = Document::new(json::checked(bytes)?);
        let raw: raw::Document<'_> =
            serde_json::from_str(document.text()).map_err(|e| shape(&e))?;
        let format = format_version(&raw)?;
        if raw.errored == Some(true) {
            return Err(PlanError::Errored);
        }

        let mut unknown_fields: BTreeSet<String> =
            raw.unknown.iter().map(|name| name.to_string()).collect();
        let prior = match raw.prior_state {
            None => None,
            Some(state) => match state.values.and_then(|values| values.root_module) {
                None => Some(BTreeMap::new()),
                Some(root) => Some(prior::read(root, format, &document)?),
            },
        };
        let configuration = match raw.configuration {
            None => configuration::Configuration::default(),
            Some(raw) => configuration::read(raw, &document)?,
        };
        let changes = resource_changes(
            raw.resource_changes,
            Place::Changes,
            &document,
            &mut unknown_fields,
        )?;
        let drift_place = if format.is_early() {
            Place::EarlyDrift
        } else {
            Place::Drift
        };
        let drift = resource_changes(
            raw.resource_drift,
            drift_place,
            &document,
            &mut unknown_fields,
        )?;
        // Engines leave the state out when it is empty, cut-down documents leave it out as well: nothing to compare.
        if let Some(prior) = &prior {
            refuse_forged_state(&changes, &drift, prior, format)?;
        }

        let mut outputs = BTreeMap::new();
        for (name, change) in raw.output_changes.unwrap_or_default() {
            report_unknown(&change, "output_changes{}", &mut unknown_fields);
            let name = address::normal(&name)?;
            let action = action(&change, &format!("output.{name}"))?;
            let output = OutputChange {
                name: name.clone(),
                action,
                body: body(&change, &document),
            };
            outputs.insert(name, output);
        }
        let variables = raw
            .variables
            .unwrap_or_default()
            .into_iter()
            .map(|(name, variable)| {
                let sensitive = configuration.sensitive_variables.contains(&name);
                let text = variable
                    .and_then(|v| v.value)
                    .map(|text| document.slice(text));
                (name, Variable { sensitive, text })
            });

        let mut action_invocations = Vec::new();
        for raw in raw.action_invocations.unwrap_or_default() {
            action_invocations.push(action_invocation(
                raw,
                false,
                &document,
                &mut unknown_fields,
            )?);
        }
        for deferred in raw.deferred_action_invocations.unwrap_or_default() {
            let raw = deferred.action_invocation.ok_or(PlanError::Missing {
                what: "deferred action",
                field: "action_invocation",
            })?;
            action_invocations.push(action_invocation(
                raw,
                true,
                &document,
                &mut unknown_fields,
            )?);
        }

        Ok(Plan {
            format,
            engine_version: raw.terraform_version,
            applyable: raw.applyable,
            complete: raw.complete,
            changes,
            drift,
            outputs,
            prior: prior.unwrap_or_default(),
            variables: variables.collect(),
            providers: configuration.providers,
            config_resources: configuration.resources,
            checks: raw
                .checks
                .unwrap_or_default()
                .into_iter()
                .map(check)
                .collect(),
            action_invocations,
            deferred: raw
                .deferred_changes
                .unwrap_or_default()
                .into_iter()
                .map(deferred_change)
                .collect::<Result<_, _>>()?,
            unknown_fields,
        })
    }
}

fn format_version(raw: &raw::Document<'_>) -> Result<FormatVersion, PlanError> {
    let Some(text) = &raw.format_version else {
        return Err(PlanError::NotAPlan("a document without `format_version`"));
    };
    let unknown = || PlanError::UnknownFormat {
        found: text.clone(),
    };
    let format = FormatVersion::read(text).ok_or_else(unknown)?;
    if format.major > 1 || format == (FormatVersion { major: 0, minor: 0 }) {
        return Err(unknown());
    }
    let planned = raw.resource_changes.is_some()
        || raw.configuration.is_some()
        || raw.output_changes.is_some();
    if !planned && raw.values.is_some() {
        return Err(PlanError::NotAPlan("the JSON of a state"));
    }
    Ok(format)
}

/// serde's own words quote the value it met, which may be a secret; only what it expected instead is passed on.
fn shape(error: &serde_json::Error) -> PlanError {
    let text = error.to_string();
    let expected = text
        .rsplit_once(", expected ")
        .and_then(|(_, expected)| expected.rsplit_once(" at line "))
        .map(|(expected, _)| format!(": expected {expected}"));
    let nested = text
        .starts_with("recursion limit exceeded")
        .then(|| ": modules nest too deep".to_owned());
    PlanError::Shape {
        line: error.line(),
        column: error.column(),
        expected: expected.or(nested).unwrap_or_default(),
    }
}

/// Which list of changes is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Changes,
    Drift,
    /// Early engines leave out the index as well, so that instances of one resource cannot be told apart.
    EarlyDrift,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Changes => "resource_changes",
            Place::Drift | Place::EarlyDrift => "resource_drift",
        }
    }
}

fn resource_changes(
    raw: Option<Vec<raw::ResourceChange<'_>>>,
    place: Place,
    document: &Document,
    unknown_fields: &mut BTreeSet<String>,
) -> Result<Vec<ResourceChange>, PlanError> {
    let mut out = Vec::new();
    let list = place.name();
    for raw in raw.unwrap_or_default() {
        unknown_fields.extend(raw.unknown.iter().map(|name| format!("{list}[].{name}")));
        let change = raw.change.ok_or(PlanError::Missing {
            what: "resource change",
            field: "change",
        })?;
        report_unknown(&change, &format!("{list}[].change"), unknown_fields);

        let module = parse_module(raw.module_address.as_deref().unwrap_or_default())?;
        let names = Names {
            mode: raw.mode,
            r#type: raw.r#type,
            name: raw.name,
            index: raw.index,
            deposed: raw.deposed,
        };
        let address = raw.address.as_deref();
        let address = if place == Place::EarlyDrift {
            Shown::Perhaps(address)
        } else {
            Shown::Address(address)
        };
        let key = instance_key(module, names, address, document)?;
        let contradiction = |detail| PlanError::Contradiction {
            key: key.to_string(),
            detail,
        };
        if raw.index_unknown == Some(true) {
            return Err(contradiction(
                "a change of this apply has an index that is not known yet",
            ));
        }
        let previous = match raw.previous_address.filter(|address| !address.is_empty()) {
            None => None,
            Some(address) => Some(InstanceKey {
                deposed: key.deposed.clone(),
                ..InstanceKey::parse(&address)?
            }),
        };
        let action = action(&change, &key.to_string())?;
        let body = body(&change, document);
        let exists = |text: &Option<Slice>| text.as_ref().is_some_and(|text| text.text() != "null");
        match action {
            Action::Create if exists(&body.before) => {
                return Err(contradiction("it is created, and exists before"));
            }
            Action::Delete if exists(&body.after) => {
                return Err(contradiction("it is deleted, and exists after"));
            }
            Action::NoOp
                if body.before.as_ref().map(Slice::text)
                    != body.after.as_ref().map(Slice::text) =>
            {
                let sides = body.sides()?;
                if sides.before != sides.after {
                    return Err(contradiction(
                        "nothing is done to it, and it is another object after",
                    ));
                }
            }
            _ => {}
        }
        let replace_paths = match change.replace_paths {
            None => Vec::new(),
            Some(text) => change::paths(&document.slice(text))?
                .ok_or_else(|| contradiction("`replace_paths` is not a list of paths"))?,
        };
        let importing = match change.importing {
            None => None,
            Some(importing) => Some(Importing {
                id: importing.id,
                identity: importing
                    .identity
                    .map(|text| document.slice(text).read())
                    .transpose()?,
                unknown: importing.unknown_id.unwrap_or(false),
            }),
        };
        let provider_name = raw.provider_name.ok_or(PlanError::Missing {
            what: "resource change",
            field: "provider_name",
        })?;
        out.push(ResourceChange {
            key,
            previous,
            provider_name,
            action,
            action_reason: raw.action_reason,
            replace_paths,
            importing,
            body,
        });
    }
    out.sort_by(|a, b| a.key.cmp(&b.key));
    if place != Place::EarlyDrift
        && let Some(pair) = out.windows(2).find(|pair| pair[0].key == pair[1].key)
    {
        return Err(PlanError::DuplicateChange {
            key: pair[0].key.to_string(),
        });
    }
    Ok(out)
}

fn report_unknown(change: &raw::Change<'_>, place: &str, unknown_fields: &mut BTreeSet<String>) {
    unknown_fields.extend(change.unknown.iter().map(|name| format!("{place}.{name}")));
    if let Some(importing) = &change.importing {
        unknown_fields.extend(
            importing
                .unknown
                .iter()
                .map(|name| format!("{place}.importing.{name}")),
        );
    }
}

fn action(change: &raw::Change<'_>, address: &str) -> Result<Action, PlanError> {
    let actions = change.actions.as_deref().unwrap_or_default();
    Action::read(actions).ok_or_else(|| PlanError::UnknownAction {
        actions: actions.join(", "),
        address: address.to_owned(),
    })
}

fn body(change: &raw::Change<'_>, document: &Document) -> Body {
    let slice = |raw: Option<&RawValue>| raw.map(|raw| document.slice(raw));
    Body {
        before: slice(change.before),
        after: slice(change.after),
        after_unknown: slice(change.after_unknown),
        before_sensitive: slice(change.before_sensitive),
        after_sensitive: slice(change.after_sensitive),
        before_identity: slice(change.before_identity),
        after_identity: slice(change.after_identity),
    }
}

/// A plan file carries the state twice over, in the changes and on its own, and an engine checks neither against the
/// other: with the state in it exchanged, an apply deletes or keeps other objects than the changes show.
///
/// Engines before 1.2 plan a deletion from the object as it was before the refresh. Then the drift says so, and must
/// say exactly that.
fn refuse_forged_state(
    changes: &[ResourceChange],
    drift: &[ResourceChange],
    prior: &BTreeMap<InstanceKey, PriorInstance>,
    format: FormatVersion,
) -> Result<(), PlanError> {
    for change in changes {
        let forged = || PlanError::ForgedBefore {
            key: change.key.to_string(),
        };
        let before = change
            .body
            .before
            .as_ref()
            .filter(|text| text.text() != "null");
        let (prior, before) = match (prior.get(&change.key), before) {
            (Some(prior), Some(before)) => (prior, before),
            // A data source is read again from nothing.
            (Some(_), None) if change.key.mode == Mode::Managed => return Err(forged()),
            (None, Some(_)) if change.key.mode == Mode::Managed && !format.is_early() => {
                return Err(forged());
            }
            _ => continue,
        };
        // The engine writes both with the same encoder: nearly always the text is equal already.
        if prior
            .values
            .as_ref()
            .is_some_and(|values| values.text() == before.text())
        {
            continue;
        }
        let (before, values) = (change.before()?, prior.values()?);
        if before == values {
            continue;
        }
        let drifted = drift
            .binary_search_by(|drift| drift.key.cmp(&change.key))
            .ok()
            .map(|at| drift[at].sides())
            .transpose()?;
        if !drifted.is_some_and(|drift| drift.before == before && drift.after == values) {
            return Err(forged());
        }
    }
    Ok(())
}

fn action_invocation(
    raw: raw::ActionInvocation<'_>,
    deferred: bool,
    document: &Document,
    unknown_fields: &mut BTreeSet<String>,
) -> Result<ActionInvocation, PlanError> {
    unknown_fields.extend(
        raw.unknown
            .iter()
            .map(|name| format!("action_invocations[].{name}")),
    );
    let trigger = match (raw.lifecycle, raw.invoke) {
        (Some(lifecycle), None) => match (lifecycle.resource, lifecycle.event) {
            (Some(resource), Some(event)) => Trigger::Lifecycle {
                resource: InstanceKey::parse(&resource)?,
                event,
            },
            _ => Trigger::Other,
        },
        (None, Some(_)) => Trigger::Invoked,
        _ => Trigger::Other,
    };
    Ok(ActionInvocation {
        address: raw.address.ok_or(PlanError::Missing {
            what: "action invocation",
            field: "address",
        })?,
        provider_name: raw.provider_name.unwrap_or_default(),
        trigger,
        deferred,
        config: raw.config_values.map(|text| document.slice(text)),
        config_unknown: raw.config_unknown.map(|text| document.slice(text)),
    })
}

fn deferred_change(raw: raw::DeferredChange<'_>) -> Result<DeferredChange, PlanError> {
    let missing = |field| PlanError::Missing {
        what: "deferred change",
        field,
    };
    let change = raw.resource_change.ok_or(missing("resource_change"))?;
    Ok(DeferredChange {
        reason: raw.reason.unwrap_or_default(),
        mode: Mode::read(&change.mode.ok_or(missing("mode"))?)?,
        address: change.address.ok_or(missing("address"))?,
    })
}

fn check(raw: raw::Check) -> Check {
    let (kind, address) = raw
        .address
        .map(|a| (a.kind, a.to_display))
        .unwrap_or_default();
    Check {
        kind: kind.unwrap_or_default(),
        address: address.unwrap_or_default(),
        status: match raw.status.as_deref() {
            Some("pass") => CheckStatus::Pass,
            Some("fail") => CheckStatus::Fail,
            Some("error") => CheckStatus::Error,
            _ => CheckStatus::Unknown,
        },
    }
}
