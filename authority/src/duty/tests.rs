use super::*;
use crate::{bundle::*, fixture};
use proptest::prelude::*;

fn claim(tier: Tier, owners: &[&str]) -> Claimed {
    Claimed {
        tier,
        owners: owners.iter().map(|o| (*o).to_owned()).collect(),
    }
}

fn by(name: &str, bundle: &Bundle) -> Requester {
    match name {
        "anonymous" => Requester::anonymous(),
        name => Requester::of_key(&fixture::key(name), bundle),
    }
}

/// `team:count(members) …` and the minimum in all.
fn shown(claims: &[Claimed], bundle: &Bundle, requester: &str) -> String {
    let environment = bundle.environment_of(fixture::STACK);
    let duties = Duties::of(claims, bundle, environment, &by(requester, bundle));
    let teams: Vec<String> = duties
        .all()
        .map(|d| format!("{}:{}({})", d.team, d.count, d.members.join(",")))
        .collect();
    format!("{} min {}", teams.join(" "), duties.min_persons)
}

#[test]
fn defaults_by_tier_and_requester() {
    let bundle = fixture::bundle();
    let data = |tier| vec![claim(tier, &["data"])];
    for (claims, requester, expected) in [
        (vec![], "erin", " min 0"),
        (vec![], "anonymous", " min 0"),
        (data(Tier::Low), "erin", "data:1(bob,carol,dave) min 1"),
        (data(Tier::Medium), "erin", "data:1(bob,carol,dave) min 1"),
        (data(Tier::High), "erin", "data:1(bob,carol,dave) min 2"),
        (data(Tier::Critical), "erin", "data:2(bob,carol,dave) min 2"),
        // The person who asks, and the sponsor of the agent that asks, are no members here.
        (data(Tier::High), "carol", "data:1(bob,dave) min 2"),
        (data(Tier::High), "builder", "data:1(carol,dave) min 2"),
        (
            data(Tier::High),
            "anonymous",
            "data:1(bob,carol,dave) min 3",
        ),
        (
            data(Tier::High),
            "nobody-knows",
            "data:1(bob,carol,dave) min 3",
        ),
        // Root answers by its own threshold.
        (
            vec![claim(Tier::Critical, &[])],
            "bob",
            "root:1(alice) min 1",
        ),
        (vec![claim(Tier::Critical, &[])], "alice", "root:1() min 1"),
        (
            vec![claim(Tier::Critical, &[])],
            "anonymous",
            "root:1(alice) min 2",
        ),
        // The union over effects: the largest count of each team.
        (
            vec![
                claim(Tier::Medium, &["data"]),
                claim(Tier::Critical, &["data"]),
                claim(Tier::High, &["net"]),
            ],
            "alice",
            "data:2(bob,carol,dave) net:1(carol,erin) min 2",
        ),
        // A team that owns and is not declared can agree to nothing.
        (vec![claim(Tier::Low, &["gone"])], "erin", "gone:1() min 1"),
    ] {
        assert_eq!(
            shown(&claims, &bundle, requester),
            expected,
            "{claims:?} by {requester}"
        );
    }
}

#[test]
fn one_person_alone_counts_once_and_for_themselves() {
    let solo = fixture::solo();
    for requester in ["alice", "anonymous"] {
        assert_eq!(
            shown(&[claim(Tier::Critical, &[])], &solo, requester),
            "root:1(alice) min 1"
        );
    }
}

#[test]
fn rules_replace_the_default_in_their_environment() {
    let rule = |tier, environments: &[&str], count, min_persons| ApprovalRule {
        id: format!("r{count}{min_persons}"),
        tier,
        environments: environments.iter().map(|e| (*e).to_owned()).collect(),
        count,
        min_persons,
    };
    let shown = |rules: Vec<ApprovalRule>| {
        let bundle = Bundle {
            rules,
            ..fixture::bundle()
        };
        shown(&[claim(Tier::High, &["data"])], &bundle, "erin")
    };
    assert_eq!(
        shown(vec![rule(Tier::High, &[], 3, 3)]),
        "data:3(bob,carol,dave) min 3"
    );
    assert_eq!(
        shown(vec![rule(Tier::High, &["production"], 1, 1)]),
        "data:1(bob,carol,dave) min 1"
    );
    assert_eq!(
        shown(vec![rule(Tier::High, &["staging"], 3, 3)]),
        "data:1(bob,carol,dave) min 2"
    );
    assert_eq!(
        shown(vec![rule(Tier::Medium, &[], 3, 3)]),
        "data:1(bob,carol,dave) min 2"
    );
    // Two rules for one tier: the larger of each number.
    assert_eq!(
        shown(vec![
            rule(Tier::High, &[], 2, 2),
            rule(Tier::High, &[], 1, 3)
        ]),
        "data:2(bob,carol,dave) min 3"
    );
}

