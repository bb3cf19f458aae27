//! The checks an engine makes of our answers, made by ourselves first.
//!
//! The engine would report the same faults, but naming neither the rule nor a way
//! out, and after an apply it would have lost the chance to keep the object. What
//! is found here is a fault of a resource; users should never meet it.

use std::collections::BTreeMap;

use crate::{
    cty::{AttributePath, Value},
    schema::{Attribute, Block, Nesting, Shape},
};

type Violations = Vec<(AttributePath, &'static str)>;

/// Where a plan departs from what the configuration says and the schema lets the
/// provider decide.
pub(crate) fn plan_violations(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
) -> Violations {
    let mut found = Violations::new();
    if config.is_null() != planned.is_null() {
        found.push((
            AttributePath::root(),
            "exists, or does not, unlike the configuration",
        ));
        return found;
    }
    in_block(
        block,
        prior,
        config,
        planned,
        &AttributePath::root(),
        &mut found,
    );
    found
}

fn in_block(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Violations,
) {
    for (name, attribute) in &block.attributes {
        let path = path.clone().attribute(name);
        in_attribute(
            attribute,
            prior.get(name),
            config.get(name),
            planned.get(name),
            &path,
            found,
        );
    }
    for (name, nested) in &block.blocks {
        let path = path.clone().attribute(name);
        let (prior, config, planned) = (prior.get(name), config.get(name), planned.get(name));
        // A `dynamic` block over something unknown comes back as it is.
        if config.is_unknown() {
            if !planned.is_unknown() {
                found.push((path, "is known although the configuration is not"));
            }
            continue;
        }
        if planned.is_unknown() || (planned.is_null() && nested.nesting != Nesting::Single) {
            found.push((path, "is unknown or null, which a block never is"));
            continue;
        }
        in_objects(
            nested.nesting,
            prior,
            config,
            planned,
            &path,
            found,
            &mut |prior, config, planned, path, found| {
                in_block(&nested.block, prior, config, planned, path, found);
            },
        );
    }
}

fn in_attribute(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Violations,
) {
    if planned.same(config) {
        return;
    }
    // The old spelling may stay where the resource takes both for the same.
    if !prior.is_null() && !config.is_null() && planned == prior {
        return;
    }
    if config.is_null() {
        if !attribute.is_computed() {
            found.push((
                path.clone(),
                "has a value that the configuration does not give",
            ));
        }
        return;
    }
    match &attribute.shape {
        Shape::Nested(nesting, nested) if !config.is_unknown() => {
            if planned.is_null() || planned.is_unknown() {
                found.push((path.clone(), "is null or unknown although it is configured"));
                return;
            }
            in_objects(
                *nesting,
                prior,
                config,
                planned,
                path,
                found,
                &mut |prior, config, planned, path, found| {
                    for (name, attribute) in nested {
                        let path = path.clone().attribute(name);
                        in_attribute(
                            attribute,
                            prior.get(name),
                            config.get(name),
                            planned.get(name),
                            &path,
                            found,
                        );
                    }
                },
            );
        }
        _ => found.push((path.clone(), "differs from the configuration")),
    }
}

type Compare<'c> = dyn FnMut(&Value, &Value, &Value, &AttributePath, &mut Violations) + 'c;

fn in_objects(
    nesting: Nesting,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Violations,
    compare: &mut Compare<'_>,
) {
    match (nesting, config, planned) {
        (Nesting::Single, Value::Object(_), Value::Object(_)) => {
            compare(prior, config, planned, path, found)
        }
        (Nesting::Single, Value::Null, Value::Null) => {}
        (Nesting::List, Value::List(configured), Value::List(elements))
            if configured.len() == elements.len() =>
        {
            for (index, (config, planned)) in configured.iter().zip(elements).enumerate() {
                let prior = prior.elements().get(index).unwrap_or(&Value::Null);
                compare(prior, config, planned, &path.clone().index(index), found);
            }
        }
        (Nesting::Map, Value::Map(configured), Value::Map(elements))
            if configured.keys().eq(elements.keys()) =>
        {
            for (key, config) in configured {
                let prior = prior
                    .entries()
                    .and_then(|entries| entries.get(key))
                    .unwrap_or(&Value::Null);
                compare(prior, config, &elements[key], &path.clone().key(key), found);
            }
        }
        (Nesting::Set, _, _) if planned.same(config) => {}
        _ => found.push((path.clone(), "has other elements than the configuration")),
    }
}

/// Where an applied object departs from its plan, or is not fully known.
pub(crate) fn apply_violations(planned: &Value, applied: &Value) -> Violations {
    let mut found = Violations::new();
    applied_value(planned, applied, &AttributePath::root(), &mut found);
    found
}

fn applied_value(planned: &Value, applied: &Value, path: &AttributePath, found: &mut Violations) {
    if let Value::Unknown(refinement) = planned {
        if !applied.is_wholly_known() {
            found.push((path.clone(), "is still unknown after apply"));
        } else if refinement.null == Some(false) && applied.is_null() {
            found.push((path.clone(), "is null although the plan promised a value"));
        }
        return;
    }
    match (planned, applied) {
        (Value::Object(attributes), Value::Object(others))
        | (Value::Map(attributes), Value::Map(others)) => {
            if !attributes.keys().eq(others.keys()) {
                found.push((path.clone(), "has other keys than planned"));
                return;
            }
            for (key, attribute) in attributes {
                let path = match planned {
                    Value::Map(_) => path.clone().key(key),
                    _ => path.clone().attribute(key),
                };
                applied_value(attribute, &others[key], &path, found);
            }
        }
        (Value::List(planned), Value::List(applied))
        | (Value::Tuple(planned), Value::Tuple(applied)) => {
            if planned.len() != applied.len() {
                found.push((path.clone(), "has another number of elements than planned"));
                return;
            }
            for (index, (planned, applied)) in planned.iter().zip(applied).enumerate() {
                applied_value(planned, applied, &path.clone().index(index), found);
            }
        }
        // Elements that were unknown may turn out equal and become one.
        (Value::Set(elements), Value::Set(applied_elements)) if !planned.is_wholly_known() => {
            if applied_elements.len() > elements.len() {
                found.push((path.clone(), "has more elements than planned"));
            } else if !applied.is_wholly_known() {
                found.push((path.clone(), "is still unknown after apply"));
            }
        }
        _ if planned == applied => {}
        _ => found.push((path.clone(), "differs from what was planned")),
    }
}

/// The value with every unknown part made null: what can be stored of an object
/// whose apply went wrong, so that it is not lost.
pub(crate) fn without_unknowns(value: &Value) -> Value {
    match value {
        Value::Unknown(_) => Value::Null,
        Value::List(elements) => Value::List(elements.iter().map(without_unknowns).collect()),
        Value::Set(elements) => Value::Set(elements.iter().map(without_unknowns).collect()),
        Value::Tuple(elements) => Value::Tuple(elements.iter().map(without_unknowns).collect()),
        Value::Map(entries) => Value::Map(known_entries(entries)),
        Value::Object(entries) => Value::Object(known_entries(entries)),
        Value::Dynamic(dynamic) => {
            Value::Dynamic(Box::new((dynamic.0.clone(), without_unknowns(&dynamic.1))))
        }
        known => known.clone(),
    }
}

fn known_entries(entries: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    entries
        .iter()
        .map(|(name, value)| (name.clone(), without_unknowns(value)))
        .collect()
}
