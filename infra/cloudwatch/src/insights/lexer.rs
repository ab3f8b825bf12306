//! From characters to tokens, one at a time: whether `/` begins a regular expression or divides
//! is the parser's knowledge, so it asks for what it expects.

use std::ops::Range;

use super::error::{Compiled, Fault};

/// A name, split at the dots that are not in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Between the dots; never empty.
    pub(super) segments: Vec<String>,
    /// Something in it was in backticks, so it is no keyword.
    pub(super) quoted: bool,
}

impl Name {
    /// The field's name as results show it: without backticks.
    pub(super) fn text(&self) -> String {
        self.segments.join(".")
    }

    /// Whether this is the keyword `word` (lower case).
    pub(super) fn is(&self, word: &str) -> bool {
        !self.quoted && matches!(self.segments.as_slice(), [only] if only.eq_ignore_ascii_case(word))
    }
}

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Name(Name),
    Number(f64),
    /// A number and a word with nothing between: `5m`.
    Period(f64, String),
    Text(String),
    /// `|`, `,`, `(`, `!=`, …
    Symbol(&'static str),
    End,
}

/// A token and the bytes that it stands on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Parts that a name may have: discovered names are no deeper.
const MOST_SEGMENTS: usize = 30;

/// Longer ones first.
const SYMBOLS: [&str; 21] = [
    "!=", "<=", ">=", "=~", "|", ",", "(", ")", "[", "]", "=", "<", ">", "+", "-", "*", "/", "^", "%", ".",
    "!",
];

/// The token at or after byte `at`.
pub(super) fn token(query: &str, at: usize) -> Compiled<Token> {
    let start = skip_space(query, at);
    let rest = query.get(start..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return Ok(Token { kind: Kind::End, span: start..start });
    };
    if first == '"' || first == '\'' {
        return text(rest, start, first);
    }
    if first.is_ascii_digit() {
        return number(rest, start);
    }
    if begins_name(first) {
        return name(rest, start);
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok(Token { kind: Kind::Symbol(symbol), span: start..start + symbol.len() }),
        None if first == ':' || first == '{' || first == '}' => Err(Fault::new(
            start..start + 1,
            format!("'{first}' cannot stand here; names with special characters need backticks"),
        )),
        None => {
            Err(Fault::new(start..start + first.len_utf8(), format!("'{first}' is not part of the language")))
        }
    }
}

/// The regular expression whose opening `/` is at byte `start`: its text, and the byte after it.
pub(super) fn regex(query: &str, start: usize) -> Compiled<(String, usize)> {
    let body = query.get(start + 1..).unwrap_or_default();
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, found)) = chars.next() {
        match found {
            '/' => return Ok((out, start + 1 + at + 1)),
            '\\' => match chars.next() {
                Some((_, '/')) => out.push('/'),
                Some((_, escaped)) => out.extend(['\\', escaped]),
                None => break,
            },
            _ => out.push(found),
        }
    }
    Err(Fault::new(start..query.len(), "this regular expression has no closing '/'"))
}

/// An address without quotes, which one of AWS's own samples compares with: up to white space.
pub(super) fn bare_url(query: &str, at: usize) -> Option<(String, usize)> {
    let start = skip_space(query, at);
    let rest = query.get(start..)?;
    if !rest.starts_with("http://") && !rest.starts_with("https://") {
        return None;
    }
    let length = rest.find(|found: char| found.is_whitespace() || found == '|').unwrap_or(rest.len());
    Some((rest.get(..length)?.to_owned(), start + length))
}

/// The first byte that is neither white space nor in a comment.
fn skip_space(query: &str, mut at: usize) -> usize {
    loop {
        let rest = query.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if !trimmed.starts_with('#') {
            return at;
        }
        at += trimmed.find('\n').unwrap_or(trimmed.len());
    }
}

fn text(rest: &str, start: usize, quote: char) -> Compiled<Token> {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, found)) = chars.next() {
        match found {
            _ if found == quote => {
                return Ok(Token { kind: Kind::Text(out), span: start..start + at + 1 });
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, escaped @ ('"' | '\'' | '\\' | '/'))) => out.push(escaped),
                // Kept whole, so that a pattern in a string keeps its `\d`.
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            },
            _ => out.push(found),
        }
    }
    Err(Fault::new(start..start + rest.len(), format!("this string has no closing {quote}")))
}

fn number(rest: &str, start: usize) -> Compiled<Token> {
    let digits = rest.find(|found: char| !found.is_ascii_digit()).unwrap_or(rest.len());
    let after = rest.get(digits..).unwrap_or_default();
    let fraction = match after.strip_prefix('.') {
        Some(tail) => match tail.find(|found: char| !found.is_ascii_digit()).unwrap_or(tail.len()) {
            0 => 0,
            length => length + 1,
        },
        None => 0,
    };
    let length = digits + fraction;
    let tail = rest.get(length..).unwrap_or_default();
    let word = tail.find(|found: char| !found.is_alphanumeric() && found != '_').unwrap_or(tail.len());
    let value = rest.get(..length).and_then(|text| text.parse::<f64>().ok());
    let value = value.ok_or_else(|| Fault::new(start..start + length, "this is not a number"))?;
    let kind = match tail.get(..word) {
        None | Some("") => Kind::Number(value),
        Some(unit) => Kind::Period(value, unit.to_owned()),
    };
    Ok(Token { kind, span: start..start + length + word })
}

fn begins_name(found: char) -> bool {
    found.is_alphabetic() || matches!(found, '_' | '@' | '`')
}

fn name(rest: &str, start: usize) -> Compiled<Token> {
    let mut segments = vec![String::new()];
    let mut quoted = false;
    let mut chars = rest.char_indices().peekable();
    let mut end = rest.len();
    while let Some((at, found)) = chars.next() {
        match found {
            '`' => {
                quoted = true;
                let inner: String =
                    chars.by_ref().map(|(_, inner)| inner).take_while(|c| *c != '`').collect();
                if rest.get(at + 1 + inner.len()..).is_none_or(|tail| !tail.starts_with('`')) {
                    return Err(Fault::new(start + at..start + rest.len(), "this backtick has no partner"));
                }
                push(&mut segments, &inner);
            }
            '.' if chars.peek().is_some_and(|(_, next)| continues_name(*next)) => {
                segments.push(String::new())
            }
            _ if continues_name(found) && found != '.' => {
                if let Some(last) = segments.last_mut() {
                    last.push(found);
                }
            }
            _ => {
                end = at;
                break;
            }
        }
    }
    if segments.iter().any(String::is_empty) {
        return Err(Fault::new(start..start + end, "a name has an empty part"));
    }
    if segments.len() > MOST_SEGMENTS {
        return Err(Fault::new(start..start + end, "a name has at most 30 parts here"));
    }
    Ok(Token { kind: Kind::Name(Name { segments, quoted }), span: start..start + end })
}

fn push(segments: &mut [String], text: &str) {
    if let Some(last) = segments.last_mut() {
        last.push_str(text);
    }
}

fn continues_name(found: char) -> bool {
    found.is_alphanumeric() || matches!(found, '_' | '@' | '`')
}
