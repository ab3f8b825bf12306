//! The states of aggregates. Each can take a value, take in another state, and give its result.

use std::collections::HashMap;
use std::sync::Arc;

use super::distinct::Distinct;
use super::row::{Tie, add_key};
use super::sketch::Sketch;
use super::{ExecutionError, Limits};
use crate::insights::natural;
use crate::insights::number::{self, from_i64, from_u64};
use crate::insights::plan::AggregateKind;
use crate::insights::tree::Tree;
use crate::insights::value::Value;

/// One aggregate of one group.
#[derive(Debug, Clone)]
pub(super) enum State {
    Count(u64),
    Sum {
        sum: f64,
        count: u64,
        average: bool,
    },
    Spread {
        count: f64,
        mean: f64,
        squares: f64,
        root: bool,
    },
    /// The extreme of the numbers, and of the texts for a field that has no number.
    Extreme {
        number: Option<Value<'static>>,
        text: Option<Value<'static>>,
        greatest: bool,
    },
    Natural {
        found: Option<Value<'static>>,
        last: bool,
    },
    Edge {
        found: Option<(Tie, Value<'static>)>,
        latest: bool,
    },
    /// For percentiles and histograms.
    Numbers(Box<Sketch>),
    Distinct(Box<Distinct>),
    Values(HashMap<Vec<u8>, Value<'static>>),
    Top(HashMap<Vec<u8>, (Value<'static>, u64)>, usize),
    Rate {
        first: Option<(Tie, f64)>,
        last: Option<(Tie, f64)>,
        length: i64,
    },
}

impl State {
    pub(super) fn new(kind: AggregateKind) -> Self {
        match kind {
            AggregateKind::Count => Self::Count(0),
            AggregateKind::Sum => Self::Sum { sum: 0.0, count: 0, average: false },
            AggregateKind::Average => Self::Sum { sum: 0.0, count: 0, average: true },
            AggregateKind::Least => Self::Extreme { number: None, text: None, greatest: false },
            AggregateKind::Greatest => Self::Extreme { number: None, text: None, greatest: true },
            AggregateKind::Percentile(_) | AggregateKind::Histogram(_) => Self::Numbers(Box::default()),
            AggregateKind::Deviation => Self::Spread { count: 0.0, mean: 0.0, squares: 0.0, root: true },
            AggregateKind::Variance => Self::Spread { count: 0.0, mean: 0.0, squares: 0.0, root: false },
            AggregateKind::Distinct => Self::Distinct(Box::default()),
            AggregateKind::Values => Self::Values(HashMap::new()),
            AggregateKind::Top(most) => Self::Top(HashMap::new(), most),
            AggregateKind::Earliest => Self::Edge { found: None, latest: false },
            AggregateKind::Latest => Self::Edge { found: None, latest: true },
            AggregateKind::SortsFirst => Self::Natural { found: None, last: false },
            AggregateKind::SortsLast => Self::Natural { found: None, last: true },
            AggregateKind::Rate(length) => Self::Rate { first: None, last: None, length },
        }
    }

    /// One more event, for `count(*)`.
    pub(super) fn count(&mut self) {
        if let Self::Count(count) = self {
            *count += 1;
        }
    }

    /// One more value. A missing one, a map and a list change nothing.
    pub(super) fn add(&mut self, value: &Value<'_>, tie: Tie, limits: &Limits) -> Result<(), ExecutionError> {
        if matches!(value, Value::Null | Value::Tree(_)) {
            return Ok(());
        }
        match self {
            Self::Count(count) => *count += 1,
            Self::Natural { found, last } => {
                let better = if *last { natural_after } else { natural_before };
                keep(found, value, better);
            }
            Self::Edge { found, latest } => {
                let better =
                    found.as_ref().is_none_or(|(known, _)| if *latest { tie < *known } else { tie > *known });
                if better {
                    *found = Some((tie, value.clone().into_owned()));
                }
            }
            Self::Distinct(distinct) => distinct.add(&key_of(value)),
            Self::Values(values) => {
                let key = key_of(value);
                if !values.contains_key(&key) {
                    room(values.len(), limits)?;
                    values.insert(key, value.clone().into_owned());
                }
            }
            Self::Top(counts, _) => {
                let key = key_of(value);
                match counts.get_mut(&key) {
                    Some((_, count)) => *count += 1,
                    None => {
                        room(counts.len(), limits)?;
                        counts.insert(key, (value.clone().into_owned(), 1));
                    }
                }
            }
            Self::Extreme { number, text, greatest } => {
                let better = if *greatest { natural_after } else { natural_before };
                keep(if value.as_number().is_some() { number } else { text }, value, better);
            }
            _ => {
                if let Some(number) = value.as_number() {
                    self.add_number(number, tie);
                }
            }
        }
        Ok(())
    }

    fn add_number(&mut self, value: f64, tie: Tie) {
        match self {
            Self::Sum { sum, count, .. } => {
                *sum += value;
                *count += 1;
            }
            Self::Spread { count, mean, squares, .. } => {
                *count += 1.0;
                let apart = value - *mean;
                *mean += apart / *count;
                *squares += apart * (value - *mean);
            }
            Self::Numbers(sketch) => sketch.add(value),
            Self::Rate { first, last, .. } => {
                if first.is_none_or(|(known, _)| tie > known) {
                    *first = Some((tie, value));
                }
                if last.is_none_or(|(known, _)| tie < known) {
                    *last = Some((tie, value));
                }
            }
            _ => {}
        }
    }

    /// Takes in the state of the same aggregate over other events.
    pub(super) fn merge(&mut self, other: Self, limits: &Limits) -> Result<(), ExecutionError> {
        match (self, other) {
            (Self::Count(count), Self::Count(other)) => *count += other,
            (Self::Sum { sum, count, .. }, Self::Sum { sum: other, count: others, .. }) => {
                *sum += other;
                *count += others;
            }
            (
                Self::Spread { count, mean, squares, .. },
                Self::Spread { count: n, mean: m, squares: s, .. },
            ) => {
                let total = *count + n;
                if total > 0.0 {
                    let apart = m - *mean;
                    *squares += s + apart * apart * *count * n / total;
                    *mean += apart * n / total;
                    *count = total;
                }
            }
            (Self::Numbers(sketch), Self::Numbers(other)) => sketch.merge(*other),
            (Self::Distinct(distinct), Self::Distinct(other)) => distinct.merge(*other),
            (Self::Top(counts, _), Self::Top(other, _)) => {
                for (key, (value, count)) in other {
                    if !counts.contains_key(&key) {
                        room(counts.len(), limits)?;
                    }
                    counts.entry(key).or_insert((value, 0)).1 += count;
                }
            }
            (state, other) => state.merge_values(other, limits)?,
        }
        Ok(())
    }

    /// States that keep values take in those of the other one.
    fn merge_values(&mut self, other: Self, limits: &Limits) -> Result<(), ExecutionError> {
        let any = Tie::default();
        match other {
            Self::Extreme { number, text, .. } => {
                for value in [number, text].into_iter().flatten() {
                    self.add(&value, any, limits)?;
                }
            }
            Self::Natural { found: Some(value), .. } => self.add(&value, any, limits)?,
            Self::Edge { found: Some((tie, value)), .. } => self.add(&value, tie, limits)?,
            Self::Values(values) => {
                for value in values.into_values() {
                    self.add(&value, any, limits)?;
                }
            }
            Self::Rate { first, last, .. } => {
                for (tie, value) in [first, last].into_iter().flatten() {
                    self.add_number(value, tie);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The result. `kind` has the percentage, since several percentiles may share a state.
    pub(super) fn finish(&self, kind: AggregateKind) -> Value<'static> {
        match self {
            Self::Count(count) => Value::Number(from_u64(*count)),
            Self::Sum { count: 0, .. } => Value::Null,
            Self::Sum { sum, count, average } => {
                Value::number(Some(if *average { sum / from_u64(*count) } else { *sum }))
            }
            Self::Spread { count: 0.0, .. } => Value::Null,
            Self::Spread { count, squares, root, .. } => {
                let variance = squares / count;
                Value::number(Some(if *root { variance.sqrt() } else { variance }))
            }
            Self::Extreme { number, text, .. } => {
                number.as_ref().or(text.as_ref()).map_or(Value::Null, settle)
            }
            Self::Natural { found, .. } => found.clone().unwrap_or(Value::Null),
            Self::Edge { found, .. } => found.as_ref().map_or(Value::Null, |(_, value)| value.clone()),
            Self::Numbers(sketch) => match kind {
                AggregateKind::Percentile(percent) => Value::number(sketch.percentile(percent)),
                AggregateKind::Histogram(ranges) => histogram(sketch, ranges),
                _ => Value::Null,
            },
            Self::Distinct(distinct) => Value::Number(distinct.count()),
            Self::Values(values) if values.is_empty() => Value::Null,
            Self::Values(values) => {
                let mut values: Vec<_> = values.values().cloned().collect();
                values.sort_by(natural::compare);
                Value::Tree(Arc::new(Tree::list(values)))
            }
            Self::Top(counts, _) if counts.is_empty() => Value::Null,
            Self::Top(counts, most) => top(counts, *most),
            Self::Rate { first, last, length } => rate(*first, *last, *length),
        }
    }
}

fn top(counts: &HashMap<Vec<u8>, (Value<'static>, u64)>, most: usize) -> Value<'static> {
    let mut counts: Vec<_> = counts.values().collect();
    counts.sort_by(|(left, often), (right, seldom)| {
        seldom.cmp(often).then_with(|| natural::compare(left, right))
    });
    Value::Tree(Arc::new(Tree::list(counts.into_iter().take(most).map(|(value, _)| value.clone()))))
}

fn room(used: usize, limits: &Limits) -> Result<(), ExecutionError> {
    if used < limits.groups { Ok(()) } else { Err(ExecutionError::TooManyGroups(limits.groups)) }
}

fn key_of(value: &Value<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    add_key(&mut key, value);
    key
}

fn natural_before(left: &Value<'_>, right: &Value<'_>) -> bool {
    natural::compare(left, right).is_lt()
}

fn natural_after(left: &Value<'_>, right: &Value<'_>) -> bool {
    natural::compare(left, right).is_gt()
}

fn keep(found: &mut Option<Value<'static>>, value: &Value<'_>, better: fn(&Value<'_>, &Value<'_>) -> bool) {
    if found.as_ref().is_none_or(|known| better(value, known)) {
        *found = Some(value.clone().into_owned());
    }
}

/// The least or greatest of numbers is a number, however it was written; a moment stays one.
fn settle(value: &Value<'static>) -> Value<'static> {
    match value {
        Value::Text(text) => number::parse(text).map_or_else(|| value.clone(), Value::Number),
        _ => value.clone(),
    }
}

fn rate(first: Option<(Tie, f64)>, last: Option<(Tie, f64)>, length: i64) -> Value<'static> {
    let (Some((from, before)), Some((to, after))) = (first, last) else { return Value::Null };
    // Ties hold the complements of the times.
    let passed = from.0.saturating_sub(to.0);
    if passed == 0 {
        Value::Null
    } else {
        Value::number(Some((after - before) * from_i64(length) / from_i64(passed)))
    }
}

fn histogram(sketch: &Sketch, ranges: usize) -> Value<'static> {
    let ranges = sketch.ranges(ranges);
    if ranges.is_empty() {
        return Value::Null;
    }
    let members = ranges.into_iter().map(|(from, to, count)| {
        let name = format!("{}-{}", number::display(from), number::display(to));
        (name, Tree::Word(count.to_string()))
    });
    Value::Tree(Arc::new(Tree::Map(members.collect())))
}
