//! Embedded metric format: the metrics in a log line, and what is wrong with them.
//!
//! "Specification: Embedded metric format" in CloudWatch's user guide. What the service does with a
//! document that is partly wrong is not published: here what can be published is, and every
//! fault has a reason and a place.

mod directive;
mod fault;
mod known;
mod ledger;
mod plain;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Map, Value};

pub use fault::{Fault, Reason};
pub(crate) use known::Known;
pub use ledger::{Entry, Ledger};

use crate::metrics::Datum;
use fault::Faults;

/// Bytes that a document may have: the size of a log event.
const MAX_BYTES: usize = 1024 * 1024;

/// How far back a document's timestamp may lie: 14 days.
const OLDEST_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// How far ahead it may lie: 2 hours.
const NEWEST_MS: i64 = 2 * 60 * 60 * 1000;

/// What a document gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    /// One for each metric and each of its directive's dimension sets.
    pub data: Vec<Datum>,
    /// What was left out, and why.
    pub faults: Vec<Fault>,
}

/// The metrics of a log line; `None` when the line is no document of this format at all. A line
/// that can only be meant as one has the faults of one.
#[must_use]
pub fn extract(line: &str, now_ms: i64) -> Option<Extraction> {
    let mut faults = Faults::default();
    let data = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(root)) => read(&root, line.len(), now_ms, &mut faults)?,
        Ok(_) => return None,
        Err(_) if !is_meant(line) => return None,
        Err(error) => {
            let reason = if error.to_string().starts_with("trailing") {
                Reason::TrailingData
            } else {
                Reason::NotJson
            };
            faults.add(reason, &format!("column {}", error.column()));
            Vec::new()
        }
    };
    Some(Extraction { data, faults: faults.into_vec() })
}

/// Whether text that is not JSON was meant as a document.
fn is_meant(line: &str) -> bool {
    line.trim_start().starts_with('{') && line.contains("\"_aws\"") && line.contains("\"CloudWatchMetrics\"")
}

/// The data of a root node; `None` when it has no metadata of this format.
fn read(root: &Map<String, Value>, bytes: usize, now_ms: i64, faults: &mut Faults) -> Option<Vec<Datum>> {
    let Value::Object(metadata) = root.get("_aws")? else {
        faults.add(Reason::AwsNotObject, "_aws");
        return Some(Vec::new());
    };
    let directives = metadata.get("CloudWatchMetrics")?;
    if bytes > MAX_BYTES {
        faults.add(Reason::TooLarge, "");
        return Some(Vec::new());
    }
    let timestamp = timestamp(metadata, now_ms, faults);
    let Value::Array(directives) = directives else {
        faults.add(Reason::CloudWatchMetricsNotArray, "_aws.CloudWatchMetrics");
        return Some(Vec::new());
    };
    let Some(timestamp) = timestamp else { return Some(Vec::new()) };
    let mut data = Vec::new();
    for (number, directive) in directives.iter().enumerate() {
        let place = format!("_aws.CloudWatchMetrics[{number}]");
        data.extend(directive::read(root, directive, timestamp, &place, faults));
    }
    Some(data)
}

/// The time of the data, when it lies in CloudWatch's window.
fn timestamp(metadata: &Map<String, Value>, now_ms: i64, faults: &mut Faults) -> Option<i64> {
    let reason = match metadata.get("Timestamp").map(Value::as_i64) {
        None => Reason::TimestampMissing,
        Some(None) => Reason::TimestampNotInteger,
        Some(Some(at)) if at < now_ms.saturating_sub(OLDEST_MS) => Reason::TimestampTooOld,
        Some(Some(at)) if at > now_ms.saturating_add(NEWEST_MS) => Reason::TimestampTooNew,
        Some(Some(at)) => return Some(at),
    };
    faults.add(reason, "_aws.Timestamp");
    None
}
