//! What a change is about: one resource instance, or one module instance.
//!
//! Keys are built from the separate fields that the engine gives. A displayed address is read too, with a real parser,
//! but only to see that it says the same: names in it may hold dots, brackets and quotes, and splitting it has fooled
//! other tools.

use std::fmt;

use thiserror::Error;
use unicode_normalization::is_nfc;

use super::quote::{quoted, shown, unquoted};

/// Why something names no instance.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    #[error(
        "{} is no address: expected {expected} at byte {offset}",
        shown(address)
    )]
    Malformed {
        address: String,
        expected: &'static str,
        offset: usize,
    },
    #[error("{} is no name of a {what}", shown(name))]
    Name { name: String, what: &'static str },
    #[error(
        "{} is not in Unicode normal form C, so another spelling of the same text may stand beside it",
        shown(name)
    )]
    NotNormal { name: String },
    #[error("the index {} is neither a whole number nor a string", shown(index))]
    Index { index: String },
    #[error("the mode {} is not known", shown(mode))]
    Mode { mode: String },
}

/// One object of a resource instance. Ordered and compared as a whole; never split from text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    pub module: Vec<ModuleStep>,
    pub mode: Mode,
    pub r#type: String,
    pub name: String,
    pub index: Option<Key>,
    /// A replaced object that could not be deleted yet has a key of its own; the current one has none.
    pub deposed: Option<String>,
}

/// A resource as the configuration declares it, whatever number of instances it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The names of the module calls on the way down.
    pub module: Vec<String>,
    pub mode: Mode,
    pub r#type: String,
    pub name: String,
}

/// As the engine shows it: `module.net.aws_vpc.main`.
impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.module {
            write!(f, "module.{name}.")?;
        }
        write!(f, "{}{}.{}", self.mode.prefix(), self.r#type, self.name)
    }
}

/// One module call on the way down, with its instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleStep {
    pub name: String,
    pub key: Option<Key>,
}

/// What `count` or `for_each` tells instances apart by. `["0"]` and `[0]` are different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Int(u64),
    String(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    Managed,
    Data,
    Ephemeral,
}

impl Mode {
    pub(crate) fn read(mode: &str) -> Result<Mode, AddressError> {
        match mode {
            "managed" => Ok(Mode::Managed),
            "data" => Ok(Mode::Data),
            "ephemeral" => Ok(Mode::Ephemeral),
            _ => Err(AddressError::Mode {
                mode: mode.to_owned(),
            }),
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Mode::Managed => "",
            Mode::Data => "data.",
            Mode::Ephemeral => "ephemeral.",
        }
    }
}

impl InstanceKey {
    /// The address as engines show it, without the deposed key.
    pub fn address(&self) -> String {
        let mut out = module_address(&self.module);
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(self.mode.prefix());
        out.push_str(&self.r#type);
        out.push('.');
        out.push_str(&self.name);
        push_key(&mut out, self.index.as_ref());
        out
    }

    /// The resource that this is an instance of: where its configuration stands.
    pub fn resource(&self) -> ResourceKey {
        ResourceKey {
            module: self.module.iter().map(|step| step.name.clone()).collect(),
            mode: self.mode,
            r#type: self.r#type.clone(),
            name: self.name.clone(),
        }
    }

    /// Reads an address of a current object.
    pub fn parse(address: &str) -> Result<InstanceKey, AddressError> {
        let mut reader = Reader { address, at: 0 };
        let module = reader.modules()?;
        let mut first = reader.name("a resource type")?;
        let mode = match first {
            "data" => Mode::Data,
            "ephemeral" => Mode::Ephemeral,
            _ => Mode::Managed,
        };
        if mode != Mode::Managed {
            reader.dot()?;
            first = reader.name("a resource type")?;
        }
        let r#type = first.to_owned();
        reader.dot()?;
        let name = reader.name("a resource name")?.to_owned();
        let index = reader.key()?;
        if reader.at != address.len() {
            return Err(reader.expected("the end of the address"));
        }
        Ok(InstanceKey {
            module,
            mode,
            r#type,
            name,
            index,
            deposed: None,
        })
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())?;
        match &self.deposed {
            Some(key) => write!(f, " (deposed {})", shown(key).trim_matches('`')),
            None => Ok(()),
        }
    }
}

/// The address of a module instance; the root module's is empty.
pub fn module_address(module: &[ModuleStep]) -> String {
    let mut out = String::new();
    for (n, step) in module.iter().enumerate() {
        if n > 0 {
            out.push('.');
        }
        out.push_str("module.");
        out.push_str(&step.name);
        push_key(&mut out, step.key.as_ref());
    }
    out
}

fn push_key(out: &mut String, key: Option<&Key>) {
    match key {
        None => {}
        Some(Key::Int(n)) => out.push_str(&format!("[{n}]")),
        Some(Key::String(text)) => out.push_str(&format!("[{}]", quoted(text))),
    }
}

