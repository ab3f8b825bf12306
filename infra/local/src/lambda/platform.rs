//! What Lambda itself adds: trace ids, and the words and shapes of its own log lines.
//!
//! Wording as in Lambda's developer guide, "Working with Lambda function logs" (text) and "Lambda
//! telemetry API event schema" (JSON).

use std::process::ExitStatus;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::InvokeError;
use super::phase::Ending;

/// A `Lambda-Runtime-Trace-Id`: an X-Ray header of a request that is not sampled.
pub(super) fn trace_id(now_ms: i64) -> String {
    let (root, parent) = (rand::random::<u128>() >> 32, rand::random::<u64>());
    format!("Root=1-{:08x}-{root:024x};Parent={parent:016x};Sampled=0", now_ms / 1000)
}

/// How a process ended, in Lambda's words.
pub(super) fn exit_reason(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "Runtime exited without providing a reason".to_owned(),
        Some(code) => format!("Runtime exited with error: exit status {code}"),
        // The standard library writes `signal: 6 (SIGABRT)`.
        None => format!("Runtime exited with error: {status}"),
    }
}

/// Whether a line of a function's log is one that Lambda writes for every start and invocation. The
/// lines that tell of a failure are none.
#[must_use]
pub fn is_routine(line: &str) -> bool {
    if ["INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: "]
        .iter()
        .any(|text| line.starts_with(text))
    {
        return true;
    }
    // Members stand in the order of `Event`; the time has 24 characters.
    if !line.starts_with("{\"time\":\"") || !line.contains("\"type\":\"platform.") {
        return false;
    }
    let Ok(event) = serde_json::from_str::<Value>(line) else { return false };
    let (kind, status) = (event.get("type").and_then(Value::as_str), event.pointer("/record/status"));
    // What a report says of a failure, the end of the runtime has said.
    kind == Some("platform.report") || status.is_none_or(|status| status == "success")
}

/// How a phase or an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome<'a> {
    /// `success`, `error`, `failure` or `timeout`.
    pub(super) status: &'static str,
    pub(super) error_type: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    pub(super) const SUCCESS: Self = Self { status: "success", error_type: None };

    /// That of an invocation without an answer.
    pub(super) fn of_error(error: &'a InvokeError) -> Self {
        match error {
            InvokeError::Function { error_type, .. } => {
                Self { status: "error", error_type: Some(error_type) }
            }
            InvokeError::TimedOut { .. } => Self { status: "timeout", error_type: None },
            _ => Self { status: "failure", error_type: Some("Runtime.ExitError") },
        }
    }

    /// That of an environment that did not get as far as its first invocation.
    pub(super) fn of_init(ending: &'a Ending) -> Self {
        match ending {
            Ending::TimedOut(_) => Self { status: "timeout", error_type: None },
            Ending::NotStarted(_) => Self { status: "error", error_type: Some("Runtime.InvalidEntrypoint") },
            Ending::InitError(error) => Self { status: "error", ..Self::of_error(error) },
            _ => Self { status: "error", error_type: Some("Runtime.ExitError") },
        }
    }

    pub(super) fn is_success(self) -> bool {
        self == Self::SUCCESS
    }
}

/// A platform event.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    pub(super) time: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) record: Record<'a>,
}

/// The members that records have; each has some of them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initialization_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runtime_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runtime_version_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spans: Option<[Span; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<Metrics>,
}

/// A part of an invocation's time.
#[derive(Debug, Serialize)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) start: String,
    #[serde(rename = "durationMs")]
    pub(super) duration: f64,
}

/// `metrics` of a record.
#[derive(Debug, Default, Serialize)]
pub(super) struct Metrics {
    #[serde(rename = "durationMs")]
    pub(super) duration: f64,
    #[serde(rename = "producedBytes", skip_serializing_if = "Option::is_none")]
    pub(super) produced_bytes: Option<usize>,
    #[serde(rename = "billedDurationMs", skip_serializing_if = "Option::is_none")]
    pub(super) billed_duration: Option<u128>,
    #[serde(rename = "memorySizeMB", skip_serializing_if = "Option::is_none")]
    pub(super) memory_size: Option<u32>,
    #[serde(rename = "maxMemoryUsedMB", skip_serializing_if = "Option::is_none")]
    pub(super) max_memory_used: Option<u64>,
    #[serde(rename = "initDurationMs", skip_serializing_if = "Option::is_none")]
    pub(super) init_duration: Option<f64>,
}

impl Metrics {
    pub(super) fn of(ran: Duration) -> Self {
        Self { duration: millis(ran), ..Self::default() }
    }
}

impl<'a> Record<'a> {
    /// The record of a phase that ended.
    pub(super) fn init(outcome: Outcome<'a>, ran: Option<Duration>) -> Self {
        Self {
            initialization_type: Some("on-demand"),
            phase: Some("init"),
            status: Some(outcome.status),
            error_type: outcome.error_type,
            metrics: ran.map(Metrics::of),
            ..Self::default()
        }
    }

    /// The record of an invocation that ended.
    pub(super) fn invocation(request_id: &'a str, outcome: Outcome<'a>, metrics: Metrics) -> Self {
        Self {
            request_id: Some(request_id),
            status: Some(outcome.status),
            error_type: outcome.error_type,
            metrics: Some(metrics),
            ..Self::default()
        }
    }
}

/// Milliseconds; microseconds are what Lambda shows.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn exits_are_told_as_lambda_tells_them() {
        let reason = |raw| exit_reason(ExitStatus::from_raw(raw));
        assert_eq!(reason(0), "Runtime exited without providing a reason");
        assert_eq!(reason(3 << 8), "Runtime exited with error: exit status 3");
        assert_eq!(reason(9), "Runtime exited with error: signal: 9 (SIGKILL)");
    }

    #[test]
    fn a_trace_id_carries_the_time_and_is_not_sampled() {
        let id = trace_id(1_700_000_000_123);
        assert!(id.starts_with("Root=1-6553f100-"), "{id}");
        assert!(id.ends_with(";Sampled=0"), "{id}");
        assert_eq!(id.len(), "Root=1-6553f100-".len() + 24 + ";Parent=".len() + 16 + ";Sampled=0".len());
    }

    #[test]
    fn lines_of_every_invocation_are_routine_and_failures_are_not() {
        let event = |kind: &str, record: &str| {
            format!(r#"{{"time":"2026-09-25T09:20:13.100Z","type":"platform.{kind}","record":{record}}}"#)
        };
        for line in [
            "INIT_START Runtime Version: provided:al2023.local\tRuntime Version ARN: arn".to_owned(),
            "START RequestId: 1 Version: $LATEST".to_owned(),
            "END RequestId: 1".to_owned(),
            "REPORT RequestId: 1\tDuration: 1.00 ms".to_owned(),
            event("start", r#"{"requestId":"1"}"#),
            event("runtimeDone", r#"{"requestId":"1","status":"success"}"#),
            event("report", r#"{"requestId":"1","status":"timeout"}"#),
        ] {
            assert!(is_routine(&line), "{line}");
        }
        for line in [
            "RequestId: 1 Error: Runtime exited with error: exit status 3\nRuntime.ExitError".to_owned(),
            "2026-09-25T09:20:13.100Z 1 Task timed out after 3.00 seconds".to_owned(),
            event("runtimeDone", r#"{"requestId":"1","status":"timeout"}"#),
            event("initReport", r#"{"phase":"init","status":"error"}"#),
            r#"{"level":"INFO","type":"platform.report"}"#.to_owned(),
        ] {
            assert!(!is_routine(&line), "{line}");
        }
    }
}
