//! What a module can declare, as data.

use std::collections::BTreeMap;
use std::fmt;

use super::body::{Attribute, Body};
use super::expression::{Expr, FileRead, Location, Reference};
use super::is_name;
use super::settings::Settings;

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
