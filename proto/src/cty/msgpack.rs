//! The MessagePack form, in which the engines send everything but stored state.
//!
//! Decoding is directed by the type, because a map and an object look alike on
//! the wire. What surprises readers of the format:
//!
//! - an object carries every attribute, nulls included, and no other;
//! - a number is an integer, a float or decimal text, whichever is exact;
//! - any extension value is "unknown"; one of kind 12 says what is promised of it;
//! - a `dynamic` is a pair of the type, as JSON in a byte string, and the value.

use std::collections::BTreeMap;

use rmp::{Marker, encode as write};

use super::{CtyError, MAX_DEPTH, Number, Refinement, Step, Type, Value, number::Form};

const REFINED_UNKNOWN: i8 = 12;
/// The engines send no longer description of an unknown value.
const MAX_REFINEMENT: usize = 1024;

/// Keys inside the description of an unknown value.
mod refinement_key {
    pub const NULLNESS: i64 = 1;
    pub const PREFIX: i64 = 2;
    pub const MINIMUM: i64 = 3;
    pub const MAXIMUM: i64 = 4;
    pub const MIN_LENGTH: i64 = 5;
    pub const MAX_LENGTH: i64 = 6;
}

impl Value {
    /// Reads a value of type `ty` that fills the input exactly.
    pub fn from_msgpack(ty: &Type, input: &[u8]) -> Result<Self, CtyError> {
        let mut reader = Reader { rest: input };
        let value = reader.value(ty, 0)?;
        match reader.rest.len() {
            0 => Ok(value),
            trailing => Err(CtyError::Trailing(trailing)),
        }
    }

    /// Writes the value as type `ty`, which it must fit.
    pub fn to_msgpack(&self, ty: &Type) -> Result<Vec<u8>, CtyError> {
        let mut out = Vec::new();
        encode(self, ty, &mut out)?;
        Ok(out)
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
                marker if text_header(marker).is_some() => {
                    Ok(Value::String(self.text()?.to_owned()))
                }
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
                    let key = self.text()?.to_owned();
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
        Reader { rest: body }.refinement().map(Value::Unknown)
    }

