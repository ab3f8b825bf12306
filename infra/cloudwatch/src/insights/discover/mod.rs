//! From an event to the fields that a query names: system fields, Lambda's, and those of JSON.

mod all;
mod lambda;
mod paths;
mod pointer;

use std::borrow::Cow;

use super::Event;
use super::value::Value;
pub(super) use all::discovered;
pub use all::fields;
use lambda::LambdaField;
use paths::Paths;
pub use pointer::Pointer;

/// Fields that are discovered in one event, in the order of the text (quota of Logs Insights).
const MOST_FIELDS: usize = 200;

/// What is read from an event, and the slots that it goes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    system: Vec<(System, usize)>,
    lambda: Vec<(LambdaField, usize)>,
    json: Paths,
}

/// Fields that every event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Message,
    Timestamp,
    IngestionTime,
    LogStream,
    Log,
    Group,
    Region,
    Account,
}

/// Whose logs they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The twelve digits of the account: `@aws.account`, and the first part of `@log`.
    pub account: String,
    /// The region: `@aws.region`.
    pub region: String,
}

impl Scan {
    /// For names and the slots that they go to. A name that begins with `@` and is none that
    /// CloudWatch gives stays empty.
    pub(super) fn new(names: &[(String, usize)]) -> Self {
        let mut scan = Self::default();
        let mut discovered = Vec::new();
        for (name, slot) in names {
            if let Some(field) = System::named(name) {
                scan.system.push((field, *slot));
            } else if let Some(field) = LambdaField::named(name) {
                scan.lambda.push((field, *slot));
            } else if let Some(member) = name.strip_prefix('@') {
                // A member's own `@` is doubled, to keep it apart from CloudWatch's names.
                if member.starts_with('@') {
                    discovered.push((member, *slot));
                }
            } else {
                discovered.push((name.as_str(), *slot));
            }
        }
        scan.json = Paths::new(discovered);
        scan
    }

    /// Whether a name's value is a part of the message, as it stands there.
    pub(super) fn is_of_message(name: &str) -> bool {
        // Memory is shown in bytes and written in megabytes.
        System::named(name).is_none() && !matches!(name, "@memorySize" | "@maxMemoryUsed")
    }

    /// Fills the slots. The row must be as wide as the largest slot and empty.
    pub(super) fn fill<'a>(&self, event: &Event<'a>, owner: &Owner, row: &mut [Value<'a>]) {
        for (field, slot) in &self.system {
            if let Some(cell) = row.get_mut(*slot) {
                *cell = field.read(event, owner);
            }
        }
        for (field, slot) in &self.lambda {
            if let Some(cell) = row.get_mut(*slot) {
                *cell = field.read(event.message);
            }
        }
        if !self.json.is_empty()
            && let Some(text) = object(event)
        {
            self.json.fill(text, row);
        }
    }
}

/// The name of the field that carries an event's group to where its pointer is made.
pub(super) const GROUP: &str = "@source.log";

impl System {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "@message" => Self::Message,
            "@timestamp" => Self::Timestamp,
            "@ingestionTime" => Self::IngestionTime,
            "@logStream" => Self::LogStream,
            "@log" => Self::Log,
            GROUP => Self::Group,
            "@aws.region" => Self::Region,
            "@aws.account" => Self::Account,
            _ => return None,
        })
    }

    fn read<'a>(self, event: &Event<'a>, owner: &Owner) -> Value<'a> {
        match self {
            Self::Message => Value::text(event.message),
            Self::Timestamp => Value::Time(event.timestamp),
            Self::IngestionTime => Value::Time(event.ingestion),
            Self::LogStream => Value::text(event.stream),
            Self::Group => Value::text(event.group),
            Self::Log => Value::Text(Cow::Owned(format!("{}:{}", owner.account, event.group))),
            Self::Region => Value::Text(Cow::Owned(owner.region.clone())),
            Self::Account => Value::Text(Cow::Owned(owner.account.clone())),
        }
    }
}

/// The text of an event's JSON object: the whole message, and in Lambda's groups the first one
/// that is embedded in it.
fn object<'a>(event: &Event<'a>) -> Option<&'a str> {
    let message = event.message.trim_ascii_start();
    if message.starts_with('{') {
        return Some(message);
    }
    if !event.group.starts_with("/aws/lambda/") {
        return None;
    }
    memchr::memchr_iter(b'{', message.as_bytes()).find_map(|at| {
        let text = message.get(at..)?;
        let inner = text.get(1..)?.trim_ascii_start();
        inner.starts_with('"').then_some(text)
    })
}
