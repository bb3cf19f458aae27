//! The first exchange with the engine: environment in, one line out.
//!
//! Nothing here may print to stdout but [`Handshake::line`], once. The line has six
//! fields exactly: engines in use glue a seventh onto the certificate.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::rand::SecureRandom as _;

const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// The version of the handshake itself.
const CORE_PROTOCOL: u8 = 1;
const APP_PROTOCOL: &str = "6";
/// What a socket address holds, without the closing zero, on the stricter systems.
const LONGEST_SOCKET_PATH: usize = 103;

/// What the engine told us through the environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The only client that may connect, as PEM. Absent: no TLS.
    pub client_certificate: Option<String>,
    pub socket_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error(
        "this is a provider plugin, which OpenTofu or Terraform starts by itself; to use it, name it in \
         `required_providers` and run `init`"
    )]
    NotInvited,
    #[error(
        "the engine speaks the plugin protocol versions `{0}`, this provider speaks 6; use OpenTofu 1.6 or Terraform 1.6, or newer"
    )]
    Version(String),
    #[error("the socket path `{}` is too long for this system; set `TMPDIR` to a shorter directory", .0.display())]
    SocketPath(PathBuf),
    #[error("cannot make a private directory for the socket in `{}`: {error}", parent.display())]
    SocketDir {
        parent: PathBuf,
        error: std::io::Error,
    },
    #[error("the system gives no random bytes")]
    Random,
}

impl Invitation {
    pub(crate) fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, HandshakeError> {
        if env(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(HandshakeError::NotInvited);
        }
        // A set, in whatever order the engine's hash map gave. Absent means an engine too old to ask.
        let versions = env("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        if !versions
            .split(',')
            .any(|version| version.trim() == APP_PROTOCOL)
        {
            return Err(HandshakeError::Version(versions));
        }
        Ok(Self {
            client_certificate: env("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()),
            socket_dir: env("PLUGIN_UNIX_SOCKET_DIR")
                .filter(|dir| !dir.is_empty())
                .map_or_else(std::env::temp_dir, PathBuf::from),
        })
    }
}

/// A socket path inside a directory that only this user may enter, so that in
/// plaintext mode too nobody else can connect. Dropping it removes both.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    dir: PathBuf,
    path: PathBuf,
}

impl SocketPlace {
    pub(crate) fn new(parent: &Path) -> Result<Self, HandshakeError> {
        let mut random = [0; 8];
        ring::rand::SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| HandshakeError::Random)?;
        let dir = parent.join(format!("plugin{:016x}", u64::from_be_bytes(random)));
        let path = dir.join("socket");
        if path.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(HandshakeError::SocketPath(path));
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .map_err(|error| HandshakeError::SocketDir {
                parent: parent.to_owned(),
                error,
            })?;
        Ok(Self { dir, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        // Leftovers in a temporary directory are untidy, not wrong.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.dir);
    }
}

/// The line the engine waits for.
pub(crate) struct Handshake<'a> {
    pub socket: &'a Path,
    /// Our certificate, DER. Absent: no TLS.
    pub certificate: Option<&'a [u8]>,
}

impl Handshake<'_> {
    pub(crate) fn line(&self) -> String {
        let certificate = self
            .certificate
            .map(|der| STANDARD_NO_PAD.encode(der))
            .unwrap_or_default();
        format!(
            "{CORE_PROTOCOL}|{APP_PROTOCOL}|unix|{}|grpc|{certificate}\n",
            self.socket.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Invitation, HandshakeError> {
        Invitation::read(|name| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn started_by_a_person_it_explains_itself() {
        for set in [
            &[][..],
            &[(COOKIE_NAME, "")],
            &[(COOKIE_NAME, "nonsense"), ("PLUGIN_PROTOCOL_VERSIONS", "6")],
        ] {
            let error = read(set).expect_err("no invitation");
            assert!(error.to_string().contains("required_providers"), "{error}");
        }
    }

    #[test]
    fn versions_are_a_set() {
        for (versions, accepted) in [
            ("5,6", true),
            ("6,5", true),
            ("6", true),
            (" 6 ,5", true),
            ("5", false),
            ("", false),
            ("16,60", false),
        ] {
            let result = read(&[
                (COOKIE_NAME, COOKIE),
                ("PLUGIN_PROTOCOL_VERSIONS", versions),
            ]);
            assert_eq!(result.is_ok(), accepted, "`{versions}`");
        }
    }

    #[test]
    fn an_empty_certificate_is_none() {
        let invitation = read(&[
            (COOKIE_NAME, COOKIE),
            ("PLUGIN_PROTOCOL_VERSIONS", "6"),
            ("PLUGIN_CLIENT_CERT", ""),
        ]);
        assert_eq!(invitation.expect("invited").client_certificate, None);
    }

    /// Pitfall 10: six fields, standard alphabet, no padding, one newline.
    #[test]
    fn pitfall_10_the_line_is_exact() {
        // These bytes need `+`, `/` and padding in the standard alphabet.
        for (certificate, field) in [(Some(&[0xfb, 0xef, 0xff, 0xff][..]), "++///w"), (None, "")] {
            let line = Handshake {
                socket: Path::new("/tmp/p/socket"),
                certificate,
            }
            .line();
            assert_eq!(line, format!("1|6|unix|/tmp/p/socket|grpc|{field}\n"));
            assert_eq!(line.split('|').count(), 6);
        }
    }

    #[test]
    fn the_socket_directory_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().expect("a directory");
        let place = SocketPlace::new(parent.path()).expect("short enough");
        let mode = fs::metadata(place.path().parent().expect("a parent"))
            .expect("exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(place.path(), "").expect("writable");
        drop(place);
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 0);

        let long = parent.path().join("x".repeat(100));
        assert!(matches!(
            SocketPlace::new(&long),
            Err(HandshakeError::SocketPath(_))
        ));
        let absent = parent.path().join("absent");
        assert!(matches!(
            SocketPlace::new(&absent),
            Err(HandshakeError::SocketDir { .. })
        ));
    }
}
