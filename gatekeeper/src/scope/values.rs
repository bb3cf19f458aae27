//! Engine values in the one encoding that commitments are made over.
//!
//! Each value starts with a type tag, lengths come before contents and object keys are sorted, so 1 and "1" differ, null
//! and unknown differ, and no two values share an encoding.

use crate::plan::{self, Value};
use ambit_authority::{
    address::{Index, InstanceKey, Mode, ModuleStep},
    digest::{Commitment, CommitmentKey},
    scope::Side,
};

pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    let text = |tag: u8, text: &str, out: &mut Vec<u8>| {
        out.push(tag);
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    match value {
        Value::Null => out.push(b'n'),
        Value::Unknown => out.push(b'u'),
        Value::Bool(b) => out.extend_from_slice(if *b { b"b1" } else { b"b0" }),
        Value::Number(n) => text(b'd', n, out),
        Value::String(s) => text(b's', s, out),
        Value::List(items) => {
            out.push(b'[');
            out.extend_from_slice(&(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| write(item, out));
        }
        Value::Object(fields) => {
            out.push(b'{');
            out.extend_from_slice(&(fields.len() as u64).to_be_bytes());
            for (key, field) in fields {
                text(b's', key, out);
                write(field, out);
            }
        }
    }
}

pub fn commit(key: &CommitmentKey, value: &Value) -> Commitment {
    key.commit("ambit/value", &encode(value))
}

pub fn side(key: &CommitmentKey, side: &plan::Side) -> Side {
    match side {
        plan::Side::Absent => Side::Absent,
        plan::Side::Null => Side::Null,
        plan::Side::Unknown => Side::Unknown,
        plan::Side::Value(value) => Side::Value {
            committed: commit(key, value),
        },
    }
}

fn index(key: &plan::Key) -> Index {
    match key {
        plan::Key::Int(n) => Index::Number(i64::try_from(*n).unwrap_or(i64::MAX)),
        plan::Key::String(s) => Index::Key(s.clone()),
    }
}

pub fn instance(key: &plan::InstanceKey) -> InstanceKey {
    InstanceKey {
        module: key
            .module
            .iter()
            .map(|m| ModuleStep {
                name: m.name.clone(),
                key: m.key.as_ref().map(index),
            })
            .collect(),
        mode: match key.mode {
            plan::Mode::Managed => Mode::Managed,
            plan::Mode::Data => Mode::Data,
            plan::Mode::Ephemeral => Mode::Ephemeral,
        },
        kind: key.r#type.clone(),
        name: key.name.clone(),
        index: key.index.as_ref().map(index),
        deposed: key.deposed.clone(),
    }
}

pub fn path(path: &plan::Path) -> Vec<Index> {
    path.0
        .iter()
        .map(|step| match step {
            plan::Step::Attribute(name) => Index::Key(name.clone()),
            plan::Step::Index(n) => Index::Number(i64::try_from(*n).unwrap_or(i64::MAX)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_values_share_an_encoding() {
        let object = |fields: &[(&str, Value)]| {
            Value::Object(
                fields
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), v.clone()))
                    .collect(),
            )
        };
        let text = |s: &str| Value::String(s.into());
        let values = [
            Value::Null,
            Value::Unknown,
            Value::Bool(false),
            Value::Bool(true),
            Value::Number("1".into()),
            text("1"),
            text(""),
            text("null"),
            Value::List(vec![]),
            Value::List(vec![Value::Null]),
            Value::List(vec![text("a"), text("b")]),
            Value::List(vec![text("ab")]),
            Value::List(vec![Value::List(vec![text("a")]), text("b")]),
            object(&[]),
            object(&[("a", Value::Null)]),
            object(&[("a", text("b"))]),
            object(&[("a", text("b")), ("c", text("d"))]),
        ];
        let encoded: BTreeSet<Vec<u8>> = values.iter().map(encode).collect();
        assert_eq!(encoded.len(), values.len());
    }
}
