//! Numbers as decimal text, exactly.
//!
//! An engine keeps numbers as arbitrary decimals; a float here would make two different numbers equal, or one number
//! two. Every number has one canonical text, so that comparing texts compares numbers.

/// Longer exponents are refused: no number that a person wrote needs one, and a hostile one must not cost memory.
pub const MAX_EXPONENT_DIGITS: usize = 9;

/// The longest run of zeros that is written out; a longer one becomes an exponent.
const MAX_ZEROS: i64 = 40;

/// The one text of the number that the JSON number `text` stands for.
///
/// `text` must follow the grammar of JSON numbers with an exponent of at most [`MAX_EXPONENT_DIGITS`] digits; the
/// reader in `json` gives nothing else.
pub(crate) fn canonical(text: &str) -> String {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap_or(0);

    // The number is `digits` × 10^`scale`, with neither leading nor trailing zeros in `digits`.
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    if trimmed.is_empty() {
        return "0".to_owned(); // Minus zero is zero.
    }
    let scale = exponent - fraction.len() as i64 + (digits.len() - trimmed.len()) as i64;

    let sign = if negative { "-" } else { "" };
    let length = trimmed.len() as i64;
    match scale {
        0 => format!("{sign}{trimmed}"),
        1..=MAX_ZEROS => format!("{sign}{trimmed}{}", "0".repeat(scale as usize)),
        // The point falls among the digits.
        _ if scale < 0 && -scale < length => {
            let (whole, fraction) = trimmed.split_at((length + scale) as usize);
            format!("{sign}{whole}.{fraction}")
        }
        _ if scale < 0 && -scale - length <= MAX_ZEROS => {
            format!(
                "{sign}0.{}{trimmed}",
                "0".repeat((-scale - length) as usize)
            )
        }
        _ => format!("{sign}{trimmed}e{scale}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_has_one_text() {
        let big = format!("1{}", "0".repeat(400));
        let cases: &[(&str, &[&str])] = &[
            ("0", &["0", "-0", "0.0", "0e5", "-0.000e-7", "0E+0"]),
            (
                "1",
                &[
                    "1",
                    "1.0",
                    "1e0",
                    "1E+0",
                    "1e-0",
                    "10e-1",
                    "0.1e1",
                    "1.000",
                    "1e000000000",
                ],
            ),
            ("-1", &["-1", "-1.0", "-10e-1"]),
            ("100", &["100", "1e2", "100.00", "0.001e5"]),
            ("0.5", &["0.5", "0.50", "5e-1", "50e-2"]),
            ("12.34", &["12.34", "1234e-2", "0.1234e2"]),
            ("0.001", &["0.001", "1e-3"]),
            (
                "18446744073709551617",
                &["18446744073709551617", "18446744073709551617.0"],
            ),
            ("9007199254740993", &["9007199254740993"]),
            ("0.1", &["0.1", "0.10000"]),
            (
                "0.1000000000000000055511151231257827",
                &["0.1000000000000000055511151231257827"],
            ),
            ("1e400", &["1e400", "1E400", "10e399", "1.0e400", &big]),
            ("-15e999999998", &["-1.5e999999999"]),
            ("1e-999999999", &["1e-999999999"]),
            ("1e-400", &["1e-400"]),
        ];
        for (canonical_text, spellings) in cases {
            for spelling in *spellings {
                assert_eq!(canonical(spelling), *canonical_text, "{spelling}");
            }
        }
    }

    #[test]
    fn different_numbers_stay_different() {
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("1e400", "1e401"),
            ("0.1", "0.10000000000000001"),
            ("1", "-1"),
        ] {
            assert_ne!(canonical(a), canonical(b));
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,60})?([eE][+-]?[0-9]{1,9})?") {
            let once = canonical(&text);
            prop_assert_eq!(&canonical(&once), &once);
            prop_assert!(once.len() <= text.len() + 50);
        }

        #[test]
        fn moving_the_point_changes_nothing(whole in "[1-9][0-9]{0,20}", shift in 0usize..60) {
            let moved = format!("{whole}{}e-{shift}", "0".repeat(shift));
            prop_assert_eq!(canonical(&moved), canonical(&whole));
        }

        #[test]
        fn agrees_with_integers(n in any::<i64>()) {
            prop_assert_eq!(canonical(&n.to_string()), n.to_string());
        }
    }
}
