//! What a value is compared with: a text with wildcards, a number, or a regular expression.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::PatternError;

/// Characters of a regular expression besides letters and digits: the page lists them. There are no
/// parentheses among them.
const REGEX_CHARACTERS: &str = ":_#=@/;,-^$?[]{}|\\*+.%";

/// The right side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A text in quotes, cut at its wildcards.
    Text(Vec<String>),
    /// A text without quotes, cut at its wildcards; the number that it is.
    Bare(Vec<String>, Option<f64>),
    Regex(Regex),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(Operator, Operand),
    IsNull,
    Is(bool),
    NotExists,
}

impl Operand {
    pub(super) fn quoted(text: &str) -> Self {
        Self::Text(pieces(text))
    }

    pub(super) fn bare(text: &str) -> Self {
        Self::Bare(pieces(text), text.parse().ok().filter(|number: &f64| number.is_finite()))
    }

    pub(super) fn regex(text: &str) -> Result<Self, PatternError> {
        let error = || PatternError::Regex(text.to_owned());
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || REGEX_CHARACTERS.contains(c);
        if text.is_empty() || !text.chars().all(is_allowed) {
            return Err(error());
        }
        RegexBuilder::new(text).size_limit(1 << 20).build().map(Self::Regex).map_err(|_| error())
    }

    pub(super) const fn is_regex(&self) -> bool {
        matches!(self, Self::Regex(_))
    }

    pub(super) const fn number(&self) -> Option<f64> {
        match self {
            Self::Bare(_, number) => *number,
            Self::Text(_) | Self::Regex(_) => None,
        }
    }

    /// Whether a text is the whole of what is meant; a regular expression may match anywhere in it.
    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Text(pieces) => is_like(pieces, text),
            Self::Bare(_, Some(number)) if text.parse() == Ok(*number) => true,
            Self::Bare(pieces, _) => is_like(pieces, text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// The same of a JSON value. What stands in quotes is a text, and no number.
    fn is_json(&self, value: &Value) -> bool {
        match (value, self) {
            (Value::String(text), _) => self.is(text),
            (Value::Number(number), Self::Bare(_, Some(wanted))) => number.as_f64() == Some(*wanted),
            (Value::Number(number), Self::Bare(..) | Self::Regex(_)) => self.is(&number.to_string()),
            (Value::Bool(truth), Self::Bare(..)) => self.is(if *truth { "true" } else { "false" }),
            _ => false,
        }
    }
}

impl Operator {
    fn compare(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Test {
    /// Whether a column's text passes.
    pub(super) fn takes_text(&self, text: &str) -> bool {
        match self {
            Self::Compare(Operator::Equal, operand) => operand.is(text),
            Self::Compare(Operator::NotEqual, operand) => !operand.is(text),
            Self::Compare(operator, operand) => match (text.parse(), operand.number()) {
                (Ok(left), Some(right)) => operator.compare(left, right),
                _ => false,
            },
            Self::IsNull | Self::Is(_) | Self::NotExists => false,
        }
    }

    /// Whether a member that is there passes. An object or a list never does.
    pub(super) fn takes_json(&self, value: &Value) -> bool {
        match self {
            _ if value.is_object() || value.is_array() => false,
            Self::Compare(Operator::Equal, operand) => operand.is_json(value),
            Self::Compare(Operator::NotEqual, operand) => !operand.is_json(value),
            Self::Compare(operator, operand) => match (value.as_f64(), operand.number()) {
                (Some(left), Some(right)) => operator.compare(left, right),
                _ => false,
            },
            Self::IsNull => value.is_null(),
            Self::Is(truth) => value.as_bool() == Some(*truth),
            Self::NotExists => false,
        }
    }
}

fn pieces(text: &str) -> Vec<String> {
    text.split('*').map(str::to_owned).collect()
}

/// Whether a text is these pieces in their order, with anything in between.
fn is_like(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|whole| whole == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
    else {
        return false;
    };
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    true
}
