//! The beginning of a history: record 0, its log, its pin.

use crate::{
    bench::Bench,
    engine::Interrupts,
    gate::{clock, hex, inbox_dir, random},
    history::ledger_stop,
    intake::encode,
    place::{
        gate_dir::GateDir,
        pins::Pins,
        repository::Repository,
        stacks::{Config, Stack},
    },
    signing::Signer,
    stop::Stop,
    tables::Tables,
};
use ambit_authority::{
    bundle::{
        Assurance, Bundle, Claim, EngineSettings, Environment, Mode, Person, PersonKey,
        ProviderSettings, Root, Settings,
    },
    canonical,
    chain::{self, AuthorityRecord},
    digest::Digest,
    record::{Body, Record},
};
use ambit_evidence::{Inbox, Journal, LedgerError, LogKey, Retention};
use std::{collections::BTreeMap, fs, path::Path};

pub struct Genesis {
    pub origin: String,
    pub digest: Digest,
    pub person: String,
    pub settings: Settings,
    pub claims: Vec<Claim>,
}

/// Reads engine, providers and fingerprints of every stack, signs record 0, and pins it. Whole or nothing.
pub fn begin(
    repository: &Repository,
    config: &Config,
    ledger: &Path,
    person: &str,
    signer: &Signer,
) -> Result<Genesis, Stop> {
    refuse_second(repository, ledger)?;
    ambit_authority::bundle::check_name(person)
        .map_err(|e| Stop::usage(format!("person `{person}`: {e}")))?;
    if config.stacks.is_empty() {
        config.stack(None)?;
    }
    let origin = format!("ambit-{}", hex(&random::<16>()?));
    let dir = GateDir::of(&origin, &repository.root)?;
    let result = found(repository, config, ledger, person, signer, &origin, &dir);
    if result.is_err() {
        // Nothing half-begun: the directory was made for this origin a moment ago.
        let _ = fs::remove_dir_all(dir.root());
    }
    result
}

fn refuse_second(repository: &Repository, ledger: &Path) -> Result<(), Stop> {
    if let Some(pin) = Pins::load()?.of(repository)? {
        let origin = pin.origin.unwrap_or_else(|| pin.genesis.to_string());
        return Err(Stop::unverified(format!("this repository belongs to history `{origin}` already"))
            .next("a second history would let anyone start over with rules of their own; go on with the first"));
    }
    if ledger.exists() {
        return Err(Stop::unverified(format!(
            "there is a ledger at `{}` and no pin for it",
            ledger.display()
        ))
        .next("pin it with `ambit trust add ORIGIN sha256:…`, both from its founder"));
    }
    Ok(())
}

fn found(
    repository: &Repository,
    config: &Config,
    ledger: &Path,
    person: &str,
    signer: &Signer,
    origin: &str,
    dir: &GateDir,
) -> Result<Genesis, Stop> {
    let interrupts = Interrupts::install()
        .map_err(|e| Stop::failure(format!("cannot watch for Ctrl-C: {e}")))?;
    let mut providers: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut claims = Vec::new();
    let mut engine = None;
    for stack in &config.stacks {
        let (bench, packages) = look(repository, stack, dir, &interrupts)?;
        for (source, version, h1) in packages {
            let hashes = providers.entry((source, version)).or_default();
            if !hashes.contains(&h1) {
                hashes.push(h1);
            }
        }
        claims.push(Claim {
            stack: stack.name.clone(),
            fingerprint: bench.fingerprint.clone(),
        });
        engine = Some(EngineSettings {
            kind: bench.engine.kind.to_string().to_lowercase(),
            minor: format!(
                "{}.{}",
                bench.engine.version.major, bench.engine.version.minor
            ),
            binaries: vec![Digest::from_bytes(bench.engine.sha256)],
        });
    }
    let engine = engine.ok_or_else(|| Stop::usage("ambit.hcl names no stack"))?;
    let settings = Settings {
        engine,
        providers: providers
            .into_iter()
            .map(|((source, version), hashes)| ProviderSettings {
                source,
                version,
                hashes,
            })
            .collect(),
        environment_names: vec![],
        tables_version: Tables::built_in().version,
    };
    let bundle = Bundle {
        root: Root {
            persons: vec![person.to_owned()],
            threshold: 1,
        },
        settings: settings.clone(),
        environments: vec![Environment {
            id: "default".into(),
            stacks: claims.iter().map(|c| c.fingerprint.clone()).collect(),
            critical: false,
            mode: Mode::Observe,
        }],
        claims: claims.clone(),
        tables: vec![],
        persons: vec![Person {
            id: person.to_owned(),
            keys: vec![PersonKey {
                key: signer.key.clone(),
                assurance: Assurance::Software,
            }],
        }],
        teams: vec![],
        programmes: vec![],
        agents: vec![],
        delegations: vec![],
        ownership: vec![],
        rules: vec![],
        windows: vec![],
    }
    .sorted();
    if let Some(problem) = bundle.check().first() {
        return Err(Stop::usage(problem));
    }
    let log_key = LogKey::create(&dir.log_key(), origin).map_err(Stop::failure)?;
    let now = clock()?;
    let mut record = AuthorityRecord {
        origin: origin.to_owned(),
        n: 0,
        made_at: now,
        prev: None,
        bundle_digest: Digest::of_document(&bundle).map_err(Stop::failure)?,
        request: None,
        log_key: log_key.public().to_string(),
        signatures: vec![],
        statements: vec![],
    };
    record.signatures =
        vec![signer.sign(chain::NAMESPACE, &record.to_sign().map_err(Stop::failure)?)?];
    let digest = Digest::of_document(&record).map_err(Stop::failure)?;
    let bytes = canonical::encode(&bundle).map_err(Stop::failure)?;

    let parent = ledger.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Stop::io("create", parent, e))?;
    ignore_in_git(repository, parent)?;
    Inbox::create(&inbox_dir(ledger)).map_err(Stop::failure)?;
    Journal::create(ledger, log_key, now, |tx| {
        let blob = tx.blob(
            "application/vnd.ambit.authority-bundle+json",
            &bytes,
            Retention::Keep,
        )?;
        let record = Record {
            origin: origin.to_owned(),
            time: tx.time(),
            request: None,
            body: Body::Authority(record),
            blobs: vec![blob],
        };
        tx.append("authority", &encode(&record))?;
        Ok::<(), LedgerError>(())
    })
    .map_err(ledger_stop)?;
    Pins::add(origin, digest, Some(repository))?;
    Ok(Genesis {
        origin: origin.to_owned(),
        digest,
        person: person.to_owned(),
        settings,
        claims,
    })
}

type Package = (String, String, String);

fn look(
    repository: &Repository,
    stack: &Stack,
    dir: &GateDir,
    interrupts: &Interrupts,
) -> Result<(Bench, Vec<Package>), Stop> {
    let bench = Bench::prepare(repository, stack, dir, None)?;
    let packages = {
        let run = bench.run(interrupts);
        bench.init(&run, None)?.packages
    };
    Ok((
        bench,
        packages
            .into_iter()
            .map(|p| (p.source, p.version, p.h1))
            .collect(),
    ))
}

/// The ledger is no source code; a directory of ours inside the repository keeps itself out of commits.
fn ignore_in_git(repository: &Repository, parent: &Path) -> Result<(), Stop> {
    if parent.file_name().is_some_and(|n| n == ".ambit") && parent.starts_with(&repository.root) {
        let path = parent.join(".gitignore");
        fs::write(&path, "*\n").map_err(|e| Stop::io("write", &path, e))?;
    }
    Ok(())
}
