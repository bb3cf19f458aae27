//! Applying exactly what was approved.
//!
//! The present tree is sealed and planned again; the approval counts only for an equal scope. Consumption and its record
//! are one transaction, taken before the engine starts, and nothing can come between the last look into the inbox and
//! it. From then on the history says whatever happens: an outcome, or a release when nothing was started.

use crate::{
    bench::{Bench, serial_and_digest},
    decision::{self, Question, Warrant},
    engine::{ApplyEnd, Event, Flow, PlanArgs, Run, StateSnapshot},
    gate::Gate,
    history::{Requested, ledger_stop},
    intake::{self, Taken, encode},
    outcome::{self, Ended, Finding, Objects},
    stop::{Exit, Stop},
    survey::{Look, Survey},
};
use ambit_authority::{
    canonical,
    chain::AuthorityRecord,
    digest::Digest,
    record::{Body, OutcomeVerdict, Record, Verdict},
    scope::{self, Scope, Subject},
    statement::Seen,
};
use ambit_evidence::{LedgerError, Recorded, Retention, Tx};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

pub struct Applied {
    pub verdict: OutcomeVerdict,
    pub findings: Vec<String>,
    pub taken: Vec<Taken>,
    pub warnings: Vec<String>,
    /// What enforce would have asked for.
    pub observed: Vec<String>,
    /// The authority record that this apply put in force.
    pub authority: Option<u64>,
    pub diagnostics: Vec<String>,
}

/// The whole of `ambit apply ID`.
pub fn apply(
    gate: &mut Gate,
    id: &str,
    arguments: PlanArgs,
    mut say: impl FnMut(String),
) -> Result<Applied, Stop> {
    let now = gate.now()?;
    usable(gate.history.request(id)?, gate, now)?;
    let key = gate.dir.key(id)?.ok_or_else(|| {
        Stop::stale(format!(
            "{id} can no longer be compared: its key is gone from this gate"
        ))
        .next("plan again; that makes a new request")
    })?;
    let (taken, warnings) = intake::drain(gate)?;

    let request = gate.history.request(id)?.request.clone();
    let stack = gate.config.stack(Some(&request.stack))?.clone();
    let settings = gate.history.force.bundle.settings.clone();
    let bench = Bench::prepare(&gate.repository, &stack, &gate.dir, Some(&settings))?;
    let interrupts = gate.interrupts.clone();
    let run = bench.run(&interrupts);
    let init = bench.init(&run, Some(&settings))?;
    let arguments = as_requested(arguments, &gate.history.request(id)?.scope);
    let survey = Look {
        gate,
        bench: &bench,
        init: &init,
        arguments: &arguments,
        requester: &request.requester,
        key: &key,
        salt: String::new(),
    }
    .survey(&run)?;

    for statement in &survey.carried {
        gate.inbox
            .put(statement.as_bytes())
            .map_err(Stop::failure)?;
    }
    let (more, _) = intake::drain(gate)?;
    let taken = taken.into_iter().chain(more).collect();
    let warrant = decide(gate, id, &bench, &survey)?;
    let observed = warrant.observed().to_vec();
    let warrant = consume(gate, id, warrant, &survey)?;
    let checkpoint = seen(gate)?;
    let done = start(gate, &run, &bench, warrant, &survey, &checkpoint, &mut say)?;
    Ok(Applied {
        taken,
        warnings,
        observed,
        ..done
    })
}

/// Checked before anything is planned.
fn usable(requested: &Requested, gate: &Gate, now: i64) -> Result<(), Stop> {
    let request = &requested.request;
    if let Some(used) = gate.history.consumed.get(&request.id) {
        return Err(Stop::stale(format!(
            "{} was used already (record {})",
            request.id, used.index
        ))
        .next("plan again; each approval is good for one apply"));
    }
    if now >= request.expires {
        return Err(Stop::stale(format!("{} has expired", request.id))
            .next("plan again and have it approved again"));
    }
    Ok(())
}

