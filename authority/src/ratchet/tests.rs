use super::*;
use crate::{bundle::*, fixture, key::PublicKey};

/// One edit and whether it weakens.
fn weakens(old: Bundle, edit: impl FnOnce(&mut Bundle)) -> (String, bool) {
    let mut new = old.clone();
    edit(&mut new);
    let found = differences(&old, &new.sorted()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    (found[0].declaration.clone(), found[0].weakening)
}

fn full() -> Bundle {
    let mut bundle = fixture::bundle();
    bundle.ownership[0].addresses = vec!["module.data".into()];
    bundle.ownership[0].tags = [("a".to_owned(), "b".to_owned())].into();
    bundle.ownership[0].stacks = vec![fixture::STACK.into()];
    bundle.rules = vec![ApprovalRule {
        id: "r".into(),
        tier: crate::tier::Tier::High,
        environments: vec!["production".into()],
        count: 2,
        min_persons: 3,
    }];
    bundle
}

fn key(name: &str) -> PublicKey {
    fixture::key(name)
}

type Edit = (&'static str, fn(&mut Bundle));

/// Every field of every declaration, changed in every way that is not proved to strengthen.
const WEAKENS: &[Edit] = &[
    ("root", |b| b.root.persons.push("bob".into())),
    ("root", |b| b.root.threshold = 2),
    ("settings", |b| b.settings.engine.kind = "terraform".into()),
    ("settings", |b| b.settings.engine.minor = "1.13".into()),
    ("settings", |b| b.settings.engine.binaries.clear()),
    ("settings", |b| {
        b.settings.environment_names.push("X".into())
    }),
    ("settings", |b| b.settings.tables_version = "u".into()),
    ("settings", |b| {
        b.settings.providers.push(ProviderSettings {
            source: "s".into(),
            version: "1".into(),
            hashes: vec![],
        })
    }),
    ("claims", |b| b.claims.clear()),
    ("claims", |b| b.claims[0].stack = "other".into()),
    ("ambit_person.mallory", |b| {
        b.persons.push(fixture::person("mallory"))
    }),
    ("ambit_person.erin", |b| drop(b.persons.remove(4))),
    ("ambit_person.bob", |b| {
        b.persons[1].keys.push(PersonKey {
            key: key("mallory"),
            assurance: Assurance::Software,
        })
    }),
    ("ambit_person.bob", |b| {
        b.persons[1].keys[0].key = key("mallory")
    }),
    ("ambit_person.bob", |b| {
        b.persons[1].keys[0].assurance = Assurance::Hardware
    }),
    ("ambit_person.bob", |b| b.persons[1].keys.clear()),
    ("ambit_team.data", |b| {
        b.teams[0].members.push("erin".into())
    }),
    ("ambit_team.data", |b| drop(b.teams[0].members.pop())),
    ("ambit_team.data", |b| drop(b.teams.remove(0))),
    ("ambit_team.ops", |b| {
        b.teams.push(Team {
            id: "ops".into(),
            members: vec!["bob".into()],
        })
    }),
    ("ambit_agent.builder", |b| {
        b.agents[0].sponsor = "erin".into()
    }),
    ("ambit_agent.builder", |b| {
        b.agents[0].keys.push(key("mallory"))
    }),
    ("ambit_agent.builder", |b| b.agents[0].keys.clear()),
    ("ambit_agent.other", |b| {
        b.agents.push(Agent {
            id: "other".into(),
            sponsor: "bob".into(),
            keys: vec![],
        })
    }),
    ("ambit_environment.production", |b| {
        b.environments[0].mode = Mode::Observe
    }),
    ("ambit_environment.production", |b| {
        b.environments[0].stacks.clear()
    }),
    ("ambit_environment.production", |b| b.environments.clear()),
    // Together with something that weakens, the strengthening counts for nothing.
    ("ambit_environment.production", |b| {
        b.environments[0].critical = true;
        b.environments[0].stacks.clear();
    }),
    ("ambit_ownership.db", |b| b.ownership[0].team = "net".into()),
    ("ambit_ownership.db", |b| b.ownership[0].addresses.clear()),
    ("ambit_ownership.db", |b| {
        b.ownership[0].types.push("role".into())
    }),
    ("ambit_ownership.db", |b| b.ownership[0].tags.clear()),
    ("ambit_ownership.db", |b| b.ownership[0].stacks.clear()),
    ("ambit_ownership.db", |b| b.ownership.clear()),
    ("ambit_ownership.more", |b| {
        b.ownership.push(fixture::owned("more", "net", &["x"]))
    }),
    ("ambit_approval_rule.r", |b| {
        b.rules[0].tier = crate::tier::Tier::Critical
    }),
    ("ambit_approval_rule.r", |b| b.rules[0].environments.clear()),
    ("ambit_approval_rule.r", |b| b.rules[0].count = 1),
    ("ambit_approval_rule.r", |b| b.rules[0].min_persons = 2),
    ("ambit_approval_rule.r", |b| {
        b.rules[0].min_persons = 9;
        b.rules[0].count = 1;
    }),
    ("ambit_approval_rule.r", |b| b.rules.clear()),
];

const STRENGTHENS: &[Edit] = &[
    ("ambit_agent.builder", |b| b.agents.clear()),
    ("ambit_environment.production", |b| {
        b.environments[0].critical = true
    }),
    ("ambit_ownership.db", |b| b.ownership[0].always = true),
    ("ambit_approval_rule.r", |b| b.rules[0].count = 3),
    ("ambit_approval_rule.r", |b| b.rules[0].min_persons = 4),
];

#[test]
fn everything_weakens_unless_proved() {
    for (n, (name, edit)) in WEAKENS.iter().enumerate() {
        assert_eq!(weakens(full(), edit), ((*name).into(), true), "case {n}");
    }
    for (n, (name, edit)) in STRENGTHENS.iter().enumerate() {
        assert_eq!(weakens(full(), edit), ((*name).into(), false), "case {n}");
    }
    // The other way round, what strengthened weakens.
    for (n, (name, edit)) in STRENGTHENS.iter().enumerate() {
        let mut stronger = full();
        edit(&mut stronger);
        let back = differences(&stronger, &full()).unwrap();
        assert_eq!(
            (back[0].declaration.as_str(), back[0].weakening),
            (*name, true),
            "case {n}"
        );
    }
    let observing = |b: &mut Bundle| b.environments[0].mode = Mode::Observe;
    let mut old = full();
    observing(&mut old);
    assert!(!weakens(old, |b| b.environments[0].mode = Mode::Enforce).1);
}

#[test]
fn no_difference_is_no_difference() {
    assert_eq!(differences(&full(), &full()), Ok(vec![]));
}

#[test]
fn a_change_no_field_shows_is_not_a_strengthening() {
    let (a, b) = (Value::from(1), Value::from(2));
    assert!(!strengthens(
        "ambit_environment.x",
        &What::Changed(vec![]),
        Some(&a),
        Some(&b)
    ));
}

#[test]
fn values_are_said_and_keys_by_their_fingerprint() {
    let mut new = full();
    new.persons[1].keys[0].key = key("mallory");
    let line = differences(&full(), &new).unwrap()[0].describe();
    assert!(
        line.starts_with("ambit_person.bob changed: keys [("),
        "{line}"
    );
    assert!(
        line.contains(&key("bob").fingerprint()) && line.contains(&key("mallory").fingerprint()),
        "{line}"
    );

    let mut new = full();
    new.teams[0].members = (0..200).map(|n| format!("person-{n:03}")).collect();
    let line = differences(&full(), &new).unwrap()[0].describe();
    assert!(line.len() < 900 && line.contains("... (sha256:"), "{line}");
}

#[test]
fn nobody_is_alone_again() {
    let (one, many) = (fixture::solo(), fixture::bundle());
    assert!(refused(&many, &one).unwrap().contains("alice"));
    assert_eq!(refused(&one, &many), None);
    assert_eq!(refused(&one, &one), None);
}
