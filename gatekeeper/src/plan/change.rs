//! What a plan wants to do to one resource instance or one output.
//!
//! The values stay text until somebody asks: most instances of a plan do not change, and nobody needs their values.

use super::address::{InstanceKey, Mode};
use super::changed::{Changed, Sides};
use super::document::Slice;
use super::path::{Path, Step};
use super::value::Value;
use super::{PlanError, json::JsonError};

/// What is done to an object. An action that is not here makes the plan unreadable: it may be worse than all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    NoOp,
    Create,
    Read,
    Update,
    Delete,
    DeleteThenCreate,
    CreateThenDelete,
    /// The object stays in the world and leaves the state.
    Forget,
    CreateThenForget,
    ForgetThenCreate,
}

impl Action {
    pub(super) fn read(actions: &[String]) -> Option<Action> {
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        Some(match actions.as_slice() {
            ["no-op"] => Action::NoOp,
            ["create"] => Action::Create,
            ["read"] => Action::Read,
            ["update"] => Action::Update,
            ["delete"] => Action::Delete,
            ["delete", "create"] => Action::DeleteThenCreate,
            ["create", "delete"] => Action::CreateThenDelete,
            ["forget"] => Action::Forget,
            ["create", "forget"] => Action::CreateThenForget,
            ["forget", "create"] => Action::ForgetThenCreate,
            _ => return None,
        })
    }

    /// One word for it, the same for ever: it is part of what people sign.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::NoOp => "no-op",
            Action::Create => "create",
            Action::Read => "read",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::DeleteThenCreate => "delete-then-create",
            Action::CreateThenDelete => "create-then-delete",
            Action::Forget => "forget",
            Action::CreateThenForget => "create-then-forget",
            Action::ForgetThenCreate => "forget-then-create",
        }
    }

    /// Whether an object in the world goes away.
    pub fn deletes(self) -> bool {
        matches!(
            self,
            Action::Delete | Action::DeleteThenCreate | Action::CreateThenDelete
        )
    }

    pub fn creates(self) -> bool {
        matches!(
            self,
            Action::Create
                | Action::DeleteThenCreate
                | Action::CreateThenDelete
                | Action::CreateThenForget
                | Action::ForgetThenCreate
        )
    }

    /// Whether another object takes the place of the present one.
    pub fn replaces(self) -> bool {
        self.creates() && self != Action::Create
    }

    pub fn forgets(self) -> bool {
        matches!(
            self,
            Action::Forget | Action::CreateThenForget | Action::ForgetThenCreate
        )
    }
}

/// The change of one object of a resource instance.
#[derive(Debug, Clone)]
pub struct ResourceChange {
    pub key: InstanceKey,
    /// Where the instance stood before, when it moves.
    pub previous: Option<InstanceKey>,
    pub provider_name: String,
    pub action: Action,
    /// The engine's own word for why; for display only.
    pub action_reason: Option<String>,
    /// What forces the replacement, where the engine says.
    pub replace_paths: Vec<Path>,
    /// The object exists already and is taken over. Comes with any action, a no-op included.
    pub importing: Option<Importing>,
    pub(super) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Importing {
    pub id: Option<String>,
    pub identity: Option<Value>,
    /// The id is only known at apply.
    pub unknown: bool,
}

impl ResourceChange {
    /// Whether nothing at all happens: no change, no move, no import. A drift of the same object stands elsewhere.
    pub fn is_plain_no_op(&self) -> bool {
        self.action == Action::NoOp && self.previous.is_none() && self.importing.is_none()
    }

    /// Both sides of the change.
    pub fn sides(&self) -> Result<Sides, PlanError> {
        self.body.sides()
    }

    /// Every part that changes, by path.
    pub fn changed(&self) -> Result<Vec<Changed>, PlanError> {
        Ok(self.sides()?.changed())
    }

    /// The object as it is before the change.
    pub fn before(&self) -> Result<Option<Value>, PlanError> {
        self.body.before()
    }

