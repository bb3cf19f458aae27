//! One byte string per document: RFC 8785 order over a restricted JSON.
//!
//! Allowed are objects, arrays, strings, booleans and integers within ±2^53. JSON `null` and fractions are refused:
//! a missing field is left out, and an engine's numbers travel as tagged text. Whoever reads a document re-encodes it
//! and compares bytes, so duplicate keys, other orders, stray spaces and unknown fields all meet the same refusal.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use unicode_normalization::is_nfc;

/// Largest integer every JSON reader agrees on (2^53).
const SMALL: i64 = 1 << 53;
/// Documents of ours nest about ten levels; this leaves room and stops a hostile one early.
const DEPTH: usize = 64;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("not JSON of the expected shape: {0}")]
    Shape(String),
    #[error(
        "not in canonical form: the bytes differ from the one encoding of this document at byte {0}"
    )]
    NotCanonical(usize),
    #[error("`null` at `{0}`: a missing value is left out")]
    Null(String),
    #[error("number `{1}` at `{0}` is not an integer within ±2^53")]
    Number(String, String),
    #[error("text at `{0}` is not in Unicode NFC")]
    NotNfc(String),
    #[error("nested deeper than {DEPTH} levels")]
    Depth,
    #[error("document type is `{found}`, expected `{expected}` version 1")]
    Type {
        expected: &'static str,
        found: String,
    },
}

/// A document that carries its own name and version inside what is hashed.
pub trait Document: Serialize + DeserializeOwned {
    const TYPE: &'static str;
}

/// The canonical bytes of a document: its fields, plus `type` and `"v": 1`.
pub fn encode<D: Document>(document: &D) -> Result<Vec<u8>, Malformed> {
    let mut value = serde_json::to_value(document).map_err(|e| Malformed::Shape(e.to_string()))?;
    let Value::Object(fields) = &mut value else {
        return Err(Malformed::Shape("a document is an object".into()));
    };
    fields.insert("type".into(), Value::from(D::TYPE));
    fields.insert("v".into(), Value::from(1));
    encode_value(&value)
}

/// Reads a document back, refusing everything that is not byte for byte what [`encode`] writes.
pub fn decode<D: Document>(bytes: &[u8]) -> Result<D, Malformed> {
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|e| Malformed::Shape(e.to_string()))?;
    let Value::Object(fields) = &mut value else {
        return Err(Malformed::Shape("a document is an object".into()));
    };
    let found = fields.remove("type").unwrap_or_default();
    let version = fields.remove("v").unwrap_or_default();
    if found.as_str() != Some(D::TYPE) || version.as_i64() != Some(1) {
        let found = format!("{} version {version}", found.as_str().unwrap_or("(none)"));
        return Err(Malformed::Type {
            expected: D::TYPE,
            found,
        });
    }
    let document: D = serde_json::from_value(value).map_err(|e| Malformed::Shape(e.to_string()))?;
    same(bytes, &encode(&document)?)?;
    Ok(document)
}

/// Canonical bytes of any value made of the allowed kinds.
pub fn encode_value(value: &Value) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(512);
    write(value, &mut String::new(), 0, &mut out)?;
    Ok(out)
}

/// Canonical bytes of a part of a document, used where parts are hashed by themselves.
pub fn encode_part<T: Serialize>(part: &T) -> Result<Vec<u8>, Malformed> {
    encode_value(&serde_json::to_value(part).map_err(|e| Malformed::Shape(e.to_string()))?)
}

/// Refuses bytes that differ from the one encoding, naming the first byte that does.
pub fn same(received: &[u8], canonical: &[u8]) -> Result<(), Malformed> {
    if received == canonical {
        return Ok(());
    }
    let at = received
        .iter()
        .zip(canonical)
        .take_while(|(a, b)| a == b)
        .count();
    Err(Malformed::NotCanonical(at))
}

