//! From declarations to the graph: which expressions each object has, and in which way each matters.
//! What their references name is found in `scope`.

use std::sync::Arc;

use super::config::{
    Block, Body, Configuration, Import, Location, Module, ModuleCall, ModulePath, Resource,
};
use super::declare::{Builder, Name};
use super::scope::{Owner, Sink};
use super::walk::SymbolId;
use super::{EdgeKind, Graph, GraphError, NodeId, RemovedBlock, Unresolved, providers};

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

impl<'c> Builder<'c> {
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
        block: &'c Block,
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

    pub(super) fn provider_arrow(
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

    fn call(&mut self, module: &'c Module, name: &str, call: &'c ModuleCall) {
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

    fn import(&mut self, module: &'c Module, import: &'c Import) {
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
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}
