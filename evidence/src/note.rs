//! Signed notes and checkpoints, the two small text formats of C2SP that make a log readable to others.
//!
//! ```text
//! example.org/log          origin, equal to the name of the key
//! 3                        size, decimal without leading zeros
//! 5Wz…=                    root, base64 of 32 bytes
//!
//! — example.org/log Az3g…  one line per signature: key id and Ed25519 signature
//! ```
//!
//! No extension lines: the coming signature types do not cover them. Lines of keys we do not know are passed over, as
//! the format demands, so a checkpoint may carry the signatures of witnesses. A line that claims to be of *our* key and
//! does not verify spoils the whole note.

use crate::key::{LogKey, LogPublicKey, is_log_name};
use ambit_authority::digest::Digest;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Room for a checkpoint and many witnesses.
const MAX_NOTE: usize = 64 * 1024;
const MAX_SIGNATURES: usize = 100;
const SIGNATURE_MARK: &str = "— ";

/// What one checkpoint says: the log of this name has this many records, and this is their root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Digest,
}

impl Checkpoint {
    /// The signed note for this checkpoint. The origin is the key's name by construction.
    pub fn sign(size: u64, root: Digest, key: &LogKey) -> (Self, String) {
        let checkpoint = Self {
            origin: key.public().name().to_owned(),
            size,
            root,
        };
        let note = sign(&checkpoint.text(), key);
        (checkpoint, note)
    }

    /// Reads a checkpoint whose signature by `key` verifies.
    pub fn open(note: &str, key: &LogPublicKey) -> Result<Self, NoteError> {
        let note = Note::parse(note.as_bytes())?;
        let checkpoint = Self::parse(note.verify(key)?)?;
        if checkpoint.origin != key.name() {
            return Err(NoteError::Origin);
        }
        Ok(checkpoint)
    }

    /// Reads what a note claims, proving nothing. For messages and for comparing; never for a verdict.
    pub fn claimed(note: &str) -> Result<Self, NoteError> {
        Self::parse(&Note::parse(note.as_bytes())?.text)
    }

    fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.bytes())
        )
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) = (
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
        ) else {
            return Err(NoteError::Checkpoint("it must have exactly three lines"));
        };
        if !is_log_name(origin) {
            return Err(NoteError::Checkpoint(
                "its first line is not the name of a log",
            ));
        }
        let size: u64 = size
            .parse()
            .map_err(|_| NoteError::Checkpoint("its second line is not a size"))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| Digest::from_slice(&bytes))
            .ok_or(NoteError::Checkpoint("its third line is not a root"))?;
        let checkpoint = Self {
            origin: origin.to_owned(),
            size,
            root,
        };
        if checkpoint.text() != text {
            return Err(NoteError::Checkpoint("its size is not written the one way"));
        }
        Ok(checkpoint)
    }
}

/// A text with the signature lines under it, none of them checked yet.
#[derive(Debug)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Debug)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Note("it is longer than 64 KiB"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Note("it is not UTF-8"))?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Note("it has control characters"));
        }
        let blank = note
            .rfind("\n\n")
            .ok_or(NoteError::Note("no blank line ends its text"))?;
        let text = note[..=blank].to_owned();
        let lines = note[blank + 2..]
            .strip_suffix('\n')
            .ok_or(NoteError::Note("it does not end with a signature line"))?;
        let signatures: Vec<_> = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .map(|line| {
                Signature::parse(line)
                    .ok_or(NoteError::Note("one of its signature lines is malformed"))
            })
            .collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Note("it has more than 100 signatures"));
        }
        Ok(Self { text, signatures })
    }

    /// The text, if `key` signed it and no line that claims to be of `key` is wrong.
    pub fn verify(&self, key: &LogPublicKey) -> Result<&str, NoteError> {
        let mut ours = self
            .signatures
            .iter()
            .filter(|signature| signature.name == key.name() && signature.id == key.id())
            .peekable();
        if ours.peek().is_none() {
            return Err(NoteError::Unsigned(key.to_string()));
        }
        if !ours.all(|signature| key.accepts(self.text.as_bytes(), &signature.bytes)) {
            return Err(NoteError::Forged(key.name().to_owned()));
        }
        Ok(&self.text)
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        let valid = is_log_name(name) && !bytes.is_empty();
        valid.then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

fn sign(text: &str, key: &LogKey) -> String {
    let line = [key.public().id().as_slice(), &key.sign(text.as_bytes())].concat();
    format!(
        "{text}\n{SIGNATURE_MARK}{} {}\n",
        key.public().name(),
        STANDARD.encode(line)
    )
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    #[error("not a signed note: {0}")]
    Note(&'static str),
    #[error("not a checkpoint: {0}")]
    Checkpoint(&'static str),
    #[error("the checkpoint is not signed by `{0}`")]
    Unsigned(String),
    #[error("the checkpoint's signature by `{0}` does not verify")]
    Forged(String),
    #[error("the checkpoint is of another log than its key")]
    Origin,
}

#[cfg(test)]
mod tests;
