//! What an apply leaves behind: its outcome and, where one was approved, the next authority; or a release when the
//! engine provably started nothing.

use crate::{
    apply::Applied,
    bench::{Bench, serial_and_digest},
    decision::Warrant,
    engine::{ApplyEnd, EngineError, StateSnapshot},
    gate::Gate,
    history::ledger_stop,
    intake::encode,
    outcome::{self, Ended, Finding, Objects},
    stop::Stop,
    survey::Survey,
};
use ambit_authority::{
    canonical,
    chain::AuthorityRecord,
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
    let authority = record_outcome(
        gate,
        id,
        use_no,
        survey,
        checkpoint,
        warrant,
        &finding,
        after.as_ref(),
        &reported.lines,
    )?;
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
    let next = match (&survey.bundle_after, finding.verdict) {
        (Some(bundle), OutcomeVerdict::Verified) => Some((
            canonical::encode(bundle).map_err(Stop::failure)?,
            AuthorityRecord {
                origin: origin.clone(),
                n: history.force.n + 1,
                made_at: consumed_at,
                prev: Some(history.force.record_digest),
                bundle_digest: Digest::of_document(bundle).map_err(Stop::failure)?,
                request: Some(warrant.request_digest()),
                log_key: history.force.log_key.clone(),
                signatures: vec![],
                statements: warrant.counted().to_vec(),
            },
        )),
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
    let n = next.as_ref().map(|(_, record)| record.n);
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
            for chunk in lines.chunks(60) {
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
