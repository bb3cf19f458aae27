//! Orders in which decisions arrive, on a history made in memory.

use super::*;
use ambit_authority::{
    address::InstanceKey,
    bundle::*,
    chain::InForce,
    digest::CommitmentKey,
    display::{self, Display},
    duty::TeamDuty,
    key::PublicKey,
    request::{ChangeRequest, Requester},
    scope::{Action, Context, Object, RunMode},
    sshsig::Verified,
    statement::{Predicate, Seen, Signed},
};

const NOW: i64 = 1_800_000_100;
const STACK: &str = "local:estate/terraform.tfstate#default";
const BOB: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJo3hQ+Z8xUlpzhKDtcZJGXY1hPd6FJRePF+tr4YYzt";
const ALICE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJXixIgycyA0V4Ajb2DbuBZT3xeEpyDmjjXUNdiUjkp";

fn person(id: &str, key: &str) -> Person {
    Person {
        id: id.into(),
        keys: vec![PersonKey {
            key: key.parse().unwrap(),
            assurance: Assurance::Software,
        }],
    }
}

fn bundle() -> Bundle {
    Bundle {
        root: Root {
            persons: vec!["alice".into()],
            threshold: 1,
        },
        settings: Settings {
            engine: EngineSettings {
                kind: "opentofu".into(),
                minor: "1.12".into(),
                binaries: vec![],
            },
            providers: vec![],
            environment_names: vec![],
            tables_version: "t".into(),
        },
        claims: vec![],
        tables: vec![],
        persons: vec![person("alice", ALICE), person("bob", BOB)],
        teams: vec![Team {
            id: "data".into(),
            members: vec!["alice".into(), "bob".into()],
        }],
        programmes: vec![],
        agents: vec![],
        delegations: vec![],
        environments: vec![],
        ownership: vec![],
        rules: vec![],
        windows: vec![],
    }
}

fn scope(name: &str, previous: Option<&str>) -> Scope {
    let context = Context {
        engine: "opentofu".into(),
        engine_minor: "1.12".into(),
        fingerprint: STACK.into(),
        lineage: String::new(),
        mode: RunMode::Normal,
        targets: vec![],
        excludes: vec![],
        replaces: vec![],
        lock: Digest::of(b""),
        providers: vec![],
        bindings: vec![],
        ephemeral: vec![],
        targeting: vec![],
    };
    let id = CommitmentKey::new([1; 32]).commit("t", b"id");
    let grant = Grant {
        subject: Subject::Resource(InstanceKey::root("database", name)),
        action: Action::Update,
        object: Object::Import { id },
        previous: previous.map(|p| InstanceKey::root("database", p)),
        provider: None,
        paths: vec![],
        guards: vec![],
        after: vec![],
        exec: vec![],
    };
    Scope::new(context, vec![grant], None).unwrap()
}

fn requested(index: u64, scope: Scope) -> Requested {
    let display = Display {
        salt: "00".into(),
        critical: false,
        causes: vec![],
        induced: vec![],
        irreversible: vec![],
        sensitive: vec![],
        open: vec![],
        runs: vec![],
        authority: vec![],
        duties: Duties {
            teams: vec![TeamDuty {
                team: "data".into(),
                count: 1,
                members: vec!["alice".into(), "bob".into()],
            }],
            root: None,
            min_persons: 1,
        },
        exposed: vec![],
    };
    let request = ChangeRequest {
        id: format!("r-{index:016x}"),
        nonce: "00".into(),
        origin: "ambit-0".into(),
        stack: "estate".into(),
        fingerprint: STACK.into(),
        environment: "production".into(),
        made_at: NOW - 100,
        expires: NOW + 100_000,
        requester: Requester::anonymous(),
        authority_n: 1,
        tree_digest: Digest::of(b"tree"),
        plan_digest: Digest::of(b"plan"),
        scope_digest: scope.digest().unwrap(),
        context_digest: scope.context.digest().unwrap(),
        serial: 1,
        state_digest: Digest::of(b"state"),
        authority_after: scope.authority_after,
        tier: Tier::Medium,
        display_digest: Digest::of_document(&display).unwrap(),
        gate: "ambit".into(),
        tables_version: "t".into(),
        intent_digest: None,
        change_id: None,
    };
    Requested {
        index,
        digest: Digest::of_document(&request).unwrap(),
        request,
        scope,
        display,
        signature: None,
    }
}

