//! Pitfalls of the protocol, shown on a real engine: its own checks are the judge.

mod engine;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::Stdio,
    time::{Duration, Instant},
};

use engine::{Workspace, change};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value as Json, json};

/// A workspace for the probe, after `init`.
fn probe(config: &str) -> Workspace {
    let workspace = Workspace::without_init(&format!("# uses probe\n{config}"));
    workspace.run(&["init"]).expect_success();
    workspace
}

/// The values of the only resource in the state.
#[track_caller]
fn only(state: &Json) -> &Json {
    &state["values"]["root_module"]["resources"][0]["values"]
}

/// Numbers that no float holds arrive and return digit for digit.
#[test]
fn pitfall_03_numbers_keep_every_digit() {
    let workspace = probe(
        r#"
resource "probe_thing" "it" {
  number  = 3.14159265358979323846264338327950288
  numbers = [0.1, 1.5, -3, 18446744073709551615, 1e300]
  anything = {
    tenth = 0.1
    large = [123456789012345678901234567890]
  }
}

output "exact" {
  value = [
    probe_thing.it.number == 3.14159265358979323846264338327950288,
    probe_thing.it.anything.tenth == 0.1,
    probe_thing.it.anything.large[0] == 123456789012345678901234567890,
    contains(probe_thing.it.numbers, 18446744073709551615),
    contains(probe_thing.it.numbers, 1e300),
  ]
}
"#,
    );
    workspace.apply().expect_success();
    workspace
        .run(&["plan", "-detailed-exitcode", "-input=false"])
        .expect_success();
    let state = workspace.state_json();
    assert_eq!(
        state["values"]["outputs"]["exact"]["value"],
        json!([true, true, true, true, true])
    );
    let stored = fs::read_to_string(workspace.dir().join("terraform.tfstate")).expect("a state");
    assert!(
        stored.contains("3.1415926535897932384626433832795028"),
        "{stored}"
    );
}

/// A template over an unknown id arrives as an unknown with a known beginning.
#[test]
fn pitfall_04_what_is_promised_of_unknown_values_is_understood() {
    let workspace = probe(
        r#"
resource "probe_thing" "first" {}

resource "probe_thing" "second" {
  text = "pre-${probe_thing.first.id}"
  host = probe_thing.first.id
}

# Our own promise, that an id is never null, is believed.
resource "probe_thing" "counted" {
  count = probe_thing.first.id == null ? 0 : 1
  anything = [probe_thing.first.id, "prefix ${probe_thing.first.made}"]
}
"#,
    );
    workspace.run(&["validate"]).expect_success();
    workspace.apply().expect_success();
    workspace.expect_no_changes();
}

#[test]
fn pitfall_05_what_is_computed_shows_as_known_after_apply() {
    let workspace = probe("resource \"probe_thing\" \"it\" {\n  text = \"t\"\n}\n");
    let plan = workspace.plan_json();
    let thing = change(&plan, "probe_thing.it");
    assert_eq!(thing["after_unknown"], json!({ "id": true, "made": true }));
    workspace
        .run(&["apply", "-input=false", "plan.bin"])
        .expect_success();
    workspace.expect_no_changes();
}

/// The remote end spells a name its own way; the user keeps theirs, and sees no change.
#[test]
fn pitfall_06_another_spelling_is_neither_drift_nor_a_change() {
    let config = |host: &str| {
        format!("# uses probe\nresource \"probe_thing\" \"it\" {{\n  host = \"{host}\"\n}}\n")
    };
    let workspace = probe(&config("Web.Example.TEST"));
    workspace.apply().expect_success();
    workspace.expect_no_changes();
    assert_eq!(only(&workspace.state_json())["host"], "Web.Example.TEST");
    workspace.write(&config("web.example.test"));
    workspace.expect_no_changes();
    workspace.write(&config("mail.example.test"));
    let plan = workspace.plan_json();
    assert_eq!(
        change(&plan, "probe_thing.it")["actions"],
        json!(["update"])
    );
}

/// A digest is known in the plan when its input is; otherwise it is known in the
/// plan made again at apply, and the engine finds the two consistent.
#[test]
fn pitfall_07_both_plans_agree() {
    let workspace = probe(
        r#"
resource "probe_fact" "now" {
  input = "abc"
}

resource "probe_thing" "it" {}

resource "probe_fact" "later" {
  input = "about ${probe_thing.it.id}"
}

resource "probe_thing" "uses" {
  text = probe_fact.later.digest
}
"#,
    );
    let plan = workspace.plan_json();
    assert_eq!(change(&plan, "probe_fact.now")["after"]["digest"], "616263");
    assert_eq!(
        change(&plan, "probe_fact.later")["after_unknown"]["digest"],
        true
    );
    workspace
        .run(&["apply", "-input=false", "plan.bin"])
        .expect_success();
    workspace.expect_no_changes();
}

