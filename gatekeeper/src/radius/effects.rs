//! Which effects there are, and which of them induced which.

use super::{Effect, Reason, Sources};
use crate::{
    graph::{Edge, EdgeKind, NodeId, When},
    plan::{Action as Planned, Mode, ResourceChange, Side},
    scope::values,
    stop::Stop,
};
use ambit_authority::{
    scope::{Action, Subject},
    tier::Tier,
};
use std::collections::{BTreeMap, BTreeSet};

pub fn collect<'a>(sources: &Sources<'a>) -> Result<Vec<Effect<'a>>, Stop> {
    let mut effects = Vec::new();
    for change in &sources.plan.changes {
        if let Some(effect) = resource(sources, change)? {
            effects.push(effect);
        }
    }
    outputs(sources, &mut effects)?;
    commands_of_removed_blocks(sources, &mut effects);
    guards_dropped(sources, &mut effects);
    rebound(sources, &mut effects);
    whole_plan(sources, &mut effects);
    drift(sources, &mut effects)?;
    trace_causes(sources, &mut effects);
    Ok(effects)
}

pub fn action(change: &ResourceChange) -> Option<Action> {
    Some(match change.action {
        Planned::Create => Action::Create,
        Planned::Read => Action::Read,
        Planned::Update => Action::Update,
        Planned::Delete => Action::Delete,
        Planned::DeleteThenCreate => Action::DeleteThenCreate,
        Planned::CreateThenDelete => Action::CreateThenDelete,
        Planned::Forget => Action::Forget,
        Planned::CreateThenForget => Action::CreateThenForget,
        Planned::ForgetThenCreate => Action::ForgetThenCreate,
        // Two effects hide behind a no-op.
        Planned::NoOp if change.importing.is_some() => Action::Adopt,
        Planned::NoOp if change.previous.is_some() => Action::Move,
        Planned::NoOp => return None,
    })
}

fn node_of(sources: &Sources<'_>, change: &ResourceChange) -> Option<NodeId> {
    sources.graph.find(&change.key.resource().to_string())
}

fn resource<'a>(
    sources: &Sources<'a>,
    change: &'a ResourceChange,
) -> Result<Option<Effect<'a>>, Stop> {
    let Some(action) = action(change) else {
        return Ok(None);
    };
    let key = values::instance(&change.key);
    let node = node_of(sources, change);
    // Commands, guards and providers are read from the block: without it they would be missing and nobody would know.
    let orphan = matches!(action, Action::Delete | Action::Forget) || key.deposed.is_some();
    if node.is_none() && !orphan {
        return Err(Stop::denied(format!(
            "{key}: its block is not found in the configuration, so what it runs and guards cannot be told"
        )));
    }
    let paths = change.changed().map_err(Stop::failure)?;
    let mut execs = Vec::new();
    if let Some(node) = node {
        let runs = |when: When| match when {
            When::Create => change.action.creates(),
            When::Destroy => change.action.deletes(),
        };
        execs.extend(
            sources
                .graph
                .node(node)
                .execs
                .iter()
                .filter(|e| runs(e.when)),
        );
    }
    let mut effect = Effect {
        change: Some(change),
        node,
        paths,
        execs,
        ..bare(Subject::Resource(key.clone()), action)
    };
    effect.key = Some(key);
    // A value the configuration sets and the plan does not know is decided at apply.
    if let Some(node) = node {
        let read: BTreeSet<String> = sources
            .graph
            .dependencies(node)
            .iter()
            .map(|e| first_step(&e.argument).to_owned())
            .collect();
        let configured = configured_arguments(sources, node);
        for changed in effect.paths.iter().filter(|c| !known(&c.after)) {
            let shown = changed.path.to_string();
            let name = first_step(&shown);
            if configured.contains(name) || read.contains(name) {
                effect.open.push(shown);
            }
        }
    }
    Ok(Some(effect))
}

fn known(side: &Side) -> bool {
    match side {
        Side::Unknown => false,
        Side::Value(value) => value.is_known(),
        Side::Absent | Side::Null => true,
    }
}

