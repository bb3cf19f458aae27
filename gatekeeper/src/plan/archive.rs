//! A zip archive, read so that no two readers can see different files in it.
//!
//! Zip allows two entries of one name, bytes before, between and behind the entries, and a directory that says other
//! things than the entries do; readers differ in what they then take. An engine writes none of that, so the directory
//! is first walked here, strictly, and only an archive in the one plain form is unpacked.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::file::{Limits, PlanFileError};

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const LOCAL_HEADER_SIZE: usize = 30;
const DIRECTORY_HEADER_SIZE: usize = 46;
const DIRECTORY_END_SIZE: usize = 22;

/// Flags an engine sets: sizes behind the data, names in UTF-8. Encryption, patches and the rest are refused.
const ALLOWED_FLAGS: u16 = 1 << 3 | 1 << 11;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Below this size a high ratio harms nobody, and short texts of one line repeated reach it honestly.
const RATIO_FROM: u64 = 1 << 20;

/// Unpacks every entry. `limits` bounds what comes out; the size of `bytes` is the caller's to bound.
pub(super) fn unpack(
    bytes: &[u8],
    limits: &Limits,
) -> Result<BTreeMap<String, Vec<u8>>, PlanFileError> {
    let entries = directory(bytes, limits)?;
    let malformed = |e: zip::result::ZipError| PlanFileError::Archive {
        detail: e.to_string(),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(malformed)?;
    if archive.len() != entries.len() {
        return Err(PlanFileError::Archive {
            detail: "its directory can be read in two ways".to_owned(),
        });
    }
    let mut out = BTreeMap::new();
    for (name, entry) in entries {
        let packed = archive.by_name(&name).map_err(malformed)?;
        let mut content = Vec::new();
        // The size in the directory is only a claim; one byte more than it gives the claim away.
        let read = packed.take(entry.size + 1).read_to_end(&mut content);
        match read {
            Ok(length) if length as u64 == entry.size => {}
            Ok(_) => {
                return Err(PlanFileError::Archive {
                    detail: "an entry has another size than its directory says".to_owned(),
                });
            }
            Err(error) => {
                return Err(PlanFileError::Damaged {
                    name,
                    detail: error.to_string(),
                });
            }
        }
        out.insert(name, content);
    }
    Ok(out)
}

struct Entry {
    size: u64,
}

/// Walks the directory at the end of the archive, and the header in front of each entry's data.
fn directory(bytes: &[u8], limits: &Limits) -> Result<BTreeMap<String, Entry>, PlanFileError> {
    let archive = |detail: &str| PlanFileError::Archive {
        detail: detail.to_owned(),
    };
    let end = bytes
        .len()
        .checked_sub(DIRECTORY_END_SIZE)
        .ok_or(PlanFileError::Truncated)?;
    if !bytes[end..].starts_with(DIRECTORY_END) {
        // Cut off or appended to; where the end of the directory is elsewhere, something follows it.
        return Err(match bytes.windows(4).rposition(|w| w == DIRECTORY_END) {
            Some(_) => archive("something follows the archive"),
            None => PlanFileError::Truncated,
        });
    }
    let end_record = Fields(&bytes[end..]);
    let (disk, first_disk) = (end_record.u16(4), end_record.u16(6));
    let (count_here, count) = (end_record.u16(8), end_record.u16(10));
    let (size, start) = (end_record.u32(12) as usize, end_record.u32(16) as usize);
    if disk != 0 || first_disk != 0 || count_here != count || end_record.u16(20) != 0 {
        return Err(archive("its end record is not one that an engine writes"));
    }
    if count == u16::MAX || usize::from(count) > limits.entries {
        return Err(PlanFileError::TooManyEntries {
            limit: limits.entries,
        });
    }
    if start.checked_add(size) != Some(end) {
        return Err(archive(
            "its directory does not stand directly before its end",
        ));
    }

    let mut out = BTreeMap::new();
    let mut spans = Vec::new();
    let mut total: u64 = 0;
    let mut at = start;
    for _ in 0..count {
        let header = bytes[at..end]
            .get(..DIRECTORY_HEADER_SIZE)
            .filter(|h| h.starts_with(DIRECTORY_HEADER));
        let header = Fields(header.ok_or_else(|| archive("its directory is damaged"))?);
        let (name_size, extra, comment) = (
            header.u16(28).into(),
            usize::from(header.u16(30)),
            usize::from(header.u16(32)),
        );
        let name = text(bytes, at + DIRECTORY_HEADER_SIZE, name_size, end)?;
        let (packed, size, local) = (
            header.u32(20),
            u64::from(header.u32(24)),
            header.u32(42) as usize,
        );
        if packed == u32::MAX || size == u64::from(u32::MAX) || local as u64 == u64::from(u32::MAX)
        {
            return Err(archive(
                "it uses 64-bit sizes, which no plan file within the limits needs",
            ));
        }
        if header.u16(8) & !ALLOWED_FLAGS != 0 || !matches!(header.u16(10), STORED | DEFLATED) {
            return Err(PlanFileError::EntryKind { name });
        }

        total += size;
        if size > limits.entry {
            return Err(PlanFileError::EntryTooLarge {
                name,
                size,
                limit: limits.entry,
            });
        }
        if total > limits.unpacked {
            return Err(PlanFileError::UnpackedTooLarge {
                limit: limits.unpacked,
            });
        }
        if size > RATIO_FROM && size / u64::from(packed).max(1) > limits.ratio {
            return Err(PlanFileError::Bomb {
                name,
                ratio: size / u64::from(packed).max(1),
                limit: limits.ratio,
            });
        }

        let local_header = bytes
            .get(local..local.saturating_add(LOCAL_HEADER_SIZE))
            .filter(|h| h.starts_with(LOCAL_HEADER));
        let local_header = Fields(
            local_header.ok_or_else(|| archive("its directory names data that is not there"))?,
        );
        let local_name = text(
            bytes,
            local + LOCAL_HEADER_SIZE,
            local_header.u16(26).into(),
            start,
        )?;
        if local_name != name || local_header.u16(8) != header.u16(10) {
            return Err(PlanFileError::TwoNames {
                name,
                other: local_name,
            });
        }
        let data = local + LOCAL_HEADER_SIZE + local_name.len() + usize::from(local_header.u16(28));
        let data_end = data
            .checked_add(packed as usize)
            .filter(|data_end| *data_end <= start);
        spans.push((
            local,
            data_end.ok_or_else(|| archive("an entry reaches into the directory"))?,
        ));

        if out.insert(name.clone(), Entry { size }).is_some() {
            return Err(PlanFileError::DuplicateEntry { name });
        }
        at += DIRECTORY_HEADER_SIZE + name.len() + extra + comment;
        if at > end {
            return Err(archive("its directory is damaged"));
        }
    }
    if at != end {
        return Err(archive("its directory holds more than its entries"));
    }
    // Entries one after the other, the first at the start: nothing hides in front, and no data serves twice.
    spans.sort_unstable();
    if spans.first().is_some_and(|(first, _)| *first != 0)
        || spans.windows(2).any(|pair| pair[1].0 < pair[0].1)
    {
        return Err(archive(
            "its entries overlap, or something stands before them",
        ));
    }
    Ok(out)
}

fn text(bytes: &[u8], at: usize, size: usize, end: usize) -> Result<String, PlanFileError> {
    let raw = bytes[..end]
        .get(at..at.saturating_add(size))
        .ok_or(PlanFileError::Truncated)?;
    match std::str::from_utf8(raw) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(PlanFileError::UnsafeName {
            name: String::from_utf8_lossy(raw).into_owned(),
        }),
    }
}

/// Little-endian fields of a record whose size has been checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from(self.0[at]) | u16::from(self.0[at + 1]) << 8
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}
