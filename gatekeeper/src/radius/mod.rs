//! The blast radius: every effect of a plan, why it happens, how grave it is and who answers for it.
//!
//! An effect is anything an apply changes, runs, reads or records, and not only what the change list calls a change.
//! A `cause` comes from its own configuration or request; an `induced` effect follows from another and carries the path
//! that reached it. `exposed` instances could be reached and stay as they are.

mod effects;
mod exposed;
mod rules;

pub use rules::describe;

use crate::{
    engine::StateSnapshot,
    graph::{Configuration, Exec, Graph, NodeId},
    plan::{Changed, Plan, ResourceChange},
    stop::Stop,
    tables::Tables,
};
use ambit_authority::{
    address::InstanceKey,
    bundle::Bundle,
    duty::Claimed,
    scope::{Action, Subject},
    tier::Tier,
};
use std::collections::{BTreeMap, BTreeSet};

/// All that a radius is measured from.
pub struct Sources<'a> {
    pub plan: &'a Plan,
    pub configuration: &'a Configuration,
    pub graph: &'a Graph,
    /// Authority in force, not the one the plan would bring.
    pub bundle: &'a Bundle,
    pub tables: &'a Tables,
    pub fingerprint: &'a str,
    /// Whether the stack's environment is critical; an unclaimed stack is.
    pub critical: bool,
    pub state: Option<&'a StateSnapshot>,
    /// What the last recorded outcome knew of guards and provider configurations.
    pub known: &'a Known,
    /// Set when the state is not the one the last outcome recorded.
    pub state_moved: Option<String>,
}

/// Facts carried from one outcome to the next, by block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `block setting` to the digest of its text.
    pub guards: BTreeMap<String, ambit_authority::digest::Digest>,
    /// Provider configuration to the digest of its text.
    pub providers: BTreeMap<String, ambit_authority::digest::Digest>,
}

#[derive(Debug)]
pub struct BlastRadius<'a> {
    /// Sorted by subject.
    pub effects: Vec<Effect<'a>>,
    pub exposed: Vec<Exposed>,
}

#[derive(Debug)]
pub struct Effect<'a> {
    pub subject: Subject,
    pub action: Action,
    /// The instance, where the effect is about one.
    pub key: Option<InstanceKey>,
    pub change: Option<&'a ResourceChange>,
    pub node: Option<NodeId>,
    pub paths: Vec<Changed>,
    pub execs: Vec<&'a Exec>,
    /// One line per step from this effect to its cause; empty for a cause.
    pub witness: Vec<String>,
    pub because: Vec<Reason>,
    /// Teams; empty means root.
    pub owners: BTreeSet<String>,
    pub irreversible: Option<String>,
    /// Sensitive paths and why.
    pub sensitive: Vec<(String, String)>,
    /// Configured values that are decided at apply.
    pub open: Vec<String>,
}

/// A named rule that gave a tier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    pub tier: Tier,
    pub rule: &'static str,
    pub text: String,
}

/// Reachable and unchanged.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposed {
    pub block: String,
    pub owners: BTreeSet<String>,
    /// Why it stays, and what reaches it.
    pub why: String,
    /// One value hop from something that is deleted, replaced or forgotten: its owner must agree, in this tier.
    pub claim: Option<Tier>,
}

impl Effect<'_> {
    /// The maximum over the rules that fired; an effect no rule knows is high.
    pub fn tier(&self) -> Tier {
        self.because
            .iter()
            .map(|r| r.tier)
            .max()
            .unwrap_or(Tier::High)
    }

    pub fn is_cause(&self) -> bool {
        self.witness.is_empty()
    }
}

impl BlastRadius<'_> {
    pub fn tier(&self) -> Option<Tier> {
        self.effects.iter().map(Effect::tier).max()
    }

    /// What the effects, and exposed instances too close to them, ask for.
    pub fn claims(&self) -> Vec<Claimed> {
        let effects = self.effects.iter().map(|e| Claimed {
            tier: e.tier(),
            owners: e.owners.clone(),
        });
        let close = self.exposed.iter().filter_map(|e| {
            Some(Claimed {
                tier: e.claim?,
                owners: e.owners.clone(),
            })
        });
        effects.chain(close).collect()
    }
}

/// Measures a plan. What is not understood becomes an effect of its own; nothing is left out quietly.
pub fn measure<'a>(sources: &Sources<'a>) -> Result<BlastRadius<'a>, Stop> {
    let mut effects = effects::collect(sources)?;
    rules::judge(sources, &mut effects)?;
    effects.sort_by(|a, b| a.subject.cmp(&b.subject));
    let exposed = exposed::find(sources, &effects);
    Ok(BlastRadius { effects, exposed })
}
