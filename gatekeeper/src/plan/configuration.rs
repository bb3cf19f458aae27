//! The little of plan JSON's `configuration` that is used: which provider configuration each resource is bound to.
//!
//! References and expressions of resources are not read from here. This section leaves out locals, dynamic blocks and
//! every lifecycle setting, so the graph is built from the sources in the plan file instead.

use std::collections::BTreeMap;

use super::address::{Mode, ResourceKey, checked_name};
use super::document::{Document, Slice};
use super::value::Value;
use super::{PlanError, raw};

/// One provider configuration block, by the engine's key for it.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    pub name: String,
    /// The source address, `registry.opentofu.org/hashicorp/aws`; old engines do not say.
    pub full_name: Option<String>,
    pub alias: Option<String>,
    /// The module the block stands in; the root module's is `None`.
    pub module_address: Option<String>,
    pub version_constraint: Option<String>,
    pub(super) expressions: Option<Slice>,
}

impl ProviderConfig {
    /// The engine's summary of the arguments: for each, a constant or the references in it.
    pub fn expressions(&self) -> Result<Option<Value>, PlanError> {
        super::change::value(&self.expressions)
    }
}

/// What the configuration section says of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigResource {
    /// Which of the provider configurations it uses, resolved through every module on the way. A provider without a
    /// block has a key as well, and no [`ProviderConfig`].
    pub provider_config_key: String,
    pub has_provisioners: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Configuration {
    pub providers: BTreeMap<String, ProviderConfig>,
    pub resources: BTreeMap<ResourceKey, ConfigResource>,
    /// Root variables that are declared sensitive.
    pub sensitive_variables: Vec<String>,
}

pub(super) fn read(
    raw: raw::Configuration<'_>,
    document: &Document,
) -> Result<Configuration, PlanError> {
    let mut out = Configuration::default();
    for (key, config) in raw.provider_config.unwrap_or_default() {
        let provider = ProviderConfig {
            name: config.name.unwrap_or_default(),
            full_name: config.full_name,
            alias: config.alias,
            module_address: config.module_address,
            version_constraint: config.version_constraint,
            expressions: config.expressions.map(|text| document.slice(text)),
        };
        out.providers.insert(key, provider);
    }
    let Some(root) = raw.root_module else {
        return Ok(out);
    };
    for (name, declaration) in root.variables.iter().flatten() {
        if declaration.sensitive == Some(true) || declaration.ephemeral == Some(true) {
            out.sensitive_variables.push(name.clone());
        }
    }
    let mut open = vec![(Vec::new(), root)];
    while let Some((module, raw)) = open.pop() {
        for resource in raw.resources.unwrap_or_default() {
            let field = |value: Option<String>, field| {
                value.ok_or(PlanError::Missing {
                    what: "resource of the configuration",
                    field,
                })
            };
            let key = ResourceKey {
                module: module.clone(),
                mode: Mode::read(&field(resource.mode, "mode")?)?,
                r#type: checked_name(&field(resource.r#type, "type")?, "resource type")?,
                name: checked_name(&field(resource.name, "name")?, "resource")?,
            };
            let entry = ConfigResource {
                provider_config_key: field(resource.provider_config_key, "provider_config_key")?,
                has_provisioners: resource.provisioners.is_some_and(|list| !list.is_empty()),
            };
            if out.resources.insert(key.clone(), entry).is_some() {
                return Err(PlanError::DuplicateResource {
                    key: key.to_string(),
                });
            }
        }
        for (name, call) in raw.module_calls.unwrap_or_default() {
            let Some(inner) = call.module else { continue };
            let mut module = module.clone();
            module.push(checked_name(&name, "module call")?);
            open.push((module, inner));
        }
    }
    Ok(out)
}
