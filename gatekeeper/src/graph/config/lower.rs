//! From parsed HCL expressions to [`Expr`]: text, references with scoping applied, files.
//!
//! The walk is our own and not the parser library's visitor, which never enters the collection of
//! a template `for` and would lose its references without a sign.

use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Directive, Element};
use serde_json::Value;

use super::expression::{Expr, FileRead, Key, Location, PROVIDER_FUNCTION, Reference, Shape, Step};
use super::text::{Printer, number_text};

/// Functions whose first argument names a file the engine opens.
const FILE_FUNCTIONS: [&str; 11] = [
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
];

/// Where byte offsets of the parsed text stand in the file.
pub(super) enum Lines {
    /// Offsets of the line starts of the file that was parsed.
    Native(Vec<usize>),
    /// A string inside a JSON file: the whole string counts as standing on one line.
    Fixed(u32),
}

impl Lines {
    pub fn of(text: &str) -> Lines {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(offset, _)| offset + 1))
            .collect();
        Lines::Native(starts)
    }

    pub fn at(&self, offset: usize) -> u32 {
        match self {
            Lines::Native(starts) => {
                let line = starts.partition_point(|start| *start <= offset);
                u32::try_from(line).unwrap_or(u32::MAX)
            }
            Lines::Fixed(line) => *line,
        }
    }
}

/// Turns the expressions of one source text into ours.
pub(super) struct Lowering<'a> {
    pub file: Arc<str>,
    pub lines: Lines,
    pub source: &'a str,
    /// Directory of the module, for paths that start at `path.module`; `None` when not known.
    pub directory: Option<Arc<str>>,
    /// Names bound by enclosing `for`, template `for` and `dynamic`, innermost last.
    pub bound: Vec<String>,
    /// Names that may be bound: see [`Reference::tentative`].
    pub maybe_bound: Vec<String>,
}

