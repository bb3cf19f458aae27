//! Digests, keyed commitments and the Merkle root of a scope.
//!
//! A document is hashed as it stands: its `type` and version are inside, so two kinds of document never share a digest.
//! Parts of documents are hashed with a tag, one tag per use. Values that an engine showed us are never hashed plainly:
//! a guessable secret would be readable from its digest, so they are committed under a key that is fresh per request.

use crate::canonical::{self, Document, Malformed};
use ring::{digest, hmac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// A SHA-256 value, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_ring(digest::digest(&digest::SHA256, bytes))
    }

    /// The digest that statements and records name a document by.
    pub fn of_document<D: Document>(document: &D) -> Result<Self, Malformed> {
        Ok(Self::of(&canonical::encode(document)?))
    }

    /// SHA-256(0x00 ‖ tag ‖ 0x00 ‖ bytes): a part of a document, separated by its use.
    pub fn tagged(tag: &str, bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[0]);
        context.update(tag.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        Self::from_ring(context.finish())
    }

    /// The digest of a part in its canonical encoding.
    pub fn of_part<T: Serialize>(tag: &str, part: &T) -> Result<Self, Malformed> {
        Ok(Self::tagged(tag, &canonical::encode_part(part)?))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 of the parts one after the other.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        Self::from_ring(context.finish())
    }

    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads exactly 64 lower-case digits: one value has one spelling, so a file has one name.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse(text, "").ok()
    }

    fn from_ring(d: digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(d.as_ref());
        Self(bytes)
    }
}

/// Merkle root over leaves in the order given: leaf = H(0x00 ‖ tag ‖ 0x00 ‖ leaf), node = H(0x01 ‖ left ‖ right), split
/// at the largest power of two below the count (RFC 6962), so an odd leaf is never duplicated. The root binds the
/// count: H(0x02 ‖ tag ‖ 0x00 ‖ count as 8 bytes big-endian ‖ top).
pub fn merkle_root(tag: &str, leaves: &[Vec<u8>]) -> Digest {
    fn top(hashes: &[Digest]) -> Digest {
        match hashes {
            [] => Digest::of(&[]),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                let mut bytes = vec![1];
                bytes.extend_from_slice(&top(&many[..split]).0);
                bytes.extend_from_slice(&top(&many[split..]).0);
                Digest::of(&bytes)
            }
        }
    }
    let hashes: Vec<Digest> = leaves
        .iter()
        .map(|leaf| Digest::tagged(tag, leaf))
        .collect();
    let mut bytes = vec![2];
    bytes.extend_from_slice(tag.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&(leaves.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&top(&hashes).0);
    Digest::of(&bytes)
}

/// A value nobody can guess from outside: HMAC-SHA-256 under the request's key, written `hmac:` and 64 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Commitment(Digest);

/// 32 random bytes, fresh for each request and kept where they can be deleted. Never shown, never logged.
#[derive(Clone)]
pub struct CommitmentKey([u8; 32]);

impl CommitmentKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC(key, tag ‖ 0x00 ‖ bytes).
    pub fn commit(&self, tag: &str, bytes: &[u8]) -> Commitment {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(tag.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        Commitment(Digest(out))
    }
}

impl fmt::Debug for CommitmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitmentKey(…)")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not `{1}` followed by 64 lower-case hexadecimal digits")]
pub struct NotADigest(String, &'static str);

fn parse(text: &str, prefix: &'static str) -> Result<Digest, NotADigest> {
    let wrong = || NotADigest(text.chars().take(80).collect(), prefix);
    let hex = text.strip_prefix(prefix).ok_or_else(wrong)?;
    if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
    }
    Ok(Digest(bytes))
}

impl FromStr for Digest {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        parse(text, "sha256:")
    }
}

impl FromStr for Commitment {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        parse(text, "hmac:").map(Commitment)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hmac:{}", self.0.hex())
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(D::Error::custom)
            }
        }
    };
}
as_text!(Digest);
as_text!(Commitment);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let d = Digest::of(b"");
        assert_eq!(
            d.to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(d.to_string().parse::<Digest>().unwrap(), d);
        for bad in [
            "",
            "sha256:",
            "sha256:E3b0",
            &d.hex(),
            &d.to_string().to_uppercase(),
            &format!("{d}0"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn roots_differ_by_tag_count_order_and_shape() {
        let leaf = |n: u8| vec![n];
        let sets = [
            vec![],
            vec![leaf(1)],
            vec![leaf(1), leaf(2)],
            vec![leaf(2), leaf(1)],
            vec![leaf(1), leaf(2), leaf(3)],
            vec![leaf(1), leaf(2), leaf(3), leaf(3)],
        ];
        let mut roots: Vec<Digest> = sets.iter().map(|s| merkle_root("a", s)).collect();
        roots.push(merkle_root("b", &sets[4]));
        let distinct: std::collections::BTreeSet<_> = roots.iter().collect();
        assert_eq!(distinct.len(), roots.len());
    }

    #[test]
    fn commitments_need_the_key() {
        let (a, b) = (CommitmentKey::new([1; 32]), CommitmentKey::new([2; 32]));
        assert_eq!(a.commit("value", b"x"), a.commit("value", b"x"));
        assert_ne!(a.commit("value", b"x"), b.commit("value", b"x"));
        assert_ne!(a.commit("value", b"x"), a.commit("other", b"x"));
        assert_eq!(format!("{a:?}"), "CommitmentKey(…)");
    }
}
