//! From a reference to what it names, in the scope where it stands. A reference that names nothing
//! is kept as unresolved; none is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{AttributePath, Expr, Location, Module, Reference, Step};
use super::declare::{Builder, Name};
use super::reference::{ModuleRead, Target, target};
use super::walk::{Arrow, SymbolId};
use super::{EdgeKind, Unresolved, providers};

/// What repeats the object an expression stands in, for `each` and `count`.
#[derive(Clone, Copy, Default)]
pub(super) struct Owner<'c> {
    pub(super) count: Option<&'c Expr>,
    pub(super) for_each: Option<&'c Expr>,
}

/// One place from which references are made.
pub(super) struct Sink<'c> {
    pub(super) from: SymbolId,
    /// Module in whose scope names are looked up.
    pub(super) scope: &'c Module,
    pub(super) owner: Owner<'c>,
    pub(super) kind: EdgeKind,
    pub(super) argument: Arc<str>,
}

impl<'c> Sink<'c> {
    pub(super) fn new(
        from: SymbolId,
        scope: &'c Module,
        kind: EdgeKind,
        argument: &str,
    ) -> Sink<'c> {
        Sink {
            from,
            scope,
            owner: Owner::default(),
            kind,
            argument: Arc::from(argument),
        }
    }
}

impl<'c> Builder<'c> {
    pub(super) fn must_exist(&mut self, module: &'c Module, reference: &Reference) {
        let known = match target(reference) {
            Target::Resource { id, .. } => module.resources.contains_key(&id),
            Target::Local { name, .. } => module.locals.contains_key(name),
            Target::Variable { name, .. } => module.variables.contains_key(name),
            Target::Module(read) => module.calls.contains_key(read.call),
            Target::Unknown => false,
            _ => true,
        };
        if !known {
            self.unknown(module, reference);
        }
    }

    /// References of a symbol's own value, which may be passed through unchanged.
    pub(super) fn expression_of(
        &mut self,
        module: &'c Module,
        name: Name,
        expression: &'c Expr,
        kind: EdgeKind,
    ) {
        if let Some(from) = self.lookup(&module.path, name) {
            self.expression(&Sink::new(from, module, kind, ""), expression);
        }
    }

    pub(super) fn expression(&mut self, sink: &Sink<'c>, expression: &Expr) {
        let pure = expression.sole_reference();
        for reference in expression.references() {
            let is_value = sink.kind == EdgeKind::Value && pure == Some(reference);
            self.refer(sink, reference, is_value);
        }
    }

