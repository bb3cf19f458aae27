//! What a change reaches, as grants under a context: the thing that is approved.
//!
//! Equal scopes have equal digests whatever order or plan file they came from. Engine values appear only as
//! commitments. Serial, plan bytes and clock are deliberately absent: they move while the change stays the same.

use crate::{
    address::{Index, InstanceKey},
    canonical::{self, Document, Malformed},
    digest::{Commitment, Digest, merkle_root},
};
use serde::{Deserialize, Serialize};

/// The whole scope, as exported to signers. Its digest is [`Scope::digest`], not the document digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub context: Context,
    /// Sorted by canonical bytes, no two with the same subject.
    pub grants: Vec<Grant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_after: Option<Digest>,
}

impl Document for Scope {
    const TYPE: &'static str = "ambit/scope";
}

impl Scope {
    /// Sorts the grants; two grants for one subject are a fault of the caller and refuse.
    pub fn new(
        context: Context,
        mut grants: Vec<Grant>,
        authority_after: Option<Digest>,
    ) -> Result<Self, Malformed> {
        grants.sort_by(|a, b| a.subject.cmp(&b.subject));
        if let Some(pair) = grants
            .windows(2)
            .find(|pair| pair[0].subject == pair[1].subject)
        {
            return Err(Malformed::Shape(format!(
                "two grants for {}",
                pair[0].subject
            )));
        }
        Ok(Self {
            context,
            grants,
            authority_after,
        })
    }

    /// H over the context digest, the Merkle root of the grants and the authority that would be in force.
    pub fn digest(&self) -> Result<Digest, Malformed> {
        let leaves = self
            .grants
            .iter()
            .map(canonical::encode_part)
            .collect::<Result<Vec<_>, _>>()?;
        #[derive(Serialize)]
        struct Top {
            context: Digest,
            grants: Digest,
            #[serde(skip_serializing_if = "Option::is_none")]
            authority_after: Option<Digest>,
        }
        let top = Top {
            context: self.context.digest()?,
            grants: merkle_root("ambit/grant", &leaves),
            authority_after: self.authority_after,
        };
        Digest::of_part("ambit/scope-digest", &top)
    }
}

/// Where and with what the change runs. Values of variables are bound where an effect reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub engine: String,
    /// `1.12`
    pub engine_minor: String,
    /// Backend, place and workspace; see `Claim`.
    pub fingerprint: String,
    /// Empty before the first apply, and that is a value of its own.
    pub lineage: String,
    pub mode: RunMode,
    pub targets: Vec<String>,
    pub excludes: Vec<String>,
    pub replaces: Vec<String>,
    /// Digest of the dependency lock file.
    pub lock: Digest,
    /// `source version h1:…`, sorted.
    pub providers: Vec<String>,
    /// Commitments to every provider configuration in use, `configuration` to what it resolves to.
    pub bindings: Vec<Named>,
    /// Commitments to ephemeral variables, `name` to value.
    pub ephemeral: Vec<Named>,
    /// Commitments to environment values that choose where providers act.
    pub targeting: Vec<Named>,
}

impl Context {
    pub fn digest(&self) -> Result<Digest, Malformed> {
        Digest::of_part("ambit/context", self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub name: String,
    pub value: Commitment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    Normal,
    Destroy,
    RefreshOnly,
}

/// One effect, in full. Two grants are equal or they are different grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub subject: Subject,
    pub action: Action,
    pub object: Object,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<InstanceKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Binding>,
    /// Changed attribute paths, sorted.
    pub paths: Vec<PathChange>,
    /// Lifecycle settings and conditions on the block, sorted.
    pub guards: Vec<Guard>,
    /// Subjects of other effects that come before this one, sorted.
    pub after: Vec<Subject>,
    /// Commands that run, in the order written.
    pub exec: Vec<Exec>,
}

/// What an effect is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "key", rename_all = "snake_case")]
pub enum Subject {
    Resource(InstanceKey),
    /// Written to state by the apply without being in the change list.
    Drift(InstanceKey),
    Output(String),
    /// A `removed` block's command, by block and position.
    Removed(String),
    /// A guard that was there at the last verified outcome and is gone.
    GuardDropped(String),
    /// A configuration-wide thing: an action invocation, an unknown field; named by its text.
    Other(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Resource(key) => write!(f, "{key}"),
            Subject::Drift(key) => write!(f, "drift of {key}"),
            Subject::Output(name) => write!(f, "output.{name}"),
            Subject::Removed(at) => write!(f, "removed {at}"),
            Subject::GuardDropped(at) => write!(f, "guard of {at}"),
            Subject::Other(text) => write!(f, "{}", crate::address::escape(text)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Read,
    Update,
    Delete,
    DeleteThenCreate,
    CreateThenDelete,
    Forget,
    CreateThenForget,
    ForgetThenCreate,
    /// An existing object enters the state.
    Adopt,
    /// The address changes, the object does not.
    Move,
    /// Refresh found another value and the apply records it.
    Record,
    /// The provider configuration behind an unchanged object is another.
    Rebind,
    Run,
    Drop,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Read => "read during apply",
            Action::Update => "update in place",
            Action::Delete => "delete",
            Action::DeleteThenCreate => "replace (delete, then create)",
            Action::CreateThenDelete => "replace (create, then delete)",
            Action::Forget => "forget",
            Action::CreateThenForget => "replace (create, then forget)",
            Action::ForgetThenCreate => "replace (forget, then create)",
            Action::Adopt => "adopt",
            Action::Move => "move",
            Action::Record => "record drift",
            Action::Rebind => "change provider binding",
            Action::Run => "run",
            Action::Drop => "drop guard",
        })
    }
}

