//! Small in-memory people, bundles, requests and signatures for the tests of this crate.

use crate::{
    address::InstanceKey,
    bundle::*,
    canonical,
    chain::{self, AuthorityRecord, Link},
    digest::{CommitmentKey, Digest},
    display::{AuthorityItem, Display},
    dsse::{self, Envelope},
    duty::Duties,
    key::PublicKey,
    ratchet::Difference,
    request::{ChangeRequest, Requester},
    scope::*,
    statement::{self, Decision, Predicate, Seen},
    tier::Tier,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    digest as hash,
    signature::{Ed25519KeyPair, KeyPair},
};
use std::collections::BTreeMap;

pub const ORIGIN: &str = "ambit-00112233445566778899aabbccddeeff";
pub const STACK: &str = "local:estate/terraform.tfstate#default";
pub const NOW: i64 = 1_800_000_100;

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn pair(name: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(Digest::of(name.as_bytes()).bytes()).unwrap()
}

fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, b"ssh-ed25519");
    text(&mut out, pair(name).public_key().as_ref());
    out
}

/// The public key of whoever is called so.
pub fn key(name: &str) -> PublicKey {
    let line = format!("ssh-ed25519 {}", BASE64_STANDARD.encode(wire(name)));
    line.parse().unwrap()
}

/// An armored SSHSIG.
pub fn sign(name: &str, namespace: &str, message: &[u8]) -> String {
    let mut signed = b"SSHSIG".to_vec();
    text(&mut signed, namespace.as_bytes());
    text(&mut signed, b"");
    text(&mut signed, b"sha512");
    text(&mut signed, hash::digest(&hash::SHA512, message).as_ref());
    let mut signature = Vec::new();
    text(&mut signature, b"ssh-ed25519");
    text(&mut signature, pair(name).sign(&signed).as_ref());
    let mut blob = b"SSHSIG".to_vec();
    blob.extend_from_slice(&1u32.to_be_bytes());
    text(&mut blob, &wire(name));
    text(&mut blob, namespace.as_bytes());
    text(&mut blob, b"");
    text(&mut blob, b"sha512");
    text(&mut blob, &signature);
    let body = BASE64_STANDARD.encode(blob);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(70)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    )
}

pub fn person(id: &str) -> Person {
    Person {
        id: id.into(),
        keys: vec![PersonKey {
            key: key(id),
            assurance: Assurance::Software,
        }],
    }
}

pub fn owned(id: &str, team: &str, types: &[&str]) -> Ownership {
    Ownership {
        id: id.into(),
        team: team.into(),
        addresses: vec![],
        types: types.iter().map(|t| (*t).into()).collect(),
        tags: BTreeMap::new(),
        stacks: vec![],
        always: false,
    }
}

/// Root alice; team `data` of bob, carol, dave; team `net` of carol and erin; agent `builder` whose sponsor is bob.
pub fn bundle() -> Bundle {
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
            providers: vec![],
            environment_names: vec![],
            tables_version: "t".into(),
        },
        claims: vec![Claim {
            stack: "estate".into(),
            fingerprint: STACK.into(),
        }],
        tables: vec![],
        persons: ["alice", "bob", "carol", "dave", "erin"].map(person).into(),
        teams: vec![
            Team {
                id: "data".into(),
                members: vec!["bob".into(), "carol".into(), "dave".into()],
            },
            Team {
                id: "net".into(),
                members: vec!["carol".into(), "erin".into()],
            },
        ],
        programmes: vec![],
        agents: vec![Agent {
            id: "builder".into(),
            sponsor: "bob".into(),
            keys: vec![key("builder")],
        }],
        delegations: vec![],
        environments: vec![Environment {
            id: "production".into(),
            stacks: vec![STACK.into()],
            critical: false,
            mode: Mode::Enforce,
        }],
        ownership: vec![owned("db", "data", &["database"])],
        rules: vec![],
        windows: vec![],
    }
}

/// One person and nothing else, as `init` leaves it.
pub fn solo() -> Bundle {
    Bundle {
        persons: vec![person("alice")],
        teams: vec![],
        agents: vec![],
        ownership: vec![],
        ..bundle()
    }
}

pub fn display(duties: Duties, differences: &[Difference]) -> Display {
    Display {
        salt: "00112233445566778899aabbccddeeff".into(),
        critical: false,
        causes: vec![],
        induced: vec![],
        irreversible: vec![],
        sensitive: vec![],
        open: vec![],
        runs: vec![],
        authority: differences
            .iter()
            .map(|d| AuthorityItem {
                name: d.declaration.clone(),
                what: d.describe(),
                weakening: d.weakening,
            })
            .collect(),
        duties,
        exposed: vec![],
    }
}

