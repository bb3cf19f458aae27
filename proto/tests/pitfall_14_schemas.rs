//! A schema an engine would refuse, or panic at, is found before an engine sees it.

use tfplugin_proto::{
    Attribute, Block, DataSource, Diagnostics, Function, FunctionError, NestedBlock, Parameter,
    Provider, Resource, Schema, Signature, Type, Value, declaration, problems,
    schema::{self, Mode, Nesting},
};

fn text() -> Attribute {
    Attribute::required(Type::String)
}

fn nested(nesting: Nesting, attributes: Vec<(&'static str, Attribute)>) -> Attribute {
    Attribute::nested(Mode::Optional, nesting, attributes)
}

#[test]
fn sound_schemas_have_no_problems() {
    let port = Block::new("").attribute("number", Attribute::required(Type::Number));
    let sound = Block::new("Everything that is allowed.")
        .attribute(
            "id",
            Attribute::computed(Type::String).stable().never_null(),
        )
        .attribute("name_2", text().force_new().sensitive())
        .attribute("ttl", Attribute::optional(Type::Number).default(300_i64))
        .attribute("anything", Attribute::optional(Type::Dynamic))
        .attribute(
            "rules",
            nested(
                Nesting::Map,
                vec![
                    ("serial", Attribute::computed(Type::String)),
                    ("name", text()),
                ],
            ),
        )
        .attribute("labels", nested(Nesting::Set, vec![("name", text())]))
        .block("port", NestedBlock::list(port.clone()).items(1, 3))
        .block("range", NestedBlock::set(port.clone()))
        .block("only", NestedBlock::single(port).items(1, 1));
    assert_eq!(schema::problems(&Schema::new(sound)), Vec::<String>::new());
    assert_eq!(
        schema::problems(&Schema::new(Block::new(""))),
        Vec::<String>::new()
    );
}

#[test]
fn every_broken_schema_is_found() {
    let with = |name: &str, attribute: Attribute| Block::new("").attribute(name, attribute);
    let port = || Block::new("").attribute("number", text());
    let dynamic = || Block::new("").attribute("anything", Attribute::optional(Type::Dynamic));
    let deep = (0..100).fold(Type::String, |ty, _| Type::list(ty));
    let broken = [
        ("an upper-case name", with("Name", text())),
        ("a name with a hyphen", with("a-b", text())),
        ("an empty name", with("", text())),
        ("a name that begins with a digit", with("2nd", text())),
        ("a name that is not ASCII", with("größe", text())),
        ("a reserved name", with("count", text())),
        ("another reserved name", with("lifecycle", text())),
        ("a name the provider block reserves", with("alias", text())),
        ("a name twice", with("a", text()).attribute("a", text())),
        (
            "a block twice",
            Block::new("")
                .block("a", NestedBlock::list(port()))
                .block("a", NestedBlock::set(port())),
        ),
        (
            "a name for both an attribute and a block",
            with("a", text()).block("a", NestedBlock::list(port())),
        ),
        (
            "a default of another type",
            with("a", Attribute::optional(Type::Number).default("ten")),
        ),
        (
            "a default that is unknown",
            with(
                "a",
                Attribute::optional(Type::Number).default(Value::unknown()),
            ),
        ),
        (
            "a default that is null",
            with("a", Attribute::optional(Type::Number).default(Value::Null)),
        ),
        (
            "a default of a required attribute",
            with("a", text().default("x")),
        ),
        (
            "a default of a computed attribute",
            with("a", Attribute::computed(Type::String).default("x")),
        ),
        (
            "a stable attribute nobody computes",
            with("a", text().stable()),
        ),
        (
            "a set of dynamic values",
            with("a", Attribute::optional(Type::set(Type::Dynamic))),
        ),
        (
            "a type nested without end",
            with("a", Attribute::optional(deep)),
        ),
        (
            "nested objects with a dynamic attribute",
            with(
                "a",
                nested(
                    Nesting::List,
                    vec![("b", Attribute::optional(Type::Dynamic))],
                ),
            ),
        ),
        (
            "a set with a computed attribute",
            with(
                "a",
                nested(Nesting::Set, vec![("b", Attribute::computed(Type::String))]),
            ),
        ),
        (
            "a set with a default inside",
            with(
                "a",
                nested(
                    Nesting::Set,
                    vec![("b", Attribute::optional(Type::String).default("x"))],
                ),
            ),
        ),
        (
            "a bad name inside",
            with("a", nested(Nesting::List, vec![("B", text())])),
        ),
        (
            "a block with a dynamic attribute",
            Block::new("").block("a", NestedBlock::list(dynamic())),
        ),
        ("a set of blocks with a computed attribute", {
            let block = Block::new("").attribute("b", Attribute::computed(Type::String));
            Block::new("").block("a", NestedBlock::set(block))
        }),
        (
            "a block with more at least than at most",
            Block::new("").block("a", NestedBlock::list(port()).items(3, 1)),
        ),
        (
            "a single block of two",
            Block::new("").block("a", NestedBlock::single(port()).items(0, 2)),
        ),
        (
            "a negative count of blocks",
            Block::new("").block("a", NestedBlock::list(port()).items(-1, 0)),
        ),
        (
            "a block with a bad name",
            Block::new("").block("A", NestedBlock::list(port())),
        ),
    ];
    for (what, block) in broken {
        assert_ne!(
            schema::problems(&Schema::new(block)),
            Vec::<String>::new(),
            "{what} was accepted"
        );
    }
    assert_ne!(
        schema::problems(&Schema::new(port()).version(-1)),
        Vec::<String>::new(),
        "a negative version was accepted"
    );
}

struct Named(&'static str);

impl tfplugin_proto::Declaration for Named {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        Schema::new(Block::new("").attribute("name", text()))
    }
}

impl DataSource<()> for Named {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        Schema::new(Block::new("").attribute("name", text()))
    }

    fn read(&self, (): &(), config: &Value) -> Result<Value, Diagnostics> {
        Ok(config.clone())
    }
}

