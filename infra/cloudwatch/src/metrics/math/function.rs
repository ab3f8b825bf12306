//! The functions of expressions.
//!
//! "Functions supported for metric math" in CloudWatch's user guide.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::evaluate::Scope;
use super::search;
use super::value::{TimeSeries, Value, columns};

/// Functions that need services which are not here.
const ELSEWHERE: [&str; 5] =
    ["ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SERVICE_QUOTA"];

const KNOWN: [&str; 34] = [
    "ABS",
    "AVG",
    "CEIL",
    "DATAPOINT_COUNT",
    "DATE",
    "DAY",
    "DIFF",
    "DIFF_TIME",
    "EPOCH",
    "FILL",
    "FIRST",
    "FLOOR",
    "HOUR",
    "IF",
    "LAST",
    "LOG",
    "LOG10",
    "MAX",
    "METRICS",
    "METRIC_COUNT",
    "MIN",
    "MINUTE",
    "MONTH",
    "PERIOD",
    "RATE",
    "REMOVE_EMPTY",
    "RUNNING_SUM",
    "SEARCH",
    "SLICE",
    "SORT",
    "STDDEV",
    "SUM",
    "TIME_SERIES",
    "YEAR",
];

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    match name {
        "ABS" => each(name, arguments, |series| series.map(f64::abs)),
        "CEIL" => each(name, arguments, |series| series.map(f64::ceil)),
        "FLOOR" => each(name, arguments, |series| series.map(f64::floor)),
        "LOG" => each(name, arguments, |series| series.map(f64::ln)),
        "LOG10" => each(name, arguments, |series| series.map(f64::log10)),
        "RUNNING_SUM" => each(name, arguments, running_sum),
        "DIFF" => each(name, arguments, |series| to_previous(series, |value, _| value)),
        "DIFF_TIME" => each(name, arguments, |series| to_previous(series, |_, seconds| seconds)),
        "RATE" => each(name, arguments, |series| to_previous(series, |value, seconds| value / seconds)),
        "AVG" | "MIN" | "MAX" | "SUM" | "STDDEV" | "DATAPOINT_COUNT" => reduce(name, arguments),
        "METRIC_COUNT" => Ok(Value::Scalar(count(array(name, arguments)?.len()))),
        "FILL" => fill(arguments, scope),
        "IF" => choose(arguments),
        "FIRST" => Ok(Value::Series(array(name, arguments)?.first().cloned().unwrap_or_default())),
        "LAST" => Ok(Value::Series(array(name, arguments)?.last().cloned().unwrap_or_default())),
        "SORT" => sort(arguments),
        "SLICE" => slice(arguments),
        "METRICS" => match arguments {
            [] => Ok(Value::Array(scope.metrics(""))),
            [Value::Text(part)] => Ok(Value::Array(scope.metrics(part))),
            _ => Err("METRICS takes nothing or a part of an id in quotes".to_owned()),
        },
        "REMOVE_EMPTY" => {
            let full = array(name, arguments)?.iter().filter(|series| !series.points.is_empty());
            Ok(Value::Array(full.cloned().collect()))
        }
        "TIME_SERIES" => match arguments {
            [Value::Scalar(value)] => {
                let starts = scope.window.grid(scope.period).starts();
                let empty = TimeSeries { period: scope.period, ..TimeSeries::default() };
                Ok(Value::Series(empty.with(starts.map(|at| (at, *value)))))
            }
            _ => Err("TIME_SERIES takes a scalar".to_owned()),
        },
        "MINUTE" | "HOUR" | "DAY" | "DATE" | "MONTH" | "YEAR" | "EPOCH" => calendar(name, arguments, scope),
        "SEARCH" => search(arguments, scope),
        other if ELSEWHERE.contains(&other) => Err(format!("the local CloudWatch does not have {other}")),
        other => Err(unknown(other)),
    }
}

fn unknown(name: &str) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(known, &name.to_ascii_uppercase()) <= 2;
    match KNOWN.into_iter().find(near) {
        Some(known) => format!("there is no function `{name}`; did you mean `{known}`?"),
        None => format!("there is no function `{name}`"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
const fn seconds(number: i64) -> f64 {
    number as f64
}

/// The one argument, one series or several, each changed.
fn each(
    name: &str,
    arguments: &[Value],
    change: impl Fn(&TimeSeries) -> TimeSeries,
) -> Result<Value, String> {
    match arguments {
        [Value::Series(series)] => Ok(Value::Series(change(series))),
        [Value::Array(many)] => Ok(Value::Array(many.iter().map(change).collect())),
        _ => Err(format!("{name} takes one time series or an array of them")),
    }
}

fn array<'a>(name: &str, arguments: &'a [Value]) -> Result<&'a [TimeSeries], String> {
    match arguments {
        [Value::Array(many)] => Ok(many),
        [Value::Series(series)] => Ok(std::slice::from_ref(series)),
        _ => Err(format!("{name} takes an array of time series")),
    }
}

