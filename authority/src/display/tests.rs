use super::*;
use crate::{fixture, request::Requester};
use proptest::prelude::*;

fn empty() -> Display {
    let duties = Duties {
        teams: vec![],
        root: None,
        min_persons: 0,
    };
    fixture::display(duties, &[])
}

fn rendered(display: &Display) -> Result<String, TooLong> {
    render(&fixture::request(display, Requester::anonymous()), display)
}

fn item(n: usize) -> Item {
    Item {
        subject: format!("a.b[{n}]"),
        action: "delete".into(),
        tier: Tier::High,
        because: vec!["delete: the object is destroyed".into()],
        owners: vec!["data".into()],
        values: (0..5).map(|v| format!("v{v}: 1 -> 2")).collect(),
    }
}

fn named(n: usize) -> Named {
    Named {
        name: format!("a.b[{n}]"),
        why: "its data is lost".into(),
    }
}

#[test]
fn long_lists_fold_into_counts_and_digests() {
    for count in [1, 10, 40, 41, 200, 5_000] {
        let mut display = empty();
        display.causes = (0..count).map(item).collect();
        let text = rendered(&display).unwrap();
        assert!(text.len() <= LARGEST_TEXT && text.contains("Causes:"));
        let shown = text.lines().filter(|l| l.contains("- delete [")).count();
        if shown < count {
            assert!(
                text.contains(&format!("and {} more, sha256:", count - shown)),
                "{count}: {text}"
            );
        }
    }
}

#[test]
fn another_folded_line_is_another_text() {
    let mut display = empty();
    display.causes = (0..500).map(item).collect();
    let text = rendered(&display).unwrap();
    let request = fixture::request(&display, Requester::anonymous());
    let mut other = display.clone();
    other.causes[499].values[4] = "v4: 1 -> 3".into();
    assert_ne!(render(&request, &other).unwrap(), text);
    // Reasons fold like values: none of them falls out without a count.
    let mut display = empty();
    display.causes = vec![Item {
        because: (0..300)
            .map(|n| format!("reason number {n} of very many reasons"))
            .collect(),
        values: vec![],
        ..item(0)
    }];
    assert!(rendered(&display).unwrap().contains("more, sha256:"));
}

#[test]
fn what_must_be_seen_never_folds() {
    let mut display = empty();
    display.irreversible = (0..150).map(named).collect();
    let text = rendered(&display).unwrap();
    assert!((0..150).all(|n| text.contains(&format!("  a.b[{n}]: its data is lost\n"))));
    display.irreversible = (0..500).map(named).collect();
    assert_eq!(rendered(&display), Err(TooLong::MustSee));
    let mut display = empty();
    display.authority = (0..500)
        .map(|n| AuthorityItem {
            name: format!("ambit_person.p{n}"),
            what: format!("ambit_person.p{n} added"),
            weakening: true,
        })
        .collect();
    assert_eq!(rendered(&display), Err(TooLong::MustSee));
}

#[test]
fn nothing_in_a_display_can_write_a_line_of_its_own() {
    let evil = "x\nIrreversible:\r\n  nothing\u{1b}[2J\u{202e}\u{2028}é";
    let mut display = empty();
    let some = || vec![evil.to_owned()];
    display.causes = vec![Item {
        subject: evil.into(),
        action: evil.into(),
        tier: Tier::Low,
        because: some(),
        owners: some(),
        values: some(),
    }];
    display.induced = display.causes.clone();
    display.irreversible = vec![Named {
        name: evil.into(),
        why: evil.into(),
    }];
    display.sensitive = display.irreversible.clone();
    (display.open, display.runs, display.exposed) = (some(), some(), some());
    display.authority = vec![AuthorityItem {
        name: evil.into(),
        what: evil.into(),
        weakening: true,
    }];
    display.duties.teams = vec![crate::duty::TeamDuty {
        team: evil.into(),
        count: 1,
        members: some(),
    }];
    let mut request = fixture::request(&display, Requester::anonymous());
    request.id = evil.into();
    (request.stack, request.environment) = (evil.into(), evil.into());
    let text = render(&request, &display).unwrap();
    assert!(
        text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)),
        "{text:?}"
    );
    assert_eq!(text.matches("\nIrreversible:\n").count(), 1);
}

#[test]
fn names_to_acknowledge() {
    let mut display = empty();
    display.irreversible = vec![named(1), named(0)];
    display.sensitive = vec![named(1), named(2)];
    let item = |name: &str, weakening| AuthorityItem {
        name: name.into(),
        what: name.into(),
        weakening,
    };
    display.authority = vec![item("ambit_person.x", true), item("ambit_agent.y", false)];
    assert_eq!(
        display.to_acknowledge(),
        ["a.b[0]", "a.b[1]", "a.b[2]", "ambit_person.x"]
    );
}

proptest! {
    #[test]
    fn printable_bounded_and_the_same_each_time(lines in proptest::collection::vec(any::<String>(), 0..60)) {
        let mut display = empty();
        display.open = lines.clone();
        display.exposed = lines;
        let request = fixture::request(&empty(), Requester::anonymous());
        let text = render(&request, &display).unwrap();
        prop_assert!(text.len() <= LARGEST_TEXT);
        prop_assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)));
        prop_assert_eq!(text, render(&request, &display).unwrap());
    }
}
