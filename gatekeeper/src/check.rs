//! `ambit check FILE`: a report on a plan from anywhere. It never leads to an apply.

use crate::{
    graph::{Configuration, Dialect, Graph},
    place::outside,
    plan::{Action, Plan, PlanFile},
    stop::Stop,
    survey,
};
use std::{collections::BTreeMap, fmt::Write, path::Path};

/// Plan files and plan JSON larger than this are not read. JSON takes ten times the room of the file.
const LARGEST: u64 = 2 << 30;

const WAY_OUT: &str =
    "give a plan file that `plan -out` wrote, or what `show -json` writes for one";

pub fn report(path: &Path) -> Result<String, Stop> {
    let bytes = outside::read(path, "plan", LARGEST).map_err(|stop| stop.next(WAY_OUT))?;
    let wrong =
        |e: &dyn std::fmt::Display| Stop::usage(format!("`{}`: {e}", path.display())).next(WAY_OUT);
    let mut out = String::new();
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'{') && !bytes.starts_with(b"PK") {
        match Plan::read(&bytes) {
            Ok(plan) => json(&plan, &mut out),
            // A plan file may begin with a brace too: encrypted, or a bookmark. Its reader says which.
            Err(error) => {
                return Err(match PlanFile::read(&bytes) {
                    Err(file) if is_envelope(&bytes) => wrong(&file),
                    _ => wrong(&error),
                });
            }
        }
    } else {
        let file = PlanFile::read(&bytes).map_err(|e| wrong(&e))?;
        let configuration = Configuration::load(&survey::snapshot(&file), Dialect::OpenTofu)
            .map_err(|e| wrong(&e))?;
        let graph = Graph::build(&configuration).map_err(|e| wrong(&e))?;
        let _ = writeln!(
            out,
            "Plan file: {} resource blocks in {} modules, {} references between them",
            graph.nodes().count(),
            configuration.modules.len(),
            graph.edges().count()
        );
        let commands = graph.nodes().map(|(_, n)| n.execs.len()).sum::<usize>()
            + graph.removed().iter().map(|r| r.execs.len()).sum::<usize>();
        let _ = writeln!(out, "Commands in provisioners: {commands}");
        let _ = writeln!(
            out,
            "Values are not read from a foreign plan file; give the output of `show -json` for changes."
        );
    }
    out.push_str(
        "Advisory: this plan was made elsewhere, so it gets a report and never a warrant.\n",
    );
    out.push_str("next: ambit plan, which makes the plan itself\n");
    Ok(out)
}

/// An encrypted plan file or a bookmark of a remote run: JSON that is no plan JSON at all.
fn is_envelope(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    text.contains("encrypted_data") || text.contains("remote_plan_format")
}

fn json(plan: &Plan, out: &mut String) {
    let _ = writeln!(
        out,
        "Plan JSON, format {}.{}, by engine {}",
        plan.format.major,
        plan.format.minor,
        plan.engine_version.as_deref().unwrap_or("(not said)")
    );
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for change in plan.changes.iter().filter(|c| !c.is_plain_no_op()) {
        let word = match (change.action, &change.importing, &change.previous) {
            (Action::NoOp, Some(_), _) => "adopt",
            (Action::NoOp, _, Some(_)) => "move",
            (action, ..) => action.as_str(),
        };
        *counts.entry(word).or_default() += 1;
        if change.action != Action::NoOp || word != "no-op" {
            let _ = writeln!(out, "  {word}  {}", change.key);
        }
    }
    if counts.is_empty() {
        out.push_str("No changes.\n");
    }
    for (word, count) in counts {
        let _ = writeln!(out, "{count} {word}");
    }
    for field in &plan.unknown_fields {
        let _ = writeln!(
            out,
            "unknown field: {}",
            ambit_authority::address::escape(field)
        );
    }
    out.push_str("Plan JSON does not hold locals, dynamic blocks, lifecycle settings, conditions or commands of removed blocks.\n");
}