    fn refinement(mut self) -> Result<Refinement, CtyError> {
        let count = self.map_length(&Type::Dynamic)?;
        let mut refinement = Refinement::default();
        for _ in 0..count {
            match self.int()? {
                refinement_key::NULLNESS => refinement.null = Some(self.bool()?),
                refinement_key::PREFIX => refinement.prefix = Some(self.text()?.to_owned()),
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

fn encode(value: &Value, ty: &Type, out: &mut Vec<u8>) -> Result<(), CtyError> {
    let misfit = || CtyError::Mismatch {
        expected: ty.to_string(),
        found: value.kind().into_owned(),
    };
    match (value, ty) {
        (Value::Null, _) => out.push(Marker::Null.to_u8()),
        (Value::Unknown(refinement), _) => encode_unknown(refinement, out)?,
        (Value::Bool(bool), Type::Bool) => encode_bool(*bool, out),
        (Value::Number(number), Type::Number) => encode_number(number, out)?,
        (Value::String(text), Type::String) => write::write_str(out, text).map_err(written)?,
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            write::write_array_len(out, 2).map_err(written)?;
            write::write_bin(out, dynamic.0.to_json().as_bytes()).map_err(written)?;
            encode(&dynamic.1, &dynamic.0, out)?;
        }
        (Value::List(elements), Type::List(element))
        | (Value::Set(elements), Type::Set(element)) => {
            write::write_array_len(out, length(elements.len())?).map_err(written)?;
            for (index, value) in elements.iter().enumerate() {
                encode(value, element, out).map_err(|error| error.under(Step::Index(index)))?;
            }
        }
        (Value::Tuple(elements), Type::Tuple(types)) => {
            if elements.len() != types.len() {
                return Err(CtyError::WrongLength {
                    expected: types.len(),
                    found: elements.len(),
                });
            }
            write::write_array_len(out, length(elements.len())?).map_err(written)?;
            for (index, (value, ty)) in elements.iter().zip(types).enumerate() {
                encode(value, ty, out).map_err(|error| error.under(Step::Index(index)))?;
            }
        }
        (Value::Map(entries), Type::Map(element)) => {
            write::write_map_len(out, length(entries.len())?).map_err(written)?;
            for (key, value) in entries {
                write::write_str(out, key).map_err(written)?;
                encode(value, element, out).map_err(|error| error.under(Step::Key(key.clone())))?;
            }
        }
        (Value::Object(object), Type::Object(attributes)) => {
            if let Some(unknown) = object.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(CtyError::UnknownAttribute(unknown.clone()));
            }
            write::write_map_len(out, length(attributes.len())?).map_err(written)?;
            for (name, ty) in attributes {
                let value = object
                    .get(name)
                    .ok_or_else(|| CtyError::MissingAttribute(name.clone()))?;
                write::write_str(out, name).map_err(written)?;
                encode(value, ty, out)
                    .map_err(|error| error.under(Step::Attribute(name.clone())))?;
            }
        }
        _ => return Err(misfit()),
    }
    Ok(())
}

fn encode_bool(bool: bool, out: &mut Vec<u8>) {
    out.push(if bool { Marker::True } else { Marker::False }.to_u8());
}

/// In the form the number came in, so that the engine sees the number it sent.
fn encode_number(number: &Number, out: &mut Vec<u8>) -> Result<(), CtyError> {
    match number.form() {
        Form::Int(int) => write::write_sint(out, *int).map(drop).map_err(written),
        Form::Uint(uint) => write::write_uint(out, *uint).map(drop).map_err(written),
        Form::Float(float) => write::write_f64(out, *float).map_err(written),
        Form::Text(text) => write::write_str(out, text).map_err(written),
    }
}

fn encode_unknown(refinement: &Refinement, out: &mut Vec<u8>) -> Result<(), CtyError> {
    let mut body = Vec::new();
    let mut count = 0;
    let mut entry =
        |key: i64, write_value: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), CtyError>| {
            count += 1;
            write::write_sint(&mut body, key).map_err(written)?;
            write_value(&mut body)
        };
    if let Some(null) = refinement.null {
        entry(refinement_key::NULLNESS, &mut |out| {
            encode_bool(null, out);
            Ok(())
        })?;
    }
    if let Some(prefix) = &refinement.prefix {
        entry(refinement_key::PREFIX, &mut |out| {
            write::write_str(out, prefix).map_err(written)
        })?;
    }
    for (key, bound) in [
        (refinement_key::MINIMUM, &refinement.minimum),
        (refinement_key::MAXIMUM, &refinement.maximum),
    ] {
        if let Some((number, inclusive)) = bound {
            entry(key, &mut |out| {
                write::write_array_len(out, 2).map_err(written)?;
                encode_number(number, out)?;
                encode_bool(*inclusive, out);
                Ok(())
            })?;
        }
    }
    for (key, bound) in [
        (refinement_key::MIN_LENGTH, refinement.min_length),
        (refinement_key::MAX_LENGTH, refinement.max_length),
    ] {
        if let Some(bound) = bound {
            entry(key, &mut |out| {
                write::write_sint(out, bound).map(drop).map_err(written)
            })?;
        }
    }
    // Without a promise, or with more of them than a reader must accept, the plain form says enough.
    if count == 0 || body.len() >= MAX_REFINEMENT {
        out.extend([Marker::FixExt1.to_u8(), 0, 0]);
        return Ok(());
    }
    let mut description = Vec::new();
    write::write_map_len(&mut description, count).map_err(written)?;
    description.extend(body);
    write::write_ext_meta(out, length(description.len())?, REFINED_UNKNOWN).map_err(written)?;
    out.extend(description);
    Ok(())
}

fn length(length: usize) -> Result<u32, CtyError> {
    u32::try_from(length)
        .map_err(|_| CtyError::MessagePack("more elements than the format can count".to_owned()))
}

/// Writing to memory does not fail; the format's limits are checked by [`length`].
fn written<E: std::error::Error>(error: write::ValueWriteError<E>) -> CtyError
where
    E: rmp::encode::RmpWriteErr,
{
    CtyError::MessagePack(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cty::AttributePath;

    fn check_reads(ty: Type, bytes: &[u8], expected: Value) {
        assert_eq!(
            Value::from_msgpack(&ty, bytes),
            Ok(expected.clone()),
            "{bytes:02x?}"
        );
        assert_eq!(
            expected.to_msgpack(&ty).as_deref(),
            Ok(bytes),
            "{expected:?}"
        );
    }

    #[test]
    fn values_read_and_write_the_same_bytes() {
        let refined = Refinement {
            null: Some(false),
            prefix: Some("pre-".to_owned()),
            ..Refinement::default()
        };
        check_reads(Type::String, b"\xc0", Value::Null);
        check_reads(Type::String, b"\xa1x", "x".into());
        check_reads(Type::Number, b"\x05", 5_i64.into());
        check_reads(
            Type::Number,
            b"\xa30.1",
            Number::parse("0.1").expect("a number").into(),
        );
        check_reads(
            Type::Number,
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            u64::MAX.into(),
        );
        check_reads(
            Type::Number,
            b"\xcb\x3f\xf8\0\0\0\0\0\0",
            Number::from_float(1.5).expect("a float").into(),
        );
        check_reads(Type::Bool, b"\xd4\0\0", Value::unknown());
        check_reads(
            Type::String,
            b"\xc7\x09\x0c\x82\x01\xc2\x02\xa4pre-",
            Value::Unknown(refined),
        );
        check_reads(
            Type::set(Type::Bool),
            b"\x91\xc3",
            Value::set([true.into()]),
        );
        check_reads(Type::map(Type::Bool), b"\x80", Value::map::<String>([]));
        check_reads(
            Type::Tuple(vec![Type::Bool, Type::String]),
            b"\x92\xc2\xa0",
            Value::Tuple(vec![false.into(), "".into()]),
        );
        check_reads(
            Type::object([("a", Type::String), ("b", Type::Bool)]),
            b"\x82\xa1a\xc0\xa1b\xc3",
            Value::object([("a", Value::Null), ("b", true.into())]),
        );
        check_reads(
            Type::Dynamic,
            b"\x92\xc4\x08\"string\"\xa1x",
            Value::Dynamic(Box::new((Type::String, "x".into()))),
        );
    }

    #[test]
    fn every_extension_is_unknown() {
        for bytes in [
            &b"\xd4\x05\x00"[..],
            b"\xd5\x0c\x80\x00",
            b"\xc7\x00\x0c",
            b"\xd4\x0c\x80",
            b"\xc7\x03\x07abc",
        ] {
            for ty in [
                Type::String,
                Type::Dynamic,
                Type::object([("a", Type::String)]),
            ] {
                assert!(
                    Value::from_msgpack(&ty, bytes).is_ok_and(|value| value.is_unknown()),
                    "{bytes:02x?}"
                );
            }
        }
    }

    #[test]
    fn promises_we_do_not_know_are_skipped() {
        // {1: false, 99: [{"k": nil}, bin, ext]}
        let bytes = b"\xc7\x0f\x0c\x82\x01\xc2\x63\x93\x81\xa1k\xc0\xc4\x01x\xd4\x00\x00";
        assert_eq!(
            Value::from_msgpack(&Type::String, bytes),
            Ok(Value::unknown_not_null())
        );
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let object = Type::object([("a", Type::String), ("b", Type::String)]);
        let nested_type = format!("{}\"bool\"{}", r#"["list","#.repeat(80), "]".repeat(80));
        let mut deep_dynamic = Vec::new();
        for _ in 0..100 {
            deep_dynamic.extend(b"\x92\xc4\x09\"dynamic\"");
        }
        deep_dynamic.push(0xc0);
        let mut deep_type = b"\x92\xc5".to_vec();
        deep_type.extend(
            u16::try_from(nested_type.len())
                .expect("short")
                .to_be_bytes(),
        );
        deep_type.extend(nested_type.as_bytes());
        deep_type.push(0xc0);
        let mut long_refinement = b"\xc8\x08\x00\x0c".to_vec();
        long_refinement.extend([0x80; 2048]);
        let cases: [(&str, &Type, &[u8]); 20] = [
            ("nothing", &Type::String, b""),
            ("trailing bytes", &Type::Bool, b"\xc3\xc3"),
            ("text cut short", &Type::String, b"\xa5ab"),
            ("text that is not UTF-8", &Type::String, b"\xa1\xff"),
            ("a bool for text", &Type::String, b"\xc3"),
            ("text for a bool", &Type::Bool, b"\xa4true"),
            ("text that is no number", &Type::Number, b"\xa30x1"),
            ("NaN", &Type::Number, b"\xcb\x7f\xf8\0\0\0\0\0\0"),
            (
                "a list of four billion",
                &Type::list(Type::Bool),
                b"\xdd\xff\xff\xff\xff\xc3",
            ),
            (
                "a map of four billion",
                &Type::map(Type::Bool),
                b"\xdf\xff\xff\xff\xff\xa1a\xc3",
            ),
            (
                "text of four gigabytes",
                &Type::String,
                b"\xdb\xff\xff\xff\xffx",
            ),
            (
                "an extension of four gigabytes",
                &Type::String,
                b"\xc9\xff\xff\xff\xff\x0cx",
            ),
            ("an object without an attribute", &object, b"\x81\xa1a\xc0"),
            (
                "an object with a foreign attribute",
                &object,
                b"\x82\xa1a\xc0\xa1c\xc0",
            ),
            ("an attribute twice", &object, b"\x82\xa1a\xc0\xa1a\xc0"),
            (
                "a key twice",
                &Type::map(Type::Bool),
                b"\x82\xa1a\xc3\xa1a\xc3",
            ),
            (
                "a dynamic triple",
                &Type::Dynamic,
                b"\x93\xc4\x08\"string\"\xa1x\xc0",
            ),
            (
                "dynamic inside dynamic without end",
                &Type::Dynamic,
                &deep_dynamic,
            ),
            ("a type nested without end", &Type::Dynamic, &deep_type),
            (
                "an endless description of an unknown",
                &Type::String,
                &long_refinement,
            ),
        ];
        for (name, ty, bytes) in cases {
            assert!(
                Value::from_msgpack(ty, bytes).is_err(),
                "{name} was accepted"
            );
        }
    }

    #[test]
    fn what_does_not_fit_its_type_is_not_written() {
        let object = Type::object([("a", Type::String), ("b", Type::String)]);
        let cases = [
            (object.clone(), Value::object([("a", Value::Null)])),
            (
                object.clone(),
                Value::object([("a", Value::Null), ("b", Value::Null), ("c", Value::Null)]),
            ),
            (object, Value::map([("a", Value::Null), ("b", Value::Null)])),
            (Type::String, 1_i64.into()),
            (Type::list(Type::String), Value::set(["x".into()])),
            (Type::Dynamic, "x".into()),
            (Type::Tuple(vec![Type::Bool]), Value::Tuple(vec![])),
        ];
        for (ty, value) in cases {
            assert!(
                value.to_msgpack(&ty).is_err(),
                "{value:?} was written as {ty}"
            );
        }
        let nested = Type::object([("port", Type::list(Type::object([("number", Type::Number)])))]);
        let value = Value::object([(
            "port",
            Value::list([Value::object([("number", "x".into())])]),
        )]);
        let error = value
            .to_msgpack(&nested)
            .expect_err("a string is no number");
        assert_eq!(
            error.to_string(),
            "at port[0].number: expected a number, found a string"
        );
    }

    pub(crate) fn any_type() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![
            Just(Type::Bool),
            Just(Type::Number),
            Just(Type::String),
            Just(Type::Dynamic)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(Type::list),
                inner.clone().prop_map(Type::set),
                inner.clone().prop_map(Type::map),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
                prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4).prop_map(Type::Object),
            ]
        })
    }

    fn any_value(ty: &Type) -> BoxedStrategy<Value> {
        let known = match ty {
            Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
            Type::Number => prop_oneof![
                any::<i64>().prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
                "-?[0-9]{1,30}(\\.[0-9]{1,30})?"
                    .prop_map(|text| Number::parse(&text).map_or(Value::Null, Value::from)),
                any::<f64>()
                    .prop_map(|float| Number::from_float(float).map_or(Value::Null, Value::from)),
            ]
            .boxed(),
            Type::String => any::<String>().prop_map(Value::from).boxed(),
            Type::Dynamic => Just(Value::Dynamic(Box::new((Type::String, "x".into())))).boxed(),
            Type::List(element) => prop::collection::vec(any_value(element), 0..4)
                .prop_map(Value::List)
                .boxed(),
            Type::Set(element) => prop::collection::vec(any_value(element), 0..4)
                .prop_map(Value::Set)
                .boxed(),
            Type::Map(element) => {
                prop::collection::btree_map(any::<String>(), any_value(element), 0..4)
                    .prop_map(Value::Map)
                    .boxed()
            }
            Type::Tuple(types) => types
                .iter()
                .map(any_value)
                .collect::<Vec<_>>()
                .prop_map(Value::Tuple)
                .boxed(),
            Type::Object(attributes) => {
                let names: Vec<_> = attributes.keys().cloned().collect();
                attributes
                    .values()
                    .map(any_value)
                    .collect::<Vec<_>>()
                    .prop_map(move |values| {
                        Value::Object(names.iter().cloned().zip(values).collect())
                    })
                    .boxed()
            }
        };
        prop_oneof![8 => known, 1 => Just(Value::Null), 1 => Just(Value::unknown()), 1 => Just(Value::unknown_not_null())]
            .boxed()
    }

    proptest! {
        #[test]
        fn decode_undoes_encode((ty, value) in any_type().prop_flat_map(|ty| any_value(&ty).prop_map(move |value| (ty.clone(), value)))) {
            let bytes = value.to_msgpack(&ty).expect("fits its type");
            let back = Value::from_msgpack(&ty, &bytes).expect("reads back");
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(back.to_msgpack(&ty).expect("fits its type"), bytes);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            // What is accepted must also be writable.
            if let Ok(value) = Value::from_msgpack(&ty, &bytes) {
                prop_assert!(value.to_msgpack(&ty).is_ok());
            }
        }

        #[test]
        fn types_read_back(ty in any_type()) {
            prop_assert_eq!(Type::from_json(ty.to_json().as_bytes()), Ok(ty));
        }
    }

    #[test]
    fn errors_say_where() {
        let ty = Type::object([("tags", Type::map(Type::String))]);
        let error = Value::from_msgpack(&ty, b"\x81\xa4tags\x81\xa3env\xc3")
            .expect_err("a bool is no string");
        assert!(
            matches!(&error, CtyError::At(path, _) if *path == AttributePath::from("tags").key("env")),
            "{error}"
        );
    }
}
