//! Alarms over time: from data to states, their reasons and their history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{AlarmStore, StateChange};
use crate::api::metrics::Api;
use crate::clock::Clock;
use crate::metrics::{Datum, MetricStore, Values};

/// 2026-09-25 09:20 UTC, in seconds.
const START: i64 = 1_790_328_000;

/// A clock that stands still.
#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now_ms(&self) -> i64 {
        START * 1000
    }
}

/// Tokio's own time, 31 seconds after the start.
#[derive(Debug)]
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now_ms(&self) -> i64 {
        START * 1000 + 31_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// A store of metrics and one of alarms with one alarm in it, of the metric `M`.
struct Scene {
    metrics: MetricStore,
    alarms: AlarmStore,
    api: Api,
}

impl Scene {
    fn new(more: &Value) -> Self {
        let (metrics, alarms) = (MetricStore::default(), AlarmStore::new("us-east-1", "123456789012"));
        let api = Api::new(metrics.clone(), alarms.clone(), Arc::new(Standing));
        let mut alarm = json!({
            "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        });
        for (name, value) in more.as_object().unwrap() {
            if value.is_null() {
                alarm.as_object_mut().unwrap().remove(name);
            } else {
                alarm[name] = value.clone();
            }
        }
        api.declare_alarm(false, alarm).unwrap();
        Self { metrics, alarms, api }
    }

    fn put(&self, name: &str, second: i64, values: &[f64]) {
        self.metrics.put(Datum {
            namespace: "N".to_owned(),
            name: name.to_owned(),
            dimensions: BTreeMap::new(),
            unit: "Count",
            high_resolution: true,
            timestamp: (START + second) * 1000,
            values: Values::Samples(values.iter().map(|value| (*value, 1.0)).collect()),
        });
    }

    /// The state and its reason after an evaluation, so many seconds after the start.
    fn at(&self, second: i64) -> String {
        self.alarms.evaluate(&self.metrics, (START + second) * 1000);
        let entry = self.alarms.all().remove(0);
        format!("{} {}", entry.state, entry.reason)
    }
}

#[test]
fn one_datapoint_over_the_threshold() {
    let scene = Scene::new(&json!({}));
    assert_eq!(scene.at(60), "INSUFFICIENT_DATA Unchecked: Initial alarm creation");
    scene.put("M", 61, &[6.0]);
    assert_eq!(
        scene.at(120),
        "ALARM Threshold Crossed: 1 datapoint [6.0 (25/09/26 09:21:00)] was greater than the threshold (5.0)."
    );
    let entry = scene.alarms.all().remove(0);
    let data: Value = serde_json::from_str(&entry.reason_data.unwrap()).unwrap();
    assert_eq!(
        data,
        json!({
            "version": "1.0", "queryDate": "2026-09-25T09:22:00.000+0000", "startDate": "2026-09-25T09:21:00.000+0000",
            "statistic": "Sum", "period": 60, "recentDatapoints": [6.0], "threshold": 5.0,
            "evaluatedDatapoints": [{ "timestamp": "2026-09-25T09:21:00.000+0000", "sampleCount": 1.0, "value": 6.0 }],
        })
    );
    scene.put("M", 130, &[1.0, 2.0]);
    assert_eq!(
        scene.at(180),
        "OK Threshold Crossed: 1 datapoint [3.0 (25/09/26 09:22:00)] was not greater than the threshold (5.0)."
    );
    // It lies within the evaluation range for two minutes more.
    assert!(scene.at(300).starts_with("OK"));
    assert_eq!(scene.at(420), "INSUFFICIENT_DATA Insufficient Data: 1 datapoint was unknown.");
}

#[test]
fn m_out_of_n_say_how_many_it_takes() {
    let scene = Scene::new(&json!({ "EvaluationPeriods": 3, "DatapointsToAlarm": 2 }));
    for (second, value) in [(0, 6.0), (60, 1.0), (120, 7.5)] {
        scene.put("M", second, &[value]);
    }
    assert_eq!(
        scene.at(180),
        "ALARM Threshold Crossed: 2 out of the last 3 datapoints [7.5 (25/09/26 09:22:00), 6.0 (25/09/26 09:20:00)] \
         were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    scene.put("M", 180, &[0.0]);
    assert_eq!(
        scene.at(240),
        "OK Threshold Crossed: 2 out of the last 3 datapoints [0.0 (25/09/26 09:23:00), 1.0 (25/09/26 09:21:00)] \
         were not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition)."
    );
}

#[test]
fn missing_data_are_treated_as_the_alarm_says() {
    let scene = |treatment: &str, n: i64| {
        Scene::new(&json!({ "TreatMissingData": treatment, "EvaluationPeriods": n }))
    };
    assert_eq!(
        scene("breaching", 2).at(60),
        "ALARM Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    );
    assert_eq!(
        scene("notBreaching", 1).at(60),
        "OK Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
    );
    assert!(scene("ignore", 1).at(60).starts_with("INSUFFICIENT_DATA Unchecked"));
    let part = scene("breaching", 2);
    part.put("M", 0, &[9.0]);
    assert_eq!(
        part.at(60),
        "ALARM Threshold Crossed: 1 datapoint [9.0 (25/09/26 09:20:00)] was greater than the threshold (5.0) \
         and 1 missing datapoint was treated as [Breaching]."
    );
}

#[test]
fn periods_of_several_minutes_slide_with_each_evaluation() {
    let scene = Scene::new(&json!({ "Period": 300 }));
    scene.put("M", 0, &[3.0]);
    scene.put("M", 240, &[3.0]);
    assert!(scene.at(60).starts_with("OK"));
    assert_eq!(
        scene.at(300),
        "ALARM Threshold Crossed: 1 datapoint [6.0 (25/09/26 09:20:00)] was greater than the threshold (5.0)."
    );
    assert!(scene.at(360).starts_with("OK"), "the first value has slid out");
}

#[test]
fn short_periods_are_evaluated_between_the_minutes() {
    let scene = Scene::new(&json!({ "Period": 10 }));
    scene.put("M", 5, &[6.0]);
    assert!(scene.at(10).starts_with("ALARM"));
    let slow = Scene::new(&json!({}));
    slow.put("M", 5, &[6.0]);
    assert!(slow.at(70 + 10).starts_with("INSUFFICIENT_DATA Unchecked"), "not on the minute");
    assert!(slow.at(120).starts_with("ALARM"));
}

#[test]
fn percentiles_of_few_samples_can_be_ignored() {
    let p99 = json!({ "Statistic": null, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": "ignore" });
    let scene = Scene::new(&p99);
    scene.put("M", 0, &[9.0; 99]);
    assert!(scene.at(60).starts_with("INSUFFICIENT_DATA Unchecked"), "99 samples are fewer than 10 / 0.1");
    scene.put("M", 60, &[9.0; 101]);
    assert!(scene.at(120).starts_with("ALARM"));
    let evaluating = Scene::new(&json!({ "Statistic": null, "ExtendedStatistic": "p90" }));
    evaluating.put("M", 0, &[9.0]);
    assert!(evaluating.at(60).starts_with("ALARM"));
}

#[test]
fn alarms_of_metric_math() {
    let metric = |id: &str, name: &str| {
        let metric = json!({ "Namespace": "N", "MetricName": name });
        json!({ "Id": id, "ReturnData": false, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" } })
    };
    let rate = json!({ "Id": "rate", "Expression": "100 * FILL(errors, 0) / calls" });
    let scene = Scene::new(&json!({
        "MetricName": null, "Namespace": null, "Statistic": null, "Period": null,
        "Metrics": [metric("errors", "Errors"), metric("calls", "Calls"), rate],
    }));
    scene.put("Calls", 0, &[1.0, 1.0, 1.0, 1.0]);
    assert!(scene.at(60).starts_with("OK Threshold Crossed: 1 datapoint [0.0 "));
    scene.put("Calls", 60, &[1.0, 1.0]);
    scene.put("Errors", 60, &[1.0]);
    assert!(scene.at(120).starts_with("ALARM Threshold Crossed: 1 datapoint [50.0 "));
}

#[test]
fn composite_alarms_follow_and_so_do_their_own() {
    let scene = Scene::new(&json!({}));
    let put = |name: &str, rule: &str| {
        scene.api.declare_alarm(true, json!({ "AlarmName": name, "AlarmRule": rule })).unwrap();
    };
    put("b", "ALARM(a)");
    put("c", "NOT ALARM(b)");
    let states = || scene.alarms.all().into_iter().map(|entry| entry.state.as_str()).collect::<Vec<_>>();
    assert_eq!(states(), ["INSUFFICIENT_DATA", "OK", "ALARM"]);
    let mut follower = scene.alarms.follow();
    scene.put("M", 0, &[6.0]);
    scene.at(60);
    assert_eq!(states(), ["ALARM", "ALARM", "OK"]);
    let changed: Vec<StateChange> = std::iter::from_fn(|| follower.try_recv().ok()).collect();
    let names: Vec<&str> = changed.iter().map(|change| change.alarm.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn another_definition_keeps_the_state() {
    let scene = Scene::new(&json!({}));
    scene.put("M", 0, &[6.0]);
    assert!(scene.at(60).starts_with("ALARM"));
    scene
        .api
        .declare_alarm(
            false,
            json!({
                "AlarmName": "a", "Namespace": "N", "MetricName": "Other", "Statistic": "Sum", "Period": 60,
                "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
            }),
        )
        .unwrap();
    assert_eq!(scene.alarms.all().remove(0).state.as_str(), "ALARM");
}

#[test]
fn numbers_are_written_as_java_does() {
    for (number, expected) in [
        (0.0, "0.0"),
        (5.0, "5.0"),
        (21.5, "21.5"),
        (-0.25, "-0.25"),
        (1e7, "1.0E7"),
        (12_345_678.9, "1.23456789E7"),
        (0.0001, "1.0E-4"),
        (9_999_999.0, "9999999.0"),
        (0.197_267_759_562_841_98, "0.19726775956284198"),
    ] {
        assert_eq!(super::reason::number(number), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_runner_evaluates_on_the_minute() {
    let scene = Scene::new(&json!({}));
    scene.put("M", 0, &[6.0]);
    let begun = tokio::time::Instant::now();
    let mut follower = scene.alarms.follow();
    let runner = tokio::spawn(scene.alarms.clone().run(scene.metrics.clone(), Paused(begun)));
    let change = tokio::time::timeout(Duration::from_secs(60), follower.recv()).await.unwrap().unwrap();
    assert_eq!((change.alarm.as_str(), change.new.as_str()), ("a", "ALARM"));
    let passed = begun.elapsed().as_secs();
    assert!((30..=32).contains(&passed), "{passed} s");
    runner.abort();
}
