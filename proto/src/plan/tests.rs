//! The rules of planning, and the pitfalls they are there for.

use proptest::prelude::*;

use super::*;
use crate::{
    cty::{Number, Type},
    schema::{Mode, problems},
};

fn same_ignoring_case(a: &Value, b: &Value) -> bool {
    matches!((a.as_str(), b.as_str()), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

/// One attribute of every behaviour.
fn block() -> Block {
    let rule = [
        ("name", Attribute::required(Type::String)),
        ("weight", Attribute::optional(Type::Number).default(10_i64)),
        ("serial", Attribute::computed(Type::String)),
        ("zone", Attribute::optional(Type::String).force_new()),
    ];
    let port = Block::new("")
        .attribute("number", Attribute::required(Type::Number))
        .attribute("handle", Attribute::computed(Type::String));
    Block::new("")
        .attribute("name", Attribute::required(Type::String).force_new())
        .attribute("note", Attribute::optional(Type::String))
        .attribute(
            "fqdn",
            Attribute::optional(Type::String).equivalent(same_ignoring_case),
        )
        .attribute("ttl", Attribute::optional(Type::Number).default(300_i64))
        .attribute(
            "id",
            Attribute::computed(Type::String).stable().never_null(),
        )
        .attribute("revision", Attribute::computed(Type::String))
        .attribute("digest", Attribute::computed(Type::String))
        .attribute("host", Attribute::optional_computed(Type::String))
        .attribute(
            "rules",
            Attribute::nested(Mode::Optional, Nesting::List, rule),
        )
        .block("port", NestedBlock::list(port))
}

/// What an engine proposes: the configuration, and where it is silent about a
/// computed attribute, the prior value.
fn proposed(block: &Block, prior: &Value, config: &Value) -> Value {
    fn attributes(
        of: &BTreeMap<String, Attribute>,
        prior: &Value,
        config: &Value,
    ) -> BTreeMap<String, Value> {
        let value = |(name, attribute): (&String, &Attribute)| {
            let (prior, config) = (prior.get(name), config.get(name));
            let value = match (&attribute.shape, config) {
                (_, Value::Null) if attribute.is_computed() => prior.clone(),
                (Shape::Nested(Nesting::List, nested), Value::List(elements)) => {
                    let element = |(index, config)| {
                        let prior = prior.elements().get(index).unwrap_or(&Value::Null);
                        Value::Object(attributes(nested, prior, config))
                    };
                    Value::List(elements.iter().enumerate().map(element).collect())
                }
                _ => config.clone(),
            };
            (name.clone(), value)
        };
        of.iter().map(value).collect()
    }
    let mut object = attributes(&block.attributes, prior, config);
    for (name, nested) in &block.blocks {
        let value = match config.get(name) {
            Value::List(elements) => {
                let element = |(index, config)| {
                    let prior = prior
                        .get(name)
                        .elements()
                        .get(index)
                        .unwrap_or(&Value::Null);
                    proposed(&nested.block, prior, config)
                };
                Value::List(elements.iter().enumerate().map(element).collect())
            }
            other => other.clone(),
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object)
}

/// Computes `digest` from `name` and `note`, as a resource would.
fn digest(change: &mut Change<'_>) -> Diagnostics {
    let (name, note) = (change.get("name").clone(), change.get("note").clone());
    if name.is_wholly_known() && note.is_wholly_known() {
        change.compute("digest", format!("{:?}/{:?}", name.as_str(), note.as_str()));
    }
    Diagnostics::new()
}

fn planned(prior: &Value, config: &Value) -> Planned {
    let block = block();
    plan(
        &block,
        prior,
        proposed(&block, prior, config),
        config,
        digest,
    )
}

#[track_caller]
fn planned_well(prior: &Value, config: &Value) -> Planned {
    let planned = planned(prior, config);
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
    planned
}

/// What the object becomes when everything unknown turns into text.
fn applied(planned: &Value) -> Value {
    match planned {
        Value::Unknown(_) => "assigned".into(),
        Value::List(elements) => elements
            .iter()
            .map(applied)
            .collect::<Vec<_>>()
            .into_iter()
            .collect(),
        Value::Object(attributes) => Value::Object(
            attributes
                .iter()
                .map(|(name, value)| (name.clone(), applied(value)))
                .collect(),
        ),
        known => known.clone(),
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        Value::list(elements)
    }
}

fn config(set: &[(&str, Value)]) -> Value {
    set.iter().fold(
        block().empty().with("name", "n"),
        |config, (name, value)| config.with(name, value.clone()),
    )
}

fn port(number: i64) -> Value {
    Value::object([("number", number.into()), ("handle", Value::Null)])
}

fn rule(name: &str) -> Value {
    Value::object([
        ("name", name.into()),
        ("weight", Value::Null),
        ("serial", Value::Null),
        ("zone", Value::Null),
    ])
}

#[test]
fn the_schema_of_these_tests_is_sound() {
    assert_eq!(problems(&crate::Schema::new(block())), Vec::<String>::new());
}

/// A computed attribute left null in the plan of a creation and filled at apply is
/// "was null, but now is": the engines hand it over null.
#[test]
fn pitfall_05_computed_attributes_are_unknown_when_created() {
    let config = config(&[
        ("port", [port(80)].into_iter().collect()),
        ("rules", [rule("a")].into_iter().collect()),
    ]);
    let value = planned_well(&Value::Null, &config).value;
    assert_eq!(value.get("id"), &Value::unknown_not_null());
    for name in ["revision", "host"] {
        assert!(value.get(name).is_unknown(), "{name}");
    }
    assert!(value.get("port").elements()[0].get("handle").is_unknown());
    assert!(value.get("rules").elements()[0].get("serial").is_unknown());
    // Known beforehand, so known in the plan.
    assert_eq!(value.get("digest").as_str(), Some(r#"Some("n")/None"#));
    assert_eq!(value.get("ttl").as_i64(), Some(300));
    assert_eq!(
        value.get("rules").elements()[0].get("weight").as_i64(),
        Some(10)
    );
    assert!(
        value.get("note").is_null(),
        "what is not computed stays as it is"
    );
}

#[test]
fn pitfall_05_a_change_makes_only_what_may_change_unknown() {
    let state = applied(&planned_well(&Value::Null, &config(&[])).value);
    let value = planned_well(&state, &config(&[("note", "new".into())])).value;
    assert_eq!(value.get("id").as_str(), Some("assigned"), "stable");
    assert!(value.get("revision").is_unknown());
    assert_eq!(
        value.get("digest").as_str(),
        Some(r#"Some("n")/Some("new")"#)
    );
}

#[test]
fn no_change_is_the_prior_state_exactly() {
    let full = config(&[
        ("port", [port(80), port(443)].into_iter().collect()),
        ("rules", [rule("a")].into_iter().collect()),
    ]);
    for config in [config(&[]), full] {
        let state = applied(&planned_well(&Value::Null, &config).value);
        let again = planned_well(&state, &config);
        let ty = block().ty();
        assert_eq!(again.value.to_msgpack(&ty), state.to_msgpack(&ty));
        assert_eq!(again.requires_replace, []);
    }
}

#[test]
fn taking_a_setting_away_returns_to_its_default() {
    let state = applied(&planned_well(&Value::Null, &config(&[("ttl", 60_i64.into())])).value);
    assert_eq!(state.get("ttl").as_i64(), Some(60));
    assert_eq!(
        planned_well(&state, &config(&[])).value.get("ttl").as_i64(),
        Some(300)
    );
}

/// Users keep what they wrote: an equivalent spelling changes nothing, and a plan
/// that rewrites is stopped here, by name, before the engine sees it.
#[test]
fn pitfall_06_what_the_user_wrote_is_never_rewritten() {
    let state = applied(
        &planned_well(
            &Value::Null,
            &config(&[("fqdn", "Web.Example.TEST".into())]),
        )
        .value,
    );
    assert_eq!(
        state.get("fqdn").as_str(),
        Some("Web.Example.TEST"),
        "as written, when created"
    );

    let other_case = planned_well(&state, &config(&[("fqdn", "web.example.test".into())]));
    assert_eq!(other_case.value, state, "another spelling is no change");
    let other_name = planned_well(&state, &config(&[("fqdn", "mail.example.test".into())]));
    assert_eq!(
        other_name.value.get("fqdn").as_str(),
        Some("mail.example.test")
    );

    let mut found = state.clone().with("fqdn", "web.example.test");
    keep_equivalent(&block(), &state, &mut found);
    assert_eq!(found, state, "nor is it drift");
    let mut found = state.clone().with("fqdn", "mail.example.test");
    keep_equivalent(&block(), &state, &mut found);
    assert_ne!(found, state, "but another name is");

    let block = block();
    let shouted = config(&[("note", "loud".into())]);
    let rewriting = plan(
        &block,
        &Value::Null,
        proposed(&block, &Value::Null, &shouted),
        &shouted,
        |change| {
            change.planned = change.planned.clone().with("note", "LOUD");
            Diagnostics::new()
        },
    );
    let told: Vec<_> = rewriting
        .diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.path.clone())
        .collect();
    assert_eq!(told, [AttributePath::from("note")]);
}

#[test]
fn a_resource_that_computes_what_is_not_its_own_is_told() {
    let block = block();
    let config = config(&[("host", "mine".into())]);
    let run = |compute: fn(&mut Change<'_>)| {
        plan(
            &block,
            &Value::Null,
            proposed(&block, &Value::Null, &config),
            &config,
            |change| {
                compute(change);
                Diagnostics::new()
            },
        )
    };
    assert!(
        run(|change| change.compute("name", "other"))
            .diagnostics
            .has_errors()
    );
    assert!(
        run(|change| change.compute("absent", "x"))
            .diagnostics
            .has_errors()
    );
    assert!(
        run(|change| change.compute("digest", true))
            .diagnostics
            .has_errors()
    );
    let configured = run(|change| change.compute("host", "theirs"));
    assert!(configured.diagnostics.is_empty());
    assert_eq!(
        configured.value.get("host").as_str(),
        Some("mine"),
        "the configuration stands"
    );
}

#[test]
fn only_a_real_change_replaces() {
    let zoned = |zone: &str| {
        config(&[(
            "rules",
            [rule("a").with("zone", zone)].into_iter().collect(),
        )])
    };
    let state = applied(&planned_well(&Value::Null, &zoned("one")).value);
    let cases = [
        (zoned("one"), vec![]),
        (zoned("one").with("note", "new"), vec![]),
        (
            zoned("one").with("name", "other"),
            vec![AttributePath::from("name")],
        ),
        (
            zoned("one").with("name", Value::unknown()),
            vec![AttributePath::from("name")],
        ),
        (
            zoned("two"),
            vec![AttributePath::from("rules").index(0).attribute("zone")],
        ),
        (config(&[]), vec![AttributePath::from("rules")]),
    ];
    for (config, expected) in cases {
        assert_eq!(planned_well(&state, &config).requires_replace, expected);
    }
    // Equal numbers in another form are no change either.
    let written = Number::parse("300.0").expect("a number");
    let state = applied(&planned_well(&Value::Null, &config(&[])).value);
    assert_eq!(
        planned_well(&state, &config(&[("ttl", written.into())])).value,
        state
    );
}

#[test]
fn a_dynamic_block_over_something_unknown_comes_back_as_it_is() {
    let config = config(&[("port", Value::unknown())]);
    assert_eq!(
        planned_well(&Value::Null, &config).value.get("port"),
        &Value::unknown()
    );
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(Value::unknown()),
        "[abAB]{1,2}".prop_map(Value::from)
    ]
}

prop_compose! {
    fn any_config()(
        name in prop_oneof![Just(Value::unknown()), "[ab]".prop_map(Value::from)],
        note in any_text(),
        fqdn in any_text(),
        host in any_text(),
        ttl in prop_oneof![Just(Value::Null), Just(Value::unknown()), (0_i64..3).prop_map(Value::from)],
        ports in prop::collection::vec(0_i64..3, 0..3),
        rules in prop::option::of(prop::collection::vec("[ab]", 0..3)),
    ) -> Value {
        config(&[
            ("name", name),
            ("note", note),
            ("fqdn", fqdn),
            ("host", host),
            ("ttl", ttl),
            ("port", ports.into_iter().map(port).collect()),
            ("rules", rules.map_or(Value::Null, |rules| rules.iter().map(|name| rule(name)).collect())),
        ])
    }
}

/// The configuration once everything in it is known.
fn resolved(config: &Value) -> Value {
    match config.get("ttl") {
        Value::Unknown(_) => applied(&config.clone().with("ttl", 7_i64)),
        _ => applied(config),
    }
}

/// Everything known in `first` is the same in `second`.
fn keeps(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::Unknown(_), _) => true,
        (Value::Object(a), Value::Object(b)) => a.iter().all(|(name, a)| keeps(a, &b[name])),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| keeps(a, b))
        }
        (a, b) => a == b,
    }
}

