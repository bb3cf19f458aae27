//! Authority in force, proved from a pin.
//!
//! Record 0 is signed by the root threshold it names, and its digest is what people carry outside the repository. Each
//! later record holds the digest of the one before and rests on statements that the bundle *before* it demands. The
//! store is only storage: a record that does not prove itself from the pin does not exist.

use crate::{
    bundle::{Bundle, Inconsistent},
    canonical::{self, Document, Malformed},
    digest::Digest,
    display::Display,
    dsse,
    duty::{self, Duties, authority_claims},
    ratchet,
    request::ChangeRequest,
    sshsig::{BadSignature, Unverified},
    statement::{self, BadStatement, Decision, Judge},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub const NAMESPACE: &str = "ambit-authority-v1";
pub const PAYLOAD_TYPE: &str = "application/vnd.ambit.authority-record+json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityRecord {
    /// Random name of this history, `ambit-` and 32 hexadecimal digits.
    pub origin: String,
    pub n: u64,
    pub made_at: i64,
    /// Digest of record n-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    pub bundle_digest: Digest,
    /// Digest of the change request that brought it; absent in record 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Digest>,
    /// Verifier key of the log, C2SP form.
    pub log_key: String,
    /// Record 0: armored SSHSIG by root persons over the record without this list. Later records: none.
    pub signatures: Vec<String>,
    /// Later records: digests of the statements that were counted, sorted.
    pub statements: Vec<Digest>,
}

impl Document for AuthorityRecord {
    const TYPE: &'static str = "ambit/authority-record";
}

impl AuthorityRecord {
    /// What root persons sign for record 0.
    pub fn to_sign(&self) -> Result<Vec<u8>, Malformed> {
        let unsigned = Self {
            signatures: vec![],
            ..self.clone()
        };
        Ok(dsse::pre_authentication(
            PAYLOAD_TYPE,
            &canonical::encode(&unsigned)?,
        ))
    }
}

/// One record with all it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub record: AuthorityRecord,
    pub bundle: Bundle,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ChangeRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// DSSE envelopes as received.
    pub statements: Vec<String>,
}

/// What the chain proves.
#[derive(Clone, Debug)]
pub struct InForce {
    pub n: u64,
    pub origin: String,
    pub bundle: Bundle,
    pub record_digest: Digest,
    pub log_key: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("there is no authority record")]
    Empty,
    #[error("authority record 0 is {found}, the pin says {pinned}")]
    Pin { found: Digest, pinned: Digest },
    #[error("authority record {n}: {problem}")]
    Link { n: u64, problem: String },
}

/// Follows the chain from the pin to the highest record. Anything that does not verify is an error, never skipped.
pub fn verify(pinned: Digest, links: &[Link]) -> Result<InForce, Broken> {
    let (first, rest) = links.split_first().ok_or(Broken::Empty)?;
    let found = Digest::of_document(&first.record).map_err(|e| at(0, e))?;
    if found != pinned {
        return Err(Broken::Pin { found, pinned });
    }
    check_bundle(first)?;
    check_genesis(first)?;
    let mut force = in_force(first)?;
    for link in rest {
        force = successor(&force, link)?;
    }
    Ok(force)
}

/// What is in force after one more record. A gate asks this before it starts anything, with the record it would write:
/// a record that readers refuse would end the history.
pub fn successor(force: &InForce, link: &Link) -> Result<InForce, Broken> {
    let n = force.n + 1;
    let record = &link.record;
    let expected = (n, Some(force.record_digest), &force.origin, &force.log_key);
    if (record.n, record.prev, &record.origin, &record.log_key) != expected {
        return Err(at(
            n,
            "number, predecessor, origin or log key do not follow the record before",
        ));
    }
    check_bundle(link)?;
    check_successor(link, force)?;
    in_force(link)
}

fn in_force(link: &Link) -> Result<InForce, Broken> {
    Ok(InForce {
        n: link.record.n,
        origin: link.record.origin.clone(),
        bundle: link.bundle.clone(),
        record_digest: Digest::of_document(&link.record).map_err(|e| at(link.record.n, e))?,
        log_key: link.record.log_key.clone(),
    })
}

fn at(n: u64, problem: impl std::fmt::Display) -> Broken {
    Broken::Link {
        n,
        problem: problem.to_string(),
    }
}

