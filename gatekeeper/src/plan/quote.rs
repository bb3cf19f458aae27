//! Strings in quotes, as instance keys and paths show them, and strings in error messages.
//!
//! Engines write a string key into an address with HCL's escapes. Reading takes everything any engine version wrote;
//! writing escapes whatever a terminal could act on or hide.

/// `text` in quotes. What is written reads back as the same string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // HCL would take `${` and `%{` for a template.
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c => push_safe(&mut out, c),
        }
    }
    out.push('"');
    out
}

/// `text` in backticks for an error message: escaped, on one line, cut when long.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '`' => out.push_str("\\u0060"),
            c => push_safe(&mut out, c),
        }
    }
    out.push('`');
    out
}

fn push_safe(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if !acts_or_hides(c) => out.push(c),
        c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
    }
}

/// Characters that move the cursor, reorder or join what stands around them, or cannot be seen.
fn acts_or_hides(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffd
            | 0xe000..=0xf8ff | 0xe0000..=0x10ffff)
}

/// Reads a string in quotes at the start of `text`: the string, and what stands behind the closing quote.
pub fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut out = String::new();
    loop {
        let c = rest.chars().next()?;
        match c {
            '"' => return Some((out, &rest[1..])),
            '\\' => {
                let letter = rest[1..].chars().next()?;
                rest = &rest[1 + letter.len_utf8()..];
                let digits = match letter {
                    'n' => {
                        out.push('\n');
                        continue;
                    }
                    'r' => {
                        out.push('\r');
                        continue;
                    }
                    't' => {
                        out.push('\t');
                        continue;
                    }
                    '"' | '\\' => {
                        out.push(letter);
                        continue;
                    }
                    // Engines before 1.0 quoted keys as Go strings.
                    'a' | 'b' | 'f' | 'v' => {
                        out.push(match letter {
                            'a' => '\u{7}',
                            'b' => '\u{8}',
                            'f' => '\u{c}',
                            _ => '\u{b}',
                        });
                        continue;
                    }
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => return None,
                };
                let hex = rest.get(..digits)?;
                if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                out.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
                rest = &rest[digits..];
            }
            '$' | '%' => {
                // A doubled sign before `{` stands for one.
                let doubled = rest[1..].starts_with(c) && rest[2..].starts_with('{');
                out.push(c);
                if doubled {
                    out.push('{');
                    rest = &rest[3..];
                } else {
                    rest = &rest[1..];
                }
            }
            c if c.is_control() => return None,
            c => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_are_written_as_engines_write_them() {
        for (text, written) in [
            ("", r#""""#),
            ("web", r#""web""#),
            ("a b", r#""a b""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\tc\rd", r#""a\nb\tc\rd""#),
            ("${x} %{y} $x", r#""$${x} %%{y} $x""#),
            ("$${", r#""$$${""#),
            ("\u{1b}[31m", r#""\u001b[31m""#),
            ("\u{202e}", r#""\u202e""#),
            ("\u{e0041}", r#""\U000e0041""#),
            ("ünï", r#""ünï""#),
        ] {
            assert_eq!(quoted(text), written);
            assert_eq!(unquoted(written), Some((text.to_owned(), "")), "{written}");
        }
    }

    #[test]
    fn what_is_no_string_in_quotes() {
        for text in [
            "",
            "a",
            "\"",
            "\"a",
            "\"\\",
            "\"\\\"",
            "\"\\q\"",
            "\"\\u00\"",
            "\"\\uzzzz\"",
            "\"\\ud800\"",
            "\"\n\"",
            "\"\\U0011ffff\"",
            "\"\\u+123\"",
        ] {
            assert_eq!(unquoted(text), None, "{text:?}");
        }
        assert_eq!(unquoted(r#""a"].b"#), Some(("a".to_owned(), "].b")));
    }

    #[test]
    fn error_text_stays_on_one_line_and_short() {
        assert_eq!(shown("a`b\nc"), "`a\\u0060b\\nc`");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), 123);
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(text in any::<String>()) {
            let written = quoted(&text);
            prop_assert_eq!(unquoted(&written), Some((text, "")));
        }

        #[test]
        fn noise_never_panics(text in "[\"\\\\$%{ux0-9a-fé]{0,20}") {
            let _ = unquoted(&text);
        }
    }
}
