//! Metrics: what was measured, by namespace, name and dimensions; statistics of it, and arithmetic
//! with them.

mod bucket;
mod disk;
mod journal;
pub(crate) mod label;
pub(crate) mod math;
pub(crate) mod query;
mod series;
pub(crate) mod statistic;
mod store;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::BTreeMap;

pub(crate) use bucket::Bucket;
pub use series::Recorder;
pub(crate) use series::{Grid, Identity, Series};
pub use store::MetricStore;
pub use unit::unit;

/// The values of one metric with one set of dimensions, at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// The metric's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
    /// One of CloudWatch's units; `None` when nothing is said.
    pub unit: &'static str,
    /// Storage resolution 1: kept by the second.
    pub high_resolution: bool,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// What was measured.
    pub values: Values,
}

/// What was measured. Percentiles need the samples; a statistic set has none.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Samples, each with how often it was seen.
    Samples(Vec<(f64, f64)>),
    /// What is left of samples.
    Statistics {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// All together.
        sum: f64,
        /// How many.
        count: f64,
    },
}

impl Values {
    /// All samples together.
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Self::Samples(samples) => samples.iter().map(|(value, count)| value * count).sum(),
            Self::Statistics { sum, .. } => *sum,
        }
    }
}
