//! What happens to an event when it comes in: the metrics in it, and what is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use memchr::memmem;

use super::event::LogEvent;
use super::group::{EVENT_OVERHEAD, Group};
use crate::emf::{self, Known, Ledger};
use crate::metrics::{Datum, MetricStore, Values};

/// The namespace of CloudWatch Logs's own metrics.
const NAMESPACE: &str = "AWS/Logs";

/// Finds the metrics in events.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) metrics: MetricStore,
    pub(super) ledger: Ledger,
    pub(super) known: Known,
}

impl Intake {
    /// Counts an event, and puts the metrics in it.
    pub(super) fn measure(&self, event: &LogEvent, group: &Group) {
        group.incoming.events.fetch_add(1, Ordering::Relaxed);
        group.incoming.bytes.fetch_add((event.message.len() + EVENT_OVERHEAD) as u64, Ordering::Relaxed);
        for filter in group.compiled_filters().iter() {
            filter.apply(event, &self.metrics);
        }
        // Parsing costs a hundred times as much as this look.
        if memmem::find(event.message.as_bytes(), b"\"_aws\"").is_some() {
            self.extract(event);
        }
    }

    /// Puts the metrics of an event in embedded metric format, and notes what is wrong with them.
    fn extract(&self, event: &LogEvent) {
        if self.known.measure(&event.message, event.ingestion, &self.metrics) {
            return;
        }
        let Some(extraction) = emf::extract(&event.message, event.ingestion) else { return };
        for datum in extraction.data {
            self.metrics.put(datum);
        }
        if extraction.faults.is_empty() {
            return;
        }
        let id = event.event_id();
        for fault in &extraction.faults {
            self.ledger.record(event, &id, fault);
        }
        for (name, parsing) in [("EMFParsingErrors", true), ("EMFValidationErrors", false)] {
            if extraction.faults.iter().any(|fault| fault.reason.is_parsing() == parsing) {
                self.put(name, Some(&event.group), "Count", event.ingestion, 1.0);
            }
        }
    }

    /// Puts what came in since the last time: `IncomingLogEvents` and `IncomingBytes`, of each group
    /// and of the account. Only their sum means something, as on AWS.
    pub(super) fn report(&self, groups: &[Arc<Group>], now_ms: i64) {
        let (mut all_events, mut all_bytes) = (0, 0);
        for group in groups {
            let events = group.incoming.events.swap(0, Ordering::Relaxed);
            let bytes = group.incoming.bytes.swap(0, Ordering::Relaxed);
            self.put_volume(Some(&group.name), now_ms, events, bytes);
            all_events += events;
            all_bytes += bytes;
        }
        self.put_volume(None, now_ms, all_events, all_bytes);
    }

    fn put_volume(&self, group: Option<&str>, now_ms: i64, events: u64, bytes: u64) {
        if events > 0 {
            self.put("IncomingLogEvents", group, "Count", now_ms, events as f64);
            self.put("IncomingBytes", group, "Bytes", now_ms, bytes as f64);
        }
    }

    fn put(&self, name: &str, group: Option<&str>, unit: &'static str, timestamp: i64, value: f64) {
        let dimension = |group: &str| BTreeMap::from([("LogGroupName".to_owned(), group.to_owned())]);
        self.metrics.put(Datum {
            namespace: NAMESPACE.to_owned(),
            name: name.to_owned(),
            dimensions: group.map(dimension).unwrap_or_default(),
            unit,
            high_resolution: false,
            timestamp,
            values: Values::Samples(vec![(value, 1.0)]),
        });
    }
}