/// Mode, targets and replacements are those of the request; only values of variables come from the command line.
fn as_requested(given: PlanArgs, scope: &Scope) -> PlanArgs {
    let context = &scope.context;
    PlanArgs {
        mode: match context.mode {
            scope::RunMode::Normal => crate::engine::Mode::Normal,
            scope::RunMode::Destroy => crate::engine::Mode::Destroy,
            scope::RunMode::RefreshOnly => crate::engine::Mode::RefreshOnly,
        },
        targets: context.targets.clone(),
        excludes: context.excludes.clone(),
        replace: context.replaces.clone(),
        ..given
    }
}

/// Denied comes before stale, stale before not approved, not approved before pending.
fn decide(gate: &mut Gate, id: &str, bench: &Bench, survey: &Survey) -> Result<Warrant, Stop> {
    let now = gate.now()?;
    let requested = gate.history.request(id)?;
    let changes_authority =
        survey.bundle_after.is_some() || requested.request.authority_after.is_some();
    let question = Question {
        requested,
        duties: &survey.duties,
        tier: survey.tier,
        mode: survey.mode,
        changes_authority,
        now,
    };
    let decision = decision::decide(&question, &gate.history);
    let beyond = beyond(requested, bench, survey)?;
    let stale = stale(gate, requested, bench);
    let observing = survey.mode == ambit_authority::bundle::Mode::Observe && !changes_authority;

    let (verdict, mut reasons) = (decision.verdict(), decision.reasons().to_vec());
    let stop = match verdict {
        Verdict::Denied => Some((verdict, decision.warrant(id).err())),
        _ if stale.is_some() => Some((Verdict::Stale, stale)),
        _ if !beyond.is_empty() && !observing => {
            reasons = beyond.clone();
            let stop = Stop::new(
                Exit::NotApproved,
                format!(
                    "{id} is not what was approved: {} beyond approval",
                    effects(beyond.len())
                ),
            )
            .details(beyond)
            .next(
                "plan again; the new request shows everything, and the people named there decide",
            );
            Some((Verdict::NotApproved, Some(stop)))
        }
        Verdict::Pending => Some((verdict, decision.warrant(id).err())),
        _ => {
            let warrant = decision.warrant(id)?;
            intake::witnessed(gate, warrant.counted())?;
            return Ok(warrant.also_observed(beyond));
        }
    };
    let (verdict, stop) = stop.unwrap_or((verdict, None));
    record_decision(gate, id, verdict, survey, vec![], reasons)?;
    Err(stop.unwrap_or_else(|| Stop::denied(format!("{id} was refused"))))
}

fn effects(n: usize) -> String {
    if n == 1 {
        "1 effect".into()
    } else {
        format!("{n} effects")
    }
}

fn beyond(requested: &Requested, bench: &Bench, survey: &Survey) -> Result<Vec<String>, Stop> {
    if bench.fingerprint != requested.request.fingerprint {
        return Ok(vec![format!(
            "the stack's state is {} now, approved was {}",
            bench.fingerprint, requested.request.fingerprint
        )]);
    }
    if survey.scope.digest().map_err(Stop::failure)? == requested.request.scope_digest {
        return Ok(vec![]);
    }
    let lines = scope::beyond(&requested.scope, &survey.scope);
    Ok(if lines.is_empty() {
        vec!["the scope differs".into()]
    } else {
        lines
    })
}

/// The state may have moved only by outcomes of this history that touch nothing of ours.
fn stale(gate: &Gate, requested: &Requested, bench: &Bench) -> Option<Stop> {
    let (serial, digest) = bench.serial_and_digest();
    let request = &requested.request;
    if digest == request.state_digest {
        return None;
    }
    let ours: BTreeSet<&Subject> = requested
        .scope
        .grants
        .iter()
        .flat_map(|g| g.after.iter().chain([&g.subject]))
        .collect();
    let since: Vec<_> = gate
        .history
        .outcomes
        .iter()
        .filter(|o| o.index > requested.index && o.fingerprint == request.fingerprint)
        .collect();
    let recorded = since
        .last()
        .is_some_and(|o| o.state_digest == digest && o.serial == serial);
    let disjoint = since.iter().all(|o| {
        let grants = gate
            .history
            .requests
            .get(&o.request)
            .map(|r| &r.scope.grants);
        grants.is_some_and(|grants| grants.iter().all(|g| !ours.contains(&g.subject)))
    });
    if recorded && disjoint {
        return None;
    }
    let how = if serial == request.serial {
        "the state was edited in place: its content changed and its serial did not".to_owned()
    } else {
        format!(
            "the state moved from serial {} to {serial} since the request",
            request.serial
        )
    };
    Some(
        Stop::stale(format!("{}: {how}", request.id))
            .next("find out who changed the state, then plan again and have it approved"),
    )
}

