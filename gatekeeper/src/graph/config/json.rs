//! The JSON syntax: `.tf.json` and `.tofu.json` files, in which strings are templates.
//!
//! JSON does not say whether an object is a block or a map. Blocks the language itself defines are
//! recognised by name; in a resource everything else stays one attribute whose value is an object,
//! which loses no reference and no text.

use std::sync::Arc;

use hcl_edit::expr::Expression;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::ConfigError;
use super::body::{Attribute, Block, Body};
use super::expression::{Expr, Key, Shape, quoted};
use super::lower::{Lines, Lowering};

/// Deepest nesting of objects and arrays we follow.
const DEPTH_LIMIT: usize = 100;

pub(super) fn parse(
    file: &Arc<str>,
    directory: Option<Arc<str>>,
    text: &str,
) -> Result<Body, ConfigError> {
    let mut reader = Reader {
        file,
        directory,
        text,
        lines: Lines::of(text),
        bound: Vec::new(),
        maybe_bound: Vec::new(),
        depth: 0,
    };
    // Broken JSON is found here as a whole, so that slices taken later are known to be sound.
    let root: &RawValue = serde_json::from_str(text).map_err(|error| ConfigError::Syntax {
        file: file.to_string(),
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        reason: without_position(&error),
    })?;
    let mut body = Body::default();
    for object in reader.objects(root)? {
        reader.body(object, "", &mut body)?;
    }
    Ok(body)
}

/// Blocks the language defines inside `parent` (empty for the file itself), with their labels.
fn labels_of(parent: &str, kind: &str) -> Option<usize> {
    let labels = match (parent, kind) {
        ("", "resource" | "data" | "ephemeral") => 2,
        ("", "variable" | "output" | "module" | "provider" | "check") => 1,
        ("", "locals" | "terraform" | "import" | "moved" | "removed") => 0,
        ("resource" | "data" | "ephemeral", "lifecycle" | "connection") => 0,
        ("resource" | "removed", "provisioner") => 1,
        ("removed", "lifecycle" | "connection") | ("provisioner", "connection") => 0,
        (
            "resource" | "data" | "ephemeral" | "provider" | "provisioner" | "connection"
            | "content",
            "dynamic",
        ) => 1,
        ("dynamic", "content") => 0,
        ("lifecycle", "precondition" | "postcondition") | ("output", "precondition") => 0,
        ("module", "lifecycle") | ("variable", "validation") | ("check", "assert") => 0,
        ("check", "data") => 2,
        ("terraform", "backend" | "provider_meta" | "state_store") => 1,
        ("terraform", "cloud" | "required_providers" | "encryption") => 0,
        ("cloud", "workspaces") => 0,
        _ => return None,
    };
    Some(labels)
}

