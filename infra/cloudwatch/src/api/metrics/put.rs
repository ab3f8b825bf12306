//! `PutMetricData`.

use super::error::ApiError;
use super::reader::Reader;
use crate::document::Document;
use crate::metrics::{Datum, MetricStore, Values, unit};

/// Data of one request.
const MAX_DATA: usize = 1000;

/// Values of one datum.
const MAX_VALUES: usize = 150;

/// The largest magnitude that CloudWatch keeps: 2^360.
const MAX_MAGNITUDE: f64 = 2.348_542_582_773_833_2e108;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Keeps all data of a request, or none when one is wrong.
pub(super) fn put(store: &MetricStore, input: &Reader<'_>, now: i64) -> Result<Document, ApiError> {
    let namespace = input.name("Namespace")?;
    if namespace.starts_with(':') || namespace.starts_with("AWS/") {
        return Err(input.invalid("Namespace", namespace));
    }
    let mut items = input.list("MetricData")?;
    for entity in input.list("EntityMetricData")? {
        items.extend(entity.list("MetricData")?);
    }
    if items.is_empty() {
        return Err(ApiError::missing("MetricData"));
    }
    if items.len() > MAX_DATA {
        let text = format!("The collection MetricData must not have a size greater than {MAX_DATA}.");
        return Err(ApiError::validation(text));
    }
    let data: Vec<Datum> = items.iter().map(|item| datum(namespace, item, now)).collect::<Result<_, _>>()?;
    data.into_iter().for_each(|datum| store.put(datum));
    Ok(Document::Map(Vec::new()))
}

fn datum(namespace: &str, item: &Reader<'_>, now: i64) -> Result<Datum, ApiError> {
    let high_resolution = match item.integer("StorageResolution")? {
        None | Some(60) => false,
        Some(1) => true,
        Some(other) => return Err(item.invalid("StorageResolution", &other.to_string())),
    };
    Ok(Datum {
        namespace: namespace.to_owned(),
        name: item.name("MetricName")?.to_owned(),
        dimensions: item.dimensions("Dimensions")?,
        unit: read_unit(item)?.unwrap_or("None"),
        high_resolution,
        timestamp: timestamp(item, now)?,
        values: values(item)?,
    })
}

/// The unit of a request's member.
pub(super) fn read_unit(item: &Reader<'_>) -> Result<Option<&'static str>, ApiError> {
    let Some(name) = item.text("Unit")? else { return Ok(None) };
    unit(name).map(Some).ok_or_else(|| item.invalid("Unit", name))
}

fn timestamp(item: &Reader<'_>, now: i64) -> Result<i64, ApiError> {
    let Some(timestamp) = item.time("Timestamp")? else { return Ok(now) };
    let path = item.path("Timestamp");
    let refused = |what: &str| {
        Err(ApiError::invalid_value(format!("The parameter {path} must specify a time {what}.")))
    };
    if timestamp > now.saturating_add(2 * HOUR_MS) {
        return refused("no more than two hours in the future");
    }
    if timestamp < now.saturating_sub(14 * 24 * HOUR_MS) {
        return refused("no more than two weeks in the past");
    }
    Ok(timestamp)
}

/// Exactly one of a value, values and a statistic set.
fn values(item: &Reader<'_>) -> Result<Values, ApiError> {
    let given: Vec<&str> =
        ["Value", "Values", "StatisticValues"].into_iter().filter(|name| item.has(name)).collect();
    match given.as_slice() {
        [] => Err(ApiError::invalid_combination("At least one of the parameters must be specified.")),
        ["Value"] => {
            let value = item.number("Value")?.unwrap_or_default();
            Ok(Values::Samples(vec![(checked(item, "Value", value)?, 1.0)]))
        }
        ["Values"] => samples(item),
        [_] => statistics(item),
        [one, other, ..] => Err(ApiError::invalid_combination(format!(
            "The parameters {} and {} are mutually exclusive and you have specified both.",
            item.path(one),
            item.path(other)
        ))),
    }
}

fn samples(item: &Reader<'_>) -> Result<Values, ApiError> {
    let values = item.numbers("Values")?;
    let counts = if item.has("Counts") { item.numbers("Counts")? } else { vec![1.0; values.len()] };
    if values.len() != counts.len() {
        return Err(ApiError::invalid_value(format!(
            "The parameters {} and {} must be of the same size.",
            item.path("Values"),
            item.path("Counts")
        )));
    }
    if values.is_empty() {
        return Err(ApiError::missing(&item.path("Values")));
    }
    if values.len() > MAX_VALUES {
        let path = item.path("Values");
        let text = format!("The collection {path} must not have a size greater than {MAX_VALUES}.");
        return Err(ApiError::invalid_value(text));
    }
    for value in &values {
        checked(item, "Values", *value)?;
    }
    for count in &counts {
        if checked(item, "Counts", *count)? < 0.0 {
            return Err(item.invalid("Counts", &count.to_string()));
        }
    }
    Ok(Values::Samples(values.into_iter().zip(counts).collect()))
}

fn statistics(item: &Reader<'_>) -> Result<Values, ApiError> {
    let Some(set) = item.map("StatisticValues")? else { return Err(ApiError::missing("StatisticValues")) };
    let member = |name: &str| {
        let value = set.number(name)?.ok_or_else(|| ApiError::missing(&set.path(name)))?;
        checked(&set, name, value)
    };
    let (count, sum) = (member("SampleCount")?, member("Sum")?);
    let (min, max) = (member("Minimum")?, member("Maximum")?);
    if min > max {
        return Err(ApiError::invalid_combination(format!(
            "The parameter {} must be less than or equal to the parameter {}.",
            set.path("Minimum"),
            set.path("Maximum")
        )));
    }
    if count < 0.0 {
        return Err(set.invalid("SampleCount", &count.to_string()));
    }
    Ok(Values::Statistics { min, max, sum, count })
}

fn checked(item: &Reader<'_>, name: &str, value: f64) -> Result<f64, ApiError> {
    if value.abs() <= MAX_MAGNITUDE { Ok(value) } else { Err(item.invalid(name, &value.to_string())) }
}
