//! What happens to an object of any kind.

use serde_json::{Map, Value as Json};
use tfplugin_proto::{Diagnostic, Diagnostics, Failure, Resource, Schema, Type, Value};

use crate::{
    kinds::Kind,
    provider::Cloud,
    store::{Object, StoreError},
};

/// The objects of one kind.
pub struct Objects(pub &'static Kind);

impl Resource<Cloud> for Objects {
    fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    fn schema(&self) -> Schema {
        (self.0.schema)()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match config.get("cidr").as_str() {
            Some(cidr) if !is_cidr(cidr) => Diagnostic::error(
                "not a range of addresses",
                format!("`{cidr}` is not an address and a prefix length. Write one such as `10.0.0.0/16`."),
            )
            .at("cidr")
            .into(),
            _ => Diagnostics::new(),
        }
    }

    fn create(&self, cloud: &Cloud, planned: &Value) -> Result<Value, Failure> {
        let Kind {
            type_name,
            prefix,
            address,
            ..
        } = self.0;
        cloud
            .store
            .change(&name(planned), |contents| {
                let id = contents.next_id(prefix);
                let short = type_name.trim_start_matches("mockcloud_");
                let arn = format!(
                    "arn:mockcloud:{short}:{}:{}:{id}",
                    cloud.region, cloud.account
                );
                let mut made = planned.clone().with("id", id.as_str()).with("arn", arn);
                if let Some(address) = address {
                    made = made.with("address", address(&id));
                }
                contents.objects.push(Object {
                    kind: (*type_name).to_owned(),
                    attributes: attributes(&made)?,
                    id,
                    region: cloud.region.clone(),
                    account: cloud.account.clone(),
                });
                Ok(made)
            })
            .map_err(failed)?
    }

    fn read(&self, cloud: &Cloud, state: &Value) -> Result<Option<Value>, Diagnostics> {
        let contents = cloud.store.read().map_err(failed)?;
        let found = state
            .get("id")
            .as_str()
            .and_then(|id| contents.find(self.0.type_name, id));
        Ok(found
            .map(|object| found_value(&self.schema(), object))
            .transpose()?)
    }

    fn update(&self, cloud: &Cloud, prior: &Value, planned: &Value) -> Result<Value, Failure> {
        let id = prior.get("id").as_str().unwrap_or_default();
        cloud
            .store
            .change(&name(planned), |contents| {
                let mut objects = contents.objects.iter_mut();
                let object =
                    objects.find(|object| object.kind == self.0.type_name && object.id == id);
                match object {
                    Some(object) => object.attributes = attributes(planned)?,
                    None => {
                        return Err(Diagnostic::error(
                            format!("`{id}` is gone"),
                            "Something else removed it after it was planned. Plan again.",
                        )
                        .into());
                    }
                }
                Ok(planned.clone())
            })
            .map_err(failed)?
    }

    fn delete(&self, cloud: &Cloud, state: &Value) -> Result<(), Diagnostics> {
        let id = state.get("id").as_str().unwrap_or_default();
        if state.get("deletion_protection").as_bool() == Some(true) {
            return Err(Diagnostic::error(
                format!("`{id}` is protected from deletion"),
                "Set `deletion_protection` to false and apply that first.",
            )
            .at("deletion_protection")
            .into());
        }
        cloud
            .store
            .change(&name(state), |contents| {
                contents
                    .objects
                    .retain(|object| object.kind != self.0.type_name || object.id != id);
            })
            .map_err(|error| failed(error).into())
    }

    fn import(&self, cloud: &Cloud, id: &str) -> Result<Value, Diagnostics> {
        let contents = cloud.store.read().map_err(failed)?;
        match contents.find(self.0.type_name, id) {
            Some(object) => Ok(found_value(&self.schema(), object)?),
            None => Err(Diagnostic::error(
                format!("there is no `{}` with the id `{id}`", self.0.type_name),
                format!(
                    "Give an id such as `{}-0001`, as the cloud's file has it.",
                    self.0.prefix
                ),
            )
            .into()),
        }
    }
}

/// An object of the cloud as a value. What the file leaves out is null.
pub fn found_value(schema: &Schema, object: &Object) -> Result<Value, Diagnostic> {
    let Type::Object(types) = schema.ty() else {
        return Ok(Value::Null);
    };
    let mut value = schema.block.empty();
    for (name, json) in &object.attributes {
        let malformed = |problem: String| {
            Diagnostic::error(
                format!("the cloud's file holds a malformed `{}`", object.kind),
                format!(
                    "Attribute `{name}` of `{}`: {problem}. Correct the file.",
                    object.id
                ),
            )
        };
        let ty = types
            .get(name)
            .ok_or_else(|| malformed("there is no such attribute".to_owned()))?;
        let attribute = Value::from_json(ty, json).map_err(|error| malformed(error.to_string()))?;
        // A block that is written as null is still a list.
        if !attribute.is_null() {
            value = value.with(name, attribute);
        }
    }
    Ok(value.with("id", object.id.as_str()))
}

fn attributes(value: &Value) -> Result<Map<String, Json>, Diagnostic> {
    let malformed = |problem: String| Diagnostic::error("the object cannot be stored", problem);
    match value
        .to_json()
        .map_err(|error| malformed(error.to_string()))?
    {
        Json::Object(mut attributes) => {
            // The id stands beside the attributes; nulls say nothing.
            attributes.retain(|name, value| name != "id" && !value.is_null());
            Ok(attributes)
        }
        other => Err(malformed(format!("it is no object but {other}"))),
    }
}

fn name(object: &Value) -> String {
    object.get("name").as_str().unwrap_or_default().to_owned()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// A fault of the file concerns no attribute in particular.
pub fn failed(error: StoreError) -> Diagnostic {
    Diagnostic::error(
        error.to_string(),
        "The provider's `endpoint` is this file. Check that it is there, readable and a cloud.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_addresses() {
        for cidr in [
            "10.0.0.0/16",
            "0.0.0.0/0",
            "::/0",
            "fd00::/8",
            "10.0.0.1/32",
        ] {
            assert!(is_cidr(cidr), "{cidr}");
        }
        for text in [
            "",
            "/",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "a/8",
        ] {
            assert!(!is_cidr(text), "{text}");
        }
    }
}
