//! What only shows from inside: a disk without room, a lock that is not given up.

use super::*;
use crate::Retention;

fn journal() -> (tempfile::TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let key = LogKey::create(&directory.path().join("key"), "example.org/log").unwrap();
    let first = |tx: &mut Tx<'_>| tx.append("authority", br#"{"kind":"authority","time":1}"#);
    let (journal, _) = Journal::create(&directory.path().join("ledger.db"), key, 1, first).unwrap();
    (directory, journal)
}

fn request(journal: &mut Journal) -> Result<u64, LedgerError> {
    journal.transact(1, |tx| {
        tx.append("request", br#"{"kind":"request","time":1}"#)
    })
}

#[test]
fn a_full_disk_records_nothing_and_the_log_goes_on_when_there_is_room() {
    let (_directory, mut journal) = journal();
    let limit = |journal: &Journal, pages: i64| {
        journal
            .conn
            .pragma_update(None, "max_page_count", pages)
            .unwrap()
    };
    limit(&journal, 1);
    let huge = vec![7; 1 << 20];
    let full = journal.transact(1, |tx| {
        tx.append("request", br#"{"kind":"request","time":1}"#)?;
        tx.blob("text/plain", &huge, Retention::Keep)
    });
    assert!(matches!(full, Err(LedgerError::Full(_))), "{full:?}");
    // Passing over the error does not get the first half recorded.
    let half = journal.transact(1, |tx| {
        tx.append("request", br#"{"kind":"request","time":1}"#)?;
        let _ = tx.blob("text/plain", &huge, Retention::Keep);
        Ok(())
    });
    assert!(matches!(half, Err(LedgerError::Abandoned)), "{half:?}");
    assert_eq!(journal.size().unwrap(), 1);
    limit(&journal, 1_000_000);
    assert_eq!(request(&mut journal).unwrap(), 1);
    let public = journal.key.public().clone();
    assert_eq!(journal.verify(&public).unwrap().size, 2);
}

#[test]
fn a_lock_that_is_not_given_up_is_reported() {
    let (directory, mut journal) = journal();
    let other = rusqlite::Connection::open(directory.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.conn.busy_timeout(Duration::ZERO).unwrap();
    assert!(matches!(request(&mut journal), Err(LedgerError::Locked(_))));
    assert_eq!(journal.size().unwrap(), 1, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(request(&mut journal).unwrap(), 1);
}

#[test]
fn a_closed_gate_leaves_one_file() {
    let (directory, mut journal) = journal();
    request(&mut journal).unwrap();
    let reader = Ledger::open_read(journal.path()).unwrap();
    assert_eq!(reader.size().unwrap(), 2);
    drop(journal);
    // The reader is still there, and yet nothing is left to fold in.
    assert_eq!(
        fs::metadata(directory.path().join("ledger.db-wal"))
            .unwrap()
            .len(),
        0
    );
    drop(reader);
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["key", "ledger.db"]);
}
