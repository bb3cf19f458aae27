use super::*;
use crate::{digest::CommitmentKey, fixture};

type Edit = (&'static str, fn(&mut Scope));

fn other() -> Commitment {
    CommitmentKey::new([9; 32]).commit("t", b"other")
}

/// Every field of context and grant, changed by itself, and how the difference is named.
const EDITS: &[Edit] = &[
    ("context: engine differs", |s| {
        s.context.engine = "terraform".into()
    }),
    ("context: engine_minor differs", |s| {
        s.context.engine_minor = "1.13".into()
    }),
    ("context: fingerprint differs", |s| {
        s.context.fingerprint.push('x')
    }),
    ("context: lineage differs", |s| s.context.lineage.clear()),
    ("context: mode differs", |s| {
        s.context.mode = RunMode::Destroy
    }),
    ("context: targets differs", |s| s.context.targets.clear()),
    ("context: excludes differs", |s| s.context.excludes.clear()),
    ("context: replaces differs", |s| s.context.replaces.clear()),
    ("context: lock differs", |s| {
        s.context.lock = Digest::of(b"x")
    }),
    ("context: providers differs", |s| {
        s.context.providers.clear()
    }),
    ("context: bindings differs", |s| {
        s.context.bindings[0].value = other()
    }),
    ("context: ephemeral differs", |s| {
        s.context.ephemeral[0].name = "x".into()
    }),
    ("context: targeting differs", |s| {
        s.context.targeting.clear()
    }),
    ("authority: the declarations differ", |s| {
        s.authority_after = None
    }),
    ("authority: the declarations differ", |s| {
        s.authority_after = Some(Digest::of(b"x"))
    }),
    (
        "database.main: update in place was approved and is no longer planned",
        |s| s.grants.clear(),
    ),
    (
        "database.more: update in place is not in the approval",
        |s| {
            let mut more = s.grants[0].clone();
            more.subject = Subject::Resource(InstanceKey::root("database", "more"));
            s.grants.push(more);
        },
    ),
    (
        "drift of database.main: update in place is not in the approval",
        |s| s.grants[0].subject = Subject::Drift(InstanceKey::root("database", "main")),
    ),
    ("approved to update in place, planned to delete", |s| {
        s.grants[0].action = Action::Delete
    }),
    ("the object is another", |s| {
        s.grants[0].object = Object::Absent
    }),
    ("the object is another", |s| {
        s.grants[0].object = Object::Import { id: other() }
    }),
    ("the previous address is another", |s| {
        s.grants[0].previous = None
    }),
    ("the provider binding is another", |s| {
        s.grants[0].provider = None
    }),
    ("the provider binding is another", |s| {
        s.grants[0].provider.as_mut().unwrap().configuration = "p.west".into()
    }),
    ("the provider binding is another", |s| {
        s.grants[0].provider.as_mut().unwrap().resolved = other()
    }),
    ("size no longer changes", |s| s.grants[0].paths.clear()),
    ("[0] changes too", |s| {
        let mut more = s.grants[0].paths[0].clone();
        more.path = vec![Index::Number(0)];
        s.grants[0].paths.push(more);
    }),
    ("size changes otherwise", |s| {
        s.grants[0].paths[0].before = Side::Null
    }),
    ("size changes otherwise", |s| {
        s.grants[0].paths[0].before = Side::Absent
    }),
    ("size changes otherwise", |s| {
        s.grants[0].paths[0].after = Side::Value { committed: other() }
    }),
    ("size changes otherwise", |s| {
        s.grants[0].paths[0].open = Some(Digest::of(b"x"))
    }),
    ("size changes otherwise", |s| {
        s.grants[0].paths[0].sensitive = true
    }),
    ("its guards differ", |s| s.grants[0].guards.clear()),
    ("its guards differ", |s| {
        s.grants[0].guards[0].text = Digest::of(b"false")
    }),
    ("its order to other effects differs", |s| {
        s.grants[0].after.clear()
    }),
    ("the commands it runs differ", |s| s.grants[0].exec.clear()),
    ("the commands it runs differ", |s| {
        s.grants[0].exec[0].text = Digest::of(b"rm")
    }),
    ("the commands it runs differ", |s| {
        s.grants[0].exec[0].files[0].content = None
    }),
];

#[test]
fn every_change_changes_the_digest_and_is_named() {
    let approved = fixture::scope();
    assert_eq!(beyond(&approved, &approved), Vec::<String>::new());
    let mut seen = std::collections::BTreeSet::from([approved.digest().unwrap()]);
    for (n, (message, edit)) in EDITS.iter().enumerate() {
        let mut found = approved.clone();
        edit(&mut found);
        assert!(
            seen.insert(found.digest().unwrap()),
            "case {n}: the digest is that of another scope"
        );
        let lines = beyond(&approved, &found);
        assert!(
            lines.iter().any(|l| l.contains(message)),
            "case {n}: {lines:?}"
        );
        // And from the other side: what was approved and is gone is a difference too.
        assert!(!beyond(&found, &approved).is_empty(), "case {n}");
    }
}

#[test]
fn two_grants_for_one_subject_refuse_and_order_leaves_no_trace() {
    let scope = fixture::scope();
    let twice = vec![scope.grants[0].clone(), scope.grants[0].clone()];
    let refused = Scope::new(scope.context.clone(), twice, None).unwrap_err();
    assert!(refused.to_string().contains("two grants for database.main"));
    let mut more = scope.grants[0].clone();
    more.subject = Subject::Output("main".into());
    let of = |grants| {
        Scope::new(scope.context.clone(), grants, None)
            .unwrap()
            .digest()
            .unwrap()
    };
    assert_eq!(
        of(vec![more.clone(), scope.grants[0].clone()]),
        of(vec![scope.grants[0].clone(), more])
    );
}

#[test]
fn subjects_that_look_alike_are_different_grants() {
    let with = |index: Index| {
        let mut key = InstanceKey::root("a", "b");
        key.index = Some(index);
        Subject::Resource(key)
    };
    let mut deposed = InstanceKey::root("a", "b");
    deposed.deposed = Some("00".into());
    let subjects = [
        with(Index::Number(0)),
        with(Index::Key("0".into())),
        Subject::Resource(InstanceKey::root("a", "b")),
        Subject::Drift(InstanceKey::root("a", "b")),
        Subject::Resource(deposed),
        Subject::Output("a.b".into()),
        Subject::Other("a.b".into()),
        Subject::Removed("a.b".into()),
        Subject::GuardDropped("a.b".into()),
    ];
    let grant = &fixture::scope().grants[0];
    let grants = subjects.map(|subject| Grant {
        subject,
        ..grant.clone()
    });
    let scope = Scope::new(fixture::scope().context, grants.to_vec(), None).unwrap();
    assert_eq!(scope.grants.len(), grants.len());
    let encoded: std::collections::BTreeSet<_> = grants
        .iter()
        .map(|g| canonical::encode_part(g).unwrap())
        .collect();
    assert_eq!(encoded.len(), grants.len());
}
