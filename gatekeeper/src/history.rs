//! The ledger, read from its first record to its last and proved from the pin.
//!
//! Nothing here is believed because it is stored: every record is under a checkpoint of the log key that the pinned
//! genesis names, and authority is what the chain proves. Reading is the same for a gate, a signer and an auditor.

use crate::{place::pins::Pin, stop::Stop};
use ambit_authority::{
    canonical::{self, Document},
    chain::{self, InForce, Link},
    digest::Digest,
    display::Display,
    record::{Body, OutcomeVerdict, Record},
    request::ChangeRequest,
    scope::Scope,
    statement::{self, Signed},
};
use ambit_evidence::{Ledger, LedgerError, LogPublicKey};
use std::collections::BTreeMap;

pub struct History {
    pub genesis: Digest,
    pub force: InForce,
    pub links: Vec<Link>,
    pub requests: BTreeMap<String, Requested>,
    pub statements: Vec<Received>,
    /// Request id to the consumptions not released, newest last.
    pub consumed: BTreeMap<String, Consumed>,
    pub outcomes: Vec<Outcome>,
    pub size: u64,
    pub last_time: i64,
}

/// A change request as it was recorded.
pub struct Requested {
    pub index: u64,
    pub request: ChangeRequest,
    pub digest: Digest,
    pub scope: Scope,
    pub display: Display,
    pub signature: Option<String>,
}

/// A statement as it was taken from the inbox.
pub struct Received {
    pub index: u64,
    pub time: i64,
    pub request: Option<String>,
    pub digest: Digest,
    /// The person it was accepted from.
    pub person: Option<String>,
    pub not_counted: Option<String>,
    pub signed: Signed,
    pub envelope: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumed {
    pub index: u64,
    pub use_no: u32,
}

pub struct Outcome {
    pub index: u64,
    pub request: String,
    pub fingerprint: String,
    pub verdict: OutcomeVerdict,
    pub lineage: String,
    pub serial: u64,
    pub state_digest: Digest,
    pub findings: Vec<String>,
}

/// A ledger error in the terms of exit codes: what does not verify is 7, what cannot be done is 1.
pub fn ledger_stop(error: LedgerError) -> Stop {
    match &error {
        LedgerError::Missing(_) => Stop::unverified(&error)
            .next("this repository is pinned to a history: bring its ledger back, or name it with --ledger; a missing ledger is never replaced by an empty one"),
        LedgerError::Damaged { .. } | LedgerError::NotALedger { .. } | LedgerError::OtherKey { .. } | LedgerError::KeyNotInForce { .. } => {
            Stop::unverified(&error)
        }
        _ => Stop::failure(&error),
    }
}

fn blob<D: Document>(ledger: &Ledger, digest: &Digest, what: &str, index: u64) -> Result<D, Stop> {
    let stored = ledger.blob(digest).map_err(ledger_stop)?;
    let stored = stored.ok_or_else(|| {
        Stop::unverified(format!(
            "record {index}: its {what} is gone from the ledger"
        ))
    })?;
    canonical::decode(&stored.bytes)
        .map_err(|e| Stop::unverified(format!("record {index}: its {what} does not read: {e}")))
}

impl History {
    /// Verifies the whole log, then reads it.
    pub fn read(ledger: &Ledger, pin: &Pin) -> Result<Self, Stop> {
        if let Some(origin) = pin.origin.as_deref().filter(|o| *o != ledger.origin()) {
            return Err(Stop::unverified(format!(
                "the ledger `{}` holds history `{}`, this repository is pinned to `{origin}`",
                ledger.path().display(),
                ledger.origin()
            ))
            .next("name the ledger of the pinned history with --ledger or AMBIT_LEDGER"));
        }
        // The log key is what the pinned record 0 names; until the pin is compared it is only claimed.
        let first = ledger.entries(0..1).map_err(ledger_stop)?;
        let first = first
            .first()
            .ok_or_else(|| Stop::unverified("the ledger is empty"))?;
        let record: Record = decode(&first.body, 0)?;
        let Body::Authority(genesis) = &record.body else {
            return Err(Stop::unverified("record 0 is not an authority record"));
        };
        let found = Digest::of_document(genesis).map_err(Stop::unverified)?;
        if found != pin.genesis {
            return Err(Stop::unverified(format!(
                "this ledger begins with {found}, the pin says {}",
                pin.genesis
            ))
            .next("it is another history; name the pinned one with --ledger or AMBIT_LEDGER"));
        }
        let key: LogPublicKey = genesis
            .log_key
            .parse()
            .map_err(|e| Stop::unverified(format!("record 0: log key: {e}")))?;
        ledger.verify(&key).map_err(ledger_stop)?;
        Self::collect(ledger, pin)
    }

