//! When a change needs another object: only where a force-new attribute really has
//! another value. A path the engine cannot find, or one that did not change, is an
//! error to it or a needless destruction to its user.

use crate::{
    cty::{AttributePath, Value},
    schema::{Attribute, Block, Nesting, Shape},
};

/// The paths at which a force-new attribute really changes.
pub(super) fn replacements(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Vec<AttributePath>,
) {
    for (name, attribute) in &block.attributes {
        let path = path.clone().attribute(name);
        replacement(
            attribute,
            prior.get(name),
            config.get(name),
            planned.get(name),
            path,
            found,
        );
    }
    for (name, nested) in &block.blocks {
        let path = path.clone().attribute(name);
        let (prior, config, planned) = (prior.get(name), config.get(name), planned.get(name));
        if !any_force_new(&nested.block) || prior == planned {
            continue;
        }
        match paired(nested.nesting, prior, planned) {
            Some(count) => {
                for index in 0..count {
                    let (path, [prior, config, planned]) =
                        pair(nested.nesting, index, &path, [prior, config, planned]);
                    replacements(&nested.block, prior, config, planned, &path, found);
                }
            }
            None => found.push(path),
        }
    }
}

fn replacement(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: AttributePath,
    found: &mut Vec<AttributePath>,
) {
    // Unknown only because the provider computes it: its cause, if any, is reported itself.
    let merely_recomputed = config.is_null() && planned.is_unknown();
    if prior == planned || merely_recomputed {
        return;
    }
    if attribute.force_new {
        found.push(path);
        return;
    }
    let Shape::Nested(nesting, nested) = &attribute.shape else {
        return;
    };
    if !nested.values().any(attribute_forces_new) {
        return;
    }
    let Some(count) = paired(*nesting, prior, planned) else {
        found.push(path);
        return;
    };
    for index in 0..count {
        let (path, [prior, config, planned]) =
            pair(*nesting, index, &path, [prior, config, planned]);
        for (name, attribute) in nested {
            let path = path.clone().attribute(name);
            replacement(
                attribute,
                prior.get(name),
                config.get(name),
                planned.get(name),
                path,
                found,
            );
        }
    }
}

/// How many nested objects stand opposite one another; `None` when they cannot be
/// told apart, so that the change is put down to the whole.
fn paired(nesting: Nesting, prior: &Value, planned: &Value) -> Option<usize> {
    match (nesting, prior, planned) {
        (Nesting::Single, Value::Object(_), Value::Object(_)) => Some(1),
        (Nesting::List, Value::List(a), Value::List(b)) if a.len() == b.len() => Some(a.len()),
        _ => None,
    }
}

fn pair<'v>(
    nesting: Nesting,
    index: usize,
    path: &AttributePath,
    values: [&'v Value; 3],
) -> (AttributePath, [&'v Value; 3]) {
    match nesting {
        Nesting::List => (
            path.clone().index(index),
            values.map(|value| value.elements().get(index).unwrap_or(&Value::Null)),
        ),
        _ => (path.clone(), values),
    }
}

fn any_force_new(block: &Block) -> bool {
    block.attributes.values().any(attribute_forces_new)
        || block
            .blocks
            .values()
            .any(|nested| any_force_new(&nested.block))
}

fn attribute_forces_new(attribute: &Attribute) -> bool {
    attribute.force_new
        || match &attribute.shape {
            Shape::Plain(_) => false,
            Shape::Nested(_, nested) => nested.values().any(attribute_forces_new),
        }
}
