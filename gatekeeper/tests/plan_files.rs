//! Plan files of real engines, and archives that must never be read as one.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use ambit_gatekeeper::plan::*;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const ENGINES: [&str; 2] = ["opentofu-1.12.6", "terraform-1.11.4"];

fn testdata(path: &str) -> Vec<u8> {
    let path = format!("{}/../testdata/plans/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn create() -> Vec<u8> {
    testdata("opentofu-1.12.6/create.tfplan")
}

/// The entries of a real plan file, in its own order.
fn entries() -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(create())).expect("an archive");
    (0..archive.len())
        .map(|n| {
            let mut entry = archive.by_index(n).expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            (entry.name().to_owned(), content)
        })
        .collect()
}

fn pack(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer
            .start_file(name.as_str(), options)
            .expect("a new entry");
        writer.write_all(content).expect("content");
    }
    writer.finish().expect("an archive").into_inner()
}

/// A real plan file with one more entry, or another content of one it has.
fn with(name: &str, content: &[u8]) -> Vec<u8> {
    let mut entries = entries();
    match entries.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = content.to_vec(),
        None => entries.push((name.to_owned(), content.to_vec())),
    }
    pack(&entries)
}

fn without(name: &str) -> Vec<u8> {
    let mut entries = entries();
    let before = entries.len();
    entries.retain(|(n, _)| n != name);
    assert_eq!(entries.len() + 1, before, "no entry `{name}` to leave out");
    pack(&entries)
}

