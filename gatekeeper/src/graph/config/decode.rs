//! From blocks to declarations: which block is a resource, which argument is a meta-argument.
//!
//! Every block type and meta-argument known here is listed by name; the rest goes to
//! [`Module::unknown_blocks`], because what we do not understand must not pass as harmless.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::body::{Block, Body};
use super::execution::{execs, lifecycle};
use super::expression::{Expr, Location, Reference};
use super::provider_names::{provider_map, provider_reference};
use super::{
    Check, ConfigError, Import, Mode, Module, ModuleCall, ModulePath, Moved, Output,
    ProviderConfig, Removed, Resource, ResourceId, UnknownBlock, Variable, is_name,
};

pub(super) fn module(
    path: ModulePath,
    directory: Option<String>,
    body: Body,
) -> Result<Module, ConfigError> {
    let mut module = Module {
        path,
        directory,
        ..Module::default()
    };
    let mut decoder = Decoder::default();
    for attribute in &body.attributes {
        decoder.unknown("", &attribute.name, &attribute.at);
    }
    for block in body.blocks {
        top_level(&mut module, &mut decoder, block)?;
    }
    module.unknown_blocks = decoder.unknown_blocks;
    Ok(module)
}

#[derive(Default)]
pub(super) struct Decoder {
    unknown_blocks: Vec<UnknownBlock>,
}

impl Decoder {
    pub fn unknown(&mut self, parent: &str, name: &str, at: &Location) {
        let dot = if parent.is_empty() { "" } else { "." };
        self.unknown_blocks.push(UnknownBlock {
            path: format!("{parent}{dot}{name}"),
            at: at.clone(),
        });
    }

    /// Reports whatever `body` holds beyond the names given.
    fn expect(&mut self, parent: &str, body: &Body, attributes: &[&str], blocks: &[&str]) {
        for attribute in &body.attributes {
            if !attributes.contains(&attribute.name.as_str()) {
                self.unknown(parent, &attribute.name, &attribute.at);
            }
        }
        for block in &body.blocks {
            if !blocks.contains(&block.kind.as_str()) {
                self.unknown(parent, &block.kind, &block.at);
            }
        }
    }
}

fn top_level(module: &mut Module, decoder: &mut Decoder, block: Block) -> Result<(), ConfigError> {
    let at = block.at.clone();
    let body = block.body;
    let labels: Vec<&str> = block.labels.iter().map(String::as_str).collect();
    match (block.kind.as_str(), labels.as_slice()) {
        (kind @ ("resource" | "data" | "ephemeral"), [type_name, name]) => {
            let mode = match kind {
                "resource" => Mode::Managed,
                "data" => Mode::Data,
                _ => Mode::Ephemeral,
            };
            let id = resource_id(mode, type_name, name, &at)?;
            add_resource(module, resource(decoder, kind, id, body, None, at)?)?;
        }
        ("locals", []) => {
            for block in &body.blocks {
                decoder.unknown("locals", &block.kind, &block.at);
            }
            for local in body.attributes {
                let name = local.name.clone();
                let at = local.at.clone();
                let what = format!("local value `{}`", shown(&name));
                insert(&mut module.locals, name, local, &at, &what, |found| {
                    &found.at
                })?;
            }
        }
        ("variable", [name]) => {
            named(name, &at)?;
            let variable = variable(decoder, &body, at.clone());
            let what = format!("variable `{}`", shown(name));
            insert(
                &mut module.variables,
                (*name).to_owned(),
                variable,
                &at,
                &what,
                |v| &v.at,
            )?;
        }
        ("output", [name]) => {
            named(name, &at)?;
            let output = output(decoder, &body, at.clone());
            let what = format!("output `{}`", shown(name));
            insert(
                &mut module.outputs,
                (*name).to_owned(),
                output,
                &at,
                &what,
                |v| &v.at,
            )?;
        }
        ("module", [name]) => {
            named(name, &at)?;
            let call = module_call(decoder, body, at.clone())?;
            let what = format!("module call `{}`", shown(name));
            insert(
                &mut module.calls,
                (*name).to_owned(),
                call,
                &at,
                &what,
                |v| &v.at,
            )?;
        }
        ("provider", [name]) => {
            named(name, &at)?;
            let config = provider(name, body, at.clone())?;
            let key = (config.local_name.clone(), config.alias.clone());
            let what = format!("provider configuration `{}`", shown(name));
            insert(&mut module.providers, key, config, &at, &what, |v| &v.at)?;
        }
        ("check", [name]) => {
            named(name, &at)?;
            let check = check(module, decoder, name, body, at.clone())?;
            let what = format!("check `{}`", shown(name));
            insert(
                &mut module.checks,
                (*name).to_owned(),
                check,
                &at,
                &what,
                |v| &v.at,
            )?;
        }
        ("import", []) => {
            let import = import(&module.path, decoder, &body, at)?;
            module.imports.push(import);
        }
        ("moved", []) => {
            decoder.expect("moved", &body, &["from", "to"], &[]);
            module.moved.push(Moved {
                from: target_text(&body, "from"),
                to: target_text(&body, "to"),
                at,
            });
        }
        ("removed", []) => {
            let blocks = ["lifecycle", "provisioner", "connection"];
            decoder.expect("removed", &body, &["from"], &blocks);
            let removed = Removed {
                from: target_text(&body, "from"),
                lifecycle: lifecycle(decoder, "removed", &body),
                execs: execs(decoder, "removed", &body),
                at,
            };
            module.removed.push(removed);
        }
        ("terraform", []) => {
            let mut settings = std::mem::take(&mut module.settings);
            settings.read(&body, decoder)?;
            module.settings = settings;
        }
        (other, _) => decoder.unknown("", other, &at),
    }
    Ok(())
}

