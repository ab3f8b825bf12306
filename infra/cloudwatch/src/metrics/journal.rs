//! What has come to a series and is not in the file yet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::bucket::Bucket;

/// Seconds of a minute's data.
pub(super) const MINUTE: i64 = 60;

/// Seconds of data of high resolution.
pub(super) const SECOND: i64 = 1;

/// Which data: the start of their time, its length and their unit. Times are in seconds.
pub(super) type Place = (i64, i64, &'static str);

/// New data of one series, put together by time.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// A look that costs less than the lock.
    has_news: AtomicBool,
    /// Never held across an await.
    parts: Mutex<BTreeMap<Place, Bucket>>,
}

impl Journal {
    /// Notes what changes the bucket of a second, as [`super::Series`] does it to its own.
    pub(super) fn note(
        &self,
        unit: &'static str,
        second: i64,
        high_resolution: bool,
        change: impl Fn(&mut Bucket),
    ) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if high_resolution {
            change(parts.entry((second, SECOND, unit)).or_default());
        }
        change(parts.entry((second - second.rem_euclid(MINUTE), MINUTE, unit)).or_default());
        self.has_news.store(true, Ordering::Release);
    }

    /// Whether there is anything that [`Self::take`] would give.
    pub(super) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Acquire)
    }

    /// What was noted since the last time.
    pub(super) fn take(&self) -> BTreeMap<Place, Bucket> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_news.store(false, Ordering::Release);
        std::mem::take(&mut parts)
    }
}
