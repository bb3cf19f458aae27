//! Appending to the log: one transaction, one checkpoint, all or nothing.
//!
//! ```text
//! transact(now, work):  take the write lock → check the tip we are about to sign over → work → sign → commit
//! ```
//!
//! A crash before the commit leaves nothing; after it, everything, checkpoint included, because the checkpoint is signed
//! inside.
//!
//! No rule about *what* may be recorded is here, only that it is recorded once, in order, and for good.

use crate::{
    key::{LogKey, LogPublicKey},
    ledger::Ledger,
    recorded::Recorded,
    sqlite::{self, LedgerError, beside},
    transaction::Tx,
};
use std::{
    fs::{self, File},
    io,
    ops::Deref,
    path::Path,
    time::Duration,
};

/// The ledger with the key that may append to it. Reads as a [`Ledger`].
pub struct Journal {
    ledger: Ledger,
    key: LogKey,
}

impl Journal {
    /// Makes a new ledger at `path` whose first records are those `first` appends. It appears whole or not at all, and
    /// never over something that is there.
    pub fn create<T, E: From<LedgerError>>(
        path: &Path,
        key: LogKey,
        now: i64,
        first: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let there = beside(path, suffix);
            if fs::symlink_metadata(&there).is_ok() {
                return Err(if suffix.is_empty() {
                    LedgerError::Exists(there)
                } else {
                    LedgerError::Leftover(there)
                })?;
            }
        }
        let unwritable = |e: io::Error| LedgerError::Unwritable {
            path: path.to_owned(),
            why: e.to_string(),
        };
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        // Mode 0600 and a name nobody waits for; it gets the real name when it is a ledger.
        let draft = tempfile::Builder::new()
            .prefix(".ledger-")
            .tempfile_in(directory)
            .map_err(unwritable)?;

        let conn = sqlite::lay(draft.path())?;
        conn.execute(
            "INSERT INTO head (id, origin, size) VALUES (1, ?1, 0)",
            [key.public().name()],
        )
        .map_err(|e| LedgerError::sqlite(path, e))?;
        let ledger = Ledger::over(conn, draft.path())?;
        let mut tx = Tx::begin(&ledger, &key, now)?;
        let value = first(&mut tx)?;
        tx.newest().ok_or(LedgerError::NothingRecorded)?;
        tx.commit()?;
        // The last connection folds the write-ahead file into the ledger as it closes.
        drop(ledger);

        draft.as_file().sync_all().map_err(unwritable)?;
        draft
            .persist_noclobber(path)
            .map_err(|e| match e.error.kind() {
                io::ErrorKind::AlreadyExists => LedgerError::Exists(path.to_owned()),
                _ => unwritable(e.error),
            })?;
        File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(unwritable)?;
        let public = key.public().clone();
        Ok((Self::open(path, key, &public)?, value))
    }

    /// Opens an existing ledger to append. `in_force` is the log key that the pinned chain names: the key on this
    /// machine must be that one, and must have signed the newest checkpoint.
    pub fn open(path: &Path, key: LogKey, in_force: &LogPublicKey) -> Result<Self, LedgerError> {
        let ledger = Ledger::over(sqlite::open_gate(path)?, path)?;
        if ledger.origin() != key.public().name() {
            return Err(LedgerError::OtherKey {
                path: path.to_owned(),
                origin: ledger.origin().to_owned(),
                key: key.public().name().to_owned(),
            });
        }
        if key.public() != in_force {
            return Err(LedgerError::KeyNotInForce {
                path: path.to_owned(),
                expected: in_force.to_string(),
                found: key.public().to_string(),
            });
        }
        let journal = Self { ledger, key };
        Tx::resume(&journal.ledger, &journal.key, i64::MIN)?;
        Ok(journal)
    }

    /// Runs `work` in one write transaction. If it fails, nothing of it remains; if it appended anything, a checkpoint
    /// over the last record is signed and committed with it. `now` is unix seconds.
    pub fn transact<T, E: From<LedgerError>>(
        &mut self,
        now: i64,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tx = Tx::resume(&self.ledger, &self.key, now)?;
        let value = work(&mut tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// Like [`transact`](Self::transact), for a value that counts only once it is recorded. The value moves in, `work`
    /// appends its record *last*, and it comes out as [`Recorded`]; work that appends nothing is an error.
    pub fn record<T, E: From<LedgerError>>(
        &mut self,
        now: i64,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<Recorded<T>, E> {
        self.transact(now, |tx| {
            let value = work(tx)?;
            let index = tx.newest().ok_or(LedgerError::NothingRecorded)?;
            Ok(Recorded::new(value, index))
        })
    }
}

impl Deref for Journal {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Journal {
    /// Folds the write-ahead file in, so that a plain copy of the ledger is complete once the gate is gone. Another
    /// process may be reading; then that one's last connection does it, and nothing is lost meanwhile.
    fn drop(&mut self) {
        let _ = self.ledger.conn.busy_timeout(Duration::from_millis(200));
        let _ = self
            .ledger
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

#[cfg(test)]
mod tests;
