//! Types of values and their constraint syntax in JSON.
//!
//! A malformed type string panics the engine instead of reporting, so the only
//! way to make one is through [`Type`], and every emitted one parses back.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{CtyError, MAX_DEPTH, Value};

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Bool,
    Number,
    String,
    /// Whatever the configuration gives; the value brings its own type along.
    Dynamic,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(BTreeMap<String, Type>),
}

impl Type {
    pub fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    pub fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    pub fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }

    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::Object(
            attributes
                .into_iter()
                .map(|(name, ty)| (name.into(), ty))
                .collect(),
        )
    }

    /// The constraint as JSON text.
    pub fn to_json(&self) -> String {
        self.json().to_string()
    }

    fn json(&self) -> Json {
        match self {
            Type::Bool => "bool".into(),
            Type::Number => "number".into(),
            Type::String => "string".into(),
            Type::Dynamic => "dynamic".into(),
            Type::List(element) => Json::Array(vec!["list".into(), element.json()]),
            Type::Set(element) => Json::Array(vec!["set".into(), element.json()]),
            Type::Map(element) => Json::Array(vec!["map".into(), element.json()]),
            Type::Tuple(elements) => Json::Array(vec![
                "tuple".into(),
                Json::Array(elements.iter().map(Type::json).collect()),
            ]),
            Type::Object(attributes) => {
                let attributes = attributes
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty.json()))
                    .collect();
                Json::Array(vec!["object".into(), Json::Object(attributes)])
            }
        }
    }

    /// Reads a constraint. Optional object attributes, which only constraints in
    /// configuration have and values never do, are refused.
    pub fn from_json(text: &[u8]) -> Result<Self, CtyError> {
        let json =
            serde_json::from_slice(text).map_err(|error| CtyError::Json(error.to_string()))?;
        Self::read(&json, 0)
    }

    pub(crate) fn read(json: &Json, depth: usize) -> Result<Self, CtyError> {
        if depth > MAX_DEPTH {
            return Err(CtyError::TooDeep);
        }
        let malformed = || CtyError::Type(json.to_string().chars().take(80).collect());
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Type::Bool),
                "number" => Ok(Type::Number),
                "string" => Ok(Type::String),
                "dynamic" => Ok(Type::Dynamic),
                _ => Err(malformed()),
            },
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(kind), argument] => match (kind.as_str(), argument) {
                    ("list", element) => Ok(Type::list(Self::read(element, depth + 1)?)),
                    ("set", element) => Ok(Type::set(Self::read(element, depth + 1)?)),
                    ("map", element) => Ok(Type::map(Self::read(element, depth + 1)?)),
                    ("tuple", Json::Array(elements)) => Ok(Type::Tuple(
                        elements
                            .iter()
                            .map(|element| Self::read(element, depth + 1))
                            .collect::<Result<_, _>>()?,
                    )),
                    ("object", Json::Object(attributes)) => Ok(Type::Object(
                        attributes
                            .iter()
                            .map(|(name, ty)| Ok((name.clone(), Self::read(ty, depth + 1)?)))
                            .collect::<Result<_, CtyError>>()?,
                    )),
                    _ => Err(malformed()),
                },
                _ => Err(malformed()),
            },
            _ => Err(malformed()),
        }
    }

    /// Whether a `dynamic` is anywhere inside.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_dynamic(),
            Type::Tuple(elements) => elements.iter().any(Type::has_dynamic),
            Type::Object(attributes) => attributes.values().any(Type::has_dynamic),
        }
    }

    /// The value with every shape this type asks for, or where it does not fit:
    /// a value that passes encodes.
    pub fn check(&self, value: &Value) -> Result<(), CtyError> {
        value.to_msgpack(self).map(drop)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Type::Bool => f.write_str("a bool"),
            Type::Number => f.write_str("a number"),
            Type::String => f.write_str("a string"),
            Type::Dynamic => f.write_str("a value of any type"),
            Type::List(_) => f.write_str("a list"),
            Type::Set(_) => f.write_str("a set"),
            Type::Map(_) => f.write_str("a map"),
            Type::Tuple(_) => f.write_str("a tuple"),
            Type::Object(_) => f.write_str("an object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_read_back_as_written() {
        let cases = [
            (Type::String, r#""string""#),
            (Type::Dynamic, r#""dynamic""#),
            (
                Type::list(Type::set(Type::Bool)),
                r#"["list",["set","bool"]]"#,
            ),
            (Type::Tuple(vec![]), r#"["tuple",[]]"#),
            (
                Type::object([("b", Type::Number), ("a", Type::map(Type::String))]),
                r#"["object",{"a":["map","string"],"b":"number"}]"#,
            ),
        ];
        for (ty, text) in cases {
            assert_eq!(ty.to_json(), text);
            assert_eq!(Type::from_json(text.as_bytes()), Ok(ty));
        }
    }

    #[test]
    fn malformed_constraints_are_refused() {
        let deep = format!("{}\"string\"{}", r#"["list","#.repeat(100), "]".repeat(100));
        let hostile = [
            "",
            "null",
            "1",
            "{}",
            "[]",
            r#""text""#,
            r#"["list"]"#,
            r#"["list","string","string"]"#,
            r#"["tuple","string"]"#,
            r#"["object",["string"]]"#,
            r#"["object",{"a":"string"},["a"]]"#,
            r#"["map",{"a":"string"}]"#,
            r#"["list","string"] "trailing""#,
            deep.as_str(),
        ];
        for text in hostile {
            assert!(
                Type::from_json(text.as_bytes()).is_err(),
                "`{text}` was taken for a type"
            );
        }
    }
}
