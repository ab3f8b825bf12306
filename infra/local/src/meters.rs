//! Metrics of the services themselves, gathered for a second before they go into the store.
//!
//! Every message is a dozen samples: six metrics in two or three sets of dimensions. As data of
//! their own they would cost more than reading the message does. CloudWatch keeps such metrics by
//! the minute, so that nobody can tell the difference.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloudwatch::metrics::{Datum, MetricStore, Values};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval_at};

/// How long samples wait at most.
const GATHERED: Duration = Duration::from_secs(1);

/// Where data go.
pub(crate) trait Sink: fmt::Debug + Send + Sync {
    /// Keeps what was measured.
    fn put(&self, datum: Datum);
}

impl Sink for MetricStore {
    fn put(&self, datum: Datum) {
        Self::put(self, datum);
    }
}

/// The meters of all services. Clones share them.
#[derive(Debug, Clone)]
pub struct Meters {
    sink: Arc<dyn Sink>,
    /// Never held across an await.
    meters: Arc<Mutex<Vec<Arc<Meter>>>>,
}

/// A metric: its name and its unit.
pub(crate) type Metric = (&'static str, &'static str);

/// A set of dimensions, by name.
pub(crate) type Dimensions = BTreeMap<String, String>;

/// Metrics that are measured together, in the same sets of dimensions.
#[derive(Debug)]
pub(crate) struct Meter {
    sink: Arc<dyn Sink>,
    namespace: &'static str,
    metrics: &'static [Metric],
    dimensions: Vec<Dimensions>,
    /// Never held across an await.
    tally: Mutex<Tally>,
}

/// The samples of one second.
#[derive(Debug, Default)]
struct Tally {
    /// Seconds since the epoch.
    second: i64,
    /// By the metric's place: how often each value was seen, by its bits.
    samples: Vec<HashMap<u64, f64>>,
}

impl Default for Meters {
    /// Meters that nobody reads.
    fn default() -> Self {
        Self::new(MetricStore::default())
    }
}

impl Meters {
    /// Meters whose samples go to a store.
    #[must_use]
    pub fn new(store: MetricStore) -> Self {
        Self::to(Arc::new(store))
    }

    pub(crate) fn to(sink: Arc<dyn Sink>) -> Self {
        Self { sink, meters: Arc::default() }
    }

    /// A new meter.
    pub(crate) fn meter(
        &self,
        namespace: &'static str,
        metrics: &'static [Metric],
        dimensions: Vec<Dimensions>,
    ) -> Arc<Meter> {
        let (sink, tally) = (Arc::clone(&self.sink), Mutex::default());
        let meter = Arc::new(Meter { sink, namespace, metrics, dimensions, tally });
        self.lock().push(Arc::clone(&meter));
        meter
    }

    /// Puts into the store what has been gathered.
    pub(crate) fn flush(&self) {
        let meters = self.lock().clone();
        for meter in meters {
            meter.flush();
        }
    }

