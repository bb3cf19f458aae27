//! The graph beneath the graph: resource blocks and the named values between them, and walks that
//! look through those values. All walks are iterative and visit each value once, whatever its shape.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::config::{AttributePath, Location, Step};
use super::{Edge, EdgeKind, NodeId, Repeat};

pub(super) type SymbolId = usize;

/// A named value, or a resource block.
#[derive(Debug)]
pub(super) struct Symbol {
    /// For messages: `module.a.local.x`.
    pub label: String,
    pub node: Option<(NodeId, Repeat)>,
    /// Stands for all of a module; part of the order the engine keeps, not of any value.
    pub whole_module: bool,
}

/// One reference, from the symbol whose expression makes it.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub to: SymbolId,
    pub kind: EdgeKind,
    pub argument: Arc<str>,
    /// What is read of the target.
    pub path: Vec<Step>,
    /// The expression is this reference alone: what is read of the symbol is read of the target.
    pub pure: bool,
    pub at: Location,
}

#[derive(Debug, Default)]
pub(super) struct Symbols {
    pub symbols: Vec<Symbol>,
    pub arrows: Vec<Vec<Arrow>>,
    /// Symbol of each resource block.
    pub of_node: Vec<SymbolId>,
    pub of_output: HashMap<String, SymbolId>,
    pub of_provider: Vec<SymbolId>,
    /// Who reads each symbol.
    backwards: Vec<Vec<SymbolId>>,
}

/// Read paths longer than this are cut to the whole object: wider, and bounded.
const PATH_LIMIT: usize = 64;

impl Symbols {
    pub fn add(&mut self, symbol: Symbol) -> SymbolId {
        self.symbols.push(symbol);
        self.arrows.push(Vec::new());
        self.symbols.len() - 1
    }

    pub fn index_backwards(&mut self) {
        self.backwards = vec![Vec::new(); self.symbols.len()];
        for (from, arrows) in self.arrows.iter().enumerate() {
            for arrow in arrows {
                self.backwards[arrow.to].push(from);
            }
        }
    }

    fn node_of(&self, symbol: SymbolId) -> Option<NodeId> {
        self.symbols[symbol].node.map(|(node, _)| node)
    }

    pub fn edges_from(&self, node: NodeId) -> Vec<Edge> {
        self.edges_of_symbol(self.of_node[node.0], Some(node))
    }

    pub fn edges_from_output(&self, name: &str) -> Vec<Edge> {
        self.of_output
            .get(name)
            .map(|symbol| self.edges_of_symbol(*symbol, None))
            .unwrap_or_default()
    }

    pub fn edges_from_provider(&self, provider: usize) -> Vec<Edge> {
        self.of_provider
            .get(provider)
            .map(|symbol| self.edges_of_symbol(*symbol, None))
            .unwrap_or_default()
    }

    fn edges_of_symbol(&self, symbol: SymbolId, from: Option<NodeId>) -> Vec<Edge> {
        let mut found: BTreeMap<_, Location> = BTreeMap::new();
        for arrow in &self.arrows[symbol] {
            for read in self.reads_behind(arrow) {
                if Some(read.node) == from {
                    continue;
                }
                let key = (
                    read.node,
                    read.kind,
                    arrow.argument.clone(),
                    read.key,
                    read.path,
                );
                let at = found.entry(key).or_insert_with(|| arrow.at.clone());
                if arrow.at < *at {
                    *at = arrow.at.clone();
                }
            }
        }
        // A wait for the whole module says nothing where a better reason is known.
        let reasons: HashSet<(NodeId, Arc<str>)> = found
            .keys()
            .filter(|(_, kind, ..)| *kind != EdgeKind::ModuleMeta)
            .map(|(to, _, argument, ..)| (*to, argument.clone()))
            .collect();
        found.retain(|(to, kind, argument, ..), _| {
            *kind != EdgeKind::ModuleMeta || !reasons.contains(&(*to, argument.clone()))
        });
        let edges = found
            .into_iter()
            .map(|((to, kind, argument, source_key, path), at)| Edge {
                from: from.unwrap_or(to),
                to,
                kind,
                argument: argument.to_string(),
                source_key,
                source_path: (!path.is_empty()).then_some(AttributePath(path)),
                at,
            });
        edges.collect()
    }

    /// The resource blocks one reference ends at, looking through named values. Reasons are taken
    /// strongest first, so that a value read both directly and through a module counts as a value.
    fn reads_behind(&self, start: &Arrow) -> Vec<Read> {
        let mut reads = Vec::new();
        let mut queues: [VecDeque<(SymbolId, Vec<Step>, EdgeKind)>; 4] = Default::default();
        let mut seen: HashSet<(SymbolId, Vec<Step>)> = HashSet::new();
        queues[strength(start.kind)].push_back((start.to, start.path.clone(), start.kind));
        while let Some((symbol, path, kind)) = queues.iter_mut().find_map(VecDeque::pop_front) {
            if !seen.insert((symbol, path.clone())) {
                continue;
            }
            if let Some((node, repeat)) = self.symbols[symbol].node {
                let (key, path) = split_key(path, repeat);
                reads.push(Read {
                    node,
                    kind,
                    key,
                    path,
                });
                continue;
            }
            for arrow in &self.arrows[symbol] {
                let mut read = arrow.path.clone();
                if arrow.pure && read.len() + path.len() <= PATH_LIMIT {
                    read.extend(path.iter().cloned());
                }
                let kind = compose(kind, arrow.kind);
                queues[strength(kind)].push_back((arrow.to, read, kind));
            }
        }
        reads
    }

