//! The engine module over a real engine: what reaches the user's tree, and what does not.

mod engine_fixture;

use std::time::{Duration, Instant};

use ambit_gatekeeper::engine::{
    ApplyEnd, BackendError, Change, EngineError, Event, Flow, ForeignPlan, Mode, PackageError,
    PlanArgs, StateSnapshot,
};
use engine_fixture::{Opened, Repository, files_below, real_engine};

const SIMPLE: &str = r#"
variable "name" { default = "a" }
resource "terraform_data" "x" {
  for_each = toset(["k"])
  input    = "${var.name}-${terraform.workspace}"
  provisioner "local-exec" { command = "echo made > ${path.module}/made.txt" }
}
output "o" { value = terraform_data.x["k"].output }
"#;

fn go(_: &Event) -> Flow {
    Flow::Continue
}

fn with(vars: &[(&str, &str)]) -> PlanArgs {
    let vars = vars
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    PlanArgs {
        vars,
        ..PlanArgs::default()
    }
}

/// init, plan, apply; the state afterwards.
fn apply(opened: &Opened, args: &PlanArgs) -> StateSnapshot {
    let run = opened.run();
    run.init().unwrap();
    let planned = run.plan(args).unwrap();
    assert!(planned.changes_present);
    let applied = run.apply(&planned.plan, &mut go).unwrap();
    assert_eq!(applied.end, ApplyEnd::Complete, "{applied:?}");
    opened.state.read().unwrap().unwrap()
}

#[test]
fn only_the_state_reaches_the_users_tree() {
    let engine = real_engine();
    let repo = Repository::new(&[
        ("stack/main.tf", SIMPLE),
        ("stack/.terraform/mine", "user's own"),
        (".git/config", "user's own"),
    ]);
    let before = repo.files();

    let opened = repo.open(&engine);
    let first = apply(&opened, &PlanArgs::default());
    let mut expected = before.clone();
    expected.insert("stack/terraform.tfstate".into());
    assert_eq!(repo.files(), expected);
    assert_eq!(
        std::fs::read_to_string(repo.stack_dir().join(".terraform/mine")).unwrap(),
        "user's own"
    );

    let written = opened.seal.written().unwrap();
    let names: Vec<_> = written
        .files
        .iter()
        .map(|f| (f.path.to_str().unwrap(), f.change))
        .collect();
    assert_eq!(names, [("stack/made.txt", Change::Created)]);
    assert_eq!(written.lock_file, None, "a built-in provider is not locked");
    assert!(
        !files_below(opened.seal.root())
            .iter()
            .any(|path| path.contains(".git/"))
    );
    drop(opened);

    // A second copy at the same place sees that nothing is left to do.
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    assert!(!run.plan(&PlanArgs::default()).unwrap().changes_present);
    assert_eq!(
        opened.state.read().unwrap().unwrap(),
        first,
        "a plan does not write the state"
    );
    drop(opened);

    let second = apply(&repo.open(&engine), &with(&[("name", "b")]));
    assert_eq!(second.lineage, first.lineage);
    assert!(second.serial > first.serial);
    assert_ne!(second.content, first.content);
    assert_eq!(second.instances[0].id, first.instances[0].id);
    assert_eq!(second.instances[0].address(), "terraform_data.x[\"k\"]");
}

#[test]
fn the_state_is_found_where_the_configuration_puts_it() {
    let engine = real_engine();
    let block = "terraform {\n backend \"local\" {\n path = \"../states/s.state\"\n }\n}\n";
    let mut repo = Repository::new(&[
        ("stack/main.tf", &format!("{block}{SIMPLE}")),
        ("states/.keep", ""),
    ]);
    apply(&repo.open(&engine), &PlanArgs::default());
    assert!(
        repo.files().contains("states/s.state"),
        "{:?}",
        repo.files()
    );

    repo.workspace = "prod".into();
    let state = apply(&repo.open(&engine), &PlanArgs::default());
    assert!(
        repo.files()
            .contains("stack/terraform.tfstate.d/prod/terraform.tfstate"),
        "{:?}",
        repo.files()
    );
    let text = std::fs::read_to_string(
        repo.stack_dir()
            .join("terraform.tfstate.d/prod/terraform.tfstate"),
    )
    .unwrap();
    assert!(text.contains("a-prod"), "{text}");
    assert_eq!(state.instances.len(), 1);
}

