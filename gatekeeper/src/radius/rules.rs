//! The tier table: named rules, each with a reason that says why for this effect. The maximum counts.

use super::{Effect, Reason, Sources};
use crate::{
    plan::{Changed, Side, Value},
    scope::values,
    stop::Stop,
};
use ambit_authority::{
    address::InstanceKey,
    scope::{Action, Subject, show_path},
    tier::Tier,
};
use std::collections::{BTreeMap, BTreeSet};

pub fn judge(sources: &Sources<'_>, effects: &mut [Effect<'_>]) -> Result<(), Stop> {
    for effect in effects.iter_mut() {
        own(sources, effect)?;
        by_action(effect);
        irreversible(sources, effect);
        sensitive(sources, effect);
        if !effect.execs.is_empty() {
            reason(effect, Tier::High, "exec", "runs commands");
        }
    }
    owners_of_the_rest(sources, effects);
    Ok(())
}

fn reason(effect: &mut Effect<'_>, tier: Tier, rule: &'static str, text: impl Into<String>) {
    effect.because.push(Reason {
        tier,
        rule,
        text: text.into(),
    });
}

fn by_action(effect: &mut Effect<'_>) {
    let is_output = matches!(effect.subject, Subject::Output(_));
    let (tier, rule, text) = match (effect.action, &effect.subject) {
        (Action::Delete, _) if is_output => (Tier::Medium, "output", "an output disappears"),
        (_, Subject::Output(_)) => (Tier::Medium, "output", "an output changes"),
        (Action::Create, _) => (Tier::Medium, "create", "a new object"),
        (Action::Update, _) => (Tier::Medium, "update", "changed in place"),
        (Action::Adopt, _) => (Tier::Medium, "adopt", "an existing object enters the state"),
        (Action::Move, _) => (Tier::Medium, "move", "the address changes"),
        (Action::Record, _) => (Tier::Medium, "drift", "the object was changed from outside"),
        (Action::Read, _) => (Tier::Medium, "read", "decided by what is read during apply"),
        (Action::Delete, _) => (Tier::High, "delete", "the object is destroyed"),
        (Action::DeleteThenCreate | Action::CreateThenDelete, _) => (
            Tier::High,
            "replace",
            "the object is destroyed and another takes its place",
        ),
        (Action::Forget | Action::CreateThenForget | Action::ForgetThenCreate, _) => (
            Tier::High,
            "forget",
            "the object stays and nobody manages it any more",
        ),
        (Action::Rebind, _) => (
            Tier::High,
            "binding",
            "acts through another provider configuration than before",
        ),
        (Action::Drop, _) => (Tier::High, "guard", "a guard is dropped or changed"),
        (Action::Run, Subject::Removed(_)) => (
            Tier::High,
            "exec",
            "runs commands for an object that is no longer configured",
        ),
        (Action::Run, _) => (
            Tier::High,
            "unlisted",
            "not one of the effects this version can judge",
        ),
    };
    reason(effect, tier, rule, text);
    if let Some(change) = effect.change {
        if let Some(deposed) = &change.key.deposed {
            reason(
                effect,
                Tier::High,
                "delete",
                format!(
                    "deposed object {}",
                    ambit_authority::address::escape(deposed)
                ),
            );
        }
        for path in change.replace_paths.clone() {
            reason(
                effect,
                Tier::High,
                "replace",
                format!("{path} cannot be changed in place"),
            );
        }
    }
}

fn irreversible(sources: &Sources<'_>, effect: &mut Effect<'_>) {
    let Some(key) = &effect.key else { return };
    let Some(why) = sources
        .tables
        .irreversible(&key.kind, effect.action)
        .map(str::to_owned)
    else {
        return;
    };
    let tier = if sources.critical {
        Tier::Critical
    } else {
        Tier::High
    };
    reason(effect, tier, "irreversible", why.clone());
    effect.irreversible = Some(why);
}

fn sensitive(sources: &Sources<'_>, effect: &mut Effect<'_>) {
    let Some(key) = effect.key.clone() else {
        return;
    };
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for changed in &effect.paths {
        let path = values::path(&changed.path);
        let really = !matches!(
            (&changed.before, &changed.after),
            (Side::Absent, Side::Null) | (Side::Null, Side::Absent)
        );
        if let Some(why) = sources
            .tables
            .sensitive(&key.kind, &path)
            .filter(|_| really && effect.action != Action::Delete)
        {
            found.insert(show_path(&path[..1]), why.to_owned());
        }
    }
    for (path, why) in found {
        let open = effect.open.iter().any(|o| o.starts_with(&path));
        reason(effect, Tier::High, "sensitive", format!("{path}: {why}"));
        if open {
            reason(
                effect,
                Tier::High,
                "open-sensitive",
                format!("{path} is decided at apply"),
            );
        }
        effect.sensitive.push((path, why));
    }
}

