//! The sealed copy of a repository that the engine works in.
//!
//! Plans see the files that were digested, not what somebody writes next to them meanwhile, and
//! what an engine or a provisioner writes does not reach the user's tree. The copy lies at one
//! path per repository and stack, because `path.cwd` and `abspath` put that path into plans; a
//! lock keeps two runs from sharing it. Ignored build output comes along: configurations refer to
//! it. Repository data, the engine's working folder and the stack's own state stay behind.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::FlockOperation;
use thiserror::Error;

use super::tree::{self, Manifest, TreeError};

/// Left out wherever they appear: repository data, engine working folders, the gate's own.
const NEVER_COPIED: [&str; 3] = [".git", ".terraform", ".ambit"];
const ERRORED_STATE: &str = "errored.tfstate";

pub struct SealRequest<'a> {
    /// Top level of the repository.
    pub repository: &'a Path,
    /// Folder of the stack, relative to the top level; empty for the top level itself.
    pub stack_dir: &'a Path,
    /// Name of the stack; two stacks may share a folder.
    pub stack: &'a str,
    /// The gate's state directory; must lie outside the repository.
    pub gate_dir: &'a Path,
    /// Paths, absolute or relative to the top level, that are neither copied nor digested:
    /// the state files of [`LocalState::files`](super::LocalState::files), caches.
    pub exclude: &'a [PathBuf],
    /// File names that are copied and not digested: approvals, which must not change what they approve.
    pub undigested: &'a [&'a str],
    pub max_bytes: u64,
}

/// A copy in place, and the lock on it. Dropping it frees the lock; the files stay until the
/// next copy, so that what an engine left can be looked at.
#[derive(Debug)]
pub struct Seal {
    root: PathBuf,
    stack_dir: PathBuf,
    packages: PathBuf,
    sealed: Manifest,
    digest: TreeDigest,
    /// The open file is the lock.
    #[allow(dead_code, reason = "held, not read")]
    lock: File,
}

/// Digest of the configuration inputs in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeDigest(pub [u8; 32]);

/// What is different in the seal since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// By path, relative to the repository's top level. May be lossy for names that are not UTF-8.
    pub files: Vec<WrittenFile>,
    /// The stack's `.terraform.lock.hcl`.
    pub lock_file: Option<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Created,
    Changed,
    Removed,
}

#[derive(Debug, Error)]
pub enum SealError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the sealed copy in `{path}` could not be {doing}: {source}")]
    Io {
        path: String,
        doing: &'static str,
        source: io::Error,
    },
    #[error("another run{holder} is using the sealed copy of this stack; wait until it ends")]
    Busy { holder: String },
    #[error(
        "the gate's state directory `{gate}` lies inside the repository `{repository}`; move it outside"
    )]
    GateInside { gate: String, repository: String },
    #[error("stack folder `{path}` is not a folder inside the repository")]
    StackDir { path: String },
    #[error(
        "the repository has {bytes} bytes to copy, more than the {limit} allowed; largest: {largest}; \
         exclude what the configuration does not need"
    )]
    TooLarge {
        bytes: u64,
        limit: u64,
        largest: String,
    },
    #[error(
        "an earlier apply could not store its state and left it in `{path}`; \
         put it back with the engine's `state push`, then remove that file"
    )]
    StateLeft { path: String },
}

