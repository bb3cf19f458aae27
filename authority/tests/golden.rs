//! One golden file for every signed or stored document of this crate. A shape that moves breaks here first.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ambit-authority --test golden` rewrites them; a rewritten golden file is a break of
//! every history in the field, and needs a new version number rather than a new file.

use ambit_authority::{
    address::{Index, InstanceKey, ModuleStep},
    bundle::*,
    canonical::{self, Document},
    chain::{AuthorityRecord, Link, verify},
    digest::{CommitmentKey, Digest},
    display::{self, AuthorityItem, Display, Item, Named as NamedItem},
    duty::{Duties, TeamDuty},
    record::{Body, OutcomeVerdict, Record, Verdict},
    request::{ChangeRequest, Requester, RequesterKind},
    scope::*,
    statement::{self, Decision, Predicate, Seen},
    tier::Tier,
};
use std::{fs, path::PathBuf};

const ALICE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJXixIgycyA0V4Ajb2DbuBZT3xeEpyDmjjXUNdiUjkp";
const BOB: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJo3hQ+Z8xUlpzhKDtcZJGXY1hPd6FJRePF+tr4YYzt";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/formats")
        .join(name)
}

fn golden(name: &str, bytes: &[u8]) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, bytes).unwrap();
    }
    let stored = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(
        String::from_utf8_lossy(bytes),
        String::from_utf8_lossy(&stored),
        "{name} moved"
    );
}

/// Encodes, compares with the file, and reads the file back to the same value.
fn document<D: Document + PartialEq + std::fmt::Debug>(name: &str, value: &D) {
    golden(name, &canonical::encode(value).unwrap());
    assert_eq!(
        canonical::decode::<D>(&fs::read(path(name)).unwrap()).unwrap(),
        *value
    );
}

fn bundle() -> Bundle {
    let person = |id: &str, key: &str| Person {
        id: id.into(),
        keys: vec![PersonKey {
            key: key.parse().unwrap(),
            assurance: Assurance::Software,
        }],
    };
    Bundle {
        root: Root {
            persons: vec!["alice".into()],
            threshold: 1,
        },
        settings: Settings {
            engine: EngineSettings {
                kind: "opentofu".into(),
                minor: "1.12".into(),
                binaries: vec![Digest::of(b"engine")],
            },
            providers: vec![ProviderSettings {
                source: "registry.opentofu.org/hashicorp/aws".into(),
                version: "6.1.0".into(),
                hashes: vec!["h1:AAAA".into()],
            }],
            environment_names: vec!["AWS_PROFILE".into()],
            tables_version: "2026-11".into(),
        },
        claims: vec![Claim {
            stack: "estate".into(),
            fingerprint: "local:estate/terraform.tfstate#default".into(),
        }],
        tables: vec![],
        persons: vec![person("alice", ALICE)],
        teams: vec![Team {
            id: "data".into(),
            members: vec!["alice".into()],
        }],
        programmes: vec![],
        agents: vec![Agent {
            id: "builder".into(),
            sponsor: "alice".into(),
            keys: vec![BOB.parse().unwrap()],
        }],
        delegations: vec![],
        environments: vec![Environment {
            id: "production".into(),
            stacks: vec!["local:estate/terraform.tfstate#default".into()],
            critical: false,
            mode: Mode::Enforce,
        }],
        ownership: vec![Ownership {
            id: "databases".into(),
            team: "data".into(),
            addresses: vec!["module.data".into()],
            types: vec!["mockcloud_database".into()],
            tags: [("team".to_owned(), "data".to_owned())].into(),
            stacks: vec![],
            always: false,
        }],
        rules: vec![ApprovalRule {
            id: "high".into(),
            tier: Tier::High,
            environments: vec![],
            count: 1,
            min_persons: 2,
        }],
        windows: vec![],
    }
}

