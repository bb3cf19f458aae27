use super::*;
use crate::{
    display::Named,
    duty::Claimed,
    fixture::{self, NOW},
    request::Requester,
};
use proptest::prelude::*;

struct Case {
    bundle: Bundle,
    display: Display,
    request: ChangeRequest,
    tier: Tier,
    now: i64,
}

/// The agent asks for something irreversible of team `data`.
fn case() -> Case {
    let bundle = fixture::bundle();
    let requester = Requester::of_key(&fixture::key("builder"), &bundle);
    let claims = [Claimed {
        tier: Tier::High,
        owners: ["data".to_owned()].into(),
    }];
    let duties = Duties::of(
        &claims,
        &bundle,
        bundle.environment_of(fixture::STACK),
        &requester,
    );
    let mut display = fixture::display(duties, &[]);
    display.irreversible = vec![Named {
        name: "database.main".into(),
        why: "its data is lost".into(),
    }];
    let request = fixture::request(&display, requester);
    Case {
        bundle,
        display,
        request,
        tier: Tier::High,
        now: NOW,
    }
}

fn counts(case: &Case, predicate: &Predicate, signer: &str) -> Result<String, String> {
    counts_for(case, &case.request, predicate, signer)
}

fn counts_for(
    case: &Case,
    signed_for: &ChangeRequest,
    predicate: &Predicate,
    signer: &str,
) -> Result<String, String> {
    let envelope = fixture::envelope(signed_for, predicate, signer);
    let signed = open(envelope.as_bytes()).unwrap();
    signed.counts(&Judge {
        request: &case.request,
        request_digest: Digest::of_document(&case.request).unwrap(),
        bundle: &case.bundle,
        duties: &case.display.duties,
        display: &case.display,
        tier: case.tier,
        now: case.now,
    })
}

#[test]
fn an_approval_counts_for_its_person() {
    let case = case();
    let predicate = fixture::predicate(&case.request, &case.display, "carol");
    assert_eq!(counts(&case, &predicate, "carol"), Ok("carol".into()));
}

/// Each rule of docs/formats.md section 6, with what is said when it fails.
#[test]
fn each_rule_refuses_by_itself() {
    type Edit = fn(&mut Predicate);
    let edits: &[(&str, Edit)] = &[
        ("it is about another request (r-1)", |p| {
            p.request = "r-1".into()
        }),
        ("it is about another request (r-\\n\\u{202e})", |p| {
            p.request = "r-\n\u{202e}".into()
        }),
        ("it is meant for another history", |p| {
            p.audience = "ambit-0".into()
        }),
        ("nonce or scope digest differ", |p| p.nonce = "0".into()),
        ("nonce or scope digest differ", |p| {
            p.scope_digest = Digest::of(b"x")
        }),
        ("it names dave but the key belongs to carol", |p| {
            p.approver = "dave".into()
        }),
        ("it is not valid yet", |p| p.not_before = NOW + 1),
        ("it has expired", |p| p.expires = NOW),
        (
            "it was signed for tier medium, the change is high now",
            |p| p.tier = Tier::Medium,
        ),
        (
            "the text that was signed is not the text of this request",
            |p| p.text.push(' '),
        ),
        (
            "the text that was signed is not the text of this request",
            |p| p.text.clear(),
        ),
        ("`database.main` is not acknowledged", |p| {
            p.acknowledges.clear()
        }),
        ("`database.main` is not acknowledged", |p| {
            p.acknowledges = vec!["database.other".into()]
        }),
    ];
    for (message, edit) in edits {
        let case = case();
        let mut predicate = fixture::predicate(&case.request, &case.display, "carol");
        edit(&mut predicate);
        let refused = counts(&case, &predicate, "carol").unwrap_err();
        assert!(refused.contains(message), "{message}: {refused}");
    }
}

#[test]
fn keys_that_cannot_count() {
    let case = case();
    for (signer, message) in [
        (
            "builder",
            "belongs to agent builder; a workload's key never approves",
        ),
        ("stranger", "is not declared for any person"),
        ("bob", "sponsor of the agent that made the request"),
        (
            "erin",
            "erin is in none of the teams that must agree (data)",
        ),
        (
            "alice",
            "alice is in none of the teams that must agree (data)",
        ),
    ] {
        let predicate = fixture::predicate(&case.request, &case.display, signer);
        let refused = counts(&case, &predicate, signer).unwrap_err();
        assert!(refused.contains(message), "{signer}: {refused}");
        // Saying to be somebody who could count does not help.
        let predicate = fixture::predicate(&case.request, &case.display, "carol");
        assert!(counts(&case, &predicate, signer).is_err(), "{signer}");
    }
}