impl Seal {
    pub fn copy(request: &SealRequest<'_>) -> Result<Seal, SealError> {
        let repository = canonical(request.repository, "read")?;
        let place = Place::of(request, &repository)?;
        let lock = place.lock()?;
        place.refuse_left_state(request.stack_dir)?;

        let exclude = Exclude::of(request, &repository);
        let skip = |path: &OsStr| exclude.covers(path);
        let measure = tree::measure(&repository, &skip)?;
        if measure.bytes > request.max_bytes {
            return Err(SealError::TooLarge {
                bytes: measure.bytes,
                limit: request.max_bytes,
                largest: largest(&measure),
            });
        }
        let root = place.clear(&repository)?;
        let sealed = tree::copy(&repository, &root, &skip, request.max_bytes)?;
        let stack_dir = root.join(request.stack_dir);
        if !stack_dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            return Err(SealError::StackDir {
                path: tree::shown(request.stack_dir.as_os_str()),
            });
        }
        let digest = TreeDigest(tree::digest(&sealed, &|path| {
            let name = file_name(path);
            is_state_name(name)
                || request
                    .undigested
                    .iter()
                    .any(|other| OsStr::new(other) == name)
        }));
        Ok(Seal {
            root,
            stack_dir,
            packages: place.packages,
            sealed,
            digest,
            lock,
        })
    }

    /// The copy of the repository's top level.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn stack_dir(&self) -> &Path {
        &self.stack_dir
    }

    /// Where provider packages are kept from one copy to the next.
    pub fn packages(&self) -> &Path {
        &self.packages
    }

    pub fn tree_digest(&self) -> TreeDigest {
        self.digest
    }

    /// What was written since the copy was made, apart from the engine's working folder.
    pub fn written(&self) -> Result<Written, SealError> {
        let working = self.relative(".terraform");
        let lock_file = self.relative(".terraform.lock.hcl");
        let (now, special) = tree::list(&self.root, &|path| path == working)?;
        let mut written = Written::default();
        let mut report = |path: &OsStr, change| {
            if path == lock_file {
                written.lock_file = Some(change);
            } else {
                written.files.push(WrittenFile {
                    path: PathBuf::from(path),
                    change,
                });
            }
        };
        for path in self
            .sealed
            .keys()
            .chain(now.keys())
            .collect::<BTreeSet<_>>()
        {
            match (self.sealed.get(path), now.get(path)) {
                (Some(before), Some(after)) if before == after => {}
                (Some(_), Some(_)) => report(path, Change::Changed),
                (Some(_), None) => report(path, Change::Removed),
                (None, _) => report(path, Change::Created),
            }
        }
        for path in &special {
            report(path, Change::Created);
        }
        written.files.sort();
        Ok(written)
    }

    /// The state the engine kept here because it could not store it at its place. It is the only
    /// record of what an apply did: hand it to the user. The next copy refuses while it is there.
    pub fn left_state(&self) -> Option<PathBuf> {
        let path = self.stack_dir.join(ERRORED_STATE);
        path.symlink_metadata().is_ok().then_some(path)
    }

    fn relative(&self, name: &str) -> OsString {
        let path = self.stack_dir.join(name);
        path.strip_prefix(&self.root)
            .unwrap_or(&path)
            .as_os_str()
            .to_owned()
    }
}

impl fmt::Display for TreeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", super::hex(&self.0))
    }
}

/// Where the copy of one repository and stack lies.
struct Place {
    base: PathBuf,
    packages: PathBuf,
}

impl Place {
    fn of(request: &SealRequest<'_>, repository: &Path) -> Result<Place, SealError> {
        let down_only = request
            .stack_dir
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !down_only {
            return Err(SealError::StackDir {
                path: tree::shown(request.stack_dir.as_os_str()),
            });
        }
        make_private(request.gate_dir)?;
        let gate = canonical(request.gate_dir, "read")?;
        if gate.starts_with(repository) {
            return Err(SealError::GateInside {
                gate: tree::shown(gate.as_os_str()),
                repository: tree::shown(repository.as_os_str()),
            });
        }
        let mut name = repository.as_os_str().as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(request.stack.as_bytes());
        let base = gate
            .join("seals")
            .join(&super::hex(&super::sha256(&name))[..16]);
        let packages = base.join("packages");
        for folder in [&base, &packages] {
            make_private(folder)?;
        }
        Ok(Place { base, packages })
    }

    fn lock(&self) -> Result<File, SealError> {
        let path = self.base.join("lock");
        let error = |source| io_error(&path, "locked", source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(error)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.take(20).read_to_string(&mut holder);
                let number = holder.trim().parse::<u32>().ok();
                let holder = number
                    .map(|pid| format!(" (process {pid})"))
                    .unwrap_or_default();
                return Err(SealError::Busy { holder });
            }
            Err(errno) => return Err(error(errno.into())),
        }
        file.set_len(0).map_err(error)?;
        file.write_all(std::process::id().to_string().as_bytes())
            .map_err(error)?;
        Ok(file)
    }

    /// Holds one folder, the copy.
    fn tree(&self) -> PathBuf {
        self.base.join("tree")
    }

    fn refuse_left_state(&self, stack_dir: &Path) -> Result<(), SealError> {
        let Ok(roots) = std::fs::read_dir(self.tree()) else {
            return Ok(());
        };
        for root in roots.flatten() {
            let left = root.path().join(stack_dir).join(ERRORED_STATE);
            if left.symlink_metadata().is_ok() {
                return Err(SealError::StateLeft {
                    path: tree::shown(left.as_os_str()),
                });
            }
        }
        Ok(())
    }

    /// Removes the copy before and gives the path for the next one. It keeps the name of the
    /// repository's folder: configurations use `basename(path.cwd)`.
    fn clear(&self, repository: &Path) -> Result<PathBuf, SealError> {
        let tree = self.tree();
        match std::fs::remove_dir_all(&tree) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error(&tree, "removed", source)),
        }
        make_private(&tree)?;
        Ok(tree.join(repository.file_name().unwrap_or(OsStr::new("root"))))
    }
}

