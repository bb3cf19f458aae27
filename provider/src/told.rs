//! What a user is told, as text, and what must hold of every resource whatever it is.

use proptest::{prelude::*, test_runner::TestRunner};
use tfplugin_proto::{Declaration, Diagnostics, Severity, Value, schema};

/// One case: attributes of the good configuration replaced by others.
pub type Case = Vec<(&'static str, Value)>;

/// A configuration: everything not named is left out.
pub fn config(resource: &impl Declaration, given: impl Into<Vec<(&'static str, Value)>>) -> Value {
    let empty = resource.schema().block.empty();
    let config = given
        .into()
        .into_iter()
        .fold(empty, |config, (name, value)| config.with(name, value));
    let fits = resource.schema().ty().check(&config);
    assert!(fits.is_ok(), "{fits:?}: {config:?}");
    config
}

/// Holds a resource to what every resource must do, and returns what it says to each bad case.
pub fn transcript(resource: &impl Declaration, good: Value, bad: Vec<Case>) -> String {
    assert_eq!(schema::problems(&resource.schema()), [""; 0]);
    assert_eq!(resource.validate(&good), Diagnostics::new());
    for unknown in with_unknowns(&good) {
        let told = resource.validate(&unknown);
        assert_eq!(told, Diagnostics::new(), "{unknown:?}");
    }
    never_panics(resource, &good);

    let mut out = String::new();
    for case in bad {
        let mut config = good.clone();
        for (name, value) in case {
            out.push_str(&format!("{name} = {}\n", written(&value)));
            config = config.with(name, value);
        }
        let fits = resource.schema().ty().check(&config);
        assert!(fits.is_ok(), "{fits:?}: {config:?}");
        let told = resource.validate(&config);
        assert!(told.has_errors(), "nothing said about {config:?}");
        for diagnostic in told.iter() {
            assert_eq!(diagnostic.severity, Severity::Error);
            let at = match &diagnostic.path {
                Some(path) => path.to_string(),
                None => "the block".to_owned(),
            };
            out.push_str(&format!(
                "  {at}: {}\n    {}\n",
                diagnostic.summary, diagnostic.detail
            ));
        }
    }
    out
}

fn written(value: &Value) -> String {
    let Ok(json) = value.to_json() else {
        return "(partly unknown)".to_owned();
    };
    let mut out = String::new();
    for c in json.to_string().chars() {
        match c {
            ' '..='~' => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    if out.len() > 160 {
        let middle = out.len() - 160;
        out.replace_range(80..out.len() - 80, &format!(" …{middle} more… "));
    }
    out
}

/// The value with each part made unknown in turn, and then all of it.
fn with_unknowns(value: &Value) -> Vec<Value> {
    let Value::Object(attributes) = value else {
        return parts(value);
    };
    let mut all = value.clone();
    let mut found = Vec::new();
    for (name, part) in attributes {
        all = all.with(name, Value::unknown());
        found.push(value.clone().with(name, Value::unknown()));
        found.extend(
            parts(part)
                .into_iter()
                .map(|part| value.clone().with(name, part)),
        );
    }
    found.push(all);
    found
}

fn parts(value: &Value) -> Vec<Value> {
    match value {
        Value::List(elements) => (0..elements.len())
            .flat_map(|at| {
                let inside = with_unknowns(&elements[at]);
                inside.into_iter().chain([Value::unknown()]).map(move |v| {
                    let mut elements = elements.clone();
                    elements[at] = v;
                    Value::List(elements)
                })
            })
            .collect(),
        Value::Map(entries) => entries
            .keys()
            .map(|key| {
                let mut entries = entries.clone();
                entries.insert(key.clone(), Value::unknown());
                Value::Map(entries)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Any text in any place: no panic, and nothing in the answer that a terminal would obey.
fn never_panics(resource: &impl Declaration, good: &Value) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let hostile = prop_oneof![any::<String>(), "[\u{0}-\u{1f}\u{202e}a-z0-9#:./]{0,80}"];
    let outcome = runner.run(&hostile, |text| {
        for diagnostic in resource.validate(&everywhere(good, &text)).iter() {
            for said in [&diagnostic.summary, &diagnostic.detail] {
                let printable = said.chars().all(|c| matches!(c, ' '..='~') || c == '…');
                prop_assert!(printable, "{said:?}");
            }
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn everywhere(value: &Value, text: &str) -> Value {
    let inside = |value: &Value| everywhere(value, text);
    match value {
        Value::String(_) => text.into(),
        Value::List(elements) => Value::list(elements.iter().map(inside)),
        Value::Map(entries) => Value::map(entries.values().map(|v| (text, inside(v)))),
        Value::Object(entries) => Value::object(entries.iter().map(|(k, v)| (k, inside(v)))),
        other => other.clone(),
    }
}
