//! `ambit init`

use crate::{
    gate::{ledger_path, repository},
    genesis,
    signing::Signer,
    stop::{Exit, Stop},
};
use std::path::Path;

pub fn run(ledger: Option<&Path>, key: &Path, person: Option<String>) -> Result<Exit, Stop> {
    let (repository, config) = repository()?;
    let ledger = ledger_path(ledger, &repository, &config);
    let signer = Signer::open(key)?;
    let person = person.unwrap_or_else(|| {
        let stem = key
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        stem.split('.').next().unwrap_or_default().to_owned()
    });
    let made = genesis::begin(&repository, &config, &ledger, &person, &signer)?;
    println!("History begun for {}", repository.root.display());
    println!("  origin   {}", made.origin);
    println!("  genesis  {}", made.digest);
    println!("  root     {} ({})", made.person, signer.key.fingerprint());
    println!(
        "  engine   {} {}",
        made.settings.engine.kind, made.settings.engine.minor
    );
    for provider in &made.settings.providers {
        println!("  provider {} {}", provider.source, provider.version);
    }
    for claim in &made.claims {
        println!("  stack    {} = {}", claim.stack, claim.fingerprint);
    }
    println!("  ledger   {}", ledger.display());
    println!("Everything is in observe mode until signed declarations say otherwise.");
    println!("One root person is one key away from a lock-out: declare a second one soon.");
    println!("next: hand these out, by another way than the repository:");
    println!("  ambit trust add {} {}", made.origin, made.digest);
    Ok(Exit::Done)
}
