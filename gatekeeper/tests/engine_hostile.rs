//! The engine module against repositories, programs and people that misbehave.

mod engine_fixture;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ambit_gatekeeper::engine::{
    ApplyEnd, Change, Engine, EngineError, Event, Exit, FindError, Flow, Interrupts, PlanArgs,
    Seal, SealError, SealRequest,
};
use engine_fixture::{Repository, fake_engine, fake_program, files_below};

// ---- repositories

fn simple() -> Repository {
    Repository::new(&[
        ("stack/main.tf", "# one\n"),
        ("modules/m/main.tf", "# two\n"),
    ])
}

#[test]
fn things_that_may_not_be_in_a_repository() {
    type Put = fn(&Path);
    let cases: [(&str, Put, &str); 9] = [
        (
            "a link to an absolute path",
            |root| symlink("/etc/passwd", root.join("stack/x")).unwrap(),
            "`stack/x` links to `/etc/passwd`",
        ),
        (
            "a link upwards",
            |root| symlink("../../x", root.join("stack/x")).unwrap(),
            "`stack/x` links to `../../x`",
        ),
        (
            "an absolute link to itself",
            |root| symlink(root.join("stack/main.tf"), root.join("x")).unwrap(),
            "outside the repository",
        ),
        (
            "a link through a link",
            |root| {
                std::fs::create_dir(root.join("d")).unwrap();
                symlink("../stack", root.join("d/in")).unwrap();
                symlink("d/in/../../../x", root.join("out")).unwrap();
            },
            "`out` links to",
        ),
        (
            "a link with a name that acts",
            |root| symlink("/\u{1b}[2J", root.join("x\u{202e}")).unwrap(),
            "`x\\u{202e}` links to `/\\u{1b}[2J`",
        ),
        (
            "a circle of links",
            |root| {
                symlink("b", root.join("a")).unwrap();
                symlink("a", root.join("b")).unwrap();
            },
            "links to",
        ),
        (
            "a named pipe",
            |root| {
                assert!(
                    Command::new("mkfifo")
                        .arg(root.join("stack/pipe"))
                        .status()
                        .unwrap()
                        .success()
                )
            },
            "`stack/pipe` is a named pipe",
        ),
        (
            "a socket",
            |root| drop(std::os::unix::net::UnixListener::bind(root.join("s")).unwrap()),
            "`s` is a socket",
        ),
        (
            "folders without end",
            |root| std::fs::create_dir_all(root.join("d/".repeat(140))).unwrap(),
            "more than 128 folders deep",
        ),
    ];
    for (name, put, expected) in cases {
        let repo = simple();
        put(&repo.root());
        let error = repo.seal("stack", &[]).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
        std::fs::remove_dir_all(repo.root()).unwrap();
        std::fs::create_dir_all(repo.stack_dir()).unwrap();
        assert!(
            repo.seal("stack", &[]).is_ok(),
            "{name}: the lock was freed and the next copy works"
        );
    }
}

