//! What an apply leaves behind: its outcome and, where one was approved, the next authority; or a release when the
//! engine provably started nothing.

use crate::{
    apply::Applied,
    bench::{Bench, serial_and_digest},
    decision::Warrant,
    engine::{ApplyEnd, EngineError, StateSnapshot},
    gate::Gate,
    history::{Received, ledger_stop},
    intake::encode,
    outcome::{self, Ended, Finding, Objects},
    stop::{Exit, Stop},
    survey::Survey,
};
use ambit_authority::{
    canonical,
    chain::{self, AuthorityRecord, Link},
    digest::Digest,
    record::{Body, OutcomeVerdict, Record},
    statement::Seen,
};
use ambit_evidence::{LedgerError, Retention};
use std::{collections::BTreeSet, fs};

/// The history before the engine starts, and the authority record that a verified outcome puts in force.
pub struct Before {
    pub checkpoint: Seen,
    pub next: Option<(Vec<u8>, AuthorityRecord)>,
}

/// Made and verified before anything starts: a record that readers refuse would end the history for everyone.
pub fn next_record(
    gate: &Gate,
    warrant: &Warrant,
    survey: &Survey,
    made_at: i64,
) -> Result<Option<(Vec<u8>, AuthorityRecord)>, Stop> {
    let Some(bundle) = &survey.bundle_after else {
        return Ok(None);
    };
    let history = &gate.history;
    let requested = history.request(warrant.request())?;
    let record = AuthorityRecord {
        origin: history.force.origin.clone(),
        n: history.force.n + 1,
        made_at,
        prev: Some(history.force.record_digest),
        bundle_digest: Digest::of_document(bundle).map_err(Stop::failure)?,
        request: Some(warrant.request_digest()),
        log_key: history.force.log_key.clone(),
        signatures: vec![],
        statements: warrant.counted().to_vec(),
    };
    let counted = |s: &&Received| warrant.counted().contains(&s.digest);
    let link = Link {
        record: record.clone(),
        bundle: bundle.clone(),
        request: Some(requested.request.clone()),
        display: Some(requested.display.clone()),
        statements: history
            .statements
            .iter()
            .filter(counted)
            .map(|s| s.envelope.clone())
            .collect(),
    };
    chain::successor(&history.force, &link).map_err(|e| {
        Stop::denied(format!(
            "this change of authority would not verify afterwards: {e}"
        ))
        .next("plan again and have it approved again")
    })?;
    let bytes = canonical::encode(bundle).map_err(Stop::failure)?;
    Ok(Some((bytes, record)))
}

/// What the engine said while it ran.
#[derive(Default)]
pub struct Reported {
    pub begun: BTreeSet<String>,
    pub completed: BTreeSet<String>,
    pub strangers: Vec<String>,
    pub lines: Vec<String>,
}

