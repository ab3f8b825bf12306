//! A cursor over JSON text that builds nothing: what a query does not name is only stepped over.

use std::borrow::Cow;

/// Containers in containers that are followed; deeper ones end the reading.
pub(super) const DEEPEST: usize = 100;

/// A place in a JSON text. Every method that returns `None` met the end or a fault.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What stands at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Object,
    Array,
    String,
    /// A number, `true`, `false` or `null`.
    Word,
}

/// A string without its quotes, as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    text: &'a str,
    escaped: bool,
}

impl<'a> Raw<'a> {
    pub(super) fn value(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.text)) } else { Cow::Borrowed(self.text) }
    }

    pub(super) fn is(self, key: &str) -> bool {
        if self.escaped { unescape(self.text) == key } else { self.text == key }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The byte after the last one that was read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` when it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn peek(&mut self) -> Option<Next> {
        self.skip_space();
        Some(match self.byte()? {
            b'{' => Next::Object,
            b'[' => Next::Array,
            b'"' => Next::String,
            _ => Next::Word,
        })
    }

    /// After a member or an element: whether another one follows. `None` when neither a comma nor
    /// `close` is there.
    pub(super) fn another(&mut self, close: u8) -> Option<bool> {
        if self.take(b',') {
            Some(true)
        } else if self.take(close) {
            Some(false)
        } else {
            None
        }
    }

    /// A member's name, and the colon after it.
    pub(super) fn key(&mut self) -> Option<Raw<'a>> {
        let key = self.string()?;
        self.take(b':').then_some(key)
    }

    pub(super) fn string(&mut self) -> Option<Raw<'a>> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let found = quote_or_escape(rest)?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Some(Raw { text: self.text.get(start..self.at - 1)?, escaped });
            }
            escaped = true;
            self.at += 1;
        }
    }

    /// A number, `true`, `false` or `null`, as it is written.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.skip_space();
        let rest = self.text.get(self.at..)?;
        let end = rest
            .bytes()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(rest.len());
        let word = rest.get(..end)?;
        self.at += end;
        is_word(word).then_some(word)
    }
}

/// The place of the first quote or backslash. Most strings are short, so eight bytes at a time
/// beat a search that has to be set up.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const ESCAPES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    // The lowest marked byte is a zero byte; those above it may be marked wrongly.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (word, at) in words.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ QUOTES) | zeros(word ^ ESCAPES);
        if found != 0 {
            return usize::try_from(found.trailing_zeros() / 8).ok().map(|place| at + place);
        }
    }
    let before = bytes.len() - tail.len();
    tail.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|place| before + place)
}

/// Whether a bare word may stand in JSON.
fn is_word(word: &str) -> bool {
    match word.as_bytes() {
        b"true" | b"false" | b"null" => true,
        [b'-', b'0'..=b'9', rest @ ..] | [b'0'..=b'9', rest @ ..] => {
            rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        }
        _ => false,
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(escape) = rest.chars().next() else { break };
        rest = rest.get(escape.len_utf8()..).unwrap_or_default();
        match escape {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' => {
                let (found, after) = unicode(rest);
                out.push(found);
                rest = after;
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

/// The character of `XXXX` after `\u`, with its second half when it is one of a pair.
fn unicode(text: &str) -> (char, &str) {
    let unit = |text: &str| text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(text) else {
        return (char::REPLACEMENT_CHARACTER, text);
    };
    let rest = text.get(4..).unwrap_or_default();
    if !(0xD800..0xDC00).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    }
    let second = rest.strip_prefix("\\u").and_then(unit).filter(|low| (0xDC00..0xE000).contains(low));
    match second {
        Some(low) => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            let after = rest.get(6..).unwrap_or_default();
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after)
        }
        None => (char::REPLACEMENT_CHARACTER, rest),
    }
}
