//! Why an alarm is in its state, in CloudWatch's words.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::judge::{Missing, Verdict};
use super::{State, Watch};
use crate::metrics::query::Source;

/// One point that was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Seconds since the epoch: the start of its period.
    pub(super) at: i64,
    pub(super) value: Option<f64>,
    /// Only of alarms of one metric.
    pub(super) samples: Option<f64>,
}

/// `StateReason`.
pub(super) fn text(watch: &Watch, verdict: &Verdict, points: &[Point], state: State) -> String {
    let filled = verdict.filled;
    let treated = format!(
        "{filled} missing {} treated as [{}]",
        plural(filled, "datapoint was", "datapoints were"),
        match watch.missing {
            Missing::Breaching => "Breaching",
            Missing::NotBreaching => "NonBreaching",
            Missing::Ignore => "Ignored",
            Missing::Unknown => "Missing",
        }
    );
    if state == State::InsufficientData {
        return format!(
            "Insufficient Data: {filled} {} unknown.",
            plural(filled, "datapoint was", "datapoints were")
        );
    }
    if verdict.counted.is_empty() {
        let periods = plural(filled, "period", "periods");
        return format!(
            "Threshold Crossed: no datapoints were received for {filled} {periods} and {treated}."
        );
    }
    let mut text = format!("Threshold Crossed: {}", compared(watch, verdict, points, state));
    if filled > 0 && matches!(watch.missing, Missing::Breaching | Missing::NotBreaching) {
        text.push_str(&format!(" and {treated}"));
    }
    if let Some(m) = watch.datapoints_to_alarm {
        let (least, transition) = match state {
            State::Alarm => (m, "OK -> ALARM"),
            _ => (watch.evaluation_periods.saturating_sub(m) + 1, "ALARM -> OK"),
        };
        let datapoints = plural(least, "datapoint", "datapoints");
        text.push_str(&format!(" (minimum {least} {datapoints} for {transition} transition)"));
    }
    text.push('.');
    text
}

/// The points that made the state, newest first, and how they compare.
fn compared(watch: &Watch, verdict: &Verdict, points: &[Point], state: State) -> String {
    let alarm = state == State::Alarm;
    let is_reason = |value: f64| watch.comparison.breaches(value, watch.threshold) == alarm;
    let counted = verdict.counted.iter().rev().filter_map(|index| points.get(*index));
    let reasons: Vec<String> = counted
        .filter_map(|point| Some((point.at, point.value?)))
        .filter(|(_, value)| is_reason(*value))
        .map(|(at, value)| format!("{} ({})", number(value), date(at)))
        .collect();
    let how_many = match watch.datapoints_to_alarm {
        Some(_) => format!("{} out of the last {} datapoints", reasons.len(), watch.evaluation_periods),
        None => format!("{} {}", reasons.len(), plural(reasons.len(), "datapoint", "datapoints")),
    };
    format!(
        "{how_many} [{}] {}{} {} the threshold ({})",
        reasons.join(", "),
        plural(reasons.len(), "was", "were"),
        if alarm { "" } else { " not" },
        watch.comparison.words(),
        number(watch.threshold),
    )
}

/// `StateReasonData`.
pub(super) fn data(watch: &Watch, verdict: &Verdict, points: &[Point], now_ms: i64) -> Value {
    let counted: Vec<&Point> = verdict.counted.iter().filter_map(|index| points.get(*index)).collect();
    let mut data = Map::new();
    let mut set = |name: &str, value: Value| data.insert(name.to_owned(), value);
    set("version", json!("1.0"));
    set("queryDate", json!(iso(now_ms)));
    if let Some(oldest) = counted.first() {
        set("startDate", json!(iso(oldest.at * 1000)));
    }
    if let [query, ..] = watch.queries.as_slice()
        && let Source::Metric(metric) = &query.source
        && watch.queries.len() == 1
    {
        if let Some(unit) = metric.unit {
            set("unit", json!(unit));
        }
        set("statistic", json!(metric.statistic.to_string()));
    }
    set("period", json!(watch.period));
    set("recentDatapoints", counted.iter().filter_map(|point| point.value).collect());
    set("threshold", json!(watch.threshold));
    // The newest N periods with nothing in them stand for what was made up.
    let empty = points.iter().rev().filter(|point| point.value.is_none()).take(verdict.filled);
    let evaluated = counted.into_iter().rev().chain(empty).map(|point| {
        let mut shown = Map::from_iter([("timestamp".to_owned(), json!(iso(point.at * 1000)))]);
        if let Some(samples) = point.samples {
            shown.insert("sampleCount".to_owned(), json!(samples));
        }
        if let Some(value) = point.value {
            shown.insert("value".to_owned(), json!(value));
        }
        Value::Object(shown)
    });
    set("evaluatedDatapoints", evaluated.collect());
    Value::Object(data)
}

const fn plural(number: usize, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}

/// A number as Java writes it, which CloudWatch does: `5.0`, `1.2E7`.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// `26/10/23 16:42:00`.
fn date(at: i64) -> String {
    let time = Timestamp::from_second(at).unwrap_or_default();
    Offset::UTC.to_datetime(time).strftime("%d/%m/%y %H:%M:%S").to_string()
}

/// `2026-09-25T09:20:00.000+0000`.
pub(super) fn iso(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    Offset::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// `Friday 25 September, 2026 09:20:00 UTC`.
pub(super) fn long_date(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    Offset::UTC.to_datetime(time).strftime("%A %d %B, %Y %H:%M:%S UTC").to_string()
}
