//! The file that carries a request to people who have no access to the ledger.
//!
//! Everything in it is checked from the pin before a signer sees a word: chain, log key, checkpoint, inclusion of the
//! request, requester's signature, scope and display. It holds commitments and no key.

use crate::{
    decision::{self, Question},
    gate::Gate,
    history::{History, Requested, ledger_stop},
    place::{outside, pins::Pins},
    stop::Stop,
};
use ambit_authority::{
    bundle::Mode,
    canonical::{self, Document},
    chain::{self, InForce, Link},
    digest::Digest,
    display::{self, Display},
    dsse,
    record::{Body, Record},
    request::{self, ChangeRequest, Requester},
    scope::Scope,
    sshsig::Unverified,
    statement::{Judge, Seen},
};
use ambit_evidence::{Checkpoint, Ledger, LogPublicKey, tree};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Scopes of very large changes are the bulk of it.
const LARGEST: u64 = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    pub change_request: ChangeRequest,
    pub scope: Scope,
    pub display: Display,
    /// From record 0 to the authority in force.
    pub chain: Vec<Link>,
    /// C2SP note.
    pub checkpoint: String,
    /// The request's record as it stands in the log.
    pub record: String,
    pub index: u64,
    /// Inclusion of the record under the checkpoint.
    pub proof: Vec<Digest>,
}

impl Document for Export {
    const TYPE: &'static str = "ambit/export";
}

impl Export {
    pub fn of(ledger: &Ledger, history: &History, requested: &Requested) -> Result<Self, Stop> {
        let signed = ledger.checkpoint().map_err(ledger_stop)?;
        let entry = ledger.entry(requested.index).map_err(ledger_stop)?;
        let proof = ledger
            .inclusion(requested.index, signed.checkpoint.size)
            .map_err(ledger_stop)?;
        Ok(Self {
            change_request: requested.request.clone(),
            scope: requested.scope.clone(),
            display: requested.display.clone(),
            chain: history.links.clone(),
            checkpoint: signed.note,
            record: String::from_utf8(entry.body)
                .map_err(|_| Stop::unverified("a record is not UTF-8"))?,
            index: requested.index,
            proof,
        })
    }
}

/// An export that holds together and goes back to the pin.
pub struct Proved {
    pub force: InForce,
    pub request: ChangeRequest,
    pub request_digest: Digest,
    pub display: Display,
    pub text: String,
    pub seen: Seen,
}

pub fn read(path: &Path) -> Result<Export, Stop> {
    let way_out = "ask for the file that `ambit show ID --export FILE` writes";
    let bytes = outside::read(path, "export", LARGEST).map_err(|stop| stop.next(way_out))?;
    canonical::decode(&bytes).map_err(|e| {
        Stop::usage(format!(
            "`{}` is not an export of a request: {e}",
            path.display()
        ))
        .next(way_out)
    })
}

impl Export {
    pub fn prove(self, pins: &Pins) -> Result<Proved, Stop> {
        let request = self.change_request;
        let pinned = pins.origins.get(&request.origin).ok_or_else(|| {
            Stop::unverified(format!("history `{}` is not pinned on this machine", ambit_authority::address::escape(&request.origin)))
                .next("get its origin and digest from its founder, not from the repository, and run `ambit trust add ORIGIN sha256:…`")
        })?;
        let force = chain::verify(*pinned, &self.chain).map_err(Stop::unverified)?;
        let wrong = |what: &str| {
            Stop::unverified(format!("the export does not hold: {what}"))
                .next("ask for a fresh export; somebody changed this one, or it is damaged")
        };
        if force.origin != request.origin || force.n < request.authority_n {
            return Err(wrong("the chain is another history's or too short"));
        }
        let key: LogPublicKey = force
            .log_key
            .parse()
            .map_err(|e| Stop::unverified(format!("log key: {e}")))?;
        let checkpoint = Checkpoint::open(&self.checkpoint, &key).map_err(Stop::unverified)?;
        let leaf = tree::leaf_hash(self.record.as_bytes());
        tree::verify_inclusion(
            &leaf,
            self.index,
            checkpoint.size,
            &self.proof,
            &checkpoint.root,
        )
        .map_err(|_| wrong("the request is not in the log"))?;
        let record: Record = canonical::decode(self.record.as_bytes()).map_err(Stop::unverified)?;
        let Body::Request {
            change_request,
            signature,
            ..
        } = record.body
        else {
            return Err(wrong("the record is no request"));
        };
        if change_request != request {
            return Err(wrong("the request is not the recorded one"));
        }
        if Digest::of_document(&self.display).ok() != Some(request.display_digest) {
            return Err(wrong("the display is not the request's"));
        }
        if self.scope.digest().ok() != Some(request.scope_digest)
            || self.scope.context.digest().ok() != Some(request.context_digest)
        {
            return Err(wrong("the scope is not the request's"));
        }
        verify_requester(&request, signature.as_deref(), &force)?;
        let text = display::render(&request, &self.display).map_err(Stop::denied)?;
        let request_digest = Digest::of_document(&request).map_err(Stop::unverified)?;
        let seen = Seen {
            size: checkpoint.size,
            root: checkpoint.root,
        };
        Ok(Proved {
            force,
            request,
            request_digest,
            display: self.display,
            text,
            seen,
        })
    }
}

/// A requester is who the signature proves, and nobody else.
pub fn verify_requester(
    request: &ChangeRequest,
    signature: Option<&str>,
    force: &InForce,
) -> Result<(), Stop> {
    let proved = match signature {
        None => Requester::anonymous(),
        Some(armored) => {
            let bytes = canonical::encode(request).map_err(Stop::unverified)?;
            let message = dsse::pre_authentication(request::PAYLOAD_TYPE, &bytes);
            let verified =
                Unverified::parse(armored).and_then(|s| s.verify(request::NAMESPACE, &message));
            let verified = verified
                .map_err(|e| Stop::unverified(format!("the requester's signature: {e}")))?;
            Requester::of_key(&verified.key, &force.bundle)
        }
    };
    // Under a later authority the same key may belong to somebody else; then the request must be made anew.
    if proved != request.requester {
        return Err(Stop::unverified(format!(
            "the request names {} as requester, its signature proves {}",
            request.requester.describe(),
            proved.describe()
        )));
    }
    Ok(())
}

impl Proved {
    pub fn judge(&self, now: i64) -> Judge<'_> {
        Judge {
            request: &self.request,
            request_digest: self.request_digest,
            bundle: &self.force.bundle,
            duties: &self.display.duties,
            display: &self.display,
            tier: self.request.tier,
            now,
        }
    }
}

/// What is missing on a request as it stands, judged by the duties it was shown with.
pub fn standing(gate: &Gate, requested: &Requested, now: i64) -> decision::Decision {
    let question = Question {
        requested,
        duties: &requested.display.duties,
        tier: requested.request.tier,
        mode: Mode::Enforce,
        changes_authority: requested.request.authority_after.is_some(),
        now,
    };
    decision::decide(&question, &gate.history)
}
