//! SSH public keys as people write them: `ssh-ed25519 AAAA… comment`.
//!
//! Two keys are the same key when their wire bytes are, whatever the comment. Which keys may sign is decided here, once:
//! Ed25519, ECDSA on the three NIST curves, RSA of 2048 to 8192 bits, and the two security-key types.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use std::{fmt, str::FromStr};

#[derive(Clone)]
pub struct PublicKey {
    data: KeyData,
    wire: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    #[error(
        "`{0}` is not an SSH public key; expected one line such as `ssh-ed25519 AAAAC3Nza… name`"
    )]
    Form(String),
    #[error("this is a private key; give the public half, the file ending in `.pub`")]
    Private,
    #[error(
        "key type `{0}` cannot sign here; use ed25519, ecdsa, rsa (2048 bits or more) or a security key (sk-…)"
    )]
    Type(String),
    #[error("an RSA key of {0} bits is outside 2048 to 8192")]
    RsaSize(usize),
}

impl PublicKey {
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(BadKey::Private);
        }
        let shown = || crate::address::escape(&text.chars().take(60).collect::<String>());
        if text.contains('\n') {
            return Err(BadKey::Form(shown()));
        }
        let key = ssh_key::PublicKey::from_openssh(text).map_err(|_| BadKey::Form(shown()))?;
        Self::from_data(key.key_data().clone())
    }

    pub(crate) fn from_data(data: KeyData) -> Result<Self, BadKey> {
        match &data {
            KeyData::Ed25519(_)
            | KeyData::Ecdsa(_)
            | KeyData::SkEd25519(_)
            | KeyData::SkEcdsaSha2NistP256(_) => {}
            KeyData::Rsa(key) => {
                let bits = key.n.as_positive_bytes().map_or(0, |n| {
                    n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize)
                });
                if !(2048..=8192).contains(&bits) {
                    return Err(BadKey::RsaSize(bits));
                }
            }
            other => return Err(BadKey::Type(other.algorithm().to_string())),
        }
        let wire = ssh_key::PublicKey::from(data.clone())
            .to_bytes()
            .map_err(|_| BadKey::Form(String::new()))?;
        Ok(Self { data, wire })
    }

    /// The key as SSH sends it; what equality, fingerprints and uniqueness are judged by.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    pub(crate) fn data(&self) -> &KeyData {
        &self.data
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.data.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// Whether the key type promises that the private half never leaves a device.
    pub fn is_security_key(&self) -> bool {
        matches!(
            self.data,
            KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_)
        )
    }

    /// `ecdsa`, `ed25519` and so on, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            KeyData::Ed25519(_) => "ed25519",
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(_)) => "ecdsa-p256",
            KeyData::Ecdsa(EcdsaPublicKey::NistP384(_)) => "ecdsa-p384",
            KeyData::Ecdsa(EcdsaPublicKey::NistP521(_)) => "ecdsa-p521",
            KeyData::Rsa(_) => "rsa",
            KeyData::SkEd25519(_) => "sk-ed25519",
            KeyData::SkEcdsaSha2NistP256(_) => "sk-ecdsa",
            _ => "unknown",
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}
impl Eq for PublicKey {}
impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.wire.cmp(&other.wire)
    }
}

/// The one-line form without a comment: two spellings of one key are one text.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ssh_key::PublicKey::from(self.data.clone())
            .to_openssh()
            .map_err(|_| fmt::Error)?;
        f.write_str(text.trim())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::parse(text)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}
