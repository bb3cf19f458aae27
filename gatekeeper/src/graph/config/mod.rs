//! The configuration as data: what is declared, where, and what each expression refers to.
//!
//! This is what the gate reads instead of plan JSON, which leaves out locals, `dynamic`,
//! lifecycle, connections, `removed` blocks and the text of every command. Nothing is evaluated,
//! no reference is resolved (that is `resolve`), and nothing unknown is skipped: a block or
//! meta-argument we do not know is collected in [`Module::unknown_blocks`] for the caller to refuse.

pub mod body;
mod decode;
pub mod expression;
mod json;
mod lower;
mod native;
mod overrides;
pub mod settings;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use body::{Attribute, Block, Body};
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

/// Names of the calls from the root to a module; empty for the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(Vec<String>);

impl ModulePath {
    pub fn root() -> ModulePath {
        ModulePath::default()
    }

    /// Reads a module key (`a.b`; empty or `root` for the root module).
    pub fn from_key(key: &str) -> Option<ModulePath> {
        if key.is_empty() || key == "root" {
            return Some(ModulePath::root());
        }
        let names: Vec<String> = key.split('.').map(str::to_owned).collect();
        names
            .iter()
            .all(|name| is_name(name))
            .then_some(ModulePath(names))
    }

    pub fn child(&self, name: &str) -> ModulePath {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        ModulePath(names)
    }

    pub fn parent(&self) -> Option<(ModulePath, &str)> {
        let (last, rest) = self.0.split_last()?;
        Some((ModulePath(rest.to_vec()), last))
    }

    pub fn depth(&self) -> usize {
        self.0.len()
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The key as in `modules.json`.
    pub fn key(&self) -> String {
        self.0.join(".")
    }

    /// `name` as an address inside this module.
    pub fn address(&self, name: &str) -> String {
        if self.is_root() {
            name.to_owned()
        } else {
            format!("{self}.{name}")
        }
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            let dot = if position > 0 { "." } else { "" };
            write!(f, "{dot}module.{name}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    Managed,
    Data,
    Ephemeral,
}

/// A resource block inside its module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    pub mode: Mode,
    pub kind: String,
    pub name: String,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.mode {
            Mode::Managed => "",
            Mode::Data => "data.",
            Mode::Ephemeral => "ephemeral.",
        };
        write!(f, "{prefix}{}.{}", self.kind, self.name)
    }
}

#[derive(Debug, Clone)]
pub struct Resource {
    pub id: ResourceId,
    /// The whole block, meta-arguments included, for text and for tracing arguments.
    pub body: Body,
    pub count: Option<Expr>,
    pub for_each: Option<Expr>,
    pub depends_on: Vec<Reference>,
    pub provider: Option<ProviderReference>,
    pub lifecycle: Lifecycle,
    pub execs: Vec<Exec>,
    /// The check block a data source is nested in.
    pub check: Option<String>,
    pub at: Location,
}

/// `aws`, `aws.west`, or OpenTofu's `aws.by_region[each.key]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReference {
    pub local_name: String,
    pub alias: Option<String>,
    /// Normalised text of the instance key, and what it refers to.
    pub key: Option<String>,
    pub key_references: Vec<Reference>,
    pub at: Location,
}

/// What holds a resource back or forces it, as normalised text: dropping one is an effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    pub prevent_destroy: Option<String>,
    pub ignore_changes: Option<String>,
    pub create_before_destroy: Option<String>,
    pub replace_triggered_by: Option<String>,
    /// OpenTofu only.
    pub enabled: Option<String>,
    /// OpenTofu, and `removed` blocks of both.
    pub destroy: Option<String>,
    pub preconditions: Vec<String>,
    pub postconditions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    Create,
    Destroy,
}

/// A provisioner: something that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// `local-exec`, `remote-exec`, `file`, …
    pub kind: String,
    pub when: When,
    /// As written; the engine's default is `fail`.
    pub on_failure: String,
    /// Normalised text of the whole block, with the connection of its resource where it has none.
    pub text: String,
    pub files: Vec<FileRead>,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct Variable {
    pub default: Option<Expr>,
    pub ephemeral: bool,
    pub sensitive: bool,
    pub validations: Vec<Expr>,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct Output {
    pub value: Option<Expr>,
    pub depends_on: Vec<Reference>,
    pub preconditions: Vec<Expr>,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct ModuleCall {
    pub source: Option<Expr>,
    pub version: Option<Expr>,
    pub count: Option<Expr>,
    pub for_each: Option<Expr>,
    pub enabled: Option<Expr>,
    pub depends_on: Vec<Reference>,
    /// Name inside the module, name at the caller.
    pub providers: Vec<(ProviderReference, ProviderReference)>,
    pub arguments: BTreeMap<String, Expr>,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct ProviderConfig {
    pub local_name: String,
    pub alias: Option<String>,
    pub for_each: Option<Expr>,
    pub body: Body,
    pub at: Location,
}

impl ProviderConfig {
    /// An empty block only announces that the module is given this provider.
    pub fn is_proxy(&self) -> bool {
        let named = |name: &str| matches!(name, "alias" | "version");
        self.body.blocks.is_empty() && self.body.attributes.iter().all(|found| named(&found.name))
    }
}

#[derive(Debug, Clone)]
pub struct Check {
    pub asserts: Vec<Body>,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct Import {
    /// Normalised text of the target, and the target without instance keys where it is static.
    pub to: String,
    pub target: Option<(ModulePath, ResourceId)>,
    pub id: Option<Expr>,
    pub identity: Option<Expr>,
    pub for_each: Option<Expr>,
    /// References in the instance key of the target.
    pub key_references: Vec<Reference>,
    pub provider: Option<ProviderReference>,
    pub at: Location,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub from: String,
    pub to: String,
    pub at: Location,
}

/// A `removed` block: its provisioners run although its resource is gone from the configuration.
#[derive(Debug, Clone)]
pub struct Removed {
    pub from: String,
    pub lifecycle: Lifecycle,
    pub execs: Vec<Exec>,
    pub at: Location,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownBlock {
    /// Path of block and attribute names, for example `resource.lifecycle.action_trigger`.
    pub path: String,
    pub at: Location,
}

#[derive(Debug, Clone, Default)]
pub struct Module {
    pub path: ModulePath,
    pub directory: Option<String>,
    /// Managed, data (those inside checks too) and ephemeral resources; see [`ResourceId::mode`].
    pub resources: BTreeMap<ResourceId, Resource>,
    pub locals: BTreeMap<String, Attribute>,
    pub variables: BTreeMap<String, Variable>,
    pub outputs: BTreeMap<String, Output>,
    pub calls: BTreeMap<String, ModuleCall>,
    /// By local name and alias.
    pub providers: BTreeMap<(String, Option<String>), ProviderConfig>,
    pub checks: BTreeMap<String, Check>,
    pub imports: Vec<Import>,
    pub moved: Vec<Moved>,
    pub removed: Vec<Removed>,
    pub settings: Settings,
    pub unknown_blocks: Vec<UnknownBlock>,
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
