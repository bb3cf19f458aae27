//! The gate's own directory: log key, commitment keys, sealed copies. Private to one user, outside every repository.
//!
//! Deleting a request's folder here makes its commitments silent for ever, and the request expired.

use crate::stop::Stop;
use ambit_authority::digest::CommitmentKey;
use std::{
    env, fs,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub struct GateDir {
    root: PathBuf,
}

/// `AMBIT_STATE_DIR`, else `$XDG_STATE_HOME/ambit`, else `~/.local/state/ambit`.
fn base() -> Result<PathBuf, Stop> {
    if let Some(dir) = env::var_os("AMBIT_STATE_DIR") {
        return Ok(dir.into());
    }
    if let Some(dir) = env::var_os("XDG_STATE_HOME") {
        return Ok(Path::new(&dir).join("ambit"));
    }
    let home = env::var_os("HOME").ok_or_else(|| {
        Stop::failure("there is no home directory for the gate")
            .next("set AMBIT_STATE_DIR to a private directory")
    })?;
    Ok(Path::new(&home).join(".local/state/ambit"))
}

impl GateDir {
    /// The directory of one history. It must not lie inside the repository, which is sealed and readable by agents.
    pub fn of(origin: &str, repository: &Path) -> Result<Self, Stop> {
        let base = base()?;
        fs::create_dir_all(&base).map_err(|e| Stop::io("create", &base, e))?;
        let base = base
            .canonicalize()
            .map_err(|e| Stop::io("open", &base, e))?;
        if base.starts_with(repository) {
            return Err(Stop::failure(format!(
                "the gate's directory `{}` lies inside the repository",
                base.display()
            ))
            .next("set AMBIT_STATE_DIR to a private directory outside it"));
        }
        let root = base.join(origin);
        private_dir(&root)?;
        Ok(Self { root })
    }

    pub fn log_key(&self) -> PathBuf {
        self.root.join("log.key")
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the locks of states are held.
    pub fn locks(&self) -> Result<PathBuf, Stop> {
        let dir = self.root.join("locks");
        private_dir(&dir)?;
        Ok(dir)
    }

    fn request(&self, id: &str) -> PathBuf {
        self.root.join("requests").join(id)
    }

    /// Keeps a request's key, which only this gate may know.
    pub fn keep(&self, id: &str, key: &CommitmentKey) -> Result<(), Stop> {
        private_dir(&self.root.join("requests"))?;
        let dir = self.request(id);
        private_dir(&dir)?;
        let path = dir.join("key");
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = file.map_err(|e| Stop::io("create", &path, e))?;
        file.write_all(key.secret_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|e| Stop::io("write", &path, e))
    }

    /// The commitment key of a request; none left means the request can no longer be compared.
    pub fn key(&self, id: &str) -> Result<Option<CommitmentKey>, Stop> {
        let Some(bytes) = self.read(id, "key", 32)? else {
            return Ok(None);
        };
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| Stop::unverified(format!("the kept key of {id} is damaged")))?;
        Ok(Some(CommitmentKey::new(bytes)))
    }

    fn read(&self, id: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, Stop> {
        let path = self.request(id).join(name);
        let file = match fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&path)
        {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Stop::io("read", &path, e)),
        };
        let mut bytes = Vec::new();
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Stop::io("read", &path, e))?;
        if bytes.len() as u64 > most {
            return Err(Stop::unverified(format!(
                "`{}` is larger than anything the gate keeps",
                path.display()
            )));
        }
        Ok(Some(bytes))
    }
}

/// Makes a directory for one user, and refuses one that others may enter or that is somebody else's.
fn private_dir(path: &Path) -> Result<(), Stop> {
    match fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
    {
        Ok(()) => {}
        Err(e) => return Err(Stop::io("create", path, e)),
    }
    let meta = fs::symlink_metadata(path).map_err(|e| Stop::io("look at", path, e))?;
    if !meta.is_dir()
        || meta.permissions().mode() & 0o077 != 0
        || meta.uid() != rustix::process::geteuid().as_raw()
    {
        return Err(
            Stop::failure(format!("`{}` is not private to this user", path.display()))
                .next(format!("make it so: chmod 700 '{}'", path.display())),
        );
    }
    Ok(())
}