proptest! {
    /// The engines plan again at apply, with everything known, and refuse a plan
    /// that then says something else.
    #[test]
    fn pitfall_07_the_second_plan_says_what_the_first_said(before in any_config(), after in any_config()) {
        let prior = applied(&planned_well(&Value::Null, &resolved(&before)).value);
        for prior in [Value::Null, prior] {
            let first = planned_well(&prior, &after);
            let same = planned_well(&prior, &after);
            prop_assert_eq!(&first.value, &same.value);
            prop_assert_eq!(&first.requires_replace, &same.requires_replace);

            let second = planned_well(&prior, &resolved(&after));
            prop_assert!(keeps(&first.value, &second.value), "{:?}\nthen {:?}", first.value, second.value);

            let object = applied(&second.value);
            prop_assert_eq!(conform::apply_violations(&second.value, &object), vec![]);
            let settled = planned_well(&object, &resolved(&after));
            prop_assert_eq!(&settled.value, &object, "after apply there is nothing to do");
        }
    }
}

/// What is missing, foreign, different or still unknown after an apply is named.
#[test]
fn pitfall_08_an_applied_object_is_whole() {
    let config = config(&[("port", [port(80)].into_iter().collect())]);
    let planned = planned_well(&Value::Null, &config).value;
    let good = applied(&planned);
    assert_eq!(conform::apply_violations(&planned, &good), []);

    let without = |name: &str| match good.clone() {
        Value::Object(mut attributes) => {
            attributes.remove(name);
            Value::Object(attributes)
        }
        other => other,
    };
    let bad = [
        without("note"),
        without("port"),
        good.clone().with("extra", Value::Null),
        good.clone().with("name", "other"),
        good.clone().with("id", Value::Null),
        good.clone().with("id", Value::unknown()),
        good.clone().with("port", Value::list([])),
        good.clone().with("ttl", 301_i64),
        Value::Null,
    ];
    for object in bad {
        assert_ne!(
            conform::apply_violations(&planned, &object),
            [],
            "{object:?}"
        );
    }
    // An empty map is no object, and an object needs every attribute.
    let ty = block().ty();
    assert!(Value::map::<String>([]).to_msgpack(&ty).is_err());
    assert!(without("note").to_msgpack(&ty).is_err());
    assert!(good.to_msgpack(&ty).is_ok());
}
