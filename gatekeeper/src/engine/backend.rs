//! Where a stack's state lives, for the local backend, and who may work on it now.
//!
//! The engine runs in a copy of the repository, so a relative state path would send the state
//! into the copy and lose it. The state of the user's tree is named by an absolute path on plan
//! *and* apply instead (`-state` on one of them alone ends in "different state lineage"). Seen
//! with OpenTofu 1.12 and Terraform 1.11, and what this module is built on:
//!
//! - `-state=ABS` beats `path` of a `backend "local"` block and beats the workspace: with
//!   `TF_WORKSPACE=prod` it is still exactly that file. The folder of the workspace is therefore
//!   worked out here, the way the engine does: `path` holds for the default workspace only;
//!   others live in `workspace_dir` (`terraform.tfstate.d`) `/<workspace>/terraform.tfstate`.
//! - `init` takes no `-state`. It would offer to migrate a `terraform.tfstate` it finds in the
//!   stack folder, so the seal leaves the stack's own state out.
//! - The engine holds a POSIX record lock on the state file and describes itself in
//!   `.<name>.lock.info` beside it. A killed engine leaves the description but not the lock, so
//!   only the lock counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use hcl_edit::structure::Body;
use rustix::fs::FlockOperation;
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use thiserror::Error;

use super::diagnostics::printable;
use super::find::Kind;
use super::state::{MAX_STATE, StateError, StateSnapshot};

const MAX_SOURCE: u64 = 16 << 20;
const MAX_LOCK_INFO: u64 = 64 << 10;

/// A backend by type and settings, as the configuration declares it or the settings give it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backend {
    /// `local` when nothing is declared.
    pub kind: String,
    pub config: BTreeMap<String, String>,
    /// Whether the configuration has a `backend` block that `init` can be given settings for.
    pub declared: bool,
}

/// The state of one stack and workspace at its place in the user's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalState {
    path: PathBuf,
    workspace: String,
    init_config: BTreeMap<String, String>,
}

/// Held while the gate works on a state; released when dropped.
#[derive(Debug)]
pub struct StateLock(#[allow(dead_code, reason = "the open file is the lock")] File);

/// The engine that holds the state, as far as it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockHolder {
    pub who: Option<String>,
    pub operation: Option<String>,
    pub created: Option<String>,
    pub process: Option<i32>,
}

#[derive(Debug, Error)]
pub enum BackendError {
    #[error("backend `{}` is not supported yet; only local", printable(kind))]
    NotLocal { kind: String },
    #[error("`{path}` could not be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("`{path}` is not understood: {reason}")]
    Malformed { path: String, reason: String },
    #[error("the backend is declared twice, in `{first}` and `{second}`")]
    Twice { first: String, second: String },
    #[error(
        "`{name}` of the local backend is not plain text in the configuration; \
         give it as `backend_config` of the stack"
    )]
    NotLiteral { name: String },
    #[error("`{name}` is not a setting of the local backend; it knows `path` and `workspace_dir`")]
    UnknownSetting { name: String },
    #[error("`{name}` is not a workspace name: it would not stay one folder name")]
    Workspace { name: String },
    #[error("state `{path}` is locked by another run of the gate; wait until it ends")]
    Busy { path: String },
    #[error("state `{path}` is locked by a running engine ({holder}); wait until it ends")]
    Locked { path: String, holder: String },
    #[error("the lock for state `{path}` could not be taken: {source}")]
    Lock { path: String, source: io::Error },
    #[error("state `{path}`: {source}")]
    State { path: String, source: StateError },
}

impl Backend {
    /// Reads the `backend` block of a stack folder. A `cloud` block counts as backend `cloud`.
    pub fn declared_in(stack_dir: &Path, kind: Kind) -> Result<Backend, BackendError> {
        let mut found: Option<(Backend, String, bool)> = None;
        for path in sources(stack_dir, kind)? {
            let name = shown(&path);
            let text = read_text(&path, MAX_SOURCE)?;
            let malformed = |reason| BackendError::Malformed {
                path: name.clone(),
                reason,
            };
            let declared = if name.ends_with(".json") {
                declared_json(&text).map_err(malformed)?
            } else {
                declared_hcl(&text).map_err(malformed)?
            };
            let overrides = is_override(&path);
            for backend in declared {
                match &found {
                    // The engine lets a backend in an override file replace the whole block.
                    Some((_, first, was_override)) if *was_override == overrides => {
                        return Err(BackendError::Twice {
                            first: first.clone(),
                            second: name,
                        });
                    }
                    Some((_, _, true)) => {}
                    _ => found = Some((backend, name.clone(), overrides)),
                }
            }
        }
        Ok(found.map_or_else(
            || Backend {
                kind: "local".into(),
                ..Backend::default()
            },
            |(b, _, _)| b,
        ))
    }
}

