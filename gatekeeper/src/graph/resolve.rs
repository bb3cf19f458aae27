//! From declarations to the graph: every reference finds what it names, in the scope it stands in.
//!
//! A reference that names nothing is kept in [`Graph::unresolved`]; none is dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::{
    Body, Configuration, Expr, Location, Module, ModulePath, Reference, Resource, ResourceId, Step,
};
use super::reference::{Target, target};
use super::walk::{Arrow, Symbol, SymbolId, Symbols};
use super::{
    EdgeKind, Graph, GraphError, Node, NodeId, ProviderNode, RemovedBlock, Repeat, Unresolved,
    providers,
};

pub(super) fn build(configuration: &Configuration) -> Result<Graph, GraphError> {
    check_modules(configuration)?;
    let mut builder = Builder::declare(configuration);
    for module in configuration.modules.values() {
        builder.module(module);
    }
    builder.settled();
    let Builder {
        nodes,
        providers,
        mut unresolved,
        mut symbols,
        ..
    } = builder;
    if let Some(path) = symbols.find_cycle() {
        return Err(GraphError::Cycle { path });
    }
    symbols.index_backwards();
    unresolved.sort();
    unresolved.dedup();
    let by_address = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| (node.address.clone(), NodeId(index)))
        .collect();
    let removed = configuration.modules.values().flat_map(|module| {
        module.removed.iter().map(|block| RemovedBlock {
            module: module.path.clone(),
            from: block.from.clone(),
            lifecycle: block.lifecycle.clone(),
            execs: block.execs.clone(),
            at: block.at.clone(),
        })
    });
    Ok(Graph {
        by_address,
        nodes,
        providers,
        removed: removed.collect(),
        unresolved,
        symbols,
    })
}

fn check_modules(configuration: &Configuration) -> Result<(), GraphError> {
    if let Some((path, _, at)) = configuration.missing_modules().into_iter().next() {
        return Err(GraphError::MissingModule {
            module: path.key(),
            at,
        });
    }
    for path in configuration.modules.keys() {
        let Some((parent, name)) = path.parent() else {
            continue;
        };
        let caller = configuration.modules.get(&parent);
        if !caller.is_some_and(|module| module.calls.contains_key(name)) {
            return Err(GraphError::UncalledModule { module: path.key() });
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Resource(ResourceId),
    Local(String),
    Variable(String),
    Output(String),
    Provider(String, Option<String>),
    /// What the engine settles before anything in the module: count, for_each, depends_on.
    Expansion,
    /// Everything in the module.
    Whole,
    /// Every resource that is not part of a check; of the root module only.
    Settled,
}

/// What repeats the object an expression stands in, for `each` and `count`.
#[derive(Clone, Copy, Default)]
struct Owner<'c> {
    count: Option<&'c Expr>,
    for_each: Option<&'c Expr>,
}

/// One place from which references are made.
struct Sink<'c> {
    from: SymbolId,
    /// Module in whose scope names are looked up.
    scope: &'c Module,
    owner: Owner<'c>,
    kind: EdgeKind,
    argument: Arc<str>,
}

struct Builder<'c> {
    configuration: &'c Configuration,
    index: HashMap<(&'c ModulePath, Name), SymbolId>,
    nodes: Vec<Node>,
    providers: Vec<ProviderNode>,
    unresolved: Vec<Unresolved>,
    symbols: Symbols,
}

