//! Queries: metrics by period, and expressions over them, as `GetMetricData` and alarms ask them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::label::{Here, Measured, Subject, fill, is_dynamic};
use super::math::{Expression, Scope, TimeSeries, Value, evaluate, parse};
use super::statistic::Statistic;
use super::{Grid, Identity, MetricStore, Series};

/// The time that is asked for, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first instant that counts.
    pub(crate) from: i64,
    /// The first one that does not.
    pub(crate) to: i64,
    /// Whether periods end with the window, as those of alarms do, and not at their own multiples.
    pub(crate) sliding: bool,
}

impl Window {
    pub(crate) const fn grid(&self, period: i64) -> Grid {
        let phase = if self.sliding { self.to.rem_euclid(period) } else { 0 };
        Grid { from: self.from, to: self.to, period, phase }
    }
}

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) id: String,
    pub(crate) source: Source,
    pub(crate) label: Option<String>,
    pub(crate) return_data: bool,
    /// The period of an expression that has none of its own, in seconds.
    pub(crate) period: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Metric(MetricStat),
    Expression(String),
}

/// A statistic of a metric by period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetricStat {
    pub(crate) identity: Identity,
    /// In seconds.
    pub(crate) period: i64,
    pub(crate) statistic: Statistic,
    /// Data of this unit only; those of the first unit that there is when nothing is said.
    pub(crate) unit: Option<&'static str>,
}

/// One series of an answer; points are in order of time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) points: Vec<(i64, f64)>,
    /// What is to be said of it.
    pub(crate) units: Vec<&'static str>,
}

/// Why queries cannot be answered, as CloudWatch says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(String);

/// "Periods" in CloudWatch's user guide, in seconds.
pub(crate) const fn is_period(period: i64) -> bool {
    matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0)
}

/// The points of a series, and the units of the data when they were not asked for and differ.
pub(crate) fn read(
    series: &Arc<Series>,
    unit: Option<&'static str>,
    statistic: &Statistic,
    grid: &Grid,
) -> (Vec<(i64, f64)>, Vec<&'static str>) {
    let units = match unit {
        Some(unit) => BTreeSet::from([unit]),
        None => series.units(grid),
    };
    let Some(first) = units.first() else { return (Vec::new(), Vec::new()) };
    let mut points = Vec::new();
    series.each(first, grid, !statistic.is_basic(), |at, bucket| {
        points.extend(statistic.of(bucket).map(|value| (at, value)));
    });
    (points, if units.len() > 1 { units.into_iter().collect() } else { Vec::new() })
}

/// Answers queries, in their order. An expression that comes to several series gives an outcome for
/// each.
pub(crate) fn run(
    store: &MetricStore,
    queries: &[Query],
    window: Window,
) -> Result<Vec<Outcome>, QueryError> {
    answer(store, queries, window, None)
}

/// The same, with the values that labels ask for.
pub(crate) fn run_with_labels(
    store: &MetricStore,
    queries: &[Query],
    window: Window,
    here: Here<'_>,
) -> Result<Vec<Outcome>, QueryError> {
    answer(store, queries, window, Some(here))
}

fn answer(
    store: &MetricStore,
    queries: &[Query],
    window: Window,
    here: Option<Here<'_>>,
) -> Result<Vec<Outcome>, QueryError> {
    let mut scope = Scope {
        values: BTreeMap::new(),
        metrics: metric_ids(queries),
        window,
        period: shortest_period(queries),
        store,
    };
    check_ids(queries)?;
    let mut units = BTreeMap::new();
    for query in queries {
        if let Source::Metric(metric) = &query.source {
            let found = store.find(&metric.identity);
            let grid = window.grid(metric.period);
            let read = found.map(|series| read(&series, metric.unit, &metric.statistic, &grid));
            let (points, of_units) = read.unwrap_or_default();
            let plain = query.label.clone().filter(|label| !is_dynamic(label));
            let label = plain.unwrap_or_else(|| automatic_label(metric, queries));
            let MetricStat { identity, period, statistic, .. } = metric.clone();
            let metric = Some(Arc::new(Measured { identity, statistic, period }));
            let series = TimeSeries { label, period, points, metric };
            scope.values.insert(&query.id, Value::Series(series));
            units.insert(query.id.as_str(), of_units);
        }
    }
    expressions(queries, &mut scope)?;
    let mut outcomes = Vec::new();
    for query in queries.iter().filter(|query| query.return_data) {
        let units = units.remove(query.id.as_str()).unwrap_or_default();
        outcomes.extend(outcomes_of(query, scope.values.remove(query.id.as_str()), units, here)?);
    }
    Ok(outcomes)
}

