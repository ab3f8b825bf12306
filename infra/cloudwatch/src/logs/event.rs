//! One log event, its place in the order of time, and its name on the wire.

use std::sync::Arc;

use crate::insights::Event;

/// One log event, as CloudWatch Logs keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The log group's name.
    pub group: Arc<str>,
    /// The log stream's name.
    pub stream: Arc<str>,
    /// When it happened: milliseconds since the epoch.
    pub timestamp: i64,
    /// When it was kept: milliseconds since the epoch.
    pub ingestion: i64,
    /// Unique in the store, and growing.
    pub id: u64,
    /// The line, without its newline.
    pub message: Arc<str>,
}

/// An event's place in its group: its timestamp, then its id.
pub(crate) type Key = (i64, u64);

/// The first place of a time.
pub(crate) const fn first_of(ms: i64) -> Key {
    (ms, 0)
}

/// The last place of a time.
pub(crate) const fn last_of(ms: i64) -> Key {
    (ms, u64::MAX)
}

/// The place after another.
pub(crate) const fn after((ms, id): Key) -> Key {
    match id.checked_add(1) {
        Some(id) => (ms, id),
        None => (ms.saturating_add(1), 0),
    }
}

/// The place before another.
pub(crate) const fn before((ms, id): Key) -> Key {
    match id.checked_sub(1) {
        Some(id) => (ms, id),
        None => (ms.saturating_sub(1), u64::MAX),
    }
}

impl LogEvent {
    pub(crate) const fn key(&self) -> Key {
        (self.timestamp, self.id)
    }

    /// `eventId` of FilterLogEvents: 56 digits, as AWS's have. Text order is the order of time.
    #[must_use]
    pub fn event_id(&self) -> String {
        digits(self.key())
    }
}

impl<'a> From<&'a LogEvent> for Event<'a> {
    fn from(event: &'a LogEvent) -> Self {
        Self {
            group: &event.group,
            stream: &event.stream,
            timestamp: event.timestamp,
            ingestion: event.ingestion,
            id: event.id,
            message: &event.message,
        }
    }
}

/// A place as 56 digits.
pub(crate) fn digits((ms, id): Key) -> String {
    let ms = u128::from(u64::try_from(ms).unwrap_or(0));
    format!("{:056}", (ms << 64) | u128::from(id))
}

/// The place that digits say; `None` when they are none of ours.
pub(crate) fn from_digits(text: &str) -> Option<Key> {
    let number: u128 = text.parse().ok()?;
    let ms = i64::try_from(number >> 64).ok()?;
    let id = u64::try_from(number & u128::from(u64::MAX)).ok()?;
    Some((ms, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_keep_the_order_and_come_back() {
        let keys = [(0, 0), (0, 7), (1, 0), (1_790_328_012_000, 5), (1_790_328_012_000, u64::MAX)];
        let texts = keys.map(digits);
        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == 56), "{texts:?}");
        assert_eq!(texts.map(|text| from_digits(&text).unwrap()), keys);
        assert_eq!(from_digits("x"), None);
    }

    #[test]
    fn neighbours_cross_milliseconds() {
        assert_eq!((after((1, u64::MAX)), before((2, 0))), ((2, 0), (1, u64::MAX)));
        assert_eq!((after((1, 1)), before((1, 1))), ((1, 2), (1, 0)));
    }
}
