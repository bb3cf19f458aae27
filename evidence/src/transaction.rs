//! What can be done inside one write transaction, and the promise it keeps: a claim and its record come together.
//!
//! Consuming a request, releasing it and taking a statement are *claims*; each must be followed at once by the record
//! that tells of it, and only that record writes the index row. Leaving a claim open fails the transaction.

use crate::{
    damage::Damage,
    key::{LogKey, LogPublicKey},
    ledger::{Ledger, Retention},
    note::Checkpoint,
    record::{self, BadRecord, Header},
    sqlite::LedgerError,
    tree,
};
use ambit_authority::digest::Digest;
use rusqlite::{Transaction, TransactionBehavior, params};
use std::ops::Deref;

/// A request may be used again only after a release, and never more often than this.
pub const MOST_USES: u8 = 3;

/// Which use of a request this is, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UseNo(u8);

impl UseNo {
    pub fn get(self) -> u8 {
        self.0
    }
}

/// The request cannot be used (again).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlreadyConsumed {
    #[error("the request was used, see record {entry}")]
    Used { entry: u64 },
    #[error(
        "the request was used and given back {MOST_USES} times, last in record {entry}: make a new one"
    )]
    Exhausted { entry: u64 },
}

/// The statement was taken before; taking it again would revive it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statement was recorded before, see record {entry}")]
pub struct AlreadySeen {
    pub entry: u64,
}

/// What the next record must be about.
enum Claim {
    Consumption { request: String, use_no: u8 },
    Release { request: String, use_no: u8 },
    Statement(Digest),
}

/// One write transaction. Reads as the [`Ledger`] with this transaction's own records in it.
pub struct Tx<'a> {
    ledger: &'a Ledger,
    sql: Transaction<'a>,
    key: &'a LogKey,
    time: i64,
    began: u64,
    size: u64,
    claim: Option<Claim>,
    /// A write failed half way. Whoever passed over that error must not get the half committed.
    abandoned: bool,
}

impl<'a> Tx<'a> {
    /// On a log that has records: every log but the one being made.
    pub(crate) fn resume(
        ledger: &'a Ledger,
        key: &'a LogKey,
        now: i64,
    ) -> Result<Self, LedgerError> {
        let tx = Self::begin(ledger, key, now)?;
        must_be_ours(ledger, key.public(), tx.size)?;
        Ok(tx)
    }

    pub(crate) fn begin(
        ledger: &'a Ledger,
        key: &'a LogKey,
        now: i64,
    ) -> Result<Self, LedgerError> {
        let sql = Transaction::new_unchecked(&ledger.conn, TransactionBehavior::Immediate)
            .map_err(|e| ledger.sql(e))?;
        let size = ledger.size()?;
        let time = ledger.last_time()?.map_or(now, |last| now.max(last));
        Ok(Self {
            ledger,
            sql,
            key,
            time,
            began: size,
            size,
            claim: None,
            abandoned: false,
        })
    }

    /// The time of every record in this transaction: the clock, or the newest record if the clock is behind it.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Appends a record and returns its index. The record is canonical JSON whose `kind` and `time` are `kind` and
    /// [`time`](Self::time), and whose `origin`, if it has one, is the log's. Refused before anything is written if it
    /// is longer than [`MAX_RECORD`](crate::MAX_RECORD).
    pub fn append(&mut self, kind: &str, record: &[u8]) -> Result<u64, LedgerError> {
        let header = Header::read(record)
            .and_then(|header| self.agreeing(kind, header))
            .map_err(|fault| LedgerError::Record {
                kind: kind.to_owned(),
                fault,
            })?;
        match (&self.claim, header.kind.as_str()) {
            (None, record::CONSUMPTION | record::RELEASE | record::STATEMENT) => {
                return Err(self.sequence("preceded by its claim in this transaction", &header));
            }
            (Some(claim), _) if !claim.is_of(&header) => {
                return Err(self.sequence(&claim.expected(), &header));
            }
            _ => {}
        }
        let claim = self.claim.take();
        self.abandoned = true;
        let index = self.write(&header, record, claim)?;
        self.abandoned = false;
        Ok(index)
    }

