//! Opening a ledger file, and saying plainly what is wrong when SQLite cannot.
//!
//! A ledger file may come from anywhere: the locator is not trusted, and auditors open copies made by others. So a file
//! is a ledger only if it says so, has the version we know and *exactly* our tables and triggers; a view or a trigger
//! slipped in is refused before a row is read. No row is read in this file.

use crate::{damage::Damage, note::NoteError, record::BadRecord, tree::OutOfRange};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Marks the file as ours ("Ambt"), so that somebody else's database is called what it is.
const APPLICATION_ID: i32 = 0x416d_6274;
const VERSION: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// How long one gate waits for another. A transaction takes milliseconds; this is for a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no ledger at `{}`: name the right one, or restore it; a new one has none of its history", .0.display())]
    Missing(PathBuf),
    #[error("a ledger is at `{}` already: it is not replaced", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is left of an earlier ledger and would be read into a new one: move it away", .0.display())]
    Leftover(PathBuf),
    #[error("`{}` is not a ledger: {why}", .path.display())]
    NotALedger { path: PathBuf, why: String },
    #[error("ledger `{}` has format {found}, this program knows {VERSION}: use the program version that wrote it", .path.display())]
    Version { path: PathBuf, found: i32 },
    #[error("ledger `{}` is locked by another process: wait until that one ends and try again", .0.display())]
    Locked(PathBuf),
    #[error("ledger `{}` cannot be written: {why}; make the file and its directory writable for this user", .path.display())]
    Unwritable { path: PathBuf, why: String },
    #[error("ledger `{}` cannot be read: {why}; check the permissions of the file and its directory", .path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("the disk of ledger `{}` is full: nothing was recorded; free some space and try again", .0.display())]
    Full(PathBuf),
    #[error("the system failed to read or write ledger `{}`: {why}", .path.display())]
    Io { path: PathBuf, why: String },
    #[error("ledger `{}` is damaged: {damage}", .path.display())]
    Damaged { path: PathBuf, damage: Damage },
    #[error("ledger `{}` belongs to log `{origin}`, the log key is of `{key}`: this key cannot append to it", .path.display())]
    OtherKey {
        path: PathBuf,
        origin: String,
        key: String,
    },
    #[error("the log key on this machine is not the one in force for ledger `{}`: expected `{expected}`, found `{found}`", .path.display())]
    KeyNotInForce {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("a record of kind `{kind}` cannot be appended: {fault}")]
    Record { kind: String, fault: BadRecord },
    #[error("`{0}` cannot be a request id: use 1 to 128 printable ASCII characters without spaces")]
    RequestId(String),
    #[error("the record to append next must be {expected}, it is {found}")]
    Sequence { expected: String, found: String },
    #[error("request `{0}` has no use that could be released")]
    NothingToRelease(String),
    #[error("the transaction recorded nothing")]
    NothingRecorded,
    #[error("an earlier step of this transaction failed, so it cannot be recorded")]
    Abandoned,
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    #[error("ledger `{}`: {source}", .path.display())]
    Database {
        path: PathBuf,
        source: rusqlite::Error,
    },
}

impl LedgerError {
    /// Words for what SQLite reports. Corruption is damage to evidence, not a failure of ours.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = source.to_string();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::ReadOnly) => Self::Unwritable { path, why },
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Self::Unreadable { path, why },
            Some(ErrorCode::NotADatabase) => Self::NotALedger {
                path,
                why: "it is not an SQLite database".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                damage: Damage::file(why),
            },
            Some(ErrorCode::SystemIoFailure) => Self::Io { path, why },
            _ => Self::Database { path, source },
        }
    }

    pub(crate) fn damaged(path: &Path, damage: Damage) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            damage,
        }
    }

    pub(crate) fn note(path: &Path, size: u64, fault: NoteError) -> Self {
        Self::damaged(path, Damage::checkpoint(size, fault.to_string()))
    }
}

/// Lays the tables in the empty file at `path`.
pub(crate) fn lay(path: &Path) -> Result<Connection, LedgerError> {
    let sql = |e| LedgerError::sqlite(path, e);
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sql)?;
    guard(&conn).map_err(sql)?;
    conn.execute_batch(SCHEMA).map_err(sql)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sql)?;
    conn.pragma_update(None, "user_version", VERSION)
        .map_err(sql)?;
    write_ahead(&conn, path)?;
    Ok(conn)
}

/// Opens a ledger for the gate.
pub(crate) fn open_gate(path: &Path) -> Result<Connection, LedgerError> {
    must_be_a_file(path)?;
    let unwritable = |e: rusqlite::Error| match LedgerError::sqlite(path, e) {
        // What a reader cannot open, a writer cannot write: the files beside the ledger are ours to make.
        LedgerError::Unreadable { path, why } => LedgerError::Unwritable { path, why },
        other => other,
    };
    let conn =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unwritable)?;
    guard(&conn).map_err(unwritable)?;
    if conn.is_readonly("main").map_err(unwritable)? {
        return Err(LedgerError::Unwritable {
            path: path.to_owned(),
            why: "the file is read-only".to_owned(),
        });
    }
    must_be_ours(&conn, path).map_err(|e| match e {
        LedgerError::Unreadable { path, why } => LedgerError::Unwritable { path, why },
        other => other,
    })?;
    write_ahead(&conn, path)?;
    // Taking and leaving the write lock now tells of a read-only directory before anything depends on writing.
    conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
        .map_err(unwritable)?;
    Ok(conn)
}

