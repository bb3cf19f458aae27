//! Resource instances by identity, and the selectors that ownership is declared with.
//!
//! An instance is known by its parts. The displayed address is written from them and never split again, since a key may
//! hold any character. Selectors are what people type, so those are parsed, and match part by part.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Index {
    Number(i64),
    Key(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Managed,
    Data,
    Ephemeral,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleStep {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Index>,
}

/// One resource instance inside a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceKey {
    pub module: Vec<ModuleStep>,
    pub mode: Mode,
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Index>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
}

impl InstanceKey {
    /// A managed resource of the root module, without a key.
    pub fn root(kind: &str, name: &str) -> Self {
        Self {
            module: vec![],
            mode: Mode::Managed,
            kind: kind.into(),
            name: name.into(),
            index: None,
            deposed: None,
        }
    }

    /// The block this instance came from: module path without keys, mode, type and name.
    pub fn block(&self) -> String {
        let mut parts: Vec<String> = self
            .module
            .iter()
            .map(|step| format!("module.{}", step.name))
            .collect();
        match self.mode {
            Mode::Managed => {}
            Mode::Data => parts.push("data".into()),
            Mode::Ephemeral => parts.push("ephemeral".into()),
        }
        parts.push(self.kind.clone());
        parts.push(self.name.clone());
        parts.join(".")
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for module in &self.module {
            steps.push(Step::Name("module".into()));
            steps.push(Step::Name(module.name.clone()));
            steps.extend(module.key.clone().map(Step::Index));
        }
        match self.mode {
            Mode::Managed => {}
            Mode::Data => steps.push(Step::Name("data".into())),
            Mode::Ephemeral => steps.push(Step::Name("ephemeral".into())),
        }
        steps.push(Step::Name(self.kind.clone()));
        steps.push(Step::Name(self.name.clone()));
        steps.extend(self.index.clone().map(Step::Index));
        steps
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps().iter().enumerate() {
            match step {
                Step::Name(name) => write!(f, "{}{name}", if i == 0 { "" } else { "." })?,
                Step::Index(Index::Number(n)) => write!(f, "[{n}]")?,
                Step::Index(Index::Key(key)) => write!(f, "[\"{}\"]", escape(key))?,
            }
        }
        match &self.deposed {
            Some(deposed) => write!(f, " (deposed {})", escape(deposed)),
            None => Ok(()),
        }
    }
}

/// Text from outside in printable ASCII: what could reverse, hide or imitate other text becomes an escape.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
    out
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(Index),
}

/// An address prefix as people write it: `module.data`, `module.web["a"].aws_instance.api`, `aws_db_instance.main`.
/// A step without a key matches every key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    steps: Vec<Step>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not an address or the beginning of one ({reason}); write it like `module.data.aws_db_instance.main`"
)]
pub struct BadSelector {
    text: String,
    reason: &'static str,
}

/// How closely a selector fits an instance. Larger is closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// The number of steps that matched.
    Prefix(usize),
    Exact,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        let bad = |reason| BadSelector {
            text: text.chars().take(120).collect(),
            reason,
        };
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.is_empty()
                || !name
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
            {
                return Err(bad(
                    "a step is empty or holds other characters than letters, digits, `_` and `-`",
                ));
            }
            steps.push(Step::Name(name.to_owned()));
            rest = &rest[end..];
            if let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = parse_index(inside)
                    .ok_or_else(|| bad("the key in brackets is not a number or a quoted text"))?;
                steps.push(Step::Index(index));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(next) => rest = next,
                None if rest.is_empty() => return Ok(Self { steps }),
                None => return Err(bad("text after a key")),
            }
        }
    }

    pub fn fit(&self, instance: &InstanceKey) -> Option<Fit> {
        let target = instance.steps();
        let mut wanted = self.steps.iter().peekable();
        let mut skipped = false;
        let mut i = 0;
        while let Some(step) = wanted.peek() {
            match (target.get(i), step) {
                (Some(have), want) if have == *want => {
                    wanted.next();
                    i += 1;
                }
                // A key the selector does not mention.
                (Some(Step::Index(_)), Step::Name(_)) => {
                    skipped = true;
                    i += 1;
                }
                _ => return None,
            }
        }
        let exact = i == target.len() && !skipped && instance.deposed.is_none();
        Some(if exact {
            Fit::Exact
        } else {
            Fit::Prefix(self.steps.len())
        })
    }
}

fn parse_index(inside: &str) -> Option<(Index, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let mut key = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    return quoted[at + 1..]
                        .strip_prefix(']')
                        .map(|rest| (Index::Key(key), rest));
                }
                '\\' => match chars.next()?.1 {
                    'n' => key.push('\n'),
                    't' => key.push('\t'),
                    c @ ('"' | '\\') => key.push(c),
                    _ => return None,
                },
                c => key.push(c),
            }
        }
        None
    } else {
        let end = inside.find(']')?;
        Some((
            Index::Number(inside[..end].parse().ok()?),
            &inside[end + 1..],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instance(
        module: &[(&str, Option<&str>)],
        kind: &str,
        name: &str,
        index: Option<Index>,
    ) -> InstanceKey {
        let module = module
            .iter()
            .map(|(name, key)| ModuleStep {
                name: (*name).into(),
                key: key.map(|k| Index::Key(k.into())),
            })
            .collect();
        InstanceKey {
            module,
            index,
            ..InstanceKey::root(kind, name)
        }
    }

    #[test]
    fn shown_and_matched() {
        let db = instance(
            &[("data", Some("eu.1"))],
            "aws_db",
            "main",
            Some(Index::Number(0)),
        );
        assert_eq!(db.to_string(), "module.data[\"eu.1\"].aws_db.main[0]");
        let cases = [
            ("module.data", Some(Fit::Prefix(2))),
            ("module.data[\"eu.1\"]", Some(Fit::Prefix(3))),
            ("module.data.aws_db.main", Some(Fit::Prefix(4))),
            ("module.data[\"eu.1\"].aws_db.main", Some(Fit::Prefix(5))),
            ("module.data[\"eu.1\"].aws_db.main[0]", Some(Fit::Exact)),
            ("module.data[\"eu.2\"]", None),
            ("module.dat", None),
            ("module.data.aws_db.main[1]", None),
            ("module.data.aws_db.main[0].x", None),
            ("aws_db.main", None),
        ];
        for (text, fit) in cases {
            assert_eq!(Selector::parse(text).unwrap().fit(&db), fit, "{text}");
        }
    }

    #[test]
    fn not_selectors() {
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[x]",
            "a[\"x]",
            "a[\"x\"]b",
            "a b",
            "a*",
            "a[\"\\q\"]",
        ] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_imitates() {
        let key = "a\u{202e}\u{1b}[31m\"]\n.x";
        let shown = instance(&[], "t", "n", Some(Index::Key(key.into()))).to_string();
        assert_eq!(shown, "t.n[\"a\\u{202e}\\u{1b}[31m\\\"]\\n.x\"]");
    }

    proptest! {
        #[test]
        fn printable_addresses_select_themselves(a in "[a-z_]{1,9}", b in "[a-z_]{1,9}", key in "[ -~]{0,9}") {
            let one = instance(&[(&a, Some(&key))], &b, &a, Some(Index::Key(key.clone())));
            prop_assert_eq!(Selector::parse(&one.to_string()).unwrap().fit(&one), Some(Fit::Exact));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = Selector::parse(&text);
        }
    }
}
