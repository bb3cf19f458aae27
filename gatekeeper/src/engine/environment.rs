//! The environment an engine runs in, built from nothing.
//!
//! Both engines read dozens of variables that change what a plan or an apply does: arguments
//! added to every command line, another state, a provider already running elsewhere. So the
//! child inherits none. What a person plainly meant for the configuration (`TF_VAR_*`) and what
//! the settings name is passed on; what would change the meaning of a run is refused with its
//! name; the rest is left out and reported.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::hmac;
use thiserror::Error;

use super::cli_config::CliConfig;
use super::diagnostics::printable;

const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Providers open Unix sockets in the temporary folder; their paths may not pass 107 bytes.
const MAX_TEMP_PATH: usize = 48;

/// Which credentials a phase may see. Further profiles name the variables of one cloud each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// None: nothing beyond what the settings list by name.
    Local,
}

/// The variables of a child, its private home and temporary folder. Values are never printed.
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    passed: BTreeMap<OsString, OsString>,
    dropped: Vec<String>,
    scratch: Scratch,
}

#[derive(Debug, Error)]
pub enum EnvironmentError {
    #[error(
        "{} set in the environment: {why}; unset {} and run again",
        listed(names), if names.len() == 1 { "it" } else { "them" }
    )]
    Refused {
        names: Vec<String>,
        why: &'static str,
    },
    #[error(
        "`{name}` cannot be passed to the engine: {why}; remove it from the list of passed variables"
    )]
    MayNotPass { name: String, why: &'static str },
    #[error("`{name}` is not the name of an environment variable")]
    NotAName { name: String },
    #[error("a private folder for the engine could not be made: {0}")]
    Scratch(#[from] io::Error),
}

pub struct EnvironmentRequest<'a> {
    pub profile: Profile,
    /// The caller's environment, usually `std::env::vars_os().collect()`.
    pub caller: &'a BTreeMap<OsString, OsString>,
    /// Names the settings in force allow through, beside `TF_VAR_*`.
    pub pass: &'a [String],
    pub workspace: &'a str,
    pub cli_config: &'a CliConfig,
    /// Where provider packages are kept between runs.
    pub packages: &'a Path,
}

