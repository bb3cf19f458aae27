//! The decision: may this request be applied now?
//!
//! Pure over what it is given, so the same inputs give the same answer on any machine and any day. Rules run in a fixed
//! order and the first that stops gives the verdict; a rule that cannot be evaluated stops.

use crate::{
    history::{History, Received, Requested},
    stop::{Exit, Stop},
};
use ambit_authority::{
    bundle::Mode,
    digest::Digest,
    duty::Duties,
    record::Verdict,
    scope::{Grant, Scope, Subject},
    statement::{Decision as Choice, Judge},
    tier::Tier,
};
use std::collections::{BTreeMap, BTreeSet};

/// A reject holds later overlapping requests for this long.
const REJECT_HOLDS: i64 = 7 * 24 * 3600;

/// Permission for one engine start. It has no public maker, no copy, and is used up by being recorded and applied.
#[derive(Debug)]
pub struct Warrant {
    request: String,
    request_digest: Digest,
    counted: Vec<Digest>,
    observed: Vec<String>,
}

impl Warrant {
    pub fn request(&self) -> &str {
        &self.request
    }

    pub fn request_digest(&self) -> Digest {
        self.request_digest
    }

    /// Statements it rests on.
    pub fn counted(&self) -> &[Digest] {
        &self.counted
    }

    /// In observe, a scope other than the approved one is let through and said.
    pub fn also_observed(mut self, beyond: Vec<String>) -> Self {
        self.observed.extend(
            beyond
                .into_iter()
                .map(|line| format!("not what was approved: {line}")),
        );
        self
    }

    /// What enforce would have asked for, where observe let it through.
    pub fn observed(&self) -> &[String] {
        &self.observed
    }
}

#[derive(Debug)]
pub enum Decision {
    Warrant(Warrant),
    /// Signatures are missing.
    Pending(Vec<String>),
    /// No signature would help.
    Refusal {
        verdict: Verdict,
        reasons: Vec<String>,
    },
}

/// What is decided about, computed at the moment of use.
pub struct Question<'a> {
    pub requested: &'a Requested,
    /// Duties and tier under the authority in force now.
    pub duties: &'a Duties,
    pub tier: Tier,
    /// The mode of the stack's environment now.
    pub mode: Mode,
    /// Whether the request changes authority: then observe lets nothing through.
    pub changes_authority: bool,
    pub now: i64,
}

/// Where each person stands on a request.
struct Position<'a> {
    statement: &'a Received,
    choice: Choice,
}

fn positions<'a>(history: &'a History, id: &'a str) -> BTreeMap<&'a str, Position<'a>> {
    // Accepted statements are in order and each later one supersedes, so the last is where a person stands.
    history
        .accepted(id)
        .map(|(statement, person)| {
            (
                person,
                Position {
                    statement,
                    choice: statement.signed.predicate.decision,
                },
            )
        })
        .collect()
}

pub fn decide(question: &Question<'_>, history: &History) -> Decision {
    let requested = question.requested;
    let judge = Judge {
        request: &requested.request,
        request_digest: requested.digest,
        bundle: &history.force.bundle,
        duties: question.duties,
        display: &requested.display,
        tier: question.tier,
        now: question.now,
    };
    let positions = positions(history, &requested.request.id);
    let mut approved = BTreeSet::new();
    let mut counted = Vec::new();
    let mut against = Vec::new();
    for (person, position) in &positions {
        match position.choice {
            Choice::Approve => {
                if let Ok(person) = position.statement.signed.counts(&judge) {
                    counted.push(position.statement.digest);
                    approved.insert(person);
                }
            }
            Choice::Reject => against.push(format!(
                "rejected by {person}{}",
                reason(position.statement)
            )),
            Choice::Revoke => {}
        }
    }
    counted.sort();
    against.extend(held_by_earlier_rejects(question, history, &approved));

    let (verdict, reasons) = if let Some(impossible) = question.duties.impossible() {
        (Verdict::Denied, vec![impossible])
    } else if !against.is_empty() {
        (Verdict::Denied, against)
    } else {
        match question.duties.missing(&approved) {
            missing if missing.is_empty() => (Verdict::Warrant, vec![]),
            missing => (Verdict::Pending, missing),
        }
    };
    let observing = question.mode == Mode::Observe && !question.changes_authority;
    match verdict {
        Verdict::Warrant => Decision::Warrant(warrant(requested, counted, vec![])),
        _ if observing => Decision::Warrant(warrant(requested, counted, reasons)),
        Verdict::Pending => Decision::Pending(reasons),
        verdict => Decision::Refusal { verdict, reasons },
    }
}

fn warrant(requested: &Requested, counted: Vec<Digest>, observed: Vec<String>) -> Warrant {
    Warrant {
        request: requested.request.id.clone(),
        request_digest: requested.digest,
        counted,
        observed,
    }
}

