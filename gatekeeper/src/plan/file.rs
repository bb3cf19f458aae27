//! The plan file: the archive that `plan -out` writes and `apply` takes.
//!
//! The gate reads it for what the engine's JSON leaves out, above all the configuration as it was when the plan was
//! made. Everything else that claims to be a plan file is told apart by name, because the way out differs: an encrypted
//! file needs the engine, a bookmark of a remote plan holds no plan at all.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde::Deserialize;
use thiserror::Error;

use super::json;
use super::quote::shown;
use super::tfplan::{Evidence, EvidenceError};
use super::{archive, json::JsonError};

const TFPLAN: &str = "tfplan";
const STATE: &str = "tfstate";
const STATE_BEFORE_REFRESH: &str = "tfstate-prev";
const SCHEMAS: &str = "tfschemas";
const LOCK: &str = ".terraform.lock.hcl";
const MANIFEST: &str = "tfconfig/modules.json";
const MODULE_PREFIX: &str = "tfconfig/m-";

/// How much a plan file may hold. A plan of 100,000 resources stays well below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file itself.
    pub file: u64,
    /// Bytes of all entries together, unpacked.
    pub unpacked: u64,
    /// Bytes of one entry, unpacked.
    pub entry: u64,
    pub entries: usize,
    /// Unpacked over packed bytes of one large entry. A state of equal resources reaches 50.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file: 256 << 20,
            unpacked: 1 << 30,
            entry: 512 << 20,
            entries: 20_000,
            ratio: 300,
        }
    }
}

/// A plan file, unpacked.
#[derive(Clone)]
pub struct PlanFile {
    /// SHA-256 of the whole file, as it lies on disk.
    pub digest: [u8; 32],
    /// The configuration by module key: `` for the root module, `net.dns` for the call `dns` in the call `net`. Files
    /// stand in the order of their names.
    pub modules: BTreeMap<String, Vec<SourceFile>>,
    /// Where each module came from.
    pub manifest: BTreeMap<String, ModuleRecord>,
    /// `.terraform.lock.hcl`; a plan without providers may have none.
    pub lock: Option<Vec<u8>>,
    /// The encoded plan, kept for whoever compares it.
    pub tfplan: Vec<u8>,
    /// How the plan was made, as far as `tfplan` says.
    pub evidence: Evidence,
    /// The state the plan starts from, refreshed, in the engine's state format.
    pub state: Vec<u8>,
    /// Which state that is. An empty lineage is one that does not exist yet.
    pub state_identity: StateIdentity,
}

/// One file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What the manifest says of one module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleRecord {
    /// As the engine resolved it: `./net`, `registry.terraform.io/a/b/c`; the root module has none.
    pub source: String,
    pub version: String,
    /// Relative to the directory the engine ran in.
    pub dir: String,
}

/// Which version of which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateIdentity {
    pub lineage: String,
    pub serial: u64,
}