/// The gate and the user's own engine agree on where the state is.
#[test]
fn the_users_own_engine_sees_what_the_gate_applied() {
    let engine = real_engine();
    for (block, workspace) in [
        ("", "default"),
        ("", "prod"),
        (
            "terraform {\n backend \"local\" {\n path = \"p.tfstate\"\n workspace_dir = \"w\"\n }\n}\n",
            "default",
        ),
        (
            "terraform {\n backend \"local\" {\n path = \"p.tfstate\"\n workspace_dir = \"w\"\n }\n}\n",
            "prod",
        ),
    ] {
        let mut repo = Repository::new(&[("stack/main.tf", &format!("{block}{SIMPLE}"))]);
        repo.workspace = workspace.into();
        apply(&repo.open(&engine), &PlanArgs::default());
        let by_hand = |args: &[&str]| {
            std::process::Command::new(&engine.path)
                .args(args)
                .current_dir(repo.stack_dir())
                .env_clear()
                .envs([
                    ("PATH", "/usr/bin:/bin"),
                    ("TF_WORKSPACE", workspace),
                    ("TF_CLI_CONFIG_FILE", "/dev/null"),
                ])
                .env("HOME", repo.dir.path().join("home"))
                .output()
                .unwrap()
        };
        let init = by_hand(&["init", "-input=false"]);
        assert!(
            init.status.success(),
            "{}",
            String::from_utf8_lossy(&init.stderr)
        );
        let plan = by_hand(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(
            plan.status.code(),
            Some(0),
            "{block} {workspace}: {}",
            String::from_utf8_lossy(&plan.stdout)
        );
    }
}

#[test]
fn a_neighbours_state_can_be_read_and_is_not_an_input_of_the_digest() {
    let engine = real_engine();
    let repo = Repository::new(&[(
        "stack/main.tf",
        r#"
        data "terraform_remote_state" "net" {
          backend = "local"
          config  = { path = "${path.module}/../net/terraform.tfstate" }
        }
        resource "terraform_data" "x" { input = data.terraform_remote_state.net.outputs.vpc }
        "#,
    )]);
    let net = |serial: u32| {
        let text = format!(
            r#"{{"version":4,"terraform_version":"1.6.0","serial":{serial},"lineage":"n","outputs":{{"vpc":{{"value":"vpc-1","type":"string"}}}},"resources":[],"check_results":null}}"#
        );
        repo.write("net/terraform.tfstate", &text);
    };
    net(1);
    let opened = repo.open(&engine);
    let digest = opened.seal.tree_digest();
    let run = opened.run();
    run.init().unwrap();
    let planned = run.plan(&PlanArgs::default()).unwrap();
    let json = String::from_utf8(run.show_json(&planned.plan).unwrap()).unwrap();
    assert!(json.contains("vpc-1"), "{json}");
    drop(opened);
    net(2);
    assert_eq!(repo.open(&engine).seal.tree_digest(), digest);
}

#[test]
fn the_plan_lies_nowhere_and_is_shown_as_planned() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", SIMPLE)]);
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let planned = run.plan(&PlanArgs::default()).unwrap();
    assert!(planned.plan.bytes().starts_with(b"PK"));

    // Nothing to swap: no file below the gate or the repository is the plan.
    for root in [repo.gate_dir(), repo.root()] {
        for path in files_below(&root) {
            let bytes = std::fs::read(root.join(&path)).unwrap();
            assert_ne!(bytes, planned.plan.bytes(), "{path}");
        }
    }
    // What is in the seal by now changes neither the configuration in the plan nor its values.
    std::fs::write(
        opened.seal.stack_dir().join("main.tf"),
        SIMPLE.replace("\"a\"", "\"EVIL\""),
    )
    .unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&run.show_json(&planned.plan).unwrap()).unwrap();
    assert_eq!(
        json["resource_changes"][0]["change"]["after"]["input"],
        "a-default"
    );
    let written = opened.seal.written().unwrap();
    assert_eq!(written.files.len(), 1, "the edit is reported: {written:?}");
    run.apply(&planned.plan, &mut go).unwrap();
    let state = std::fs::read_to_string(opened.state.path()).unwrap();
    assert!(
        state.contains("a-default") && !state.contains("EVIL"),
        "{state}"
    );

    let again = run.apply(&planned.plan, &mut go).unwrap();
    assert!(
        matches!(again.end, ApplyEnd::Failed(_)) && !again.started,
        "a plan applies once: {again:?}"
    );
}

