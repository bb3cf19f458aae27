//! A person's decision about one change request, and when it counts.
//!
//! The payload is an in-toto Statement v1 in canonical form inside a DSSE envelope, signed with SSHSIG. The text the
//! person saw is inside, and is rendered again by whoever verifies: a digest of a text would prove a claim, not sight.

use crate::{
    bundle::{Assurance, Bundle},
    canonical::{self, Malformed},
    digest::Digest,
    display::{self, Display},
    dsse::{BadEnvelope, Envelope},
    duty::Duties,
    request::ChangeRequest,
    sshsig::{BadSignature, Unverified, Verified},
    tier::Tier,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub const NAMESPACE: &str = "ambit-decision-v1";
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
pub const PREDICATE_TYPE: &str = "ambit:change-decision:v1";
/// Name of the one subject.
pub const SUBJECT: &str = "change-request";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    pub v: u32,
    pub decision: Decision,
    pub approver: String,
    /// Teams the approver signs for, as the signer's machine computed them.
    pub acting_for: Vec<String>,
    /// Origin of the history this is meant for.
    pub audience: String,
    pub request: String,
    pub nonce: String,
    pub scope_digest: Digest,
    /// Digest of the duties under the authority the signer saw; recorded, not compared.
    pub authority_slice: Digest,
    pub tier: Tier,
    pub text: String,
    /// Names of the irreversible, sensitive and weakening items acknowledged one by one, sorted.
    pub acknowledges: Vec<String>,
    /// The same person's earlier decision on this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Digest>,
    /// The log as the signer saw it; a verdict needs the log to extend it.
    pub checkpoint: Seen,
    pub not_before: i64,
    pub expires: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Approve,
    Reject,
    Revoke,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Decision::Approve => "approve",
            Decision::Reject => "reject",
            Decision::Revoke => "revoke",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    pub size: u64,
    pub root: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum BadStatement {
    #[error(transparent)]
    Envelope(#[from] BadEnvelope),
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error("payload type `{0}` is not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    #[error("statement: {0}")]
    Payload(#[from] Malformed),
    #[error("statement: `{0}` is not what a change decision carries")]
    Field(&'static str),
}

/// A decision whose signature verifies. Whose key that is, and whether it counts, is judged by [`Signed::counts`].
#[derive(Clone, Debug)]
pub struct Signed {
    pub digest: Digest,
    /// Digest of the change request, from the subject.
    pub subject: Digest,
    pub predicate: Predicate,
    pub verified: Verified,
}

impl Predicate {
    /// The payload to be signed, canonical.
    pub fn payload(&self, subject: Digest) -> Result<Vec<u8>, Malformed> {
        let predicate = serde_json::to_value(self).map_err(|e| Malformed::Shape(e.to_string()))?;
        canonical::encode_value(&json!({
            "_type": STATEMENT_TYPE,
            "predicate": predicate,
            "predicateType": PREDICATE_TYPE,
            "subject": [{ "digest": { "sha256": subject.hex() }, "name": SUBJECT }],
        }))
    }
}

/// Reads a payload strictly: exactly one subject, our predicate type, nothing else.
fn parse_payload(bytes: &[u8]) -> Result<(Digest, Predicate), BadStatement> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| Malformed::Shape(e.to_string()))?;
    if value["_type"] != STATEMENT_TYPE {
        return Err(BadStatement::Field("_type"));
    }
    if value["predicateType"] != PREDICATE_TYPE {
        return Err(BadStatement::Field("predicateType"));
    }
    let hex = value["subject"][0]["digest"]["sha256"]
        .as_str()
        .unwrap_or_default();
    let subject: Digest = format!("sha256:{hex}")
        .parse()
        .map_err(|_| BadStatement::Field("subject"))?;
    let predicate: Predicate = serde_json::from_value(value["predicate"].clone())
        .map_err(|e| Malformed::Shape(e.to_string()))?;
    if predicate.v != 1 {
        return Err(BadStatement::Field("predicate.v"));
    }
    // Also refuses a second subject, unknown fields and every other spelling.
    canonical::same(bytes, &predicate.payload(subject)?)?;
    Ok((subject, predicate))
}

/// Checks form and signature of an envelope from outside.
pub fn open(json: &[u8]) -> Result<Signed, BadStatement> {
    let envelope = Envelope::from_json(json)?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(BadStatement::PayloadType(envelope.payload_type));
    }
    let verified =
        Unverified::parse(&envelope.signature)?.verify(NAMESPACE, &envelope.signed_bytes())?;
    let (subject, predicate) = parse_payload(&envelope.payload)?;
    Ok(Signed {
        digest: envelope.digest(&verified.key),
        subject,
        predicate,
        verified,
    })
}

/// Everything a statement is held against.
pub struct Judge<'a> {
    pub request: &'a ChangeRequest,
    pub request_digest: Digest,
    pub bundle: &'a Bundle,
    pub duties: &'a Duties,
    pub display: &'a Display,
    /// The tier at use.
    pub tier: Tier,
    pub now: i64,
}

impl Judge<'_> {
    /// Why this person's approval could not count, known before anything is signed.
    pub fn bars(&self, key: &crate::key::PublicKey) -> Result<String, String> {
        let fingerprint = key.fingerprint();
        if let Some(agent) = self.bundle.agent_of(key) {
            return Err(format!(
                "key {fingerprint} belongs to agent {}; a workload's key never approves",
                agent.id
            ));
        }
        let Some((person, _)) = self.bundle.person_of(key) else {
            return Err(format!(
                "key {fingerprint} is not declared for any person in authority record {}",
                self.request.authority_n
            ));
        };
        if !self.bundle.solo()
            && let Some((_, why)) = self
                .request
                .requester
                .excluded()
                .into_iter()
                .find(|(id, _)| *id == person.id)
        {
            return Err(format!(
                "{} {why}; a requester never approves their own change",
                person.id
            ));
        }
        if self.duties.acting_for(&person.id).is_empty() {
            let teams: Vec<&str> = self.duties.all().map(|d| d.team.as_str()).collect();
            return Err(format!(
                "{} is in none of the teams that must agree ({})",
                person.id,
                teams.join(", ")
            ));
        }
        Ok(person.id.clone())
    }
}

