//! How text from outside appears in a message. Only printable ASCII gets through: what a user typed, or a stranger
//! signed, must not move the cursor, reverse the line or imitate other text on somebody's terminal.

/// Longer input is cut: a key or a statement pasted into the wrong place would bury the message.
const LONGEST: usize = 60;

/// Input in backticks, at the beginning of a sentence or inside it.
pub fn shown(text: &str) -> String {
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("`{}`", printable(&cut))
}

/// A reason as libraries give it (lower case, no full stop) as a sentence.
pub fn sentence(reason: impl std::fmt::Display) -> String {
    let reason = reason.to_string();
    let mut rest = reason.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    let all: String = first.into_iter().chain(rest).collect();
    format!("{}.", printable(&all))
}

fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' | '…' => out.push(c),
            '\n' => out.push_str("\\n"),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal() {
        assert_eq!(
            shown("a\u{1b}[2J\u{202e}b\nc"),
            "`a\\u{1b}[2J\\u{202e}b\\nc`"
        );
        assert_eq!(shown(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(shown(&"x".repeat(60)), format!("`{}`", "x".repeat(60)));
        assert_eq!(sentence("é is not `a`"), "\\u{e9} is not `a`.");
        assert_eq!(shown(""), "an empty text");
        assert_eq!(sentence(""), ".");
    }
}
