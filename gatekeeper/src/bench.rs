//! Everything one engine run needs, prepared in order: engine, state and its lock, sealed tree, clean environment.

use crate::{
    engine::{
        Backend, CliConfig, Engine, Environment, EnvironmentRequest, InitReport, Interrupts,
        LocalState, Profile, Run, Seal, SealRequest, StateLock, StateSnapshot,
    },
    place::{gate_dir::GateDir, repository::Repository, stacks::Stack},
    stop::Stop,
};
use ambit_authority::{
    bundle::Settings,
    digest::{CommitmentKey, Digest},
    scope::Named,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// A sealed tree may hold this much.
const LARGEST_TREE: u64 = 4 << 30;

pub struct Bench {
    pub engine: Engine,
    pub state: LocalState,
    pub before: Option<StateSnapshot>,
    pub seal: Seal,
    pub fingerprint: String,
    /// The stack's own `var_files`, inside the sealed tree.
    pub var_files: Vec<PathBuf>,
    environment: Environment,
    _lock: StateLock,
}

impl Bench {
    /// `settings` are those in force; `None` only while there is no history yet.
    pub fn prepare(
        repository: &Repository,
        stack: &Stack,
        dir: &GateDir,
        settings: Option<&Settings>,
    ) -> Result<Self, Stop> {
        // `.` is the repository's root and has no name of its own.
        let relative: PathBuf = Path::new(&stack.dir)
            .components()
            .filter(|c| *c != Component::CurDir)
            .collect();
        let stack_dir = repository.root.join(&relative);
        if !stack_dir.is_dir() {
            return Err(Stop::usage(format!(
                "stack `{}`: there is no directory `{}`",
                stack.name, stack.dir
            ))
            .next("make it, or correct `dir` in ambit.hcl"));
        }
        let engine = Engine::locate(None).map_err(Stop::failure)?;
        if let Some(settings) = settings {
            allowed_engine(&engine, settings)?;
        }
        let declared = Backend::declared_in(&stack_dir, engine.kind).map_err(Stop::usage)?;
        let state = LocalState::resolve(
            &declared,
            &stack.backend_config,
            &stack_dir,
            &stack.workspace,
        )
        .map_err(Stop::usage)?;
        let fingerprint = fingerprint(&repository.root, &state);
        let lock = state.lock(&dir.locks()?).map_err(Stop::failure)?;
        let before = state.read().map_err(Stop::failure)?;
        let gate_dir = dir.root();
        let request = SealRequest {
            repository: &repository.root,
            stack_dir: &relative,
            stack: &stack.name,
            gate_dir,
            exclude: &state.files(),
            undigested: &[],
            max_bytes: LARGEST_TREE,
        };
        let seal = Seal::copy(&request).map_err(Stop::failure)?;
        let var_files = var_files(stack, &seal)?;
        let caller: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let cli = CliConfig::import(&caller, engine.kind).map_err(Stop::denied)?;
        let pass = settings
            .map(|s| s.environment_names.clone())
            .unwrap_or_default();
        let environment = Environment::build(&EnvironmentRequest {
            profile: Profile::Local,
            caller: &caller,
            pass: &pass,
            workspace: &stack.workspace,
            cli_config: &cli,
            packages: seal.packages(),
        })
        .map_err(Stop::denied)?;
        Ok(Self {
            engine,
            state,
            before,
            seal,
            fingerprint,
            var_files,
            environment,
            _lock: lock,
        })
    }

    pub fn run<'a>(&'a self, interrupts: &'a Interrupts) -> Run<'a> {
        Run::new(
            &self.engine,
            &self.seal,
            &self.state,
            &self.environment,
            interrupts,
        )
    }

    /// Installs modules and providers, and holds the packages against the settings before any of them runs.
    pub fn init(&self, run: &Run<'_>, settings: Option<&Settings>) -> Result<InitReport, Stop> {
        let report = run.init().map_err(Stop::failure)?;
        let Some(settings) = settings else {
            return Ok(report);
        };
        for package in &report.packages {
            let known = settings
                .providers
                .iter()
                .find(|p| p.source == package.source && p.version == package.version);
            match known {
                Some(known) if known.hashes.contains(&package.h1) => {}
                Some(_) => {
                    return Err(Stop::denied(format!(
                        "provider {} {} has another content than the one in force",
                        package.source, package.version
                    ))
                    .details([format!("found {}", package.h1)]));
                }
                None => {
                    return Err(Stop::denied(format!(
                        "provider {} {} is not among those in force",
                        package.source, package.version
                    ))
                    .next("a new provider is a change of settings, which root signs"));
                }
            }
        }
        Ok(report)
    }

    /// Serial and content of the state; an absent state is serial 0 of nothing.
    pub fn serial_and_digest(&self) -> (u64, Digest) {
        serial_and_digest(self.before.as_ref())
    }

    pub fn lineage(&self) -> &str {
        self.before.as_ref().map_or("", |s| &s.lineage)
    }

    /// Commitments to the values of the environment the engine was given.
    pub fn targeting(&self, key: &CommitmentKey) -> Vec<Named> {
        let names: Vec<String> = self
            .environment
            .passed()
            .map(|n| n.to_string_lossy().into_owned())
            .collect();
        if names.is_empty() {
            return vec![];
        }
        let value = key.commit("ambit/value", &self.environment.digest(key.secret_bytes()));
        vec![Named {
            name: names.join(","),
            value,
        }]
    }
}

/// As the sealed tree holds them: what is read is what was copied and digested.
fn var_files(stack: &Stack, seal: &Seal) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for name in &stack.var_files {
        let path = seal.root().join(name);
        if !path.is_file() {
            return Err(
                Stop::usage(format!("stack `{}`: there is no file `{name}`", stack.name)).next(
                    "paths in `var_files` start at the repository's root; correct it in ambit.hcl",
                ),
            );
        }
        found.push(path);
    }
    Ok(found)
}

pub fn serial_and_digest(state: Option<&StateSnapshot>) -> (u64, Digest) {
    state.map_or((0, Digest::of(b"")), |s| {
        (s.serial, Digest::from_bytes(s.sha256))
    })
}

/// `local:estate/terraform.tfstate#default`: relative where it lies inside the repository.
fn fingerprint(root: &Path, state: &LocalState) -> String {
    let path = state.path();
    let place = path.strip_prefix(root).unwrap_or(path);
    format!("local:{}#{}", place.display(), state.workspace())
}

fn allowed_engine(engine: &Engine, settings: &Settings) -> Result<(), Stop> {
    let kind = engine.kind.to_string().to_lowercase();
    let minor = format!("{}.{}", engine.version.major, engine.version.minor);
    let binary = Digest::from_bytes(engine.sha256);
    let wanted = &settings.engine;
    if kind != wanted.kind || minor != wanted.minor || !wanted.binaries.contains(&binary) {
        return Err(Stop::denied(format!("`{}` ({} {}) is not the engine in force", engine.path.display(), engine.kind, engine.version))
            .details([format!("in force: {} {}", wanted.kind, wanted.minor), format!("found:    {binary}")])
            .next("name the engine in force with AMBIT_ENGINE; another engine is a change of settings, which root signs"));
    }
    Ok(())
}