    fn collect(ledger: &Ledger, pin: &Pin) -> Result<Self, Stop> {
        let size = ledger.size().map_err(ledger_stop)?;
        let mut requests: BTreeMap<String, Requested> = BTreeMap::new();
        let mut statements: Vec<Received> = Vec::new();
        let mut consumed = BTreeMap::new();
        let mut outcomes = Vec::new();
        let mut links = Vec::new();
        let mut last_time = 0;
        for entry in ledger.entries(0..size).map_err(ledger_stop)? {
            let index = entry.index;
            last_time = entry.time;
            let record: Record = decode(&entry.body, index)?;
            let about = record.request.clone().unwrap_or_default();
            match record.body {
                Body::Authority(authority) => {
                    let bundle = blob(ledger, &authority.bundle_digest, "bundle", index)?;
                    let request = requests
                        .values()
                        .find(|r| Some(r.digest) == authority.request);
                    let envelopes = statements
                        .iter()
                        .filter(|s| authority.statements.contains(&s.digest));
                    links.push(Link {
                        bundle,
                        request: request.map(|r| r.request.clone()),
                        display: request.map(|r| r.display.clone()),
                        statements: envelopes.map(|s| s.envelope.clone()).collect(),
                        record: authority,
                    });
                }
                Body::Request {
                    change_request,
                    scope,
                    display,
                    signature,
                } => {
                    let digest = Digest::of_document(&change_request).map_err(Stop::unverified)?;
                    let scope: Scope = blob(ledger, &scope, "scope", index)?;
                    let display: Display = blob(ledger, &display, "display", index)?;
                    if Digest::of_document(&display).ok() != Some(change_request.display_digest)
                        || scope.digest().ok() != Some(change_request.scope_digest)
                    {
                        return Err(Stop::unverified(format!(
                            "record {index}: scope or display are not the request's"
                        )));
                    }
                    requests.insert(
                        about,
                        Requested {
                            index,
                            request: change_request,
                            digest,
                            scope,
                            display,
                            signature,
                        },
                    );
                }
                Body::Statement {
                    statement: digest,
                    person,
                    not_counted,
                    ..
                } => {
                    let stored = record
                        .blobs
                        .first()
                        .map(|b| ledger.blob(b).map_err(ledger_stop))
                        .transpose()?
                        .flatten();
                    // A deleted envelope leaves the record standing and the decision without effect.
                    let Some(stored) = stored else { continue };
                    let signed = statement::open(&stored.bytes)
                        .map_err(|e| Stop::unverified(format!("record {index}: {e}")))?;
                    if signed.digest != digest {
                        return Err(Stop::unverified(format!(
                            "record {index}: the envelope is not the statement it names"
                        )));
                    }
                    let envelope = String::from_utf8_lossy(&stored.bytes).into_owned();
                    statements.push(Received {
                        index,
                        time: entry.time,
                        request: record.request,
                        digest,
                        person,
                        not_counted,
                        signed,
                        envelope,
                    });
                }
                Body::Consumption { use_no, .. } => {
                    consumed.insert(about, Consumed { index, use_no });
                }
                Body::Release { .. } => {
                    consumed.remove(&about);
                }
                Body::Outcome {
                    verdict,
                    lineage,
                    serial,
                    state_digest,
                    findings,
                    ..
                } => {
                    let fingerprint = requests
                        .get(&about)
                        .map(|r| r.request.fingerprint.clone())
                        .unwrap_or_default();
                    outcomes.push(Outcome {
                        index,
                        request: about,
                        fingerprint,
                        verdict,
                        lineage,
                        serial,
                        state_digest,
                        findings,
                    });
                }
                Body::Decision { .. } | Body::ApplyEvent { .. } => {}
            }
        }
        let force = chain::verify(pin.genesis, &links).map_err(Stop::unverified)?;
        Ok(Self {
            genesis: pin.genesis,
            force,
            links,
            requests,
            statements,
            consumed,
            outcomes,
            size,
            last_time,
        })
    }

    pub fn request(&self, id: &str) -> Result<&Requested, Stop> {
        self.requests.get(id).ok_or_else(|| {
            let known: Vec<&str> = self
                .requests
                .keys()
                .rev()
                .take(5)
                .map(String::as_str)
                .collect();
            Stop::usage(format!(
                "there is no request `{}` in this history",
                ambit_authority::address::escape(id)
            ))
            .next(if known.is_empty() {
                "make one with `ambit plan`".into()
            } else {
                format!("known: {}", known.join(", "))
            })
        })
    }

    /// Accepted decisions on a request, oldest first.
    pub fn accepted<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (&'a Received, &'a str)> {
        self.statements
            .iter()
            .filter(move |s| s.request.as_deref() == Some(id))
            .filter_map(|s| Some((s, s.person.as_deref()?)))
    }

    /// The last outcome recorded for a stack.
    pub fn last_outcome(&self, fingerprint: &str) -> Option<&Outcome> {
        self.outcomes
            .iter()
            .rev()
            .find(|o| o.fingerprint == fingerprint)
    }
}

fn decode(body: &[u8], index: u64) -> Result<Record, Stop> {
    canonical::decode(body)
        .map_err(|e| Stop::unverified(format!("record {index} does not read: {e}")))
}
