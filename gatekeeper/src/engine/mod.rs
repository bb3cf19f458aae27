//! Running OpenTofu or Terraform so that what runs is what the gate decided about.
//!
//! The engine sees a sealed copy of the repository, an environment built from nothing, a
//! command line configuration of ours, and provider packages whose hashes were checked. Its
//! plan lives in sealed memory from birth; the same bytes are hashed, shown and applied. The
//! user's tree is only ever written through the state file at its own place.
//!
//! ```text
//! Engine ─┐
//! Seal ───┼─► Run ─ init ─► packages        (providers and their hashes)
//! Local ──┤       ─ plan ─► PlanBytes       (sealed, hashed)
//! Environment     ─ show_json ─► JSON       (once per plan)
//!                 ─ apply ─► Applied        (events, how it ended)
//! ```
//!
//! This is the only module that starts processes. It never decides whether something may run,
//! never reads authority, and never interprets a plan: it hands over bytes, events and facts.

pub mod backend;
pub mod cli_config;
pub mod diagnostics;
pub mod environment;
pub mod events;
pub mod find;
pub mod interrupt;
pub mod packages;
pub mod plan_bytes;
mod process;
pub mod run;
pub mod seal;
pub mod state;
mod tree;

pub use backend::{Backend, BackendError, LocalState, LockHolder, StateLock};
pub use cli_config::{CliConfig, CliConfigError};
pub use diagnostics::{Diagnostic, Severity, printable};
pub use environment::{Environment, EnvironmentError, EnvironmentRequest, Profile};
pub use events::{Event, ResourceRef};
pub use find::{Engine, FindError, Kind, Version};
pub use interrupt::Interrupts;
pub use packages::{PackageError, ProviderPackage};
pub use plan_bytes::{ForeignPlan, PlanBytes};
pub use process::Exit;
pub use run::{
    Applied, ApplyEnd, EngineError, Flow, InitReport, Mode, Phase, PlanArgs, Planned, Run,
};
pub use seal::{Change, Seal, SealError, SealRequest, TreeDigest, Written, WrittenFile};
pub use state::{Index, Instance, StateError, StateSnapshot};
pub use tree::TreeError;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Content of a file the configuration names, relative to the sealed stack directory as the engine resolves it. `None`
/// where there is no such file. A file outside the seal is not the seal's to vouch for and reads as absent.
pub fn read_sealed(seal: &Seal, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    let Ok(file) = seal.stack_dir().join(path).canonicalize() else {
        return Ok(None);
    };
    if !file.starts_with(seal.root().canonicalize()?) || !file.is_file() {
        return Ok(None);
    }
    std::fs::read(file).map(Some)
}

/// Every file that may set root variables, by name: those the engine finds by itself, then those given.
pub fn variable_files(
    seal: &Seal,
    given: &[std::path::PathBuf],
) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(seal.stack_dir())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".tfvars") || name.ends_with(".tfvars.json") {
            names.push(name);
        }
    }
    names.sort();
    let own = names.iter().map(std::path::PathBuf::from);
    own.chain(given.iter().cloned())
        .map(|path| {
            let content = std::fs::read(seal.stack_dir().join(&path))?;
            Ok((path.to_string_lossy().into_owned(), content))
        })
        .collect()
}
