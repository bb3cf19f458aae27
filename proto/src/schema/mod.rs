//! What a resource, data source or provider looks like to its users, and how each
//! attribute behaves in a plan.
//!
//! The behaviour (default, force-new, stable) is declared beside the attribute
//! because [`crate::plan`] carries it out: no resource plans by hand. A schema
//! holds no code except the comparison of equivalent spellings.

mod check;
mod wire;

pub use check::problems;

use std::collections::BTreeMap;

use crate::cty::{Type, Value};

/// A schema and the version of the state it describes.
#[derive(Debug, Clone)]
pub struct Schema {
    pub version: i64,
    pub block: Block,
}

impl Schema {
    /// Version 0. Raise it when stored state of an older schema no longer fits.
    pub fn new(block: Block) -> Self {
        Self { version: 0, block }
    }

    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// The type of every value of this schema.
    pub fn ty(&self) -> Type {
        self.block.ty()
    }
}

/// Attributes and nested blocks.
#[derive(Debug, Clone, Default)]
pub struct Block {
    pub description: String,
    pub attributes: BTreeMap<String, Attribute>,
    pub blocks: BTreeMap<String, NestedBlock>,
    /// Declared more than once; reported by [`problems`].
    pub(crate) repeated: Vec<String>,
}

impl Block {
    pub fn new(description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            ..Self::default()
        }
    }

    pub fn attribute(mut self, name: &str, attribute: Attribute) -> Self {
        if self.attributes.insert(name.to_owned(), attribute).is_some() {
            self.repeated.push(name.to_owned());
        }
        self
    }

    pub fn block(mut self, name: &str, block: NestedBlock) -> Self {
        if self.blocks.insert(name.to_owned(), block).is_some() {
            self.repeated.push(name.to_owned());
        }
        self
    }

    /// An object with nothing in it: attributes null, repeated blocks empty.
    pub fn empty(&self) -> Value {
        let attributes = self
            .attributes
            .keys()
            .map(|name| (name.clone(), Value::Null));
        let blocks = self.blocks.iter().map(|(name, nested)| {
            let empty = match nested.ty() {
                Type::List(_) => Value::List(Vec::new()),
                Type::Set(_) => Value::Set(Vec::new()),
                _ => Value::Null,
            };
            (name.clone(), empty)
        });
        Value::Object(attributes.chain(blocks).collect())
    }

    pub fn ty(&self) -> Type {
        let attributes = self
            .attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), attribute.ty()));
        let blocks = self
            .blocks
            .iter()
            .map(|(name, block)| (name.clone(), block.ty()));
        Type::Object(attributes.chain(blocks).collect())
    }
}

/// A block users may repeat, as `port { … }`. Prefer nested attributes; a block is
/// right where people expect one, or want `dynamic`.
#[derive(Debug, Clone)]
pub struct NestedBlock {
    pub nesting: Nesting,
    pub block: Block,
    pub min_items: i64,
    /// Zero is no limit.
    pub max_items: i64,
}

impl NestedBlock {
    pub fn list(block: Block) -> Self {
        Self {
            nesting: Nesting::List,
            block,
            min_items: 0,
            max_items: 0,
        }
    }

    pub fn set(block: Block) -> Self {
        Self {
            nesting: Nesting::Set,
            ..Self::list(block)
        }
    }

    pub fn single(block: Block) -> Self {
        Self {
            nesting: Nesting::Single,
            ..Self::list(block)
        }
    }

    pub fn items(mut self, min: i64, max: i64) -> Self {
        (self.min_items, self.max_items) = (min, max);
        self
    }

    pub fn ty(&self) -> Type {
        self.nesting.of(self.block.ty())
    }
}

/// How nested objects are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    Single,
    List,
    Set,
    /// By a key the user chooses. For attributes only.
    Map,
}

impl Nesting {
    fn of(self, object: Type) -> Type {
        match self {
            Nesting::Single => object,
            Nesting::List => Type::list(object),
            Nesting::Set => Type::set(object),
            Nesting::Map => Type::map(object),
        }
    }
}

/// Who gives an attribute its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
    /// Only the provider.
    Computed,
    /// The user, or else the provider.
    OptionalComputed,
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub enum Shape {
    Plain(Type),
    Nested(Nesting, BTreeMap<String, Attribute>),
}

/// Whether two spellings mean the same, both being known and not null.
pub type Equivalent = fn(&Value, &Value) -> bool;

#[derive(Debug, Clone)]
pub struct Attribute {
    pub mode: Mode,
    pub shape: Shape,
    pub description: String,
    pub sensitive: bool,
    pub deprecated: bool,
    /// A changed value means another object.
    pub force_new: bool,
    /// Once computed it stays, so a change elsewhere does not make it unknown.
    pub stable: bool,
    /// Computed and certain not to be null.
    pub never_null: bool,
    pub default: Option<Value>,
    pub equivalent: Option<Equivalent>,
}

impl Attribute {
    fn new(mode: Mode, shape: Shape) -> Self {
        Self {
            mode,
            shape,
            description: String::new(),
            sensitive: false,
            deprecated: false,
            force_new: false,
            stable: false,
            never_null: false,
            default: None,
            equivalent: None,
        }
    }

    pub fn required(ty: Type) -> Self {
        Self::new(Mode::Required, Shape::Plain(ty))
    }

    pub fn optional(ty: Type) -> Self {
        Self::new(Mode::Optional, Shape::Plain(ty))
    }

    pub fn computed(ty: Type) -> Self {
        Self::new(Mode::Computed, Shape::Plain(ty))
    }

    pub fn optional_computed(ty: Type) -> Self {
        Self::new(Mode::OptionalComputed, Shape::Plain(ty))
    }

    /// An attribute that holds objects: one, or a list, set or map of them.
    pub fn nested<N: Into<String>>(
        mode: Mode,
        nesting: Nesting,
        attributes: impl IntoIterator<Item = (N, Attribute)>,
    ) -> Self {
        let attributes = attributes
            .into_iter()
            .map(|(name, attribute)| (name.into(), attribute))
            .collect();
        Self::new(mode, Shape::Nested(nesting, attributes))
    }

    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Not shown in plans and output. It still sits in the state in clear.
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// A changed value replaces the object.
    pub fn force_new(mut self) -> Self {
        self.force_new = true;
        self
    }

    /// Keeps its value for the life of the object.
    pub fn stable(mut self) -> Self {
        self.stable = true;
        self
    }

    /// Promises that the computed value will not be null.
    pub fn never_null(mut self) -> Self {
        self.never_null = true;
        self
    }

    /// The value where the configuration gives none. The engines accept this only
    /// of an attribute that is also computed, so that is what it becomes.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        if self.mode == Mode::Optional {
            self.mode = Mode::OptionalComputed;
        }
        self
    }

    /// Compares spellings. Where the new one is equivalent to the one in state, the
    /// one in state stays: neither plan nor read ever rewrites what a user wrote.
    pub fn equivalent(mut self, equivalent: Equivalent) -> Self {
        self.equivalent = Some(equivalent);
        self
    }

    pub fn is_computed(&self) -> bool {
        matches!(self.mode, Mode::Computed | Mode::OptionalComputed)
    }

    pub fn ty(&self) -> Type {
        match &self.shape {
            Shape::Plain(ty) => ty.clone(),
            Shape::Nested(nesting, attributes) => nesting.of(Type::object(
                attributes
                    .iter()
                    .map(|(name, attribute)| (name.as_str(), attribute.ty())),
            )),
        }
    }
}