fn history(requests: Vec<Requested>) -> History {
    History {
        genesis: Digest::of(b"genesis"),
        force: InForce {
            n: 1,
            origin: "ambit-0".into(),
            bundle: bundle(),
            record_digest: Digest::of(b"record"),
            log_key: String::new(),
        },
        links: vec![],
        requests: requests
            .into_iter()
            .map(|r| (r.request.id.clone(), r))
            .collect(),
        statements: vec![],
        consumed: BTreeMap::new(),
        outcomes: vec![],
        size: 10,
        last_time: NOW,
    }
}

/// A statement whose signature was verified; `tag` makes it one of its own.
fn signed(
    requested: &Requested,
    who: &str,
    decision: Choice,
    supersedes: Option<&str>,
    tag: &str,
) -> Signed {
    let key: PublicKey = if who == "alice" { ALICE } else { BOB }.parse().unwrap();
    let request = &requested.request;
    Signed {
        digest: Digest::of(tag.as_bytes()),
        subject: requested.digest,
        predicate: Predicate {
            v: 1,
            decision,
            approver: who.into(),
            acting_for: vec![],
            audience: request.origin.clone(),
            request: request.id.clone(),
            nonce: request.nonce.clone(),
            scope_digest: request.scope_digest,
            authority_slice: Digest::of(b""),
            tier: request.tier,
            text: display::render(request, &requested.display).unwrap(),
            acknowledges: vec![],
            supersedes: supersedes.map(|s| Digest::of(s.as_bytes())),
            checkpoint: Seen {
                size: 1,
                root: Digest::of(b""),
            },
            not_before: request.made_at,
            expires: request.expires,
            reason: None,
        },
        verified: Verified {
            key,
            user_verified: false,
            counter: None,
        },
    }
}

fn question(requested: &Requested) -> Question<'_> {
    Question {
        requested,
        duties: &requested.display.duties,
        tier: requested.request.tier,
        mode: Mode::Enforce,
        changes_authority: false,
        now: NOW,
    }
}

/// Takes a statement as the intake does.
fn take(history: &mut History, signed: Signed) -> Result<String, String> {
    let id = signed.predicate.request.clone();
    let result = admit(&question(&history.requests[&id]), history, &signed);
    history.statements.push(Received {
        index: history.size,
        time: NOW,
        request: Some(id),
        digest: signed.digest,
        person: result.clone().ok(),
        not_counted: result.clone().err(),
        signed,
        envelope: String::new(),
    });
    history.size += 1;
    result
}

fn verdict(history: &History, index: u64) -> Verdict {
    let requested = &history.requests[&format!("r-{index:016x}")];
    decide(&question(requested), history).verdict()
}

/// Steps of `choice tag supersedes`, each with whether it is accepted, and the verdict in the end.
fn play(steps: &[(Choice, &str, Option<&str>, bool)]) -> Verdict {
    let mut history = history(vec![requested(1, scope("main", None))]);
    for (choice, tag, supersedes, accepted) in steps {
        let one = signed(
            &history.requests["r-0000000000000001"],
            "bob",
            *choice,
            *supersedes,
            tag,
        );
        let result = take(&mut history, one);
        assert_eq!(result.is_ok(), *accepted, "{tag}: {result:?}");
    }
    verdict(&history, 1)
}

