//! One log group: its streams and its events, in the order of time.
//!
//! With a file below, memory has the newest part of the events only: what stands before the
//! group's `floor` is read from the file.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::disk::{Change, Disk, Found, GroupRecord};
use super::event::{Key, LogEvent, after, before, first_of};
use super::metric_filter::{Compiled, MetricFilter};

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
    pub(super) number: i64,
    /// Replaced as a whole, so that events come by without the group's lock.
    pub(super) filters: RwLock<Arc<Vec<Compiled>>>,
    pub(super) incoming: Volume,
    /// Never held across an await, nor while a reader looks at events.
    state: Mutex<State>,
}

/// Events that came in since this was last asked.
#[derive(Debug, Default)]
pub(super) struct Volume {
    pub(super) events: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// What changes in a group.
#[derive(Debug)]
pub(super) struct State {
    /// Milliseconds since the epoch.
    pub(super) created: i64,
    pub(super) retention_days: Option<u32>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) streams: BTreeMap<Arc<str>, Stream>,
    /// Bytes of all events.
    pub(super) stored_bytes: u64,
    events: BTreeMap<Key, Stored>,
    memory_bytes: usize,
    /// Events before this place are not in memory.
    floor: Key,
    /// It was deleted: events that are on their way to it are lost with it.
    pub(super) deleted: bool,
}

/// One log stream. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub(super) number: i64,
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

/// A part of a look at events, and what is left to look at.
pub(super) struct Chunk {
    pub(super) events: Vec<LogEvent>,
    pub(super) rest: Option<(Key, Key)>,
}

/// In which order events are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The oldest first.
    Forward,
    /// The newest first.
    Backward,
}

impl Group {
    pub(super) fn new(name: &str, number: i64, now_ms: i64) -> Self {
        let state = State {
            created: now_ms,
            retention_days: None,
            tags: BTreeMap::new(),
            streams: BTreeMap::new(),
            stored_bytes: 0,
            events: BTreeMap::new(),
            memory_bytes: 0,
            floor: first_of(i64::MIN),
            deleted: false,
        };
        Self {
            name: Arc::from(name),
            number,
            filters: RwLock::default(),
            incoming: Volume::default(),
            state: Mutex::new(state),
        }
    }

