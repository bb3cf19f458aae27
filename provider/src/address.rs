//! The functions `parse_address` and `address_matches`: what ownership will make of an address, tried out in HCL.
//!
//! Pure, as functions must be. The rules of matching are the authority's; only the parts of an address are told apart
//! here, and an answer is given only where the authority agrees that they are the parts.

use crate::wording::sentence;
use ambit_authority::address::{Fit, Index, InstanceKey, Mode, ModuleStep, Selector};
use serde_json::Value as Json;
use tfplugin_proto::{Function, FunctionError, Parameter, Signature, Type, Value};

pub struct ParseAddress;

impl Function for ParseAddress {
    fn name(&self) -> &'static str {
        "parse_address"
    }

    fn signature(&self) -> Signature {
        let keyed = [
            ("name", Type::String),
            ("key", Type::String),
            ("index", Type::Number),
        ];
        Signature {
            summary: "The parts of a resource instance's address.".into(),
            description: "Takes the address of a resource or resource instance apart: \
                 `module`, the path of modules from the root, each with `name` and its `key` \
                 (of `for_each`) or `index` (of `count`); `mode`, one of `managed`, `data` and \
                 `ephemeral`; `type`; `name`; and `key` or `index`. What an address does not \
                 have is null."
                .into(),
            parameters: vec![Parameter::new(
                "address",
                Type::String,
                "An address as plans show it, such as \
                 `module.data[\"eu\"].aws_db_instance.main[0]`.",
            )],
            variadic: None,
            returns: Type::object(keyed.clone().into_iter().chain([
                ("module", Type::list(Type::object(keyed))),
                ("mode", Type::String),
                ("type", Type::String),
            ])),
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let instance = instance(arguments, 0)?;
        let mode = match instance.mode {
            Mode::Managed => "managed",
            Mode::Data => "data",
            Mode::Ephemeral => "ephemeral",
        };
        let modules = instance
            .module
            .into_iter()
            .map(|step| keyed(step.name, step.key));
        let module = Value::list(modules);
        Ok(keyed(instance.name, instance.index)
            .with("module", module)
            .with("mode", mode)
            .with("type", instance.kind))
    }
}

pub struct AddressMatches;

impl Function for AddressMatches {
    fn name(&self) -> &'static str {
        "address_matches"
    }

    fn signature(&self) -> Signature {
        Signature {
            summary: "Whether an ownership's address selects a resource.".into(),
            description: "Tells whether an entry of `addresses` of `ambit_ownership` fits the \
                 address of a resource instance: every step of it stands at the beginning of \
                 the address, and a step without a key fits every key."
                .into(),
            parameters: vec![
                Parameter::new(
                    "selector",
                    Type::String,
                    "An address or the beginning of one, such as `module.data`.",
                ),
                Parameter::new(
                    "address",
                    Type::String,
                    "The address of a resource instance, such as \
                     `module.data[\"eu\"].aws_db_instance.main[0]`.",
                ),
            ],
            variadic: None,
            returns: Type::Bool,
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let selector = selector(arguments, 0)?;
        let instance = instance(arguments, 1)?;
        Ok(selector.fit(&instance).is_some().into())
    }
}

fn text(arguments: &[Value], index: usize) -> Result<&str, FunctionError> {
    let text = arguments.get(index).and_then(Value::as_str);
    text.ok_or_else(|| FunctionError::argument(index, "not a text"))
}

fn selector(arguments: &[Value], index: usize) -> Result<Selector, FunctionError> {
    Selector::parse(text(arguments, index)?)
        .map_err(|error| FunctionError::argument(index, sentence(error)))
}

fn instance(arguments: &[Value], index: usize) -> Result<InstanceKey, FunctionError> {
    let selector = selector(arguments, index)?;
    parts(text(arguments, index)?)
        .and_then(of_parts)
        .filter(|instance| selector.fit(instance) == Some(Fit::Exact))
        .ok_or_else(|| {
            FunctionError::argument(
                index,
                "Not the address of a resource: it ends with a type and a name, after its \
                 modules if any, for example `module.data[\"eu\"].aws_db_instance.main[0]`.",
            )
        })
}

fn keyed(name: String, key: Option<Index>) -> Value {
    let (key, index) = match key {
        None => (None, None),
        Some(Index::Key(key)) => (Some(key), None),
        Some(Index::Number(number)) => (None, Some(number)),
    };
    Value::object([
        ("name", name.into()),
        ("key", key.into()),
        ("index", index.into()),
    ])
}

type Part = (String, Option<Index>);

/// The steps between dots, each with its key.
fn parts(mut rest: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut key = None;
        if let Some(inside) = rest.strip_prefix('[') {
            let mut json = serde_json::Deserializer::from_str(inside).into_iter::<Json>();
            key = Some(match json.next()?.ok()? {
                Json::String(key) => Index::Key(key),
                Json::Number(number) => Index::Number(number.as_i64()?),
                _ => return None,
            });
            rest = inside[json.byte_offset()..].strip_prefix(']')?;
        }
        parts.push((name, key));
        if rest.is_empty() {
            return Some(parts);
        }
        rest = rest.strip_prefix('.')?;
    }
}

