//! Metrics of the services themselves: a meter measures several at once, in several sets of
//! dimensions.

use std::collections::BTreeMap;

use cloudwatch::metrics::{MetricStore, Recorder};

/// A metric: its name and its unit.
pub(crate) type Metric = (&'static str, &'static str);

/// A set of dimensions, by name.
pub(crate) type Dimensions = BTreeMap<String, String>;

/// Metrics that are measured together, in the same sets of dimensions.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By the metric's place: its series.
    recorders: Vec<Vec<Recorder>>,
}

impl Meter {
    /// A meter of these metrics in each of these sets of dimensions.
    pub(crate) fn new(store: &MetricStore, namespace: &str, metrics: &[Metric], sets: &[Dimensions]) -> Self {
        let series = |(name, unit): &Metric| {
            sets.iter().map(|set| store.recorder(namespace, name, set.clone(), unit)).collect()
        };
        Self { recorders: metrics.iter().map(series).collect() }
    }

    /// Adds samples of one time: each the metric's place in the list, and the value.
    pub(crate) fn record(&self, now_ms: i64, samples: impl IntoIterator<Item = (usize, f64)>) {
        for (metric, value) in samples {
            for recorder in self.recorders.get(metric).into_iter().flatten() {
                recorder.record(now_ms, value);
            }
        }
    }
}

/// A set of dimensions out of names and values.
pub(crate) fn dimensions<const N: usize>(pairs: [(&str, &str); N]) -> Dimensions {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use cloudwatch::alarms::AlarmStore;
    use cloudwatch::api::metrics::Api;
    use cloudwatch::clock::Clock;
    use serde_json::{Value, json};

    use super::*;

    /// A time at which everything is new.
    #[derive(Debug)]
    struct Early;

    impl Clock for Early {
        fn now_ms(&self) -> i64 {
            0
        }
    }

    fn call(api: &Api, operation: &str, request: &Value) -> Value {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let parts = http::Request::post("/").header("X-Amz-Target", target);
        let parts =
            parts.header("Content-Type", "application/x-amz-json-1.0").body(()).unwrap().into_parts().0;
        let answer = api.call(&parts, &Bytes::from(request.to_string()));
        assert!(answer.status().is_success(), "{answer:?}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// Every series that has data on a line, sorted: `Name {dimensions} 3 in 7`, the sum and how many
    /// samples it is of.
    pub(crate) fn series(store: &MetricStore) -> Vec<String> {
        let api = Api::new(store.clone(), AlarmStore::new("us-east-1", "123456789012"), Arc::new(Early));
        let listed = call(&api, "ListMetrics", &json!({}));
        let metrics = listed["Metrics"].as_array().unwrap().iter();
        let mut lines: Vec<_> = metrics.map(|metric| line(&api, metric)).collect();
        lines.sort();
        lines
    }

    fn line(api: &Api, metric: &Value) -> String {
        let mut request = metric.clone();
        request["StartTime"] = json!(0);
        request["EndTime"] = json!(4_000_000_000_i64);
        request["Period"] = json!(60 * 60 * 24 * 365);
        request["Statistics"] = json!(["Sum", "SampleCount"]);
        let points = call(api, "GetMetricStatistics", &request);
        let points = points["Datapoints"].as_array().unwrap();
        let total = |name: &str| points.iter().map(|point| point[name].as_f64().unwrap()).sum::<f64>();
        let dimension = |dimension: &Value| {
            format!("{}={}", dimension["Name"].as_str().unwrap(), dimension["Value"].as_str().unwrap())
        };
        let dimensions: Vec<_> = metric["Dimensions"].as_array().unwrap().iter().map(dimension).collect();
        let name = metric["MetricName"].as_str().unwrap();
        format!("{name} {{{}}} {} in {}", dimensions.join(" "), total("Sum"), total("SampleCount"))
    }

    #[test]
    fn samples_count_in_every_set_of_dimensions() {
        let store = MetricStore::default();
        let sets = [dimensions([("A", "a")]), dimensions([("A", "a"), ("B", "b")])];
        let meter = Meter::new(&store, "N", &[("Count", "Count"), ("Took", "Milliseconds")], &sets);
        assert_eq!(series(&store), [""; 0], "a series without data is none");
        meter.record(5_000, [(0, 1.0), (1, 2.5)]);
        meter.record(5_999, [(0, 1.0)]);
        let expected = [
            "Count {A=a B=b} 2 in 2",
            "Count {A=a} 2 in 2",
            "Took {A=a B=b} 2.5 in 1",
            "Took {A=a} 2.5 in 1",
        ];
        assert_eq!(series(&store), expected);
    }
}
