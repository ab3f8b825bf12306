//! Log lines for a person: what matters of each, on one line.

use std::collections::BTreeSet;

use cloudwatch::emf::Extraction;
use cloudwatch::logs::LogEvent;
use cloudwatch::metrics::Datum;
use console::Style;
use serde_json::{Map, Value};

/// Members that say which request it was: they are in the log, and would fill the terminal.
const CONTEXT: [&str; 18] = [
    "apiId",
    "stage",
    "connectedAt",
    "messageId",
    "requestId",
    "extendedRequestId",
    "requestTime",
    "requestTimeEpoch",
    "functionRequestId",
    "traceId",
    "function",
    "coldStart",
    "timestamp",
    "sourceIp",
    "userAgent",
    "initDuration",
    "Invocations",
    "authorizerLatency",
];

/// Members that lead the line, in this order, without their names.
const LEADING: [&str; 5] = ["level", "eventType", "routeKey", "status", "message"];

/// One event as one line: `source` is the function's or the access log's short name, `metrics`
/// what the line holds of them.
pub(crate) fn line(event: &LogEvent, source: &str, metrics: Option<&Extraction>) -> String {
    let time = jiff::Timestamp::from_millisecond(event.timestamp)
        .map(|time| time.strftime("%H:%M:%S%.3f").to_string());
    let time = Style::new().dim().apply_to(time.unwrap_or_default());
    let source = Style::new().cyan().apply_to(format!("{source:<12}"));
    format!("{time} {source} {}", message(&event.message, metrics))
}

fn message(text: &str, metrics: Option<&Extraction>) -> String {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(members) => members_line(&members, metrics.map_or(&[], |metrics| &metrics.data)),
        Err(_) => text.to_owned(),
    }
}

fn members_line(members: &Map<String, Value>, metrics: &[Datum]) -> String {
    // The same values as the dimensions' stand in the context, and metrics have a unit.
    let dimensions: BTreeSet<&str> =
        metrics.iter().flat_map(|datum| datum.dimensions.keys()).map(String::as_str).collect();
    let is_metric = |name: &str| metrics.iter().any(|datum| datum.name == name);
    let shown = |name: &str| {
        let told = dimensions.contains(name) || CONTEXT.contains(&name) || LEADING.contains(&name);
        !told && name != "_aws" && name != "connectionId" && !is_metric(name)
    };
    let mut parts: Vec<String> =
        LEADING.iter().filter_map(|name| leading(name, members.get(*name)?)).collect();
    let (errors, others): (Vec<_>, Vec<_>) =
        members.iter().filter(|(name, _)| shown(name)).partition(|(name, _)| name.starts_with("error"));
    parts.extend(errors.into_iter().chain(others).filter_map(|(name, value)| pair(name, value)));
    let mut measured = BTreeSet::new();
    parts.extend(metrics.iter().filter(|datum| measured.insert(&datum.name)).filter_map(metric));
    if let Some(id) = members.get("connectionId").and_then(plain) {
        parts.push(Style::new().dim().apply_to(id).to_string());
    }
    parts.join(" ")
}

/// A metric with its unit; nothing for one that is nothing.
fn metric(datum: &Datum) -> Option<String> {
    let value = datum.values.sum();
    if value == 0.0 || CONTEXT.contains(&datum.name.as_str()) {
        return None;
    }
    let unit = match datum.unit {
        "None" | "Count" => "",
        "Milliseconds" => "ms",
        "Microseconds" => "us",
        "Seconds" => "s",
        "Bytes" => "B",
        "Percent" => "%",
        other => other,
    };
    let digits = usize::from(value.fract() != 0.0);
    Some(format!("{}={value:.digits$}{unit}", datum.name))
}

fn leading(name: &str, value: &Value) -> Option<String> {
    let text = plain(value)?;
    let style = match (name, text.as_str()) {
        ("level", "INFO") => return None,
        ("level", "WARN") => Style::new().yellow(),
        ("level", _) => Style::new().red(),
        ("status", status) if status.starts_with(['4', '5']) => Style::new().red(),
        _ => Style::new(),
    };
    Some(style.apply_to(text).to_string())
}

fn pair(name: &str, value: &Value) -> Option<String> {
    let text = plain(value)?;
    let style = if name.starts_with("error") { Style::new().red() } else { Style::new() };
    Some(style.apply_to(format!("{name}={text}")).to_string())
}

/// A value that says something: not absent, not empty, not zero.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() || text == "-" => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        Value::Number(number) if number.is_f64() => number.as_f64().map(|number| format!("{number:.1}")),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let metrics = cloudwatch::emf::extract(text, 1_790_328_012_000);
        assert_eq!(console::strip_ansi_codes(&message(text, metrics.as_ref())), expected);
    }

    #[test]
    fn a_line_shows_what_matters() {
        check("plain text", "plain text");
        check(
            r#"{"apiId":"a","routeKey":"$connect","eventType":"CONNECT","error":"-","status":"200","connectionId":"c1"}"#,
            "CONNECT $connect 200 c1",
        );
        check(
            r#"{"_aws":{"Timestamp":1790328012000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["ApiId"],[]],
                "Metrics":[{"Name":"HandlerLatency","Unit":"Milliseconds"},{"Name":"Gone"}]}]},"Gone":0,
                "ApiId":"a","level":"ERROR","eventType":"MESSAGE","error":"oh","HandlerLatency":1.25,"attempt":2}"#,
            "ERROR MESSAGE error=oh attempt=2 HandlerLatency=1.2ms",
        );
    }
}