    /// Stores bytes under their digest. Stored twice, they stay for the longer of both retentions.
    pub fn blob(
        &mut self,
        media: &str,
        bytes: &[u8],
        retention: Retention,
    ) -> Result<Digest, LedgerError> {
        const SQL: &str = "INSERT INTO blob (sha256, bytes, media, retention) VALUES (?1, ?2, ?3, ?4)              ON CONFLICT (sha256) DO UPDATE SET retention =              CASE WHEN retention IS NULL OR excluded.retention IS NULL THEN NULL ELSE max(retention, excluded.retention) END";
        let sha256 = Digest::of(bytes);
        let until = match retention {
            Retention::Keep => None,
            Retention::Until(time) => Some(time),
        };
        self.execute(SQL, params![sha256.bytes(), bytes, media, until])?;
        Ok(sha256)
    }

    /// Deletes the blobs whose retention has passed at this transaction's time. Says how many.
    pub fn purge_blobs(&mut self) -> Result<usize, LedgerError> {
        let time = self.time;
        self.execute("DELETE FROM blob WHERE retention <= ?1", [time])
    }

    /// Claims the next use of a request. The next record must be its `consumption`, with `request` naming it.
    ///
    /// The outer error is a failure, the inner one the answer that the request is used.
    pub fn consume(
        &mut self,
        request_id: &str,
    ) -> Result<Result<UseNo, AlreadyConsumed>, LedgerError> {
        self.unclaimed()?;
        if !record::is_request_id(request_id) {
            return Err(LedgerError::RequestId(
                request_id.escape_debug().take(80).collect(),
            ));
        }
        let use_no = match self.uses(request_id)?.last() {
            None => 1,
            Some(last) if last.released.is_none() => {
                return Ok(Err(AlreadyConsumed::Used { entry: last.entry }));
            }
            Some(last) if last.use_no >= MOST_USES => {
                return Ok(Err(AlreadyConsumed::Exhausted { entry: last.entry }));
            }
            Some(last) => last.use_no + 1,
        };
        self.claim = Some(Claim::Consumption {
            request: request_id.to_owned(),
            use_no,
        });
        Ok(Ok(UseNo(use_no)))
    }

    /// Gives the last use of a request back. The next record must be its `release`, with `request` naming it.
    pub fn release(&mut self, request_id: &str) -> Result<UseNo, LedgerError> {
        self.unclaimed()?;
        match self.uses(request_id)?.last() {
            Some(last) if last.released.is_none() => {
                let (request, use_no) = (request_id.to_owned(), last.use_no);
                self.claim = Some(Claim::Release { request, use_no });
                Ok(UseNo(use_no))
            }
            _ => Err(LedgerError::NothingToRelease(
                request_id.escape_debug().take(80).collect(),
            )),
        }
    }

    /// Takes a statement, once. The next record must be its `statement`, with `body.statement` being its digest.
    pub fn statement(
        &mut self,
        statement: &Digest,
    ) -> Result<Result<(), AlreadySeen>, LedgerError> {
        self.unclaimed()?;
        if let Some(entry) = self.statement_entry(statement)? {
            return Ok(Err(AlreadySeen { entry }));
        }
        self.claim = Some(Claim::Statement(*statement));
        Ok(Ok(()))
    }

    /// The last record appended in this transaction.
    pub(crate) fn newest(&self) -> Option<u64> {
        (self.size > self.began).then(|| self.size - 1)
    }

    fn agreeing(&self, kind: &str, header: Header) -> Result<Header, BadRecord> {
        header
            .must_agree(kind, self.time, self.ledger.origin())
            .map(|()| header)
    }

    fn unclaimed(&self) -> Result<(), LedgerError> {
        match &self.claim {
            None => Ok(()),
            Some(claim) => Err(LedgerError::Sequence {
                expected: claim.expected(),
                found: "another claim".to_owned(),
            }),
        }
    }

    fn sequence(&self, expected: &str, header: &Header) -> LedgerError {
        let found = match &header.request {
            Some(request) => format!(
                "a `{}` of request `{}`",
                header.kind,
                request.escape_debug()
            ),
            None => format!("a `{}`", header.kind),
        };
        LedgerError::Sequence {
            expected: expected.to_owned(),
            found,
        }
    }

