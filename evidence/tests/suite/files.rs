//! Files and directories that are missing, in the way, read-only, full or something else altogether.

use crate::support::*;
use ambit_evidence::*;
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    thread,
};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs as a user that permissions apply to: root tests would otherwise be allowed everything. On Linux the user of one
/// thread can change without the others noticing.
fn as_ordinary_user<T: Send>(owned: &[&Path], work: impl FnOnce() -> T + Send) -> T {
    if !rustix::process::geteuid().is_root() {
        return work();
    }
    const NOBODY: u32 = 65534;
    for path in owned {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            let uid = rustix::process::Uid::from_raw(NOBODY);
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            work()
        });
        nobody.join().unwrap()
    })
}

fn copy_of(desk: &Desk) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(desk.ledger(), directory.path().join("ledger.db")).unwrap();
    directory
}

#[test]
fn a_missing_ledger_stays_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    assert!(matches!(
        Ledger::open_read(&path),
        Err(LedgerError::Missing(_))
    ));
    assert!(matches!(
        Ledger::open_read(&path.join("deeper")),
        Err(LedgerError::Missing(_))
    ));
    let key = LogKey::create(&directory.path().join("key"), ORIGIN).unwrap();
    let public = key.public().clone();
    assert!(matches!(
        Journal::open(&path, key, &public),
        Err(LedgerError::Missing(_))
    ));
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "only the key"
    );
}

#[test]
fn a_plain_copy_of_a_closed_ledger_is_complete() {
    let (desk, mut journal) = Desk::new();
    journal
        .transact(T0, |tx| append(tx, "request", ""))
        .unwrap();
    drop(journal);
    let copy = copy_of(&desk);
    let path = copy.path().join("ledger.db");
    assert_eq!(
        Ledger::open_read(&path)
            .unwrap()
            .verify(&desk.public)
            .unwrap()
            .size,
        2
    );

    // In a directory of the auditor's that cannot be written to.
    mode(&path, 0o444);
    mode(copy.path(), 0o555);
    as_ordinary_user(&[], || {
        let ledger = Ledger::open_read(&path).unwrap();
        assert_eq!(ledger.verify(&desk.public).unwrap().size, 2);
    });
    let names: Vec<_> = fs::read_dir(copy.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["ledger.db"]);
    mode(copy.path(), 0o755);
}

#[test]
fn an_unfinished_copy_is_refused_rather_than_read_as_an_old_state() {
    let (desk, mut journal) = Desk::new();
    journal
        .transact(T0, |tx| append(tx, "request", ""))
        .unwrap();
    // The gate lives, so part of the log is in the write-ahead file.
    let copy = copy_of(&desk);
    fs::copy(
        desk.path().join("ledger.db-wal"),
        copy.path().join("ledger.db-wal"),
    )
    .unwrap();
    let path = copy.path().join("ledger.db");
    mode(&path, 0o444);
    mode(&copy.path().join("ledger.db-wal"), 0o444);
    mode(copy.path(), 0o555);
    as_ordinary_user(&[], || {
        let error = Ledger::open_read(&path).map(drop).unwrap_err();
        assert!(matches!(error, LedgerError::Unreadable { .. }), "{error}");
    });
    mode(copy.path(), 0o755);
    // Where the files beside it can be made, both together are the whole log.
    assert_eq!(
        Ledger::open_read(&path)
            .unwrap()
            .verify(&desk.public)
            .unwrap()
            .size,
        2
    );
}

#[test]
fn odd_paths_are_just_paths() {
    let (desk, journal) = Desk::new();
    drop(journal);
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("a?mode=rwc&b#c%20d e.db");
    fs::copy(desk.ledger(), &path).unwrap();
    Ledger::open_read(&path)
        .unwrap()
        .verify(&desk.public)
        .unwrap();
    // The only place beside it where SQLite could share a lock is taken, so the file is read on its own.
    let mut shared = path.clone().into_os_string();
    shared.push("-shm");
    let _ = fs::remove_file(&shared);
    fs::create_dir(&shared).unwrap();
    Ledger::open_read(&path)
        .unwrap()
        .verify(&desk.public)
        .unwrap();
}

