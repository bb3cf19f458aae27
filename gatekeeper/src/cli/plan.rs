//! `ambit plan`

use super::{Format, LEVEL};
use crate::{
    engine::PlanArgs,
    export,
    gate::{Gate, repository},
    request::{self, Asked},
    signing::Signer,
    stop::{Exit, Stop},
};
use ambit_authority::{bundle::Mode, record::Verdict};
use std::path::Path;

pub fn run(
    ledger: Option<&Path>,
    format: Format,
    stack: Option<&str>,
    signer: Option<&Path>,
    gated: bool,
    arguments: PlanArgs,
) -> Result<Exit, Stop> {
    // What was typed is judged before what is stored.
    let signer = signer.map(Signer::open).transpose()?;
    repository()?.1.stack(stack)?;
    let mut gate = Gate::open(ledger)?;
    let stack = gate.config.stack(stack)?.clone();
    eprintln!("ambit: planning stack {} in a sealed copy", stack.name);
    let (id, survey, text) = match request::ask(&mut gate, &stack, &arguments, signer.as_ref())? {
        Asked::Nothing(survey) => {
            if format == Format::Json {
                println!(
                    "{}",
                    serde_json::json!({ "v": 1, "verdict": "done", "exit": 0, "changes": false, "stack": stack.name, "level": "cooperative" })
                );
            } else {
                println!(
                    "No changes in stack {}: nobody has to agree to anything.",
                    stack.name
                );
                written(&survey.written);
            }
            return Ok(Exit::Done);
        }
        Asked::Request { id, survey, text } => (id, survey, text),
    };
    let standing = export::standing(&gate, gate.history.request(&id)?, gate.now()?);
    let observing = survey.mode == Mode::Observe && survey.bundle_after.is_none();
    let approval_required = standing.verdict() != Verdict::Warrant && !observing;
    let denied = standing.verdict() == Verdict::Denied && !observing;
    let exit = match (denied, approval_required && gated) {
        (true, _) => Exit::Denied,
        (_, true) => Exit::ApprovalRequired,
        _ => Exit::Done,
    };
    if format == Format::Json {
        let requested = gate.history.request(&id)?;
        println!(
            "{}",
            serde_json::json!({
                "v": 1, "verdict": if denied { "denied" } else if approval_required { "approval-required" } else { "done" },
                "exit": exit as u8, "changes": true, "request": id, "stack": stack.name,
                "environment": survey.environment, "mode": if observing { "observe" } else { "enforce" }, "tier": survey.tier,
                "level": "cooperative", "text": text, "display": serde_json::to_value(&requested.display).unwrap_or_default(),
                "missing": standing.reasons(), "acknowledge": requested.display.to_acknowledge(),
            })
        );
        return Ok(exit);
    }
    print!("{text}");
    println!("Trust: history pinned, level {LEVEL}");
    written(&survey.written);
    if survey.mode == Mode::Observe {
        println!(
            "Environment {} observes: an apply goes through and says who would have been asked.",
            survey.environment
        );
    }
    if denied {
        println!("Denied:");
        standing.reasons().iter().for_each(|r| println!("  {r}"));
    } else if approval_required {
        println!("next: ambit show {id} --export FILE, and hand FILE to the people above");
    } else {
        println!("next: ambit apply {id}");
    }
    Ok(exit)
}

fn written(files: &[String]) {
    if !files.is_empty() {
        println!("Written into the sealed copy by the engine, and not kept:");
        files
            .iter()
            .for_each(|f| println!("  {}", ambit_authority::address::escape(f)));
    }
}
