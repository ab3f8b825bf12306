//! The store: what is put in comes out, by period, and grows coarse with age.

use std::collections::BTreeMap;

use super::query::{MetricStat, Query, Source, Window, run};
use super::{Datum, Identity, MetricStore, Values};

const NOW: i64 = 1_790_328_000;
const DAY: i64 = 86_400;

fn datum(at: i64, value: f64, unit: &'static str, high_resolution: bool) -> Datum {
    Datum {
        namespace: "N".to_owned(),
        name: "M".to_owned(),
        dimensions: BTreeMap::new(),
        unit,
        high_resolution,
        timestamp: at * 1000,
        values: Values::Samples(vec![(value, 1.0)]),
    }
}

fn query(statistic: &str, period: i64) -> Query {
    let identity = Identity { namespace: "N".to_owned(), name: "M".to_owned(), dimensions: BTreeMap::new() };
    let statistic = statistic.parse().unwrap();
    let source = Source::Metric(MetricStat { identity, period, statistic, unit: None });
    Query { id: "m".to_owned(), source, label: None, return_data: true, period: None }
}

/// The points, their times in seconds from `NOW`.
fn points(store: &MetricStore, statistic: &str, period: i64, from: i64, to: i64) -> Vec<(i64, f64)> {
    let window = Window { from: NOW + from, to: NOW + to, sliding: false };
    let outcomes = run(store, &[query(statistic, period)], window).unwrap();
    outcomes[0].points.iter().map(|(at, value)| (at - NOW, *value)).collect()
}

#[test]
fn points_are_of_periods_that_begin_at_their_multiples() {
    let store = MetricStore::default();
    for (at, value) in [(-1, 1.0), (0, 2.0), (59, 3.0), (60, 4.0), (299, 5.0), (300, 6.0)] {
        store.put(datum(NOW + at, value, "Count", false));
    }
    assert_eq!(points(&store, "Sum", 60, 0, 400), [(0, 5.0), (60, 4.0), (240, 5.0), (300, 6.0)]);
    assert_eq!(points(&store, "Sum", 300, 0, 400), [(0, 14.0), (300, 6.0)]);
    // The start lies within a period, which is whole; the end is not part of the time.
    assert_eq!(points(&store, "Sum", 300, 120, 300), [(0, 14.0)]);
    assert_eq!(points(&store, "p50", 300, 0, 300), [(0, 3.0)]);
    assert_eq!(points(&store, "Maximum", 60, 120, 240), []);
}

#[test]
fn short_periods_need_data_by_the_second() {
    let store = MetricStore::default();
    for at in [0, 1, 12] {
        store.put(datum(NOW + at, 1.0, "Count", true));
    }
    assert_eq!(points(&store, "Sum", 1, 0, 60), [(0, 1.0), (1, 1.0), (12, 1.0)]);
    assert_eq!(points(&store, "Sum", 10, 0, 60), [(0, 2.0), (10, 1.0)]);
    assert_eq!(points(&store, "Sum", 60, 0, 60), [(0, 3.0)]);
    let plain = MetricStore::default();
    plain.put(datum(NOW + 12, 1.0, "Count", false));
    assert_eq!(points(&plain, "Sum", 30, 0, 60), [(0, 1.0)], "its minute answers");
}

#[test]
fn what_is_old_grows_coarse_and_is_forgotten() {
    let store = MetricStore::default();
    store.put(datum(NOW + 61, 2.0, "Count", true));
    store.put(datum(NOW + 121, 4.0, "Count", false));
    let check = |age: i64, period: i64, expected: &[(i64, f64)]| {
        store.roll_up((NOW + age) * 1000);
        assert_eq!(points(&store, "Sum", period, 0, 3600), expected, "{period} s after {age} s");
    };
    check(60, 1, &[(61, 2.0)]);
    check(4 * 3600, 1, &[(60, 2.0), (120, 4.0)]);
    check(14 * DAY, 60, &[(60, 2.0), (120, 4.0)]);
    check(16 * DAY, 60, &[]);
    check(16 * DAY, 300, &[(0, 6.0)]);
    assert_eq!(points(&store, "p50", 300, 0, 3600), [(0, 2.0)], "samples go along");
    check(64 * DAY, 300, &[]);
    // The hour of the data begins 20 minutes before.
    check(64 * DAY, 3600, &[(-1200, 6.0)]);
    check(456 * DAY, 3600, &[]);
}