    /// Blocks that reach `node` through named values alone.
    pub fn direct_readers(&self, node: NodeId) -> BTreeSet<NodeId> {
        let mut readers = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![self.of_node[node.0]];
        while let Some(symbol) = waiting.pop() {
            for &reader in &self.backwards[symbol] {
                if !seen.insert(reader) {
                    continue;
                }
                match self.node_of(reader) {
                    Some(found) => {
                        readers.insert(found);
                    }
                    None => waiting.push(reader),
                }
            }
        }
        readers.remove(&node);
        readers
    }

    pub fn readers(&self, of: &[NodeId]) -> BTreeSet<NodeId> {
        self.reach(of, |symbol, visit| {
            self.backwards[symbol].iter().copied().for_each(visit)
        })
    }

    pub fn sources(&self, of: &[NodeId]) -> BTreeSet<NodeId> {
        self.reach(of, |symbol, visit| {
            self.arrows[symbol]
                .iter()
                .map(|arrow| arrow.to)
                .for_each(visit);
        })
    }

    fn reach(
        &self,
        of: &[NodeId],
        next: impl Fn(SymbolId, &mut dyn FnMut(SymbolId)),
    ) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut seen = vec![false; self.symbols.len()];
        let mut waiting: Vec<SymbolId> = of.iter().map(|node| self.of_node[node.0]).collect();
        while let Some(symbol) = waiting.pop() {
            next(symbol, &mut |other| {
                if !seen[other] {
                    seen[other] = true;
                    found.extend(self.node_of(other));
                    waiting.push(other);
                }
            });
        }
        found
    }

    /// Blocks on a shortest chain, both ends included: named values cost nothing, blocks cost one.
    pub fn shortest(&self, from: NodeId, to: NodeId) -> Option<Vec<NodeId>> {
        let start = self.of_node[from.0];
        let goal = self.of_node[to.0];
        let mut came_from: Vec<Option<SymbolId>> = vec![None; self.symbols.len()];
        let mut cost = vec![usize::MAX; self.symbols.len()];
        let mut queue = VecDeque::from([start]);
        cost[start] = 0;
        while let Some(symbol) = queue.pop_front() {
            let mut next: Vec<SymbolId> =
                self.arrows[symbol].iter().map(|arrow| arrow.to).collect();
            // Order by block, not by where a reference happens to stand in a file.
            next.sort_unstable();
            next.dedup();
            for other in next {
                let step = usize::from(self.symbols[other].node.is_some());
                if cost[symbol] + step < cost[other] {
                    cost[other] = cost[symbol] + step;
                    came_from[other] = Some(symbol);
                    if step == 0 {
                        queue.push_front(other);
                    } else {
                        queue.push_back(other);
                    }
                }
            }
        }
        if cost[goal] == usize::MAX || start == goal {
            return None;
        }
        let mut blocks = Vec::new();
        let mut at = Some(goal);
        while let Some(symbol) = at {
            blocks.extend(self.node_of(symbol));
            at = came_from[symbol];
        }
        blocks.reverse();
        Some(blocks)
    }

    /// Labels along a loop, when there is one. Conditions and whole-module waits are left out: the
    /// engine orders those more finely than we do, so a loop through them need not be one.
    pub fn find_cycle(&self) -> Option<Vec<String>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Colour {
            White,
            Grey,
            Black,
        }
        let mut colour = vec![Colour::White; self.symbols.len()];
        for root in 0..self.symbols.len() {
            if colour[root] != Colour::White {
                continue;
            }
            colour[root] = Colour::Grey;
            let mut stack = vec![(root, 0)];
            while let Some((symbol, position)) = stack.last_mut() {
                let symbol = *symbol;
                let Some(arrow) = self.arrows[symbol].get(*position) else {
                    colour[symbol] = Colour::Black;
                    stack.pop();
                    continue;
                };
                *position += 1;
                if arrow.kind == EdgeKind::Condition || self.symbols[arrow.to].whole_module {
                    continue;
                }
                match colour[arrow.to] {
                    Colour::White => {
                        colour[arrow.to] = Colour::Grey;
                        stack.push((arrow.to, 0));
                    }
                    Colour::Grey => {
                        let on_loop = stack.iter().skip_while(|(other, _)| *other != arrow.to);
                        let mut labels: Vec<String> = on_loop
                            .map(|(other, _)| self.symbols[*other].label.clone())
                            .collect();
                        labels.push(self.symbols[arrow.to].label.clone());
                        return Some(labels);
                    }
                    Colour::Black => {}
                }
            }
        }
        None
    }
}

struct Read {
    node: NodeId,
    kind: EdgeKind,
    key: Option<Step>,
    path: Vec<Step>,
}

/// The first index after a repeated resource is its instance key, not part of its attributes.
fn split_key(mut path: Vec<Step>, repeat: Repeat) -> (Option<Step>, Vec<Step>) {
    if repeat != Repeat::Once && path.first().is_some_and(Step::is_index) {
        let key = path.remove(0);
        return (Some(key), path);
    }
    (None, path)
}

/// Why a block depends on what lies behind a named value: the reason of the block's own reference,
/// unless the way there carries no value at all.
fn compose(outer: EdgeKind, inner: EdgeKind) -> EdgeKind {
    if outer != EdgeKind::DependsOn && strength(inner) > strength(outer) {
        inner
    } else {
        outer
    }
}

fn strength(kind: EdgeKind) -> usize {
    match kind {
        EdgeKind::Value
        | EdgeKind::Each
        | EdgeKind::Count
        | EdgeKind::Trigger
        | EdgeKind::Provider
        | EdgeKind::Provisioner
        | EdgeKind::Connection => 0,
        EdgeKind::Condition => 1,
        EdgeKind::DependsOn => 2,
        EdgeKind::ModuleMeta => 3,
    }
}
