//! A provider that misbehaves on request, for tests of the plugin protocol.
//!
//! What goes wrong is said in the configuration (`mode`), so that each fault can be
//! shown on a real engine. Never part of a configuration anyone keeps.

use std::time::Duration;

use tfplugin_proto::{
    Attribute, Block, Change, DataSource, Declaration, Diagnostic, Diagnostics, Failure, Function,
    FunctionError, Parameter, Provider, Resource, Schema, Signature, Type, Value, declaration,
};

struct Probe;

impl Provider for Probe {
    type Client = ();

    fn name(&self) -> &'static str {
        "probe"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn schema(&self) -> Schema {
        Schema::new(Block::new("Misbehaves on request.").attribute(
            "note",
            Attribute::optional(Type::String).describe("Anything."),
        ))
    }

    fn configure(&self, config: &Value) -> Result<(), Diagnostics> {
        match config.get("note").as_str() {
            Some("refuse") => Err(Diagnostic::error("refused to be configured", "As asked.")
                .at("note")
                .into()),
            _ => Ok(()),
        }
    }

    fn resources(&self) -> Vec<Box<dyn Resource<()>>> {
        vec![Box::new(Thing), declaration(Fact)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<()>>> {
        vec![Box::new(Echo)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(Join)]
    }
}

/// An object that is made as its `mode` says.
struct Thing;

impl Resource<()> for Thing {
    fn type_name(&self) -> &'static str {
        "probe_thing"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("Made as it says itself.")
                .attribute(
                    "id",
                    Attribute::computed(Type::String)
                        .describe("An id.")
                        .stable()
                        .never_null(),
                )
                .attribute(
                    "mode",
                    Attribute::optional(Type::String).describe("What goes wrong."),
                )
                .attribute(
                    "text",
                    Attribute::optional(Type::String).describe("Any text."),
                )
                .attribute(
                    "number",
                    Attribute::optional(Type::Number).describe("Any number."),
                )
                .attribute(
                    "anything",
                    Attribute::optional(Type::Dynamic).describe("Any value at all."),
                )
                .attribute(
                    "numbers",
                    Attribute::optional(Type::set(Type::Number)).describe("Any numbers."),
                )
                .attribute(
                    "host",
                    Attribute::optional(Type::String)
                        .describe("A name, in any case.")
                        .equivalent(same_host),
                )
                .attribute(
                    "made",
                    Attribute::computed(Type::String).describe("How it was made."),
                ),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        assert_ne!(
            config.get("mode").as_str(),
            Some("panic in validate"),
            "asked to panic in validate"
        );
        Diagnostics::new()
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        assert_ne!(
            change.get("mode").as_str(),
            Some("panic in plan"),
            "asked to panic in plan"
        );
        Diagnostics::new()
    }

    fn plan_destroy(&self, _: &Value) -> Diagnostics {
        Diagnostic::warning(
            "a thing is about to be destroyed",
            "Nothing to do about it.",
        )
        .into()
    }

    fn create(&self, (): &(), planned: &Value) -> Result<Value, Failure> {
        let made = planned
            .clone()
            .with("id", "thing-1")
            .with("made", "created");
        act(planned)?;
        match planned.get("mode").as_str() {
            Some("forget an attribute") => match made {
                Value::Object(mut attributes) => {
                    attributes.remove("text");
                    Ok(Value::Object(attributes))
                }
                other => Ok(other),
            },
            Some("leave unknown") => Ok(planned.clone().with("id", "thing-1")),
            Some("rewrite") => Ok(made.with("text", "REWRITTEN")),
            Some("fail halfway") => Err(Failure::with_state(
                Diagnostic::error("failed halfway", "As asked."),
                made.with("made", Value::Null),
            )),
            _ => Ok(made),
        }
    }

    fn read(&self, (): &(), state: &Value) -> Result<Option<Value>, Diagnostics> {
        assert_ne!(
            state.get("mode").as_str(),
            Some("panic in read"),
            "asked to panic in read"
        );
        // A cloud that answers in its own spelling.
        Ok(Some(match state.get("host").as_str() {
            Some(host) => state.clone().with("host", host.to_lowercase()),
            None => state.clone(),
        }))
    }

    fn update(&self, (): &(), _: &Value, planned: &Value) -> Result<Value, Failure> {
        act(planned)?;
        Ok(planned.clone().with("made", "updated"))
    }

    fn delete(&self, (): &(), _: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }
}

/// Modes that concern making and changing alike.
fn act(planned: &Value) -> Result<(), Failure> {
    match planned.get("mode").as_str() {
        Some("panic") => panic!("asked to panic"),
        Some("print") => println!("printed where only the handshake may be"),
        Some("slow") => {
            std::thread::sleep(Duration::from_millis(400));
            // The proof that the work was done, whoever was waiting for it.
            if let Some(path) = planned.get("text").as_str() {
                std::fs::write(path, "made")
                    .map_err(|error| Diagnostic::error("cannot write", error.to_string()))?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn same_host(a: &Value, b: &Value) -> bool {
    matches!((a.as_str(), b.as_str()), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

/// A declaration whose digest follows from its input.
struct Fact;

impl Declaration for Fact {
    fn type_name(&self) -> &'static str {
        "probe_fact"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A statement.")
                .attribute(
                    "input",
                    Attribute::required(Type::String).describe("What is stated."),
                )
                .attribute(
                    "digest",
                    Attribute::computed(Type::String).describe("Follows from `input`."),
                ),
        )
        .version(1)
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        let digest = change.get("input").as_str().map(digest);
        if let Some(digest) = digest {
            change.compute("digest", digest);
        }
        Diagnostics::new()
    }

    /// Version 0 called the input `text`.
    fn upgrade(
        &self,
        from: i64,
        state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        match (from, state) {
            (0, serde_json::Value::Object(mut state)) => {
                let input = state.remove("text").unwrap_or_default();
                state.insert("input".to_owned(), input);
                Ok(state.into())
            }
            (from, _) => {
                Err(Diagnostic::error("unsupported state", format!("Version {from}.")).into())
            }
        }
    }
}

/// The bytes of the text, in hexadecimal: easy to predict, different for every spelling.
fn digest(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

struct Echo;

impl DataSource<()> for Echo {
    fn type_name(&self) -> &'static str {
        "probe_echo"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("Says it again.")
                .attribute(
                    "say",
                    Attribute::required(Type::String).describe("What to say."),
                )
                .attribute(
                    "said",
                    Attribute::computed(Type::String).describe("What was said."),
                ),
        )
    }

    fn read(&self, (): &(), config: &Value) -> Result<Value, Diagnostics> {
        assert_ne!(config.get("say").as_str(), Some("panic"), "asked to panic");
        Ok(config.clone().with("said", config.get("say").clone()))
    }
}

struct Join;

impl Function for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn signature(&self) -> Signature {
        Signature {
            summary: "Joins texts".to_owned(),
            description: "Joins texts with a separator.".to_owned(),
            parameters: vec![Parameter::new(
                "separator",
                Type::String,
                "What stands between.",
            )],
            variadic: Some(Parameter::new("texts", Type::String, "What is joined.")),
            returns: Type::String,
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let texts: Vec<_> = arguments.iter().filter_map(Value::as_str).collect();
        match texts.as_slice() {
            ["panic", ..] => panic!("asked to panic"),
            ["", ..] => Err(FunctionError::argument(
                0,
                "the separator is empty; give one such as `-`",
            )),
            [separator, texts @ ..] => Ok(texts.join(separator).into()),
            [] => Err(FunctionError::new("no separator")),
        }
    }
}

fn main() -> std::process::ExitCode {
    tfplugin_proto::serve(Probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_declares_is_sound() {
        assert_eq!(tfplugin_proto::problems(&Probe), Vec::<String>::new());
    }
}
