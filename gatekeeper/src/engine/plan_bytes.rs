//! A plan file that never lies on a disk and cannot change after its hash was taken.
//!
//! The engine writes the plan straight into a memory file it gets as standard input
//! (`/proc/self/fd/0`). When it has ended the memory is sealed against writing, growing and
//! shrinking, also for whoever still holds it open, and only then read and hashed. The same
//! sealed memory is handed to `show` and `apply`. Sealed memory exists on Linux only, and so far
//! nothing takes its place elsewhere.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;

/// What the engine is told to write to and read from.
pub(super) const PATH: &str = "/proc/self/fd/0";

/// A plan the gate had the engine make in this run. Only this can be applied.
pub struct PlanBytes(Sealed);

/// A plan from elsewhere: it can be shown, never applied.
pub struct ForeignPlan(Sealed);

struct Sealed {
    memory: File,
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

/// Memory the engine may still write to.
pub(super) struct Draft(File);

impl Draft {
    pub(super) fn new() -> io::Result<Draft> {
        use rustix::fs::{MemfdFlags, memfd_create};
        let memory = memfd_create(
            "ambit-plan",
            MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
        )?;
        Ok(Draft(File::from(memory)))
    }

    pub(super) fn stdin(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    /// Seals first and reads then, so nobody can write between the two.
    pub(super) fn seal(self, limit: u64) -> io::Result<PlanBytes> {
        Ok(PlanBytes(seal(self.0, limit)?))
    }
}

impl PlanBytes {
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub fn sha256(&self) -> [u8; 32] {
        self.0.sha256
    }

    pub(super) fn stdin(&self) -> io::Result<OwnedFd> {
        Ok(self.0.memory.try_clone()?.into())
    }
}

impl ForeignPlan {
    pub fn new(bytes: &[u8]) -> io::Result<ForeignPlan> {
        let mut draft = Draft::new()?;
        draft.0.write_all(bytes)?;
        Ok(ForeignPlan(seal(draft.0, bytes.len() as u64)?))
    }

    pub(super) fn stdin(&self) -> io::Result<OwnedFd> {
        Ok(self.0.memory.try_clone()?.into())
    }
}

fn seal(mut memory: File, limit: u64) -> io::Result<Sealed> {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    fcntl_add_seals(
        &memory,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    let size = memory.metadata()?.len();
    if size > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("the plan has {size} bytes, more than the {limit} allowed"),
        ));
    }
    memory.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    memory.read_to_end(&mut bytes)?;
    let sha256 = super::sha256(&bytes);
    Ok(Sealed {
        memory,
        bytes,
        sha256,
    })
}

impl fmt::Debug for PlanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A plan holds every value in clear.
        write!(
            f,
            "PlanBytes({} bytes, sha256 {})",
            self.0.bytes.len(),
            super::hex(&self.0.sha256)
        )
    }
}

impl fmt::Debug for ForeignPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ForeignPlan({} bytes, sha256 {})",
            self.0.bytes.len(),
            super::hex(&self.0.sha256)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_kept_it_open_can_no_longer_change_it() {
        let draft = Draft::new().unwrap();
        let mut kept = File::from(draft.stdin().unwrap());
        kept.write_all(b"approved").unwrap();
        let plan = draft.seal(100).unwrap();
        assert_eq!(plan.bytes(), b"approved");

        kept.seek(SeekFrom::Start(0)).unwrap();
        assert!(
            kept.write_all(b"EVIL").is_err(),
            "written through the kept descriptor"
        );
        assert!(kept.set_len(0).is_err(), "cut short");
        assert!(kept.set_len(1000).is_err(), "made longer");
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&kept));
        if let Ok(mut again) = std::fs::OpenOptions::new().write(true).open(path) {
            assert!(
                again.write_all(b"EVIL").is_err(),
                "written through a new descriptor"
            );
        }
        let mut now = String::new();
        kept.seek(SeekFrom::Start(0)).unwrap();
        kept.read_to_string(&mut now).unwrap();
        assert_eq!(now, "approved");
    }

    #[test]
    fn too_large_is_refused_and_nothing_is_printed() {
        let draft = Draft::new().unwrap();
        File::from(draft.stdin().unwrap())
            .write_all(&[7; 11])
            .unwrap();
        assert_eq!(
            draft.seal(10).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        let plan = ForeignPlan::new(b"hunter2").unwrap();
        assert!(!format!("{plan:?}").contains("hunter2"));
    }
}
