//! The native syntax: `.tf` and `.tofu` files.

use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{self, Structure};

use super::ConfigError;
use super::body::{Attribute, Block, Body};
use super::expression::{Expr, Reference};
use super::lower::{Lines, Lowering};

/// Parses one file. The parser bounds nesting itself (64 levels, 128 chained operators) and says so.
pub(super) fn parse(
    file: &Arc<str>,
    directory: Option<Arc<str>>,
    text: &str,
) -> Result<Body, ConfigError> {
    let parsed = hcl_edit::parser::parse_body(text).map_err(|error| ConfigError::Syntax {
        file: file.to_string(),
        line: u32::try_from(error.location().line()).unwrap_or(u32::MAX),
        reason: error.message().to_owned(),
    })?;
    let mut lowering = Lowering {
        file: file.clone(),
        lines: Lines::of(text),
        source: text,
        directory,
        bound: Vec::new(),
        maybe_bound: Vec::new(),
    };
    Ok(body(&mut lowering, &parsed))
}

/// Reads a string that stands for a traversal, as in `depends_on = ["module.a"]`.
pub(super) fn reference(text: &str) -> Option<Reference> {
    let parsed: Expression = hcl_edit::parser::parse_expr(text).ok()?;
    let mut lowering = Lowering {
        file: Arc::from(""),
        lines: Lines::Fixed(0),
        source: text,
        directory: None,
        bound: Vec::new(),
        maybe_bound: Vec::new(),
    };
    lowering.expression(&parsed).sole_reference().cloned()
}

fn body(lowering: &mut Lowering<'_>, parsed: &structure::Body) -> Body {
    let mut lowered = Body::default();
    for structure in parsed {
        match structure {
            Structure::Attribute(attribute) => lowered.attributes.push(Attribute {
                name: attribute.key.as_str().to_owned(),
                value: lowering.expression(&attribute.value),
                at: lowering.location(attribute.span()),
            }),
            Structure::Block(parsed) => lowered.blocks.push(block(lowering, parsed)),
        }
    }
    lowered
}

fn block(lowering: &mut Lowering<'_>, parsed: &structure::Block) -> Block {
    let labels: Vec<String> = parsed
        .labels
        .iter()
        .map(|label| label.as_str().to_owned())
        .collect();
    let kind = parsed.ident.as_str().to_owned();
    let at = lowering.location(parsed.span());
    let body = match (kind.as_str(), labels.as_slice()) {
        ("dynamic", [label]) => dynamic(lowering, label, &parsed.body),
        _ => body(lowering, &parsed.body),
    };
    Block {
        kind,
        labels,
        body,
        at,
    }
}

/// The iterator of a `dynamic` block is bound in its content and labels, not in its `for_each`.
fn dynamic(lowering: &mut Lowering<'_>, label: &str, parsed: &structure::Body) -> Body {
    let iterator = match parsed.get_attribute("iterator").map(|found| &found.value) {
        Some(Expression::Variable(name)) => name.as_str(),
        _ => label,
    };
    let mut lowered = Body::default();
    for structure in parsed {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                let outer = lowering.bound.len();
                if name != "for_each" {
                    lowering.bound.push(iterator.to_owned());
                }
                let value: Expr = lowering.expression(&attribute.value);
                lowering.bound.truncate(outer);
                lowered.attributes.push(Attribute {
                    name: name.to_owned(),
                    value,
                    at: lowering.location(attribute.span()),
                });
            }
            Structure::Block(inner) => {
                lowering.bound.push(iterator.to_owned());
                let inner = block(lowering, inner);
                lowering.bound.pop();
                lowered.blocks.push(inner);
            }
        }
    }
    lowered
}