fn record_decision(
    gate: &mut Gate,
    id: &str,
    verdict: Verdict,
    survey: &Survey,
    counted: Vec<Digest>,
    reasons: Vec<String>,
) -> Result<(), Stop> {
    let (now, history) = (gate.now()?, &gate.history);
    let (origin, authority_n) = (history.force.origin.clone(), history.force.n);
    gate.journal
        .transact(now, |tx| {
            let record = decision_record(
                tx,
                origin,
                id,
                authority_n,
                verdict,
                survey,
                counted,
                reasons,
            );
            tx.append("decision", &encode(&record)).map(|_| ())
        })
        .map_err(ledger_stop)?;
    gate.refresh()
}

#[expect(clippy::too_many_arguments, reason = "the fields of one record")]
fn decision_record(
    tx: &Tx<'_>,
    origin: String,
    id: &str,
    authority_n: u64,
    verdict: Verdict,
    survey: &Survey,
    counted: Vec<Digest>,
    reasons: Vec<String>,
) -> Record {
    const MOST: usize = 40;
    let more = reasons.len().saturating_sub(MOST);
    let mut reasons: Vec<String> = reasons
        .into_iter()
        .take(MOST)
        .map(|r| r.chars().take(200).collect())
        .collect();
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    Record {
        origin,
        time: tx.time(),
        request: Some(id.to_owned()),
        body: Body::Decision {
            verdict,
            tier: survey.tier,
            authority_n,
            duties: survey.duties.clone(),
            counted,
            reasons,
        },
        blobs: vec![],
    }
}

/// Decision and consumption in one transaction. A statement that arrives after the last look makes it start over.
fn consume(
    gate: &mut Gate,
    id: &str,
    warrant: Warrant,
    survey: &Survey,
) -> Result<Recorded<Warrant>, Stop> {
    enum Trouble {
        Ledger(LedgerError),
        Stop(Box<Stop>),
    }
    impl From<LedgerError> for Trouble {
        fn from(error: LedgerError) -> Self {
            Trouble::Ledger(error)
        }
    }
    let (now, size, origin, n) = (
        gate.now()?,
        gate.history.size,
        gate.history.force.origin.clone(),
        gate.history.force.n,
    );
    let verdict = if warrant.observed().is_empty() {
        Verdict::Warrant
    } else {
        Verdict::Observed
    };
    let (counted, observed) = (warrant.counted().to_vec(), warrant.observed().to_vec());
    let scope_digest = survey.scope.digest().map_err(Stop::failure)?;
    let plan_digest = Digest::from_bytes(survey.planned.sha256());
    let inbox = &gate.inbox;
    let recorded = gate.journal.record(now, |tx| {
        let moved = tx.size()? != size
            || !inbox
                .drain()
                .map_err(|e| Trouble::Stop(Box::new(Stop::failure(e))))?
                .arrivals
                .is_empty();
        if moved {
            let stop = Stop::failure(
                "the history moved while this apply was decided; nothing was applied",
            )
            .next(format!("run `ambit apply {id}` again"));
            return Err(Trouble::Stop(Box::new(stop)));
        }
        let decision = decision_record(
            tx,
            origin.clone(),
            id,
            n,
            verdict,
            survey,
            counted.clone(),
            observed,
        );
        tx.append("decision", &encode(&decision))?;
        let use_no = match tx.consume(id)? {
            Ok(use_no) => u32::from(use_no.get()),
            Err(_) => {
                return Err(Trouble::Stop(Box::new(Stop::stale(format!(
                    "{id} was used already"
                )))));
            }
        };
        let record = Record {
            origin,
            time: tx.time(),
            request: Some(id.to_owned()),
            body: Body::Consumption {
                use_no,
                scope_digest,
                plan_digest,
                statements: counted,
            },
            blobs: vec![],
        };
        tx.append("consumption", &encode(&record))?;
        Ok(warrant)
    });
    let recorded = recorded.map_err(|trouble| match trouble {
        Trouble::Ledger(error) => ledger_stop(error),
        Trouble::Stop(stop) => *stop,
    })?;
    gate.refresh()?;
    Ok(recorded)
}

