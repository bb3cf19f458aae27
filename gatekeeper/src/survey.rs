//! One look at what a change would do: plan, graph, radius, scope, duties, text.
//!
//! Asking for approval and applying take the same look. Under one key the same change gives the same scope.

use crate::{
    bench::Bench,
    declarations,
    engine::{InitReport, Mode as RunMode, PlanArgs, PlanBytes, Run},
    gate::Gate,
    graph::{Configuration, Dialect, Graph, Snapshot, SourceFile},
    outcome::Objects,
    plan::{Plan, PlanFile},
    present,
    radius::{self, Known, Sources},
    scope::{self, Surroundings},
    stop::Stop,
    tables::Tables,
};
use ambit_authority::{
    bundle::{Bundle, Mode},
    digest::{CommitmentKey, Digest},
    display::Display,
    duty::{self, Duties, authority_claims},
    ratchet::{differences, refused},
    request::Requester,
    scope::Scope,
    tier::Tier,
};

pub struct Survey {
    pub planned: PlanBytes,
    pub plan: Plan,
    pub scope: Scope,
    pub display: Display,
    pub tier: Tier,
    pub duties: Duties,
    pub environment: String,
    pub mode: Mode,
    /// The bundle that would be in force, where it differs.
    pub bundle_after: Option<Bundle>,
    pub known_after: Known,
    /// Statements that the declarations carry.
    pub carried: Vec<String>,
    /// Files the engine wrote into the sealed tree.
    pub written: Vec<String>,
    /// Nothing to do and nothing to declare.
    pub empty: bool,
}

pub struct Look<'a> {
    pub gate: &'a Gate,
    pub bench: &'a Bench,
    pub init: &'a InitReport,
    pub arguments: &'a PlanArgs,
    pub requester: &'a Requester,
    pub key: &'a CommitmentKey,
    pub salt: String,
}

