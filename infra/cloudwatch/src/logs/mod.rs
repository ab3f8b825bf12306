//! The log store: groups, streams and their events, in memory or in a file.
//!
//! Every group has a lock of its own. Events stand in the order of their timestamps, so that a
//! minute out of a day costs by the minute; late ones find their place.

mod definition;
mod disk;
mod event;
mod group;
mod ingest;
mod manage;
mod metric_filter;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

pub(crate) use self::definition::Definitions;
pub use self::definition::QueryDefinition;
use self::disk::{Content, Disk};
pub use self::event::LogEvent;
pub(crate) use self::event::{Key, after, before, digits, first_of, from_digits, last_of};
pub use self::group::Stream;
pub(crate) use self::group::{EVENT_OVERHEAD, Order};
use self::group::{Group, Numbers};
use self::ingest::Intake;
pub use self::manage::{GroupInfo, StoreError};
pub use self::metric_filter::{MetricFilter, Transformation};
use crate::clock::{Clock, SystemClock};
use crate::emf::{Known, Ledger};
use crate::metrics::MetricStore;
pub use crate::sqlite::OpenError;

/// Events that a slow reader of [`LogStore::follow`] may fall behind before it misses some.
const FOLLOW_CAPACITY: usize = 4096;

/// How often [`LogStore::tick`] looks for events that are too old.
const EXPIRY_MS: i64 = 60_000;

/// Log groups. Clones share them.
#[derive(Debug, Clone)]
pub struct LogStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Never held across an await, nor while a group is locked.
    groups: RwLock<BTreeMap<Arc<str>, Arc<Group>>>,
    /// Everyone who follows; an event is sent after it is kept.
    followers: broadcast::Sender<LogEvent>,
    counters: Counters,
    clock: Arc<dyn Clock>,
    intake: Intake,
    definitions: Definitions,
    disk: Option<Disk>,
    /// When events that were too old were last looked for.
    expired_at: AtomicI64,
}

/// Where ids and numbers come from.
#[derive(Debug)]
struct Counters {
    id: AtomicU64,
    number: AtomicI64,
}

impl Numbers for Counters {
    fn next_id(&self) -> u64 {
        self.id.fetch_add(1, Ordering::Relaxed)
    }

    fn next_number(&self) -> i64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for LogStore {
    fn default() -> Self {
        Self::new(MetricStore::default(), Arc::new(SystemClock))
    }
}

impl LogStore {
    /// An empty store in memory. Metrics in events go to `metrics`; `clock` says when events come in.
    #[must_use]
    pub fn new(metrics: MetricStore, clock: Arc<dyn Clock>) -> Self {
        Self::with(metrics, clock, None, Content::default())
    }

    /// A store that keeps its events in a folder, which is made when it is missing. What
    /// [`LogStore::flush`] has confirmed is there again, whatever happens to this process.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, metrics: MetricStore, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (disk, content) = Disk::open(folder)?;
        Ok(Self::with(metrics, clock, Some(disk), content))
    }