#[test]
fn links_inside_are_kept_and_the_copy_stands_alone() {
    let repo = simple();
    symlink("../modules/m", repo.stack_dir().join("m")).unwrap();
    symlink("missing", repo.stack_dir().join("dangling")).unwrap();
    repo.write("build/lambda.zip", "ignored by git, needed by the plan");
    repo.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(repo.root().join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::hard_link(repo.root().join("run.sh"), repo.root().join("twin.sh")).unwrap();
    for hidden in [
        ".git/HEAD",
        "stack/.terraform/x",
        ".ambit/y",
        "stack/terraform.tfstate",
        "stack/terraform.tfstate.backup",
    ] {
        repo.write(hidden, "stays");
    }
    let seal = repo.seal("stack", &[]).unwrap();
    let copied: Vec<String> = files_below(seal.root()).into_iter().collect();
    let expected = [
        "build/lambda.zip",
        "modules/m/main.tf",
        "run.sh",
        "stack/dangling",
        "stack/m",
        "stack/main.tf",
        "twin.sh",
    ];
    assert_eq!(copied, expected);
    assert_eq!(
        std::fs::read_to_string(seal.stack_dir().join("m/main.tf")).unwrap(),
        "# two\n"
    );
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (
            mode(seal.root().join("run.sh")),
            mode(seal.stack_dir().join("main.tf"))
        ),
        (0o700, 0o600)
    );
    assert_eq!(mode(seal.root().to_owned()), 0o700);
    let time = |path: PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(
        time(seal.root().join("run.sh")),
        time(repo.root().join("run.sh"))
    );

    // Writing in place, the way an editor or a build does, reaches neither the other.
    let scribble = |path: PathBuf| {
        std::fs::OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(b"more")
            .unwrap();
    };
    scribble(seal.root().join("run.sh"));
    scribble(repo.root().join("modules/m/main.tf"));
    assert_eq!(
        std::fs::read_to_string(repo.root().join("run.sh")).unwrap(),
        "#!/bin/sh\n"
    );
    assert_eq!(
        std::fs::read_to_string(seal.root().join("modules/m/main.tf")).unwrap(),
        "# two\n"
    );
}

