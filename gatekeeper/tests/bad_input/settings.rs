//! What a user and a repository say: `ambit.hcl`, keys, trust.

use super::{files::*, machine::*};

const KEY_OUT: &str =
    "next: name an SSH private key, or the `.pub` file of one that your ssh-agent holds";
const CONFIG_OUT: &str = "next: correct it; it holds `stack";

#[test]
fn configuration_files() {
    let machine = Machine::new();
    let cases: &[(&[u8], &[&str])] = &[
        (b"stack {", &["ambit.hcl:1: invalid block body"]),
        (b"stack \"a\" {\n  dir = \n}\n", &["ambit.hcl:2: "]),
        (b"= = =", &["ambit.hcl:1: "]),
        (b"\xff\xfe", &["ambit.hcl`", "it is not UTF-8"]),
        (
            b"mode = \"observe\"",
            &["ambit.hcl:1: unknown setting `mode`; known: `ledger`, `stack`"],
        ),
        (
            b"\nengine \"tofu\" {}",
            &["ambit.hcl:2: unknown block `engine`"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  owner = \"me\"\n}",
            &["ambit.hcl:3: unknown setting `owner` in stack `a`"],
        ),
        (
            b"stack \"a\" {\n  dir = 7\n}",
            &["ambit.hcl:2: `dir` must be plain text in quotes"],
        ),
        (
            b"stack \"a\" {\n  dir = [\"d\"]\n}",
            &["ambit.hcl:2: `dir` must be plain text"],
        ),
        (
            b"stack \"a\" {\n  dir = \"${d}\"\n}",
            &["ambit.hcl:2: `dir` must be plain text"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  var_files = \"x\"\n}",
            &["ambit.hcl:3: `var_files` is a list of paths"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  var_files = [7]\n}",
            &["`var_files` must be plain text"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  backend_config = []\n}",
            &["`backend_config` is a map of texts"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  workspace = \"a/../b\"\n}",
            &["workspace `a/../b` is not a name"],
        ),
        (
            b"stack \"a\" {\n  dir = \"d\"\n  more {}\n}",
            &["a stack holds settings only, no blocks"],
        ),
        (
            b"stack \"a\" {\n  dir = \"../other\"\n}",
            &["must be a relative path inside the repository"],
        ),
        (
            b"stack \"a\" {\n  dir = \"/etc\"\n}",
            &["must be a relative path inside the repository"],
        ),
        (
            b"stack \"a\" {\n  dir = \"\"\n}",
            &["must be a relative path inside the repository"],
        ),
        (
            b"stack \"A B\" {\n  dir = \"d\"\n}",
            &["a name starts with a lower-case letter"],
        ),
        (
            b"stack \"a\" \"b\" {\n  dir = \"d\"\n}",
            &["a stack has one name"],
        ),
        (b"stack \"a\" {}", &["stack `a` needs `dir`"]),
        (
            b"stack \"a\" {\n  dir = \"d\"\n}\nstack \"a\" {\n  dir = \"d\"\n}",
            &["stack `a` is written twice"],
        ),
        (b"ledger = true", &["`ledger` must be plain text"]),
        (
            b"ledger = \"/tmp/theirs.db\"",
            &["`ledger` = `/tmp/theirs.db` must be a relative path"],
        ),
    ];
    for (text, says) in cases {
        machine.put("repository/ambit.hcl", text);
        let says = [*says, &[CONFIG_OUT]].concat();
        // Whichever command reads it first, the refusal is the same.
        for given in [
            &["init", "--as", "../anna.key"][..],
            &["plan"],
            &["status"],
            &["apply", "r-0000000000000000"],
            &["approve", "--import", "../anna.key"],
        ] {
            machine.refuses(given, 64, &says);
        }
    }
    for nested in [
        deep("stack \"a\" { dir = ", 10_000, " }"),
        format!("stack \"a\" {{ dir = {}true }}", "!".repeat(10_000)),
        format!("stack \"a\" {{ dir = {} }}", "\"${".repeat(10_000)),
        format!("stack \"a\" {{ dir = {}1 }}", "1 + ".repeat(10_000)),
        "stack \"a\" {\n".repeat(10_000),
    ] {
        machine.put("repository/ambit.hcl", nested.as_bytes());
        machine.refuses(&["plan"], 64, &["ambit.hcl:", CONFIG_OUT]);
    }
    machine.sparse("repository/ambit.hcl", b"", 3 << 30);
    machine.refuses(
        &["plan"],
        64,
        &["ambit.hcl` is larger than any ambit.hcl", CONFIG_OUT],
    );
}

#[test]
fn stacks_that_are_not_there() {
    let machine = Machine::new();
    machine.refuses(
        &["plan"],
        64,
        &["ambit.hcl names no stack", "next: write `stack"],
    );
    machine.put(
        "repository/ambit.hcl",
        b"stack \"a\" {\n  dir = \"a\"\n}\nstack \"b\" {\n  dir = \"b\"\n}\n",
    );
    machine.refuses(
        &["plan"],
        64,
        &["there are several stacks", "--stack: a, b"],
    );
    machine.refuses(
        &["plan", "--stack", "c"],
        64,
        &["there is no stack `c`", "ambit.hcl names: a, b"],
    );
}

#[test]
fn keys() {
    let machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    machine.put("folder/readme", b"");
    let dana = machine.read("anna.key");
    machine.put("garbage", b"hello \x1b[2J\n");
    machine.put("empty", b"");
    machine.put("binary", &[0xff, 0x00, 0xfe]);
    machine.put("dsa.pub", dsa().as_bytes());
    machine.put("short.pub", rsa(1024).as_bytes());
    machine.put("two.pub", &machine.read("anna.key.pub").repeat(2));
    machine.private("half.key", &dana[..dana.len() / 2]);
    machine.private(
        "armor.key",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    machine.sparse("vast.key", b"ssh-ed25519 ", 3 << 30);
    let cases: &[(&str, &[&str])] = &[
        ("../missing", &["cannot read `../missing`: No such file"]),
        ("../folder", &["cannot read `../folder`: Is a directory"]),
        (
            "../garbage",
            &["key `../garbage`: `hello \\u{1b}[2J` is not an SSH public key"],
        ),
        ("../empty", &["key `../empty`: `` is not an SSH public key"]),
        ("../binary", &["`../binary` is no SSH key: it is not UTF-8"]),
        (
            "../dsa.pub",
            &["key `../dsa.pub`: key type `ssh-dss` cannot sign here"],
        ),
        (
            "../short.pub",
            &["key `../short.pub`: an RSA key of 1024 bits is outside 2048 to 8192"],
        ),
        (
            "../two.pub",
            &["key `../two.pub`", "is not an SSH public key"],
        ),
        (
            "../half.key",
            &["`ssh-keygen` cannot read key `../half.key`"],
        ),
        (
            "../armor.key",
            &["`ssh-keygen` cannot read key `../armor.key`"],
        ),
        ("../vast.key", &["`../vast.key` is larger than any SSH key"]),
    ];
    for (key, says) in cases {
        let says = [*says, &[KEY_OUT]].concat();
        for given in [
            &["init", "--as", key][..],
            &["plan", "--as", key],
            &["approve", "../export.json", "--as", key],
        ] {
            machine.refuses(given, 64, &says);
        }
    }
}

#[test]
fn trust_arguments() {
    let machine = Machine::new();
    let digest = format!("sha256:{}", "0".repeat(64));
    let origins = [
        "x",
        "",
        "ambit-",
        "ambit-0",
        &ORIGIN.to_uppercase(),
        &format!("{ORIGIN}0"),
        "ambit-\u{1b}[2J",
        "../ambit",
    ];
    for origin in origins {
        machine.refuses(
            &["trust", "add", origin, &digest],
            64,
            &[
                "is not an origin",
                "next: copy it as `ambit init` printed it",
            ],
        );
    }
    let digests = [
        "x",
        "",
        "sha256:",
        "sha256:0",
        &digest[7..],
        &digest.to_uppercase(),
        &format!("{digest}0"),
        "md5:00",
    ];
    for digest in digests {
        machine.refuses(
            &["trust", "add", ORIGIN, digest],
            64,
            &["is not `sha256:` followed by 64 lower-case hexadecimal digits"],
        );
    }
    machine.refuses(&["trust", "add", ORIGIN], 64, &["<DIGEST>"]);
    machine.refuses(&["trust"], 64, &["add"]);
}

#[test]
fn trust_in_the_environment() {
    let mut machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    for garbage in [
        "garbage",
        "",
        "sha256:",
        "ambit-00000000000000000000000000000000",
    ] {
        machine.variable("AMBIT_TRUST", garbage);
        for given in [
            &["plan"][..],
            &["init", "--as", "../anna.key"],
            &["status"],
            &["log", "verify"],
        ] {
            machine.refuses(given, 64, &["AMBIT_TRUST", "is not `sha256:` followed by"]);
        }
    }
}

#[test]
fn pins() {
    let machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    let digest = format!("sha256:{}", "0".repeat(64));
    let whole = format!(
        r#"{{"origins":{{"{ORIGIN}":"{digest}"}},"repositories":{{}},"type":"ambit/pins","v":1}}"#
    );
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "not JSON"),
        (b"\xff".to_vec(), "not JSON"),
        (whole.as_bytes()[..40].to_vec(), "not JSON"),
        (deep("{\"origins\":", 10_000, "}").into_bytes(), "not JSON"),
        (b"[]".to_vec(), "a document is an object"),
        (b"{}".to_vec(), "expected `ambit/pins` version 1"),
        (
            whole.replace("ambit/pins", "ambit/export").into_bytes(),
            "document type is `ambit/export version 1`",
        ),
        (
            whole.replace("\"v\":1", "\"v\":2").into_bytes(),
            "version 2",
        ),
        (
            whole.replace(&digest, "sha256:0").into_bytes(),
            "is not `sha256:`",
        ),
        (
            whole
                .replace(
                    "\"repositories\":{}",
                    "\"repositories\":{},\"trusted\":true",
                )
                .into_bytes(),
            "unknown field `trusted`",
        ),
        (
            whole.replace("\"repositories\":{},", "").into_bytes(),
            "missing field `repositories`",
        ),
        (
            whole.replace('{', "{ ").into_bytes(),
            "not in canonical form",
        ),
    ];
    for (bytes, says) in cases {
        machine.put("config/trust.json", &bytes);
        for given in [
            &["plan"][..],
            &["init", "--as", "../anna.key"],
            &["status"],
            &["log", "list"],
            &["trust", "list"],
            &["trust", "add", ORIGIN, &digest],
        ] {
            machine.refuses(
                given,
                7,
                &[
                    "trust.json` do not read",
                    says,
                    "next: remove the file and pin again",
                ],
            );
        }
    }
}
