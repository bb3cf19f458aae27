//! One run of the engine over one sealed stack: `init`, `plan`, `show`, `apply`.
//!
//! The gate chooses every flag that decides what happens; what a user may add is in
//! [`PlanArgs`]. A failure before an apply started anything is an [`EngineError`]; once the
//! engine is applying, whatever happens is a result ([`Applied`]), because by then there is
//! something to account for.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::backend::LocalState;
use super::diagnostics::{Diagnostic, Severity, printable, printable_lines};
use super::environment::Environment;
use super::events::{Event, Lines};
use super::find::{Engine, Kind};
use super::interrupt::Interrupts;
use super::packages::{self, PackageError, ProviderPackage};
use super::plan_bytes::{self, Draft, ForeignPlan, PlanBytes};
use super::process::{self, Consumed, Ended, Exit, Invocation, Patience};
use super::seal::Seal;

const MAX_PLAN: u64 = 1 << 30;
const MAX_SHOWN: usize = 1 << 30;
const MAX_GRAPH: usize = 256 << 20;
const MAX_VAR_FILE: u64 = 64 << 20;
const MAX_DIAGNOSTICS: usize = 200;

pub struct Run<'a> {
    engine: &'a Engine,
    seal: &'a Seal,
    state: &'a LocalState,
    environment: &'a Environment,
    interrupts: &'a Interrupts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanArgs {
    /// `-var name=value`, in order.
    pub vars: Vec<(String, String)>,
    /// `-var-file`, in order; relative to the stack folder. Files outside the repository are copied.
    pub var_files: Vec<PathBuf>,
    pub targets: Vec<String>,
    /// OpenTofu only.
    pub excludes: Vec<String>,
    pub replace: Vec<String>,
    pub mode: Mode,
    pub skip_refresh: bool,
    pub parallelism: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Normal,
    Destroy,
    RefreshOnly,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitReport {
    pub packages: Vec<ProviderPackage>,
}

#[derive(Debug)]
pub struct Planned {
    pub plan: PlanBytes,
    /// By the engine's exit code; outputs count.
    pub changes_present: bool,
    pub warnings: Vec<Diagnostic>,
    /// Variable files from outside the repository, with their SHA-256.
    pub foreign_var_files: Vec<(PathBuf, [u8; 32])>,
}

/// What the watcher of an apply says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Something runs that was not approved: ask the engine to stop.
    Stop,
}

#[derive(Debug)]
pub struct Applied {
    pub end: ApplyEnd,
    /// False only if no event showed work on any object: nothing happened outside the engine.
    /// Where lines were unreadable this is true, for they may have been such events.
    pub started: bool,
    pub unreadable_lines: u64,
    pub diagnostics: Vec<Diagnostic>,
    pub stderr: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyEnd {
    Complete,
    /// The engine gave up or was killed.
    Failed(Exit),
    /// Stopped because the user asked; the engine was let finish what it had begun.
    Interrupted(Exit),
    /// Stopped because the watcher said so.
    Stopped(Exit),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Init,
    Plan,
    Show,
    Graph,
    Apply,
}

#[derive(Debug, Error)]
pub enum EngineError {
    #[error("engine `{engine}` could not be started for {phase}: {source}")]
    Start {
        engine: String,
        phase: Phase,
        source: io::Error,
    },
    #[error("{phase} was interrupted; nothing was applied")]
    Interrupted { phase: Phase },
    #[error(
        "the state is locked by somebody else; wait until they are done\n{}",
        said(diagnostics, stderr)
    )]
    StateLocked {
        diagnostics: Vec<Diagnostic>,
        stderr: String,
    },
    #[error("{phase} failed with {exit}\n{}", said(diagnostics, stderr))]
    Failed {
        phase: Phase,
        exit: Exit,
        diagnostics: Vec<Diagnostic>,
        stderr: String,
    },
    #[error("the engine said {phase} went well but gave no plan")]
    NoPlan { phase: Phase },
    #[error("the plan could not be taken over: {0}")]
    Plan(io::Error),
    #[error("{phase} printed more than {limit} bytes")]
    TooMuchOutput { phase: Phase, limit: usize },
    #[error("variable file `{path}` could not be read: {source}")]
    VarFile { path: String, source: io::Error },
    #[error("`{0}` is not a variable name")]
    VarName(String),
    #[error("`-exclude` is known to OpenTofu only")]
    ExcludeUnknown,
    #[error(transparent)]
    Packages(#[from] PackageError),
}

