//! SSHSIG, read more strictly than `ssh-keygen` reads it.
//!
//! `ssh-keygen` ignores the reserved field, and the flags of a security key: a signature made without a touch verifies
//! there. Here the reserved field must be empty, nothing may follow the blob, the namespace is compared byte for byte,
//! RSA needs SHA-2 and 2048 bits, and a security key must say that somebody was present.
//! Source: OpenSSH PROTOCOL.sshsig and PROTOCOL.u2f.

use crate::key::{BadKey, PublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{digest, signature as algorithm};
use ssh_key::public::{EcdsaPublicKey, KeyData};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";
/// An 8192-bit RSA signature with its key is about 3 KiB.
const LARGEST: usize = 16 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum BadSignature {
    #[error("not an armored SSH signature ({0}); make one with `ssh-keygen -Y sign`")]
    Armor(&'static str),
    #[error("damaged SSH signature: {0}")]
    Blob(&'static str),
    #[error("signed for namespace `{found}`, expected `{expected}`")]
    Namespace { expected: String, found: String },
    #[error("the reserved field is not empty")]
    Reserved,
    #[error("hash `{0}` is not sha256 or sha512")]
    Hash(String),
    #[error("signature algorithm `{0}` does not fit the key")]
    Algorithm(String),
    #[error(transparent)]
    Key(#[from] BadKey),
    #[error("the security key was not touched (flags {0:#04x})")]
    NoPresence(u8),
    #[error(
        "the signature does not verify: the text was changed after signing, or another key signed it"
    )]
    Wrong,
}

/// A signature that was read but not checked: it can be shown, never believed.
pub struct Unverified {
    pub key: PublicKey,
    pub namespace: String,
    hash: Hash,
    algorithm: String,
    signature: Vec<u8>,
}

/// What a checked signature tells beyond "this key signed these bytes".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub key: PublicKey,
    /// User verification (PIN or biometry) as a security key reports it.
    pub user_verified: bool,
    /// A security key's counter.
    pub counter: Option<u32>,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl Unverified {
    pub fn parse(armored: &str) -> Result<Self, BadSignature> {
        if armored.len() > LARGEST {
            return Err(BadSignature::Armor("too large"));
        }
        let text = armored.trim_matches(['\n', '\r', ' ']);
        let body = text
            .strip_prefix(BEGIN)
            .ok_or(BadSignature::Armor("no BEGIN line"))?;
        let body = body
            .strip_suffix(END)
            .ok_or(BadSignature::Armor("no END line"))?;
        let packed: String = body.split(['\n', '\r']).collect();
        let blob = BASE64_STANDARD
            .decode(packed)
            .map_err(|_| BadSignature::Armor("not base64"))?;

        let mut input = Wire(&blob);
        if input.take(6)? != MAGIC {
            return Err(BadSignature::Blob("no SSHSIG mark"));
        }
        if input.u32()? != 1 {
            return Err(BadSignature::Blob("unknown version"));
        }
        let key = input.string()?;
        let namespace = input.text()?;
        let reserved = input.string()?;
        let hash = input.text()?;
        let signature = input.string()?;
        input.end()?;
        if !reserved.is_empty() {
            return Err(BadSignature::Reserved);
        }
        let hash = match hash.as_str() {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            _ => return Err(BadSignature::Hash(hash)),
        };
        let parsed = ssh_key::PublicKey::from_bytes(key)
            .map_err(|_| BadSignature::Blob("unreadable public key"))?;
        // The parser forgives some wrong lengths; a key has one encoding.
        let received = key;
        let key = PublicKey::from_data(parsed.key_data().clone())?;
        if key.wire() != received {
            return Err(BadSignature::Blob("public key in an unusual encoding"));
        }
        let mut input = Wire(signature);
        let algorithm = input.text()?;
        Ok(Self {
            key,
            namespace,
            hash,
            algorithm,
            signature: input.0.to_vec(),
        })
    }

    pub fn verify(self, namespace: &str, message: &[u8]) -> Result<Verified, BadSignature> {
        if self.namespace != namespace {
            return Err(BadSignature::Namespace {
                expected: namespace.into(),
                found: self.namespace,
            });
        }
        let (name, hashed) = match self.hash {
            Hash::Sha256 => ("sha256", digest::digest(&digest::SHA256, message)),
            Hash::Sha512 => ("sha512", digest::digest(&digest::SHA512, message)),
        };
        let mut signed = MAGIC.to_vec();
        for part in [namespace.as_bytes(), b"", name.as_bytes(), hashed.as_ref()] {
            signed.extend_from_slice(&(part.len() as u32).to_be_bytes());
            signed.extend_from_slice(part);
        }
        let mut input = Wire(&self.signature);
        let raw = input.string()?;
        let (user_verified, counter) = match self.key.data() {
            KeyData::SkEd25519(key) => {
                security_key(&mut input, key.application().as_bytes(), &mut signed)?
            }
            KeyData::SkEcdsaSha2NistP256(key) => {
                security_key(&mut input, key.application().as_bytes(), &mut signed)?
            }
            _ => (false, None),
        };
        input.end()?;
        check(&self.key, &self.algorithm, raw, &signed)?;
        Ok(Verified {
            key: self.key,
            user_verified,
            counter,
        })
    }
}

/// Replaces the message by what a security key signs, and reads the flags and counter behind the signature.
fn security_key(
    input: &mut Wire<'_>,
    application: &[u8],
    signed: &mut Vec<u8>,
) -> Result<(bool, Option<u32>), BadSignature> {
    let flags = input.take(1)?[0];
    let counter = input.u32()?;
    if flags & 0x01 == 0 {
        return Err(BadSignature::NoPresence(flags));
    }
    let mut outer = digest::digest(&digest::SHA256, application)
        .as_ref()
        .to_vec();
    outer.push(flags);
    outer.extend_from_slice(&counter.to_be_bytes());
    outer.extend_from_slice(digest::digest(&digest::SHA256, signed).as_ref());
    *signed = outer;
    Ok((flags & 0x04 != 0, Some(counter)))
}

fn check(key: &PublicKey, name: &str, raw: &[u8], signed: &[u8]) -> Result<(), BadSignature> {
    let mismatch = || BadSignature::Algorithm(name.to_owned());
    let wrong = |_| BadSignature::Wrong;
    match (key.data(), name) {
        (KeyData::Ed25519(k), "ssh-ed25519") => {
            algorithm::UnparsedPublicKey::new(&algorithm::ED25519, k.0)
                .verify(signed, raw)
                .map_err(wrong)
        }
        (KeyData::SkEd25519(k), "sk-ssh-ed25519@openssh.com") => {
            algorithm::UnparsedPublicKey::new(&algorithm::ED25519, k.public_key().0)
                .verify(signed, raw)
                .map_err(wrong)
        }
        (KeyData::Ecdsa(EcdsaPublicKey::NistP256(k)), "ecdsa-sha2-nistp256") => {
            let raw = fixed(raw, 32)?;
            algorithm::UnparsedPublicKey::new(&algorithm::ECDSA_P256_SHA256_FIXED, k.as_bytes())
                .verify(signed, &raw)
                .map_err(wrong)
        }
        (KeyData::SkEcdsaSha2NistP256(k), "sk-ecdsa-sha2-nistp256@openssh.com") => {
            let raw = fixed(raw, 32)?;
            algorithm::UnparsedPublicKey::new(
                &algorithm::ECDSA_P256_SHA256_FIXED,
                k.ec_point().as_bytes(),
            )
            .verify(signed, &raw)
            .map_err(wrong)
        }
        (KeyData::Ecdsa(EcdsaPublicKey::NistP384(k)), "ecdsa-sha2-nistp384") => {
            let raw = fixed(raw, 48)?;
            algorithm::UnparsedPublicKey::new(&algorithm::ECDSA_P384_SHA384_FIXED, k.as_bytes())
                .verify(signed, &raw)
                .map_err(wrong)
        }
        (KeyData::Ecdsa(EcdsaPublicKey::NistP521(k)), "ecdsa-sha2-nistp521") => {
            use p521::ecdsa::{Signature, VerifyingKey, signature::Verifier};
            let key = VerifyingKey::from_sec1_bytes(k.as_bytes())
                .map_err(|_| BadSignature::Blob("point off the curve"))?;
            let signature =
                Signature::from_slice(&fixed(raw, 66)?).map_err(|_| BadSignature::Wrong)?;
            key.verify(signed, &signature)
                .map_err(|_| BadSignature::Wrong)
        }
        (KeyData::Rsa(k), "rsa-sha2-256" | "rsa-sha2-512") => {
            let parameters = if name == "rsa-sha2-256" {
                &algorithm::RSA_PKCS1_2048_8192_SHA256
            } else {
                &algorithm::RSA_PKCS1_2048_8192_SHA512
            };
            let n = k.n.as_positive_bytes().ok_or(BadSignature::Wrong)?;
            let e = k.e.as_positive_bytes().ok_or(BadSignature::Wrong)?;
            algorithm::RsaPublicKeyComponents { n, e }
                .verify(parameters, signed, raw)
                .map_err(wrong)
        }
        _ => Err(mismatch()),
    }
}

/// Two SSH integers as the fixed-width r ‖ s that verifiers take.
fn fixed(raw: &[u8], width: usize) -> Result<Vec<u8>, BadSignature> {
    let mut input = Wire(raw);
    let mut out = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let number = input.string()?;
        if number.first().is_some_and(|b| b & 0x80 != 0) {
            return Err(BadSignature::Blob("negative number in the signature"));
        }
        let digits = match number {
            [0, rest @ ..] => rest,
            all => all,
        };
        if digits.len() > width {
            return Err(BadSignature::Blob("number too long for the curve"));
        }
        out.resize(out.len() + width - digits.len(), 0);
        out.extend_from_slice(digits);
    }
    input.end()?;
    Ok(out)
}

/// SSH wire strings, bounds checked.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], BadSignature> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or(BadSignature::Blob("ends too early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, BadSignature> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn string(&mut self) -> Result<&'a [u8], BadSignature> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Result<String, BadSignature> {
        String::from_utf8(self.string()?.to_vec())
            .map_err(|_| BadSignature::Blob("text is not UTF-8"))
    }

    fn end(&self) -> Result<(), BadSignature> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(BadSignature::Blob("bytes after the end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, path::Path, process::Command};

    fn keygen(dir: &Path, arguments: &[&str]) {
        let status = Command::new("ssh-keygen")
            .current_dir(dir)
            .args(arguments)
            .output();
        let output = status.expect("these tests need `ssh-keygen` (Debian: openssh-client)");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn sign(dir: &Path, key: &str, namespace: &str, message: &[u8]) -> String {
        fs::write(dir.join("m"), message).unwrap();
        let _ = fs::remove_file(dir.join("m.sig"));
        keygen(dir, &["-q", "-Y", "sign", "-f", key, "-n", namespace, "m"]);
        fs::read_to_string(dir.join("m.sig")).unwrap()
    }

    fn verify(armored: &str, namespace: &str, message: &[u8]) -> Result<Verified, BadSignature> {
        Unverified::parse(armored)?.verify(namespace, message)
    }

    #[test]
    fn every_key_type_that_ssh_keygen_makes() {
        let dir = tempfile::tempdir().unwrap();
        for (kind, bits) in [
            ("ed25519", "256"),
            ("ecdsa", "256"),
            ("ecdsa", "384"),
            ("ecdsa", "521"),
            ("rsa", "2048"),
        ] {
            let name = format!("{kind}{bits}");
            keygen(
                dir.path(),
                &[
                    "-q", "-t", kind, "-b", bits, "-N", "", "-f", &name, "-C", "x",
                ],
            );
            let public = fs::read_to_string(dir.path().join(format!("{name}.pub"))).unwrap();
            let key = PublicKey::parse(&public).unwrap();
            // Several messages: an r or s with a leading zero turns up sooner or later.
            for n in 0..4 {
                let message = format!("message {n}").into_bytes();
                let armored = sign(dir.path(), &name, "ambit-test", &message);
                assert_eq!(
                    verify(&armored, "ambit-test", &message).unwrap().key,
                    key,
                    "{name}"
                );
                assert!(matches!(
                    verify(&armored, "other", &message),
                    Err(BadSignature::Namespace { .. })
                ));
                assert!(matches!(
                    verify(&armored, "ambit-test", b"other"),
                    Err(BadSignature::Wrong)
                ));
            }
        }
    }

    #[test]
    fn weak_and_foreign_keys() {
        let dir = tempfile::tempdir().unwrap();
        keygen(
            dir.path(),
            &["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", "weak"],
        );
        let weak = fs::read_to_string(dir.path().join("weak.pub")).unwrap();
        assert_eq!(
            PublicKey::parse(&weak).unwrap_err().to_string(),
            "an RSA key of 1024 bits is outside 2048 to 8192"
        );
        let private = fs::read_to_string(dir.path().join("weak")).unwrap();
        assert!(matches!(PublicKey::parse(&private), Err(BadKey::Private)));
        assert!(matches!(
            PublicKey::parse("ssh-dss AAAA"),
            Err(BadKey::Form(_))
        ));
        assert!(matches!(PublicKey::parse(""), Err(BadKey::Form(_))));
    }

    #[test]
    fn stricter_than_ssh_keygen() {
        let dir = tempfile::tempdir().unwrap();
        keygen(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "k"]);
        let armored = sign(dir.path(), "k", "ambit-test", b"m");
        let body: String = armored.lines().filter(|l| !l.starts_with('-')).collect();
        let blob = BASE64_STANDARD.decode(body).unwrap();
        let wrap = |blob: &[u8]| format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(blob));
        assert!(verify(&wrap(&blob), "ambit-test", b"m").is_ok());

        let mut trailing = blob.clone();
        trailing.push(0);
        assert!(matches!(
            verify(&wrap(&trailing), "ambit-test", b"m"),
            Err(BadSignature::Blob("bytes after the end"))
        ));

        // magic, version, key (4 + 51), namespace (4 + 10), then the empty reserved field.
        let at = 6 + 4 + 4 + 51 + 4 + 10;
        let mut reserved = blob[..at].to_vec();
        reserved.extend_from_slice(&[0, 0, 0, 1, b'x']);
        reserved.extend_from_slice(&blob[at + 4..]);
        assert!(matches!(
            verify(&wrap(&reserved), "ambit-test", b"m"),
            Err(BadSignature::Reserved)
        ));

        for cut in 0..blob.len() {
            assert!(verify(&wrap(&blob[..cut]), "ambit-test", b"m").is_err());
        }
        for flip in 0..blob.len() {
            let mut bad = blob.clone();
            bad[flip] ^= 1;
            assert!(
                verify(&wrap(&bad), "ambit-test", b"m").is_err(),
                "byte {flip}"
            );
        }
    }

    #[test]
    fn a_security_key_must_be_touched() {
        use ring::{
            rand::SystemRandom,
            signature::{Ed25519KeyPair, KeyPair},
        };
        let pair = Ed25519KeyPair::from_pkcs8(
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .unwrap()
                .as_ref(),
        )
        .unwrap();
        let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let kind = b"sk-ssh-ed25519@openssh.com";
        let key = [
            string(kind),
            string(pair.public_key().as_ref()),
            string(b"ssh:"),
        ]
        .concat();
        let make = |flags: u8| {
            let hashed = digest::digest(&digest::SHA512, b"m");
            let inner = [
                MAGIC.to_vec(),
                string(b"n"),
                string(b""),
                string(b"sha512"),
                string(hashed.as_ref()),
            ]
            .concat();
            let outer = [
                digest::digest(&digest::SHA256, b"ssh:").as_ref(),
                &[flags],
                &7u32.to_be_bytes(),
                digest::digest(&digest::SHA256, &inner).as_ref(),
            ]
            .concat();
            let signature = [
                string(kind),
                string(pair.sign(&outer).as_ref()),
                vec![flags],
                7u32.to_be_bytes().to_vec(),
            ]
            .concat();
            let blob = [
                MAGIC.to_vec(),
                1u32.to_be_bytes().to_vec(),
                string(&key),
                string(b"n"),
                string(b""),
                string(b"sha512"),
                string(&signature),
            ]
            .concat();
            format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(blob))
        };
        assert!(matches!(
            verify(&make(0x00), "n", b"m"),
            Err(BadSignature::NoPresence(0))
        ));
        assert!(matches!(
            verify(&make(0x04), "n", b"m"),
            Err(BadSignature::NoPresence(4))
        ));
        let touched = verify(&make(0x01), "n", b"m").unwrap();
        assert_eq!((touched.user_verified, touched.counter), (false, Some(7)));
        assert!(verify(&make(0x05), "n", b"m").unwrap().user_verified);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(-----BEGIN SSH SIGNATURE-----\n)?[A-Za-z0-9+/=\n]{0,200}(\n-----END SSH SIGNATURE-----)?") {
            let _ = verify(&text, "n", b"m");
        }

        #[test]
        fn mutated_blobs_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let blob = [MAGIC, &[0, 0, 0, 1], &bytes].concat();
            let _ = verify(&format!("{BEGIN}\n{}\n{END}", BASE64_STANDARD.encode(blob)), "n", b"m");
        }
    }
}
