//! A few fields of the plan file's `tfplan` entry, which stand nowhere in plan JSON: backend, workspace, mode, targets.
//!
//! Both engines call this encoding private and give equal numbers to different fields, so what is read here only adds
//! evidence: nothing is concluded from a field that is missing. The reader knows the wire format of Protocol Buffers
//! and skips every field it has no use for.

use thiserror::Error;

/// What the engine noted about how the plan was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The version of the encoding. Field numbers are known for 3.
    pub encoding: u64,
    pub engine_version: Option<String>,
    pub mode: UiMode,
    pub targets: Vec<String>,
    /// OpenTofu only.
    pub excludes: Vec<String>,
    pub force_replace: Vec<String>,
    pub backend: Option<Backend>,
    pub errored: bool,
}

impl Evidence {
    /// The encoding that both engines have written since 2018.
    pub const KNOWN_ENCODING: u64 = 3;
}

/// Where the state is kept. The configuration of the backend is not read: it may hold credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backend {
    pub r#type: String,
    pub workspace: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UiMode {
    #[default]
    Normal,
    Destroy,
    RefreshOnly,
    Other(u64),
}

/// Why the `tfplan` entry was not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    #[error("it ends early, at byte {offset}")]
    Truncated { offset: usize },
    #[error("it holds no field at byte {offset}")]
    Malformed { offset: usize },
    #[error("field {field} has another kind of value than engines write")]
    Kind { field: u64 },
    #[error("field {field} stands twice")]
    Twice { field: u64 },
    #[error("field {field} is not UTF-8")]
    Text { field: u64 },
}

impl Evidence {
    pub(super) fn read(bytes: &[u8]) -> Result<Evidence, EvidenceError> {
        let mut out = Evidence::default();
        let mut once = Once(0);
        let mut message = Message { bytes, at: 0 };
        while let Some((field, value)) = message.field()? {
            match field {
                1 => out.encoding = once.number(field, value)?,
                5 => out.targets.push(value.text(field)?),
                6 => out.excludes.push(value.text(field)?),
                13 => {
                    once.seen(field)?;
                    out.backend = Some(backend(value.bytes(field)?)?);
                }
                14 => {
                    once.seen(field)?;
                    out.engine_version = Some(value.text(field)?);
                }
                16 => out.force_replace.push(value.text(field)?),
                17 => {
                    out.mode = match once.number(field, value)? {
                        0 => UiMode::Normal,
                        1 => UiMode::Destroy,
                        2 => UiMode::RefreshOnly,
                        other => UiMode::Other(other),
                    }
                }
                20 => out.errored = once.number(field, value)? != 0,
                _ => {}
            }
        }
        Ok(out)
    }
}

fn backend(bytes: &[u8]) -> Result<Backend, EvidenceError> {
    let mut out = Backend::default();
    let mut once = Once(0);
    let mut message = Message { bytes, at: 0 };
    while let Some((field, value)) = message.field()? {
        match field {
            1 => {
                once.seen(field)?;
                out.r#type = value.text(field)?;
            }
            3 => {
                once.seen(field)?;
                out.workspace = value.text(field)?;
            }
            _ => {}
        }
    }
    Ok(out)
}

/// The encoding lets a later value replace an earlier one; an engine never writes two, and two readers may differ.
struct Once(u64);

impl Once {
    fn seen(&mut self, field: u64) -> Result<(), EvidenceError> {
        let bit = 1 << (field & 63);
        if self.0 & bit != 0 {
            return Err(EvidenceError::Twice { field });
        }
        self.0 |= bit;
        Ok(())
    }

    fn number(&mut self, field: u64, value: Wire<'_>) -> Result<u64, EvidenceError> {
        self.seen(field)?;
        match value {
            Wire::Number(number) => Ok(number),
            _ => Err(EvidenceError::Kind { field }),
        }
    }
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Wire<'a> {
    fn bytes(self, field: u64) -> Result<&'a [u8], EvidenceError> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(EvidenceError::Kind { field }),
        }
    }

    fn text(self, field: u64) -> Result<String, EvidenceError> {
        match std::str::from_utf8(self.bytes(field)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(EvidenceError::Text { field }),
        }
    }
}