fn running_sum(series: &TimeSeries) -> TimeSeries {
    let mut sum = 0.0;
    let points = series.points.iter().map(|(at, value)| {
        sum += value;
        (*at, sum)
    });
    series.with(points)
}

/// What each point, with its seconds, is beyond the point before it.
fn to_previous(series: &TimeSeries, change: impl Fn(f64, f64) -> f64) -> TimeSeries {
    let pairs = series.points.iter().zip(series.points.iter().skip(1));
    series.with(pairs.map(|((before, old), (at, new))| (*at, change(new - old, seconds(at - before)))))
}

/// One number of a series' points; or one series, point by point, of several.
fn reduce(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::Series(series)] => {
            let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
            Ok(Value::Scalar(summary(name, &values, values.len())))
        }
        [Value::Array(many)] => {
            let columns = columns(&many.iter().collect::<Vec<_>>());
            let first = many.first().cloned().unwrap_or_default();
            Ok(Value::Series(first.with(columns.into_iter().map(|(at, column)| {
                let values: Vec<f64> = column.into_iter().flatten().collect();
                (at, summary(name, &values, many.len()))
            }))))
        }
        _ => Err(format!("{name} takes one time series or an array of them")),
    }
}

/// The average is over all series, the missing points of which count as 0.
fn summary(name: &str, values: &[f64], all: usize) -> f64 {
    let sum: f64 = values.iter().sum();
    match name {
        "DATAPOINT_COUNT" => count(values.len()),
        "SUM" => sum,
        "MIN" => values.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
        "MAX" => values.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
        "AVG" => sum / count(all),
        _ => {
            let mean = sum / count(values.len());
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / count(values.len())).sqrt()
        }
    }
}

/// `FILL(x, filler)`.
fn fill(arguments: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let wrong = || "FILL takes time series and a scalar, a time series, REPEAT or LINEAR".to_owned();
    let [what, filler] = arguments else { return Err(wrong()) };
    let known = match filler {
        Value::Text(word) => word == "REPEAT" || word == "LINEAR",
        Value::Scalar(_) | Value::Series(_) => true,
        Value::Array(_) => false,
    };
    if !known {
        return Err(wrong());
    }
    let filled = |series: &TimeSeries| {
        let starts = scope.window.grid(series.period.max(1)).starts();
        series.with(
            starts.filter_map(|at| Some((at, series.at(at).or_else(|| filler_at(series, filler, at))?))),
        )
    };
    each("FILL", std::slice::from_ref(what), filled)
}

fn filler_at(series: &TimeSeries, filler: &Value, at: i64) -> Option<f64> {
    let after = series.points.partition_point(|(time, _)| *time < at);
    let before = after.checked_sub(1).and_then(|index| series.points.get(index));
    match filler {
        Value::Scalar(value) => Some(*value),
        Value::Series(other) => other.at(at),
        Value::Text(word) if word == "REPEAT" => before.map(|(_, value)| *value),
        Value::Text(_) => {
            let ((left, from), (right, to)) = (before?, series.points.get(after)?);
            Some(from + (to - from) * seconds(at - left) / seconds(right - left))
        }
        Value::Array(_) => None,
    }
}

/// `IF(condition, then[, else])`.
fn choose(arguments: &[Value]) -> Result<Value, String> {
    let (condition, yes, no) = match arguments {
        [condition, yes] => (condition, yes, None),
        [condition, yes, no] => (condition, yes, Some(no)),
        _ => return Err("IF takes a condition and one or two values".to_owned()),
    };
    let point = |value: &Value, at: i64| match value {
        Value::Scalar(value) => Ok(*value),
        Value::Series(series) => Ok(series.at(at).unwrap_or(0.0)),
        other => Err(format!("IF chooses between scalars and time series, not {}", other.describe())),
    };
    match condition {
        Value::Scalar(truth) if *truth != 0.0 => Ok(yes.clone()),
        Value::Scalar(_) => Ok(no.cloned().unwrap_or_else(|| Value::Series(TimeSeries::default()))),
        Value::Series(truth) => {
            let mut points = Vec::new();
            for (at, holds) in &truth.points {
                let chosen = if *holds == 0.0 { no } else { Some(yes) };
                if let Some(chosen) = chosen {
                    points.push((*at, point(chosen, *at)?));
                }
            }
            Ok(Value::Series(truth.with(points.into_iter())))
        }
        other => Err(format!("the condition of IF is a scalar or a time series, not {}", other.describe())),
    }
}

