//! Metric filters: metrics of the events that a pattern takes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use super::event::LogEvent;

use crate::filter::{Found, Pattern, PatternError};
use crate::metrics::{self, Datum, MetricStore, Values};

/// Milliseconds of the period in which a default value is put once.
const MINUTE_MS: i64 = 60_000;

/// A metric filter as the API spells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricFilter {
    /// Its name, unique in its group.
    pub filter_name: String,
    /// Which events it takes.
    pub filter_pattern: String,
    /// What it makes of them.
    pub metric_transformations: Vec<Transformation>,
    /// When it was put: milliseconds since the epoch.
    #[serde(default)]
    pub creation_time: i64,
}

/// One metric of a metric filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transformation {
    /// The metric's name.
    pub metric_name: String,
    /// The metric's namespace.
    pub metric_namespace: String,
    /// A number, or a name of the pattern: `$.latency`, `$bytes`.
    pub metric_value: String,
    /// What is put in a minute with events of which the pattern takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<f64>,
    /// Dimensions, with the pattern's names for their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// One of CloudWatch's units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A metric filter that works.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) filter: MetricFilter,
    pattern: Pattern,
    /// The last minute in which something was put.
    said: AtomicI64,
}

impl Compiled {
    pub(super) fn new(filter: MetricFilter) -> Result<Self, PatternError> {
        let pattern = Pattern::parse(&filter.filter_pattern)?;
        Ok(Self { filter, pattern, said: AtomicI64::new(i64::MIN) })
    }

    /// Puts what an event gives.
    pub(super) fn apply(&self, event: &LogEvent, metrics: &MetricStore) {
        let minute = event.timestamp.div_euclid(MINUTE_MS);
        let found = self.pattern.find(&event.message);
        let is_first = self.said.swap(minute, Ordering::Relaxed) != minute;
        for transformation in &self.filter.metric_transformations {
            let datum = match &found {
                Some(found) => transformation.datum(found, event.timestamp),
                None if is_first => transformation.default_datum(event.timestamp),
                None => None,
            };
            if let Some(datum) = datum {
                metrics.put(datum);
            }
        }
    }
}

impl Transformation {
    /// The metric of an event; `None` when the event does not have its value. A dimension that it
    /// does not have is left out.
    fn datum(&self, found: &Found, timestamp: i64) -> Option<Datum> {
        let value = match self.metric_value.strip_prefix('$') {
            None => self.metric_value.parse().ok()?,
            Some(_) => found.text(&self.metric_value)?.parse().ok()?,
        };
        let dimension = |(name, selector): (&String, &String)| Some((name.clone(), found.text(selector)?));
        let dimensions = self.dimensions.iter().filter_map(dimension).collect();
        Some(self.with(value, dimensions, timestamp))
    }

    fn default_datum(&self, timestamp: i64) -> Option<Datum> {
        Some(self.with(self.default_value?, BTreeMap::new(), timestamp))
    }

    fn with(&self, value: f64, dimensions: BTreeMap<String, String>, timestamp: i64) -> Datum {
        Datum {
            namespace: self.metric_namespace.clone(),
            name: self.metric_name.clone(),
            dimensions,
            unit: self.unit.as_deref().and_then(metrics::unit).unwrap_or("None"),
            high_resolution: false,
            timestamp,
            values: Values::Samples(vec![(value, 1.0)]),
        }
    }
}
