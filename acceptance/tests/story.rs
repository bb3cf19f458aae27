//! The story that this version is for, from nothing to an auditor, on every engine there is. Exit codes are the contract.

use ambit_acceptance::{Engine, Envelope, World};
use std::{fs, process::Command};

const DATABASE: &str = "module.data.mockcloud_database.orders";

#[test]
fn on_the_first_engine() {
    story(&Engine::any());
}

#[test]
fn on_terraform() {
    let Some(terraform) = Engine::terraform() else {
        eprintln!("no terraform here: the story is told on one engine only");
        return;
    };
    story(&terraform);
}

#[test]
fn the_demo_plays_it_too() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new("scripts/demo")
        .current_dir(root)
        .env("AMBIT_ENGINE", Engine::any().0)
        .output()
        .expect("scripts/demo starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("every step ended as it must"), "{text}");
}

fn story(engine: &Engine) {
    let world = World::begun(engine);
    world.bootstrap();
    world
        .run("runner", &["status"])
        .ends(0)
        .says("No open request.");

    // The agent: one word changed, the database replaced.
    world.edit("locals.tf", "product = \"shop\"", "product = \"store\"");
    let asked = world
        .plan_as("builder")
        .ends(0)
        .says("Irreversible:")
        .says(DATABASE)
        .says("team data")
        .says("team web")
        .says("level cooperative");
    insta::assert_snapshot!("an_agent_asks", asked.screen());
    let id = asked.request();
    let key = world.key("builder");
    let gated = ["plan", "--gate", "--as", key.to_str().expect("UTF-8")];
    world.run("builder", &gated).ends(3);
    world
        .apply(&id)
        .ends(3)
        .says("missing  team data: 1 person of dana")
        .says("missing  team web: 1 person of wes");

    // Who cannot count is told so before anything is written.
    for (who, why) in [
        ("builder", "a workload's key never approves"),
        ("stranger", "is not declared for any person"),
        ("sam", "a requester never approves their own change"),
    ] {
        let (output, file) = world.decide(who, "approve", &id, &world.key(who));
        output.ends(4).says(why).says("nothing was written");
        assert!(!file.exists(), "{who} got a file");
    }

    // The same three sign dana's words with other tools. All are recorded and none counts.
    world.trust("dana");
    let to_sign = world.path("people/dana/to-sign");
    let (export, _) = world.export(&id);
    let [export, words] = [&export, &to_sign].map(|p| p.to_str().expect("UTF-8").to_owned());
    let dana = world.key("dana");
    let by = ["--as", dana.to_str().expect("UTF-8")];
    world
        .run("dana", &[&["approve", &export][..], &by].concat())
        .ends(64)
        .says(&format!("--acknowledge '{DATABASE}'"));
    let rest = ["--acknowledge", DATABASE, "--unsigned", &words];
    world
        .run("dana", &[&["approve", &export][..], &by, &rest].concat())
        .ends(0);
    for who in ["builder", "stranger", "sam"] {
        let forged = world.path(&format!("people/{who}/forged.json"));
        Envelope::sign(Envelope::unsigned(&to_sign), &world.key(who)).write(&forged);
        world.import(&forged).ends(0);
        world.status(&id).ends(3).says("not counted, because");
    }
    world.apply(&id).ends(3);

    // The owners agree on their own machines; exactly that is applied, once.
    for who in ["dana", "wes"] {
        world.agree(who, &id);
    }
    let before = world.cloud();
    let applied = world.apply(&id).ends(0).says("outcome verified");
    insta::assert_snapshot!("an_exact_apply", applied.screen());
    assert_ne!(before, world.cloud(), "the cloud is as it was");
    world.apply(&id).ends(6).says("was used already");

    // One more change slipped in after the approval.
    world.edit("main.tf", "a = \"small\"", "a = \"large\"");
    let third = world.plan_as("builder").ends(0).request();
    world.agree("wes", &third);
    world.edit("main.tf", "public = false", "public = true");
    let before = world.cloud();
    world
        .apply(&third)
        .ends(5)
        .says("mockcloud_bucket.receipts");
    assert_eq!(before, world.cloud(), "something was applied");

    audit(&world, &id);
}

/// An auditor with a copy of the ledger and the pin, and nothing else.
fn audit(world: &World, id: &str) {
    world.trust("auditor");
    let copy = world.path("people/auditor/ledger.db");
    fs::copy(world.ledger(), &copy).expect("copied");
    let ledger = ["--ledger", "ledger.db"];
    let run = |rest: &[&str]| world.run("auditor", &[&ledger[..], rest].concat());
    run(&["log", "verify"]).ends(0).says("records verified");
    run(&["log", "export", id, "--out", "approvals"]).ends(0);
    let dir = world.path("people/auditor/approvals");
    for person in ["dana", "wes"] {
        let proof = fs::read_dir(&dir)
            .expect("a directory")
            .map(|e| e.expect("an entry").path())
            .find(|p| {
                let name = p.file_name().expect("a name").to_string_lossy();
                name.starts_with(person) && name.ends_with(".pae")
            })
            .expect("an exported approval");
        let verified = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "ambit-decision-v1", "-I", person])
            .arg("-f")
            .arg(dir.join("allowed_signers"))
            .arg("-s")
            .arg(proof.with_extension("sig"))
            .stdin(fs::File::open(&proof).expect("opened"))
            .output()
            .expect("ssh-keygen starts");
        assert!(verified.status.success(), "{verified:?}");
    }
    let mut bytes = fs::read(&copy).expect("a ledger");
    let stored = br#""decision":"approve""#;
    let places: Vec<usize> = (0..bytes.len() - stored.len())
        .filter(|at| bytes[*at..].starts_with(stored))
        .collect();
    assert!(!places.is_empty(), "no stored decision to damage");
    for at in places {
        bytes[at + 12] = b'A';
    }
    fs::write(&copy, bytes).expect("written");
    run(&["log", "verify"]).ends(7).says("record ");
}
