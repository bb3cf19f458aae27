//! `ambit trust add|list`

use crate::{
    place::{pins::Pins, repository::Repository},
    stop::{Exit, Stop},
};
use ambit_authority::digest::Digest;
use std::env;

#[derive(clap::Subcommand)]
pub enum What {
    /// Pin a history, and this repository to it where there is one.
    Add {
        /// `ambit-` and 32 hexadecimal digits.
        origin: String,
        /// Digest of its authority record 0.
        digest: String,
    },
    /// Show the pins of this user.
    List,
}

pub fn run(what: What) -> Result<Exit, Stop> {
    match what {
        What::Add { origin, digest } => {
            let hex = origin.strip_prefix("ambit-").unwrap_or_default();
            if hex.len() != 32 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(Stop::usage(format!(
                    "`{}` is not an origin",
                    ambit_authority::address::escape(&origin)
                ))
                .next("copy it as `ambit init` printed it: ambit- and 32 hexadecimal digits"));
            }
            let digest: Digest = digest.parse().map_err(Stop::usage)?;
            let here = env::current_dir().ok();
            let repository = here
                .map(|dir| Repository::find(&dir))
                .transpose()?
                .flatten();
            Pins::add(&origin, digest, repository.as_ref())?;
            println!("pinned {origin} to {digest}");
            for name in repository.iter().flat_map(Repository::names) {
                println!("pinned repository {name} to {origin}");
            }
        }
        What::List => {
            let pins = Pins::load()?;
            for (origin, digest) in &pins.origins {
                println!("{origin} {digest}");
            }
            for (repository, origin) in &pins.repositories {
                println!("{repository} -> {origin}");
            }
        }
    }
    Ok(Exit::Done)
}
