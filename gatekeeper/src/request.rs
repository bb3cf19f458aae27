//! Asking: a survey becomes a signed, recorded change request.

use crate::{
    bench::Bench,
    engine::PlanArgs,
    gate::{Gate, hex, random},
    history::ledger_stop,
    intake::encode,
    place::stacks::Stack,
    signing::Signer,
    stop::Stop,
    survey::{Look, Survey},
};
use ambit_authority::{
    canonical,
    digest::{CommitmentKey, Digest},
    display, dsse,
    record::{Body, Record},
    request::{self, ChangeRequest, Requester},
    tier::Tier,
};
use ambit_evidence::{LedgerError, Retention};

/// A request lives this long; in the top tier a day.
const LIVES: i64 = 7 * 24 * 3600;
const LIVES_CRITICAL: i64 = 24 * 3600;

pub enum Asked {
    /// There is nothing to do.
    Nothing(Box<Survey>),
    Request {
        id: String,
        survey: Box<Survey>,
        text: String,
    },
}

pub fn ask(
    gate: &mut Gate,
    stack: &Stack,
    arguments: &PlanArgs,
    signer: Option<&Signer>,
) -> Result<Asked, Stop> {
    let settings = gate.history.force.bundle.settings.clone();
    let bench = Bench::prepare(&gate.repository, stack, &gate.dir, Some(&settings))?;
    let requester = signer.map_or_else(Requester::anonymous, |s| {
        Requester::of_key(&s.key, &gate.history.force.bundle)
    });
    let key = CommitmentKey::new(random()?);
    let survey = {
        let run = bench.run(&gate.interrupts);
        let init = bench.init(&run, Some(&settings))?;
        let look = Look {
            gate,
            bench: &bench,
            init: &init,
            arguments,
            requester: &requester,
            key: &key,
            salt: hex(&random::<16>()?),
        };
        look.survey(&run)?
    };
    if survey.empty {
        return Ok(Asked::Nothing(Box::new(survey)));
    }
    let made_at = gate.now()?;
    let (serial, state_digest) = bench.serial_and_digest();
    let lives = if survey.tier == Tier::Critical {
        LIVES_CRITICAL
    } else {
        LIVES
    };
    let request = ChangeRequest {
        id: format!("r-{}", hex(&random::<8>()?)),
        nonce: hex(&random::<16>()?),
        origin: gate.history.force.origin.clone(),
        stack: stack.name.clone(),
        fingerprint: bench.fingerprint.clone(),
        environment: survey.environment.clone(),
        made_at,
        expires: made_at + lives,
        requester,
        authority_n: gate.history.force.n,
        tree_digest: bench
            .seal
            .tree_digest()
            .to_string()
            .parse()
            .map_err(Stop::failure)?,
        plan_digest: Digest::from_bytes(survey.planned.sha256()),
        scope_digest: survey.scope.digest().map_err(Stop::failure)?,
        context_digest: survey.scope.context.digest().map_err(Stop::failure)?,
        serial,
        state_digest,
        authority_after: survey.scope.authority_after,
        tier: survey.tier,
        display_digest: Digest::of_document(&survey.display).map_err(Stop::failure)?,
        gate: concat!("ambit ", env!("CARGO_PKG_VERSION")).into(),
        tables_version: settings.tables_version,
        intent_digest: None,
        change_id: None,
    };
    let text = display::render(&request, &survey.display).map_err(Stop::denied)?;
    let bytes = canonical::encode(&request).map_err(Stop::failure)?;
    let signature = signer
        .map(|s| {
            s.sign(
                request::NAMESPACE,
                &dsse::pre_authentication(request::PAYLOAD_TYPE, &bytes),
            )
        })
        .transpose()?;
    // The key is kept before the request is recorded: a crash between leaves a key without a request, and no harm.
    gate.dir.keep(&request.id, &key)?;
    let id = request.id.clone();
    let scope = canonical::encode(&survey.scope).map_err(Stop::failure)?;
    let display = canonical::encode(&survey.display).map_err(Stop::failure)?;
    gate.journal
        .transact(made_at, |tx| {
            let scope = tx.blob("application/vnd.ambit.scope+json", &scope, Retention::Keep)?;
            let display = tx.blob(
                "application/vnd.ambit.display+json",
                &display,
                Retention::Keep,
            )?;
            let record = Record {
                origin: request.origin.clone(),
                time: tx.time(),
                request: Some(request.id.clone()),
                body: Body::Request {
                    change_request: request,
                    scope,
                    display,
                    signature,
                },
                blobs: vec![scope, display],
            };
            tx.append("request", &encode(&record))?;
            Ok::<(), LedgerError>(())
        })
        .map_err(ledger_stop)?;
    gate.refresh()?;
    Ok(Asked::Request {
        id,
        survey: Box::new(survey),
        text,
    })
}
