//! What a state file says, read without trusting it.
//!
//! Lineage and serial tell which state this is; digests tell whether somebody edited it in
//! place and left both alone. Values stay out: an instance is known by its address, its object
//! id and a digest over everything the engine stored about it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::diagnostics::printable;

pub(super) const MAX_STATE: u64 = 512 << 20;
const INSTANCE_TAG: &[u8] = b"ambit.state.instance.v1\n";
const CONTENT_TAG: &[u8] = b"ambit.state.content.v1\n";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSnapshot {
    pub lineage: String,
    pub serial: u64,
    /// Of the file as it is.
    pub sha256: [u8; 32],
    /// Of all instances and outputs: does not move with serial, lineage, engine version or layout.
    pub content: [u8; 32],
    /// In the order of the file.
    pub instances: Vec<Instance>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `module.a["x"].module.b`, empty in the root module.
    pub module: String,
    /// `managed` or `data`.
    pub mode: String,
    /// The resource type.
    pub kind: String,
    pub name: String,
    pub index: Option<Index>,
    /// Set for an old object waiting to be destroyed.
    pub deposed: Option<String>,
    pub provider: String,
    pub tainted: bool,
    /// The `id` attribute, where there is one that is text and not sensitive.
    pub id: Option<String>,
    /// Of everything stored about the instance, values included.
    pub digest: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    Number(i64),
    Text(String),
}

#[derive(Debug, Error)]
pub enum StateError {
    #[error("not a state file: {0}")]
    Malformed(String),
    #[error("the state is encrypted, which is not supported yet")]
    Encrypted,
    #[error("state format {0} is not known; only 4 is")]
    Version(u64),
    #[error("`{0}` is in the state twice")]
    Duplicate(String),
}

#[derive(Deserialize)]
struct RawState<'a> {
    version: Option<u64>,
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default, borrow)]
    outputs: Option<&'a RawValue>,
    #[serde(default, borrow)]
    resources: Vec<RawResource<'a>>,
    #[serde(default, borrow)]
    encrypted_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawResource<'a> {
    #[serde(default)]
    module: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    provider: String,
    #[serde(borrow)]
    instances: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawInstance<'a> {
    #[serde(default, borrow)]
    index_key: Option<&'a RawValue>,
    #[serde(default)]
    deposed: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(default, borrow)]
    sensitive_attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
}

impl StateSnapshot {
    pub fn parse(bytes: &[u8]) -> Result<StateSnapshot, StateError> {
        let malformed =
            |error: serde_json::Error| StateError::Malformed(printable(&error.to_string()));
        // A field given twice is refused by every structure here.
        let state: RawState<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        if state.encrypted_data.is_some() {
            return Err(StateError::Encrypted);
        }
        match state.version {
            Some(4) => {}
            Some(other) => return Err(StateError::Version(other)),
            None => return Err(StateError::Malformed("it has no `version`".into())),
        }
        if state.lineage.is_empty() {
            return Err(StateError::Malformed("it has no `lineage`".into()));
        }

        let mut instances = Vec::new();
        let mut digests = BTreeMap::new();
        for resource in &state.resources {
            for raw in &resource.instances {
                let instance = Instance::read(resource, raw)?;
                let key = (instance.address(), instance.deposed.clone());
                if digests.insert(key, instance.digest).is_some() {
                    return Err(StateError::Duplicate(instance.to_string()));
                }
                instances.push(instance);
            }
        }
        let mut content = ring::digest::Context::new(&ring::digest::SHA256);
        content.update(CONTENT_TAG);
        absorb(
            &mut content,
            &compact(state.outputs.map_or("{}", RawValue::get)),
        );
        // Sorted by address, so that the order of the file does not matter.
        for digest in digests.values() {
            content.update(digest);
        }
        Ok(StateSnapshot {
            lineage: state.lineage,
            serial: state.serial,
            sha256: super::sha256(bytes),
            content: finish(content),
            instances,
        })
    }
}

impl Instance {
    fn read(resource: &RawResource<'_>, raw: &RawValue) -> Result<Instance, StateError> {
        let malformed =
            |error: serde_json::Error| StateError::Malformed(printable(&error.to_string()));
        let parts: RawInstance<'_> = serde_json::from_str(raw.get()).map_err(malformed)?;
        let index = match parts.index_key.map(RawValue::get) {
            None | Some("null") => None,
            Some(text) if text.starts_with('"') => {
                Some(Index::Text(serde_json::from_str(text).map_err(malformed)?))
            }
            Some(text) => Some(Index::Number(text.parse().map_err(|_| {
                StateError::Malformed(format!("`{}` is not an instance key", printable(text)))
            })?)),
        };
        let deposed = parts.deposed.filter(|deposed| !deposed.is_empty());
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        hash.update(INSTANCE_TAG);
        for part in [
            &resource.module,
            &resource.mode,
            &resource.kind,
            &resource.name,
            &resource.provider,
        ] {
            absorb(&mut hash, part);
        }
        // Key, deposed mark, taint, private bytes of the provider and dependencies are all in here.
        absorb(&mut hash, &compact(raw.get()));

        Ok(Instance {
            module: resource.module.clone(),
            mode: resource.mode.clone(),
            kind: resource.kind.clone(),
            name: resource.name.clone(),
            provider: resource.provider.clone(),
            index,
            deposed,
            tainted: parts.status.as_deref() == Some("tainted"),
            id: object_id(parts.attributes, parts.sensitive_attributes),
            digest: finish(hash),
        })
    }

