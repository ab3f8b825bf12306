//! `switchboard tail`: log lines as they come, of AWS or of the local AWS.

pub(crate) mod groups;
pub(crate) mod poll;
pub(crate) mod show;

use std::io;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use jiff::Timestamp;
use tokio::signal::ctrl_c;
use tokio::time::{MissedTickBehavior, interval};

use self::poll::Poll;
use self::show::Screen;
use crate::endpoint::{self, ConnectArgs, EndpointError};

/// How often each group is asked for what is new. AWS allows ten such calls a second.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls a second that this makes at most.
const CALLS_A_SECOND: u32 = 5;

/// What to show.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TailOptions {
    /// Log groups by their names or a part of them, such as a function's name; all when nothing is said.
    #[arg(value_name = "GROUP")]
    names: Vec<String>,
    /// Only lines that this filter pattern of CloudWatch Logs takes.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// How far back to begin: 90s, 10m, 2h, 1d.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    since: Duration,
    /// Stay and show new lines (the default).
    #[arg(long, overrides_with = "no_follow")]
    follow: bool,
    /// Show what there is and end.
    #[arg(long, overrides_with = "follow")]
    no_follow: bool,
    /// A line of JSON for each.
    #[arg(long)]
    json: bool,
    /// Do not show the lines but what is wrong with the metrics in them, and end.
    #[arg(long)]
    faults: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("no log group's name has `{name}` in it; there are: {known}")]
    NoGroup { name: String, known: String },
    #[error("there are {0} log groups; name those to show")]
    TooManyGroups(usize),
    #[error("{0}")]
    Refused(String),
    #[error("cannot write: {0}")]
    Output(io::Error),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// Shows lines until it is interrupted, or until there are no more.
pub(crate) fn run(options: &TailOptions) -> Result<(), TailError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TailError::Runtime)?;
    let shown = runtime.block_on(async {
        tokio::select! {
            shown = Box::pin(tail(options)) => shown,
            _ = ctrl_c() => Ok(()),
        }
    });
    match shown {
        Err(TailError::Output(error)) => printed(Err(error)),
        shown => shown,
    }
}

/// Takes the outcome of writing. When nobody reads any more, whoever did has seen enough.
pub(crate) fn printed(written: io::Result<()>) -> Result<(), TailError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(TailError::Output),
    }
}

async fn tail(options: &TailOptions) -> Result<(), TailError> {
    let client = Client::new(&endpoint::config(&options.connect).await?);
    let groups = groups::find(&client, &options.names).await?;
    let since = millis(Timestamp::now(), options.since);
    // Documents of metrics are the only lines that faults can be in.
    let filter = if options.faults { Some("\"_aws\"") } else { options.filter.as_deref() };
    let calls = u32::try_from(groups.len()).unwrap_or(u32::MAX);
    let mut poll = Poll::new(client, groups, filter.map(str::to_owned), since);
    if options.faults {
        let faults = show::faults(&poll.new_events().await?);
        return show::print_faults(&faults, options.json).map_err(TailError::Output);
    }
    let screen = Screen { json: options.json };
    let mut ticks = interval(PAUSE.max(Duration::from_secs(1) * (calls / CALLS_A_SECOND)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        screen.print(&poll.new_events().await?).map_err(TailError::Output)?;
        if options.no_follow && !options.follow {
            return Ok(());
        }
    }
}

/// A time so long ago, as CloudWatch has times.
fn millis(now: Timestamp, ago: Duration) -> i64 {
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_sub(ago).max(0)
}

/// What AWS said when it refused a call, or why it cannot be reached, as a sentence.
pub(crate) fn refused(error: &(impl ProvideErrorMetadata + std::error::Error)) -> TailError {
    if let Some(code) = error.code() {
        return TailError::Refused(format!("{}: {}", code, error.message().unwrap_or("no more is said")));
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    TailError::Refused(format!("CloudWatch Logs does not answer: {text}"))
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number with s, m, h or d, such as 10m".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let check =
            |text: &str, seconds| assert_eq!(duration(text).map(|d| d.as_secs()).ok(), seconds, "{text}");
        check("90s", Some(90));
        check("10m", Some(600));
        check("2h", Some(7_200));
        check("1d", Some(86_400));
        check("10", None);
        check("m", None);
        check("", None);
        check("-1m", None);
    }

    #[test]
    fn a_long_time_ago_ends_at_the_epoch() {
        let now = Timestamp::from_second(100).unwrap();
        assert_eq!(millis(now, Duration::from_secs(60)), 40_000);
        assert_eq!(millis(now, Duration::from_secs(101)), 0);
    }
}
