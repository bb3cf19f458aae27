//! The graph against the engine's own: every dependency the engine orders by must be found.
//!
//! The engine's DOT output, for planning and for applying, is reduced to resource blocks and
//! closed transitively. A pair of ours that the engine lacks must come from the kinds that are
//! deliberately wider (whole modules, conditions).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use ambit_gatekeeper::graph::{Configuration, Dialect, EdgeKind, Graph, Snapshot};

type Pairs = BTreeSet<(String, String)>;

#[test]
fn locals_and_splats() {
    check("graph-locals-splats");
}

#[test]
fn nested_modules() {
    check("graph-nested-modules");
}

#[test]
fn repeated_modules() {
    check("graph-repeated-modules");
}

#[test]
fn hard_expressions() {
    check("graph-hard-expressions");
}

#[test]
fn lexical_traps() {
    check("graph-lexical");
}

#[test]
fn triggers_and_conditions() {
    check("graph-triggers-conditions");
}

#[test]
fn validated_variables() {
    check("graph-validated-variables");
}

#[test]
fn checks_and_data_sources() {
    check("graph-checks-data");
}

#[test]
fn removed_moved_and_import() {
    check("graph-removed-moved-import");
}

#[test]
fn provisioners_and_connections() {
    check("graph-provisioners");
}

#[test]
fn depends_on_resources_and_modules() {
    check("graph-depends-on");
}

#[test]
fn json_syntax() {
    check("graph-json-syntax");
}

#[test]
fn override_files() {
    check("graph-overrides");
}

#[test]
fn tofu_files() {
    // Terraform reads the `.tf` file that OpenTofu passes over, so both have something to say.
    check("graph-tofu-files");
}

fn check(name: &str) {
    let engine = Engine::find();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/configs")
        .join(name);
    let workspace = tempfile::tempdir().expect("a temporary directory");
    copy(&source, workspace.path());

    engine.run(workspace.path(), &["init", "-no-color", "-input=false"]);
    let planned = closure(&engine.run(workspace.path(), &["graph", "-type=plan"]));
    engine.run(
        workspace.path(),
        &["plan", "-no-color", "-input=false", "-out=plan.out"],
    );
    let applied = closure(&engine.run(workspace.path(), &["graph", "-plan=plan.out"]));
    let oracle: Pairs = planned.union(&applied).cloned().collect();
    assert!(
        !oracle.is_empty(),
        "the engine's graph of `{name}` has no edges to compare with"
    );

    let snapshot = Snapshot::from_dir(&source, engine.dialect).expect("a snapshot");
    let configuration = Configuration::load(&snapshot, engine.dialect).expect("a configuration");
    assert_eq!(configuration.unknown_blocks().count(), 0);
    let graph = Graph::build(&configuration).expect("a graph");
    assert_eq!(graph.unresolved(), &[]);

    let missing: Pairs = oracle.difference(&graph.closure()).cloned().collect();
    assert_eq!(
        missing,
        Pairs::new(),
        "the engine orders by these, we do not"
    );
    let unexplained: Pairs = narrow_closure(&graph)
        .difference(&oracle)
        .cloned()
        .collect();
    assert_eq!(
        unexplained,
        Pairs::new(),
        "we see these, the engine does not"
    );
}

/// The closure over the kinds that claim to be exact.
fn narrow_closure(graph: &Graph) -> Pairs {
    let mut adjacent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for edge in graph.edges() {
        if !matches!(edge.kind, EdgeKind::Condition | EdgeKind::ModuleMeta) {
            let from = graph.node(edge.from).address.clone();
            adjacent
                .entry(from)
                .or_default()
                .insert(graph.node(edge.to).address.clone());
        }
    }
    reachable(&adjacent, Some)
}

struct Engine {
    program: PathBuf,
    dialect: Dialect,
}

impl Engine {
    fn find() -> Engine {
        let named = std::env::var_os("AMBIT_ENGINE").map(PathBuf::from);
        let candidates = match named {
            Some(named) => vec![named],
            None => vec![PathBuf::from("tofu"), PathBuf::from("terraform")],
        };
        for program in candidates {
            let Ok(output) = Command::new(&program).arg("version").output() else {
                continue;
            };
            let version = String::from_utf8_lossy(&output.stdout).into_owned();
            let dialect = if version.contains("OpenTofu") {
                Dialect::OpenTofu
            } else {
                Dialect::Terraform
            };
            return Engine { program, dialect };
        }
        panic!("no engine: set AMBIT_ENGINE, or put `tofu` or `terraform` on PATH");
    }

    fn run(&self, directory: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(directory);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TF_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", directory)
            .env("CHECKPOINT_DISABLE", "1");
        let output = command.output().expect("the engine starts");
        assert!(
            output.status.success(),
            "{arguments:?} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a fixture directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn closure(dot: &str) -> Pairs {
    let mut adjacent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in dot.lines() {
        if let Some((from, to)) = line.trim().split_once(" -> ") {
            adjacent
                .entry(dot_name(from))
                .or_default()
                .insert(dot_name(to));
        }
    }
    reachable(&adjacent, |name| resource_block(&name))
}

fn reachable(
    adjacent: &BTreeMap<String, BTreeSet<String>>,
    block: impl Fn(String) -> Option<String>,
) -> Pairs {
    let mut pairs = Pairs::new();
    for start in adjacent.keys() {
        let Some(from) = block(start.clone()) else {
            continue;
        };
        let mut seen = BTreeSet::new();
        let mut waiting = vec![start];
        while let Some(name) = waiting.pop() {
            for next in adjacent.get(name).into_iter().flatten() {
                if seen.insert(next) {
                    waiting.push(next);
                }
            }
        }
        let blocks = seen.into_iter().filter_map(|name| block(name.clone()));
        pairs.extend(blocks.filter(|to| *to != from).map(|to| (from.clone(), to)));
    }
    pairs
}

/// `"[root] module.a.x.y[\"k\"] (expand)"` without quoting and the prefix.
fn dot_name(text: &str) -> String {
    let text = text.trim_end_matches(';').trim();
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.rsplit_once('"'));
    let inner = inner.map_or(text, |(inner, _)| inner).replace("\\\"", "\"");
    inner.strip_prefix("[root] ").unwrap_or(&inner).to_owned()
}

/// The resource block a node of the engine's graph belongs to, if it belongs to one.
fn resource_block(name: &str) -> Option<String> {
    let name = name.strip_suffix(" (expand)").unwrap_or(name);
    if name.contains(" (") || name.starts_with("provider[") {
        return None;
    }
    let mut block = String::new();
    let mut key = false;
    let mut quoted = false;
    for character in name.chars() {
        match character {
            '"' if key => quoted = !quoted,
            '[' if !quoted => key = true,
            ']' if !quoted => key = false,
            other if !key => block.push(other),
            _ => {}
        }
    }
    let mut parts = block.split('.').peekable();
    while parts.next_if_eq(&"module").is_some() {
        parts.next()?;
    }
    parts.next_if_eq(&"data");
    let kind = parts.next()?;
    parts.next()?;
    let words = [
        "local", "var", "output", "check", "provider", "root", "meta",
    ];
    (parts.next().is_none() && !words.contains(&kind)).then_some(block)
}