/// Reads the address of a module instance; empty text is the root module.
pub fn parse_module(address: &str) -> Result<Vec<ModuleStep>, AddressError> {
    if address.is_empty() {
        return Ok(Vec::new());
    }
    // The parser takes modules as the beginning of something longer.
    let mut reader = Reader { address, at: 0 };
    let mut steps = Vec::new();
    loop {
        steps.push(reader.module_step()?);
        if reader.at == address.len() {
            return Ok(steps);
        }
        reader.dot()?;
    }
}

/// Checks a name of a resource type, a resource or a module call.
///
/// Engines take Unicode identifiers; what matters here is that a name holds none of an address's own signs and has one
/// spelling.
pub(crate) fn checked_name(name: &str, what: &'static str) -> Result<String, AddressError> {
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_');
    let signs = |c: char| c.is_ascii() && !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !first
        || name
            .chars()
            .any(|c| signs(c) || c.is_whitespace() || c.is_control())
    {
        return Err(AddressError::Name {
            name: name.to_owned(),
            what,
        });
    }
    normal(name)
}

/// Refuses text that has another spelling.
pub(crate) fn normal(text: &str) -> Result<String, AddressError> {
    if is_nfc(text) {
        Ok(text.to_owned())
    } else {
        Err(AddressError::NotNormal {
            name: text.to_owned(),
        })
    }
}