/// `SORT(array, AVG|MIN|MAX|SUM|STDDEV, ASC|DESC[, number])`.
fn sort(arguments: &[Value]) -> Result<Value, String> {
    let wrong =
        "SORT takes an array, one of AVG, MIN, MAX, SUM, STDDEV, then ASC or DESC, and a number or none";
    let (many, by, order, limit) = match arguments {
        [Value::Array(many), Value::Text(by), Value::Text(order)] => (many, by, order, None),
        [Value::Array(many), Value::Text(by), Value::Text(order), Value::Scalar(limit)] => {
            (many, by, order, Some(index(*limit)?))
        }
        _ => return Err(wrong.to_owned()),
    };
    let known = ["AVG", "MIN", "MAX", "SUM", "STDDEV"].contains(&by.as_str());
    if !known || !["ASC", "DESC"].contains(&order.as_str()) {
        return Err(wrong.to_owned());
    }
    let measure = |series: &TimeSeries| {
        let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
        summary(by, &values, values.len())
    };
    let mut measured: Vec<(f64, &TimeSeries)> = many.iter().map(|series| (measure(series), series)).collect();
    measured.sort_by(|(left, _), (right, _)| {
        // Series without points come last, however it is sorted.
        let order = if order == "ASC" { left.total_cmp(right) } else { right.total_cmp(left) };
        left.is_nan().cmp(&right.is_nan()).then(order)
    });
    let sorted = measured.into_iter().map(|(_, series)| series.clone());
    Ok(Value::Array(sorted.take(limit.unwrap_or(usize::MAX)).collect()))
}

/// `SLICE(array, from[, to))`.
fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (many, from, to) = match arguments {
        [Value::Array(many), Value::Scalar(from)] => (many, index(*from)?, usize::MAX),
        [Value::Array(many), Value::Scalar(from), Value::Scalar(to)] => (many, index(*from)?, index(*to)?),
        _ => return Err("SLICE takes an array and one or two numbers".to_owned()),
    };
    Ok(Value::Array(many.iter().take(to).skip(from).cloned().collect()))
}

/// A whole number that is not negative.
fn index(number: f64) -> Result<usize, String> {
    if number.fract() != 0.0 || !(0.0..1e6).contains(&number) {
        return Err(format!("`{number}` is not a whole number from 0"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked")]
    Ok(number as usize)
}

/// A part of the date of every period, in UTC.
fn calendar(name: &str, arguments: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let [Value::Series(series)] = arguments else { return Err(format!("{name} takes one time series")) };
    let starts = scope.window.grid(series.period.max(1)).starts();
    let part = |at: i64| {
        let date = Offset::UTC.to_datetime(Timestamp::from_second(at).unwrap_or_default());
        if name == "EPOCH" { seconds(at) } else { part_of(name, date) }
    };
    Ok(Value::Series(series.with(starts.map(|at| (at, part(at))))))
}

fn part_of(name: &str, date: DateTime) -> f64 {
    match name {
        "MINUTE" => f64::from(date.minute()),
        "HOUR" => f64::from(date.hour()),
        "DAY" => f64::from(date.weekday().to_monday_one_offset()),
        "DATE" => f64::from(date.day()),
        "MONTH" => f64::from(date.month()),
        _ => f64::from(date.year()),
    }
}

/// `SEARCH('{Namespace,Dimension} MetricName="X"', 'Sum'[, 300])`.
fn search(arguments: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let (what, statistic, period) = match arguments {
        [Value::Text(what), Value::Text(statistic)] => (what, statistic, 300.0),
        [Value::Text(what), Value::Text(statistic), Value::Scalar(period)] => (what, statistic, *period),
        _ => return Err("SEARCH takes what to search, a statistic and a period".to_owned()),
    };
    let statistic = statistic.parse().map_err(|()| format!("`{statistic}` is not a statistic"))?;
    let period = i64::try_from(index(period)?).unwrap_or(0);
    if !crate::metrics::query::is_period(period) {
        return Err(format!("`{period}` is not a period: 1, 5, 10, 20, 30 or a multiple of 60"));
    }
    Ok(Value::Array(search::run(what, &statistic, period, scope)?))
}
