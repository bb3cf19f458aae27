//! Does the whole file tell one story, and is it the one the log key signed?
//!
//! Replays the log record by record: leaf hash from the text, subtrees from the leaves, root against every signed
//! checkpoint, index rows against the records they index, uses and releases in an order that could have happened. Stops
//! at the first thing that is wrong and names it. What it shows is integrity: that nothing was changed after signing,
//! not that what was signed was true; and a log cut short after a checkpoint verifies, so hold it against checkpoints
//! that others have seen with [`Ledger::extends`].

use crate::{
    damage::{Damage, Place},
    key::LogPublicKey,
    ledger::{self, Entry, Ledger},
    note::Checkpoint,
    record::{self, Header},
    sqlite::LedgerError,
    transaction::MOST_USES,
    tree::{self, Node},
};
use ambit_authority::digest::Digest;
use rusqlite::{Transaction, TransactionBehavior, params};
use std::collections::HashMap;

/// A log whose every part was recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub size: u64,
    pub root: Digest,
}

pub(crate) fn verify(ledger: &Ledger, key: &LogPublicKey) -> Result<Verified, LedgerError> {
    // One moment of the log, even while a gate appends. Inside a transaction that is given.
    let _moment = if ledger.conn.is_autocommit() {
        let begun = Transaction::new_unchecked(&ledger.conn, TransactionBehavior::Deferred);
        Some(begun.map_err(|e| ledger.sql(e))?)
    } else {
        None
    };
    if ledger.origin() != key.name() {
        let what = format!(
            "it is of log `{}`, the key is of `{}`",
            ledger.origin().escape_debug(),
            key.name()
        );
        return Err(ledger.damaged(Damage::head(what)));
    }

    let mut replay = Replay::new(ledger, key);
    let mut select = ledger
        .conn
        .prepare("SELECT idx, kind, time, leaf_hash, body FROM entry ORDER BY idx")
        .map_err(|e| ledger.sql(e))?;
    let mut rows = select.query([]).map_err(|e| ledger.sql(e))?;
    loop {
        let at = replay.size;
        let unreadable = |error| match ledger.sql(error) {
            LedgerError::Damaged { damage, .. } => {
                let place = Place::Record {
                    index: at,
                    kind: None,
                };
                ledger.damaged(Damage {
                    place,
                    what: damage.what,
                })
            }
            other => other,
        };
        let Some(row) = rows.next().map_err(unreadable)? else {
            break;
        };
        replay.entry(&ledger::read_entry(row).map_err(unreadable)?)?;
    }
    let verified = replay.end()?;
    blobs(ledger)?;
    sound_file(ledger)?;
    Ok(verified)
}

/// What the log must look like after the records read so far.
struct Replay<'a> {
    ledger: &'a Ledger,
    key: &'a LogPublicKey,
    size: u64,
    time: i64,
    /// The newest perfect subtree of each level: all a growing tree ever reads.
    edge: [Option<Digest>; 64],
    nodes: u64,
    /// A stored subtree that is not the computed one. The next checkpoint tells whether it or the records were changed.
    suspect: Option<Node>,
    checkpoints: u64,
    /// Size of the last checkpoint that held.
    sound: u64,
    uses: HashMap<String, Uses>,
    consumptions: u64,
    releases: u64,
    statements: u64,
}

#[derive(Clone, Copy, Default)]
struct Uses {
    count: u8,
    open: bool,
}