impl LocalState {
    /// The state file for `workspace`, with `settings` laid over what the configuration declares.
    pub fn resolve(
        declared: &Backend,
        settings: &BTreeMap<String, String>,
        stack_dir: &Path,
        workspace: &str,
    ) -> Result<LocalState, BackendError> {
        if declared.kind != "local" {
            return Err(BackendError::NotLocal {
                kind: declared.kind.clone(),
            });
        }
        if !is_workspace_name(workspace) {
            return Err(BackendError::Workspace {
                name: printable(workspace),
            });
        }
        let mut config = declared.config.clone();
        config.extend(settings.clone());
        if let Some(name) = config
            .keys()
            .find(|name| !matches!(name.as_str(), "path" | "workspace_dir"))
        {
            return Err(BackendError::UnknownSetting {
                name: printable(name),
            });
        }
        for (name, value) in &config {
            if value == NOT_LITERAL {
                return Err(BackendError::NotLiteral { name: name.clone() });
            }
        }
        let setting = |name: &str, usual: &str| -> PathBuf {
            let value = config.get(name).filter(|value| !value.is_empty());
            value.map_or_else(|| PathBuf::from(usual), PathBuf::from)
        };
        let relative = if workspace == "default" {
            setting("path", "terraform.tfstate")
        } else {
            setting("workspace_dir", "terraform.tfstate.d")
                .join(workspace)
                .join("terraform.tfstate")
        };
        let path = settle(&stack_dir.join(relative)).map_err(|source| BackendError::Read {
            path: shown(stack_dir),
            source,
        })?;
        let init_config = if declared.declared {
            settings.clone()
        } else {
            BTreeMap::new()
        };
        Ok(LocalState {
            path,
            workspace: workspace.to_owned(),
            init_config,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The state file and what the engine keeps beside it: not part of the configuration.
    pub fn files(&self) -> Vec<PathBuf> {
        let with = |suffix: &str| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        vec![self.path.clone(), with(".backup"), self.lock_info()]
    }

    /// What is there now; `None` when nothing was ever applied. An empty file counts as nothing:
    /// engines leave one behind when they lock a state that does not exist yet.
    pub fn read(&self) -> Result<Option<StateSnapshot>, BackendError> {
        let bytes = match read_bounded(&self.path, MAX_STATE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(BackendError::Read {
                    path: shown(&self.path),
                    source,
                });
            }
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        StateSnapshot::parse(&bytes)
            .map(Some)
            .map_err(|source| BackendError::State {
                path: shown(&self.path),
                source,
            })
    }

    /// Takes the gate's own lock, kept in `lock_dir` (the gate's state directory) so that nothing
    /// appears in the user's tree, and makes sure no engine is at work on the state.
    pub fn lock(&self, lock_dir: &Path) -> Result<StateLock, BackendError> {
        let error = |source| BackendError::Lock {
            path: shown(&self.path),
            source,
        };
        std::fs::create_dir_all(lock_dir).map_err(error)?;
        let name = super::hex(&super::sha256(self.path.as_os_str().as_encoded_bytes()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(lock_dir.join(format!("{}.lock", &name[..32])))
            .map_err(error)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(BackendError::Busy {
                    path: shown(&self.path),
                });
            }
            Err(errno) => return Err(error(errno.into())),
        }
        match self.holder().map_err(error)? {
            Some(holder) => Err(BackendError::Locked {
                path: shown(&self.path),
                holder: holder.to_string(),
            }),
            None => Ok(StateLock(file)),
        }
    }

    /// Which engine works on the state at this moment, if any.
    pub fn holder(&self) -> io::Result<Option<LockHolder>> {
        let file = match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Not ours to write: then the engine cannot either, and says so better.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(error),
        };
        let wanted = Flock {
            start: 0,
            length: 0,
            pid: None,
            typ: FlockType::WriteLock,
            offset_type: FlockOffsetType::Set,
        };
        let Some(held) = fcntl_getlk(&file, &wanted)? else {
            return Ok(None);
        };
        let mut holder = read_bounded(&self.lock_info(), MAX_LOCK_INFO)
            .map(|bytes| LockHolder::read(&bytes))
            .unwrap_or_default();
        holder.process = held.pid.map(|pid| pid.as_raw_nonzero().get());
        Ok(Some(holder))
    }

    /// Settings `init` needs to see the backend the user sees.
    pub(super) fn init_config(&self) -> &BTreeMap<String, String> {
        &self.init_config
    }

    /// `-state=ABS`.
    pub(super) fn flag(&self) -> OsString {
        let mut flag = OsString::from("-state=");
        flag.push(&self.path);
        flag
    }

    fn lock_info(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".lock.info");
        self.path.with_file_name(name)
    }
}

impl LockHolder {
    fn read(info: &[u8]) -> LockHolder {
        let value: serde_json::Value = serde_json::from_slice(info).unwrap_or_default();
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).map(printable);
        LockHolder {
            who: text("Who"),
            operation: text("Operation"),
            created: text("Created"),
            process: None,
        }
    }
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let process = self.process.map(|pid| format!("process {pid}"));
        let since = self
            .created
            .as_ref()
            .map(|created| format!("since {created}"));
        let parts = [self.operation.clone(), self.who.clone(), process, since];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(
            if parts.is_empty() {
                "it does not say which".to_owned()
            } else {
                parts.join(", ")
            }
            .as_str(),
        )
    }
}

