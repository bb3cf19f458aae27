//! The dependency graph of a configuration, between resource blocks, complete for every reference
//! the configuration makes.
//!
//! ```text
//! Snapshot ─► Configuration ─► Graph ─► dependencies, dependents, paths
//!  (bytes)     (config)        (resolve)    └─► origin: the text behind one argument
//! ```
//!
//! Locals, variables, outputs, modules and provider configurations are inner nodes: kept, so that a
//! chain of them costs its length and not its square, and looked through when an edge is asked for.
//! What cannot be proved narrower widens; instance keys are reported, never used to drop an edge.
//! Nothing here runs an engine, reads plan values, or decides what an effect is.

pub mod config;
mod declare;
pub mod origin;
mod providers;
mod reference;
mod resolve;
mod scope;
pub mod snapshot;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

pub use config::{
    AttributePath, Configuration, Dialect, Exec, FileRead, Lifecycle, Location, Mode, ModulePath,
    Step, When,
};
pub use providers::ProviderBinding;
pub use snapshot::{Snapshot, SnapshotError, SourceFile};

/// A resource block. Stable for one graph; equal inputs number their nodes equally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// How often a block is instantiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    Once,
    Count,
    ForEach,
}

#[derive(Debug, Clone)]
pub struct Node {
    /// Module path and address without instance keys: `module.a.module.b.data.aws_x.y`.
    pub address: String,
    pub module: ModulePath,
    pub mode: Mode,
    pub kind: String,
    pub name: String,
    pub repeat: Repeat,
    pub lifecycle: Lifecycle,
    pub execs: Vec<Exec>,
    pub provider: ProviderBinding,
    pub at: Location,
}

/// Why one block depends on another, from the dependent's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    Value,
    Each,
    Count,
    Trigger,
    Provider,
    Provisioner,
    Connection,
    Condition,
    DependsOn,
    /// The engine waits, although no value need flow: `count`, `for_each` or `depends_on` of an
    /// enclosing module, a reference the engine widens to a whole module, or a check that is
    /// read when all else is done.
    ModuleMeta,
}

impl EdgeKind {
    /// Does a change of the source reach the arguments of the dependent?
    pub fn carries_value(self) -> bool {
        matches!(self, EdgeKind::Value | EdgeKind::Each | EdgeKind::Count)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The dependent.
    pub from: NodeId,
    /// What it depends on.
    pub to: NodeId,
    pub kind: EdgeKind,
    /// Argument path in the dependent: `tags`, `rule.target`, `provisioner[0].command`.
    pub argument: String,
    /// The instance of the source, as far as it is written: `[0]`, `["key"]`, computed, or all.
    pub source_key: Option<Step>,
    /// What is read of the source; `None` is the whole object.
    pub source_path: Option<AttributePath>,
    /// Where the dependent makes the reference.
    pub at: Location,
}

/// A provisioner in a `removed` block: it runs for an object that is no longer configured.
#[derive(Debug, Clone)]
pub struct RemovedBlock {
    pub module: ModulePath,
    /// Address as written, relative to `module`.
    pub from: String,
    pub lifecycle: Lifecycle,
    pub execs: Vec<Exec>,
    pub at: Location,
}

/// A provider configuration and what feeds it.
#[derive(Debug, Clone)]
pub struct ProviderNode {
    pub module: ModulePath,
    pub local_name: String,
    pub alias: Option<String>,
    pub source: String,
    pub text: String,
    pub at: Location,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    pub at: Location,
    pub module: ModulePath,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    #[error("the configuration refers to itself: {}; break the loop", .path.join(" -> "))]
    Cycle { path: Vec<String> },
    #[error("{at}: module `{module}` is not part of the snapshot; run the engine's init first")]
    MissingModule { module: String, at: Location },
    #[error("the snapshot holds module `{module}`, which nothing calls; the plan file is damaged")]
    UncalledModule { module: String },
}

/// The graph of one configuration.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    by_address: BTreeMap<String, NodeId>,
    providers: Vec<ProviderNode>,
    removed: Vec<RemovedBlock>,
    unresolved: Vec<Unresolved>,
    symbols: walk::Symbols,
}

impl Graph {
    pub fn build(configuration: &Configuration) -> Result<Graph, GraphError> {
        resolve::build(configuration)
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub fn find(&self, address: &str) -> Option<NodeId> {
        self.by_address.get(address).copied()
    }

    /// Ids and nodes, by address within each module.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (NodeId(index), node))
    }

    pub fn providers(&self) -> &[ProviderNode] {
        &self.providers
    }

    pub fn removed(&self) -> &[RemovedBlock] {
        &self.removed
    }

    /// References that name nothing in the configuration. An engine refuses these, so one that is
    /// left after a plan means that we misread something: the caller must refuse.
    pub fn unresolved(&self) -> &[Unresolved] {
        &self.unresolved
    }

    /// Direct dependencies of a block: everything its arguments read through locals, variables,
    /// outputs and provider configurations, without duplicates, in a fixed order.
    pub fn dependencies(&self, id: NodeId) -> Vec<Edge> {
        self.symbols.edges_from(id)
    }

    /// Every edge. Built as it goes: a chain of locals read by many blocks has quadratically many.
    pub fn edges(&self) -> impl Iterator<Item = Edge> {
        self.nodes().flat_map(|(id, _)| self.dependencies(id))
    }

    /// Edges of the blocks that read this one.
    pub fn direct_dependents(&self, id: NodeId) -> Vec<Edge> {
        let readers = self.symbols.direct_readers(id);
        let edges = readers
            .into_iter()
            .flat_map(|reader| self.dependencies(reader));
        edges.filter(|edge| edge.to == id).collect()
    }

    /// Every block that depends on one of these, directly or not; the given ones only when
    /// another of them is among their dependencies.
    pub fn dependents(&self, of: &[NodeId]) -> BTreeSet<NodeId> {
        self.symbols.readers(of)
    }

    /// Every block these depend on, directly or not.
    pub fn upstream(&self, of: &[NodeId]) -> BTreeSet<NodeId> {
        self.symbols.sources(of)
    }

    /// A shortest chain of edges from a dependent to something it depends on; of several, always
    /// the same one.
    pub fn shortest_path(&self, from: NodeId, to: NodeId) -> Option<Vec<Edge>> {
        let blocks = self.symbols.shortest(from, to)?;
        let mut path = Vec::with_capacity(blocks.len());
        for pair in blocks.windows(2) {
            let edges = self.dependencies(pair[0]).into_iter();
            // The strongest reason comes first in the order of kinds.
            path.push(
                edges
                    .filter(|edge| edge.to == pair[1])
                    .min_by_key(|edge| edge.kind)?,
            );
        }
        Some(path)
    }

    /// What a root output reads. `from` of these edges has no meaning beyond being equal to `to`.
    pub fn output_sources(&self, name: &str) -> Vec<Edge> {
        self.symbols.edges_from_output(name)
    }

    /// What feeds a provider configuration (an index into [`Graph::providers`]); `from` as above.
    pub fn provider_sources(&self, provider: usize) -> Vec<Edge> {
        self.symbols.edges_from_provider(provider)
    }

    /// Dependent and dependency addresses of the transitive closure.
    pub fn closure(&self) -> BTreeSet<(String, String)> {
        let mut pairs = BTreeSet::new();
        for (id, node) in self.nodes() {
            for source in self.upstream(&[id]) {
                if source != id {
                    pairs.insert((node.address.clone(), self.node(source).address.clone()));
                }
            }
        }
        pairs
    }
}
