//! A client that plays the engine: it starts a provider, shakes hands and calls it,
//! with a certificate as an engine makes it.
//!
//! For what a real engine cannot be made to do: present the wrong certificate, hang
//! up, send hostile bytes, or measure.

#![allow(dead_code)]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper_util::rt::TokioIo;
use p521::ecdsa::{DerSignature, SigningKey, signature::Signer as _};
use tfplugin_proto::{
    Type, Value,
    wire::tfplugin6::{DynamicValue, provider_client::ProviderClient},
};
use tokio::net::UnixStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore, SignatureAlgorithm, SignatureScheme,
        client::ResolvesClientCert, crypto::ring, pki_types::CertificateDer, sign::CertifiedKey,
    },
};
use tonic::transport::{Channel, Endpoint};

pub const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);
const PROBE: &str = env!("CARGO_BIN_EXE_terraform-provider-probe");
const LARGEST_MESSAGE: usize = 256 << 20;

/// A running provider. Dropping it kills the process.
pub struct Plugin {
    pub child: Child,
    pub line: String,
    stdout: BufReader<ChildStdout>,
    dir: tempfile::TempDir,
}

impl Plugin {
    /// The probe, started as an engine does it, for a client with this certificate.
    pub fn start(identity: Option<&Identity>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(PROBE);
        command
            .env_remove("TF_LOG")
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_UNIX_SOCKET_DIR", dir.path())
            .env_remove("PLUGIN_CLIENT_CERT")
            .envs(identity.map(|identity| ("PLUGIN_CLIENT_CERT", identity.pem())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the provider starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        Self {
            child,
            line,
            stdout,
            dir,
        }
    }

    pub fn fields(&self) -> Vec<&str> {
        self.line.trim_end_matches('\n').split('|').collect()
    }

    pub fn socket(&self) -> PathBuf {
        self.fields()[3].into()
    }

    /// A place for the test's own files, gone with the plugin.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// What was printed after the handshake, once the process is gone.
    pub fn rest_of_stdout(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("readable");
        rest
    }

    /// Connects, over TLS if the provider gave a certificate, presenting `identity`.
    pub async fn channel(
        &self,
        identity: Option<&Identity>,
    ) -> Result<Channel, tonic::transport::Error> {
        let tls = match self.fields()[5] {
            "" => None,
            certificate => Some(connector(certificate, identity)),
        };
        let socket = self.socket();
        let connect = tower::service_fn(move |_| {
            let (tls, socket) = (tls.clone(), socket.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                Ok::<_, std::io::Error>(match tls {
                    None => TokioIo::new(Stream::Plain(stream)),
                    Some(tls) => {
                        let name = "localhost".try_into().expect("a name");
                        TokioIo::new(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
                    }
                })
            }
        });
        Endpoint::from_static("http://localhost")
            .connect_with_connector(connect)
            .await
    }

    pub async fn client(&self, identity: Option<&Identity>) -> ProviderClient<Channel> {
        let channel = self.channel(identity).await.expect("a connection");
        ProviderClient::new(channel)
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE)
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

enum Stream {
    Plain(UnixStream),
    Tls(Box<tokio_rustls::client::TlsStream<UnixStream>>),
}

mod stream {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Stream;

    impl AsyncRead for Stream {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
                Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            }
        }
    }

    impl AsyncWrite for Stream {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.get_mut() {
                Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
                Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            }
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
                Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
                Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            }
        }
    }
}

