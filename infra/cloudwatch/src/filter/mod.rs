//! Filter patterns: which log events FilterLogEvents, metric filters and live tails take.
//!
//! "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail"
//! in the CloudWatch Logs user guide. A pattern is terms, a JSON pattern in braces, or columns of
//! space-delimited text in brackets.

mod columns;
mod cursor;
mod expression;
mod json;
mod operand;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::columns::Columns;
use self::cursor::Cursor;
use self::expression::Expression;
use self::json::Selector;
use self::terms::Terms;

/// Characters that a pattern may have.
const MAX_CHARACTERS: usize = 1024;

/// Why a text is no filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than 1,024 characters.
    #[error("The filter pattern is longer than 1024 characters.")]
    TooLong,
    /// Characters that must stand in double quotes.
    #[error("Invalid character(s) in term '{0}'")]
    Term(String),
    /// Something else was expected at a place.
    #[error("Invalid filter pattern: expected {expected} at character {at}.")]
    Expected {
        /// What, in words.
        expected: &'static str,
        /// Where, from 1.
        at: usize,
    },
    /// A regular expression that is not taken.
    #[error(
        "Invalid filter pattern: the regular expression %{0}% has characters or a form that is not supported."
    )]
    Regex(String),
    /// More regular expressions or wildcards than a pattern may have.
    #[error("Invalid filter pattern: {0}.")]
    TooMany(&'static str),
}

/// A filter pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Every event.
    All,
    Terms(Terms),
    Json(Expression<Selector>),
    Columns(Columns),
}

/// What a pattern's names stand for in an event that it matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// There are no names.
    Nothing,
    /// The event, as JSON.
    Json(serde_json::Value),
    /// Columns by name.
    Columns(BTreeMap<String, String>),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(PatternError::TooLong);
        }
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        let kind = match cursor.peek() {
            None => Kind::All,
            Some('{') => Kind::Json(json::parse(&mut cursor)?),
            Some('[') => Kind::Columns(Columns::parse(&mut cursor)?),
            Some(_) if text.trim() == "\" \"" => Kind::All,
            Some(_) => Kind::Terms(Terms::parse(&mut cursor)?),
        };
        Ok(Self(kind))
    }

    /// Whether the pattern takes an event.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(_) | Kind::Columns(_) => self.find(message).is_some(),
        }
    }

    /// What the pattern's names stand for; `None` when it does not take the event.
    pub(crate) fn find(&self, message: &str) -> Option<Found> {
        match &self.0 {
            Kind::All | Kind::Terms(_) => self.matches(message).then_some(Found::Nothing),
            Kind::Json(expression) => {
                let root = serde_json::from_str(message).ok()?;
                let takes = expression.holds(&|selector, test| selector.any(&root, test));
                takes.then_some(Found::Json(root))
            }
            Kind::Columns(columns) => columns.find(message).map(Found::Columns),
        }
    }

    /// The values of the pattern's names, as TestMetricFilter has them.
    pub(crate) fn extracted(&self, found: &Found) -> BTreeMap<String, String> {
        match (found, &self.0) {
            (Found::Columns(columns), _) => {
                columns.iter().map(|(name, value)| (format!("${name}"), value.clone())).collect()
            }
            (Found::Json(root), Kind::Json(expression)) => {
                let mut selectors = Vec::new();
                expression.names(&mut selectors);
                let value = |selector: &&Selector| Some((selector.to_string(), selector.first_text(root)?));
                selectors.iter().filter_map(value).collect()
            }
            _ => BTreeMap::new(),
        }
    }
}

impl Found {
    /// The text of `$.a.b` or `$column`.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Json(root) => {
                let mut cursor = Cursor::new(name);
                let selector = Selector::parse(&mut cursor).ok().filter(|_| cursor.peek().is_none())?;
                selector.first_text(root)
            }
            Self::Columns(columns) => columns.get(name.strip_prefix('$')?).cloned(),
        }
    }
}
