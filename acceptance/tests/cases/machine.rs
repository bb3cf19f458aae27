//! A machine on which something is missing or taken: a clear message, the right code, and the approval is still good.

use crate::{begun, larger_server, running};
use ambit_acceptance::Engine;
use rustix::fs::{FlockOperation, fcntl_lock};
use std::{fs, io::Write};

#[test]
fn an_engine_that_is_missing_or_another() {
    let world = begun();
    let id = world.plan_as("founder").ends(0).request();
    world.agree("founder", &id);
    let mut command = world.command("runner", &["apply", &id]);
    command
        .env_remove("AMBIT_ENGINE")
        .env("PATH", "/nonexistent");
    world
        .finish(command)
        .ends(1)
        .says("no engine found")
        .says("install OpenTofu");
    let mut command = world.command("runner", &["apply", &id]);
    command.env("AMBIT_ENGINE", world.path("nowhere/tofu"));
    world.finish(command).ends(1).says("does not exist");

    // The same engine with one byte more is another one.
    let other = world.path("tofu");
    fs::copy(&world.engine, &other).expect("copied");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&other)
        .expect("opened");
    file.write_all(b"\n").expect("written");
    drop(file);
    let mut others = vec![other];
    others.extend(
        Engine::terraform()
            .map(|e| e.0)
            .filter(|e| *e != world.engine),
    );
    for other in others {
        let mut command = world.command("runner", &["apply", &id]);
        command.env("AMBIT_ENGINE", other);
        world
            .finish(command)
            .ends(4)
            .says("is not the engine in force");
    }
    assert_eq!(world.records("consumption"), 0);
    world.status(&id).ends(0).says("approved");
}

#[test]
fn a_ledger_that_cannot_be_written() {
    let world = begun();
    let id = world.plan_as("founder").ends(0).request();
    world.agree("founder", &id);
    world.status(&id).ends(0);
    // File modes do not bind every user; a directory in the place of the store's own files binds all.
    let taken =
        ["ledger.db-wal", "ledger.db-journal"].map(|n| world.path(&format!("shop/.ambit/{n}")));
    for place in &taken {
        let _ = fs::remove_file(place);
        fs::create_dir(place).expect("created");
    }
    world.apply(&id).ends(1).says("ledger.db`");
    world.plan_as("founder").ends(1).says("ledger");
    assert!(!world.path("cloud.json").exists(), "something was applied");
    for place in &taken {
        fs::remove_dir(place).expect("removed");
    }
    assert_eq!(world.records("consumption"), 0);
    assert_eq!(world.records("request"), 1);
    world.status(&id).ends(0).says("approved");
}

#[test]
fn a_state_that_an_engine_holds() {
    let world = running();
    let id = larger_server(&world);
    world.agree("wes", &id);
    let state = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(world.state())
        .expect("opened");
    // As both engines lock a local state, with the note they leave beside it.
    fcntl_lock(&state, FlockOperation::NonBlockingLockExclusive).expect("locked");
    let note = world.estate(".terraform.tfstate.lock.info");
    let said = serde_json::json!({
        "ID": "6c2e1c39", "Operation": "OperationTypeApply", "Info": "", "Who": "sam@bastion",
        "Version": "1.12.6", "Created": "2026-10-01T10:00:00Z", "Path": "terraform.tfstate",
    });
    fs::write(&note, said.to_string()).expect("written");
    world
        .apply(&id)
        .ends(1)
        .says("is locked by a running engine")
        .says("sam@bastion");
    world.plan_as("builder").ends(1).says("is locked");
    fs::remove_file(&note).expect("removed");
    drop(state);
    assert_eq!(world.records("consumption"), 1);
    world.status(&id).ends(0).says("approved");
    world.apply(&id).ends(0);
}