/// Stands for a setting whose value only the engine could compute; no literal contains NUL.
const NOT_LITERAL: &str = "\0";

fn declared_hcl(text: &str) -> Result<Vec<Backend>, String> {
    let body: Body = text
        .parse()
        .map_err(|error: hcl_edit::parser::Error| printable(error.message()))?;
    let mut found = Vec::new();
    for terraform in body.get_blocks("terraform") {
        for block in terraform.body.blocks() {
            let kind = match (block.ident.as_str(), block.labels.as_slice()) {
                ("backend", [label]) => label.as_str().to_owned(),
                ("backend", _) => return Err("a `backend` block without exactly one type".into()),
                ("cloud", _) => "cloud".to_owned(),
                _ => continue,
            };
            let config = block.body.attributes().map(|attribute| {
                let value = attribute.value.as_str().unwrap_or(NOT_LITERAL);
                (attribute.key.as_str().to_owned(), value.to_owned())
            });
            found.push(Backend {
                kind,
                config: config.collect(),
                declared: true,
            });
        }
    }
    Ok(found)
}

/// In JSON every block may stand alone or in a list.
fn declared_json(text: &str) -> Result<Vec<Backend>, String> {
    use serde_json::Value;
    fn each(value: &Value) -> Vec<&Value> {
        value
            .as_array()
            .map_or_else(|| vec![value], |list| list.iter().collect())
    }
    let root: Value = serde_json::from_str(text).map_err(|error| printable(&error.to_string()))?;
    let mut found = Vec::new();
    for terraform in root.get("terraform").map(each).unwrap_or_default() {
        if terraform.get("cloud").is_some() {
            found.push(Backend {
                kind: "cloud".into(),
                config: BTreeMap::new(),
                declared: true,
            });
        }
        for backend in terraform.get("backend").map(each).unwrap_or_default() {
            let by_type = backend.as_object().ok_or("`backend` is not an object")?;
            for (kind, body) in by_type {
                let config = each(body)
                    .into_iter()
                    .filter_map(Value::as_object)
                    .flatten()
                    .map(|(key, value)| {
                        let literal = value
                            .as_str()
                            .filter(|text| !text.contains("${") && !text.contains("%{"));
                        (key.clone(), literal.unwrap_or(NOT_LITERAL).to_owned())
                    });
                let config = config.filter(|(key, _)| key != "//").collect();
                found.push(Backend {
                    kind: kind.clone(),
                    config,
                    declared: true,
                });
            }
        }
    }
    Ok(found)
}

/// Configuration files of one folder in name order; OpenTofu's own endings shadow the others.
fn sources(folder: &Path, kind: Kind) -> Result<Vec<PathBuf>, BackendError> {
    let error = |source| BackendError::Read {
        path: shown(folder),
        source,
    };
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        // The engine skips folders and editor leftovers; a name that is not text cannot end so.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let hidden = name.starts_with('.')
            || name.ends_with('~')
            || (name.starts_with('#') && name.ends_with('#'));
        if !hidden && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort();
    let shadowed = |name: &str| {
        let twin = name.strip_suffix(".tf").map(|stem| format!("{stem}.tofu"));
        let twin = twin.or_else(|| {
            name.strip_suffix(".tf.json")
                .map(|stem| format!("{stem}.tofu.json"))
        });
        twin.is_some_and(|twin| names.contains(&twin))
    };
    let tofu = kind == Kind::OpenTofu;
    let loaded = |name: &str| {
        let plain = name.ends_with(".tf") || name.ends_with(".tf.json");
        let own = name.ends_with(".tofu") || name.ends_with(".tofu.json");
        (plain && !(tofu && shadowed(name))) || (tofu && own)
    };
    Ok(names
        .iter()
        .filter(|name| loaded(name))
        .map(|name| folder.join(name))
        .collect())
}

