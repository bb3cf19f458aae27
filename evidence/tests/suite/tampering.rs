//! An attacker who owns the ledger file.

use crate::support::*;
use ambit_evidence::*;
use rusqlite::{Connection, params};
use std::{collections::BTreeSet, fs, path::Path};

/// A ledger with a bit of everything, its gate closed.
fn estate() -> Desk {
    let (desk, mut journal) = Desk::new();
    journal
        .transact(T0, |tx| {
            let blob = tx.blob("text/plain", b"a blob of some length", Retention::Keep)?;
            append(
                tx,
                "request",
                &format!(r#","blobs":["{blob}"],"request":"r1""#),
            )?;
            append(tx, "decision", r#","request":"r1""#)
        })
        .unwrap();
    for text in [b"approve".as_slice(), b"reject"] {
        journal
            .transact(T0 + 1, |tx| {
                let digest = Digest::of(text);
                let _ = tx.statement(&digest)?;
                append_statement(tx, &digest)
            })
            .unwrap();
    }
    consume(&mut journal, "r1").unwrap();
    release(&mut journal, "r1").unwrap();
    consume(&mut journal, "r1").unwrap();
    journal
        .transact(T0 + 9, |tx| append_for(tx, "outcome", "r1"))
        .unwrap();
    desk
}

/// Writes to the ledger as its owner can: triggers off, then put back so that nothing shows.
fn tamper(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    let triggers: Vec<(String, String)> = conn
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    conn.execute_batch("BEGIN").unwrap();
    for (name, _) in &triggers {
        conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    conn.execute_batch(sql).unwrap();
    for (_, sql) in &triggers {
        conn.execute_batch(sql).unwrap();
    }
    conn.execute_batch("COMMIT").unwrap();
}

fn damage(path: &Path, public: &LogPublicKey) -> String {
    match Ledger::open_read(path).and_then(|ledger| ledger.verify(public)) {
        Err(LedgerError::Damaged { damage, .. }) => damage.to_string(),
        other => panic!("damage was not found: {other:?}"),
    }
}

#[test]
fn the_tables_refuse_changes() {
    let desk = estate();
    let conn = Connection::open(desk.ledger()).unwrap();
    for sql in [
        "UPDATE entry SET body = x'7b7d' WHERE idx = 2",
        "DELETE FROM entry WHERE idx = 7",
        "INSERT OR REPLACE INTO entry VALUES (2, 'request', 1, x'00', x'7b7d')",
        "INSERT INTO entry VALUES (99, 'request', 1, x'00', x'7b7d')",
        "REPLACE INTO node VALUES (1, 0, x'00')",
        "UPDATE node SET hash = x'00'",
        "DELETE FROM node",
        "UPDATE checkpoint SET note = ''",
        "DELETE FROM checkpoint",
        "REPLACE INTO checkpoint VALUES (1, x'00', '')",
        "INSERT INTO checkpoint VALUES (99, x'00', '')",
        "UPDATE consumption SET use_no = 3",
        "DELETE FROM consumption",
        "REPLACE INTO consumption VALUES ('r1', 1, 0)",
        "REPLACE INTO consumption VALUES ('r9', 1, 5)",
        "INSERT INTO consumption VALUES ('r9', 4, 0)",
        "UPDATE release SET use_no = 3",
        "DELETE FROM release",
        "REPLACE INTO release VALUES ('r1', 1, 0)",
        "UPDATE statement_seen SET entry = 0",
        "DELETE FROM statement_seen",
        "REPLACE INTO statement_seen SELECT digest, 0 FROM statement_seen",
        "UPDATE blob SET bytes = x'00'",
        "UPDATE blob SET sha256 = x'00'",
        "UPDATE head SET size = 1",
        "UPDATE head SET origin = 'x'",
        "DELETE FROM head",
        "REPLACE INTO head VALUES (1, 'x', 0)",
        "INSERT INTO head VALUES (2, 'x', 0)",
    ] {
        let refused = conn.execute_batch(sql).map_err(|e| e.to_string());
        assert!(
            matches!(&refused, Err(e) if e.contains("append-only") || e.contains("CHECK")),
            "{sql}: {refused:?}"
        );
    }
    drop(conn);
    desk.read().verify(&desk.public).unwrap();
}

#[test]
fn every_byte_of_every_record_is_guarded_and_the_record_named() {
    let desk = estate();
    let original = fs::read(desk.ledger()).unwrap();
    let entries = desk.read().entries(0..100).unwrap();
    let copy = desk.path().join("copy.db");
    for entry in &entries {
        let at = original
            .windows(entry.body.len())
            .position(|window| window == entry.body)
            .unwrap();
        for offset in 0..entry.body.len() {
            let mut bytes = original.clone();
            bytes[at + offset] ^= 1 << (offset % 8);
            fs::write(&copy, &bytes).unwrap();
            assert_eq!(
                damage(&copy, &desk.public),
                format!(
                    "record {} ({}): its text does not match its hash",
                    entry.index, entry.kind
                ),
                "byte {offset}"
            );
            // Readers that do not verify are told as well.
            let ledger = Ledger::open_read(&copy).unwrap();
            assert!(matches!(
                ledger.entry(entry.index),
                Err(LedgerError::Damaged { .. })
            ));
        }
    }
}

#[test]
fn a_changed_byte_anywhere_is_found_or_changes_no_evidence() {
    let desk = estate();
    let original = fs::read(desk.ledger()).unwrap();
    let copy = desk.path().join("copy.db");
    let evidence = |ledger: &Ledger| {
        let notes: Vec<_> = (0..20)
            .map(|size| ledger.checkpoint_at(size).unwrap())
            .collect();
        (
            ledger.entries(0..100).unwrap(),
            ledger.uses("r1").unwrap(),
            notes,
        )
    };
    let whole = evidence(&desk.read());
    let mut found = 0;
    for at in (0..original.len()).step_by(41) {
        let mut bytes = original.clone();
        bytes[at] ^= 0x11;
        fs::write(&copy, &bytes).unwrap();
        match Ledger::open_read(&copy)
            .and_then(|ledger| ledger.verify(&desk.public).map(|_| ledger))
        {
            Ok(ledger) => assert_eq!(evidence(&ledger), whole, "byte {at}"),
            Err(_) => found += 1,
        }
        for left in ["copy.db-wal", "copy.db-shm"] {
            let _ = fs::remove_file(desk.path().join(left));
        }
    }
    assert!(
        found > 50,
        "only {found} changes were found: the sweep misses the data"
    );
}

#[test]
fn what_was_changed_is_named() {
    let r = "(SELECT body FROM entry WHERE idx = 7)";
    let cases: Vec<(String, &str)> = vec![
        ("UPDATE entry SET kind = 'confirmation' WHERE idx = 8".into(), "record 8 (confirmation): its `kind` is `outcome`"),
        ("UPDATE entry SET kind = char(27) || '[2J' WHERE idx = 8".into(), "record 8: its `kind` is `outcome`"),
        ("UPDATE entry SET time = 1 WHERE idx = 2".into(), "record 2 (decision): its `time` is"),
        ("UPDATE entry SET leaf_hash = zeroblob(32) WHERE idx = 2".into(), "record 2 (decision): its text"),
        ("UPDATE entry SET leaf_hash = zeroblob(31) WHERE idx = 2".into(), "record 2: a value has the wrong type"),
        ("DELETE FROM entry WHERE idx = 3".into(), "record 3: it is missing"),
        ("DELETE FROM entry WHERE idx = 0".into(), "record 0: it is missing"),
        ("UPDATE entry SET idx = -1 WHERE idx = 0".into(), "record 0: a value has the wrong type"),
        ("DELETE FROM entry WHERE idx = 8".into(), "head: its size is not"),
        ("DELETE FROM entry".into(), "head: the log has no records"),
        ("DELETE FROM head".into(), "head: it names no log"),
        ("UPDATE head SET size = 4".into(), "head: its size is not"),
        ("UPDATE head SET origin = 'x'".into(), "head: it is of log `x`"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 1".into(), "subtree hash of records 2 to 3: it is not"),
        ("DELETE FROM node WHERE level = 2 AND idx = 1".into(), "subtree hash of records 4 to 7: it is not"),
        ("INSERT INTO node VALUES (9, 9, zeroblob(32))".into(), "table `node`: it has 8 rows where the records account for 7"),
        ("UPDATE checkpoint SET root = zeroblob(32) WHERE size = 4".into(), "checkpoint 4: its root is not the signed one"),
        ("UPDATE checkpoint SET note = replace(note, 'A', 'B') WHERE size = 4".into(), "checkpoint 4: "),
        ("UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 1) WHERE size = 4".into(), "checkpoint 4: its note is of another size"),
        ("UPDATE checkpoint SET note = '' WHERE size = 9".into(), "checkpoint 9: not a signed note"),
        ("DELETE FROM checkpoint WHERE size = 9".into(), "record 8: no checkpoint covers this"),
        ("INSERT INTO checkpoint SELECT 99, root, note FROM checkpoint WHERE size = 9".into(), "table `checkpoint`"),
        ("DELETE FROM consumption WHERE use_no = 2".into(), "`consumption` row of record 7: it is missing"),
        ("UPDATE consumption SET request_id = 'r2' WHERE use_no = 2".into(), "`consumption` row of record 7: it does not say"),
        ("UPDATE consumption SET use_no = 3 WHERE use_no = 2".into(), "`consumption` row of record 7: it does not say"),
        ("INSERT INTO consumption VALUES ('r2', 1, 2)".into(), "table `consumption`"),
        ("DELETE FROM release".into(), "`release` row of record 6: it is missing"),
        ("INSERT INTO release VALUES ('r1', 2, 8)".into(), "table `release`"),
        ("DELETE FROM statement_seen WHERE entry = 4".into(), "`statement_seen` row of record 4: it is missing"),
        ("UPDATE statement_seen SET digest = zeroblob(32) WHERE entry = 4".into(), "`statement_seen` row of record 4: it does not say"),
        ("INSERT INTO statement_seen VALUES (zeroblob(32), 8)".into(), "table `statement_seen`"),
        ("UPDATE blob SET bytes = x'00'".into(), "blob sha256:"),
        ("UPDATE blob SET sha256 = zeroblob(32)".into(), "blob sha256:"),
        ("CREATE TABLE extra (x)".into(), "schema object `extra`"),
        ("DROP INDEX entry_kind".into(), "schema object `entry_kind`"),
        (format!("INSERT INTO entry SELECT 9, 'consumption', time, leaf_hash, {r} FROM entry WHERE idx = 7"), "record 9"),
    ];
    let desk = estate();
    let original = fs::read(desk.ledger()).unwrap();
    let copy = desk.path().join("copy.db");
    for (sql, expected) in cases {
        fs::write(&copy, &original).unwrap();
        tamper(&copy, &sql);
        let found = damage(&copy, &desk.public);
        assert!(found.starts_with(expected), "{sql}\n  {found}");
    }
}

#[test]
fn records_replaced_with_their_hashes_are_found_by_the_signature() {
    let desk = estate();
    let original = fs::read(desk.ledger()).unwrap();
    let copy = desk.path().join("copy.db");
    // Records 1 and 2 share a checkpoint; all others have their own.
    let expected = [
        "record 0:",
        "records 1 to 2:",
        "records 1 to 2:",
        "record 3:",
        "record 4:",
        "record 5:",
        "record 6:",
        "record 7:",
        "record 8:",
    ];
    for (index, expected) in expected.iter().enumerate() {
        fs::write(&copy, &original).unwrap();
        let mut forged = desk.read().entry(index as u64).unwrap().body;
        forged.splice(forged.len() - 1.., *br#","x":1}"#);
        let body: String = forged.iter().map(|b| format!("{b:02x}")).collect();
        let leaf = tree::leaf_hash(&forged).hex();
        tamper(
            &copy,
            &format!(
                "UPDATE entry SET body = x'{body}', leaf_hash = x'{leaf}' WHERE idx = {index}"
            ),
        );
        let found = damage(&copy, &desk.public);
        assert!(found.starts_with(expected), "{index}: {found}");
        assert!(found.ends_with("was signed"), "{index}: {found}");
    }
}

#[test]
fn a_history_that_could_not_have_happened_is_found() {
    // Signed by the real key: a gate that was changed, not a file that was.
    let desk = estate();
    let key = LogKey::open(&desk.path().join("log.key"), ORIGIN).unwrap();
    type Forged = &'static [(&'static str, i64)];
    let cases: [(&str, Forged, &str); 3] = [
        (
            "used-twice.db",
            &[("consumption", T0 + 9)],
            "record 9 (consumption): its request was used already",
        ),
        (
            "released-twice.db",
            &[("release", T0 + 9), ("release", T0 + 9)],
            "record 10 (release): its request had no use to release",
        ),
        (
            "clock.db",
            &[("request", T0 + 8)],
            "record 9 (request): it is older than the record before it",
        ),
    ];
    for (name, forged, expected) in cases {
        let copy = desk.path().join(name);
        fs::copy(desk.ledger(), &copy).unwrap();
        for &(kind, time) in forged {
            forge_append(&copy, &key, kind, time);
        }
        assert_eq!(damage(&copy, &desk.public), expected);
    }
}

/// Appends what no journal would, with valid hashes, nodes and checkpoint.
fn forge_append(path: &Path, key: &LogKey, kind: &str, time: i64) {
    let ledger = Ledger::open_read(path).unwrap();
    let size = ledger.size().unwrap();
    let body = record(kind, time, r#","request":"r1""#);
    let leaf = tree::leaf_hash(body.as_bytes());
    drop(ledger);

    let conn = Connection::open(path).unwrap();
    let hash = |node: tree::Node| -> Result<Digest, rusqlite::Error> {
        let (level, index) = (node.level, node.index as i64);
        let bytes: [u8; 32] = if level == 0 {
            conn.query_row(
                "SELECT leaf_hash FROM entry WHERE idx = ?1",
                [index],
                |row| row.get(0),
            )?
        } else {
            conn.query_row(
                "SELECT hash FROM node WHERE level = ?1 AND idx = ?2",
                params![level, index],
                |row| row.get(0),
            )?
        };
        Ok(Digest::from_bytes(bytes))
    };
    let nodes = tree::append(size, leaf, hash).unwrap();
    conn.execute(
        "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5)",
        params![size as i64, kind, time, leaf.bytes(), body.as_bytes()],
    )
    .unwrap();
    for (node, hash) in nodes.iter().filter(|(node, _)| node.level > 0) {
        conn.execute(
            "INSERT INTO node VALUES (?1, ?2, ?3)",
            params![node.level, node.index as i64, hash.bytes()],
        )
        .unwrap();
    }
    conn.execute("UPDATE head SET size = ?1", [size as i64 + 1])
        .unwrap();
    let root = tree::root(size + 1, hash).unwrap();
    let (_, note) = Checkpoint::sign(size + 1, root, key);
    conn.execute(
        "INSERT INTO checkpoint VALUES (?1, ?2, ?3)",
        params![size as i64 + 1, root.bytes(), note],
    )
    .unwrap();
    if let "consumption" | "release" = kind {
        let use_no: i64 = conn
            .query_row(&format!("SELECT count(*) + 1 FROM {kind}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        let sql = format!("INSERT INTO {kind} VALUES ('r1', ?1, ?2)");
        conn.execute(&sql, params![use_no, size as i64]).unwrap();
    }
}

#[test]
fn a_log_cut_short_verifies_and_does_not_extend_what_was_seen() {
    let desk = estate();
    let seen = desk.read().checkpoint().unwrap().checkpoint;
    let early = desk.read().checkpoint_at(4).unwrap().unwrap().checkpoint;
    tamper(
        &desk.ledger(),
        "DELETE FROM entry WHERE idx >= 5; DELETE FROM checkpoint WHERE size > 5; UPDATE head SET size = 5; \
         DELETE FROM node WHERE (idx + 1) << level > 5; DELETE FROM consumption; DELETE FROM release",
    );
    let cut = desk.read();
    assert_eq!(cut.verify(&desk.public).unwrap().size, 5);
    assert!(cut.extends(early.size, &early.root).unwrap());
    assert!(!cut.extends(seen.size, &seen.root).unwrap());

    // Going on from there makes a fork that is as long, and still another log.
    let mut journal = desk.gate();
    for n in 0..8 {
        journal
            .transact(T0 + 9, |tx| {
                append(tx, "request", &format!(r#","fork":{n}"#))
            })
            .unwrap();
    }
    journal.verify(&desk.public).unwrap();
    assert!(!journal.extends(seen.size, &seen.root).unwrap());
    assert!(journal.extends(early.size, &early.root).unwrap());
    assert!(!journal.extends(early.size, &seen.root).unwrap());
    assert!(!journal.extends(u64::MAX, &seen.root).unwrap());
}

#[test]
fn a_gate_does_not_sign_over_what_it_did_not_sign() {
    let desk = estate();
    let original = fs::read(desk.ledger()).unwrap();
    let mut told = BTreeSet::new();
    for sql in [
        "UPDATE node SET hash = zeroblob(32) WHERE level = 3",
        "UPDATE entry SET leaf_hash = zeroblob(32) WHERE idx = 8",
        "UPDATE checkpoint SET note = replace(note, 'A', 'B') WHERE size = 9",
        "DELETE FROM checkpoint WHERE size = 9",
        "UPDATE head SET size = 8",
        "UPDATE head SET size = 0",
        "UPDATE head SET size = 0; DELETE FROM entry; DELETE FROM node; DELETE FROM checkpoint",
        "DELETE FROM checkpoint WHERE size = 9; UPDATE head SET size = 8",
        "CREATE TRIGGER spy AFTER INSERT ON entry BEGIN DELETE FROM blob; END",
    ] {
        fs::write(desk.ledger(), &original).unwrap();
        tamper(&desk.ledger(), sql);
        let key = LogKey::open(&desk.path().join("log.key"), ORIGIN).unwrap();
        match Journal::open(&desk.ledger(), key, &desk.public) {
            Err(LedgerError::Damaged { damage, .. }) => drop(told.insert(damage.to_string())),
            Err(other) => panic!("{sql}: {other}"),
            Ok(_) => panic!("{sql}: opened"),
        }
    }
    assert!(told.len() >= 4, "{told:?}");
}

#[test]
fn another_key_is_refused() {
    let desk = estate();
    let stranger = LogKey::create(&desk.path().join("stranger.key"), "example.org/other").unwrap();
    let namesake = LogKey::create(&desk.path().join("namesake.key"), ORIGIN).unwrap();
    let ledger = desk.read();
    assert!(matches!(
        ledger.verify(stranger.public()),
        Err(LedgerError::Damaged { .. })
    ));
    let error = ledger.verify(namesake.public()).unwrap_err().to_string();
    assert!(
        error.contains("checkpoint 1: the checkpoint is not signed by"),
        "{error}"
    );

    let public = namesake.public().clone();
    assert!(matches!(
        Journal::open(&desk.ledger(), stranger, &desk.public),
        Err(LedgerError::OtherKey { .. })
    ));
    assert!(matches!(
        Journal::open(&desk.ledger(), namesake, &desk.public),
        Err(LedgerError::KeyNotInForce { .. })
    ));
    // Even where somebody claims the new key is in force, it did not sign the newest checkpoint.
    let namesake = LogKey::open(&desk.path().join("namesake.key"), ORIGIN).unwrap();
    assert!(matches!(
        Journal::open(&desk.ledger(), namesake, &public),
        Err(LedgerError::Damaged { .. })
    ));
}