    /// As the engine writes it: `module.a["x"].data.type.name[0]`.
    pub fn address(&self) -> String {
        let mut out = self.module.clone();
        let mode = match self.mode.as_str() {
            "managed" => "",
            other => other,
        };
        for part in [mode, &self.kind, &self.name] {
            if !part.is_empty() {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(part);
            }
        }
        match &self.index {
            Some(Index::Number(number)) => out.push_str(&format!("[{number}]")),
            Some(Index::Text(text)) => out.push_str(&format!("[{}]", quoted(text))),
            None => {}
        }
        out
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.address()))?;
        match &self.deposed {
            Some(deposed) => write!(f, " (deposed {})", printable(deposed)),
            None => Ok(()),
        }
    }
}

/// A key in an address, quoted like text in the configuration language.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if printable(c.encode_utf8(&mut [0; 4])).len() > c.len_utf8() => {
                let code = c as u32;
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn object_id(attributes: Option<&RawValue>, sensitive: Option<&RawValue>) -> Option<String> {
    let only: OnlyId<'_> = serde_json::from_str(attributes?.get()).ok()?;
    let id: String = serde_json::from_str(only.id?.get()).ok()?;
    // Paths we cannot read might name the id, and then it is not ours to keep.
    let paths: Vec<Vec<serde_json::Value>> = match sensitive.map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(text) => serde_json::from_str(text).ok()?,
    };
    let hidden = |path: &Vec<serde_json::Value>| {
        path.first()
            .is_none_or(|step| step.get("value").is_none_or(|value| value == "id"))
    };
    (!paths.iter().any(hidden)).then_some(id)
}

/// JSON without the white space between its tokens. Engines write object keys sorted, so this
/// moves only when something else does; tokens are left as they are, numbers above all.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        if in_text {
            out.push(c);
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                _ => {}
            }
        } else if !matches!(c, ' ' | '\t' | '\n' | '\r') {
            in_text = c == '"';
            out.push(c);
        }
    }
    out
}

