//! The resource types of the cloud: all that tells them apart.

use tfplugin_proto::{Attribute, Block, NestedBlock, Schema, Type};

/// A type of object.
pub struct Kind {
    pub type_name: &'static str,
    /// What ids begin with.
    pub prefix: &'static str,
    pub schema: fn() -> Schema,
    /// Computed at creation from the id, besides `id` and `arn`.
    pub address: Option<fn(id: &str) -> String>,
}

pub static ALL: [Kind; 6] = [
    Kind {
        type_name: "mockcloud_network",
        prefix: "net",
        schema: network,
        address: None,
    },
    Kind {
        type_name: "mockcloud_database",
        prefix: "db",
        schema: database,
        address: Some(|id| format!("{id}.db.mockcloud.internal")),
    },
    Kind {
        type_name: "mockcloud_instance",
        prefix: "i",
        schema: instance,
        address: None,
    },
    Kind {
        type_name: "mockcloud_dns_record",
        prefix: "dns",
        schema: dns_record,
        address: None,
    },
    Kind {
        type_name: "mockcloud_bucket",
        prefix: "bkt",
        schema: bucket,
        address: None,
    },
    Kind {
        type_name: "mockcloud_iam_role",
        prefix: "role",
        schema: iam_role,
        address: None,
    },
];

/// The name of the kind under which [`crate::network`] finds its objects.
pub const NETWORK: &str = "mockcloud_network";

/// What every object has.
fn object(description: &str) -> Block {
    Block::new(description)
        .attribute(
            "id",
            Attribute::computed(Type::String)
                .describe("Given by the cloud.")
                .stable()
                .never_null(),
        )
        .attribute(
            "arn",
            Attribute::computed(Type::String)
                .describe("The full name.")
                .stable()
                .never_null(),
        )
        .attribute(
            "tags",
            Attribute::optional(Type::map(Type::String)).describe("Free labels."),
        )
}

fn name() -> Attribute {
    Attribute::required(Type::String).describe("The name.")
}

fn network() -> Schema {
    Schema::new(
        object("A network.")
            .attribute("name", name().force_new())
            .attribute(
                "cidr",
                Attribute::required(Type::String)
                    .describe("Its addresses.")
                    .force_new(),
            ),
    )
}

fn database() -> Schema {
    Schema::new(
        object("A database.")
            .attribute("name", name().force_new())
            .attribute(
                "engine",
                Attribute::required(Type::String)
                    .describe("Such as `postgres`.")
                    .force_new(),
            )
            .attribute(
                "size",
                Attribute::required(Type::Number).describe("Storage in GiB."),
            )
            .attribute(
                "network_id",
                Attribute::required(Type::String).describe("The network it is in."),
            )
            .attribute(
                "password",
                Attribute::optional(Type::String)
                    .describe("Of the owner.")
                    .sensitive(),
            )
            .attribute(
                "deletion_protection",
                Attribute::optional(Type::Bool)
                    .describe("Refuse to be destroyed.")
                    .default(false),
            )
            .attribute(
                "address",
                Attribute::computed(Type::String)
                    .describe("Where it answers.")
                    .stable()
                    .never_null(),
            ),
    )
}

fn instance() -> Schema {
    let port = Block::new("An open port.")
        .attribute(
            "number",
            Attribute::required(Type::Number).describe("The port."),
        )
        .attribute(
            "cidr",
            Attribute::required(Type::String).describe("Who may connect."),
        );
    Schema::new(
        object("A machine.")
            .attribute("name", name())
            .attribute(
                "image",
                Attribute::required(Type::String)
                    .describe("What it boots.")
                    .force_new(),
            )
            .attribute(
                "size",
                Attribute::required(Type::String).describe("Such as `small`."),
            )
            .attribute(
                "network_id",
                Attribute::required(Type::String).describe("The network it is in."),
            )
            .attribute(
                "database_address",
                Attribute::optional(Type::String).describe("The database it uses."),
            )
            .attribute(
                "user_data",
                Attribute::optional(Type::String).describe("Handed to it at boot."),
            )
            .block("port", NestedBlock::list(port)),
    )
}

fn dns_record() -> Schema {
    Schema::new(
        object("A name for an address.")
            .attribute(
                "zone",
                Attribute::required(Type::String)
                    .describe("The zone it is in.")
                    .force_new(),
            )
            .attribute("name", name().force_new())
            .attribute(
                "value",
                Attribute::required(Type::String).describe("What it answers."),
            )
            .attribute(
                "ttl",
                Attribute::optional(Type::Number)
                    .describe("Seconds to keep it.")
                    .default(300_i64),
            ),
    )
}

fn bucket() -> Schema {
    Schema::new(
        object("A bucket.")
            .attribute("name", name().force_new())
            .attribute(
                "public",
                Attribute::optional(Type::Bool)
                    .describe("Readable by anyone.")
                    .default(false),
            ),
    )
}

fn iam_role() -> Schema {
    Schema::new(
        object("A role.")
            .attribute("name", name().force_new())
            .attribute(
                "policy",
                Attribute::required(Type::String).describe("What it may do, as JSON."),
            ),
    )
}
