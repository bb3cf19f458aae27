//! The rules of this repository that a machine can hold, as tests: what may be depended on, which way the layers point,
//! what no file may contain. Reasons stand beside the rules. Nothing here runs Ambit; behaviour is tested elsewhere.

mod dependencies;
mod layers;
mod source;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every file of the tree that git knows, relative to the root, with its bytes.
fn tracked() -> Vec<(String, Vec<u8>)> {
    let names = output(Command::new("git").args(["ls-files", "-z"]));
    let files: Vec<_> = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8(name.to_vec()).expect("file names are UTF-8"))
        // Listed, and deleted in the working tree.
        .filter_map(|name| Some((std::fs::read(root().join(&name)).ok()?, name)))
        .map(|(bytes, name)| (name, bytes))
        .collect();
    assert!(files.len() > 20, "git lists {} files only", files.len());
    files
}

fn tracked_sources() -> Vec<(String, String)> {
    tracked()
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rs"))
        .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("sources are UTF-8")))
        .collect()
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// All offences of a rule in one failure, so that they are mended in one go.
#[track_caller]
fn none(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}
