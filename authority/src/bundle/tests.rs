use super::*;
use crate::fixture;

fn problems(edit: impl FnOnce(&mut Bundle)) -> Vec<String> {
    let mut bundle = fixture::bundle();
    edit(&mut bundle);
    bundle.check().iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_bundle_has_no_problem() {
    assert_eq!(problems(|_| {}), Vec::<String>::new());
}

type Case = (&'static str, fn(&mut Bundle));

const WRONG: &[Case] = &[
    ("root: person `bob2` is not declared", |b| {
        b.root.persons[0] = "bob2".into()
    }),
    ("root: threshold 0", |b| b.root.threshold = 0),
    ("root: threshold 2 of 1", |b| b.root.threshold = 2),
    ("root: threshold 2 of 1", |b| {
        b.root.persons.push("alice".into());
        b.root.threshold = 2;
    }),
    ("a key belongs to one principal", |b| {
        b.persons[1].keys = b.persons[0].keys.clone()
    }),
    ("a key belongs to one principal", |b| {
        b.agents[0].keys[0] = fixture::key("erin")
    }),
    ("ambit_person.bob: has no key", |b| {
        b.persons[1].keys.clear()
    }),
    ("is declared `hardware` but is not", |b| {
        b.persons[1].keys[0].assurance = Assurance::Hardware
    }),
    ("ambit_person.bob: declared twice", |b| {
        let mut second = fixture::person("bob");
        second.keys[0].key = fixture::key("mallory");
        b.persons.insert(2, second);
    }),
    // In an order of its own the second alice is no neighbour of the first.
    ("bundle: its lists are not sorted", |b| {
        let mut second = fixture::person("alice");
        second.keys[0].key = fixture::key("mallory");
        b.persons.push(second);
    }),
    ("bundle: its lists are not sorted", |b| b.teams.reverse()),
    ("ambit_team.data: has no members", |b| {
        b.teams[0].members.clear()
    }),
    ("ambit_team.data: member `zoe`", |b| {
        b.teams[0].members.push("zoe".into())
    }),
    ("member `dave` is listed twice", |b| {
        b.teams[0].members.push("dave".into())
    }),
    ("`root` is the name of the root persons", |b| {
        b.teams[1].id = "root".into()
    }),
    ("sponsor `zoe` is not declared", |b| {
        b.agents[0].sponsor = "zoe".into()
    }),
    ("belongs to `production` already", |b| {
        let mut other = b.environments[0].clone();
        other.id = "staging".into();
        b.environments.push(other);
    }),
    ("is claimed twice", |b| b.claims.push(b.claims[0].clone())),
    ("team `ops` is not declared", |b| {
        b.ownership[0].team = "ops".into()
    }),
    ("selects nothing", |b| b.ownership[0].types.clear()),
    ("is not an address", |b| {
        b.ownership[0].addresses.push("a b".into())
    }),
    ("ambit_person.Bob: a name starts", |b| {
        let mut person = fixture::person("bob");
        person.id = "Bob".into();
        person.keys[0].key = fixture::key("Bob");
        b.persons.insert(0, person);
    }),
];

#[test]
fn every_contradiction_is_named() {
    for (n, (message, edit)) in WRONG.iter().enumerate() {
        let found = problems(edit);
        assert!(
            found.iter().any(|p| p.contains(message)),
            "case {n}: {found:?}"
        );
    }
}

#[test]
fn the_closest_selector_owns_and_always_adds() {
    let mut bundle = fixture::bundle();
    let with = |id: &str, team: &str, edit: fn(&mut Ownership)| {
        let mut owned = fixture::owned(id, team, &[]);
        edit(&mut owned);
        owned
    };
    bundle.ownership = vec![
        with("a", "by-stack", |o| o.stacks = vec![fixture::STACK.into()]),
        with("b", "by-tag", |o| {
            o.tags = [("k".to_owned(), "v".to_owned())].into()
        }),
        with("c", "by-type", |o| o.types = vec!["db".into()]),
        with("d", "by-module", |o| o.addresses = vec!["module.m".into()]),
        with("e", "by-address", |o| {
            o.addresses = vec!["module.m.db.x".into()]
        }),
        with("f", "always", |o| {
            o.stacks = vec![fixture::STACK.into()];
            o.always = true;
        }),
    ];
    let at = |module: bool, kind: &str, tagged: bool, stack: &str| {
        let mut key = InstanceKey::root(kind, "x");
        if module {
            key.module = vec![crate::address::ModuleStep {
                name: "m".into(),
                key: None,
            }];
        }
        let tags: BTreeMap<String, String> = if tagged {
            [("k".to_owned(), "v".to_owned())].into()
        } else {
            BTreeMap::new()
        };
        bundle
            .owners(&key, &tags, stack)
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at(true, "db", true, fixture::STACK),
        ["always", "by-address"]
    );
    assert_eq!(
        at(true, "role", true, fixture::STACK),
        ["always", "by-module"]
    );
    assert_eq!(at(false, "db", true, fixture::STACK), ["always", "by-type"]);
    assert_eq!(
        at(false, "role", true, fixture::STACK),
        ["always", "by-tag"]
    );
    assert_eq!(
        at(false, "role", false, fixture::STACK),
        ["always", "by-stack"]
    );
    assert_eq!(at(false, "role", false, "elsewhere"), Vec::<String>::new());
}