#[test]
fn what_was_written_in_the_seal_is_named() {
    let repo = simple();
    repo.write("stack/approvals.tf", "# approvals\n");
    let seal = repo.seal("stack", &[]).unwrap();
    assert_eq!(seal.written().unwrap(), Default::default());
    let stack = seal.stack_dir();
    std::fs::write(stack.join("main.tf"), "# ONE\n").unwrap();
    std::fs::remove_file(stack.join("approvals.tf")).unwrap();
    std::fs::create_dir_all(stack.join(".terraform/providers")).unwrap();
    std::fs::write(stack.join(".terraform/providers/x"), "engine's own").unwrap();
    std::fs::write(stack.join(".terraform.lock.hcl"), "# lock").unwrap();
    std::fs::create_dir(seal.root().join(".git")).unwrap();
    std::fs::write(seal.root().join(".git/config"), "planted").unwrap();
    symlink("/etc/shadow", seal.root().join("link")).unwrap();
    std::fs::set_permissions(
        seal.root().join("modules/m/main.tf"),
        PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(seal.root().join("pipe"))
            .status()
            .unwrap()
            .success()
    );
    let written = seal.written().unwrap();
    assert_eq!(written.lock_file, Some(Change::Created));
    let names: Vec<_> = written
        .files
        .iter()
        .map(|f| (f.path.to_str().unwrap(), f.change))
        .collect();
    let expected = [
        (".git/config", Change::Created),
        ("link", Change::Created),
        ("modules/m/main.tf", Change::Changed),
        ("pipe", Change::Created),
        ("stack/approvals.tf", Change::Removed),
        ("stack/main.tf", Change::Changed),
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_tree_digest_follows_inputs_and_nothing_else() {
    let repo = simple();
    let digest = || repo.seal("stack", &[]).unwrap().tree_digest();
    let base = digest();
    let same: [(&str, &str); 6] = [
        ("stack/approvals.tf", "an approval"),
        ("modules/approvals.tf", "another"),
        ("stack/terraform.tfstate", "{}"),
        ("other/terraform.tfstate", "{}"),
        (".git/index", "x"),
        ("stack/.terraform.tfstate.lock.info", "{}"),
    ];
    for (path, text) in same {
        repo.write(path, text);
        assert_eq!(digest(), base, "{path}");
    }
    let other: [(&str, &str); 5] = [
        ("stack/main.tf", "# one \n"),
        ("stack/untracked.txt", ""),
        ("stack/.gitignore", "x"),
        ("approvals.tf.bak", "x"),
        ("stack/sub/prod.tfvars", "x = 1"),
    ];
    for (path, text) in other {
        let before = std::fs::read(repo.root().join(path)).ok();
        repo.write(path, text);
        assert_ne!(digest(), base, "{path}");
        match before {
            Some(bytes) => std::fs::write(repo.root().join(path), bytes).unwrap(),
            None => std::fs::remove_file(repo.root().join(path)).unwrap(),
        }
        assert_eq!(digest(), base, "{path} put back");
    }
    std::fs::set_permissions(
        repo.root().join("stack/main.tf"),
        PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    assert_ne!(digest(), base, "executable");
}

#[test]
fn one_place_per_stack_and_one_run_at_a_time() {
    let repo = simple();
    let first = repo.seal("stack", &[]).unwrap();
    let place = first.root().to_owned();
    assert_eq!(
        place.file_name(),
        repo.root().file_name(),
        "`basename(path.cwd)` keeps its value"
    );
    let error = repo.seal("stack", &[]).unwrap_err().to_string();
    assert!(
        error.contains(&format!("(process {})", std::process::id())),
        "{error}"
    );
    assert_ne!(repo.seal("other", &[]).unwrap().root(), place);
    std::fs::write(first.stack_dir().join("leftover"), "x").unwrap();
    drop(first);
    let second = repo.seal("stack", &[]).unwrap();
    assert_eq!(second.root(), place);
    assert!(!second.stack_dir().join("leftover").exists());
}

#[test]
fn a_state_the_engine_could_not_store_is_never_wiped() {
    let repo = simple();
    let seal = repo.seal("stack", &[]).unwrap();
    assert_eq!(seal.left_state(), None);
    let left = seal.stack_dir().join("errored.tfstate");
    std::fs::write(&left, "the only record").unwrap();
    assert_eq!(seal.left_state(), Some(left.clone()));
    drop(seal);
    let error = repo.seal("stack", &[]).unwrap_err();
    assert!(
        matches!(error, SealError::StateLeft { .. })
            && error.to_string().contains("errored.tfstate"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&left).unwrap(), "the only record");
    std::fs::remove_file(left).unwrap();
    assert!(repo.seal("stack", &[]).is_ok());
}

#[test]
fn places_that_cannot_work() {
    let repo = simple();
    repo.write("data/big/blob", &"x".repeat(5000));
    repo.write("data/small", "x");
    let root = repo.root();
    let (gate, inside) = (repo.gate_dir(), root.join("gate"));
    let request = |stack_dir: &'static str, gate_dir, max_bytes| SealRequest {
        repository: &root,
        stack_dir: Path::new(stack_dir),
        stack: "s",
        gate_dir,
        exclude: &[],
        undigested: &[],
        max_bytes,
    };
    for (request, expected) in [
        (
            request("stack", inside.as_path(), 1 << 20),
            "inside the repository",
        ),
        (
            request("../elsewhere", &gate, 1 << 20),
            "not a folder inside",
        ),
        (request("/etc", &gate, 1 << 20), "not a folder inside"),
        (request("missing", &gate, 1 << 20), "not a folder inside"),
        (
            request("stack/main.tf", &gate, 1 << 20),
            "not a folder inside",
        ),
        (
            request("stack", &gate, 1000),
            "largest: `data` (5001 bytes), `data/big` (5000 bytes)",
        ),
    ] {
        let error = Seal::copy(&request).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let exclude = [PathBuf::from("data/big"), root.join("modules")];
    let fits = SealRequest {
        exclude: &exclude,
        ..request("stack", &gate, 1000)
    };
    assert_eq!(files_below(Seal::copy(&fits).unwrap().root()).len(), 2);
}

// ---- programs that are not quite engines

#[test]
fn what_cannot_be_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "x").unwrap();
    let probe = |path: &Path| Engine::probe(path).unwrap_err();
    assert!(matches!(
        probe(&dir.path().join("missing")),
        FindError::Absent { .. }
    ));
    assert!(matches!(probe(&plain), FindError::NotExecutable { .. }));
    assert!(matches!(probe(dir.path()), FindError::NotExecutable { .. }));
    let mut binary = std::fs::read("/bin/true").unwrap();
    binary.truncate(100);
    std::fs::write(&plain, binary).unwrap();
    std::fs::set_permissions(&plain, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(matches!(probe(&plain), FindError::Start { .. }));

    for (script, expected) in [
        (
            "printf 'garbage \\033[2J\\n'",
            "said `garbage \\u{1b}[2J` (a version manager's script?",
        ),
        ("echo 'OpenTofu v1.12.6'; exit 1", "exit code 1"),
        ("kill -9 $$", "ended by signal 9"),
        (
            "echo 'OpenTofu v1.7.3'",
            "is OpenTofu 1.7.3; at least OpenTofu 1.8.0 is needed",
        ),
        (
            "echo 'Terraform v1.5.7'",
            "at least Terraform 1.6.0 is needed",
        ),
        ("echo OpenTofu v; yes", "neither OpenTofu nor Terraform"),
        (": ${NVM_HOME:?no home configured}", "no home configured"),
    ] {
        let path = fake_program(dir.path(), script);
        let error = probe(&path).to_string();
        assert!(error.contains(expected), "{script}: {error}");
    }
    let path = fake_program(
        dir.path(),
        "env > \"$HOME/../seen\"; cp \"$HOME/../seen\" \"$0.env\"; echo 'OpenTofu v1.9.0'",
    );
    let engine = Engine::probe(&path).unwrap();
    assert!(engine.is_script && engine.version.minor == 9);
    let seen = std::fs::read_to_string(dir.path().join("fake-engine.env")).unwrap();
    assert!(
        !seen.contains("CARGO") && seen.contains("CHECKPOINT_DISABLE=1"),
        "{seen}"
    );
}

/// Runs one phase of a fake engine over a plan a fake `plan` made.
fn fake_apply(script: &str) -> ambit_gatekeeper::engine::Applied {
    let repo = simple();
    let script = format!("case $1 in plan) echo PK > /proc/self/fd/0; exit 2;; esac\n{script}");
    let opened = repo.open(&fake_engine(repo.dir.path(), &script));
    let plan = opened.run().plan(&PlanArgs::default()).unwrap().plan;
    assert_eq!(plan.bytes(), b"PK\n");
    opened.run().apply(&plan, &mut |_| Flow::Continue).unwrap()
}

const START: &str =
    r#"{"type":"apply_start","hook":{"resource":{"addr":"a.b"},"action":"create"}}"#;

#[test]
fn however_an_apply_ends_it_is_accounted_for() {
    for (script, end, started) in [
        ("exit 0", ApplyEnd::Complete, false),
        ("exit 1", ApplyEnd::Failed(Exit::Code(1)), false),
        ("kill -9 $$", ApplyEnd::Failed(Exit::Signal(9)), false),
        (
            "echo garbage; exit 1",
            ApplyEnd::Failed(Exit::Code(1)),
            true,
        ),
        (
            "printf '{\"type\":\"apply_st'; kill -9 $$",
            ApplyEnd::Failed(Exit::Signal(9)),
            true,
        ),
        (
            "printf '\\377\\376\\000'; exit 1",
            ApplyEnd::Failed(Exit::Code(1)),
            true,
        ),
        (
            "echo '{\"type\":\"new_in_2031\",\"hook\":7}'",
            ApplyEnd::Complete,
            false,
        ),
        (
            &format!("echo '{START}'; exit 1"),
            ApplyEnd::Failed(Exit::Code(1)),
            true,
        ),
        // A last line without its end still counts.
        (
            &format!("printf '%s' '{START}'; kill -9 $$"),
            ApplyEnd::Failed(Exit::Signal(9)),
            true,
        ),
    ] {
        let applied = fake_apply(script);
        assert_eq!(
            (&applied.end, applied.started),
            (&end, started),
            "{script}: {applied:?}"
        );
    }
}

#[test]
fn floods_and_escapes_are_contained() {
    let applied =
        fake_apply("yes flood | head -c 300000 >&2; printf '\\033]0;owned\\007' >&2; exit 1");
    assert!(applied.stderr.len() <= 70_000 && applied.stderr.starts_with("flood"));
    let applied = fake_apply("printf '\\033]0;owned\\007\\r\\n' >&2; exit 1");
    assert_eq!(applied.stderr, "\\u{1b}]0;owned\\u{7}");
}

#[test]
fn a_plan_that_fails_says_why() {
    let diagnostic = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"No \u001b[1mway","detail":"because"}}"#;
    for (script, expected) in [
        (
            "echo garbage; echo 'went \x1b[31mwrong' >&2; exit 1",
            "`plan` failed with exit code 1\nwent \\u{1b}[31mwrong",
        ),
        (
            &format!("echo '{diagnostic}'; exit 1"),
            "error: No \\u{1b}[1mway\n  because",
        ),
        ("exit 3", "exit code 3\nthe engine gave no reason"),
        ("kill -11 $$", "ended by signal 11"),
        ("exit 0", "gave no plan"),
        ("exit 2", "gave no plan"),
    ] {
        let repo = simple();
        let opened = repo.open(&fake_engine(repo.dir.path(), script));
        let error = opened
            .run()
            .plan(&PlanArgs::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{script}: {error}");
    }
    let repo = simple();
    let mut gone = fake_engine(repo.dir.path(), "");
    gone.path = repo.dir.path().join("gone");
    let error = repo
        .open(&gone)
        .run()
        .plan(&PlanArgs::default())
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Start { .. }) && error.to_string().contains("gone"),
        "{error}"
    );
}

