//! The values of a metric.

use serde_json::{Map, Value};

use super::fault::Reason;
use crate::metrics::Values;

/// Numbers that a list may have.
const MAX_VALUES: usize = 100;

/// The largest magnitude that CloudWatch keeps: 2^360.
pub(super) const MAX_MAGNITUDE: f64 = 2.348_542_582_773_833_2e108;

/// A metric's member: a number, a list of numbers, a histogram (`Values` and `Counts`) or a
/// statistic set (`Min`, `Max`, `Sum`, `Count`). The last two are in no published schema, and the
/// service takes them.
pub(super) fn read(member: &Value) -> Result<Values, Reason> {
    match member {
        Value::Number(_) => Ok(Values::Samples(vec![(number(member)?, 1.0)])),
        Value::Array(list) if list.is_empty() => Err(Reason::MetricTargetArrayEmpty),
        Value::Array(list) if list.len() > MAX_VALUES => Err(Reason::MetricTargetArrayTooLong),
        Value::Array(list) => {
            list.iter().map(|value| Ok((number(value)?, 1.0))).collect::<Result<_, _>>().map(Values::Samples)
        }
        Value::Object(members) if members.contains_key("Values") => histogram(members),
        Value::Object(members) => statistics(members),
        Value::Null | Value::Bool(_) | Value::String(_) => Err(Reason::MetricTargetNotNumeric),
    }
}

fn histogram(members: &Map<String, Value>) -> Result<Values, Reason> {
    let list = |name: &str| members.get(name).and_then(Value::as_array);
    let (Some(values), Some(counts)) = (list("Values"), list("Counts")) else {
        return Err(Reason::MetricTargetNotNumeric);
    };
    if values.len() != counts.len() {
        return Err(Reason::MetricTargetNotNumeric);
    }
    if values.is_empty() {
        return Err(Reason::MetricTargetArrayEmpty);
    }
    let samples = values.iter().zip(counts).map(|(value, count)| Ok((number(value)?, number(count)?)));
    samples.collect::<Result<_, _>>().map(Values::Samples)
}

fn statistics(members: &Map<String, Value>) -> Result<Values, Reason> {
    let member = |name: &str| number(members.get(name).unwrap_or(&Value::Null));
    Ok(Values::Statistics {
        min: member("Min")?,
        max: member("Max")?,
        sum: member("Sum")?,
        count: member("Count")?,
    })
}

fn number(value: &Value) -> Result<f64, Reason> {
    let number = value.as_f64().ok_or(Reason::MetricTargetNotNumeric)?;
    if number.abs() <= MAX_MAGNITUDE { Ok(number) } else { Err(Reason::MetricTargetOutOfRange) }
}
