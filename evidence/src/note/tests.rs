//! Notes against another implementation and the example the format publishes.

use super::*;
use proptest::prelude::*;
use signed_note::{StandardVerifier, VerifierList};
use std::sync::LazyLock;

static KEY: LazyLock<LogKey> = LazyLock::new(|| key("example.org/log"));

fn key(name: &str) -> LogKey {
    let directory = tempfile::tempdir().unwrap();
    LogKey::create(&directory.path().join("key"), name).unwrap()
}

/// The example of the C2SP signed-note format.
const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PUBLISHED_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn the_published_example_verifies() {
    let key: LogPublicKey = PUBLISHED_KEY.parse().unwrap();
    assert_eq!(key.to_string(), PUBLISHED_KEY);
    assert_eq!(key.id(), [0xc7, 0x4f, 0x20, 0xa3]);
    let note = Note::parse(PUBLISHED_NOTE.as_bytes()).unwrap();
    assert_eq!(
        note.verify(&key),
        Ok(PUBLISHED_NOTE
            .split("\n\n")
            .next()
            .map(|t| format!("{t}\n"))
            .unwrap()
            .as_str())
    );
    // It is a note, not a checkpoint.
    assert!(matches!(
        Checkpoint::open(PUBLISHED_NOTE, &key),
        Err(NoteError::Checkpoint(_))
    ));
}

#[test]
fn other_programs_read_our_checkpoints() {
    let (checkpoint, note) = Checkpoint::sign(3, Digest::of(b"root"), &KEY);
    assert_eq!(
        Checkpoint::open(&note, KEY.public()),
        Ok(checkpoint.clone())
    );
    assert_eq!(Checkpoint::claimed(&note), Ok(checkpoint));

    let verifier = StandardVerifier::new(&KEY.public().to_string()).unwrap();
    let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, others) = theirs
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((verified.len(), others.len()), (1, 0));

    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!(
        (read.origin(), read.size(), read.extension()),
        ("example.org/log", 3, "")
    );
    assert_eq!(read.hash().0, *Digest::of(b"root").bytes());
}

#[test]
fn lines_of_others_are_passed_over_and_a_wrong_line_of_ours_is_not() {
    let (_, note) = Checkpoint::sign(3, Digest::of(b"root"), &KEY);
    let (_, elsewhere) = Checkpoint::sign(4, Digest::of(b"root"), &KEY);
    let (_, witness) = Checkpoint::sign(3, Digest::of(b"root"), &key("witness"));
    let last = |note: &str| note.lines().last().map(|l| format!("{l}\n")).unwrap();

    let witnessed = format!("{note}{}", last(&witness));
    assert!(Checkpoint::open(&witnessed, KEY.public()).is_ok());
    let spoiled = format!("{note}{}", last(&elsewhere));
    assert!(matches!(
        Checkpoint::open(&spoiled, KEY.public()),
        Err(NoteError::Forged(_))
    ));
    assert!(matches!(
        Checkpoint::open(&witness, KEY.public()),
        Err(NoteError::Unsigned(_))
    ));

    // A key of the same name is still another key.
    let namesake = key("example.org/log");
    assert!(matches!(
        Checkpoint::open(&note, namesake.public()),
        Err(NoteError::Unsigned(_))
    ));
}

#[test]
fn a_checkpoint_signed_by_a_log_of_another_name_is_refused() {
    let root = STANDARD.encode([7; 32]);
    let note = sign(&format!("another.example/log\n3\n{root}\n"), &KEY);
    assert_eq!(
        Checkpoint::open(&note, KEY.public()),
        Err(NoteError::Origin)
    );
}

