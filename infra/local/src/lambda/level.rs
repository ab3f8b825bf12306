//! The levels of a function's own lines, where its log is JSON.
//!
//! Lambda developer guide, "Configuring advanced logging controls": Lambda reads a line's members
//! `level` and `timestamp`. A line without a level that it knows, or without a time as RFC 3339 has
//! it, counts as `INFO`.

use sam::app::LogLevel;
use serde::Deserialize;

/// What Lambda reads of a line.
#[derive(Deserialize)]
struct Leveled {
    level: Option<String>,
    timestamp: Option<String>,
}

/// The level that a line counts as.
pub(super) fn of(line: &str) -> LogLevel {
    let read = || {
        let line: Leveled = serde_json::from_str(line).ok()?;
        line.timestamp?.parse::<jiff::Timestamp>().ok()?;
        LogLevel::parse(&line.level?)
    };
    // Most lines say nothing of a level, and need no parser.
    let says = line.contains("\"level\"");
    says.then(read).flatten().unwrap_or(LogLevel::Info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: LogLevel) {
        assert_eq!(of(line), expected, "{line}");
    }

    #[test]
    fn a_level_counts_in_any_case_beside_a_time() {
        check(r#"{"timestamp":"2026-09-25T09:20:13.100Z","level":"DEBUG"}"#, LogLevel::Debug);
        check(
            r#"{"level":"debug","timestamp":"2026-09-25T11:20:13+02:00","x":{"level":"ERROR"}}"#,
            LogLevel::Debug,
        );
        check(r#"{"level":"Fatal","timestamp":"2026-09-25T09:20:13Z"}"#, LogLevel::Fatal);
    }

    #[test]
    fn anything_else_counts_as_info() {
        for line in [
            "ERROR in plain text, with \"level\"",
            r#"{"level":"ERROR"}"#,
            r#"{"level":"ERROR","timestamp":1790328013100}"#,
            r#"{"level":"ERROR","timestamp":"yesterday"}"#,
            r#"{"level":"NOTICE","timestamp":"2026-09-25T09:20:13Z"}"#,
            r#"{"level":50,"timestamp":"2026-09-25T09:20:13Z"}"#,
            r#"{"timestamp":"2026-09-25T09:20:13Z"}"#,
            r#"["level"]"#,
        ] {
            check(line, LogLevel::Info);
        }
    }
}