fn connector(server: &str, identity: Option<&Identity>) -> TlsConnector {
    let padded = format!("{server}{}", "=".repeat((4 - server.len() % 4) % 4));
    let server = CertificateDer::from(STANDARD.decode(padded).expect("standard base64"));
    // As an engine does: our certificate is the only root.
    let mut roots = RootCertStore::empty();
    roots.add(server).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => config.with_client_cert_resolver(Arc::new(identity.clone())),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A P-521 key and a self-signed certificate that is its own authority.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    certificate: CertificateDer<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// Always the same for the same seed.
    pub fn new(seed: u8) -> Self {
        // 66 bytes make a P-521 scalar; two leading zeros keep it below the order.
        let mut scalar = [seed; 66];
        scalar[..2].fill(0);
        let key = SigningKey::from_slice(&scalar).expect("a scalar");
        let certificate = CertificateDer::from(certificate(&key));
        Self { key, certificate }
    }

    /// This certificate with the key of another: what a thief of the environment could present.
    pub fn with_key_of(&self, other: &Identity) -> Self {
        Self {
            key: other.key.clone(),
            certificate: self.certificate.clone(),
        }
    }

    pub fn pem(&self) -> String {
        let body = STANDARD.encode(&self.certificate);
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line))
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        assert!(
            offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512),
            "an engine would present nothing"
        );
        Some(Arc::new(CertifiedKey::new(
            vec![self.certificate.clone()],
            Arc::new(self.clone()),
        )))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl rustls::sign::SigningKey for Identity {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl rustls::sign::Signer for Identity {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

/// DER by hand: a tag, a length, a content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..=127) => out.push(short),
        Ok(long) => out.extend([0x81, long]),
        _ => {
            out.push(0x82);
            out.extend(
                u16::try_from(content.len())
                    .expect("a small certificate")
                    .to_be_bytes(),
            );
        }
    }
    out.extend(content);
    out
}

fn certificate(key: &SigningKey) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    let oid = |bytes: &[u8]| der(0x06, &[bytes]);
    let common_name = der(
        SEQUENCE,
        &[&oid(&[0x55, 4, 3]), &der(0x0c, &[b"localhost"])],
    );
    let name = der(SEQUENCE, &[&der(0x31, &[&common_name])]);
    let validity = der(
        SEQUENCE,
        &[
            &der(0x17, &[b"200101000000Z"]),
            &der(0x17, &[b"491231235959Z"]),
        ],
    );
    let ecdsa_with_sha512 = der(SEQUENCE, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4])]);
    let curve = der(
        SEQUENCE,
        &[
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]),
            &oid(&[0x2b, 0x81, 4, 0, 0x23]),
        ],
    );
    let point = key.verifying_key().to_sec1_point(false);
    let public_key = der(SEQUENCE, &[&curve, &der(0x03, &[&[0], point.as_bytes()])]);
    // CA:true, which is what a chain check stumbles over.
    let authority = der(
        SEQUENCE,
        &[
            &oid(&[0x55, 0x1d, 0x13]),
            &der(0x01, &[&[0xff]]),
            &der(0x04, &[&der(SEQUENCE, &[&der(0x01, &[&[0xff]])])]),
        ],
    );
    let alternative = der(
        SEQUENCE,
        &[
            &oid(&[0x55, 0x1d, 0x11]),
            &der(0x04, &[&der(SEQUENCE, &[&der(0x82, &[b"localhost"])])]),
        ],
    );
    let extensions = der(0xa3, &[&der(SEQUENCE, &[&authority, &alternative])]);
    let to_be_signed = der(
        SEQUENCE,
        &[
            &der(0xa0, &[&der(0x02, &[&[2]])]),
            &der(0x02, &[&[1]]),
            &ecdsa_with_sha512,
            &name,
            &validity,
            &name,
            &public_key,
            &extensions,
        ],
    );
    let signature: DerSignature = key.sign(&to_be_signed);
    der(
        SEQUENCE,
        &[
            &to_be_signed,
            &ecdsa_with_sha512,
            &der(0x03, &[&[0], signature.as_bytes()]),
        ],
    )
}

/// The type of a `probe_thing`.
pub fn thing_type() -> Type {
    Type::object([
        ("id", Type::String),
        ("mode", Type::String),
        ("text", Type::String),
        ("number", Type::Number),
        ("anything", Type::Dynamic),
        ("numbers", Type::set(Type::Number)),
        ("host", Type::String),
        ("made", Type::String),
    ])
}

/// A `probe_thing` with nothing but these.
pub fn thing(set: &[(&str, Value)]) -> Value {
    let Type::Object(types) = thing_type() else {
        unreachable!("an object")
    };
    let empty = Value::object(types.into_keys().map(|name| (name, Value::Null)));
    set.iter().fold(empty, |thing, (name, value)| {
        thing.with(name, value.clone())
    })
}

pub fn encode(value: &Value) -> Option<DynamicValue> {
    let msgpack = value.to_msgpack(&thing_type()).expect("fits");
    Some(DynamicValue {
        msgpack,
        json: Vec::new(),
    })
}

#[track_caller]
pub fn decode(value: Option<&DynamicValue>) -> Value {
    Value::from_msgpack(&thing_type(), &value.expect("a value").msgpack).expect("fits")
}
