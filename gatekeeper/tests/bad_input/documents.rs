//! Requests and statements that were handed over, damaged on the way or never right.

use super::{files::*, machine::Machine};

const EXPORT_OUT: &str = "next: ask for the file that `ambit show ID --export FILE` writes";
const STATEMENT_OUT: &str = "next: give the file that `ambit approve`, `reject` or `revoke` wrote";

#[test]
fn exports() {
    let machine = Machine::new();
    let golden = testdata("formats/change-request.json");
    machine.put("empty.json", b"");
    machine.put("garbage.json", b"hello");
    machine.put("half.json", &golden[..golden.len() / 2]);
    machine.put("other.json", &golden);
    machine.put("statement.json", &testdata("formats/statement.json"));
    machine.put("newer.json", br#"{"type":"ambit/export","v":2}"#);
    machine.put("bare.json", br#"{"type":"ambit/export","v":1}"#);
    machine.put(
        "twice.json",
        br#"{"type":"ambit/export","type":"ambit/export","v":1}"#,
    );
    machine.put(
        "deep.json",
        deep(r#"{"type":"ambit/export","v":1,"scope":"#, 10_000, "}").as_bytes(),
    );
    machine.put("latin.json", b"{\"type\":\"ambit/export\xe9\",\"v\":1}");
    machine.put(
        "number.json",
        br#"{"index":1e400,"type":"ambit/export","v":1}"#,
    );
    machine.sparse("vast.json", b"", 65 << 20);
    let cases: &[(&str, &str)] = &[
        ("../empty.json", "is not an export of a request"),
        ("../garbage.json", "is not an export of a request"),
        ("../half.json", "is not an export of a request"),
        (
            "../other.json",
            "document type is `ambit/change-request version 1`, expected `ambit/export` version 1",
        ),
        ("../statement.json", "document type is `(none)"),
        ("../newer.json", "document type is `ambit/export version 2`"),
        ("../bare.json", "missing field"),
        ("../twice.json", "is not an export of a request"),
        ("../deep.json", "recursion limit"),
        ("../latin.json", "is not an export of a request"),
        ("../number.json", "is not an export of a request"),
        (
            "../vast.json",
            "is larger than any export: more than 67108864 bytes",
        ),
        ("../missing.json", "cannot read"),
        ("../folder", "Is a directory"),
    ];
    for (file, says) in cases {
        for command in ["approve", "reject", "revoke"] {
            machine.refuses(
                &[command, file, "--as", "../anna.key"],
                64,
                &[file, says, EXPORT_OUT],
            );
        }
    }
    machine.refuses(
        &["approve", "../vast.json"],
        64,
        &["say who you are with --as KEY"],
    );
    machine.refuses(
        &["approve", "../a", "../b", "--as", "../anna.key"],
        64,
        &["one exported request at a time"],
    );
}

#[test]
fn statements() {
    let machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    let golden = testdata("formats/statement.json");
    let text = String::from_utf8(golden.clone()).unwrap();
    machine.put("empty.json", b"");
    machine.put("garbage.json", b"hello");
    machine.put("half.json", &golden[..golden.len() / 2]);
    machine.put(
        "type.json",
        text.replace("application/vnd.in-toto+json", "text/plain")
            .as_bytes(),
    );
    machine.put(
        "more.json",
        text.replacen('{', "{\"more\":1,", 1).as_bytes(),
    );
    machine.put(
        "base64.json",
        text.replacen("\"payload\":\"", "\"payload\":\"!", 1)
            .as_bytes(),
    );
    machine.put(
        "signature.json",
        text.replacen("\"sig\":\"", "\"sig\":\"AAAA", 1).as_bytes(),
    );
    machine.put("export.json", br#"{"type":"ambit/export","v":1}"#);
    machine.put("deep.json", deep("", 10_000, "").as_bytes());
    machine.put("latin.json", b"{\"payload\":\"\xe9\"}");
    machine.put("turned.json", turned(&text).as_bytes());
    for (file, says) in [
        ("../empty.json", ""),
        ("../garbage.json", ""),
        ("../half.json", ""),
        ("../type.json", "is not `application/vnd.in-toto+json`"),
        ("../more.json", "more"),
        ("../base64.json", "payload"),
        ("../signature.json", "signature"),
        ("../export.json", ""),
        ("../deep.json", ""),
        ("../latin.json", ""),
        ("../turned.json", "signature"),
    ] {
        machine.refuses(
            &["approve", "--import", file],
            7,
            &[file, says, STATEMENT_OUT],
        );
    }
    machine.sparse("vast.json", b"{", 3 << 30);
    for (file, says) in [
        (
            "../vast.json",
            "is larger than any statement: more than 65536 bytes",
        ),
        ("../missing.json", "No such file"),
        ("../folder", "Is a directory"),
    ] {
        machine.refuses(
            &["approve", "--import", file],
            64,
            &[file, says, STATEMENT_OUT],
        );
    }
}
