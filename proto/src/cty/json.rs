//! The JSON form, in which state is stored and handed back to be upgraded.
//!
//! Numbers stay the text that was stored. An attribute that is missing is null,
//! because a newer schema may have added it; one that the type does not have is
//! refused, because dropping it silently could lose what a user stored.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{CtyError, MAX_DEPTH, Number, Step, Type, Value, nfc, number::Form};

impl Value {
    /// Reads JSON text as a value of type `ty`.
    pub fn from_json_text(ty: &Type, text: &[u8]) -> Result<Self, CtyError> {
        let json =
            serde_json::from_slice(text).map_err(|error| CtyError::Json(error.to_string()))?;
        Self::from_json(ty, &json)
    }

    /// Reads a JSON value as a value of type `ty`.
    pub fn from_json(ty: &Type, json: &Json) -> Result<Self, CtyError> {
        decode(ty, json, 0)
    }

    /// Writes the value, which must be wholly known, as JSON.
    pub fn to_json(&self) -> Result<Json, CtyError> {
        Ok(match self {
            Value::Null => Json::Null,
            Value::Unknown(_) => return Err(CtyError::UnknownInJson),
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Number(number) => Json::Number(json_number(number)?),
            Value::String(text) => Json::String(text.clone()),
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => Json::Array(
                elements
                    .iter()
                    .map(Value::to_json)
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(entries) | Value::Object(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.to_json()?)))
                    .collect::<Result<_, CtyError>>()?,
            ),
            Value::Dynamic(dynamic) => {
                let ty: Json = serde_json::from_str(&dynamic.0.to_json())
                    .map_err(|error| CtyError::Json(error.to_string()))?;
                Json::Object(
                    [
                        ("type".to_owned(), ty),
                        ("value".to_owned(), dynamic.1.to_json()?),
                    ]
                    .into_iter()
                    .collect(),
                )
            }
        })
    }
}

fn json_number(number: &Number) -> Result<serde_json::Number, CtyError> {
    match number.form() {
        Form::Int(int) => Ok((*int).into()),
        Form::Uint(uint) => Ok((*uint).into()),
        // With arbitrary precision, a JSON number is the text it was parsed from.
        Form::Float(_) | Form::Text(_) => {
            serde_json::from_str(&number.text()).map_err(|error| CtyError::Json(error.to_string()))
        }
    }
}

fn decode(ty: &Type, json: &Json, depth: usize) -> Result<Value, CtyError> {
    if depth > MAX_DEPTH {
        return Err(CtyError::TooDeep);
    }
    let mismatch = || CtyError::Mismatch {
        expected: ty.to_string(),
        found: kind(json).to_owned(),
    };
    Ok(match (ty, json) {
        (_, Json::Null) => Value::Null,
        (Type::Bool, Json::Bool(bool)) => Value::Bool(*bool),
        // Older providers stored these as text; the engines accept both.
        (Type::Bool, Json::String(text)) => match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(mismatch()),
        },
        (Type::Number, Json::Number(number)) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => int.into(),
            (None, Some(uint)) => uint.into(),
            (None, None) => Number::parse(&number.to_string())?.into(),
        },
        (Type::Number, Json::String(text)) => Number::parse(text)?.into(),
        (Type::String, Json::String(text)) => Value::from(text.as_str()),
        (Type::String, Json::Number(number)) => Value::String(number.to_string()),
        (Type::String, Json::Bool(bool)) => Value::String(bool.to_string()),
        (Type::Dynamic, Json::Object(pair)) => {
            let inner = Type::read(pair.get("type").ok_or_else(mismatch)?, depth)?;
            let value = decode(&inner, pair.get("value").ok_or_else(mismatch)?, depth + 1)?;
            Value::Dynamic(Box::new((inner, value)))
        }
        (Type::List(element), Json::Array(elements)) => {
            Value::List(decode_all(element, elements, depth)?)
        }
        (Type::Set(element), Json::Array(elements)) => {
            Value::Set(decode_all(element, elements, depth)?)
        }
        (Type::Tuple(types), Json::Array(elements)) => {
            if types.len() != elements.len() {
                return Err(CtyError::WrongLength {
                    expected: types.len(),
                    found: elements.len(),
                });
            }
            let values = types
                .iter()
                .zip(elements)
                .enumerate()
                .map(|(index, (ty, json))| {
                    decode(ty, json, depth + 1).map_err(|error| error.under(Step::Index(index)))
                });
            Value::Tuple(values.collect::<Result<_, _>>()?)
        }
        (Type::Map(element), Json::Object(entries)) => Value::Map(
            entries
                .iter()
                .map(|(key, json)| {
                    let value = decode(element, json, depth + 1)
                        .map_err(|error| error.under(Step::Key(key.clone())))?;
                    Ok((nfc(key).into_owned(), value))
                })
                .collect::<Result<_, CtyError>>()?,
        ),
        (Type::Object(attributes), Json::Object(entries)) => {
            if let Some(unknown) = entries.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(CtyError::UnknownAttribute(unknown.clone()));
            }
            let mut object = BTreeMap::new();
            for (name, ty) in attributes {
                let value = match entries.get(name) {
                    None => Value::Null,
                    Some(json) => decode(ty, json, depth + 1)
                        .map_err(|error| error.under(Step::Attribute(name.clone())))?,
                };
                object.insert(name.clone(), value);
            }
            Value::Object(object)
        }
        _ => return Err(mismatch()),
    })
}