/// The real object an effect acts on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Object {
    /// Recorded in state. The id is a value of the engine's, so it is committed.
    Remote {
        provider: String,
        #[serde(rename = "type")]
        kind: String,
        id: Commitment,
    },
    Absent,
    Import {
        id: Commitment,
    },
}

/// The provider configuration that acts for *this* instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub source: String,
    /// `mockcloud.east`, with its module path.
    pub configuration: String,
    /// Commitment to the configuration's expressions, traced through locals, modules and root variables' values.
    pub resolved: Commitment,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathChange {
    /// Attribute names and element positions.
    pub path: Vec<Index>,
    pub before: Side,
    pub after: Side,
    pub sensitive: bool,
    /// For a value decided at apply: digest of its expression and all it reads through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Digest>,
}

/// Null, unknown and absent are three different things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Side {
    Absent,
    Null,
    Unknown,
    Value { committed: Commitment },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// `prevent_destroy`, `ignore_changes`, `precondition`, …
    pub setting: String,
    /// Digest of its text.
    pub text: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// `local-exec`, …
    pub provisioner: String,
    /// `create` or `destroy`.
    pub when: String,
    /// Digest of the block's text.
    pub text: Digest,
    /// Files the text names, with their content at planning.
    pub files: Vec<FileDigest>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
}

/// What differs between an approved scope and a new one, one line each; empty when nothing does.
pub fn beyond(approved: &Scope, found: &Scope) -> Vec<String> {
    let mut lines = Vec::new();
    let (old, new) = (
        serde_json::to_value(&approved.context),
        serde_json::to_value(&found.context),
    );
    if let (Ok(serde_json::Value::Object(old)), Ok(serde_json::Value::Object(new))) = (old, new) {
        for (field, value) in &new {
            if old.get(field) != Some(value) {
                lines.push(format!("context: {field} differs from the approved one"));
            }
        }
    }
    if approved.authority_after != found.authority_after {
        lines.push("authority: the declarations differ from the approved ones".into());
    }
    for grant in &found.grants {
        match approved.grants.iter().find(|g| g.subject == grant.subject) {
            None => lines.push(format!(
                "{}: {} is not in the approval",
                grant.subject, grant.action
            )),
            Some(g) if g == grant => {}
            Some(g) => lines.push(format!("{}: {}", grant.subject, difference(g, grant))),
        }
    }
    for grant in &approved.grants {
        if !found.grants.iter().any(|g| g.subject == grant.subject) {
            lines.push(format!(
                "{}: {} was approved and is no longer planned",
                grant.subject, grant.action
            ));
        }
    }
    lines
}

fn difference(approved: &Grant, found: &Grant) -> String {
    if approved.action != found.action {
        return format!(
            "approved to {}, planned to {}",
            approved.action, found.action
        );
    }
    let mut parts = Vec::new();
    for change in &found.paths {
        match approved.paths.iter().find(|p| p.path == change.path) {
            None => parts.push(format!("{} changes too", show_path(&change.path))),
            Some(p) if p != change => {
                parts.push(format!("{} changes otherwise", show_path(&change.path)))
            }
            Some(_) => {}
        }
    }
    for change in &approved.paths {
        if !found.paths.iter().any(|p| p.path == change.path) {
            parts.push(format!("{} no longer changes", show_path(&change.path)));
        }
    }
    for (name, differs) in [
        ("the object is another", approved.object != found.object),
        (
            "the previous address is another",
            approved.previous != found.previous,
        ),
        (
            "the provider binding is another",
            approved.provider != found.provider,
        ),
        ("its guards differ", approved.guards != found.guards),
        (
            "its order to other effects differs",
            approved.after != found.after,
        ),
        ("the commands it runs differ", approved.exec != found.exec),
    ] {
        if differs {
            parts.push(name.into());
        }
    }
    parts.join("; ")
}

/// `ports[0].cidr`, `tags["a b"]`.
pub fn show_path(path: &[Index]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Index::Number(n) => out.push_str(&format!("[{n}]")),
            Index::Key(key)
                if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !key.is_empty() =>
            {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Index::Key(key) => out.push_str(&format!("[\"{}\"]", crate::address::escape(key))),
        }
    }
    if out.is_empty() {
        "the whole object".into()
    } else {
        out
    }
}

#[cfg(test)]
mod tests;