impl<'a> Run<'a> {
    pub fn new(
        engine: &'a Engine,
        seal: &'a Seal,
        state: &'a LocalState,
        environment: &'a Environment,
        interrupts: &'a Interrupts,
    ) -> Run<'a> {
        Run {
            engine,
            seal,
            state,
            environment,
            interrupts,
        }
    }

    /// Installs providers and modules in the seal and checks the packages. A lock file written
    /// here stays in the seal: [`Seal::written`] tells.
    pub fn init(&self) -> Result<InitReport, EngineError> {
        let mut args = args(["init", "-input=false", "-no-color"]);
        for (name, value) in self.state.init_config() {
            args.push(format!("-backend-config={name}={value}").into());
        }
        let ended = self.start(Phase::Init, &args, None, Patience::Bounded, &mut |_| {
            Consumed::Fine
        })?;
        self.must_succeed(Phase::Init, &ended, Vec::new(), |code| code == 0)?;
        Ok(InitReport {
            packages: packages::installed(self.seal.stack_dir())?,
        })
    }

    pub fn plan(&self, request: &PlanArgs) -> Result<Planned, EngineError> {
        let mut foreign_var_files = Vec::new();
        let mut args = args([
            "plan",
            "-json",
            "-input=false",
            "-no-color",
            "-lock-timeout=0s",
            "-detailed-exitcode",
        ]);
        args.push(self.state.flag());
        args.push(format!("-out={}", plan_bytes::PATH).into());
        args.extend(self.plan_flags(request, &mut foreign_var_files)?);

        let draft = Draft::new().map_err(EngineError::Plan)?;
        let stdin = draft.stdin().map_err(EngineError::Plan)?;
        let mut lines = Lines::default();
        let mut diagnostics = Vec::new();
        let mut keep = |event| keep_diagnostic(&mut diagnostics, event);
        let ended = self.start(
            Phase::Plan,
            &args,
            Some(stdin),
            Patience::Bounded,
            &mut |bytes| {
                lines.feed(bytes, &mut keep);
                Consumed::Fine
            },
        )?;
        lines.finish(&mut keep);
        // With -detailed-exitcode 2 means that there are changes.
        self.must_succeed(Phase::Plan, &ended, diagnostics.clone(), |code| {
            code == 0 || code == 2
        })?;

        let plan = draft.seal(MAX_PLAN).map_err(EngineError::Plan)?;
        if plan.bytes().is_empty() {
            return Err(EngineError::NoPlan { phase: Phase::Plan });
        }
        let changes_present = ended.exit == Exit::Code(2);
        Ok(Planned {
            plan,
            changes_present,
            warnings: diagnostics,
            foreign_var_files,
        })
    }

    /// The plan as JSON; run once per plan. Starts providers.
    pub fn show_json(&self, plan: &PlanBytes) -> Result<Vec<u8>, EngineError> {
        self.show(plan.stdin())
    }

    /// The same for a plan from elsewhere, which gets a report and is never applied.
    pub fn show_foreign_json(&self, plan: &ForeignPlan) -> Result<Vec<u8>, EngineError> {
        self.show(plan.stdin())
    }

    /// The engine's own ordering graph in DOT; used to check ours. Starts providers.
    pub fn graph_dot(&self) -> Result<Vec<u8>, EngineError> {
        self.collect(
            Phase::Graph,
            &args(["graph", "-type=plan"]),
            None,
            MAX_GRAPH,
        )
    }

    /// Applies exactly these bytes. `watch` sees every event as it comes; [`Flow::Stop`] asks the
    /// engine to end after what it is doing. Ctrl-C does the same; a second one is passed on too.
    pub fn apply(
        &self,
        plan: &PlanBytes,
        watch: &mut dyn FnMut(&Event) -> Flow,
    ) -> Result<Applied, EngineError> {
        let mut args = args([
            "apply",
            "-json",
            "-input=false",
            "-no-color",
            "-auto-approve",
            "-lock-timeout=0s",
        ]);
        args.push(self.state.flag());
        args.push(plan_bytes::PATH.into());
        let stdin = plan.stdin().map_err(EngineError::Plan)?;

        let mut lines = Lines::default();
        let mut diagnostics = Vec::new();
        let (mut started, mut unreadable_lines, mut stopped) = (false, 0, false);
        let mut see = |event: Event| {
            started |= event.is_start_of_work();
            unreadable_lines += u64::from(event == Event::Unreadable);
            let stop = watch(&event) == Flow::Stop;
            let first = stop && !stopped;
            stopped |= stop;
            keep_diagnostic(&mut diagnostics, event);
            first
        };
        let ended = self.start(
            Phase::Apply,
            &args,
            Some(stdin),
            Patience::Unbounded,
            &mut |bytes| {
                // Asked once: a second time would make the engine drop everything.
                let mut stop_now = false;
                lines.feed(bytes, &mut |event| stop_now |= see(event));
                if stop_now {
                    Consumed::Stop
                } else {
                    Consumed::Fine
                }
            },
        )?;
        lines.finish(&mut |event| {
            see(event);
        });

        let end = match ended.exit {
            // Stopped or not, the engine got everything done.
            Exit::Code(0) => ApplyEnd::Complete,
            exit if stopped => ApplyEnd::Stopped(exit),
            exit if ended.interrupted => ApplyEnd::Interrupted(exit),
            exit => ApplyEnd::Failed(exit),
        };
        let stderr = printable_lines(&ended.stderr);
        started |= unreadable_lines > 0;
        if !started && is_about_the_lock(&diagnostics) {
            return Err(EngineError::StateLocked {
                diagnostics,
                stderr,
            });
        }
        Ok(Applied {
            end,
            started,
            unreadable_lines,
            diagnostics,
            stderr,
        })
    }

    fn plan_flags(
        &self,
        request: &PlanArgs,
        foreign: &mut Vec<(PathBuf, [u8; 32])>,
    ) -> Result<Vec<OsString>, EngineError> {
        let mut flags: Vec<OsString> = Vec::new();
        match request.mode {
            Mode::Normal => {}
            Mode::Destroy => flags.push("-destroy".into()),
            Mode::RefreshOnly => flags.push("-refresh-only".into()),
        }
        if request.skip_refresh {
            flags.push("-refresh=false".into());
        }
        if let Some(parallelism) = request.parallelism {
            flags.push(format!("-parallelism={parallelism}").into());
        }
        if !request.excludes.is_empty() && self.engine.kind == Kind::Terraform {
            return Err(EngineError::ExcludeUnknown);
        }
        for (flag, addresses) in [
            ("-target", &request.targets),
            ("-exclude", &request.excludes),
            ("-replace", &request.replace),
        ] {
            flags.extend(
                addresses
                    .iter()
                    .map(|address| OsString::from(format!("{flag}={address}"))),
            );
        }
        // Files before single values: the order in which engines let the later one win.
        for path in &request.var_files {
            let mut flag = OsString::from("-var-file=");
            flag.push(self.var_file(path, foreign)?);
            flags.push(flag);
        }
        for (name, value) in &request.vars {
            if name.is_empty() || name.contains('=') {
                return Err(EngineError::VarName(printable(name)));
            }
            flags.push("-var".into());
            flags.push(format!("{name}={value}").into());
        }
        Ok(flags)
    }

    /// The file in the seal, or a private copy of one from outside.
    fn var_file(
        &self,
        path: &Path,
        foreign: &mut Vec<(PathBuf, [u8; 32])>,
    ) -> Result<PathBuf, EngineError> {
        let error = |source| EngineError::VarFile {
            path: printable(&path.to_string_lossy()),
            source,
        };
        if path.is_relative() {
            let inside = self
                .seal
                .stack_dir()
                .join(path)
                .canonicalize()
                .map_err(error)?;
            if !inside.starts_with(self.seal.root().canonicalize().map_err(error)?) {
                return Err(error(io::Error::other(
                    "it leads outside the repository; give an absolute path",
                )));
            }
            return Ok(inside);
        }
        let content = read_var_file(path).map_err(error)?;
        // The ending decides how the engine reads it.
        let ending = if path.extension().is_some_and(|e| e == "json") {
            "tfvars.json"
        } else {
            "tfvars"
        };
        let name = format!("vars-{}.{ending}", foreign.len());
        let digest = super::sha256(content.as_bytes());
        let scratch = self.environment.scratch();
        let copy = scratch.replace(&name, &content).map_err(error)?;
        foreign.push((path.to_owned(), digest));
        Ok(copy)
    }

    fn show(&self, stdin: io::Result<std::os::fd::OwnedFd>) -> Result<Vec<u8>, EngineError> {
        let stdin = stdin.map_err(EngineError::Plan)?;
        let args = args(["show", "-json", "-no-color", plan_bytes::PATH]);
        self.collect(Phase::Show, &args, Some(stdin), MAX_SHOWN)
    }

    fn collect(
        &self,
        phase: Phase,
        args: &[OsString],
        stdin: Option<std::os::fd::OwnedFd>,
        limit: usize,
    ) -> Result<Vec<u8>, EngineError> {
        let mut out = Vec::new();
        let mut too_much = false;
        let ended = self.start(phase, args, stdin, Patience::Bounded, &mut |bytes| {
            too_much |= out.len() + bytes.len() > limit;
            if too_much {
                return Consumed::Stop;
            }
            out.extend_from_slice(bytes);
            Consumed::Fine
        })?;
        if too_much {
            return Err(EngineError::TooMuchOutput { phase, limit });
        }
        self.must_succeed(phase, &ended, Vec::new(), |code| code == 0)?;
        Ok(out)
    }

    fn start(
        &self,
        phase: Phase,
        args: &[OsString],
        stdin: Option<std::os::fd::OwnedFd>,
        patience: Patience,
        on_stdout: &mut dyn FnMut(&[u8]) -> Consumed,
    ) -> Result<Ended, EngineError> {
        process::run(
            Invocation {
                program: &self.engine.path,
                args,
                dir: self.seal.stack_dir(),
                variables: self.environment.variables(),
                stdin,
                patience,
                deadline: None,
                interrupts: self.interrupts,
            },
            on_stdout,
        )
        .map_err(|source| EngineError::Start {
            engine: printable(&self.engine.path.to_string_lossy()),
            phase,
            source,
        })
    }

    /// For phases that apply nothing.
    fn must_succeed(
        &self,
        phase: Phase,
        ended: &Ended,
        diagnostics: Vec<Diagnostic>,
        fine: impl Fn(i32) -> bool,
    ) -> Result<(), EngineError> {
        if ended.interrupted {
            return Err(EngineError::Interrupted { phase });
        }
        let stderr = printable_lines(&ended.stderr);
        match ended.exit {
            Exit::Code(code) if fine(code) => Ok(()),
            _ if is_about_the_lock(&diagnostics) => Err(EngineError::StateLocked {
                diagnostics,
                stderr,
            }),
            exit => Err(EngineError::Failed {
                phase,
                exit,
                diagnostics,
                stderr,
            }),
        }
    }
}

