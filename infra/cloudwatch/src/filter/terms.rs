//! Terms: `ERROR -EXITING "two words" ?either ?or %regex%`.

use regex::Regex;

use super::PatternError;
use super::cursor::Cursor;
use super::operand::Operand;

/// The terms of a pattern.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    none: Vec<Term>,
    any: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    /// Anywhere in the text, in this case of its letters.
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        let mut terms = Self::default();
        loop {
            cursor.skip_space();
            let group = match cursor.peek() {
                None => break,
                Some('?') => &mut terms.any,
                Some('-') => &mut terms.none,
                Some(_) => &mut terms.all,
            };
            if matches!(cursor.peek(), Some('?' | '-')) {
                cursor.next();
            }
            group.push(term(cursor)?);
        }
        // The page: optional terms are ignored beside others.
        if !(terms.all.is_empty() && terms.none.is_empty()) {
            terms.any.clear();
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.all.iter().all(|term| term.is_in(text))
            && !self.none.iter().any(|term| term.is_in(text))
            && (self.any.is_empty() || self.any.iter().any(|term| term.is_in(text)))
    }
}

impl Term {
    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Text(term) => text.contains(term.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

fn term(cursor: &mut Cursor<'_>) -> Result<Term, PatternError> {
    if cursor.eat("\"") {
        let text = cursor.take_until('"').ok_or_else(|| cursor.expected("a closing double quote"))?;
        return Ok(Term::Text(text));
    }
    if cursor.eat("%") {
        let text = cursor.take_until('%').ok_or_else(|| cursor.expected("a closing %"))?;
        return match Operand::regex(&text)? {
            Operand::Regex(regex) => Ok(Term::Regex(regex)),
            Operand::Text(_) | Operand::Bare(..) => Err(PatternError::Regex(text)),
        };
    }
    let text = cursor.take_while(|c| !c.is_whitespace());
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain { Ok(Term::Text(text.to_owned())) } else { Err(PatternError::Term(text.to_owned())) }
}
