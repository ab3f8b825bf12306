//! The log store: groups, streams and their events.
//!
//! Every group has a lock of its own. Events stand in the order of their timestamps, so that a
//! minute out of a day costs by the minute; late ones find their place.

mod event;
mod group;
mod ingest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

pub use self::event::LogEvent;
use self::event::{first_of, last_of};
use self::group::Group;
pub use self::group::Stream;
use self::ingest::Intake;
use crate::clock::{Clock, SystemClock};
use crate::emf::Ledger;
use crate::metrics::MetricStore;

/// Events that a slow reader of [`LogStore::follow`] may fall behind before it misses some.
const FOLLOW_CAPACITY: usize = 4096;

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
    next_id: AtomicU64,
    clock: Arc<dyn Clock>,
    intake: Intake,
}

/// What a log group is, besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: Arc<str>,
    /// When it was made: milliseconds since the epoch.
    pub created: i64,
    /// How many days events are kept; `None` for ever.
    pub retention_days: Option<u32>,
    /// Bytes of its events, with the 26 that AWS counts for each.
    pub stored_bytes: u64,
}

/// Why a group or a stream cannot be had; the words are AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such group.
    #[error("The specified log group does not exist.")]
    NoGroup,
    /// There is no such stream.
    #[error("The specified log stream does not exist.")]
    NoStream,
    /// There is such a group already.
    #[error("The specified log group already exists")]
    GroupExists,
    /// There is such a stream already.
    #[error("The specified log stream already exists")]
    StreamExists,
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
        let (followers, _) = broadcast::channel(FOLLOW_CAPACITY);
        let inner = Inner {
            groups: RwLock::default(),
            followers,
            next_id: AtomicU64::new(1),
            clock,
            intake: Intake { metrics, ledger: Ledger::default() },
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes an empty group.
    ///
    /// # Errors
    /// [`StoreError::GroupExists`].
    pub fn create_group(&self, group: &str) -> Result<(), StoreError> {
        let mut groups = self.inner.groups.write().unwrap_or_else(PoisonError::into_inner);
        if groups.contains_key(group) {
            return Err(StoreError::GroupExists);
        }
        let made = Group::new(group, self.inner.clock.now_ms());
        groups.insert(Arc::clone(&made.name), Arc::new(made));
        Ok(())
    }

    /// Says how many days a group's events are kept; `None` for ever. What is older goes at the next
    /// [`LogStore::tick`].
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn set_retention(&self, group: &str, days: Option<u32>) -> Result<(), StoreError> {
        self.group(group)?.lock().retention_days = days;
        Ok(())
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

    /// One event's way: it is kept, its metrics are found, and the followers are told.
    fn ingest(&self, group: &Group, stream: &str, timestamp: i64, message: Arc<str>) {
        let inner = &*self.inner;
        let next_id = || inner.next_id.fetch_add(1, Ordering::Relaxed);
        let event = group.keep(stream, (timestamp, message), inner.clock.now_ms(), next_id);
        inner.intake.extract(&event, &*inner.clock);
        // An error only says that nobody follows.
        let _ = inner.followers.send(event);
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
        for group in groups {
            let Ok(group) = self.group(group) else { continue };
            let mut range = Some((first_of(from_ms), last_of(to_ms)));
            while let Some(part) = range {
                let chunk = group.chunk(part);
                if chunk.events.iter().try_for_each(&mut *visit).is_break() {
                    return;
                }
                range = chunk.rest;
            }
        }
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

    /// The names of all groups, sorted.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<str>> {
        self.inner.groups.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// What a group is.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn describe_group(&self, group: &str) -> Result<GroupInfo, StoreError> {
        let group = self.group(group)?;
        let state = group.lock();
        Ok(GroupInfo {
            name: Arc::clone(&group.name),
            created: state.created,
            retention_days: state.retention_days,
            stored_bytes: state.stored_bytes,
        })
    }

    /// A group's streams, by name.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn streams(&self, group: &str) -> Result<Vec<Stream>, StoreError> {
        Ok(self.group(group)?.lock().streams.values().cloned().collect())
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

    /// What has to be done from time to time, every second or so: events that are too old for their
    /// group's retention go.
    pub fn tick(&self) {
        let now_ms = self.inner.clock.now_ms();
        let groups: Vec<_> = {
            let groups = self.inner.groups.read().unwrap_or_else(PoisonError::into_inner);
            groups.values().cloned().collect()
        };
        for group in groups {
            group.lock().expire(now_ms);
        }
    }

    fn group(&self, name: &str) -> Result<Arc<Group>, StoreError> {
        let groups = self.inner.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned().ok_or(StoreError::NoGroup)
    }
}
