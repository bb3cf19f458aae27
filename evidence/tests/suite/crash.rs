//! Several gates at once, and gates that die.

use crate::support::*;
use std::{
    env,
    process::{Child, Command, Stdio},
    sync::Barrier,
    thread,
    time::Duration,
};

const DIRECTORY: &str = "AMBIT_TEST_LEDGER_DIRECTORY";
const PUBLIC: &str = "AMBIT_TEST_LOG_KEY";
const REQUESTS: u32 = 5_000;

#[test]
fn gates_at_once_append_without_gaps() {
    let (desk, journal) = Desk::new();
    drop(journal);
    const GATES: usize = 4;
    const EACH: usize = 25;
    let start = Barrier::new(GATES);
    thread::scope(|scope| {
        for gate in 0..GATES {
            let (desk, start) = (&desk, &start);
            scope.spawn(move || {
                let mut journal = desk.gate();
                start.wait();
                for n in 0..EACH {
                    journal
                        .transact(T0, |tx| {
                            append(tx, "request", &format!(r#","g":{gate},"n":{n}"#))
                        })
                        .unwrap();
                }
            });
        }
    });
    let ledger = desk.read();
    assert_eq!(
        ledger.verify(&desk.public).unwrap().size,
        1 + (GATES * EACH) as u64
    );
}

#[test]
fn exactly_one_of_many_gates_gets_a_request() {
    let (desk, journal) = Desk::new();
    drop(journal);
    const GATES: usize = 4;
    const ROUNDS: usize = 20;
    let start = Barrier::new(GATES);
    let won = thread::scope(|scope| {
        let gates: Vec<_> = (0..GATES)
            .map(|_| {
                scope.spawn(|| {
                    let mut journal = desk.gate();
                    let race = |round| {
                        start.wait();
                        consume(&mut journal, &format!("r{round}"))
                    };
                    (0..ROUNDS).map(race).collect::<Vec<_>>()
                })
            })
            .collect();
        gates
            .into_iter()
            .map(|gate| gate.join().unwrap())
            .collect::<Vec<_>>()
    });
    for round in 0..ROUNDS {
        assert_eq!(
            won.iter().filter(|gate| gate[round].is_some()).count(),
            1,
            "round {round}"
        );
    }
    assert_eq!(
        desk.read().verify(&desk.public).unwrap().size,
        1 + ROUNDS as u64
    );
}

/// The body of a gate process started below; run as a test of its own it has no ledger to work on and checks just that.
#[test]
fn gate_process() {
    let (Some(directory), Ok(public)) = (env::var_os(DIRECTORY), env::var(PUBLIC)) else {
        assert!(env::var_os(DIRECTORY).is_none() && env::var_os(PUBLIC).is_none());
        return;
    };
    let mut journal = gate(directory.as_ref(), &public.parse().unwrap());
    for n in 0..REQUESTS {
        consume(&mut journal, &format!("r{n}"));
    }
}

fn spawn_gate(desk: &Desk) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::gate_process"])
        .env(DIRECTORY, desk.path())
        .env(PUBLIC, desk.public.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_gates_leave_whole_transactions_only() {
    let (desk, journal) = Desk::new();
    drop(journal);
    let mut size = 1;
    for round in 0..6u64 {
        let mut gates: Vec<_> = (0..3).map(|_| spawn_gate(&desk)).collect();
        // Let them really append before they die, at a moment that differs from round to round.
        while desk.read().size().unwrap() < size + 10 {
            for gate in &mut gates {
                assert!(gate.try_wait().unwrap().is_none(), "a gate ended by itself");
            }
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(round * 3));
        for gate in &mut gates {
            gate.kill().unwrap();
            gate.wait().unwrap();
        }
        let verified = desk.read().verify(&desk.public).unwrap();
        assert!(verified.size >= size + 10);
        size = verified.size;
    }
    // The next gate goes on as if nothing had happened, and each request was used once.
    let mut journal = desk.gate();
    assert_eq!(
        journal
            .transact(T0, |tx| append(tx, "request", ""))
            .unwrap(),
        size
    );
    journal.verify(&desk.public).unwrap();
    for n in 0..size - 1 {
        assert_eq!(journal.uses(&format!("r{n}")).unwrap().len(), 1, "r{n}");
    }
}
