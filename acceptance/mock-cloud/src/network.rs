//! Finds a network that another configuration manages, by its name.

use tfplugin_proto::{Attribute, Block, DataSource, Diagnostic, Diagnostics, Schema, Type, Value};

use crate::{
    kinds,
    object::{failed, found_value},
    provider::Cloud,
};

pub struct NetworkByName;

impl DataSource<Cloud> for NetworkByName {
    fn type_name(&self) -> &'static str {
        kinds::NETWORK
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A network, found by its name.")
                .attribute(
                    "name",
                    Attribute::required(Type::String).describe("The name to find."),
                )
                .attribute("id", Attribute::computed(Type::String).describe("Its id."))
                .attribute(
                    "arn",
                    Attribute::computed(Type::String).describe("The full name."),
                )
                .attribute(
                    "cidr",
                    Attribute::computed(Type::String).describe("Its addresses."),
                )
                .attribute(
                    "tags",
                    Attribute::computed(Type::map(Type::String)).describe("Its labels."),
                ),
        )
    }

    fn read(&self, cloud: &Cloud, config: &Value) -> Result<Value, Diagnostics> {
        let name = config.get("name").as_str().unwrap_or_default();
        let contents = cloud.store.read().map_err(failed)?;
        let mut found = contents.objects.iter().filter(|object| {
            let named = object.attributes.get("name").and_then(|name| name.as_str());
            object.kind == kinds::NETWORK && named == Some(name)
        });
        let refused = |summary: String| -> Diagnostics {
            Diagnostic::error(
                summary,
                "Give the name of exactly one network of the cloud.",
            )
            .at("name")
            .into()
        };
        match (found.next(), found.next()) {
            (Some(network), None) => Ok(found_value(&self.schema(), network)?),
            (None, _) => Err(refused(format!("there is no network called `{name}`"))),
            (Some(_), Some(_)) => Err(refused(format!("several networks are called `{name}`"))),
        }
    }
}
