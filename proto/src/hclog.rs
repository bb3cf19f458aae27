//! Log lines as the engines read them: one JSON object per line, on stderr.
//!
//! The reader is brittle. `@message`, `@level` and `@timestamp` must be strings or
//! the engine itself panics; a timestamp with other than six fraction digits turns
//! the whole line into raw text; a line over 64 KiB is cut into pieces. Nothing
//! else may write to stderr, and nothing at all to stdout.
//!
//! Attribute values never belong in a log line: they may be secrets.

use std::{io::Write as _, sync::OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

struct Logger {
    module: String,
    least: Option<Level>,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// The engine splits longer lines; the rest of a line is keys and quotes.
const LONGEST_TEXT: usize = 16 * 1024;

/// Sets whose lines these are. The level comes from `TF_LOG_PROVIDER_<NAME>`,
/// `TF_LOG_PROVIDER` or `TF_LOG`, the first that is set; without any, only errors.
pub(crate) fn init(provider: &str, env: impl Fn(&str) -> Option<String>) {
    let own = format!("TF_LOG_PROVIDER_{}", provider.to_uppercase());
    let wanted = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(env);
    // A second provider in one process, as in tests, keeps the first logger.
    let _ = LOGGER.set(Logger {
        module: format!("provider.{provider}"),
        least: least(wanted.as_deref()),
    });
}

fn least(wanted: Option<&str>) -> Option<Level> {
    match wanted.map(str::to_uppercase).as_deref() {
        // JSON asks for everything, in JSON.
        Some("TRACE" | "JSON") => Some(Level::Trace),
        Some("DEBUG") => Some(Level::Debug),
        Some("INFO") => Some(Level::Info),
        Some("WARN") => Some(Level::Warn),
        Some("OFF") => None,
        _ => Some(Level::Error),
    }
}

/// Writes one line if its level is wanted.
pub fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let Some(logger) = LOGGER.get() else { return };
    if logger.least.is_none_or(|least| level < least) {
        return;
    }
    let line = line(&logger.module, level, Timestamp::now(), message, fields);
    // One write, so that lines of several threads do not mix. If stderr is gone there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn line(
    module: &str,
    level: Level,
    now: Timestamp,
    message: &str,
    fields: &[(&str, &str)],
) -> String {
    let mut object = Map::new();
    let mut put = |key: &str, text: &str| {
        object.insert(key.to_owned(), Json::String(shortened(text).to_owned()))
    };
    for (key, text) in fields {
        // The reader's own keys cannot be overwritten.
        if !key.starts_with('@') {
            put(key, text);
        }
    }
    put("@level", level.name());
    put("@message", message);
    put("@module", module);
    put("@timestamp", &format!("{now:.6}"));
    format!("{}\n", Json::Object(object))
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_the_engine_parses() {
        for (nanoseconds, shown) in [
            (0, "000000"),
            (1, "000000"),
            (123_456_789, "123456"),
            (500_000_000, "500000"),
        ] {
            let now = Timestamp::new(1_700_000_000, nanoseconds).expect("a time");
            let line = line(
                "provider.x",
                Level::Warn,
                now,
                "two\nlines",
                &[("type", "x_y"), ("@level", "forged")],
            );
            assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
            let json: Json = serde_json::from_str(&line).expect("JSON");
            assert_eq!(json["@timestamp"], format!("2023-11-14T22:13:20.{shown}Z"));
            assert_eq!(json["@level"], "warn");
            assert_eq!(json["@message"], "two\nlines");
            assert_eq!(json["type"], "x_y");
        }
    }

    #[test]
    fn a_long_message_stays_below_the_limit() {
        let line = line(
            "provider.x",
            Level::Error,
            Timestamp::now(),
            &"é".repeat(100_000),
            &[],
        );
        assert!(line.len() < 64 * 1024);
    }

    #[test]
    fn the_level_is_the_one_asked_for() {
        for (wanted, expected) in [
            (None, Some(Level::Error)),
            (Some("debug"), Some(Level::Debug)),
            (Some("JSON"), Some(Level::Trace)),
            (Some("off"), None),
        ] {
            assert_eq!(least(wanted), expected, "{wanted:?}");
        }
    }
}
