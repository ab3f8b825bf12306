//! What Lambda itself adds: trace ids, and the log lines that tell of a failure.
//!
//! Wording as in Lambda's developer guide, "Working with Lambda function logs" (text) and "Lambda
//! telemetry API event schema" (JSON). The lines of an invocation that went well (`START`, `END`,
//! `REPORT`) are not written.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::json;

use super::InvokeError;
use super::output::LogStream;
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

/// Tells the function's log that an invocation had no answer.
pub(super) fn log_failure(
    log: &LogStream,
    json_logs: bool,
    request_id: &str,
    error: &InvokeError,
    ran: Duration,
) {
    let (status, error_type) = match error {
        InvokeError::TimedOut { .. } => ("timeout", None),
        _ => ("failure", Some("Runtime.ExitError")),
    };
    let line = match (json_logs, error) {
        (true, _) => {
            let mut record = json!({ "requestId": request_id, "status": status, "metrics": { "durationMs": millis(ran) } });
            if let (Some(error_type), Some(record)) = (error_type, record.as_object_mut()) {
                record.insert("errorType".to_owned(), error_type.into());
            }
            event(log, "platform.runtimeDone", &record)
        }
        (false, InvokeError::Exited(reason)) => format!("{reason}\nRuntime.ExitError"),
        (false, error) => format!("{} {request_id} {error}", log.now()),
    };
    log.write(line);
}

/// Tells the function's log that an environment did not get as far as its first invocation.
pub(super) fn log_init_failure(log: &LogStream, json_logs: bool, ending: &Ending, ran: Duration) {
    let (status, error_type) = match ending {
        Ending::TimedOut(_) => ("timeout", None),
        Ending::NotStarted(_) => ("error", Some("Runtime.InvalidEntrypoint")),
        Ending::InitError(InvokeError::Function { error_type, .. }) => ("error", Some(error_type.as_str())),
        _ => ("error", Some("Runtime.ExitError")),
    };
    let line = if json_logs {
        let mut record = json!({
            "initializationType": "on-demand",
            "phase": "init",
            "status": status,
            "metrics": { "durationMs": millis(ran) },
        });
        if let (Some(error_type), Some(record)) = (error_type, record.as_object_mut()) {
            record.insert("errorType".to_owned(), error_type.into());
        }
        event(log, "platform.initReport", &record)
    } else {
        let error_type =
            error_type.map(|error_type| format!("\tError Type: {error_type}")).unwrap_or_default();
        format!("INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: {status}{error_type}", millis(ran))
    };
    log.write(line);
    if let Ending::NotStarted(reason) = ending {
        // Lambda has the reason only in the answer; whoever reads the log needs it more.
        log.write(reason.clone());
    }
}

fn event(log: &LogStream, event_type: &str, record: &serde_json::Value) -> String {
    json!({ "time": log.now(), "type": event_type, "record": record }).to_string()
}

fn millis(duration: Duration) -> f64 {
    // Microseconds are what Lambda shows.
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
}
