//! The metrics of a function: namespace `AWS/Lambda`.
//!
//! Lambda developer guide, "Types of metrics for Lambda functions": each invocation is a sample of
//! `Errors`, so that their average is the rate of errors, and a metric's time is that of the
//! invocation's begin. What is throttled is no invocation.

use std::time::Duration;

use cloudwatch::metrics::MetricStore;

use crate::meters::{Meter, Metric, dimensions};

const METRICS: [Metric; 5] = [
    ("Invocations", "Count"),
    ("Errors", "Count"),
    ("Duration", "Milliseconds"),
    ("Throttles", "Count"),
    ("ConcurrentExecutions", "Count"),
];

// The places of the metrics.
const INVOCATIONS: usize = 0;
const ERRORS: usize = 1;
const DURATION: usize = 2;
const THROTTLES: usize = 3;
const CONCURRENT_EXECUTIONS: usize = 4;

/// Counts a function's invocations.
#[derive(Debug)]
pub(super) struct Metrics(Meter);

impl Metrics {
    /// The metrics of a function, by its name and as the resource that is invoked.
    pub(super) fn new(name: &str, store: &MetricStore) -> Self {
        let sets =
            [dimensions([("FunctionName", name)]), dimensions([("FunctionName", name), ("Resource", name)])];
        Self(Meter::new(store, "AWS/Lambda", &METRICS, &sets))
    }

    /// An invocation was refused.
    pub(super) fn throttled(&self, now_ms: i64) {
        self.0.record(now_ms, [(THROTTLES, 1.0)]);
    }

    /// An invocation was taken; so many run with it.
    pub(super) fn invoked(&self, now_ms: i64, concurrency: usize) {
        let concurrency = f64::from(u32::try_from(concurrency).unwrap_or(u32::MAX));
        self.0.record(now_ms, [(THROTTLES, 0.0), (CONCURRENT_EXECUTIONS, concurrency)]);
    }

    /// An invocation that began at `began_ms` has ended.
    pub(super) fn ended(&self, began_ms: i64, ran: Duration, failed: bool) {
        let milliseconds = (ran.as_secs_f64() * 100_000.0).round() / 100.0;
        let errors = if failed { 1.0 } else { 0.0 };
        self.0.record(began_ms, [(INVOCATIONS, 1.0), (ERRORS, errors), (DURATION, milliseconds)]);
    }
}
