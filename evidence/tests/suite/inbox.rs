//! An inbox that others can write to.

use ambit_evidence::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};
use tempfile::TempDir;

fn inbox() -> (TempDir, Inbox) {
    let directory = tempfile::tempdir().unwrap();
    let inbox = Inbox::create(&directory.path().join("inbox")).unwrap();
    (directory, inbox)
}

fn named(inbox: &Inbox, content: &[u8]) -> PathBuf {
    inbox
        .path()
        .join(format!("{}.json", Digest::of(content).hex()))
}

#[test]
fn what_is_put_in_comes_out_until_it_is_removed() {
    let (_directory, inbox) = inbox();
    assert_eq!(
        inbox.drain().unwrap(),
        Drained {
            arrivals: vec![],
            complete: true,
            ignored: 0
        }
    );
    let mut digests: Vec<_> = (0..20u8).map(|n| inbox.put(&[n; 40]).unwrap()).collect();
    assert_eq!(inbox.put(&[3; 40]).unwrap(), digests[3], "twice is once");
    digests.sort();
    for _ in 0..2 {
        let drained = inbox.drain().unwrap();
        assert!(drained.complete && drained.ignored == 0);
        assert_eq!(
            drained
                .arrivals
                .iter()
                .map(|a| a.digest)
                .collect::<Vec<_>>(),
            digests
        );
        assert!(
            drained
                .arrivals
                .iter()
                .all(|a| Digest::of(&a.bytes) == a.digest)
        );
    }
    inbox.remove(&digests[0]).unwrap();
    inbox.remove(&digests[0]).unwrap();
    assert_eq!(inbox.drain().unwrap().arrivals.len(), 19);
}

#[test]
fn hostile_files_are_left_lying() {
    let (directory, inbox) = inbox();
    let good = inbox.put(b"{}").unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, b"secret").unwrap();
    let huge = vec![b'x'; 64 * 1024 + 1];

    // Under the very names they would need.
    symlink(&secret, named(&inbox, b"secret")).unwrap();
    symlink("/dev/zero", named(&inbox, b"zero")).unwrap();
    mknodat(
        CWD,
        named(&inbox, b"pipe"),
        FileType::Fifo,
        Mode::from(0o666),
        0,
    )
    .unwrap();
    fs::create_dir(named(&inbox, b"directory")).unwrap();
    fs::write(named(&inbox, &huge), &huge).unwrap();
    fs::File::create(named(&inbox, b"sparse"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    fs::write(named(&inbox, b"this"), b"that").unwrap();
    fs::write(named(&inbox, b"cut short"), b"cut").unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(named(&inbox, b"s")).ok();
    // And under others.
    let digest = Digest::of(b"x").hex();
    for name in [
        "approval.json".to_owned(),
        digest.clone(),
        format!("{digest}.JSON"),
        format!("{}.json", digest.to_uppercase()),
        format!("{digest}.json.json"),
        format!(".{digest}.json"),
        "\u{202e}.json".to_owned(),
    ] {
        fs::write(inbox.path().join(name), b"x").unwrap();
    }
    let drained = inbox.drain().unwrap();
    assert_eq!(
        drained.arrivals,
        [Arrival {
            digest: good,
            bytes: b"{}".to_vec()
        }]
    );
    let lying = fs::read_dir(inbox.path()).unwrap().count();
    assert_eq!((drained.ignored, drained.complete), (lying - 1, true));
    assert!(lying >= 15);
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
}

#[test]
fn a_flood_is_never_taken_for_everything() {
    let (_directory, inbox) = inbox();
    for n in 0..1030u32 {
        let content = n.to_be_bytes();
        fs::write(named(&inbox, &content), content).unwrap();
    }
    let first = inbox.drain().unwrap();
    assert_eq!((first.arrivals.len(), first.complete), (1024, false));
    for arrival in &first.arrivals {
        inbox.remove(&arrival.digest).unwrap();
    }
    let rest = inbox.drain().unwrap();
    assert_eq!((rest.arrivals.len(), rest.complete), (6, true));
}

#[test]
fn junk_with_low_names_does_not_hide_a_statement() {
    let (_directory, inbox) = inbox();
    let statement = inbox.put(b"reject").unwrap();
    for n in 0..1100u32 {
        fs::write(inbox.path().join(format!("{n:064x}.json")), b"junk").unwrap();
    }
    let drained = inbox.drain().unwrap();
    assert_eq!(
        drained
            .arrivals
            .iter()
            .map(|a| a.digest)
            .collect::<Vec<_>>(),
        [statement]
    );
    assert_eq!((drained.ignored, drained.complete), (1100, true));
}

#[test]
fn importing_takes_plain_files_only() {
    let (directory, inbox) = inbox();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("approval"), b"signed").unwrap();
    assert_eq!(
        inbox.import(&at("approval")).unwrap(),
        Digest::of(b"signed")
    );
    assert_eq!(fs::read(at("approval")).unwrap(), b"signed");

    symlink(at("approval"), at("link")).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    fs::write(at("huge"), vec![0; 64 * 1024 + 1]).unwrap();
    fs::write(at("full"), vec![0; 64 * 1024]).unwrap();
    assert!(matches!(
        inbox.import(&at("link")),
        Err(InboxError::NotAFile(_))
    ));
    assert!(matches!(
        inbox.import(&at("pipe")),
        Err(InboxError::NotAFile(_))
    ));
    assert!(matches!(
        inbox.import(directory.path()),
        Err(InboxError::NotAFile(_))
    ));
    assert!(matches!(
        inbox.import("/dev/zero".as_ref()),
        Err(InboxError::NotAFile(_))
    ));
    assert!(matches!(
        inbox.import(&at("huge")),
        Err(InboxError::TooLong(_))
    ));
    assert!(matches!(
        inbox.import(&at("none")),
        Err(InboxError::Io { .. })
    ));
    assert!(matches!(
        inbox.put(&vec![0; 64 * 1024 + 1]),
        Err(InboxError::TooLong(_))
    ));
    inbox.import(&at("full")).unwrap();
    assert_eq!(inbox.drain().unwrap().arrivals.len(), 2);
}

#[test]
fn the_directory_itself_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    assert!(matches!(
        Inbox::open(&at("none")),
        Err(InboxError::Missing(_))
    ));
    fs::write(at("file"), b"").unwrap();
    fs::create_dir(at("open")).unwrap();
    fs::set_permissions(at("open"), fs::Permissions::from_mode(0o777)).unwrap();
    symlink(at("open"), at("link")).unwrap();
    for name in ["file", "open", "link"] {
        assert!(
            matches!(Inbox::create(&at(name)), Err(InboxError::Occupied(_))),
            "{name}"
        );
    }
    assert!(matches!(
        Inbox::open(&at("link")),
        Err(InboxError::NotADirectory(_))
    ));

    let inbox = Inbox::create(&at("inbox")).unwrap();
    assert_eq!(
        fs::metadata(at("inbox")).unwrap().permissions().mode() & 0o777,
        0o700
    );
    Inbox::create(&at("inbox")).unwrap();
    // Exchanged for a link after it was opened.
    fs::remove_dir(at("inbox")).unwrap();
    symlink(at("open"), at("inbox")).unwrap();
    assert!(matches!(inbox.drain(), Err(InboxError::NotADirectory(_))));
    fs::remove_file(at("inbox")).unwrap();
    assert!(matches!(inbox.drain(), Err(InboxError::Missing(_))));
}
