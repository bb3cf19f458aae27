//! The command line: one file per command, exit codes from [`Exit`].

// A screen that went away (`ambit apply … | head`) must not end the gate between two steps, and the macros of the
// standard library would: they panic. What is known is in the log and in the exit code.
macro_rules! print {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($line)*);
    }};
}
macro_rules! println {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}
macro_rules! eprintln {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

mod apply;
mod decide;
mod init;
mod log;
mod plan;
mod show;
mod status;
mod trust;

use crate::{
    engine::{Mode, PlanArgs},
    stop::{Exit, Stop},
};
use clap::{Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(
    name = "ambit",
    version,
    about = "Lets a change through when the people who answer for what it reaches have signed for it."
)]
struct Cli {
    /// Where the ledger is; a locator only, trust comes from the pin.
    #[arg(long, global = true, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Output format of stdout.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Begin a history for this repository: sign record 0, make the log, pin it.
    Init {
        /// SSH key of the founding person.
        #[arg(long = "as", value_name = "KEY")]
        signer: PathBuf,
        /// Name of the founding person, as `ambit_person` will declare it; the key's file name without this.
        #[arg(long, value_name = "NAME")]
        person: Option<String>,
    },
    /// Pin histories handed to you outside the repository.
    Trust {
        #[command(subcommand)]
        what: trust::What,
    },
    /// Plan a stack and ask for approval of what it reaches.
    Plan {
        #[arg(long, value_name = "NAME")]
        stack: Option<String>,
        /// SSH key of who asks; without it the request is anonymous and needs one signature more.
        #[arg(long = "as", value_name = "KEY")]
        signer: Option<PathBuf>,
        /// Exit with 3 while approval is required.
        #[arg(long)]
        gate: bool,
        /// Engine arguments: -var, -var-file, -target, -exclude, -replace, -destroy, -refresh-only.
        #[arg(last = true)]
        engine: Vec<String>,
    },
    /// Show a request, or write the file that people sign.
    Show {
        id: String,
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
    /// Approve an exported request, or put statements into the inbox with --import.
    Approve(decide::Arguments),
    /// Reject an exported request.
    Reject(decide::Arguments),
    /// Take back an approval. Final.
    Revoke(decide::Arguments),
    /// Apply an approved request, exactly.
    Apply {
        id: String,
        /// Engine arguments: -var and -var-file, as at planning.
        #[arg(last = true)]
        engine: Vec<String>,
    },
    /// Who still must sign.
    Status { id: Option<String> },
    /// Read and verify the log.
    Log {
        #[command(subcommand)]
        what: log::What,
    },
    /// Report on a plan file or plan JSON from anywhere. Advisory: it never leads to an apply.
    Check { file: PathBuf },
    /// Print the version.
    Version,
}

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            return ExitCode::from(if asked { 0 } else { Exit::Usage as u8 });
        }
    };
    let format = cli.format;
    match run(cli) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(stop) => {
            if format == Format::Json {
                let json = serde_json::json!({
                    "v": 1, "verdict": stop.exit.name(), "exit": stop.exit as u8, "what": stop.what, "details": stop.details, "next": stop.next,
                });
                println!("{json}");
            } else {
                eprintln!("ambit: {stop}");
            }
            ExitCode::from(stop.exit as u8)
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Stop> {
    let ledger = cli.ledger.as_deref();
    match cli.command {
        Command::Init { signer, person } => init::run(ledger, &signer, person),
        Command::Trust { what } => trust::run(what),
        Command::Plan {
            stack,
            signer,
            gate,
            engine,
        } => plan::run(
            ledger,
            cli.format,
            stack.as_deref(),
            signer.as_deref(),
            gate,
            arguments(&engine)?,
        ),
        Command::Show { id, export } => show::run(ledger, cli.format, &id, export.as_deref()),
        Command::Approve(arguments) => decide::run(
            ledger,
            ambit_authority::statement::Decision::Approve,
            arguments,
        ),
        Command::Reject(arguments) => decide::run(
            ledger,
            ambit_authority::statement::Decision::Reject,
            arguments,
        ),
        Command::Revoke(arguments) => decide::run(
            ledger,
            ambit_authority::statement::Decision::Revoke,
            arguments,
        ),
        Command::Apply { id, engine } => apply::run(ledger, cli.format, &id, arguments(&engine)?),
        Command::Status { id } => status::run(ledger, cli.format, id.as_deref()),
        Command::Log { what } => log::run(ledger, what),
        Command::Check { file } => {
            print!("{}", crate::check::report(&file)?);
            Ok(Exit::Done)
        }
        Command::Version => {
            println!("ambit {}", env!("CARGO_PKG_VERSION"));
            Ok(Exit::Done)
        }
    }
}

/// The engine arguments that are understood. Anything else is refused by name: an argument that is passed on unread
/// could change what happens.
fn arguments(given: &[String]) -> Result<PlanArgs, Stop> {
    let mut out = PlanArgs::default();
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        let plain = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'))
            .unwrap_or_default();
        let (name, mut value) = match plain.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (plain, None),
        };
        let mut take = || {
            value
                .take()
                .or_else(|| rest.next().cloned())
                .ok_or_else(|| Stop::usage(format!("`{argument}` needs a value")))
        };
        match name {
            "var" => {
                let text = take()?;
                let (name, value) = text
                    .split_once('=')
                    .ok_or_else(|| Stop::usage("`-var` is written -var NAME=VALUE"))?;
                out.vars.push((name.to_owned(), value.to_owned()));
            }
            "var-file" => out.var_files.push(take()?.into()),
            "target" => out.targets.push(take()?),
            "exclude" => out.excludes.push(take()?),
            "replace" => out.replace.push(take()?),
            "destroy" => out.mode = Mode::Destroy,
            "refresh-only" => out.mode = Mode::RefreshOnly,
            _ => {
                return Err(Stop::usage(format!(
                    "engine argument `{}` is not passed on",
                    ambit_authority::address::escape(argument)
                ))
                .next(
                    "known: -var, -var-file, -target, -exclude, -replace, -destroy, -refresh-only",
                ));
            }
        }
    }
    Ok(out)
}

/// Every verdict says how far the gate's own walls reach.
pub(crate) const LEVEL: &str = "cooperative (engine and gate run as the same user; an agent with this user's shell could go round)";
