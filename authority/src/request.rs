//! The change request: what a person's signature is about.
//!
//! It is small, names everything else by digest, and is itself the one subject of every statement. The requester signs
//! it too, in a namespace of its own, so a request cannot be put into somebody's mouth.

use crate::{bundle::Bundle, canonical::Document, digest::Digest, key::PublicKey, tier::Tier};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// SSHSIG namespace of a requester's signature.
pub const NAMESPACE: &str = "ambit-request-v1";
/// DSSE payload type of a signed request.
pub const PAYLOAD_TYPE: &str = "application/vnd.ambit.change-request+json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// `r-` and 16 hexadecimal digits.
    pub id: String,
    /// 128 random bits, 32 hexadecimal digits.
    pub nonce: String,
    pub origin: String,
    pub stack: String,
    /// The stack's fingerprint: backend, place and workspace.
    pub fingerprint: String,
    pub environment: String,
    /// Seconds since 1970-01-01 UTC, as every time here.
    pub made_at: i64,
    pub expires: i64,
    pub requester: Requester,
    /// Number of the authority record it was made under.
    pub authority_n: u64,
    pub tree_digest: Digest,
    pub plan_digest: Digest,
    pub scope_digest: Digest,
    pub context_digest: Digest,
    /// State serial and content at planning; recorded, not part of the scope.
    pub serial: u64,
    pub state_digest: Digest,
    /// Digest of the bundle that would be in force afterwards, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_after: Option<Digest>,
    pub tier: Tier,
    pub display_digest: Digest,
    /// Name and version of the program that made it.
    pub gate: String,
    pub tables_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
}

impl Document for ChangeRequest {
    const TYPE: &'static str = "ambit/change-request";
}

/// Who asked, as far as it was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    pub kind: RequesterKind,
    /// The declared name; absent for anonymous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The person who answers for an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sponsor: Option<String>,
    /// Principals that passed the request on, outermost first.
    pub chain: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequesterKind {
    Person,
    Agent,
    /// Nobody proved to have asked: never pre-authorised, one signature more than the rule asks.
    Anonymous,
}

impl Requester {
    pub fn anonymous() -> Self {
        Self {
            kind: RequesterKind::Anonymous,
            id: None,
            key: None,
            sponsor: None,
            chain: vec![],
        }
    }

    /// Who a key belongs to under a bundle. A key nobody declared is nobody.
    pub fn of_key(key: &PublicKey, bundle: &Bundle) -> Self {
        if let Some((person, _)) = bundle.person_of(key) {
            let id = Some(person.id.clone());
            return Self {
                kind: RequesterKind::Person,
                id,
                key: Some(key.clone()),
                sponsor: None,
                chain: vec![],
            };
        }
        if let Some(agent) = bundle.agent_of(key) {
            let (id, sponsor) = (Some(agent.id.clone()), Some(agent.sponsor.clone()));
            return Self {
                kind: RequesterKind::Agent,
                id,
                key: Some(key.clone()),
                sponsor,
                chain: vec![],
            };
        }
        Self {
            key: Some(key.clone()),
            ..Self::anonymous()
        }
    }

    /// Persons whose approval of this request never counts, each with the reason.
    pub fn excluded(&self) -> BTreeSet<(String, &'static str)> {
        let mut out = BTreeSet::new();
        if self.kind == RequesterKind::Person {
            out.extend(self.id.clone().map(|id| (id, "made the request")));
        }
        out.extend(
            self.sponsor
                .clone()
                .map(|id| (id, "is the sponsor of the agent that made the request")),
        );
        out.extend(
            self.chain
                .iter()
                .cloned()
                .map(|id| (id, "is in the chain that passed the request on")),
        );
        out
    }

    pub fn describe(&self) -> String {
        match (self.kind, &self.id, &self.sponsor) {
            (RequesterKind::Person, Some(id), _) => format!("person {id}"),
            (RequesterKind::Agent, Some(id), Some(sponsor)) => {
                format!("agent {id} (sponsor {sponsor})")
            }
            _ => "anonymous".into(),
        }
    }
}
