use super::*;
use crate::{
    bundle::{Bundle, Mode},
    fixture::{self, NOW, ORIGIN},
    request::Requester,
    tier::Tier,
};

fn pin(link: &Link) -> Digest {
    Digest::of_document(&link.record).unwrap()
}

/// A successor as a gate makes it, signed by `signers`, with room to forge.
struct Step {
    before: InForce,
    bundle: Bundle,
    display: Display,
    request: ChangeRequest,
    signers: Vec<&'static str>,
}

impl Step {
    fn new(
        before: &InForce,
        bundle: Bundle,
        requester: Requester,
        signers: &[&'static str],
    ) -> Self {
        Self::on(before, bundle, requester, signers, fixture::STACK)
    }

    fn on(
        before: &InForce,
        bundle: Bundle,
        requester: Requester,
        signers: &[&'static str],
        stack: &str,
    ) -> Self {
        let found = ratchet::differences(&before.bundle, &bundle).unwrap();
        let claims = authority_claims(&found, &before.bundle, stack);
        let environment = before.bundle.environment_of(stack);
        let duties = Duties::of(&claims, &before.bundle, environment, &requester);
        let display = fixture::display(duties, &found);
        let mut request = fixture::request(&display, requester);
        request.fingerprint = stack.into();
        request.tier = Tier::Critical;
        request.authority_n = before.n;
        request.authority_after = Some(Digest::of_document(&bundle).unwrap());
        Self {
            before: before.clone(),
            bundle,
            display,
            request,
            signers: signers.to_vec(),
        }
    }

    fn link(&self) -> Link {
        let mut request = self.request.clone();
        request.display_digest = Digest::of_document(&self.display).unwrap();
        let mut statements: Vec<String> = self
            .signers
            .iter()
            .map(|s| {
                fixture::envelope(&request, &fixture::predicate(&request, &self.display, s), s)
            })
            .collect();
        statements.sort_by_key(|e| statement::open(e.as_bytes()).unwrap().digest);
        Link {
            record: AuthorityRecord {
                origin: self.before.origin.clone(),
                n: self.before.n + 1,
                made_at: NOW,
                prev: Some(self.before.record_digest),
                bundle_digest: Digest::of_document(&self.bundle).unwrap(),
                request: Some(Digest::of_document(&request).unwrap()),
                log_key: self.before.log_key.clone(),
                signatures: vec![],
                statements: statements
                    .iter()
                    .map(|e| statement::open(e.as_bytes()).unwrap().digest)
                    .collect(),
            },
            bundle: self.bundle.clone(),
            request: Some(request),
            display: Some(self.display.clone()),
            statements,
        }
    }
}

fn founder(bundle: &Bundle) -> Requester {
    Requester::of_key(&fixture::key("alice"), bundle)
}

/// Record 0 with everything declared; the next change is of bob's keys, asked by the agent and owned by root.
fn start() -> (Link, InForce) {
    let zero = fixture::genesis(fixture::bundle(), &["alice"]);
    let force = verify(pin(&zero), std::slice::from_ref(&zero)).unwrap();
    (zero, force)
}

fn new_key() -> Bundle {
    let mut bundle = fixture::bundle();
    bundle.persons[1].keys[0].key = fixture::key("bob's second key");
    bundle
}

fn step(signers: &[&'static str]) -> (Link, Step) {
    let (zero, force) = start();
    let requester = Requester::of_key(&fixture::key("builder"), &force.bundle);
    (zero, Step::new(&force, new_key(), requester, signers))
}

fn refused(links: &[Link]) -> String {
    verify(pin(&links[0]), links).unwrap_err().to_string()
}

#[test]
fn the_first_record_needs_the_pin_and_the_root_threshold() {
    let (zero, force) = start();
    assert_eq!((force.n, force.origin.as_str()), (0, ORIGIN));
    assert_eq!(
        verify(pin(&zero), &[]).unwrap_err().to_string(),
        "there is no authority record"
    );
    let other = verify(Digest::of(b"another"), std::slice::from_ref(&zero)).unwrap_err();
    assert!(other.to_string().contains("the pin says"), "{other}");
    let mut two = fixture::bundle();
    two.root.persons = vec!["alice".into(), "bob".into()];
    two.root.threshold = 2;
    for (bundle, signers, message) in [
        (fixture::bundle(), vec![], "signed by 0 of 1 root persons"),
        (fixture::bundle(), vec!["bob"], "belongs to no root person"),
        (
            fixture::bundle(),
            vec!["alice", "mallory"],
            "belongs to no root person",
        ),
        (two.clone(), vec!["alice"], "signed by 1 of 2 root persons"),
        (
            two.clone(),
            vec!["alice", "alice"],
            "signed by 1 of 2 root persons",
        ),
    ] {
        assert!(
            refused(&[fixture::genesis(bundle, &signers)]).contains(message),
            "{message}"
        );
    }
    let link = fixture::genesis(two, &["alice", "bob"]);
    assert!(verify(pin(&link), &[link]).is_ok());
    // A signature over another first record does not move here.
    let mut moved = fixture::genesis(fixture::solo(), &["alice"]);
    moved.bundle = fixture::bundle();
    assert!(refused(&[moved.clone()]).contains("the bundle is not the one the record names"));
    moved.record.bundle_digest = Digest::of_document(&moved.bundle).unwrap();
    assert!(refused(&[moved]).contains("authority record 0"));
}

#[test]
fn a_successor_needs_what_the_bundle_before_demands() {
    let (zero, step) = step(&["alice"]);
    let force = verify(pin(&zero), &[zero.clone(), step.link()]).unwrap();
    assert_eq!((force.n, force.bundle), (1, new_key()));
    for signers in [&[][..], &["bob"], &["carol", "dave", "erin"], &["builder"]] {
        let (zero, mut step) = self::step(&["alice"]);
        step.signers = signers.to_vec();
        assert!(
            refused(&[zero, step.link()]).contains("signatures are missing: root"),
            "{signers:?}"
        );
    }
}

#[test]
fn a_new_key_does_not_sign_itself_in() {
    let (zero, force) = start();
    let mut bundle = fixture::bundle();
    bundle.persons[0].keys[0].key = fixture::key("mallory");
    let requester = Requester::of_key(&fixture::key("builder"), &force.bundle);
    let step = Step::new(&force, bundle, requester, &["mallory"]);
    assert!(refused(&[zero, step.link()]).contains("signatures are missing: root"));
}

#[test]
fn links_that_do_not_follow() {
    type Edit = fn(&mut Link);
    let edits: &[(&str, Edit)] = &[
        ("do not follow", |l| l.record.n = 2),
        ("do not follow", |l| l.record.n = 0),
        ("do not follow", |l| l.record.prev = None),
        ("do not follow", |l| l.record.prev = Some(Digest::of(b"x"))),
        ("do not follow", |l| l.record.origin = "ambit-1".into()),
        ("do not follow", |l| l.record.log_key = "another log".into()),
        ("the bundle is not the one", |l| {
            l.bundle = fixture::bundle()
        }),
        ("the bundle is not the one", |l| {
            l.record.bundle_digest = Digest::of(b"x")
        }),
        ("the request that brought it is missing", |l| {
            l.request = None
        }),
        ("the request that brought it is missing", |l| {
            l.display = None
        }),
        ("not one that brings this bundle", |l| {
            l.record.request = Some(Digest::of(b"x"))
        }),
        ("not one that brings this bundle", |l| {
            l.request.as_mut().unwrap().tier = Tier::Low
        }),
        ("not one that brings this bundle", |l| {
            l.display.as_mut().unwrap().salt = "1".into()
        }),
        ("the statements are not those", |l| l.statements.clear()),
        ("the statements are not those", |l| {
            l.record.statements.clear()
        }),
        ("the statements are not those", |l| {
            l.statements.push(l.statements[0].clone())
        }),
        ("not a DSSE envelope", |l| l.statements[0] = "{}".into()),
        // The statement was valid then; at the time of this record it is not.
        ("signatures are missing", |l| {
            l.record.made_at = NOW + 100_000
        }),
    ];
    for (n, (message, edit)) in edits.iter().enumerate() {
        let (zero, step) = step(&["alice"]);
        let mut link = step.link();
        edit(&mut link);
        let said = refused(&[zero, link]);
        assert!(said.contains(message), "case {n}: {said}");
    }
}

#[test]
fn statements_bring_one_record_and_not_a_second() {
    let (zero, step) = step(&["alice"]);
    let one = step.link();
    let force = verify(pin(&zero), &[zero.clone(), one.clone()]).unwrap();
    // Back to the first bundle, and again with the statements of record 1.
    let back = Step::new(&force, fixture::bundle(), founder(&force.bundle), &[]);
    let mut two = back.link();
    two.statements = one.statements.clone();
    two.record.statements = one.record.statements.clone();
    assert!(refused(&[zero.clone(), one.clone(), two]).contains("signatures are missing"));
    let mut again = one.clone();
    again.record.n = 2;
    again.record.prev = Some(force.record_digest);
    assert!(refused(&[zero, one, again]).contains("not one that brings this bundle"));
}

#[test]
fn a_weakening_the_text_does_not_show_in_full_is_refused() {
    type Edit = fn(&mut Display);
    let edits: &[Edit] = &[
        |d| d.authority.clear(),
        |d| d.authority[0].weakening = false,
        |d| d.authority[0].name = "ambit_person.carol".into(),
        // The name alone does not say whose key comes in.
        |d| d.authority[0].what = "ambit_person.bob changed: keys".into(),
    ];
    for (n, edit) in edits.iter().enumerate() {
        let (zero, mut step) = step(&["alice"]);
        edit(&mut step.display);
        let said = refused(&[zero, step.link()]);
        assert!(
            said.contains("the signed text does not show that ambit_person.bob changed"),
            "case {n}: {said}"
        );
    }
}

#[test]
fn a_second_declaration_of_one_name_cannot_hide() {
    let (zero, force) = start();
    let mut bundle = fixture::bundle();
    bundle.environments[0].critical = true;
    // Found first by whoever looks for alice; the comparison would see the last one, which is unchanged.
    let mut second = fixture::person("alice");
    second.keys[0].key = fixture::key("mallory");
    bundle.persons.insert(0, second);
    bundle.persons.swap(1, 2);
    let requester = Requester::of_key(&fixture::key("builder"), &force.bundle);
    let step = Step::new(&force, bundle, requester, &["alice"]);
    assert!(refused(&[zero, step.link()]).contains("not sorted"));
}

#[test]
fn nothing_changed_and_nobody_left() {
    let (zero, force) = start();
    let same = Step::new(
        &force,
        fixture::bundle(),
        founder(&force.bundle),
        &["alice"],
    );
    assert!(refused(&[zero.clone(), same.link()]).contains("it changes nothing"));
    let requester = Requester::of_key(&fixture::key("builder"), &force.bundle);
    let alone = Step::new(&force, fixture::solo(), requester.clone(), &["alice"]);
    assert!(refused(&[zero.clone(), alone.link()]).contains("only person alice would be left"));
    let mut rootless = fixture::bundle();
    rootless.persons.remove(0);
    let rootless = Step::new(&force, rootless, requester, &["alice"]);
    assert!(refused(&[zero, rootless.link()]).contains("root would lose a person"));
}

#[test]
fn who_asks_does_not_sign_except_alone() {
    let zero = fixture::genesis(fixture::solo(), &["alice"]);
    let force = verify(pin(&zero), std::slice::from_ref(&zero)).unwrap();
    let first = Step::new(
        &force,
        fixture::bundle(),
        founder(&force.bundle),
        &["alice"],
    )
    .link();
    let force = verify(pin(&zero), &[zero.clone(), first.clone()]).unwrap();
    let next = Step::new(&force, new_key(), founder(&force.bundle), &["alice"]);
    assert!(refused(&[zero, first, next.link()]).contains("signatures are missing: root"));
}

#[test]
fn an_unclaimed_stack_is_judged_here_as_at_the_gate() {
    // A team owns the declarations; for a stack that no environment names root answers all the same.
    let mut bundle = fixture::bundle();
    bundle
        .ownership
        .push(fixture::owned("people", "net", &["ambit_environment"]));
    let zero = fixture::genesis(bundle.clone(), &["alice"]);
    let force = verify(pin(&zero), std::slice::from_ref(&zero)).unwrap();
    let mut critical = bundle;
    critical.environments[0].mode = Mode::Observe;
    let requester = Requester::of_key(&fixture::key("builder"), &force.bundle);
    let step = Step::on(
        &force,
        critical,
        requester,
        &["alice"],
        "local:elsewhere#default",
    );
    assert!(verify(pin(&zero), &[zero.clone(), step.link()]).is_ok());
}

#[test]
fn people_of_other_teams_add_to_the_number_in_all_and_to_nothing_else() {
    let (zero, force) = start();
    let made = |signers: &[&'static str]| {
        let mut step = Step::new(&force, new_key(), Requester::anonymous(), signers);
        // The same request touches something of team `net`; nobody verified asked, so two must sign.
        let claims = [
            duty::Claimed {
                tier: Tier::Critical,
                owners: Default::default(),
            },
            duty::Claimed {
                tier: Tier::Medium,
                owners: ["net".to_owned()].into(),
            },
        ];
        let environment = force.bundle.environment_of(fixture::STACK);
        step.display.duties =
            Duties::of(&claims, &force.bundle, environment, &step.request.requester);
        verify(pin(&zero), &[zero.clone(), step.link()])
    };
    assert!(made(&["alice", "erin"]).is_ok());
    for signers in [
        &["alice"][..],
        &["erin", "carol"],
        &["alice", "mallory"],
        &["alice", "dave"],
    ] {
        assert!(
            made(signers)
                .unwrap_err()
                .to_string()
                .contains("signatures are missing"),
            "{signers:?}"
        );
    }
}

#[test]
fn one_more_record_is_judged_before_it_is_written_as_after() {
    let (zero, step) = step(&["alice"]);
    let link = step.link();
    let force = successor(&step.before, &link).unwrap();
    assert_eq!(
        force.record_digest,
        verify(pin(&zero), &[zero.clone(), link])
            .unwrap()
            .record_digest
    );
    let mut late = step.link();
    late.record.made_at = NOW + 100_000;
    assert!(successor(&step.before, &late).is_err());
}
