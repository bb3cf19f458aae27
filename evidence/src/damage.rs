//! Naming what is wrong in a ledger: where, and what.
//!
//! Texts of a damaged file are hostile, so nothing of them is repeated here but what could be a kind.

use crate::{record, tree::Node};
use ambit_authority::digest::Digest;
use std::fmt;

/// The first thing that is wrong in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub place: Place,
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One record, with its kind where that can be read.
    Record {
        index: u64,
        kind: Option<String>,
    },
    /// One of these records, both included; the log cannot tell which.
    Records {
        first: u64,
        last: u64,
    },
    Node(Node),
    Checkpoint {
        size: u64,
    },
    /// The row that indexes a record.
    Index {
        table: &'static str,
        entry: Option<u64>,
    },
    Blob(Digest),
    Head,
    /// A table, index or trigger that is missing, changed or not ours.
    Schema(String),
    File,
}

impl Place {
    pub(crate) fn span(first: u64, last: u64) -> Self {
        if first == last {
            Self::Record {
                index: first,
                kind: None,
            }
        } else {
            Self::Records { first, last }
        }
    }
}

impl Damage {
    pub(crate) fn record(index: u64, kind: &str, what: impl Into<String>) -> Self {
        // The column may be what was changed; only a kind that could be one is repeated.
        let kind = record::is_kind(kind).then(|| kind.to_owned());
        Self {
            place: Place::Record { index, kind },
            what: what.into(),
        }
    }

    pub(crate) fn node(node: Node, what: &str) -> Self {
        Self {
            place: Place::Node(node),
            what: what.to_owned(),
        }
    }

    pub(crate) fn checkpoint(size: u64, what: impl Into<String>) -> Self {
        Self {
            place: Place::Checkpoint { size },
            what: what.into(),
        }
    }

    pub(crate) fn blob(sha256: &Digest) -> Self {
        Self {
            place: Place::Blob(*sha256),
            what: "its bytes do not match its digest".to_owned(),
        }
    }

    pub(crate) fn head(what: impl Into<String>) -> Self {
        Self {
            place: Place::Head,
            what: what.into(),
        }
    }

    pub(crate) fn schema(name: &str) -> Self {
        let name = name.escape_debug().take(80).collect();
        Self {
            place: Place::Schema(name),
            what: "it is missing, changed or not part of a ledger".to_owned(),
        }
    }

    pub(crate) fn file(what: impl Into<String>) -> Self {
        Self {
            place: Place::File,
            what: what.into(),
        }
    }

    pub(crate) fn index(table: &'static str, entry: u64, present: bool) -> Self {
        let what = if present {
            "it does not say what its record says"
        } else {
            "it is missing"
        };
        Self {
            place: Place::Index {
                table,
                entry: Some(entry),
            },
            what: what.to_owned(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record {
                index,
                kind: Some(kind),
            } => write!(f, "record {index} ({kind})"),
            Self::Record { index, kind: None } => write!(f, "record {index}"),
            Self::Records { first, last } => write!(f, "records {first} to {last}"),
            Self::Node(Node { level, index }) => {
                let (first, last) = (index << level, ((index + 1) << level) - 1);
                write!(f, "subtree hash of records {first} to {last}")
            }
            Self::Checkpoint { size } => write!(f, "checkpoint {size}"),
            Self::Index {
                table,
                entry: Some(entry),
            } => write!(f, "`{table}` row of record {entry}"),
            Self::Index { table, entry: None } => write!(f, "table `{table}`"),
            Self::Blob(sha256) => write!(f, "blob {sha256}"),
            Self::Head => f.write_str("head"),
            Self::Schema(name) => write!(f, "schema object `{name}`"),
            Self::File => f.write_str("database file"),
        }
    }
}
