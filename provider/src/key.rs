//! SSH public keys in declarations: one line each, known by their fingerprints.

use crate::wording::shown;
use ambit_authority::key::{BadKey, PublicKey};
use tfplugin_proto::{Attribute, Diagnostic, Type, Value};

/// What to write, at the end of every refusal.
pub const CORRECT: &str = "Give the one line of a `.pub` file, such as `ssh-ed25519 AAAAC3Nza… \
     alice@laptop`, or read it with `file(\"keys/alice.pub\")`.";

/// The computed attribute `fingerprints`.
pub fn fingerprints_attribute() -> Attribute {
    Attribute::computed(Type::list(Type::String))
        .describe(
            "The fingerprint of each key, `SHA256:…` as `ssh-keygen -l` prints it, in the \
             order of `keys`.",
        )
        .never_null()
}

pub fn parse(text: &str) -> Result<PublicKey, Diagnostic> {
    PublicKey::parse(text).map_err(|error| {
        let (summary, why) = match error {
            BadKey::Form(_) => (
                format!("{} is not an SSH public key", shown(text.trim())),
                "A key is its type, then its base64 text, then a comment if you like, all on \
                 one line."
                    .to_owned(),
            ),
            // The text itself stays out of the message.
            BadKey::Private => (
                "this is a private key".to_owned(),
                "It now stands in a file or variable where it should not be: consider it known \
                 to others, and make a new one."
                    .to_owned(),
            ),
            BadKey::Type(kind) => (
                format!("a key of type {} cannot sign here", shown(&kind)),
                "Ed25519, ECDSA, RSA of 2048 to 8192 bits and security keys (`sk-…`) can."
                    .to_owned(),
            ),
            BadKey::RsaSize(bits) => (
                format!("an RSA key of {bits} bits cannot sign here"),
                "RSA keys have 2048 to 8192 bits. A new `ssh-keygen -t ed25519` key is shorter \
                 and stronger."
                    .to_owned(),
            ),
        };
        Diagnostic::error(summary, format!("{why} {CORRECT}"))
    })
}

/// The fingerprint, for lists where the same key under another comment is a repeat.
pub fn check(text: &str) -> Result<String, Diagnostic> {
    parse(text).map(|key| key.fingerprint())
}

/// Fingerprints of the keys, unknown where a key is. `list` is the attribute the keys come from.
pub fn fingerprints<'v>(list: &Value, keys: impl Iterator<Item = &'v Value>) -> Value {
    if list.is_unknown() {
        return Value::unknown_not_null();
    }
    Value::list(keys.map(|key| {
        match key.as_str().map(PublicKey::parse) {
            Some(Ok(key)) => key.fingerprint().into(),
            // Unknown; what is known and no key was refused before any plan.
            _ => Value::unknown_not_null(),
        }
    }))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const ALICE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBgGKwkNHfG+2f3tzP97zbA7IzZnrdV4aRpxR1banuGe";
    pub const BOB: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMA8lmR63wlX4+bxxESYigKhU6p7VcV0de73wWUaDHQU";
    pub const SECURITY_KEY: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAID+XFcPz146j9lpxF+spY/e6WyBPhu8QJGd4xOV6QXs+AAAABHNzaDo=";
    pub const SHORT_RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDIMjetJ7rI3DEy2zPTF+FhauwTeudw30tXShNsMES8faDD+NfkPvR9keMsHb5laBwQ312jr6zWA+5/rNGJockcTFJ2V4umZYD7VT2ePGjAPx6L1UKRWofm+4rgu54eUNAVDPpQIlyUMblI23/AO6lqf/vdBRESR5s814gwStm6MQ==";

    #[test]
    fn fingerprints_are_known_as_far_as_keys_are() {
        let keys = Value::list([ALICE.into(), Value::unknown(), format!("{BOB} bob").into()]);
        assert_eq!(
            fingerprints(&keys, keys.elements().iter()),
            Value::list([
                "SHA256:+bdOeHg22WwsBkxsxHkuuHIBJ2Xoa+WX0+vR/voVwD4".into(),
                Value::unknown_not_null(),
                "SHA256:9qTnht+60sFoDB5LaiZXt2cHcK4qRZVN5KhzEMOdsRY".into(),
            ])
        );
        let unknown = Value::unknown();
        assert_eq!(fingerprints(&unknown, [].iter()), Value::unknown_not_null());
    }
}
