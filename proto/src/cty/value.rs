//! A value: known, null, or unknown until something has been applied.

use std::{borrow::Cow, collections::BTreeMap};

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::{Number, Type};

/// A value of some [`Type`]. Containers say their own kind, so that a decoded
/// value can be read without its type at hand.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    /// Known only after apply, with what is promised of it already.
    Unknown(Box<Refinement>),
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    /// Without meaningful order; equality ignores it.
    Set(Vec<Value>),
    Tuple(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Object(BTreeMap<String, Value>),
    /// A value of an attribute of type `dynamic`, with the type it brought.
    Dynamic(Box<(Type, Value)>),
}

/// What is already certain of an unknown value. It is a promise: a value outside
/// it is an error at apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refinement {
    /// `Some(true)`: certainly null. `Some(false)`: certainly not null.
    pub null: Option<bool>,
    /// The text it starts with.
    pub prefix: Option<String>,
    /// Lower and upper bound; true where the bound itself is possible.
    pub minimum: Option<(Number, bool)>,
    pub maximum: Option<(Number, bool)>,
    /// Bounds of the number of elements.
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
}

static NULL: Value = Value::Null;

impl Value {
    /// Unknown, and nothing is promised.
    pub fn unknown() -> Self {
        Self::Unknown(Box::default())
    }

    /// Unknown, but certainly not null, so that `x == null` is known at plan.
    pub fn unknown_not_null() -> Self {
        Self::Unknown(Box::new(Refinement {
            null: Some(false),
            ..Refinement::default()
        }))
    }

    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Object(
            attributes
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }

    pub fn map<N: AsRef<str>>(elements: impl IntoIterator<Item = (N, Value)>) -> Self {
        let composed = |(key, value): (N, Value)| (nfc(key.as_ref()).into_owned(), value);
        Self::Map(elements.into_iter().map(composed).collect())
    }