#[test]
fn what_is_not_a_ledger_is_called_that() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("empty"), b"").unwrap();
    fs::write(
        at("text"),
        b"SQLite format 2, or so it seems, for quite a number of bytes to come. ".repeat(40),
    )
    .unwrap();
    fs::create_dir(at("directory")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .unwrap();
    Connection::open(at("foreign"))
        .unwrap()
        .execute_batch("CREATE TABLE entry (x)")
        .unwrap();
    let key_path = at("key");
    LogKey::create(&key_path, ORIGIN).unwrap();
    for name in ["empty", "text", "directory", "pipe", "foreign"] {
        let error = Ledger::open_read(&at(name)).map(drop).unwrap_err();
        assert!(
            matches!(error, LedgerError::NotALedger { .. }),
            "{name}: {error}"
        );
        let key = LogKey::open(&key_path, ORIGIN).unwrap();
        let public = key.public().clone();
        let error = Journal::open(&at(name), key, &public)
            .map(drop)
            .unwrap_err();
        assert!(
            matches!(error, LedgerError::NotALedger { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_later_format_is_refused_not_guessed_at() {
    let (desk, journal) = Desk::new();
    drop(journal);
    Connection::open(desk.ledger())
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    assert!(matches!(
        Ledger::open_read(&desk.ledger()),
        Err(LedgerError::Version { found: 2, .. })
    ));
}

#[test]
fn creating_never_replaces_and_never_leaves_half() {
    let (desk, journal) = Desk::new();
    drop(journal);
    let before = fs::read(desk.ledger()).unwrap();
    let create = |path: &Path, name: &str, empty: bool| {
        let key = LogKey::create(&desk.path().join(name), ORIGIN).unwrap();
        Journal::create(path, key, T0, |tx| {
            if empty {
                Ok(0)
            } else {
                append(tx, "authority", "")
            }
        })
        .map(drop)
    };
    assert!(matches!(
        create(&desk.ledger(), "k1", false),
        Err(LedgerError::Exists(_))
    ));
    assert_eq!(fs::read(desk.ledger()).unwrap(), before);

    let dangling = desk.path().join("dangling.db");
    symlink(desk.path().join("elsewhere.db"), &dangling).unwrap();
    assert!(matches!(
        create(&dangling, "k2", false),
        Err(LedgerError::Exists(_))
    ));
    assert!(!desk.path().join("elsewhere.db").exists());

    // A write-ahead file waiting for a ledger of this name would be replayed into it.
    let planted = desk.path().join("planted.db");
    fs::write(desk.path().join("planted.db-wal"), b"x").unwrap();
    assert!(matches!(
        create(&planted, "k3", false),
        Err(LedgerError::Leftover(_))
    ));

    assert!(matches!(
        create(&desk.path().join("none.db"), "k4", true),
        Err(LedgerError::NothingRecorded)
    ));
    let error = create(&desk.path().join("nowhere/l.db"), "k5", false).unwrap_err();
    assert!(matches!(error, LedgerError::Unwritable { .. }), "{error}");

    let mut names: Vec<_> = fs::read_dir(desk.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with('k'));
    names.sort();
    assert_eq!(
        names,
        ["dangling.db", "ledger.db", "log.key", "planted.db-wal"]
    );
    assert_eq!(
        fs::metadata(desk.ledger()).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_gate_that_cannot_write_says_so_at_once() {
    let (desk, journal) = Desk::new();
    drop(journal);
    let (ledger, key_path) = (desk.ledger(), desk.path().join("log.key"));
    let try_open = || {
        let key = LogKey::open(&key_path, ORIGIN).unwrap();
        Journal::open(&ledger, key, &desk.public)
            .map(drop)
            .unwrap_err()
    };
    mode(&ledger, 0o444);
    let error = as_ordinary_user(&[desk.path(), &ledger, &key_path], try_open);
    assert!(matches!(error, LedgerError::Unwritable { .. }), "{error}");
    mode(&ledger, 0o600);
    mode(desk.path(), 0o555);
    let error = as_ordinary_user(&[desk.path(), &ledger, &key_path], try_open);
    assert!(matches!(error, LedgerError::Unwritable { .. }), "{error}");
    mode(&ledger, 0);
    let error = as_ordinary_user(&[], || Ledger::open_read(&ledger).map(drop).unwrap_err());
    assert!(matches!(error, LedgerError::Unreadable { .. }), "{error}");
    mode(desk.path(), 0o755);
}

#[test]
fn a_log_key_is_for_one_pair_of_eyes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.key");
    let key = LogKey::create(&path, ORIGIN).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(LogKey::open(&path, ORIGIN).unwrap().public(), key.public());
    assert_ne!(
        LogKey::open(&path, "example.org/other").unwrap().public(),
        key.public()
    );
    assert!(matches!(
        LogKey::create(&path, ORIGIN),
        Err(KeyError::Exists(_))
    ));
    assert!(!format!("{key:?}").contains("PRIVATE"));

    for exposed in [0o640, 0o604, 0o620, 0o602, 0o610, 0o777] {
        mode(&path, exposed);
        assert!(
            matches!(LogKey::open(&path, ORIGIN), Err(KeyError::Exposed { .. })),
            "{exposed:o}"
        );
    }
    mode(&path, 0o600);

    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(
        LogKey::open(&link, ORIGIN),
        Err(KeyError::NotAFile(_))
    ));
    assert!(matches!(
        LogKey::open(directory.path(), ORIGIN),
        Err(KeyError::NotAFile(_))
    ));
    assert!(matches!(
        LogKey::open(&directory.path().join("none"), ORIGIN),
        Err(KeyError::Missing(_))
    ));
    let dangling = directory.path().join("dangling");
    symlink(directory.path().join("none"), &dangling).unwrap();
    assert!(matches!(
        LogKey::create(&dangling, ORIGIN),
        Err(KeyError::Exists(_))
    ));

    let secret = fs::read(&path).unwrap();
    for bad in [
        vec![],
        b"-----BEGIN PRIVATE KEY-----".to_vec(),
        secret[..80].to_vec(),
        vec![0; 100_000],
    ] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(
            LogKey::open(&path, ORIGIN),
            Err(KeyError::NotAKey(_))
        ));
    }
    let long = "x".repeat(256);
    for name in [
        "",
        "a b",
        "a+b",
        "a\nb",
        "a\u{a0}b",
        "a\u{85}b",
        long.as_str(),
    ] {
        let error = LogKey::create(&directory.path().join("other"), name).unwrap_err();
        assert!(matches!(error, KeyError::Name(_)), "{name:?}");
    }
    assert!(!directory.path().join("other").exists());
}
