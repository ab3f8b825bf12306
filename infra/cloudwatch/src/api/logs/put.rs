//! PutLogEvents: what is taken, and what is too old or too new.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Api;
use super::error::ApiError;
use super::input::Input;
use crate::logs::EVENT_OVERHEAD;

/// Events of one call.
const MAX_EVENTS: usize = 10_000;

/// Bytes of one call: the messages' and 26 for each event.
const MAX_BYTES: usize = 1_048_576;

/// How far the events of one call may lie apart.
const MAX_SPAN_MS: i64 = 24 * 60 * 60 * 1000;

/// How far back an event may lie.
const OLDEST_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// How far ahead an event may lie.
const NEWEST_MS: i64 = 2 * 60 * 60 * 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An event of a call: its time and its message.
type Event = (i64, Arc<str>);

pub(super) fn put(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let (group, stream) = (input.group_name()?, input.stream_name()?);
    let events = events(input)?;
    check(&events)?;
    let info = api.logs.describe_group(group)?;
    let now_ms = api.logs.now_ms();
    let (taken, rejected) = sort_out(events, now_ms, info.retention_days);
    api.logs.put(group, stream, taken)?;
    // Sequence tokens are of no use any more, and some clients want one.
    let mut answer = json!({ "nextSequenceToken": format!("{now_ms:056}") });
    if let (false, Some(members)) = (rejected.is_empty(), answer.as_object_mut()) {
        members.insert("rejectedLogEventsInfo".to_owned(), Value::Object(rejected));
    }
    Ok(answer)
}

fn events(input: &Input) -> Result<Vec<Event>, ApiError> {
    let list = input.list("logEvents")?.ok_or_else(|| ApiError::missing("logEvents"))?;
    if list.is_empty() {
        return Err(ApiError::constraint("[]", "logEvents", "have length greater than or equal to 1"));
    }
    if list.len() > MAX_EVENTS {
        let rule = format!("have length less than or equal to {MAX_EVENTS}");
        return Err(ApiError::constraint("[...]", "logEvents", &rule));
    }
    list.iter().enumerate().map(|(at, event)| read(at + 1, event)).collect()
}

fn read(number: usize, event: &Value) -> Result<Event, ApiError> {
    let member = |name: &str| format!("logEvents.{number}.member.{name}");
    let wrong = |name: &str| ApiError::serialization(format!("{} has the wrong type.", member(name)));
    let get = |name: &str| event.get(name).ok_or_else(|| ApiError::missing(&member(name)));
    let timestamp = get("timestamp")?.as_i64().ok_or_else(|| wrong("timestamp"))?;
    let message = get("message")?.as_str().ok_or_else(|| wrong("message"))?;
    if timestamp < 0 {
        let rule = "have value greater than or equal to 0";
        return Err(ApiError::constraint(&timestamp.to_string(), &member("timestamp"), rule));
    }
    if message.is_empty() {
        let rule = "have length greater than or equal to 1";
        return Err(ApiError::constraint("", &member("message"), rule));
    }
    Ok((timestamp, Arc::from(message)))
}

fn check(events: &[Event]) -> Result<(), ApiError> {
    let bytes: usize = events.iter().map(|(_, message)| message.len() + EVENT_OVERHEAD).sum();
    if bytes > MAX_BYTES {
        return Err(ApiError::invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {MAX_BYTES}"
        )));
    }
    if !events.is_sorted_by_key(|(timestamp, _)| *timestamp) {
        return Err(ApiError::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let span = events.first().zip(events.last()).map_or(0, |(first, last)| last.0.saturating_sub(first.0));
    if span > MAX_SPAN_MS {
        return Err(ApiError::invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// What is taken of events in their order, and `rejectedLogEventsInfo` for the rest: where those
/// end (exclusive) that are too old, and where those begin that are too new.
fn sort_out(
    mut events: Vec<Event>,
    now_ms: i64,
    retention_days: Option<u32>,
) -> (Vec<Event>, Map<String, Value>) {
    let too_old = events.partition_point(|event| event.0 < now_ms.saturating_sub(OLDEST_MS));
    let expired_ms = retention_days.map(|days| now_ms.saturating_sub(i64::from(days) * DAY_MS));
    let expired = expired_ms.map_or(0, |ms| events.partition_point(|event| event.0 < ms));
    let too_new = events.partition_point(|event| event.0 <= now_ms.saturating_add(NEWEST_MS));
    let mut rejected = Map::new();
    if too_new < events.len() {
        rejected.insert("tooNewLogEventStartIndex".to_owned(), json!(too_new));
    }
    if too_old > 0 {
        rejected.insert("tooOldLogEventEndIndex".to_owned(), json!(too_old));
    }
    if expired > too_old {
        rejected.insert("expiredLogEventEndIndex".to_owned(), json!(expired));
    }
    events.truncate(too_new);
    (events.split_off(too_old.max(expired).min(events.len())), rejected)
}
