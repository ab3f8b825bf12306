//! What an expression comes to: a number, a series, several, or a text; and arithmetic with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::parse::Operator;
use crate::metrics::label::Measured;

/// Points in order of time, in seconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TimeSeries {
    pub(crate) label: String,
    /// In seconds.
    pub(crate) period: i64,
    pub(crate) points: Vec<(i64, f64)>,
    /// What was measured, when it is a metric that was found.
    pub(crate) metric: Option<Arc<Measured>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Series(TimeSeries),
    Array(Vec<TimeSeries>),
    Text(String),
}

impl Value {
    /// What it is, for an error.
    pub(super) const fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a scalar",
            Self::Series(_) => "a time series",
            Self::Array(_) => "an array of time series",
            Self::Text(_) => "a text",
        }
    }
}

impl TimeSeries {
    /// The same series with other points; those that are no number are left out.
    pub(super) fn with(&self, points: impl Iterator<Item = (i64, f64)>) -> Self {
        let points = points.filter(|(_, value)| value.is_finite()).collect();
        Self { label: self.label.clone(), period: self.period, points, metric: self.metric.clone() }
    }

    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        self.with(self.points.iter().map(|(at, value)| (*at, change(*value))))
    }

    /// The value of a time, if there is one.
    pub(super) fn at(&self, time: i64) -> Option<f64> {
        let place = self.points.binary_search_by_key(&time, |(at, _)| *at).ok()?;
        self.points.get(place).map(|(_, value)| *value)
    }
}

/// The values of every time that any of these series has, in order of time.
pub(super) fn columns(series: &[&TimeSeries]) -> BTreeMap<i64, Vec<Option<f64>>> {
    let mut columns: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
    for (number, one) in series.iter().enumerate() {
        for (at, value) in &one.points {
            let column = columns.entry(*at).or_insert_with(|| vec![None; series.len()]);
            if let Some(place) = column.get_mut(number) {
                *place = Some(*value);
            }
        }
    }
    columns
}

/// Joins two values. A point that one side lacks counts as 0 there.
pub(super) fn combine(operator: Operator, left: &Value, right: &Value) -> Result<Value, String> {
    let apply = |left: f64, right: f64| apply(operator, left, right);
    let both = |left: &TimeSeries, right: &TimeSeries| {
        let columns = columns(&[left, right]);
        left.with(columns.into_iter().map(|(at, column)| {
            let side = |number: usize| column.get(number).copied().flatten().unwrap_or(0.0);
            (at, apply(side(0), side(1)))
        }))
    };
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(apply(*left, *right)),
        (Value::Series(left), Value::Scalar(right)) => Value::Series(left.map(|value| apply(value, *right))),
        (Value::Scalar(left), Value::Series(right)) => Value::Series(right.map(|value| apply(*left, value))),
        (Value::Series(left), Value::Series(right)) => Value::Series(both(left, right)),
        (Value::Array(many), Value::Scalar(right)) => {
            Value::Array(many.iter().map(|one| one.map(|value| apply(value, *right))).collect())
        }
        (Value::Scalar(left), Value::Array(many)) => {
            Value::Array(many.iter().map(|one| one.map(|value| apply(*left, value))).collect())
        }
        (Value::Array(many), Value::Series(right)) => {
            Value::Array(many.iter().map(|one| both(one, right)).collect())
        }
        (Value::Series(left), Value::Array(many)) => {
            let labelled = |one: &TimeSeries| TimeSeries { label: one.label.clone(), ..both(left, one) };
            Value::Array(many.iter().map(labelled).collect())
        }
        (left, right) => {
            return Err(format!("an operator cannot join {} and {}", left.describe(), right.describe()));
        }
    })
}

#[expect(clippy::float_cmp, reason = "`==` is what was asked for")]
fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    }
}