impl Function for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn signature(&self) -> Signature {
        Signature {
            summary: String::new(),
            description: String::new(),
            parameters: vec![Parameter::new("text", Type::String, "")],
            variadic: None,
            returns: Type::Bool,
        }
    }

    fn call(&self, _: &[Value]) -> Result<Value, FunctionError> {
        Ok(true.into())
    }
}

struct Offers {
    resources: &'static [&'static str],
    data_sources: &'static [&'static str],
    functions: &'static [&'static str],
}

impl Provider for Offers {
    type Client = ();

    fn name(&self) -> &'static str {
        "cloud"
    }

    fn version(&self) -> &'static str {
        "0"
    }

    fn schema(&self) -> Schema {
        Schema::new(Block::new(""))
    }

    fn configure(&self, _: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Vec<Box<dyn Resource<()>>> {
        self.resources
            .iter()
            .map(|name| declaration(Named(name)))
            .collect()
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<()>>> {
        self.data_sources
            .iter()
            .map(|name| Box::new(Named(name)) as Box<dyn DataSource<()>>)
            .collect()
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        self.functions
            .iter()
            .map(|name| Box::new(Named(name)) as Box<dyn Function>)
            .collect()
    }
}

#[test]
fn a_provider_is_checked_as_a_whole() {
    let offers = |resources, data_sources, functions| {
        problems(&Offers {
            resources,
            data_sources,
            functions,
        })
    };
    let none = Vec::<String>::new();
    // A resource and a data source may share a name.
    assert_eq!(offers(&["cloud_a", "cloud_b"], &["cloud_a"], &["f"]), none);
    assert_ne!(
        offers(&["cloud_a", "cloud_a"], &[], &[]),
        none,
        "a type twice was accepted"
    );
    assert_ne!(
        offers(&[], &["cloud_a", "cloud_a"], &[]),
        none,
        "a data source twice was accepted"
    );
    assert_ne!(
        offers(&[], &[], &["f", "f"]),
        none,
        "a function twice was accepted"
    );
    assert_ne!(
        offers(&["clouds_a"], &[], &[]),
        none,
        "a type of another provider was accepted"
    );
    assert_ne!(
        offers(&[], &["a"], &[]),
        none,
        "a data source of another provider was accepted"
    );
}
