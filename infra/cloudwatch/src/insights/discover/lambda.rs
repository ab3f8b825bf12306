//! The fields that Logs Insights discovers in the lines of Lambda (CloudWatch user guide,
//! "Supported logs and discovered fields").

use std::borrow::Cow;

use crate::insights::number;
use crate::insights::value::Value;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::insights) enum LambdaField {
    RequestId,
    Type,
    Duration,
    BilledDuration,
    InitDuration,
    MemorySize,
    MaxMemoryUsed,
    XrayTraceId,
    XraySegmentId,
}

/// Their names.
const FIELDS: [(&str, LambdaField); 9] = [
    ("@requestId", LambdaField::RequestId),
    ("@type", LambdaField::Type),
    ("@duration", LambdaField::Duration),
    ("@billedDuration", LambdaField::BilledDuration),
    ("@initDuration", LambdaField::InitDuration),
    ("@memorySize", LambdaField::MemorySize),
    ("@maxMemoryUsed", LambdaField::MaxMemoryUsed),
    ("@xrayTraceId", LambdaField::XrayTraceId),
    ("@xraySegmentId", LambdaField::XraySegmentId),
];

impl LambdaField {
    pub(in crate::insights) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }

    /// Its value in a line: of the platform's START, END and REPORT lines, and the request of a
    /// function's own tab-separated line.
    pub(in crate::insights) fn read<'a>(self, message: &'a str) -> Value<'a> {
        let platform = ["START", "END", "REPORT"]
            .into_iter()
            .find(|kind| message.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" RequestId: ")));
        match (self, platform) {
            (Self::RequestId, None) => own_request(message).map_or(Value::Null, Value::text),
            (_, None) => Value::Null,
            (Self::Type, Some(kind)) => Value::text(kind),
            (Self::RequestId, Some(_)) => text_after(message, "RequestId: "),
            (Self::XrayTraceId, Some(_)) => text_after(message, "XRAY TraceId: "),
            (Self::XraySegmentId, Some(_)) => text_after(message, "SegmentId: "),
            // The tab keeps "Duration" from being found in "Billed Duration".
            (Self::Duration, Some(_)) => text_after(message, "\tDuration: "),
            (Self::BilledDuration, Some(_)) => text_after(message, "\tBilled Duration: "),
            (Self::InitDuration, Some(_)) => text_after(message, "\tInit Duration: "),
            (Self::MemorySize, Some(_)) => bytes_after(message, "\tMemory Size: "),
            (Self::MaxMemoryUsed, Some(_)) => bytes_after(message, "\tMax Memory Used: "),
        }
    }
}

/// All that a line has, with their names.
pub(super) fn all(message: &str) -> impl Iterator<Item = (&'static str, String)> {
    FIELDS.iter().filter_map(move |(name, field)| Some((*name, field.read(message).display()?)))
}

fn word_after<'a>(message: &'a str, label: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(label)?;
    rest.split_ascii_whitespace().next()
}

fn text_after<'a>(message: &'a str, label: &str) -> Value<'a> {
    word_after(message, label).map_or(Value::Null, |word| Value::Text(Cow::Borrowed(word)))
}

/// Memory is discovered in bytes, and a megabyte has a million of them.
fn bytes_after<'a>(message: &'a str, label: &str) -> Value<'a> {
    Value::number(word_after(message, label).and_then(number::parse).map(|megabytes| megabytes * 1e6))
}

/// The id in one of the first columns of a line such as `time <tab> request <tab> level <tab> text`.
fn own_request(message: &str) -> Option<&str> {
    message.split('\t').take(3).find(|column| is_uuid(column))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
