//! `ambit.hcl`: the stacks of a repository. It chooses what to run; it cannot loosen anything.

use crate::{place::outside, stop::Stop};
use hcl_edit::{
    Span,
    expr::Expression,
    structure::{Block, Body, Structure},
};
use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

/// A thousand stacks stay well below.
const LARGEST: u64 = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where the ledger is, relative to the repository's root.
    pub ledger: Option<String>,
    pub stacks: Vec<Stack>,
}

/// One root module with the choices that make it one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    /// Relative to the repository's root.
    pub dir: String,
    pub workspace: String,
    pub var_files: Vec<String>,
    pub backend_config: BTreeMap<String, String>,
}

impl Config {
    pub fn load(root: &Path) -> Result<Self, Stop> {
        let path = root.join("ambit.hcl");
        // A link that leads nowhere is not a missing file: it refuses below.
        if matches!(path.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound) {
            return Ok(Self::default());
        }
        outside::text(&path, "ambit.hcl", LARGEST)
            .and_then(|text| Self::parse(&text))
            .map_err(|stop| match stop.next {
                Some(_) => stop,
                None => stop.next("correct it; it holds `stack \"NAME\" { dir = \"PATH\" }` blocks and `ledger = \"PATH\"`, and nothing it says loosens a rule"),
            })
    }

    /// Every problem names the line.
    pub fn parse(text: &str) -> Result<Self, Stop> {
        let body: Body = text.parse().map_err(|e: hcl_edit::parser::Error| {
            Stop::usage(format!(
                "ambit.hcl:{}: {}",
                e.location().line(),
                e.message()
            ))
        })?;
        let mut config = Self::default();
        for structure in &body {
            match structure {
                Structure::Attribute(a) if a.key.as_str() == "ledger" => {
                    config.ledger = Some(inside(
                        text,
                        a.span(),
                        "ledger",
                        &string(text, "ledger", &a.value)?,
                    )?);
                }
                Structure::Attribute(a) => {
                    return Err(wrong(
                        text,
                        a.span(),
                        format!(
                            "unknown setting `{}`; known: `ledger`, `stack`",
                            a.key.as_str()
                        ),
                    ));
                }
                Structure::Block(b) if b.ident.as_str() == "stack" => {
                    config.stacks.push(stack(text, b)?)
                }
                Structure::Block(b) => {
                    return Err(wrong(
                        text,
                        b.span(),
                        format!("unknown block `{}`; known: `stack`", b.ident.as_str()),
                    ));
                }
            }
        }
        for (i, stack) in config.stacks.iter().enumerate() {
            if config.stacks[..i].iter().any(|s| s.name == stack.name) {
                return Err(Stop::usage(format!(
                    "ambit.hcl: stack `{}` is written twice",
                    stack.name
                )));
            }
        }
        Ok(config)
    }

    /// The stack named, or the only one.
    pub fn stack(&self, name: Option<&str>) -> Result<&Stack, Stop> {
        let names: Vec<&str> = self.stacks.iter().map(|s| s.name.as_str()).collect();
        match (name, self.stacks.as_slice()) {
            (_, []) => Err(Stop::usage("ambit.hcl names no stack").next(
                "write `stack \"NAME\" { dir = \"PATH\" }` in ambit.hcl at the repository's root",
            )),
            (None, [only]) => Ok(only),
            (None, _) => Err(Stop::usage("there are several stacks")
                .next(format!("choose one with --stack: {}", names.join(", ")))),
            (Some(name), stacks) => stacks.iter().find(|s| s.name == name).ok_or_else(|| {
                Stop::usage(format!("there is no stack `{name}`"))
                    .next(format!("ambit.hcl names: {}", names.join(", ")))
            }),
        }
    }
}

fn stack(text: &str, block: &Block) -> Result<Stack, Stop> {
    let [label] = block.labels.as_slice() else {
        return Err(wrong(
            text,
            block.span(),
            "a stack has one name: `stack \"estate\" { … }`".into(),
        ));
    };
    let name = label.as_str().to_owned();
    ambit_authority::bundle::check_name(&name)
        .map_err(|e| wrong(text, block.span(), format!("stack `{name}`: {e}")))?;
    let mut stack = Stack {
        name,
        dir: String::new(),
        workspace: "default".into(),
        var_files: vec![],
        backend_config: BTreeMap::new(),
    };
    for structure in &block.body {
        let Structure::Attribute(a) = structure else {
            return Err(wrong(
                text,
                structure.span(),
                "a stack holds settings only, no blocks".into(),
            ));
        };
        let key = a.key.as_str();
        match key {
            "dir" => stack.dir = inside(text, a.span(), key, &string(text, key, &a.value)?)?,
            "workspace" => stack.workspace = string(text, key, &a.value)?,
            "var_files" => {
                let Expression::Array(items) = &a.value else {
                    return Err(wrong(
                        text,
                        a.span(),
                        "`var_files` is a list of paths".into(),
                    ));
                };
                for item in items {
                    stack
                        .var_files
                        .push(inside(text, a.span(), key, &string(text, key, item)?)?);
                }
            }
            "backend_config" => {
                let Expression::Object(items) = &a.value else {
                    return Err(wrong(
                        text,
                        a.span(),
                        "`backend_config` is a map of texts".into(),
                    ));
                };
                for (k, v) in items {
                    let k = match k {
                        hcl_edit::expr::ObjectKey::Ident(ident) => ident.as_str().to_owned(),
                        hcl_edit::expr::ObjectKey::Expression(e) => string(text, key, e)?,
                    };
                    stack.backend_config.insert(k, string(text, key, v.expr())?);
                }
            }
            _ => {
                let known = "`dir`, `workspace`, `var_files`, `backend_config`";
                return Err(wrong(
                    text,
                    a.span(),
                    format!(
                        "unknown setting `{key}` in stack `{}`; known: {known}",
                        stack.name
                    ),
                ));
            }
        }
    }
    if stack.dir.is_empty() {
        return Err(wrong(
            text,
            block.span(),
            format!(
                "stack `{}` needs `dir`, the directory of its root module",
                stack.name
            ),
        ));
    }
    if stack.workspace.is_empty()
        || !stack
            .workspace
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(wrong(
            text,
            block.span(),
            format!("workspace `{}` is not a name", stack.workspace),
        ));
    }
    Ok(stack)
}