#[test]
fn signed_texts_that_are_not_checkpoints_are_refused() {
    let root = STANDARD.encode([7; 32]);
    let short = STANDARD.encode([7; 31]);
    let o = "example.org/log";
    for text in [
        format!("{o}\n3\n"),
        format!("{o}\n3\n{root}\nextension\n"),
        format!("{o}\n3\n{root}\n\n"),
        format!("{o}\n03\n{root}\n"),
        format!("{o}\n+3\n{root}\n"),
        format!("{o}\n-3\n{root}\n"),
        format!("{o}\n\n{root}\n"),
        format!("{o}\n18446744073709551616\n{root}\n"),
        format!("{o}\n3\n{short}\n"),
        format!("{o}\n3\n{}\n", root.trim_end_matches('=')),
        format!("{o} \n3\n{root}\n"),
        format!("\n3\n{root}\n"),
    ] {
        let note = sign(&text, &KEY);
        assert!(
            matches!(
                Checkpoint::open(&note, KEY.public()),
                Err(NoteError::Checkpoint(_))
            ),
            "{text:?}"
        );
    }
}

#[test]
fn malformed_notes_are_refused() {
    let (_, good) = Checkpoint::sign(3, Digest::of(b"root"), &KEY);
    let (text, line) = good.split_once("\n\n").unwrap();
    let many = format!("{text}\n\n{}", line.repeat(101));
    let long = format!("{text}\n\n{}", "x".repeat(70_000));
    for bad in [
        "",
        "\n\n",
        text,
        good.trim_end(),
        &good.replace("\n\n", "\n"),
        &good.replace('—', "-"),
        &good.replace("— example.org/log ", "— example.org/log  "),
        &good.replace("— example.org/log ", "— "),
        &good.replace("— example.org/log ", "— a+b "),
        &good.replace("\n3\n", "\n3\r\n"),
        &good.replace("\n3\n", "\n3\t\n"),
        &format!("{text}\n\n— example.org/log AAAA\n"),
        &format!("{text}\n\n{}", line.replace('=', "")),
        &format!("{good}\n"),
        &many,
        &long,
    ] {
        assert!(Checkpoint::open(bad, KEY.public()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(b"a\n\n\xff\n").is_err());
}

#[test]
fn malformed_public_keys_are_refused() {
    let good = KEY.public().to_string();
    let (head, typed) = good.rsplit_once('+').map_or((good.as_str(), ""), |_| {
        let at = "example.org/log+00000000".len();
        (&good[..at], &good[at + 1..])
    });
    let other_type = STANDARD.encode([2; 33]);
    let long = STANDARD.encode([1; 34]);
    for bad in [
        "",
        "a+b",
        "example.org/log",
        head,
        &format!("{head}+"),
        &format!("example.org/log+00000000+{typed}"),
        &good.replace("example.org", "example.com"),
        &good.replace("example.org/log", ""),
        &good.replace("example.org/log", "a b"),
        &format!("{good} "),
        &format!("{head}+{other_type}"),
        &format!("{head}+{long}"),
        &format!("{}+{typed}", head.to_uppercase()),
    ] {
        assert!(bad.parse::<LogPublicKey>().is_err(), "{bad:?}");
    }
    assert_eq!(good.parse::<LogPublicKey>().unwrap(), *KEY.public());
}

proptest! {
    #[test]
    fn any_changed_byte_spoils_a_checkpoint(at: usize, bit in 0u8..8) {
        let (_, note) = Checkpoint::sign(12345, Digest::of(b"root"), &KEY);
        let mut bytes = note.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(Checkpoint::open(&changed, KEY.public()).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Note::parse(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(text.parse::<LogPublicKey>().is_err());
        }
    }

    #[test]
    fn what_we_read_others_read_alike(text in "[a-z\n—+ 0-9]{0,40}", line in "(— )?[a-z+ ]{0,4}( [A-Za-z0-9+/]{8})?", end in "\n?") {
        let note = format!("{text}\n\n{line}{end}");
        if let Ok(ours) = Note::parse(note.as_bytes()) {
            let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
            prop_assert_eq!(ours.text.as_bytes(), theirs.text());
        }
    }
}