fn first_step(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// Arguments and nested blocks that the block's body sets.
pub fn configured_arguments(sources: &Sources<'_>, node: NodeId) -> BTreeSet<String> {
    let node = sources.graph.node(node);
    let module = sources.configuration.modules.get(&node.module);
    let resource = module.and_then(|m| {
        m.resources
            .values()
            .find(|r| r.at == node.at && r.id.name == node.name && r.id.kind == node.kind)
    });
    let Some(resource) = resource else {
        return BTreeSet::new();
    };
    let attributes = resource.body.attributes.iter().map(|a| a.name.clone());
    let blocks = resource
        .body
        .blocks
        .iter()
        .map(|b| b.effective_kind().to_owned());
    attributes.chain(blocks).collect()
}

pub fn bare<'a>(subject: Subject, action: Action) -> Effect<'a> {
    Effect {
        subject,
        action,
        key: None,
        change: None,
        node: None,
        paths: vec![],
        execs: vec![],
        witness: vec![],
        because: vec![],
        owners: BTreeSet::new(),
        irreversible: None,
        sensitive: vec![],
        open: vec![],
    }
}

fn outputs(sources: &Sources<'_>, effects: &mut Vec<Effect<'_>>) -> Result<(), Stop> {
    for (name, output) in &sources.plan.outputs {
        let action = match output.action {
            Planned::NoOp => continue,
            Planned::Create => Action::Create,
            Planned::Delete => Action::Delete,
            _ => Action::Update,
        };
        let paths = output.changed().map_err(Stop::failure)?;
        effects.push(Effect {
            paths,
            ..bare(Subject::Output(name.clone()), action)
        });
    }
    Ok(())
}

fn commands_of_removed_blocks<'a>(sources: &Sources<'a>, effects: &mut Vec<Effect<'a>>) {
    for (n, removed) in sources.graph.removed().iter().enumerate() {
        if !removed.execs.is_empty() {
            let subject =
                Subject::Removed(format!("{} {} #{n}", removed.module.key(), removed.from));
            effects.push(Effect {
                execs: removed.execs.iter().collect(),
                ..bare(subject, Action::Run)
            });
        }
    }
}

/// A guard that stood at the last outcome, on a block that is still there, and is gone or weaker worded now.
fn guards_dropped(sources: &Sources<'_>, effects: &mut Vec<Effect<'_>>) {
    let now = crate::scope::guards_of(sources.graph);
    for (name, text) in &sources.known.guards {
        let Some((block, _)) = name.split_once(' ') else {
            continue;
        };
        if now.get(name) == Some(text) {
            continue;
        }
        // A block that was moved took its guards along, or dropped them on the way.
        let moved = || {
            let from = |c: &&ResourceChange| {
                c.previous
                    .as_ref()
                    .is_some_and(|p| p.resource().to_string() == block)
            };
            let change = sources.plan.changes.iter().find(from)?;
            let place = change.key.resource().to_string();
            let setting = name.strip_prefix(block)?;
            let kept = now.get(&format!("{place}{setting}")) == Some(text);
            sources.graph.find(&place).filter(|_| !kept)
        };
        if let Some(node) = sources.graph.find(block).or_else(moved) {
            let mut effect = bare(Subject::GuardDropped(name.clone()), Action::Drop);
            effect.node = Some(node);
            effects.push(effect);
        }
    }
}

/// Objects whose provider configuration is another than the state or the last outcome knows, though nothing changes.
fn rebound(sources: &Sources<'_>, effects: &mut Vec<Effect<'_>>) {
    let now = crate::scope::provider_texts(sources.graph);
    for (name, text) in &sources.known.providers {
        if now.get(name).is_some_and(|found| found != text) {
            effects.push(bare(
                Subject::Other(format!("provider configuration {name}")),
                Action::Rebind,
            ));
        }
    }
    let Some(state) = sources.state else { return };
    let recorded: BTreeMap<String, &str> = state
        .instances
        .iter()
        .map(|i| (i.address(), i.provider.as_str()))
        .collect();
    for change in &sources.plan.changes {
        if change.key.mode != Mode::Managed || change.key.deposed.is_some() {
            continue;
        }
        let old = change.previous.as_ref().unwrap_or(&change.key);
        let (Some(before), Some(node)) = (recorded.get(&old.address()), node_of(sources, change))
        else {
            continue;
        };
        let binding = &sources.graph.node(node).provider;
        let source = state_source(before);
        if state_alias(before) != binding.alias
            || source.is_some_and(|s| !same_source(s, &binding.source))
        {
            let key = values::instance(&change.key);
            let subject = Subject::Resource(key.clone());
            // What changes anyway changes through another provider: that is graver than the change alone.
            if let Some(effect) = effects.iter_mut().find(|e| e.subject == subject) {
                effect.because.push(Reason {
                    tier: Tier::High,
                    rule: "binding",
                    text: "acts through another provider configuration than before".into(),
                });
                continue;
            }
            let mut effect = bare(Subject::Resource(key.clone()), Action::Rebind);
            (effect.key, effect.change, effect.node) = (Some(key), None, Some(node));
            effects.push(effect);
        }
    }
}

/// The source in a state's provider address.
fn state_source(provider: &str) -> Option<&str> {
    let (_, after) = provider.split_once("provider[\"")?;
    Some(after.split_once("\"]")?.0)
}

/// A state writes the registry host, a configuration may leave it out.
fn same_source(recorded: &str, declared: &str) -> bool {
    recorded == declared
        || recorded
            .strip_suffix(declared)
            .is_some_and(|host| host.ends_with('/'))
}

