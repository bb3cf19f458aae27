//! `ambit_environment`: stacks that are guarded alike.

use crate::{
    later::{self, Later, later},
    list, name, stack,
    wording::shown,
};
use tfplugin_proto::{
    Attribute, Block, Change, Declaration, Diagnostic, Diagnostics, Schema, Type, Value,
};

const LATER: [Later; 1] = [later(
    "account",
    "which cloud account the credentials must belong to",
    "Until then each stack is known by its state alone.",
)];

pub struct Environment;

impl Declaration for Environment {
    fn type_name(&self) -> &'static str {
        "ambit_environment"
    }

    fn schema(&self) -> Schema {
        let block = Block::new(
            "Stacks that are guarded alike. A stack in no environment is answered for by the \
             root persons, in the top tier.",
        )
        .attribute(
            "name",
            name::attribute("What approval rules call this environment."),
        )
        .attribute(
            "stacks",
            Attribute::required(Type::list(Type::String)).describe(format!(
                "Fingerprints of the stacks, `backend:place#workspace`, for example `{}`. The \
                 place of a local state is its file, relative to the root of the repository \
                 where it lies inside, else absolute. A stack belongs to one environment.",
                stack::EXAMPLE
            )),
        )
        .attribute(
            "critical",
            Attribute::optional(Type::Bool)
                .describe(
                    "Whether what runs here must not fail: the gate then judges its changes \
                     more gravely.",
                )
                .default(false),
        )
        .attribute(
            "mode",
            Attribute::required(Type::String).describe(
                "`enforce`: nothing is applied before those who must agree have signed. \
                 `observe`: changes pass, and the report says who would have been asked.",
            ),
        )
        .attribute("id", name::id());
        Schema::new(later::declare(block, &LATER))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("an environment"));
        found.extend(list::check(list::of(config, "stacks"), stack::check));
        found.extend(list::check(list::one(config, "mode"), mode));
        found.extend(later::refuse(config, &LATER));
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let id = change.get("name").clone();
        change.compute("id", id);
        Diagnostics::new()
    }
}

fn mode(text: &str) -> Result<String, Diagnostic> {
    match text {
        "observe" | "enforce" => Ok(text.to_owned()),
        _ => Err(Diagnostic::error(
            format!("{} is not a mode", shown(text)),
            "Write `enforce` to hold changes back until they are signed for, or `observe` to \
             let them through and report.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{config, transcript};

    #[test]
    fn refusals() {
        let stacks = [
            stack::EXAMPLE,
            "local:/srv/estate/terraform.tfstate#prod-1",
            "s3:bucket/some key#a#default",
            "azurerm:account/container/key#team.eu~1",
        ];
        let good = config(
            &Environment,
            [
                ("name", "production".into()),
                ("stacks", Value::list(stacks.map(Value::from))),
                ("critical", true.into()),
                ("mode", "enforce".into()),
            ],
        );
        let mut cases: Vec<_> = [
            "",
            "default",
            "local:estate/terraform.tfstate",
            "local#default",
            ":place#default",
            "Local:estate/terraform.tfstate#default",
            "local:#default",
            "local:./estate/terraform.tfstate#default",
            "local:estate//terraform.tfstate#default",
            "local:../estate/terraform.tfstate#default",
            "local:estate/terraform.tfstate#",
            "local:estate/terraform.tfstate#de fault",
            "local:estate/terraform.tfstate#default\n",
            "s3: bucket/key#default",
            "s3:bucket/\u{1b}[2Jkey#default",
        ]
        .into_iter()
        .map(|stack| vec![("stacks", Value::list([stack.into()]))])
        .collect();
        cases.extend([
            vec![(
                "stacks",
                Value::list([stack::EXAMPLE.into(), stack::EXAMPLE.into()]),
            )],
            vec![("stacks", Value::list([Value::Null]))],
            vec![("mode", "Enforce".into())],
            vec![("mode", "".into())],
            vec![("name", "prod/eu".into())],
            vec![(
                "account",
                Value::Dynamic(Box::new((Type::String, "1".into()))),
            )],
        ]);
        insta::assert_snapshot!(transcript(&Environment, good, cases));
    }

    #[test]
    fn no_stacks_yet_is_fine() {
        let prepared = config(
            &Environment,
            [
                ("name", "staging".into()),
                ("stacks", Value::list([])),
                ("mode", "observe".into()),
            ],
        );
        assert_eq!(Environment.validate(&prepared), Diagnostics::new());
    }
}
