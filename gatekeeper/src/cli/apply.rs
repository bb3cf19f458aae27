//! `ambit apply`

use super::{Format, LEVEL};
use crate::{
    apply,
    engine::PlanArgs,
    gate::Gate,
    stop::{Exit, Stop},
};
use ambit_authority::record::OutcomeVerdict;
use std::path::Path;

pub fn run(
    ledger: Option<&Path>,
    format: Format,
    id: &str,
    arguments: PlanArgs,
) -> Result<Exit, Stop> {
    let mut gate = Gate::open(ledger)?;
    gate.history.request(id)?;
    eprintln!("ambit: sealing and planning {id} again");
    let done = apply::apply(&mut gate, id, arguments, |line| eprintln!("ambit: {line}"))?;
    let exit = match done.verdict {
        OutcomeVerdict::Verified => Exit::Done,
        OutcomeVerdict::Deviated | OutcomeVerdict::Incomplete | OutcomeVerdict::Unknown => {
            Exit::Deviated
        }
    };
    if format == Format::Json {
        println!(
            "{}",
            serde_json::json!({
                "v": 1, "verdict": exit.name(), "exit": exit as u8, "request": id, "outcome": done.verdict, "findings": done.findings,
                "observed": done.observed, "authority": done.authority, "level": "cooperative",
            })
        );
        return Ok(exit);
    }
    if !done.observed.is_empty() {
        println!("Observed, let through; enforce would have stopped it:");
        done.observed
            .iter()
            .for_each(|o| println!("  would have needed  {o}"));
    }
    println!("{id} applied; outcome {}", done.verdict);
    done.findings.iter().for_each(|f| println!("  {f}"));
    if exit != Exit::Done {
        done.diagnostics.iter().for_each(|d| println!("  {d}"));
        println!("next: look at the estate; what was not done needs a new request");
    }
    if let Some(n) = done.authority {
        println!("authority record {n} is in force");
    }
    println!("level {LEVEL}");
    Ok(exit)
}
