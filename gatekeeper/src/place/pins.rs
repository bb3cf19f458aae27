//! Pins: which history is trusted, and which repository belongs to it.
//!
//! Written only by `ambit init` and `ambit trust add`, in the user's configuration directory, never inside a repository.
//! First use is never trusted by itself.

use crate::{place::repository::Repository, stop::Stop};
use ambit_authority::{
    canonical::{self, Document},
    digest::Digest,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Origin to the digest of its authority record 0.
    pub origins: BTreeMap<String, Digest>,
    /// Repository, by remote URL and by absolute root, to origin.
    pub repositories: BTreeMap<String, String>,
}

impl Document for Pins {
    const TYPE: &'static str = "ambit/pins";
}

/// A pinned history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Known where a pin file says so; `AMBIT_TRUST` alone names only the digest.
    pub origin: Option<String>,
    pub genesis: Digest,
}

/// `AMBIT_CONFIG_DIR`, else `$XDG_CONFIG_HOME/ambit`, else `~/.config/ambit`.
pub fn directory() -> Result<PathBuf, Stop> {
    if let Some(dir) = env::var_os("AMBIT_CONFIG_DIR") {
        return Ok(dir.into());
    }
    if let Some(dir) = env::var_os("XDG_CONFIG_HOME") {
        return Ok(Path::new(&dir).join("ambit"));
    }
    let home = env::var_os("HOME").ok_or_else(|| {
        Stop::failure("there is no home directory to keep pins in")
            .next("set AMBIT_CONFIG_DIR to a private directory")
    })?;
    Ok(Path::new(&home).join(".config/ambit"))
}

fn file() -> Result<PathBuf, Stop> {
    Ok(directory()?.join("trust.json"))
}

impl Pins {
    pub fn load() -> Result<Self, Stop> {
        let path = file()?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Stop::io("read the pins in", &path, e)),
        };
        canonical::decode(&bytes).map_err(|e| {
            Stop::unverified(format!("the pins in `{}` do not read: {e}", path.display()))
                .next("remove the file and pin again with `ambit trust add ORIGIN sha256:…`, both as `ambit init` printed them")
        })
    }

    fn save(&self) -> Result<(), Stop> {
        let path = file()?;
        let dir = directory()?;
        fs::create_dir_all(&dir).map_err(|e| Stop::io("create", &dir, e))?;
        let bytes = canonical::encode(self).map_err(Stop::failure)?;
        let write = || -> std::io::Result<()> {
            let mut temporary = tempfile::NamedTempFile::new_in(&dir)?;
            temporary.write_all(&bytes)?;
            temporary.as_file().sync_all()?;
            temporary.persist(&path)?;
            Ok(())
        };
        write().map_err(|e| Stop::io("write", &path, e))
    }

    /// Pins a history, and the repository to it where there is one. A different pin in place refuses.
    pub fn add(origin: &str, genesis: Digest, repository: Option<&Repository>) -> Result<(), Stop> {
        let mut pins = Self::load()?;
        if let Some(other) = pins.origins.get(origin).filter(|d| **d != genesis) {
            return Err(Stop::unverified(format!(
                "history `{origin}` is pinned to {other} already, not to {genesis}"
            ))
            .next(
                "find out outside the repository which digest is right before you touch the pin",
            ));
        }
        for name in repository.map(Repository::names).unwrap_or_default() {
            if let Some(other) = pins.repositories.get(&name).filter(|o| *o != origin) {
                return Err(Stop::unverified(format!(
                    "repository `{name}` is pinned to history `{other}` already"
                )));
            }
            pins.repositories.insert(name, origin.to_owned());
        }
        pins.origins.insert(origin.to_owned(), genesis);
        pins.save()
    }

    /// The pin of a repository: the pin file, or `AMBIT_TRUST` where there is none. Both and different refuses.
    pub fn of(&self, repository: &Repository) -> Result<Option<Pin>, Stop> {
        let origins: Vec<&String> = repository
            .names()
            .iter()
            .filter_map(|n| self.repositories.get(n))
            .collect();
        if let [a, b] = origins.as_slice()
            && a != b
        {
            return Err(Stop::unverified(format!(
                "this repository is pinned to `{a}` by its place and to `{b}` by its remote"
            )));
        }
        let filed = match origins.first() {
            None => None,
            Some(origin) => match self.origins.get(*origin) {
                Some(genesis) => Some(Pin {
                    origin: Some((*origin).clone()),
                    genesis: *genesis,
                }),
                None => {
                    return Err(Stop::unverified(format!(
                        "history `{origin}` is named by the repository's pin but has no digest"
                    )));
                }
            },
        };
        let given = match env::var("AMBIT_TRUST") {
            Ok(text) => Some(
                text.parse::<Digest>()
                    .map_err(|e| Stop::usage(format!("AMBIT_TRUST: {e}")))?,
            ),
            Err(_) => None,
        };
        match (filed, given) {
            (Some(pin), Some(given)) if pin.genesis != given => Err(Stop::unverified(format!(
                "AMBIT_TRUST says {given}, the pin of this repository says {}",
                pin.genesis
            ))),
            (Some(pin), _) => Ok(Some(pin)),
            (None, given) => Ok(given.map(|genesis| Pin {
                origin: None,
                genesis,
            })),
        }
    }
}