impl Environment {
    pub fn build(request: &EnvironmentRequest<'_>) -> Result<Environment, EnvironmentError> {
        refuse_what_changes_meaning(request.caller)?;
        for name in request.pass {
            may_pass(name)?;
        }
        let Profile::Local = request.profile;
        let passed: BTreeMap<OsString, OsString> = request
            .caller
            .iter()
            .filter(|(name, _)| {
                is_variable(name) || request.pass.iter().any(|pass| OsStr::new(pass) == *name)
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let dropped = request
            .caller
            .keys()
            .filter(|name| speaks_to_the_engine(name) && !passed.contains_key(*name))
            .map(|name| printable(&name.to_string_lossy()))
            .collect();

        let scratch = Scratch::new()?;
        let config = scratch.write("cli.tfrc", &request.cli_config.render(request.packages))?;
        let mut variables = bare(&scratch);
        variables.insert("TF_CLI_CONFIG_FILE".into(), config.into());
        variables.insert("TF_WORKSPACE".into(), request.workspace.into());
        variables.extend(
            passed
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Ok(Environment {
            variables,
            passed,
            dropped,
            scratch,
        })
    }

    /// Names passed on from the caller, sorted.
    pub fn passed(&self) -> impl Iterator<Item = &OsStr> {
        self.passed.keys().map(OsString::as_os_str)
    }

    /// Variables of the caller that speak to the engine and were left out; worth a notice.
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// Commitment to names and values passed on. Keyed, because values may be guessable secrets.
    pub fn digest(&self, key: &[u8; 32]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        mac.update(b"ambit.environment.v1\n");
        for (name, value) in &self.passed {
            for part in [name, value] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
        }
        let mut out = [0; 32];
        out.copy_from_slice(mac.sign().as_ref());
        out
    }

    pub(super) fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        f.debug_struct("Environment")
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

/// What every engine process gets, whatever it is asked to do.
pub(super) fn bare(scratch: &Scratch) -> BTreeMap<OsString, OsString> {
    let fixed = [
        ("PATH", OsStr::new(SEARCH_PATH)),
        ("LANG", OsStr::new("C.UTF-8")),
        ("HOME", scratch.home().as_os_str()),
        ("TMPDIR", scratch.tmp().as_os_str()),
        ("TF_IN_AUTOMATION", OsStr::new("1")),
        ("TF_INPUT", OsStr::new("0")),
        ("CHECKPOINT_DISABLE", OsStr::new("1")),
        // An engine without a configuration named looks for one in places we do not choose.
        ("TF_CLI_CONFIG_FILE", OsStr::new("/dev/null")),
    ];
    fixed
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn refuse_what_changes_meaning(
    caller: &BTreeMap<OsString, OsString>,
) -> Result<(), EnvironmentError> {
    let why = |name: &OsStr| match name.as_bytes() {
        b"TF_REATTACH_PROVIDERS" => Some(
            "the engine would use a provider that is already running instead of the checked package",
        ),
        b"TF_ENCRYPTION" => Some(
            "encrypted state and plans are not supported yet, and leaving it out would write them in clear",
        ),
        name if name == b"TF_CLI_ARGS" || name.starts_with(b"TF_CLI_ARGS_") => {
            Some("the engine would add these arguments to commands the gate decides about")
        }
        _ => None,
    };
    let mut refused: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (name, _) in caller.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some(why) = why(name) {
            refused
                .entry(why)
                .or_default()
                .push(printable(&name.to_string_lossy()));
        }
    }
    match refused.pop_first() {
        Some((why, names)) => Err(EnvironmentError::Refused { names, why }),
        None => Ok(()),
    }
}

/// A setting may let credentials through, never what loads code or redirects the engine.
fn may_pass(name: &str) -> Result<(), EnvironmentError> {
    let well_formed = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !well_formed {
        return Err(EnvironmentError::NotAName {
            name: printable(name),
        });
    }
    let why = match name {
        _ if is_variable(OsStr::new(name)) || name.starts_with("TF_TOKEN_") => return Ok(()),
        _ if speaks_to_the_engine(OsStr::new(name)) => "it changes what the engine does",
        _ if name.starts_with("LD_") || name.starts_with("DYLD_") => "it loads foreign code",
        _ if name.starts_with("GODEBUG") || name.starts_with("GIT_CONFIG") => {
            "it changes what runs"
        }
        "PATH" | "HOME" | "TMPDIR" | "LANG" | "BASH_ENV" | "ENV" | "SHELLOPTS" | "IFS" => {
            "the gate sets it"
        }
        _ => return Ok(()),
    };
    Err(EnvironmentError::MayNotPass {
        name: name.to_owned(),
        why,
    })
}

fn is_variable(name: &OsStr) -> bool {
    name.as_bytes()
        .strip_prefix(b"TF_VAR_")
        .is_some_and(|rest| !rest.is_empty())
}

fn speaks_to_the_engine(name: &OsStr) -> bool {
    let name = name.as_bytes();
    [&b"TF_"[..], b"TOFU_", b"TERRAFORM_", b"CHECKPOINT_"]
        .iter()
        .any(|p| name.starts_with(p))
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "{} {}",
        quoted.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    )
}

/// Folders of one run that nobody else reads, gone when the run is.
pub(super) struct Scratch {
    root: tempfile::TempDir,
    home: PathBuf,
    tmp: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> io::Result<Scratch> {
        let usual = std::env::temp_dir();
        let short = usual.is_absolute() && usual.as_os_str().len() <= MAX_TEMP_PATH;
        let base = if short {
            usual.as_path()
        } else {
            Path::new("/tmp")
        };
        // By itself the folder would get what the umask leaves.
        let root = tempfile::Builder::new()
            .prefix("ambit-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(base)?;
        let folder = |name: &str| -> io::Result<PathBuf> {
            let path = root.path().join(name);
            std::fs::DirBuilder::new().mode(0o700).create(&path)?;
            Ok(path)
        };
        Ok(Scratch {
            home: folder("h")?,
            tmp: folder("t")?,
            root,
        })
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// As [`Scratch::write`], over one written before: a run may plan more than once.
    pub(super) fn replace(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        match std::fs::remove_file(self.root.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.write(name, content),
        }
    }

    /// A new file only this user can read.
    pub(super) fn write(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.root.path().join(name);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        io::Write::write_all(&mut file, content.as_bytes())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(caller: &[(&str, &str)], pass: &[&str]) -> Result<Environment, EnvironmentError> {
        let caller = caller.iter().map(|(k, v)| (k.into(), v.into())).collect();
        let pass: Vec<String> = pass.iter().map(|name| (*name).to_owned()).collect();
        Environment::build(&EnvironmentRequest {
            profile: Profile::Local,
            caller: &caller,
            pass: &pass,
            workspace: "default",
            cli_config: &CliConfig::default(),
            packages: Path::new("/nowhere"),
        })
    }

    #[test]
    fn only_named_things_come_through() {
        let caller = [
            ("TF_VAR_region", "eu"),
            ("TF_VAR_", "empty name"),
            ("CLOUD_TOKEN", "t"),
            ("OTHER_TOKEN", "o"),
            ("LD_PRELOAD", "/evil.so"),
            ("GIT_SSH_COMMAND", "evil"),
            ("HTTPS_PROXY", "evil"),
            ("PATH", "/evil"),
            ("HOME", "/root"),
            ("TF_WORKSPACE", "prod"),
            ("TF_DATA_DIR", "/elsewhere"),
            ("TF_LOG", "trace"),
            ("TF_HTTP_ADDRESS", "http://evil"),
        ];
        let env = build(&caller, &["CLOUD_TOKEN", "NOT_SET"]).unwrap();
        let names: Vec<_> = env
            .variables()
            .keys()
            .map(|n| n.to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "CHECKPOINT_DISABLE",
                "CLOUD_TOKEN",
                "HOME",
                "LANG",
                "PATH",
                "TF_CLI_CONFIG_FILE",
                "TF_INPUT",
                "TF_IN_AUTOMATION",
                "TF_VAR_region",
                "TF_WORKSPACE",
                "TMPDIR"
            ]
        );
        assert_eq!(env.variables()[OsStr::new("TF_WORKSPACE")], "default");
        assert_eq!(env.variables()[OsStr::new("PATH")], SEARCH_PATH);
        assert_eq!(
            env.dropped(),
            [
                "TF_DATA_DIR",
                "TF_HTTP_ADDRESS",
                "TF_LOG",
                "TF_VAR_",
                "TF_WORKSPACE"
            ]
        );
        assert!(!format!("{env:?}").contains("eu"), "values are not printed");
    }

    #[test]
    fn what_changes_the_meaning_of_a_run_is_refused_by_name() {
        for name in [
            "TF_CLI_ARGS",
            "TF_CLI_ARGS_plan",
            "TF_CLI_ARGS_apply",
            "TF_REATTACH_PROVIDERS",
            "TF_ENCRYPTION",
        ] {
            let error = build(&[(name, "-destroy")], &[]).unwrap_err();
            assert!(
                error.to_string().contains(&format!("`{name}` is set")),
                "{error}"
            );
            assert!(
                build(&[(name, "")], &[]).is_ok(),
                "an empty {name} does nothing"
            );
        }
    }

    #[test]
    fn settings_cannot_let_the_dangerous_ones_through() {
        for name in [
            "TF_CLI_ARGS",
            "TF_DATA_DIR",
            "TF_WORKSPACE",
            "TF_CLI_CONFIG_FILE",
            "TF_REATTACH_PROVIDERS",
            "TF_LOG",
            "TOFU_X",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "HOME",
            "TMPDIR",
            "BASH_ENV",
            "",
            "A=B",
            "A B",
            "1A",
            "Ä",
        ] {
            assert!(build(&[], &[name]).is_err(), "{name}");
        }
        for name in ["AWS_PROFILE", "TF_TOKEN_app_example_com", "TF_VAR_x"] {
            assert!(build(&[], &[name]).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_digest_covers_names_values_and_key_and_cannot_be_shifted() {
        let digest = |caller: &[(&str, &str)], key| build(caller, &[]).unwrap().digest(&[key; 32]);
        let base = digest(&[("TF_VAR_a", "1"), ("TF_VAR_b", "2")], 0);
        assert_eq!(
            base,
            digest(&[("TF_VAR_b", "2"), ("TF_VAR_a", "1"), ("IGNORED", "x")], 0)
        );
        for other in [
            digest(&[("TF_VAR_a", "1"), ("TF_VAR_b", "3")], 0),
            digest(&[("TF_VAR_a", "1")], 0),
            digest(&[("TF_VAR_a", "1TF_VAR_b"), ("TF_VAR_", "2")], 0),
            digest(&[("TF_VAR_a", "1"), ("TF_VAR_b", "2")], 1),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn scratch_is_private_and_goes_away() {
        let scratch = Scratch::new().unwrap();
        let file = scratch.write("f", "x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(scratch.root.path()), mode(scratch.home()), mode(&file)),
            (0o700, 0o700, 0o600)
        );
        assert!(
            scratch.write("f", "again").is_err(),
            "never over an existing file"
        );
        drop(scratch);
        assert!(!file.exists());
    }
}
