//! What a subquery gave, in the form in which the query that it stands in asks for it.

use std::collections::{HashMap, HashSet};

use super::compare;
use super::exec::ExecutionError;
use super::plan::Usage;
use super::results::Statistics;
use super::value::Value;

/// Different keys of the right side of a `join` (join page).
const MOST_KEYS: usize = 50_000;

/// The rows of a query inside another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Materialized {
    /// The values of each row, in the order of the subquery's columns.
    pub(super) rows: Vec<Vec<Value<'static>>>,
    pub(super) statistics: Statistics,
}

/// The same, ready to be asked.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Values in the form that equal values have in common.
    Values(HashSet<Box<str>>),
    /// Rows, and the places of those that have a key.
    Keyed(Vec<Vec<Value<'static>>>, HashMap<Box<str>, Vec<usize>>),
    Rows(Vec<Vec<Value<'static>>>),
}

impl Answer {
    pub(super) fn new(rows: Vec<Vec<Value<'static>>>, usage: Usage) -> Result<Self, ExecutionError> {
        let common = |row: &Vec<Value<'static>>, place: usize| -> Option<Box<str>> {
            let text = row.get(place)?.as_text()?;
            Some(compare::common(&text).into())
        };
        Ok(match usage {
            Usage::Rows => Self::Rows(rows),
            Usage::Values(place) => Self::Values(rows.iter().filter_map(|row| common(row, place)).collect()),
            Usage::Keyed(place) => {
                let mut places: HashMap<Box<str>, Vec<usize>> = HashMap::new();
                for (at, row) in rows.iter().enumerate() {
                    let Some(key) = common(row, place) else { continue };
                    places.entry(key).or_default().push(at);
                }
                if places.len() > MOST_KEYS {
                    return Err(ExecutionError::TooManyKeys(MOST_KEYS));
                }
                Self::Keyed(rows, places)
            }
        })
    }

    /// Whether a value is among those of the column.
    pub(super) fn has(&self, text: &str) -> bool {
        matches!(self, Self::Values(values) if values.contains(&*compare::common(text)))
    }

    /// The rows whose key equals a text.
    pub(super) fn partners(&self, text: &str) -> impl Iterator<Item = &Vec<Value<'static>>> {
        let (rows, places) = match self {
            Self::Keyed(rows, places) => (rows.as_slice(), places.get(&*compare::common(text))),
            Self::Values(_) | Self::Rows(_) => (&[] as &[_], None),
        };
        places.into_iter().flatten().filter_map(|at| rows.get(*at))
    }

    pub(super) fn rows(&self) -> &[Vec<Value<'static>>] {
        match self {
            Self::Keyed(rows, _) | Self::Rows(rows) => rows,
            Self::Values(_) => &[],
        }
    }
}