fn check_bundle(link: &Link) -> Result<(), Broken> {
    let n = link.record.n;
    if Digest::of_document(&link.bundle).map_err(|e| at(n, e))? != link.record.bundle_digest {
        return Err(at(n, "the bundle is not the one the record names"));
    }
    if let Some(Inconsistent {
        declaration,
        problem,
    }) = link.bundle.check().into_iter().next()
    {
        return Err(at(n, format!("{declaration}: {problem}")));
    }
    Ok(())
}

fn check_genesis(link: &Link) -> Result<(), Broken> {
    let (record, bundle) = (&link.record, &link.bundle);
    if record.n != 0
        || record.prev.is_some()
        || record.request.is_some()
        || !record.statements.is_empty()
    {
        return Err(at(0, "a first record has number 0 and rests on nothing"));
    }
    let message = record.to_sign().map_err(|e| at(0, e))?;
    let mut signers = BTreeSet::new();
    for armored in &record.signatures {
        let verified = Unverified::parse(armored).and_then(|s| s.verify(NAMESPACE, &message));
        let verified = verified.map_err(|e: BadSignature| at(0, e))?;
        match bundle.person_of(&verified.key) {
            Some((person, _)) if bundle.root.persons.contains(&person.id) => {
                signers.insert(person.id.clone())
            }
            _ => {
                return Err(at(
                    0,
                    format!(
                        "key {} belongs to no root person",
                        verified.key.fingerprint()
                    ),
                ));
            }
        };
    }
    if signers.len() < bundle.root.threshold as usize {
        return Err(at(
            0,
            format!(
                "signed by {} of {} root persons",
                signers.len(),
                bundle.root.threshold
            ),
        ));
    }
    Ok(())
}

fn check_successor(link: &Link, before: &InForce) -> Result<(), Broken> {
    let n = link.record.n;
    let (Some(request), Some(display)) = (&link.request, &link.display) else {
        return Err(at(n, "the request that brought it is missing"));
    };
    let request_digest = Digest::of_document(request).map_err(|e| at(n, e))?;
    let display_digest = Digest::of_document(display).map_err(|e| at(n, e))?;
    if link.record.request != Some(request_digest)
        || request.authority_after != Some(link.record.bundle_digest)
        || request.authority_n != before.n
        || request.origin != before.origin
        || request.display_digest != display_digest
    {
        return Err(at(n, "the request is not one that brings this bundle"));
    }
    let mut digests = Vec::new();
    let mut signed = Vec::new();
    for envelope in &link.statements {
        let statement = statement::open(envelope.as_bytes()).map_err(|e: BadStatement| at(n, e))?;
        digests.push(statement.digest);
        signed.push(statement);
    }
    digests.sort();
    if digests != link.record.statements {
        return Err(at(n, "the statements are not those the record names"));
    }
    let differences = ratchet::differences(&before.bundle, &link.bundle).map_err(|e| at(n, e))?;
    if let Some(problem) = ratchet::refused(&before.bundle, &link.bundle) {
        return Err(at(n, problem));
    }
    let claims = authority_claims(&differences, &before.bundle, &request.fingerprint);
    let environment = before.bundle.environment_of(&request.fingerprint);
    // Those who signed for infrastructure in the same request add to the number in all and to nothing else.
    let duties = Duties::of(&claims, &before.bundle, environment, &request.requester)
        .as_part_of(&display.duties);
    if claims.is_empty() {
        return Err(at(n, "it changes nothing"));
    }
    // Each weakening must be in the text that was signed, under its own name.
    let shown = |d: &ratchet::Difference| {
        display
            .authority
            .iter()
            .any(|a| a.weakening && a.name == d.declaration && a.what == d.describe())
    };
    if let Some(hidden) = differences.iter().find(|d| d.weakening && !shown(d)) {
        return Err(at(
            n,
            format!("the signed text does not show that {}", hidden.describe()),
        ));
    }
    let tier = duty::tier(&claims, environment);
    let judge = Judge {
        request,
        request_digest,
        bundle: &before.bundle,
        duties: &duties,
        display,
        tier,
        now: link.record.made_at,
    };
    let mut approved = BTreeSet::new();
    for statement in &signed {
        if statement.predicate.decision == Decision::Approve
            && let Ok(person) = statement.counts(&judge)
        {
            approved.insert(person);
        }
    }
    match duties.missing(&approved).first() {
        None => Ok(()),
        Some(missing) => Err(at(n, format!("signatures are missing: {missing}"))),
    }
}

#[cfg(test)]
mod tests;