/// The alias in a state's provider address: `module.a.provider["host/ns/type"].west`.
fn state_alias(provider: &str) -> Option<String> {
    let (_, after) = provider.rsplit_once("\"]")?;
    after.strip_prefix('.').map(str::to_owned)
}

/// What concerns the plan as a whole and no single resource.
fn whole_plan(sources: &Sources<'_>, effects: &mut Vec<Effect<'_>>) {
    let plan = sources.plan;
    let mut other = |text: String| effects.push(bare(Subject::Other(text), Action::Run));
    for invocation in &plan.action_invocations {
        other(format!("action {}", invocation.address));
    }
    for deferred in &plan.deferred {
        other(format!(
            "deferred {} ({})",
            deferred.address, deferred.reason
        ));
    }
    for field in &plan.unknown_fields {
        other(format!("unknown field {field} in the plan"));
    }
    if !plan.format.is_tested() {
        other("plan format newer than any tested".into());
    }
    for module in sources.configuration.modules.values() {
        for block in &module.unknown_blocks {
            other(format!("unknown block {} at {}", block.path, block.at));
        }
    }
    if let Some(what) = &sources.state_moved {
        other(what.clone());
    }
}

/// Drift that meets a change, feeds one, or touches a sensitive path. Other drift is recorded and harms nobody.
fn drift<'a>(sources: &Sources<'a>, effects: &mut Vec<Effect<'a>>) -> Result<(), Stop> {
    let nodes: BTreeSet<NodeId> = effects.iter().filter_map(|e| e.node).collect();
    let feeding = sources
        .graph
        .upstream(&nodes.iter().copied().collect::<Vec<_>>());
    for change in &sources.plan.drift {
        let key = values::instance(&change.key);
        let node = node_of(sources, change);
        let paths = change.changed().map_err(Stop::failure)?;
        let sensitive = paths.iter().any(|p| {
            sources
                .tables
                .sensitive(&key.kind, &values::path(&p.path))
                .is_some()
        });
        if sensitive || node.is_some_and(|n| nodes.contains(&n) || feeding.contains(&n)) {
            let mut effect = Effect {
                change: Some(change),
                node,
                paths,
                ..bare(Subject::Drift(key.clone()), Action::Record)
            };
            effect.key = Some(key);
            effects.push(effect);
        }
    }
    Ok(())
}

/// An effect is induced when an argument reads what another effect changes. The engine has done the propagation, so one
/// edge between two effects is enough, and the chain of such edges ends at a cause.
fn trace_causes(sources: &Sources<'_>, effects: &mut [Effect<'_>]) {
    let mut changing: BTreeMap<NodeId, BTreeSet<String>> = BTreeMap::new();
    for effect in effects
        .iter()
        .filter(|e| matches!(e.subject, Subject::Resource(_)) && e.action != Action::Rebind)
    {
        let Some(node) = effect.node else { continue };
        let names = effect
            .paths
            .iter()
            .map(|p| first_step(&p.path.to_string()).to_owned());
        changing.entry(node).or_default().extend(names);
    }
    let feeds = |edge: &Edge, own: Option<NodeId>| {
        let flows = edge.kind.carries_value()
            || matches!(edge.kind, EdgeKind::Trigger | EdgeKind::Provider);
        let Some(paths) = changing
            .get(&edge.to)
            .filter(|_| flows && Some(edge.to) != own)
        else {
            return false;
        };
        match &edge.source_path {
            Some(path) => path
                .0
                .first()
                .and_then(|s| s.name())
                .is_none_or(|name| paths.contains(name)),
            None => true,
        }
    };
    let mut parent: BTreeMap<NodeId, Edge> = BTreeMap::new();
    for node in changing.keys() {
        if let Some(edge) = sources
            .graph
            .dependencies(*node)
            .into_iter()
            .find(|e| feeds(e, Some(*node)))
        {
            parent.insert(*node, edge);
        }
    }
    let chain = |first: Edge| {
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        let mut edge = Some(first);
        while let Some(e) = edge {
            let what = e
                .source_path
                .as_ref()
                .map(|p| format!(".{p}"))
                .unwrap_or_default();
            lines.push(format!(
                "reads {}{what} at {}",
                sources.graph.node(e.to).address,
                e.at
            ));
            edge = parent.get(&e.to).filter(|_| seen.insert(e.to)).cloned();
        }
        lines
    };
    for effect in effects.iter_mut() {
        let first = match (&effect.subject, effect.node) {
            (Subject::Output(name), _) => sources
                .graph
                .output_sources(name)
                .into_iter()
                .find(|e| feeds(e, None)),
            (Subject::Resource(_), Some(node)) => parent.get(&node).cloned(),
            _ => None,
        };
        if let Some(edge) = first {
            effect.witness = chain(edge);
        }
    }
}
