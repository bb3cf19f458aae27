//! The strict JSON reader under everything the gate reads from an engine.
//!
//! Libraries keep the last of two equal keys, stop at a nesting depth of their own choosing or overflow the stack, and
//! turn large numbers into other numbers. Each of these lets a document say one thing to the engine and another to the
//! gate, so one tokenizer of our own goes over the whole document first, with an explicit stack. Values are later built
//! by the same tokenizer, so the two readings cannot disagree.
//!
//! Not here: any field name of a plan, and what a number means (`number`).

use std::borrow::Cow;

use thiserror::Error;

use super::number;
use super::quote::shown;

/// How deep lists and objects may nest. Engines write a few levels more than the configuration they read; nothing real
/// comes near this, and everything that walks a value may rely on it.
pub const MAX_DEPTH: usize = 1_000;

/// Why a text is not JSON that the gate reads. Offsets are bytes from the start of the document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonError {
    #[error("the document is empty")]
    Empty,
    #[error(
        "the document starts with a UTF-16 byte order mark: write it as UTF-8 (some shells re-encode redirected output)"
    )]
    Utf16,
    #[error("the document starts with a UTF-8 byte order mark: write it without")]
    ByteOrderMark,
    #[error("invalid UTF-8 at byte {offset}")]
    InvalidUtf8 { offset: usize },
    #[error("the document ends early, at byte {offset}")]
    Truncated { offset: usize },
    #[error("malformed JSON at byte {offset}: expected {expected}")]
    Syntax {
        offset: usize,
        expected: &'static str,
    },
    #[error("lists and objects nest deeper than {MAX_DEPTH} levels at byte {offset}")]
    TooDeep { offset: usize },
    #[error(
        "the key {} stands twice in the object that ends at byte {offset}",
        shown(key)
    )]
    DuplicateKey { key: String, offset: usize },
    #[error("the string at byte {offset} has half of a surrogate pair, which is no character")]
    LoneSurrogate { offset: usize },
    #[error(
        "the exponent of the number at byte {offset} has more than {} digits",
        number::MAX_EXPONENT_DIGITS
    )]
    Exponent { offset: usize },
}

/// What a document is told to while it is read. The unit type listens to nothing: reading with it only checks.
pub(crate) trait Listener {
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn number(&mut self, _: &str) {}
    fn string(&mut self, _: Cow<'_, str>) {}
    fn begin_list(&mut self) {}
    fn end_list(&mut self) {}
    fn begin_object(&mut self) {}
    fn key(&mut self, _: &str) {}
    fn end_object(&mut self) {}
}

impl Listener for () {}

/// The text of a document that is strict JSON in every respect this module knows.
pub(crate) fn checked(bytes: &[u8]) -> Result<&str, JsonError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(JsonError::Utf16);
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        return Err(JsonError::ByteOrderMark);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::InvalidUtf8 {
        offset: e.valid_up_to(),
    })?;
    walk(text, &mut ())?;
    Ok(text)
}

/// Reads one document and tells it to `listener`.
pub(crate) fn walk(text: &str, listener: &mut impl Listener) -> Result<(), JsonError> {
    Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        open: Vec::new(),
        keys: Vec::new(),
    }
    .document(listener)
}

