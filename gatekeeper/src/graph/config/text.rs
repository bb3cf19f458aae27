//! Normalised token text of an expression: what the author wrote, without comments and layout.
//!
//! Two expressions with equal text must mean the same to the engine, because a signature covers
//! the text. So nothing here may fold, sort or simplify.

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::template::{Directive, Element, Strip};

use super::expression::{escape_into, quoted};

/// Writes expressions of one source; heredocs are taken from it as they stand, since the engine
/// decides their indentation.
pub(super) struct Printer<'a> {
    pub source: &'a str,
}

impl Printer<'_> {
    pub fn expression(&self, expression: &Expression) -> String {
        let mut out = String::new();
        self.write(expression, &mut out);
        out
    }

    pub fn template(&self, elements: &[Element]) -> String {
        let mut out = String::from("\"");
        self.elements(elements.iter(), false, &mut out);
        out.push('"');
        out
    }

    fn write(&self, expression: &Expression, out: &mut String) {
        match expression {
            Expression::Null(_) => out.push_str("null"),
            Expression::Bool(value) => out.push_str(if **value { "true" } else { "false" }),
            Expression::Number(number) => out.push_str(&number_text(number)),
            Expression::String(text) => out.push_str(&quoted(text)),
            Expression::Array(array) => {
                out.push('[');
                self.list(array.iter(), out);
                out.push(']');
            }
            Expression::Object(object) => {
                out.push('{');
                for (position, (key, value)) in object.iter().enumerate() {
                    if position > 0 {
                        out.push_str(", ");
                    }
                    match key {
                        ObjectKey::Ident(name) => out.push_str(&quoted(name.as_str())),
                        ObjectKey::Expression(Expression::String(name)) => {
                            out.push_str(&quoted(name));
                        }
                        ObjectKey::Expression(key) => {
                            out.push('(');
                            self.write(key, out);
                            out.push(')');
                        }
                    }
                    out.push_str(" = ");
                    self.write(value.expr(), out);
                }
                out.push('}');
            }
            Expression::StringTemplate(template) => {
                out.push('"');
                self.elements(template.iter(), false, out);
                out.push('"');
            }
            Expression::HeredocTemplate(heredoc) => {
                // The indentation marker, not the delimiter, has meaning; the spaces it removes
                // stay in the text because literals are copied from the source.
                let indented = heredoc
                    .span()
                    .and_then(|span| self.source.get(span))
                    .map_or(heredoc.indent().is_some(), |raw| raw.starts_with("<<-"));
                out.push_str(if indented { "<<-\"" } else { "<<\"" });
                self.elements(heredoc.template.iter(), true, out);
                // Spaces before the closing word count as indentation too.
                out.push_str(heredoc.trailing());
                out.push('"');
            }
            Expression::Parenthesis(inner) => {
                out.push('(');
                self.write(inner.inner(), out);
                out.push(')');
            }
            Expression::Variable(name) => out.push_str(name.as_str()),
            Expression::ForExpr(each) => {
                out.push_str(if each.key_expr.is_some() { "{" } else { "[" });
                out.push_str("for ");
                if let Some(key) = &each.intro.key_var {
                    out.push_str(key.as_str());
                    out.push_str(", ");
                }
                out.push_str(each.intro.value_var.as_str());
                out.push_str(" in ");
                self.write(&each.intro.collection_expr, out);
                out.push_str(" : ");
                if let Some(key) = &each.key_expr {
                    self.write(key, out);
                    out.push_str(" => ");
                }
                self.write(&each.value_expr, out);
                if each.grouping {
                    out.push_str("...");
                }
                if let Some(condition) = &each.cond {
                    out.push_str(" if ");
                    self.write(&condition.expr, out);
                }
                out.push_str(if each.key_expr.is_some() { "}" } else { "]" });
            }
            Expression::Conditional(conditional) => {
                self.write(&conditional.cond_expr, out);
                out.push_str(" ? ");
                self.write(&conditional.true_expr, out);
                out.push_str(" : ");
                self.write(&conditional.false_expr, out);
            }
            Expression::FuncCall(call) => {
                for part in &call.name.namespace {
                    out.push_str(part.as_str());
                    out.push_str("::");
                }
                out.push_str(call.name.name.as_str());
                out.push('(');
                self.list(call.args.iter(), out);
                if call.args.expand_final() {
                    out.push_str("...");
                }
                out.push(')');
            }
            Expression::UnaryOp(operation) => {
                out.push_str(operation.operator.as_str());
                self.write(&operation.expr, out);
            }
            Expression::BinaryOp(operation) => {
                self.write(&operation.lhs_expr, out);
                out.push(' ');
                out.push_str(operation.operator.as_str());
                out.push(' ');
                self.write(&operation.rhs_expr, out);
            }
            Expression::Traversal(traversal) => {
                self.write(&traversal.expr, out);
                for operator in &traversal.operators {
                    match operator.value() {
                        TraversalOperator::AttrSplat(_) => out.push_str(".*"),
                        TraversalOperator::FullSplat(_) => out.push_str("[*]"),
                        TraversalOperator::GetAttr(name) => {
                            out.push('.');
                            out.push_str(name.as_str());
                        }
                        TraversalOperator::Index(index) => {
                            out.push('[');
                            self.write(index, out);
                            out.push(']');
                        }
                        TraversalOperator::LegacyIndex(index) => {
                            out.push('.');
                            out.push_str(&index.value().to_string());
                        }
                    }
                }
            }
        }
    }

    fn list<'e>(&self, items: impl Iterator<Item = &'e Expression>, out: &mut String) {
        for (position, item) in items.enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            self.write(item, out);
        }
    }

    fn elements<'e>(
        &self,
        elements: impl Iterator<Item = &'e Element>,
        verbatim: bool,
        out: &mut String,
    ) {
        for element in elements {
            match element {
                Element::Literal(literal) => {
                    let raw = literal.span().and_then(|span| self.source.get(span));
                    match raw {
                        Some(raw) if verbatim => escape_into(raw, out),
                        _ => escape_into(literal, out),
                    }
                }
                Element::Interpolation(interpolation) => {
                    open('$', interpolation.strip, out);
                    self.write(&interpolation.expr, out);
                    close(interpolation.strip, out);
                }
                Element::Directive(directive) => self.directive(directive, verbatim, out),
            }
        }
    }

    fn directive(&self, directive: &Directive, verbatim: bool, out: &mut String) {
        match directive {
            Directive::If(branch) => {
                open('%', branch.if_expr.strip, out);
                out.push_str(" if ");
                self.write(&branch.if_expr.cond_expr, out);
                close(branch.if_expr.strip, out);
                self.elements(branch.if_expr.template.iter(), verbatim, out);
                if let Some(otherwise) = &branch.else_expr {
                    open('%', otherwise.strip, out);
                    out.push_str(" else ");
                    close(otherwise.strip, out);
                    self.elements(otherwise.template.iter(), verbatim, out);
                }
                open('%', branch.endif_expr.strip, out);
                out.push_str(" endif ");
                close(branch.endif_expr.strip, out);
            }
            Directive::For(each) => {
                open('%', each.for_expr.strip, out);
                out.push_str(" for ");
                if let Some(key) = &each.for_expr.key_var {
                    out.push_str(key.as_str());
                    out.push_str(", ");
                }
                out.push_str(each.for_expr.value_var.as_str());
                out.push_str(" in ");
                self.write(&each.for_expr.collection_expr, out);
                close(each.for_expr.strip, out);
                self.elements(each.for_expr.template.iter(), verbatim, out);
                open('%', each.endfor_expr.strip, out);
                out.push_str(" endfor ");
                close(each.endfor_expr.strip, out);
            }
        }
    }
}

pub(super) fn number_text(number: &hcl_edit::Formatted<hcl_edit::Number>) -> String {
    match number.as_repr() {
        // `- 5` and `-5` are one number.
        Some(repr) => repr.to_string().split_whitespace().collect(),
        None => number.value().to_string(),
    }
}

fn open(marker: char, strip: Strip, out: &mut String) {
    out.push(marker);
    out.push('{');
    if matches!(strip, Strip::Start | Strip::Both) {
        out.push('~');
    }
}

fn close(strip: Strip, out: &mut String) {
    if matches!(strip, Strip::End | Strip::Both) {
        out.push('~');
    }
    out.push('}');
}
