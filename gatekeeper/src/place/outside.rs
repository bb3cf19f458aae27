//! Files that somebody names on the command line, read whole but never without an end.
//!
//! A device, a pipe or a file of many gigabytes must meet a message, not the end of memory. What the bytes mean is for
//! the reader of each kind to say.

use crate::stop::Stop;
use std::{fs::File, io::Read, path::Path};

/// The file at `path`, where it holds no more than the `most` bytes that `kind` ever has.
pub fn read(path: &Path, kind: &str, most: u64) -> Result<Vec<u8>, Stop> {
    let unreadable =
        |e: std::io::Error| Stop::usage(format!("cannot read `{}`: {e}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let too_large = || {
        Stop::usage(format!(
            "`{}` is larger than any {kind}: more than {most} bytes",
            path.display()
        ))
    };
    // What is known to be too large is not read; a pipe or a device shows its size only on the way.
    if file.metadata().map_err(unreadable)?.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    Ok(bytes)
}

/// The same for a file that must be UTF-8.
pub fn text(path: &Path, kind: &str, most: u64) -> Result<String, Stop> {
    String::from_utf8(read(path, kind, most)?).map_err(|_| {
        Stop::usage(format!(
            "`{}` is no {kind}: it is not UTF-8",
            path.display()
        ))
    })
}