fn write(
    value: &Value,
    place: &mut String,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    if depth > DEPTH {
        return Err(Malformed::Depth);
    }
    match value {
        Value::Null => return Err(Malformed::Null(place.clone())),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Number(n) => {
            let small = n
                .as_i64()
                .filter(|i| i.abs() <= SMALL && i.to_string() == n.to_string());
            let i = small.ok_or_else(|| Malformed::Number(place.clone(), n.to_string()))?;
            out.extend_from_slice(i.to_string().as_bytes());
        }
        Value::String(s) => write_string(s, place, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                within(place, &i.to_string(), |place| {
                    write(item, place, depth + 1, out)
                })?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // RFC 8785 sorts by UTF-16 code units, which differs from byte order beyond the basic plane.
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                within(place, key, |place| {
                    write_string(key, place, out)?;
                    out.push(b':');
                    write(&fields[key], place, depth + 1, out)
                })?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn within<T>(place: &mut String, step: &str, f: impl FnOnce(&mut String) -> T) -> T {
    let length = place.len();
    place.push('/');
    place.push_str(step);
    let result = f(place);
    place.truncate(length);
    result
}

fn write_string(s: &str, place: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    if !is_nfc(s) {
        return Err(Malformed::NotNfc(place.to_owned()));
    }
    out.push(b'"');
    for c in s.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn one_encoding() {
        let cases = [
            (
                json!({"b": 1, "a": [true, "x"]}),
                r#"{"a":[true,"x"],"b":1}"#,
            ),
            // U+1F600 sorts before U+FB33 in UTF-16, after it in bytes.
            (
                json!({"\u{fb01}": 1, "\u{1f600}": 2}),
                "{\"\u{1f600}\":2,\"\u{fb01}\":1}",
            ),
            (
                json!("\u{1}\n\"\\é</script>"),
                "\"\\u0001\\n\\\"\\\\é</script>\"",
            ),
        ];
        for (value, text) in cases {
            assert_eq!(
                String::from_utf8(encode_value(&value).unwrap()).unwrap(),
                text
            );
        }
    }

    #[test]
    fn what_has_no_encoding() {
        let refused = |text: &str| encode_value(&serde_json::from_str(text).unwrap()).unwrap_err();
        assert_eq!(refused(r#"{"a":[1,null]}"#), Malformed::Null("/a/1".into()));
        assert!(matches!(refused("1.5"), Malformed::Number(..)));
        assert!(matches!(refused("1e3"), Malformed::Number(..)));
        assert!(matches!(refused("-0"), Malformed::Number(..)));
        assert!(matches!(refused("9007199254740993"), Malformed::Number(..)));
        assert_eq!(
            refused("{\"x\":\"e\u{301}\"}"),
            Malformed::NotNfc("/x".into())
        );
        assert_eq!(
            refused(&format!("{}1{}", "[".repeat(80), "]".repeat(80))),
            Malformed::Depth
        );
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        a: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
    }
    impl Document for Note {
        const TYPE: &'static str = "ambit/note";
    }

    #[test]
    fn reading_is_strict() {
        let good = r#"{"a":1,"type":"ambit/note","v":1}"#;
        assert_eq!(
            decode::<Note>(good.as_bytes()).unwrap(),
            Note { a: 1, b: None }
        );
        for bad in [
            r#"{"a":1,"type":"ambit/note","v":2}"#,
            r#"{"a":1,"type":"ambit/other","v":1}"#,
            r#"{"a":1,"a":1,"type":"ambit/note","v":1}"#,
            r#"{"a":1,"b":null,"type":"ambit/note","v":1}"#,
            r#"{"a":1,"c":1,"type":"ambit/note","v":1}"#,
            r#"{ "a":1,"type":"ambit/note","v":1}"#,
            r#"{"type":"ambit/note","a":1,"v":1}"#,
            r#"{"a":1,"type":"ambit/note","v":1} "#,
            r#"{"a":1.0,"type":"ambit/note","v":1}"#,
            r#"[1]"#,
            "",
        ] {
            assert!(decode::<Note>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Note>(&bytes);
        }

        #[test]
        fn encoding_is_stable(a in -SMALL..SMALL, b in proptest::option::of("[a-z\"\\\\\u{1}]{0,9}")) {
            let note = Note { a, b };
            let bytes = encode(&note).unwrap();
            prop_assert_eq!(decode::<Note>(&bytes).unwrap(), note);
        }
    }
}