fn string(text: &str, key: &str, value: &Expression) -> Result<String, Stop> {
    match value.as_str() {
        Some(s) => Ok(s.to_owned()),
        None => Err(wrong(
            text,
            value.span(),
            format!("`{key}` must be plain text in quotes"),
        )),
    }
}

/// A relative path that stays inside the repository, without `./` and trailing `/`.
fn inside(
    text: &str,
    span: Option<std::ops::Range<usize>>,
    key: &str,
    path: &str,
) -> Result<String, Stop> {
    let parts: Vec<_> = Path::new(path)
        .components()
        .filter(|c| *c != Component::CurDir)
        .collect();
    if path.is_empty() || parts.iter().any(|c| !matches!(c, Component::Normal(_))) {
        return Err(wrong(
            text,
            span,
            format!("`{key}` = `{path}` must be a relative path inside the repository"),
        ));
    }
    if parts.is_empty() {
        return Ok(".".into());
    }
    let joined: Vec<_> = parts
        .iter()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    Ok(joined.join("/"))
}

fn wrong(text: &str, span: Option<std::ops::Range<usize>>, what: String) -> Stop {
    let line = span.map_or(1, |s| {
        text[..s.start.min(text.len())].matches('\n').count() + 1
    });
    Stop::usage(format!("ambit.hcl:{line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_file() {
        let config = Config::parse(
            "ledger = \"x/ledger.db\"\nstack \"estate\" {\n  dir = \"./estate/\"\n  workspace = \"prod\"\n  var_files = [\"estate/p.tfvars\"]\n  backend_config = { path = \"s\" }\n}\n",
        )
        .unwrap();
        assert_eq!(config.ledger.as_deref(), Some("x/ledger.db"));
        let stack = config.stack(None).unwrap();
        assert_eq!(
            (stack.dir.as_str(), stack.workspace.as_str()),
            ("estate", "prod")
        );
        assert_eq!(stack.backend_config["path"], "s");
    }

    #[test]
    fn wrong_files() {
        let cases = [
            ("stack {", "ambit.hcl:1: "),
            (
                "mode = \"observe\"",
                "ambit.hcl:1: unknown setting `mode`; known: `ledger`, `stack`",
            ),
            (
                "\nengine \"x\" {}",
                "ambit.hcl:2: unknown block `engine`; known: `stack`",
            ),
            ("stack {}", "ambit.hcl:1: a stack has one name"),
            ("stack \"a\" {}", "ambit.hcl:1: stack `a` needs `dir`"),
            (
                "stack \"a\" {\n dir = \"../x\"\n}",
                "ambit.hcl:2: `dir` = `../x` must be a relative path inside",
            ),
            (
                "stack \"a\" {\n dir = \"/x\"\n}",
                "must be a relative path inside",
            ),
            ("stack \"a\" {\n dir = var.x\n}", "`dir` must be plain text"),
            (
                "stack \"a\" {\n dir = \"x\"\n wrkspace = \"y\"\n}",
                "ambit.hcl:3: unknown setting `wrkspace`",
            ),
            (
                "stack \"a\" {\n dir = \"x\"\n workspace = \"a b\"\n}",
                "workspace `a b` is not a name",
            ),
            (
                "stack \"a\" { dir = \"x\" }\nstack \"a\" { dir = \"y\" }",
                "stack `a` is written twice",
            ),
            (
                "stack \"A b\" { dir = \"x\" }",
                "a name starts with a lower-case letter",
            ),
            (
                "ledger = \"../../l\"",
                "`ledger` = `../../l` must be a relative path",
            ),
        ];
        for (text, message) in cases {
            let stop = Config::parse(text).unwrap_err();
            assert_eq!(stop.exit, crate::stop::Exit::Usage);
            assert!(stop.what.contains(message), "{text}: {}", stop.what);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ -~\n]{0,120}") {
            let _ = Config::parse(&text);
        }
    }
}
