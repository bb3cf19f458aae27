//! Values of resources and outputs, as the engine's JSON carries them.
//!
//! A value here is what was planned, not how it is shown: nothing in this module prints one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::json::{self, JsonError, Listener};
use super::number;

/// A value. Two values are the same planned value if, and only if, they are equal.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    /// The canonical decimal text: `1.0`, `1e0` and `1` are all `1`.
    Number(String),
    String(String),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
    /// Decided at apply. Only a planned value has it, never one that was read from JSON alone.
    Unknown,
}

impl Value {
    /// Reads one JSON document.
    pub fn read(text: &str) -> Result<Value, JsonError> {
        let mut builder = Builder::default();
        json::walk(text, &mut builder)?;
        // A document is exactly one value; the reader has refused everything else.
        Ok(builder.done.unwrap_or(Value::Null))
    }

    /// The planned value: `known`, with every place that `unknown` marks decided at apply.
    ///
    /// Engines leave unknown places out of `known`, or write null for them in lists. Where the two shapes do not fit
    /// together the place counts as unknown, which is the more careful reading.
    pub fn planned(known: Value, unknown: &Value) -> Value {
        match (known, unknown) {
            (known, Value::Null | Value::Bool(false)) => known,
            (Value::Object(mut fields), Value::Object(marks)) => {
                for (key, mark) in marks {
                    match fields.remove(key) {
                        Some(field) => {
                            fields.insert(key.clone(), Value::planned(field, mark));
                        }
                        None if has_mark(mark) => {
                            fields.insert(key.clone(), Value::planned_without_known(mark));
                        }
                        None => {}
                    }
                }
                Value::Object(fields)
            }
            (Value::List(items), Value::List(marks)) if items.len() == marks.len() => Value::List(
                items
                    .into_iter()
                    .zip(marks)
                    .map(|(item, mark)| Value::planned(item, mark))
                    .collect(),
            ),
            // A container of marks without any mark says that everything is known.
            (known, Value::Object(_) | Value::List(_)) if !has_mark(unknown) => known,
            (Value::Null, marks @ (Value::Object(_) | Value::List(_))) => {
                Value::planned_without_known(marks)
            }
            _ => Value::Unknown,
        }
    }

    /// The planned value where the engine wrote nothing known at all.
    fn planned_without_known(marks: &Value) -> Value {
        match marks {
            Value::Object(fields) => Value::planned(
                Value::Object(BTreeMap::new()),
                &Value::Object(fields.clone()),
            ),
            _ => Value::Unknown,
        }
    }

    /// Whether nothing inside is decided at apply.
    pub fn is_known(&self) -> bool {
        match self {
            Value::Unknown => false,
            Value::List(items) => items.iter().all(Value::is_known),
            Value::Object(fields) => fields.values().all(Value::is_known),
            _ => true,
        }
    }

    /// The field of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(fields) => fields.get(key),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Whether a tree of marks (`after_unknown`, `after_sensitive`) marks anything. Anything but booleans, lists and
/// objects is no tree of marks and counts as a mark.
pub(crate) fn has_mark(marks: &Value) -> bool {
    match marks {
        Value::Null | Value::Bool(false) => false,
        Value::List(items) => items.iter().any(has_mark),
        Value::Object(fields) => fields.values().any(has_mark),
        _ => true,
    }
}

/// Shows the shape and never the content: values may be secrets, and debug output ends in logs.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("Null"),
            Value::Bool(_) => f.write_str("Bool(..)"),
            Value::Number(_) => f.write_str("Number(..)"),
            Value::String(_) => f.write_str("String(..)"),
            Value::List(items) => write!(f, "List({} items)", items.len()),
            Value::Object(fields) => write!(f, "Object({} fields)", fields.len()),
            Value::Unknown => f.write_str("Unknown"),
        }
    }
}

/// Builds a value from what the JSON reader tells.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Option<Value>,
}

enum Open {
    List(Vec<Value>),
    Object(BTreeMap<String, Value>, String),
}

impl Builder {
    fn value(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Object(fields, key)) => {
                fields.insert(std::mem::take(key), value);
            }
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(items)) => self.value(Value::List(items)),
            Some(Open::Object(fields, _)) => self.value(Value::Object(fields)),
            None => {}
        }
    }
}

