//! The type that says: this was written down before anybody acted on it.
//!
//! Kept apart so that its fields are out of reach for everything but the few lines here. Nothing public may be added that
//! makes one, copies one or changes the value inside.

/// A value whose record is committed, with the index of that record.
///
/// Only [`Journal::record`](crate::Journal::record) makes one. It cannot be copied, defaulted or read from a file:
///
/// ```compile_fail
/// let forged = ambit_evidence::Recorded { value: "warrant", index: 7 };
/// ```
/// ```compile_fail
/// fn twice<T: Clone>(recorded: ambit_evidence::Recorded<T>) { let _ = recorded.clone(); }
/// ```
/// ```compile_fail
/// let invented: ambit_evidence::Recorded<u8> = Default::default();
/// ```
/// ```compile_fail
/// fn read<T: serde::de::DeserializeOwned>(_: &str) -> Option<T> { None }
/// let loaded: Option<ambit_evidence::Recorded<u8>> = read("warrant.json");
/// ```
/// while a recorded value may be looked at and, once, taken:
/// ```
/// fn take(recorded: ambit_evidence::Recorded<String>) -> (u64, String) {
///     (recorded.index(), recorded.into_inner())
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Recorded<T> {
    value: T,
    index: u64,
}

impl<T> Recorded<T> {
    /// For the transaction that appends the record; dropped with everything else if it does not commit.
    pub(crate) fn new(value: T, index: u64) -> Self {
        Self { value, index }
    }

    pub fn get(&self) -> &T {
        &self.value
    }

    /// Where the record stands in the log. Grows with every record, so it orders uses of a request: a fencing number.
    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn into_inner(self) -> T {
        self.value
    }
}
