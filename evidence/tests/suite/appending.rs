//! What a gate can append, and what it cannot.

use crate::support::*;
use ambit_evidence::*;

#[test]
fn records_are_kept_in_order_with_proofs() {
    let (desk, mut journal) = Desk::new();
    for n in 1..20 {
        let index = journal
            .transact(T0 + n, |tx| append(tx, "request", &format!(r#","n":{n}"#)))
            .unwrap();
        assert_eq!(index, n as u64);
    }
    assert_eq!(journal.size().unwrap(), 20);
    let newest = journal.checkpoint().unwrap();
    let checkpoint = Checkpoint::open(&newest.note, &desk.public).unwrap();
    assert_eq!((checkpoint.size, checkpoint.origin.as_str()), (20, ORIGIN));

    for entry in journal.entries(0..100).unwrap() {
        let path = journal.inclusion(entry.index, 20).unwrap();
        tree::verify_inclusion(&entry.leaf_hash, entry.index, 20, &path, &checkpoint.root).unwrap();
    }
    for size in 1..=20 {
        let old = journal.checkpoint_at(size).unwrap().unwrap().checkpoint;
        let path = journal.consistency(size, 20).unwrap();
        tree::verify_consistency(size, &old.root, 20, &checkpoint.root, &path).unwrap();
        assert!(journal.extends(size, &old.root).unwrap());
    }
    assert_eq!(
        journal
            .entries(3..5)
            .unwrap()
            .iter()
            .map(|e| e.index)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    assert_eq!(journal.entries_of("authority").unwrap().len(), 1);
    assert_eq!(journal.entry(19).unwrap().time, T0 + 19);
    assert_eq!(
        journal.verify(&desk.public).unwrap(),
        Verified {
            size: 20,
            root: checkpoint.root
        }
    );
    for error in [
        journal.entry(20).unwrap_err(),
        journal.entry(u64::MAX).unwrap_err(),
        journal.inclusion(20, 20).unwrap_err(),
        journal.inclusion(0, 21).unwrap_err(),
        journal.consistency(3, 2).unwrap_err(),
        journal.consistency(3, u64::MAX).unwrap_err(),
        journal.root_at(21).unwrap_err(),
    ] {
        assert!(matches!(error, LedgerError::OutOfRange(_)), "{error}");
    }
    assert!(journal.checkpoint_at(u64::MAX).unwrap().is_none());
}

#[test]
fn one_checkpoint_per_transaction() {
    let (desk, mut journal) = Desk::new();
    let last = journal
        .transact(T0, |tx| {
            append(tx, "request", "")?;
            append(tx, "decision", "")?;
            append(tx, "decision", "")
        })
        .unwrap();
    assert_eq!(last, 3);
    let sizes: Vec<_> = (0..6)
        .filter(|&n| journal.checkpoint_at(n).unwrap().is_some())
        .collect();
    assert_eq!(sizes, [1, 4]);
    assert_eq!(journal.verify(&desk.public).unwrap().size, 4);

    // Nothing appended, nothing signed.
    journal.transact(T0, |tx| tx.size()).unwrap();
    assert_eq!(journal.checkpoint().unwrap().checkpoint.size, 4);
}

#[test]
fn times_never_run_backwards() {
    let (desk, mut journal) = Desk::new();
    for (now, stored) in [
        (T0 + 10, T0 + 10),
        (T0 + 5, T0 + 10),
        (0, T0 + 10),
        (i64::MIN, T0 + 10),
        (T0 + 11, T0 + 11),
    ] {
        let index = journal
            .transact(now, |tx| append(tx, "request", ""))
            .unwrap();
        assert_eq!(journal.entry(index).unwrap().time, stored, "at {now}");
        assert_eq!(journal.last_time().unwrap(), Some(stored));
    }
    journal.verify(&desk.public).unwrap();
}

#[test]
fn records_the_log_cannot_vouch_for_are_refused_before_anything() {
    let (desk, mut journal) = Desk::new();
    let good = record("request", T0, "");
    let cases: Vec<(&str, String)> = vec![
        (
            "request",
            record(
                "request",
                T0,
                &format!(r#","x":"{}""#, "y".repeat(MAX_RECORD)),
            ),
        ),
        ("request", record("decision", T0, "")),
        ("request", record("request", T0 - 1, "")),
        ("request", record("request", T0 + 1, "")),
        ("request", good.replace(ORIGIN, "example.org/other")),
        ("request", good.replace("\"v\"", "\"kind\"")),
        ("request", format!("[{good}]")),
        ("request", format!("{good}\n{good}")),
        ("request", String::new()),
        ("Request", record("Request", T0, "")),
        ("", record("", T0, "")),
        (
            "consumption",
            record("consumption", T0, r#","request":"r1""#),
        ),
        ("release", record("release", T0, r#","request":"r1""#)),
        (
            "statement",
            record(
                "statement",
                T0,
                &format!(r#","body":{{"statement":"{}"}}"#, Digest::of(b"s")),
            ),
        ),
    ];
    for (kind, record) in cases {
        // Even a caller that passes over the error has nothing of it in the log.
        let error = journal
            .transact(T0, |tx| {
                Ok::<_, LedgerError>(tx.append(kind, record.as_bytes()).err())
            })
            .unwrap();
        assert!(error.is_some(), "{kind}: {record:.100}");
        assert_eq!(journal.size().unwrap(), 1);
    }
    let exact = record(
        "request",
        T0,
        &format!(r#","x":"{}""#, "y".repeat(MAX_RECORD - good.len() - 7)),
    );
    assert_eq!(exact.len(), MAX_RECORD);
    journal
        .transact(T0, |tx| tx.append("request", exact.as_bytes()))
        .unwrap();
    journal.verify(&desk.public).unwrap();
}

#[test]
fn what_fails_leaves_nothing() {
    let (desk, mut journal) = Desk::new();
    #[derive(Debug)]
    enum Fail {
        OnPurpose,
        Ledger(#[allow(dead_code)] LedgerError),
    }
    impl From<LedgerError> for Fail {
        fn from(e: LedgerError) -> Self {
            Self::Ledger(e)
        }
    }
    let result: Result<(), Fail> = journal.transact(T0, |tx| {
        tx.blob("text/plain", b"kept?", Retention::Keep)?;
        tx.consume("r1")?.expect("first use");
        append_for(tx, "consumption", "r1")?;
        assert_eq!(tx.size()?, 2, "a transaction sees its own records");
        Err(Fail::OnPurpose)
    });
    assert!(matches!(result, Err(Fail::OnPurpose)));

    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        journal.transact::<(), LedgerError>(T0, |tx| {
            append(tx, "request", "")?;
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());

    assert_eq!(journal.size().unwrap(), 1);
    assert_eq!(journal.blob(&Digest::of(b"kept?")).unwrap(), None);
    assert!(journal.uses("r1").unwrap().is_empty());
    assert!(consume(&mut journal, "r1").is_some());
    journal.verify(&desk.public).unwrap();
}

#[test]
fn a_claim_and_its_record_come_together() {
    let (_desk, mut journal) = Desk::new();
    type Work = fn(&mut Tx<'_>) -> Result<(), LedgerError>;
    let cases: [(&str, Work); 8] = [
        ("consumed and not recorded", |tx| {
            tx.consume("r1")?
                .map(drop)
                .map_err(|_| LedgerError::Abandoned)
        }),
        ("recorded as another kind", |tx| {
            let _ = tx.consume("r1")?;
            append_for(tx, "request", "r1").map(drop)
        }),
        ("recorded for another request", |tx| {
            let _ = tx.consume("r1")?;
            append_for(tx, "consumption", "r2").map(drop)
        }),
        ("two claims before a record", |tx| {
            let _ = tx.consume("r1")?;
            tx.consume("r2").map(drop)
        }),
        ("a statement claimed inside a consumption", |tx| {
            let _ = tx.consume("r1")?;
            tx.statement(&Digest::of(b"s")).map(drop)
        }),
        ("another statement recorded", |tx| {
            let _ = tx.statement(&Digest::of(b"s"))?;
            append_statement(tx, &Digest::of(b"t")).map(drop)
        }),
        ("the error passed over, then committed", |tx| {
            let _ = tx.consume("r1")?;
            let _ = append_for(tx, "consumption", "r2");
            Ok(())
        }),
        (
            "a claim of one transaction used in the record of none",
            |tx| append_for(tx, "consumption", "r1").map(drop),
        ),
    ];
    for (what, work) in cases {
        let error = journal.transact(T0, work).unwrap_err();
        assert!(
            matches!(error, LedgerError::Sequence { .. }),
            "{what}: {error}"
        );
        assert_eq!(journal.size().unwrap(), 1, "{what}");
        assert!(journal.uses("r1").unwrap().is_empty(), "{what}");
    }
}

#[test]
fn a_request_is_used_once_unless_given_back_and_three_times_at_most() {
    let (desk, mut journal) = Desk::new();
    let refusal = |journal: &mut Journal| {
        journal
            .transact(T0, |tx| {
                Ok::<_, LedgerError>(tx.consume("r1")?.expect_err("must be refused"))
            })
            .unwrap()
    };
    assert!(matches!(
        release(&mut journal, "r1"),
        Err(LedgerError::NothingToRelease(_))
    ));
    for use_no in 1..=3 {
        let entry = consume(&mut journal, "r1").unwrap();
        assert_eq!(refusal(&mut journal), AlreadyConsumed::Used { entry });
        assert_eq!(
            journal.uses("r1").unwrap().last(),
            Some(&Use {
                use_no,
                entry,
                released: None
            })
        );
        let given_back = release(&mut journal, "r1").unwrap();
        assert_eq!(
            journal.uses("r1").unwrap().last(),
            Some(&Use {
                use_no,
                entry,
                released: Some(given_back)
            })
        );
        assert!(matches!(
            release(&mut journal, "r1"),
            Err(LedgerError::NothingToRelease(_))
        ));
    }
    assert!(matches!(
        refusal(&mut journal),
        AlreadyConsumed::Exhausted { entry: 5 }
    ));
    assert!(
        consume(&mut journal, "r2").is_some(),
        "another request is another matter"
    );
    journal.verify(&desk.public).unwrap();

    let long = "r".repeat(129);
    for bad in ["", "a b", "a\n", "é", long.as_str()] {
        let error = journal.transact(T0, |tx| tx.consume(bad)).unwrap_err();
        assert!(matches!(error, LedgerError::RequestId(_)), "{bad:?}");
    }
}

#[test]
fn a_statement_is_taken_once() {
    let (desk, mut journal) = Desk::new();
    let digest = Digest::of(b"approve");
    let take = |journal: &mut Journal| {
        journal.transact(T0, |tx| match tx.statement(&digest)? {
            Ok(()) => append_statement(tx, &digest).map(Ok),
            Err(seen) => Ok::<_, LedgerError>(Err(seen)),
        })
    };
    assert_eq!(take(&mut journal).unwrap(), Ok(1));
    assert_eq!(take(&mut journal).unwrap(), Err(AlreadySeen { entry: 1 }));
    assert_eq!(
        take(&mut desk.gate()).unwrap(),
        Err(AlreadySeen { entry: 1 })
    );
    assert_eq!(journal.statement_entry(&digest).unwrap(), Some(1));
    assert_eq!(
        journal.statement_entry(&Digest::of(b"other")).unwrap(),
        None
    );
    journal.verify(&desk.public).unwrap();
}

#[test]
fn a_recorded_value_knows_its_record() {
    let (desk, mut journal) = Desk::new();
    let warrant = String::from("warrant");
    let recorded = journal
        .record(T0, |tx| {
            let _ = tx.consume("r1")?;
            append_for(tx, "consumption", "r1")?;
            append(tx, "decision", "")?;
            Ok::<_, LedgerError>(warrant)
        })
        .unwrap();
    assert_eq!((recorded.get().as_str(), recorded.index()), ("warrant", 2));
    assert_eq!(recorded.into_inner(), "warrant");

    let nothing = journal.record(T0, |_| Ok::<_, LedgerError>("unrecorded"));
    assert!(matches!(nothing, Err(LedgerError::NothingRecorded)));
    journal.verify(&desk.public).unwrap();
}

#[test]
fn blobs_go_when_their_time_has_come_and_the_log_stays_whole() {
    let (desk, mut journal) = Desk::new();
    let [keep, soon, both] = journal
        .transact(T0, |tx| {
            let keep = tx.blob("text/plain", b"keep", Retention::Keep)?;
            let soon = tx.blob("text/plain", b"soon", Retention::Until(T0 + 5))?;
            tx.blob("text/plain", b"both", Retention::Until(T0 + 90))?;
            let both = tx.blob("application/json", b"both", Retention::Until(T0 + 5))?;
            append(
                tx,
                "request",
                &format!(r#","blobs":["{keep}","{soon}","{both}"]"#),
            )?;
            Ok::<_, LedgerError>([keep, soon, both])
        })
        .unwrap();
    assert_eq!(journal.transact(T0 + 4, |tx| tx.purge_blobs()).unwrap(), 0);
    assert_eq!(journal.transact(T0 + 5, |tx| tx.purge_blobs()).unwrap(), 1);
    assert_eq!(journal.blob(&soon).unwrap(), None);
    let blob = journal.blob(&both).unwrap().unwrap();
    assert_eq!(
        (blob.retention, blob.media.as_str()),
        (Retention::Until(T0 + 90), "text/plain")
    );
    assert_eq!(journal.blob(&keep).unwrap().unwrap().bytes, b"keep");
    journal.verify(&desk.public).unwrap();
}
