//! The log store: groups, streams and their events, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

/// Bytes of messages that one group keeps; the oldest events go first.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Events that a slow reader of [`LogStore::follow`] may fall behind before it misses some.
const FOLLOW_CAPACITY: usize = 4096;

/// One log event, as CloudWatch Logs keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The log group's name.
    pub group: Arc<str>,
    /// The log stream's name.
    pub stream: Arc<str>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The line, without its newline.
    pub message: String,
}

/// Log groups in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct LogStore {
    /// Written by `append`; never held across an await.
    groups: Arc<Mutex<BTreeMap<Arc<str>, Group>>>,
    /// Everyone who follows; an event is sent after it is kept.
    followers: broadcast::Sender<LogEvent>,
}

/// One group: its events in the order of their arrival.
#[derive(Debug, Default)]
struct Group {
    events: VecDeque<LogEvent>,
    bytes: usize,
}

impl Default for LogStore {
    fn default() -> Self {
        let (followers, _) = broadcast::channel(FOLLOW_CAPACITY);
        Self { groups: Arc::default(), followers }
    }
}

impl LogStore {
    /// Makes an empty group, unless it is there.
    pub fn create_group(&self, group: &str) {
        self.lock().entry(Arc::from(group)).or_default();
    }

    /// Keeps one event and tells the followers. The group is made when it is missing.
    pub fn append(&self, group: &str, stream: &str, timestamp: i64, message: String) {
        let event = LogEvent { group: Arc::from(group), stream: Arc::from(stream), timestamp, message };
        self.lock().entry(Arc::clone(&event.group)).or_default().push(event.clone());
        // An error only says that nobody follows.
        let _ = self.followers.send(event);
    }

    /// A group's events in the order of their arrival; empty when there is no such group.
    #[must_use]
    pub fn events(&self, group: &str) -> Vec<LogEvent> {
        self.lock().get(group).map(|group| group.events.iter().cloned().collect()).unwrap_or_default()
    }

    /// The names of all groups, sorted.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<str>> {
        self.lock().keys().cloned().collect()
    }

    /// Every event from now on, of all groups.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<LogEvent> {
        self.followers.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Group>> {
        // Every critical section leaves the map whole, so a poisoned lock is still good.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn push(&mut self, event: LogEvent) {
        self.bytes += event.message.len();
        self.events.push_back(event);
        while self.bytes > GROUP_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.message.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_events_in_order_and_tells_followers() {
        let store = LogStore::default();
        let mut follower = store.follow();
        store.append("g", "s", 1, "one".to_owned());
        store.append("g", "s", 2, "two".to_owned());
        let kept: Vec<_> = store.events("g").into_iter().map(|event| event.message).collect();
        assert_eq!(kept, ["one", "two"]);
        assert_eq!(follower.try_recv().unwrap().message, "one");
    }

    #[test]
    fn a_full_group_drops_its_oldest_events_only() {
        let store = LogStore::default();
        store.append("other", "s", 0, "kept".to_owned());
        let line = "x".repeat(GROUP_BYTES / 2);
        for timestamp in 1..=3 {
            store.append("g", "s", timestamp, line.clone());
        }
        let kept: Vec<_> = store.events("g").into_iter().map(|event| event.timestamp).collect();
        assert_eq!(kept, [2, 3]);
        assert_eq!(store.events("other").len(), 1);
    }
}
