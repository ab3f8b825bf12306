//! One event's fields, and those that a group's events have: GetLogRecord and GetLogGroupFields.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use super::Api;
use super::error::ApiError;
use super::input::Input;
use crate::insights::{Event, Pointer, fields};
use crate::logs::{Order, first_of, last_of};

/// How far before and after `time` GetLogGroupFields looks: milliseconds.
const AROUND_MS: i64 = 8 * 60_000;

/// How far it looks back when there is no `time`.
const RECENT_MS: i64 = 15 * 60_000;

/// Events that it looks at, the newest first.
const SAMPLE: u32 = 10_000;

/// Fields that are discovered in a group.
const MOST_FIELDS: usize = 1000;

pub(super) fn get(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let text = input.required("logRecordPointer")?;
    let pointer = Pointer::decode(text)
        .ok_or_else(|| ApiError::invalid("The specified logRecordPointer is invalid."))?;
    let place = (pointer.timestamp, pointer.id);
    let mut found = None;
    let _ = api.logs.read(&pointer.group, (place, place), Order::Forward, &mut |event| {
        found = Some(event.clone());
        ControlFlow::Break(())
    });
    let event = found.ok_or_else(|| ApiError::not_found("The specified log record does not exist."))?;
    let mut record: Map<String, Value> = fields(&Event::from(&event), &api.owner())
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    record.insert("@ptr".to_owned(), text.into());
    Ok(json!({ "logRecord": record }))
}

pub(super) fn group_fields(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = input.group()?;
    api.logs.tags(group)?;
    let (from, to) = match input.time("time")? {
        Some(second) => {
            let ms = second.saturating_mul(1000);
            (ms.saturating_sub(AROUND_MS), ms.saturating_add(AROUND_MS))
        }
        None => (api.logs.now_ms() - RECENT_MS, api.logs.now_ms()),
    };
    let owner = api.owner();
    let mut events = 0_u32;
    let mut counts: HashMap<String, u32> = HashMap::new();
    let range = (first_of(from), last_of(to));
    let _ = api.logs.read(group, range, Order::Backward, &mut |event| {
        events += 1;
        for (name, _) in fields(&Event::from(event), &owner) {
            if counts.len() < MOST_FIELDS || counts.contains_key(&name) {
                *counts.entry(name).or_default() += 1;
            }
        }
        if events < SAMPLE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(name, count), (other, others)| others.cmp(count).then_with(|| name.cmp(other)));
    let percent = |count: u32| u64::from(count) * 100 / u64::from(events.max(1));
    let fields: Vec<_> =
        counts.iter().map(|(name, count)| json!({ "name": name, "percent": percent(*count) })).collect();
    Ok(json!({ "logGroupFields": fields }))
}
