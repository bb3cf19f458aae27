//! Where inside a value something stands.

use std::fmt;

use super::quote::{quoted, unquoted};

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An attribute of an object or a key of a map; JSON does not tell them apart.
    Attribute(String),
    /// A place in a list. Sets are written as lists: then the index says which element, and nothing about order.
    Index(usize),
}

/// The way from a whole value to a part of it. The empty path is the whole value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path one step further in.
    pub fn join(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// Whether `self` is `other` or leads to something that holds it.
    pub fn contains(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Path> {
        let mut steps = Vec::new();
        if text == "." {
            return Some(Path(steps));
        }
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (step, behind) = if inner.starts_with('"') {
                    let (key, behind) = unquoted(inner)?;
                    (Step::Attribute(key), behind)
                } else {
                    let (digits, _) = inner.split_once(']')?;
                    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
                    (
                        Step::Index(digits.parse().ok().filter(|_| canonical)?),
                        &inner[digits.len()..],
                    )
                };
                steps.push(step);
                rest = behind.strip_prefix(']')?;
            } else {
                let name = if steps.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.')?
                };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, behind) = name.split_at(end);
                if !is_plain(name) {
                    return None;
                }
                steps.push(Step::Attribute(name.to_owned()));
                rest = behind;
            }
        }
        (!steps.is_empty()).then_some(Path(steps))
    }
}

/// As engines write it: `ports[0].cidr`, `tags["a b"]`. The whole value is `.`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if is_plain(name) && n == 0 => f.write_str(name)?,
                Step::Attribute(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Attribute(key) => write!(f, "[{}]", quoted(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a name can stand without quotes. ASCII only: look-alikes of other scripts are better seen in quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(steps: &[Step]) -> Path {
        Path(steps.to_vec())
    }

    fn at(name: &str) -> Step {
        Step::Attribute(name.to_owned())
    }

    #[test]
    fn paths_read_as_engines_write_them() {
        for (steps, written) in [
            (vec![], "."),
            (vec![at("name")], "name"),
            (
                vec![at("ports"), Step::Index(0), at("cidr")],
                "ports[0].cidr",
            ),
            (vec![at("tags"), at("a b")], r#"tags["a b"]"#),
            (vec![at("tags"), at("a.b")], r#"tags["a.b"]"#),
            (vec![at("tags"), at("0")], r#"tags["0"]"#),
            (vec![at("tags"), at("")], r#"tags[""]"#),
            (vec![at("a b"), at("c")], r#"["a b"].c"#),
            (vec![Step::Index(1), Step::Index(12)], "[1][12]"),
            (
                vec![at("tags"), at("\"]\u{202e}")],
                "tags[\"\\\"]\\u202e\"]",
            ),
            (vec![at("tags"), at("аpp")], "tags[\"аpp\"]"),
        ] {
            assert_eq!(path(&steps).to_string(), written);
            assert_eq!(Path::parse(written), Some(path(&steps)), "{written}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for text in [
            "",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[0",
            "a[00]",
            "a[+1]",
            "a[-1]",
            "a[x]",
            "a[\"b]",
            "a[\"b\"",
            "a b",
            "a[99999999999999999999999]",
        ] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_contains_what_lies_below_it() {
        let ports = path(&[at("ports")]);
        assert!(ports.contains(&ports) && ports.contains(&ports.join(Step::Index(0))));
        assert!(!ports.join(Step::Index(0)).contains(&ports));
        assert!(!ports.contains(&path(&[at("ports2")])));
        assert!(Path::default().contains(&ports));
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(steps in proptest::collection::vec(
            prop_oneof![any::<String>().prop_map(Step::Attribute), any::<usize>().prop_map(Step::Index)], 0..6)) {
            let path = Path(steps);
            prop_assert_eq!(Path::parse(&path.to_string()), Some(path));
        }

        #[test]
        fn noise_never_panics(text in "[a-c0-9.\\[\\]\"\\\\é]{0,20}") {
            let _ = Path::parse(&text);
        }
    }
}
