//! What happens to an event when it comes in: the metrics in it, and what is counted.

use std::collections::BTreeMap;

use super::event::LogEvent;
use crate::clock::Clock;
use crate::emf::{self, Ledger};
use crate::metrics::{Datum, MetricStore, Values};

/// The namespace of CloudWatch Logs's own metrics.
const NAMESPACE: &str = "AWS/Logs";

/// Finds the metrics in events.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub(super) metrics: MetricStore,
    pub(super) ledger: Ledger,
}

impl Intake {
    /// Puts the metrics of an event in embedded metric format, and notes what is wrong with them.
    pub(super) fn extract(&self, event: &LogEvent, clock: &dyn Clock) {
        // Parsing costs a hundred times as much as this look.
        if !event.message.contains("\"_aws\"") {
            return;
        }
        let now_ms = clock.now_ms();
        let Some(extraction) = emf::extract(&event.message, now_ms) else { return };
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
                self.metrics.put(datum(name, Some(&event.group), "Count", now_ms, vec![(1.0, 1.0)]));
            }
        }
    }
}

/// A metric of CloudWatch Logs itself: of one group, or of the account.
fn datum(
    name: &str,
    group: Option<&str>,
    unit: &'static str,
    timestamp: i64,
    samples: Vec<(f64, f64)>,
) -> Datum {
    let dimension = |group: &str| BTreeMap::from([("LogGroupName".to_owned(), group.to_owned())]);
    Datum {
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        dimensions: group.map(dimension).unwrap_or_default(),
        unit,
        high_resolution: false,
        timestamp,
        values: Values::Samples(samples),
    }
}
