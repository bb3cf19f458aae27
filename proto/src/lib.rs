//! The plugin protocol, version 6, for providers of OpenTofu and Terraform
//! written in Rust.
//!
//! A provider implements [`Provider`] and, per resource type, [`Resource`] (an
//! object somewhere) or [`Declaration`] (an object in the state alone), then hands
//! itself to [`serve()`]. The rest is here:
//!
//! ```text
//! serve ── handshake, tls        the process: a socket, a certificate, one line on stdout
//!   └─ server                    one method per request; decodes, calls, encodes
//!        ├─ plan, conform        the engine's rules about plans, kept by construction
//!        ├─ schema               what attributes are and how they behave
//!        └─ cty                  values and their two encodings
//! wire                           messages, generated from proto/*.proto
//! ```
//!
//! What is deliberately missing: protocol 5, TCP, plug-ins that talk to each other,
//! deferral, and everything only one of the two engines understands.

mod conform;
mod connection;
pub mod cty;
mod diagnostic;
mod function;
mod handshake;
pub mod hclog;
mod plan;
mod process;
mod provider;
mod resource;
pub mod schema;
mod serve;
mod server;
mod tls;
pub mod wire;

pub use cty::{AttributePath, Number, Type, Value};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use function::{Function, FunctionError, Parameter, Signature};
pub use plan::Change;
pub use provider::{Provider, problems};
pub use resource::{DataSource, Declaration, Failure, Resource, declaration};
pub use schema::{Attribute, Block, NestedBlock, Schema};
pub use serve::serve;
