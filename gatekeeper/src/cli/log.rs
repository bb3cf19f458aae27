//! `ambit log list|show|verify|export`

use super::show::write_whole;
use crate::{
    gate::{ledger_path, read_history, repository, unpinned},
    history::{History, ledger_stop},
    place::pins::{Pin, Pins},
    stop::{Exit, Stop},
};
use ambit_authority::{dsse::Envelope, statement};
use ambit_evidence::Ledger;
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(clap::Subcommand)]
pub enum What {
    /// One line per record.
    List,
    /// A record as it is stored.
    Show { index: u64 },
    /// Recompute every hash, root, checkpoint, signature and the chain of authority.
    Verify,
    /// Write the accepted statements of a request for `ssh-keygen -Y verify`, with an allowed_signers file.
    Export {
        id: String,
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

pub fn run(ledger: Option<&Path>, what: What) -> Result<Exit, Stop> {
    let (ledger, history) = open(ledger)?;
    match what {
        What::List => {
            for entry in ledger.entries(0..history.size).map_err(ledger_stop)? {
                let value: serde_json::Value =
                    serde_json::from_slice(&entry.body).unwrap_or_default();
                println!(
                    "{:>6}  {}  {:<12} {}",
                    entry.index,
                    time(entry.time),
                    entry.kind,
                    value["request"].as_str().unwrap_or("")
                );
            }
        }
        What::Show { index } => {
            let entry = ledger
                .entry(index)
                .map_err(|e| Stop::usage(e.to_string()))?;
            println!("{}", String::from_utf8_lossy(&entry.body));
        }
        What::Verify => {
            let checkpoint = ledger.checkpoint().map_err(ledger_stop)?.checkpoint;
            println!(
                "{} records verified, root {}",
                checkpoint.size, checkpoint.root
            );
            println!(
                "authority record {} in force, from genesis {}",
                history.force.n, history.genesis
            );
            println!(
                "This shows that nothing recorded was changed since; not that what was recorded is true."
            );
        }
        What::Export { id, out } => export(&history, &id, &out)?,
    }
    Ok(Exit::Done)
}

/// Inside a pinned repository its history; elsewhere the pin of the ledger's own origin.
fn open(given: Option<&Path>) -> Result<(Ledger, History), Stop> {
    match given {
        None => read_history(None).map(|(_, _, _, ledger, history)| (ledger, history)),
        Some(path) => {
            let pins = Pins::load()?;
            let here = repository().ok();
            let pin = here
                .as_ref()
                .map(|(repository, _)| pins.of(repository))
                .transpose()?
                .flatten();
            let path = here.as_ref().map_or_else(
                || path.to_owned(),
                |(repository, config)| ledger_path(Some(path), repository, config),
            );
            let ledger = Ledger::open_read(&path).map_err(ledger_stop)?;
            let of_origin = || {
                pins.origins.get(ledger.origin()).map(|genesis| Pin {
                    origin: Some(ledger.origin().to_owned()),
                    genesis: *genesis,
                })
            };
            let pin = pin.or_else(of_origin).ok_or_else(unpinned)?;
            let history = History::read(&ledger, &pin)?;
            Ok((ledger, history))
        }
    }
}

fn export(history: &History, id: &str, out: &Path) -> Result<(), Stop> {
    history.request(id)?;
    fs::create_dir_all(out).map_err(|e| Stop::io("create", out, e))?;
    let mut signers = String::new();
    for (received, person) in history.accepted(id) {
        let envelope =
            Envelope::from_json(received.envelope.as_bytes()).map_err(Stop::unverified)?;
        let name = format!("{person}.{}", received.index);
        write_whole(&out.join(format!("{name}.pae")), &envelope.signed_bytes())?;
        write_whole(
            &out.join(format!("{name}.sig")),
            envelope.signature.as_bytes(),
        )?;
        signers.push_str(&format!(
            "{person} namespaces=\"{}\" {}\n",
            statement::NAMESPACE,
            received.signed.verified.key
        ));
        println!(
            "ssh-keygen -Y verify -f allowed_signers -I {person} -n {} -s {name}.sig < {name}.pae",
            statement::NAMESPACE
        );
    }
    write_whole(&out.join("allowed_signers"), signers.as_bytes())
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|t| t.to_string())
        .unwrap_or_else(|_| seconds.to_string())
}