fn add_resource(module: &mut Module, resource: Resource) -> Result<(), ConfigError> {
    let at = resource.at.clone();
    let what = format!("`{}`", shown(&resource.id.to_string()));
    insert(
        &mut module.resources,
        resource.id.clone(),
        resource,
        &at,
        &what,
        |found| &found.at,
    )
}

fn resource(
    decoder: &mut Decoder,
    kind: &str,
    id: ResourceId,
    body: Body,
    check: Option<String>,
    at: Location,
) -> Result<Resource, ConfigError> {
    for block in &body.blocks {
        // Reserved by the engines for a later day.
        if block.kind == "locals" {
            decoder.unknown(kind, "locals", &block.at);
        }
    }
    Ok(Resource {
        id,
        count: body.attribute("count").cloned(),
        for_each: body.attribute("for_each").cloned(),
        depends_on: names(&body, "depends_on"),
        provider: body
            .attribute("provider")
            .map(provider_reference)
            .transpose()?,
        lifecycle: lifecycle(decoder, kind, &body),
        execs: execs(decoder, kind, &body),
        check,
        body,
        at,
    })
}

fn variable(decoder: &mut Decoder, body: &Body, at: Location) -> Variable {
    const KNOWN: [&str; 8] = [
        "type",
        "default",
        "description",
        "sensitive",
        "ephemeral",
        "nullable",
        "deprecated",
        "const",
    ];
    decoder.expect("variable", body, &KNOWN, &["validation"]);
    let flag = |name: &str| {
        // Anything but a literal `false` counts as marked.
        body.attribute(name)
            .is_some_and(|value| value.literal() != Some(false.into()))
    };
    let conditions = body
        .blocks_of("validation")
        .flat_map(|block| &block.body.attributes);
    Variable {
        default: body.attribute("default").cloned(),
        ephemeral: flag("ephemeral"),
        sensitive: flag("sensitive"),
        validations: conditions
            .map(|attribute| attribute.value.clone())
            .collect(),
        at,
    }
}

fn output(decoder: &mut Decoder, body: &Body, at: Location) -> Output {
    const KNOWN: [&str; 7] = [
        "value",
        "description",
        "sensitive",
        "ephemeral",
        "depends_on",
        "deprecated",
        "type",
    ];
    decoder.expect("output", body, &KNOWN, &["precondition"]);
    let conditions = body
        .blocks_of("precondition")
        .flat_map(|block| &block.body.attributes);
    Output {
        value: body.attribute("value").cloned(),
        depends_on: names(body, "depends_on"),
        preconditions: conditions
            .map(|attribute| attribute.value.clone())
            .collect(),
        at,
    }
}

fn module_call(decoder: &mut Decoder, body: Body, at: Location) -> Result<ModuleCall, ConfigError> {
    let mut enabled = None;
    for block in &body.blocks {
        if block.kind != "lifecycle" {
            decoder.unknown("module", &block.kind, &block.at);
            continue;
        }
        decoder.expect("module.lifecycle", &block.body, &["enabled"], &[]);
        enabled = block.body.attribute("enabled").cloned().or(enabled);
    }
    let providers = match body.attribute("providers") {
        Some(value) => provider_map(value)?,
        None => Vec::new(),
    };
    const META: [&str; 6] = [
        "source",
        "version",
        "count",
        "for_each",
        "depends_on",
        "providers",
    ];
    let arguments = body
        .attributes
        .iter()
        .filter(|attribute| !META.contains(&attribute.name.as_str()))
        .map(|attribute| (attribute.name.clone(), attribute.value.clone()))
        .collect();
    Ok(ModuleCall {
        source: body.attribute("source").cloned(),
        version: body.attribute("version").cloned(),
        count: body.attribute("count").cloned(),
        for_each: body.attribute("for_each").cloned(),
        enabled,
        depends_on: names(&body, "depends_on"),
        providers,
        arguments,
        at,
    })
}

