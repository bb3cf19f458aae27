//! What the log itself reads in a record, and the limits it holds it to.
//!
//! A record is canonical JSON made by others. The log needs its `kind` and `time` (they are columns too, and must
//! agree), its `origin` if it names one, and what ties an index row to it: `request` in a consumption or release,
//! `body.statement` in a statement. Everything else is the business of whoever wrote the record, and stays out of here.

use ambit_authority::digest::Digest;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest record. It is a limit of our own, far below what the tile format allows, so that a record always fits one
/// entry and is sized before anything is spent on it; bigger things go into blobs by digest.
pub const MAX_RECORD: usize = 16 * 1024;

pub const CONSUMPTION: &str = "consumption";
pub const RELEASE: &str = "release";
pub const STATEMENT: &str = "statement";

const MAX_KIND: usize = 32;
const MAX_REQUEST: usize = 128;

/// The fields of a record the log acts on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: String,
    pub time: i64,
    pub origin: Option<String>,
    pub request: Option<String>,
    /// `body.statement`; only looked for where the kind is `statement`.
    pub statement: Option<Digest>,
}

impl Header {
    pub(crate) fn read(record: &[u8]) -> Result<Self, BadRecord> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            kind: String,
            time: i64,
            origin: Option<String>,
            request: Option<String>,
            #[serde(borrow)]
            body: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Body {
            statement: String,
        }

        if record.len() > MAX_RECORD {
            return Err(BadRecord::TooLong(record.len()));
        }
        // Before anything else: a JSON reader looks only at the text it keeps.
        let record = std::str::from_utf8(record)
            .map_err(|_| BadRecord::Shape("it is not UTF-8".to_owned()))?;
        let fields: Fields = object(record)?;
        if !is_kind(&fields.kind) {
            return Err(BadRecord::Kind);
        }
        let statement = if fields.kind == STATEMENT {
            let body = fields.body.map_or("", RawValue::get);
            let body: Body = object(body).map_err(|_| BadRecord::Statement)?;
            Some(body.statement.parse().map_err(|_| BadRecord::Statement)?)
        } else {
            None
        };
        if matches!(fields.kind.as_str(), CONSUMPTION | RELEASE) && fields.request.is_none() {
            return Err(BadRecord::Request);
        }
        Ok(Self {
            kind: fields.kind,
            time: fields.time,
            origin: fields.origin,
            request: fields.request,
            statement,
        })
    }

    /// Columns and record must tell the same; both the one who writes and the one who verifies ask this.
    pub(crate) fn must_agree(&self, kind: &str, time: i64, origin: &str) -> Result<(), BadRecord> {
        let differs = |field, found: String, expected: String| {
            Err(BadRecord::Differs {
                field,
                found,
                expected,
            })
        };
        if self.kind != kind {
            return differs(
                "kind",
                format!("`{}`", self.kind),
                format!("`{}`", kind.escape_debug()),
            );
        }
        if self.time != time {
            return differs("time", self.time.to_string(), time.to_string());
        }
        match &self.origin {
            Some(found) if found != origin => differs(
                "origin",
                format!("`{}`", found.escape_debug()),
                format!("`{origin}`"),
            ),
            _ => Ok(()),
        }
    }
}

/// Known fields may appear once (serde refuses a second); the brace is asked for because serde would take an array too.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, BadRecord> {
    if !json.starts_with('{') {
        return Err(BadRecord::Shape("it is not an object".to_owned()));
    }
    serde_json::from_str(json).map_err(|e| BadRecord::Shape(e.to_string()))
}

pub(crate) fn is_kind(kind: &str) -> bool {
    (1..=MAX_KIND).contains(&kind.len())
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

pub(crate) fn is_request_id(id: &str) -> bool {
    (1..=MAX_REQUEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRecord {
    #[error(
        "it has {0} bytes, at most {MAX_RECORD} are allowed: keep large parts as blobs and name them by digest"
    )]
    TooLong(usize),
    #[error("the log cannot read it: {0}")]
    Shape(String),
    #[error("its kind is not 1 to {MAX_KIND} lower-case letters and underscores")]
    Kind,
    #[error("it names no `request`")]
    Request,
    #[error("its `body.statement` is not the digest of a statement")]
    Statement,
    #[error("its `{field}` is {found}, where the log has {expected}")]
    Differs {
        field: &'static str,
        found: String,
        expected: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_log_needs() {
        let statement = format!(
            r#"{{"body":{{"statement":"{}","x":[]}},"kind":"statement","time":7}}"#,
            Digest::of(b"s")
        );
        let header = Header::read(statement.as_bytes()).unwrap();
        assert_eq!((header.time, header.statement), (7, Some(Digest::of(b"s"))));

        let header = Header::read(
            br#"{"body":[1],"kind":"consumption","origin":"o","request":"r","time":-1,"v":1}"#,
        )
        .unwrap();
        assert_eq!(header.request.as_deref(), Some("r"));
        assert_eq!(header.origin.as_deref(), Some("o"));
        assert_eq!((header.time, header.statement), (-1, None));
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        let deep = format!(r#"{{"kind":"x","time":1,"y":{}}}"#, "[".repeat(10_000));
        let long = format!(
            r#"{{"kind":"x","time":1,"y":"{}"}}"#,
            "a".repeat(MAX_RECORD)
        );
        for bad in [
            "",
            "null",
            "[\"x\",1,null,null,null]",
            " {\"kind\":\"x\",\"time\":1}",
            r#"{"kind":"x"}"#,
            r#"{"time":1}"#,
            r#"{"kind":"x","kind":"x","time":1}"#,
            r#"{"kind":"x","time":1,"time":2}"#,
            r#"{"kind":"x","request":"a","request":"b","time":1}"#,
            r#"{"kind":"x","time":1}{}"#,
            r#"{"kind":"x","time":"1"}"#,
            r#"{"kind":"x","time":1.0}"#,
            r#"{"kind":"x","time":1e3}"#,
            r#"{"kind":"x","time":99999999999999999999}"#,
            r#"{"kind":"","time":1}"#,
            r#"{"kind":"X","time":1}"#,
            r#"{"kind":"a\nb","time":1}"#,
            r#"{"kind":"consumption","time":1}"#,
            r#"{"kind":"release","request":null,"time":1}"#,
            r#"{"kind":"statement","time":1}"#,
            r#"{"body":"sha256:00","kind":"statement","time":1}"#,
            r#"{"body":{"statement":"00"},"kind":"statement","time":1}"#,
            r#"{"body":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"kind":"statement","time":1}"#,
            deep.as_str(),
            long.as_str(),
        ] {
            assert!(Header::read(bad.as_bytes()).is_err(), "{bad:.80}");
        }
        assert!(Header::read(b"{\"kind\":\"x\",\"time\":1,\"y\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Header::read(&bytes);
        }
    }
}
