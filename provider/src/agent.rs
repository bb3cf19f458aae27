//! `ambit_agent`: a program that proposes changes, and the person who answers for it.

use crate::{
    key,
    later::{self, Later, later},
    list, name,
};
use tfplugin_proto::{Attribute, Block, Change, Declaration, Diagnostics, Schema, Type, Value};

const LATER: [Later; 2] = [
    later(
        "supplier",
        "who makes and runs the agent",
        "Until then a comment beside the declaration serves.",
    ),
    later(
        "issuers",
        "whose identity tokens the agent may sign in with",
        "Until then the agent is known by `keys`.",
    ),
];

pub struct Agent;

impl Declaration for Agent {
    fn type_name(&self) -> &'static str {
        "ambit_agent"
    }

    fn schema(&self) -> Schema {
        let block = Block::new(
            "A program that proposes changes. Its keys say who asks; they never approve, and \
             neither does its sponsor for what it asked.",
        )
        .attribute("name", name::attribute("What requests call this agent."))
        .attribute(
            "sponsor",
            Attribute::required(Type::String).describe(
                "Name of the person who answers for it. Use a reference such as \
                 `ambit_person.carol.name`.",
            ),
        )
        .attribute(
            "keys",
            Attribute::required(Type::list(Type::String)).describe(
                "SSH public keys it signs requests with, one line each, at least one. None of \
                 them may belong to a person.",
            ),
        )
        .attribute("id", name::id())
        .attribute("fingerprints", key::fingerprints_attribute());
        Schema::new(later::declare(block, &LATER))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("an agent"));
        found.extend(list::check(
            list::one(config, "sponsor"),
            name::check("a person"),
        ));
        found.extend(list::empty(
            config,
            "keys",
            "Without a key nothing the agent asks could be told to come from it. Give at least \
             one, such as `file(\"keys/builder.pub\")`.",
        ));
        found.extend(list::check(list::of(config, "keys"), key::check));
        found.extend(later::refuse(config, &LATER));
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let id = change.get("name").clone();
        let fingerprints = fingerprints(change.planned());
        change.compute("id", id);
        change.compute("fingerprints", fingerprints);
        Diagnostics::new()
    }
}

fn fingerprints(agent: &Value) -> Value {
    let keys = agent.get("keys");
    key::fingerprints(keys, keys.elements().iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key::tests::{ALICE, BOB},
        told::{config, transcript},
    };

    #[test]
    fn refusals() {
        let good = config(
            &Agent,
            [
                ("name", "builder".into()),
                ("sponsor", "carol".into()),
                ("keys", Value::list([BOB.into()])),
            ],
        );
        let text = |text: &str| Value::Dynamic(Box::new((Type::String, text.into())));
        let cases = vec![
            vec![("name", "-builder".into())],
            vec![("sponsor", "".into())],
            vec![("sponsor", "carol\u{0}".into())],
            vec![("keys", Value::list([]))],
            vec![(
                "keys",
                Value::list([BOB.into(), format!("{BOB} other").into()]),
            )],
            vec![("keys", Value::list([ALICE.into(), "builder".into()]))],
            vec![("keys", Value::list([Value::Null]))],
            vec![("supplier", text("acme"))],
            vec![("issuers", text("https://issuer.example"))],
        ];
        insta::assert_snapshot!(transcript(&Agent, good, cases));
    }

    #[test]
    fn keys_of_an_agent_give_their_fingerprints() {
        let agent = config(
            &Agent,
            [
                ("name", "builder".into()),
                ("keys", Value::list([BOB.into(), Value::unknown()])),
            ],
        );
        let [known, unknown] = fingerprints(&agent).elements().to_vec().try_into().unwrap();
        assert_eq!(known, key::parse(BOB).unwrap().fingerprint().into());
        assert!(unknown.is_unknown());
    }
}
