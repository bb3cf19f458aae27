//! Every declaration gets its symbol before any reference is read, so that references may point
//! anywhere.

use std::collections::HashMap;

use super::config::{Configuration, Module, ModulePath, ResourceId};
use super::walk::{Symbol, SymbolId, Symbols};
use super::{Node, NodeId, ProviderNode, Repeat, Unresolved, providers};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
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

pub(super) struct Builder<'c> {
    pub(super) configuration: &'c Configuration,
    pub(super) index: HashMap<(&'c ModulePath, Name), SymbolId>,
    pub(super) nodes: Vec<Node>,
    pub(super) providers: Vec<ProviderNode>,
    pub(super) unresolved: Vec<Unresolved>,
    pub(super) symbols: Symbols,
}

impl<'c> Builder<'c> {
    /// Gives every declaration its symbol, so that references may point anywhere.
    pub(super) fn declare(configuration: &'c Configuration) -> Builder<'c> {
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

    pub(super) fn declare_module(&mut self, module: &'c Module) {
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

    pub(super) fn value(&mut self, path: &'c ModulePath, name: Name, label: &str) -> SymbolId {
        let symbol = self.symbols.add(Symbol {
            label: path.address(label),
            node: None,
            whole_module: false,
        });
        self.index.insert((path, name), symbol);
        symbol
    }

    pub(super) fn lookup(&self, path: &ModulePath, name: Name) -> Option<SymbolId> {
        // The key borrows from the configuration, so the path is looked up there first.
        let (path, _) = self.configuration.modules.get_key_value(path)?;
        self.index.get(&(path, name)).copied()
    }
}
