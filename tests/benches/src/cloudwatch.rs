//! CloudWatch's metrics in this process: how long a day of them takes to put and to read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cloudwatch::alarms::AlarmStore;
use cloudwatch::api::metrics::Api;
use cloudwatch::clock::{Clock, SystemClock};
use cloudwatch::metrics::{Datum, MetricStore, Values};
use http::Request;
use serde_json::{Value, json};

use crate::Failure;
use crate::figures::Figures;

/// Metrics.
const SERIES: usize = 100;

/// Minutes of a day, each with a value of each metric.
const MINUTES: i64 = 24 * 60;

/// Puts a day of data, and reads it back through the API.
pub(crate) fn metrics(figures: &mut Figures) -> Result<(), Failure> {
    let store = MetricStore::default();
    let api = Api::new(store.clone(), AlarmStore::new("us-east-1", "123456789012"), Arc::new(SystemClock));
    let now = SystemClock.now_ms().div_euclid(60_000) * 60;
    let from = now - 60 * MINUTES;
    let begun = Instant::now();
    let mut put = 0_u32;
    for minute in 0..MINUTES {
        for series in 0..SERIES {
            store.put(datum(series, (from + 60 * minute) * 1000, f64::from(put % 1000)));
            put += 1;
        }
    }
    figures.add("put of one datum, µs", begun.elapsed().as_secs_f64() * 1e6 / f64::from(put));
    for statistic in ["Sum", "p99"] {
        let (mut points, mut seconds, mut token) = (0, 0.0, Value::Null);
        loop {
            let (parts, body) = request(statistic, from, now, &token)?.into_parts();
            let begun = Instant::now();
            let response = api.call(&parts, &body);
            seconds += begun.elapsed().as_secs_f64();
            let page: Value = serde_json::from_slice(response.body())?;
            let results =
                page.get("MetricDataResults").and_then(Value::as_array).cloned().unwrap_or_default();
            points +=
                results.iter().filter_map(|one| one.get("Values")?.as_array().map(Vec::len)).sum::<usize>();
            token = page.get("NextToken").cloned().unwrap_or_default();
            if token.is_null() {
                break;
            }
        }
        figures.add(&format!("GetMetricData, {statistic}, {points} points in all pages: ms"), seconds * 1e3);
    }
    Ok(())
}

fn datum(series: usize, timestamp: i64, value: f64) -> Datum {
    Datum {
        namespace: "Bench".to_owned(),
        name: "Latency".to_owned(),
        dimensions: BTreeMap::from([("Series".to_owned(), series.to_string())]),
        unit: "Milliseconds",
        high_resolution: false,
        timestamp,
        values: Values::Samples(vec![(value, 1.0)]),
    }
}

fn request(statistic: &str, from: i64, to: i64, token: &Value) -> Result<Request<Bytes>, Failure> {
    let queries: Vec<Value> = (0..SERIES)
        .map(|series| {
            let dimensions = json!([{ "Name": "Series", "Value": series.to_string() }]);
            let metric = json!({ "Namespace": "Bench", "MetricName": "Latency", "Dimensions": dimensions });
            let stat = json!({ "Metric": metric, "Period": 60, "Stat": statistic });
            json!({ "Id": format!("m{series}"), "MetricStat": stat })
        })
        .collect();
    let input = json!({ "StartTime": from, "EndTime": to, "MetricDataQueries": queries, "NextToken": token });
    let request = Request::post("/").header("x-amz-target", "GraniteServiceVersion20100801.GetMetricData");
    Ok(request.body(Bytes::from(input.to_string()))?)
}
