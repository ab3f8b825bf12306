//! Log lines for a person: what matters of each, on one line.

use std::collections::BTreeSet;

use cloudwatch::logs::LogEvent;
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

/// One event as one line, `source` being the function's or the access log's short name.
pub(crate) fn line(event: &LogEvent, source: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(event.timestamp)
        .map(|time| time.strftime("%H:%M:%S%.3f").to_string());
    let time = Style::new().dim().apply_to(time.unwrap_or_default());
    let source = Style::new().cyan().apply_to(format!("{source:<12}"));
    format!("{time} {source} {}", message(&event.message))
}

fn message(text: &str) -> String {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(members) => members_line(&members),
        Err(_) => text.to_owned(),
    }
}

fn members_line(members: &Map<String, Value>) -> String {
    let dimensions = dimensions(members);
    let shown = |name: &str| {
        let told =
            name == "_aws" || dimensions.contains(name) || CONTEXT.contains(&name) || LEADING.contains(&name);
        !told && name != "connectionId"
    };
    let mut parts: Vec<String> =
        LEADING.iter().filter_map(|name| leading(name, members.get(*name)?)).collect();
    let (errors, others): (Vec<_>, Vec<_>) =
        members.iter().filter(|(name, _)| shown(name)).partition(|(name, _)| name.starts_with("error"));
    parts.extend(errors.into_iter().chain(others).filter_map(|(name, value)| pair(name, value)));
    if let Some(id) = members.get("connectionId").and_then(plain) {
        parts.push(Style::new().dim().apply_to(id).to_string());
    }
    parts.join(" ")
}

/// The names of an embedded metric's dimensions: the same values stand in the context.
fn dimensions(members: &Map<String, Value>) -> BTreeSet<&str> {
    let directives = members.get("_aws").and_then(|aws| aws.get("CloudWatchMetrics")?.as_array());
    let sets =
        directives.into_iter().flatten().filter_map(|directive| directive.get("Dimensions")?.as_array());
    sets.flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect()
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
        assert_eq!(console::strip_ansi_codes(&message(text)), expected);
    }

    #[test]
    fn a_line_shows_what_matters() {
        check("plain text", "plain text");
        check(
            r#"{"apiId":"a","routeKey":"$connect","eventType":"CONNECT","error":"-","status":"200","connectionId":"c1"}"#,
            "CONNECT $connect 200 c1",
        );
        check(
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["ApiId"]],"Metrics":[]}]},
                "ApiId":"a","level":"ERROR","eventType":"MESSAGE","error":"oh","HandlerLatency":1.25,"ColdStart":0}"#,
            "ERROR MESSAGE error=oh HandlerLatency=1.2",
        );
    }
}
