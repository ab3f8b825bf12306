//! One metric directive: a namespace, sets of dimensions, and metrics.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fault::{Faults, Reason};
use super::value;
use crate::metrics::{self, Datum, Values};

/// Dimensions that a set may have.
const MAX_DIMENSIONS: usize = 30;

/// Metrics that a directive may have.
const MAX_METRICS: usize = 100;

/// Characters of a metric's name and of a namespace: what the metrics API takes.
const MAX_NAME: usize = 255;

/// Characters of a dimension's value.
pub(super) const MAX_DIMENSION_VALUE: usize = 1024;

/// The data of a directive.
pub(super) fn read(
    root: &Map<String, Value>,
    directive: &Value,
    timestamp: i64,
    place: &str,
    faults: &mut Faults,
) -> Vec<Datum> {
    let Some((namespace, sets, metrics)) = members(directive) else {
        faults.add(Reason::DirectiveMemberMissing, place);
        return Vec::new();
    };
    if !is_namespace(namespace) {
        faults.add(Reason::NamespaceInvalid, &format!("{place}.Namespace"));
        return Vec::new();
    }
    if sets.is_empty() {
        faults.add(Reason::DimensionsEmptyOuter, &format!("{place}.Dimensions"));
    }
    if metrics.len() > MAX_METRICS {
        faults.add(Reason::TooManyMetrics, &format!("{place}.Metrics"));
        return Vec::new();
    }
    let sets: Vec<_> = sets.iter().filter_map(|set| dimensions(root, set, place, faults)).collect();
    let metrics: Vec<_> =
        metrics.iter().filter_map(|metric| read_metric(root, metric, place, faults)).collect();
    let datum = |metric: &Metric, dimensions: &BTreeMap<String, String>| Datum {
        namespace: namespace.to_owned(),
        name: metric.name.clone(),
        dimensions: dimensions.clone(),
        unit: metric.unit,
        high_resolution: metric.high_resolution,
        timestamp,
        values: metric.values.clone(),
    };
    metrics.iter().flat_map(|metric| sets.iter().map(move |set| datum(metric, set))).collect()
}

fn members(directive: &Value) -> Option<(&str, &Vec<Value>, &Vec<Value>)> {
    Some((
        directive.get("Namespace")?.as_str()?,
        directive.get("Dimensions")?.as_array()?,
        directive.get("Metrics")?.as_array()?,
    ))
}

fn is_namespace(name: &str) -> bool {
    !name.trim().is_empty()
        && name.chars().count() <= MAX_NAME
        && !name.starts_with(':')
        && !name.starts_with("AWS/")
}

/// A directive in which nothing is wrong, before anything is known of the document around it.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) namespace: String,
    /// The names of dimensions.
    pub(super) sets: Vec<Vec<String>>,
    pub(super) metrics: Vec<Definition>,
}

/// What a directive says of a metric.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) high_resolution: bool,
}

impl Shape {
    /// Reads a directive; `None` when anything is wrong with it.
    pub(super) fn read(directive: &Value) -> Option<Self> {
        let (namespace, sets, metrics) = members(directive)?;
        if !is_namespace(namespace) || sets.is_empty() || metrics.len() > MAX_METRICS {
            return None;
        }
        let names = |set: &Value| {
            let names = names(set).filter(|names| names.len() <= MAX_DIMENSIONS)?;
            Some(names.into_iter().map(str::to_owned).collect())
        };
        Some(Self {
            namespace: namespace.to_owned(),
            sets: sets.iter().map(names).collect::<Option<_>>()?,
            metrics: metrics.iter().map(Definition::read).collect::<Option<_>>()?,
        })
    }
}

impl Definition {
    fn read(definition: &Value) -> Option<Self> {
        Some(Self {
            name: metric_name(definition)?.to_owned(),
            unit: unit(definition).ok()?,
            high_resolution: high_resolution(definition).ok()?,
        })
    }
}

/// The names of a set of dimensions.
fn names(set: &Value) -> Option<Vec<&str>> {
    set.as_array()?.iter().map(Value::as_str).collect()
}

/// The values of a set of dimensions; `None` when one of them is not to be had.
fn dimensions(
    root: &Map<String, Value>,
    set: &Value,
    place: &str,
    faults: &mut Faults,
) -> Option<BTreeMap<String, String>> {
    let place = format!("{place}.Dimensions");
    let Some(names) = names(set) else {
        faults.add(Reason::DirectiveMemberMissing, &place);
        return None;
    };
    if names.len() > MAX_DIMENSIONS {
        faults.add(Reason::DimensionSetTooBig, &place);
        return None;
    }
    let mut values = BTreeMap::new();
    for name in names {
        match dimension(root.get(name)) {
            Ok(value) => values.insert(name.to_owned(), value.to_owned()),
            Err(reason) => {
                faults.add(reason, name);
                return None;
            }
        };
    }
    Some(values)
}

fn dimension(target: Option<&Value>) -> Result<&str, Reason> {
    match target {
        None => Err(Reason::DimensionTargetMissing),
        Some(Value::String(value)) if value.is_empty() => Err(Reason::DimensionTargetEmpty),
        Some(Value::String(value)) if value.chars().count() > MAX_DIMENSION_VALUE => {
            Err(Reason::DimensionTargetTooLong)
        }
        Some(Value::String(value)) => Ok(value),
        Some(_) => Err(Reason::DimensionTargetNotString),
    }
}

/// A metric's definition with its values.
struct Metric {
    name: String,
    unit: &'static str,
    high_resolution: bool,
    values: Values,
}

fn read_metric(
    root: &Map<String, Value>,
    definition: &Value,
    place: &str,
    faults: &mut Faults,
) -> Option<Metric> {
    let Some(name) = metric_name(definition) else {
        faults.add(Reason::MetricNameInvalid, &format!("{place}.Metrics"));
        return None;
    };
    let read = || {
        let values = value::read(root.get(name).ok_or(Reason::MetricTargetMissing)?)?;
        let (unit, high_resolution) = (unit(definition)?, high_resolution(definition)?);
        Ok(Metric { name: name.to_owned(), unit, high_resolution, values })
    };
    read().inspect_err(|reason| faults.add(*reason, name)).ok()
}

fn metric_name(definition: &Value) -> Option<&str> {
    let name = definition.get("Name").and_then(Value::as_str)?;
    (!name.trim().is_empty() && name.chars().count() <= MAX_NAME).then_some(name)
}

fn unit(definition: &Value) -> Result<&'static str, Reason> {
    let Some(unit) = definition.get("Unit") else { return Ok("None") };
    unit.as_str().and_then(metrics::unit).ok_or(Reason::UnitUnknown)
}

fn high_resolution(definition: &Value) -> Result<bool, Reason> {
    match definition.get("StorageResolution").map(Value::as_i64) {
        None | Some(Some(60)) => Ok(false),
        Some(Some(1)) => Ok(true),
        Some(_) => Err(Reason::ResolutionInvalid),
    }
}