fn seen(gate: &Gate) -> Result<Seen, Stop> {
    let checkpoint = gate.journal.checkpoint().map_err(ledger_stop)?.checkpoint;
    Ok(Seen {
        size: checkpoint.size,
        root: checkpoint.root,
    })
}

/// The engine start. Takes a recorded warrant and nothing less.
fn start(
    gate: &mut Gate,
    run: &Run<'_>,
    bench: &Bench,
    warrant: Recorded<Warrant>,
    survey: &Survey,
    checkpoint: &Seen,
    say: &mut impl FnMut(String),
) -> Result<Applied, Stop> {
    let id = warrant.get().request().to_owned();
    let use_no = gate.history.consumed.get(&id).map_or(1, |c| c.use_no);
    let granted: BTreeMap<String, ()> = survey
        .scope
        .grants
        .iter()
        .filter_map(|g| match &g.subject {
            Subject::Resource(key) => Some((key.to_string(), ())),
            _ => None,
        })
        .collect();
    let (mut begun, mut completed, mut strangers, mut lines) =
        (BTreeSet::new(), BTreeSet::new(), Vec::new(), Vec::new());
    let hold = gate.interrupts.watch();
    let ended = run.apply(&survey.planned, &mut |event: &Event| {
        let (line, stranger) = match event {
            Event::ApplyStart { resource, action } => {
                let address = crate::engine::printable(&resource.address);
                begun.insert(address.clone());
                let known = granted.contains_key(&address)
                    || resource.address.starts_with("data.")
                    || resource.address.contains(".data.");
                if !known {
                    strangers.push(address.clone());
                }
                (format!("start {action} {address}"), !known)
            }
            Event::ApplyComplete { resource, .. } => {
                let address = crate::engine::printable(&resource.address);
                completed.insert(address.clone());
                (format!("done {address}"), false)
            }
            Event::ApplyErrored { resource, .. } => {
                let address = crate::engine::printable(&resource.address);
                // Reported to have failed is reported: only silence leaves it in doubt.
                completed.insert(address.clone());
                (format!("failed {address}"), false)
            }
            Event::ProvisionStart {
                resource,
                provisioner,
            } => (
                format!(
                    "run {} on {}",
                    crate::engine::printable(provisioner),
                    crate::engine::printable(&resource.address)
                ),
                false,
            ),
            _ => return Flow::Continue,
        };
        say(line.clone());
        lines.push(line);
        if stranger { Flow::Stop } else { Flow::Continue }
    });
    let result = finish(
        gate,
        bench,
        &id,
        use_no,
        survey,
        checkpoint,
        warrant,
        ended,
        Reported {
            begun,
            completed,
            strangers,
            lines,
        },
    );
    drop(hold);
    result
}

struct Reported {
    begun: BTreeSet<String>,
    completed: BTreeSet<String>,
    strangers: Vec<String>,
    lines: Vec<String>,
}

#[expect(clippy::too_many_arguments, reason = "what one apply leaves behind")]
fn finish(
    gate: &mut Gate,
    bench: &Bench,
    id: &str,
    use_no: u32,
    survey: &Survey,
    checkpoint: &Seen,
    warrant: Recorded<Warrant>,
    ended: Result<crate::engine::Applied, crate::engine::EngineError>,
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
