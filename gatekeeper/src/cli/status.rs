//! `ambit status`: what waits for whom.

use super::Format;
use crate::{
    decision::Decision,
    export,
    gate::Gate,
    history::Requested,
    intake,
    stop::{Exit, Stop},
};
use std::path::Path;

pub fn run(ledger: Option<&Path>, format: Format, id: Option<&str>) -> Result<Exit, Stop> {
    let mut gate = Gate::open(ledger)?;
    let (arrived, warnings) = intake::drain(&mut gate)?;
    warnings.iter().for_each(|w| eprintln!("ambit: {w}"));
    let now = gate.now()?;
    let one = id.map(|id| gate.history.request(id)).transpose()?;
    let mut open: Vec<&Requested> = match one {
        Some(requested) => vec![requested],
        None => gate
            .history
            .requests
            .values()
            .filter(|r| {
                !gate.history.consumed.contains_key(&r.request.id) && now < r.request.expires
            })
            .collect(),
    };
    open.sort_by_key(|r| r.index);
    let mut exit = Exit::Done;
    let mut rows = Vec::new();
    for requested in open {
        let request = &requested.request;
        let standing = if let Some(used) = gate.history.consumed.get(&request.id) {
            ("used", vec![format!("record {}", used.index)])
        } else if now >= request.expires {
            ("expired", vec![])
        } else {
            match export::standing(&gate, requested, now) {
                Decision::Warrant(_) => ("approved", vec![]),
                Decision::Pending(missing) => {
                    // What is denied comes first, wherever it stands.
                    if exit == Exit::Done {
                        exit = Exit::ApprovalRequired;
                    }
                    ("approval required", missing)
                }
                Decision::Refusal { reasons, .. } => {
                    exit = Exit::Denied;
                    ("denied", reasons)
                }
            }
        };
        rows.push((request, standing));
    }
    if format == Format::Json {
        let rows: Vec<_> = rows.iter().map(|(r, (state, why))| serde_json::json!({ "request": r.id, "stack": r.stack, "tier": r.tier, "state": state, "why": why })).collect();
        println!(
            "{}",
            serde_json::json!({ "v": 1, "verdict": exit.name(), "exit": exit as u8, "requests": rows })
        );
        return Ok(exit);
    }
    arrived.iter().for_each(|taken| println!("{taken}"));
    if rows.is_empty() {
        println!("No open request.");
    }
    for (request, (state, why)) in rows {
        println!(
            "{}  stack {}, tier {}, {}: {state}",
            request.id,
            request.stack,
            request.tier,
            request.requester.describe()
        );
        why.iter().for_each(|w| println!("  {w}"));
    }
    Ok(exit)
}
