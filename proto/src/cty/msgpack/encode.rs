//! Writing, which is also the check that a value fits its type.

use rmp::{Marker, encode as write};

use super::{MAX_REFINEMENT, REFINED_UNKNOWN, refinement_key};
use crate::cty::{CtyError, Number, Refinement, Step, Type, Value, number::Form};

pub(super) fn value(value: &Value, ty: &Type, out: &mut Vec<u8>) -> Result<(), CtyError> {
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
            self::value(&dynamic.1, &dynamic.0, out)?;
        }
        (Value::List(elements), Type::List(element))
        | (Value::Set(elements), Type::Set(element)) => {
            write::write_array_len(out, length(elements.len())?).map_err(written)?;
            for (index, value) in elements.iter().enumerate() {
                self::value(value, element, out)
                    .map_err(|error| error.under(Step::Index(index)))?;
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
                self::value(value, ty, out).map_err(|error| error.under(Step::Index(index)))?;
            }
        }
        (Value::Map(entries), Type::Map(element)) => {
            write::write_map_len(out, length(entries.len())?).map_err(written)?;
            for (key, value) in entries {
                write::write_str(out, key).map_err(written)?;
                self::value(value, element, out)
                    .map_err(|error| error.under(Step::Key(key.clone())))?;
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
                self::value(value, ty, out)
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
fn written<E: write::RmpWriteErr>(error: write::ValueWriteError<E>) -> CtyError {
    CtyError::MessagePack(error.to_string())
}