fn metric_ids(queries: &[Query]) -> Vec<&str> {
    let metrics = queries.iter().filter(|query| matches!(query.source, Source::Metric(_)));
    metrics.map(|query| query.id.as_str()).collect()
}

fn shortest_period(queries: &[Query]) -> i64 {
    let of = |query: &Query| match &query.source {
        Source::Metric(metric) => Some(metric.period),
        Source::Expression(_) => query.period,
    };
    queries.iter().filter_map(of).min().unwrap_or(300)
}

fn check_ids(queries: &[Query]) -> Result<(), QueryError> {
    let mut seen = BTreeSet::new();
    for query in queries {
        if !seen.insert(&query.id) {
            let text = "The values for parameter id in MetricDataQueries are not unique.".to_owned();
            return Err(QueryError(text));
        }
    }
    Ok(())
}

/// Evaluates the expressions, each after those that it uses.
fn expressions<'a>(queries: &'a [Query], scope: &mut Scope<'a>) -> Result<(), QueryError> {
    let mut waiting: Vec<(&'a Query, Expression)> = Vec::new();
    for query in queries {
        if let Source::Expression(text) = &query.source {
            waiting.push((query, parse(text).map_err(|fault| error(&query.id, &fault))?));
        }
    }
    while !waiting.is_empty() {
        let ids: BTreeSet<&str> = waiting.iter().map(|(query, _)| query.id.as_str()).collect();
        let ready = |(_, expression): &(&Query, Expression)| expression.ids().is_disjoint(&ids);
        let (now, later): (Vec<_>, Vec<_>) = waiting.iter().cloned().partition(ready);
        if now.is_empty() {
            let names = ids.into_iter().collect::<Vec<_>>().join(", ");
            return Err(QueryError(format!("Error in expressions: {names} use each other in a circle")));
        }
        for (query, expression) in now {
            let shortest = scope.period;
            scope.period = query.period.unwrap_or(shortest);
            let value = evaluate(&expression, scope).map_err(|fault| error(&query.id, &fault))?;
            scope.period = shortest;
            scope.values.insert(&query.id, value);
        }
        waiting = later;
    }
    Ok(())
}

fn error(id: &str, fault: &dyn std::fmt::Display) -> QueryError {
    QueryError(format!("Error in expression '{id}': {fault}"))
}

fn outcomes_of(
    query: &Query,
    value: Option<Value>,
    units: Vec<&'static str>,
    here: Option<Here<'_>>,
) -> Result<Vec<Outcome>, QueryError> {
    let is_metric = matches!(query.source, Source::Metric(_));
    let dynamic = query.label.as_deref().filter(|label| is_dynamic(label)).zip(here);
    let outcome = |label: String, series: TimeSeries, units| {
        let label = match dynamic {
            Some((pattern, here)) => {
                let metric = series.metric.as_ref();
                fill(pattern, Subject { default: &label, metric, points: &series.points }, here)
            }
            None => label,
        };
        Outcome { id: query.id.clone(), label, points: series.points, units }
    };
    match value {
        Some(Value::Series(series)) if is_metric => Ok(vec![outcome(series.label.clone(), series, units)]),
        Some(Value::Series(mut series)) => {
            let plain = query.label.clone().filter(|_| dynamic.is_none());
            // An expression is no metric, even when it has come of one.
            series.metric = None;
            Ok(vec![outcome(plain.unwrap_or_else(|| query.id.clone()), series, units)])
        }
        Some(Value::Array(many)) => {
            let one = |series: TimeSeries| {
                let label = match &query.label {
                    Some(label) if dynamic.is_none() => format!("{label} {}", series.label),
                    _ => series.label.clone(),
                };
                outcome(label, series, Vec::new())
            };
            Ok(many.into_iter().map(one).collect())
        }
        _ => Err(error(&query.id, &"the result must be a time series or an array of them")),
    }
}

/// The label of a metric that has none: its name, and what tells the queries apart.
fn automatic_label(metric: &MetricStat, queries: &[Query]) -> String {
    let metrics = || {
        queries.iter().filter_map(|query| match &query.source {
            Source::Metric(metric) => Some(metric),
            Source::Expression(_) => None,
        })
    };
    let mut label = metric.identity.name.clone();
    if metrics().any(|other| other.statistic != metric.statistic) {
        label.push_str(&format!(" {}", metric.statistic));
    }
    if metrics().any(|other| other.period != metric.period) {
        label.push_str(&format!(" {}", metric.period));
    }
    label
}