#[test]
fn units_are_kept_apart() {
    let store = MetricStore::default();
    store.put(datum(NOW, 5.0, "Seconds", false));
    store.put(datum(NOW, 6.0, "Milliseconds", false));
    let window = Window { from: NOW, to: NOW + 60, sliding: false };
    let outcome = run(&store, &[query("Sum", 60)], window).unwrap().remove(0);
    assert_eq!((outcome.points, outcome.units), (vec![(NOW, 6.0)], vec!["Milliseconds", "Seconds"]));
}

#[test]
fn windows_that_slide_end_where_they_end() {
    let store = MetricStore::default();
    for minute in 0..5 {
        store.put(datum(NOW + 60 * minute, 1.0, "Count", false));
    }
    let window = Window { from: NOW, to: NOW + 240, sliding: true };
    let outcome = run(&store, &[query("Sum", 120)], window).unwrap().remove(0);
    assert_eq!(outcome.points, [(NOW, 2.0), (NOW + 120, 2.0)]);
    let window = Window { from: NOW + 60, to: NOW + 300, sliding: true };
    let outcome = run(&store, &[query("Sum", 120)], window).unwrap().remove(0);
    assert_eq!(outcome.points, [(NOW + 60, 2.0), (NOW + 180, 2.0)]);
}

#[test]
fn there_are_only_so_many_series_and_the_quiet_ones_go() {
    let store = MetricStore::default();
    for number in 0..20_500_i64 {
        store.put(Datum { name: format!("m{number}"), ..datum(NOW + number, 1.0, "Count", false) });
    }
    assert!(store.all().len() <= 20_000);
    let has = |name: &str| {
        let name = name.to_owned();
        store.find(&Identity { namespace: "N".to_owned(), name, dimensions: BTreeMap::new() }).is_some()
    };
    assert_eq!((has("m0"), has("m20499")), (false, true));
}

#[test]
fn labels_tell_queries_apart() {
    let named = |queries: &[Query]| -> Vec<String> {
        let window = Window { from: NOW, to: NOW + 60, sliding: false };
        let outcomes = run(&MetricStore::default(), queries, window).unwrap();
        outcomes.into_iter().map(|outcome| outcome.label).collect()
    };
    let other = |statistic: &str, period| Query { id: "n".to_owned(), ..query(statistic, period) };
    assert_eq!(named(&[query("Sum", 60)]), ["M"]);
    assert_eq!(named(&[query("Sum", 60), other("Sum", 60)]), ["M", "M"]);
    assert_eq!(named(&[query("Sum", 60), other("Minimum", 60)]), ["M Sum", "M Minimum"]);
    assert_eq!(named(&[query("Sum", 60), other("Sum", 30)]), ["M 60", "M 30"]);
    assert_eq!(named(&[query("Sum", 60), other("Minimum", 30)]), ["M Sum 60", "M Minimum 30"]);
}

#[test]
fn expressions_use_each_other_in_any_order() {
    let store = MetricStore::default();
    store.put(datum(NOW, 3.0, "Count", false));
    let expression = |id: &str, text: &str, return_data| Query {
        id: id.to_owned(),
        source: Source::Expression(text.to_owned()),
        label: None,
        return_data,
        period: None,
    };
    let window = Window { from: NOW, to: NOW + 60, sliding: false };
    let metric = Query { return_data: false, ..query("Sum", 60) };
    let check = |queries: &[Query], expected: Result<(&str, f64), &str>| {
        let answer = run(&store, queries, window).map(|outcomes| {
            assert_eq!(outcomes.len(), 1);
            (outcomes[0].label.clone(), outcomes[0].points[0].1)
        });
        let answer = answer.as_ref().map(|(label, value)| (label.as_str(), *value));
        assert_eq!(answer.map_err(ToString::to_string), expected.map_err(ToOwned::to_owned));
    };
    let first = expression("e1", "e2 + 1", true);
    check(&[first.clone(), expression("e2", "m * 2", false), metric.clone()], Ok(("e1", 7.0)));
    check(
        &[first.clone(), expression("e2", "e1", false), metric.clone()],
        Err("Error in expressions: e1, e2 use each other in a circle"),
    );
    check(&[first, metric.clone()], Err("Error in expression 'e1': there is no id `e2` (at character 1)"));
    check(
        &[metric.clone(), expression("e1", "SUM(m)", true)],
        Err("Error in expression 'e1': the result must be a time series or an array of them"),
    );
    check(&[metric.clone(), metric], Err("The values for parameter id in MetricDataQueries are not unique."));
}
