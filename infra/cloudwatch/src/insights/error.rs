//! What is wrong with a query, and where.

use std::ops::Range;

use thiserror::Error;

/// A query that does not compile. The offsets count characters of the query, as those of AWS's
/// `queryCompileError` do; `end` is one past the last character.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct QueryError {
    /// One sentence for a person.
    pub message: String,
    /// Where the fault begins.
    pub start: usize,
    /// One past its end.
    pub end: usize,
    /// The name that was probably meant.
    pub suggestion: Option<String>,
}

/// A fault with byte offsets, as the compiler's parts know them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    message: String,
    span: Range<usize>,
    suggestion: Option<String>,
}

/// What the compiler's parts return.
pub(super) type Compiled<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, suggestion: None }
    }

    /// A word that is not among the known ones; the nearest of them is offered.
    pub(super) fn unknown<'a>(
        span: Range<usize>,
        kind: &str,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let suggestion = nearest(word, known).map(str::to_owned);
        let hint = suggestion.as_ref().map(|name| format!(", did you mean '{name}'?")).unwrap_or_default();
        Self { message: format!("unknown {kind} '{word}'{hint}"), span, suggestion }
    }

    /// What is wrong, without the place.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The fault with its offsets in characters of `query`.
    pub(super) fn locate(self, query: &str) -> QueryError {
        let chars = |bytes: usize| query.char_indices().take_while(|(at, _)| *at < bytes).count();
        QueryError {
            start: chars(self.span.start),
            end: chars(self.span.end),
            message: self.message,
            suggestion: self.suggestion,
        }
    }
}

/// The known word that differs least, when it differs little.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = if word.chars().count() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
