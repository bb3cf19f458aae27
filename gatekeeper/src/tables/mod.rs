//! What cannot be undone, and which paths open doors: data, by resource type.
//!
//! The built-in tables are versioned; the version in force is a setting that people signed. Users extend them, and
//! never reduce them.

use ambit_authority::{address::Index, scope::Action};
use serde::Deserialize;

const BUILT_IN: &str = include_str!("built-in.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    #[serde(rename = "type")]
    _type: String,
    #[serde(rename = "v")]
    _v: u32,
    pub version: String,
    irreversible: Vec<Irreversible>,
    sensitive: Vec<Sensitive>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Irreversible {
    #[serde(rename = "type")]
    kind: String,
    actions: Vec<Action>,
    why: String,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sensitive {
    #[serde(rename = "type")]
    kind: String,
    /// The first attribute of the path; everything below it is meant too.
    path: String,
    why: String,
    #[serde(rename = "source")]
    _source: String,
}

impl Tables {
    pub fn built_in() -> Self {
        serde_json::from_str(BUILT_IN)
            .expect("the built-in tables are part of the program and tested")
    }

    /// Why this action on this type cannot be undone.
    pub fn irreversible(&self, kind: &str, action: Action) -> Option<&str> {
        self.irreversible
            .iter()
            .find(|row| row.kind == kind && row.actions.contains(&action))
            .map(|row| row.why.as_str())
    }

    /// Why a change at this path is sensitive.
    pub fn sensitive(&self, kind: &str, path: &[Index]) -> Option<&str> {
        let Some(Index::Key(first)) = path.first() else {
            return None;
        };
        self.sensitive
            .iter()
            .find(|row| row.kind == kind && row.path == *first)
            .map(|row| row.why.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_tables_read() {
        let tables = Tables::built_in();
        assert!(
            tables
                .irreversible("mockcloud_database", Action::DeleteThenCreate)
                .is_some()
        );
        assert!(
            tables
                .irreversible("mockcloud_database", Action::Update)
                .is_none()
        );
        assert!(
            tables
                .sensitive(
                    "mockcloud_instance",
                    &[Index::Key("port".into()), Index::Number(0)]
                )
                .is_some()
        );
        assert!(tables.sensitive("mockcloud_instance", &[]).is_none());
        assert!(
            tables
                .irreversible
                .iter()
                .all(|row| !row.why.is_empty() && !row._source.is_empty())
        );
        assert!(
            tables
                .sensitive
                .iter()
                .all(|row| !row.why.is_empty() && !row._source.is_empty())
        );
    }
}
