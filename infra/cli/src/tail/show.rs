//! Lines and faults, for a person or as JSON.

use std::io::{self, Write};

use cloudwatch::emf::{self, Entry, Ledger};
use cloudwatch::logs::LogEvent;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde_json::json;

use super::poll::Line;
use crate::short;

/// Shows lines.
pub(crate) struct Screen {
    pub(crate) json: bool,
}

impl Screen {
    pub(crate) fn print(&self, lines: &[Line]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in lines {
            if self.json {
                writeln!(out, "{}", as_json(line))?;
            } else {
                writeln!(out, "{}", for_a_person(line))?;
            }
        }
        out.flush()
    }
}

fn as_json(line: &Line) -> serde_json::Value {
    json!({
        "group": line.group,
        "stream": line.event.log_stream_name(),
        "timestamp": line.timestamp(),
        "ingestionTime": line.event.ingestion_time(),
        "eventId": line.event.event_id(),
        "message": line.message(),
    })
}

fn for_a_person(line: &Line) -> String {
    let event = event(line);
    let metrics = emf::extract(&event.message, event.ingestion);
    let source = line.group.rsplit('/').next().unwrap_or(&line.group);
    short::line(&event, source, metrics.as_ref())
}

/// A line as the log store has it, without its id.
fn event(line: &Line) -> LogEvent {
    LogEvent {
        group: line.group.as_str().into(),
        stream: line.event.log_stream_name().unwrap_or_default().into(),
        timestamp: line.timestamp(),
        ingestion: line.event.ingestion_time().unwrap_or_else(|| line.timestamp()),
        id: 0,
        message: line.message().into(),
    }
}

/// What is wrong with the metrics in lines.
pub(crate) fn faults(lines: &[Line]) -> Vec<Entry> {
    let ledger = Ledger::default();
    for line in lines {
        let event = event(line);
        let Some(extraction) = emf::extract(&event.message, event.ingestion) else { continue };
        for fault in &extraction.faults {
            ledger.record(&event, line.event.event_id().unwrap_or_default(), fault);
        }
    }
    ledger.since(0)
}

pub(crate) fn print_faults(faults: &[Entry], as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        for fault in faults {
            writeln!(out, "{}", fault_json(fault))?;
        }
    } else if faults.is_empty() {
        writeln!(out, "Nothing is wrong with the metrics in these log lines.")?;
    } else {
        writeln!(out, "{}", table(faults))?;
    }
    out.flush()
}

fn fault_json(fault: &Entry) -> serde_json::Value {
    json!({
        "group": &*fault.group,
        "stream": &*fault.stream,
        "reason": fault.reason.as_str(),
        "place": fault.place,
        "count": fault.count,
        "first": fault.first,
        "last": fault.last,
        "eventId": fault.example,
    })
}

fn table(faults: &[Entry]) -> Table {
    let time = |ms| {
        let time = Timestamp::from_millisecond(ms).unwrap_or_default();
        time.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["Log group", "Reason", "Place", "Lines", "First (UTC)", "Last (UTC)"]);
    for fault in faults {
        table.add_row([
            fault.group.to_string(),
            fault.reason.to_string(),
            fault.place.clone(),
            fault.count.to_string(),
            time(fault.first),
            time(fault.last),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

    use super::*;

    fn line(message: &str) -> Line {
        let event = FilteredLogEvent::builder()
            .log_stream_name("s")
            .timestamp(1_790_328_012_000)
            .ingestion_time(1_790_328_012_000)
            .message(message)
            .event_id("7")
            .build();
        Line { group: "/aws/lambda/chat".to_owned(), event }
    }

    #[test]
    fn lines_are_short_or_json() {
        let shown = for_a_person(&line(r#"{"level":"INFO","message":"hello"}"#));
        assert_eq!(console::strip_ansi_codes(&shown), "09:20:12.000 chat         hello");
        assert_eq!(
            as_json(&line("hello")).to_string(),
            r#"{"eventId":"7","group":"/aws/lambda/chat","ingestionTime":1790328012000,"message":"hello","stream":"s","timestamp":1790328012000}"#
        );
    }

    #[test]
    fn faults_are_counted() {
        let bad = r#"{"_aws":{"CloudWatchMetrics":[]}}"#;
        let found = faults(&[line(bad), line("plain"), line(bad)]);
        let [fault] = found.as_slice() else { panic!("one fault: {found:?}") };
        assert_eq!(
            (fault.reason.as_str(), fault.count, fault.example.as_str()),
            ("timestamp-missing", 2, "7")
        );
        assert!(table(&found).to_string().contains("timestamp-missing"));
        assert_eq!(fault_json(fault)["place"], "_aws.Timestamp");
    }
}