    pub(super) fn references<'r>(
        &mut self,
        sink: &Sink<'c>,
        references: impl Iterator<Item = &'r Reference>,
    ) {
        for reference in references {
            self.refer(sink, reference, false);
        }
    }

    pub(super) fn refer(&mut self, sink: &Sink<'c>, reference: &Reference, pure: bool) {
        let module = sink.scope;
        let named = |name: Name, rest: &[Step]| (module.path.clone(), name, rest.to_vec());
        let (path, name, rest) = match target(reference) {
            Target::Ambient => return,
            Target::Resource { id, rest } => named(Name::Resource(id), rest),
            Target::Local { name, rest } => named(Name::Local(name.to_owned()), rest),
            Target::Variable { name, rest } => named(Name::Variable(name.to_owned()), rest),
            Target::Count => return self.repetition(sink, sink.owner.count, None, reference),
            Target::Each { value, rest } => {
                let rest = value.then_some(rest);
                return self.repetition(sink, sink.owner.for_each, rest, reference);
            }
            Target::ProviderFunction { name, alias } => {
                let binding = providers::named(self.configuration, module, name, alias);
                return self.provider_arrow(module, sink.from, &binding, &reference.at);
            }
            Target::Module(read) => return self.module_read(sink, &read, reference, pure),
            Target::Unknown => return self.unknown(module, reference),
        };
        match self.lookup(&path, name) {
            Some(to) => self.push(sink, to, rest, pure, &reference.at),
            None => self.unknown(module, reference),
        }
    }

    /// `each` and `count` read what repeats the object they stand in.
    pub(super) fn repetition(
        &mut self,
        sink: &Sink<'c>,
        source: Option<&'c Expr>,
        value: Option<&[Step]>,
        reference: &Reference,
    ) {
        let Some(source) = source else {
            return self.unknown(sink.scope, reference);
        };
        let kind = match (sink.kind, reference.root.as_str()) {
            (EdgeKind::Value, "each") => EdgeKind::Each,
            (EdgeKind::Value, _) => EdgeKind::Count,
            (other, _) => other,
        };
        let inner = Sink {
            from: sink.from,
            scope: sink.scope,
            // What repeats an object cannot itself use `each` or `count` of that object.
            owner: Owner::default(),
            kind,
            argument: sink.argument.clone(),
        };
        match (source.sole_reference(), value) {
            // `for_each = R`, `each.value.x`: reads `x` of some instance of R.
            (Some(sole), Some(rest)) => {
                let mut through = sole.clone();
                through.at = reference.at.clone();
                through.steps.push(Step::Computed);
                through.steps.extend(rest.iter().cloned());
                self.refer(&inner, &through, false);
            }
            _ => {
                for found in source.references() {
                    let mut found = found.clone();
                    found.at = reference.at.clone();
                    self.refer(&inner, &found, false);
                }
            }
        }
    }

    pub(super) fn module_read(
        &mut self,
        sink: &Sink<'c>,
        read: &ModuleRead<'_>,
        reference: &Reference,
        pure: bool,
    ) {
        let child = sink.scope.path.child(read.call);
        let Some(module) = self.configuration.modules.get(&child) else {
            return self.unknown(sink.scope, reference);
        };
        let one = read
            .output
            .and_then(|output| module.outputs.get_key_value(output));
        if read.output.is_some() && one.is_none() {
            self.unknown(sink.scope, reference);
        }
        let outputs: BTreeMap<&String, _> = match one {
            Some((name, output)) => BTreeMap::from([(name, output)]),
            None => module.outputs.iter().collect(),
        };
        let rest = if one.is_some() { read.rest } else { &[] };
        for name in outputs.keys() {
            if let Some(to) = self.lookup(&child, Name::Output((*name).clone())) {
                self.push(
                    sink,
                    to,
                    rest.to_vec(),
                    pure && one.is_some(),
                    &reference.at,
                );
            }
        }
        if (read.whole || one.is_none())
            && let Some(to) = self.lookup(&child, Name::Whole)
        {
            let kind = match sink.kind {
                EdgeKind::DependsOn => EdgeKind::DependsOn,
                _ => EdgeKind::ModuleMeta,
            };
            self.arrow(sink.from, to, kind, &sink.argument.clone(), &reference.at);
        }
    }

    pub(super) fn unknown(&mut self, module: &Module, reference: &Reference) {
        if reference.tentative {
            return;
        }
        let path = AttributePath(
            std::iter::once(Step::Attribute(reference.root.clone()))
                .chain(reference.steps.iter().cloned())
                .collect(),
        );
        self.unresolved.push(Unresolved {
            at: reference.at.clone(),
            module: module.path.clone(),
            text: path.to_string(),
        });
    }

    pub(super) fn push(
        &mut self,
        sink: &Sink<'c>,
        to: SymbolId,
        path: Vec<Step>,
        pure: bool,
        at: &Location,
    ) {
        if to != sink.from {
            self.symbols.arrows[sink.from].push(Arrow {
                to,
                kind: sink.kind,
                argument: sink.argument.clone(),
                path,
                pure,
                at: at.clone(),
            });
        }
    }

    pub(super) fn arrow(
        &mut self,
        from: SymbolId,
        to: SymbolId,
        kind: EdgeKind,
        argument: &str,
        at: &Location,
    ) {
        self.symbols.arrows[from].push(Arrow {
            to,
            kind,
            argument: Arc::from(argument),
            path: Vec::new(),
            pure: false,
            at: at.clone(),
        });
    }
}
