//! Attributes whose names are taken for a later version. They exist so that a configuration written for that version
//! is refused by name here, rather than obeyed by half.

use tfplugin_proto::{Attribute, Block, Diagnostic, Diagnostics, Type, Value};

/// Such an attribute: its name, what it will say, and how to do without.
pub struct Later {
    pub name: &'static str,
    pub says: &'static str,
    pub until_then: &'static str,
}

pub const fn later(name: &'static str, says: &'static str, until_then: &'static str) -> Later {
    Later {
        name,
        says,
        until_then,
    }
}

/// The attributes take any type: whatever is written there, the answer is "not yet".
pub fn declare(block: Block, fields: &[Later]) -> Block {
    fields.iter().fold(block, |block, field| {
        let description = format!(
            "Not yet: {}. It arrives in a later version; until then any value is refused.",
            field.says
        );
        block.attribute(
            field.name,
            Attribute::optional(Type::Dynamic).describe(description),
        )
    })
}

/// A value still unknown may turn out null, so it is not refused until it is known.
pub fn refuse(config: &Value, fields: &[Later]) -> Diagnostics {
    let given = fields.iter().filter(|field| {
        let value = config.get(field.name);
        !value.is_null() && !value.is_unknown()
    });
    given
        .map(|field| {
            Diagnostic::error(
                format!("not yet: `{}`", field.name),
                format!(
                    "`{}` ({}) arrives in a later version; leave it out. {}",
                    field.name, field.says, field.until_then
                ),
            )
            .at(field.name)
        })
        .collect()
}
