//! The document a plan was read from, and parts of it that are read when somebody asks.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::json::JsonError;
use super::value::Value;

/// The whole text, shared by everything that was read from it.
#[derive(Clone)]
pub(super) struct Document(Arc<str>);

impl Document {
    pub fn new(text: &str) -> Document {
        Document(Arc::from(text))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// A part of the text that serde has handed back as a borrowed piece of [`Document::text`].
    pub fn slice(&self, raw: &RawValue) -> Slice {
        // A borrowed piece lies inside the text, so the distance of the two addresses is its place.
        let start = (raw.get().as_ptr() as usize).wrapping_sub(self.0.as_ptr() as usize);
        Slice {
            document: self.clone(),
            range: start..start.wrapping_add(raw.get().len()),
        }
    }
}

/// One JSON value inside the document.
#[derive(Clone)]
pub(super) struct Slice {
    document: Document,
    range: Range<usize>,
}

impl Slice {
    pub fn text(&self) -> &str {
        // A range outside the text would read as nothing, which is no JSON and therefore refuses.
        self.document.0.get(self.range.clone()).unwrap_or_default()
    }

    pub fn read(&self) -> Result<Value, JsonError> {
        Value::read(self.text())
    }
}

/// Never shows the text: it may hold secrets.
impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slice({} bytes)", self.range.len())
    }
}