    /// A group that was in the file; its events stay there.
    pub(super) fn found(found: Found) -> Self {
        let Found { record, stored_bytes, streams } = found;
        let group = Self::new(&record.name, record.number, record.created);
        // The patterns were read before they were kept.
        let filters = record.filters.into_iter().filter_map(|filter| Compiled::new(filter).ok()).collect();
        *group.filters.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(filters);
        let mut state = group.lock();
        state.retention_days = record.retention_days;
        state.tags = serde_json::from_str(&record.tags).unwrap_or_default();
        state.stored_bytes = stored_bytes;
        let last = streams.iter().filter_map(|stream| stream.last_event).max();
        state.floor = first_of(last.map_or(i64::MIN, |last| last.saturating_add(1)));
        state.streams = streams.into_iter().map(|stream| (Arc::clone(&stream.name), stream)).collect();
        drop(state);
        group
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the group whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn compiled_filters(&self) -> Arc<Vec<Compiled>> {
        Arc::clone(&self.filters.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn metric_filters(&self) -> Vec<MetricFilter> {
        self.compiled_filters().iter().map(|compiled| compiled.filter.clone()).collect()
    }

    /// The group as it is kept.
    pub(super) fn record(&self, state: &State) -> GroupRecord {
        GroupRecord {
            number: self.number,
            name: Arc::clone(&self.name),
            created: state.created,
            retention_days: state.retention_days,
            tags: serde_json::to_string(&state.tags).unwrap_or_default(),
            filters: self.metric_filters(),
        }
    }

    /// Keeps an event. `numbers` gives ids, and a number for a new stream.
    pub(super) fn keep(
        &self,
        stream: &str,
        (timestamp, message): (i64, Arc<str>),
        ingestion: i64,
        numbers: &dyn Numbers,
        disk: Option<&Disk>,
    ) -> LogEvent {
        let mut state = self.lock();
        let (stream, number) = self.touch(&mut state, stream, timestamp, ingestion, numbers, disk);
        // Asked under the lock: ids grow in the order of arrival.
        let key = (timestamp, numbers.next_id());
        state.stored_bytes += (message.len() + EVENT_OVERHEAD) as u64;
        if let Some(disk) = disk.filter(|_| !state.deleted) {
            let (group, message) = (self.number, Arc::clone(&message));
            disk.send(Change::Event { group, stream: number, key, ingestion, message });
        }
        let stored = Stored { stream, ingestion, message };
        let event = self.event(key, &stored);
        if key >= state.floor {
            state.memory_bytes += event.message.len();
            state.events.insert(key, stored);
            state.make_room(disk.is_some());
        }
        event
    }

    /// The stream's name and number; it is made when it is missing, and has one event more.
    fn touch(
        &self,
        state: &mut State,
        name: &str,
        timestamp: i64,
        ingestion: i64,
        numbers: &dyn Numbers,
        disk: Option<&Disk>,
    ) -> (Arc<str>, i64) {
        if !state.streams.contains_key(name) {
            self.add_stream(state, name, ingestion, numbers, disk);
        }
        let Some(stream) = state.streams.get_mut(name) else { return (Arc::from(name), 0) };
        stream.first_event = Some(stream.first_event.map_or(timestamp, |first| first.min(timestamp)));
        stream.last_event = Some(stream.last_event.map_or(timestamp, |last| last.max(timestamp)));
        stream.last_ingestion = Some(ingestion);
        (Arc::clone(&stream.name), stream.number)
    }

    /// Makes an empty stream.
    pub(super) fn add_stream(
        &self,
        state: &mut State,
        name: &str,
        created: i64,
        numbers: &dyn Numbers,
        disk: Option<&Disk>,
    ) {
        let name: Arc<str> = Arc::from(name);
        let number = numbers.next_number();
        if let Some(disk) = disk {
            disk.send(Change::Stream { group: self.number, number, name: Arc::clone(&name), created });
        }
        let stream = Stream {
            number,
            name: Arc::clone(&name),
            created,
            first_event: None,
            last_event: None,
            last_ingestion: None,
        };
        state.streams.insert(name, stream);
    }

    /// The first events of a range of places, both ends in it.
    pub(super) fn chunk(&self, range: (Key, Key), order: Order, disk: Option<&Disk>) -> Chunk {
        let (from, to) = range;
        if from > to {
            return Chunk { events: Vec::new(), rest: None };
        }
        let state = self.lock();
        let floor = state.floor;
        let is_below = match order {
            Order::Forward => from < floor,
            Order::Backward => to < floor,
        };
        // A part lies on one side of the floor; the other side comes when this one is at its end.
        let crosses = from < floor && floor <= to;
        let part = match order {
            Order::Forward if crosses => (from, before(floor)),
            Order::Backward if crosses => (floor, to),
            _ => range,
        };
        let beyond = match order {
            Order::Forward => (floor, to),
            Order::Backward => (from, before(floor)),
        };
        let events = match disk.filter(|_| is_below) {
            Some(disk) => {
                drop(state);
                disk.read((self.number, &self.name), part, order, CHUNK)
            }
            None => self.in_memory(&state, part, order),
        };
        let rest = match (events.last(), order) {
            (Some(last), Order::Forward) if events.len() == CHUNK => Some((after(last.key()), to)),
            (Some(last), Order::Backward) if events.len() == CHUNK => Some((from, before(last.key()))),
            _ if crosses => Some(beyond),
            _ => None,
        };
        Chunk { events, rest }
    }

    fn in_memory(&self, state: &State, (from, to): (Key, Key), order: Order) -> Vec<LogEvent> {
        if from > to {
            return Vec::new();
        }
        let range = state.events.range(from..=to);
        let event = |(key, stored): (&Key, &Stored)| self.event(*key, stored);
        match order {
            Order::Forward => range.take(CHUNK).map(event).collect(),
            Order::Backward => range.rev().take(CHUNK).map(event).collect(),
        }
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

    /// Forgets what is too old.
    pub(super) fn expire(&self, now_ms: i64, disk: Option<&Disk>) {
        let mut state = self.lock();
        let Some(until) = state.expired_before(now_ms) else { return };
        let freed = state.forget_before(until);
        let Some(disk) = disk else {
            state.stored_bytes = state.stored_bytes.saturating_sub(freed);
            return;
        };
        drop(state);
        let freed = disk.expire(self.number, until);
        let mut state = self.lock();
        state.stored_bytes = state.stored_bytes.saturating_sub(freed);
    }
}

/// Where ids and numbers come from.
pub(super) trait Numbers {
    fn next_id(&self) -> u64;
    fn next_number(&self) -> i64;
}

impl State {
    /// The events of before this time are too old for the group's retention.
    pub(super) fn expired_before(&self, now_ms: i64) -> Option<i64> {
        self.retention_days.map(|days| now_ms.saturating_sub(i64::from(days) * DAY_MS))
    }

    /// Forgets the events in memory of before a time; gives how many bytes those were.
    fn forget_before(&mut self, until: i64) -> u64 {
        let kept = self.events.split_off(&first_of(until));
        let gone = std::mem::replace(&mut self.events, kept);
        gone.into_values().map(|stored| self.forget(&stored)).sum()
    }

    /// Forgets a stream and its events.
    pub(super) fn remove_stream(&mut self, name: &str) -> Option<Stream> {
        let stream = self.streams.remove(name)?;
        let gone: Vec<Key> = {
            let of_stream = self.events.iter().filter(|(_, stored)| *stored.stream == *name);
            of_stream.map(|(key, _)| *key).collect()
        };
        for key in gone {
            if let Some(stored) = self.events.remove(&key) {
                let bytes = self.forget(&stored);
                self.stored_bytes = self.stored_bytes.saturating_sub(bytes);
            }
        }
        Some(stream)
    }

    /// Forgets the oldest events until the group's share of memory is enough. Those that are in a
    /// file stay there.
    fn make_room(&mut self, on_disk: bool) {
        while self.memory_bytes > MEMORY_BYTES {
            let Some((key, oldest)) = self.events.pop_first() else { break };
            let bytes = self.forget(&oldest);
            if on_disk {
                self.floor = after(key);
            } else {
                self.stored_bytes = self.stored_bytes.saturating_sub(bytes);
            }
        }
    }

    /// Counts an event out of memory; gives its bytes.
    fn forget(&mut self, stored: &Stored) -> u64 {
        self.memory_bytes = self.memory_bytes.saturating_sub(stored.message.len());
        (stored.message.len() + EVENT_OVERHEAD) as u64
    }
}
