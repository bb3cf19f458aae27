//! Bytes as the engines write them, hostile ones, and round trips.

use proptest::prelude::*;

use super::*;
use crate::cty::{AttributePath, Number, Refinement, nfc};

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
        Value::Unknown(Box::new(refined)),
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
        Type::Map(element) => prop::collection::btree_map(
            any::<String>().prop_map(|key| nfc(&key).into_owned()),
            any_value(element),
            0..4,
        )
        .prop_map(Value::Map)
        .boxed(),
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
                .prop_map(move |values| Value::Object(names.iter().cloned().zip(values).collect()))
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
    let error =
        Value::from_msgpack(&ty, b"\x81\xa4tags\x81\xa3env\xc3").expect_err("a bool is no string");
    assert!(
        matches!(&error, CtyError::At(path, _) if *path == AttributePath::from("tags").key("env")),
        "{error}"
    );
}
