//! `ambit_person`: somebody who can agree to a change, known by the keys they sign with.

use crate::{key, list, name, wording::shown};
use tfplugin_proto::{
    Attribute, Block, Change, Declaration, Diagnostic, Diagnostics, Schema, Type, Value,
    schema::{Mode, Nesting},
};

pub struct Person;

impl Declaration for Person {
    fn type_name(&self) -> &'static str {
        "ambit_person"
    }

    fn schema(&self) -> Schema {
        let key = Attribute::required(Type::String).describe(
            "SSH public key on one line, as in a `.pub` file: Ed25519, ECDSA, RSA of 2048 to \
             8192 bits, or a security key. A key belongs to one person for ever, and never \
             to an agent too.",
        );
        let assurance = Attribute::optional(Type::String)
            .describe(
                "How the private half is kept: `software`, a file, or `hardware`, a security \
                 key (`sk-…`) it cannot leave.",
            )
            .default("software");
        let keys = Attribute::nested(
            Mode::Required,
            Nesting::List,
            [("key", key), ("assurance", assurance)],
        )
        .describe(
            "What this person signs with, at least one. Several keys still count as one person.",
        );
        Schema::new(
            Block::new(
                "Somebody who can agree to a change. Approvals count per person, and only with \
                 a key declared here before the change.",
            )
            .attribute(
                "name",
                name::attribute("What teams, agents and approvals call this person."),
            )
            .attribute("keys", keys)
            .attribute("id", name::id())
            .attribute("fingerprints", key::fingerprints_attribute()),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("a person"));
        found.extend(list::empty(
            config,
            "keys",
            "A person without a key could never sign anything. Give at least one, such as `{ \
             key = file(\"keys/alice.pub\") }`.",
        ));
        found.extend(list::check(keys(config), key::check));
        found.extend(list::of(config, "keys").filter_map(entry).collect());
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let planned = change.planned();
        let id = planned.get("name").clone();
        let fingerprints = fingerprints(planned);
        change.compute("id", id);
        change.compute("fingerprints", fingerprints);
        Diagnostics::new()
    }
}

/// The text of each key, at the path of its entry: a path that goes on into the entry makes the engines underline
/// nothing but the resource's opening brace. What is no entry with a key stands for itself.
fn keys(person: &Value) -> impl Iterator<Item = list::Item<'_>> {
    list::of(person, "keys").map(|(path, entry)| match entry.get("key") {
        Value::Null => (path, entry),
        key => (path, key),
    })
}

fn fingerprints(person: &Value) -> Value {
    key::fingerprints(person.get("keys"), keys(person).map(|(_, key)| key))
}

/// What is wrong with an entry beside the form of its key.
fn entry((path, entry): list::Item<'_>) -> Option<Diagnostic> {
    let key = entry.get("key");
    if matches!(entry, Value::Object(_)) && key.is_null() {
        let summary = format!("`{path}` has no `key`");
        return Some(Diagnostic::error(summary, key::CORRECT).at(path));
    }
    let (summary, detail) = match entry.get("assurance").as_str()? {
        "software" => return None,
        "hardware" => {
            let key = key::parse(key.as_str()?).ok()?;
            if key.is_security_key() {
                return None;
            }
            (
                format!("an {} key is not `hardware`", key.kind()),
                "Its private half is a file, so nothing shows that a device holds it. Leave \
                 `assurance` out, or give a key made with `ssh-keygen -t ed25519-sk`, whose \
                 line begins with `sk-ssh-ed25519@openssh.com`.",
            )
        }
        other => (
            format!("{} is not an assurance", shown(other)),
            "Write `assurance = \"software\"`, or `\"hardware\"` for a security key (`sk-…`).",
        ),
    };
    Some(Diagnostic::error(summary, detail).at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key::tests::{ALICE, BOB, SECURITY_KEY, SHORT_RSA},
        told::{config, transcript},
    };

    fn entry(key: impl Into<Value>, assurance: impl Into<Value>) -> Value {
        Value::object([("key", key.into()), ("assurance", assurance.into())])
    }

    fn with_keys(keys: impl IntoIterator<Item = Value>) -> Vec<(&'static str, Value)> {
        vec![("keys", Value::list(keys))]
    }

    #[test]
    fn refusals() {
        let good = config(
            &Person,
            [
                ("name", "alice".into()),
                (
                    "keys",
                    Value::list([
                        entry(format!("{ALICE} alice@laptop\n"), Value::Null),
                        entry(BOB, "software"),
                        entry(SECURITY_KEY, "hardware"),
                    ]),
                ),
            ],
        );
        let private =
            "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";
        let cases = vec![
            vec![("name", "Alice".into())],
            vec![("name", "".into())],
            vec![("name", "alicé".into())],
            vec![("name", "a\u{202e}b".into())],
            vec![("name", "a".repeat(65).into())],
            with_keys([]),
            with_keys([Value::Null]),
            with_keys([entry(Value::Null, Value::Null)]),
            with_keys([entry("", Value::Null)]),
            with_keys([entry("keys/alice.pub", Value::Null)]),
            with_keys([entry("ssh-ed25519 AAAA alice", Value::Null)]),
            with_keys([entry(format!("{ALICE}\n{BOB}"), Value::Null)]),
            with_keys([entry(private, Value::Null)]),
            with_keys([entry(SHORT_RSA, Value::Null)]),
            with_keys([
                entry(ALICE, Value::Null),
                entry(format!("{ALICE} again"), Value::Null),
            ]),
            with_keys([entry(ALICE, "hardware")]),
            with_keys([entry(SECURITY_KEY, "tpm")]),
            vec![
                ("name", "1".into()),
                ("keys", Value::list([entry("x", "Hardware")])),
            ],
        ];
        insta::assert_snapshot!(transcript(&Person, good, cases));
    }

    #[test]
    fn keys_of_a_person_give_their_fingerprints() {
        let person = config(
            &Person,
            [
                ("name", "alice".into()),
                (
                    "keys",
                    Value::list([entry(ALICE, Value::Null), Value::unknown()]),
                ),
            ],
        );
        assert_eq!(
            fingerprints(&person),
            key::fingerprints(person.get("keys"), [ALICE.into(), Value::unknown()].iter())
        );
    }
}
