//! The calls: a saved query is found, a query is started, and asked for until it has ended.

use std::pin::pin;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_cloudwatchlogs::operation::start_query::StartQueryError;
use aws_sdk_cloudwatchlogs::types::{QueryDefinition, QueryStatus, ResultField};
use tokio::signal::ctrl_c;
use tokio::time::{Instant, sleep_until};

use super::rows::{Answer, Read};
use super::{QueryError, place};
use crate::tail::refused;

/// How long to wait before the first question for results, and twice as long before each next one
/// up to the last. AWS allows ten such calls a second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(800));

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) text: String,
    /// None, when the query names them.
    pub(super) groups: Vec<String>,
    /// Seconds since the epoch.
    pub(super) from: i64,
    /// Seconds since the epoch, which belong to it.
    pub(super) to: i64,
    pub(super) limit: Option<i32>,
}

/// The text and the groups of a saved query.
pub(super) async fn saved(client: &Client, name: &str) -> Result<(String, Vec<String>), QueryError> {
    let mut known = Vec::new();
    let mut token = None;
    loop {
        let call = client.describe_query_definitions().set_next_token(token);
        let page = call.send().await.map_err(|error| refused(&error))?;
        known.extend(page.query_definitions.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    choose(&known, name)
}

fn choose(known: &[QueryDefinition], name: &str) -> Result<(String, Vec<String>), QueryError> {
    let is_last = |full: &str| full.rsplit('/').next() == Some(name);
    let named = |is_meant: &dyn Fn(&str) -> bool| known.iter().find(|one| one.name().is_some_and(is_meant));
    let Some(found) = named(&|full| full == name).or_else(|| named(&is_last)) else {
        let names: Vec<_> = known.iter().filter_map(QueryDefinition::name).collect();
        let known =
            if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) };
        return Err(QueryError::NoSaved { name: name.to_owned(), known });
    };
    Ok((found.query_string().unwrap_or_default().to_owned(), found.log_group_names().to_vec()))
}

/// Runs a query to its end. When this is interrupted, the query is stopped, also one that is only
/// just starting: it would go on and cost.
pub(super) async fn answer(client: &Client, question: &Question) -> Result<Answer, QueryError> {
    let mut interrupted = pin!(ctrl_c());
    let mut starts = pin!(start(client, question));
    let (id, goes_on) = tokio::select! {
        id = &mut starts => (id?, true),
        _ = &mut interrupted => (starts.await?, false),
    };
    let first = if goes_on {
        tokio::select! {
            page = ended(client, &id) => Some(page?),
            _ = &mut interrupted => None,
        }
    } else {
        None
    };
    let Some(first) = first else {
        client.stop_query().query_id(&id).send().await.map_err(|error| refused(&error))?;
        return Err(QueryError::Ended("Cancelled".to_owned()));
    };
    match first.status() {
        Some(QueryStatus::Complete) => {}
        status => return Err(QueryError::Ended(status.map_or("Unknown", QueryStatus::as_str).to_owned())),
    }
    tokio::select! {
        answer = whole(client, &id, first) => answer,
        _ = &mut interrupted => Err(QueryError::Interrupted),
    }
}

/// The first page of a query's results, once it has ended.
async fn ended(client: &Client, id: &str) -> Result<GetQueryResultsOutput, QueryError> {
    let (mut pause, longest) = PAUSES;
    loop {
        sleep_until(Instant::now() + pause).await;
        pause = (pause * 2).min(longest);
        let page = results(client, id, None).await?;
        if !matches!(page.status(), Some(QueryStatus::Running | QueryStatus::Scheduled)) {
            return Ok(page);
        }
    }
}

async fn start(client: &Client, question: &Question) -> Result<String, QueryError> {
    let Question { text, groups, from, to, limit } = question;
    let groups = (!groups.is_empty()).then(|| groups.clone());
    let call = client.start_query().query_string(text).set_log_group_names(groups);
    match call.start_time(*from).end_time(*to).set_limit(*limit).send().await {
        Ok(started) => Ok(started.query_id.unwrap_or_default()),
        Err(error) => match error.as_service_error() {
            Some(StartQueryError::MalformedQueryException(fault)) => {
                Err(QueryError::Malformed(place::describe(text, fault)))
            }
            _ => Err(refused(&error).into()),
        },
    }
}

async fn results(
    client: &Client,
    id: &str,
    token: Option<String>,
) -> Result<GetQueryResultsOutput, QueryError> {
    let call = client.get_query_results().query_id(id).set_next_token(token);
    Ok(call.send().await.map_err(|error| refused(&error))?)
}

/// All pages of a query that has ended.
async fn whole(client: &Client, id: &str, first: GetQueryResultsOutput) -> Result<Answer, QueryError> {
    let read = first.statistics().map_or_else(Read::default, |read| Read {
        matched: read.records_matched(),
        scanned: read.records_scanned(),
        bytes: read.bytes_scanned(),
    });
    let mut rows = Vec::new();
    let mut page = first;
    loop {
        rows.extend(page.results.unwrap_or_default().into_iter().map(cells));
        let Some(token) = page.next_token else { return Ok(Answer::new(rows, read)) };
        page = results(client, id, Some(token)).await?;
    }
}

fn cells(row: Vec<ResultField>) -> Vec<(String, String)> {
    let cell = |cell: ResultField| Some((cell.field?, cell.value?));
    row.into_iter().filter_map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_query_is_found_by_its_name_or_the_end_of_it() {
        let one = |name: &str, query: &str| {
            QueryDefinition::builder().name(name).query_string(query).log_group_names("g").build()
        };
        let known = [one("app/errors", "first"), one("errors", "second"), one("app/slow", "third")];
        let check = |name: &str, expected: &str| {
            let found = choose(&known, name).map(|(text, _)| text).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expected, "{name}");
        };
        check("errors", "second");
        check("app/errors", "first");
        check("slow", "third");
        check("none", "no saved query is named `none`; there are: app/errors, errors, app/slow");
        assert_eq!(choose(&[], "x").unwrap_err().to_string(), "no saved query is named `x`");
    }
}
