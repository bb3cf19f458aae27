//! The rules an engine holds a schema to.
//!
//! An engine that meets a broken schema reports it badly or panics, and to a
//! user, not to us. So every provider tests that [`problems`] finds none.

use std::collections::BTreeMap;

use super::{Attribute, Block, Mode, NestedBlock, Nesting, Schema, Shape};
use crate::cty::{AttributePath, Type};

/// Names the language keeps for itself at the top of a resource.
const RESERVED: [&str; 7] = [
    "connection",
    "count",
    "depends_on",
    "for_each",
    "lifecycle",
    "provider",
    "provisioner",
];

/// What is wrong with a resource's or data source's schema, in words. A provider's
/// own schema is checked with [`problems`] too; `alias` and `version` are refused
/// everywhere, which costs nothing.
pub fn problems(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    if schema.version < 0 {
        found.push(format!("the version {} is negative", schema.version));
    }
    for name in schema
        .block
        .attributes
        .keys()
        .chain(schema.block.blocks.keys())
    {
        if RESERVED.contains(&name.as_str()) || name == "alias" || name == "version" {
            found.push(format!("`{name}` is reserved by the language"));
        }
    }
    block(&schema.block, &AttributePath::root(), &mut found);
    found
}

fn block(of: &Block, at: &AttributePath, found: &mut Vec<String>) {
    for name in &of.repeated {
        found.push(format!(
            "`{}` is declared twice",
            at.clone().attribute(name)
        ));
    }
    attributes(&of.attributes, at, false, found);
    for (name, nested) in &of.blocks {
        let at = at.clone().attribute(name);
        check_name(name, &at, found);
        if of.attributes.contains_key(name) {
            found.push(format!("`{at}` is both an attribute and a block"));
        }
        nested_block(nested, &at, found);
    }
}

fn nested_block(of: &NestedBlock, at: &AttributePath, found: &mut Vec<String>) {
    let (min, max) = (of.min_items, of.max_items);
    let limits = match of.nesting {
        Nesting::List | Nesting::Set => min >= 0 && max >= 0 && (max == 0 || min <= max),
        Nesting::Single => (min, max) == (0, 0) || (min, max) == (1, 1),
        Nesting::Map => false,
    };
    if of.nesting == Nesting::Map {
        found.push(format!(
            "the block `{at}` nests as a map, which blocks cannot do here"
        ));
    } else if !limits {
        found.push(format!(
            "the block `{at}` cannot have between {min} and {max} items"
        ));
    }
    if of.block.ty().has_dynamic() {
        found.push(format!(
            "the block `{at}` holds a dynamic attribute, which changes the type of the whole block"
        ));
    }
    if of.nesting == Nesting::Set
        && of
            .block
            .attributes
            .values()
            .any(|attribute| attribute.is_computed())
    {
        found.push(format!("the set `{at}` holds a computed attribute, so its elements have no identity before apply"));
    }
    block(&of.block, at, found);
}

fn attributes(
    of: &BTreeMap<String, Attribute>,
    at: &AttributePath,
    in_set: bool,
    found: &mut Vec<String>,
) {
    for (name, attribute) in of {
        let at = at.clone().attribute(name);
        check_name(name, &at, found);
        check_attribute(attribute, &at, in_set, found);
    }
}

fn check_attribute(of: &Attribute, at: &AttributePath, in_set: bool, found: &mut Vec<String>) {
    if let Some(default) = &of.default {
        match of.mode {
            Mode::OptionalComputed => {}
            _ => found.push(format!("`{at}` has a default but is not optional")),
        }
        if !default.is_wholly_known() || default.is_null() {
            found.push(format!("the default of `{at}` is not a known value"));
        }
        if let Err(error) = of.ty().check(default) {
            found.push(format!("the default of `{at}` does not fit: {error}"));
        }
    }
    if !of.is_computed() && (of.stable || of.never_null) {
        found.push(format!(
            "`{at}` promises how it is computed but is not computed"
        ));
    }
    if in_set && of.is_computed() {
        found.push(format!(
            "`{at}` is computed inside a set, whose elements then have no identity before apply"
        ));
    }
    match &of.shape {
        Shape::Plain(ty) => check_type(ty, at, found),
        Shape::Nested(nesting, nested) => {
            if of.ty().has_dynamic() {
                found.push(format!(
                    "`{at}` holds a dynamic attribute, which changes the type of the whole"
                ));
            }
            if of.equivalent.is_some() {
                found.push(format!(
                    "`{at}` compares spellings of nested objects: compare their attributes"
                ));
            }
            attributes(nested, at, in_set || *nesting == Nesting::Set, found);
        }
    }
}

fn check_type(ty: &Type, at: &AttributePath, found: &mut Vec<String>) {
    if let Err(error) = Type::from_json(ty.to_json().as_bytes()) {
        found.push(format!("the type of `{at}` does not read back: {error}"));
    }
    if set_of_dynamic(ty) {
        found.push(format!(
            "`{at}` is a set of dynamic values, which the engines refuse"
        ));
    }
}

fn set_of_dynamic(ty: &Type) -> bool {
    match ty {
        Type::Set(element) => element.has_dynamic(),
        Type::List(element) | Type::Map(element) => set_of_dynamic(element),
        Type::Tuple(elements) => elements.iter().any(set_of_dynamic),
        Type::Object(attributes) => attributes.values().any(set_of_dynamic),
        _ => false,
    }
}

fn check_name(name: &str, at: &AttributePath, found: &mut Vec<String>) {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(fits) || name.as_bytes()[0].is_ascii_digit() {
        found.push(format!(
            "`{at}` is not a name of lower-case letters, digits and underscores"
        ));
    }
}
