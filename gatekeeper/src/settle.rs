//! What an apply leaves behind: its outcome and, where one was approved, the next authority; or a release when the
//! engine provably started nothing.

use crate::{
    apply::Applied,
    bench::{Bench, serial_and_digest},
    decision::Warrant,
    engine::{ApplyEnd, EngineError, StateSnapshot},
    gate::Gate,
    history::{History, ledger_stop},
    intake::encode,
    outcome::{self, Ended, Finding, Objects},
    stop::{Exit, Stop},
    survey::Survey,
};
use ambit_authority::{
    canonical::{self, Malformed},
    chain::{self, AuthorityRecord, Link},
    digest::Digest,
    record::{Body, OutcomeVerdict, Record},
    statement::Seen,
};
use ambit_evidence::{LedgerError, Recorded, Retention};
use std::{collections::BTreeSet, fs};

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
    checkpoint: &Seen,
    warrant: Recorded<Warrant>,
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
    let authority =
        record_outcome(
            gate,
            id,
            use_no,
            survey,
            checkpoint,
            warrant,
            &finding,
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
        taken: vec![],
        warnings: vec![],
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

/// Events, outcome and, on a verified outcome, the next authority record: one transaction.
#[expect(clippy::too_many_arguments, reason = "what one outcome rests on")]
fn record_outcome(
    gate: &mut Gate,
    id: &str,
    use_no: u32,
    survey: &Survey,
    checkpoint: &Seen,
    warrant: Recorded<Warrant>,
    finding: &Finding,
    after: Option<&StateSnapshot>,
    lines: &[String],
) -> Result<Option<u64>, Stop> {
    let history = &gate.history;
    let origin = history.force.origin.clone();
    let consumed_at = history.last_time;
    let (serial, state_digest) = serial_and_digest(after);
    let objects =
        canonical::encode(&Objects::new(after, &survey.known_after)).map_err(Stop::failure)?;
    let warrant = warrant.into_inner();
    let next = match finding.verdict {
        OutcomeVerdict::Verified => {
            next_authority(history, id, survey, warrant.counted(), consumed_at)?
        }
        _ => None,
    };
    let body = Body::Outcome {
        use_no,
        verdict: finding.verdict,
        lineage: after.map(|s| s.lineage.clone()).unwrap_or_default(),
        serial,
        state_digest,
        findings: finding
            .findings
            .iter()
            .take(40)
            .map(|f| f.chars().take(200).collect())
            .collect(),
        objects: Digest::of(&objects),
        checkpoint: *checkpoint,
    };
    let now = gate.now()?;
    let n = next.as_ref().map(|link| link.record.n);
    let next = next
        .map(|link| Ok((canonical::encode(&link.bundle)?, link.record)))
        .transpose()
        .map_err(|e: Malformed| Stop::failure(e))?;
    gate.journal
        .transact(now, |tx| {
            let time = tx.time();
            let record = |body: Body, blobs: Vec<Digest>| Record {
                origin: origin.clone(),
                time,
                request: Some(id.to_owned()),
                body,
                blobs,
            };
            for chunk in lines.chunks(30) {
                let events = chunk
                    .iter()
                    .map(|l| l.chars().take(200).collect())
                    .collect();
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
            if let Some((bundle, authority)) = next {
                let blob = tx.blob(
                    "application/vnd.ambit.authority-bundle+json",
                    &bundle,
                    Retention::Keep,
                )?;
                tx.append(
                    "authority",
                    &encode(&record(Body::Authority(authority), vec![blob])),
                )?;
            }
            Ok::<(), LedgerError>(())
        })
        .map_err(ledger_stop)?;
    gate.refresh()?;
    Ok(n)
}

/// The authority record that a verified outcome would append, already proved to follow the chain. Asked before the engine
/// starts as well: a change of authority that the chain would not accept is refused, never applied and then forgotten.
pub fn next_authority(
    history: &History,
    id: &str,
    survey: &Survey,
    counted: &[Digest],
    at: i64,
) -> Result<Option<Link>, Stop> {
    let Some(bundle) = &survey.bundle_after else {
        return Ok(None);
    };
    let requested = history.request(id)?;
    let record = AuthorityRecord {
        origin: history.force.origin.clone(),
        n: history.force.n + 1,
        made_at: at,
        prev: Some(history.force.record_digest),
        bundle_digest: Digest::of_document(bundle).map_err(Stop::failure)?,
        request: Some(requested.digest),
        log_key: history.force.log_key.clone(),
        signatures: vec![],
        statements: counted.to_vec(),
    };
    let statements = history
        .statements
        .iter()
        .filter(|s| counted.contains(&s.digest));
    let link = Link {
        record,
        bundle: bundle.clone(),
        request: Some(requested.request.clone()),
        display: Some(requested.display.clone()),
        statements: statements.map(|s| s.envelope.clone()).collect(),
    };
    let mut links = history.links.clone();
    links.push(link.clone());
    chain::verify(history.genesis, &links)
        .map_err(|e| Stop::denied(format!("the change of authority would not hold: {e}")))?;
    Ok(Some(link))
}
