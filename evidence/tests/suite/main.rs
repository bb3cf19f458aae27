//! The evidence log from outside, as a gate, a reader, an auditor and an attacker meet it.

mod appending;
mod crash;
mod files;
mod inbox;
mod support;
mod tampering;