impl Signed {
    /// The person this decision counts for, or why it does not.
    pub fn counts(&self, judge: &Judge<'_>) -> Result<String, String> {
        let p = &self.predicate;
        let request = judge.request;
        if self.subject != judge.request_digest || p.request != request.id {
            return Err(format!(
                "it is about another request ({})",
                crate::address::escape(&p.request)
            ));
        }
        if p.audience != request.origin {
            return Err("it is meant for another history".into());
        }
        if p.nonce != request.nonce || p.scope_digest != request.scope_digest {
            return Err("nonce or scope digest differ from the request".into());
        }
        let person = judge.bars(&self.verified.key)?;
        if p.approver != person {
            return Err(format!(
                "it names {} but the key belongs to {person}",
                crate::address::escape(&p.approver)
            ));
        }
        if judge.now < p.not_before {
            return Err("it is not valid yet".into());
        }
        if judge.now >= p.expires || judge.now >= request.expires {
            return Err("it has expired".into());
        }
        if p.decision != Decision::Approve {
            return Ok(person);
        }
        if judge.tier > p.tier {
            return Err(format!(
                "it was signed for tier {}, the change is {} now",
                p.tier, judge.tier
            ));
        }
        match display::render(request, judge.display) {
            Ok(text) if text == p.text => {}
            _ => return Err("the text that was signed is not the text of this request".into()),
        }
        let required = judge.display.to_acknowledge();
        if let Some(name) = required.iter().find(|name| !p.acknowledges.contains(name)) {
            return Err(format!("`{name}` is not acknowledged"));
        }
        Ok(person)
    }

    /// Assurance of the key at this signature: hardware only when enrolled so and the key type agrees.
    pub fn assurance(&self, bundle: &Bundle) -> Assurance {
        match bundle.person_of(&self.verified.key) {
            Some((_, Assurance::Hardware)) if self.verified.key.is_security_key() => {
                Assurance::Hardware
            }
            _ => Assurance::Software,
        }
    }
}

#[cfg(test)]
mod tests;