impl EngineError {
    /// What the engine said, for callers that show it in their own way.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            EngineError::StateLocked { diagnostics, .. }
            | EngineError::Failed { diagnostics, .. } => diagnostics,
            _ => &[],
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Init => "`init`",
            Phase::Plan => "`plan`",
            Phase::Show => "`show`",
            Phase::Graph => "`graph`",
            Phase::Apply => "`apply`",
        })
    }
}

fn args<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

fn keep_diagnostic(diagnostics: &mut Vec<Diagnostic>, event: Event) {
    if let Event::Diagnostic(diagnostic) = event
        && !diagnostic.is_about_our_flags()
        && diagnostics.len() < MAX_DIAGNOSTICS
    {
        diagnostics.push(diagnostic);
    }
}

/// Engines use the same summary when taking the lock failed for another reason, such as a state
/// they cannot read; only a lock somebody holds comes with its description.
fn is_about_the_lock(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| {
        diagnostic.severity == Severity::Error
            && diagnostic.summary == "Error acquiring the state lock"
            && diagnostic.detail.contains("Lock Info:")
    })
}

/// Errors first; without any, what the engine printed elsewhere.
fn said(diagnostics: &[Diagnostic], stderr: &str) -> String {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity != Severity::Warning)
        .map(Diagnostic::to_string)
        .collect();
    match (errors.is_empty(), stderr.is_empty()) {
        (false, _) => errors.join("\n"),
        (true, false) => stderr.to_owned(),
        (true, true) => "the engine gave no reason".to_owned(),
    }
}

fn read_var_file(path: &Path) -> io::Result<String> {
    use io::Read;
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    file.take(MAX_VAR_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_VAR_FILE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 64 MiB",
        ));
    }
    Ok(text)
}
