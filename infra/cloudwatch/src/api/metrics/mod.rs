//! CloudWatch's own API: one typed core behind three wire protocols.
//!
//! "Amazon CloudWatch API Reference". SDKs of today speak Smithy RPC v2 CBOR, others JSON 1.0, older
//! ones the Query protocol with XML answers.

mod alarm_answers;
mod alarm_definition;
mod alarms;
mod cbor;
mod error;
mod get_data;
mod get_statistics;
mod list;
mod page;
mod put;
mod query_request;
mod reader;
#[cfg(test)]
mod tests;
mod wire;
mod xml;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::alarms::AlarmStore;
use crate::clock::Clock;
use crate::document::Document;
use crate::metrics::MetricStore;
use error::ApiError;
use reader::Reader;

/// What operations begin with that change something: it is kept for good before they are answered.
const CHANGES: [&str; 7] = ["Delete", "Disable", "Enable", "Put", "Set", "Tag", "Untag"];

/// The API over a store of metrics and one of alarms. Clones share them.
#[derive(Debug, Clone)]
pub struct Api {
    metrics: MetricStore,
    alarms: AlarmStore,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// The API over these stores. Alarms that were kept in a file are read and come back.
    #[must_use]
    pub fn new(metrics: MetricStore, alarms: AlarmStore, clock: Arc<dyn Clock>) -> Self {
        for kept in alarms.take_kept() {
            let description = Document::from_json(kept.description.clone());
            let input = Reader::root(&description);
            let read = if kept.composite {
                alarm_definition::rule(&input)
            } else {
                alarm_definition::metric(&input)
            };
            match read {
                Ok(definition) => alarms.restore(definition, kept),
                Err(error) => tracing::warn!(%error, %kept.description, "an alarm cannot be read again"),
            }
        }
        Self { metrics, alarms, clock }
    }

    /// Answers a request of any of the three protocols, with the service's own errors when it cannot.
    /// It may wait for the disk: what is acknowledged is kept for good.
    #[must_use]
    pub fn call(&self, parts: &Parts, body: &Bytes) -> Response<Bytes> {
        let wire = wire::Wire::of(parts);
        let request = wire.request(parts, body);
        let operation = request.as_ref().map(|(operation, _)| operation.clone()).unwrap_or_default();
        let answer = request.and_then(|(operation, input)| {
            let answer = self.answer(&operation, &input)?;
            if CHANGES.iter().any(|verb| operation.starts_with(verb)) {
                self.flush().map_err(ApiError::internal)?;
            }
            Ok(answer)
        });
        wire.response(&operation, answer)
    }

    fn flush(&self) -> Result<(), String> {
        self.metrics.flush()?;
        self.alarms.flush()
    }

    /// The operation that a request names; empty when it cannot be read.
    #[must_use]
    pub fn operation(parts: &Parts, body: &Bytes) -> String {
        wire::Wire::of(parts).request(parts, body).map(|(operation, _)| operation).unwrap_or_default()
    }

    /// Answers that the caller may not do it, in the protocol of the request.
    #[must_use]
    pub fn refuse(parts: &Parts, body: &Bytes, message: &str) -> Response<Bytes> {
        let operation = Self::operation(parts, body);
        wire::Wire::of(parts).response(&operation, Err(ApiError::access_denied(message)))
    }

    /// Makes an alarm of a template, which is described as the API's `PutMetricAlarm` or
    /// `PutCompositeAlarm` would be. One that is there already and the same stays as it is.
    ///
    /// # Errors
    /// What the API would answer, in words.
    pub fn declare_alarm(&self, composite: bool, description: serde_json::Value) -> Result<(), String> {
        let operation = if composite { "PutCompositeAlarm" } else { "PutMetricAlarm" };
        let description = Document::from_json(description);
        let input = Reader::root(&description);
        alarms::declare(&self.alarms, operation, &input, self.clock.now_ms())
            .map_err(|error| error.to_string())
    }

    /// Deletes the alarms that an earlier template has declared: all but those of these names, and
    /// those that were put by the API.
    pub fn keep_declared_alarms(&self, names: &BTreeSet<&str>) {
        self.alarms.keep_declared(names, self.clock.now_ms());
    }

    /// Runs an operation; one that answers nothing gives an empty map.
    fn answer(&self, operation: &str, input: &Document) -> Result<Document, ApiError> {
        let input = Reader::root(input);
        let now = self.clock.now_ms();
        match operation {
            "PutMetricData" => put::put(&self.metrics, &input, now),
            "GetMetricData" => get_data::get(&self.metrics, self.alarms.account(), &input, now),
            "GetMetricStatistics" => get_statistics::get(&self.metrics, &input),
            "ListMetrics" => list::list(&self.metrics, &input, now),
            "PutMetricAlarm" | "PutCompositeAlarm" => alarms::put(&self.alarms, operation, &input, now),
            "DescribeAlarms" => alarms::describe(&self.alarms, &input),
            "DescribeAlarmsForMetric" => alarms::describe_for_metric(&self.alarms, &input),
            "DescribeAlarmHistory" => alarms::history(&self.alarms, &input),
            "SetAlarmState" => alarms::set_state(&self.alarms, &input, now),
            "DeleteAlarms" => alarms::delete(&self.alarms, &input, now),
            "EnableAlarmActions" => alarms::enable_actions(&self.alarms, &input, true, now),
            "DisableAlarmActions" => alarms::enable_actions(&self.alarms, &input, false, now),
            "TagResource" => alarms::tag(&self.alarms, &input),
            "UntagResource" => alarms::untag(&self.alarms, &input),
            "ListTagsForResource" => alarms::list_tags(&self.alarms, &input),
            unknown => Err(ApiError::unknown_operation(unknown)),
        }
    }
}
