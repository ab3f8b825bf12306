//! What a load counts.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies from a microsecond to a minute, with three digits.
const BOUNDS: (u64, u64, u8) = (1, 60_000_000, 3);

/// Counts while the load runs.
#[derive(Debug)]
pub(super) struct Figures {
    connects: Histogram<u64>,
    deliveries: Histogram<u64>,
    /// Deliveries by the second of their publication.
    seconds: BTreeMap<u64, Histogram<u64>>,
    connected_in: Duration,
    published: u64,
    accepted: u64,
    refused: u64,
    expected: u64,
    errors: BTreeMap<String, u64>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Connections that were to be opened.
    pub(super) wanted: u32,
    /// From the first to the last of them.
    pub(super) connected_in: Duration,
    /// How long each took until it was subscribed, in microseconds.
    pub(super) connects: Histogram<u64>,
    /// How long was published.
    pub(super) took: Duration,
    pub(super) published: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Deliveries that should have been.
    pub(super) expected: u64,
    /// From publication to arrival, in microseconds.
    pub(super) deliveries: Histogram<u64>,
    /// The same by the second of the publication.
    pub(super) seconds: BTreeMap<u64, Histogram<u64>>,
    /// How often each kind of error was met.
    pub(super) errors: BTreeMap<String, u64>,
}

/// A histogram of latencies.
fn histogram() -> Histogram<u64> {
    let (low, high, digits) = BOUNDS;
    #[expect(clippy::expect_used, reason = "the bounds are constants")]
    Histogram::new_with_bounds(low, high, digits).expect("the library takes these bounds")
}

/// A latency as a histogram counts it.
fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

impl Figures {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            connects: histogram(),
            deliveries: histogram(),
            seconds: BTreeMap::new(),
            connected_in: Duration::ZERO,
            published: 0,
            accepted: 0,
            refused: 0,
            expected: 0,
            errors: BTreeMap::new(),
        }
    }

    /// A connection is subscribed.
    pub(super) fn connected(&mut self, took: Duration) {
        self.connects.saturating_record(micros(took));
    }

    /// All connections were tried.
    pub(super) const fn connected_in(&mut self, took: Duration) {
        self.connected_in = took;
    }

    /// Something went wrong.
    pub(super) fn failed(&mut self, kind: String) {
        *self.errors.entry(kind).or_default() += 1;
    }

    /// A publication is on its way to so many; gives its number.
    pub(super) fn published(&mut self, members: usize) -> u64 {
        self.published += 1;
        self.expected += u64::try_from(members).unwrap_or(u64::MAX);
        self.published
    }

    /// A publication was accepted.
    pub(super) const fn accepted(&mut self) {
        self.accepted += 1;
    }

    /// A publication was refused.
    pub(super) fn refused(&mut self, kind: String) {
        self.refused += 1;
        self.failed(kind);
    }

    /// A publication that was made at this time of the load has come.
    pub(super) fn delivered(&mut self, at: Duration, took: Duration) {
        self.deliveries.saturating_record(micros(took));
        let second = self.seconds.entry(at.as_secs()).or_insert_with(histogram);
        second.saturating_record(micros(took));
    }

    /// Whether nothing is on its way any more.
    pub(super) fn is_complete(&self) -> bool {
        self.accepted + self.refused >= self.published && self.deliveries.len() >= self.expected
    }

    /// The first kind of error, in words.
    pub(super) fn first_error(&self) -> String {
        let first = self.errors.keys().next().map(|kind| kind.trim_start_matches("connect: ").to_owned());
        first.unwrap_or_else(|| "no reason is known".to_owned())
    }

    /// All of it.
    pub(super) fn outcome(&self, wanted: u32, took: Duration) -> Outcome {
        Outcome {
            wanted,
            connected_in: self.connected_in,
            connects: self.connects.clone(),
            took,
            published: self.published,
            accepted: self.accepted,
            refused: self.refused,
            expected: self.expected,
            deliveries: self.deliveries.clone(),
            seconds: self.seconds.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl Outcome {
    /// Connections that were opened in a second.
    pub(super) fn connect_rate(&self) -> f64 {
        rate(self.connects.len(), self.connected_in)
    }

    /// Publications that were made in a second.
    pub(super) fn publish_rate(&self) -> f64 {
        rate(self.published, self.took)
    }

    /// Deliveries that have not come; more than were expected are none.
    pub(super) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.deliveries.len())
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts as far as a double is not exact")]
fn rate(count: u64, took: Duration) -> f64 {
    if took.is_zero() { 0.0 } else { count as f64 / took.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_is_lost() {
        let mut figures = Figures::new();
        assert_eq!(figures.published(2), 1);
        figures.accepted();
        figures.delivered(Duration::from_millis(10), Duration::from_millis(3));
        assert!(!figures.is_complete());
        assert_eq!(figures.outcome(2, Duration::from_secs(1)).lost(), 1);
        figures.delivered(Duration::from_millis(10), Duration::from_millis(4));
        assert!(figures.is_complete());
        figures.published(0);
        figures.refused("publish: error 103".to_owned());
        assert!(figures.is_complete());
        let outcome = figures.outcome(2, Duration::from_secs(1));
        assert_eq!((outcome.lost(), outcome.refused, outcome.errors.len()), (0, 1, 1));
        assert!((outcome.publish_rate() - 2.0).abs() < 1e-9);
    }
}