impl<'c> Builder<'c> {
    /// Gives every declaration its symbol, so that references may point anywhere.
    fn declare(configuration: &'c Configuration) -> Builder<'c> {
        let mut builder = Builder {
            configuration,
            index: HashMap::new(),
            nodes: Vec::new(),
            providers: Vec::new(),
            unresolved: Vec::new(),
            symbols: Symbols::default(),
        };
        for module in configuration.modules.values() {
            builder.declare_module(module);
        }
        builder
    }

    fn declare_module(&mut self, module: &'c Module) {
        let path = &module.path;
        for resource in module.resources.values() {
            let node = NodeId(self.nodes.len());
            let repeat = match (&resource.count, &resource.for_each) {
                (_, Some(_)) => Repeat::ForEach,
                (Some(_), None) => Repeat::Count,
                (None, None) => Repeat::Once,
            };
            let address = path.address(&resource.id.to_string());
            let symbol = self.symbols.add(Symbol {
                label: address.clone(),
                node: Some((node, repeat)),
                whole_module: false,
            });
            self.symbols.of_node.push(symbol);
            self.index
                .insert((path, Name::Resource(resource.id.clone())), symbol);
            self.nodes.push(Node {
                address,
                module: path.clone(),
                mode: resource.id.mode,
                kind: resource.id.kind.clone(),
                name: resource.id.name.clone(),
                repeat,
                lifecycle: resource.lifecycle.clone(),
                execs: resource.execs.clone(),
                provider: providers::bind(self.configuration, module, resource),
                at: resource.at.clone(),
            });
        }
        for name in module.locals.keys() {
            self.value(path, Name::Local(name.clone()), &format!("local.{name}"));
        }
        for name in module.variables.keys() {
            self.value(path, Name::Variable(name.clone()), &format!("var.{name}"));
        }
        for name in module.outputs.keys() {
            let symbol = self.value(path, Name::Output(name.clone()), &format!("output.{name}"));
            if path.is_root() {
                self.symbols.of_output.insert(name.clone(), symbol);
            }
        }
        for config in module.providers.values() {
            let (name, alias) = (&config.local_name, &config.alias);
            let label = match alias {
                Some(alias) => format!("provider.{name}.{alias}"),
                None => format!("provider.{name}"),
            };
            let key = Name::Provider(name.clone(), alias.clone());
            let symbol = self.value(path, key, &label);
            self.symbols.of_provider.push(symbol);
            self.providers.push(ProviderNode {
                module: path.clone(),
                local_name: name.clone(),
                alias: alias.clone(),
                source: module.settings.provider_source(name),
                text: config.body.text(),
                at: config.at.clone(),
            });
        }
        if path.is_root() {
            let settled = self.value(path, Name::Settled, "(checks start)");
            self.symbols.symbols[settled].whole_module = true;
        }
        self.value(path, Name::Expansion, "(expand)");
        let whole = self.value(path, Name::Whole, "(all)");
        self.symbols.symbols[whole].whole_module = true;
    }

    fn value(&mut self, path: &'c ModulePath, name: Name, label: &str) -> SymbolId {
        let symbol = self.symbols.add(Symbol {
            label: path.address(label),
            node: None,
            whole_module: false,
        });
        self.index.insert((path, name), symbol);
        symbol
    }

    fn lookup(&self, path: &ModulePath, name: Name) -> Option<SymbolId> {
        // The key borrows from the configuration, so the path is looked up there first.
        let (path, _) = self.configuration.modules.get_key_value(path)?;
        self.index.get(&(path, name)).copied()
    }

    fn module(&mut self, module: &'c Module) {
        for resource in module.resources.values() {
            self.resource(module, resource);
        }
        for (name, local) in &module.locals {
            self.expression_of(
                module,
                Name::Local(name.clone()),
                &local.value,
                EdgeKind::Value,
            );
        }
        for (name, variable) in &module.variables {
            for condition in &variable.validations {
                let key = Name::Variable(name.clone());
                self.expression_of(module, key, condition, EdgeKind::Condition);
            }
        }
        for (name, output) in &module.outputs {
            let key = || Name::Output(name.clone());
            if let Some(value) = &output.value {
                self.expression_of(module, key(), value, EdgeKind::Value);
            }
            for condition in &output.preconditions {
                self.expression_of(module, key(), condition, EdgeKind::Condition);
            }
            if let Some(from) = self.lookup(&module.path, key()) {
                let sink = Sink::new(from, module, EdgeKind::DependsOn, "depends_on");
                self.references(&sink, output.depends_on.iter());
                self.expansion_of(module, from, &output.at);
            }
        }
        for (key, config) in &module.providers {
            let name = Name::Provider(key.0.clone(), key.1.clone());
            let Some(from) = self.lookup(&module.path, name) else {
                continue;
            };
            let owner = Owner {
                count: None,
                for_each: config.for_each.as_ref(),
            };
            self.body(from, module, owner, &config.body, "", EdgeKind::Value);
        }
        self.whole_module(module);
        for (name, call) in &module.calls {
            self.call(module, name, call);
        }
        for import in &module.imports {
            self.import(module, import);
        }
        self.checks(module);
    }

    fn resource(&mut self, module: &'c Module, resource: &'c Resource) {
        let Some(from) = self.lookup(&module.path, Name::Resource(resource.id.clone())) else {
            return;
        };
        let owner = Owner {
            count: resource.count.as_ref(),
            for_each: resource.for_each.as_ref(),
        };
        let sink = |kind, argument: &str| Sink {
            owner,
            ..Sink::new(from, module, kind, argument)
        };
        if let Some(count) = &resource.count {
            self.expression(&sink(EdgeKind::Count, "count"), count);
        }
        if let Some(for_each) = &resource.for_each {
            self.expression(&sink(EdgeKind::Each, "for_each"), for_each);
        }
        self.references(
            &sink(EdgeKind::DependsOn, "depends_on"),
            resource.depends_on.iter(),
        );
        if let Some(provider) = &resource.provider {
            self.references(
                &sink(EdgeKind::Provider, "provider"),
                provider.key_references.iter(),
            );
        }
        for attribute in &resource.body.attributes {
            const META: [&str; 4] = ["count", "for_each", "depends_on", "provider"];
            if !META.contains(&attribute.name.as_str()) {
                let sink = sink(EdgeKind::Value, &attribute.name);
                self.expression(&sink, &attribute.value);
            }
        }
        let mut provisioners = 0;
        for block in &resource.body.blocks {
            match block.kind.as_str() {
                "lifecycle" => self.lifecycle(&sink, &block.body),
                "connection" => {
                    self.body(
                        from,
                        module,
                        owner,
                        &block.body,
                        "connection",
                        EdgeKind::Connection,
                    );
                }
                "provisioner" => {
                    let prefix = format!("provisioner[{provisioners}]");
                    provisioners += 1;
                    self.body(
                        from,
                        module,
                        owner,
                        &block.body,
                        &prefix,
                        EdgeKind::Provisioner,
                    );
                }
                _ => self.nested(from, module, owner, block, "", EdgeKind::Value),
            }
        }
        self.provider_of(module, from, &resource.at);
        self.expansion_of(module, from, &resource.at);
    }

    fn lifecycle(&mut self, sink: &dyn Fn(EdgeKind, &str) -> Sink<'c>, body: &'c Body) {
        for attribute in &body.attributes {
            let argument = format!("lifecycle.{}", attribute.name);
            match attribute.name.as_str() {
                // Names of the resource's own attributes, not references.
                "ignore_changes" => {}
                "replace_triggered_by" => {
                    let references = attribute.value.named_references();
                    self.references(&sink(EdgeKind::Trigger, &argument), references.iter());
                }
                "enabled" => self.expression(&sink(EdgeKind::Count, &argument), &attribute.value),
                _ => self.expression(&sink(EdgeKind::Condition, &argument), &attribute.value),
            }
        }
        for block in &body.blocks {
            for attribute in &block.body.attributes {
                let argument = format!("lifecycle.{}.{}", block.kind, attribute.name);
                self.expression(&sink(EdgeKind::Condition, &argument), &attribute.value);
            }
        }
    }

    /// A body whose arguments all matter in the same way, except connections inside it.
    fn body(
        &mut self,
        from: SymbolId,
        module: &'c Module,
        owner: Owner<'c>,
        body: &'c Body,
        prefix: &str,
        kind: EdgeKind,
    ) {
        for attribute in &body.attributes {
            // Words, not references: `when = destroy`, `iterator = rule`, `alias = west`.
            let words = ["when", "on_failure", "iterator", "alias"];
            let word = words.contains(&attribute.name.as_str());
            if word && attribute.value.keyword().is_some() {
                continue;
            }
            let sink = Sink {
                owner,
                ..Sink::new(from, module, kind, &joined(prefix, &attribute.name))
            };
            self.expression(&sink, &attribute.value);
        }
        for block in &body.blocks {
            let kind = match block.kind.as_str() {
                "connection" if kind == EdgeKind::Provisioner => EdgeKind::Connection,
                _ => kind,
            };
            self.nested(from, module, owner, block, prefix, kind);
        }
    }

    /// A nested block; a `dynamic` one counts as the block it produces, whose `for_each` is that
    /// block's argument.
    fn nested(
        &mut self,
        from: SymbolId,
        module: &'c Module,
        owner: Owner<'c>,
        block: &'c super::config::Block,
        prefix: &str,
        kind: EdgeKind,
    ) {
        let prefix = match (block.kind.as_str(), prefix) {
            ("content", prefix) => prefix.to_owned(),
            ("_", prefix) => prefix.to_owned(),
            (_, prefix) => joined(prefix, block.effective_kind()),
        };
        self.body(from, module, owner, &block.body, &prefix, kind);
    }

    fn provider_of(&mut self, module: &'c Module, from: SymbolId, at: &Location) {
        let Some((node, _)) = self.symbols.symbols[from].node else {
            return;
        };
        let binding = self.nodes[node.0].provider.clone();
        self.provider_arrow(module, from, &binding, at);
    }

    fn provider_arrow(
        &mut self,
        module: &'c Module,
        from: SymbolId,
        binding: &providers::ProviderBinding,
        at: &Location,
    ) {
        let Some(place) = &binding.config_module else {
            // The engine supplies an empty configuration, or refuses an alias nobody defines.
            if binding.alias.is_some() {
                self.unresolved.push(Unresolved {
                    at: at.clone(),
                    module: module.path.clone(),
                    text: format!("provider {}", binding.config_name),
                });
            }
            return;
        };
        let name = Name::Provider(binding.config_name.clone(), binding.alias.clone());
        if let Some(to) = self.lookup(place, name) {
            self.arrow(from, to, EdgeKind::Provider, "provider", at);
        }
    }

    /// Everything in a module waits for the module's own meta-arguments.
    fn expansion_of(&mut self, module: &'c Module, from: SymbolId, at: &Location) {
        if let Some(to) = self.lookup(&module.path, Name::Expansion)
            && !module.path.is_root()
        {
            self.arrow(from, to, EdgeKind::ModuleMeta, "module", at);
        }
    }

    fn whole_module(&mut self, module: &'c Module) {
        let Some(whole) = self.lookup(&module.path, Name::Whole) else {
            return;
        };
        let start = Location {
            file: Arc::from(""),
            line: 0,
        };
        let names = module
            .resources
            .keys()
            .map(|id| Name::Resource(id.clone()))
            .chain(module.outputs.keys().map(|name| Name::Output(name.clone())))
            .chain(module.locals.keys().map(|name| Name::Local(name.clone())))
            .chain(
                module
                    .variables
                    .keys()
                    .map(|name| Name::Variable(name.clone())),
            )
            .chain([Name::Expansion]);
        for name in names {
            if let Some(to) = self.lookup(&module.path, name) {
                self.arrow(whole, to, EdgeKind::ModuleMeta, "module", &start);
            }
        }
        for name in module.calls.keys() {
            if let Some(to) = self.lookup(&module.path.child(name), Name::Whole) {
                self.arrow(whole, to, EdgeKind::ModuleMeta, "module", &start);
            }
        }
    }

    fn call(&mut self, module: &'c Module, name: &str, call: &'c super::config::ModuleCall) {
        let child = module.path.child(name);
        let Some(expansion) = self.lookup(&child, Name::Expansion) else {
            return;
        };
        let owner = Owner {
            count: call.count.as_ref(),
            for_each: call.for_each.as_ref(),
        };
        let sink = |from, kind, argument: &str| Sink {
            owner,
            ..Sink::new(from, module, kind, argument)
        };
        let repeats = call.count.iter().chain(&call.for_each).chain(&call.enabled);
        for expression in repeats {
            self.expression(&sink(expansion, EdgeKind::ModuleMeta, "module"), expression);
        }
        let waits = sink(expansion, EdgeKind::ModuleMeta, "module");
        self.references(&waits, call.depends_on.iter());
        for (_, outer) in &call.providers {
            self.references(&waits, outer.key_references.iter());
        }
        if !module.path.is_root() {
            self.expansion_of(module, expansion, &call.at);
        }
        for (argument, value) in &call.arguments {
            match self.lookup(&child, Name::Variable(argument.clone())) {
                Some(variable) => {
                    self.expression(&sink(variable, EdgeKind::Value, argument), value);
                }
                None => self.unresolved.push(Unresolved {
                    at: value.at.clone(),
                    module: module.path.clone(),
                    text: format!("argument {argument} of module.{name}"),
                }),
            }
        }
    }

    fn import(&mut self, module: &'c Module, import: &'c super::config::Import) {
        let Some((path, id)) = &import.target else {
            return;
        };
        let Some(from) = self.lookup(path, Name::Resource(id.clone())) else {
            return;
        };
        let owner = Owner {
            count: None,
            for_each: import.for_each.as_ref(),
        };
        let sink = |kind, argument: &str| Sink {
            owner,
            ..Sink::new(from, module, kind, argument)
        };
        let parts = [
            ("import.id", &import.id),
            ("import.identity", &import.identity),
            ("import.for_each", &import.for_each),
        ];
        for (argument, expression) in parts {
            if let Some(expression) = expression {
                self.expression(&sink(EdgeKind::Value, argument), expression);
            }
        }
        self.references(
            &sink(EdgeKind::Value, "import.to"),
            import.key_references.iter(),
        );
        if let Some(provider) = &import.provider {
            let binding = providers::resolve(self.configuration, module, provider);
            self.provider_arrow(module, from, &binding, &import.at);
        }
    }

    /// The engines apply every resource before they read for a check.
    fn settled(&mut self) {
        let Some(settled) = self.lookup(&ModulePath::root(), Name::Settled) else {
            return;
        };
        for module in self.configuration.modules.values() {
            for resource in module.resources.values() {
                let name = Name::Resource(resource.id.clone());
                if let (None, Some(to)) = (&resource.check, self.lookup(&module.path, name)) {
                    self.arrow(settled, to, EdgeKind::ModuleMeta, "check", &resource.at);
                }
            }
        }
    }

    /// A data source inside a check is read after everything else, and after what the check
    /// looks at in particular.
    fn checks(&mut self, module: &'c Module) {
        for resource in module.resources.values() {
            let Some(check) = &resource.check else {
                continue;
            };
            let from = self.lookup(&module.path, Name::Resource(resource.id.clone()));
            let (Some(from), Some(declared)) = (from, module.checks.get(check)) else {
                continue;
            };
            if let Some(settled) = self.lookup(&ModulePath::root(), Name::Settled) {
                self.arrow(from, settled, EdgeKind::ModuleMeta, "check", &resource.at);
            }
            let sink = Sink::new(from, module, EdgeKind::Condition, &format!("check.{check}"));
            for assert in &declared.asserts {
                for attribute in &assert.attributes {
                    self.expression(&sink, &attribute.value);
                }
            }
        }
        for check in module.checks.values() {
            // No block depends on a check, but what it names must exist all the same.
            for attribute in check.asserts.iter().flat_map(|assert| &assert.attributes) {
                for reference in attribute.value.references() {
                    self.must_exist(module, reference);
                }
            }
        }
    }

    fn must_exist(&mut self, module: &'c Module, reference: &Reference) {
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
    fn expression_of(
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

    fn expression(&mut self, sink: &Sink<'c>, expression: &Expr) {
        let pure = expression.sole_reference();
        for reference in expression.references() {
            let is_value = sink.kind == EdgeKind::Value && pure == Some(reference);
            self.refer(sink, reference, is_value);
        }
    }

    fn references<'r>(&mut self, sink: &Sink<'c>, references: impl Iterator<Item = &'r Reference>) {
        for reference in references {
            self.refer(sink, reference, false);
        }
    }

    fn refer(&mut self, sink: &Sink<'c>, reference: &Reference, pure: bool) {
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
    fn repetition(
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

    fn module_read(
        &mut self,
        sink: &Sink<'c>,
        read: &super::reference::ModuleRead<'_>,
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

    fn unknown(&mut self, module: &Module, reference: &Reference) {
        if reference.tentative {
            return;
        }
        let path = super::config::AttributePath(
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

    fn push(&mut self, sink: &Sink<'c>, to: SymbolId, path: Vec<Step>, pure: bool, at: &Location) {
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

    fn arrow(
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

impl<'c> Sink<'c> {
    fn new(from: SymbolId, scope: &'c Module, kind: EdgeKind, argument: &str) -> Sink<'c> {
        Sink {
            from,
            scope,
            owner: Owner::default(),
            kind,
            argument: Arc::from(argument),
        }
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}