struct Reader<'a> {
    file: &'a Arc<str>,
    directory: Option<Arc<str>>,
    text: &'a str,
    lines: Lines,
    bound: Vec<String>,
    maybe_bound: Vec<String>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn body(
        &mut self,
        object: &'a RawValue,
        kind: &str,
        out: &mut Body,
    ) -> Result<(), ConfigError> {
        for (name, value) in self.pairs(object)? {
            // A key of two slashes is how JSON files carry comments.
            if name == "//" {
                continue;
            }
            let at = self.lowering("", value).location(None);
            match labels_of(kind, &name) {
                Some(labels) => self.blocks(&name, labels, Vec::new(), value, out)?,
                // An unknown top-level name must be seen as a block, to be refused as one.
                None if kind.is_empty() => out.blocks.push(Block {
                    kind: name,
                    labels: Vec::new(),
                    body: Body::default(),
                    at,
                }),
                None => {
                    let value = self.expression(value)?;
                    out.attributes.push(Attribute { name, value, at });
                }
            }
        }
        Ok(())
    }

    fn blocks(
        &mut self,
        kind: &str,
        missing: usize,
        labels: Vec<String>,
        value: &'a RawValue,
        out: &mut Body,
    ) -> Result<(), ConfigError> {
        if value.get() == "null" {
            return Ok(());
        }
        for object in self.objects(value)? {
            if missing > 0 {
                for (label, inner) in self.pairs(object)? {
                    if label == "//" {
                        continue;
                    }
                    let mut labels = labels.clone();
                    labels.push(label);
                    self.enter(inner)?;
                    self.blocks(kind, missing - 1, labels, inner, out)?;
                    self.depth -= 1;
                }
                continue;
            }
            let at = self.lowering("", object).location(None);
            let outer = self.bound.len();
            let mut body = Body::default();
            self.enter(object)?;
            match (kind, labels.as_slice()) {
                ("dynamic", [label]) => self.dynamic(label, object, &mut body)?,
                _ => self.body(object, kind, &mut body)?,
            }
            self.depth -= 1;
            self.bound.truncate(outer);
            out.blocks.push(Block {
                kind: kind.to_owned(),
                labels: labels.clone(),
                body,
                at,
            });
        }
        Ok(())
    }

    fn dynamic(
        &mut self,
        label: &str,
        object: &'a RawValue,
        out: &mut Body,
    ) -> Result<(), ConfigError> {
        let pairs = self.pairs(object)?;
        let iterator = self.iterator(label, &pairs)?;
        for (name, value) in pairs {
            let at = self.lowering("", value).location(None);
            if name == "for_each" {
                let value = self.expression(value)?;
                out.attributes.push(Attribute { name, value, at });
                continue;
            }
            self.bound.push(iterator.clone());
            if name == "content" {
                self.blocks("content", 0, Vec::new(), value, out)?;
            } else {
                let value = self.expression(value)?;
                out.attributes.push(Attribute { name, value, at });
            }
            self.bound.pop();
        }
        Ok(())
    }

    /// A `dynamic` block may stand inside a block that cannot be told from a map here.
    fn possible_iterators(&mut self, value: &'a RawValue) -> Result<(), ConfigError> {
        for blocks in self.objects(value)? {
            if !blocks.get().starts_with('{') {
                continue;
            }
            for (label, block) in self.pairs(blocks)? {
                for object in self.objects(block)? {
                    if object.get().starts_with('{') {
                        let pairs = self.pairs(object)?;
                        let iterator = self.iterator(&label, &pairs)?;
                        self.maybe_bound.push(iterator);
                    }
                }
            }
        }
        Ok(())
    }

    fn iterator(
        &self,
        label: &str,
        pairs: &[(String, &'a RawValue)],
    ) -> Result<String, ConfigError> {
        match pairs.iter().find(|(name, _)| name == "iterator") {
            Some((_, raw)) => self
                .string(raw)
                .map(|name| name.unwrap_or(label.to_owned())),
            None => Ok(label.to_owned()),
        }
    }

    fn expression(&mut self, value: &'a RawValue) -> Result<Expr, ConfigError> {
        self.enter(value)?;
        let at = self.lowering("", value).location(None);
        let shape = match value.get().as_bytes().first() {
            Some(b'"') => {
                let text = self.string(value)?.unwrap_or_default();
                self.depth -= 1;
                return self.template(&text, value);
            }
            Some(b'[') => {
                let items = self.items(value)?;
                let items = items.into_iter().map(|item| self.expression(item));
                Shape::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let mut items = Vec::new();
                for (name, item) in self.pairs(value)? {
                    if name == "//" {
                        continue;
                    }
                    let key = self.template(&name, item)?;
                    let key = match key.literal_text() {
                        Some(text) => Key::Literal(text.to_owned()),
                        None => Key::Computed(key),
                    };
                    let outer = self.maybe_bound.len();
                    if name == "dynamic" {
                        self.possible_iterators(item)?;
                    }
                    items.push((key, self.expression(item)?));
                    self.maybe_bound.truncate(outer);
                }
                Shape::Object(items)
            }
            _ => Shape::Literal {
                value: serde_json::from_str::<Value>(value.get())
                    .map_err(|error| self.broken(value, &error))?,
                text: value.get().to_owned(),
            },
        };
        self.depth -= 1;
        Ok(Expr {
            at,
            shape,
            own_references: Vec::new(),
            own_files: Vec::new(),
            path: None,
        })
    }

    fn template(&self, text: &str, value: &RawValue) -> Result<Expr, ConfigError> {
        let mut lowering = self.lowering(text, value);
        if !text.contains("${") && !text.contains("%{") {
            return Ok(Expr {
                at: lowering.location(None),
                shape: Shape::Literal {
                    value: Value::String(text.to_owned()),
                    text: quoted(text),
                },
                own_references: Vec::new(),
                own_files: Vec::new(),
                path: None,
            });
        }
        let parsed =
            hcl_edit::parser::parse_template(text).map_err(|error| ConfigError::Syntax {
                file: self.file.to_string(),
                line: lowering.location(None).line,
                reason: format!("in a template: {}", error.message()),
            })?;
        let elements: Vec<_> = parsed.iter().cloned().collect();
        if let [hcl_edit::template::Element::Literal(only)] = elements.as_slice() {
            let constant = Expression::from(only.as_str());
            return Ok(lowering.expression(&constant));
        }
        Ok(lowering.template(&elements))
    }

    fn lowering<'t>(&self, text: &'t str, value: &RawValue) -> Lowering<'t> {
        Lowering {
            file: self.file.clone(),
            lines: Lines::Fixed(self.line(value)),
            source: text,
            directory: self.directory.clone(),
            bound: self.bound.clone(),
            maybe_bound: self.maybe_bound.clone(),
        }
    }

    fn line(&self, value: &RawValue) -> u32 {
        // Raw values borrow from the text they were read from, so the distance is the offset.
        let start = value.get().as_ptr() as usize;
        self.lines
            .at(start.saturating_sub(self.text.as_ptr() as usize))
    }

    fn enter(&mut self, value: &RawValue) -> Result<(), ConfigError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(ConfigError::Syntax {
                file: self.file.to_string(),
                line: self.line(value),
                reason: format!("nested deeper than {DEPTH_LIMIT} levels"),
            });
        }
        Ok(())
    }

    /// The value itself, or the members of the array it is.
    fn objects(&self, value: &'a RawValue) -> Result<Vec<&'a RawValue>, ConfigError> {
        if value.get().starts_with('[') {
            self.items(value)
        } else {
            Ok(vec![value])
        }
    }

    fn items(&self, value: &'a RawValue) -> Result<Vec<&'a RawValue>, ConfigError> {
        let mut source = serde_json::Deserializer::from_str(value.get());
        let items = source.deserialize_seq(Items);
        items.map_err(|error| self.broken(value, &error))
    }

    fn pairs(&self, value: &'a RawValue) -> Result<Vec<(String, &'a RawValue)>, ConfigError> {
        let mut source = serde_json::Deserializer::from_str(value.get());
        let pairs = source.deserialize_map(Pairs);
        pairs.map_err(|error| self.broken(value, &error))
    }

    fn string(&self, value: &RawValue) -> Result<Option<String>, ConfigError> {
        if !value.get().starts_with('"') {
            return Ok(None);
        }
        let text = serde_json::from_str(value.get());
        text.map(Some).map_err(|error| self.broken(value, &error))
    }

    fn broken(&self, value: &RawValue, error: &serde_json::Error) -> ConfigError {
        let offset = u32::try_from(error.line().saturating_sub(1)).unwrap_or(u32::MAX);
        ConfigError::Syntax {
            file: self.file.to_string(),
            line: self.line(value).saturating_add(offset),
            reason: without_position(error),
        }
    }
}

/// The position in the message counts from a slice of the file and would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = source.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(String, &'de RawValue)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, value)) = source.next_entry::<String, &'de RawValue>()? {
            if name != "//" && !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("key `{name}` occurs twice")));
            }
            pairs.push((name, value));
        }
        Ok(pairs)
    }
}
