//! `ambit_approval_rule`: how many must agree, by how grave a change is.

use crate::{
    later::{self, Later, later},
    list, name,
    wording::shown,
};
use ambit_authority::tier::Tier;
use tfplugin_proto::{
    Attribute, Block, Change, Declaration, Diagnostic, Diagnostics, Schema, Type, Value,
};

const LATER: [Later; 5] = [
    later(
        "requester",
        "whether the rule is for agents or for people",
        "Until then every rule is for both.",
    ),
    later(
        "any_of",
        "alternatives of which one is enough",
        "Until then the teams that own what is touched must agree.",
    ),
    later(
        "all_of",
        "conditions that must hold together",
        "Until then the teams that own what is touched must agree.",
    ),
    later(
        "assurance",
        "how the keys that count must be kept",
        "Until then every declared key counts.",
    ),
    later(
        "expires_in",
        "how long an approval is good for",
        "Until then the statement itself says when it ends.",
    ),
];

pub struct ApprovalRule;

impl Declaration for ApprovalRule {
    fn type_name(&self) -> &'static str {
        "ambit_approval_rule"
    }

    fn schema(&self) -> Schema {
        let block = Block::new(
            "How many must agree to a change of one tier. The gate works \
             the tier out from what the change does.",
        )
        .attribute("name", name::attribute("What reports call this rule."))
        .attribute(
            "tier",
            Attribute::required(Type::String)
                .describe("Which changes it is for: `low`, `medium`, `high` or `critical`."),
        )
        .attribute(
            "environments",
            Attribute::optional(Type::list(Type::String)).describe(
                "Names of the environments it is for; left out, every one. Use references such \
                 as `ambit_environment.production.name`.",
            ),
        )
        .attribute(
            "count_per_team",
            Attribute::required(Type::Number).describe(
                "How many persons of each team that owns something touched must agree, at \
                 least 1.",
            ),
        )
        .attribute(
            "min_persons",
            Attribute::required(Type::Number).describe(
                "How many different persons must agree in all, at least `count_per_team`.",
            ),
        )
        .attribute("id", name::id());
        Schema::new(later::declare(block, &LATER))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("an approval rule"));
        found.extend(list::check(list::one(config, "tier"), tier));
        found.extend(list::empty(
            config,
            "environments",
            "It reads like no environment, yet would mean every one. Leave `environments` out \
             for every one, or name them, such as `[ambit_environment.production.name]`.",
        ));
        found.extend(list::check(
            list::of(config, "environments"),
            name::check("an environment"),
        ));
        let per_team = persons(config, "count_per_team", &mut found);
        let in_all = persons(config, "min_persons", &mut found);
        if let (Some(per_team), Some(in_all)) = (per_team, in_all)
            && in_all < per_team
        {
            found.push(
                Diagnostic::error(
                    format!("`min_persons` is {in_all}, fewer than `count_per_team`"),
                    format!(
                        "Each team touched needs {per_team} persons already, so there are \
                         never fewer in all. Write `min_persons = {per_team}` or more."
                    ),
                )
                .at("min_persons"),
            );
        }
        found.extend(later::refuse(config, &LATER));
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let id = change.get("name").clone();
        change.compute("id", id);
        Diagnostics::new()
    }
}

fn tier(text: &str) -> Result<String, Diagnostic> {
    let tiers = [Tier::Low, Tier::Medium, Tier::High, Tier::Critical];
    if tiers.iter().any(|tier| tier.to_string() == text) {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::error(
        format!("{} is not a tier", shown(text)),
        "Write `low`, `medium`, `high` or `critical`.",
    ))
}

/// A known number of persons, refused where it is none.
fn persons(config: &Value, attribute: &str, found: &mut Diagnostics) -> Option<u32> {
    let number = config.get(attribute).as_number()?;
    let whole = number.as_i64().and_then(|n| u32::try_from(n).ok());
    if let Some(n) = whole.filter(|n| *n >= 1) {
        return Some(n);
    }
    let detail = format!(
        "Persons are counted in whole numbers, and somebody must always agree. Write 1 or \
         more, for example `{attribute} = 2`."
    );
    found.push(
        Diagnostic::error(
            format!("{} is not a number of persons", shown(&number.text())),
            detail,
        )
        .at(attribute),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{config, transcript};
    use tfplugin_proto::Number;

    #[test]
    fn refusals() {
        let good = config(
            &ApprovalRule,
            [
                ("name", "high".into()),
                ("tier", "high".into()),
                ("environments", Value::list(["production".into()])),
                ("count_per_team", 1_i64.into()),
                ("min_persons", 2_i64.into()),
            ],
        );
        let number = |text| Value::Number(Number::parse(text).unwrap());
        let counts = |per_team, in_all| {
            vec![
                ("count_per_team", number(per_team)),
                ("min_persons", number(in_all)),
            ]
        };
        let mut cases = vec![
            vec![("name", "High".into())],
            vec![("tier", "urgent".into())],
            vec![("tier", "HIGH".into())],
            vec![("tier", "".into())],
            vec![("environments", Value::list([]))],
            vec![("environments", Value::list(["a".into(), "a".into()]))],
            vec![("environments", Value::list(["Prod".into()]))],
            counts("0", "0"),
            counts("-1", "2"),
            counts("1.5", "2"),
            counts("3", "2"),
            counts("1", "4294967296"),
            counts("1", "1e400"),
            counts("0.1", "-0.1"),
        ];
        for field in LATER {
            let value = Value::Dynamic(Box::new((Type::String, "x".into())));
            cases.push(vec![(field.name, value)]);
        }
        insta::assert_snapshot!(transcript(&ApprovalRule, good, cases));
    }
}
