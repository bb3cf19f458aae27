//! What the engine says went wrong, made safe to show.
//!
//! Text from an engine carries names, keys and messages chosen by whoever wrote the
//! configuration or the provider; it reaches a terminal or a log only through [`printable`].

use std::fmt;

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    /// A severity we do not know is never less than an error.
    Unknown,
}

/// Kept as the engine gave it; [`fmt::Display`] escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub summary: String,
    pub detail: String,
    pub address: Option<String>,
    /// File and line, relative to the stack folder.
    pub place: Option<(String, u64)>,
}

impl Diagnostic {
    /// Reads the `diagnostic` object of an engine's JSON output.
    pub(super) fn read(value: &Value) -> Diagnostic {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let range = value.get("range");
        Diagnostic {
            severity: match text("severity").as_str() {
                "error" => Severity::Error,
                "warning" => Severity::Warning,
                _ => Severity::Unknown,
            },
            summary: text("summary"),
            detail: text("detail"),
            address: value
                .get("address")
                .and_then(Value::as_str)
                .map(str::to_owned),
            place: range.and_then(|range| {
                let file = range.get("filename")?.as_str()?.to_owned();
                Some((file, range.get("start")?.get("line")?.as_u64()?))
            }),
        }
    }

    /// Terraform deprecated `-state` in favour of a setting in the configuration. The gate uses
    /// the flag because the configuration is not its to write; the user can do nothing about it.
    pub(super) fn is_about_our_flags(&self) -> bool {
        self.severity == Severity::Warning && self.summary == "Deprecated flag: -state"
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Unknown => "problem",
        };
        write!(f, "{severity}: {}", printable(&self.summary))?;
        if let Some(address) = &self.address {
            write!(f, " ({})", printable(address))?;
        }
        if let Some((file, line)) = &self.place {
            write!(f, " at {}:{line}", printable(file))?;
        }
        for line in self.detail.lines().filter(|line| !line.trim().is_empty()) {
            write!(f, "\n  {}", printable(line))?;
        }
        Ok(())
    }
}

/// One line of foreign text with everything that could act on a terminal or reorder the text
/// written out as `\u{…}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts_on_the_reader(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Several lines of foreign bytes, for instance standard error.
pub(super) fn printable_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text
        .lines()
        .map(|line| printable(line.trim_end()))
        .collect();
    lines.join("\n").trim().to_owned()
}

fn acts_on_the_reader(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        for (text, expected) in [
            ("plain: ä 漢 😀", "plain: ä 漢 😀"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\rc", "a\\u{a}b\\u{d}c"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn a_diagnostic_reads_whatever_shape_it_gets() {
        for (json, expected) in [
            ("{}", "problem: "),
            ("[]", "problem: "),
            (
                r#"{"severity":"error","summary":"No","detail":"a\n\n\u001b[0mb"}"#,
                "error: No\n  a\n  \\u{1b}[0mb",
            ),
            (
                r#"{"severity":"warning","summary":"S","address":"a.b","range":{"filename":"m.tf","start":{"line":3}}}"#,
                "warning: S (a.b) at m.tf:3",
            ),
            (
                r#"{"severity":7,"summary":{},"range":{"filename":1}}"#,
                "problem: ",
            ),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(Diagnostic::read(&value).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn printable_is_one_line_and_stable(text in ".*") {
            let once = printable(&text);
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert_eq!(printable(&once), once);
        }

        #[test]
        fn lines_of_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = printable_lines(&bytes);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
