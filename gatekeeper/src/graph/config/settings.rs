//! The `terraform` block: where state is kept, which providers come from where. The gate's static
//! pass reads this before any engine starts, so values that are not literal are kept as text and
//! never guessed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ConfigError;
use super::body::Body;
use super::decode::Decoder;
use super::expression::{Expr, Location};

/// A literal, or the text of what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Literal(Value),
    Text(String),
}

impl Setting {
    fn of(expression: &Expr) -> Setting {
        match expression.literal() {
            Some(value) => Setting::Literal(value),
            None => Setting::Text(expression.text()),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Setting::Literal(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub kind: String,
    /// Arguments by name; a nested block is one entry with its text.
    pub arguments: BTreeMap<String, Setting>,
    pub at: Location,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRequirement {
    pub source: Option<String>,
    pub version: Option<String>,
    pub at: Location,
}

#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub backend: Option<Backend>,
    /// A `cloud` block, by where it stands.
    pub cloud: Option<Location>,
    /// OpenTofu's `encryption` block, by normalised text.
    pub encryption: Option<String>,
    /// Version constraints, in file order.
    pub required_version: Vec<String>,
    pub required_providers: BTreeMap<String, ProviderRequirement>,
}

impl Settings {
    pub(super) fn read(&mut self, body: &Body, decoder: &mut Decoder) -> Result<(), ConfigError> {
        for attribute in &body.attributes {
            match attribute.name.as_str() {
                "required_version" => self.required_version.push(
                    attribute
                        .value
                        .literal_text()
                        .map_or_else(|| attribute.value.text(), str::to_owned),
                ),
                // `language` and `experiments` choose rules we do not know.
                other => decoder.unknown("terraform", other, &attribute.at),
            }
        }
        for block in &body.blocks {
            match (block.kind.as_str(), block.labels.as_slice()) {
                ("backend", [kind]) => {
                    if let Some(first) = &self.backend {
                        return Err(ConfigError::Duplicate {
                            at: block.at.clone(),
                            first: first.at.clone(),
                            what: "the backend".to_owned(),
                        });
                    }
                    self.backend = Some(backend(kind, &block.body, &block.at));
                }
                ("cloud", []) => self.cloud = Some(block.at.clone()),
                ("encryption", []) => {
                    let text = self.encryption.get_or_insert_default();
                    text.push_str(&block.text());
                }
                ("required_providers", []) => self.requirements(&block.body, decoder)?,
                // Metadata sent to the provider: no reference may stand in it.
                ("provider_meta", [_]) => {}
                (other, _) => decoder.unknown("terraform", other, &block.at),
            }
        }
        Ok(())
    }

    fn requirements(&mut self, body: &Body, decoder: &mut Decoder) -> Result<(), ConfigError> {
        for block in &body.blocks {
            decoder.unknown("terraform.required_providers", &block.kind, &block.at);
        }
        for attribute in &body.attributes {
            let member = |name: &str| {
                let found = attribute.value.member(name)?;
                Some(
                    found
                        .literal_text()
                        .map_or_else(|| found.text(), str::to_owned),
                )
            };
            let requirement = ProviderRequirement {
                source: member("source"),
                // The form of old: `aws = "~> 5.0"`.
                version: member("version")
                    .or_else(|| attribute.value.literal_text().map(str::to_owned)),
                at: attribute.at.clone(),
            };
            let name = attribute.name.clone();
            if let Some(first) = self.required_providers.insert(name, requirement) {
                return Err(ConfigError::Duplicate {
                    at: attribute.at.clone(),
                    first: first.at,
                    what: format!("required provider `{}`", attribute.name),
                });
            }
        }
        Ok(())
    }

    /// The source a local provider name stands for, with the engine's rule for names not declared.
    pub fn provider_source(&self, local_name: &str) -> String {
        let declared = self.required_providers.get(local_name);
        match declared.and_then(|requirement| requirement.source.as_deref()) {
            Some(source) => source.to_owned(),
            None if local_name == "terraform" => "terraform.io/builtin/terraform".to_owned(),
            None => format!("hashicorp/{local_name}"),
        }
    }

    /// The local name that stands for a source: declared, or implied by the name itself.
    pub fn local_name(&self, source: &str) -> Option<String> {
        let declared = self
            .required_providers
            .keys()
            .find(|name| same_source(&self.provider_source(name), source));
        declared.cloned().or_else(|| {
            let name = source.rsplit('/').next()?;
            same_source(&self.provider_source(name), source).then(|| name.to_owned())
        })
    }
}

/// The name before the first underscore, which the engines take for the provider of a type.
pub(crate) fn implied_provider(kind: &str) -> &str {
    kind.split('_').next().unwrap_or(kind)
}

/// Sources are case-insensitive and may leave out the default registry host.
pub(crate) fn same_source(a: &str, b: &str) -> bool {
    fn normal(source: &str) -> String {
        let source = source.to_lowercase();
        let parts: Vec<&str> = source.split('/').collect();
        match parts.as_slice() {
            [name] => format!("hashicorp/{name}"),
            ["registry.terraform.io" | "registry.opentofu.org", rest @ ..] => rest.join("/"),
            _ => source,
        }
    }
    normal(a) == normal(b)
}

fn backend(kind: &str, body: &Body, at: &Location) -> Backend {
    let mut arguments = BTreeMap::new();
    for attribute in &body.attributes {
        arguments.insert(attribute.name.clone(), Setting::of(&attribute.value));
    }
    for block in &body.blocks {
        arguments.insert(block.kind.clone(), Setting::Text(block.text()));
    }
    Backend {
        kind: kind.to_owned(),
        arguments,
        at: at.clone(),
    }
}