#[test]
fn plans_from_elsewhere_are_shown_or_refused() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", SIMPLE)]);
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let plan = run.plan(&PlanArgs::default()).unwrap().plan;
    let copy = ForeignPlan::new(plan.bytes()).unwrap();
    assert_eq!(
        run.show_foreign_json(&copy).unwrap(),
        run.show_json(&plan).unwrap()
    );

    for bytes in [
        &b""[..],
        b"garbage",
        &plan.bytes()[..plan.bytes().len() / 2],
        b"PK\x03\x04",
        b"{\"a\":1}",
    ] {
        let foreign = ForeignPlan::new(bytes).unwrap();
        let error = run.show_foreign_json(&foreign).unwrap_err();
        assert!(matches!(error, EngineError::Failed { .. }), "{error}");
    }
}

#[test]
fn events_tell_what_happened() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", SIMPLE)]);
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let plan = run.plan(&PlanArgs::default()).unwrap().plan;
    let mut seen = Vec::new();
    let applied = run
        .apply(&plan, &mut |event| {
            seen.push(event.clone());
            Flow::Continue
        })
        .unwrap();
    assert_eq!(
        (applied.end, applied.started, applied.unreadable_lines),
        (ApplyEnd::Complete, true, 0)
    );
    assert_eq!(
        applied.diagnostics,
        [],
        "our own flags are not the user's affair"
    );
    let address = "terraform_data.x[\"k\"]";
    let state = opened.state.read().unwrap().unwrap();
    let id = state.instances[0].id.clone();
    assert!(id.is_some());
    let starts = seen.iter().any(|e| matches!(e, Event::ApplyStart { resource, action } if resource.address == address && resource.key == "k" && action == "create"));
    let completes = seen.iter().any(|e| matches!(e, Event::ApplyComplete { resource, id: got, .. } if resource.address == address && *got == id));
    let provisions = seen.iter().any(|e| matches!(e, Event::ProvisionComplete { provisioner, .. } if provisioner == "local-exec"));
    let sums = seen.iter().any(
        |e| matches!(e, Event::ChangeSummary { operation, add: 1, .. } if operation == "apply"),
    );
    assert!(starts && completes && provisions && sums, "{seen:#?}");
}

/// `first` works for a moment, `second` waits for it.
const CHAIN: &str = r#"
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "sleep 1" }
}
resource "terraform_data" "second" { input = terraform_data.first.id }
"#;

#[test]
fn a_stranger_stops_the_apply_and_what_was_done_is_in_the_state() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", CHAIN)]);
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let plan = run.plan(&PlanArgs::default()).unwrap().plan;
    let applied = run
        .apply(&plan, &mut |event| match event {
            Event::ApplyStart { resource, .. } if resource.address != "terraform_data.second" => {
                Flow::Stop
            }
            _ => Flow::Continue,
        })
        .unwrap();
    assert!(
        matches!(applied.end, ApplyEnd::Stopped(_)) && applied.started,
        "{applied:?}"
    );
    let state = opened.state.read().unwrap().unwrap();
    let addresses: Vec<_> = state.instances.iter().map(|i| i.address()).collect();
    assert_eq!(
        addresses,
        ["terraform_data.first"],
        "begun and stored; the second never started"
    );
}

#[test]
fn ctrl_c_during_an_apply_lets_the_engine_store_its_state() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", CHAIN)]);
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let plan = run.plan(&PlanArgs::default()).unwrap().plan;
    let interrupts = opened.interrupts.clone();
    let applied = run
        .apply(&plan, &mut |event| {
            if matches!(event, Event::ProvisionStart { .. }) {
                interrupts.raise();
            }
            Flow::Continue
        })
        .unwrap();
    assert!(
        matches!(applied.end, ApplyEnd::Interrupted(_)) && applied.started,
        "{applied:?}"
    );
    assert_eq!(opened.state.read().unwrap().unwrap().instances.len(), 1);
    assert_eq!(opened.state.holder().unwrap(), None);
    assert!(
        !repo.files().contains("stack/.terraform.tfstate.lock.info"),
        "the engine tidied up"
    );
}

#[test]
fn a_state_in_use_is_refused_by_us_and_by_the_engine() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", &CHAIN.replace("sleep 1", "sleep 4"))]);
    let (one, two) = (repo.open_as(&engine, "one"), repo.open_as(&engine, "two"));
    for opened in [&one, &two] {
        opened.run().init().unwrap();
    }
    let plan = one.run().plan(&PlanArgs::default()).unwrap().plan;
    let other_plan = two.run().plan(&PlanArgs::default()).unwrap().plan;
    let (started, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            one.run().apply(&plan, &mut |event| {
                if matches!(event, Event::ProvisionStart { .. }) {
                    started.send(()).unwrap();
                }
                Flow::Continue
            })
        });
        wait.recv_timeout(Duration::from_secs(30)).unwrap();
        match two.state.lock(&repo.gate_dir().join("locks")) {
            Err(BackendError::Locked { holder, .. }) => {
                assert!(
                    holder.contains("OperationTypeApply") && holder.contains("process"),
                    "{holder}"
                );
            }
            other => panic!("{other:?}"),
        }
        let error = two.run().plan(&PlanArgs::default()).unwrap_err();
        assert!(matches!(error, EngineError::StateLocked { .. }), "{error}");
        let error = two.run().apply(&other_plan, &mut go).unwrap_err();
        assert!(matches!(error, EngineError::StateLocked { .. }), "{error}");
        assert_eq!(working.join().unwrap().unwrap().end, ApplyEnd::Complete);
    });
    assert!(two.state.lock(&repo.gate_dir().join("locks")).is_ok());
}

