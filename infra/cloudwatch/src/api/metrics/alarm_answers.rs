//! Alarms and their history, as answers.

use crate::alarms::{Entry, HistoryItem, Kind};
use crate::document::Document;

/// `MetricAlarm` or `CompositeAlarm`.
pub(super) fn alarm(entry: &Entry) -> Document {
    let mut members = entry.definition.members.clone();
    members.retain(|(name, _)| name != "ActionsEnabled");
    let mut set = |name: &str, value: Document| members.push((name.to_owned(), value));
    set("ActionsEnabled", Document::Bool(entry.actions_enabled));
    set("AlarmArn", Document::text(&entry.arn));
    set("AlarmConfigurationUpdatedTimestamp", Document::Time(entry.configured));
    set("StateValue", Document::text(entry.state.as_str()));
    set("StateReason", Document::text(&entry.reason));
    if let Some(data) = &entry.reason_data {
        set("StateReasonData", Document::text(data));
    }
    set("StateUpdatedTimestamp", Document::Time(entry.updated));
    set("StateTransitionedTimestamp", Document::Time(entry.transitioned));
    Document::Map(members)
}

/// The metric alarms and the composite ones, each under its name.
pub(super) fn alarms(entries: &[Entry], token: Option<String>) -> Document {
    let of = |composite: bool| {
        let of = entries.iter().filter(|entry| entry.definition.kind.is_composite() == composite);
        Document::List(of.map(alarm).collect())
    };
    let mut members = vec![("CompositeAlarms".to_owned(), of(true)), ("MetricAlarms".to_owned(), of(false))];
    members.extend(token.map(|token| ("NextToken".to_owned(), Document::Text(token))));
    Document::Map(members)
}

/// `AlarmHistoryItem`.
pub(super) fn item(item: &HistoryItem) -> Document {
    Document::map([
        ("AlarmName", Document::text(&item.alarm)),
        ("AlarmType", Document::text(kind_name(item.composite))),
        ("Timestamp", Document::Time(item.timestamp)),
        ("HistoryItemType", Document::text(item.kind.as_str())),
        ("HistorySummary", Document::text(&item.summary)),
        ("HistoryData", Document::text(&item.data)),
    ])
}

/// The type of an alarm, in the API's words.
pub(super) const fn kind_name(composite: bool) -> &'static str {
    if composite { "CompositeAlarm" } else { "MetricAlarm" }
}

/// The names of the alarms that a composite one's rule has in it.
pub(super) fn children(entry: &Entry) -> Vec<String> {
    match &entry.definition.kind {
        Kind::Composite(rule) => rule.alarms().into_iter().map(str::to_owned).collect(),
        Kind::Metric(_) => Vec::new(),
    }
}
