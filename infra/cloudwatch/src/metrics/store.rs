//! The metric store: every series, in memory, and in a file when there is a folder for it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::Datum;
use super::disk::{Disk, Kept};
use super::journal::Journal;
use super::series::{Identity, Recorder, Series};
use crate::sqlite::OpenError;

/// Series that are kept; beyond, those without news for the longest time go first.
const MAX_SERIES: usize = 20_000;

/// Metrics. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MetricStore {
    /// Never held across an await.
    series: Arc<RwLock<HashMap<Identity, Arc<Series>>>>,
    disk: Option<Arc<Disk>>,
}

impl MetricStore {
    /// A store that keeps its metrics in a folder, which is made when it is missing. What
    /// [`MetricStore::flush`] has confirmed is there again, whatever happens to this process.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let (disk, kept) = Disk::open(folder)?;
        let store = Self { disk: Some(Arc::new(disk)), ..Self::default() };
        for Kept { identity, place, bucket } in kept {
            store.series(identity).restore(place, &bucket);
        }
        Ok(store)
    }

    /// Waits until everything that came in so far is kept for good; at once in memory.
    ///
    /// # Errors
    /// What SQLite said when it could not write; it is tried again with the next flush.
    pub fn flush(&self) -> Result<(), String> {
        let Some(disk) = &self.disk else { return Ok(()) };
        disk.flush(|waiting| waiting.extend(self.read().values().flat_map(Series::news)))
    }

    /// What has to be done from time to time, every second or so: what was recorded is kept, and once
    /// a minute the file is put in order. It may wait for the disk. The time is in milliseconds since
    /// the epoch.
    pub fn tick(&self, now_ms: i64) {
        if let Some(disk) = &self.disk {
            // The writer has logged what went wrong.
            let _ = self.flush();
            disk.settle(now_ms.div_euclid(1000));
        }
    }

    /// Keeps what was measured.
    pub fn put(&self, datum: Datum) {
        let Datum { namespace, name, dimensions, unit, high_resolution, timestamp, values } = datum;
        let series = self.series(Identity { namespace, name, dimensions });
        series.write(unit, timestamp, high_resolution, |bucket| bucket.add(&values));
    }

    /// A handle to one series, for whoever writes often: recording with it neither allocates nor
    /// looks anything up.
    #[must_use]
    pub fn recorder(
        &self,
        namespace: &str,
        name: &str,
        dimensions: BTreeMap<String, String>,
        unit: &'static str,
    ) -> Recorder {
        let identity = Identity { namespace: namespace.to_owned(), name: name.to_owned(), dimensions };
        Recorder { series: self.series(identity), unit }
    }

    /// Lets what is old grow coarse and forgets what is too old, as CloudWatch does. To be called
    /// every minute or so; the time is in milliseconds since the epoch.
    pub fn roll_up(&self, now_ms: i64) {
        for series in self.all() {
            series.roll_up(now_ms.div_euclid(1000));
        }
    }

    /// The series of an identity, if there is one.
    pub(crate) fn find(&self, identity: &Identity) -> Option<Arc<Series>> {
        self.read().get(identity).cloned()
    }

    /// All series, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Series>> {
        self.read().values().cloned().collect()
    }

    /// The series of an identity, made when there is none.
    pub(crate) fn series(&self, identity: Identity) -> Arc<Series> {
        if let Some(series) = self.find(&identity) {
            return series;
        }
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SERIES {
            forget_quiet(&mut all);
        }
        let journal = self.disk.is_some().then(Journal::default);
        Arc::clone(all.entry(identity.clone()).or_insert_with(|| Arc::new(Series::new(identity, journal))))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Identity, Arc<Series>>> {
        // The map is whole between any two calls on it.
        self.series.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a tenth of the series: the quietest, but none that is being used.
fn forget_quiet(all: &mut HashMap<Identity, Arc<Series>>) {
    let is_free = |series: &Arc<Series>| Arc::strong_count(series) == 1 && !series.has_news();
    let free = all.values().filter(|series| is_free(series));
    let mut newest: Vec<i64> = free.map(|series| series.newest()).collect();
    let place = (MAX_SERIES / 10).min(newest.len().saturating_sub(1));
    if newest.is_empty() {
        return;
    }
    let (_, limit, _) = newest.select_nth_unstable(place);
    let limit = *limit;
    let mut left = MAX_SERIES / 10;
    all.retain(|_, series| {
        let goes = left > 0 && series.newest() <= limit && is_free(series);
        left -= usize::from(goes);
        !goes
    });
}