#[test]
fn an_unclaimed_stack_belongs_to_root_alone() {
    let bundle = fixture::bundle();
    let claims = [claim(Tier::Low, &["data"])];
    let duties = Duties::of(&claims, &bundle, None, &by("erin", &bundle));
    assert!(duties.teams.is_empty() && duties.root.is_some());
    assert_eq!(tier(&claims, None), Tier::Critical);
    assert_eq!(
        tier(&claims, bundle.environment_of(fixture::STACK)),
        Tier::Low
    );
    assert!(Duties::of(&[], &bundle, None, &by("erin", &bundle)).is_empty());
}

#[test]
fn duties_nobody_can_meet_say_so() {
    let bundle = fixture::bundle();
    let environment = bundle.environment_of(fixture::STACK);
    let of = |claims: &[Claimed], requester| {
        Duties::of(claims, &bundle, environment, &by(requester, &bundle)).impossible()
    };
    assert_eq!(of(&[claim(Tier::High, &["data"])], "erin"), None);
    // Two members of a team of two, one of whom asked.
    assert_eq!(
        of(&[claim(Tier::Critical, &["net"])], "erin").as_deref(),
        Some(
            "team net needs 2 persons but only 1 person of its members can count for this request"
        )
    );
    assert_eq!(
        of(&[claim(Tier::High, &["net"])], "erin").as_deref(),
        Some(
            "2 persons are needed but 1 can count: the members of team net outside the requester set"
        )
    );
    assert!(
        of(&[claim(Tier::Low, &["gone"])], "erin")
            .unwrap()
            .starts_with("team gone needs 1 person")
    );
    assert!(
        of(&[claim(Tier::Low, &[])], "alice")
            .unwrap()
            .starts_with("root needs 1 person")
    );
}

#[test]
fn what_is_missing() {
    let bundle = fixture::bundle();
    let environment = bundle.environment_of(fixture::STACK);
    let claims = [claim(Tier::High, &["data"]), claim(Tier::High, &["net"])];
    let duties = Duties::of(&claims, &bundle, environment, &by("alice", &bundle));
    let missing = |names: &[&str]| duties.missing(&names.iter().map(|n| (*n).to_owned()).collect());
    assert_eq!(
        missing(&[]),
        [
            "team data: 1 person of bob, carol, dave",
            "team net: 1 person of carol, erin"
        ]
    );
    // Carol is in both teams and is one person all the same.
    assert_eq!(
        missing(&["carol"]),
        ["1 person more, so that 2 persons agree in all"]
    );
    assert_eq!(
        missing(&["carol", "alice"]),
        ["1 person more, so that 2 persons agree in all"]
    );
    assert_eq!(missing(&["bob", "erin"]), Vec::<String>::new());
}

#[test]
fn authority_belongs_to_the_owners_of_the_declaration_and_else_to_root() {
    let mut old = fixture::bundle();
    old.ownership
        .push(fixture::owned("people", "net", &["ambit_person"]));
    let mut new = old.clone();
    new.persons[1].keys[0].key = fixture::key("mallory");
    new.root.threshold = 2;
    new.environments[0].critical = true;
    let found = crate::ratchet::differences(&old, &new).unwrap();
    let claims = authority_claims(&found, &old, fixture::STACK);
    let of = |name: &str| {
        let n = found.iter().position(|d| d.declaration == name).unwrap();
        (
            claims[n].tier,
            claims[n].owners.iter().cloned().collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        of("ambit_person.bob"),
        (Tier::Critical, vec!["net".to_owned()])
    );
    assert_eq!(of("root"), (Tier::Critical, vec![]));
    assert_eq!(of("ambit_environment.production"), (Tier::High, vec![]));
}

proptest! {
    /// Adding an effect never asks for less: whoever satisfies the whole satisfies every part.
    #[test]
    fn the_whole_never_undercuts_a_part(
        tiers in proptest::collection::vec((0..4usize, 0..8usize), 1..6),
        cut in 0..6usize,
        threshold in 1..3u32,
        requester in 0..4usize,
        approved in proptest::collection::btree_set(0..5usize, 0..6),
    ) {
        let mut bundle = fixture::bundle();
        bundle.root = Root { persons: vec!["alice".into(), "bob".into()], threshold };
        let owners = [&[][..], &["data"], &["net"], &["data", "net"], &["gone"], &[], &["net"], &["data"]];
        let tier = [Tier::Low, Tier::Medium, Tier::High, Tier::Critical];
        let claims: Vec<Claimed> = tiers.iter().map(|(t, o)| claim(tier[*t], owners[*o])).collect();
        let people = ["alice", "bob", "carol", "dave", "erin"];
        let approved: BTreeSet<String> = approved.into_iter().map(|n| people[n].to_owned()).collect();
        let requester = by(["anonymous", "erin", "builder", "alice"][requester], &bundle);
        let environment = bundle.environment_of(fixture::STACK);
        let whole = Duties::of(&claims, &bundle, environment, &requester);
        let part = Duties::of(&claims[..cut.min(claims.len())], &bundle, environment, &requester);
        if whole.missing(&approved).is_empty() {
            prop_assert_eq!(part.as_part_of(&whole).missing(&approved), Vec::<String>::new());
        }
        // Nobody of the requester set is ever among those who can count.
        for (person, _) in requester.excluded() {
            prop_assert!(whole.acting_for(&person).is_empty());
        }
    }
}
