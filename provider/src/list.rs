//! Checking texts one by one, each at its own path, so that the engine underlines the one that is wrong.
//!
//! Any part may be unknown: it comes from a resource that does not exist yet. What is unknown is passed over, and the
//! engine asks again when it is known.

use crate::wording::shown;
use std::collections::BTreeMap;
use tfplugin_proto::{AttributePath, Diagnostic, Diagnostics, Value};

/// A text of the configuration, and where it stands.
pub type Item<'v> = (AttributePath, &'v Value);

/// The one text of an attribute; none when it is left out.
pub fn one<'v>(config: &'v Value, attribute: &str) -> impl Iterator<Item = Item<'v>> {
    let value = config.get(attribute);
    let path = AttributePath::from(attribute);
    (!value.is_null()).then_some((path, value)).into_iter()
}

/// The texts of a list attribute.
pub fn of<'v>(config: &'v Value, attribute: &str) -> impl Iterator<Item = Item<'v>> {
    let path = AttributePath::from(attribute);
    let elements = config.get(attribute).elements().iter().enumerate();
    elements.map(move |(index, value)| (path.clone().index(index), value))
}

/// Holds each text to `check`, which returns what the text stands for: two texts that stand for the same are a repeat.
pub fn check<'v>(
    items: impl Iterator<Item = Item<'v>>,
    check: impl Fn(&str) -> Result<String, Diagnostic>,
) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut seen = BTreeMap::new();
    for (path, value) in items {
        let text = match value {
            Value::String(text) => text,
            Value::Null => {
                found.push(null(path));
                continue;
            }
            _ => continue,
        };
        match check(text) {
            Err(diagnostic) => found.push(diagnostic.at(path)),
            Ok(meaning) => {
                if let Some(first) = seen.get(&meaning) {
                    found.push(
                        Diagnostic::error(
                            format!("{} is listed twice", shown(&meaning)),
                            format!("It stands at `{first}` already. Leave this one out."),
                        )
                        .at(path),
                    );
                } else {
                    seen.insert(meaning, path);
                }
            }
        }
    }
    found
}

/// Refuses a list that is known to be empty, saying why and what to write.
pub fn empty(config: &Value, attribute: &str, why: &str) -> Diagnostics {
    match config.get(attribute) {
        Value::List(elements) if elements.is_empty() => {
            Diagnostic::error(format!("`{attribute}` is empty"), why)
                .at(attribute)
                .into()
        }
        _ => Diagnostics::new(),
    }
}

fn null(path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        format!("`{path}` is null"),
        "Every entry needs a value. Give one, or leave the entry out.",
    )
    .at(path)
}
