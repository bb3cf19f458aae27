//! Which engine runs: found, asked for its name and version, hashed.
//!
//! `AMBIT_ENGINE`, then `tofu`, then `terraform` on `PATH`. Neither engine says in its JSON
//! which of the two it is, so the first line of the plain `version` output is read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::diagnostics::printable;
use super::environment::{self, Scratch};
use super::interrupt::Interrupts;
use super::process::{self, Consumed, Invocation, Patience};

const PROBE_TIME: Duration = Duration::from_secs(30);
const MAX_VERSION_OUTPUT: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Absolute, symbolic links not followed: some engines look at the name they are called by.
    pub path: PathBuf,
    pub kind: Kind,
    pub version: Version,
    pub sha256: [u8; 32],
    /// A script's hash says nothing about the program it starts.
    pub is_script: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    OpenTofu,
    Terraform,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// What follows the first `-`, for instance `beta1`.
    pub pre: Option<String>,
}

#[derive(Debug, Error)]
pub enum FindError {
    #[error(
        "no engine found: neither `AMBIT_ENGINE` nor `tofu` nor `terraform` on PATH; \
         install OpenTofu (https://opentofu.org/docs/intro/install) or set `AMBIT_ENGINE` to a binary"
    )]
    Missing,
    #[error(
        "engine `{path}` does not exist; set `AMBIT_ENGINE` to an OpenTofu or Terraform binary"
    )]
    Absent { path: String },
    #[error("engine `{path}` is not an executable file")]
    NotExecutable { path: String },
    #[error("engine `{path}` could not be read or started: {source}")]
    Start { path: String, source: io::Error },
    #[error(
        "`{path}` is neither OpenTofu nor Terraform: `version` gave {exit} and said `{said}`{hint}"
    )]
    NotAnEngine {
        path: String,
        exit: process::Exit,
        said: String,
        hint: &'static str,
    },
    #[error("engine `{path}` did not answer `version` within {} seconds", PROBE_TIME.as_secs())]
    NoAnswer { path: String },
    #[error("asking engine `{path}` for its version was interrupted")]
    Interrupted { path: String },
    #[error("engine `{path}` is {kind} {version}; at least {kind} {needed} is needed")]
    TooOld {
        path: String,
        kind: Kind,
        version: Version,
        needed: Version,
    },
}

const SHIM_HINT: &str = " (a version manager's script? set `AMBIT_ENGINE` to the engine it starts)";

impl Engine {
    /// Finds and probes the engine: `explicit`, `AMBIT_ENGINE`, `tofu`, `terraform`.
    pub fn locate(explicit: Option<&Path>) -> Result<Engine, FindError> {
        let named = explicit
            .map(|path| path.as_os_str().to_owned())
            .or_else(|| std::env::var_os("AMBIT_ENGINE").filter(|name| !name.is_empty()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Engine::probe(&Engine::candidate(named.as_deref(), &path)?)
    }

    /// The file that would be probed. A name without a slash is looked up on `search_path`.
    pub fn candidate(named: Option<&OsStr>, search_path: &OsStr) -> Result<PathBuf, FindError> {
        match named {
            Some(name) if Path::new(name).components().count() > 1 => Ok(PathBuf::from(name)),
            Some(name) => on_path(name, search_path).ok_or(FindError::Absent { path: shown(name) }),
            None => ["tofu", "terraform"]
                .iter()
                .find_map(|name| on_path(OsStr::new(name), search_path))
                .ok_or(FindError::Missing),
        }
    }

    /// Runs `version` in an environment of ours and hashes the file.
    pub fn probe(path: &Path) -> Result<Engine, FindError> {
        let name = shown(path.as_os_str());
        let start = |source| FindError::Start {
            path: name.clone(),
            source,
        };
        let path = std::path::absolute(path).map_err(start)?;
        let meta = match std::fs::metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FindError::Absent { path: name });
            }
            Err(error) => return Err(start(error)),
        };
        if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
            return Err(FindError::NotExecutable { path: name });
        }
        let (sha256, is_script) = fingerprint(&path).map_err(start)?;

        let scratch = Scratch::new().map_err(start)?;
        let variables: BTreeMap<OsString, OsString> = environment::bare(&scratch);
        let mut said = Vec::new();
        let ended = process::run(
            Invocation {
                program: &path,
                args: &[OsString::from("version")],
                dir: scratch.home(),
                variables: &variables,
                stdin: None,
                patience: Patience::Bounded,
                deadline: Some(PROBE_TIME),
                interrupts: &Interrupts::detached(),
            },
            &mut |bytes| {
                said.extend_from_slice(bytes);
                if said.len() > MAX_VERSION_OUTPUT {
                    Consumed::Stop
                } else {
                    Consumed::Fine
                }
            },
        )
        .map_err(start)?;
        if ended.timed_out {
            return Err(FindError::NoAnswer { path: name });
        }
        if ended.interrupted {
            return Err(FindError::Interrupted { path: name });
        }
        said.truncate(MAX_VERSION_OUTPUT);
        let text = String::from_utf8_lossy(&said);
        let recognised = (ended.exit == process::Exit::Code(0))
            .then(|| recognise(&text))
            .flatten();
        let Some((kind, version)) = recognised else {
            said.extend_from_slice(&ended.stderr);
            let first: String = String::from_utf8_lossy(&said)
                .lines()
                .next()
                .unwrap_or("")
                .chars()
                .take(200)
                .collect();
            return Err(FindError::NotAnEngine {
                path: name,
                exit: ended.exit,
                said: printable(&first),
                hint: if is_script { SHIM_HINT } else { "" },
            });
        };
        let needed = kind.oldest();
        if !version.at_least(&needed) {
            return Err(FindError::TooOld {
                path: name,
                kind,
                version,
                needed,
            });
        }
        Ok(Engine {
            path,
            kind,
            version,
            sha256,
            is_script,
        })
    }
}

