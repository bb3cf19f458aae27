//! The log's own key: an Ed25519 key in a file only its owner can read, and the public half in C2SP text form.
//!
//! The key signs checkpoints and nothing else; people's keys never come here. Its name is the origin of the log, as
//! C2SP checkpoints want it, so a key made for one ledger cannot sign for another by accident.

use ambit_authority::digest::Digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use rustix::fs::{Mode, OFlags};
use std::{
    fmt, fs,
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Signature type 0x01 of C2SP signed notes.
const ED25519_NOTE: u8 = 1;
/// A PKCS#8 Ed25519 key has 83 bytes; anything much longer is not one.
const MAX_KEY_FILE: u64 = 1024;
const MAX_NAME: usize = 255;

/// Signs checkpoints. Cannot be copied or printed.
pub struct LogKey {
    pair: Ed25519KeyPair,
    public: LogPublicKey,
}

impl LogKey {
    /// Makes a new key for the log `name` and keeps it in a new file of mode 0600.
    pub fn create(path: &Path, name: &str) -> Result<Self, KeyError> {
        let name = LogName::parse(name)?;
        let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| KeyError::NoRandomness)?;
        let key = Self::from_pkcs8(secret.as_ref(), name)
            .ok_or_else(|| KeyError::NotAKey(path.into()))?;

        // O_EXCL also refuses a symlink, even a dangling one.
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists(path.into()),
                _ => KeyError::io("create", path, source),
            })?;
        let written = file
            .write_all(secret.as_ref())
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(parent(path))?.sync_all());
        if let Err(source) = written {
            // A half-written key would block the next attempt; the error that led here is the one to report.
            let _ = fs::remove_file(path);
            return Err(KeyError::io("write", path, source));
        }
        Ok(key)
    }

    /// Reads the key of the log `name`, unless others could have read it too.
    pub fn open(path: &Path, name: &str) -> Result<Self, KeyError> {
        let name = LogName::parse(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            rustix::io::Errno::LOOP => KeyError::NotAFile(path.into()),
            rustix::io::Errno::NOENT => KeyError::Missing(path.into()),
            errno => KeyError::io("open", path, errno.into()),
        })?;
        let file = File::from(file);
        let found = file.metadata().map_err(|e| KeyError::io("read", path, e))?;
        if !found.is_file() {
            return Err(KeyError::NotAFile(path.into()));
        }
        if found.mode() & 0o077 != 0 {
            return Err(KeyError::Exposed {
                path: path.into(),
                mode: found.mode() & 0o7777,
            });
        }
        let mut secret = Vec::new();
        file.take(MAX_KEY_FILE)
            .read_to_end(&mut secret)
            .map_err(|e| KeyError::io("read", path, e))?;
        Self::from_pkcs8(&secret, name).ok_or_else(|| KeyError::NotAKey(path.into()))
    }

    pub fn public(&self) -> &LogPublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }

    fn from_pkcs8(secret: &[u8], name: LogName) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(secret).ok()?;
        let key = pair.public_key().as_ref().try_into().ok()?;
        Some(Self {
            public: LogPublicKey { name, key },
            pair,
        })
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.public)
    }
}

/// Recognises checkpoints of one log. Written `name+hash+base64`, as C2SP verifier keys are.
#[derive(Clone, PartialEq, Eq)]
pub struct LogPublicKey {
    name: LogName,
    key: [u8; 32],
}

impl LogPublicKey {
    /// The log's name, which is its origin.
    pub fn name(&self) -> &str {
        &self.name.0
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Four bytes that tell keys of one name apart in a note. They identify, they prove nothing.
    pub fn id(&self) -> [u8; 4] {
        let hash = Digest::of_parts(&[self.name().as_bytes(), b"\n", &[ED25519_NOTE], &self.key]);
        let [a, b, c, d, ..] = *hash.bytes();
        [a, b, c, d]
    }

    pub(crate) fn accepts(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key)
            .verify(text, signature)
            .is_ok()
    }
}

impl fmt::Display for LogPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed: Vec<u8> = [&[ED25519_NOTE], self.key.as_slice()].concat();
        let id = u32::from_be_bytes(self.id());
        write!(f, "{}+{id:08x}+{}", self.name(), STANDARD.encode(typed))
    }
}

impl fmt::Debug for LogPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LogPublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // Base64 has plus signs of its own, so only the first two separate.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::NotAPublicKey(
                "it needs a name, a hash and a key, joined by `+`",
            ));
        };
        let name = LogName::parse(name)?;
        let typed = STANDARD
            .decode(typed)
            .map_err(|_| KeyError::NotAPublicKey("its last part is not base64"))?;
        let Some((&ED25519_NOTE, key)) = typed.split_first() else {
            return Err(KeyError::NotAPublicKey(
                "only Ed25519 keys (type 1) are known",
            ));
        };
        let key = key
            .try_into()
            .map_err(|_| KeyError::NotAPublicKey("an Ed25519 key has 32 bytes"))?;
        let key = Self { name, key };
        // The hash in the middle and every other freedom of spelling: there is one text for one key.
        if key.to_string() != text {
            return Err(KeyError::NotAPublicKey(
                "its hash does not belong to its name and key",
            ));
        }
        Ok(key)
    }
}

/// A key name that fits in a note's signature line and in a checkpoint's first line.
#[derive(Clone, PartialEq, Eq)]
struct LogName(String);

impl LogName {
    fn parse(name: &str) -> Result<Self, KeyError> {
        if is_log_name(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(KeyError::Name(
                name.chars().take(80).flat_map(char::escape_debug).collect(),
            ))
        }
    }
}

pub(crate) fn is_log_name(name: &str) -> bool {
    let refused = |c: char| c == '+' || c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= MAX_NAME && !name.contains(refused)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no log key at `{}`: only the machine that ran `ambit init` for this ledger can append to it", .0.display())]
    Missing(PathBuf),
    #[error("a log key is at `{}` already: move it away first if its ledger is really given up", .0.display())]
    Exists(PathBuf),
    #[error("log key `{}` is not a plain file: symbolic links and devices are refused", .0.display())]
    NotAFile(PathBuf),
    #[error("log key `{}` has mode {mode:04o}, so others may have read it: run `chmod 600` only if you are sure nobody has", .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("`{}` does not hold an Ed25519 key in PKCS#8 form: restore it from where it was made", .0.display())]
    NotAKey(PathBuf),
    #[error(
        "`{0}` cannot name a log: use up to 255 characters without spaces, `+` and control characters"
    )]
    Name(String),
    #[error("not a log's public key: {0}")]
    NotAPublicKey(&'static str),
    #[error("the system gave no random bytes for a log key: try again")]
    NoRandomness,
    #[error("cannot {doing} log key `{}`", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl KeyError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.into(),
            source,
        }
    }
}
