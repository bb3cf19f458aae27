//! A ledger to play with.

use ambit_evidence::{Digest, Journal, Ledger, LedgerError, LogKey, LogPublicKey, Tx};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const ORIGIN: &str = "example.org/estate";
pub const T0: i64 = 1_800_000_000;

pub struct Desk {
    pub directory: TempDir,
    pub public: LogPublicKey,
}

impl Desk {
    /// A directory with a log key and a ledger of one record.
    pub fn new() -> (Self, Journal) {
        let directory = tempfile::tempdir().unwrap();
        let key = LogKey::create(&directory.path().join("log.key"), ORIGIN).unwrap();
        let desk = Self {
            directory,
            public: key.public().clone(),
        };
        let (journal, _) =
            Journal::create(&desk.ledger(), key, T0, |tx| append(tx, "authority", "")).unwrap();
        (desk, journal)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn ledger(&self) -> PathBuf {
        self.path().join("ledger.db")
    }

    pub fn gate(&self) -> Journal {
        gate(self.path(), &self.public)
    }

    pub fn read(&self) -> Ledger {
        Ledger::open_read(&self.ledger()).unwrap()
    }
}

/// What a further gate process does.
pub fn gate(directory: &Path, public: &LogPublicKey) -> Journal {
    let key = LogKey::open(&directory.join("log.key"), public.name()).unwrap();
    Journal::open(&directory.join("ledger.db"), key, public).unwrap()
}

/// A record; `fields` are further fields, each with its leading comma.
pub fn record(kind: &str, time: i64, fields: &str) -> String {
    format!(r#"{{"kind":"{kind}","origin":"{ORIGIN}","time":{time},"v":1{fields}}}"#)
}

pub fn append(tx: &mut Tx<'_>, kind: &str, fields: &str) -> Result<u64, LedgerError> {
    // Its own index makes each record unlike all others.
    let record = record(kind, tx.time(), &format!(r#","at":{}{fields}"#, tx.size()?));
    tx.append(kind, record.as_bytes())
}

pub fn append_for(tx: &mut Tx<'_>, kind: &str, request: &str) -> Result<u64, LedgerError> {
    append(tx, kind, &format!(r#","request":"{request}""#))
}

pub fn append_statement(tx: &mut Tx<'_>, digest: &Digest) -> Result<u64, LedgerError> {
    append(
        tx,
        "statement",
        &format!(r#","body":{{"statement":"{digest}"}}"#),
    )
}

/// Takes a request's next use and records it.
pub fn consume(journal: &mut Journal, request: &str) -> Option<u64> {
    journal
        .transact(T0, |tx| match tx.consume(request)? {
            Ok(_) => append_for(tx, "consumption", request).map(Some),
            Err(_) => Ok::<_, LedgerError>(None),
        })
        .unwrap()
}

pub fn release(journal: &mut Journal, request: &str) -> Result<u64, LedgerError> {
    journal.transact(T0, |tx| {
        tx.release(request)?;
        append_for(tx, "release", request)
    })
}