/// One message, field by field. Nested messages are read by whoever wants them, so nothing recurses.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    fn field(&mut self) -> Result<Option<(u64, Wire<'a>)>, EvidenceError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let from = self.at;
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.number()?),
            1 => self.skip(8).map(|_| Wire::Fixed)?,
            2 => {
                let size = self.number()?;
                Wire::Bytes(self.skip(size)?)
            }
            5 => self.skip(4).map(|_| Wire::Fixed)?,
            // Groups have been out of use since before either engine; 6 and 7 never meant anything.
            _ => return Err(EvidenceError::Malformed { offset: from }),
        };
        // Numbers go to 2^29 - 1, and zero is none.
        if !(1..1 << 29).contains(&(tag >> 3)) {
            return Err(EvidenceError::Malformed { offset: from });
        }
        Ok(Some((tag >> 3, value)))
    }

    fn number(&mut self) -> Result<u64, EvidenceError> {
        let mut out: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or(EvidenceError::Truncated { offset: self.at })?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                break;
            }
            self.at += 1;
            out |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(out);
            }
        }
        Err(EvidenceError::Malformed { offset: self.at })
    }

    fn skip(&mut self, size: u64) -> Result<&'a [u8], EvidenceError> {
        let rest = &self.bytes[self.at..];
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= rest.len());
        let size = size.ok_or(EvidenceError::Truncated {
            offset: self.bytes.len(),
        })?;
        self.at += size;
        Ok(&rest[..size])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(field: u8, text: &str) -> Vec<u8> {
        let mut out = vec![field << 3 | 2, text.len() as u8];
        if field > 15 {
            out = vec![(field << 3 | 2) | 0x80, field >> 4, text.len() as u8];
        }
        out.extend_from_slice(text.as_bytes());
        out
    }

    #[test]
    fn the_fields_we_use() {
        let mut bytes = vec![0x08, 3, 0x88, 0x01, 1]; // 1: 3, 17: 1
        bytes.extend(text(5, "aws_vpc.main"));
        bytes.extend(text(5, "module.a"));
        bytes.extend(text(6, "aws_vpc.b"));
        bytes.extend(text(14, "1.12.6"));
        bytes.extend([0xa8, 0x01, 7]); // 21 as a number: unknown, skipped
        bytes.extend([0xfa, 0x3f, 1, 0]); // field 1023, one byte
        bytes.extend([9 << 3 | 5, 1, 2, 3, 4, 9 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        let mut inner = text(1, "s3");
        inner.extend(text(2, "secret"));
        inner.extend(text(3, "prod"));
        bytes.push(13 << 3 | 2);
        bytes.push(inner.len() as u8);
        bytes.extend(inner);
        let expected = Evidence {
            encoding: 3,
            engine_version: Some("1.12.6".into()),
            mode: UiMode::Destroy,
            targets: vec!["aws_vpc.main".into(), "module.a".into()],
            excludes: vec!["aws_vpc.b".into()],
            force_replace: vec![],
            backend: Some(Backend {
                r#type: "s3".into(),
                workspace: "prod".into(),
            }),
            errored: false,
        };
        assert_eq!(Evidence::read(&bytes), Ok(expected));
        assert_eq!(Evidence::read(&[]), Ok(Evidence::default()));
    }

    #[test]
    fn what_is_refused() {
        use EvidenceError::*;
        let cases: &[(&[u8], EvidenceError)] = &[
            (&[0x08], Truncated { offset: 1 }),
            (&[0x80], Truncated { offset: 1 }),
            (&[0x2a, 5, b'a'], Truncated { offset: 3 }),
            (
                &[
                    0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
                Truncated { offset: 11 },
            ),
            (
                &[
                    0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                ],
                Malformed { offset: 10 },
            ),
            (&[0x0d, 1, 2], Truncated { offset: 3 }),
            (&[0x09, 1, 2], Truncated { offset: 3 }),
            (&[0x0b, 0x0c], Malformed { offset: 0 }),
            (&[0x0e, 0], Malformed { offset: 0 }),
            (&[0x00, 0], Malformed { offset: 0 }),
            (&[0x0a, 1, 0], Kind { field: 1 }),
            (&[0x28, 1], Kind { field: 5 }),
            (&[0x08, 3, 0x08, 3], Twice { field: 1 }),
            (&[0x6a, 0, 0x6a, 0], Twice { field: 13 }),
            (&[0x6a, 2, 0x1a, 1], Truncated { offset: 2 }),
            (&[0x6a, 6, 0x0a, 1, b'a', 0x0a, 1, b'b'], Twice { field: 1 }),
            (&[0x2a, 1, 0xff], Text { field: 5 }),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Evidence::read(bytes).as_ref(), Err(expected), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Evidence::read(&bytes);
        }
    }
}
