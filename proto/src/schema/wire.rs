//! Schemas as the engine reads them.

use std::collections::BTreeMap;

use super::{Attribute, Block, Mode, NestedBlock, Nesting, Schema, Shape};
use crate::wire::tfplugin6::{Schema as WireSchema, StringKind, schema as wire};

impl Schema {
    pub(crate) fn to_wire(&self) -> WireSchema {
        WireSchema {
            version: self.version,
            block: Some(block(&self.block, self.version)),
        }
    }
}

fn block(from: &Block, version: i64) -> wire::Block {
    wire::Block {
        version,
        attributes: attributes(&from.attributes),
        block_types: from
            .blocks
            .iter()
            .map(|(name, nested)| nested_block(name, nested))
            .collect(),
        description: from.description.clone(),
        description_kind: StringKind::Markdown.into(),
        deprecated: false,
        deprecation_message: String::new(),
    }
}

fn nested_block(name: &str, from: &NestedBlock) -> wire::NestedBlock {
    use wire::nested_block::NestingMode;
    let nesting = match from.nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::NestedBlock {
        type_name: name.to_owned(),
        block: Some(block(&from.block, 0)),
        nesting: nesting.into(),
        min_items: from.min_items,
        max_items: from.max_items,
    }
}

fn attributes(from: &BTreeMap<String, Attribute>) -> Vec<wire::Attribute> {
    from.iter()
        .map(|(name, from)| attribute(name, from))
        .collect()
}

fn attribute(name: &str, from: &Attribute) -> wire::Attribute {
    // Exactly one of the two: an engine refuses a schema that has both.
    let (ty, nested_type) = match &from.shape {
        Shape::Plain(ty) => (ty.to_json().into_bytes(), None),
        Shape::Nested(nesting, nested) => (Vec::new(), Some(object(*nesting, nested))),
    };
    wire::Attribute {
        name: name.to_owned(),
        r#type: ty,
        nested_type,
        description: from.description.clone(),
        required: from.mode == Mode::Required,
        optional: matches!(from.mode, Mode::Optional | Mode::OptionalComputed),
        computed: from.is_computed(),
        sensitive: from.sensitive,
        description_kind: StringKind::Markdown.into(),
        deprecated: from.deprecated,
        write_only: false,
        deprecation_message: String::new(),
    }
}

fn object(nesting: Nesting, from: &BTreeMap<String, Attribute>) -> wire::Object {
    use wire::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::Object {
        attributes: attributes(from),
        nesting: nesting.into(),
    }
}
