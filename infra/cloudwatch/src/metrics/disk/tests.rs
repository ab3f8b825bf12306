//! Metrics in a file, and what is there again.

use std::collections::BTreeMap;

use super::super::query::{MetricStat, Query, Source, Window, run};
use super::super::{Datum, MetricStore, Values};
use super::*;
use crate::sqlite::testing::{Folder, killed, write_until_killed};

/// 2026-09-25 09:20 UTC, in seconds.
const NOW: i64 = 1_790_328_000;

fn datum(seconds: i64, values: Values) -> Datum {
    Datum {
        namespace: "N".to_owned(),
        name: "M".to_owned(),
        dimensions: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
        unit: "Count",
        high_resolution: true,
        timestamp: seconds * 1000,
        values,
    }
}

fn put(store: &MetricStore, seconds: i64, value: f64) {
    store.put(datum(seconds, Values::Samples(vec![(value, 1.0)])));
}

/// A statistic of the metric over all time.
fn read(store: &MetricStore, statistic: &str, period: i64) -> Vec<(i64, f64)> {
    let metric = MetricStat {
        identity: Identity {
            namespace: "N".to_owned(),
            name: "M".to_owned(),
            dimensions: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
        },
        period,
        statistic: statistic.parse().unwrap(),
        unit: None,
    };
    let query = Query {
        id: "m".to_owned(),
        source: Source::Metric(metric),
        label: None,
        return_data: true,
        period: None,
    };
    let window = Window { from: 0, to: NOW + 3600, sliding: false };
    run(store, &[query], window).unwrap().remove(0).points
}

#[test]
fn metrics_are_there_again_with_their_samples_and_resolutions() {
    let folder = Folder::new("metrics-again");
    let store = MetricStore::open(&folder).unwrap();
    for (seconds, value) in [(NOW, 1.0), (NOW + 1, 3.0), (NOW + 1, 5.0), (NOW + 60, 7.0)] {
        put(&store, seconds, value);
        store.flush().unwrap();
    }
    let set = Values::Statistics { min: 1.0, max: 3.0, sum: 6.0, count: 3.0 };
    store.put(Datum { unit: "Seconds", ..datum(NOW, set) });
    store.flush().unwrap();
    let all = |store: &MetricStore| {
        let asked = [("p50", 60), ("SampleCount", 1), ("Sum", 300)];
        asked.map(|(statistic, period)| read(store, statistic, period))
    };
    let before = all(&store);
    assert_eq!(before[0], [(NOW, 3.0), (NOW + 60, 7.0)]);
    assert_eq!(before[1], [(NOW, 1.0), (NOW + 1, 2.0), (NOW + 60, 1.0)]);
    drop(store);
    let store = MetricStore::open(&folder).unwrap();
    assert_eq!(all(&store), before);
    assert_eq!(store.all()[0].units(&Window { from: 0, to: NOW, sliding: false }.grid(60)).len(), 0);
    // What comes now belongs to what was there.
    put(&store, NOW + 1, 4.0);
    assert_eq!(read(&store, "Sum", 60), [(NOW, 13.0), (NOW + 60, 7.0)]);
}

#[test]
fn what_was_recorded_is_kept_with_the_next_tick() {
    let folder = Folder::new("metrics-recorded");
    let store = MetricStore::open(&folder).unwrap();
    let dimensions = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    let recorder = store.recorder("N", "M", dimensions, "Count");
    recorder.record(NOW * 1000, 2.0);
    store.tick(NOW * 1000);
    recorder.record(NOW * 1000, 3.0);
    drop(store);
    drop(recorder);
    assert_eq!(read(&MetricStore::open(&folder).unwrap(), "Sum", 60), [(NOW, 2.0)]);
}

#[test]
fn settled_data_are_what_they_were_and_grow_coarse_and_old() {
    let folder = Folder::new("metrics-settled");
    let store = MetricStore::open(&folder).unwrap();
    for seconds in 0..120 {
        put(&store, NOW + seconds, 1.0);
        store.flush().unwrap();
    }
    // Sums by the second, the minute, five minutes and the hour, so many days later.
    let expected = [
        (0, [Some(1.0), Some(60.0), Some(120.0), Some(120.0)]),
        (16, [None, None, Some(120.0), Some(120.0)]),
        (64, [None, None, None, Some(120.0)]),
        (456, [None; 4]),
    ];
    let mut store = store;
    for (days, expected) in expected {
        store.tick((NOW + 660 + days * 24 * 3600) * 1000);
        drop(store);
        store = MetricStore::open(&folder).unwrap();
        let first = |period| read(&store, "Sum", period).first().map(|(_, sum)| *sum);
        assert_eq!([1, 60, 300, 3600].map(first), expected, "after {days} days");
    }
    assert!(store.all().is_empty());
}

/// Writes one value after the other until it is killed. A test only as a child.
#[test]
fn writes_until_it_is_killed() {
    write_until_killed(|folder| {
        let store = MetricStore::open(&folder).unwrap();
        Box::new(move |number| {
            put(&store, NOW, 1.0);
            if number % 5 == 4 {
                // Settles what was written, as it does after ten minutes.
                store.tick((NOW + 700 + 60 * i64::try_from(number).unwrap()) * 1000);
            }
            store.flush().unwrap();
        })
    });
}

#[test]
fn acknowledged_metrics_survive_a_kill_and_none_counts_twice() {
    for after in [1, 7, 40] {
        let folder = Folder::new("metrics-kill");
        let told = killed("metrics::disk::tests::writes_until_it_is_killed", &folder, after);
        let sum = read(&MetricStore::open(&folder).unwrap(), "Sum", 60)[0].1;
        // The one that was being written may be there.
        let told = told as f64;
        assert!(sum == told || sum == told + 1.0, "{sum}, {told} acknowledged");
    }
}

#[test]
fn a_folder_has_one_store_at_a_time() {
    let folder = Folder::new("metrics-taken");
    let store = MetricStore::open(&folder).unwrap();
    let error = MetricStore::open(&folder).unwrap_err().to_string();
    assert_eq!(error, format!("another process keeps its data in {}", folder.display()));
    drop(store);
    MetricStore::open(&folder).unwrap();
}
