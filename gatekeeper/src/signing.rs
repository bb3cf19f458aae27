//! Signatures by people and agents, made by `ssh-keygen`: private keys never enter this process, and agents, hardware
//! keys and passphrases work as they do everywhere else.

use crate::{place::outside, stop::Stop};
use ambit_authority::{key::PublicKey, sshsig::Unverified};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The longest RSA key with comments stays below.
const LARGEST: u64 = 64 << 10;

const WAY_OUT: &str =
    "name an SSH private key, or the `.pub` file of one that your ssh-agent holds";

/// A private key file, or a public key whose private half an ssh-agent holds.
pub struct Signer {
    path: PathBuf,
    pub key: PublicKey,
}

impl Signer {
    pub fn open(path: &Path) -> Result<Self, Stop> {
        let text = outside::text(path, "SSH key", LARGEST).map_err(|stop| stop.next(WAY_OUT))?;
        let public = if text.contains("PRIVATE KEY") {
            // The public half is inside, readable even where the private half has a passphrase.
            let beside = PathBuf::from(format!("{}.pub", path.display()));
            match fs::read_to_string(&beside) {
                Ok(text) => text,
                Err(_) => run(
                    Command::new("ssh-keygen").arg("-y").arg("-f").arg(path),
                    || {
                        Stop::usage(format!("`ssh-keygen` cannot read key `{}`", path.display()))
                            .next(WAY_OUT)
                    },
                )?,
            }
        } else {
            text
        };
        let key = PublicKey::parse(&public)
            .map_err(|e| Stop::usage(format!("key `{}`: {e}", path.display())).next(WAY_OUT))?;
        Ok(Self {
            path: path.to_owned(),
            key,
        })
    }

    /// An armored SSHSIG over `message`, checked before it is returned.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, Stop> {
        let dir = tempfile::tempdir()
            .map_err(|e| Stop::failure(format!("cannot make a temporary directory: {e}")))?;
        let file = dir.path().join("message");
        fs::write(&file, message).map_err(|e| Stop::io("write", &file, e))?;
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(&self.path)
            .arg(&file);
        run(&mut command, || {
            Stop::failure(format!(
                "`ssh-keygen` could not sign with `{}`",
                self.path.display()
            ))
        })?;
        let written = dir.path().join("message.sig");
        let armored = fs::read_to_string(&written).map_err(|e| Stop::io("read", &written, e))?;
        let verified = Unverified::parse(&armored).and_then(|s| s.verify(namespace, message));
        match verified {
            Ok(verified) if verified.key == self.key => Ok(armored),
            Ok(verified) => Err(Stop::failure(format!(
                "`{}` holds {} but `ssh-keygen` signed with {}: the .pub file beside the key is another one",
                self.path.display(),
                self.key.fingerprint(),
                verified.key.fingerprint(),
            ))),
            Err(e) => Err(Stop::failure(format!(
                "`ssh-keygen` made a signature that does not hold: {e}"
            ))),
        }
    }
}

/// What it prints; where it fails, `otherwise` with what it said.
fn run(command: &mut Command, otherwise: impl Fn() -> Stop) -> Result<String, Stop> {
    let output = command
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    let output = output.map_err(|e| {
        Stop::failure(format!("cannot run `ssh-keygen`: {e}"))
            .next("install OpenSSH's client tools")
    })?;
    if output.status.success() {
        return String::from_utf8(output.stdout)
            .map_err(|_| Stop::failure("`ssh-keygen` printed something unreadable"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said
        .lines()
        .map(|l| ambit_authority::address::escape(l.trim()))
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>();
    Err(otherwise().details(said))
}
