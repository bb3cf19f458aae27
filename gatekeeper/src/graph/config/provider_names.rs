//! Names of provider configurations: `aws`, `aws.west`, `aws.by_region[each.key]`. They look like
//! references and are none, so they are read on their own.

use super::decode::shown;
use super::expression::{Expr, Key, Location, Reference, Shape, Step};
use super::{ConfigError, ProviderReference};

pub(super) fn provider_map(
    value: &Expr,
) -> Result<Vec<(ProviderReference, ProviderReference)>, ConfigError> {
    let Shape::Object(items) = &value.shape else {
        return Err(ConfigError::Invalid {
            at: value.at.clone(),
            problem: "`providers` must be an object of provider names".to_owned(),
        });
    };
    let pairs = items.iter().map(|(key, value)| {
        let inner = match key {
            Key::Literal(text) => provider_text(text, &value.at)?,
            Key::Computed(key) => provider_reference(key)?,
        };
        Ok((inner, provider_reference(value)?))
    });
    pairs.collect()
}

pub(super) fn provider_reference(value: &Expr) -> Result<ProviderReference, ConfigError> {
    if let Some(text) = value.literal_text() {
        return provider_text(text, &value.at);
    }
    let text = value.text();
    let Some(reference) = value.sole_reference() else {
        return Err(not_a_provider(&text, &value.at));
    };
    let mut found = provider_steps(reference, &text, &value.at)?;
    found.key_references = value
        .references()
        .into_iter()
        .filter(|other| *other != reference)
        .cloned()
        .collect();
    Ok(found)
}

fn provider_text(text: &str, at: &Location) -> Result<ProviderReference, ConfigError> {
    let mut reference = super::native::reference(text).ok_or_else(|| not_a_provider(text, at))?;
    reference.at = at.clone();
    provider_steps(&reference, text, at)
}

fn provider_steps(
    reference: &Reference,
    text: &str,
    at: &Location,
) -> Result<ProviderReference, ConfigError> {
    let (alias, key) = match reference.steps.as_slice() {
        [] => (None, None),
        [Step::Attribute(alias)] => (Some(alias.clone()), None),
        [Step::Attribute(alias), key] if key.is_index() => {
            let start = text.find('[').unwrap_or(text.len());
            (Some(alias.clone()), Some(text[start..].to_owned()))
        }
        _ => return Err(not_a_provider(text, at)),
    };
    Ok(ProviderReference {
        local_name: reference.root.clone(),
        alias,
        key,
        key_references: Vec::new(),
        at: at.clone(),
    })
}

fn not_a_provider(text: &str, at: &Location) -> ConfigError {
    ConfigError::Invalid {
        at: at.clone(),
        problem: format!(
            "`{}` is not a provider name; write it as `name` or `name.alias`",
            shown(text)
        ),
    }
}
