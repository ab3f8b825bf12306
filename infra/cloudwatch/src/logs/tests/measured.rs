//! What becomes of events: metrics, and entries of the ledger.

use serde_json::json;

use super::*;
use crate::metrics::{Grid, Identity};

/// 2026-09-25T09:20:12Z.
const NOW: i64 = 1_790_328_012_000;

#[derive(Debug)]
struct At;

impl Clock for At {
    fn now_ms(&self) -> i64 {
        NOW
    }
}

fn store() -> (LogStore, MetricStore) {
    let metrics = MetricStore::default();
    (LogStore::new(metrics.clone(), Arc::new(At)), metrics)
}

/// The sum and the number of a metric's samples.
#[track_caller]
fn check(
    metrics: &MetricStore,
    metric: (&str, &str),
    dimensions: &[(&str, &str)],
    unit: &str,
    expected: (f64, f64),
) {
    let identity = Identity {
        namespace: metric.0.to_owned(),
        name: metric.1.to_owned(),
        dimensions: dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let found = metrics.find(&identity).map(|series| {
        let day = NOW / 1000 / 86_400 * 86_400;
        let grid = Grid { from: day, to: day + 86_400, period: 86_400, phase: 0 };
        let mut all = (0.0, 0.0);
        series.each(unit, &grid, false, |_, bucket| all = (all.0 + bucket.sum, all.1 + bucket.count));
        all
    });
    assert_eq!(found.unwrap_or_default(), expected, "{metric:?} {dimensions:?}");
}

/// A document with one metric, and what else is to be in it.
fn document(timestamp: i64, more: &str) -> String {
    format!(
        r#"{{"_aws":{{"Timestamp":{timestamp},"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[[]],"Metrics":[{{"Name":"Latency","Unit":"Milliseconds"}}]}}]}}{more}}}"#
    )
}

#[test]
fn metrics_in_events_are_put_and_faults_are_counted_and_kept() {
    let (store, metrics) = store();
    store.append("g", "s", NOW, document(NOW, r#","Latency":[1,2.5]"#));
    store.append("g", "s", NOW, document(NOW, ""));
    store.append("g", "s", NOW + 1, document(NOW, ""));
    store.append("g", "s", NOW, "{\"_aws\":{\"CloudWatchMetrics\":[] ");
    store.append("g", "s", NOW, "no document");
    check(&metrics, ("N", "Latency"), &[], "Milliseconds", (3.5, 2.0));
    let group = [("LogGroupName", "g")];
    check(&metrics, ("AWS/Logs", "EMFValidationErrors"), &group, "Count", (2.0, 2.0));
    check(&metrics, ("AWS/Logs", "EMFParsingErrors"), &group, "Count", (1.0, 1.0));
    assert_eq!(store.events("g").len(), 5, "every line is kept");
    let entries = store.ledger().since(0);
    let told: Vec<_> = entries.iter().map(|entry| (entry.reason.as_str(), entry.count)).collect();
    assert_eq!(told, [("metric-target-missing", 2), ("not-json", 1)]);
    let example = &entries[0].example;
    assert!(store.events("g").iter().any(|event| event.event_id() == *example));
}

#[test]
fn what_came_in_is_told_once_of_each_group_and_of_the_account() {
    let (store, metrics) = store();
    store.append("a", "s", NOW, "12345");
    store.append("b", "s", NOW, "1");
    store.append("b", "s", NOW, "2");
    store.tick();
    store.tick();
    check(&metrics, ("AWS/Logs", "IncomingLogEvents"), &[("LogGroupName", "b")], "Count", (2.0, 1.0));
    check(&metrics, ("AWS/Logs", "IncomingBytes"), &[("LogGroupName", "a")], "Bytes", (31.0, 1.0));
    check(&metrics, ("AWS/Logs", "IncomingLogEvents"), &[], "Count", (3.0, 1.0));
}

#[test]
fn metric_filters_make_metrics_of_what_they_take() {
    let (store, metrics) = store();
    store.create_group("g").unwrap();
    let put = |name: &str, pattern: &str, transformation: serde_json::Value| {
        let filter = json!({ "filterName": name, "filterPattern": pattern, "metricTransformations": [transformation] });
        store.put_metric_filter("g", serde_json::from_value(filter).unwrap()).unwrap();
    };
    put(
        "errors",
        "ERROR",
        json!({ "metricName": "Errors", "metricNamespace": "N", "metricValue": "1", "defaultValue": 0, "unit": "Count" }),
    );
    put(
        "slow",
        "{ $.ms > 10 }",
        json!({ "metricName": "Slow", "metricNamespace": "N", "metricValue": "$.ms", "dimensions": { "Route": "$.route" } }),
    );
    for line in ["ERROR a", "ERROR b", "fine", "{\"ms\":20,\"route\":\"x\"}", "{\"ms\":5,\"route\":\"x\"}"] {
        store.append("g", "s", NOW, line);
    }
    check(&metrics, ("N", "Errors"), &[], "Count", (2.0, 2.0));
    check(&metrics, ("N", "Slow"), &[("Route", "x")], "None", (20.0, 1.0));
    // A minute with events, and none that is taken: the default value, once.
    store.append("g", "s", NOW + 60_000, "fine");
    store.append("g", "s", NOW + 60_000, "fine");
    check(&metrics, ("N", "Errors"), &[], "Count", (2.0, 3.0));
    store.delete_metric_filter("g", "errors").unwrap();
    store.append("g", "s", NOW, "ERROR c");
    check(&metrics, ("N", "Errors"), &[], "Count", (2.0, 3.0));
}
