//! `ambit approve`, `ambit reject`, `ambit revoke`: a person's decision about an exported request.
//!
//! Needs the pin and the file, nothing else. Who cannot count is told so before anything is written.

use super::show::write_whole;
use crate::{
    export::{self, Proved},
    gate::{clock, inbox_dir, ledger_path, repository},
    place::{
        outside,
        pins::{self, Pins},
    },
    signing::Signer,
    stop::{Exit, Stop},
};
use ambit_authority::{
    digest::Digest,
    dsse::{self, Envelope},
    statement::{self, Decision, Predicate},
    tier::Tier,
};
use ambit_evidence::Inbox;
use std::{
    fs,
    io::{BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

/// No longer file counts in an inbox.
const LARGEST_STATEMENT: u64 = 64 << 10;
const LIVES: i64 = 7 * 24 * 3600;
const LIVES_CRITICAL: i64 = 24 * 3600;

#[derive(clap::Args)]
pub struct Arguments {
    /// The exported request; with --import, statement files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Your SSH key.
    #[arg(long = "as", value_name = "KEY")]
    signer: Option<PathBuf>,
    /// Name of an irreversible, sensitive or weakening item you take note of; once for each.
    #[arg(long, value_name = "NAME")]
    acknowledge: Vec<String>,
    #[arg(long)]
    reason: Option<String>,
    /// Where to write the statement.
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    out: Option<PathBuf>,
    /// Write the bytes to be signed, for `ssh-keygen -Y sign` on another machine, and sign nothing.
    #[arg(long, value_name = "FILE")]
    unsigned: Option<PathBuf>,
    /// Put statement files into the inbox of this repository's ledger.
    #[arg(long, conflicts_with_all = ["signer", "acknowledge", "out", "unsigned"])]
    import: bool,
}

pub fn run(ledger: Option<&Path>, decision: Decision, arguments: Arguments) -> Result<Exit, Stop> {
    if arguments.import {
        return import(ledger, &arguments.files);
    }
    let [file] = arguments.files.as_slice() else {
        return Err(Stop::usage("one exported request at a time"));
    };
    let key = arguments
        .signer
        .as_deref()
        .ok_or_else(|| Stop::usage("say who you are with --as KEY"))?;
    let signer = Signer::open(key)?;
    let proved = export::read(file)?.prove(&Pins::load()?)?;
    let now = clock()?;
    let person = proved.judge(now).bars(&signer.key).map_err(|why| {
        Stop::denied(format!(
            "your decision on {} cannot count: {why}",
            proved.request.id
        ))
        .details(["nothing was written".to_owned()])
    })?;
    if now >= proved.request.expires {
        return Err(
            Stop::stale(format!("{} has expired", proved.request.id)).next("ask for a new request")
        );
    }
    print!("{}", proved.text);
    let acknowledges = match decision {
        Decision::Approve => acknowledged(&proved, arguments.acknowledge)?,
        _ => vec![],
    };
    let predicate = predicate(
        &proved,
        decision,
        &person,
        acknowledges,
        arguments.reason,
        now,
    )?;
    let payload = predicate
        .payload(proved.request_digest)
        .map_err(Stop::failure)?;
    let message = dsse::pre_authentication(statement::PAYLOAD_TYPE, &payload);
    if let Some(path) = &arguments.unsigned {
        write_whole(path, &message)?;
        println!(
            "to be signed: {}\nnext: ssh-keygen -Y sign -n {} -f KEY {}",
            path.display(),
            statement::NAMESPACE,
            path.display()
        );
        return Ok(Exit::Done);
    }
    let signature = signer.sign(statement::NAMESPACE, &message)?;
    let envelope = Envelope {
        payload_type: statement::PAYLOAD_TYPE.into(),
        payload,
        signature,
    };
    remember(&proved.request.id, &person, envelope.digest(&signer.key))?;
    let json = envelope.to_json();
    println!("{decision} by {person} ({})", signer.key.fingerprint());
    let out = arguments
        .out
        .clone()
        .or_else(|| delivered(ledger, &proved.request.origin, &json).err());
    match out {
        Some(path) if path.as_os_str().is_empty() => {
            default_file(&proved, &person, decision, &json)
        }
        Some(path) => {
            write_whole(&path, json.as_bytes())?;
            println!(
                "written to {}\nnext: hand it back; the runner takes it with `ambit approve --import {}`",
                path.display(),
                path.display()
            );
            Ok(Exit::Done)
        }
        None => {
            println!("put into the inbox of this repository's ledger");
            Ok(Exit::Done)
        }
    }
}

fn default_file(
    proved: &Proved,
    person: &str,
    decision: Decision,
    json: &str,
) -> Result<Exit, Stop> {
    let path = PathBuf::from(format!("{}.{person}.{decision}.json", proved.request.id));
    write_whole(&path, json.as_bytes())?;
    println!(
        "written to {}\nnext: hand it back; the runner takes it with `ambit approve --import {}`",
        path.display(),
        path.display()
    );
    Ok(Exit::Done)
}

/// Straight into the inbox where this directory's repository holds that very history; else the empty path.
fn delivered(ledger: Option<&Path>, origin: &str, json: &str) -> Result<(), PathBuf> {
    let elsewhere = |_: Stop| PathBuf::new();
    let (repository, config) = repository().map_err(elsewhere)?;
    let pin = Pins::load()
        .and_then(|p| p.of(&repository))
        .map_err(elsewhere)?;
    if pin.and_then(|p| p.origin).as_deref() != Some(origin) {
        return Err(PathBuf::new());
    }
    let inbox = Inbox::open(&inbox_dir(&ledger_path(ledger, &repository, &config)))
        .map_err(|_| PathBuf::new())?;
    inbox
        .put(json.as_bytes())
        .map(|_| ())
        .map_err(|_| PathBuf::new())
}

fn import(ledger: Option<&Path>, files: &[PathBuf]) -> Result<Exit, Stop> {
    let (repository, config) = repository()?;
    // All are read before the first is put: a wrong file among right ones changes nothing.
    for file in files {
        let way_out = "give the file that `ambit approve`, `reject` or `revoke` wrote";
        let bytes = outside::read(file, "statement", LARGEST_STATEMENT)
            .map_err(|stop| stop.next(way_out))?;
        statement::open(&bytes)
            .map_err(|e| Stop::unverified(format!("`{}`: {e}", file.display())).next(way_out))?;
    }
    let path = ledger_path(ledger, &repository, &config);
    let inbox = Inbox::open(&inbox_dir(&path)).map_err(Stop::failure)?;
    for file in files {
        inbox.import(file).map_err(Stop::failure)?;
        println!("{} put into the inbox", file.display());
    }
    println!("next: ambit status");
    Ok(Exit::Done)
}

fn acknowledged(proved: &Proved, given: Vec<String>) -> Result<Vec<String>, Stop> {
    let required = proved.display.to_acknowledge();
    if let Some(unknown) = given.iter().find(|g| !required.contains(g)) {
        return Err(Stop::usage(format!(
            "`{}` is nothing to acknowledge here",
            ambit_authority::address::escape(unknown)
        ))
        .details(required.iter().map(|r| format!("to be acknowledged: {r}"))));
    }
    let mut missing: Vec<&String> = required.iter().filter(|r| !given.contains(r)).collect();
    if !missing.is_empty() && std::io::stdin().is_terminal() {
        println!("Type the name of each item to acknowledge it; an empty line stops.");
        while let Some(name) = missing.first() {
            print!("{name}: ");
            let _ = std::io::stdout().flush();
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
            if read == 0 || line.trim().is_empty() {
                break;
            }
            if line.trim() == name.as_str() {
                missing.remove(0);
            }
        }
    }
    if missing.is_empty() {
        return Ok(required);
    }
    Err(
        Stop::usage("items are not acknowledged; nothing was written")
            .details(missing.iter().map(|m| format!("--acknowledge '{m}'")))
            .next("read each of them in the text above and name it"),
    )
}

fn predicate(
    proved: &Proved,
    decision: Decision,
    person: &str,
    acknowledges: Vec<String>,
    reason: Option<String>,
    now: i64,
) -> Result<Predicate, Stop> {
    let request = &proved.request;
    let lives = if request.tier == Tier::Critical {
        LIVES_CRITICAL
    } else {
        LIVES
    };
    let slice = Digest::of_part("ambit/duties", &proved.display.duties).map_err(Stop::failure)?;
    Ok(Predicate {
        v: 1,
        decision,
        approver: person.to_owned(),
        acting_for: proved.display.duties.acting_for(person),
        audience: request.origin.clone(),
        request: request.id.clone(),
        nonce: request.nonce.clone(),
        scope_digest: request.scope_digest,
        authority_slice: slice,
        tier: request.tier,
        text: proved.text.clone(),
        acknowledges,
        supersedes: remembered(&request.id, person),
        checkpoint: proved.seen,
        not_before: now.min(request.made_at),
        expires: (now + lives).min(request.expires),
        reason,
    })
}

/// A person's own last decision on a request, so that a new one can say what it supersedes.
fn memory(id: &str, person: &str) -> Result<PathBuf, Stop> {
    Ok(pins::directory()?
        .join("decisions")
        .join(format!("{id}.{person}")))
}

fn remembered(id: &str, person: &str) -> Option<Digest> {
    fs::read_to_string(memory(id, person).ok()?)
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn remember(id: &str, person: &str, digest: Digest) -> Result<(), Stop> {
    let path = memory(id, person)?;
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|e| Stop::io("create", dir, e))?;
    }
    write_whole(&path, digest.to_string().as_bytes())
}
