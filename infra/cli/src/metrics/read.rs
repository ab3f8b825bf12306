//! Reads metrics with AWS's SDK.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, DimensionFilter, Metric as SdkMetric, MetricDataQuery, MetricStat, ScanBy,
};

/// Queries that one request may have.
const MAX_QUERIES: usize = 500;

/// What totals are made of.
const TOTALS: [&str; 4] = ["SampleCount", "Sum", "Minimum", "Maximum"];

/// Why CloudWatch does not tell.
#[derive(Debug, thiserror::Error)]
#[error("CloudWatch does not answer {operation}: {reason}")]
pub(crate) struct ReadError {
    operation: &'static str,
    reason: String,
}

impl ReadError {
    fn of<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        SdkError<E>: ProvideErrorMetadata + std::error::Error,
    {
        // What the service says; else the whole chain, of which the first link says nothing.
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{message} ({code})"),
            _ => DisplayErrorContext(error).to_string(),
        };
        Self { operation, reason }
    }
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: Vec<(String, String)>,
}

/// A time in seconds since the epoch, and the period of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) period: i64,
}

/// A metric's values by the starts of their periods, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) metric: Metric,
    pub(super) points: Vec<(i64, f64)>,
}

/// What a metric came to over the whole time; a metric without data has no samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Total {
    pub(super) metric: Metric,
    pub(super) samples: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
}

/// The metrics of a namespace that have these dimensions, by name.
pub(super) async fn list(
    client: &Client,
    namespace: &str,
    dimensions: &[(String, String)],
) -> Result<Vec<Metric>, ReadError> {
    let filters = dimensions
        .iter()
        .map(|(name, value)| DimensionFilter::builder().name(name).value(value).build())
        .collect();
    let request = client.list_metrics().namespace(namespace).set_dimensions(Some(filters));
    let mut pages = request.into_paginator().send();
    let mut metrics = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| ReadError::of("ListMetrics", &error))?;
        metrics.extend(page.metrics().iter().map(own_metric));
    }
    metrics.sort_by(|left, right| (&left.name, &left.dimensions).cmp(&(&right.name, &right.dimensions)));
    Ok(metrics)
}

/// The values of metrics by period.
pub(super) async fn measure(
    client: &Client,
    metrics: Vec<Metric>,
    statistic: &str,
    span: &Span,
) -> Result<Vec<Measured>, ReadError> {
    let queries: Vec<(&Metric, &str)> = metrics.iter().map(|metric| (metric, statistic)).collect();
    let points = query(client, &queries, span).await?;
    Ok(metrics.into_iter().zip(points).map(|(metric, points)| Measured { metric, points }).collect())
}

/// What metrics came to over the whole time.
pub(super) async fn totals(
    client: &Client,
    metrics: &[Metric],
    span: &Span,
) -> Result<Vec<Total>, ReadError> {
    let queries: Vec<(&Metric, &str)> =
        metrics.iter().flat_map(|metric| TOTALS.map(|statistic| (metric, statistic))).collect();
    let points = query(client, &queries, span).await?;
    let total = |(metric, points): (&Metric, &[Vec<(i64, f64)>])| {
        let values = |place: usize| points.get(place).into_iter().flatten().map(|(_, value)| *value);
        Total {
            metric: metric.clone(),
            samples: values(0).sum(),
            sum: values(1).sum(),
            minimum: values(2).fold(f64::INFINITY, f64::min),
            maximum: values(3).fold(f64::NEG_INFINITY, f64::max),
        }
    };
    Ok(metrics.iter().zip(points.chunks(TOTALS.len())).map(total).collect())
}

/// The points of each query, in the queries' order.
async fn query(
    client: &Client,
    queries: &[(&Metric, &str)],
    span: &Span,
) -> Result<Vec<Vec<(i64, f64)>>, ReadError> {
    let mut points = vec![Vec::new(); queries.len()];
    for (number, some) in queries.chunks(MAX_QUERIES).enumerate() {
        let first = number * MAX_QUERIES;
        let built = some.iter().zip(first..).map(|((metric, statistic), place)| {
            let (metric, period) = (sdk_metric(metric), i32::try_from(span.period).unwrap_or(i32::MAX));
            let stat = MetricStat::builder().metric(metric).period(period).stat(*statistic).build();
            MetricDataQuery::builder().id(format!("q{place}")).metric_stat(stat).build()
        });
        let mut pages = client
            .get_metric_data()
            .set_metric_data_queries(Some(built.collect()))
            .start_time(DateTime::from_secs(span.from))
            .end_time(DateTime::from_secs(span.to))
            .scan_by(ScanBy::TimestampAscending)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| ReadError::of("GetMetricData", &error))?;
            for result in page.metric_data_results() {
                let place = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
                let Some(points) = place.and_then(|place| points.get_mut(place)) else { continue };
                let times = result.timestamps().iter().map(DateTime::secs);
                points.extend(times.zip(result.values().iter().copied()));
            }
        }
    }
    Ok(points)
}

fn own_metric(metric: &SdkMetric) -> Metric {
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let dimension = |dimension: &Dimension| (own(dimension.name()), own(dimension.value()));
    Metric {
        namespace: own(metric.namespace()),
        name: own(metric.metric_name()),
        dimensions: metric.dimensions().iter().map(dimension).collect(),
    }
}

fn sdk_metric(metric: &Metric) -> SdkMetric {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    SdkMetric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions.collect()))
        .build()
}
