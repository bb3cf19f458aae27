//! `ambit_ownership`: what belongs to which team.

use crate::{
    later::{self, Later, later},
    list, name, stack,
    wording::{sentence, shown},
};
use ambit_authority::address::Selector;
use tfplugin_proto::{
    Attribute, AttributePath, Block, Change, Declaration, Diagnostic, Diagnostics, Schema, Type,
    Value,
};

const SELECTORS: [&str; 4] = ["addresses", "types", "tags", "stacks"];

const LATER: [Later; 5] = [
    later(
        "approve",
        "which changes the team wants to be asked about",
        "Until then it is asked about every change to what it owns.",
    ),
    later(
        "notify",
        "whom to tell without asking",
        "Until then tell them outside Ambit.",
    ),
    later(
        "rollback_owner",
        "who takes a change back",
        "Until then that is for `team` to do.",
    ),
    later(
        "escalate_to",
        "whom to ask when the team does not answer",
        "Until then put that person into the team.",
    ),
    later(
        "escalate_after",
        "how long to wait for the team",
        "Until then a request waits until it expires.",
    ),
];

pub struct Ownership;

impl Declaration for Ownership {
    fn type_name(&self) -> &'static str {
        "ambit_ownership"
    }

    fn schema(&self) -> Schema {
        let texts =
            |description: &str| Attribute::optional(Type::list(Type::String)).describe(description);
        let block = Block::new(
            "What belongs to which team. A resource that fits any of the selectors is the \
             team's. Where several declarations fit, the closest kind wins: exact address, \
             longer beginning of an address, type, tag, stack. What nobody owns, the root \
             persons answer for.",
        )
        .attribute(
            "name",
            name::attribute("What reports call this declaration."),
        )
        .attribute(
            "team",
            Attribute::required(Type::String).describe(
                "Name of the team that owns. Use a reference such as `ambit_team.data.name`.",
            ),
        )
        .attribute(
            "addresses",
            texts(
                "Addresses, or the beginnings of them, such as `module.data` or \
                 `aws_db_instance.main`. A step without a key fits every key; there are no \
                 wildcards.",
            ),
        )
        .attribute("types", texts("Resource types, such as `aws_db_instance`."))
        .attribute(
            "tags",
            Attribute::optional(Type::map(Type::String))
                .describe("Tags: a resource with any one of them, key and value, fits."),
        )
        .attribute(
            "stacks",
            texts("Fingerprints of stacks, as in `ambit_environment`."),
        )
        .attribute(
            "always",
            Attribute::optional(Type::Bool)
                .describe(
                    "Whether the team owns what fits even where another declaration is closer, \
                     beside that one's team.",
                )
                .default(false),
        )
        .attribute("id", name::id());
        Schema::new(later::declare(block, &LATER))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = list::check(list::one(config, "name"), name::check("an ownership"));
        found.extend(list::check(
            list::one(config, "team"),
            name::check("a team"),
        ));
        if let Some(diagnostic) = selects_nothing(config) {
            found.push(diagnostic);
        }
        found.extend(list::check(list::of(config, "addresses"), address));
        found.extend(list::check(list::of(config, "types"), resource_type));
        found.extend(tags(config.get("tags")));
        found.extend(list::check(list::of(config, "stacks"), stack::check));
        found.extend(later::refuse(config, &LATER));
        found
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let id = change.get("name").clone();
        change.compute("id", id);
        Diagnostics::new()
    }
}

/// About the block as a whole: no one attribute is at fault.
fn selects_nothing(config: &Value) -> Option<Diagnostic> {
    let nothing = |name: &&str| match config.get(name) {
        Value::Null => true,
        Value::List(elements) => elements.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    };
    SELECTORS.iter().all(nothing).then(|| {
        Diagnostic::error(
            "this ownership selects nothing",
            "The team would own nothing. Give at least one of `addresses`, `types`, `tags` and \
             `stacks`, for example `addresses = [\"module.data\"]`.",
        )
    })
}

fn address(text: &str) -> Result<String, Diagnostic> {
    match Selector::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Diagnostic::error(
            format!("{} selects no resource", shown(text)),
            sentence(error),
        )),
    }
}

fn resource_type(text: &str) -> Result<String, Diagnostic> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(letters) {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::error(
        format!("{} is not a resource type", shown(text)),
        "A type is the first word after `resource`, without a name and without wildcards, for \
         example `aws_db_instance`. A single resource goes into `addresses`.",
    ))
}

fn tags(tags: &Value) -> Diagnostics {
    let entries = tags.entries().into_iter().flatten();
    entries
        .filter_map(|(tag, value)| {
            let path = AttributePath::from("tags").key(tag);
            let (summary, why) = if tag.is_empty() {
                ("a tag has no key".to_owned(), "A tag is found by its key.")
            } else if value.is_null() {
                (
                    format!("the tag {} is null", shown(tag)),
                    "A tag is compared by key and value.",
                )
            } else {
                return None;
            };
            let detail = format!(
                "{why} Write both, for example `tags = {{ team = \"data\" }}`, or leave the \
                 entry out."
            );
            Some(Diagnostic::error(summary, detail).at(path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{config, transcript};

    #[test]
    fn refusals() {
        let good = config(
            &Ownership,
            [
                ("name", "databases".into()),
                ("team", "data".into()),
                (
                    "addresses",
                    Value::list(["module.data[\"eu\"]".into(), "aws_db_instance.main".into()]),
                ),
                ("types", Value::list(["aws_db_instance".into()])),
                ("tags", Value::map([("team", "data".into())])),
                ("stacks", Value::list([stack::EXAMPLE.into()])),
                ("always", true.into()),
            ],
        );
        let nothing = || SELECTORS.map(|name| (name, Value::Null));
        let emptied: Vec<_> = nothing()
            .map(|(name, _)| match name {
                "tags" => (name, Value::Map(Default::default())),
                _ => (name, Value::list([])),
            })
            .into();
        let mut cases = vec![
            nothing().into(),
            emptied,
            vec![("name", "".into())],
            vec![("team", "Data".into())],
            vec![(
                "types",
                Value::list(["aws_db_instance.main".into(), "aws_*".into()]),
            )],
            vec![("types", Value::list(["a".into(), "a".into(), Value::Null]))],
            vec![(
                "tags",
                Value::map([("", "x".into()), ("team", Value::Null)]),
            )],
            vec![("stacks", Value::list(["default".into()]))],
        ];
        for address in [
            "",
            "module.*",
            "module.data.",
            "module.data[eu]",
            "aws db",
            "a[\"\u{1b}]",
        ] {
            cases.push(vec![("addresses", Value::list([address.into()]))]);
        }
        for field in LATER {
            let value = Value::Dynamic(Box::new((Type::Bool, true.into())));
            cases.push(vec![(field.name, value)]);
        }
        insta::assert_snapshot!(transcript(&Ownership, good, cases));
    }

    #[test]
    fn one_selector_is_enough_and_an_unknown_one_may_be_it() {
        for (name, value) in [
            ("addresses", Value::list(["module.data".into()])),
            ("types", Value::list(["t".into()])),
            ("tags", Value::map([("k", "v".into())])),
            ("stacks", Value::list([stack::EXAMPLE.into()])),
            ("addresses", Value::unknown()),
            ("tags", Value::unknown()),
            ("types", Value::list([Value::unknown()])),
        ] {
            let given = [("name", "n".into()), ("team", "t".into()), (name, value)];
            let told = Ownership.validate(&config(&Ownership, given));
            assert_eq!(told, Diagnostics::new(), "{name}");
        }
    }
}