    /// The identity of the object before and after, where engine and provider have one.
    pub fn identities(&self) -> Result<(Option<Value>, Option<Value>), PlanError> {
        Ok((
            value(&self.body.before_identity)?,
            value(&self.body.after_identity)?,
        ))
    }
}

/// The change of a root output: the only sign of an effect on other stacks.
#[derive(Debug, Clone)]
pub struct OutputChange {
    pub name: String,
    pub action: Action,
    pub(super) body: Body,
}

impl OutputChange {
    pub fn sides(&self) -> Result<Sides, PlanError> {
        self.body.sides()
    }

    pub fn changed(&self) -> Result<Vec<Changed>, PlanError> {
        Ok(self.sides()?.changed())
    }
}

/// The text of both sides.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub before: Option<Slice>,
    pub after: Option<Slice>,
    pub after_unknown: Option<Slice>,
    pub before_sensitive: Option<Slice>,
    pub after_sensitive: Option<Slice>,
    pub before_identity: Option<Slice>,
    pub after_identity: Option<Slice>,
}

impl Body {
    pub fn before(&self) -> Result<Option<Value>, PlanError> {
        value(&self.before)
    }

    pub fn sides(&self) -> Result<Sides, PlanError> {
        let after = value(&self.after)?;
        let after = match value(&self.after_unknown)? {
            None => after,
            Some(marks) => match after {
                Some(known) => Some(Value::planned(known, &marks)),
                None if super::value::has_mark(&marks) => Some(Value::planned(Value::Null, &marks)),
                None => None,
            },
        };
        Ok(Sides {
            before: self.before()?,
            after,
            before_sensitive: value(&self.before_sensitive)?,
            after_sensitive: value(&self.after_sensitive)?,
        })
    }
}

/// The value of a text. A whole value that is null is no object, which is what leaving it out says too.
pub(super) fn value(text: &Option<Slice>) -> Result<Option<Value>, PlanError> {
    match text {
        None => Ok(None),
        Some(text) => Ok(Some(text.read()?).filter(|value| *value != Value::Null)),
    }
}

/// Reads `replace_paths`: a list of paths, each a list of strings and whole numbers. `None` if it is not that.
pub(super) fn paths(text: &Slice) -> Result<Option<Vec<Path>>, JsonError> {
    let Value::List(paths) = text.read()? else {
        return Ok(None);
    };
    let step = |step: Value| match step {
        Value::String(name) => Some(Step::Attribute(name)),
        Value::Number(index) => Some(Step::Index(index.parse().ok()?)),
        _ => None,
    };
    let path = |path: Value| match path {
        Value::List(steps) => steps
            .into_iter()
            .map(step)
            .collect::<Option<Vec<_>>>()
            .map(Path),
        _ => None,
    };
    Ok(paths.into_iter().map(path).collect())
}

/// An effect that is no change of a resource: a provider's action that runs at apply.
#[derive(Debug, Clone)]
pub struct ActionInvocation {
    pub address: String,
    pub provider_name: String,
    pub trigger: Trigger,
    /// Not in this apply, but in one that will follow.
    pub deferred: bool,
    pub(super) config: Option<Slice>,
    pub(super) config_unknown: Option<Slice>,
}

/// What makes an action run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A change of a resource instance. The event is the engine's word.
    Lifecycle {
        resource: InstanceKey,
        event: String,
    },
    /// Asked for on the command line.
    Invoked,
    /// A way of running that is not known here.
    Other,
}

impl ActionInvocation {
    /// The configuration the action runs with; sensitive values are in clear.
    pub fn config(&self) -> Result<Option<Value>, PlanError> {
        let marks = value(&self.config_unknown)?.unwrap_or(Value::Null);
        Ok(value(&self.config)?.map(|known| Value::planned(known, &marks)))
    }
}

/// A change that this plan does not make and a later one will.
#[derive(Debug, Clone)]
pub struct DeferredChange {
    pub reason: String,
    pub mode: Mode,
    /// As the engine shows it; instance keys may be unknown.
    pub address: String,
}
