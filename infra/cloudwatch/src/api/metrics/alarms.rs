//! The operations on alarms.

use std::collections::BTreeMap;

use super::alarm_answers::{alarm, alarms as answer, children, item, kind_name};
use super::alarm_definition;
use super::error::ApiError;
use super::get_data::identity;
use super::page::{max_records, page};
use super::put::read_unit;
use super::reader::Reader;
use crate::alarms::{AlarmStore, Definition, Entry, HistoryItem, ItemKind, Kind, State, Turn};
use crate::document::Document;
use crate::metrics::query::Source;

const TYPES: [&str; 2] = ["CompositeAlarm", "MetricAlarm"];

/// Tags of one alarm.
const MAX_TAGS: usize = 50;

fn done() -> Document {
    Document::Map(Vec::new())
}

/// `PutMetricAlarm` and `PutCompositeAlarm`.
pub(super) fn put(
    store: &AlarmStore,
    operation: &str,
    input: &Reader<'_>,
    now: i64,
) -> Result<Document, ApiError> {
    store.put(definition(store, operation, input)?, tags(input)?, now);
    Ok(done())
}

/// The same of a template's alarm.
pub(super) fn declare(
    store: &AlarmStore,
    operation: &str,
    input: &Reader<'_>,
    now: i64,
) -> Result<(), ApiError> {
    store.declare(definition(store, operation, input)?, tags(input)?, now);
    Ok(())
}

/// What an alarm is put with, checked.
fn definition(store: &AlarmStore, operation: &str, input: &Reader<'_>) -> Result<Definition, ApiError> {
    let definition = match operation {
        "PutCompositeAlarm" => alarm_definition::composite(input, store)?,
        _ => alarm_definition::metric(input)?,
    };
    let other_kind = |entry: &Entry| {
        entry.definition.name == definition.name
            && entry.definition.kind.is_composite() != definition.kind.is_composite()
    };
    if store.all().iter().any(other_kind) {
        let text = format!("An alarm of another type has the name {}.", definition.name);
        return Err(ApiError::validation(text));
    }
    Ok(definition)
}