/// An engine would report "inconsistent result" without a way out; we say which
/// attribute, and the object stays known.
#[test]
fn pitfall_08_a_resource_that_answers_wrongly_is_named() {
    for (mode, said) in [
        ("forget an attribute", "the attribute `text` is missing"),
        ("leave unknown", "`made` is still unknown after apply"),
        ("rewrite", "`text` differs from what was planned"),
    ] {
        let workspace = probe(&format!(
            "resource \"probe_thing\" \"it\" {{\n  mode = \"{mode}\"\n  text = \"t\"\n}}\n"
        ));
        workspace
            .apply()
            .expect_failure(&["the provider broke its own rules", said]);
        let listed = workspace.run(&["state", "list"]).expect_success();
        assert!(listed.says("probe_thing.it"), "{mode}: {}", listed.text);
    }
}

#[test]
fn pitfall_09_a_large_attribute_passes() {
    let workspace = probe(
        "resource \"probe_thing\" \"it\" {\n  text = file(\"${path.module}/large.txt\")\n}\n",
    );
    fs::write(workspace.dir().join("large.txt"), "x".repeat(5 << 20)).expect("written");
    workspace.apply().expect_success();
    workspace.expect_no_changes();
}

/// A stray print must not harm a provider that is already serving.
#[test]
fn pitfall_10_a_stray_print_does_no_harm() {
    let workspace = probe("resource \"probe_thing\" \"it\" {\n  mode = \"print\"\n}\n");
    workspace.apply().expect_success();
    workspace.expect_no_changes();
}

#[test]
fn pitfall_10_plaintext_works_where_an_engine_wants_it() {
    let mut workspace = probe("resource \"probe_thing\" \"it\" {}\n");
    workspace
        .env
        .push(("TF_DISABLE_PLUGIN_TLS", "1".to_owned()));
    workspace.apply().expect_success();
}

/// Ctrl-C while an object is being created: the engine waits, the object is made
/// and recorded.
#[test]
fn pitfall_11_an_interrupted_apply_records_what_it_made() {
    let workspace = Workspace::new(
        r#"
resource "mockcloud_network" "first" {
  name = "first"
  cidr = "10.0.0.0/16"
}

resource "mockcloud_database" "second" {
  name       = "second"
  engine     = "postgres"
  size       = 1
  network_id = mockcloud_network.first.id
}
"#,
    );
    workspace.change_cloud(|cloud| cloud["delay_ms"] = json!(1500));
    let mut command = workspace.command(&["apply", "-auto-approve", "-input=false"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    // A process group of its own, as a terminal's would be: everybody gets the signal.
    command.process_group(0);
    let mut child = command.spawn().expect("the engine starts");
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if line.contains("mockcloud_network.first: Creating...") {
            kill_process_group(Pid::from_child(&child), Signal::INT).expect("signalled");
        }
        said.extend([line.as_str(), "\n"]);
    }
    assert!(
        !child.wait().expect("ends").success(),
        "interrupted:\n{said}"
    );

    let cloud = workspace.cloud();
    let made: Vec<_> = cloud["objects"]
        .as_array()
        .map(|objects| objects.iter().collect())
        .unwrap_or_default();
    let state = workspace.run(&["state", "list"]);
    assert_eq!(
        made.len(),
        1,
        "the signal came while the first was being made:\n{said}"
    );
    assert!(
        state.says("mockcloud_network.first"),
        "made but not recorded: {}\n{said}",
        state.text
    );
}

/// Every process is gone well before the engine would kill it: a plan of one
/// resource takes no longer than its work.
#[test]
fn pitfall_11_the_engine_never_waits_for_us_to_end() {
    let workspace = probe("resource \"probe_thing\" \"it\" {}\n");
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        workspace.run(&["plan", "-input=false"]).expect_success();
        fastest = fastest.min(begun.elapsed());
    }
    // Three processes, each of which would cost two seconds.
    assert!(fastest < Duration::from_secs(4), "{fastest:?}");
}

