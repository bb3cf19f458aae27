//! Plans from outside that `ambit check` cannot read, and one number that it can.

use super::{files::*, machine::Machine};

const CHECK_OUT: &str =
    "next: give a plan file that `plan -out` wrote, or what `show -json` writes for one";

#[test]
fn plan_files() {
    let machine = Machine::new();
    let plan = testdata("plans/opentofu-1.12.6/create.tfplan");
    machine.put("half.tfplan", &plan[..plan.len() / 2]);
    machine.put("tail.tfplan", &[&plan[..], b"tail"].concat());
    machine.put("text.tfplan", b"\x1b[31mPlan: 1 to add\n");
    machine.put("noise.tfplan", &[0xff, 0xfe, 0x00, 0x80]);
    machine.put("magic.tfplan", b"PK\x03\x04");
    machine.put("bomb.tfplan", &bomb());
    machine.put("empty.tfplan", b"");
    machine.put("other.zip", &zip(&[("readme.txt", b"hello")]));
    machine.put(
        "escape.tfplan",
        &zip(&[("../../etc/passwd", b"x"), ("tfplan", b"x")]),
    );
    machine.put(
        "encrypted.tfplan",
        &testdata("plans/opentofu-1.12.6/encrypted.tfplan"),
    );
    machine.sparse("large.tfplan", b"PK\x03\x04", 300 << 20);
    machine.sparse("vast.tfplan", b"PK\x03\x04", 3 << 30);

    let check = |name: &'static str, says: &[&str]| {
        let mut says = says.to_vec();
        says.extend([name, CHECK_OUT]);
        machine.refuses(&["check", name], 64, &says);
    };
    check(
        "half.tfplan",
        &["the plan file is cut off: copy it again, or plan again"],
    );
    check("tail.tfplan", &["something follows the archive"]);
    check("text.tfplan", &["this is not a plan file but text"]);
    check("noise.tfplan", &["this is not a plan file but binary data"]);
    check("magic.tfplan", &["the plan file is cut off"]);
    check(
        "bomb.tfplan",
        &[
            "`tfplan`",
            "unpacks to",
            "times its size, more than 300 times",
        ],
    );
    check("empty.tfplan", &["the plan file is empty"]);
    check("other.zip", &["has no entry `tfplan`"]);
    check("escape.tfplan", &["has no entry `tfstate`"]);
    check(
        "encrypted.tfplan",
        &["is encrypted by OpenTofu", "let the gate make the plan"],
    );
    check(
        "large.tfplan",
        &["has 314572800 bytes, more than the 268435456 that are read"],
    );
    check(
        "vast.tfplan",
        &["is larger than any plan: more than 2147483648 bytes"],
    );
    check("missing.tfplan", &["cannot read", "No such file"]);
    check("folder", &["cannot read", "Is a directory"]);
}

#[test]
fn plan_json() {
    let machine = Machine::new();
    let json = String::from_utf8(testdata("plans/opentofu-1.12.6/create.json")).unwrap();
    let with = |name: &str, from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        machine.put(name, json.replace(from, to).as_bytes());
    };
    with(
        "major.json",
        r#""format_version":"1.2""#,
        r#""format_version":"2.0""#,
    );
    with(
        "version.json",
        r#""format_version":"1.2""#,
        r#""format_version":"soon""#,
    );
    with(
        "action.json",
        r#""actions":["create"]"#,
        r#""actions":["explode"]"#,
    );
    with(
        "actions.json",
        r#""actions":["create"]"#,
        r#""actions":["create","create"]"#,
    );
    with(
        "address.json",
        r#""address":"terraform_data.plain""#,
        r#""address":"terraform_data.plane""#,
    );
    with(
        "shape.json",
        r#""resource_changes":["#,
        r#""resource_changes":7,"x":["#,
    );
    with("errored.json", r#""errored":false"#, r#""errored":true"#);
    with(
        "twice.json",
        r#"{"format_version":"1.2""#,
        r#"{"format_version":"1.2","format_version":"1.2""#,
    );
    machine.put(
        "deep.json",
        deep(r#"{"format_version":"1.2","x":"#, 10_000, "}").as_bytes(),
    );
    machine.put(
        "latin.json",
        b"{\"format_version\":\"1.2\",\"x\":\"caf\xe9\"}",
    );
    machine.put("half.json", &json.as_bytes()[..json.len() / 2]);
    machine.put("after.json", format!("{json}{json}").as_bytes());
    machine.put("list.json", b"[]");
    machine.put("object.json", b"{}");
    machine.put(
        "state.json",
        br#"{"version":4,"serial":1,"lineage":"l","resources":[]}"#,
    );
    machine.put("marked.json", format!("\u{feff}{json}").as_bytes());

    let check = |name: &'static str, says: &[&str]| {
        let mut says = says.to_vec();
        says.extend([name, CHECK_OUT]);
        machine.refuses(&["check", name], 64, &says);
    };
    check("major.json", &["format version `2.0`: known are"]);
    check("version.json", &["format version `soon`"]);
    check(
        "action.json",
        &["`terraform_data.counted[0]` has the action `explode`, which is not known here"],
    );
    check("actions.json", &["has the action `create, create`"]);
    check(
        "address.json",
        &["`terraform_data.plane` does not say the same as the fields beside it"],
    );
    check("shape.json", &["another shape than engines write"]);
    check("errored.json", &["stopped part-way", "plan again"]);
    check("twice.json", &["the key `format_version` stands twice"]);
    check("deep.json", &["nest deeper than 1000 levels at byte"]);
    check("latin.json", &["invalid UTF-8 at byte 32"]);
    check("half.json", &["the document ends early, at byte"]);
    check("after.json", &["not readable JSON"]);
    check("list.json", &["JSON of another kind"]);
    check("object.json", &["a document without `format_version`"]);
    check("state.json", &["a document without `format_version`"]);
    check("marked.json", &["not a plan file"]);
}

/// Numbers are read as the text they are, so one beyond every float is a number like another.
#[test]
fn a_number_beyond_every_float_is_a_number() {
    let machine = Machine::new();
    let json = String::from_utf8(testdata("plans/opentofu-1.12.6/create.json")).unwrap();
    let huge = json.replacen(
        r#""variables":{"#,
        r#""variables":{"n":{"value":1e400},"#,
        1,
    );
    assert_ne!(huge, json);
    machine.put("huge.json", huge.as_bytes());
    let ran = machine.run(&["check", "huge.json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("17 create"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("a report and never a warrant"),
        "{}",
        ran.stdout
    );
}