#[test]
fn a_broken_state_is_an_error_before_and_in_the_engine() {
    let engine = real_engine();
    let repo = Repository::new(&[("stack/main.tf", SIMPLE)]);
    let good = apply(&repo.open(&engine), &PlanArgs::default());
    let path = repo.stack_dir().join("terraform.tfstate");
    let text = std::fs::read(&path).unwrap();
    for (bytes, expected) in [
        (&text[..text.len() / 2], "not a state file"),
        (b"garbage", "not a state file"),
        (
            b"{\"version\":9,\"lineage\":\"x\",\"serial\":1}",
            "format 9",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let opened = repo.open(&engine);
        let error = opened.state.read().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        opened.run().init().unwrap();
        let error = opened.run().plan(&PlanArgs::default()).unwrap_err();
        assert!(
            matches!(error, EngineError::Failed { .. }) && !error.diagnostics().is_empty(),
            "{error}"
        );
    }
    // Edited in place, serial and lineage kept: the engine would not notice.
    let edited = String::from_utf8(text)
        .unwrap()
        .replace("a-default", "b-default");
    std::fs::write(&path, edited).unwrap();
    let now = repo.open(&engine).state.read().unwrap().unwrap();
    assert_eq!((now.serial, &now.lineage), (good.serial, &good.lineage));
    assert_ne!(now.content, good.content);
    assert_ne!(now.instances[0].digest, good.instances[0].digest);
}

#[test]
fn errors_of_the_configuration_come_with_their_place() {
    let engine = real_engine();
    let repo = Repository::new(&[(
        "stack/main.tf",
        "resource \"terraform_data\" \"x\" {\n  input = var.missing\n}\n",
    )]);
    let opened = repo.open(&engine);
    opened.run().init().unwrap();
    let error = opened.run().plan(&PlanArgs::default()).unwrap_err();
    assert_eq!(error.diagnostics()[0].place, Some(("main.tf".into(), 2)));
    assert!(
        error
            .to_string()
            .contains("error: Reference to undeclared input variable"),
        "{error}"
    );
}

#[test]
fn provisioners_see_our_environment_and_leave_nothing_running() {
    let engine = real_engine();
    let mut repo = Repository::new(&[(
        "stack/main.tf",
        r#"
        resource "terraform_data" "x" {
          provisioner "local-exec" {
            command = "env > env.txt; (sleep 300 >/dev/null 2>&1 & echo $! > pid.txt)"
          }
        }
        "#,
    )]);
    for (name, value) in [
        ("CLOUD_SECRET", "s"),
        ("TF_VAR_seen", "v"),
        ("LD_PRELOAD", ""),
    ] {
        repo.caller.insert(name.into(), value.into());
    }
    let opened = repo.open(&engine);
    apply(&opened, &PlanArgs::default());
    let read = |name: &str| std::fs::read_to_string(opened.seal.stack_dir().join(name)).unwrap();
    let env = read("env.txt");
    assert!(
        env.contains("TF_VAR_seen=v") && env.contains("PATH=/usr/local/bin:/usr/bin:/bin\n"),
        "{env}"
    );
    let home = repo.dir.path().join("home");
    for secret in [
        "CLOUD_SECRET",
        "LD_PRELOAD",
        "AMBIT_",
        "CARGO",
        home.to_str().unwrap(),
    ] {
        assert!(!env.contains(secret), "{secret} in {env}");
    }
    let stat = format!("/proc/{}/stat", read("pid.txt").trim());
    let deadline = Instant::now() + Duration::from_secs(5);
    // A killed process may stay as a zombie where nobody reaps it.
    while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
        assert!(Instant::now() < deadline, "the background process survived");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn variables_targets_and_modes_reach_the_plan() {
    let engine = real_engine();
    let mut repo = Repository::new(&[
        (
            "stack/main.tf",
            &format!(
                "{SIMPLE}\nvariable \"env\" {{ default = \"unset\" }}\nresource \"terraform_data\" \"y\" {{ input = var.env }}\n"
            ),
        ),
        ("stack/in.tfvars", "name = \"from-file\"\n"),
    ]);
    repo.caller.insert("TF_VAR_env".into(), "from-env".into());
    let outside = repo.dir.path().join("outside.tfvars.json");
    std::fs::write(&outside, r#"{"name":"from-outside"}"#).unwrap();
    let opened = repo.open(&engine);
    let run = opened.run();
    run.init().unwrap();
    let inputs = |args: &PlanArgs| {
        let planned = run.plan(args).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&run.show_json(&planned.plan).unwrap()).unwrap();
        let changes = json["resource_changes"].as_array().unwrap().clone();
        let all: Vec<String> = changes
            .iter()
            .map(|c| {
                c["change"]["after"]["input"]
                    .as_str()
                    .unwrap_or("-")
                    .to_owned()
            })
            .collect();
        all
    };
    assert_eq!(inputs(&PlanArgs::default()), ["a-default", "from-env"]);
    let file = |path: &std::path::Path| PlanArgs {
        var_files: vec![path.to_owned()],
        ..PlanArgs::default()
    };
    assert_eq!(inputs(&file("in.tfvars".as_ref()))[0], "from-file-default");
    assert_eq!(inputs(&file(&outside))[0], "from-outside-default");
    let planned = run.plan(&file(&outside)).unwrap();
    assert_eq!(planned.foreign_var_files.len(), 1);
    assert_eq!(planned.foreign_var_files[0].0, outside);
    let both = PlanArgs {
        var_files: vec!["in.tfvars".into()],
        ..with(&[("name", "x=y z")])
    };
    assert_eq!(inputs(&both)[0], "x=y z-default");
    let target = PlanArgs {
        targets: vec!["terraform_data.y".into()],
        ..PlanArgs::default()
    };
    assert_eq!(inputs(&target), ["from-env"]);

    for (path, expected) in [
        ("missing.tfvars", "missing.tfvars"),
        ("../../outside.tfvars.json", "could not be read"),
    ] {
        let error = run.plan(&file(path.as_ref())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(matches!(
        run.plan(&with(&[("a=b", "c")])),
        Err(EngineError::VarName(_))
    ));
    let destroy = PlanArgs {
        mode: Mode::Destroy,
        ..PlanArgs::default()
    };
    assert!(
        !run.plan(&destroy).unwrap().changes_present,
        "nothing exists yet"
    );
}

#[test]
fn provider_packages_are_hashed_and_held_against_the_lock_file() {
    let engine = real_engine();
    let repo = Repository::new(&[(
        "stack/main.tf",
        "terraform {\n required_providers {\n toy = {\n source = \"example.com/acme/toy\"\n }\n }\n}\n",
    )]);
    let home = repo.dir.path().join("home");
    let platform = match std::env::consts::ARCH {
        "aarch64" => "linux_arm64",
        _ => "linux_amd64",
    };
    let package = home.join(format!(
        ".terraform.d/plugins/example.com/acme/toy/1.2.3/{platform}"
    ));
    std::fs::create_dir_all(&package).unwrap();
    let binary = package.join("terraform-provider-toy_v1.2.3");
    std::fs::write(&binary, "#!/bin/false\n").unwrap();
    std::fs::set_permissions(&binary, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let opened = repo.open(&engine);
    let packages = opened.run().init().unwrap().packages;
    assert_eq!(packages.len(), 1, "{packages:?}");
    assert_eq!(
        (packages[0].source.as_str(), packages[0].version.as_str()),
        ("example.com/acme/toy", "1.2.3")
    );
    let lock = opened.seal.stack_dir().join(".terraform.lock.hcl");
    let text = std::fs::read_to_string(&lock).unwrap();
    assert!(
        text.contains(&packages[0].h1),
        "our hash is the engine's: {text}"
    );
    assert_eq!(
        opened.seal.written().unwrap().lock_file,
        Some(Change::Created)
    );
    assert!(!repo.files().contains("stack/.terraform.lock.hcl"));
    drop(opened);

    // Locked by the user, then changed where it comes from.
    repo.write("stack/.terraform.lock.hcl", &text);
    assert_eq!(repo.open(&engine).run().init().unwrap().packages, packages);
    std::fs::write(&binary, "#!/bin/sh\necho EVIL\n").unwrap();
    let error = repo.open(&engine).run().init().unwrap_err();
    let refused = matches!(
        error,
        EngineError::Failed { .. } | EngineError::Packages(PackageError::Mismatch { .. })
    );
    assert!(refused, "{error}");
}