    pub fn list(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    pub fn set(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::Set(elements.into_iter().collect())
    }

    pub fn is_null(&self) -> bool {
        match self {
            Value::Dynamic(dynamic) => dynamic.1.is_null(),
            _ => matches!(self, Value::Null),
        }
    }

    pub fn is_unknown(&self) -> bool {
        match self {
            Value::Dynamic(dynamic) => dynamic.1.is_unknown(),
            _ => matches!(self, Value::Unknown(_)),
        }
    }

    /// Neither this value nor anything inside it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Value::Unknown(_) => false,
            Value::Dynamic(dynamic) => dynamic.1.is_wholly_known(),
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
                elements.iter().all(Value::is_wholly_known)
            }
            Value::Map(elements) | Value::Object(elements) => {
                elements.values().all(Value::is_wholly_known)
            }
            _ => true,
        }
    }

    /// An attribute of an object; null when there is none of that name, or when
    /// this is no object.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Value::Object(attributes) => attributes.get(name).unwrap_or(&NULL),
            _ => &NULL,
        }
    }

    /// This object with one attribute replaced. Anything else is returned as is.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(attributes) = &mut self {
            attributes.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The elements of a list, set or tuple; none for anything else.
    pub fn elements(&self) -> &[Value] {
        match self {
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => elements,
            _ => &[],
        }
    }

    /// The entries of a map or object; `None` for anything else.
    pub fn entries(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Map(entries) | Value::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Equal, and it does not matter what is promised of unknown parts. The
    /// engines compare plans with configuration this way.
    pub fn same(&self, other: &Value) -> bool {
        self.canonical(false) == other.canonical(false)
    }

    /// One byte string for equal values: forms of numbers and the order of sets
    /// do not show. Not an encoding of the protocol.
    fn canonical(&self, refined: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_canonical(refined, &mut bytes);
        bytes
    }

    fn write_canonical(&self, refined: bool, out: &mut Vec<u8>) {
        // Each part carries its length, so that no two values run into one another.
        let text = |out: &mut Vec<u8>, tag: u8, text: &str| {
            out.push(tag);
            out.extend((text.len() as u64).to_be_bytes());
            out.extend(text.as_bytes());
        };
        let count = |out: &mut Vec<u8>, tag: u8, count: usize| {
            out.push(tag);
            out.extend((count as u64).to_be_bytes());
        };
        match self {
            Value::Null => out.push(b'0'),
            Value::Unknown(refinement) if refined => text(out, b'?', &format!("{refinement:?}")),
            Value::Unknown(_) => out.push(b'?'),
            Value::Bool(bool) => out.extend([b'b', u8::from(*bool)]),
            Value::Number(number) => text(out, b'n', &number.canonical()),
            Value::String(string) => text(out, b's', string),
            Value::List(elements) | Value::Tuple(elements) => {
                count(
                    out,
                    if matches!(self, Value::List(_)) {
                        b'l'
                    } else {
                        b't'
                    },
                    elements.len(),
                );
                elements
                    .iter()
                    .for_each(|element| element.write_canonical(refined, out));
            }
            Value::Set(elements) => {
                count(out, b'S', elements.len());
                let mut encoded: Vec<_> = elements
                    .iter()
                    .map(|element| element.canonical(refined))
                    .collect();
                encoded.sort();
                encoded.into_iter().for_each(|element| out.extend(element));
            }
            Value::Map(entries) | Value::Object(entries) => {
                count(
                    out,
                    if matches!(self, Value::Map(_)) {
                        b'm'
                    } else {
                        b'o'
                    },
                    entries.len(),
                );
                for (name, value) in entries {
                    text(out, b'k', name);
                    value.write_canonical(refined, out);
                }
            }
            Value::Dynamic(dynamic) => {
                text(out, b'd', &dynamic.0.to_json());
                dynamic.1.write_canonical(refined, out);
            }
        }
    }

    /// What kind of value this is, for messages. Never its content, which may be
    /// a secret.
    pub(crate) fn kind(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Value::Null => "null",
            Value::Unknown(_) => "an unknown value",
            Value::Bool(_) => "a bool",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Set(_) => "a set",
            Value::Tuple(_) => "a tuple",
            Value::Map(_) => "a map",
            Value::Object(_) => "an object",
            Value::Dynamic(_) => "a value with a type of its own",
        })
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Unknown(a), Value::Unknown(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => a == b,
            (Value::Set(a), Value::Set(b)) => {
                a.len() == b.len() && self.canonical(true) == other.canonical(true)
            }
            (Value::Map(a), Value::Map(b)) | (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Dynamic(a), Value::Dynamic(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// Text in the one spelling the engines use. They compose every string they touch,
/// so text from elsewhere that is compared, hashed or signed must be composed too.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc(text) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

/// Composed, as the engines would (see Unicode's NFC).
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(nfc(text).into_owned())
    }
}

/// Composed, as the engines would (see Unicode's NFC).
impl From<String> for Value {
    fn from(text: String) -> Self {
        match is_nfc(&text) {
            true => Self::String(text),
            false => Self::from(text.as_str()),
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<u64> for Value {
    fn from(uint: u64) -> Self {
        Self::Number(uint.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

/// `None` is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashed, signed and compared, text must be the same however it was typed.
    #[test]
    fn pitfall_17_text_is_composed_however_it_comes() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        assert_eq!(Value::from(decomposed).as_str(), Some(composed));
        assert_eq!(Value::from(decomposed.to_owned()).as_str(), Some(composed));
        assert_eq!(
            Value::map([(decomposed, true.into())]),
            Value::map([(composed, true.into())])
        );

        let msgpack = [&[0xa6][..], decomposed.as_bytes()].concat();
        assert_eq!(
            Value::from_msgpack(&Type::String, &msgpack),
            Ok(composed.into())
        );
        let entry = [&[0x81][..], &msgpack, &[0xc3]].concat();
        let map = Value::from_msgpack(&Type::map(Type::Bool), &entry);
        assert_eq!(map, Ok(Value::map([(composed, true.into())])));
        // Two spellings of one key are one key, twice.
        let both = [
            &[0x82][..],
            &msgpack,
            &[0xc3, 0xa5],
            composed.as_bytes(),
            &[0xc3],
        ]
        .concat();
        assert!(Value::from_msgpack(&Type::map(Type::Bool), &both).is_err());

        let json = format!("{{\"{decomposed}\":\"{decomposed}\"}}");
        let map = Value::from_json_text(&Type::map(Type::String), json.as_bytes());
        assert_eq!(map, Ok(Value::map([(composed, composed.into())])));
    }

    #[test]
    fn sets_have_no_order_and_lists_do() {
        let (ab, ba) = (["a".into(), "b".into()], ["b".into(), "a".into()]);
        assert_eq!(Value::set(ab.clone()), Value::set(ba.clone()));
        assert_ne!(Value::list(ab), Value::list(ba));
        assert_ne!(
            Value::set(["a".into(), "a".into()]),
            Value::set(["a".into(), "b".into()])
        );
        // Lengths are part of the comparison: no two values run into one another.
        assert_ne!(
            Value::set(["ab".into(), "c".into()]),
            Value::set(["a".into(), "bc".into()])
        );
    }
}