/// What does not come along.
struct Exclude {
    paths: BTreeSet<OsString>,
    stack_dir: OsString,
}

impl Exclude {
    fn of(request: &SealRequest<'_>, repository: &Path) -> Exclude {
        let relative = |path: &PathBuf| -> Option<OsString> {
            let path = if path.is_absolute() {
                path.strip_prefix(repository).ok()?
            } else {
                path
            };
            Some(path.as_os_str().to_owned())
        };
        Exclude {
            paths: request
                .exclude
                .iter()
                .filter_map(relative)
                .filter(|path| !path.is_empty())
                .collect(),
            stack_dir: request.stack_dir.as_os_str().to_owned(),
        }
    }

    fn covers(&self, path: &OsStr) -> bool {
        let name = file_name(path);
        if NEVER_COPIED.iter().any(|never| OsStr::new(never) == name) || self.paths.contains(path) {
            return true;
        }
        if name.as_bytes().ends_with(b".lock.info") && name.as_bytes().starts_with(b".") {
            return true;
        }
        // The stack's own state is named to the engine where it really is; finding a copy too,
        // `init` would offer to migrate it. State of other stacks comes along, because
        // `terraform_remote_state` reads it by relative path.
        let parent = Path::new(path).parent().unwrap_or(Path::new(""));
        parent.as_os_str() == self.stack_dir
            && (is_state_name(name) || name == "terraform.tfstate.d")
    }
}

/// State, its backups and what is kept for a failed write: data, not configuration.
fn is_state_name(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let contains = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    name.ends_with(b".tfstate") || (contains(b".tfstate.") && name.ends_with(b".backup"))
}

fn file_name(path: &OsStr) -> &OsStr {
    Path::new(path).file_name().unwrap_or(path)
}

fn largest(measure: &tree::Measure) -> String {
    let mut folders: Vec<_> = measure.folders.iter().collect();
    folders.sort_by_key(|(path, bytes)| (std::cmp::Reverse(**bytes), path.len()));
    let named = folders
        .iter()
        .take(3)
        .map(|(path, bytes)| format!("`{}` ({bytes} bytes)", tree::shown(path)));
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        "files at the top level".to_owned()
    } else {
        named.join(", ")
    }
}

fn make_private(path: &Path) -> Result<(), SealError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| io_error(path, "made", source))
}

fn canonical(path: &Path, doing: &'static str) -> Result<PathBuf, SealError> {
    path.canonicalize()
        .map_err(|source| io_error(path, doing, source))
}

fn io_error(path: &Path, doing: &'static str, source: io::Error) -> SealError {
    SealError::Io {
        path: tree::shown(path.as_os_str()),
        doing,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_state() {
        for (name, expected) in [
            ("terraform.tfstate", true),
            ("terraform.tfstate.backup", true),
            ("terraform.tfstate.1700000000.backup", true),
            ("errored.tfstate", true),
            (".tfstate", true),
            ("tfstate", false),
            ("main.tf", false),
            ("x.tfstate.md", false),
            ("notes.backup", false),
        ] {
            assert_eq!(is_state_name(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn what_stays_behind() {
        let exclude = Exclude {
            paths: BTreeSet::from(["a/cache".into()]),
            stack_dir: "a".into(),
        };
        for (path, expected) in [
            (".git", true),
            ("vendor/module/.git", true),
            ("a/.terraform", true),
            (".ambit", true),
            ("a/terraform.tfstate", true),
            ("a/terraform.tfstate.d", true),
            ("b/terraform.tfstate", false),
            ("b/.terraform.tfstate.lock.info", true),
            ("a/cache", true),
            ("b/cache", false),
            ("a/.terraform.lock.hcl", false),
            ("a/.gitignore", false),
            ("a/build/lambda.zip", false),
        ] {
            assert_eq!(exclude.covers(OsStr::new(path)), expected, "{path}");
        }
    }
}
