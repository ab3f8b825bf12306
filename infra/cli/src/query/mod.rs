//! `switchboard query`: a query of Logs Insights, of AWS or of the local AWS.

mod ask;
mod place;
mod rows;
mod show;

use std::io::{self, Write};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use cloudwatch::clock::{Clock, SystemClock};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use self::ask::Question;
use self::rows::Answer;
use crate::endpoint::{self, ConnectArgs};
use crate::tail::{self, TailError};

/// What to ask.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct QueryOptions {
    /// The query.
    #[arg(value_name = "QUERY", required_unless_present = "saved")]
    query: Option<String>,
    /// Run a saved query instead; a name, or the part of one after its last `/`.
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    saved: Option<String>,
    /// A log group by its name or a part of it; can be given many times [default: those of the saved
    /// query, or else all].
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How far back to look: 90s, 10m, 2h, 1d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = tail::duration)]
    since: Duration,
    /// From when on, in UTC: 2026-09-25T09:20, or with its zone.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "since")]
    from: Option<Timestamp>,
    /// Until when [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Rows at most, when the query does not say [default: 10000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    limit: Option<i32>,
    /// A line of JSON for each row.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values, with a line of names.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error(transparent)]
    Logs(#[from] TailError),
    #[error("{0}")]
    Malformed(String),
    #[error("no saved query is named `{name}`{known}")]
    NoSaved { name: String, known: String },
    #[error("there are no log groups to ask")]
    NoGroups,
    #[error("the query has ended as {0}")]
    Ended(String),
    #[error("interrupted before all rows were there")]
    Interrupted,
}

/// Asks, and shows the answer.
pub(crate) fn run(options: &QueryOptions) -> Result<(), QueryError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TailError::Runtime)?;
    let (question, answer) = runtime.block_on(Box::pin(answer(options)))?;
    let text = if options.json {
        show::json(&answer)
    } else if options.csv {
        show::csv(&answer)
    } else {
        show::table(&answer, &question.text)
    };
    Ok(tail::printed(io::stdout().lock().write_all(text.as_bytes()))?)
}

async fn answer(options: &QueryOptions) -> Result<(Question, Answer), QueryError> {
    let client = Client::new(&endpoint::config(&options.connect).await.map_err(TailError::from)?);
    let question = question(&client, options).await?;
    let answer = ask::answer(&client, &question).await?;
    Ok((question, answer))
}

async fn question(client: &Client, options: &QueryOptions) -> Result<Question, QueryError> {
    let (text, mut groups) = match (&options.saved, &options.query) {
        (Some(name), _) => ask::saved(client, name).await?,
        (None, query) => (query.clone().unwrap_or_default(), Vec::new()),
    };
    if !options.groups.is_empty() || (groups.is_empty() && !names_groups(&text)) {
        groups = tail::groups::find(client, &options.groups).await?;
        if groups.is_empty() {
            return Err(QueryError::NoGroups);
        }
    }
    let now = SystemClock.now_ms().div_euclid(1000);
    let to = options.to.map_or(now, Timestamp::as_second);
    let since = i64::try_from(options.since.as_secs()).unwrap_or(i64::MAX);
    let from = options.from.map_or(to.saturating_sub(since), Timestamp::as_second).max(0);
    Ok(Question { text, groups, from, to, limit: options.limit })
}

/// Whether a query says itself which groups it reads.
fn names_groups(query: &str) -> bool {
    query.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("source"))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let civil = |text: &str| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let found = text.parse().ok().or_else(|| civil(text));
    found.ok_or_else(|| "expected a time such as 2026-09-25T09:20 or 2026-09-25T09:20:00+02:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_utc_or_in_their_zone() {
        let check = |text: &str, expected: Option<&str>| {
            let found = moment(text).ok().map(|time| time.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("2026-09-25T09:20", Some("2026-09-25T09:20:00Z"));
        check("2026-09-25 09:20:30", Some("2026-09-25T09:20:30Z"));
        check("2026-09-25", Some("2026-09-25T00:00:00Z"));
        check("2026-09-25T09:20:00+02:00", Some("2026-09-25T07:20:00Z"));
        check("yesterday", None);
    }

    #[test]
    fn a_query_with_source_names_its_groups() {
        assert!(names_groups(" source 'a' | limit 1") && names_groups("SOURCE logGroups()"));
        assert!(!names_groups("fields a") && !names_groups("stats"));
    }
}
