//! Labels with `${…}` in them.
//!
//! "Use dynamic labels" in CloudWatch's user guide has the names. It does not say how numbers and
//! times are written: here as short as they can be, times by ISO 8601, spans such as `1h 5m`, and `--`
//! for what there is not, as the console has it. A name that is none stays as it is.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Identity;
use super::statistic::Statistic;

/// The metric that a series is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) identity: Identity,
    pub(crate) statistic: Statistic,
    /// In seconds.
    pub(crate) period: i64,
}

/// Where and when a label is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) region: &'a str,
    pub(crate) account_id: &'a str,
    /// In seconds since the epoch.
    pub(crate) now: i64,
    /// The zone in which times are told.
    pub(crate) offset: Offset,
}

/// What a label is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The label that it would have had.
    pub(crate) default: &'a str,
    /// Not when it is an expression.
    pub(crate) metric: Option<&'a Arc<Measured>>,
    /// In order of time, in seconds.
    pub(crate) points: &'a [(i64, f64)],
}

/// What stands for a value that there is not.
const NOTHING: &str = "--";

/// Whether a label has something to fill in.
pub(crate) fn is_dynamic(label: &str) -> bool {
    label.contains("${")
}

/// A label with its values.
pub(crate) fn fill(label: &str, subject: Subject<'_>, here: Here<'_>) -> String {
    let mut filled = String::with_capacity(label.len());
    let mut rest = label;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push_str("${");
            rest = after;
            continue;
        };
        match value(name, subject, here) {
            Some(value) => filled.push_str(&value),
            None => {
                filled.push_str("${");
                filled.push_str(name);
                filled.push('}');
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// A value by its name; `None` when there is no such name.
fn value(name: &str, subject: Subject<'_>, here: Here<'_>) -> Option<String> {
    if let Some(property) = name.strip_prefix("PROP('").and_then(|rest| rest.strip_suffix("')")) {
        return property_of(property, subject.metric.map(AsRef::as_ref), here);
    }
    let points = subject.points;
    let (first, last) = (points.first().copied(), points.last().copied());
    let (min, max) = (extreme(points, f64::lt), extreme(points, f64::gt));
    let of = |point: Option<(i64, f64)>, told: &dyn Fn((i64, f64)) -> String| {
        point.map_or_else(|| NOTHING.to_owned(), told)
    };
    let pair = |one: Option<(i64, f64)>, other, told: &dyn Fn((i64, f64), (i64, f64)) -> String| {
        one.zip(other).map_or_else(|| NOTHING.to_owned(), |(one, other)| told(one, other))
    };
    let sum = || points.iter().map(|(_, value)| value).sum::<f64>();
    let number = |(_, value): (i64, f64)| value.to_string();
    let time = |(at, _): (i64, f64)| time(at, here.offset);
    let ago = |(at, _): (i64, f64)| span(here.now - at);
    let range = |(_, one): (i64, f64), (_, other): (i64, f64)| (other - one).to_string();
    let times = |(one, _): (i64, f64), (other, _): (i64, f64)| span(other - one);
    Some(match name {
        "LABEL" => subject.default.to_owned(),
        "DATAPOINT_COUNT" => points.len().to_string(),
        "SUM" => of(first, &|_| sum().to_string()),
        "AVG" => of(first, &|_| (sum() / points.len() as f64).to_string()),
        "FIRST" => of(first, &number),
        "LAST" => of(last, &number),
        "MIN" => of(min, &number),
        "MAX" => of(max, &number),
        "FIRST_TIME" => of(first, &time),
        "LAST_TIME" => of(last, &time),
        "MIN_TIME" => of(min, &time),
        "MAX_TIME" => of(max, &time),
        "FIRST_TIME_RELATIVE" => of(first, &ago),
        "LAST_TIME_RELATIVE" => of(last, &ago),
        "MIN_TIME_RELATIVE" => of(min, &ago),
        "MAX_TIME_RELATIVE" => of(max, &ago),
        "FIRST_LAST_RANGE" => pair(first, last, &range),
        "MIN_MAX_RANGE" => pair(min, max, &range),
        "FIRST_LAST_TIME_RANGE" => pair(first, last, &times),
        "MIN_MAX_TIME_RANGE" => pair(min, max, &times),
        _ => return None,
    })
}

/// A property of the metric. There are no other accounts here, so that none has a label.
fn property_of(name: &str, metric: Option<&Measured>, here: Here<'_>) -> Option<String> {
    let of = |told: &dyn Fn(&Measured) -> Option<String>| {
        metric.and_then(told).unwrap_or_else(|| NOTHING.to_owned())
    };
    Some(match name {
        "AccountId" => of(&|_| Some(here.account_id.to_owned())),
        "AccountLabel" => NOTHING.to_owned(),
        "MetricName" => of(&|metric| Some(metric.identity.name.clone())),
        "Namespace" => of(&|metric| Some(metric.identity.namespace.clone())),
        "Period" => of(&|metric| Some(metric.period.to_string())),
        "Region" => of(&|_| Some(here.region.to_owned())),
        "Stat" => of(&|metric| Some(metric.statistic.to_string())),
        _ => {
            let dimension = name.strip_prefix("Dim.")?;
            of(&|metric| metric.identity.dimensions.get(dimension).cloned())
        }
    })
}

/// The first of the points that no other is beyond.
fn extreme(points: &[(i64, f64)], beyond: impl Fn(&f64, &f64) -> bool) -> Option<(i64, f64)> {
    points.iter().copied().reduce(|kept, next| if beyond(&next.1, &kept.1) { next } else { kept })
}

fn time(at: i64, offset: Offset) -> String {
    let Ok(at) = Timestamp::from_second(at) else { return NOTHING.to_owned() };
    at.display_with_offset(offset).to_string()
}

/// A span of time by its two largest units.
fn span(seconds: i64) -> String {
    let mut left = seconds.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, length) in [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)] {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{}{unit}", left / length));
        }
        left %= length;
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// 2026-09-25 09:20 UTC.
    const AT: i64 = 1_790_328_000;

    #[track_caller]
    fn check(label: &str, expected: &str) {
        let identity = Identity {
            namespace: "N".to_owned(),
            name: "M".to_owned(),
            dimensions: BTreeMap::from([("Route".to_owned(), "$default".to_owned())]),
        };
        let statistic = "p99".parse().unwrap();
        let metric = Arc::new(Measured { identity, statistic, period: 60 });
        let points = [(AT, 3.0), (AT + 60, 1.5), (AT + 120, 9.0), (AT + 3900, 4.5)];
        let subject = Subject { default: "M p99", metric: Some(&metric), points: &points };
        let offset = Offset::from_seconds(5400).unwrap();
        let here = Here { region: "us-east-1", account_id: "123456789012", now: AT + 90_000, offset };
        assert_eq!(fill(label, subject, here), expected, "{label}");
    }

    #[test]
    fn values_are_those_of_the_points() {
        check("${LABEL} max: ${MAX}, min: ${MIN}", "M p99 max: 9, min: 1.5");
        check("${SUM} ${AVG} ${FIRST} ${LAST} ${DATAPOINT_COUNT}", "18 4.5 3 4.5 4");
        check("${FIRST_LAST_RANGE} ${MIN_MAX_RANGE}", "1.5 7.5");
    }

    #[test]
    fn times_are_in_the_zone_that_is_asked_for_and_spans_are_short() {
        check("${MAX_TIME}", "2026-09-25T10:52:00+01:30");
        check("${FIRST_TIME_RELATIVE}, ${LAST_TIME_RELATIVE}", "1d 1h, 23h 55m");
        check("${FIRST_LAST_TIME_RANGE} ${MIN_MAX_TIME_RANGE}", "1h 5m 1m");
    }

    #[test]
    fn properties_are_those_of_the_metric() {
        check("${PROP('Namespace')}/${PROP('MetricName')} ${PROP('Stat')}", "N/M p99");
        check("${PROP('Dim.Route')} ${PROP('Dim.Stage')}", "$default --");
        check("${PROP('Period')} ${PROP('Region')} ${PROP('AccountId')}", "60 us-east-1 123456789012");
    }

    #[test]
    fn what_is_no_name_stays_and_what_is_not_there_is_told() {
        check("${NOPE} ${PROP('Nope')} ${MAX $x", "${NOPE} ${PROP('Nope')} ${MAX $x");
        let subject = Subject { default: "e1", metric: None, points: &[] };
        let here = Here { region: "r", account_id: "a", now: 0, offset: Offset::UTC };
        let label = "${LABEL} ${MAX} ${LAST_TIME} ${DATAPOINT_COUNT} ${PROP('Stat')}";
        assert_eq!(fill(label, subject, here), "e1 -- -- 0 --");
    }
}
