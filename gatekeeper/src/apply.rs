//! Applying exactly what was approved.
//!
//! The present tree is sealed and planned again; the approval counts only for an equal scope. Consumption and its record
//! are one transaction, taken before the engine starts, and nothing can come between the last look into the inbox and
//! it. From then on the history says whatever happens: an outcome, or a release when nothing was started.

use crate::{
    bench::Bench,
    decision::{self, Question, Warrant},
    engine::{Event, Flow, PlanArgs, ResourceRef, Run, printable},
    export,
    gate::Gate,
    history::{Requested, ledger_stop},
    intake::{self, encode},
    settle::{self, Before, Reported, fitting},
    stop::{Exit, Stop},
    survey::{Look, Survey},
};
use ambit_authority::{
    digest::Digest,
    record::{Body, OutcomeVerdict, Record, Verdict},
    scope::{self, Scope, Subject},
    statement::Seen,
};
use ambit_evidence::{LedgerError, Recorded, Tx};
use std::collections::BTreeSet;

pub struct Applied {
    pub verdict: OutcomeVerdict,
    pub findings: Vec<String>,
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
    take_in(gate, &mut say)?;

    let requested = gate.history.request(id)?;
    export::verify_requester(
        &requested.request,
        requested.signature.as_deref(),
        &gate.history.force,
    )
    .map_err(|stop| {
        stop.next("plan again, so that the request says who asks under the authority in force")
    })?;
    let request = requested.request.clone();
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
    take_in(gate, &mut say)?;
    let (warrant, decided_at) = decide(gate, id, &bench, &survey)?;
    let next = settle::next_record(gate, &warrant, &survey, decided_at)?;
    let observed = warrant.observed().to_vec();
    let warrant = consume(gate, id, warrant, &survey)?;
    let before = Before {
        checkpoint: seen(gate)?,
        next,
    };
    let done = start(gate, &run, &bench, warrant, &survey, before, &mut say)?;
    Ok(Applied { observed, ..done })
}

/// Said at once: where the apply stops afterwards, this is the only time the inbox's content is on the screen.
fn take_in(gate: &mut Gate, say: &mut impl FnMut(String)) -> Result<(), Stop> {
    let (taken, warnings) = intake::drain(gate)?;
    warnings.into_iter().for_each(&mut *say);
    taken.iter().for_each(|one| say(one.to_string()));
    Ok(())
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
fn decide(
    gate: &mut Gate,
    id: &str,
    bench: &Bench,
    survey: &Survey,
) -> Result<(Warrant, i64), Stop> {
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
    // Another stack than the one asked about is nothing to observe: its outcome would be told of the wrong one.
    let observing = survey.mode == ambit_authority::bundle::Mode::Observe
        && !changes_authority
        && bench.fingerprint == requested.request.fingerprint;

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
            return Ok((warrant.also_observed(beyond), now));
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
    let count = reasons.len();
    let (mut reasons, taken) = fitting(&reasons[..count.min(MOST)]);
    let more = count - taken;
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
    before: Before,
    say: &mut impl FnMut(String),
) -> Result<Applied, Stop> {
    let id = warrant.get().request().to_owned();
    let use_no = gate.history.consumed.get(&id).map_or(1, |c| c.use_no);
    let granted: BTreeSet<String> = survey
        .scope
        .grants
        .iter()
        .filter_map(|g| match &g.subject {
            Subject::Resource(key) => Some(key.to_string()),
            _ => None,
        })
        .collect();
    let mut reported = Reported::default();
    let hold = gate.interrupts.watch();
    let ended = run.apply(&survey.planned, &mut |event: &Event| {
        let address = |resource: &ResourceRef| printable(&resource.address);
        let mut stranger = false;
        let line = match event {
            Event::ApplyStart { resource, action } => {
                let address = address(resource);
                // Reads have no grant of their own where the plan did not defer them.
                stranger = !granted.contains(&address) && !reads(resource);
                reported.begun.insert(address.clone());
                if stranger {
                    reported.strangers.push(address.clone());
                }
                format!("start {action} {address}")
            }
            Event::ApplyComplete { resource, .. } => {
                reported.completed.insert(address(resource));
                format!("done {}", address(resource))
            }
            // Reported to have failed is reported: only silence leaves it in doubt.
            Event::ApplyErrored { resource, .. } => {
                reported.completed.insert(address(resource));
                format!("failed {}", address(resource))
            }
            Event::ProvisionStart {
                resource,
                provisioner,
            } => {
                format!("run {} on {}", printable(provisioner), address(resource))
            }
            _ => return Flow::Continue,
        };
        say(line.clone());
        reported.lines.push(line);
        if stranger { Flow::Stop } else { Flow::Continue }
    });
    let result = settle::settle(gate, bench, &id, use_no, survey, before, ended, reported);
    drop(hold);
    result
}

/// A data source, told by what follows its module path: a key may hold any text, `.data.` included.
fn reads(resource: &ResourceRef) -> bool {
    let own = resource
        .address
        .strip_prefix(&resource.module)
        .unwrap_or(&resource.address);
    own.trim_start_matches('.').starts_with("data.")
}