impl Look<'_> {
    pub fn survey(&self, run: &Run<'_>) -> Result<Survey, Stop> {
        // The stack's files first, so that what is given on the command line wins, as the engine orders them.
        let mut arguments = self.arguments.clone();
        arguments
            .var_files
            .splice(0..0, self.bench.var_files.clone());
        let planned = run.plan(&arguments).map_err(Stop::failure)?;
        let json = run.show_json(&planned.plan).map_err(Stop::failure)?;
        let file = PlanFile::read(planned.plan.bytes()).map_err(Stop::failure)?;
        let plan = Plan::read(&json).map_err(Stop::failure)?;
        drop(json);
        if !scope::same_state(&file, self.bench.lineage()) {
            return Err(Stop::failure(
                "the plan starts from another state than the one beside it",
            ));
        }
        let dialect = match self.bench.engine.kind {
            crate::engine::Kind::OpenTofu => Dialect::OpenTofu,
            crate::engine::Kind::Terraform => Dialect::Terraform,
        };
        let configuration =
            Configuration::load(&snapshot(&file), dialect).map_err(Stop::failure)?;
        let graph = Graph::build(&configuration).map_err(Stop::failure)?;
        if let Some(lost) = graph.unresolved().first() {
            return Err(Stop::denied(format!(
                "{}: `{}` names nothing this version can find, so the radius would be incomplete",
                lost.at,
                ambit_authority::address::escape(&lost.text)
            )));
        }

        let force = &self.gate.history.force.bundle;
        let fingerprint = &self.bench.fingerprint;
        let environment = force.environment_of(fingerprint);
        let last = self.gate.history.last_outcome(fingerprint);
        let recorded = last
            .map(|o| Objects::of(&self.gate.journal, o))
            .transpose()?;
        // A blob may be deleted; what it knew of guards and providers is then unknown, and not "none".
        let forgotten = matches!(recorded, Some(None)).then(|| {
            "what the last outcome recorded of guards and providers is gone from the ledger"
                .to_owned()
        });
        let known = recorded.flatten().map(|o| o.known()).unwrap_or_default();
        let (serial, state_digest) = self.bench.serial_and_digest();
        let state_moved = last.filter(|o| o.state_digest != state_digest).map(|o| {
            format!(
                "state changed outside the gate since request {} (serial {} then, {serial} now)",
                o.request, o.serial
            )
        });
        let tables = Tables::built_in();
        if tables.version != force.settings.tables_version {
            return Err(Stop::denied(format!(
                "this program has tables {}, in force are {}",
                tables.version, force.settings.tables_version
            )));
        }
        let sources = Sources {
            plan: &plan,
            configuration: &configuration,
            graph: &graph,
            bundle: force,
            tables: &tables,
            fingerprint,
            critical: environment.is_none_or(|e| e.critical),
            state: self.bench.before.as_ref(),
            known: &known,
            state_moved: state_moved.or(forgotten),
        };
        let radius = radius::measure(&sources)?;

        let bundle_after = self.bundle_after(&plan)?;
        let differences = bundle_after
            .as_ref()
            .map(|after| differences(force, after))
            .transpose()
            .map_err(Stop::failure)?
            .unwrap_or_default();
        if let Some(problem) = bundle_after
            .as_ref()
            .and_then(|after| refused(force, after))
        {
            return Err(Stop::denied(problem));
        }
        let bundle_after = bundle_after.filter(|_| !differences.is_empty());
        let authority_after = bundle_after
            .as_ref()
            .map(Digest::of_document)
            .transpose()
            .map_err(Stop::failure)?;
        let around = Surroundings {
            key: self.key,
            engine: &self.bench.engine,
            file: &file,
            packages: &self.init.packages,
            arguments: self.arguments,
            lineage: self.bench.lineage(),
            environment: self.bench.targeting(self.key),
            seal: &self.bench.seal,
            authority_after,
        };
        let scope = scope::scope(&sources, &radius, &around)?;

        let mut claims = radius.claims();
        claims.extend(authority_claims(&differences, force, fingerprint));
        let tier = duty::tier(&claims, environment);
        let duties = Duties::of(&claims, force, environment, self.requester);
        let display = present::display(&sources, &radius, &differences, &duties, self.salt.clone());
        let written = self.bench.seal.written().map_err(Stop::failure)?;
        Ok(Survey {
            empty: radius.effects.is_empty() && differences.is_empty(),
            known_after: Known {
                guards: scope::guards_of(&graph),
                providers: scope::provider_texts(&graph),
            },
            carried: declarations::carried_statements(&plan)?,
            environment: environment.map_or("(unclaimed)".into(), |e| e.id.clone()),
            mode: environment.map_or(Mode::Enforce, |e| e.mode),
            written: written
                .files
                .iter()
                .map(|f| f.path.display().to_string())
                .collect(),
            planned: planned.plan,
            plan,
            scope,
            display,
            tier,
            duties,
            bundle_after,
        })
    }

    /// The declarations of the plan, where this stack may carry them.
    fn bundle_after(&self, plan: &Plan) -> Result<Option<Bundle>, Stop> {
        // A part of a plan declares a part of the authority, which would read as removal of the rest.
        let partial = !self.arguments.targets.is_empty()
            || !self.arguments.excludes.is_empty()
            || self.arguments.mode == RunMode::RefreshOnly;
        if partial {
            return Ok(None);
        }
        let history = &self.gate.history;
        let declared = declarations::compile(plan, &history.force.bundle)?;
        let home = history
            .links
            .iter()
            .rev()
            .find_map(|link| link.request.as_ref())
            .map(|r| r.fingerprint.as_str());
        match (declared, home) {
            (Some(_), Some(home)) if home != self.bench.fingerprint => Err(Stop::denied(format!("authority is declared in stack `{home}`; another stack cannot declare it too"))
                .next("move the declarations there")),
            (None, Some(home)) if home == self.bench.fingerprint => Err(Stop::denied("this plan declares no authority any more, which would remove every person, team and rule")
                .next("put the `ambit_*` declarations back")),
            (declared, _) => Ok(declared),
        }
    }
}

pub fn snapshot(file: &PlanFile) -> Snapshot {
    let modules = file.modules.iter().map(|(key, files)| {
        let files = files
            .iter()
            .map(|f| SourceFile {
                name: f.name.clone(),
                bytes: f.bytes.clone(),
            })
            .collect();
        (key.clone(), files)
    });
    Snapshot {
        modules: modules.collect(),
        manifest: file
            .manifest
            .iter()
            .map(|(key, record)| (key.clone(), record.dir.clone()))
            .collect(),
    }
}
