//! The configuration as data: what is declared, where, and what each expression refers to.
//!
//! This is what the gate reads instead of plan JSON, which leaves out locals, `dynamic`,
//! lifecycle, connections, `removed` blocks and the text of every command. Nothing is evaluated,
//! no reference is resolved (that is `resolve`), and nothing unknown is skipped: a block or
//! meta-argument we do not know is collected in [`Module::unknown_blocks`] for the caller to refuse.

pub mod body;
mod declarations;
mod decode;
mod execution;
pub mod expression;
mod json;
mod lower;
mod native;
mod overrides;
mod provider_names;
pub mod settings;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use body::{Attribute, Block, Body};
pub use declarations::{
    Check, Exec, Import, Lifecycle, Mode, Module, ModuleCall, ModulePath, Moved, Output,
    ProviderConfig, ProviderReference, Removed, Resource, ResourceId, UnknownBlock, Variable, When,
};
pub use expression::{AttributePath, Expr, FileRead, Location, Reference, Step};
pub use settings::{Backend, ProviderRequirement, Setting, Settings};

use super::snapshot::{Snapshot, SourceFile};

/// Which engine's rules decide what is loaded: only OpenTofu knows `.tofu` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenTofu,
    Terraform,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{file}:{line}: cannot parse the configuration: {reason}")]
    Syntax {
        file: String,
        line: u32,
        reason: String,
    },
    #[error("{file}: the file is not valid UTF-8; save it as UTF-8")]
    Encoding { file: String },
    #[error("{at}: {what} is declared twice, first at {first}; remove one of them")]
    Duplicate {
        at: Location,
        first: Location,
        what: String,
    },
    #[error("{at}: {problem}")]
    Invalid { at: Location, problem: String },
    #[error("module key `{key}` in the snapshot is not a list of names; the plan file is damaged")]
    ModuleKey { key: String },
    #[error("file `{name}` occurs twice in module `{module}`; the plan file is damaged")]
    DuplicateFile { module: String, name: String },
}

/// Every module of a snapshot, decoded.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    pub modules: BTreeMap<ModulePath, Module>,
}

impl Configuration {
    pub fn load(snapshot: &Snapshot, dialect: Dialect) -> Result<Configuration, ConfigError> {
        let mut modules = BTreeMap::new();
        for key in snapshot.modules.keys() {
            let path = ModulePath::from_key(key)
                .ok_or_else(|| ConfigError::ModuleKey { key: key.clone() })?;
            let module = Configuration::load_module(snapshot, &path, dialect)?;
            if modules.insert(path, module).is_some() {
                return Err(ConfigError::ModuleKey { key: key.clone() });
            }
        }
        Ok(Configuration { modules })
    }

    pub(crate) fn load_module(
        snapshot: &Snapshot,
        path: &ModulePath,
        dialect: Dialect,
    ) -> Result<Module, ConfigError> {
        let key = path.key();
        // The root is `` in the manifest and may be either in a snapshot.
        let alternative = if path.is_root() { "root" } else { key.as_str() };
        let files = snapshot
            .modules
            .get(&key)
            .or_else(|| snapshot.modules.get(alternative));
        let directory = snapshot
            .manifest
            .get(&key)
            .or_else(|| snapshot.manifest.get(alternative));
        let directory = match directory {
            None if path.is_root() => Some(".".to_owned()),
            other => other.cloned(),
        };
        let files = loaded_files(files.map_or(&[], Vec::as_slice), path, dialect)?;
        let mut primary = Vec::new();
        let mut overriding = Vec::new();
        for file in files {
            let body = parse_file(file, path, directory.as_deref())?;
            let target = if is_override(&file.name) {
                &mut overriding
            } else {
                &mut primary
            };
            target.push(body);
        }
        let merged = overrides::merge(primary, overriding);
        decode::module(path.clone(), directory, merged)
    }

    pub fn root(&self) -> Option<&Module> {
        self.modules.get(&ModulePath::root())
    }

    /// Calls whose module is not in the snapshot, with the source as written.
    pub fn missing_modules(&self) -> Vec<(ModulePath, String, Location)> {
        let mut missing = Vec::new();
        for module in self.modules.values() {
            for (name, call) in &module.calls {
                let child = module.path.child(name);
                if !self.modules.contains_key(&child) {
                    let source = call.source.as_ref().map(Expr::text).unwrap_or_default();
                    missing.push((child, source, call.at.clone()));
                }
            }
        }
        missing
    }

    pub fn unknown_blocks(&self) -> impl Iterator<Item = (&ModulePath, &UnknownBlock)> {
        let modules = self.modules.values();
        modules.flat_map(|module| {
            module
                .unknown_blocks
                .iter()
                .map(|block| (&module.path, block))
        })
    }
}

/// Constant folding: the JSON-like value of an expression made of literals alone.
pub fn literal(expression: &Expr) -> Option<serde_json::Value> {
    expression.literal()
}

/// Does the engine load a file of this name as configuration?
pub(crate) fn is_configuration_file(name: &str, dialect: Dialect) -> bool {
    let ignored = name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'));
    let endings: &[&str] = match dialect {
        Dialect::OpenTofu => &[".tf", ".tf.json", ".tofu", ".tofu.json"],
        Dialect::Terraform => &[".tf", ".tf.json"],
    };
    !ignored && endings.iter().any(|ending| name.ends_with(ending))
}

/// Files in the order the engine reads them, without those a `.tofu` file stands in for.
fn loaded_files<'s>(
    files: &'s [SourceFile],
    path: &ModulePath,
    dialect: Dialect,
) -> Result<Vec<&'s SourceFile>, ConfigError> {
    let mut by_name = BTreeMap::new();
    for file in files {
        if by_name.insert(file.name.as_str(), file).is_some() {
            return Err(ConfigError::DuplicateFile {
                module: path.key(),
                name: file.name.clone(),
            });
        }
    }
    let shadowed = |name: &str| {
        let stem = name.strip_suffix(".tf").map(|stem| format!("{stem}.tofu"));
        let json = name
            .strip_suffix(".tf.json")
            .map(|stem| format!("{stem}.tofu.json"));
        dialect == Dialect::OpenTofu
            && stem
                .or(json)
                .is_some_and(|twin| by_name.contains_key(twin.as_str()))
    };
    let names = by_name
        .keys()
        .filter(|name| is_configuration_file(name, dialect));
    Ok(names
        .filter(|name| !shadowed(name))
        .map(|name| by_name[name])
        .collect())
}

fn is_override(name: &str) -> bool {
    let endings = [".tofu.json", ".tofu", ".tf.json", ".tf"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
    stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

fn parse_file(
    file: &SourceFile,
    path: &ModulePath,
    directory: Option<&str>,
) -> Result<Body, ConfigError> {
    let shown = match directory {
        Some(".") | Some("") => file.name.clone(),
        Some(directory) => format!("{directory}/{}", file.name),
        None => format!("{}/{}", path.key(), file.name),
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|_| ConfigError::Encoding {
        file: shown.clone(),
    })?;
    let shown: Arc<str> = Arc::from(shown);
    let directory = directory.map(Arc::from);
    if file.name.ends_with(".json") {
        json::parse(&shown, directory, text)
    } else {
        native::parse(&shown, directory, text)
    }
}

/// Names are identifiers in both syntaxes; anything else would make addresses ambiguous.
fn is_name(text: &str) -> bool {
    hcl_edit::Ident::try_new(text).is_ok()
}
