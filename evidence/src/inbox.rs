//! The directory where anybody may hand something to the gate.
//!
//! Whoever can write here is not trusted: an agent may plant links, pipes, giants and floods. A file counts only if it
//! is a plain file of bounded size whose name is the digest of its content; everything else is left lying and counted.
//! What arrives is bytes; whether they are a statement is for others to judge.
//!
//! Nothing is deleted until the gate has recorded it, so a crash between reading and recording loses nothing.

use ambit_authority::digest::Digest;
use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// Longest file that counts. A signed statement carries its text inline, some 8 KiB.
const MAX_FILE: u64 = 64 * 1024;
/// Most files one drain returns, which bounds its memory.
const MAX_ARRIVALS: usize = 1024;
/// Most names that look like digests before a drain gives up.
const MAX_NAMES: usize = 100_000;
const SUFFIX: &str = ".json";

pub struct Inbox {
    directory: PathBuf,
}

/// A file whose name was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub digest: Digest,
    pub bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Drained {
    /// In the order of their names.
    pub arrivals: Vec<Arrival>,
    /// Whether that is everything. If not, record these, remove them and drain again *before deciding anything*: a
    /// reject may be among the rest, and a flood is a way to hide it.
    pub complete: bool,
    /// Things in the directory that do not count.
    pub ignored: usize,
}

