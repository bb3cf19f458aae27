//! What every plan has in common, done once for all resources.
//!
//! An engine checks plans strictly and blames the provider by name. The rules are
//! kept here by construction:
//!
//! 1. the default stands where the configuration is silent;
//! 2. an equivalent spelling leaves the one in state;
//! 3. on creation, or when anything changed, what the provider computes is unknown,
//!    unless it is stable and already there;
//! 4. the resource fills in what follows from known input;
//! 5. an object is replaced only when a force-new attribute really changes;
//! 6. when nothing changed, the plan is the prior state exactly.
//!
//! No I/O and no clock: the engine plans again at apply and compares.

mod replace;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{
    conform,
    cty::{AttributePath, Value},
    diagnostic::Diagnostics,
    resource::provider_bug,
    schema::{Attribute, Block, NestedBlock, Nesting, Shape},
};

/// A change being planned, in the hands of [`crate::Resource::plan`].
#[derive(Debug)]
pub struct Change<'a> {
    block: &'a Block,
    prior: Option<&'a Value>,
    config: &'a Value,
    planned: Value,
    replace: Vec<AttributePath>,
    bugs: Diagnostics,
}

impl Change<'_> {
    /// The object before; `None` when it is to be created.
    pub fn prior(&self) -> Option<&Value> {
        self.prior
    }

    pub fn config(&self) -> &Value {
        self.config
    }

    /// The object as planned so far.
    pub fn planned(&self) -> &Value {
        &self.planned
    }

    /// A planned attribute.
    pub fn get(&self, name: &str) -> &Value {
        self.planned.get(name)
    }

    /// Settles the computed attribute `name`. What the configuration gives stands:
    /// then this does nothing.
    pub fn compute(&mut self, name: &str, value: impl Into<Value>) {
        let Some(attribute) = self
            .block
            .attributes
            .get(name)
            .filter(|attribute| attribute.is_computed())
        else {
            let bug = format!("the plan computes `{name}`, which is not a computed attribute");
            return self.bugs.push(provider_bug(bug, None));
        };
        if !self.config.get(name).is_null() {
            return;
        }
        let value = value.into();
        if let Err(error) = attribute.ty().check(&value) {
            let bug = format!("the computed value of `{name}` does not fit: {error}");
            return self.bugs.push(provider_bug(bug, Some(name.into())));
        }
        if let Value::Object(attributes) = &mut self.planned {
            attributes.insert(name.to_owned(), value);
        }
    }

    /// Another object is needed, because of what happens at `path`. It counts only
    /// where the value differs from the prior one.
    pub fn require_replace(&mut self, path: impl Into<AttributePath>) {
        self.replace.push(path.into());
    }
}

/// A finished plan.
#[derive(Debug)]
pub(crate) struct Planned {
    pub value: Value,
    pub requires_replace: Vec<AttributePath>,
    pub diagnostics: Diagnostics,
}