#[test]
fn a_plan_changed_after_the_engine_ended_is_not_what_is_applied() {
    // The engine leaves somebody in another session behind who keeps writing to the plan.
    let script = "case $1 in
        plan) printf 'PK-approved' > /proc/self/fd/0
              exec 4<&0
              setsid sh -c 'exec 3<>/proc/self/fd/0; echo up > \"$0\"; while printf EVIL >&3; do sleep 0.01; done' \"$0.up\" >/dev/null 2>&1 <&4 4<&- &
              while [ ! -e \"$0.up\" ]; do :; done
              exit 2;;
        apply) cat /proc/self/fd/0 > \"$0.applied\"; exit 0;;
      esac";
    let repo = simple();
    let opened = repo.open(&fake_engine(repo.dir.path(), script));
    let plan = opened.run().plan(&PlanArgs::default()).unwrap().plan;
    let (bytes, sha256) = (plan.bytes().to_vec(), plan.sha256());
    std::thread::sleep(Duration::from_millis(100));
    opened.run().apply(&plan, &mut |_| Flow::Continue).unwrap();
    let applied = std::fs::read(repo.dir.path().join("fake-engine.applied")).unwrap();
    assert!(applied == bytes, "applied what was hashed");
    let digest = ring::digest::digest(&ring::digest::SHA256, &applied);
    assert_eq!(digest.as_ref(), sha256);
}