struct Reader<'a> {
    address: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.address[self.at..]
    }

    fn modules(&mut self) -> Result<Vec<ModuleStep>, AddressError> {
        let mut steps = Vec::new();
        while self.rest().starts_with("module.") {
            steps.push(self.module_step()?);
            self.dot()?;
        }
        Ok(steps)
    }

    fn module_step(&mut self) -> Result<ModuleStep, AddressError> {
        if !self.rest().starts_with("module.") {
            return Err(self.expected("`module.`"));
        }
        self.at += "module.".len();
        let name = self.name("a module call")?.to_owned();
        Ok(ModuleStep {
            name,
            key: self.key()?,
        })
    }

    fn name(&mut self, what: &'static str) -> Result<&'a str, AddressError> {
        let rest = self.rest();
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if checked_name(name, what).is_err() {
            return Err(self.expected(what));
        }
        self.at += end;
        Ok(name)
    }

    fn dot(&mut self) -> Result<(), AddressError> {
        if !self.rest().starts_with('.') {
            return Err(self.expected("`.`"));
        }
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<Option<Key>, AddressError> {
        let Some(inner) = self.rest().strip_prefix('[') else {
            return Ok(None);
        };
        let (key, behind) = if inner.starts_with('"') {
            let (text, behind) =
                unquoted(inner).ok_or_else(|| self.expected("a string in quotes"))?;
            (Key::String(text), behind)
        } else {
            let end = inner.find(']').ok_or_else(|| self.expected("`]`"))?;
            (
                Key::Int(
                    whole_number(&inner[..end]).ok_or_else(|| self.expected("a whole number"))?,
                ),
                &inner[end..],
            )
        };
        let Some(behind) = behind.strip_prefix(']') else {
            return Err(self.expected("`]` behind the key"));
        };
        self.at = self.address.len() - behind.len();
        Ok(Some(key))
    }

    fn expected(&self, expected: &'static str) -> AddressError {
        AddressError::Malformed {
            address: self.address.to_owned(),
            expected,
            offset: self.at,
        }
    }
}

/// Digits only, without leading zeros, so that one number has one spelling.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(name: &str, key: Option<Key>) -> ModuleStep {
        ModuleStep {
            name: name.to_owned(),
            key,
        }
    }

    fn text(key: &str) -> Option<Key> {
        Some(Key::String(key.to_owned()))
    }

    #[test]
    fn addresses_read_and_write() {
        let key = |module: Vec<ModuleStep>, mode, r#type: &str, name: &str, index| InstanceKey {
            module,
            mode,
            r#type: r#type.to_owned(),
            name: name.to_owned(),
            index,
            deposed: None,
        };
        for (address, expected) in [
            (
                "aws_vpc.main",
                key(vec![], Mode::Managed, "aws_vpc", "main", None),
            ),
            (
                "data.aws_ami.x[0]",
                key(vec![], Mode::Data, "aws_ami", "x", Some(Key::Int(0))),
            ),
            (
                r#"aws_vpc.main["0"]"#,
                key(vec![], Mode::Managed, "aws_vpc", "main", text("0")),
            ),
            (
                "ephemeral.vault_secret.s",
                key(vec![], Mode::Ephemeral, "vault_secret", "s", None),
            ),
            (
                "module.net.aws_vpc.main",
                key(
                    vec![step("net", None)],
                    Mode::Managed,
                    "aws_vpc",
                    "main",
                    None,
                ),
            ),
            (
                r#"module.a["x.y"].module.b[3].data.t.n["]\"."]"#,
                key(
                    vec![step("a", text("x.y")), step("b", Some(Key::Int(3)))],
                    Mode::Data,
                    "t",
                    "n",
                    text("]\"."),
                ),
            ),
            // A key that looks like the rest of an address stays a key.
            (
                r#"module.a["b\"].module.c[\"d"].t.n"#,
                key(
                    vec![step("a", text("b\"].module.c[\"d"))],
                    Mode::Managed,
                    "t",
                    "n",
                    None,
                ),
            ),
            // Names that are words of the address language elsewhere.
            (
                "module.module.module_x.n",
                key(
                    vec![step("module", None)],
                    Mode::Managed,
                    "module_x",
                    "n",
                    None,
                ),
            ),
            (
                "module.data.data.t.data",
                key(vec![step("data", None)], Mode::Data, "t", "data", None),
            ),
            ("аpp.app", key(vec![], Mode::Managed, "аpp", "app", None)),
        ] {
            assert_eq!(
                InstanceKey::parse(address).as_ref(),
                Ok(&expected),
                "{address}"
            );
            assert_eq!(expected.address(), address);
        }
    }

    #[test]
    fn what_is_no_address() {
        for address in [
            "",
            "a",
            "a.",
            ".a",
            "a.b.c",
            "a.b[",
            "a.b[]",
            "a.b[0",
            "a.b[-1]",
            "a.b[00]",
            "a.b[+1]",
            "a.b[1.0]",
            "a.b[x]",
            "a.b[\"x]",
            "a.b[\"x\"",
            "a.b[\"x\"]y",
            "a.b[0][1]",
            "a.b ",
            " a.b",
            "a b.c",
            "a.b (deposed 1)",
            "a.0b",
            "module.",
            "module.m",
            "module.m.",
            "module.m.a",
            "module..a.b",
            "module.m[0.a.b",
            "module.m[0]a.b",
            "a.b[*]",
            "a.b[18446744073709551616]",
            "data.a",
            "a.b\n",
            "a.b\u{301}/",
            "1a.b",
        ] {
            assert!(InstanceKey::parse(address).is_err(), "{address}");
        }
    }

    #[test]
    fn modules_read_and_write() {
        for (address, steps) in [
            ("", vec![]),
            ("module.a", vec![step("a", None)]),
            (
                r#"module.a["module.b"].module.c[0]"#,
                vec![step("a", text("module.b")), step("c", Some(Key::Int(0)))],
            ),
        ] {
            assert_eq!(parse_module(address), Ok(steps.clone()), "{address}");
            assert_eq!(module_address(&steps), address);
        }
        for address in [
            "a",
            "module",
            "module.",
            "module.a.",
            "module.a.b.c",
            "module.a[",
            "module.a.module",
            "xmodule.a",
        ] {
            assert!(parse_module(address).is_err(), "{address}");
        }
    }

    #[test]
    fn names_have_one_spelling() {
        assert!(checked_name("caf\u{e9}", "resource").is_ok());
        assert!(matches!(
            checked_name("cafe\u{301}", "resource"),
            Err(AddressError::NotNormal { .. })
        ));
        for name in [
            "", "a.b", "a[0]", "a b", "a\"", "0a", "-a", "a\n", "a/b", "a\\b", "a\u{a0}b",
            "a\u{85}",
        ] {
            assert!(
                matches!(
                    checked_name(name, "resource"),
                    Err(AddressError::Name { .. })
                ),
                "{name:?}"
            );
        }
    }

    #[test]
    fn messages_say_where() {
        let error = InstanceKey::parse("module.m[0.a.b")
            .expect_err("no address")
            .to_string();
        assert_eq!(
            error,
            "`module.m[0.a.b` is no address: expected `]` at byte 8"
        );
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(
            module in proptest::collection::vec(("[a-z_é][a-z0-9_-]{0,4}", key()), 0..3),
            r#type in "[a-z]{1,6}_[a-z]{1,3}", name in "[a-z_][a-z0-9-]{0,5}", index in key(), data in any::<bool>(),
        ) {
            let module = module.into_iter().map(|(name, key)| ModuleStep { name, key }).collect();
            let mode = if data { Mode::Data } else { Mode::Managed };
            let key = InstanceKey { module, mode, r#type, name, index, deposed: None };
            prop_assert_eq!(parse_module(&module_address(&key.module)), Ok(key.module.clone()));
            prop_assert_eq!(InstanceKey::parse(&key.address()), Ok(key));
        }

        #[test]
        fn noise_never_panics(text in "(module|data|[a-c0-9.\\[\\]\"\\\\é]){0,20}") {
            let _ = InstanceKey::parse(&text);
            let _ = parse_module(&text);
        }
    }

    fn key() -> impl Strategy<Value = Option<Key>> {
        proptest::option::of(prop_oneof![
            any::<u64>().prop_map(Key::Int),
            any::<String>().prop_map(Key::String)
        ])
    }
}