/// Plans the creation (`prior` is null) or change of an object. `proposed` is the
/// engine's first idea: configuration laid over the prior state.
pub(crate) fn plan(
    block: &Block,
    prior: &Value,
    proposed: Value,
    config: &Value,
    resource: impl FnOnce(&mut Change<'_>) -> Diagnostics,
) -> Planned {
    let mut planned = proposed;
    settle(block, prior, config, &mut planned);
    if prior.is_null() || planned != *prior {
        mark_unknown(block, prior, config, &mut planned);
    }

    let mut change = Change {
        block,
        prior: (!prior.is_null()).then_some(prior),
        config,
        planned,
        replace: Vec::new(),
        bugs: Diagnostics::new(),
    };
    let mut diagnostics = resource(&mut change);
    let Change {
        planned,
        replace,
        bugs,
        ..
    } = change;
    diagnostics.extend(bugs);

    let mut requires_replace = Vec::new();
    if !prior.is_null() {
        replace::replacements(
            block,
            prior,
            config,
            &planned,
            &AttributePath::root(),
            &mut requires_replace,
        );
        requires_replace.extend(
            replace
                .into_iter()
                .filter(|path| at(prior, path) != at(&planned, path)),
        );
        requires_replace.sort();
        requires_replace.dedup();
    }
    for (path, bug) in conform::plan_violations(block, prior, config, &planned) {
        diagnostics.push(provider_bug(
            format!("the plan of `{path}` {bug}"),
            Some(path),
        ));
    }
    // Equal, but perhaps spelled differently (`5` and `5.0`): only the same bytes are no change.
    let value = if planned == *prior {
        prior.clone()
    } else {
        planned
    };
    Planned {
        value,
        requires_replace,
        diagnostics,
    }
}

/// After a read: where the spelling found is equivalent to the one in state, the
/// one in state stays, so that it is not taken for drift.
pub(crate) fn keep_equivalent(block: &Block, state: &Value, found: &mut Value) {
    each_attribute(
        block,
        state,
        state,
        found,
        &mut |attribute, state, _, found| {
            if let Some(equivalent) = attribute.equivalent
                && comparable(state)
                && comparable(found)
                && equivalent(state, found)
            {
                *found = state.clone();
            }
        },
    );
}

fn comparable(value: &Value) -> bool {
    !value.is_null() && value.is_wholly_known()
}

/// Defaults and equivalent spellings.
fn settle(block: &Block, prior: &Value, config: &Value, planned: &mut Value) {
    each_attribute(
        block,
        prior,
        config,
        planned,
        &mut |attribute, prior, config, planned| {
            if config.is_null() {
                if let Some(default) = &attribute.default {
                    *planned = default.clone();
                }
            } else if let Some(equivalent) = attribute.equivalent
                && comparable(prior)
                && comparable(config)
                && equivalent(prior, config)
            {
                *planned = prior.clone();
            }
        },
    );
}

fn mark_unknown(block: &Block, prior: &Value, config: &Value, planned: &mut Value) {
    each_attribute(
        block,
        prior,
        config,
        planned,
        &mut |attribute, prior, config, planned| {
            if !config.is_null() || !attribute.is_computed() || attribute.default.is_some() {
                return;
            }
            *planned = match attribute {
                Attribute { stable: true, .. } if !prior.is_null() => prior.clone(),
                Attribute {
                    never_null: true, ..
                } => Value::unknown_not_null(),
                _ => Value::unknown(),
            };
        },
    );
}

/// Called with an attribute and its prior, configured and planned value.
type Visit<'v> = dyn FnMut(&Attribute, &Value, &Value, &mut Value) + 'v;

/// Visits every attribute, also inside nested objects that the configuration gives.
/// Elements are paired by position or key; those of sets, which have neither, hold
/// nothing computed ([`crate::schema::problems`]) and are left alone.
fn each_attribute(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &mut Value,
    visit: &mut Visit<'_>,
) {
    in_attributes(&block.attributes, prior, config, planned, visit);
    for (name, NestedBlock { nesting, block, .. }) in &block.blocks {
        let Value::Object(object) = &mut *planned else {
            return;
        };
        let Some(nested) = object.get_mut(name) else {
            continue;
        };
        each_object(
            *nesting,
            prior.get(name),
            config.get(name),
            nested,
            &mut |prior, config, planned| {
                each_attribute(block, prior, config, planned, visit);
            },
        );
    }
}

fn in_attributes(
    attributes: &BTreeMap<String, Attribute>,
    prior: &Value,
    config: &Value,
    planned: &mut Value,
    visit: &mut Visit<'_>,
) {
    let Value::Object(object) = planned else {
        return;
    };
    for (name, attribute) in attributes {
        let Some(planned) = object.get_mut(name) else {
            continue;
        };
        let (prior, config) = (prior.get(name), config.get(name));
        visit(attribute, prior, config, planned);
        if let Shape::Nested(nesting, nested) = &attribute.shape
            && !config.is_null()
        {
            each_object(
                *nesting,
                prior,
                config,
                planned,
                &mut |prior, config, planned| {
                    in_attributes(nested, prior, config, planned, visit);
                },
            );
        }
    }
}

type VisitObject<'v> = dyn FnMut(&Value, &Value, &mut Value) + 'v;

fn each_object(
    nesting: Nesting,
    prior: &Value,
    config: &Value,
    planned: &mut Value,
    visit: &mut VisitObject<'_>,
) {
    match (nesting, planned) {
        (Nesting::Single, planned @ Value::Object(_)) => visit(prior, config, planned),
        (Nesting::List, Value::List(elements)) => {
            for (index, planned) in elements.iter_mut().enumerate() {
                let element = |of| Value::elements(of).get(index).unwrap_or(&Value::Null);
                visit(element(prior), element(config), planned);
            }
        }
        (Nesting::Map, Value::Map(elements)) => {
            for (key, planned) in elements {
                let element = |of| {
                    Value::entries(of)
                        .and_then(|entries| entries.get(key))
                        .unwrap_or(&Value::Null)
                };
                visit(element(prior), element(config), planned);
            }
        }
        // Unknown as a whole, null, or a set: nothing inside to pair.
        _ => {}
    }
}

/// The value at a path; `None` where there is nothing.
fn at<'v>(value: &'v Value, path: &AttributePath) -> Option<&'v Value> {
    use crate::cty::Step;
    path.steps()
        .iter()
        .try_fold(value, |value, step| match (step, value) {
            (
                Step::Attribute(name) | Step::Key(name),
                Value::Object(entries) | Value::Map(entries),
            ) => entries.get(name),
            (Step::Index(index), _) => value.elements().get(*index),
            _ => None,
        })
}