/// `DescribeAlarms`.
pub(super) fn describe(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let (names, prefix) = (input.texts("AlarmNames")?, input.text("AlarmNamePrefix")?);
    if prefix.is_some() && !names.is_empty() {
        return Err(ApiError::invalid_combination(
            "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.",
        ));
    }
    let state = input.one_of("StateValue", &["INSUFFICIENT_DATA", "ALARM", "OK"])?;
    let action = input.text("ActionPrefix")?;
    let types = types(input)?;
    let (parent, child) = (input.text("ChildrenOfAlarmName")?, input.text("ParentsOfAlarmName")?);
    let all = store.all();
    let of_parent: Option<Vec<String>> = parent.map(|parent| {
        all.iter().find(|entry| entry.definition.name == parent).map(children).unwrap_or_default()
    });
    // Whose relatives are asked for, all types are meant.
    let any_type = parent.is_some() || child.is_some();
    let passes = |entry: &Entry| {
        let name = &entry.definition.name;
        (names.is_empty() || names.contains(name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && state.is_none_or(|state| state == entry.state.as_str())
            && action
                .is_none_or(|prefix| entry.definition.actions.iter().any(|(_, arn)| arn.starts_with(prefix)))
            && (any_type || types.contains(&kind_name(entry.definition.kind.is_composite())))
            && of_parent.as_ref().is_none_or(|children| children.contains(name))
            && child.is_none_or(|child| children(entry).iter().any(|name| name == child))
    };
    let found: Vec<Entry> = all.iter().filter(|entry| passes(entry)).cloned().collect();
    let (found, next) = page(found, input, max_records(input)?)?;
    Ok(answer(&found, next))
}

/// The types that are asked for; metric alarms when nothing is said.
fn types(input: &Reader<'_>) -> Result<Vec<&'static str>, ApiError> {
    let texts = input.texts("AlarmTypes")?;
    if texts.is_empty() {
        return Ok(vec!["MetricAlarm"]);
    }
    let known = |text: &String| TYPES.into_iter().find(|known| known == text);
    texts
        .iter()
        .map(|text| known(text).ok_or_else(|| ApiError::not_of_set(text, "AlarmTypes", &TYPES)))
        .collect()
}

/// `DescribeAlarmsForMetric`.
pub(super) fn describe_for_metric(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let identity = identity(input)?;
    let statistic = input.text("Statistic")?.or(input.text("ExtendedStatistic")?);
    let (period, unit) = (input.integer("Period")?, read_unit(input)?);
    let watches = |entry: &Entry| {
        let Kind::Metric(watch) = &entry.definition.kind else { return false };
        watch.queries.iter().any(|query| match &query.source {
            Source::Metric(metric) => {
                metric.identity == identity
                    && statistic.is_none_or(|text| metric.statistic.to_string() == text)
                    && period.is_none_or(|period| metric.period == period)
                    && unit.is_none_or(|unit| metric.unit == Some(unit))
            }
            Source::Expression(_) => false,
        })
    };
    let found = store.all().iter().filter(|entry| watches(entry)).map(alarm).collect();
    Ok(Document::map([("MetricAlarms", Document::List(found))]))
}

/// `DescribeAlarmHistory`.
pub(super) fn history(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let name = input.text("AlarmName")?;
    let types = if input.has("AlarmTypes") { types(input)? } else { TYPES.to_vec() };
    let kinds = [ItemKind::ConfigurationUpdate, ItemKind::StateUpdate, ItemKind::Action];
    let kind = input.one_of("HistoryItemType", &kinds.map(ItemKind::as_str))?;
    let (from, to) = (input.time("StartDate")?, input.time("EndDate")?);
    let orders = ["TimestampAscending", "TimestampDescending"];
    let ascending = input.one_of("ScanBy", &orders)? == Some("TimestampAscending");
    let passes = |item: &HistoryItem| {
        name.is_none_or(|name| name == item.alarm)
            && types.contains(&kind_name(item.composite))
            && kind.is_none_or(|kind| kind == item.kind.as_str())
            && from.is_none_or(|from| item.timestamp >= from)
            && to.is_none_or(|to| item.timestamp <= to)
    };
    let mut found = store.history(passes);
    if !ascending {
        found.reverse();
    }
    let (found, next) = page(found, input, max_records(input)?)?;
    let mut members =
        vec![("AlarmHistoryItems".to_owned(), Document::List(found.iter().map(item).collect()))];
    members.extend(next.map(|token| ("NextToken".to_owned(), Document::Text(token))));
    Ok(Document::Map(members))
}

/// `SetAlarmState`.
pub(super) fn set_state(store: &AlarmStore, input: &Reader<'_>, now: i64) -> Result<Document, ApiError> {
    let name = input.required_text("AlarmName")?;
    let state = input.one_of("StateValue", &["INSUFFICIENT_DATA", "ALARM", "OK"])?;
    let state: Option<State> = state.and_then(|state| state.parse().ok());
    let state = state.ok_or_else(|| ApiError::missing("StateValue"))?;
    let reason = input.text("StateReason")?.ok_or_else(|| ApiError::missing("StateReason"))?.to_owned();
    let data = input.text("StateReasonData")?.map(str::to_owned);
    if let Some(data) = &data
        && serde_json::from_str::<serde_json::Value>(data).is_err()
    {
        return Err(ApiError::invalid_format("StateReasonData is not valid JSON."));
    }
    store.set_state(name, Turn { state, reason, data }, now).map_err(|_| ApiError::no_such_alarm())?;
    Ok(done())
}

/// `DeleteAlarms`.
pub(super) fn delete(store: &AlarmStore, input: &Reader<'_>, now: i64) -> Result<Document, ApiError> {
    let names = names(input)?;
    for entry in store.all().iter().filter(|entry| !names.contains(&entry.definition.name)) {
        if let Some(child) = children(entry).iter().find(|child| names.contains(child)) {
            return Err(ApiError::validation(format!(
                "Cannot delete {child} as there are composite alarm(s) depending on it."
            )));
        }
    }
    store.delete(&names, now);
    Ok(done())
}

/// `EnableAlarmActions` and `DisableAlarmActions`.
pub(super) fn enable_actions(
    store: &AlarmStore,
    input: &Reader<'_>,
    enabled: bool,
    now: i64,
) -> Result<Document, ApiError> {
    store.enable_actions(&names(input)?, enabled, now);
    Ok(done())
}

fn names(input: &Reader<'_>) -> Result<Vec<String>, ApiError> {
    let names = input.texts("AlarmNames")?;
    match names.len() {
        0 => Err(ApiError::missing("AlarmNames")),
        1..=100 => Ok(names),
        _ => Err(ApiError::validation("The collection AlarmNames must not have a size greater than 100.")),
    }
}

/// `TagResource`.
pub(super) fn tag(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let arn = input.required_text("ResourceARN")?;
    let tags = tags(input)?;
    store.tag(arn, |there| there.extend(tags)).map_err(|_| ApiError::no_such_resource(arn))?;
    Ok(done())
}

/// `UntagResource`.
pub(super) fn untag(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let arn = input.required_text("ResourceARN")?;
    let keys = input.texts("TagKeys")?;
    let remove = |there: &mut BTreeMap<String, String>| there.retain(|key, _| !keys.contains(key));
    store.tag(arn, remove).map_err(|_| ApiError::no_such_resource(arn))?;
    Ok(done())
}

/// `ListTagsForResource`.
pub(super) fn list_tags(store: &AlarmStore, input: &Reader<'_>) -> Result<Document, ApiError> {
    let arn = input.required_text("ResourceARN")?;
    let tags = store.tag(arn, |tags| tags.clone()).map_err(|_| ApiError::no_such_resource(arn))?;
    let tag = |(key, value)| Document::map([("Key", Document::Text(key)), ("Value", Document::Text(value))]);
    Ok(Document::map([("Tags", Document::List(tags.into_iter().map(tag).collect()))]))
}

fn tags(input: &Reader<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let items = input.list("Tags")?;
    if items.len() > MAX_TAGS {
        let text = format!("The collection Tags must not have a size greater than {MAX_TAGS}.");
        return Err(ApiError::invalid_value(text));
    }
    let tag = |item: &Reader<'_>| {
        Ok((item.required_text("Key")?.to_owned(), item.text("Value")?.unwrap_or_default().to_owned()))
    };
    items.iter().map(tag).collect()
}