/// A container whose end has not been seen.
enum Open {
    List,
    /// The index in `Reader::keys` where this object's keys begin.
    Object(usize),
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// The keys of every open object, one run after the other.
    keys: Vec<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn document(mut self, listener: &mut impl Listener) -> Result<(), JsonError> {
        self.space();
        if self.at == self.bytes.len() {
            return Err(JsonError::Empty);
        }
        // One turn of the loop reads one value or opens one container; what follows a value closes the finished ones.
        'value: loop {
            match self.peek()? {
                b'{' => {
                    self.enter(Open::Object(self.keys.len()))?;
                    listener.begin_object();
                    self.space();
                    if self.peek()? != b'}' {
                        self.key(listener)?;
                        continue 'value;
                    }
                }
                b'[' => {
                    self.enter(Open::List)?;
                    listener.begin_list();
                    self.space();
                    if self.peek()? != b']' {
                        continue 'value;
                    }
                }
                b'"' => {
                    let text = self.string()?;
                    listener.string(text);
                    self.space();
                }
                b'-' | b'0'..=b'9' => {
                    let text = self.number()?;
                    listener.number(text);
                    self.space();
                }
                b't' => {
                    self.word("true")?;
                    listener.bool(true);
                }
                b'f' => {
                    self.word("false")?;
                    listener.bool(false);
                }
                b'n' => {
                    self.word("null")?;
                    listener.null();
                }
                _ => return Err(self.syntax("a value")),
            }
            loop {
                match self.open.last() {
                    None => {
                        return if self.at == self.bytes.len() {
                            Ok(())
                        } else {
                            Err(self.syntax("the end of the document"))
                        };
                    }
                    Some(Open::List) => match self.peek()? {
                        b',' => {
                            self.at += 1;
                            self.space();
                            continue 'value;
                        }
                        b']' => {
                            self.leave();
                            listener.end_list();
                        }
                        _ => return Err(self.syntax("`,` or `]`")),
                    },
                    Some(&Open::Object(first)) => match self.peek()? {
                        b',' => {
                            self.at += 1;
                            self.space();
                            self.key(listener)?;
                            continue 'value;
                        }
                        b'}' => {
                            self.refuse_duplicates(first)?;
                            self.leave();
                            listener.end_object();
                        }
                        _ => return Err(self.syntax("`,` or `}`")),
                    },
                }
            }
        }
    }

    fn enter(&mut self, container: Open) -> Result<(), JsonError> {
        if self.open.len() == MAX_DEPTH {
            return Err(JsonError::TooDeep { offset: self.at });
        }
        self.open.push(container);
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.open.pop();
        self.at += 1;
        self.space();
    }

    fn key(&mut self, listener: &mut impl Listener) -> Result<(), JsonError> {
        if self.peek()? != b'"' {
            return Err(self.syntax("a key in quotes"));
        }
        let key = self.string()?;
        listener.key(&key);
        self.keys.push(key);
        self.space();
        if self.peek()? != b':' {
            return Err(self.syntax("`:`"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Sorting keeps this `n log n` for any input; a hash table would need a seed to be safe from chosen keys.
    fn refuse_duplicates(&mut self, first: usize) -> Result<(), JsonError> {
        let keys = &mut self.keys[first..];
        // Engines write most objects in order already; then there is nothing to sort.
        if !keys.windows(2).all(|pair| pair[0] < pair[1]) {
            keys.sort_unstable();
            if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(JsonError::DuplicateKey {
                    key: pair[0].to_string(),
                    offset: self.at,
                });
            }
        }
        self.keys.truncate(first);
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let opened = self.at;
        self.at += 1;
        let mut plain_from = self.at;
        let mut decoded: Option<String> = None;
        loop {
            match self.peek()? {
                b'"' => {
                    let rest = &self.text[plain_from..self.at];
                    self.at += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(rest),
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                    });
                }
                b'\\' => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    let escaped = self.escape(opened)?;
                    decoded.get_or_insert_default().push(escaped);
                    plain_from = self.at;
                }
                0..=0x1f => return Err(self.syntax("control characters in strings to be escaped")),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self, opened: usize) -> Result<char, JsonError> {
        let letter = self.peek()?;
        self.at += 1;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex4()?;
                let code = match unit {
                    0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                        self.at += 2;
                        let low = self.hex4()?;
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(JsonError::LoneSurrogate { offset: opened });
                        }
                        0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    _ => unit,
                };
                char::from_u32(code).ok_or(JsonError::LoneSurrogate { offset: opened })?
            }
            _ => {
                self.at -= 1;
                return Err(self.syntax("an escape that JSON knows"));
            }
        })
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?)
                .to_digit(16)
                .ok_or_else(|| self.syntax("four hexadecimal digits"))?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let from = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        // A zero may only be followed by a point or an exponent: `01` is not JSON.
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let exponent = self.at;
            self.digits()?;
            if self.at - exponent > number::MAX_EXPONENT_DIGITS {
                return Err(JsonError::Exponent { offset: from });
            }
        }
        Ok(&self.text[from..self.at])
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.syntax("a digit"));
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            self.space();
            Ok(())
        } else if word.as_bytes().starts_with(rest) {
            Err(JsonError::Truncated {
                offset: self.bytes.len(),
            })
        } else {
            Err(self.syntax("a value"))
        }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, JsonError> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or(JsonError::Truncated { offset: self.at })
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax {
            offset: self.at,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &[u8]) -> JsonError {
        checked(text).expect_err("must be refused")
    }

    #[test]
    fn what_is_refused_and_where() {
        let syntax = |offset, expected| JsonError::Syntax { offset, expected };
        let cases: &[(&[u8], JsonError)] = &[
            (b"", JsonError::Empty),
            (b" \n", JsonError::Empty),
            (b"\xef\xbb\xbf{}", JsonError::ByteOrderMark),
            (b"\xff\xfe{\0}\0", JsonError::Utf16),
            (b"{\"a\":\"\xff\"}", JsonError::InvalidUtf8 { offset: 6 }),
            (
                b"{\"a\":\"\xed\xa0\x80\"}",
                JsonError::InvalidUtf8 { offset: 6 },
            ),
            (b"{", JsonError::Truncated { offset: 1 }),
            (b"{\"a\":tr", JsonError::Truncated { offset: 7 }),
            (b"[1,", JsonError::Truncated { offset: 3 }),
            (b"[1,]", syntax(3, "a value")),
            (b"{\"a\":1,}", syntax(7, "a key in quotes")),
            (b"{a:1}", syntax(1, "a key in quotes")),
            (b"[1 2]", syntax(3, "`,` or `]`")),
            (b"[1}", syntax(2, "`,` or `]`")),
            (b"{\"a\":1]", syntax(6, "`,` or `}`")),
            (b"{} {}", syntax(3, "the end of the document")),
            (b"// no\n{}", syntax(0, "a value")),
            (b"'a'", syntax(0, "a value")),
            (b"[01]", syntax(2, "`,` or `]`")),
            (b"[1.]", syntax(3, "a digit")),
            (b"[.5]", syntax(1, "a value")),
            (b"[+1]", syntax(1, "a value")),
            (b"[-]", syntax(2, "a digit")),
            (b"[1e]", syntax(3, "a digit")),
            (b"[NaN]", syntax(1, "a value")),
            (b"[nil]", syntax(1, "a value")),
            (b"[Infinity]", syntax(1, "a value")),
            (b"[1e9999999999]", JsonError::Exponent { offset: 1 }),
            (
                b"[\"\n\"]",
                syntax(2, "control characters in strings to be escaped"),
            ),
            (b"[\"\\x41\"]", syntax(3, "an escape that JSON knows")),
            (b"[\"\\u00g0\"]", syntax(6, "four hexadecimal digits")),
            (b"[\"\\ud800\"]", JsonError::LoneSurrogate { offset: 1 }),
            (b"[\"\\udc00\"]", JsonError::LoneSurrogate { offset: 1 }),
            (
                b"[\"\\ud800\\u0041\"]",
                JsonError::LoneSurrogate { offset: 1 },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(&error(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_key_may_stand_once_however_it_is_written() {
        for (text, key) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":1,"b":2,"a":1}"#, "a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"x":[{"y":{"q":1,"":2,"":3}}]}"#, ""),
        ] {
            assert!(
                matches!(error(text.as_bytes()), JsonError::DuplicateKey { key: k, .. } if k == key),
                "{text}"
            );
        }
        for fine in [
            r#"{"a":{"a":{"a":1}},"b":{"a":2}}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"b":{"z":1},"a":{"z":1}}"#,
        ] {
            assert_eq!(checked(fine.as_bytes()), Ok(fine));
        }
    }

    #[test]
    fn nesting_ends_at_the_limit_and_never_at_the_stack() {
        let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(checked(lists(MAX_DEPTH).as_bytes()).is_ok());
        assert!(checked(objects(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 10_000, 5_000_000] {
            assert_eq!(
                error(lists(depth).as_bytes()),
                JsonError::TooDeep { offset: MAX_DEPTH }
            );
            assert_eq!(
                error(objects(depth).as_bytes()),
                JsonError::TooDeep {
                    offset: MAX_DEPTH * 5
                }
            );
        }
        assert_eq!(
            error("[".repeat(1_000_000).as_bytes()),
            JsonError::TooDeep { offset: MAX_DEPTH }
        );
    }

    #[test]
    fn messages_name_the_place_and_escape_what_they_quote() {
        let text = error(b"{\"\\u001b[31m\":1,\"\\u001b[31m\":2}").to_string();
        assert_eq!(
            text,
            "the key `\\u001b[31m` stands twice in the object that ends at byte 30"
        );
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = checked(&bytes);
        }

        #[test]
        fn json_like_noise_never_panics_and_agrees_with_a_second_reader(text in "[\\[\\]{}\",:\\\\ut0-9a-fnl.eE+\\- ]{0,60}") {
            if checked(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{text}");
            }
        }
    }
}