    fn write(
        &mut self,
        header: &Header,
        record: &[u8],
        claim: Option<Claim>,
    ) -> Result<u64, LedgerError> {
        let (index, leaf) = (self.size, tree::leaf_hash(record));
        let at = index as i64;
        let nodes = tree::append(index, leaf, |node| self.node(node))?;
        self.execute(
            "INSERT INTO entry (idx, kind, time, leaf_hash, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![at, header.kind, header.time, leaf.bytes(), record],
        )?;
        for (node, hash) in nodes.iter().filter(|(node, _)| node.level > 0) {
            self.execute(
                "INSERT INTO node (level, idx, hash) VALUES (?1, ?2, ?3)",
                params![node.level, node.index as i64, hash.bytes()],
            )?;
        }
        match claim {
            None => 0,
            Some(Claim::Consumption { request, use_no }) => self.execute(
                "INSERT INTO consumption (request_id, use_no, entry) VALUES (?1, ?2, ?3)",
                params![request, use_no, at],
            )?,
            Some(Claim::Release { request, use_no }) => self.execute(
                "INSERT INTO release (request_id, use_no, entry) VALUES (?1, ?2, ?3)",
                params![request, use_no, at],
            )?,
            Some(Claim::Statement(digest)) => self.execute(
                "INSERT INTO statement_seen (digest, entry) VALUES (?1, ?2)",
                params![digest.bytes(), at],
            )?,
        };
        self.execute("UPDATE head SET size = ?1", [at + 1])?;
        self.size += 1;
        Ok(index)
    }

    fn execute(&mut self, sql: &str, by: impl rusqlite::Params) -> Result<usize, LedgerError> {
        let done = self
            .sql
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(by));
        done.map_err(|e| {
            self.abandoned = true;
            self.ledger.sql(e)
        })
    }

    pub(crate) fn commit(mut self) -> Result<(), LedgerError> {
        self.unclaimed()?;
        if self.abandoned {
            return Err(LedgerError::Abandoned);
        }
        if self.size > self.began {
            let root = self.root_at(self.size)?;
            let (_, note) = Checkpoint::sign(self.size, root, self.key);
            self.execute(
                "INSERT INTO checkpoint (size, root, note) VALUES (?1, ?2, ?3)",
                params![self.size as i64, root.bytes(), note],
            )?;
        }
        self.sql.commit().map_err(|e| self.ledger.sql(e))
    }
}

impl Deref for Tx<'_> {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        self.ledger
    }
}

impl Claim {
    fn is_of(&self, header: &Header) -> bool {
        match self {
            Self::Consumption { request, .. } => {
                header.kind == record::CONSUMPTION && header.request.as_ref() == Some(request)
            }
            Self::Release { request, .. } => {
                header.kind == record::RELEASE && header.request.as_ref() == Some(request)
            }
            Self::Statement(digest) => {
                header.kind == record::STATEMENT && header.statement == Some(*digest)
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Consumption { request, .. } => {
                format!("the `consumption` of request `{request}`")
            }
            Self::Release { request, .. } => format!("the `release` of request `{request}`"),
            Self::Statement(digest) => format!("the `statement` {digest}"),
        }
    }
}

/// A log key must never sign a tree that does not continue the one it signed last.
fn must_be_ours(ledger: &Ledger, key: &LogPublicKey, size: u64) -> Result<(), LedgerError> {
    for (sql, what) in [
        (
            "SELECT max(idx) + 1 FROM entry",
            "its size is not the number of records",
        ),
        (
            "SELECT max(size) FROM checkpoint",
            "the newest checkpoint is of another size",
        ),
    ] {
        let found: Option<i64> = ledger.one(sql, [], |row| row.get(0), || Damage::head(what))?;
        if found != Some(size as i64) {
            return Err(ledger.damaged(Damage::head(what)));
        }
    }
    let newest = ledger.checkpoint()?;
    let signed = Checkpoint::open(&newest.note, key)
        .map_err(|fault| LedgerError::note(ledger.path(), size, fault))?;
    if signed.root != ledger.root_at(size)? {
        let what = "the records are not the ones it was signed over";
        return Err(ledger.damaged(Damage::checkpoint(size, what)));
    }
    Ok(())
}