impl Listener for Builder {
    fn null(&mut self) {
        self.value(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.value(Value::Bool(value));
    }
    fn number(&mut self, text: &str) {
        self.value(Value::Number(number::canonical(text)));
    }
    fn string(&mut self, text: Cow<'_, str>) {
        self.value(Value::String(text.into_owned()));
    }
    fn begin_list(&mut self) {
        self.open.push(Open::List(Vec::new()));
    }
    fn end_list(&mut self) {
        self.close();
    }
    fn begin_object(&mut self) {
        self.open.push(Open::Object(BTreeMap::new(), String::new()));
    }
    fn key(&mut self, key: &str) {
        if let Some(Open::Object(_, next)) = self.open.last_mut() {
            key.clone_into(next);
        }
    }
    fn end_object(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Value {
        Value::read(text).expect(text)
    }

    #[test]
    fn json_becomes_values() {
        assert_eq!(read("null"), Value::Null);
        assert_eq!(read(" true "), Value::Bool(true));
        assert_eq!(read("1e400"), Value::Number("1e400".into()));
        assert_eq!(
            read(r#""a\u00e9\ud83d\ude00\/""#),
            Value::String("aé😀/".into())
        );
        let Value::Object(fields) = read(r#"{"b":[1,[],{}],"a":{"":null}}"#) else {
            panic!("an object")
        };
        assert_eq!(
            fields["b"],
            Value::List(vec![
                Value::Number("1".into()),
                Value::List(vec![]),
                Value::Object(BTreeMap::new())
            ])
        );
        assert_eq!(fields["a"].get(""), Some(&Value::Null));
    }

    #[test]
    fn equality_is_exact() {
        for (a, b, equal) in [
            ("1", "1.0", true),
            ("1e2", "100", true),
            ("1", r#""1""#, false),
            ("0", "false", false),
            ("null", r#""""#, false),
            ("null", "{}", false),
            ("[]", "{}", false),
            ("[1,2]", "[2,1]", false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#, true),
            (r#"{"a":null}"#, "{}", false),
            ("18446744073709551617", "18446744073709551616", false),
        ] {
            assert_eq!(read(a) == read(b), equal, "{a} and {b}");
        }
    }

    #[test]
    fn unknown_places_are_laid_over_known_ones() {
        let unknown = |fields: &[&str]| {
            Value::Object(
                fields
                    .iter()
                    .map(|f| ((*f).to_owned(), Value::Unknown))
                    .collect(),
            )
        };
        for (known, marks, planned) in [
            ("{}", "{}", read("{}")),
            ("1", "false", read("1")),
            ("null", "true", Value::Unknown),
            ("{}", r#"{"id":true}"#, unknown(&["id"])),
            ("{}", r#"{"id":false,"tags":{},"rules":[]}"#, read("{}")),
            (
                "{}",
                r#"{"a":{"b":true}}"#,
                Value::Object([("a".to_owned(), unknown(&["b"]))].into()),
            ),
            (
                r#"{"a":null}"#,
                r#"{"a":{"b":true}}"#,
                Value::Object([("a".to_owned(), unknown(&["b"]))].into()),
            ),
            (
                r#"["x",null]"#,
                "[false,true]",
                Value::List(vec![Value::String("x".into()), Value::Unknown]),
            ),
            // Shapes that contradict each other widen.
            (r#"["x"]"#, "[false,true]", Value::Unknown),
            (r#""x""#, r#"{"b":true}"#, Value::Unknown),
            (r#"{"a":1}"#, "[true]", Value::Unknown),
            (r#"{"a":1}"#, r#""yes""#, Value::Unknown),
            (r#"{"a":1}"#, "1", Value::Unknown),
            (r#"["x"]"#, "[]", read(r#"["x"]"#)),
            (r#"["x"]"#, "{}", read(r#"["x"]"#)),
        ] {
            let got = Value::planned(read(known), &read(marks));
            assert!(got == planned, "{known} with {marks}");
        }
    }

    #[test]
    fn debug_output_shows_no_content() {
        let text = format!("{:?}", read(r#"{"password":"hunter2","pin":1234}"#));
        assert_eq!(text, "Object(2 fields)");
        assert!(
            !format!("{:?}", [read(r#""hunter2""#), read("1234")])
                .contains(|c: char| c.is_ascii_digit())
        );
    }

    /// Threads have 2 MiB of stack here, less than the program's own.
    #[test]
    fn the_deepest_value_is_harmless_in_every_operation() {
        let depth = json::MAX_DEPTH;
        for text in [
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)),
        ] {
            let value = read(&text);
            assert!(value == value.clone() && value.is_known());
            let marks = read(&text.replace('1', "true"));
            assert_eq!(
                Value::planned(value, &marks).is_known(),
                !text.contains('1')
            );
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(text in "[\\[\\]{}\",:\\\\ut0-9a-fnl.eE+\\- ]{0,60}") {
            let _ = Value::read(&text);
        }

        #[test]
        fn overlaying_any_two_shapes_never_panics(a in shape(), b in shape()) {
            let planned = Value::planned(a.clone(), &b);
            prop_assert_eq!(planned.is_known(), !has_mark(&b));
        }
    }

    fn shape() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Number("1".into())),
            Just(Value::String("x".into())),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::Object),
            ]
        })
    }
}
