//! Reading, directed by the type.

use std::collections::BTreeMap;

use rmp::Marker;

use super::{MAX_REFINEMENT, REFINED_UNKNOWN, refinement_key};
use crate::cty::{CtyError, MAX_DEPTH, Number, Refinement, Step, Type, Value, nfc};

/// Reads a value that fills the input exactly.
pub(super) fn whole(ty: &Type, input: &[u8]) -> Result<Value, CtyError> {
    let mut reader = Reader { rest: input };
    let value = reader.value(ty, 0)?;
    match reader.rest.len() {
        0 => Ok(value),
        trailing => Err(CtyError::Trailing(trailing)),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CtyError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(CtyError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn big_endian<const N: usize>(&mut self) -> Result<[u8; N], CtyError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(CtyError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length(&mut self, bytes: u8) -> Result<usize, CtyError> {
        let length = match bytes {
            1 => u32::from(u8::from_be_bytes(self.big_endian()?)),
            2 => u32::from(u16::from_be_bytes(self.big_endian()?)),
            _ => u32::from_be_bytes(self.big_endian()?),
        };
        usize::try_from(length).map_err(|_| CtyError::Truncated)
    }

    fn peek(&self) -> Result<Marker, CtyError> {
        self.rest
            .first()
            .map(|byte| Marker::from_u8(*byte))
            .ok_or(CtyError::Truncated)
    }

    fn marker(&mut self) -> Result<Marker, CtyError> {
        let marker = self.peek()?;
        self.take(1)?;
        Ok(marker)
    }

    fn value(&mut self, ty: &Type, depth: usize) -> Result<Value, CtyError> {
        if depth > MAX_DEPTH {
            return Err(CtyError::TooDeep);
        }
        match self.peek()? {
            Marker::Null => {
                self.marker()?;
                return Ok(Value::Null);
            }
            marker if extension_header(marker).is_some() => return self.unknown(),
            _ => {}
        }
        match ty {
            Type::Bool => match self.marker()? {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                other => Err(mismatch(ty, other)),
            },
            Type::Number => self.number().map(Value::Number),
            Type::String => match self.peek()? {
                marker if text_header(marker).is_some() => Ok(self.text()?.into()),
                other => Err(mismatch(ty, other)),
            },
            Type::Dynamic => {
                if self.array_length(ty)? != 2 {
                    return Err(CtyError::MessagePack(
                        "a dynamic value is a pair of type and value".to_owned(),
                    ));
                }
                let inner = Type::from_json(self.bytes_or_text()?)?;
                let value = self.value(&inner, depth + 1)?;
                Ok(Value::Dynamic(Box::new((inner, value))))
            }
            Type::List(element) => Ok(Value::List(self.elements(ty, element, depth)?)),
            Type::Set(element) => Ok(Value::Set(self.elements(ty, element, depth)?)),
            Type::Tuple(types) => {
                let found = self.array_length(ty)?;
                if found != types.len() {
                    return Err(CtyError::WrongLength {
                        expected: types.len(),
                        found,
                    });
                }
                let elements = types.iter().enumerate().map(|(index, element)| {
                    self.value(element, depth + 1)
                        .map_err(|error| error.under(Step::Index(index)))
                });
                Ok(Value::Tuple(elements.collect::<Result<_, _>>()?))
            }
            Type::Map(element) => {
                let count = self.map_length(ty)?;
                let mut entries = BTreeMap::new();
                for _ in 0..count {
                    let key = nfc(self.text()?).into_owned();
                    let value = self
                        .value(element, depth + 1)
                        .map_err(|error| error.under(Step::Key(key.clone())))?;
                    if entries.insert(key.clone(), value).is_some() {
                        return Err(CtyError::DuplicateKey(key));
                    }
                }
                Ok(Value::Map(entries))
            }
            Type::Object(attributes) => {
                let count = self.map_length(ty)?;
                let mut object = BTreeMap::new();
                for _ in 0..count {
                    let name = self.text()?;
                    let ty = attributes
                        .get(name)
                        .ok_or_else(|| CtyError::UnknownAttribute(name.to_owned()))?;
                    let value = self
                        .value(ty, depth + 1)
                        .map_err(|error| error.under(Step::Attribute(name.to_owned())))?;
                    if object.insert(name.to_owned(), value).is_some() {
                        return Err(CtyError::DuplicateKey(name.to_owned()));
                    }
                }
                match attributes.keys().find(|name| !object.contains_key(*name)) {
                    None => Ok(Value::Object(object)),
                    Some(missing) => Err(CtyError::MissingAttribute(missing.clone())),
                }
            }
        }
    }

    fn elements(
        &mut self,
        ty: &Type,
        element: &Type,
        depth: usize,
    ) -> Result<Vec<Value>, CtyError> {
        let count = self.array_length(ty)?;
        (0..count)
            .map(|index| {
                self.value(element, depth + 1)
                    .map_err(|error| error.under(Step::Index(index)))
            })
            .collect()
    }

    fn array_length(&mut self, ty: &Type) -> Result<usize, CtyError> {
        let count = match self.marker()? {
            Marker::FixArray(count) => usize::from(count),
            Marker::Array16 => self.length(2)?,
            Marker::Array32 => self.length(4)?,
            other => return Err(mismatch(ty, other)),
        };
        // Every element takes a byte at least: a longer count is a lie, and is found out before anything is allocated.
        if count > self.rest.len() {
            Err(CtyError::Truncated)
        } else {
            Ok(count)
        }
    }

    fn map_length(&mut self, ty: &Type) -> Result<usize, CtyError> {
        let count = match self.marker()? {
            Marker::FixMap(count) => usize::from(count),
            Marker::Map16 => self.length(2)?,
            Marker::Map32 => self.length(4)?,
            other => return Err(mismatch(ty, other)),
        };
        if count > self.rest.len() / 2 {
            Err(CtyError::Truncated)
        } else {
            Ok(count)
        }
    }

    fn number(&mut self) -> Result<Number, CtyError> {
        if text_header(self.peek()?).is_some() {
            return Ok(Number::parse(self.text()?)?);
        }
        Ok(match self.marker()? {
            Marker::FixPos(int) => Number::from(i64::from(int)),
            Marker::FixNeg(int) => Number::from(i64::from(int)),
            Marker::I8 => Number::from(i64::from(i8::from_be_bytes(self.big_endian()?))),
            Marker::I16 => Number::from(i64::from(i16::from_be_bytes(self.big_endian()?))),
            Marker::I32 => Number::from(i64::from(i32::from_be_bytes(self.big_endian()?))),
            Marker::I64 => Number::from(i64::from_be_bytes(self.big_endian()?)),
            Marker::U8 => Number::from(u64::from(u8::from_be_bytes(self.big_endian()?))),
            Marker::U16 => Number::from(u64::from(u16::from_be_bytes(self.big_endian()?))),
            Marker::U32 => Number::from(u64::from(u32::from_be_bytes(self.big_endian()?))),
            Marker::U64 => Number::from(u64::from_be_bytes(self.big_endian()?)),
            Marker::F32 => Number::from_float(f64::from(f32::from_be_bytes(self.big_endian()?)))?,
            Marker::F64 => Number::from_float(f64::from_be_bytes(self.big_endian()?))?,
            other => return Err(mismatch(&Type::Number, other)),
        })
    }

    fn int(&mut self) -> Result<i64, CtyError> {
        self.number()?
            .as_i64()
            .ok_or_else(|| CtyError::MessagePack("expected a 64-bit integer".to_owned()))
    }

    fn text(&mut self) -> Result<&'a str, CtyError> {
        let header = text_header(self.peek()?);
        let Some(header) = header else {
            let marker = self.marker()?;
            return Err(mismatch(&Type::String, marker));
        };
        self.marker()?;
        let length = match header {
            Length::Known(length) => length,
            Length::Follows(bytes) => self.length(bytes)?,
        };
        std::str::from_utf8(self.take(length)?).map_err(|_| CtyError::NotUtf8)
    }

    fn bytes_or_text(&mut self) -> Result<&'a [u8], CtyError> {
        let bytes = match self.peek()? {
            Marker::Bin8 => 1,
            Marker::Bin16 => 2,
            Marker::Bin32 => 4,
            _ => return self.text().map(str::as_bytes),
        };
        self.marker()?;
        let length = self.length(bytes)?;
        self.take(length)
    }

    fn unknown(&mut self) -> Result<Value, CtyError> {
        let marker = self.marker()?;
        let length = match extension_header(marker) {
            Some(Length::Known(length)) => length,
            Some(Length::Follows(bytes)) => self.length(bytes)?,
            None => return Err(mismatch(&Type::Dynamic, marker)),
        };
        let kind = i8::from_be_bytes(self.big_endian()?);
        let body = self.take(length)?;
        // A body of a byte or none cannot be a description, whatever the kind says.
        if kind != REFINED_UNKNOWN || length <= 1 {
            return Ok(Value::unknown());
        }
        if length > MAX_REFINEMENT {
            return Err(CtyError::MessagePack(
                "the description of an unknown value is too long".to_owned(),
            ));
        }
        Reader { rest: body }
            .refinement()
            .map(|refinement| Value::Unknown(Box::new(refinement)))
    }

    fn refinement(mut self) -> Result<Refinement, CtyError> {
        let count = self.map_length(&Type::Dynamic)?;
        let mut refinement = Refinement::default();
        for _ in 0..count {
            match self.int()? {
                refinement_key::NULLNESS => refinement.null = Some(self.bool()?),
                refinement_key::PREFIX => refinement.prefix = Some(nfc(self.text()?).into_owned()),
                refinement_key::MINIMUM => refinement.minimum = Some(self.bound()?),
                refinement_key::MAXIMUM => refinement.maximum = Some(self.bound()?),
                refinement_key::MIN_LENGTH => refinement.min_length = Some(self.int()?),
                refinement_key::MAX_LENGTH => refinement.max_length = Some(self.int()?),
                // A promise we do not know is one we simply do not make use of.
                _ => self.skip(0)?,
            }
        }
        Ok(refinement)
    }

    fn bool(&mut self) -> Result<bool, CtyError> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            other => Err(mismatch(&Type::Bool, other)),
        }
    }

    fn bound(&mut self) -> Result<(Number, bool), CtyError> {
        match self.array_length(&Type::Dynamic)? {
            2 => Ok((self.number()?, self.bool()?)),
            found => Err(CtyError::WrongLength { expected: 2, found }),
        }
    }

    /// Steps over one value of any shape.
    fn skip(&mut self, depth: usize) -> Result<(), CtyError> {
        if depth > MAX_DEPTH {
            return Err(CtyError::TooDeep);
        }
        let marker = self.peek()?;
        if text_header(marker).is_some() {
            return self.text().map(drop);
        }
        if extension_header(marker).is_some() {
            return self.unknown().map(drop);
        }
        match marker {
            Marker::Null | Marker::True | Marker::False => self.marker().map(drop),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => self.bytes_or_text().map(drop),
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                (0..self.array_length(&Type::Dynamic)?).try_for_each(|_| self.skip(depth + 1))
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                (0..self.map_length(&Type::Dynamic)?.saturating_mul(2))
                    .try_for_each(|_| self.skip(depth + 1))
            }
            _ => self.number().map(drop),
        }
    }
}

enum Length {
    Known(usize),
    Follows(u8),
}

fn text_header(marker: Marker) -> Option<Length> {
    match marker {
        Marker::FixStr(length) => Some(Length::Known(usize::from(length))),
        Marker::Str8 => Some(Length::Follows(1)),
        Marker::Str16 => Some(Length::Follows(2)),
        Marker::Str32 => Some(Length::Follows(4)),
        _ => None,
    }
}

fn extension_header(marker: Marker) -> Option<Length> {
    match marker {
        Marker::FixExt1 => Some(Length::Known(1)),
        Marker::FixExt2 => Some(Length::Known(2)),
        Marker::FixExt4 => Some(Length::Known(4)),
        Marker::FixExt8 => Some(Length::Known(8)),
        Marker::FixExt16 => Some(Length::Known(16)),
        Marker::Ext8 => Some(Length::Follows(1)),
        Marker::Ext16 => Some(Length::Follows(2)),
        Marker::Ext32 => Some(Length::Follows(4)),
        _ => None,
    }
}

fn mismatch(expected: &Type, found: Marker) -> CtyError {
    CtyError::Mismatch {
        expected: expected.to_string(),
        found: format!("MessagePack {found:?}"),
    }
}
