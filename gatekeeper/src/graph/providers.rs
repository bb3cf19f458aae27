//! Which provider configuration a resource uses: explicit or implied by its type, then up the tree
//! of modules through `providers = {}` or by inheritance.

use super::config::settings::{implied_provider, same_source};
use super::config::{Configuration, Module, ModulePath, ProviderReference, Resource};

/// The provider configuration behind a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBinding {
    /// Name in the resource's own module.
    pub local_name: String,
    /// Source as declared, or as the engine implies it.
    pub source: String,
    /// Alias of the configuration, in the module where it stands.
    pub alias: Option<String>,
    /// Module of the `provider` block; `None` when there is no such block and the engine uses an
    /// empty configuration.
    pub config_module: Option<ModulePath>,
    /// Local name of the configuration in `config_module`.
    pub config_name: String,
    /// OpenTofu: text of the instance key (`[each.key]`).
    pub key: Option<String>,
}

pub(super) fn bind(
    configuration: &Configuration,
    module: &Module,
    resource: &Resource,
) -> ProviderBinding {
    match &resource.provider {
        Some(reference) => resolve(configuration, module, reference),
        None => named(
            configuration,
            module,
            implied_provider(&resource.id.kind),
            None,
        ),
    }
}

pub(super) fn resolve(
    configuration: &Configuration,
    module: &Module,
    reference: &ProviderReference,
) -> ProviderBinding {
    let alias = reference.alias.as_deref();
    let mut binding = named(configuration, module, &reference.local_name, alias);
    binding.key = reference.key.clone().or(binding.key);
    binding
}

pub(super) fn named(
    configuration: &Configuration,
    module: &Module,
    local_name: &str,
    alias: Option<&str>,
) -> ProviderBinding {
    let source = module.settings.provider_source(local_name);
    let mut binding = ProviderBinding {
        local_name: local_name.to_owned(),
        source: source.clone(),
        alias: alias.map(str::to_owned),
        config_module: None,
        config_name: local_name.to_owned(),
        key: None,
    };
    let mut module = module;
    loop {
        let parent = module.path.parent().and_then(|(path, name)| {
            let parent = configuration.modules.get(&path)?;
            Some((parent, parent.calls.get(name)?))
        });
        let here = (binding.config_name.clone(), binding.alias.clone());
        let config = module.providers.get(&here);
        let Some((above, call)) = parent else {
            binding.config_module = config.map(|_| module.path.clone());
            return binding;
        };
        let passed = call.providers.iter().find(|(inner, _)| {
            inner.alias == binding.alias
                && (inner.local_name == binding.config_name
                    || same_source(&module.settings.provider_source(&inner.local_name), &source))
        });
        if let Some((_, outer)) = passed {
            binding.config_name = outer.local_name.clone();
            binding.alias = outer.alias.clone();
            binding.key = outer.key.clone().or(binding.key);
        } else if config.is_some_and(|config| !config.is_proxy()) {
            binding.config_module = Some(module.path.clone());
            return binding;
        } else if binding.alias.is_some() {
            // Only unaliased configurations are inherited; the engine refuses this one.
            binding.config_module = config.map(|_| module.path.clone());
            return binding;
        } else {
            let inherited = above.settings.local_name(&source);
            binding.config_name = inherited.unwrap_or_else(|| binding.config_name.clone());
        }
        module = above;
    }
}