#[test]
fn judged_at_use_and_not_at_signing() {
    let predicate = |case: &Case| fixture::predicate(&case.request, &case.display, "carol");
    let mut graver = case();
    graver.tier = Tier::Critical;
    assert!(
        counts(&graver, &predicate(&graver), "carol")
            .unwrap_err()
            .contains("signed for tier high")
    );
    let mut milder = case();
    milder.tier = Tier::Low;
    assert!(counts(&milder, &predicate(&milder), "carol").is_ok());
    let mut late = case();
    late.now = late.request.expires;
    let mut long = predicate(&late);
    long.expires = i64::MAX >> 11;
    assert_eq!(counts(&late, &long, "carol").unwrap_err(), "it has expired");
    let mut gone = case();
    gone.bundle.persons.retain(|p| p.id != "carol");
    assert!(
        counts(&gone, &predicate(&gone), "carol")
            .unwrap_err()
            .contains("not declared")
    );
}

#[test]
fn same_words_about_another_request_do_not_count() {
    let case = case();
    let predicate = fixture::predicate(&case.request, &case.display, "carol");
    let mut other = case.request.clone();
    other.plan_digest = Digest::of(b"another plan");
    let refused = counts_for(&case, &other, &predicate, "carol").unwrap_err();
    assert!(refused.contains("about another request"), "{refused}");
}

#[test]
fn a_reject_needs_no_text_and_no_acknowledgement_but_standing() {
    let case = case();
    let mut predicate = fixture::predicate(&case.request, &case.display, "carol");
    predicate.decision = Decision::Reject;
    (predicate.text, predicate.acknowledges, predicate.tier) = (String::new(), vec![], Tier::Low);
    assert_eq!(counts(&case, &predicate, "carol"), Ok("carol".into()));
    predicate.approver = "bob".into();
    assert!(counts(&case, &predicate, "bob").is_err());
    predicate.approver = "erin".into();
    assert!(counts(&case, &predicate, "erin").is_err());
}

#[test]
fn alone_one_may_sign_ones_own_request() {
    let bundle = fixture::solo();
    let requester = Requester::of_key(&fixture::key("alice"), &bundle);
    let claims = [Claimed {
        tier: Tier::High,
        owners: Default::default(),
    }];
    let duties = Duties::of(
        &claims,
        &bundle,
        bundle.environment_of(fixture::STACK),
        &requester,
    );
    let display = fixture::display(duties, &[]);
    let mut case = Case {
        request: fixture::request(&display, requester),
        bundle,
        display,
        tier: Tier::High,
        now: NOW,
    };
    let predicate = fixture::predicate(&case.request, &case.display, "alice");
    assert_eq!(counts(&case, &predicate, "alice"), Ok("alice".into()));
    case.bundle.persons.push(fixture::person("bob"));
    assert!(
        counts(&case, &predicate, "alice")
            .unwrap_err()
            .contains("made the request")
    );
}

#[test]
fn payloads_in_another_spelling_are_no_statements() {
    let case = case();
    let predicate = fixture::predicate(&case.request, &case.display, "carol");
    let subject = Digest::of_document(&case.request).unwrap();
    let payload = String::from_utf8(predicate.payload(subject).unwrap()).unwrap();
    assert!(parse_payload(payload.as_bytes()).is_ok());
    let second = "\"subject\":[{\"digest\":{\"sha256\":\"00\"},\"name\":\"change-request\"},";
    for (from, to) in [
        ("{\"_type\"", "{ \"_type\""),
        ("in-toto.io/Statement/v1", "in-toto.io/Statement/v2"),
        ("change-decision:v1", "change-decision:v2"),
        ("\"v\":1", "\"v\":2"),
        ("\"name\":\"change-request\"", "\"name\":\"other\""),
        ("\"subject\":[", second),
        ("\"tier\":\"high\"", "\"extra\":true,\"tier\":\"high\""),
        ("\"tier\":\"high\"", "\"tier\":\"high\",\"tier\":\"high\""),
        ("\"sha256\":\"", "\"sha1\":\"00\",\"sha256\":\""),
        ("\"decision\":\"approve\"", "\"decision\":\"Approve\""),
    ] {
        let changed = payload.replacen(from, to, 1);
        assert_ne!(changed, payload, "{from}");
        assert!(parse_payload(changed.as_bytes()).is_err(), "{to}");
    }
}

proptest! {
    #[test]
    fn any_flipped_byte_is_no_statement(at in 0usize..2000, bit in 0u8..8) {
        let case = case();
        let predicate = fixture::predicate(&case.request, &case.display, "carol");
        let envelope = fixture::envelope(&case.request, &predicate, "carol");
        let mut bytes = envelope.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(signed) = open(&bytes) {
            // Armor and JSON leave some freedom (a line break, an escape); what was signed is the same to the byte.
            prop_assert_eq!(signed.digest, open(envelope.as_bytes()).unwrap().digest);
        }
    }

    #[test]
    fn never_panics(text in "[ -~]{0,200}") {
        let _ = open(text.as_bytes());
        let _ = parse_payload(text.as_bytes());
    }
}
