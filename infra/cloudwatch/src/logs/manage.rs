//! Groups and streams: making, describing, changing and deleting them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::LogStore;
use super::disk::Change;
use super::group::{Group, Numbers, State, Stream};
use super::metric_filter::{Compiled, MetricFilter};
use crate::filter::PatternError;

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
    /// How many metric filters it has.
    pub metric_filters: usize,
}

/// Why a group or a stream cannot be had; the words are AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such group.
    #[error("The specified log group does not exist.")]
    NoGroup,
    /// There is no such stream.
    #[error("The specified log stream does not exist.")]
    NoStream,
    /// There is no such metric filter.
    #[error("The specified metric filter does not exist.")]
    NoFilter,
    /// There is such a group already.
    #[error("The specified log group already exists")]
    GroupExists,
    /// There is such a stream already.
    #[error("The specified log stream already exists")]
    StreamExists,
    /// A metric filter's pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl LogStore {
    /// Makes an empty group.
    ///
    /// # Errors
    /// [`StoreError::GroupExists`].
    pub fn create_group(&self, group: &str) -> Result<(), StoreError> {
        let mut groups = self.inner.groups.write().unwrap_or_else(PoisonError::into_inner);
        if groups.contains_key(group) {
            return Err(StoreError::GroupExists);
        }
        let made = Group::new(group, self.inner.counters.next_number(), self.now_ms());
        self.send(|| Change::Group(made.record(&made.lock())));
        groups.insert(Arc::clone(&made.name), Arc::new(made));
        Ok(())
    }

    /// Deletes a group with all that is in it.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn delete_group(&self, group: &str) -> Result<(), StoreError> {
        let mut groups = self.inner.groups.write().unwrap_or_else(PoisonError::into_inner);
        let gone = groups.remove(group).ok_or(StoreError::NoGroup)?;
        gone.lock().deleted = true;
        self.send(|| Change::DropGroup(gone.number));
        Ok(())
    }

    /// Makes an empty stream.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`] and [`StoreError::StreamExists`].
    pub fn create_stream(&self, group: &str, stream: &str) -> Result<(), StoreError> {
        let group = self.group(group)?;
        let mut state = group.lock();
        if state.streams.contains_key(stream) {
            return Err(StoreError::StreamExists);
        }
        let inner = &*self.inner;
        group.add_stream(&mut state, stream, inner.clock.now_ms(), &inner.counters, inner.disk.as_ref());
        Ok(())
    }

    /// Deletes a stream with its events.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`] and [`StoreError::NoStream`].
    pub fn delete_stream(&self, group: &str, stream: &str) -> Result<(), StoreError> {
        let group = self.group(group)?;
        let mut state = group.lock();
        let gone = state.remove_stream(stream).ok_or(StoreError::NoStream)?;
        self.send(|| Change::DropStream { group: group.number, number: gone.number });
        Ok(())
    }

    /// Says how many days a group's events are kept; `None` for ever. What is older goes at one of
    /// the next calls of [`LogStore::tick`].
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn set_retention(&self, group: &str, days: Option<u32>) -> Result<(), StoreError> {
        self.change(group, |state| state.retention_days = days)
    }

    /// Changes a group's tags.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub(crate) fn change_tags(
        &self,
        group: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), StoreError> {
        self.change(group, |state| change(&mut state.tags))
    }

    pub(crate) fn tags(&self, group: &str) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.group(group)?.lock().tags.clone())
    }

    /// Puts a metric filter, in the place of one of the same name.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`] and [`StoreError::Pattern`].
    pub fn put_metric_filter(&self, group: &str, mut filter: MetricFilter) -> Result<(), StoreError> {
        filter.creation_time = self.now_ms();
        Compiled::new(filter.clone())?;
        self.change_filters(group, |filters| {
            filters.retain(|other| other.filter_name != filter.filter_name);
            filters.push(filter);
            filters.sort_by(|a, b| a.filter_name.cmp(&b.filter_name));
            Ok(())
        })
    }

    /// Deletes a metric filter.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`] and [`StoreError::NoFilter`].
    pub fn delete_metric_filter(&self, group: &str, name: &str) -> Result<(), StoreError> {
        self.change_filters(group, |filters| {
            let before = filters.len();
            filters.retain(|filter| filter.filter_name != name);
            if filters.len() == before { Err(StoreError::NoFilter) } else { Ok(()) }
        })
    }

    /// A group's metric filters, by name.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn metric_filters(&self, group: &str) -> Result<Vec<MetricFilter>, StoreError> {
        Ok(self.group(group)?.metric_filters())
    }

    fn change_filters(
        &self,
        group: &str,
        change: impl FnOnce(&mut Vec<MetricFilter>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let group = self.group(group)?;
        // The state's lock orders changes of the filters, too.
        let state = group.lock();
        let mut filters = group.metric_filters();
        change(&mut filters)?;
        let compiled = filters.into_iter().map(Compiled::new).collect::<Result<_, _>>()?;
        *group.filters.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(compiled);
        self.send(|| Change::Group(group.record(&state)));
        Ok(())
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
        let metric_filters = group.compiled_filters().len();
        let state = group.lock();
        Ok(GroupInfo {
            name: Arc::clone(&group.name),
            created: state.created,
            retention_days: state.retention_days,
            stored_bytes: state.stored_bytes,
            metric_filters,
        })
    }

    /// A group's streams, by name.
    ///
    /// # Errors
    /// [`StoreError::NoGroup`].
    pub fn streams(&self, group: &str) -> Result<Vec<Stream>, StoreError> {
        Ok(self.group(group)?.lock().streams.values().cloned().collect())
    }

    fn change(&self, group: &str, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let group = self.group(group)?;
        let mut state = group.lock();
        change(&mut state);
        self.send(|| Change::Group(group.record(&state)));
        Ok(())
    }

    pub(super) fn send(&self, change: impl FnOnce() -> Change) {
        if let Some(disk) = &self.inner.disk {
            disk.send(change());
        }
    }
}