impl Inbox {
    /// Makes the directory, for this user alone. One that is there already must be a directory of this user alone.
    pub fn create(directory: &Path) -> Result<Self, InboxError> {
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(directory)
                    .map_err(|e| InboxError::io("read", directory, e))?;
                let own =
                    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
                if !found.is_dir() || !own {
                    return Err(InboxError::Occupied(directory.into()));
                }
            }
            Err(e) => return Err(InboxError::io("create", directory, e)),
        }
        Self::open(directory)
    }

    pub fn open(directory: &Path) -> Result<Self, InboxError> {
        match fs::symlink_metadata(directory) {
            Ok(found) if found.is_dir() => Ok(Self {
                directory: directory.into(),
            }),
            Ok(_) => Err(InboxError::NotADirectory(directory.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(InboxError::Missing(directory.into()))
            }
            Err(e) => Err(InboxError::io("read", directory, e)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Hands bytes in: written aside, then renamed to their digest, so nobody sees half a file.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, InboxError> {
        if bytes.len() as u64 > MAX_FILE {
            return Err(InboxError::TooLong(self.directory.clone()));
        }
        let digest = Digest::of(bytes);
        let place = self.directory.join(file_name(&digest));
        let failed = |e| InboxError::io("write to", &self.directory, e);
        let mut draft = tempfile::Builder::new()
            .prefix(".arriving-")
            .tempfile_in(&self.directory)
            .map_err(failed)?;
        draft.write_all(bytes).map_err(failed)?;
        // The gate may be another user. The directory decides who gets in; the name cannot be guessed without the content.
        draft
            .as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(failed)?;
        draft.as_file().sync_all().map_err(failed)?;
        draft.persist(&place).map_err(|e| failed(e.error))?;
        match File::open(&self.directory) {
            Ok(directory) => directory.sync_all().map_err(failed)?,
            // A shared inbox (1733) may be written to but not opened; the file itself is safe on disk.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            Err(e) => return Err(failed(e)),
        }
        Ok(digest)
    }

    /// Hands in a file from anywhere, under its right name. The file itself is left as it is.
    pub fn import(&self, path: &Path) -> Result<Digest, InboxError> {
        let file = rustix::fs::open(path, READ, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => InboxError::NotAFile(path.into()),
            errno => InboxError::io("open", path, errno.into()),
        })?;
        match bounded(File::from(file)).map_err(|e| InboxError::io("read", path, e))? {
            Content::Whole(bytes) => self.put(&bytes),
            Content::TooLong => Err(InboxError::TooLong(path.into())),
            Content::NotAFile => Err(InboxError::NotAFile(path.into())),
        }
    }

    /// Reads what has arrived and leaves it there.
    pub fn drain(&self) -> Result<Drained, InboxError> {
        let failed = |errno: Errno| InboxError::io("read", &self.directory, errno.into());
        let directory = self.directory_fd()?;
        let mut drained = Drained {
            arrivals: Vec::new(),
            complete: true,
            ignored: 0,
        };
        let mut digests = Vec::new();
        for found in rustix::fs::Dir::read_from(&directory).map_err(failed)? {
            let found = found.map_err(failed)?;
            match found.file_name().to_bytes() {
                b"." | b".." => {}
                name => match digest_of_name(name) {
                    Some(digest) => digests.push(digest),
                    None => drained.ignored += 1,
                },
            }
            if digests.len() > MAX_NAMES {
                return Err(InboxError::Flooded(self.directory.clone()));
            }
        }
        digests.sort_unstable();

        for digest in digests {
            if drained.arrivals.len() == MAX_ARRIVALS {
                drained.complete = false;
                break;
            }
            match arrival(directory.as_fd(), digest) {
                Some(arrival) => drained.arrivals.push(arrival),
                None => drained.ignored += 1,
            }
        }
        Ok(drained)
    }

    /// Forgets an arrival that is recorded. It may be gone already.
    pub fn remove(&self, digest: &Digest) -> Result<(), InboxError> {
        let directory = self.directory_fd()?;
        match rustix::fs::unlinkat(&directory, file_name(digest), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(InboxError::io(
                "remove a file from",
                &self.directory,
                errno.into(),
            )),
        }
    }

    /// The directory itself, never what a link in its place points to. Files are opened relative to it.
    fn directory_fd(&self) -> Result<rustix::fd::OwnedFd, InboxError> {
        rustix::fs::open(&self.directory, READ | OFlags::DIRECTORY, Mode::empty()).map_err(
            |errno| match errno {
                Errno::NOENT => InboxError::Missing(self.directory.clone()),
                Errno::LOOP | Errno::NOTDIR => InboxError::NotADirectory(self.directory.clone()),
                errno => InboxError::io("open", &self.directory, errno.into()),
            },
        )
    }
}

/// Follows no link and waits for no pipe.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A file that cannot be opened or read does not count: it must not keep the gate from what others handed in.
fn arrival(directory: impl AsFd, digest: Digest) -> Option<Arrival> {
    let file = rustix::fs::openat(directory, file_name(&digest), READ, Mode::empty()).ok()?;
    match bounded(File::from(file)) {
        Ok(Content::Whole(bytes)) if Digest::of(&bytes) == digest => {
            Some(Arrival { digest, bytes })
        }
        _ => None,
    }
}

enum Content {
    Whole(Vec<u8>),
    TooLong,
    NotAFile,
}

fn bounded(file: File) -> io::Result<Content> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(Content::NotAFile);
    }
    // The size may grow after this look, so the reading is bounded too.
    let mut bytes = Vec::new();
    if found.len() <= MAX_FILE {
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    }
    if found.len() > MAX_FILE || bytes.len() as u64 > MAX_FILE {
        return Ok(Content::TooLong);
    }
    Ok(Content::Whole(bytes))
}

fn file_name(digest: &Digest) -> String {
    format!("{}{SUFFIX}", digest.hex())
}

fn digest_of_name(name: &[u8]) -> Option<Digest> {
    Digest::from_hex(std::str::from_utf8(name).ok()?.strip_suffix(SUFFIX)?)
}

#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    #[error("there is no inbox at `{}`: it lies beside the ledger, made by `ambit init`", .0.display())]
    Missing(PathBuf),
    #[error("`{}` is there already and is not a directory of this user alone: move it away", .0.display())]
    Occupied(PathBuf),
    #[error("inbox `{}` is not a directory: symbolic links are refused too", .0.display())]
    NotADirectory(PathBuf),
    #[error("`{}` is not a plain file: hand in the file itself, not a link, pipe or directory", .0.display())]
    NotAFile(PathBuf),
    #[error("what was handed in at `{}` is longer than 64 KiB: it is not a statement", .0.display())]
    TooLong(PathBuf),
    #[error("inbox `{}` holds more than {MAX_NAMES} files: see who fills it and clear it of what is not a statement", .0.display())]
    Flooded(PathBuf),
    #[error("cannot {doing} `{}`", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl InboxError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.into(),
            source,
        }
    }
}