#[test]
fn pitfall_12_a_panic_is_told_and_the_object_kept() {
    let workspace = probe("resource \"probe_thing\" \"it\" {\n  mode = \"panic\"\n}\n");
    workspace
        .apply()
        .expect_failure(&["the provider panicked: asked to panic", "please report it"]);
    let stored: Json = serde_json::from_slice(
        &fs::read(workspace.dir().join("terraform.tfstate")).expect("a state"),
    )
    .expect("JSON");
    assert_eq!(
        stored["resources"][0]["instances"][0]["status"], "tainted",
        "{stored}"
    );
    workspace
        .write("# uses probe\nresource \"probe_thing\" \"it\" {\n  mode = \"panic in plan\"\n}\n");
    workspace
        .run(&["plan", "-input=false"])
        .expect_failure(&["asked to panic in plan"]);
}

#[test]
fn pitfall_12_a_failure_halfway_keeps_what_exists() {
    let workspace = probe("resource \"probe_thing\" \"it\" {\n  mode = \"fail halfway\"\n}\n");
    workspace.apply().expect_failure(&["failed halfway"]);
    let stored: Json = serde_json::from_slice(
        &fs::read(workspace.dir().join("terraform.tfstate")).expect("a state"),
    )
    .expect("JSON");
    let instance = &stored["resources"][0]["instances"][0];
    assert_eq!(
        (&instance["status"], &instance["attributes"]["id"]),
        (&json!("tainted"), &json!("thing-1"))
    );
    let destroyed = workspace
        .run(&["destroy", "-auto-approve", "-input=false"])
        .expect_success();
    assert!(
        destroyed.says("a thing is about to be destroyed"),
        "{}",
        destroyed.text
    );
}

