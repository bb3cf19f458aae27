//! Configurations written inside a test: `path: text` pairs to snapshots, and edges to lines.

#![allow(dead_code)] // each test file uses its own part of this

use ambit_gatekeeper::graph::config::ConfigError;
use ambit_gatekeeper::graph::{
    Configuration, Dialect, Edge, Graph, GraphError, Snapshot, SourceFile,
};

/// Files by `module key/file name`; without a slash the file belongs to the root.
pub fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        let (key, name) = path.rsplit_once('/').unwrap_or(("", path));
        snapshot
            .modules
            .entry(key.to_owned())
            .or_default()
            .push(SourceFile {
                name: name.to_owned(),
                bytes: text.as_bytes().to_vec(),
            });
        let directory = if key.is_empty() {
            ".".to_owned()
        } else {
            key.replace('.', "/")
        };
        snapshot.manifest.insert(key.to_owned(), directory);
    }
    snapshot
}

pub fn load(files: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    Configuration::load(&snapshot(files), Dialect::OpenTofu)
}

pub fn configuration(files: &[(&str, &str)]) -> Configuration {
    load(files).unwrap_or_else(|error| panic!("{error} in {files:?}"))
}

pub fn try_graph(files: &[(&str, &str)]) -> Result<Graph, GraphError> {
    Graph::build(&configuration(files))
}

pub fn graph(files: &[(&str, &str)]) -> Graph {
    try_graph(files).unwrap_or_else(|error| panic!("{error}"))
}

/// `dependent.argument <- source[key].path (kind)`
pub fn line(graph: &Graph, edge: &Edge) -> String {
    use ambit_gatekeeper::graph::Step;
    let key = match &edge.source_key {
        None => String::new(),
        Some(Step::Key(key)) => format!("[{key:?}]"),
        Some(Step::Index(index)) => format!("[{index}]"),
        Some(_) => "[*]".to_owned(),
    };
    let path = edge
        .source_path
        .as_ref()
        .map(|path| format!(".{path}"))
        .unwrap_or_default();
    format!(
        "{} {} <- {}{key}{path} ({:?})",
        graph.node(edge.from).address,
        edge.argument,
        graph.node(edge.to).address,
        edge.kind
    )
}

pub fn lines(graph: &Graph) -> Vec<String> {
    graph.edges().map(|edge| line(graph, &edge)).collect()
}
