//! `GetMetricStatistics`.

use std::collections::BTreeMap;

use super::error::ApiError;
use super::get_data::{check_period, identity, window};
use super::put::read_unit;
use super::reader::Reader;
use crate::document::{Document, Members};
use crate::metrics::MetricStore;
use crate::metrics::statistic::{BASIC, Statistic};

/// Points of one request.
const MAX_POINTS: i64 = 1440;

/// Answers the statistics of one metric, for each of its units.
pub(super) fn get(store: &MetricStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let identity = identity(input)?;
    let window = window(input, ApiError::invalid_value)?;
    let period = input.integer("Period")?.ok_or_else(|| ApiError::missing("Period"))?;
    let period = check_period(input, period)?;
    let points = (window.to - window.from + period - 1) / period;
    if points > MAX_POINTS {
        return Err(ApiError::invalid_combination(format!(
            "You have requested up to {points} datapoints, which exceeds the limit of {MAX_POINTS}. You may reduce \
             the datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let (basic, extended) = (statistics(input, "Statistics")?, statistics(input, "ExtendedStatistics")?);
    if basic.is_empty() && extended.is_empty() {
        let text = "At least one of the parameters Statistics and ExtendedStatistics must be specified.";
        return Err(ApiError::invalid_combination(text));
    }
    let unit = read_unit(input)?;
    let grid = window.grid(period);
    let mut datapoints = Vec::new();
    if let Some(series) = store.find(&identity) {
        let units = series.units(&grid);
        for unit in units.into_iter().filter(|there| unit.is_none_or(|unit| unit == *there)) {
            series.each(unit, &grid, !extended.is_empty(), |at, bucket| {
                let values = |statistics: &[Statistic]| -> BTreeMap<String, f64> {
                    let values = statistics.iter().map(|one| Some((one.to_string(), one.of(bucket)?)));
                    values.flatten().collect()
                };
                datapoints.push(datapoint(at, unit, values(&basic), values(&extended)));
            });
        }
    }
    Ok(Document::map([("Label", Document::Text(identity.name)), ("Datapoints", Document::List(datapoints))]))
}

/// The statistics of a member: the basic five under one name, the others under the other.
fn statistics(input: &Reader<'_>, name: &str) -> Result<Vec<Statistic>, ApiError> {
    let texts = input.texts(name)?;
    let (set, limit) = if name == "Statistics" { (true, 5) } else { (false, 10) };
    if texts.len() > limit {
        let text = format!("The collection {name} must not have a size greater than {limit}.");
        return Err(ApiError::invalid_value(text));
    }
    let read = |(text, number): (&String, usize)| {
        if set && !BASIC.contains(&text.as_str()) {
            return Err(ApiError::not_of_set(text, &format!("statistics.{number}.member"), &BASIC));
        }
        let statistic: Result<Statistic, ()> = text.parse();
        statistic.ok().filter(|statistic| set || !statistic.is_basic()).ok_or_else(|| {
            ApiError::invalid_value(format!("The value {text} for parameter {name} is not supported."))
        })
    };
    texts.iter().zip(1..).map(read).collect()
}

fn datapoint(at: i64, unit: &str, basic: BTreeMap<String, f64>, extended: BTreeMap<String, f64>) -> Document {
    let members = |values: BTreeMap<String, f64>| -> Members {
        values.into_iter().map(|(name, value)| (name, Document::Double(value))).collect()
    };
    let mut all = vec![("Timestamp".to_owned(), Document::Time(at * 1000))];
    all.extend(members(basic));
    all.push(("Unit".to_owned(), Document::text(unit)));
    if !extended.is_empty() {
        all.push(("ExtendedStatistics".to_owned(), Document::Map(members(extended))));
    }
    Document::Map(all)
}
