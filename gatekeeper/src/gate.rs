//! An opened gate: the repository, its pinned history, and the private directory that lets it append.

use crate::{
    engine::Interrupts,
    history::{History, ledger_stop},
    place::{
        gate_dir::GateDir,
        pins::{Pin, Pins},
        repository::Repository,
        stacks::Config,
    },
    stop::Stop,
};
use ambit_evidence::{Inbox, Journal, Ledger, LogKey, LogPublicKey};
use std::{
    env,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

pub struct Gate {
    pub repository: Repository,
    pub config: Config,
    pub pin: Pin,
    pub journal: Journal,
    pub history: History,
    pub dir: GateDir,
    pub inbox: Inbox,
    pub interrupts: Interrupts,
}

/// The repository a command needs, with its `ambit.hcl`.
pub fn repository() -> Result<(Repository, Config), Stop> {
    let here = env::current_dir()
        .map_err(|e| Stop::failure(format!("cannot tell the current directory: {e}")))?;
    let repository = Repository::find(&here)?.ok_or_else(|| {
        Stop::usage("this is no repository: there is neither `.git` nor `ambit.hcl` here or above")
            .next("run it inside the repository of your stack")
    })?;
    let config = Config::load(&repository.root)?;
    Ok((repository, config))
}

/// `--ledger`, else `AMBIT_LEDGER`, else `ambit.hcl`, else `.ambit/ledger.db`. A locator, never a trust decision.
pub fn ledger_path(given: Option<&Path>, repository: &Repository, config: &Config) -> PathBuf {
    if let Some(path) = given {
        return path.to_owned();
    }
    if let Some(path) = env::var_os("AMBIT_LEDGER") {
        return path.into();
    }
    repository
        .root
        .join(config.ledger.as_deref().unwrap_or(".ambit/ledger.db"))
}

pub fn inbox_dir(ledger: &Path) -> PathBuf {
    ledger.parent().unwrap_or(Path::new(".")).join("inbox")
}

/// Seconds since 1970. A clock before that is no clock.
pub fn clock() -> Result<i64, Stop> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| Stop::failure("the clock stands before 1970"))?;
    i64::try_from(since.as_secs()).map_err(|_| Stop::failure("the clock is beyond all reason"))
}

pub fn random<const N: usize>() -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Stop::failure(format!("the system gives no random bytes: {e}")))?;
    Ok(bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The pinned history of a repository, read and verified, without the power to append.
pub fn read_history(
    ledger: Option<&Path>,
) -> Result<(Repository, Config, Pin, Ledger, History), Stop> {
    let (repository, config) = repository()?;
    let pin = Pins::load()?.of(&repository)?.ok_or_else(unpinned)?;
    let path = ledger_path(ledger, &repository, &config);
    let ledger = Ledger::open_read(&path).map_err(ledger_stop)?;
    let history = History::read(&ledger, &pin)?;
    Ok((repository, config, pin, ledger, history))
}

pub fn unpinned() -> Stop {
    Stop::unverified("this repository is not pinned to a history, so nothing here can be trusted")
        .next("begin one with `ambit init`, or pin the existing one with `ambit trust add ORIGIN sha256:…` as its founder hands it to you")
}

impl Gate {
    /// Opens for appending: pin, ledger, chain, log key.
    pub fn open(ledger: Option<&Path>) -> Result<Self, Stop> {
        let (repository, config, pin, reader, history) = read_history(ledger)?;
        let path = reader.path().to_owned();
        drop(reader);
        let dir = GateDir::of(&history.force.origin, &repository.root)?;
        let in_force: LogPublicKey = history
            .force
            .log_key
            .parse()
            .map_err(|e| Stop::unverified(format!("log key: {e}")))?;
        let key = LogKey::open(&dir.log_key(), &history.force.origin).map_err(|e| {
            Stop::failure(format!("this user cannot append to the history: {e}"))
                .next("plan and apply run where the gate's directory is; to look and to sign no log key is needed")
        })?;
        let journal = Journal::open(&path, key, &in_force).map_err(ledger_stop)?;
        let inbox = inbox_dir(&path);
        let inbox = Inbox::open(&inbox)
            .or_else(|_| Inbox::create(&inbox))
            .map_err(Stop::failure)?;
        let interrupts = Interrupts::install()
            .map_err(|e| Stop::failure(format!("cannot watch for Ctrl-C: {e}")))?;
        Ok(Self {
            repository,
            config,
            pin,
            journal,
            history,
            dir,
            inbox,
            interrupts,
        })
    }

    /// Reads the history again after something was appended.
    pub fn refresh(&mut self) -> Result<(), Stop> {
        self.history = History::read(&self.journal, &self.pin)?;
        Ok(())
    }

    /// The larger of the clock and the last record: a clock turned back revives nothing.
    pub fn now(&self) -> Result<i64, Stop> {
        Ok(clock()?.max(self.history.last_time))
    }
}
