//! The nouns that provider, gatekeeper and every signature share. No files, no clock, no processes.
//!
//! A type is here only if both programs must agree on it or a person signs it. `docs/formats.md` describes every
//! document field by field; `testdata/formats/` holds one golden file of each.

pub mod canonical;
pub mod digest;
pub mod dsse;
pub mod key;
pub mod sshsig;

pub mod address;
pub mod bundle;
pub mod chain;
pub mod display;
pub mod duty;
pub mod ratchet;
pub mod record;
pub mod request;
pub mod scope;
pub mod statement;
pub mod tier;

#[cfg(test)]
pub(crate) mod fixture;
