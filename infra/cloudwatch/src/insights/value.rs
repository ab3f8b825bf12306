//! Values of the language. What was found in an event is borrowed from it.

use std::borrow::Cow;
use std::sync::Arc;

use super::number;
use super::period;
use super::tree::Tree;

/// One value. Truth is a number, as CloudWatch shows it: 1 or 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// A field that is not there.
    Null,
    /// Found text: also numbers of events, as they were written.
    Text(Cow<'a, str>),
    /// A computed number.
    Number(f64),
    /// Milliseconds since the epoch.
    Time(i64),
    /// A map or a list.
    Tree(Arc<Tree>),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn truth(truth: bool) -> Self {
        Self::Number(if truth { 1.0 } else { 0.0 })
    }

    pub(super) fn number(value: Option<f64>) -> Self {
        value.filter(|found| found.is_finite()).map_or(Self::Null, Self::Number)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same value for the life of this reference: text is lent, not copied.
    pub(super) fn lend(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Number(number) => Value::Number(*number),
            Self::Time(ms) => Value::Time(*ms),
            Self::Tree(tree) => Value::Tree(Arc::clone(tree)),
        }
    }

    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Number(number) => Value::Number(number),
            Self::Time(ms) => Value::Time(ms),
            Self::Tree(tree) => Value::Tree(tree),
        }
    }

    /// The number that this is or reads as.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(ms) => Some(number::from_i64(*ms)),
            Self::Text(text) => number::parse(text),
            Self::Null | Self::Tree(_) => None,
        }
    }

    /// The moment that this is; a number counts as milliseconds.
    pub(super) fn as_time(&self) -> Option<i64> {
        match self {
            Self::Time(ms) => Some(*ms),
            other => number::to_i64(other.as_number()?),
        }
    }

    /// What text functions see: `None` for a missing value, a map and a list.
    pub(super) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number::display(*number))),
            Self::Time(ms) => Some(Cow::Owned(period::display(*ms))),
            Self::Null | Self::Tree(_) => None,
        }
    }

    /// Text with the life of the event, where it has that life.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            other => other.as_text().map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// Whether `filter` lets it through.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => text.eq_ignore_ascii_case("true") || text == "1",
            Self::Null | Self::Time(_) | Self::Tree(_) => false,
        }
    }

    /// The cell of a result; `None` for a cell that is left out.
    pub(super) fn display(&self) -> Option<String> {
        match self {
            Self::Tree(tree) => Some(tree.to_json()),
            other => other.as_text().map(Cow::into_owned),
        }
    }
}
