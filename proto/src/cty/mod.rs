//! Values as the engines know them: their types, and the two encodings in which
//! they cross the wire.
//!
//! MessagePack and JSON both leave things out that only the type can tell (a map
//! from an object, a list from a set, a number that is text), so every decoder
//! here takes the type first. Serde's derive is deliberately absent: it cannot
//! say "this number may be an integer, a float or decimal text".
//!
//! Everything decoded comes from outside. A length is believed only when as many
//! bytes follow, and nesting stops at [`MAX_DEPTH`].

mod json;
mod msgpack;
mod number;
mod path;
mod types;
mod value;

pub use number::{Number, ParseNumberError};
pub use path::{AttributePath, Step};
pub use types::Type;
pub(crate) use value::nfc;
pub use value::{Refinement, Value};

/// How deep a type or a value may nest. Real schemas stay below ten; a stack
/// does not survive a million.
pub const MAX_DEPTH: usize = 64;

/// Why bytes are not the value, or the type, they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CtyError {
    #[error("at {0}: {1}")]
    At(AttributePath, Box<CtyError>),
    #[error("expected {expected}, found {found}")]
    Mismatch { expected: String, found: String },
    #[error("the attribute `{0}` is missing")]
    MissingAttribute(String),
    #[error("the attribute `{0}` is not part of the type")]
    UnknownAttribute(String),
    #[error("the key `{0}` appears twice")]
    DuplicateKey(String),
    #[error("expected {expected} elements, found {found}")]
    WrongLength { expected: usize, found: usize },
    #[error("the input ends too early")]
    Truncated,
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("text is not UTF-8")]
    NotUtf8,
    #[error(transparent)]
    Number(#[from] ParseNumberError),
    #[error("malformed JSON: {0}")]
    Json(String),
    #[error("malformed MessagePack: {0}")]
    MessagePack(String),
    #[error("not a type constraint: {0}")]
    Type(String),
    #[error("an unknown value cannot be written as JSON")]
    UnknownInJson,
}

impl CtyError {
    /// The same error, one step further from the root.
    pub(crate) fn under(self, step: Step) -> Self {
        match self {
            CtyError::At(path, cause) => CtyError::At(path.prefixed(step), cause),
            cause => CtyError::At(AttributePath::root().prefixed(step), Box::new(cause)),
        }
    }
}