/// Owners of an effect with an instance: of every address it has and every selector before and after.
fn own(sources: &Sources<'_>, effect: &mut Effect<'_>) -> Result<(), Stop> {
    let Some(key) = effect.key.clone() else {
        return Ok(());
    };
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let mut addresses = vec![key];
    if let Some(change) = effect.change {
        let sides = change.sides().map_err(Stop::failure)?;
        before = tags(sides.before.as_ref());
        after = tags(sides.after.as_ref());
        addresses.extend(change.previous.as_ref().map(values::instance));
    }
    let owners = |addresses: &[InstanceKey], tags: &BTreeMap<String, String>| -> BTreeSet<String> {
        addresses
            .iter()
            .flat_map(|a| sources.bundle.owners(a, tags, sources.fingerprint))
            .collect()
    };
    let existed = !matches!(effect.action, Action::Create);
    let stays = !matches!(effect.action, Action::Delete | Action::Forget);
    let old = if existed {
        owners(&addresses[addresses.len() - 1..], &before)
    } else {
        BTreeSet::new()
    };
    let new = if stays {
        owners(&addresses[..1], &after)
    } else {
        BTreeSet::new()
    };
    if existed && stays && old != new {
        reason(
            effect,
            Tier::High,
            "owner",
            "the object would belong to somebody else",
        );
    }
    effect.owners = old.union(&new).cloned().collect();
    Ok(())
}

fn tags(value: Option<&Value>) -> BTreeMap<String, String> {
    match value.and_then(|v| v.get("tags")) {
        Some(Value::Object(fields)) => fields
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// An effect without an instance belongs to whom its causes belong to; with no cause among the effects, to root.
fn owners_of_the_rest(sources: &Sources<'_>, effects: &mut [Effect<'_>]) {
    let owners_of = |node: crate::graph::NodeId, effects: &[Effect<'_>]| -> BTreeSet<String> {
        effects
            .iter()
            .filter(|e| e.node == Some(node) && e.key.is_some())
            .flat_map(|e| e.owners.clone())
            .collect()
    };
    for i in 0..effects.len() {
        if effects[i].key.is_some() {
            continue;
        }
        let owners = match (&effects[i].subject, effects[i].node) {
            (Subject::Output(name), _) => {
                let read: BTreeSet<_> = sources
                    .graph
                    .output_sources(name)
                    .into_iter()
                    .map(|e| e.to)
                    .collect();
                read.into_iter()
                    .flat_map(|node| owners_of(node, effects))
                    .collect()
            }
            (_, Some(node)) => {
                let node = sources.graph.node(node);
                let key = InstanceKey {
                    module: node
                        .module
                        .key()
                        .split('.')
                        .filter(|s| !s.is_empty())
                        .map(|name| ambit_authority::address::ModuleStep {
                            name: name.into(),
                            key: None,
                        })
                        .collect(),
                    ..InstanceKey::root(&node.kind, &node.name)
                };
                sources
                    .bundle
                    .owners(&key, &BTreeMap::new(), sources.fingerprint)
            }
            _ => BTreeSet::new(),
        };
        effects[i].owners = owners;
    }
}

/// `name: "a" -> "b"`, escaped, cut, and without anything sensitive.
pub fn describe(changed: &Changed) -> String {
    let side = |side: &Side| match side {
        Side::Absent => "(absent)".to_owned(),
        Side::Null => "null".to_owned(),
        Side::Unknown => "(known after apply)".to_owned(),
        Side::Value(_) if changed.sensitive => "(sensitive)".to_owned(),
        Side::Value(value) => cut(&show(value)),
    };
    format!(
        "{}: {} -> {}",
        show_path(&values::path(&changed.path)),
        side(&changed.before),
        side(&changed.after)
    )
}

fn cut(text: &str) -> String {
    const WIDEST: usize = 120;
    match text.char_indices().nth(WIDEST) {
        Some((at, _)) => format!("{}... ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Unknown => "(known after apply)".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.clone(),
        Value::String(s) => format!("\"{}\"", ambit_authority::address::escape(s)),
        Value::List(items) => format!(
            "[{}]",
            items.iter().map(show).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(k, v)| format!("{} = {}", ambit_authority::address::escape(k), show(v)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}
