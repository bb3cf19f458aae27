//! `ambit show`

use super::Format;
use crate::{
    export::Export,
    gate::read_history,
    stop::{Exit, Stop},
};
use ambit_authority::{canonical, display};
use std::{io::Write, path::Path};

pub fn run(
    ledger: Option<&Path>,
    format: Format,
    id: &str,
    file: Option<&Path>,
) -> Result<Exit, Stop> {
    let (_, _, _, ledger, history) = read_history(ledger)?;
    let requested = history.request(id)?;
    let text = display::render(&requested.request, &requested.display).map_err(Stop::denied)?;
    if let Some(path) = file {
        let export = Export::of(&ledger, &history, requested)?;
        let bytes = canonical::encode(&export).map_err(Stop::failure)?;
        write_whole(path, &bytes)?;
        println!("{id} written to {}", path.display());
        for name in requested.display.to_acknowledge() {
            println!("  to be acknowledged: {name}");
        }
        return Ok(Exit::Done);
    }
    let statements: Vec<serde_json::Value> = history
        .statements
        .iter()
        .filter(|s| s.request.as_deref() == Some(id))
        .map(|s| serde_json::json!({ "statement": s.digest, "decision": s.signed.predicate.decision, "person": s.person, "not_counted": s.not_counted }))
        .collect();
    if format == Format::Json {
        println!(
            "{}",
            serde_json::json!({ "v": 1, "request": requested.request, "display": requested.display, "text": text, "statements": statements })
        );
        return Ok(Exit::Done);
    }
    print!("{text}");
    for received in history
        .statements
        .iter()
        .filter(|s| s.request.as_deref() == Some(id))
    {
        let decision = received.signed.predicate.decision;
        match (&received.person, &received.not_counted) {
            (Some(person), _) => println!("{decision} by {person} (record {})", received.index),
            (_, Some(why)) => println!(
                "{decision} not counted, because {why} (record {})",
                received.index
            ),
            _ => {}
        }
    }
    Ok(Exit::Done)
}

/// Under a temporary name, then renamed: a reader never sees half a file.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let dir = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|e| Stop::io("write", path, e))
}