    fn with(metrics: MetricStore, clock: Arc<dyn Clock>, disk: Option<Disk>, content: Content) -> Self {
        let (followers, _) = broadcast::channel(FOLLOW_CAPACITY);
        let groups = content.groups.into_iter().map(Group::found);
        let inner = Inner {
            groups: RwLock::new(groups.map(|group| (Arc::clone(&group.name), Arc::new(group))).collect()),
            followers,
            counters: Counters {
                id: AtomicU64::new(content.next_id),
                number: AtomicI64::new(content.next_number),
            },
            clock,
            intake: Intake { metrics, ledger: Ledger::default(), known: Known::default() },
            definitions: Definitions::found(&content.definitions),
            disk,
            expired_at: AtomicI64::new(i64::MIN),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Keeps one event and tells the followers. The group and the stream are made when they are
    /// missing.
    pub fn append(&self, group: &str, stream: &str, timestamp: i64, message: impl Into<Arc<str>>) {
        let found = self.group(group).or_else(|_| {
            // Someone else may have made it in between: then there it is.
            let _ = self.create_group(group);
            self.group(group)
        });
        if let Ok(group) = found {
            self.ingest(&group, stream, timestamp, message.into());
        }
    }

    /// Keeps events of a stream that is there.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`] and [`StoreError::NoStream`]; then nothing is kept.
    pub fn put(
        &self,
        group: &str,
        stream: &str,
        events: impl IntoIterator<Item = (i64, Arc<str>)>,
    ) -> Result<(), StoreError> {
        let group = self.group(group)?;
        if !group.lock().streams.contains_key(stream) {
            return Err(StoreError::NoStream);
        }
        for (timestamp, message) in events {
            self.ingest(&group, stream, timestamp, message);
        }
        Ok(())
    }

    /// One event's way: it is kept, its metrics are found, and the followers are told.
    fn ingest(&self, group: &Group, stream: &str, timestamp: i64, message: Arc<str>) {
        let inner = &*self.inner;
        let ingestion = inner.clock.now_ms();
        let event = group.keep(stream, (timestamp, message), ingestion, &inner.counters, inner.disk.as_ref());
        inner.intake.measure(&event, group);
        // An error only says that nobody follows.
        let _ = inner.followers.send(event);
    }

    /// Waits until everything that came in so far is kept for good, with the metrics in it; at once
    /// in memory.
    ///
    /// # Errors
    /// What the file system or SQLite said when it refused events, which are lost then.
    pub fn flush(&self) -> Result<(), String> {
        self.inner.disk.as_ref().map_or(Ok(()), Disk::flush)?;
        self.inner.intake.metrics.flush()
    }

    /// Visits the events of a time range (milliseconds since the epoch, both ends in it), group by
    /// group, each group's in the order of time. A group that is not there has none. The visitor may
    /// use the store.
    pub fn scan(
        &self,
        groups: &[&str],
        from_ms: i64,
        to_ms: i64,
        visit: &mut dyn FnMut(&LogEvent) -> ControlFlow<()>,
    ) {
        let range = (first_of(from_ms), last_of(to_ms));
        for group in groups {
            if self.read(group, range, Order::Forward, visit).is_break() {
                return;
            }
        }
    }

    /// Visits the events of a group in a range of places, both ends in it.
    pub(crate) fn read(
        &self,
        group: &str,
        range: (Key, Key),
        order: Order,
        visit: &mut dyn FnMut(&LogEvent) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Ok(group) = self.group(group) else { return ControlFlow::Continue(()) };
        let mut part = Some(range);
        while let Some(range) = part {
            let chunk = group.chunk(range, order, self.inner.disk.as_ref());
            chunk.events.iter().try_for_each(&mut *visit)?;
            part = chunk.rest;
        }
        ControlFlow::Continue(())
    }

    /// The first and the last time of a group's events in a range; `None` when there are none.
    pub(crate) fn span(&self, group: &str, from_ms: i64, to_ms: i64) -> Option<(i64, i64)> {
        let end = |order| {
            let mut found = None;
            let _ = self.read(group, (first_of(from_ms), last_of(to_ms)), order, &mut |event| {
                found = Some(event.timestamp);
                ControlFlow::Break(())
            });
            found
        };
        Some((end(Order::Forward)?, end(Order::Backward)?))
    }

    /// A group's events in the order of time; empty when there is no such group.
    #[must_use]
    pub fn events(&self, group: &str) -> Vec<LogEvent> {
        let mut events = Vec::new();
        self.scan(&[group], i64::MIN, i64::MAX, &mut |event| {
            events.push(event.clone());
            ControlFlow::Continue(())
        });
        events
    }

    /// Every event from now on, of all groups.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<LogEvent> {
        self.inner.followers.subscribe()
    }

    /// What was wrong with metrics in log lines.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.inner.intake.ledger
    }

    /// When it is, as this store sees it: milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// What has to be done from time to time, every second or so: the metrics of what came in are
    /// put, and once a minute events go that are too old for their group's retention.
    pub fn tick(&self) {
        let now_ms = self.now_ms();
        let groups: Vec<_> = {
            let groups = self.inner.groups.read().unwrap_or_else(PoisonError::into_inner);
            groups.values().cloned().collect()
        };
        self.inner.intake.report(&groups, now_ms);
        let last = self.inner.expired_at.load(Ordering::Relaxed);
        if now_ms.saturating_sub(last) < EXPIRY_MS {
            return;
        }
        self.inner.expired_at.store(now_ms, Ordering::Relaxed);
        for group in groups {
            group.expire(now_ms, self.inner.disk.as_ref());
        }
    }

    fn group(&self, name: &str) -> Result<Arc<Group>, StoreError> {
        let groups = self.inner.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned().ok_or(StoreError::NoGroup)
    }
}
