//! What the acceptance tests drive the real programs with: the built binaries, a world of people with machines of their
//! own around one repository, and statements as somebody with a text editor would forge them.
//!
//! It knows the command line and the files that people hand each other, as a user does. It must not call into Ambit's
//! crates: what is tested here is what comes out of the programs.

mod forge;
mod products;
mod world;

pub use forge::Envelope;
pub use products::{Engine, Products};
pub use world::{Output, World};