impl Kind {
    /// The first version with what the gate relies on: plans that carry their configuration,
    /// `apply -json`, refusing a changed lock file.
    fn oldest(self) -> Version {
        let (major, minor) = match self {
            Kind::OpenTofu => (1, 8),
            Kind::Terraform => (1, 6),
        };
        Version {
            major,
            minor,
            patch: 0,
            pre: None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::OpenTofu => "OpenTofu",
            Kind::Terraform => "Terraform",
        })
    }
}

impl Version {
    /// Reads `1.12.6`, `1.13.0-beta1`; build metadata after `+` is dropped.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.split('+').next()?;
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (text, None),
        };
        let mut parts = numbers.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u64>().ok()).flatten()
        });
        let version = Version {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
            pre: pre.map(str::to_owned),
        };
        let tidy = version.pre.as_ref().is_none_or(|pre| {
            !pre.is_empty()
                && pre
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        });
        (parts.next().is_none() && tidy).then_some(version)
    }

    /// A pre-release of the needed version does not have all of it yet.
    fn at_least(&self, needed: &Version) -> bool {
        let key = |v: &Version| (v.major, v.minor, v.patch, v.pre.is_none());
        key(self) >= key(needed)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        match &self.pre {
            Some(pre) => write!(f, "-{pre}"),
            None => Ok(()),
        }
    }
}

fn recognise(output: &str) -> Option<(Kind, Version)> {
    let names = [
        ("OpenTofu v", Kind::OpenTofu),
        ("Terraform v", Kind::Terraform),
    ];
    output.lines().find_map(|line| {
        names.iter().find_map(|(prefix, kind)| {
            let version = line.strip_prefix(prefix)?.split_whitespace().next()?;
            Some((*kind, Version::parse(version)?))
        })
    })
}

/// Relative entries of the search path are skipped: they depend on where one stands.
fn on_path(name: &OsStr, search_path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| {
            std::fs::metadata(path)
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

fn fingerprint(path: &Path) -> io::Result<([u8; 32], bool)> {
    let mut file = File::open(path)?;
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut first = true;
    let mut is_script = false;
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if first {
            is_script = buffer[..n].starts_with(b"#!");
            first = false;
        }
        hash.update(&buffer[..n]);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    Ok((sha256, is_script))
}

fn shown(name: &OsStr) -> String {
    printable(&name.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, expected) in [
            ("1.12.6", Some("1.12.6")),
            ("1.13.0-beta1", Some("1.13.0-beta1")),
            ("1.8.0+build.5", Some("1.8.0")),
            ("1.8", None),
            ("1.8.0.1", None),
            ("1.8.x", None),
            ("1..0", None),
            ("+1.2.3", None),
            ("1.2.3-", None),
            ("1.2.3-a\u{1b}[2J", None),
            ("99999999999999999999.0.0", None),
            ("", None),
        ] {
            assert_eq!(
                Version::parse(text).map(|v| v.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn output_is_recognised_by_its_name_line() {
        for (output, expected) in [
            (
                "OpenTofu v1.12.6\non linux_amd64\n",
                Some((Kind::OpenTofu, "1.12.6")),
            ),
            (
                "Terraform v1.11.4\non linux_amd64\n\nYour version is out of date",
                Some((Kind::Terraform, "1.11.4")),
            ),
            (
                "\nTerraform v1.15.0-rc1\n",
                Some((Kind::Terraform, "1.15.0-rc1")),
            ),
            ("terraform v1.11.4", None),
            ("OpenTofu 1.12.6", None),
            ("{\"terraform_version\":\"1.11.4\"}", None),
            ("", None),
        ] {
            let got = recognise(output).map(|(kind, version)| (kind, version.to_string()));
            assert_eq!(
                got,
                expected.map(|(kind, v)| (kind, v.to_owned())),
                "{output}"
            );
        }
    }

    #[test]
    fn oldest_versions() {
        let check = |kind: Kind, text: &str| Version::parse(text).unwrap().at_least(&kind.oldest());
        assert!(check(Kind::OpenTofu, "1.8.0") && check(Kind::OpenTofu, "2.0.0"));
        assert!(!check(Kind::OpenTofu, "1.7.9") && !check(Kind::OpenTofu, "1.8.0-rc1"));
        assert!(check(Kind::Terraform, "1.6.0") && check(Kind::Terraform, "1.11.4"));
        assert!(!check(Kind::Terraform, "1.5.7") && !check(Kind::Terraform, "0.15.0"));
    }

    #[test]
    fn relative_search_folders_are_skipped() {
        let found = Engine::candidate(None, OsStr::new(".::target:../bin"));
        assert!(matches!(found, Err(FindError::Missing)), "{found:?}");
        let found = Engine::candidate(Some(OsStr::new("no-such-engine")), OsStr::new("/usr/bin"));
        assert!(matches!(found, Err(FindError::Absent { .. })), "{found:?}");
    }
}