pub fn request(display: &Display, requester: Requester) -> ChangeRequest {
    ChangeRequest {
        id: "r-0123456789abcdef".into(),
        nonce: "00112233445566778899aabbccddeeff".into(),
        origin: ORIGIN.into(),
        stack: "estate".into(),
        fingerprint: STACK.into(),
        environment: "production".into(),
        made_at: NOW - 100,
        expires: NOW + 1000,
        requester,
        authority_n: 0,
        tree_digest: Digest::of(b"tree"),
        plan_digest: Digest::of(b"plan"),
        scope_digest: Digest::of(b"scope"),
        context_digest: Digest::of(b"context"),
        serial: 1,
        state_digest: Digest::of(b"state"),
        authority_after: None,
        tier: Tier::High,
        display_digest: Digest::of_document(display).unwrap(),
        gate: "ambit".into(),
        tables_version: "t".into(),
        intent_digest: None,
        change_id: None,
    }
}

/// What a signer's machine would put into an approval.
pub fn predicate(request: &ChangeRequest, display: &Display, approver: &str) -> Predicate {
    Predicate {
        v: 1,
        decision: Decision::Approve,
        approver: approver.into(),
        acting_for: display.duties.acting_for(approver),
        audience: request.origin.clone(),
        request: request.id.clone(),
        nonce: request.nonce.clone(),
        scope_digest: request.scope_digest,
        authority_slice: Digest::of_part("ambit/duties", &display.duties).unwrap(),
        tier: request.tier,
        text: crate::display::render(request, display).unwrap(),
        acknowledges: display.to_acknowledge(),
        supersedes: None,
        checkpoint: Seen {
            size: 1,
            root: Digest::of(b"root"),
        },
        not_before: request.made_at,
        expires: request.expires,
        reason: None,
    }
}

/// A DSSE envelope signed by the key of `signer`.
pub fn envelope(request: &ChangeRequest, predicate: &Predicate, signer: &str) -> String {
    let subject = Digest::of_document(request).unwrap();
    let payload = predicate.payload(subject).unwrap();
    let message = dsse::pre_authentication(statement::PAYLOAD_TYPE, &payload);
    let envelope = Envelope {
        payload_type: statement::PAYLOAD_TYPE.into(),
        payload,
        signature: sign(signer, statement::NAMESPACE, &message),
    };
    envelope.to_json()
}

pub fn genesis(bundle: Bundle, signers: &[&str]) -> Link {
    let mut record = AuthorityRecord {
        origin: ORIGIN.into(),
        n: 0,
        made_at: NOW - 1000,
        prev: None,
        bundle_digest: Digest::of_document(&bundle).unwrap(),
        request: None,
        log_key: "log".into(),
        signatures: vec![],
        statements: vec![],
    };
    let message = record.to_sign().unwrap();
    record.signatures = signers
        .iter()
        .map(|s| sign(s, chain::NAMESPACE, &message))
        .collect();
    Link {
        record,
        bundle,
        request: None,
        display: None,
        statements: vec![],
    }
}

/// A scope with one grant that fills every field.
pub fn scope() -> Scope {
    let commit = |text: &str| CommitmentKey::new([7; 32]).commit("t", text.as_bytes());
    let named = |name: &str| {
        vec![Named {
            name: name.into(),
            value: commit(name),
        }]
    };
    let context = Context {
        engine: "opentofu".into(),
        engine_minor: "1.12".into(),
        fingerprint: STACK.into(),
        lineage: "l".into(),
        mode: RunMode::Normal,
        targets: vec!["a.b".into()],
        excludes: vec!["c.d".into()],
        replaces: vec!["e.f".into()],
        lock: Digest::of(b"lock"),
        providers: vec!["p".into()],
        bindings: named("binding"),
        ephemeral: named("ephemeral"),
        targeting: named("targeting"),
    };
    let key = InstanceKey::root("database", "main");
    let grant = Grant {
        subject: Subject::Resource(key),
        action: Action::Update,
        object: Object::Remote {
            provider: "p".into(),
            kind: "database".into(),
            id: commit("id"),
        },
        previous: Some(InstanceKey::root("database", "old")),
        provider: Some(Binding {
            source: "p".into(),
            configuration: "p.east".into(),
            resolved: commit("resolved"),
        }),
        paths: vec![PathChange {
            path: vec![crate::address::Index::Key("size".into())],
            before: Side::Value {
                committed: commit("before"),
            },
            after: Side::Unknown,
            sensitive: false,
            open: Some(Digest::of(b"open")),
        }],
        guards: vec![Guard {
            setting: "prevent_destroy".into(),
            text: Digest::of(b"true"),
        }],
        after: vec![Subject::Output("x".into())],
        exec: vec![Exec {
            provisioner: "local-exec".into(),
            when: "create".into(),
            text: Digest::of(b"echo"),
            files: vec![FileDigest {
                path: "a.sh".into(),
                content: Some(Digest::of(b"sh")),
            }],
        }],
    };
    let scope = Scope::new(context, vec![grant], Some(Digest::of(b"after"))).unwrap();
    // Every fixture has an encoding of its own.
    assert!(canonical::encode(&scope).is_ok());
    scope
}
