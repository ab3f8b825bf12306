//! Reads a pattern's text from left to right.

use super::PatternError;
use super::operand::Operand;

/// A place in a pattern.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Goes over a text, when it is here.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let is_here = self.rest().starts_with(text);
        if is_here {
            self.at += text.len();
        }
        is_here
    }

    /// Goes over space and then a text, when that is here; the space is gone over in any case.
    pub(super) fn eat_spaced(&mut self, text: &str) -> bool {
        self.skip_space();
        self.eat(text)
    }

    /// Goes over a word in any case of its letters, and the space before it, when it is here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let mut ahead = self.clone();
        let found = ahead.take_while(|c| c.is_ascii_alphabetic()).eq_ignore_ascii_case(word);
        if found {
            *self = ahead;
        }
        found
    }

    pub(super) fn take_while(&mut self, is_taken: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !is_taken(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// The text up to a closing mark, which is gone over; a backslash before the mark keeps it.
    pub(super) fn take_until(&mut self, mark: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                '\\' if self.peek() == Some(mark) => text.extend(self.next()),
                c if c == mark => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// `"text"`, `%regex%`, or what stands until `ends`.
    pub(super) fn operand(&mut self, ends: impl Fn(char) -> bool) -> Result<Operand, PatternError> {
        self.skip_space();
        if self.eat("\"") {
            let text = self.take_until('"').ok_or_else(|| self.expected("a closing double quote"))?;
            return Ok(Operand::quoted(&text));
        }
        if self.eat("%") {
            let text = self.take_until('%').ok_or_else(|| self.expected("a closing %"))?;
            return Operand::regex(&text);
        }
        let text = self.take_while(|c| !c.is_whitespace() && !ends(c));
        if text.is_empty() { Err(self.expected("a value")) } else { Ok(Operand::bare(text)) }
    }

    pub(super) fn expected(&self, expected: &'static str) -> PatternError {
        let read = self.text.get(..self.at).unwrap_or_default();
        PatternError::Expected { expected, at: read.chars().count() + 1 }
    }

    /// Reports what stands after the end of a pattern.
    pub(super) fn end(&mut self) -> Result<(), PatternError> {
        self.skip_space();
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end of the pattern")) }
    }
}