/// Opens a ledger for reading; it is never made.
///
/// A reader of a live ledger takes part in SQLite's locking through files beside the ledger. It opens them for writing
/// where it may, because only then does the last one to close take them away again; the connection itself cannot write.
/// A copy in a directory where those files cannot be made is opened as immutable. That would show an old state if a
/// write-ahead file with content lay beside it, so then it is refused.
pub(crate) fn open_read(path: &Path) -> Result<Connection, LedgerError> {
    must_be_a_file(path)?;
    let shared = reader(path, "mode=rw").and_then(|conn| must_be_ours(&conn, path).map(|()| conn));
    match shared {
        Err(LedgerError::Unreadable { .. } | LedgerError::Unwritable { .. })
            if nothing_pending(path) =>
        {
            let conn = reader(path, "mode=ro&immutable=1")?;
            must_be_ours(&conn, path)?;
            Ok(conn)
        }
        Err(LedgerError::Unwritable { path, why }) => Err(LedgerError::Unreadable { path, why }),
        other => other,
    }
}

fn reader(path: &Path, parameters: &str) -> Result<Connection, LedgerError> {
    let sql = |e| LedgerError::sqlite(path, e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    let absolute = std::path::absolute(path).map_err(|e| unreadable(path, &e))?;
    let conn =
        Connection::open_with_flags(format!("file:{}?{parameters}", escaped(&absolute)), flags)
            .map_err(sql)?;
    guard(&conn).map_err(sql)?;
    conn.pragma_update(None, "query_only", true).map_err(sql)?;
    Ok(conn)
}

/// The path inside a `file:` address: everything but plain characters as `%XX`.
fn escaped(path: &Path) -> String {
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|&b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn nothing_pending(path: &Path) -> bool {
    fs::symlink_metadata(beside(path, "-wal")).map_or_else(
        |e| e.kind() == io::ErrorKind::NotFound,
        |wal| wal.is_file() && wal.len() == 0,
    )
}

/// A file SQLite keeps next to the database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opening a pipe would wait for ever and opening a directory says something odd, so look first. Only look: closing a
/// descriptor of our own on this file would drop the locks SQLite holds on it for the whole process.
fn must_be_a_file(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(LedgerError::NotALedger {
            path: path.to_owned(),
            why: "it is not a file".to_owned(),
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(LedgerError::Missing(path.to_owned())),
        Err(e) => Err(unreadable(path, &e)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// Settings of this connection, all of them before the first row is read.
fn guard(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(PATIENCE)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "synchronous", "FULL")
}

fn write_ahead(conn: &Connection, path: &Path) -> Result<(), LedgerError> {
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|e| LedgerError::sqlite(path, e))?;
    if mode == "wal" {
        return Ok(());
    }
    let why = format!(
        "its file system cannot hold a write-ahead log (journal mode `{mode}`), use a local disk"
    );
    Err(LedgerError::Unwritable {
        path: path.to_owned(),
        why,
    })
}

fn must_be_ours(conn: &Connection, path: &Path) -> Result<(), LedgerError> {
    let sql = |e| LedgerError::sqlite(path, e);
    let number = |name: &str| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(sql)
    };
    if number("application_id")? != APPLICATION_ID {
        let why = "it is a database of another program, or empty".to_owned();
        return Err(LedgerError::NotALedger {
            path: path.to_owned(),
            why,
        });
    }
    let found = number("user_version")?;
    if found != VERSION {
        return Err(LedgerError::Version {
            path: path.to_owned(),
            found,
        });
    }
    let fresh = Connection::open_in_memory().map_err(sql)?;
    fresh.execute_batch(SCHEMA).map_err(sql)?;
    let (expected, found) = (objects(&fresh).map_err(sql)?, objects(conn).map_err(sql)?);
    let odd = expected
        .iter()
        .find(|o| !found.contains(o))
        .or_else(|| found.iter().find(|o| !expected.contains(o)));
    match odd {
        None => Ok(()),
        Some(odd) => Err(LedgerError::damaged(path, Damage::schema(&odd.name))),
    }
}

#[derive(PartialEq, Eq)]
struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

fn objects(conn: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut select =
        conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = select.query_map([], |row| {
        Ok(Object {
            kind: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row.get(3)?,
        })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn each_failure_has_words_that_help() {
        let cases = [
            (ffi::SQLITE_BUSY, "wait until that one ends"),
            (ffi::SQLITE_LOCKED, "wait until that one ends"),
            (ffi::SQLITE_FULL, "free some space"),
            (
                ffi::SQLITE_READONLY_DIRECTORY,
                "make the file and its directory writable",
            ),
            (ffi::SQLITE_CANTOPEN, "check the permissions"),
            (ffi::SQLITE_NOTADB, "not an SQLite database"),
            (ffi::SQLITE_CORRUPT, "is damaged"),
            (ffi::SQLITE_IOERR_FSYNC, "the system failed"),
        ];
        for (code, words) in cases {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let text = LedgerError::sqlite(Path::new("l.db"), source).to_string();
            assert!(
                text.contains("l.db") && text.contains(words),
                "{code}: {text}"
            );
        }
    }

    #[test]
    fn a_path_keeps_its_odd_characters() {
        assert_eq!(
            escaped(Path::new("/a b?c#d%e/l.db")),
            "/a%20b%3Fc%23d%25e/l.db"
        );
    }
}
