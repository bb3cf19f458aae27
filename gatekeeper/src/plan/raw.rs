//! Plan JSON as the engines write it: the only place where their field names stand.
//!
//! Nothing is judged here. Every field is optional, values stay text, and the names of fields that no tested engine
//! version writes are collected: whoever reads a plan may not overlook what it does not understand.
//!
//! Read only what `json::checked` has passed: this reader would keep the last of two equal keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Declares an object that remembers the names of the fields it does not know.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident<$lt:lifetime> { $($field:ident = $key:literal : $ty:ty,)* } known but unread: [$($unread:literal),* $(,)?]) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $name<$lt> {
            $(pub $field: Option<$ty>,)*
            pub unknown: Vec<Cow<$lt, str>>,
        }

        impl<$lt> Deserialize<$lt> for $name<$lt> {
            fn deserialize<D: Deserializer<$lt>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<$lt> Visitor<$lt> for Fields {
                    type Value = $name<$lt>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<$lt>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut out = $name::default();
                        while let Some(Name(name)) = map.next_key()? {
                            match &*name {
                                $($key => out.$field = map.next_value()?,)*
                                $($unread => drop(map.next_value::<IgnoredAny>()?),)*
                                _ => {
                                    map.next_value::<IgnoredAny>()?;
                                    out.unknown.push(name);
                                }
                            }
                        }
                        Ok(out)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    };
}

/// A key, borrowed from the document unless it holds escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

object! {
    Document<'a> {
        format_version = "format_version": String,
        terraform_version = "terraform_version": String,
        errored = "errored": bool,
        applyable = "applyable": bool,
        complete = "complete": bool,
        variables = "variables": BTreeMap<String, Option<Variable<'a>>>,
        resource_changes = "resource_changes": Vec<ResourceChange<'a>>,
        resource_drift = "resource_drift": Vec<ResourceChange<'a>>,
        output_changes = "output_changes": BTreeMap<String, Change<'a>>,
        prior_state = "prior_state": State<'a>,
        configuration = "configuration": Configuration<'a>,
        checks = "checks": Vec<Check>,
        deferred_changes = "deferred_changes": Vec<DeferredChange<'a>>,
        action_invocations = "action_invocations": Vec<ActionInvocation<'a>>,
        deferred_action_invocations = "deferred_action_invocations": Vec<DeferredActionInvocation<'a>>,
        // Not of a plan: what the same command writes for a state.
        values = "values": &'a RawValue,
    } known but unread: ["planned_values", "relevant_attributes", "condition_results", "timestamp"]
}

object! {
    ResourceChange<'a> {
        address = "address": String,
        previous_address = "previous_address": String,
        module_address = "module_address": String,
        mode = "mode": String,
        r#type = "type": String,
        name = "name": String,
        index = "index": &'a RawValue,
        index_unknown = "index_unknown": bool,
        provider_name = "provider_name": String,
        deposed = "deposed": String,
        change = "change": Change<'a>,
        action_reason = "action_reason": String,
    } known but unread: []
}

object! {
    Change<'a> {
        actions = "actions": Vec<String>,
        before = "before": &'a RawValue,
        after = "after": &'a RawValue,
        after_unknown = "after_unknown": &'a RawValue,
        before_sensitive = "before_sensitive": &'a RawValue,
        after_sensitive = "after_sensitive": &'a RawValue,
        replace_paths = "replace_paths": &'a RawValue,
        importing = "importing": Importing<'a>,
        generated_config = "generated_config": String,
        before_identity = "before_identity": &'a RawValue,
        after_identity = "after_identity": &'a RawValue,
    } known but unread: []
}

object! {
    Importing<'a> {
        id = "id": String,
        unknown_id = "unknown": bool,
        identity = "identity": &'a RawValue,
    } known but unread: []
}

object! {
    ActionInvocation<'a> {
        address = "address": String,
        provider_name = "provider_name": String,
        config_values = "config_values": &'a RawValue,
        config_unknown = "config_unknown": &'a RawValue,
        config_sensitive = "config_sensitive": &'a RawValue,
        lifecycle = "lifecycle_action_trigger": LifecycleTrigger<'a>,
        invoke = "invoke_action_trigger": &'a RawValue,
    } known but unread: ["type", "name"]
}

object! {
    LifecycleTrigger<'a> {
        resource = "triggering_resource_address": String,
        event = "action_trigger_event": String,
    } known but unread: ["action_trigger_block_index", "actions_list_index"]
}

object! {
    DeferredChange<'a> {
        reason = "reason": String,
        resource_change = "resource_change": ResourceChange<'a>,
    } known but unread: []
}

object! {
    DeferredActionInvocation<'a> {
        reason = "reason": String,
        action_invocation = "action_invocation": ActionInvocation<'a>,
    } known but unread: []
}

#[derive(Deserialize)]
pub(super) struct Variable<'a> {
    #[serde(borrow)]
    pub value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Check {
    pub address: Option<CheckAddress>,
    pub status: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CheckAddress {
    pub kind: Option<String>,
    pub to_display: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct State<'a> {
    #[serde(borrow)]
    pub values: Option<StateValues<'a>>,
}

#[derive(Deserialize)]
pub(super) struct StateValues<'a> {
    #[serde(borrow)]
    pub root_module: Option<StateModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct StateModule<'a> {
    pub address: Option<String>,
    #[serde(borrow)]
    pub resources: Option<Vec<StateResource<'a>>>,
    #[serde(borrow)]
    pub child_modules: Option<Vec<StateModule<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct StateResource<'a> {
    pub address: Option<String>,
    pub mode: Option<String>,
    pub r#type: Option<String>,
    pub name: Option<String>,
    #[serde(borrow)]
    pub index: Option<&'a RawValue>,
    pub provider_name: Option<String>,
    #[serde(borrow)]
    pub values: Option<&'a RawValue>,
    #[serde(borrow)]
    pub sensitive_values: Option<&'a RawValue>,
    pub depends_on: Option<Vec<String>>,
    pub tainted: Option<bool>,
    pub deposed_key: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Configuration<'a> {
    #[serde(borrow)]
    pub provider_config: Option<BTreeMap<String, ProviderConfig<'a>>>,
    #[serde(borrow)]
    pub root_module: Option<ConfigModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ProviderConfig<'a> {
    pub name: Option<String>,
    pub full_name: Option<String>,
    pub alias: Option<String>,
    pub module_address: Option<String>,
    pub version_constraint: Option<String>,
    #[serde(borrow)]
    pub expressions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ConfigModule<'a> {
    #[serde(borrow)]
    pub resources: Option<Vec<ConfigResource<'a>>>,
    #[serde(borrow)]
    pub module_calls: Option<BTreeMap<String, ModuleCall<'a>>>,
    pub variables: Option<BTreeMap<String, VariableDeclaration>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigResource<'a> {
    pub mode: Option<String>,
    pub r#type: Option<String>,
    pub name: Option<String>,
    pub provider_config_key: Option<String>,
    #[serde(borrow)]
    pub provisioners: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
pub(super) struct ModuleCall<'a> {
    #[serde(borrow)]
    pub module: Option<ConfigModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct VariableDeclaration {
    pub sensitive: Option<bool>,
    pub ephemeral: Option<bool>,
}
