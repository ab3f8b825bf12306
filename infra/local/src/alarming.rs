//! The template's alarms, and the task that evaluates all alarms.

use std::collections::BTreeSet;

use cloudwatch::alarms::AlarmStore;
use cloudwatch::api::metrics::Api;
use cloudwatch::clock::SystemClock;
use cloudwatch::metrics::MetricStore;
use sam::app::Alarm;
use tokio::task::JoinHandle;

use crate::stack::StartError;

/// Evaluates alarms until it is dropped.
#[derive(Debug)]
pub(crate) struct Alarming(JoinHandle<()>);

impl Alarming {
    pub(crate) fn start(alarms: AlarmStore, metrics: MetricStore) -> Self {
        Self(tokio::spawn(alarms.run(metrics, SystemClock)))
    }
}

impl Drop for Alarming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes a template's alarms. Those over other alarms come after them, in whatever order they stand.
/// Those of an earlier template that this one does not have are deleted, as a deployment does.
pub(crate) fn declare(cloudwatch: &Api, alarms: &[Alarm]) -> Result<(), StartError> {
    let (mut waiting, metric): (Vec<&Alarm>, Vec<&Alarm>) = alarms.iter().partition(|alarm| alarm.composite);
    for alarm in metric {
        put(cloudwatch, alarm)?;
    }
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut refused = None;
        waiting.retain(|alarm| match put(cloudwatch, alarm) {
            Ok(()) => false,
            Err(error) => {
                refused.get_or_insert(error);
                true
            }
        });
        if waiting.len() == before
            && let Some(error) = refused
        {
            return Err(error);
        }
    }
    let names: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    cloudwatch.keep_declared_alarms(&names);
    Ok(())
}

fn put(cloudwatch: &Api, alarm: &Alarm) -> Result<(), StartError> {
    let refused = |reason: String| StartError::Alarm {
        alarm: alarm.logical_id.clone(),
        reason: reason.trim_end_matches('.').to_owned(),
    };
    cloudwatch.declare_alarm(alarm.composite, alarm.put.clone()).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn cloudwatch() -> Api {
        let alarms = AlarmStore::new("us-east-1", "123456789012");
        Api::new(MetricStore::default(), alarms, Arc::new(SystemClock))
    }

    fn alarm(name: &str, composite: bool, put: Value) -> Alarm {
        Alarm { logical_id: name.to_owned(), name: name.to_owned(), composite, put }
    }

    fn composite(name: &str, rule: &str) -> Alarm {
        alarm(name, true, json!({ "AlarmName": name, "AlarmRule": rule }))
    }

    #[test]
    fn alarms_over_alarms_may_stand_before_them() {
        let metric = json!({
            "AlarmName": "m", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": "60",
            "EvaluationPeriods": "1", "Threshold": "5", "ComparisonOperator": "GreaterThanThreshold",
        });
        let alarms = [composite("c", "OK(b)"), composite("b", "ALARM(m)"), alarm("m", false, metric)];
        declare(&cloudwatch(), &alarms).unwrap();
    }

    #[test]
    fn an_alarm_that_cloudwatch_refuses_is_named() {
        let error = declare(&cloudwatch(), &[composite("c", "ALARM(gone)")]).unwrap_err().to_string();
        let expected = "the alarm c cannot be made: Could not save the composite alarm as its rule uses an alarm \
                        that does not exist: gone";
        assert_eq!(error, expected);
        let error = declare(&cloudwatch(), &[alarm("m", false, json!({ "AlarmName": "m" }))]).unwrap_err();
        assert_eq!(error.to_string(), "the alarm m cannot be made: The parameter Namespace is required");
    }
}
