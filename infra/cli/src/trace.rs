//! `switchboard trace`: what the access log and the functions' logs tell about one connection, in
//! the order of time.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use cloudwatch::clock::{Clock, SystemClock};

use crate::endpoint::{self, ConnectArgs};
use crate::tail::poll::Poll;
use crate::tail::show::Screen;
use crate::tail::{self, TailError};

/// Whose life to show.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TraceOptions {
    /// The connection's id.
    #[arg(value_name = "CONNECTION_ID", value_parser = connection_id, allow_hyphen_values = true)]
    connection_id: String,
    /// A log group by its name or a part of it; can be given many times [default: all].
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How far back to look: 90s, 10m, 2h, 1d.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = tail::duration)]
    since: Duration,
    /// A line of JSON for each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    #[error(transparent)]
    Logs(#[from] TailError),
    #[error("no log line of that time has the connection {0}; look further back with --since")]
    Unknown(String),
}

/// Shows the lines.
pub(crate) fn run(options: &TraceOptions) -> Result<(), TraceError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TailError::Runtime)?;
    runtime.block_on(Box::pin(trace(options)))
}

async fn trace(options: &TraceOptions) -> Result<(), TraceError> {
    let client = Client::new(&endpoint::config(&options.connect).await.map_err(TailError::from)?);
    let groups = tail::groups::find(&client, &options.groups).await?;
    let since = i64::try_from(options.since.as_millis()).unwrap_or(i64::MAX);
    let since = SystemClock.now_ms().saturating_sub(since).max(0);
    let filter = format!("{{ $.connectionId = \"{}\" }}", options.connection_id);
    let lines = Poll::new(client, groups, Some(filter), since).new_events().await?;
    if lines.is_empty() {
        return Err(TraceError::Unknown(options.connection_id.clone()));
    }
    Ok(tail::printed(Screen { json: options.json }.print(&lines))?)
}

/// Ids are base64: anything else would change the pattern that asks for it.
fn connection_id(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    if !text.is_empty() && text.chars().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected the id of a connection, such as L0SM9cOFvHcCIhw=".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_quotes_and_no_wildcards() {
        assert!(connection_id("L0SM9cOFvHcCIhw=").is_ok() && connection_id("a-b_c/d+e").is_ok());
        assert!(connection_id("").is_err() && connection_id("*").is_err() && connection_id("a\"b").is_err());
    }

    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            options: TraceOptions,
        }
        for arguments in [["trace", "--json", "-0SM9cOFvHcCIhw="], ["trace", "-0SM9cOFvHcCIhw=", "--json"]] {
            let parsed = <Alone as clap::Parser>::try_parse_from(arguments).unwrap().options;
            assert_eq!((parsed.connection_id.as_str(), parsed.json), ("-0SM9cOFvHcCIhw=", true));
        }
    }
}
