//! What a reference names, by its form alone. Both the graph and the expression traces read
//! references through this one function, so they cannot disagree.

use super::config::expression::PROVIDER_FUNCTION;
use super::config::{Mode, ModulePath, Reference, ResourceId, Step};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'r> {
    Resource {
        id: ResourceId,
        rest: &'r [Step],
    },
    Local {
        name: &'r str,
        rest: &'r [Step],
    },
    Variable {
        name: &'r str,
        rest: &'r [Step],
    },
    Module(ModuleRead<'r>),
    /// `each.key` (`value: false`) or `each.value` and what is read of it.
    Each {
        value: bool,
        rest: &'r [Step],
    },
    Count,
    ProviderFunction {
        name: &'r str,
        alias: Option<&'r str>,
    },
    /// `self`, `path`, `terraform`: nothing outside the object itself.
    Ambient,
    Unknown,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModuleRead<'r> {
    pub call: &'r str,
    /// `None`: every output.
    pub output: Option<&'r str>,
    /// The engine waits for the whole module: the reference has no literal key or names no output.
    pub whole: bool,
    pub rest: &'r [Step],
}

pub(super) fn target(reference: &Reference) -> Target<'_> {
    let steps = reference.steps.as_slice();
    match reference.root.as_str() {
        "self" | "path" | "terraform" | "tofu" => Target::Ambient,
        "each" => match steps {
            [Step::Attribute(word), rest @ ..] => Target::Each {
                value: word == "value",
                rest,
            },
            _ => Target::Each {
                value: false,
                rest: &[],
            },
        },
        "count" => Target::Count,
        PROVIDER_FUNCTION => match steps {
            [Step::Attribute(name)] => Target::ProviderFunction { name, alias: None },
            [Step::Attribute(name), Step::Attribute(alias), ..] => Target::ProviderFunction {
                name,
                alias: Some(alias),
            },
            _ => Target::Unknown,
        },
        "local" => match steps {
            [Step::Attribute(name), rest @ ..] => Target::Local { name, rest },
            _ => Target::Unknown,
        },
        "var" => match steps {
            [Step::Attribute(name), rest @ ..] => Target::Variable { name, rest },
            _ => Target::Unknown,
        },
        "module" => match steps {
            [Step::Attribute(call), rest @ ..] => Target::Module(module_read(call, rest)),
            _ => Target::Unknown,
        },
        "data" => resource(Mode::Data, steps),
        "ephemeral" => resource(Mode::Ephemeral, steps),
        "resource" => resource(Mode::Managed, steps),
        kind => match steps {
            [Step::Attribute(name), rest @ ..] => Target::Resource {
                id: ResourceId {
                    mode: Mode::Managed,
                    kind: kind.to_owned(),
                    name: name.clone(),
                },
                rest,
            },
            _ => Target::Unknown,
        },
    }
}

fn resource(mode: Mode, steps: &[Step]) -> Target<'_> {
    match steps {
        [Step::Attribute(kind), Step::Attribute(name), rest @ ..] => Target::Resource {
            id: ResourceId {
                mode,
                kind: kind.clone(),
                name: name.clone(),
            },
            rest,
        },
        _ => Target::Unknown,
    }
}

fn module_read<'r>(call: &'r str, steps: &'r [Step]) -> ModuleRead<'r> {
    let (output, whole, rest) = match steps {
        [Step::Attribute(output), rest @ ..] => (Some(output.as_str()), false, rest),
        [
            Step::Key(_) | Step::Index(_),
            Step::Attribute(output),
            rest @ ..,
        ] => (Some(output.as_str()), false, rest),
        [
            Step::Computed | Step::Splat,
            Step::Attribute(output),
            rest @ ..,
        ] => (Some(output.as_str()), true, rest),
        _ => (None, true, &[] as &[Step]),
    };
    ModuleRead {
        call,
        output,
        whole,
        rest,
    }
}

/// The object an `import` block is for, without instance keys, seen from module `path`.
pub(super) fn target_address(
    path: &ModulePath,
    reference: &Reference,
) -> Option<(ModulePath, ResourceId)> {
    let mut path = path.clone();
    let mut root = reference.root.as_str();
    let mut steps = reference.steps.as_slice();
    while root == "module" {
        let [Step::Attribute(name), rest @ ..] = steps else {
            return None;
        };
        path = path.child(name);
        let rest = match rest {
            [key, rest @ ..] if key.is_index() => rest,
            rest => rest,
        };
        let [Step::Attribute(next), rest @ ..] = rest else {
            return None;
        };
        root = next;
        steps = rest;
    }
    let [Step::Attribute(name), ..] = steps else {
        return None;
    };
    // Only managed resources can be imported; `each`, `var` and the like may stand in a key.
    let words = [
        "data",
        "ephemeral",
        "each",
        "local",
        "var",
        "count",
        "self",
        "path",
    ];
    if words.contains(&root) {
        return None;
    }
    Some((
        path,
        ResourceId {
            mode: Mode::Managed,
            kind: root.to_owned(),
            name: name.clone(),
        },
    ))
}