fn absorb(hash: &mut ring::digest::Context, text: &str) {
    hash.update(&(text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

fn finish(hash: ring::digest::Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(resources: &str) -> String {
        format!(
            r#"{{"version":4,"terraform_version":"1.12.6","serial":3,"lineage":"l-1","outputs":{{}},"resources":[{resources}],"check_results":null}}"#
        )
    }

    fn resource(instances: &str) -> String {
        format!(
            r#"{{"mode":"managed","type":"toy","name":"a","provider":"provider[\"x\"]","instances":[{instances}]}}"#
        )
    }

    fn parse(text: &str) -> StateSnapshot {
        StateSnapshot::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn reads_instances() {
        let text = state(&resource(
            r#"{"index_key":0,"attributes":{"id":"i-0"}},
               {"index_key":0,"deposed":"ab","attributes":{"id":"i-old"}},
               {"index_key":"k\"${","status":"tainted","attributes":{"id":"i-1","n":1e400}},
               {"attributes":{"id":7}}"#,
        ));
        let snapshot = parse(&text);
        assert_eq!((snapshot.lineage.as_str(), snapshot.serial), ("l-1", 3));
        let seen: Vec<_> = snapshot
            .instances
            .iter()
            .map(|i| (i.to_string(), i.id.clone().unwrap_or_default(), i.tainted))
            .collect();
        let expected = [
            ("toy.a[0]", "i-0", false),
            ("toy.a[0] (deposed ab)", "i-old", false),
            (r#"toy.a["k\"$${"]"#, "i-1", true),
            ("toy.a", "", false),
        ];
        assert_eq!(
            seen,
            expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c))
        );
    }

    #[test]
    fn an_edit_in_place_moves_the_content_and_one_instance() {
        let base = parse(&state(&resource(
            r#"{"attributes":{"id":"i","n":1},"private":"x"}"#,
        )));
        let same = [
            state(&resource(
                "{ \"attributes\" : {\n\"id\":\"i\",\"n\":1},\"private\":\"x\"}",
            )),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"x"}"#,
            ))
            .replace("\"serial\":3", "\"serial\":9"),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"x"}"#,
            ))
            .replace("1.12.6", "1.13.0"),
        ];
        for text in &same {
            assert_eq!(parse(text).content, base.content, "{text}");
            assert_ne!(parse(text).sha256, base.sha256);
        }
        let other = [
            state(&resource(
                r#"{"attributes":{"id":"i","n":1.0},"private":"x"}"#,
            )),
            state(&resource(
                r#"{"attributes":{"id":"i","n":"1"},"private":"x"}"#,
            )),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"y"}"#,
            )),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"x","status":"tainted"}"#,
            )),
            state(&resource(
                r#"{"attributes":{"id":"i ","n":1},"private":"x"}"#,
            )),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"x"}"#,
            ))
            .replace("provider[", "other["),
            state(&resource(
                r#"{"attributes":{"id":"i","n":1},"private":"x"}"#,
            ))
            .replace("\"outputs\":{}", "\"outputs\":{\"o\":{\"value\":1}}"),
            state(""),
        ];
        for text in &other {
            assert_ne!(parse(text).content, base.content, "{text}");
        }
    }

    #[test]
    fn the_order_of_the_file_does_not_matter() {
        let (a, b) = (
            r#"{"index_key":0,"attributes":{}}"#,
            r#"{"index_key":1,"attributes":{}}"#,
        );
        let one = parse(&state(&resource(&format!("{a},{b}"))));
        let two = parse(&state(&resource(&format!("{b},{a}"))));
        assert_eq!(one.content, two.content);
    }

    #[test]
    fn sensitive_ids_are_not_kept() {
        for (sensitive, expected) in [
            ("[]", Some("i")),
            ("null", Some("i")),
            (r#"[[{"type":"get_attr","value":"password"}]]"#, Some("i")),
            (r#"[[{"type":"get_attr","value":"id"}]]"#, None),
            (r#"[[]]"#, None),
            (r#"[[{"type":"get_attr"}]]"#, None),
            (r#"{"odd":1}"#, None),
        ] {
            let text = state(&resource(&format!(
                r#"{{"attributes":{{"id":"i"}},"sensitive_attributes":{sensitive}}}"#
            )));
            assert_eq!(
                parse(&text).instances[0].id.as_deref(),
                expected,
                "{sensitive}"
            );
        }
    }

    #[test]
    fn refused() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let fine = state(&resource(&format!(
            r#"{{"attributes":{{"id":"i","deep":{deep}}}}}"#
        )));
        assert_eq!(
            parse(&fine).instances[0].id.as_deref(),
            Some("i"),
            "depth in values is the engine's affair"
        );

        let twice = r#"{"attributes":{"id":"i"}}"#;
        for (text, expected) in [
            (String::new(), "not a state file"),
            ("{}".into(), "no `version`"),
            ("[]".into(), "not a state file"),
            (state("").replace("\"version\":4", "\"version\":5"), "format 5"),
            (state("").replace("\"version\":4", "\"version\":3"), "format 3"),
            (state("").replace("\"version\":4", "\"version\":\"4\""), "not a state file"),
            (state("").replace("\"serial\":3", "\"serial\":-1"), "not a state file"),
            (state("").replace("\"serial\":3", "\"serial\":3,\"serial\":4"), "duplicate field"),
            (state("").replace("l-1", ""), "no `lineage`"),
            (state("").replace("\"version\":4", "\"version\":4,\"encrypted_data\":\"x\""), "encrypted"),
            (r#"{"serial":1,"lineage":"l","meta":{},"encrypted_data":"eA==","encryption_version":"v0"}"#.into(), "encrypted"),
            (state(&resource(&format!("{twice},{twice}"))), "`toy.a` is in the state twice"),
            (state(&resource(r#"{"index_key":1.5}"#)), "not an instance key"),
            (state(&resource(r#"{"index_key":{}}"#)), "not an instance key"),
            (state(&resource("7")), "not a state file"),
            (state(&resource("{}"))[..150].to_owned(), "not a state file"),
            (state(r#"{"mode":"managed"}"#), "missing field"),
            (deep, "not a state file"),
        ] {
            let error = StateSnapshot::parse(text.as_bytes()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(StateSnapshot::parse(b"{\"version\":4,\"lineage\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn truncation_and_flips_never_panic(cut in 0usize..400, at in 0usize..400, byte in any::<u8>()) {
            let mut bytes = state(&resource(r#"{"index_key":"k","attributes":{"id":"i"}}"#)).into_bytes();
            if let Some(slot) = bytes.get_mut(at) { *slot = byte; }
            bytes.truncate(cut.max(1));
            let _ = StateSnapshot::parse(&bytes);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = StateSnapshot::parse(&bytes);
        }

        #[test]
        fn compacting_keeps_meaning(key in "\\PC{0,20}", number in any::<i64>()) {
            let value = serde_json::json!({ key: [number, "a \" b", null] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), serde_json::to_string(&value).unwrap());
        }
    }
}
