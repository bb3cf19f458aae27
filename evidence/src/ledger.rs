//! A ledger as its readers see it: records, checkpoints, proofs, blobs, and who used what.
//!
//! Nothing here can append; that takes a [`Journal`](crate::Journal), which only the holder of the log key can open.
//! Each read checks what it can for the price of the row it reads. Whether the whole file tells one story is
//! [`Ledger::verify`], and a verdict needs that, because rows that agree with each other may still have been replaced.

use crate::{
    damage::Damage,
    key::LogPublicKey,
    note::{Checkpoint, NoteError},
    sqlite::{self, LedgerError},
    tree::{self, Node, OutOfRange},
    verify::{self, Verified},
};
use ambit_authority::digest::Digest;
use rusqlite::{Connection, OptionalExtension, Row, params, types::FromSql};
use std::{
    ops::Range,
    path::{Path, PathBuf},
};

pub struct Ledger {
    pub(crate) conn: Connection,
    path: PathBuf,
    origin: String,
}

/// One record as stored. `leaf_hash` is that of `body`; reading checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub index: u64,
    pub kind: String,
    pub time: i64,
    pub leaf_hash: Digest,
    pub body: Vec<u8>,
}

/// A checkpoint with the signed note that carries it. The signature is checked where a key is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub checkpoint: Checkpoint,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub bytes: Vec<u8>,
    pub media: String,
    pub retention: Retention,
}

/// How long a blob is kept. Without it the records that name it stay whole: they hold its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    Keep,
    /// May be purged from this time on, in unix seconds.
    Until(i64),
}

/// One use of a request, and the record that gave it back if one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub use_no: u8,
    pub entry: u64,
    pub released: Option<u64>,
}

impl Ledger {
    /// Opens an existing ledger for reading; a missing one is [`LedgerError::Missing`] and stays missing.
    pub fn open_read(path: &Path) -> Result<Self, LedgerError> {
        Self::over(sqlite::open_read(path)?, path)
    }

