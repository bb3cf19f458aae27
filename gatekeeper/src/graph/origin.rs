//! The text behind one argument: its expression, and every local, variable, output and repetition
//! it reads on the way to resource attributes and literals.
//!
//! This is what a signature covers where a value is decided only at apply. An expression that
//! changes anywhere along the way must change the trace; where the exact argument cannot be told
//! apart, the trace takes in the block around it, never less.

use std::collections::{BTreeMap, BTreeSet};

use super::config::expression::{Key, Shape};
use super::config::{
    AttributePath, Block, Body, Configuration, Expr, FileRead, Mode, Module, ModulePath, Reference,
    Resource, ResourceId, Step,
};
use super::reference::{Target, target};

/// One named text, in the scope where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// Module address; empty for the root.
    pub scope: String,
    /// `local.x`, `var.x`, `output.x`, `aws_x.y.for_each`; the first entry names the argument.
    pub name: String,
    /// Normalised text; empty for a root variable, whose value is an input and not text.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionTrace {
    /// The argument first, the rest by scope and name.
    pub entries: Vec<TraceEntry>,
    /// Files that functions along the way open.
    pub files: Vec<FileRead>,
    /// Resource attributes the trace ends at, as `address.path`.
    pub sources: Vec<String>,
    /// The first entry covers more than the argument asked for.
    pub widened: bool,
}

/// Traces the argument `path` of the block at `address` (no instance keys). `None` when nothing in
/// the configuration sets it: its value is then computed by the provider, not by an expression.
pub fn expression_digest_input(
    configuration: &Configuration,
    address: &str,
    path: &AttributePath,
) -> Option<ExpressionTrace> {
    let (module, resource) = find(configuration, address)?;
    let located = locate(&resource.body, &path.0)?;
    let name = format!("{} {path}", resource.id);
    Some(traced(
        configuration,
        module,
        &owner_of(resource),
        name,
        located,
    ))
}

/// Traces one provisioner of the block at `address`, by its position, with the connection it uses.
pub fn exec_digest_input(
    configuration: &Configuration,
    address: &str,
    index: usize,
) -> Option<ExpressionTrace> {
    let (module, resource) = find(configuration, address)?;
    let exec = resource.execs.get(index)?;
    let mut provisioners = resource.body.blocks_of("provisioner");
    let mut blocks = vec![provisioners.nth(index)?];
    blocks.extend(resource.body.blocks_of("connection"));
    let mut located = Located::of_blocks(&blocks);
    located.text = exec.text.clone();
    located.files = exec.files.clone();
    located.widened = false;
    let name = format!("{} provisioner[{index}]", resource.id);
    Some(traced(
        configuration,
        module,
        &owner_of(resource),
        name,
        located,
    ))
}

/// Traces what holds the block at `address` back: its whole `lifecycle`, conditions included. A
/// condition emptied through a local changes this and nothing else. `None` without a `lifecycle`.
pub fn guards_digest_input(
    configuration: &Configuration,
    address: &str,
) -> Option<ExpressionTrace> {
    let (module, resource) = find(configuration, address)?;
    let blocks: Vec<&Block> = resource.body.blocks_of("lifecycle").collect();
    if blocks.is_empty() {
        return None;
    }
    let mut located = Located::of_blocks(&blocks);
    located.widened = false;
    let name = format!("{} lifecycle", resource.id);
    Some(traced(
        configuration,
        module,
        &owner_of(resource),
        name,
        located,
    ))
}

/// Traces a provider configuration in the module where it stands.
pub fn provider_digest_input(
    configuration: &Configuration,
    module: &ModulePath,
    local_name: &str,
    alias: Option<&str>,
) -> Option<ExpressionTrace> {
    let module = configuration.modules.get(module)?;
    let key = (local_name.to_owned(), alias.map(str::to_owned));
    let config = module.providers.get(&key)?;
    let mut located = locate(&config.body, &[])?;
    located.widened = false;
    let name = match alias {
        Some(alias) => format!("provider.{local_name}.{alias}"),
        None => format!("provider.{local_name}"),
    };
    let owner = Owner {
        name: name.clone(),
        count: None,
        for_each: config.for_each.as_ref(),
    };
    Some(traced(configuration, module, &owner, name, located))
}

/// Traces a root output. `None` when there is no such output.
pub fn output_digest_input(configuration: &Configuration, name: &str) -> Option<ExpressionTrace> {
    let module = configuration.modules.get(&ModulePath::root())?;
    let value = module.outputs.get(name)?.value.as_ref()?;
    let located = Located {
        text: value.text(),
        expressions: vec![value],
        files: Vec::new(),
        widened: false,
    };
    Some(traced(
        configuration,
        module,
        &Owner::none(),
        format!("output.{name}"),
        located,
    ))
}

