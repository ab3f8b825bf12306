//! `switchboard metrics`: what CloudWatch has of metrics, as tables and charts.

mod read;
mod show;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use cloudwatch::clock::{Clock, SystemClock};
use console::Term;
use tokio::time::{Instant, sleep_until};

use crate::CommandError;
use crate::endpoint::{self, ConnectArgs, EndpointError};
use read::{Metric, ReadError, Span};

/// How often `--watch` looks again.
const REDRAW: Duration = Duration::from_secs(5);

/// Periods that a chart has by default, roughly.
const PERIODS: i64 = 60;

/// What to show.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MetricsOptions {
    /// The metrics to show; without any, a table of all that there is.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The namespace to look in; can be given many times.
    #[arg(long, value_name = "NAMESPACE", default_values = ["AWS/ApiGateway", "Switchboard"])]
    namespace: Vec<String>,
    /// A statistic: Sum, Average, Minimum, Maximum, SampleCount, p99, tm90, …
    #[arg(long, value_name = "STATISTIC", default_value = "Sum")]
    stat: String,
    /// The period of a value: 60s, 5m, 1h [default: a sixtieth of --since, a minute at least].
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    period: Option<i64>,
    /// How far to look back: 30m, 3h, 2d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    since: i64,
    /// Only metrics with this dimension; can be given many times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = dimension)]
    dimensions: Vec<(String, String)>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Stay, and draw again every 5 seconds until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Why metrics cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetricsError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no metric {0}{1}")]
    Unknown(String, String),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

/// Shows the metrics, once or again and again.
pub(crate) fn run(options: &MetricsOptions) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let shown = runtime.map_err(MetricsError::Runtime)?.block_on(async {
        // Ctrl-C ends it whether it waits or asks.
        tokio::select! {
            shown = Box::pin(watch(options)) => shown,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    });
    match shown {
        // When nobody reads any more, whoever did has seen enough.
        Err(MetricsError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        shown => Ok(shown?),
    }
}

async fn watch(options: &MetricsOptions) -> Result<(), MetricsError> {
    let client = Client::new(&endpoint::config(&options.connect).await?);
    if !options.watch {
        return Ok(std::io::stdout().write_all(text(&client, options).await?.as_bytes())?);
    }
    let screen = Term::stdout();
    loop {
        let next = Instant::now() + REDRAW;
        let text = text(&client, options).await?;
        // A file or a pipe gets one look after the other.
        if screen.is_term() {
            screen.clear_screen()?;
        }
        screen.write_str(&text)?;
        sleep_until(next).await;
    }
}

/// One look.
async fn text(client: &Client, options: &MetricsOptions) -> Result<String, MetricsError> {
    let mut metrics = Vec::new();
    for namespace in &options.namespace {
        metrics.extend(read::list(client, namespace, &options.dimensions).await?);
    }
    check_names(options, &metrics)?;
    let span = span(options);
    if options.names.is_empty() {
        let totals = read::totals(client, &metrics, &span).await?;
        return Ok(if options.json { show::totals_json(&totals) } else { show::totals(&totals, &span) });
    }
    metrics.retain(|metric| options.names.contains(&metric.name));
    let measured = read::measure(client, metrics, &options.stat, &span).await?;
    Ok(if options.json {
        show::series_json(&measured, &options.stat, &span)
    } else {
        show::series(&measured, &options.stat, &span)
    })
}

/// A name that no metric has is most likely misspelled.
fn check_names(options: &MetricsOptions, metrics: &[Metric]) -> Result<(), MetricsError> {
    let Some(unknown) = options.names.iter().find(|name| metrics.iter().all(|metric| metric.name != **name))
    else {
        return Ok(());
    };
    let there: BTreeMap<&str, ()> = metrics.iter().map(|metric| (metric.name.as_str(), ())).collect();
    let there = there.into_keys().collect::<Vec<_>>().join(", ");
    let hint = match there.as_str() {
        "" => format!("; {} has none at all", options.namespace.join(" or ")),
        there => format!("; there are {there}"),
    };
    Err(MetricsError::Unknown(unknown.clone(), hint))
}

/// The time that is looked at: whole periods, the last of which has just begun.
fn span(options: &MetricsOptions) -> Span {
    let minutes = (options.since / PERIODS + 59) / 60;
    let period = options.period.unwrap_or_else(|| (minutes * 60).max(60)).max(1);
    let now = SystemClock.now_ms().div_euclid(1000);
    let to = now - now.rem_euclid(period) + period;
    let periods = (options.since + period - 1) / period;
    Span { from: to - periods.max(1) * period, to, period }
}

/// A time in seconds: `90`, `90s`, `5m`, `3h`, `2d`.
fn seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.chars().last()),
        None => (text, None),
    };
    let factor = match unit {
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => 1,
    };
    let number: i64 = number.parse().map_err(|_| "expected a time such as 90s, 5m, 3h or 2d".to_owned())?;
    let seconds = number.checked_mul(factor).filter(|seconds| (1..=455 * 24 * 60 * 60).contains(seconds));
    seconds.ok_or_else(|| "expected a time from one second to 455 days".to_owned())
}

fn dimension(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, expected) in [("90", 90), ("90s", 90), ("5m", 300), ("3h", 10_800), ("2d", 172_800)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "-5m", "0", "5w", "9999d", "9223372036854775807d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dimensions_have_a_name_and_a_value() {
        assert_eq!(dimension("Stage=a=b"), Ok(("Stage".to_owned(), "a=b".to_owned())));
        assert!(dimension("Stage").is_err() && dimension("=x").is_err() && dimension("x=").is_err());
    }
}
