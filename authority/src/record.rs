//! What the log holds: one leaf per record, at most 16 KiB, everything larger or personal by digest in a blob.

use crate::canonical::Document;
use crate::{
    chain::AuthorityRecord,
    digest::Digest,
    duty::Duties,
    request::ChangeRequest,
    statement::{Decision, Seen},
    tier::Tier,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub origin: String,
    pub time: i64,
    /// Request id, where the record is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    #[serde(flatten)]
    pub body: Body,
    /// SHA-256 of the blobs this record rests on.
    pub blobs: Vec<Digest>,
}

impl Document for Record {
    const TYPE: &'static str = "ambit/record";
}

/// `kind` and `body` of a record.
#[expect(
    clippy::large_enum_variant,
    reason = "records are handled one at a time"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum Body {
    /// Blobs: the bundle.
    Authority(AuthorityRecord),
    /// Blobs: scope, display, rendered text.
    Request {
        change_request: ChangeRequest,
        scope: Digest,
        display: Digest,
        /// Armored SSHSIG by the requester; absent for anonymous.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Blobs: the envelope as received. Recorded whether it counts or not.
    Statement {
        /// What the statement is known by.
        statement: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Decision>,
        /// Fingerprint of the signing key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The person it is accepted from; absent when it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// Why it is not counted; absent when it is accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_counted: Option<String>,
    },
    Decision {
        verdict: Verdict,
        tier: Tier,
        authority_n: u64,
        duties: Duties,
        /// Digests of the statements that counted.
        counted: Vec<Digest>,
        /// Codes and reasons.
        reasons: Vec<String>,
    },
    Consumption {
        /// 1, or more after a release.
        use_no: u32,
        scope_digest: Digest,
        plan_digest: Digest,
        statements: Vec<Digest>,
    },
    /// The engine did not start; the approval may be used again.
    Release { use_no: u32, reason: String },
    /// What the engine reported, in order.
    ApplyEvent { use_no: u32, events: Vec<String> },
    /// Blobs: the object index, `subject` to provider, type and id.
    Outcome {
        use_no: u32,
        verdict: OutcomeVerdict,
        lineage: String,
        serial: u64,
        state_digest: Digest,
        /// Findings, one line each.
        findings: Vec<String>,
        objects: Digest,
        /// The history as it stood when the apply began.
        checkpoint: Seen,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Warrant,
    /// Let through by observe mode; enforce would have refused.
    Observed,
    Pending,
    Denied,
    NotApproved,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeVerdict {
    Verified,
    /// Something outside the grants happened.
    Deviated,
    /// The engine stopped; part of the grants did not start.
    Incomplete,
    Unknown,
}

impl std::fmt::Display for OutcomeVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OutcomeVerdict::Verified => "verified",
            OutcomeVerdict::Deviated => "deviated",
            OutcomeVerdict::Incomplete => "incomplete",
            OutcomeVerdict::Unknown => "unknown",
        })
    }
}