#[test]
fn orders_of_one_persons_decisions() {
    use Choice::{Approve, Reject, Revoke};
    type Arrivals<'a> = &'a [(Choice, &'a str, Option<&'a str>, bool)];
    let cases: &[(Arrivals, Verdict)] = &[
        (&[], Verdict::Pending),
        (&[(Approve, "a", None, true)], Verdict::Warrant),
        (&[(Reject, "r", None, true)], Verdict::Denied),
        (
            &[(Approve, "a", None, true), (Reject, "r", Some("a"), true)],
            Verdict::Denied,
        ),
        (
            &[(Approve, "a", None, true), (Revoke, "v", Some("a"), true)],
            Verdict::Pending,
        ),
        // The old approval again, after the reject.
        (
            &[(Reject, "r", None, true), (Approve, "a", None, false)],
            Verdict::Denied,
        ),
        (
            &[(Reject, "r", None, true), (Approve, "a", Some("x"), false)],
            Verdict::Denied,
        ),
        (
            &[(Reject, "r", None, true), (Approve, "a", Some("r"), true)],
            Verdict::Warrant,
        ),
        // Revoked is final, whichever of the two files is read first.
        (
            &[(Revoke, "v", Some("a"), true), (Approve, "a", None, false)],
            Verdict::Pending,
        ),
        (
            &[
                (Approve, "a", None, true),
                (Revoke, "v", Some("a"), true),
                (Approve, "b", Some("v"), false),
            ],
            Verdict::Pending,
        ),
        (
            &[(Revoke, "v", None, true), (Reject, "r", Some("v"), false)],
            Verdict::Pending,
        ),
    ];
    for (n, (steps, expected)) in cases.iter().enumerate() {
        assert_eq!(play(steps), *expected, "case {n}");
    }
}

#[test]
fn a_reject_holds_what_comes_later_under_any_name() {
    let cases = [
        (scope("main", None), Verdict::Denied),
        (scope("renamed", Some("main")), Verdict::Denied),
        (scope("other", None), Verdict::Warrant),
    ];
    for (n, (later, expected)) in cases.into_iter().enumerate() {
        let mut history = history(vec![requested(1, scope("main", None)), requested(2, later)]);
        let reject = signed(
            &history.requests["r-0000000000000001"],
            "bob",
            Choice::Reject,
            None,
            "r",
        );
        take(&mut history, reject).unwrap();
        let approve = signed(
            &history.requests["r-0000000000000002"],
            "alice",
            Choice::Approve,
            None,
            "a",
        );
        take(&mut history, approve).unwrap();
        assert_eq!(verdict(&history, 2), expected, "case {n}");
        // Who rejected may agree to the later one, and nothing holds it any more.
        let agree = signed(
            &history.requests["r-0000000000000002"],
            "bob",
            Choice::Approve,
            None,
            "b",
        );
        take(&mut history, agree).unwrap();
        assert_eq!(verdict(&history, 2), Verdict::Warrant, "case {n}");
    }
}

#[test]
fn a_reject_of_declarations_holds_later_declarations() {
    let declares = |index| {
        let mut scope = scope(&format!("d{index}"), None);
        scope.authority_after = Some(Digest::of(&[index as u8]));
        requested(index, scope)
    };
    let mut history = history(vec![declares(1), declares(2)]);
    let reject = signed(
        &history.requests["r-0000000000000001"],
        "bob",
        Choice::Reject,
        None,
        "r",
    );
    take(&mut history, reject).unwrap();
    let approve = signed(
        &history.requests["r-0000000000000002"],
        "alice",
        Choice::Approve,
        None,
        "a",
    );
    take(&mut history, approve).unwrap();
    assert_eq!(verdict(&history, 2), Verdict::Denied);
}

#[test]
fn observe_lets_through_and_never_authority() {
    let history = history(vec![requested(1, scope("main", None))]);
    let mut question = question(&history.requests["r-0000000000000001"]);
    question.mode = Mode::Observe;
    assert_eq!(decide(&question, &history).verdict(), Verdict::Observed);
    question.changes_authority = true;
    assert_eq!(decide(&question, &history).verdict(), Verdict::Pending);
}