fn reason(statement: &Received) -> String {
    match &statement.signed.predicate.reason {
        Some(reason) => format!(": {}", ambit_authority::address::escape(reason)),
        None => String::new(),
    }
}

/// Rejects of earlier requests that touch the same things, until that person or most of their team agrees to this one.
fn held_by_earlier_rejects(
    question: &Question<'_>,
    history: &History,
    approved: &BTreeSet<String>,
) -> Vec<String> {
    let this = question.requested;
    let touched = touched(&this.scope);
    let mut held = Vec::new();
    for earlier in history.requests.values() {
        let other = &earlier.request;
        let overlaps = || {
            let both_declare =
                other.authority_after.is_some() && this.request.authority_after.is_some();
            both_declare || !self::touched(&earlier.scope).is_disjoint(&touched)
        };
        if other.id == this.request.id
            || other.fingerprint != this.request.fingerprint
            || earlier.index > this.index
            || !overlaps()
        {
            continue;
        }
        for (person, position) in positions(history, &other.id) {
            let fresh = question.now < position.statement.time + REJECT_HOLDS;
            if position.choice == Choice::Reject
                && fresh
                && !approved.contains(person)
                && !lifted(history, person, approved)
            {
                held.push(format!(
                    "{person} rejected {}, which touches the same resources{}",
                    other.id,
                    reason(position.statement)
                ));
            }
        }
    }
    held
}

/// What a scope is about, under each address it has had: a new name does not outrun a reject.
fn touched(scope: &Scope) -> BTreeSet<Subject> {
    let before = |g: &Grant| g.previous.clone().map(Subject::Resource);
    scope
        .grants
        .iter()
        .flat_map(|g| [Some(g.subject.clone()), before(g)])
        .flatten()
        .collect()
}

/// More than half of a team that the rejecting person is in, agreeing to the new request.
fn lifted(history: &History, person: &str, approved: &BTreeSet<String>) -> bool {
    history.force.bundle.teams.iter().any(|team| {
        let agreeing = team
            .members
            .iter()
            .filter(|m| approved.contains(*m))
            .count();
        team.members.iter().any(|m| m == person) && 2 * agreeing > team.members.len()
    })
}

/// Whether a statement fresh from the inbox is accepted, and from whom.
pub fn admit(
    question: &Question<'_>,
    history: &History,
    signed: &ambit_authority::statement::Signed,
) -> Result<String, String> {
    let requested = question.requested;
    let judge = Judge {
        request: &requested.request,
        request_digest: requested.digest,
        bundle: &history.force.bundle,
        duties: question.duties,
        display: &requested.display,
        tier: question.tier,
        now: question.now,
    };
    let person = signed.counts(&judge)?;
    let latest = positions(history, &requested.request.id).remove(person.as_str());
    match (latest, signed.predicate.decision) {
        (Some(latest), _) if latest.choice == Choice::Revoke => Err(format!(
            "{person} revoked their approval, and that is final"
        )),
        // Revoking is final also where it arrives before the approval it takes back: of the two files the courier
        // chooses the order, and each statement is taken once.
        (Some(latest), Choice::Approve)
            if signed.predicate.supersedes != Some(latest.statement.digest) =>
        {
            Err(format!(
                "{person} has decided since (`{}`); an approval that does not supersede that decision is an old one",
                latest.choice
            ))
        }
        _ => Ok(person),
    }
}

impl Decision {
    pub fn verdict(&self) -> Verdict {
        match self {
            Decision::Warrant(warrant) if warrant.observed.is_empty() => Verdict::Warrant,
            Decision::Warrant(_) => Verdict::Observed,
            Decision::Pending(_) => Verdict::Pending,
            Decision::Refusal { verdict, .. } => *verdict,
        }
    }

    pub fn reasons(&self) -> &[String] {
        match self {
            Decision::Warrant(warrant) => &warrant.observed,
            Decision::Pending(reasons) | Decision::Refusal { reasons, .. } => reasons,
        }
    }

    /// The warrant, or the stop that the user meets.
    pub fn warrant(self, id: &str) -> Result<Warrant, Stop> {
        match self {
            Decision::Warrant(warrant) => Ok(warrant),
            Decision::Pending(missing) => Err(Stop::new(Exit::ApprovalRequired, format!("{id} is not approved yet"))
                .details(missing.into_iter().map(|m| format!("missing  {m}")))
                .next(format!("hand out `ambit show {id} --export FILE`; each person answers with `ambit approve FILE`"))),
            Decision::Refusal { reasons, .. } => Err(Stop::denied(format!("{id} cannot be applied"))
                .details(reasons)
                .next("change the request or settle it with the people named; more signatures of others do not help")),
        }
    }
}

#[cfg(test)]
mod tests;