fn provider(name: &str, body: Body, at: Location) -> Result<ProviderConfig, ConfigError> {
    let alias = match body.attribute("alias") {
        None => None,
        Some(alias) => match alias.keyword() {
            Some(alias) => Some(alias.to_owned()),
            None => {
                return Err(ConfigError::Invalid {
                    at: alias.at.clone(),
                    problem: format!("the alias of provider `{name}` must be a literal name"),
                });
            }
        },
    };
    Ok(ProviderConfig {
        local_name: name.to_owned(),
        alias,
        for_each: body.attribute("for_each").cloned(),
        body,
        at,
    })
}

fn check(
    module: &mut Module,
    decoder: &mut Decoder,
    name: &str,
    body: Body,
    at: Location,
) -> Result<Check, ConfigError> {
    for attribute in &body.attributes {
        decoder.unknown("check", &attribute.name, &attribute.at);
    }
    let mut asserts = Vec::new();
    for block in body.blocks {
        match (block.kind.as_str(), block.labels.as_slice()) {
            ("assert", []) => asserts.push(block.body),
            ("data", [type_name, label]) => {
                let id = resource_id(Mode::Data, type_name, label, &block.at)?;
                let owner = Some(name.to_owned());
                let data = resource(decoder, "data", id, block.body, owner, block.at)?;
                add_resource(module, data)?;
            }
            (other, _) => decoder.unknown("check", other, &block.at),
        }
    }
    Ok(Check { asserts, at })
}

fn import(
    path: &ModulePath,
    decoder: &mut Decoder,
    body: &Body,
    at: Location,
) -> Result<Import, ConfigError> {
    let known = ["to", "id", "identity", "for_each", "provider"];
    decoder.expect("import", body, &known, &[]);
    let to = body.attribute("to");
    let references = to.map(Expr::named_references).unwrap_or_default();
    let target = references
        .iter()
        .find_map(|reference| super::super::reference::target_address(path, reference));
    Ok(Import {
        to: target_text(body, "to"),
        target,
        id: body.attribute("id").cloned(),
        identity: body.attribute("identity").cloned(),
        for_each: body.attribute("for_each").cloned(),
        key_references: references
            .into_iter()
            .filter(|reference| matches!(reference.root.as_str(), "each" | "local" | "var"))
            .collect(),
        provider: body
            .attribute("provider")
            .map(provider_reference)
            .transpose()?,
        at,
    })
}

/// The address of `from` or `to`; the JSON syntax writes it as a string.
fn target_text(body: &Body, name: &str) -> String {
    let found = body.attribute(name);
    found
        .map(|value| {
            value
                .literal_text()
                .map_or_else(|| value.text(), str::to_owned)
        })
        .unwrap_or_default()
}

fn names(body: &Body, name: &str) -> Vec<Reference> {
    body.attribute(name)
        .map(Expr::named_references)
        .unwrap_or_default()
}

fn resource_id(
    mode: Mode,
    kind: &str,
    name: &str,
    at: &Location,
) -> Result<ResourceId, ConfigError> {
    named(kind, at)?;
    named(name, at)?;
    Ok(ResourceId {
        mode,
        kind: kind.to_owned(),
        name: name.to_owned(),
    })
}

/// A name as an error repeats it: in one line, and not by the megabyte.
pub(super) fn shown(name: &str) -> String {
    const LIMIT: usize = 80;
    let mut shown: String = name
        .chars()
        .take(LIMIT)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    shown
}

fn named(name: &str, at: &Location) -> Result<(), ConfigError> {
    if is_name(name) {
        return Ok(());
    }
    Err(ConfigError::Invalid {
        at: at.clone(),
        problem: format!(
            "`{}` is not a name; use letters, digits, `-` and `_`",
            shown(name)
        ),
    })
}

fn insert<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    at: &Location,
    what: &str,
    location: impl Fn(&V) -> &Location,
) -> Result<(), ConfigError> {
    match map.entry(key) {
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
        Entry::Occupied(first) => Err(ConfigError::Duplicate {
            at: at.clone(),
            first: location(first.get()).clone(),
            what: what.to_owned(),
        }),
    }
}
