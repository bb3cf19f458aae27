//! What the gate keeps of one expression: where it stands, its normalised text, what it refers
//! to, and which files its functions open. Nothing here evaluates anything: the engine does that,
//! and whatever cannot be told from the text alone is left as wide as it is.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A line of a configuration file, as shown to people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub file: Arc<str>,
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One step of a traversal after its root name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// `.name`
    Attribute(String),
    /// `["key"]`
    Key(String),
    /// `[0]` or the legacy `.0`
    Index(u64),
    /// `[expression]`: what the expression refers to is listed as references of its own.
    Computed,
    /// `[*]` or `.*`
    Splat,
}

impl Step {
    /// The name this step selects, where attribute and map key are not told apart.
    pub fn name(&self) -> Option<&str> {
        match self {
            Step::Attribute(name) | Step::Key(name) => Some(name),
            Step::Index(_) | Step::Computed | Step::Splat => None,
        }
    }

    pub fn is_index(&self) -> bool {
        !matches!(self, Step::Attribute(_))
    }
}

/// Steps from a resource (or an argument) inwards, for example `tags["name"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributePath(pub Vec<Step>);

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{}]", quoted(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Computed => f.write_str("[…]")?,
                Step::Splat => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl AttributePath {
    /// Reads `a.b`, `a[0]`, `a["key"]`, `a[*]`; `None` when it is not such a path.
    pub fn parse(text: &str) -> Option<AttributePath> {
        super::native::reference(text).map(|reference| {
            let mut steps = vec![Step::Attribute(reference.root)];
            steps.extend(reference.steps);
            AttributePath(steps)
        })
    }
}

/// A name the expression reads, scoping already applied: variables bound by `for`, by a template
/// `for` or by a `dynamic` iterator are not references and do not appear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub root: String,
    pub steps: Vec<Step>,
    pub at: Location,
    /// Perhaps the iterator of a `dynamic` block written in JSON inside what may be a block or a
    /// map: an edge where such an object exists, nothing where it does not.
    pub tentative: bool,
}

/// Root of the pseudo reference made by a provider-defined function: a colon cannot occur in a name.
pub(crate) const PROVIDER_FUNCTION: &str = "provider::";

/// A file named as an argument of a file function, or by a provisioner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileRead {
    /// The function (`file`, `templatefile`, …) or provisioner argument (`script`, `source`).
    pub by: String,
    /// Normalised text of the argument.
    pub text: String,
    /// The path when it can be told from the text: literal, or a literal after `path.module`,
    /// `path.root` or `path.cwd`, joined to the module's directory. `None` means decided at run time.
    pub path: Option<String>,
}

/// An expression of the configuration.
#[derive(Debug, Clone)]
pub struct Expr {
    pub at: Location,
    pub(crate) shape: Shape,
    /// References of this node itself; children carry their own.
    pub(crate) own_references: Vec<Reference>,
    pub(crate) own_files: Vec<FileRead>,
    /// The path this template spells, as in [`FileRead::path`].
    pub(crate) path: Option<String>,
}

/// Lists and objects keep their members apart, so that one member can be traced without the rest.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Literal {
        value: Value,
        text: String,
    },
    List(Vec<Expr>),
    Object(Vec<(Key, Expr)>),
    /// A traversal and nothing else: what is read further in is read from its target.
    Traversal(String),
    Other(String),
}

#[derive(Debug, Clone)]
pub(crate) enum Key {
    Literal(String),
    Computed(Expr),
}

impl Expr {
    /// Token text without comments and layout.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text);
        text
    }

    fn write_text(&self, out: &mut String) {
        match &self.shape {
            Shape::Literal { text, .. } | Shape::Traversal(text) | Shape::Other(text) => {
                out.push_str(text);
            }
            Shape::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push_str(", ");
                    }
                    item.write_text(out);
                }
                out.push(']');
            }
            Shape::Object(items) => {
                out.push('{');
                for (position, (key, value)) in items.iter().enumerate() {
                    if position > 0 {
                        out.push_str(", ");
                    }
                    match key {
                        Key::Literal(name) => out.push_str(&quoted(name)),
                        Key::Computed(key) => {
                            out.push('(');
                            key.write_text(out);
                            out.push(')');
                        }
                    }
                    out.push_str(" = ");
                    value.write_text(out);
                }
                out.push('}');
            }
        }
    }

    /// Every reference in the expression, members of lists and objects included.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.each_node(&mut |node| found.extend(&node.own_references));
        found
    }

    /// Every file its functions are told to open.
    pub fn files(&self) -> Vec<&FileRead> {
        let mut found = Vec::new();
        self.each_node(&mut |node| found.extend(&node.own_files));
        found
    }

    /// The constant this expression is, when it is one.
    pub fn literal(&self) -> Option<Value> {
        match &self.shape {
            Shape::Literal { value, .. } => Some(value.clone()),
            Shape::List(items) => items
                .iter()
                .map(Expr::literal)
                .collect::<Option<Vec<_>>>()
                .map(Value::Array),
            Shape::Object(items) => {
                let mut object = serde_json::Map::new();
                for (key, value) in items {
                    let Key::Literal(name) = key else { return None };
                    // A repeated key has no single meaning: not a literal we vouch for.
                    if object.insert(name.clone(), value.literal()?).is_some() {
                        return None;
                    }
                }
                Some(Value::Object(object))
            }
            Shape::Traversal(_) | Shape::Other(_) => None,
        }
    }

    pub fn literal_text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Literal {
                value: Value::String(text),
                ..
            } => Some(text),
            _ => None,
        }
    }

    /// The value under a literal key, when this is an object that has exactly one such key.
    pub fn member(&self, name: &str) -> Option<&Expr> {
        let Shape::Object(items) = &self.shape else {
            return None;
        };
        let mut found = items
            .iter()
            .filter(|(key, _)| matches!(key, Key::Literal(text) if text == name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The single word some arguments take (`when = destroy`, `ignore_changes = all`); the JSON
    /// syntax writes it as a string.
    pub fn keyword(&self) -> Option<&str> {
        match (&self.shape, self.own_references.as_slice()) {
            (Shape::Traversal(_), [only]) if only.steps.is_empty() => Some(&only.root),
            _ => self.literal_text(),
        }
    }

    /// The one traversal this expression consists of, if nothing else is done to it.
    pub fn sole_reference(&self) -> Option<&Reference> {
        match (&self.shape, self.own_references.first()) {
            (Shape::Traversal(_), Some(first)) => Some(first),
            _ => None,
        }
    }

    /// References of an argument in which the engine also reads strings as names
    /// (`depends_on = ["module.a"]`, and all of the JSON syntax).
    pub fn named_references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.each_node(&mut |node| {
            found.extend(node.own_references.iter().cloned());
            if let Some(text) = node.literal_text()
                && let Some(mut reference) = super::native::reference(text)
            {
                reference.at = node.at.clone();
                found.push(reference);
            }
        });
        found
    }

    fn each_node<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match &self.shape {
            Shape::List(items) => items.iter().for_each(|item| item.each_node(visit)),
            Shape::Object(items) => {
                for (key, value) in items {
                    if let Key::Computed(key) = key {
                        key.each_node(visit);
                    }
                    value.each_node(visit);
                }
            }
            Shape::Literal { .. } | Shape::Traversal(_) | Shape::Other(_) => {}
        }
    }
}

/// A string as a quoted literal in which no template can start.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape_into(text, &mut out);
    out.push('"');
    out
}

pub(crate) fn escape_into(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                out.push(character);
                out.push(character);
            }
            other => out.push(other),
        }
    }
}