fn scope() -> Scope {
    let key = CommitmentKey::new([7; 32]);
    let database = InstanceKey {
        module: vec![ModuleStep {
            name: "data".into(),
            key: Some(Index::Key("eu".into())),
        }],
        index: Some(Index::Number(0)),
        ..InstanceKey::root("mockcloud_database", "main")
    };
    let committed = |text: &str| Side::Value {
        committed: key.commit("ambit/value", text.as_bytes()),
    };
    let replace = Grant {
        subject: Subject::Resource(database.clone()),
        action: Action::DeleteThenCreate,
        object: Object::Remote {
            provider: "registry.opentofu.org/ambit-test/mockcloud".into(),
            kind: "mockcloud_database".into(),
            id: key.commit("ambit/id", b"db-1"),
        },
        previous: None,
        provider: Some(Binding {
            source: "registry.opentofu.org/ambit-test/mockcloud".into(),
            configuration: "mockcloud".into(),
            resolved: key.commit("ambit/provider", b"[]"),
        }),
        paths: vec![
            PathChange {
                path: vec![Index::Key("id".into())],
                before: committed("db-1"),
                after: Side::Unknown,
                sensitive: false,
                open: None,
            },
            PathChange {
                path: vec![Index::Key("name".into())],
                before: committed("main"),
                after: committed("primary"),
                sensitive: false,
                open: None,
            },
            PathChange {
                path: vec![Index::Key("ports".into()), Index::Number(0)],
                before: Side::Null,
                after: Side::Unknown,
                sensitive: true,
                open: Some(Digest::of(b"expression")),
            },
        ],
        guards: vec![Guard {
            setting: "ignore_changes".into(),
            text: Digest::of(b"[tags]"),
        }],
        after: vec![],
        exec: vec![Exec {
            provisioner: "local-exec".into(),
            when: "create".into(),
            text: Digest::of(b"echo"),
            files: vec![FileDigest {
                path: "estate/run.sh".into(),
                content: Some(Digest::of(b"#!")),
            }],
        }],
    };
    let output = Grant {
        subject: Subject::Output("endpoint".into()),
        action: Action::Update,
        object: Object::Absent,
        previous: None,
        provider: None,
        paths: vec![PathChange {
            path: vec![],
            before: committed("a"),
            after: Side::Absent,
            sensitive: false,
            open: None,
        }],
        guards: vec![],
        after: vec![Subject::Resource(database)],
        exec: vec![],
    };
    let context = Context {
        engine: "opentofu".into(),
        engine_minor: "1.12".into(),
        fingerprint: "local:estate/terraform.tfstate#default".into(),
        lineage: String::new(),
        mode: RunMode::Normal,
        targets: vec![],
        excludes: vec![],
        replaces: vec![],
        lock: Digest::of(b"lock"),
        providers: vec!["registry.opentofu.org/ambit-test/mockcloud 0.1.0 h1:AAAA".into()],
        bindings: vec![Named {
            name: "mockcloud".into(),
            value: key.commit("ambit/provider", b"[]"),
        }],
        ephemeral: vec![Named {
            name: "token".into(),
            value: key.commit("ambit/value", b"t"),
        }],
        targeting: vec![],
    };
    Scope::new(context, vec![replace, output], Some(Digest::of(b"bundle"))).unwrap()
}

fn duties() -> Duties {
    let team = TeamDuty {
        team: "data".into(),
        count: 1,
        members: vec!["alice".into()],
    };
    Duties {
        teams: vec![team],
        root: None,
        min_persons: 1,
    }
}

fn shown() -> Display {
    Display {
        salt: "00112233445566778899aabbccddeeff".into(),
        critical: false,
        causes: vec![Item {
            subject: "module.data[\"eu\"].mockcloud_database.main[0]".into(),
            action: Action::DeleteThenCreate.to_string(),
            tier: Tier::High,
            because: vec!["replace: the object is destroyed".into()],
            owners: vec!["data".into()],
            values: vec!["name: \"main\" -> \"primary\"".into()],
        }],
        induced: vec![],
        irreversible: vec![NamedItem {
            name: "module.data[\"eu\"].mockcloud_database.main[0]".into(),
            why: "its data is lost".into(),
        }],
        sensitive: vec![],
        open: vec!["ports[0]".into()],
        runs: vec!["local-exec: echo".into()],
        authority: vec![AuthorityItem {
            name: "ambit_person.bob".into(),
            what: "ambit_person.bob added".into(),
            weakening: true,
        }],
        duties: duties(),
        exposed: vec![],
    }
}

fn request() -> ChangeRequest {
    let scope = scope();
    ChangeRequest {
        id: "r-0123456789abcdef".into(),
        nonce: "00112233445566778899aabbccddeeff".into(),
        origin: "ambit-00112233445566778899aabbccddeeff".into(),
        stack: "estate".into(),
        fingerprint: "local:estate/terraform.tfstate#default".into(),
        environment: "production".into(),
        made_at: 1_800_000_000,
        expires: 1_800_604_800,
        requester: Requester {
            kind: RequesterKind::Agent,
            id: Some("builder".into()),
            key: Some(BOB.parse().unwrap()),
            sponsor: Some("carol".into()),
            chain: vec![],
        },
        authority_n: 1,
        tree_digest: Digest::of(b"tree"),
        plan_digest: Digest::of(b"plan"),
        scope_digest: scope.digest().unwrap(),
        context_digest: scope.context.digest().unwrap(),
        serial: 3,
        state_digest: Digest::of(b"state"),
        authority_after: None,
        tier: Tier::High,
        display_digest: Digest::of_document(&shown()).unwrap(),
        gate: "ambit 0.1.0".into(),
        tables_version: "2026-11".into(),
        intent_digest: None,
        change_id: None,
    }
}

fn predicate() -> Predicate {
    Predicate {
        v: 1,
        decision: Decision::Approve,
        approver: "alice".into(),
        acting_for: vec!["data".into()],
        audience: request().origin,
        request: request().id,
        nonce: request().nonce,
        scope_digest: request().scope_digest,
        authority_slice: Digest::of_part("ambit/duties", &duties()).unwrap(),
        tier: Tier::High,
        text: display::render(&request(), &shown()).unwrap(),
        acknowledges: shown().to_acknowledge(),
        supersedes: None,
        checkpoint: Seen {
            size: 3,
            root: Digest::of(b"root"),
        },
        not_before: 1_800_000_000,
        expires: 1_800_604_800,
        reason: None,
    }
}

