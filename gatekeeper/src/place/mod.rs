//! Where things are: the repository and its stacks, the user's pins, the gate's own directory.
//!
//! What comes from the repository chooses; it never guards. Only pins and the gate's directory, both outside the
//! repository, are trusted.

pub mod gate_dir;
pub mod outside;
pub mod pins;
pub mod repository;
pub mod stacks;
