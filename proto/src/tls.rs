//! Mutual TLS with exactly one client: the engine that started us.
//!
//! The engine proves itself with a self-signed P-521 certificate whose PEM it put
//! into our environment. Neither way a TLS library offers fits: a chain check
//! refuses the certificate, because it is its own authority, and `ring` cannot
//! check P-521 signatures, so that without help the engine presents nothing. So
//! the certificate is pinned byte for byte, and its signature is checked here.
//!
//! Client authentication is never optional: whoever finds the socket could drive
//! the provider with the user's credentials.

use std::sync::Arc;

use p521::ecdsa::{DerSignature, VerifyingKey, signature::Verifier as _};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio_rustls::rustls::{
    self, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use x509_cert::{Certificate, der::Decode as _, der::oid::ObjectIdentifier};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("`PLUGIN_CLIENT_CERT` holds no PEM certificate")]
    NoClientCertificate,
    #[error("the certificate in `PLUGIN_CLIENT_CERT` cannot be used: {0}")]
    ClientCertificate(&'static str),
    #[error("cannot make a certificate: {0}")]
    OwnCertificate(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// A fresh certificate of ours, and a configuration that serves one client.
pub(crate) struct ServerTls {
    pub certificate: CertificateDer<'static>,
    pub config: Arc<ServerConfig>,
}

pub(crate) fn server(client_pem: &str) -> Result<ServerTls, TlsError> {
    let verifier = PinnedClient::from_pem(client_pem)?;

    // P-256: every engine knows it, and making one takes well under a millisecond.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // rcgen's own validity spans centuries, so clocks that differ do no harm.
    let certificate = CertificateDer::from(params.self_signed(&key)?.der().to_vec());
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| rustls::Error::General(error.to_owned()))?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![certificate.clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(ServerTls {
        certificate,
        config: Arc::new(config),
    })
}

/// Accepts one certificate, and the signature of its P-521 key.
#[derive(Debug)]
struct PinnedClient {
    certificate: CertificateDer<'static>,
    key: VerifyingKey,
}

impl PinnedClient {
    fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| TlsError::NoClientCertificate)?;
        let parsed = Certificate::from_der(&certificate)
            .map_err(|_| TlsError::ClientCertificate("it is not X.509"))?;
        let key = parsed.tbs_certificate().subject_public_key_info();
        let curve = key
            .algorithm
            .parameters
            .as_ref()
            .and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        if key.algorithm.oid != EC_PUBLIC_KEY || curve != Some(SECP521R1) {
            return Err(TlsError::ClientCertificate(
                "its key is not on the curve P-521",
            ));
        }
        let key = VerifyingKey::from_sec1_bytes(key.subject_public_key.raw_bytes())
            .map_err(|_| TlsError::ClientCertificate("its key is not a point on the curve"))?;
        Ok(Self { certificate, key })
    }

    fn check(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if signed.scheme != SignatureScheme::ECDSA_NISTP521_SHA512 {
            return Err(rustls::PeerIncompatible::NoSignatureSchemesInCommon.into());
        }
        let refused = || rustls::Error::from(rustls::CertificateError::BadSignature);
        let signature = DerSignature::try_from(signed.signature()).map_err(|_| refused())?;
        self.key
            .verify(message, &signature)
            .map_err(|_| refused())?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ClientCertVerifier for PinnedClient {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // The same bytes the engine put into our environment: names and dates add nothing to that.
        match *end_entity == self.certificate {
            true => Ok(ClientCertVerified::assertion()),
            false => Err(rustls::CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check(message, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check(message, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP521_SHA512]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_p521_certificate_can_be_pinned() {
        let p256 = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate");
        let mangled = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "not PEM", mangled, &p256.cert.pem()] {
            assert!(server(pem).is_err(), "`{pem}` was pinned");
        }
    }
}