impl<'a> Replay<'a> {
    fn new(ledger: &'a Ledger, key: &'a LogPublicKey) -> Self {
        Self {
            ledger,
            key,
            size: 0,
            time: i64::MIN,
            edge: [None; 64],
            nodes: 0,
            suspect: None,
            checkpoints: 0,
            sound: 0,
            uses: HashMap::new(),
            consumptions: 0,
            releases: 0,
            statements: 0,
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let bad = |what: &str| {
            self.ledger
                .damaged(Damage::record(self.size, &entry.kind, what))
        };
        if entry.index != self.size {
            return Err(self.ledger.damaged(Damage {
                place: Place::Record {
                    index: self.size,
                    kind: None,
                },
                what: format!("it is missing, the next one has index {}", entry.index),
            }));
        }
        if entry.leaf_hash != tree::leaf_hash(&entry.body) {
            return Err(bad("its text does not match its hash"));
        }
        let header = Header::read(&entry.body).map_err(|fault| bad(&fault.to_string()))?;
        header
            .must_agree(&entry.kind, entry.time, self.ledger.origin())
            .map_err(|fault| bad(&fault.to_string()))?;
        if entry.time < self.time {
            return Err(bad("it is older than the record before it"));
        }
        self.time = entry.time;

        self.grow(entry.leaf_hash)?;
        self.size += 1;
        self.checkpoint()?;
        self.index_row(entry, &header)
    }

    fn grow(&mut self, leaf: Digest) -> Result<(), LedgerError> {
        let new = tree::append(self.size, leaf, |node| self.at_edge(node))?;
        for (node, hash) in new {
            self.edge[usize::from(node.level)] = Some(hash);
            if node.level > 0 {
                self.nodes += 1;
                let stored = self.ledger.optional(
                    "SELECT hash FROM node WHERE level = ?1 AND idx = ?2",
                    params![node.level, node.index as i64],
                    |row| ledger::digest(row, 0),
                )?;
                if stored != Some(hash) {
                    self.suspect.get_or_insert(node);
                }
            }
        }
        Ok(())
    }

    fn at_edge(&self, node: Node) -> Result<Digest, LedgerError> {
        self.edge[usize::from(node.level)]
            .ok_or_else(|| self.ledger.damaged(Damage::node(node, "it is missing")))
    }

    fn checkpoint(&mut self) -> Result<(), LedgerError> {
        let size = self.size;
        let stored = self.ledger.optional(
            "SELECT root, note FROM checkpoint WHERE size = ?1",
            [size as i64],
            |row| Ok((ledger::digest(row, 0)?, row.get::<_, String>(1)?)),
        )?;
        let Some((root, note)) = stored else {
            return Ok(());
        };
        let bad = |what: &str| Err(self.ledger.damaged(Damage::checkpoint(size, what)));
        let signed = match Checkpoint::open(&note, self.key) {
            Ok(signed) => signed,
            Err(fault) => return bad(&fault.to_string()),
        };
        if signed.size != size {
            return bad("its note is of another size");
        }
        if signed.root != tree::root(size, |node| self.at_edge(node))? {
            return Err(self.ledger.damaged(self.changed(size)));
        }
        if signed.root != root {
            return bad("its root is not the signed one");
        }
        if let Some(node) = self.suspect {
            return Err(self
                .ledger
                .damaged(Damage::node(node, "it is not the hash of its records")));
        }
        self.checkpoints += 1;
        self.sound = size;
        Ok(())
    }

    /// Records were replaced together with their hashes, some time after the last checkpoint that held. The stored
    /// subtrees could narrow it down, but nobody signed those: they might accuse the wrong record.
    fn changed(&self, size: u64) -> Damage {
        Damage {
            place: Place::span(self.sound, size - 1),
            what: format!("changed since checkpoint {size} was signed"),
        }
    }

    /// The row that indexes this record, and whether what the record says could have happened at this point.
    fn index_row(&mut self, entry: &Entry, header: &Header) -> Result<(), LedgerError> {
        let at = entry.index as i64;
        let bad = |what: &str| {
            Err(self
                .ledger
                .damaged(Damage::record(entry.index, &entry.kind, what)))
        };
        let (table, sql) = match header.kind.as_str() {
            record::CONSUMPTION => (
                "consumption",
                "SELECT request_id, use_no FROM consumption WHERE entry = ?1",
            ),
            record::RELEASE => (
                "release",
                "SELECT request_id, use_no FROM release WHERE entry = ?1",
            ),
            record::STATEMENT => {
                self.statements += 1;
                let sql = "SELECT digest FROM statement_seen WHERE entry = ?1";
                let row = self
                    .ledger
                    .optional(sql, [at], |row| ledger::digest(row, 0))?;
                return if row.is_some() && row == header.statement {
                    Ok(())
                } else {
                    Err(self.ledger.damaged(Damage::index(
                        "statement_seen",
                        entry.index,
                        row.is_some(),
                    )))
                };
            }
            _ => return Ok(()),
        };
        let request = header.request.clone().unwrap_or_default();
        let uses = self.uses.entry(request.clone()).or_default();
        if table == "consumption" {
            if uses.open || uses.count >= MOST_USES {
                return bad("its request was used already");
            }
            self.consumptions += 1;
            *uses = Uses {
                count: uses.count + 1,
                open: true,
            };
        } else {
            if !uses.open {
                return bad("its request had no use to release");
            }
            self.releases += 1;
            uses.open = false;
        }
        let expected = (request, uses.count);
        let row = self
            .ledger
            .optional(sql, [at], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if row.as_ref() == Some(&expected) {
            Ok(())
        } else {
            Err(self
                .ledger
                .damaged(Damage::index(table, entry.index, row.is_some())))
        }
    }

    fn end(self) -> Result<Verified, LedgerError> {
        let damaged = |damage| Err(self.ledger.damaged(damage));
        if self.size == 0 {
            return damaged(Damage::head("the log has no records"));
        }
        if self.sound != self.size {
            return damaged(Damage {
                place: Place::span(self.sound, self.size - 1),
                what: "no checkpoint covers this".to_owned(),
            });
        }
        if self.ledger.size()? != self.size {
            return damaged(Damage::head("its size is not the number of records"));
        }
        // Every expected row was met above, so a surplus is a row that belongs to nothing.
        for (table, sql, expected) in [
            ("node", "SELECT count(*) FROM node", self.nodes),
            (
                "checkpoint",
                "SELECT count(*) FROM checkpoint",
                self.checkpoints,
            ),
            (
                "consumption",
                "SELECT count(*) FROM consumption",
                self.consumptions,
            ),
            ("release", "SELECT count(*) FROM release", self.releases),
            (
                "statement_seen",
                "SELECT count(*) FROM statement_seen",
                self.statements,
            ),
        ] {
            let found = self.ledger.one(
                sql,
                [],
                |row| ledger::unsigned(row, 0),
                || Damage::file("a table has no count"),
            )?;
            if found != expected {
                let what = format!("it has {found} rows where the records account for {expected}");
                return damaged(Damage {
                    place: Place::Index { table, entry: None },
                    what,
                });
            }
        }
        let root = tree::root(self.size, |node| self.at_edge(node))?;
        Ok(Verified {
            size: self.size,
            root,
        })
    }
}

fn blobs(ledger: &Ledger) -> Result<(), LedgerError> {
    let mut select = ledger
        .conn
        .prepare("SELECT sha256, bytes FROM blob ORDER BY sha256")
        .map_err(|e| ledger.sql(e))?;
    let mut rows = select.query([]).map_err(|e| ledger.sql(e))?;
    while let Some(row) = rows.next().map_err(|e| ledger.sql(e))? {
        let sha256 = ledger::digest(row, 0).map_err(|e| ledger.sql(e))?;
        let whole = match row.get_ref(1).map_err(|e| ledger.sql(e))? {
            rusqlite::types::ValueRef::Blob(bytes) => Digest::of(bytes) == sha256,
            _ => false,
        };
        if !whole {
            return Err(ledger.damaged(Damage::blob(&sha256)));
        }
    }
    Ok(())
}

/// The indexes SQLite keeps must agree with their tables, or a look-up would miss rows that a scan sees.
fn sound_file(ledger: &Ledger) -> Result<(), LedgerError> {
    let sql = "PRAGMA integrity_check(1)";
    let report: String = ledger.one(
        sql,
        [],
        |row| row.get(0),
        || Damage::file("it gives no report"),
    )?;
    if report == "ok" {
        Ok(())
    } else {
        Err(ledger.damaged(Damage::file(report)))
    }
}