#[expect(clippy::too_many_arguments, reason = "what one apply leaves behind")]
pub fn settle(
    gate: &mut Gate,
    bench: &Bench,
    id: &str,
    use_no: u32,
    survey: &Survey,
    before: Before,
    ended: Result<crate::engine::Applied, EngineError>,
    reported: Reported,
) -> Result<Applied, Stop> {
    let applied = match ended {
        Ok(applied) if applied.started || matches!(applied.end, ApplyEnd::Complete) => applied,
        // Provably nothing was started: the approval may be used again.
        Ok(applied) => {
            let said: Vec<String> = applied
                .diagnostics
                .iter()
                .map(ToString::to_string)
                .collect();
            release(
                gate,
                id,
                use_no,
                "the engine ended before it started anything",
            )?;
            return Err(Stop::failure(format!(
                "the engine ended before it started anything; {id} stays approved"
            ))
            .details(said));
        }
        Err(error) => {
            release(gate, id, use_no, "the engine did not start")?;
            return Err(Stop::failure(error).next(format!("nothing was applied and {id} stays approved; mend this and run `ambit apply {id}` again")));
        }
    };
    let after = bench.state.read();
    let state = fs::read(bench.state.path()).ok();
    let (after, unreadable) = match after {
        Ok(after) => (after, None),
        Err(error) => (
            None,
            Some(format!("the state cannot be read after the apply: {error}")),
        ),
    };
    let finding = outcome::judge(&Ended {
        scope: &survey.scope,
        plan: &survey.plan,
        end: &applied.end,
        begun: &reported.begun,
        completed: &reported.completed,
        strangers: &reported.strangers,
        unreadable_events: applied.unreadable_lines,
        before: bench.before.as_ref(),
        after: after.as_ref(),
        state: state.as_deref(),
    });
    let mut finding = finding.unwrap_or_else(|stop| Finding {
        verdict: OutcomeVerdict::Unknown,
        findings: vec![stop.what],
    });
    if let Some(problem) = unreadable {
        finding = Finding {
            verdict: OutcomeVerdict::Unknown,
            findings: [vec![problem], finding.findings].concat(),
        };
    }
    let (authority, finding) =
        record_outcome(
            gate,
            id,
            use_no,
            survey,
            before,
            finding,
            after.as_ref(),
            &reported.lines,
        )
        // No other code would do: each of them says that nothing was applied.
        .map_err(|stop| {
            Stop::new(
            Exit::Deviated,
            format!("{id} was applied, and its outcome is not in the log: {}", stop.what),
        )
        .details(stop.details)
        .next(
            "look at the estate; the history says that this request was used and not how it ended",
        )
        })?;
    Ok(Applied {
        verdict: finding.verdict,
        findings: finding.findings,
        observed: vec![],
        authority,
        diagnostics: applied
            .diagnostics
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

fn release(gate: &mut Gate, id: &str, use_no: u32, reason: &str) -> Result<(), Stop> {
    let (now, origin) = (gate.now()?, gate.history.force.origin.clone());
    gate.journal
        .transact(now, |tx| {
            tx.release(id)?;
            let body = Body::Release {
                use_no,
                reason: reason.to_owned(),
            };
            let record = Record {
                origin,
                time: tx.time(),
                request: Some(id.to_owned()),
                body,
                blobs: vec![],
            };
            tx.append("release", &encode(&record)).map(|_| ())
        })
        .map_err(ledger_stop)
}

/// Events, outcome and, on a verified outcome, the next authority record: one transaction. Returns the number of that
/// record, and the finding as it was recorded.
#[expect(clippy::too_many_arguments, reason = "what one outcome rests on")]
fn record_outcome(
    gate: &mut Gate,
    id: &str,
    use_no: u32,
    survey: &Survey,
    before: Before,
    mut finding: Finding,
    after: Option<&StateSnapshot>,
    lines: &[String],
) -> Result<(Option<u64>, Finding), Stop> {
    const TRIES: usize = 20;
    let origin = gate.history.force.origin.clone();
    let (serial, state_digest) = serial_and_digest(after);
    let objects =
        canonical::encode(&Objects::new(after, &survey.known_after)).map_err(Stop::failure)?;
    let mut next = before
        .next
        .filter(|_| finding.verdict == OutcomeVerdict::Verified);
    for _ in 0..TRIES {
        gate.refresh()?;
        // Another stack may have brought a record in the meantime; two records of one number would end the history.
        if next
            .as_ref()
            .is_some_and(|(_, record)| record.prev != Some(gate.history.force.record_digest))
        {
            next = None;
            finding.findings.push(
                "the authority moved meanwhile; these declarations are not in force: plan again"
                    .into(),
            );
        }
        let body = Body::Outcome {
            use_no,
            verdict: finding.verdict,
            lineage: after.map(|s| s.lineage.clone()).unwrap_or_default(),
            serial,
            state_digest,
            findings: fitting(&finding.findings).0,
            objects: Digest::of(&objects),
            checkpoint: before.checkpoint,
        };
        let (now, size) = (gate.now()?, gate.history.size);
        let done = gate.journal.transact(now, |tx| {
            if next.is_some() && tx.size()? != size {
                return Ok::<bool, LedgerError>(false);
            }
            let time = tx.time();
            let record = |body: Body, blobs: Vec<Digest>| Record {
                origin: origin.clone(),
                time,
                request: Some(id.to_owned()),
                body,
                blobs,
            };
            let mut rest = lines;
            while !rest.is_empty() {
                let (events, taken) = fitting(rest);
                rest = &rest[taken..];
                tx.append(
                    "apply_event",
                    &encode(&record(Body::ApplyEvent { use_no, events }, vec![])),
                )?;
            }
            let blob = tx.blob(
                "application/vnd.ambit.objects+json",
                &objects,
                Retention::Keep,
            )?;
            tx.append("outcome", &encode(&record(body, vec![blob])))?;
            if let Some((bundle, authority)) = &next {
                let blob = tx.blob(
                    "application/vnd.ambit.authority-bundle+json",
                    bundle,
                    Retention::Keep,
                )?;
                tx.append(
                    "authority",
                    &encode(&record(Body::Authority(authority.clone()), vec![blob])),
                )?;
            }
            Ok(true)
        });
        match done {
            Ok(true) => {
                gate.refresh()?;
                return Ok((next.map(|(_, record)| record.n), finding));
            }
            // Somebody appended between the look and the transaction: look again.
            Ok(false) | Err(LedgerError::NothingRecorded) => {}
            Err(error) => return Err(ledger_stop(error)),
        }
    }
    Err(Stop::failure(format!(
        "the history kept moving, and the outcome of {id} could not be recorded; the change was applied"
    )))
}

/// As many lines as fit into one record, in printable ASCII and each cut, with the number of lines taken (at least
/// one). Sized here, because after an apply nothing may be too large to be recorded.
pub fn fitting(lines: &[String]) -> (Vec<String>, usize) {
    const LONGEST: usize = 200;
    const ROOM: usize = 10 * 1024;
    let (mut out, mut room) = (Vec::new(), ROOM);
    for line in lines {
        let mut text = String::new();
        for c in line.chars() {
            match c {
                ' '..='~' => text.push(c),
                c => text.push_str(&ambit_authority::address::escape(
                    c.encode_utf8(&mut [0; 4]),
                )),
            }
        }
        text.truncate(LONGEST);
        // A quote or a backslash takes two bytes in the record.
        let size = 4 + text
            .bytes()
            .map(|b| if matches!(b, b'"' | b'\\') { 2 } else { 1 })
            .sum::<usize>();
        if size > room {
            break;
        }
        room -= size;
        out.push(text);
    }
    let taken = out.len();
    (out, taken)
}

#[cfg(test)]
mod tests;
