//! Taking statements from the inbox into the history: rejects first, each once, with the reason where one does not count.

use crate::{
    decision::{self, Question},
    gate::Gate,
    history::{History, ledger_stop},
    stop::Stop,
};
use ambit_authority::{
    address::escape,
    bundle::Mode,
    canonical,
    digest::Digest,
    record::{Body, Record},
    statement::{self, Decision, Signed},
};
use ambit_evidence::{Arrival, LedgerError, Retention};

/// What became of one statement, for the screen.
pub struct Taken {
    pub request: String,
    pub decision: Decision,
    /// The person it is accepted from, or why it is not counted.
    pub result: Result<String, String>,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (request, decision) = (&self.request, self.decision);
        match &self.result {
            Ok(person) => write!(f, "{request}: {decision} by {person} recorded"),
            Err(why) => write!(f, "{request}: {decision} not counted, because {why}"),
        }
    }
}

/// Drains the whole inbox. Returns what was recorded and warnings about files that are no statements.
pub fn drain(gate: &mut Gate) -> Result<(Vec<Taken>, Vec<String>), Stop> {
    let (mut taken, mut warnings) = (Vec::new(), Vec::new());
    loop {
        let drained = gate.inbox.drain().map_err(Stop::failure)?;
        let done = drained.complete;
        let mut signed = Vec::new();
        for arrival in drained.arrivals {
            match statement::open(&arrival.bytes) {
                Ok(statement) => signed.push((statement, arrival)),
                Err(e) => {
                    warnings.push(format!(
                        "inbox file {} is no statement and was removed: {e}",
                        arrival.digest
                    ));
                    gate.inbox.remove(&arrival.digest).map_err(Stop::failure)?;
                }
            }
        }
        signed.sort_by_key(|(s, _)| {
            (
                s.predicate.decision == Decision::Approve,
                s.predicate.not_before,
                s.digest,
            )
        });
        for (statement, arrival) in signed {
            if let Some(one) = take(gate, &statement, &arrival)? {
                taken.push(one);
            }
            gate.inbox.remove(&arrival.digest).map_err(Stop::failure)?;
            gate.refresh()?;
        }
        if done {
            return Ok((taken, warnings));
        }
    }
}

fn take(gate: &mut Gate, signed: &Signed, arrival: &Arrival) -> Result<Option<Taken>, Stop> {
    let now = gate.now()?;
    let id = &signed.predicate.request;
    let result = judged(&gate.history, signed, now)?;
    // A request nobody knows has no name in the log: its text is a stranger's.
    let known = gate.history.requests.contains_key(id).then(|| id.clone());
    let origin = gate.history.force.origin.clone();
    let seen = &signed.digest;
    let recorded = gate.journal.transact(now, |tx| {
        if tx.statement(seen)?.is_err() {
            return Ok::<bool, LedgerError>(false);
        }
        let blob = tx.blob("application/vnd.dsse+json", &arrival.bytes, Retention::Keep)?;
        let record = Record {
            origin,
            time: tx.time(),
            request: known.clone(),
            body: Body::Statement {
                statement: signed.digest,
                decision: Some(signed.predicate.decision),
                key: Some(signed.verified.key.fingerprint()),
                person: result.as_ref().ok().cloned(),
                not_counted: result.as_ref().err().cloned(),
            },
            blobs: vec![blob],
        };
        tx.append("statement", &encode(&record))?;
        Ok(true)
    });
    match recorded {
        Ok(true) => Ok(Some(Taken {
            request: escape(id),
            decision: signed.predicate.decision,
            result,
        })),
        // Accepted once: the same statement again changes nothing.
        Ok(false) => Ok(None),
        Err(LedgerError::Abandoned) => Ok(None),
        Err(e) => Err(ledger_stop(e)),
    }
}

fn judged(history: &History, signed: &Signed, now: i64) -> Result<Result<String, String>, Stop> {
    let Some(requested) = history.requests.get(&signed.predicate.request) else {
        return Ok(Err("this history knows no such request".into()));
    };
    let question = Question {
        requested,
        duties: &requested.display.duties,
        tier: requested.request.tier,
        mode: Mode::Enforce,
        changes_authority: false,
        now,
    };
    let admitted = decision::admit(&question, history, signed);
    // Only a witness whose decision counts is believed: anybody can name a number, and would stop the gate with it.
    let seen = signed.predicate.checkpoint;
    if admitted.is_ok() && seen.size > history.size {
        return Err(Stop::unverified(format!(
            "a statement for {} was signed over a log of {} records, this one has {}",
            requested.request.id, seen.size, history.size
        ))
        .next("the ledger was rolled back or is another copy; bring the newest back"));
    }
    Ok(admitted)
}

/// Records are built from checked parts and always have an encoding; the ledger checks their size.
pub fn encode(record: &Record) -> Vec<u8> {
    canonical::encode(record).unwrap_or_default()
}

/// Whether a log extends what each counted signer saw: every signer is a witness.
pub fn witnessed(gate: &Gate, counted: &[Digest]) -> Result<(), Stop> {
    for received in gate
        .history
        .statements
        .iter()
        .filter(|s| counted.contains(&s.digest))
    {
        let seen = received.signed.predicate.checkpoint;
        let root = &seen.root;
        if !gate.journal.extends(seen.size, root).map_err(ledger_stop)? {
            return Err(Stop::unverified(format!(
                "the log does not extend the {} records that a signer of {} saw",
                seen.size,
                received.request.as_deref().unwrap_or("?")
            ))
            .next("the ledger was rolled back or forked; bring the true one back"));
        }
    }
    Ok(())
}
