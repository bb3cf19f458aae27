//! An agent with a shell in the repository.

use crate::{begun, larger_server, running, text};
use std::{fs, os::unix::fs::symlink, process::Command};

#[test]
fn nothing_in_the_repository_or_the_environment_loosens_the_gate() {
    let world = running();
    let id = larger_server(&world);
    let before = world.cloud();
    let hcl = "stack \"estate\" {\n  dir = \"estate\"\n}\n";
    world.write("shop/ambit.hcl", &format!("mode = \"observe\"\n{hcl}"));
    world.apply(&id).ends(64).says("unknown setting `mode`");
    world.write(
        "shop/ambit.hcl",
        "stack \"estate\" {\n  dir = \"estate\"\n  mode = \"observe\"\n}\n",
    );
    world.apply(&id).ends(64).says("unknown setting `mode`");
    world.write("shop/ambit.hcl", hcl);

    for (name, value) in [
        ("TF_CLI_ARGS_apply", "-auto-approve"),
        ("TF_CLI_ARGS", "-lock=false"),
        ("TF_REATTACH_PROVIDERS", "{}"),
    ] {
        let mut command = world.command("runner", &["apply", &id]);
        command.env(name, value);
        world.finish(command).ends(4).says(name);
    }
    world.write("cli.tfrc", "provider_installation {\n  dev_overrides {\n    \"ambit-test/mockcloud\" = \"/tmp\"\n  }\n  direct {}\n}\n");
    for file in ["people/runner/.terraformrc", "people/runner/.tofurc"] {
        fs::copy(world.path("cli.tfrc"), world.path(file)).expect("copied");
    }
    let mut command = world.command("runner", &["apply", &id]);
    command.env("TF_CLI_CONFIG_FILE", world.path("cli.tfrc"));
    world.finish(command).ends(4).says("dev_overrides");
    let mut command = world.command("runner", &["apply", &id]);
    command.env_remove("TF_CLI_CONFIG_FILE");
    world.finish(command).ends(4).says("dev_overrides");
    world
        .run("runner", &["apply", &id, "--", "-lock=false"])
        .ends(64);
    assert_eq!(before, world.cloud(), "something was applied");
    world.apply(&id).ends(3);
}

#[test]
fn rubbish_in_the_inbox_stops_nobody() {
    let world = running();
    let id = larger_server(&world);
    let yes = world.approve("wes", &id);
    // A link under the name that the approval itself would have.
    let sum = Command::new("sha256sum")
        .arg(&yes)
        .output()
        .expect("sha256sum");
    let digest = String::from_utf8_lossy(&sum.stdout)[..64].to_owned();
    let link = world.inbox().join(format!("{digest}.json"));
    symlink(&yes, &link).expect("linked");
    fs::write(world.inbox().join("README"), "hello").expect("written");
    fs::create_dir(world.inbox().join(format!("{}.json", "0".repeat(64)))).expect("created");
    fs::write(world.inbox().join(format!("{}.json", "1".repeat(64))), "no").expect("written");
    world.status(&id).ends(3).never_says("by wes recorded");
    fs::remove_file(&link).expect("removed");

    let rubbish = world.path("rubbish");
    fs::write(&rubbish, "{\"payload\":\"\u{1b}[2J\"}").expect("written");
    world.import(&rubbish).ends(7);
    let sum = Command::new("sha256sum")
        .arg(&rubbish)
        .output()
        .expect("sha256sum");
    let name = format!("{}.json", &String::from_utf8_lossy(&sum.stdout)[..64]);
    fs::copy(&rubbish, world.inbox().join(name)).expect("copied");
    world.import(&yes).ends(0);
    world
        .status(&id)
        .ends(0)
        .says("by wes recorded")
        .says("is no statement and was removed")
        .never_says("\u{1b}");
}

#[test]
fn a_plan_from_outside_gets_a_report_and_no_warrant() {
    let world = begun();
    let engine = |arguments: &[&str]| {
        let products = ambit_acceptance::Products::get();
        let output = Command::new(&world.engine)
            .args(arguments)
            .current_dir(world.estate(""))
            .env("TF_CLI_CONFIG_FILE", &products.cli_config)
            .env_remove("AMBIT_ENGINE")
            .output()
            .expect("the engine starts");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    engine(&["init", "-input=false", "-no-color"]);
    let plan = world.path("outside.tfplan");
    engine(&["plan", "-input=false", &format!("-out={}", text(&plan))]);
    let json = world.path("outside.json");
    fs::write(&json, engine(&["show", "-json", text(&plan)])).expect("written");
    for file in [&plan, &json] {
        world
            .run("runner", &["check", text(file)])
            .ends(0)
            .says("a report and never a warrant");
        world.run("runner", &["apply", text(file)]).ends(64);
    }
    let whole = fs::read(&plan).expect("a plan");
    fs::write(&plan, &whole[..whole.len() / 2]).expect("written");
    world.run("runner", &["check", text(&plan)]).ends(64);
    assert_eq!(world.records("request"), 0);
    assert!(!world.path("cloud.json").exists());
}
