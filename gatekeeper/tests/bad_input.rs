//! What people and agents hand to `ambit` that it cannot use: every case a clear message with its code, never a panic,
//! and nothing written anywhere.

#[path = "bad_input/documents.rs"]
mod documents;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/machine.rs"]
mod machine;
#[path = "bad_input/plans.rs"]
mod plans;
#[path = "bad_input/settings.rs"]
mod settings;

use machine::Machine;

const HISTORY_OUT: &str = "next: begin one with `ambit init`, or pin the existing one with `ambit trust add ORIGIN sha256:";
const ARGUMENTS_OUT: &str =
    "next: known: -var, -var-file, -target, -exclude, -replace, -destroy, -refresh-only";

#[test]
fn command_lines() {
    let machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );

    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: ambit"]),
        (
            &["aply"],
            &["unrecognized subcommand 'aply'", "Usage: ambit"],
        ),
        (
            &["plan", "--force"],
            &["unexpected argument '--force'", "Usage: ambit plan"],
        ),
        (&["plan", "-target=x"], &["Usage: ambit plan"]),
        (&["apply"], &["<ID>"]),
        (&["apply", "r-0", "--yes"], &["unexpected argument '--yes'"]),
        (&["init"], &["--as <KEY>"]),
        (
            &["--format", "yaml", "status"],
            &["'yaml'", "possible values: text, json"],
        ),
        (&["check"], &["<FILE>"]),
        (&["log"], &["verify"]),
        (&["log", "show", "-1"], &["-1"]),
        (&["log", "show", "eleven"], &["eleven"]),
        (
            &["approve", "--import", "x", "--as", "y"],
            &["cannot be used with"],
        ),
        (
            &["plan", "--", "-auto-approve"],
            &[
                "engine argument `-auto-approve` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (
            &["plan", "--", "-lock=false"],
            &[
                "engine argument `-lock=false` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (
            &["plan", "--", "-state=other"],
            &[
                "engine argument `-state=other` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (
            &["plan", "--", "-chdir=.."],
            &[
                "engine argument `-chdir=..` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (
            &["plan", "--", "saved.tfplan"],
            &[
                "engine argument `saved.tfplan` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (
            &["plan", "--", "-\u{1b}[2J"],
            &[
                "engine argument `-\\u{1b}[2J` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
        (&["plan", "--", "-var"], &["`-var` needs a value"]),
        (
            &["plan", "--", "-var=x"],
            &["`-var` is written -var NAME=VALUE"],
        ),
        (&["plan", "--", "-target"], &["`-target` needs a value"]),
        (
            &["apply", "r-0", "--", "-auto-approve"],
            &[
                "engine argument `-auto-approve` is not passed on",
                ARGUMENTS_OUT,
            ],
        ),
    ];
    for (given, says) in cases {
        machine.refuses(given, 64, says);
    }
}

#[test]
fn without_a_repository_or_a_history() {
    let machine = Machine::new();
    for given in [
        &["plan"][..],
        &["status"],
        &["apply", "r-0000000000000000"],
        &["show", "r-0000000000000000"],
        &["log", "verify"],
        &["init", "--as", "../anna.key"],
    ] {
        let ran = machine.run_in("elsewhere", given);
        ran.refused(
            64,
            &[
                "this is no repository",
                "next: run it inside the repository of your stack",
            ],
        );
    }
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    for given in [
        &["plan"][..],
        &["plan", "--as", "../anna.key"],
        &["status"],
        &["apply", "r-0000000000000000"],
        &["show", "r-0000000000000000"],
        &["log", "verify"],
        &["log", "export", "r-0000000000000000", "--out", "out"],
    ] {
        machine.refuses(given, 7, &["not pinned to a history", HISTORY_OUT]);
    }
    machine.refuses(
        &["init", "--as", "../anna.key"],
        64,
        &["stack `estate`: there is no directory `estate`"],
    );
}

/// Requests, ledgers and machine-readable refusals, in a repository that is pinned to a history.
#[test]
fn within_a_history() {
    let machine = Machine::new();
    machine.put(
        "repository/ambit.hcl",
        b"stack \"estate\" {\n  dir = \"estate\"\n}\n",
    );
    machine.begin();
    machine.put("repository/garbage.db", b"hello");
    machine.put("repository/empty.db", b"");
    let untouched = machine.run(&["log", "verify"]);
    assert_eq!((untouched.exit, untouched.stderr.as_str()), (0, ""));
    for id in [
        "r-0000000000000000",
        "r-",
        "",
        "../../etc/passwd",
        "r-\u{1b}[2J",
    ] {
        for given in [
            &["apply", id][..],
            &["show", id],
            &["status", id],
            &["show", id, "--export", "out.json"],
            &["log", "export", id, "--out", "out"],
        ] {
            machine.refuses(given, 64, &["there is no request", "next: "]);
        }
    }
    machine.refuses(&["log", "show", "99"], 64, &["99"]);
    machine.refuses(
        &["--ledger", "missing.db", "log", "verify"],
        7,
        &["missing.db", "next: this repository is pinned to a history"],
    );
    for ledger in ["garbage.db", "empty.db"] {
        for given in [
            &["log", "verify"][..],
            &["status"],
            &["plan"],
            &["apply", "r-0000000000000000"],
        ] {
            machine.refuses(&[&["--ledger", ledger], given].concat(), 7, &[ledger]);
        }
    }
    machine.refuses(
        &["init", "--as", "../anna.key"],
        7,
        &["belongs to history", "next: a second history"],
    );
    let ran = machine.run(&["--format", "json", "show", "r-0000000000000000"]);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.exit, said["exit"].as_i64(), said["verdict"].as_str()),
        (64, Some(64), Some("usage"))
    );
}
