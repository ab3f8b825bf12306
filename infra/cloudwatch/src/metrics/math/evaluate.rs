//! From an expression to its value.

use std::collections::BTreeMap;

use super::parse::{Expression, Kind};
use super::value::{TimeSeries, Value, combine};
use super::{Fault, function};
use crate::metrics::MetricStore;
use crate::metrics::query::Window;

/// What an expression can see.
pub(crate) struct Scope<'a> {
    /// The values of ids.
    pub(crate) values: BTreeMap<&'a str, Value>,
    /// The ids of metrics, which are not of expressions, in their order.
    pub(crate) metrics: Vec<&'a str>,
    /// The time that is asked for, in seconds.
    pub(crate) window: Window,
    /// The period of series that are made of nothing, in seconds.
    pub(crate) period: i64,
    /// Where `SEARCH` looks.
    pub(crate) store: &'a MetricStore,
}

impl Scope<'_> {
    /// The metrics whose ids have this text in them.
    pub(super) fn metrics(&self, part: &str) -> Vec<TimeSeries> {
        let ids = self.metrics.iter().filter(|id| id.contains(part));
        ids.filter_map(|id| match self.values.get(id) {
            Some(Value::Series(series)) => Some(series.clone()),
            _ => None,
        })
        .collect()
    }
}

/// Evaluates an expression.
pub(crate) fn evaluate(expression: &Expression, scope: &Scope<'_>) -> Result<Value, Fault> {
    let fault = |message: String| Fault::new(expression.at, message);
    match &expression.kind {
        Kind::Number(number) => Ok(Value::Scalar(*number)),
        Kind::Text(text) | Kind::Word(text) => Ok(Value::Text(text.clone())),
        Kind::Id(id) => {
            scope.values.get(id.as_str()).cloned().ok_or_else(|| fault(format!("there is no id `{id}`")))
        }
        Kind::Negate(inner) => {
            let minus = Value::Scalar(-1.0);
            combine(super::parse::Operator::Multiply, &minus, &evaluate(inner, scope)?).map_err(fault)
        }
        Kind::Binary(operator, left, right) => {
            let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
            combine(*operator, &left, &right).map_err(fault)
        }
        Kind::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                match evaluate(item, scope)? {
                    Value::Series(series) => all.push(series),
                    Value::Array(many) => all.extend(many),
                    other => {
                        let message = format!("an array is of time series, not of {}", other.describe());
                        return Err(Fault::new(item.at, message));
                    }
                }
            }
            Ok(Value::Array(all))
        }
        Kind::Call(name, arguments) => {
            if name == "PERIOD" {
                return period(arguments, scope).map_err(fault);
            }
            let arguments: Vec<Value> =
                arguments.iter().map(|argument| evaluate(argument, scope)).collect::<Result<_, _>>()?;
            function::call(name, &arguments, scope).map_err(fault)
        }
    }
}

/// `PERIOD` takes a metric's id and nothing else.
fn period(arguments: &[Expression], scope: &Scope<'_>) -> Result<Value, String> {
    if let [Expression { kind: Kind::Id(id), .. }] = arguments
        && scope.metrics.contains(&id.as_str())
        && let Some(Value::Series(series)) = scope.values.get(id.as_str())
    {
        #[expect(clippy::cast_precision_loss, reason = "a period is a small number")]
        return Ok(Value::Scalar(series.period as f64));
    }
    Err("PERIOD takes the id of a metric".to_owned())
}
