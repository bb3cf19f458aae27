//! Numbers of any size and precision, kept as they arrived.
//!
//! The engines compute with 512-bit floats and send whatever is exact: an
//! integer, a float, or decimal text. Reading `0.1` into an `f64` and writing it
//! back gives a different number, and the engine calls that an invalid plan. So a
//! number is never computed with here: it is compared by its exact decimal
//! digits, and written back in the form in which it came.

use std::borrow::Cow;

/// A number and the form in which it travels.
#[derive(Debug, Clone)]
pub struct Number(Form);

#[derive(Debug, Clone)]
pub(crate) enum Form {
    Int(i64),
    Uint(u64),
    /// Never NaN: there is no such number in the language.
    Float(f64),
    /// Checked by [`Decimal::parse`].
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number")]
pub struct ParseNumberError(String);

impl Number {
    /// Decimal text, exact whatever its length: `0.1`, `-2`, `1e300`.
    pub fn parse(text: &str) -> Result<Self, ParseNumberError> {
        match Decimal::parse(text) {
            Some(_) => Ok(Self(Form::Text(text.to_owned()))),
            None => Err(ParseNumberError(excerpt(text))),
        }
    }

    pub(crate) fn from_float(float: f64) -> Result<Self, ParseNumberError> {
        match float.is_nan() {
            true => Err(ParseNumberError("NaN".to_owned())),
            false => Ok(Self(Form::Float(float))),
        }
    }

    pub(crate) fn form(&self) -> &Form {
        &self.0
    }

    /// The exact decimal text. Infinities, which only a hostile or very odd
    /// configuration holds, read `inf` and `-inf`.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Int(int) => Cow::Owned(int.to_string()),
            Form::Uint(uint) => Cow::Owned(uint.to_string()),
            Form::Float(float) if float.is_infinite() => {
                Cow::Borrowed(if *float > 0.0 { "inf" } else { "-inf" })
            }
            Form::Float(float) => Cow::Owned(exact_float_text(*float)),
            Form::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The number as an `i64`, if it is one exactly.
    pub fn as_i64(&self) -> Option<i64> {
        let decimal = self.decimal()?;
        let magnitude = decimal.integer()?;
        match decimal.negative {
            true => i64::try_from(-(i128::try_from(magnitude).ok()?)).ok(),
            false => i64::try_from(magnitude).ok(),
        }
    }

    /// The number as a `u64`, if it is one exactly.
    pub fn as_u64(&self) -> Option<u64> {
        let decimal = self.decimal()?;
        (!decimal.negative)
            .then(|| decimal.integer())
            .flatten()
            .and_then(|n| u64::try_from(n).ok())
    }

    fn decimal(&self) -> Option<Decimal> {
        Decimal::parse(&self.text())
    }

    /// One text for all forms of the same number.
    pub(crate) fn canonical(&self) -> String {
        match self.decimal() {
            None => self.text().into_owned(),
            Some(decimal) => {
                let sign = if decimal.negative { "-" } else { "" };
                format!("{sign}{}e{}", decimal.digits, decimal.exponent)
            }
        }
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self(Form::Int(int))
    }
}

impl From<u64> for Number {
    fn from(uint: u64) -> Self {
        Self(Form::Uint(uint))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Int(a), Form::Int(b)) => a == b,
            (Form::Uint(a), Form::Uint(b)) => a == b,
            (Form::Text(a), Form::Text(b)) if a == b => true,
            _ => self.canonical() == other.canonical(),
        }
    }
}

impl Eq for Number {}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

/// `digits` × 10^`exponent`, without leading or trailing zeros. Nothing is ever
/// expanded, so an exponent of a billion costs nothing.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            // A sign and digits, nothing else; `parse` would also take an empty sign.
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let has_point = mantissa.contains('.');
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || (has_point && fraction.is_empty())
            || !all_digits(whole)
            || !all_digits(fraction)
        {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let exponent = i64::from(exponent).checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let significant = digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return Some(Self {
                negative: false,
                digits: "0".to_owned(),
                exponent: 0,
            });
        }
        let dropped = i64::try_from(significant.len() - trimmed.len()).ok()?;
        Some(Self {
            negative,
            digits: trimmed.to_owned(),
            exponent: exponent.checked_add(dropped)?,
        })
    }

    /// The magnitude, if it is an integer that could fit 64 bits.
    fn integer(&self) -> Option<u128> {
        let exponent = usize::try_from(self.exponent).ok()?;
        // Twenty digits hold every 64-bit integer.
        if self.digits.len().checked_add(exponent)? > 20 {
            return None;
        }
        format!("{}{}", self.digits, "0".repeat(exponent))
            .parse()
            .ok()
    }
}

/// Every digit of the float: the shortest text that parses back to it is another
/// number to an engine that counts in 512 bits.
fn exact_float_text(float: f64) -> String {
    // No double needs more than 1074 digits after the point, and this formatting is exact.
    let text = format!("{float:.1074}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Enough of the text to recognise it, whatever was sent.
fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_equal_in_every_form() {
        let cases = [
            (Number::from(5_i64), "5.0", true),
            (Number::from(5_i64), "0.5e1", true),
            (Number::from(-5_i64), "-5", true),
            (Number::from(5_i64), "-5", false),
            (Number::from(0_i64), "-0.0", true),
            (Number::from(u64::MAX), "18446744073709551615", true),
            (Number::from(u64::MAX), "18446744073709551616", false),
            (Number::from(100_i64), "1e2", true),
        ];
        for (number, text, equal) in cases {
            assert_eq!(
                number == Number::parse(text).expect(text),
                equal,
                "{number} and {text}"
            );
        }
        let tenth = Number::from_float(0.1).expect("a float");
        assert_ne!(
            tenth,
            Number::parse("0.1").expect("a number"),
            "a double is not a tenth"
        );
        assert!(tenth.text().starts_with("0.1000000000000000055"));
        assert_eq!(
            Number::from_float(1.5).expect("a float"),
            Number::parse("1.5").expect("a number")
        );
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        let hostile = [
            "",
            "-",
            "+1",
            ".",
            "1.",
            ".5",
            "1e",
            "e5",
            "0x10",
            "1_000",
            " 1",
            "1 ",
            "NaN",
            "inf",
            "--1",
            "1.2.3",
            "1e99999999999999999999",
            "１",
        ];
        for text in hostile {
            assert!(
                Number::parse(text).is_err(),
                "`{text}` was taken for a number"
            );
        }
        assert!(Number::from_float(f64::NAN).is_err());
    }

    #[test]
    fn a_huge_exponent_costs_nothing() {
        let number = Number::parse("1e2000000000").expect("a number");
        assert_eq!(number.as_i64(), None);
        assert_ne!(number, Number::from(1_i64));
    }

    #[test]
    fn integers_come_back_only_when_exact() {
        for (text, int) in [
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e3", Some(1000)),
        ] {
            assert_eq!(Number::parse(text).expect(text).as_i64(), int, "{text}");
        }
        assert_eq!(Number::from(-1_i64).as_u64(), None);
    }
}
