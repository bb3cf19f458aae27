//! The configuration the engine planned from, as bytes: from a plan file, or read from a directory
//! before any engine has run. Nothing is parsed here beyond the `source` of module calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::{self, Configuration, Dialect, ModulePath};

/// One file of a module, by its name inside the module's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Files of every module. Keys are module keys: empty or `root` for the root, `a.b` for a nested call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub modules: BTreeMap<String, Vec<SourceFile>>,
    /// Module key to directory, as in `modules.json`.
    pub manifest: BTreeMap<String, String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot read `{path}`: {error}; check that the directory exists and is readable")]
    Read { path: String, error: std::io::Error },
    #[error("`{path}` is larger than {limit} bytes; split the configuration")]
    TooLarge { path: String, limit: u64 },
    #[error("module `{key}` is nested deeper than {limit} levels; does a module call itself?")]
    TooDeep { key: String, limit: usize },
    #[error(transparent)]
    Config(#[from] config::ConfigError),
}

const FILE_LIMIT: u64 = 16 << 20;
const NESTING_LIMIT: usize = 32;

impl Snapshot {
    /// Reads a root module and the modules it calls by a local path. Calls with any other source
    /// stay missing: [`Configuration::missing_modules`] names them.
    pub fn from_dir(directory: &Path, dialect: Dialect) -> Result<Snapshot, SnapshotError> {
        Snapshot::from_installed(directory, dialect, &BTreeMap::new())
    }

    /// The same, with modules the engine has installed: module key to directory, relative to
    /// `directory`, as `modules.json` has them.
    pub fn from_installed(
        directory: &Path,
        dialect: Dialect,
        installed: &BTreeMap<String, String>,
    ) -> Result<Snapshot, SnapshotError> {
        let mut snapshot = Snapshot::default();
        let mut waiting = vec![(ModulePath::root(), PathBuf::from("."))];
        while let Some((path, relative)) = waiting.pop() {
            if path.depth() > NESTING_LIMIT {
                return Err(SnapshotError::TooDeep {
                    key: path.key(),
                    limit: NESTING_LIMIT,
                });
            }
            let files = read_directory(&directory.join(&relative), dialect)?;
            snapshot.modules.insert(path.key(), files);
            snapshot.manifest.insert(path.key(), display(&relative));
            for (name, source) in module_sources(&snapshot, &path, dialect)? {
                let child = path.child(&name);
                let place = match (installed.get(&child.key()), source) {
                    (Some(place), _) => PathBuf::from(place),
                    (None, Some(source)) if is_local(&source) => relative.join(source),
                    _ => continue,
                };
                waiting.push((child, lexically_normal(&place)));
            }
        }
        Ok(snapshot)
    }
}

fn module_sources(
    snapshot: &Snapshot,
    path: &ModulePath,
    dialect: Dialect,
) -> Result<Vec<(String, Option<String>)>, SnapshotError> {
    let module = Configuration::load_module(snapshot, path, dialect)?;
    let sources = module.calls.into_iter().map(|(name, call)| {
        let source = call
            .source
            .as_ref()
            .and_then(|source| source.literal_text());
        (name, source.map(str::to_owned))
    });
    Ok(sources.collect())
}

fn read_directory(directory: &Path, dialect: Dialect) -> Result<Vec<SourceFile>, SnapshotError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| SnapshotError::Read { path, error }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed(directory))? {
        let entry = entry.map_err(failed(directory))?;
        let path = entry.path();
        // A name that is not UTF-8 cannot be one the engine loads.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !config::is_configuration_file(&name, dialect) {
            continue;
        }
        let details = std::fs::metadata(&path).map_err(failed(&path))?;
        if details.is_dir() {
            continue;
        }
        if details.len() > FILE_LIMIT {
            return Err(SnapshotError::TooLarge {
                path: path.display().to_string(),
                limit: FILE_LIMIT,
            });
        }
        let bytes = std::fs::read(&path).map_err(failed(&path))?;
        files.push(SourceFile { name, bytes });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The engines take a source for a local path only when it starts like this.
pub(crate) fn is_local(source: &str) -> bool {
    ["./", "../", ".\\", "..\\"]
        .iter()
        .any(|start| source.starts_with(start))
        || source == "."
        || source == ".."
}

fn lexically_normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(normal.components().next_back(), Some(Component::Normal(_))) =>
            {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    if normal.as_os_str().is_empty() {
        normal.push(".");
    }
    normal
}

fn display(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