/// The error of a file that must not be read, as the user sees it.
fn refusal(bytes: &[u8]) -> String {
    match PlanFile::read(bytes) {
        Ok(file) => panic!("read as a plan file: {file:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn both_engines_write_what_we_read() {
    for engine in ENGINES {
        let file = PlanFile::read(&testdata(&format!("{engine}/create.tfplan"))).expect(engine);
        let names: Vec<_> = file
            .modules
            .iter()
            .map(|(key, files)| {
                (
                    key.as_str(),
                    files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                ("", vec!["main.tf"]),
                ("net", vec!["main.tf"]),
                ("net.dns", vec!["main.tf"])
            ]
        );
        assert_eq!(file.modules[""][0].bytes, testdata("story/first.tf"));
        assert_eq!(
            file.modules["net.dns"][0].bytes,
            testdata("story/net/dns/main.tf")
        );
        let record = |source: &str, dir: &str| ModuleRecord {
            source: source.into(),
            version: String::new(),
            dir: dir.into(),
        };
        let manifest = [
            ("", record("", ".")),
            ("net", record("./net", "net")),
            ("net.dns", record("./dns", "net/dns")),
        ];
        assert_eq!(
            file.manifest,
            manifest
                .map(|(key, record)| (key.to_owned(), record))
                .into()
        );
        assert_eq!(file.evidence.encoding, Evidence::KNOWN_ENCODING);
        assert_eq!(
            file.evidence.engine_version.as_deref(),
            engine.split_once('-').map(|(_, version)| version)
        );
        assert_eq!(
            file.evidence.backend,
            Some(Backend {
                r#type: "local".into(),
                workspace: "default".into()
            })
        );
        assert_eq!(file.evidence.mode, UiMode::Normal);
        // Nothing has been applied yet, so the state has no lineage.
        assert_eq!(file.state_identity, StateIdentity::default());

        let change = PlanFile::read(&testdata(&format!("{engine}/change.tfplan"))).expect(engine);
        assert_eq!(change.modules[""][0].bytes, testdata("story/second.tf"));
        assert!(change.state_identity.lineage.len() == 36 && change.state_identity.serial > 0);
        assert_ne!(change.digest, file.digest);

        let destroy = PlanFile::read(&testdata(&format!("{engine}/destroy.tfplan"))).expect(engine);
        assert_eq!(destroy.evidence.mode, UiMode::Destroy);
        assert_eq!(destroy.evidence.targets, ["module.net"]);
    }
}

#[test]
fn the_digest_is_of_the_file_itself() {
    let file = PlanFile::read(&create()).expect("a plan file");
    assert_eq!(
        file.digest.as_slice(),
        ring::digest::digest(&ring::digest::SHA256, &create()).as_ref()
    );
    let repacked = PlanFile::read(&pack(&entries())).expect("a plan file");
    assert_eq!(repacked.modules, file.modules);
    assert_ne!(repacked.digest, file.digest);
}

#[test]
fn what_is_no_plan_file() {
    let bookmark = br#"{"remote_plan_format":1,"run_id":"run-1","hostname":"app.example.com"}"#;
    let encrypted = "the plan file is encrypted by OpenTofu, and only OpenTofu can read it: let the gate make the plan, or turn plan encryption off for it";
    let not = |what: &str| {
        format!("this is not a plan file but {what}: give the file that `plan -out` writes")
    };
    let cases: &[(&[u8], String)] = &[
        (b"", "the plan file is empty".into()),
        (&testdata("opentofu-1.12.6/encrypted.tfplan"), encrypted.into()),
        (bookmark, "this is a bookmark of a plan kept on `app.example.com`, not a plan: plan with `-out` on a machine of your own".into()),
        (b"P", "the plan file is cut off: copy it again, or plan again".into()),
        (b"PK\x03\x04", "the plan file is cut off: copy it again, or plan again".into()),
        (&testdata("opentofu-1.12.6/create.json"), not("JSON that `show -json` writes")),
        (br#"{"version":4,"serial":1,"lineage":"x"}"#, not("a state file")),
        (br#" {"encryption_version":"v0"}"#, not("JSON of another kind")),
        (br#"{"remote_plan_format":1,"remote_plan_format":1}"#, not("malformed JSON")),
        (b"[1]", not("JSON of another kind")),
        (b"{", not("malformed JSON")),
        (&b"[".repeat(100_000), not("malformed JSON")),
        (b"\x1f\x8b\x08\0", not("gzip data")),
        (b"\x7fELF\x02", not("a program")),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", not("an empty zip archive")),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", not("a key or certificate")),
        (b"resource \"a\" \"b\" {}", not("text")),
        (b"\0\xff\xfe", not("binary data of another kind")),
    ];
    for (bytes, message) in cases {
        assert_eq!(
            refusal(bytes),
            *message,
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
        );
    }
}

#[test]
fn a_file_that_was_cut_off_never_reads() {
    let bytes = create();
    for end in 0..bytes.len() {
        assert!(
            PlanFile::read(&bytes[..end]).is_err(),
            "{end} of {} bytes",
            bytes.len()
        );
    }
    assert_eq!(
        refusal(&bytes[..bytes.len() / 2]),
        "the plan file is cut off: copy it again, or plan again"
    );
}

#[test]
fn nothing_stands_around_the_archive() {
    let bytes = create();
    let appended = [bytes.as_slice(), b"\0"].concat();
    assert_eq!(
        refusal(&appended),
        "the plan file is not an archive as engines write it: something follows the archive"
    );
    let twice = [bytes.as_slice(), bytes.as_slice()].concat();
    let message = refusal(&twice);
    assert!(
        message.starts_with("the plan file is not an archive as engines write it"),
        "{message}"
    );
    // An archive whose directory is right and that begins with another one: the second one's entries are all there.
    let mut shifted = [b"PK\x03\x04".as_slice(), bytes.as_slice()].concat();
    shift_offsets(&mut shifted, 4);
    assert_eq!(
        refusal(&shifted),
        "the plan file is not an archive as engines write it: its entries overlap, or something stands before them"
    );
}

/// Makes the directory of an archive right again after `by` bytes were put in front.
fn shift_offsets(bytes: &mut [u8], by: u32) {
    let add = |bytes: &mut [u8], at: usize| {
        let old = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        bytes[at..at + 4].copy_from_slice(&(old + by).to_le_bytes());
    };
    for at in positions(bytes, b"PK\x01\x02") {
        add(bytes, at + 42);
    }
    let end = bytes.len() - 22;
    add(bytes, end + 16);
}

fn positions(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(signature))
        .collect()
}

/// A file with every byte changed in turn is refused, or says the same.
#[test]
fn no_changed_byte_changes_what_is_read() {
    let bytes = create();
    let file = PlanFile::read(&bytes).expect("a plan file");
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut copy = bytes.clone();
            copy[at] ^= flip;
            if let Ok(read) = PlanFile::read(&copy) {
                assert!(
                    read.modules == file.modules
                        && read.manifest == file.manifest
                        && read.tfplan == file.tfplan
                        && read.state == file.state
                        && read.lock == file.lock,
                    "byte {at} ^ {flip:#x}"
                );
            }
        }
    }
}

#[test]
fn every_entry_has_its_place() {
    let unknown = |name: &str| format!("the entry `{name}` is not one that a plan file has");
    let unsafe_name = |name: &str| {
        format!("the entry `{name}` of the plan file has a name that could lead out of its place")
    };
    let module = |key: &str| {
        format!("the module `{key}` of the plan file stands in no line of its manifest")
    };
    for (name, message) in [
        ("README", unknown("README")),
        ("tfplan2", unknown("tfplan2")),
        ("TFPLAN", unknown("TFPLAN")),
        ("tfconfig/", unknown("tfconfig/")),
        ("tfconfig/main.tf", unknown("tfconfig/main.tf")),
        ("tfconfig/m-", unknown("tfconfig/m-")),
        ("tfconfig/m-net", unknown("tfconfig/m-net")),
        ("tfconfig/n-/main.tf", unknown("tfconfig/n-/main.tf")),
        ("./tfplan", unknown("./tfplan")),
        ("tfplan/", unknown("tfplan/")),
        ("../main.tf", unsafe_name("../main.tf")),
        ("/etc/passwd", unsafe_name("/etc/passwd")),
        (
            "tfconfig/m-/../../x.tf",
            unsafe_name("tfconfig/m-/../../x.tf"),
        ),
        ("tfconfig/m-/..", unsafe_name("tfconfig/m-/..")),
        ("tfconfig/m-/.", unsafe_name("tfconfig/m-/.")),
        ("tfconfig/m-/", unsafe_name("tfconfig/m-/")),
        ("tfconfig/m-/a/b.tf", unsafe_name("tfconfig/m-/a/b.tf")),
        ("tfconfig/m-/a\\b.tf", unsafe_name("tfconfig/m-/a\\b.tf")),
        ("tfconfig/m-/a\nb.tf", unsafe_name("tfconfig/m-/a\\nb.tf")),
        ("tfconfig/m-../x.tf", unsafe_name("tfconfig/m-../x.tf")),
        (
            "tfconfig/m-net..dns/x.tf",
            unsafe_name("tfconfig/m-net..dns/x.tf"),
        ),
        ("tfconfig/m-a b/x.tf", unsafe_name("tfconfig/m-a b/x.tf")),
        ("tfconfig/m-other/x.tf", module("other")),
    ] {
        assert_eq!(refusal(&with(name, b"x")), message);
    }
    // What may be there beside the usual.
    let more = PlanFile::read(&with("tfconfig/m-/a.tf.json", b"{}"))
        .expect("another file of the root module");
    assert_eq!(
        more.modules[""]
            .iter()
            .map(|f| f.name.as_str())
            .collect::<Vec<_>>(),
        ["a.tf.json", "main.tf"]
    );
    assert!(PlanFile::read(&with("tfschemas", b"x")).is_ok());
    assert_eq!(
        PlanFile::read(&with(".terraform.lock.hcl", b"# x"))
            .expect("a plan file")
            .lock
            .as_deref(),
        Some(b"# x".as_slice())
    );
}

#[test]
fn every_entry_must_be_there_and_readable() {
    for name in ["tfplan", "tfstate", "tfstate-prev", "tfconfig/modules.json"] {
        assert_eq!(
            refusal(&without(name)),
            format!("the plan file has no entry `{name}`")
        );
    }
    assert_eq!(
        refusal(&without("tfconfig/m-/main.tf")),
        "the plan file has no entry `tfconfig/m-/`"
    );

    let manifest = "tfconfig/modules.json";
    for (name, content, message) in [
        (
            manifest,
            "",
            "the entry `tfconfig/modules.json` of the plan file is not readable: the document is empty",
        ),
        (
            manifest,
            "{}",
            "the entry `tfconfig/modules.json` of the plan file has another shape than engines write",
        ),
        (
            manifest,
            r#"[{"Key":""}]"#,
            "the entry `tfconfig/modules.json` of the plan file has another shape than engines write",
        ),
        (
            manifest,
            r#"[{"Key":"","Dir":".","Dir":"x"}]"#,
            "the entry `tfconfig/modules.json` of the plan file is not readable: the key `Dir` stands twice in the object that ends at byte 30",
        ),
        (
            manifest,
            r#"[{"Key":"","Dir":"."},{"Key":"","Dir":"x"}]"#,
            "the module `` of the plan file stands twice in its manifest",
        ),
        (
            manifest,
            r#"[{"Key":"","Dir":"."}]"#,
            "the module `net.dns` of the plan file stands in no line of its manifest",
        ),
        (
            "tfstate",
            "x",
            "the entry `tfstate` of the plan file is not readable: malformed JSON at byte 0: expected a value",
        ),
        (
            "tfstate",
            r#"{"serial":"1"}"#,
            "the entry `tfstate` of the plan file has another shape than engines write",
        ),
        (
            "tfplan",
            "\u{8}",
            "the entry `tfplan` of the plan file is not readable: it ends early, at byte 1",
        ),
    ] {
        assert_eq!(refusal(&with(name, content.as_bytes())), message);
    }
}

/// Writes another name of the same length over one in the archive: in the directory, in front of the data, or both.
fn renamed(bytes: &[u8], from: &str, to: &str, directory: bool, local: bool) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut copy = bytes.to_vec();
    let mut done = 0;
    for (signature, size, wanted) in [(b"PK\x01\x02", 46, directory), (b"PK\x03\x04", 30, local)] {
        for at in positions(bytes, signature) {
            if wanted && bytes[at + size..].starts_with(from.as_bytes()) {
                copy[at + size..at + size + to.len()].copy_from_slice(to.as_bytes());
                done += 1;
            }
        }
    }
    assert!(done > 0);
    copy
}

#[test]
fn two_readers_must_see_the_same_entries() {
    let file = with("tfplaX", b"another plan");
    assert_eq!(
        refusal(&renamed(&file, "tfplaX", "tfplan", true, true)),
        "the entry `tfplan` stands twice in the plan file"
    );
    assert_eq!(
        refusal(&renamed(&file, "tfplaX", "tfplan", true, false)),
        "the entry `tfplan` of the plan file calls itself `tfplaX` where its data begins"
    );
    assert_eq!(
        refusal(&renamed(&create(), "tfplan", "tfplaX", false, true)),
        "the entry `tfplan` of the plan file calls itself `tfplaX` where its data begins"
    );
    let sources = with("tfconfig/m-/maiX.tf", b"# another");
    let sources = renamed(
        &sources,
        "tfconfig/m-/maiX.tf",
        "tfconfig/m-/main.tf",
        true,
        true,
    );
    assert_eq!(
        refusal(&sources),
        "the entry `tfconfig/m-/main.tf` stands twice in the plan file"
    );
}

/// Overwrites a field in the record of one entry.
fn field(bytes: &[u8], name: &str, at: usize, value: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let record = positions(bytes, b"PK\x01\x02")
        .into_iter()
        .find(|p| bytes[p + 46..].starts_with(name.as_bytes()));
    let record = record.expect(name);
    copy[record + at..record + at + value.len()].copy_from_slice(value);
    copy
}

/// Overwrites a field in the record at the end.
fn end_field(bytes: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let end = bytes.len() - 22;
    copy[end + at..end + at + value.len()].copy_from_slice(value);
    copy
}

#[test]
fn records_that_lie_are_refused() {
    let bytes = create();
    let plain = "the plan file is not an archive as engines write it: ";
    let cases = [
        (field(&bytes, "tfplan", 8, &[1, 0]), "the entry `tfplan` of the plan file is packed or encrypted in a way that engines do not use".to_owned()),
        (field(&bytes, "tfplan", 10, &[12, 0]), "the entry `tfplan` of the plan file is packed or encrypted in a way that engines do not use".to_owned()),
        (field(&bytes, "tfplan", 24, &[1, 0, 0, 0]), format!("{plain}an entry has another size than its directory says")),
        (field(&bytes, "tfplan", 24, &[0xff; 4]), format!("{plain}it uses 64-bit sizes, which no plan file within the limits needs")),
        (field(&bytes, "tfplan", 24, &[0, 0, 0, 0xf0]), "the entry `tfplan` of the plan file has 4026531840 bytes unpacked, more than the 536870912 that are read".to_owned()),
        (field(&bytes, "tfplan", 20, &[0xff, 0xff, 0xff, 0x7f]), format!("{plain}an entry reaches into the directory")),
        (field(&bytes, "tfplan", 42, &[1, 0, 0, 0]), format!("{plain}its directory names data that is not there")),
        (field(&bytes, "tfplan", 42, &[0xf0, 0xff, 0xff, 0xff]), format!("{plain}its directory names data that is not there")),
        (field(&bytes, "tfstate", 42, &[0, 0, 0, 0]), "the entry `tfstate` of the plan file calls itself `tfplan` where its data begins".to_owned()),
        (field(&bytes, "tfplan", 30, &[0xff, 0xff]), format!("{plain}its directory is damaged")),
        (end_field(&bytes, 4, &[1]), format!("{plain}its end record is not one that an engine writes")),
        (end_field(&bytes, 8, &[1]), format!("{plain}its end record is not one that an engine writes")),
        (end_field(&bytes, 8, &[1, 0, 1, 0]), format!("{plain}its directory holds more than its entries")),
        (end_field(&bytes, 8, &[99, 0, 99, 0]), format!("{plain}its directory is damaged")),
        (end_field(&bytes, 8, &[0xff; 4]), "the plan file has more than 20000 entries".to_owned()),
        (end_field(&bytes, 12, &[0, 0, 0, 0]), format!("{plain}its directory does not stand directly before its end")),
        (end_field(&bytes, 16, &[0xff; 4]), format!("{plain}its directory does not stand directly before its end")),
    ];
    for (bytes, message) in cases {
        assert_eq!(refusal(&bytes), message);
    }
}

#[test]
fn a_damaged_entry_is_named() {
    let bytes = create();
    let data = positions(&bytes, b"PK\x03\x04")[0] + 30 + "tfplan".len() + 40;
    let mut copy = bytes.clone();
    copy[data] ^= 0x10;
    let message = refusal(&copy);
    assert!(
        message.starts_with("the entry `tfplan` of the plan file is damaged: "),
        "{message}"
    );
}

#[test]
fn limits_hold() {
    let bytes = create();
    let wide = Limits::default();
    let read = |limits: Limits| {
        PlanFile::read_within(&bytes, &limits)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert_eq!(read(wide), Ok(()));
    let size = bytes.len() as u64;
    assert_eq!(read(Limits { file: size, ..wide }), Ok(()));
    assert_eq!(
        read(Limits {
            file: size - 1,
            ..wide
        }),
        Err(format!(
            "the plan file has {size} bytes, more than the {} that are read",
            size - 1
        ))
    );
    let entries: BTreeMap<_, _> = entries().into_iter().collect();
    let sizes: Vec<u64> = entries
        .values()
        .map(|content| content.len() as u64)
        .collect();
    let (largest, total) = (
        sizes.iter().max().copied().unwrap_or(0),
        sizes.iter().sum::<u64>(),
    );
    assert_eq!(
        read(Limits {
            entry: largest,
            unpacked: total,
            entries: entries.len(),
            ..wide
        }),
        Ok(())
    );
    let message = read(Limits {
        entry: largest - 1,
        ..wide
    })
    .expect_err("too large");
    assert!(
        message.ends_with(&format!(
            "has {largest} bytes unpacked, more than the {} that are read",
            largest - 1
        )),
        "{message}"
    );
    assert_eq!(
        read(Limits {
            unpacked: total - 1,
            ..wide
        }),
        Err(format!(
            "the plan file has more than {} bytes unpacked",
            total - 1
        ))
    );
    let fewer = entries.len() - 1;
    assert_eq!(
        read(Limits {
            entries: fewer,
            ..wide
        }),
        Err(format!("the plan file has more than {fewer} entries"))
    );
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let bomb = with("tfconfig/m-/bomb.tf", &vec![b'#'; 20 << 20]);
    assert!(bomb.len() < 64 << 10);
    let message = refusal(&bomb);
    assert!(
        message.starts_with("the entry `tfconfig/m-/bomb.tf` of the plan file unpacks to "),
        "{message}"
    );
    // The directory understates the size: what comes out counts.
    let lying = field(&bomb, "tfconfig/m-/bomb.tf", 24, &100u32.to_le_bytes());
    assert_eq!(
        refusal(&lying),
        "the plan file is not an archive as engines write it: an entry has another size than its directory says"
    );
}

#[test]
fn no_debug_output_shows_state_or_configuration() {
    let file = PlanFile::read(&testdata("terraform-1.11.4/change.tfplan")).expect("a plan file");
    let shown = format!("{file:?}");
    assert!(
        !shown.contains("not-a-secret-but-marked") && shown.len() < 1000,
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), zip in any::<bool>()) {
        let bytes = if zip { [b"PK\x03\x04".as_slice(), &bytes].concat() } else { bytes };
        prop_assert!(PlanFile::read(&bytes).is_err());
    }

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = testdata("terraform-1.11.4/change.tfplan");
        // Most of a file is data; its records are where a reader can go wrong.
        let directory = positions(&bytes, b"PK\x01\x02")[0];
        for (n, (at, byte)) in changes.into_iter().enumerate() {
            let from = if n % 2 == 0 { directory } else { 0 };
            let at = from + at.index(bytes.len() - from);
            bytes[at] = byte;
        }
        let _ = PlanFile::read(&bytes);
    }

    #[test]
    fn entries_with_any_content_never_panic(which in 0..4usize, content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let name = ["tfplan", "tfstate", "tfconfig/modules.json", "tfconfig/m-/main.tf"][which];
        let read = PlanFile::read(&with(name, &content));
        if which == 3 {
            prop_assert_eq!(&read.expect("sources are not judged here").modules[""][0].bytes, &content);
        }
    }
}