impl Lowering<'_> {
    pub fn location(&self, span: Option<std::ops::Range<usize>>) -> Location {
        Location {
            file: self.file.clone(),
            line: self.lines.at(span.map_or(0, |span| span.start)),
        }
    }

    pub fn expression(&mut self, expression: &Expression) -> Expr {
        let at = self.location(expression.span());
        let printer = Printer {
            source: self.source,
        };
        let shape = match expression {
            Expression::Null(_) => literal(Value::Null, "null".to_owned()),
            Expression::Bool(value) => literal(Value::Bool(**value), value.to_string()),
            Expression::String(_) => {
                let text = printer.expression(expression);
                let value = expression.as_str().unwrap_or_default().to_owned();
                literal(Value::String(value), text)
            }
            Expression::Number(number) => {
                let text = number_text(number);
                match serde_json::from_str(&text) {
                    Ok(number) => literal(Value::Number(number), text),
                    Err(_) => Shape::Other(text),
                }
            }
            Expression::HeredocTemplate(heredoc) => {
                let text = printer.expression(expression);
                let plain = heredoc.template.iter().all(|element| element.is_literal());
                // What `<<-` strips is the engine's business: such a text is not a literal to us.
                if plain && text.starts_with("<<\"") {
                    let value = heredoc
                        .template
                        .iter()
                        .filter_map(|element| element.as_literal());
                    let value = value.map(|part| part.as_str()).collect::<String>();
                    literal(Value::String(value), text)
                } else {
                    Shape::Other(text)
                }
            }
            Expression::Array(array) => {
                Shape::List(array.iter().map(|item| self.expression(item)).collect())
            }
            Expression::Object(object) => {
                let mut items = Vec::with_capacity(object.len());
                for (key, value) in object.iter() {
                    let key = match key {
                        ObjectKey::Ident(name) => Key::Literal(name.as_str().to_owned()),
                        ObjectKey::Expression(Expression::String(name)) => {
                            Key::Literal(name.value().clone())
                        }
                        ObjectKey::Expression(Expression::Parenthesis(key)) => {
                            Key::Computed(self.expression(key.inner()))
                        }
                        ObjectKey::Expression(key) => Key::Computed(self.expression(key)),
                    };
                    items.push((key, self.expression(value.expr())));
                }
                Shape::Object(items)
            }
            Expression::Variable(name) if !self.is_bound(name.as_str()) => {
                Shape::Traversal(printer.expression(expression))
            }
            Expression::Traversal(traversal) if self.starts_at_name(traversal) => {
                Shape::Traversal(printer.expression(expression))
            }
            _ => Shape::Other(printer.expression(expression)),
        };
        let mut found = Found::default();
        if matches!(shape, Shape::Traversal(_) | Shape::Other(_)) {
            self.collect(expression, &mut found);
        }
        Expr {
            at,
            shape,
            own_references: found.references,
            own_files: found.files,
            path: self.path_of(expression),
        }
    }

    /// A template that stands in a JSON string.
    pub fn template(&mut self, elements: &[Element]) -> Expr {
        let at = self.location(None);
        if let [Element::Interpolation(only)] = elements {
            return self.expression(&only.expr);
        }
        let mut found = Found::default();
        self.elements(elements, &mut found);
        Expr {
            at,
            shape: Shape::Other(
                Printer {
                    source: self.source,
                }
                .template(elements),
            ),
            own_references: found.references,
            own_files: found.files,
            path: self.path_from(elements),
        }
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }

    fn starts_at_name(&self, traversal: &Traversal) -> bool {
        matches!(&traversal.expr, Expression::Variable(root) if !self.is_bound(root.as_str()))
    }

    fn collect(&mut self, expression: &Expression, out: &mut Found) {
        match expression {
            Expression::Null(_)
            | Expression::Bool(_)
            | Expression::Number(_)
            | Expression::String(_) => {}
            Expression::Array(array) => array.iter().for_each(|item| self.collect(item, out)),
            Expression::Object(object) => {
                for (key, value) in object.iter() {
                    if let ObjectKey::Expression(key) = key {
                        self.collect(key, out);
                    }
                    self.collect(value.expr(), out);
                }
            }
            Expression::StringTemplate(template) => {
                template
                    .iter()
                    .for_each(|element| self.element(element, out));
            }
            Expression::HeredocTemplate(heredoc) => {
                let template = &heredoc.template;
                template
                    .iter()
                    .for_each(|element| self.element(element, out));
            }
            Expression::Parenthesis(inner) => self.collect(inner.inner(), out),
            Expression::Variable(name) => {
                self.reference(name.as_str(), Vec::new(), name.span(), out);
            }
            Expression::Conditional(conditional) => {
                self.collect(&conditional.cond_expr, out);
                self.collect(&conditional.true_expr, out);
                self.collect(&conditional.false_expr, out);
            }
            Expression::FuncCall(call) => self.call(call, out),
            Expression::Traversal(traversal) => self.traversal(traversal, out),
            Expression::UnaryOp(operation) => self.collect(&operation.expr, out),
            Expression::BinaryOp(operation) => {
                self.collect(&operation.lhs_expr, out);
                self.collect(&operation.rhs_expr, out);
            }
            Expression::ForExpr(each) => self.for_expression(each, out),
        }
    }

    fn for_expression(&mut self, each: &ForExpr, out: &mut Found) {
        self.collect(&each.intro.collection_expr, out);
        let outer = self.bound.len();
        let key = each.intro.key_var.as_ref().map(|name| name.as_str());
        let names = key.into_iter().chain([each.intro.value_var.as_str()]);
        self.bound.extend(names.map(str::to_owned));
        if let Some(key) = &each.key_expr {
            self.collect(key, out);
        }
        self.collect(&each.value_expr, out);
        if let Some(condition) = &each.cond {
            self.collect(&condition.expr, out);
        }
        self.bound.truncate(outer);
    }

    fn traversal(&mut self, traversal: &Traversal, out: &mut Found) {
        // The traversal itself comes before what its indices refer to.
        let mut indices = Found::default();
        let mut steps = Vec::with_capacity(traversal.operators.len());
        for operator in &traversal.operators {
            steps.push(match operator.value() {
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
                TraversalOperator::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
                TraversalOperator::LegacyIndex(index) => Step::Index(*index.value()),
                TraversalOperator::Index(Expression::String(key)) => Step::Key(key.value().clone()),
                TraversalOperator::Index(Expression::Number(index)) => {
                    index.value().as_u64().map_or(Step::Computed, Step::Index)
                }
                TraversalOperator::Index(index) => {
                    self.collect(index, &mut indices);
                    Step::Computed
                }
            });
        }
        match &traversal.expr {
            Expression::Variable(root) => self.reference(root.as_str(), steps, root.span(), out),
            inner => self.collect(inner, out),
        }
        out.references.append(&mut indices.references);
        out.files.append(&mut indices.files);
    }

    fn call(&mut self, call: &FuncCall, out: &mut Found) {
        let mut namespace = call.name.namespace.iter().map(|part| part.as_str());
        match namespace.next() {
            Some("provider") => {
                let steps = namespace.map(|part| Step::Attribute(part.to_owned()));
                let at = self.location(call.name.name.span().or_else(|| call.span()));
                out.references.push(Reference {
                    root: PROVIDER_FUNCTION.to_owned(),
                    steps: steps.collect(),
                    at,
                    tentative: false,
                });
            }
            None | Some("core") if FILE_FUNCTIONS.contains(&call.name.name.as_str()) => {
                if let Some(argument) = call.args.get(0) {
                    let read = self.file_read(call.name.name.as_str(), argument);
                    out.files.push(read);
                }
            }
            _ => {}
        }
        call.args
            .iter()
            .for_each(|argument| self.collect(argument, out));
    }

    fn file_read(&self, by: &str, argument: &Expression) -> FileRead {
        FileRead {
            by: by.to_owned(),
            text: Printer {
                source: self.source,
            }
            .expression(argument),
            path: self.path_of(argument),
        }
    }

    /// A path whose text is fixed, relative to the root module's directory.
    fn path_of(&self, argument: &Expression) -> Option<String> {
        match argument {
            Expression::String(text) => Some(text.value().clone()),
            Expression::StringTemplate(template) => self.path_from(template.iter()),
            _ => None,
        }
    }

    fn path_from<'e>(&self, elements: impl IntoIterator<Item = &'e Element>) -> Option<String> {
        let mut path = String::new();
        for (position, element) in elements.into_iter().enumerate() {
            match element {
                Element::Literal(text) => path.push_str(text),
                Element::Interpolation(part) if position == 0 => {
                    let Expression::Traversal(traversal) = &part.expr else {
                        return None;
                    };
                    path.push_str(&self.base_directory(traversal)?);
                }
                _ => return None,
            }
        }
        Some(path)
    }

    fn base_directory(&self, traversal: &Traversal) -> Option<String> {
        if !matches!(&traversal.expr, Expression::Variable(root) if root.as_str() == "path") {
            return None;
        }
        let [operator] = traversal.operators.as_slice() else {
            return None;
        };
        match operator.value() {
            TraversalOperator::GetAttr(name) => match name.as_str() {
                "root" | "cwd" => Some(".".to_owned()),
                "module" => self.directory.as_deref().map(str::to_owned),
                _ => None,
            },
            _ => None,
        }
    }

    fn elements(&mut self, elements: &[Element], out: &mut Found) {
        elements
            .iter()
            .for_each(|element| self.element(element, out));
    }

    fn element(&mut self, element: &Element, out: &mut Found) {
        match element {
            Element::Literal(_) => {}
            Element::Interpolation(interpolation) => self.collect(&interpolation.expr, out),
            Element::Directive(directive) => match directive.as_ref() {
                Directive::If(branch) => {
                    self.collect(&branch.if_expr.cond_expr, out);
                    for element in branch.if_expr.template.iter() {
                        self.element(element, out);
                    }
                    if let Some(otherwise) = &branch.else_expr {
                        for element in otherwise.template.iter() {
                            self.element(element, out);
                        }
                    }
                }
                Directive::For(each) => {
                    let intro = &each.for_expr;
                    self.collect(&intro.collection_expr, out);
                    let outer = self.bound.len();
                    let key = intro.key_var.as_ref().map(|name| name.as_str().to_owned());
                    self.bound.extend(key);
                    self.bound.push(intro.value_var.as_str().to_owned());
                    for element in intro.template.iter() {
                        self.element(element, out);
                    }
                    self.bound.truncate(outer);
                }
            },
        }
    }

    fn reference(
        &self,
        root: &str,
        steps: Vec<Step>,
        span: Option<std::ops::Range<usize>>,
        out: &mut Found,
    ) {
        if !self.is_bound(root) {
            out.references.push(Reference {
                root: root.to_owned(),
                steps,
                at: self.location(span),
                tentative: self.maybe_bound.iter().any(|name| name == root),
            });
        }
    }
}

#[derive(Default)]
struct Found {
    references: Vec<Reference>,
    files: Vec<FileRead>,
}

fn literal(value: Value, text: String) -> Shape {
    Shape::Literal { value, text }
}
