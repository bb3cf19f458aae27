//! DSSE 1.0: one payload, one signature over its pre-authentication encoding.
//!
//! The payload is verified over the bytes received and only those bytes are parsed. Exactly one signature is allowed:
//! each person makes an envelope of their own, so a threshold counts persons and never keys.

use crate::{digest::Digest, key::PublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// Largest envelope read from outside; a decision's text is at most 8 KiB.
pub const LARGEST: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub payload_type: String,
    pub payload: Vec<u8>,
    /// Armored SSHSIG, as `ssh-keygen -Y sign` writes it.
    pub signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    sig: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BadEnvelope {
    #[error("larger than {LARGEST} bytes")]
    Size,
    #[error("not a DSSE envelope: {0}")]
    Shape(String),
    #[error(
        "{0} signatures where exactly one is expected: each person sends an envelope of their own"
    )]
    Signatures(usize),
    #[error("`{0}` is not standard base64")]
    Base64(&'static str),
}

/// `DSSEv1 len(type) type len(payload) payload`: the bytes that are signed.
pub fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "DSSEv1 {} {} {} ",
        payload_type.len(),
        payload_type,
        payload.len()
    )
    .into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication(&self.payload_type, &self.payload)
    }

    /// What a statement is known by: what was signed, and by which key. Re-wrapping or signing again makes no new
    /// statement, and somebody else's signature under the same words cannot use up the true one.
    pub fn digest(&self, key: &PublicKey) -> Digest {
        let mut bytes = self.signed_bytes();
        bytes.extend_from_slice(key.wire());
        Digest::tagged("ambit/statement", &bytes)
    }

    pub fn to_json(&self) -> String {
        let wire = Wire {
            payload: BASE64_STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: vec![WireSignature {
                sig: BASE64_STANDARD.encode(&self.signature),
            }],
        };
        let value = serde_json::to_value(&wire).expect("strings always serialise");
        let bytes = crate::canonical::encode_value(&value)
            .expect("base64 and a type name have an encoding");
        String::from_utf8(bytes).expect("canonical JSON is UTF-8")
    }

    pub fn from_json(bytes: &[u8]) -> Result<Self, BadEnvelope> {
        if bytes.len() > LARGEST {
            return Err(BadEnvelope::Size);
        }
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|e| BadEnvelope::Shape(e.to_string()))?;
        let [signature] = wire.signatures.as_slice() else {
            return Err(BadEnvelope::Signatures(wire.signatures.len()));
        };
        let payload = BASE64_STANDARD
            .decode(&wire.payload)
            .map_err(|_| BadEnvelope::Base64("payload"))?;
        let armored = BASE64_STANDARD
            .decode(&signature.sig)
            .map_err(|_| BadEnvelope::Base64("sig"))?;
        let signature = String::from_utf8(armored).map_err(|_| BadEnvelope::Base64("sig"))?;
        Ok(Self {
            payload_type: wire.payload_type,
            payload,
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pae_of_the_specification() {
        let pae = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            pae,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn hostile_envelopes() {
        for (bad, why) in [
            ("", "not a DSSE envelope"),
            ("{}", "not a DSSE envelope"),
            (
                r#"{"payload":"","payloadType":"t","signatures":[]}"#,
                "0 signatures",
            ),
            (
                r#"{"payload":"","payloadType":"t","signatures":[{"sig":""},{"sig":""}]}"#,
                "2 signatures",
            ),
            (
                r#"{"payload":"*","payloadType":"t","signatures":[{"sig":""}]}"#,
                "`payload` is not",
            ),
            (
                r#"{"payload":"","payloadType":"t","signatures":[{"sig":"_-"}]}"#,
                "`sig` is not",
            ),
            (
                r#"{"payload":"","payloadType":"t","signatures":[{"sig":"","keyid":"x"}]}"#,
                "unknown field",
            ),
            (
                r#"{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]}"#,
                "duplicate field",
            ),
        ] {
            let error = Envelope::from_json(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert!(matches!(
            Envelope::from_json(&vec![b' '; LARGEST + 1]),
            Err(BadEnvelope::Size)
        ));
    }

    proptest! {
        #[test]
        fn round_trip(payload in proptest::collection::vec(any::<u8>(), 0..300), signature in "[ -~\n]{0,80}") {
            let envelope = Envelope { payload_type: "t".into(), payload, signature };
            prop_assert_eq!(Envelope::from_json(envelope.to_json().as_bytes()).unwrap(), envelope);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Envelope::from_json(&bytes);
        }
    }
}