#[test]
fn a_descendant_that_keeps_the_streams_open_does_not_hold_us() {
    let started = Instant::now();
    let applied = fake_apply("setsid sleep 20 & exit 0");
    assert_eq!(applied.end, ApplyEnd::Complete);
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

// ---- Ctrl-C

#[test]
fn an_interrupted_plan_is_asked_first_and_killed_if_it_will_not_listen() {
    for (script, limit) in [
        (
            "trap 'echo tidy > \"$0.tidy\"; exit 1' INT; echo '{\"type\":\"log\"}'; while :; do sleep 0.1; done",
            4,
        ),
        (
            "trap '' INT TERM; echo '{\"type\":\"log\"}'; while :; do sleep 0.1; done",
            15,
        ),
    ] {
        let repo = simple();
        let opened = repo.open(&fake_engine(repo.dir.path(), script));
        let interrupts = opened.interrupts.clone();
        let started = Instant::now();
        let error = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                interrupts.raise();
            });
            opened.run().plan(&PlanArgs::default()).unwrap_err()
        });
        assert!(matches!(error, EngineError::Interrupted { .. }), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(limit),
            "{:?}",
            started.elapsed()
        );
        let tidied = repo.dir.path().join("fake-engine.tidy").exists();
        assert_eq!(tidied, limit == 4);
    }
}

