//! The DynamoDB capacity that an invocation consumed.

use std::sync::{Arc, Mutex, PoisonError};

/// Adds up consumed capacity. Clones share the sum; whoever ends an invocation takes it.
#[derive(Debug, Clone, Default)]
pub struct Usage(Arc<Mutex<Units>>);

/// Capacity units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl Usage {
    /// Counts a read.
    pub fn add_read(&self, units: f64) {
        self.with(|sum| sum.read += units);
    }

    /// Counts a write.
    pub fn add_write(&self, units: f64) {
        self.with(|sum| sum.write += units);
    }

    /// The sum since the last time, and starts again from nothing.
    #[must_use]
    pub fn take(&self) -> Units {
        self.with(std::mem::take)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Units) -> T) -> T {
        // Adding leaves a number whatever happens, so a poisoned lock is still good.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