fn decode_all(element: &Type, elements: &[Json], depth: usize) -> Result<Vec<Value>, CtyError> {
    elements
        .iter()
        .enumerate()
        .map(|(index, json)| {
            decode(element, json, depth + 1).map_err(|error| error.under(Step::Index(index)))
        })
        .collect()
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for text in [
            "0.1",
            "18446744073709551616",
            "3.14159265358979323846264338327950288",
            "1e300",
            "-7",
        ] {
            let value = Value::from_json_text(&Type::Number, text.as_bytes()).expect(text);
            assert_eq!(value, Value::from(Number::parse(text).expect(text)));
            let back = value.to_json().expect("known").to_string();
            assert_eq!(Number::parse(&back), Number::parse(text), "{back}");
        }
    }

    #[test]
    fn a_missing_attribute_is_null_and_a_foreign_one_is_refused() {
        let ty = Type::object([("a", Type::String), ("b", Type::Bool)]);
        assert_eq!(
            Value::from_json_text(&ty, br#"{"a":"x"}"#),
            Ok(Value::object([("a", "x".into()), ("b", Value::Null)]))
        );
        assert_eq!(
            Value::from_json_text(&ty, br#"{"a":"x","c":1}"#),
            Err(CtyError::UnknownAttribute("c".to_owned()))
        );
    }

    #[test]
    fn hostile_state_is_refused() {
        let deep = format!(
            "{}null{}",
            r#"{"type":"dynamic","value":"#.repeat(100),
            "}".repeat(100)
        );
        let cases = [
            (Type::String, "{"),
            (Type::String, "[]"),
            (Type::Bool, r#""yes""#),
            (Type::Number, r#""0x10""#),
            (Type::list(Type::String), r#"{"0":"x"}"#),
            (Type::Tuple(vec![Type::String]), "[]"),
            (Type::Dynamic, r#""bare""#),
            (Type::Dynamic, r#"{"value":1}"#),
            (Type::Dynamic, deep.as_str()),
        ];
        for (ty, text) in cases {
            assert!(
                Value::from_json_text(&ty, text.as_bytes()).is_err(),
                "`{text}` was read as {ty}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\",:a-z0-9.eE+-]{0,60}") {
            let ty = Type::object([("a", Type::Dynamic), ("b", Type::list(Type::Number))]);
            for ty in [ty, Type::Dynamic, Type::Number, Type::map(Type::String)] {
                // What is accepted can be written in the other form, and read back.
                if let Ok(value) = Value::from_json_text(&ty, text.as_bytes()) {
                    let bytes = value.to_msgpack(&ty).expect("fits its type");
                    prop_assert_eq!(Value::from_msgpack(&ty, &bytes), Ok(value));
                }
            }
            let _ = Type::from_json(text.as_bytes());
        }

        #[test]
        fn every_number_reads_back(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?") {
            let value = Value::from_json_text(&Type::Number, text.as_bytes()).expect("a number");
            let again = value.to_json().expect("known").to_string();
            prop_assert_eq!(Value::from_json_text(&Type::Number, again.as_bytes()), Ok(value));
        }
    }

    #[test]
    fn unknown_values_have_no_json() {
        assert_eq!(
            Value::list([Value::unknown()]).to_json(),
            Err(CtyError::UnknownInJson)
        );
    }
}
