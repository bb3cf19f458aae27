//! Ctrl-C: nothing is half-done, and the history says what was.

use crate::{larger_server, running, text};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::Child,
    time::{Duration, Instant},
};

fn interrupt(child: &Child) {
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process");
    kill_process(id, Signal::INT).expect("signalled");
}

#[test]
fn while_it_plans() {
    let world = running();
    world.edit("main.tf", "a = \"small\"", "a = \"large\"");
    let before = world.records("request");
    let key = world.key("builder");
    let child = world
        .command("builder", &["plan", "--as", text(&key)])
        .spawn()
        .expect("ambit starts");
    std::thread::sleep(Duration::from_millis(400));
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    // Outside an engine run the signal ends the program as it ends any; inside, the program says what it did not do.
    match output.status.code() {
        Some(1) => assert!(
            said.contains("was interrupted; nothing was applied"),
            "{said}"
        ),
        Some(code) => panic!("ended with {code}: {said}"),
        None => {}
    }
    assert_eq!(world.records("request"), before, "a request was recorded");
    world.plan_as("builder").ends(0);
}

#[test]
fn while_it_applies() {
    let world = running();
    let id = larger_server(&world);
    world.agree("wes", &id);
    world.change_json(&world.path("cloud.json"), |cloud| {
        cloud["delay_ms"] = 3000.into();
    });
    let child = world
        .command("runner", &["apply", &id])
        .spawn()
        .expect("ambit starts");
    let begun = Instant::now();
    while !consumed(&world, &id) {
        assert!(begun.elapsed() < Duration::from_secs(120), "never begun");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The engine is at work on the slow cloud by now.
    std::thread::sleep(Duration::from_millis(1500));
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    let code = output.status.code();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let done = world.cloud().to_string().contains("large");
    match code {
        Some(0) => assert!(done && text.contains("outcome verified"), "{output:?}"),
        Some(8) => assert!(text.contains("the engine did not complete"), "{output:?}"),
        _ => panic!("neither done nor said: {output:?}"),
    }
    assert_eq!(world.records("outcome"), 2, "the outcome is not recorded");
    world.apply(&id).ends(6);
    world.change_json(&world.path("cloud.json"), |cloud| {
        cloud["delay_ms"] = 0.into();
    });
    // What the state says is what the cloud has: a new plan finds what is left, or nothing.
    let next = world.plan_as("builder").ends(0);
    assert_eq!(done, next.find_request().is_none(), "{}", next.stdout);
}

fn consumed(world: &ambit_acceptance::World, id: &str) -> bool {
    let list = world.run("founder", &["log", "list"]).stdout;
    list.lines()
        .any(|l| l.contains("consumption") && l.contains(id))
}
