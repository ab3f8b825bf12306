//! What was wrong with documents so far: each fault once, with how often it was seen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, Reason};
use crate::logs::LogEvent;

/// Different faults that are kept. A place can be any member's name, so there is no end to them.
const MAX_ENTRIES: usize = 1_000;

/// One fault of a log group's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The log group.
    pub group: Arc<str>,
    /// The log stream of the first such event.
    pub stream: Arc<str>,
    /// Why something was left out.
    pub reason: Reason,
    /// Where: see [`Fault::place`].
    pub place: String,
    /// How many events had it.
    pub count: u64,
    /// The smallest timestamp of such an event, milliseconds since the epoch.
    pub first: i64,
    /// The largest.
    pub last: i64,
    /// The event id of the first one that was seen, as FilterLogEvents has it.
    pub example: String,
}

/// The faults of all groups. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Never held across an await.
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    /// In the order in which each was first seen.
    entries: Vec<Entry>,
    /// Where in `entries` a group's fault is.
    places: HashMap<(Arc<str>, Fault), usize>,
}

impl Ledger {
    /// Notes an event's fault; `event_id` as FilterLogEvents has it.
    pub fn record(&self, event: &LogEvent, event_id: &str, fault: &Fault) {
        let mut book = self.lock();
        let key = (Arc::clone(&event.group), fault.clone());
        if let Some(entry) = book.places.get(&key).copied().and_then(|at| book.entries.get_mut(at)) {
            entry.count += 1;
            entry.first = entry.first.min(event.timestamp);
            entry.last = entry.last.max(event.timestamp);
        } else if book.entries.len() < MAX_ENTRIES {
            let at = book.entries.len();
            book.places.insert(key, at);
            book.entries.push(Entry {
                group: Arc::clone(&event.group),
                stream: Arc::clone(&event.stream),
                reason: fault.reason,
                place: fault.place.clone(),
                count: 1,
                first: event.timestamp,
                last: event.timestamp,
                example: event_id.to_owned(),
            });
        }
    }

    /// The faults in the order in which each was first seen, without the first `seen` of them: who
    /// has looked at `seen` entries gets those that are new.
    #[must_use]
    pub fn since(&self, seen: usize) -> Vec<Entry> {
        self.lock().entries.get(seen..).unwrap_or_default().to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // Every critical section leaves the book whole, so a poisoned lock is still good.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(timestamp: i64) -> LogEvent {
        let (group, stream, message) = ("g".into(), "s".into(), "".into());
        LogEvent { group, stream, timestamp, ingestion: timestamp, id: 1, message }
    }

    #[test]
    fn a_fault_is_kept_once_and_counted() {
        let ledger = Ledger::default();
        let fault = |place: &str| Fault { reason: Reason::UnitUnknown, place: place.to_owned() };
        ledger.record(&event(5), "id5", &fault("A"));
        ledger.record(&event(3), "id3", &fault("A"));
        ledger.record(&event(9), "id9", &fault("B"));
        let entries = ledger.since(0);
        let [a, b] = entries.as_slice() else { panic!("two faults: {entries:?}") };
        assert_eq!((a.count, a.first, a.last, a.example.as_str()), (2, 3, 5, "id5"));
        assert_eq!((b.count, b.place.as_str()), (1, "B"));
        assert_eq!(ledger.since(1), std::slice::from_ref(b));
        assert!(ledger.since(2).is_empty());
    }

    #[test]
    fn there_is_an_end_to_different_faults() {
        let ledger = Ledger::default();
        for place in 0..MAX_ENTRIES + 1 {
            let fault = Fault { reason: Reason::MetricTargetMissing, place: place.to_string() };
            ledger.record(&event(0), "id", &fault);
        }
        assert_eq!(ledger.since(0).len(), MAX_ENTRIES);
    }
}
