//! The pin decides which history is believed; nothing in the repository does.

use crate::begun;
use std::fs;

#[test]
fn another_ledger_none_and_a_second_beginning_meet_the_pin() {
    let world = begun();
    let other = begun();
    fs::create_dir(world.path("shop/other")).expect("created");
    fs::copy(other.ledger(), world.path("shop/other/ledger.db")).expect("copied");
    let stack = "stack \"estate\" {\n  dir = \"estate\"\n}\n";
    world.write(
        "shop/ambit.hcl",
        &format!("ledger = \"other/ledger.db\"\n{stack}"),
    );
    world.plan_as("builder").ends(7).says("is pinned to");
    world.run("runner", &["status"]).ends(7);
    world.run("runner", &["log", "verify"]).ends(7);

    world.write(
        "shop/ambit.hcl",
        &format!("ledger = \"nowhere/ledger.db\"\n{stack}"),
    );
    world
        .plan_as("builder")
        .ends(7)
        .says("bring its ledger back");
    assert!(
        !world.path("shop/nowhere").exists(),
        "an empty one was made"
    );

    world.write("shop/ambit.hcl", stack);
    let key = world.key("builder");
    let init = ["init", "--as", key.to_str().expect("UTF-8")];
    world.run("builder", &init).ends(7).says("already");
    // Somebody without the pin cannot begin over the ledger that lies there, nor read it.
    fs::remove_file(world.path("people/builder/config/trust.json")).expect("removed");
    world.run("builder", &init).ends(7).says("no pin for it");
    world.plan_as("builder").ends(7).says("is not pinned");
    let trust = format!("sha256:{}", "0".repeat(64));
    world
        .run("builder", &["trust", "add", &world.origin, &other.genesis])
        .ends(0);
    world.plan_as("builder").ends(7).says("the pin says");

    for (value, code) in [(trust.as_str(), 7), ("yes", 64), (&world.genesis, 0)] {
        let mut command = world.command("runner", &["status"]);
        command.env("AMBIT_TRUST", value);
        world.finish(command).ends(code);
    }
    world
        .run("runner", &["trust", "add", &world.origin, &trust])
        .ends(7);
    assert_eq!(world.records("authority"), 1);
    assert_eq!(world.records("request"), 0);
}

#[test]
fn a_ledger_rolled_back_after_a_signature_is_refused() {
    let world = begun();
    let id = world.plan_as("founder").ends(0).request();
    let old = fs::read(world.ledger()).expect("a ledger");
    world.plan_as("founder").ends(0);
    let yes = world.approve("founder", &id);
    world.run("runner", &["log", "verify"]).ends(0);
    fs::write(world.ledger(), old).expect("written");
    for name in ["ledger.db-wal", "ledger.db-shm", "ledger.db-journal"] {
        let _ = fs::remove_file(world.path(&format!("shop/.ambit/{name}")));
    }
    world.import(&yes).ends(0);
    world
        .apply(&id)
        .ends(7)
        .says("was signed over a log of 3 records, this one has 2");
    assert!(!world.path("cloud.json").exists(), "something was applied");
}

#[test]
fn a_request_whose_key_is_gone_cannot_be_applied() {
    let world = begun();
    let id = world.plan_as("founder").ends(0).request();
    world.agree("founder", &id);
    let key = world.path(&format!("gate/{}/requests/{id}/key", world.origin));
    fs::remove_file(key).expect("removed");
    world
        .apply(&id)
        .ends(6)
        .says("its key is gone from this gate");
    assert!(!world.path("cloud.json").exists(), "something was applied");
}