    pub(crate) fn over(conn: Connection, path: &Path) -> Result<Self, LedgerError> {
        let origin = conn
            .query_row("SELECT origin FROM head", [], |row| row.get(0))
            .map_err(|e| row_fault(path, e, Damage::head("it names no log")))?;
        Ok(Self {
            conn,
            path: path.to_owned(),
            origin,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the log, which is also the name of its key. A claim of the file until checked against a pin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn size(&self) -> Result<u64, LedgerError> {
        self.one(
            "SELECT size FROM head",
            [],
            |row| unsigned(row, 0),
            || Damage::head("it has no size"),
        )
    }

    /// Time of the newest record; no later record is older.
    pub fn last_time(&self) -> Result<Option<i64>, LedgerError> {
        self.optional(
            "SELECT time FROM entry ORDER BY idx DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
    }

    pub fn entry(&self, index: u64) -> Result<Entry, LedgerError> {
        match self.entries(index..index.saturating_add(1))?.pop() {
            Some(entry) => Ok(entry),
            None => Err(OutOfRange {
                asked: index,
                size: self.size()?,
            }
            .into()),
        }
    }

    /// The records of this range that exist, in order.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<Entry>, LedgerError> {
        const SQL: &str = "SELECT idx, kind, time, leaf_hash, body FROM entry WHERE idx >= ?1 AND idx < ?2 ORDER BY idx";
        let clamp = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.whole_entries(SQL, params![clamp(range.start), clamp(range.end)])
    }

    /// All records of one kind, in order.
    pub fn entries_of(&self, kind: &str) -> Result<Vec<Entry>, LedgerError> {
        const SQL: &str =
            "SELECT idx, kind, time, leaf_hash, body FROM entry WHERE kind = ?1 ORDER BY idx";
        self.whole_entries(SQL, [kind])
    }

    fn whole_entries(
        &self,
        sql: &str,
        by: impl rusqlite::Params,
    ) -> Result<Vec<Entry>, LedgerError> {
        let entries = self.all(sql, by, read_entry)?;
        match entries
            .iter()
            .find(|entry| entry.leaf_hash != tree::leaf_hash(&entry.body))
        {
            Some(bad) => Err(self.damaged(Damage::record(
                bad.index,
                &bad.kind,
                "its text does not match its hash",
            ))),
            None => Ok(entries),
        }
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, LedgerError> {
        let size = self.size()?;
        self.checkpoint_at(size)?.ok_or_else(|| {
            self.damaged(Damage::checkpoint(
                size,
                "there is none for the newest record",
            ))
        })
    }

    /// The checkpoint signed at this size, if a transaction ended there.
    pub fn checkpoint_at(&self, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let Ok(at) = i64::try_from(size) else {
            return Ok(None);
        };
        let found = self.optional(
            "SELECT root, note FROM checkpoint WHERE size = ?1",
            [at],
            |row| Ok((digest(row, 0)?, row.get::<_, String>(1)?)),
        )?;
        let Some((root, note)) = found else {
            return Ok(None);
        };
        let fault = |fault: NoteError| LedgerError::note(&self.path, size, fault);
        let checkpoint = Checkpoint::claimed(&note).map_err(fault)?;
        if (checkpoint.size, checkpoint.root) != (size, root) || checkpoint.origin != self.origin {
            return Err(self.damaged(Damage::checkpoint(
                size,
                "its note is of another checkpoint",
            )));
        }
        Ok(Some(SignedCheckpoint { checkpoint, note }))
    }

    /// The root of the first `size` records, from the stored subtrees.
    pub fn root_at(&self, size: u64) -> Result<Digest, LedgerError> {
        let present = self.size()?;
        if size > present {
            return Err(OutOfRange {
                asked: size,
                size: present,
            }
            .into());
        }
        tree::root(size, |node| self.node(node))
    }

    /// Is this log a continuation of the log that had `size` records under `root`? What a checkpoint seen by a signer,
    /// kept in a pin or anchored elsewhere is held against: a log cut short or rewritten answers no.
    pub fn extends(&self, size: u64, root: &Digest) -> Result<bool, LedgerError> {
        Ok(size <= self.size()? && self.root_at(size)? == *root)
    }

    /// Audit path of record `index` in the tree of `size` records.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        self.within(size)?;
        tree::inclusion(index, size, |node| self.node(node))
    }

    /// Proof that the first `to` records start with the first `from`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, LedgerError> {
        self.within(to)?;
        tree::consistency(from, to, |node| self.node(node))
    }

    /// A blob by the digest of its bytes; none if it was never stored or its retention has passed.
    pub fn blob(&self, sha256: &Digest) -> Result<Option<Blob>, LedgerError> {
        let sql = "SELECT bytes, media, retention FROM blob WHERE sha256 = ?1";
        let blob = self.optional(sql, [sha256.bytes()], |row| {
            Ok(Blob {
                bytes: row.get(0)?,
                media: row.get(1)?,
                retention: row
                    .get::<_, Option<i64>>(2)?
                    .map_or(Retention::Keep, Retention::Until),
            })
        })?;
        match blob {
            Some(blob) if Digest::of(&blob.bytes) != *sha256 => {
                Err(self.damaged(Damage::blob(sha256)))
            }
            other => Ok(other),
        }
    }

    /// The uses of a request, first to last; empty if it was never used.
    pub fn uses(&self, request_id: &str) -> Result<Vec<Use>, LedgerError> {
        const SQL: &str = "SELECT c.use_no, c.entry, r.entry FROM consumption c \
             LEFT JOIN release r ON r.request_id = c.request_id AND r.use_no = c.use_no \
             WHERE c.request_id = ?1 ORDER BY c.use_no";
        self.all(SQL, [request_id], |row| {
            let released = row
                .get::<_, Option<i64>>(2)?
                .map(|_| unsigned(row, 2))
                .transpose()?;
            Ok(Use {
                use_no: row.get(0)?,
                entry: unsigned(row, 1)?,
                released,
            })
        })
    }

    /// The record that holds this statement, if it was ever taken.
    pub fn statement_entry(&self, statement: &Digest) -> Result<Option<u64>, LedgerError> {
        let sql = "SELECT entry FROM statement_seen WHERE digest = ?1";
        self.optional(sql, [statement.bytes()], |row| unsigned(row, 0))
    }

    /// Recomputes everything in the file from the records and the key.
    pub fn verify(&self, key: &LogPublicKey) -> Result<Verified, LedgerError> {
        verify::verify(self, key)
    }

    pub(crate) fn node(&self, node: Node) -> Result<Digest, LedgerError> {
        let missing = || Damage::node(node, "it is missing");
        let (level, index) = (node.level, node.index as i64);
        if level == 0 {
            self.one(
                "SELECT leaf_hash FROM entry WHERE idx = ?1",
                [index],
                |row| digest(row, 0),
                missing,
            )
        } else {
            let sql = "SELECT hash FROM node WHERE level = ?1 AND idx = ?2";
            self.one(sql, params![level, index], |row| digest(row, 0), missing)
        }
    }

    fn within(&self, size: u64) -> Result<(), LedgerError> {
        let present = self.size()?;
        if size <= present {
            Ok(())
        } else {
            Err(OutOfRange {
                asked: size,
                size: present,
            }
            .into())
        }
    }

    pub(crate) fn damaged(&self, damage: Damage) -> LedgerError {
        LedgerError::damaged(&self.path, damage)
    }

    pub(crate) fn sql(&self, error: rusqlite::Error) -> LedgerError {
        row_fault(
            &self.path,
            error,
            Damage::file("a value has the wrong type"),
        )
    }

    pub(crate) fn optional<T>(
        &self,
        sql: &str,
        by: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        let mut select = self.conn.prepare_cached(sql).map_err(|e| self.sql(e))?;
        select
            .query_row(by, read)
            .optional()
            .map_err(|e| self.sql(e))
    }

    pub(crate) fn one<T>(
        &self,
        sql: &str,
        by: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
        missing: impl FnOnce() -> Damage,
    ) -> Result<T, LedgerError> {
        self.optional(sql, by, read)?
            .ok_or_else(|| self.damaged(missing()))
    }

    fn all<T>(
        &self,
        sql: &str,
        by: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut select = self.conn.prepare_cached(sql).map_err(|e| self.sql(e))?;
        let rows = select.query_map(by, read).map_err(|e| self.sql(e))?;
        rows.collect::<Result<_, _>>().map_err(|e| self.sql(e))
    }
}

/// Reads the columns `idx, kind, time, leaf_hash, body`.
pub(crate) fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        index: unsigned(row, 0)?,
        kind: row.get(1)?,
        time: row.get(2)?,
        leaf_hash: digest(row, 3)?,
        body: row.get(4)?,
    })
}

pub(crate) fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    <[u8; 32]>::column_result(row.get_ref(column)?)
        .map(Digest::from_bytes)
        .map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, e.into())
        })
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A value of the wrong shape in a row means the file was changed from outside; everything else is SQLite's own report.
pub(crate) fn row_fault(path: &Path, error: rusqlite::Error, shape: Damage) -> LedgerError {
    use rusqlite::Error as E;
    match error {
        E::InvalidColumnType(..)
        | E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => LedgerError::damaged(path, shape),
        other => LedgerError::sqlite(path, other),
    }
}
