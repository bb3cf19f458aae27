//! Where inside a value something is: what a diagnostic points at, and what the
//! engine underlines in the user's file.

use crate::wire::tfplugin6 as wire;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An attribute of an object, or a block.
    Attribute(String),
    /// An element of a map.
    Key(String),
    /// An element of a list or tuple. Elements of sets have no step.
    Index(usize),
}

/// A path from the root of a resource's, data source's or provider's value.
///
/// ```
/// use tfplugin_proto::AttributePath;
/// let path = AttributePath::root().attribute("port").index(0).attribute("cidr");
/// assert_eq!(path.to_string(), "port[0].cidr");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributePath(Vec<Step>);

impl AttributePath {
    /// The whole value.
    pub fn root() -> Self {
        Self::default()
    }

    pub fn attribute(mut self, name: impl Into<String>) -> Self {
        self.0.push(Step::Attribute(name.into()));
        self
    }

    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn prefixed(mut self, step: Step) -> Self {
        self.0.insert(0, step);
        self
    }

    pub(crate) fn to_wire(&self) -> wire::AttributePath {
        use wire::attribute_path::{Step as WireStep, step::Selector};
        let steps = self.0.iter().map(|step| WireStep {
            selector: Some(match step {
                Step::Attribute(name) => Selector::AttributeName(name.clone()),
                Step::Key(key) => Selector::ElementKeyString(key.clone()),
                Step::Index(index) => {
                    Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX))
                }
            }),
        });
        wire::AttributePath {
            steps: steps.collect(),
        }
    }
}

/// A top-level attribute, the usual case.
impl From<&str> for AttributePath {
    fn from(name: &str) -> Self {
        Self::root().attribute(name)
    }
}

impl std::fmt::Display for AttributePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the whole value");
        }
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
