//! What an effect could reach and does not change, with the reason it stays.
//!
//! Their owners are told. They must agree only where one value hop separates them from something that goes away.

use super::{Effect, Exposed, Sources};
use crate::graph::{EdgeKind, Mode, NodeId};
use crate::scope::values;
use ambit_authority::scope::{Action, Subject};
use std::collections::{BTreeMap, BTreeSet};

pub fn find(sources: &Sources<'_>, effects: &[Effect<'_>]) -> Vec<Exposed> {
    let touched: BTreeMap<NodeId, Vec<&Effect<'_>>> = effects
        .iter()
        .filter(|e| matches!(e.subject, Subject::Resource(_)))
        .filter_map(|e| Some((e.node?, e)))
        .fold(BTreeMap::new(), |mut map, (node, effect)| {
            map.entry(node).or_insert_with(Vec::new).push(effect);
            map
        });
    let nodes: Vec<NodeId> = touched.keys().copied().collect();
    let mut of_block: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for change in &sources.plan.changes {
        let block = change.key.resource().to_string();
        of_block.entry(block).or_default().push(change);
    }
    let mut out = Vec::new();
    for node in sources.graph.dependents(&nodes) {
        if touched.contains_key(&node) {
            continue;
        }
        let block = sources.graph.node(node);
        let instances = of_block.get(&block.address).map_or(&[][..], Vec::as_slice);
        // Data sources are read anew by each plan, and a block without instances has nothing to expose.
        if block.mode != Mode::Managed || instances.is_empty() {
            continue;
        }
        let edges = sources.graph.dependencies(node);
        let direct = edges.iter().find(|e| touched.contains_key(&e.to));
        let why = match direct {
            None => "only through resources that do not change".to_owned(),
            Some(edge) => {
                let reason = match edge.kind {
                    EdgeKind::DependsOn | EdgeKind::ModuleMeta => "only waits for",
                    EdgeKind::Provisioner | EdgeKind::Connection => "its commands read",
                    EdgeKind::Condition => "only a condition reads",
                    _ if block.lifecycle.ignore_changes.is_some() => "ignores changes, and reads",
                    _ => "reads unchanged attributes of",
                };
                format!(
                    "{reason} {} at {}",
                    sources.graph.node(edge.to).address,
                    edge.at
                )
            }
        };
        let close = edges
            .iter()
            .filter(|e| e.kind.carries_value() || e.kind == EdgeKind::Provider)
            .filter_map(|e| {
                let going = touched.get(&e.to)?.iter().filter(|e| goes_away(e.action));
                going.map(|e| e.tier()).max()
            });
        let claim = close.max();
        let owners: BTreeSet<String> = instances
            .iter()
            .flat_map(|c| {
                sources.bundle.owners(
                    &values::instance(&c.key),
                    &BTreeMap::new(),
                    sources.fingerprint,
                )
            })
            .collect();
        out.push(Exposed {
            block: block.address.clone(),
            owners,
            why,
            claim,
        });
    }
    out.sort();
    out
}

fn goes_away(action: Action) -> bool {
    matches!(
        action,
        Action::Delete
            | Action::DeleteThenCreate
            | Action::CreateThenDelete
            | Action::Forget
            | Action::CreateThenForget
            | Action::ForgetThenCreate
    )
}
