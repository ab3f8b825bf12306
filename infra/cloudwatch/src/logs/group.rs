//! One log group: its streams and its events, in the order of time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::{Key, LogEvent, after, first_of};

/// Bytes of messages that one group has in memory; the oldest events go first.
pub(super) const MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// What AWS adds to each event's message when it counts bytes.
pub(crate) const EVENT_OVERHEAD: usize = 26;

/// Events that a look takes at once, so that nobody waits long for the group.
const CHUNK: usize = 1024;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One log group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Arc<str>,
    /// Never held across an await, nor while a reader looks at events.
    state: Mutex<State>,
}

/// What changes in a group.
#[derive(Debug)]
pub(super) struct State {
    /// Milliseconds since the epoch.
    pub(super) created: i64,
    pub(super) retention_days: Option<u32>,
    pub(super) streams: BTreeMap<Arc<str>, Stream>,
    /// Bytes of all events.
    pub(super) stored_bytes: u64,
    events: BTreeMap<Key, Stored>,
    memory_bytes: usize,
}

/// One log stream. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: Arc<str>,
    /// When it was made.
    pub created: i64,
    /// The smallest timestamp of its events.
    pub first_event: Option<i64>,
    /// The largest.
    pub last_event: Option<i64>,
    /// When its newest event was kept.
    pub last_ingestion: Option<i64>,
}

/// What an event has besides its group and its place.
#[derive(Debug)]
struct Stored {
    stream: Arc<str>,
    ingestion: i64,
    message: Arc<str>,
}

/// A part of a look at events, and where the next part begins.
pub(super) struct Chunk {
    pub(super) events: Vec<LogEvent>,
    /// What is left to look at; `None` when that was all.
    pub(super) rest: Option<(Key, Key)>,
}

impl Group {
    pub(super) fn new(name: &str, now_ms: i64) -> Self {
        let state = State {
            created: now_ms,
            retention_days: None,
            streams: BTreeMap::new(),
            stored_bytes: 0,
            events: BTreeMap::new(),
            memory_bytes: 0,
        };
        Self { name: Arc::from(name), state: Mutex::new(state) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the group whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an event. `next_id` is asked under the group's lock: ids grow in the order of arrival.
    pub(super) fn keep(
        &self,
        stream: &str,
        (timestamp, message): (i64, Arc<str>),
        ingestion: i64,
        next_id: impl FnOnce() -> u64,
    ) -> LogEvent {
        let mut state = self.lock();
        let stream = state.touch(stream, timestamp, ingestion);
        let key = (timestamp, next_id());
        state.stored_bytes += (message.len() + EVENT_OVERHEAD) as u64;
        state.memory_bytes += message.len();
        let stored = Stored { stream, ingestion, message };
        let event = self.event(key, &stored);
        state.events.insert(key, stored);
        state.make_room();
        event
    }

    /// The first events of a range of places, both ends in it.
    pub(super) fn chunk(&self, (from, to): (Key, Key)) -> Chunk {
        if from > to {
            return Chunk { events: Vec::new(), rest: None };
        }
        let state = self.lock();
        let range = state.events.range(from..=to);
        let event = |(key, stored): (&Key, &Stored)| self.event(*key, stored);
        let events: Vec<_> = range.take(CHUNK).map(event).collect();
        let rest = match events.last() {
            Some(last) if events.len() == CHUNK => Some((after(last.key()), to)),
            _ => None,
        };
        Chunk { events, rest }
    }

    fn event(&self, (timestamp, id): Key, stored: &Stored) -> LogEvent {
        LogEvent {
            group: Arc::clone(&self.name),
            stream: Arc::clone(&stored.stream),
            timestamp,
            ingestion: stored.ingestion,
            id,
            message: Arc::clone(&stored.message),
        }
    }
}

impl State {
    /// The events of before this time are too old for the group's retention.
    pub(super) fn expired_before(&self, now_ms: i64) -> Option<i64> {
        self.retention_days.map(|days| now_ms.saturating_sub(i64::from(days) * DAY_MS))
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now_ms: i64) {
        let Some(until) = self.expired_before(now_ms) else { return };
        let kept = self.events.split_off(&first_of(until));
        for stored in std::mem::replace(&mut self.events, kept).into_values() {
            self.memory_bytes -= stored.message.len();
            let bytes = (stored.message.len() + EVENT_OVERHEAD) as u64;
            self.stored_bytes = self.stored_bytes.saturating_sub(bytes);
        }
    }

    /// The stream's name; the stream is made when it is missing, and has one event more.
    fn touch(&mut self, name: &str, timestamp: i64, ingestion: i64) -> Arc<str> {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.first_event = Some(stream.first_event.map_or(timestamp, |first| first.min(timestamp)));
            stream.last_event = Some(stream.last_event.map_or(timestamp, |last| last.max(timestamp)));
            stream.last_ingestion = Some(ingestion);
            return Arc::clone(&stream.name);
        }
        let name: Arc<str> = Arc::from(name);
        let stream = Stream {
            name: Arc::clone(&name),
            created: ingestion,
            first_event: Some(timestamp),
            last_event: Some(timestamp),
            last_ingestion: Some(ingestion),
        };
        self.streams.insert(Arc::clone(&name), stream);
        name
    }

    /// Forgets the oldest events until the group's share of memory is enough.
    fn make_room(&mut self) {
        while self.memory_bytes > MEMORY_BYTES {
            let Some((_, oldest)) = self.events.pop_first() else { break };
            self.memory_bytes -= oldest.message.len();
            let bytes = (oldest.message.len() + EVENT_OVERHEAD) as u64;
            self.stored_bytes = self.stored_bytes.saturating_sub(bytes);
        }
    }
}
