//! The messages and services as they travel, generated from `proto/*.proto`.
//!
//! Nothing here is written by hand: `tests/wire_fresh.rs` holds it equal to the
//! `.proto` files. Conversions to and from our own types live beside those types.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
pub mod plugin;

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
pub mod tfplugin6;
