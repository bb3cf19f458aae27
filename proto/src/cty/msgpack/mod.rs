//! The MessagePack form, in which the engines send everything but stored state.
//!
//! Decoding is directed by the type, because a map and an object look alike on
//! the wire. What surprises readers of the format:
//!
//! - an object carries every attribute, nulls included, and no other;
//! - a number is an integer, a float or decimal text, whichever is exact;
//! - any extension value is "unknown"; one of kind 12 says what is promised of it;
//! - a `dynamic` is a pair of the type, as JSON in a byte string, and the value.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use super::{CtyError, Type, Value};

const REFINED_UNKNOWN: i8 = 12;
/// The engines send no longer description of an unknown value.
const MAX_REFINEMENT: usize = 1024;

/// Keys inside the description of an unknown value.
mod refinement_key {
    pub const NULLNESS: i64 = 1;
    pub const PREFIX: i64 = 2;
    pub const MINIMUM: i64 = 3;
    pub const MAXIMUM: i64 = 4;
    pub const MIN_LENGTH: i64 = 5;
    pub const MAX_LENGTH: i64 = 6;
}

impl Value {
    /// Reads a value of type `ty` that fills the input exactly.
    pub fn from_msgpack(ty: &Type, input: &[u8]) -> Result<Self, CtyError> {
        decode::whole(ty, input)
    }

    /// Writes the value as type `ty`, which it must fit.
    pub fn to_msgpack(&self, ty: &Type) -> Result<Vec<u8>, CtyError> {
        let mut out = Vec::new();
        encode::value(self, ty, &mut out)?;
        Ok(out)
    }
}