    /// A task that flushes now and then, until it is aborted.
    pub(crate) fn flushing(&self) -> JoinHandle<()> {
        let meters = self.clone();
        tokio::spawn(async move {
            let mut ticks = interval_at(Instant::now() + GATHERED, GATHERED);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                meters.flush();
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Meter>>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// Adds samples of one time: each the metric's place in the list, and the value.
    pub(crate) fn record(&self, now_ms: i64, samples: impl IntoIterator<Item = (usize, f64)>) {
        let second = now_ms.div_euclid(1000);
        let full = {
            let mut tally = self.lock();
            let full = (tally.second != second).then(|| {
                mem::replace(&mut *tally, Tally { second, samples: vec![HashMap::new(); self.metrics.len()] })
            });
            for (metric, value) in samples {
                if let Some(values) = tally.samples.get_mut(metric) {
                    *values.entry(value.to_bits()).or_default() += 1.0;
                }
            }
            full
        };
        if let Some(full) = full {
            self.put(full);
        }
    }

    fn flush(&self) {
        let tally = mem::take(&mut *self.lock());
        self.put(tally);
    }

    fn put(&self, tally: Tally) {
        for ((name, unit), samples) in self.metrics.iter().zip(tally.samples) {
            if samples.is_empty() {
                continue;
            }
            let samples: Vec<_> =
                samples.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect();
            for dimensions in &self.dimensions {
                self.sink.put(Datum {
                    namespace: self.namespace.to_owned(),
                    name: (*name).to_owned(),
                    dimensions: dimensions.clone(),
                    unit,
                    high_resolution: false,
                    timestamp: tally.second * 1000,
                    values: Values::Samples(samples.clone()),
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        // Whole after every sample, so a poisoned lock is still good.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A set of dimensions out of names and values.
pub(crate) fn dimensions<const N: usize>(pairs: [(&str, &str); N]) -> Dimensions {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Keeps what it is given.
    #[derive(Debug, Default)]
    pub(crate) struct Kept(Mutex<Vec<Datum>>);

    impl Sink for Kept {
        fn put(&self, datum: Datum) {
            self.0.lock().unwrap().push(datum);
        }
    }

    impl Kept {
        /// Every series on a line, sorted: `Name {dimensions}`, and each value with how often it
        /// was seen.
        pub(crate) fn series(&self) -> Vec<String> {
            let mut series = BTreeMap::<String, BTreeMap<String, f64>>::new();
            for datum in self.0.lock().unwrap().iter() {
                let dimensions: Vec<_> =
                    datum.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let name = format!("{} {{{}}}", datum.name, dimensions.join(" "));
                let Values::Samples(samples) = &datum.values else { panic!("samples") };
                let values = series.entry(name).or_default();
                for (value, count) in samples {
                    *values.entry(value.to_string()).or_default() += count;
                }
            }
            let line = |(name, values): (String, BTreeMap<String, f64>)| {
                let values: Vec<_> = values.iter().map(|(value, count)| format!("{value}x{count}")).collect();
                format!("{name} {}", values.join(" "))
            };
            series.into_iter().map(line).collect()
        }

        fn timestamps(&self) -> Vec<i64> {
            self.0.lock().unwrap().iter().map(|datum| datum.timestamp).collect()
        }
    }

    const METRICS: [Metric; 2] = [("Count", "Count"), ("Took", "Milliseconds")];

    fn meter() -> (Arc<Kept>, Meters, Arc<Meter>) {
        let kept = Arc::new(Kept::default());
        let meters = Meters::to(Arc::<Kept>::clone(&kept));
        let sets = vec![dimensions([("A", "a")]), dimensions([("A", "a"), ("B", "b")])];
        let meter = meters.meter("N", &METRICS, sets);
        (kept, meters, meter)
    }

    #[test]
    fn equal_samples_of_a_second_are_one_with_a_count_in_every_set_of_dimensions() {
        let (kept, meters, meter) = meter();
        meter.record(5_000, [(0, 1.0), (1, 2.5)]);
        meter.record(5_999, [(0, 1.0), (1, 7.0)]);
        assert_eq!(kept.timestamps(), [0; 0], "nothing yet");
        meters.flush();
        meters.flush();
        let expected =
            ["Count {A=a B=b} 1x2", "Count {A=a} 1x2", "Took {A=a B=b} 2.5x1 7x1", "Took {A=a} 2.5x1 7x1"];
        assert_eq!(kept.series(), expected);
        assert_eq!(kept.timestamps(), [5_000; 4]);
    }

    #[test]
    fn the_next_second_puts_the_one_before() {
        let (kept, _, meter) = meter();
        meter.record(5_000, [(0, 1.0)]);
        meter.record(6_000, [(0, 1.0)]);
        assert_eq!(kept.timestamps(), [5_000; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn samples_wait_a_second_at_most() {
        let (kept, meters, meter) = meter();
        let task = meters.flushing();
        meter.record(5_000, [(0, 1.0)]);
        // The clock moves when every task waits.
        tokio::time::sleep_until(Instant::now() + GATHERED * 2).await;
        assert_eq!(kept.timestamps(), [5_000; 2]);
        task.abort();
    }
}