fn traced<'c>(
    configuration: &'c Configuration,
    module: &'c Module,
    owner: &Owner<'c>,
    name: String,
    located: Located<'c>,
) -> ExpressionTrace {
    let mut trace = Trace {
        configuration,
        entries: BTreeMap::new(),
        files: located.files.into_iter().collect(),
        sources: BTreeSet::new(),
        waiting: Vec::new(),
    };
    for expression in &located.expressions {
        trace.expression(module, owner, expression);
    }
    trace.run();
    let first = TraceEntry {
        scope: module.path.to_string(),
        name,
        text: located.text,
    };
    let rest = trace
        .entries
        .into_iter()
        .map(|((scope, name), text)| TraceEntry { scope, name, text });
    ExpressionTrace {
        entries: std::iter::once(first).chain(rest).collect(),
        files: trace.files.into_iter().collect(),
        sources: trace.sources.into_iter().collect(),
        widened: located.widened,
    }
}

fn find<'c>(configuration: &'c Configuration, address: &str) -> Option<(&'c Module, &'c Resource)> {
    let (module, id) = parse_address(configuration, address)?;
    Some((module, module.resources.get(&id)?))
}

fn owner_of(resource: &Resource) -> Owner<'_> {
    Owner {
        name: resource.id.to_string(),
        count: resource.count.as_ref(),
        for_each: resource.for_each.as_ref(),
    }
}

fn parse_address<'c>(
    configuration: &'c Configuration,
    address: &str,
) -> Option<(&'c Module, ResourceId)> {
    let mut path = ModulePath::root();
    let mut rest = address;
    while let Some(inner) = rest.strip_prefix("module.") {
        let (name, after) = inner.split_once('.')?;
        path = path.child(name);
        rest = after;
    }
    let (mode, rest) = match rest.split_once('.') {
        Some(("data", rest)) => (Mode::Data, rest),
        Some(("ephemeral", rest)) => (Mode::Ephemeral, rest),
        _ => (Mode::Managed, rest),
    };
    let (kind, name) = rest.split_once('.')?;
    let id = ResourceId {
        mode,
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    Some((configuration.modules.get(&path)?, id))
}

/// Where an argument is set.
struct Located<'c> {
    text: String,
    expressions: Vec<&'c Expr>,
    files: Vec<FileRead>,
    widened: bool,
}

impl<'c> Located<'c> {
    fn of_blocks(blocks: &[&'c Block]) -> Located<'c> {
        let mut expressions = Vec::new();
        for block in blocks {
            block
                .body
                .each_expression(&mut |expression| expressions.push(expression));
        }
        let text: Vec<String> = blocks.iter().map(|block| block.text()).collect();
        Located {
            text: text.join("\n"),
            expressions,
            files: Vec::new(),
            widened: true,
        }
    }
}

fn locate<'c>(body: &'c Body, path: &[Step]) -> Option<Located<'c>> {
    let Some((first, rest)) = path.split_first() else {
        let mut expressions = Vec::new();
        body.each_expression(&mut |expression| expressions.push(expression));
        return Some(Located {
            text: body.text(),
            expressions,
            files: Vec::new(),
            widened: true,
        });
    };
    let name = first.name()?;
    const META: [&str; 3] = ["lifecycle", "provisioner", "connection"];
    let found: Vec<&Block> = body
        .blocks
        .iter()
        .filter(|block| block.effective_kind() == name && !META.contains(&block.kind.as_str()))
        .collect();
    if let Some(value) = body.attribute(name) {
        // JSON may write one block type both as an attribute and as `dynamic`: then both count.
        let mut located = Located::of_blocks(&found);
        let (value, widened) = if found.is_empty() {
            narrow(value, rest)
        } else {
            (value, true)
        };
        located.text = value.text() + &located.text;
        located.expressions.push(value);
        located.widened = widened;
        return Some(located);
    }
    match found.as_slice() {
        // A block named `_` holds arguments whose names would otherwise be meta-arguments.
        [] => body
            .blocks_of("_")
            .find_map(|block| locate(&block.body, path)),
        [only] if only.kind != "dynamic" => {
            // Which index a block has depends on the provider's schema; with one block it is moot.
            let rest = match rest {
                [index, rest @ ..] if index.is_index() => rest,
                rest => rest,
            };
            let inner = if rest.is_empty() {
                None
            } else {
                locate(&only.body, rest)
            };
            Some(inner.unwrap_or_else(|| Located::of_blocks(&found)))
        }
        _ => Some(Located::of_blocks(&found)),
    }
}

/// The member of a list or object that a path selects, as long as the text alone decides it.
fn narrow<'c>(expression: &'c Expr, path: &[Step]) -> (&'c Expr, bool) {
    let Some((first, rest)) = path.split_first() else {
        return (expression, false);
    };
    match &expression.shape {
        Shape::Object(items) => {
            let literal = items.iter().all(|(key, _)| matches!(key, Key::Literal(_)));
            let member = first.name().filter(|_| literal);
            match member.and_then(|name| expression.member(name)) {
                Some(member) => narrow(member, rest),
                None => (expression, true),
            }
        }
        // With more members a set would be sorted, and the index would point elsewhere.
        Shape::List(items) => match (items.as_slice(), first) {
            ([only], Step::Index(0)) => narrow(only, rest),
            _ => (expression, true),
        },
        _ => (expression, true),
    }
}