/// Why a file is not a plan file that the gate reads.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanFileError {
    #[error("the plan file is empty")]
    Empty,
    #[error("the plan file has {size} bytes, more than the {limit} that are read")]
    TooLarge { size: u64, limit: u64 },
    #[error("this is not a plan file but {looks_like}: give the file that `plan -out` writes")]
    NotAPlanFile { looks_like: &'static str },
    #[error(
        "the plan file is encrypted by OpenTofu, and only OpenTofu can read it: let the gate make the plan, or turn plan encryption off for it"
    )]
    Encrypted,
    #[error(
        "this is a bookmark of a plan kept on {}, not a plan: plan with `-out` on a machine of your own",
        shown(hostname)
    )]
    Bookmark { hostname: String },
    #[error("the plan file is cut off: copy it again, or plan again")]
    Truncated,
    #[error("the plan file is not an archive as engines write it: {detail}")]
    Archive { detail: String },
    #[error("the entry {} of the plan file is damaged: {detail}", shown(name))]
    Damaged { name: String, detail: String },
    #[error("the plan file has more than {limit} entries")]
    TooManyEntries { limit: usize },
    #[error(
        "the entry {} of the plan file has {size} bytes unpacked, more than the {limit} that are read",
        shown(name)
    )]
    EntryTooLarge { name: String, size: u64, limit: u64 },
    #[error("the plan file has more than {limit} bytes unpacked")]
    UnpackedTooLarge { limit: u64 },
    #[error(
        "the entry {} of the plan file unpacks to {ratio} times its size, more than {limit} times",
        shown(name)
    )]
    Bomb {
        name: String,
        ratio: u64,
        limit: u64,
    },
    #[error("the entry {} stands twice in the plan file", shown(name))]
    DuplicateEntry { name: String },
    #[error(
        "the entry {} of the plan file calls itself {} where its data begins",
        shown(name),
        shown(other)
    )]
    TwoNames { name: String, other: String },
    #[error(
        "the entry {} of the plan file is packed or encrypted in a way that engines do not use",
        shown(name)
    )]
    EntryKind { name: String },
    #[error("the entry {} is not one that a plan file has", shown(name))]
    UnknownEntry { name: String },
    #[error(
        "the entry {} of the plan file has a name that could lead out of its place",
        shown(name)
    )]
    UnsafeName { name: String },
    #[error("the plan file has no entry `{name}`")]
    Missing { name: &'static str },
    #[error("the entry `{name}` of the plan file is not readable: {source}")]
    Json {
        name: &'static str,
        source: JsonError,
    },
    #[error("the entry `{name}` of the plan file has another shape than engines write")]
    Shape { name: &'static str },
    #[error("the module {} of the plan file stands {problem}", shown(key))]
    Module { key: String, problem: &'static str },
    #[error("the entry `tfplan` of the plan file is not readable: {0}")]
    Evidence(#[from] EvidenceError),
}

impl PlanFile {
    /// Reads a plan file with the limits that hold for every request.
    pub fn read(bytes: &[u8]) -> Result<PlanFile, PlanFileError> {
        PlanFile::read_within(bytes, &Limits::default())
    }

    pub fn read_within(bytes: &[u8], limits: &Limits) -> Result<PlanFile, PlanFileError> {
        if bytes.is_empty() {
            return Err(PlanFileError::Empty);
        }
        if bytes.len() as u64 > limits.file {
            return Err(PlanFileError::TooLarge {
                size: bytes.len() as u64,
                limit: limits.file,
            });
        }
        if !bytes.starts_with(b"PK\x03\x04") {
            return Err(looks_like(bytes));
        }
        let mut entries = archive::unpack(bytes, limits)?;

        let mut take =
            |name: &'static str| entries.remove(name).ok_or(PlanFileError::Missing { name });
        let tfplan = take(TFPLAN)?;
        let state = take(STATE)?;
        take(STATE_BEFORE_REFRESH)?;
        let manifest = manifest(&take(MANIFEST)?)?;
        let lock = entries.remove(LOCK);
        entries.remove(SCHEMAS);

        let mut modules: BTreeMap<String, Vec<SourceFile>> = manifest
            .keys()
            .map(|key| (key.clone(), Vec::new()))
            .collect();
        // What is left must be the configuration; the map gives the files in the order of their names.
        for (name, bytes) in entries {
            let (key, file) = module_file(&name)?;
            let Some(files) = modules.get_mut(key) else {
                return Err(PlanFileError::Module {
                    key: key.to_owned(),
                    problem: "in no line of its manifest",
                });
            };
            files.push(SourceFile {
                name: file.to_owned(),
                bytes,
            });
        }
        if modules.get("").is_none_or(Vec::is_empty) {
            return Err(PlanFileError::Missing {
                name: "tfconfig/m-/",
            });
        }

        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Ok(PlanFile {
            digest: sha256,
            modules,
            manifest,
            lock,
            evidence: Evidence::read(&tfplan)?,
            tfplan,
            state_identity: state_identity(&state)?,
            state,
        })
    }
}

/// The state and the configuration may hold secrets, so only the outline is shown.
impl std::fmt::Debug for PlanFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanFile")
            .field("modules", &self.modules.keys().collect::<Vec<_>>())
            .field("evidence", &self.evidence)
            .field("state_identity", &self.state_identity)
            .finish_non_exhaustive()
    }
}

/// `tfconfig/m-<module key>/<file>`: the key and the file.
fn module_file(name: &str) -> Result<(&str, &str), PlanFileError> {
    let unsafe_name = || PlanFileError::UnsafeName {
        name: name.to_owned(),
    };
    if name.starts_with('/')
        || name.contains(['\\', '\0'])
        || name.split('/').any(|part| part == "..")
    {
        return Err(unsafe_name());
    }
    let inner = name
        .strip_prefix(MODULE_PREFIX)
        .ok_or_else(|| PlanFileError::UnknownEntry {
            name: name.to_owned(),
        })?;
    let (key, file) = inner
        .split_once('/')
        .ok_or_else(|| PlanFileError::UnknownEntry {
            name: name.to_owned(),
        })?;
    let call = |part: &str| super::address::checked_name(part, "module call").is_ok();
    if file.is_empty()
        || file == "."
        || file.contains('/')
        || file.contains(char::is_control)
        || !(key.is_empty() || key.split('.').all(call))
    {
        return Err(unsafe_name());
    }
    Ok((key, file))
}

fn manifest(bytes: &[u8]) -> Result<BTreeMap<String, ModuleRecord>, PlanFileError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Line {
        key: String,
        source: Option<String>,
        version: Option<String>,
        dir: String,
    }
    let text = json::checked(bytes).map_err(|source| PlanFileError::Json {
        name: MANIFEST,
        source,
    })?;
    let lines: Vec<Line> =
        serde_json::from_str(text).map_err(|_| PlanFileError::Shape { name: MANIFEST })?;
    let mut out = BTreeMap::new();
    for line in lines {
        let record = ModuleRecord {
            source: line.source.unwrap_or_default(),
            version: line.version.unwrap_or_default(),
            dir: line.dir,
        };
        if out.insert(line.key.clone(), record).is_some() {
            return Err(PlanFileError::Module {
                key: line.key,
                problem: "twice in its manifest",
            });
        }
    }
    Ok(out)
}

