//! The evidence log: what was asked, decided, signed, used and done, in an order nobody can change unnoticed.
//!
//! ```text
//! record ─► leaf ─► tree ─► checkpoint, signed with the log key        Journal: the gate, the only one who appends
//!                                │                                     Ledger: everyone else, reading
//!               files by digest ─┘ inbox ─► gate                       Inbox: everyone else, handing things in
//! ```
//!
//! - [`tree`]: the Merkle tree of RFC 6962 and its proofs, over hashes stored elsewhere.
//! - [`Checkpoint`], [`LogKey`]: signed notes as C2SP defines them.
//! - [`Ledger`], [`Journal`], [`Tx`]: one SQLite file. The tables are described in `schema.sql`.
//! - [`Inbox`]: the directory beside it where statements arrive.
//!
//! The crate keeps records; it does not know what an approval is. What it reads in a record is in `record`. It takes
//! the time from its caller and never looks at a clock, so that the same input gives the same bytes.

mod damage;
mod inbox;
mod journal;
mod key;
mod ledger;
mod note;
mod record;
mod recorded;
mod sqlite;
mod transaction;
pub mod tree;
mod verify;

pub use damage::{Damage, Place};

pub use ambit_authority::digest::Digest;
pub use inbox::{Arrival, Drained, Inbox, InboxError};
pub use journal::Journal;
pub use key::{KeyError, LogKey, LogPublicKey};
pub use ledger::{Blob, Entry, Ledger, Retention, SignedCheckpoint, Use};
pub use note::{Checkpoint, Note, NoteError};
pub use record::{BadRecord, MAX_RECORD};
pub use recorded::Recorded;
pub use sqlite::LedgerError;
pub use transaction::{AlreadyConsumed, AlreadySeen, MOST_USES, Tx, UseNo};
pub use verify::Verified;