fn of_parts(parts: Vec<Part>) -> Option<InstanceKey> {
    let mut parts = parts.into_iter().peekable();
    let plain = |part: Option<Part>| part.filter(|(_, key)| key.is_none());
    let mut module = Vec::new();
    while parts.next_if(|(name, _)| name == "module").is_some() {
        let (name, key) = parts.next()?;
        module.push(ModuleStep { name, key });
    }
    let mode = match parts.peek()?.0.as_str() {
        "data" => Mode::Data,
        "ephemeral" => Mode::Ephemeral,
        _ => Mode::Managed,
    };
    if mode != Mode::Managed {
        plain(parts.next())?;
    }
    let (kind, _) = plain(parts.next())?;
    let (name, index) = parts.next()?;
    let instance = InstanceKey {
        module,
        mode,
        index,
        ..InstanceKey::root(&kind, &name)
    };
    parts.next().is_none().then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(address: &str) -> Result<String, FunctionError> {
        let value = ParseAddress.call(&[address.into()])?;
        assert!(ParseAddress.signature().returns.check(&value).is_ok());
        Ok(value.to_json().unwrap().to_string())
    }

    fn matches(selector: &str, address: &str) -> Result<Value, FunctionError> {
        AddressMatches.call(&[selector.into(), address.into()])
    }

    #[test]
    fn parts_of_addresses() {
        let cases = [
            (
                "aws_db_instance.main",
                r#"{"index":null,"key":null,"mode":"managed","module":[],"name":"main","type":"aws_db_instance"}"#,
            ),
            (
                r#"module.data["eu.1"].module.x[2].data.aws_ami.a["]\""]"#,
                r#"{"index":null,"key":"]\"","mode":"data","module":[{"index":null,"key":"eu.1","name":"data"},{"index":2,"key":null,"name":"x"}],"name":"a","type":"aws_ami"}"#,
            ),
            (
                "module.module.ephemeral.t.data[0]",
                r#"{"index":0,"key":null,"mode":"ephemeral","module":[{"index":null,"key":null,"name":"module"}],"name":"data","type":"t"}"#,
            ),
        ];
        for (address, parts) in cases {
            assert_eq!(parse(address).unwrap(), parts, "{address}");
        }
    }

    #[test]
    fn not_addresses() {
        for (address, why) in [
            ("", "`` is not an address or the beginning of one"),
            ("aws_db_instance", "Not the address of a resource"),
            ("module.data", "Not the address of a resource"),
            (
                "module.data.aws_db_instance",
                "Not the address of a resource",
            ),
            ("data.aws_ami", "Not the address of a resource"),
            ("aws[0].main", "Not the address of a resource"),
            ("module[0].data.a.b", "Not the address of a resource"),
            ("data[0].a.b", "Not the address of a resource"),
            ("a.b.c", "Not the address of a resource"),
            ("a.b[+1]", "Not the address of a resource"),
            ("a.b[\"\u{1b}\"]", "Not the address of a resource"),
            ("a.b[*]", "is not an address or the beginning of one"),
            ("a.b[0].c", "Not the address of a resource"),
            ("a.b[\u{1b}]", "\\u{1b}"),
        ] {
            let error = parse(address).unwrap_err();
            assert!(error.text.contains(why), "{address}: {error:?}");
            assert_eq!(error.argument, Some(0));
        }
        assert_eq!(matches("*", "a.b").unwrap_err().argument, Some(0));
        assert_eq!(matches("a", "*").unwrap_err().argument, Some(1));
    }

    #[test]
    fn selectors_match_as_ownership_does() {
        let address = "module.data[\"eu\"].aws_db_instance.main[0]";
        for (selector, fits) in [
            ("module.data", true),
            ("module.data[\"eu\"].aws_db_instance", true),
            (address, true),
            ("module.data[\"us\"]", false),
            ("module.dat", false),
            ("aws_db_instance.main", false),
        ] {
            assert_eq!(
                matches(selector, address).unwrap(),
                fits.into(),
                "{selector}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_an_instance_shows_is_taken_apart_again(
            module in "[a-z_]{1,8}",
            kind in "[a-z]{1,4}_[a-z]{1,4}",
            name in "[a-z_]{1,8}",
            key in "[ -~]{0,12}",
        ) {
            let instance = InstanceKey {
                module: vec![ModuleStep { name: module, key: Some(Index::Key(key.clone())) }],
                index: Some(Index::Key(key)),
                ..InstanceKey::root(&kind, &name)
            };
            let shown = instance.to_string();
            prop_assert_eq!(parts(&shown).and_then(of_parts), Some(instance));
        }

        #[test]
        fn never_panics(text in prop_oneof![any::<String>(), "(module|data|a|[.\\[\\]\"0-9]){0,12}"]) {
            let _ = parse(&text);
            let _ = matches(&text, &text);
        }
    }
}
