//! Reading what an engine has planned.
//!
//! Two readings, both from outside and both treated as hostile:
//!
//! - [`PlanFile`] is the file that `plan -out` writes and `apply` takes: the configuration as it was read, the state, the
//!   lock file. It is never changed and its bytes are what an apply is bound to.
//! - [`Plan`] is the engine's JSON of the same file: instances, actions, values.
//!
//! What is not understood makes a plan unreadable, or is reported in [`Plan::unknown_fields`]; it never makes a change
//! look smaller. Not here: what a change means (graph, radius), and how anything is shown.

mod address;
mod archive;
mod change;
mod changed;
mod configuration;
mod document;
mod file;
mod json;
mod naming;
mod number;
mod path;
mod prior;
mod quote;
mod raw;
mod reading;
mod tfplan;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

pub use address::{
    AddressError, InstanceKey, Key, Mode, ModuleStep, ResourceKey, module_address, parse_module,
};
pub use change::{
    Action, ActionInvocation, DeferredChange, Importing, OutputChange, ResourceChange, Trigger,
};
pub use changed::{Changed, Side, Sides};
pub use configuration::{ConfigResource, ProviderConfig};
pub use file::{Limits, ModuleRecord, PlanFile, PlanFileError, SourceFile, StateIdentity};
pub use json::{JsonError, MAX_DEPTH};
pub use path::{Path, Step};
pub use prior::PriorInstance;
pub use quote::quoted;
pub use tfplan::{Backend, Evidence, EvidenceError, UiMode};
pub use value::Value;

use document::Slice;
use quote::shown;

/// A plan that has been read and found consistent. There is no way to make one but [`Plan::read`].
#[derive(Debug, Clone)]
pub struct Plan {
    pub format: FormatVersion,
    /// Which version wrote it. Which of the two engines did is written nowhere: ask the one who ran it.
    pub engine_version: Option<String>,
    /// Terraform 1.8 and later.
    pub applyable: Option<bool>,
    pub complete: Option<bool>,
    /// In the order of their keys. Every managed instance is here, those that do not change included.
    pub changes: Vec<ResourceChange>,
    /// What happened outside: the difference between the state as it was stored and as it was refreshed. An apply
    /// writes it to the state.
    pub drift: Vec<ResourceChange>,
    pub outputs: BTreeMap<String, OutputChange>,
    pub prior: BTreeMap<InstanceKey, PriorInstance>,
    pub variables: BTreeMap<String, Variable>,
    pub providers: BTreeMap<String, ProviderConfig>,
    pub checks: Vec<Check>,
    pub action_invocations: Vec<ActionInvocation>,
    /// Not empty: this plan is only a part of what the configuration asks for.
    pub deferred: Vec<DeferredChange>,
    /// Fields that no tested engine version writes, as `resource_changes[].field`. Not understood means more caution.
    pub unknown_fields: BTreeSet<String>,
    /// Private, and so nobody else can put a plan together.
    config_resources: BTreeMap<ResourceKey, ConfigResource>,
}

/// The version of the JSON format. It says little: new fields come without a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormatVersion {
    pub major: u32,
    pub minor: u32,
}

impl FormatVersion {
    /// The newest minor version of each known major one.
    const KNOWN: [FormatVersion; 2] = [
        FormatVersion { major: 0, minor: 2 },
        FormatVersion { major: 1, minor: 2 },
    ];

    fn read(text: &str) -> Option<FormatVersion> {
        let (major, minor) = text.split_once('.')?;
        let number = |text: &str| u32::try_from(address::whole_number(text)?).ok();
        Some(FormatVersion {
            major: number(major)?,
            minor: number(minor)?,
        })
    }

    /// Versions before 1.0 leave addresses out in two places, and give them relative to the module in one.
    fn is_early(self) -> bool {
        self.major == 0
    }

    /// Whether this version has been tried. A newer minor version is read, with more caution.
    pub fn is_tested(self) -> bool {
        Self::KNOWN
            .iter()
            .any(|known| known.major == self.major && self.minor <= known.minor)
    }
}

/// A root input variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Declared sensitive. The engine writes the value in clear all the same.
    pub sensitive: bool,
    text: Option<Slice>,
}

impl Variable {
    pub fn value(&self) -> Result<Option<Value>, PlanError> {
        Ok(self.text.as_ref().map(Slice::read).transpose()?)
    }
}

/// The result of the conditions of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The engine's word: `resource`, `output_value`, `check`, `var`.
    pub kind: String,
    pub address: String,
    pub status: CheckStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    Pass,
    Fail,
    Error,
    /// Decided at apply; a word that is not known counts as this too.
    Unknown,
}

/// Why plan JSON was not read. Values never appear in a message, names do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    #[error("the plan is not readable JSON: {0}")]
    Json(#[from] JsonError),
    #[error(
        "the plan JSON has another shape than engines write, at line {line} column {column}{expected}"
    )]
    Shape {
        line: usize,
        column: usize,
        expected: String,
    },
    #[error(
        "this is not the JSON of a plan but {0}: give what `show -json` writes for a plan file"
    )]
    NotAPlan(&'static str),
    #[error(
        "the plan JSON has format version {}: known are 0.1, 0.2 and 1.0 to 1.2, and later 1.x",
        shown(found)
    )]
    UnknownFormat { found: String },
    #[error("the engine stopped part-way while it made this plan (`errored` is true): plan again")]
    Errored,
    #[error("a {what} has no `{field}`")]
    Missing {
        what: &'static str,
        field: &'static str,
    },
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "the address {} does not say the same as the fields beside it, which name {}",
        shown(address),
        shown(fields)
    )]
    AddressMismatch { address: String, fields: String },
    #[error(
        "{} has the action {}, which is not known here",
        shown(address),
        shown(actions)
    )]
    UnknownAction { actions: String, address: String },
    #[error("{} has more than one change", shown(key))]
    DuplicateChange { key: String },
    #[error("{} stands twice in the prior state", shown(key))]
    DuplicatePrior { key: String },
    #[error("{} stands twice in the configuration", shown(key))]
    DuplicateResource { key: String },
    #[error("{} contradicts itself: {detail}", shown(key))]
    Contradiction { key: String, detail: &'static str },
    #[error(
        "the change of {} starts from another object than the prior state holds: the plan or the state in it was altered, plan again",
        shown(key)
    )]
    ForgedBefore { key: String },
}

impl Plan {
    /// The change of one object, where the plan holds one.
    pub fn change(&self, key: &InstanceKey) -> Option<&ResourceChange> {
        self.changes
            .binary_search_by(|change| change.key.cmp(key))
            .ok()
            .map(|at| &self.changes[at])
    }

    /// The resources of the configuration, in every module.
    pub fn config_resources(&self) -> &BTreeMap<ResourceKey, ConfigResource> {
        &self.config_resources
    }

    /// The key of the provider configuration that the configuration binds an instance to. Instances whose block is gone
    /// from the configuration have none.
    pub fn provider_config_key(&self, key: &InstanceKey) -> Option<&str> {
        self.config_resources
            .get(&key.resource())
            .map(|resource| resource.provider_config_key.as_str())
    }
}