#[test]
fn the_watcher_asks_once_and_the_user_may_insist() {
    let script = "n=0
        trap 'n=$((n+1)); echo \"$n\" > \"$0.asked\"; [ $n -lt 2 ] || exit 7' INT
        case $1 in plan) echo PK > /proc/self/fd/0; exit 2;; esac
        echo '{\"type\":\"apply_start\",\"hook\":{\"resource\":{\"addr\":\"stranger\"}}}'
        while [ $n -lt 2 ]; do sleep 0.05; echo '{\"type\":\"apply_start\",\"hook\":{\"resource\":{\"addr\":\"stranger\"}}}'; done";
    let repo = simple();
    let opened = repo.open(&fake_engine(repo.dir.path(), script));
    let plan = opened.run().plan(&PlanArgs::default()).unwrap().plan;
    let interrupts = opened.interrupts.clone();
    let asked = repo.dir.path().join("fake-engine.asked");
    let applied = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1500));
            // Twenty more strangers later the engine was still asked only once.
            assert_eq!(std::fs::read_to_string(&asked).unwrap(), "1\n");
            interrupts.raise();
        });
        opened.run().apply(&plan, &mut |event| match event {
            Event::ApplyStart { .. } => Flow::Stop,
            _ => Flow::Continue,
        })
    });
    assert_eq!(applied.unwrap().end, ApplyEnd::Stopped(Exit::Code(7)));
}

/// Real signals to a real process: this test starts itself again, as the program that is signalled.
#[test]
fn signals_are_held_back_only_while_an_engine_runs() {
    const ROLE: &str = "ENGINE_TEST_ROLE";
    if std::env::var_os(ROLE).is_some() {
        return be_signalled();
    }
    for (signal, expected) in [("INT", Some(0)), ("TERM", Some(0)), ("HUP", Some(0))] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "signals_are_held_back_only_while_an_engine_runs",
                "--nocapture",
            ])
            .env(ROLE, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut until = |what: &str| {
            for line in lines.by_ref() {
                if line.unwrap().contains(what) {
                    return;
                }
            }
            panic!("`{what}` never came");
        };
        let kill = |pid: u32| {
            let status = Command::new("kill")
                .args([format!("-{signal}"), pid.to_string()])
                .status();
            assert!(status.unwrap().success());
        };
        until("applying");
        kill(child.id());
        until("interrupted, state stored");
        kill(child.id());
        let status = child.wait().unwrap();
        assert_ne!(
            status.code(),
            expected,
            "afterwards {signal} ends the program as usual"
        );
        assert_eq!(status.code(), None, "by the signal itself: {status}");
    }
}

fn be_signalled() {
    let repo = simple();
    let script = "case $1 in plan) echo PK > /proc/self/fd/0; exit 2;; esac
        trap 'echo stored > \"$0.stored\"; exit 1' INT
        echo '{\"type\":\"log\"}'
        while :; do sleep 0.05; done";
    let mut opened = repo.open(&fake_engine(repo.dir.path(), script));
    opened.interrupts = Interrupts::install().unwrap();
    let plan = opened.run().plan(&PlanArgs::default()).unwrap().plan;
    let applied = opened
        .run()
        .apply(&plan, &mut |_| {
            println!("applying");
            Flow::Continue
        })
        .unwrap();
    assert_eq!(applied.end, ApplyEnd::Interrupted(Exit::Code(1)));
    assert!(repo.dir.path().join("fake-engine.stored").exists());
    println!("interrupted, state stored");
    std::thread::sleep(Duration::from_secs(30));
}