/// What repeats the object whose argument is traced, for `each` and `count`.
#[derive(Clone)]
struct Owner<'c> {
    name: String,
    count: Option<&'c Expr>,
    for_each: Option<&'c Expr>,
}

impl Owner<'_> {
    fn none() -> Self {
        Owner {
            name: String::new(),
            count: None,
            for_each: None,
        }
    }
}

struct Trace<'c> {
    configuration: &'c Configuration,
    entries: BTreeMap<(String, String), String>,
    files: BTreeSet<FileRead>,
    sources: BTreeSet<String>,
    /// References still to follow, with the scope they stand in.
    waiting: Vec<(&'c Module, Owner<'c>, &'c Reference)>,
}

impl<'c> Trace<'c> {
    fn expression(&mut self, module: &'c Module, owner: &Owner<'c>, expression: &'c Expr) {
        self.files.extend(expression.files().into_iter().cloned());
        for reference in expression.references() {
            self.waiting.push((module, owner.clone(), reference));
        }
    }

    fn run(&mut self) {
        while let Some((module, owner, reference)) = self.waiting.pop() {
            self.follow(module, &owner, reference);
        }
    }

    fn follow(&mut self, module: &'c Module, owner: &Owner<'c>, reference: &'c Reference) {
        match target(reference) {
            Target::Local { name, .. } => {
                if let Some(local) = module.locals.get(name) {
                    let name = format!("local.{name}");
                    self.visit(module, name, module, &Owner::none(), &local.value);
                }
            }
            Target::Variable { name, .. } => self.variable(module, name),
            Target::Module(read) => {
                let child = module.path.child(read.call);
                let Some(child) = self.configuration.modules.get(&child) else {
                    return;
                };
                for (name, output) in &child.outputs {
                    if read.output.is_none_or(|wanted| wanted == name)
                        && let Some(value) = &output.value
                    {
                        let name = format!("output.{name}");
                        self.visit(child, name, child, &Owner::none(), value);
                    }
                }
                if read.whole
                    && let Some(call) = module.calls.get(read.call)
                {
                    let repeats = [("count", &call.count), ("for_each", &call.for_each)];
                    for (word, expression) in repeats {
                        if let Some(expression) = expression {
                            let name = format!("module.{}.{word}", read.call);
                            self.visit(module, name, module, &Owner::none(), expression);
                        }
                    }
                }
            }
            Target::Each { .. } => {
                if let Some(for_each) = owner.for_each {
                    let name = format!("{}.for_each", owner.name);
                    self.visit(module, name, module, &Owner::none(), for_each);
                }
            }
            Target::Count => {
                if let Some(count) = owner.count {
                    let name = format!("{}.count", owner.name);
                    self.visit(module, name, module, &Owner::none(), count);
                }
            }
            Target::Resource { id, rest } => {
                if module.resources.contains_key(&id) {
                    let mut source = module.path.address(&id.to_string());
                    let path = AttributePath(rest.to_vec()).to_string();
                    if !path.is_empty() {
                        let dot = if path.starts_with('[') { "" } else { "." };
                        source = format!("{source}{dot}{path}");
                    }
                    self.sources.insert(source);
                }
            }
            Target::ProviderFunction { name, .. } => {
                self.sources.insert(format!("provider::{name}"));
            }
            // The text already holds these, and they end here.
            Target::Ambient | Target::Unknown => {}
        }
    }

    fn variable(&mut self, module: &'c Module, name: &str) {
        let Some(variable) = module.variables.get(name) else {
            return;
        };
        let entry = format!("var.{name}");
        let caller = module.path.parent().and_then(|(path, call)| {
            let caller = self.configuration.modules.get(&path)?;
            let name = format!("module.{call}");
            Some((caller, name, caller.calls.get(call)?))
        });
        let Some((caller, call_name, call)) = caller else {
            self.entries
                .entry((module.path.to_string(), entry))
                .or_default();
            return;
        };
        match (call.arguments.get(name), &variable.default) {
            (Some(argument), default) => {
                // An argument that turns out null falls back on the default.
                if let Some(default) = default {
                    let name = format!("{entry} default");
                    self.visit(module, name, module, &Owner::none(), default);
                }
                let owner = Owner {
                    name: call_name,
                    count: call.count.as_ref(),
                    for_each: call.for_each.as_ref(),
                };
                self.visit(module, entry, caller, &owner, argument);
            }
            (None, Some(default)) => self.visit(module, entry, module, &Owner::none(), default),
            (None, None) => {
                self.entries
                    .entry((module.path.to_string(), entry))
                    .or_default();
            }
        }
    }

    /// Records `name` of `module` once, and goes on from its expression, which stands in `scope`.
    fn visit(
        &mut self,
        module: &'c Module,
        name: String,
        scope: &'c Module,
        owner: &Owner<'c>,
        expression: &'c Expr,
    ) {
        let key = (module.path.to_string(), name);
        if self.entries.contains_key(&key) {
            return;
        }
        self.entries.insert(key, expression.text());
        self.expression(scope, owner, expression);
    }
}
