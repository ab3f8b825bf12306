//! Evaluates alarms, every minute, and those of shorter periods every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::judge::{evaluation_range, judge};
use super::reason::{self, Point};
use super::store::{AlarmStore, Kind, Turn};
use super::{Definition, State, Watch};
use crate::clock::Clock;
use crate::metrics::MetricStore;
use crate::metrics::query::{MetricStat, Query, Source, Window, run};

/// How often the shortest alarms are evaluated, in seconds.
const TICK: i64 = 10;

/// How long after the end of a period it is evaluated, in milliseconds: who gathers data for a second
/// has handed them in by then.
const SETTLING_MS: i64 = 2000;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl AlarmStore {
    /// Evaluates alarms as time goes by, and lets old metrics grow coarse. Runs until it is dropped.
    pub async fn run(self, metrics: MetricStore, clock: impl Clock) {
        loop {
            let ahead = TICK * 1000 - (clock.now_ms() - SETTLING_MS).rem_euclid(TICK * 1000);
            let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or(1));
            sleep_until(Instant::now() + ahead).await;
            let now = clock.now_ms();
            self.evaluate(&metrics, now);
            if on_the(now, MINUTE) {
                metrics.roll_up(now);
            }
        }
    }

    /// Evaluates every alarm that is due at this time, in milliseconds since the epoch.
    pub(crate) fn evaluate(&self, metrics: &MetricStore, now: i64) {
        for entry in self.all() {
            if let Kind::Metric(watch) = &entry.definition.kind
                && is_due(watch, now, entry.state)
                && let Some(turn) = evaluate(&entry.definition, watch, metrics, now)
            {
                self.evaluated(&entry.definition, turn, now);
            }
        }
    }
}

/// Whether the ten seconds of a time are the first ones of a period.
fn on_the(now_ms: i64, period: i64) -> bool {
    now_ms.div_euclid(1000).rem_euclid(period) < TICK
}

/// Alarms that look at more than a day are evaluated every hour, when they have been once.
fn is_due(watch: &Watch, now_ms: i64, state: State) -> bool {
    let periods = i64::try_from(watch.evaluation_periods).unwrap_or(i64::MAX);
    if watch.period < MINUTE {
        true
    } else if watch.period.saturating_mul(periods) > DAY && state != State::InsufficientData {
        on_the(now_ms, HOUR)
    } else {
        on_the(now_ms, MINUTE)
    }
}

/// What an alarm's metrics say of it; `None` leaves it as it is.
fn evaluate(definition: &Arc<Definition>, watch: &Watch, metrics: &MetricStore, now: i64) -> Option<Turn> {
    let points = points(watch, metrics, now)
        .inspect_err(|error| tracing::warn!(alarm = definition.name, %error, "an alarm cannot be evaluated"))
        .ok()?;
    let n = watch.evaluation_periods;
    let breaches = |value: f64| watch.comparison.breaches(value, watch.threshold);
    let judged: Vec<Option<bool>> = points.iter().map(|point| point.value.map(breaches)).collect();
    let verdict = judge(&judged, watch.datapoints_to_alarm.unwrap_or(n), n, watch.missing);
    let newest = verdict.counted.last().and_then(|index| points.get(*index));
    if watch.ignores_few_samples && newest.is_some_and(|point| has_few_samples(watch, point)) {
        return None;
    }
    let state = verdict.state?;
    let reason = reason::text(watch, &verdict, &points, state);
    let data = reason::data(watch, &verdict, &points, now).to_string();
    Some(Turn { state, reason, data: Some(data) })
}

/// The points of the evaluation range, oldest first.
fn points(watch: &Watch, metrics: &MetricStore, now_ms: i64) -> Result<Vec<Point>, String> {
    let range = i64::try_from(evaluation_range(watch.evaluation_periods)).unwrap_or(i64::MAX);
    let step = if watch.period < MINUTE { TICK } else { MINUTE };
    let now = now_ms.div_euclid(1000);
    let to = now - now.rem_euclid(step);
    let from = to.saturating_sub(range.saturating_mul(watch.period));
    let window = Window { from, to, sliding: true };
    let read = |queries: &[Query]| run(metrics, queries, window).map_err(|error| error.to_string());
    let values = read(&watch.queries)?.into_iter().next().map(|outcome| outcome.points).unwrap_or_default();
    let counts = match counting(watch) {
        Some(query) => read(&[query])?.into_iter().next().map(|outcome| outcome.points).unwrap_or_default(),
        None => Vec::new(),
    };
    let at = |points: &[(i64, f64)], start: i64| {
        points.binary_search_by_key(&start, |(at, _)| *at).ok().and_then(|i| points.get(i)).map(|(_, v)| *v)
    };
    let starts = (0..range).map(|number| from + number * watch.period);
    Ok(starts
        .map(|start| Point { at: start, value: at(&values, start), samples: at(&counts, start) })
        .collect())
}

/// The number of samples of an alarm of one metric.
fn counting(watch: &Watch) -> Option<Query> {
    let [query] = watch.queries.as_slice() else { return None };
    let Source::Metric(metric) = &query.source else { return None };
    let statistic = "SampleCount".parse().ok()?;
    Some(Query { source: Source::Metric(MetricStat { statistic, ..metric.clone() }), ..query.clone() })
}

/// Whether a percentile is of too few samples: fewer than ten are beyond it.
fn has_few_samples(watch: &Watch, point: &Point) -> bool {
    let [Query { source: Source::Metric(metric), .. }] = watch.queries.as_slice() else { return false };
    let (Some(percent), Some(samples)) = (metric.statistic.percentile(), point.samples) else { return false };
    let share = percent / 100.0;
    samples < 10.0 / if share >= 0.5 { 1.0 - share } else { share }
}