fn is_override(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or("");
    stem == "override" || stem.ends_with("_override")
}

/// A name that the engine and every file system keep as one folder name.
fn is_workspace_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 90
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
}

/// Absolute, with links resolved as far as the path exists, so that one state has one name.
fn settle(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut existing = path.as_path();
    loop {
        match existing.canonicalize() {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |at, name| at.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match (existing.components().next_back(), existing.parent()) {
            (Some(Component::Normal(name)), Some(parent)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the state's folder does not exist",
                ));
            }
        }
    }
}

fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Not blocking: a pipe in place of the file is an error, not a wait for ever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

fn read_text(path: &Path, limit: u64) -> Result<String, BackendError> {
    let bytes = read_bounded(path, limit).map_err(|source| BackendError::Read {
        path: shown(path),
        source,
    })?;
    let bytes = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .map(<[u8]>::to_vec)
        .unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|_| BackendError::Malformed {
        path: shown(path),
        reason: "not UTF-8".into(),
    })
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    fn resolve(
        files: &[(&str, &str)],
        settings: &[(&str, &str)],
        workspace: &str,
    ) -> Result<String, BackendError> {
        let root = folder(files);
        let base = root.path().canonicalize().unwrap();
        let declared = Backend::declared_in(root.path(), Kind::OpenTofu)?;
        let settings = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let state = LocalState::resolve(&declared, &settings, root.path(), workspace)?;
        let path = state.path().to_owned();
        Ok(path
            .strip_prefix(&base)
            .map(|p| p.display().to_string())
            .unwrap_or(path.display().to_string()))
    }

    const CUSTOM: &str = "terraform {\n backend \"local\" {\n path = \"custom.state\"\n }\n}\n";

    #[test]
    fn the_state_is_where_the_engine_would_look() {
        for (files, settings, workspace, expected) in [
            (&[][..], &[][..], "default", "terraform.tfstate"),
            (
                &[],
                &[],
                "prod",
                "terraform.tfstate.d/prod/terraform.tfstate",
            ),
            (&[("m.tf", CUSTOM)], &[], "default", "custom.state"),
            (
                &[("m.tf", CUSTOM)],
                &[],
                "prod",
                "terraform.tfstate.d/prod/terraform.tfstate",
            ),
            (
                &[("m.tf", CUSTOM)],
                &[("path", "other.state")],
                "default",
                "other.state",
            ),
            (
                &[],
                &[("workspace_dir", "ws")],
                "prod",
                "ws/prod/terraform.tfstate",
            ),
            (
                &[],
                &[("path", "/nonexistent-ambit/s")],
                "default",
                "/nonexistent-ambit/s",
            ),
            (
                &[(
                    "m.tf.json",
                    r#"{"terraform":[{"backend":[{"local":{"path":"j","//":"note"}}]}]}"#,
                )],
                &[],
                "default",
                "j",
            ),
            (
                &[("m.tf", CUSTOM), ("m.tofu", "")],
                &[],
                "default",
                "terraform.tfstate",
            ),
            (
                &[
                    ("m.tf", CUSTOM),
                    ("z_override.tf", &CUSTOM.replace("custom", "over")),
                ],
                &[],
                "default",
                "over.state",
            ),
            (
                &[
                    ("a_override.tf", CUSTOM),
                    ("m.tf", &CUSTOM.replace("custom", "base")),
                ],
                &[],
                "default",
                "custom.state",
            ),
            (
                &[(".hidden.tf", CUSTOM), ("x.tf~", CUSTOM), ("b.txt", CUSTOM)],
                &[],
                "default",
                "terraform.tfstate",
            ),
            (
                &[(
                    "m.tf",
                    "terraform {\n backend \"local\" {\n path = \"\"\n }\n}",
                )],
                &[],
                "default",
                "terraform.tfstate",
            ),
        ] {
            assert_eq!(
                resolve(files, settings, workspace).unwrap(),
                expected,
                "{files:?} {settings:?} {workspace}"
            );
        }
    }

    #[test]
    fn refused() {
        for (files, settings, workspace, expected) in [
            (
                &[("m.tf", "terraform {\n backend \"s3\" {}\n}")][..],
                &[][..],
                "default",
                "backend `s3` is not supported yet; only local",
            ),
            (
                &[("m.tf", "terraform {\n cloud {}\n}")],
                &[],
                "default",
                "backend `cloud` is not supported yet; only local",
            ),
            (
                &[("m.tf.json", r#"{"terraform":{"backend":{"http":{}}}}"#)],
                &[],
                "default",
                "backend `http` is not",
            ),
            (
                &[("m.tf", "terraform {\n backend \"\u{202e}x\" {}\n}")],
                &[],
                "default",
                "\\u{202e}x",
            ),
            (
                &[("m.tf", CUSTOM), ("n.tf", CUSTOM)],
                &[],
                "default",
                "declared twice",
            ),
            (
                &[(
                    "m.tf",
                    "terraform {\n backend \"local\" {\n path = var.p\n }\n}",
                )],
                &[],
                "default",
                "`path` of the local backend is not plain",
            ),
            (
                &[(
                    "m.tf.json",
                    r#"{"terraform":{"backend":{"local":{"path":"${var.p}"}}}}"#,
                )],
                &[],
                "default",
                "not plain",
            ),
            (
                &[],
                &[("bucket", "b")],
                "default",
                "`bucket` is not a setting",
            ),
            (&[], &[], "../up", "not a workspace name"),
            (&[], &[], "", "not a workspace name"),
            (&[], &[], "..", "not a workspace name"),
            (&[], &[], "a/b", "not a workspace name"),
            (
                &[("m.tf", "terraform {")],
                &[],
                "default",
                "m.tf` is not understood",
            ),
            (
                &[("m.tf", "terraform {\n backend {}\n}")],
                &[],
                "default",
                "exactly one type",
            ),
            (
                &[("m.tf.json", r#"{"terraform":{"backend":3}}"#)],
                &[],
                "default",
                "not an object",
            ),
            (
                &[("m.tf.json", "{")],
                &[],
                "default",
                "m.tf.json` is not understood",
            ),
        ] {
            let error = resolve(files, settings, workspace)
                .expect_err(expected)
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn one_state_has_one_name_and_one_lock() {
        let root = folder(&[("real", "")]);
        std::os::unix::fs::symlink(
            root.path().join("real"),
            root.path().join("terraform.tfstate"),
        )
        .unwrap();
        let local = Backend {
            kind: "local".into(),
            ..Backend::default()
        };
        let state = |settings: &[(&str, &str)]| {
            let settings = settings
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            LocalState::resolve(&local, &settings, root.path(), "default").unwrap()
        };
        let (by_link, by_name) = (state(&[]), state(&[("path", "./real")]));
        assert_eq!(by_link.path(), by_name.path());

        let locks = root.path().join("locks");
        let held = by_link.lock(&locks).unwrap();
        assert!(matches!(
            by_name.lock(&locks),
            Err(BackendError::Busy { .. })
        ));
        drop(held);
        assert!(by_name.lock(&locks).is_ok());
    }

    #[test]
    fn a_description_without_a_lock_is_a_leftover() {
        let root = folder(&[
            ("terraform.tfstate", ""),
            (".terraform.tfstate.lock.info", r#"{"Who":"gone"}"#),
        ]);
        let local = Backend {
            kind: "local".into(),
            ..Backend::default()
        };
        let state = LocalState::resolve(&local, &BTreeMap::new(), root.path(), "default").unwrap();
        assert_eq!(state.holder().unwrap(), None);
        assert!(state.lock(&root.path().join("locks")).is_ok());
        assert_eq!(state.read().unwrap(), None, "an empty file is no state");
    }

    #[test]
    fn who_holds_the_lock_is_read_from_anything() {
        for (info, expected) in [
            (
                &br#"{"Who":"a@b","Operation":"OperationTypeApply","Created":"now"}"#[..],
                "OperationTypeApply, a@b, since now",
            ),
            (b"{\"Who\":\"\\u001b[2Jx\"}", "\\u{1b}[2Jx"),
            (b"{\"Who\":7}", "it does not say which"),
            (b"[]", "it does not say which"),
            (b"\xff", "it does not say which"),
            (b"", "it does not say which"),
        ] {
            assert_eq!(LockHolder::read(info).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_source_is_read_or_refused(text in "(terraform|backend|\"local\"|cloud|[ {}=\\[\\]\":,\n]|path|x){0,40}") {
            let _ = declared_hcl(&text);
            let _ = declared_json(&text);
        }
    }
}