fn state_identity(bytes: &[u8]) -> Result<StateIdentity, PlanFileError> {
    #[derive(Deserialize)]
    struct State {
        lineage: Option<String>,
        serial: Option<u64>,
    }
    let text = json::checked(bytes).map_err(|source| PlanFileError::Json {
        name: STATE,
        source,
    })?;
    let state: State =
        serde_json::from_str(text).map_err(|_| PlanFileError::Shape { name: STATE })?;
    Ok(StateIdentity {
        lineage: state.lineage.unwrap_or_default(),
        serial: state.serial.unwrap_or_default(),
    })
}

/// Names what somebody has given instead of a plan file.
fn looks_like(bytes: &[u8]) -> PlanFileError {
    #[derive(Deserialize)]
    struct Clues {
        encryption_version: Option<serde::de::IgnoredAny>,
        encrypted_data: Option<serde::de::IgnoredAny>,
        remote_plan_format: Option<serde::de::IgnoredAny>,
        hostname: Option<String>,
        format_version: Option<serde::de::IgnoredAny>,
        lineage: Option<serde::de::IgnoredAny>,
    }
    let not = |looks_like| PlanFileError::NotAPlanFile { looks_like };
    if bytes.starts_with(b"PK\x05\x06") {
        return not("an empty zip archive");
    }
    if b"PK\x03\x04".starts_with(bytes) {
        return PlanFileError::Truncated;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return not("gzip data");
    }
    if bytes.starts_with(b"\x7fELF") {
        return not("a program");
    }
    let start = bytes.trim_ascii_start();
    if !start.starts_with(b"{") && !start.starts_with(b"[") {
        return not(match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with("-----BEGIN") => "a key or certificate",
            Ok(_) => "text",
            Err(_) => "binary data of another kind",
        });
    }
    let Ok(text) = json::checked(bytes) else {
        return not("malformed JSON");
    };
    match serde_json::from_str::<Clues>(text).ok() {
        Some(c) if c.encryption_version.is_some() && c.encrypted_data.is_some() => {
            PlanFileError::Encrypted
        }
        Some(c) if c.remote_plan_format.is_some() => PlanFileError::Bookmark {
            hostname: c.hostname.unwrap_or_default(),
        },
        Some(c) if c.format_version.is_some() => not("JSON that `show -json` writes"),
        Some(c) if c.lineage.is_some() => not("a state file"),
        _ => not("JSON of another kind"),
    }
}