/// The engine reads our schemas whole, with every attribute as declared.
#[test]
fn pitfall_14_the_engine_accepts_every_schema() {
    let workspace = Workspace::new("# uses probe\n");
    let output = workspace
        .command(&["providers", "schema", "-json"])
        .output()
        .expect("the engine starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let schemas: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let schemas = schemas["provider_schemas"].as_object().expect("schemas");
    let of = |name: &str| {
        schemas
            .iter()
            .find(|(source, _)| source.ends_with(name))
            .map(|(_, schema)| schema)
            .expect("a schema")
    };
    let resources = &of("/mockcloud")["resource_schemas"];
    assert_eq!(resources.as_object().map(serde_json::Map::len), Some(6));
    let port = &resources["mockcloud_instance"]["block"]["block_types"]["port"];
    assert_eq!(port["nesting_mode"], "list");
    let database = &resources["mockcloud_database"]["block"]["attributes"];
    assert_eq!(
        (&database["size"]["type"], &database["size"]["required"]),
        (&json!("number"), &json!(true))
    );
    assert_eq!(database["password"]["sensitive"], true);
    assert_eq!(
        (
            &database["deletion_protection"]["optional"],
            &database["deletion_protection"]["computed"]
        ),
        (&json!(true), &json!(true))
    );
    let thing = &of("/probe")["resource_schemas"]["probe_thing"]["block"]["attributes"];
    assert_eq!(thing["anything"]["type"], "dynamic");
    assert_eq!(thing["numbers"]["type"], json!(["set", "number"]));
    assert_eq!(of("/probe")["functions"]["join"]["return_type"], "string");
}

/// The provider's own configuration may be unknown while planning.
#[test]
fn pitfall_15_an_unknown_provider_configuration_plans() {
    let workspace = Workspace::without_init(
        r#"
resource "terraform_data" "endpoint" {
  input = "ENDPOINT"
}

provider "mockcloud" {
  endpoint = terraform_data.endpoint.output
}

resource "mockcloud_bucket" "it" {
  name = "it"
}
"#,
    );
    workspace.run(&["init"]).expect_success();
    workspace.run(&["validate"]).expect_success();
    workspace.apply().expect_success();
    assert_eq!(workspace.cloud()["objects"][0]["attributes"]["name"], "it");
    workspace.expect_no_changes();
}

#[test]
fn pitfall_15_many_processes_share_one_cloud() {
    let bucket = |n: i32| {
        format!(
            "resource \"mockcloud_bucket\" \"b{n}\" {{\n  provider = mockcloud.{}\n  name = \"b{n}\"\n}}\n",
            ["one", "two", "three"][n as usize % 3]
        )
    };
    let providers: String = ["one", "two", "three"]
        .map(|alias| format!("provider \"mockcloud\" {{\n  alias = \"{alias}\"\n  endpoint = \"ENDPOINT\"\n  region = \"{alias}\"\n}}\n"))
        .concat();
    let workspace = Workspace::without_init(&format!(
        "{providers}{}",
        (0..30).map(bucket).collect::<String>()
    ));
    workspace.run(&["init"]).expect_success();
    workspace
        .run(&["apply", "-auto-approve", "-input=false", "-parallelism=30"])
        .expect_success();
    let cloud = workspace.cloud();
    let objects = cloud["objects"].as_array().expect("objects");
    let ids: std::collections::BTreeSet<_> = objects
        .iter()
        .map(|object| object["id"].to_string())
        .collect();
    assert_eq!(
        (objects.len(), ids.len()),
        (30, 30),
        "every object is there, under an id of its own"
    );
    workspace.expect_no_changes();
}

/// The engine composes text before we see it, so what we compute must not depend on
/// how it was typed, nor must what a file of the cloud holds.
#[test]
fn pitfall_17_composed_and_decomposed_text_are_one() {
    let workspace = probe(
        "resource \"probe_fact\" \"composed\" {\n  input = \"caf\\u00e9\"\n}\nresource \"probe_fact\" \"decomposed\" {\n  input = \"cafe\\u0301\"\n}\n",
    );
    let plan = workspace.plan_json();
    for name in ["probe_fact.composed", "probe_fact.decomposed"] {
        assert_eq!(
            change(&plan, name)["after"]["digest"],
            "636166c3a9",
            "{name}"
        );
    }
    let workspace =
        Workspace::new("resource \"mockcloud_bucket\" \"it\" {\n  name = \"caf\\u00e9\"\n}\n");
    workspace.apply().expect_success();
    workspace
        .change_cloud(|cloud| cloud["objects"][0]["attributes"]["name"] = json!("cafe\u{301}"));
    workspace.expect_no_changes();
}

#[test]
fn data_sources_and_functions_answer() {
    let workspace = probe(
        r#"
terraform {
  required_version = ">= 1.8"
}

data "probe_echo" "it" {
  say = "hello"
}

output "said" {
  value = provider::probe::join("-", data.probe_echo.it.said, "there", "world")
}
"#,
    );
    workspace.apply().expect_success();
    assert_eq!(
        workspace.state_json()["values"]["outputs"]["said"]["value"],
        "hello-there-world"
    );
    workspace.write(
        "# uses probe\noutput \"said\" {\n  value = provider::probe::join(\"\", \"a\")\n}\n",
    );
    workspace
        .run(&["plan", "-input=false"])
        .expect_failure(&["the separator is empty; give one such as `-`"]);
}

/// OpenTofu asks us whatever we declare; an unimplemented request would read like a crash.
#[test]
fn a_moved_block_from_another_type_is_refused_with_a_way_out() {
    let workspace = probe("resource \"terraform_data\" \"old\" {}\n");
    workspace.apply().expect_success();
    workspace.write("# uses probe\nresource \"probe_fact\" \"new\" {\n  input = \"x\"\n}\nmoved {\n  from = terraform_data.old\n  to   = probe_fact.new\n}\n");
    let plan = workspace.run(&["plan", "-input=false"]);
    assert!(!plan.success, "{}", plan.text);
    assert!(
        !plan.says("unexpected error") && !plan.says("Unimplemented"),
        "{}",
        plan.text
    );
}

#[test]
fn the_engine_reads_our_log() {
    let mut workspace = probe("resource \"probe_thing\" \"it\" {}\n");
    let log = workspace.dir().join("log.txt");
    workspace.env.push(("TF_LOG", "TRACE".to_owned()));
    workspace
        .env
        .push(("TF_LOG_PATH", log.display().to_string()));
    workspace.run(&["plan", "-input=false"]).expect_success();
    let log = fs::read_to_string(log).expect("a log");
    let ours = log
        .lines()
        .find(|line| line.ends_with("serving") || line.contains(": serving"))
        .expect("our line");
    // Parsed, not passed on raw: the level and the module are the engine's own fields.
    assert!(
        ours.contains("[DEBUG]") && ours.contains("provider.probe") && !ours.contains("@message"),
        "{ours}"
    );
    let kills = log
        .lines()
        .filter(|line| line.contains("plugin failed to exit gracefully"))
        .count();
    assert_eq!(kills, 0, "the engine had to kill us");
}
