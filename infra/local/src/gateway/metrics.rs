//! The metrics of a stage: when each counts, and in which series.
//!
//! [Monitor WebSocket API execution with CloudWatch metrics] in API Gateway's developer guide names
//! the six metrics and the sets of dimensions. When each counts is as the service was recorded: an
//! answer of 503 is an `ExecutionError` and `IntegrationError` never counts; a connect that its
//! function refuses counts as one and is a `ClientError`; every operation is a sample of each error
//! metric, so that their average is the rate of errors.
//!
//! [Monitor WebSocket API execution with CloudWatch metrics]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html

use std::collections::BTreeMap;

use cloudwatch::metrics::MetricStore;

use super::access_log::Row;
use super::management::ROUTE_KEYS;
use crate::meters::{Meter, Metric, dimensions};

const NAMESPACE: &str = "AWS/ApiGateway";

const METRICS: [Metric; 6] = [
    ("ConnectCount", "Count"),
    ("MessageCount", "Count"),
    ("IntegrationError", "Count"),
    ("ClientError", "Count"),
    ("ExecutionError", "Count"),
    ("IntegrationLatency", "Milliseconds"),
];

// The places of the metrics.
const CONNECT_COUNT: usize = 0;
const MESSAGE_COUNT: usize = 1;
const INTEGRATION_ERROR: usize = 2;
const CLIENT_ERROR: usize = 3;
const EXECUTION_ERROR: usize = 4;
const INTEGRATION_LATENCY: usize = 5;

/// Counts a stage's operations.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Series of the API and of the stage.
    stage: Meter,
    /// By route key: the same series, and those of a route with detailed metrics.
    routes: BTreeMap<String, Meter>,
}

impl Metrics {
    /// The metrics of a stage whose API has these routes.
    pub(crate) fn new<'a>(
        api_id: &str,
        stage: &sam::app::Stage,
        routes: impl Iterator<Item = &'a String>,
        store: &MetricStore,
    ) -> Self {
        let sets = || {
            let (api, name) = (("ApiId", api_id), ("Stage", stage.name.as_str()));
            vec![dimensions([api]), dimensions([api, name])]
        };
        let detailed = |key: &str| {
            let mut sets = sets();
            sets.push(dimensions([("ApiId", api_id), ("Stage", &stage.name), ("Route", key)]));
            (key.to_owned(), Meter::new(store, NAMESPACE, &METRICS, &sets))
        };
        let all = stage.default_route_settings.detailed_metrics_enabled == Some(true);
        // A default of true stays in force, whatever a route says.
        let is_detailed = |key: &&String| {
            let own = stage.route_settings.get(*key).and_then(|own| own.detailed_metrics_enabled);
            all || own == Some(true)
        };
        let mut detailed_routes: BTreeMap<_, _> =
            routes.filter(is_detailed).map(|key| detailed(key)).collect();
        if all {
            // What the gateway counts without a route of the API.
            for key in ROUTE_KEYS.into_iter().chain(["$connect", "$disconnect"]) {
                detailed_routes.entry(key.to_owned()).or_insert_with(|| detailed(key).1);
            }
        }
        Self { stage: Meter::new(store, NAMESPACE, &METRICS, &sets()), routes: detailed_routes }
    }

    /// Counts the operation that a row is about.
    pub(crate) fn count(&self, row: &Row<'_>, now_ms: i64) {
        // What selects no route has no series of one.
        let meter = row.route_key.and_then(|key| self.routes.get(key)).unwrap_or(&self.stage);
        let one = |is: bool| if is { 1.0 } else { 0.0 };
        let errors = [
            (INTEGRATION_ERROR, 0.0),
            (CLIENT_ERROR, one((400..500).contains(&row.status))),
            (EXECUTION_ERROR, one(row.status >= 500)),
        ];
        let connect = (row.event_type == "CONNECT" && row.reached).then_some((CONNECT_COUNT, 1.0));
        let messages = (0..messages(row)).map(|_| (MESSAGE_COUNT, 1.0));
        // A management call's row says 0: nothing was called.
        let latency = row.integration_latency.filter(|_| row.event_type != "CONNECTION_API");
        let latency = latency.map(|latency| (INTEGRATION_LATENCY, millis(latency)));
        meter.record(now_ms, connect.into_iter().chain(messages).chain(errors).chain(latency));
    }
}

/// How many messages an operation is.
fn messages(row: &Row<'_>) -> u8 {
    match row.event_type {
        "CONNECT" => u8::from(row.reached || row.status < 300),
        "MESSAGE" => 1 + u8::from(row.replied),
        "DISCONNECT" => 1,
        _ => u8::from(row.status == 200 && row.route_key.is_some_and(|key| key.starts_with("POST "))),
    }
}

fn millis(latency: u128) -> f64 {
    f64::from(u32::try_from(latency).unwrap_or(u32::MAX))
}