fn authority_record() -> AuthorityRecord {
    AuthorityRecord {
        origin: request().origin,
        n: 0,
        made_at: 1_800_000_000,
        prev: None,
        bundle_digest: Digest::of_document(&bundle()).unwrap(),
        request: None,
        log_key: "ambit-00112233445566778899aabbccddeeff+00000000+AAAA".into(),
        signatures: vec![],
        statements: vec![],
    }
}

#[test]
fn documents() {
    document("authority-bundle.json", &bundle());
    document("authority-record.json", &authority_record());
    document("scope.json", &scope());
    document("display.json", &shown());
    document("change-request.json", &request());
    golden("text.txt", predicate().text.as_bytes());
    golden(
        "statement-payload.json",
        &predicate()
            .payload(Digest::of_document(&request()).unwrap())
            .unwrap(),
    );
    golden("digests.txt", digests().as_bytes());
}

/// Digests that are not of a whole document, so that another implementation can check itself.
fn digests() -> String {
    let scope = scope();
    format!(
        "scope {}\ncontext {}\nchange-request {}\nbundle {}\nduties {}\n",
        scope.digest().unwrap(),
        scope.context.digest().unwrap(),
        Digest::of_document(&request()).unwrap(),
        Digest::of_document(&bundle()).unwrap(),
        Digest::of_part("ambit/duties", &duties()).unwrap(),
    )
}

#[test]
fn records() {
    let digest = Digest::of(b"x");
    let record = |body: Body| Record {
        origin: request().origin,
        time: 1_800_000_001,
        request: Some(request().id),
        body,
        blobs: vec![digest],
    };
    let bodies = [
        ("authority", Body::Authority(authority_record())),
        (
            "request",
            Body::Request {
                change_request: request(),
                scope: digest,
                display: digest,
                signature: Some("-----BEGIN SSH SIGNATURE-----".into()),
            },
        ),
        (
            "statement",
            Body::Statement {
                statement: digest,
                decision: Some(Decision::Reject),
                key: Some("SHA256:x".into()),
                person: None,
                not_counted: Some("expired".into()),
            },
        ),
        (
            "decision",
            Body::Decision {
                verdict: Verdict::Pending,
                tier: Tier::High,
                authority_n: 1,
                duties: duties(),
                counted: vec![digest],
                reasons: vec!["team data: 1 person of alice".into()],
            },
        ),
        (
            "consumption",
            Body::Consumption {
                use_no: 1,
                scope_digest: digest,
                plan_digest: digest,
                statements: vec![digest],
            },
        ),
        (
            "release",
            Body::Release {
                use_no: 1,
                reason: "the engine did not start".into(),
            },
        ),
        (
            "apply-event",
            Body::ApplyEvent {
                use_no: 1,
                events: vec!["apply_start module.data.mockcloud_database.main".into()],
            },
        ),
        (
            "outcome",
            Body::Outcome {
                use_no: 1,
                verdict: OutcomeVerdict::Verified,
                lineage: "l".into(),
                serial: 4,
                state_digest: digest,
                findings: vec![],
                objects: digest,
                checkpoint: Seen {
                    size: 9,
                    root: digest,
                },
            },
        ),
    ];
    for (name, body) in bodies {
        document(&format!("record-{name}.json"), &record(body));
    }
}

/// The golden statement was signed once by a key that no longer exists; it must verify for ever.
#[test]
fn the_golden_statement_verifies() {
    let json = fs::read(path("statement.json")).unwrap();
    let signed = statement::open(&json).unwrap();
    assert_eq!(signed.subject, Digest::of_document(&request()).unwrap());
    assert_eq!(signed.predicate, predicate());
    for at in 0..json.len() {
        let mut changed = json.clone();
        changed[at] ^= 1;
        // A flip may only survive where it decodes to the same bytes, which base64 allows nowhere.
        assert!(statement::open(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn the_golden_genesis_verifies() {
    let text = fs::read_to_string(path("authority-record-signed.json")).unwrap();
    let record: AuthorityRecord = canonical::decode(text.as_bytes()).unwrap();
    let link = Link {
        record,
        bundle: bundle(),
        request: None,
        display: None,
        statements: vec![],
    };
    let force = verify(Digest::of(text.as_bytes()), std::slice::from_ref(&link)).unwrap();
    assert_eq!((force.n, force.bundle), (0, bundle()));
    let wrong_pin = verify(Digest::of(b"other"), std::slice::from_ref(&link)).unwrap_err();
    assert!(wrong_pin.to_string().contains("the pin says"));
    let unsigned = Link {
        record: authority_record(),
        ..link
    };
    let pin = Digest::of_document(&unsigned.record).unwrap();
    assert!(
        verify(pin, &[unsigned])
            .unwrap_err()
            .to_string()
            .contains("signed by 0 of 1 root persons")
    );
}
