//! Time is a port: whoever needs the hour takes a [`Clock`].

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep_until};

/// Some time that passes.
pub type Pause<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;

    /// Waits for `ms` milliseconds.
    fn pause(&self, ms: u64) -> Pause<'_>;

    /// Seconds since the epoch, as DynamoDB's time to live counts.
    fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that others take")]
        let now = SystemTime::now();
        // A clock before 1970 is no clock; zero keeps rows and lines valid.
        now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn pause(&self, ms: u64) -> Pause<'_> {
        Box::pin(sleep_until(Instant::now() + Duration::from_millis(ms)))
    }
}

/// A clock that stands still until it is moved, or somebody waits. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Stands at `now_ms`.
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Goes on by `ms` milliseconds.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Others have their turn, then it is so much later: several that wait do so at once.
    fn pause(&self, ms: u64) -> Pause<'_> {
        let until = self.now_ms().saturating_add_unsigned(ms);
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.fetch_max(until, Ordering::Relaxed);
        })
    }
}
