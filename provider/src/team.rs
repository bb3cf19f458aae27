//! `ambit_team`: people who answer for something together.

use crate::{
    later::{self, Later, later},
    list, name,
};
use tfplugin_proto::{Attribute, Block, Change, Declaration, Diagnostics, Schema, Type, Value};

const LATER: [Later; 2] = [
    later(
        "teams",
        "teams whose members belong to this one too",
        "Until then list their persons in `members`.",
    ),
    later(
        "minimum",
        "how many persons the team must never fall below",
        "Until then `min_persons` of `ambit_approval_rule` says how many must agree.",
    ),
];

pub struct Team;

impl Declaration for Team {
    fn type_name(&self) -> &'static str {
        "ambit_team"
    }

    fn schema(&self) -> Schema {
        let block = Block::new(
            "People who answer for something together. What a team owns is changed only after \
             persons of it agreed.",
        )
        .attribute("name", name::attribute("What ownership calls this team."))
        .attribute(
            "members",
            Attribute::required(Type::list(Type::String)).describe(
                "Names of persons, at least one, each once. Use references such as \
                 `ambit_person.alice.name`.",
            ),
        )
        .attribute("id", name::id());
        Schema::new(later::declare(block, &LATER))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("a team"));
        found.extend(list::empty(
            config,
            "members",
            "Nobody could ever agree for this team. Name at least one person, such as \
             `[ambit_person.alice.name]`.",
        ));
        found.extend(list::check(
            list::of(config, "members"),
            name::check("a person"),
        ));
        found.extend(later::refuse(config, &LATER));
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let id = change.get("name").clone();
        change.compute("id", id);
        Diagnostics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{config, transcript};

    fn members(members: impl IntoIterator<Item = Value>) -> Vec<(&'static str, Value)> {
        vec![("members", Value::list(members))]
    }

    #[test]
    fn refusals() {
        let good = config(
            &Team,
            [
                ("name", "data".into()),
                ("members", Value::list(["alice".into(), "bob".into()])),
            ],
        );
        let dynamic = |ty, value| Value::Dynamic(Box::new((ty, value)));
        let cases = vec![
            vec![("name", "Data Team".into())],
            members([]),
            members(["alice".into(), "alice".into()]),
            members(["alice".into(), Value::Null]),
            members(["alice@example.org".into(), Value::unknown()]),
            vec![(
                "teams",
                dynamic(Type::list(Type::String), Value::list(["web".into()])),
            )],
            vec![("minimum", dynamic(Type::Number, 2_i64.into()))],
        ];
        insta::assert_snapshot!(transcript(&Team, good, cases));
    }
}
