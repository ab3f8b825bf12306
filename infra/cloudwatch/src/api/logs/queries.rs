//! Queries of Logs Insights: StartQuery, GetQueryResults, StopQuery and DescribeQueries.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, group_of, invalid_token, page, page_token};
use crate::insights::{self, Limits, Query, Range, Results, Source, Statistics};
use crate::queries::{Job, Request, resolve};

/// Characters of a query.
pub(super) const MAX_CHARACTERS: usize = 10_000;

/// Groups that a call may name.
pub(super) const MAX_GROUPS: usize = 50;

/// Groups that SOURCE may select (CloudWatch user guide, "SOURCE").
const MAX_SELECTED: usize = 10_000;

/// Groups of a page of ListLogGroupsForQuery: at least, at most, and when nothing is said.
const GROUPS: (usize, usize) = (50, 500);

/// Rows of a result, when nothing else is said, and of a page.
const ROWS: usize = 10_000;

/// Rows that a result may have.
const MAX_ROWS: usize = 100_000;

/// Queries of a page of DescribeQueries.
const PAGE: usize = 1000;

pub(super) fn start(api: &Api, input: &Input) -> Result<Value, ApiError> {
    language(input)?;
    let text = input.required("queryString")?;
    let range = range(input)?;
    let rows = input.count("limit", MAX_ROWS)?.unwrap_or(ROWS);
    let limits = Limits { rows, ..Limits::default() };
    let query = insights::compile(text)?;
    let tables = api.tables.named(&query.lookups());
    let query = query.bind(text, tables)?;
    let groups = groups(api, input, &query)?;
    check_subqueries(api, &query)?;
    let request = Request { text: text.to_owned(), query, groups, range, limits, owner: api.owner() };
    let id = api.queries.start(&api.logs, request);
    let id =
        id.ok_or_else(|| ApiError::limit("Account maximum query concurrency limit of [100] reached."))?;
    Ok(json!({ "queryId": id }))
}

/// `startTime` and `endTime` are seconds; all of the last one belongs to the range.
fn range(input: &Input) -> Result<Range, ApiError> {
    let time = |name| input.time(name)?.ok_or_else(|| ApiError::missing(name));
    let (start, end) = (time("startTime")?, time("endTime")?);
    if start > end {
        return Err(ApiError::invalid("End time should not be before start time."));
    }
    Ok(Range { start: start.saturating_mul(1000), end: end.saturating_mul(1000).saturating_add(999) })
}

fn language(input: &Input) -> Result<(), ApiError> {
    match input.text("queryLanguage")? {
        None | Some("CWLI") => Ok(()),
        Some(other) => Err(ApiError::invalid(format!(
            "Queries of the language {other} are not available here, only CWLI."
        ))),
    }
}

/// The groups of the call, or of the query's SOURCE.
fn groups(api: &Api, input: &Input, query: &Query) -> Result<Vec<String>, ApiError> {
    let one = input.text("logGroupName")?.map(|name| vec![name]);
    let given = [one, input.texts("logGroupNames")?, input.texts("logGroupIdentifiers")?];
    let given: Vec<_> = given.into_iter().flatten().filter(|names| !names.is_empty()).collect();
    match (given.as_slice(), query.sources()) {
        ([], []) => Err(ApiError::invalid(
            "Specify logGroupName, logGroupNames or logGroupIdentifiers, or SOURCE in the query.",
        )),
        ([], sources) => found(api, sources),
        ([names], []) if names.len() > MAX_GROUPS => {
            let rule = format!("have length less than or equal to {MAX_GROUPS}");
            Err(ApiError::constraint("[...]", "logGroupNames", &rule))
        }
        ([names], []) => {
            let named: Vec<_> = names.iter().map(|name| Source::Group(group_of(name).to_owned())).collect();
            found(api, &named)
        }
        (_, []) => Err(ApiError::invalid(
            "Specify only one of the following parameters: logGroupName, logGroupNames, logGroupIdentifiers.",
        )),
        _ => Err(ApiError::invalid(
            "Log groups can be named by the query's SOURCE or by the call, not by both.",
        )),
    }
}

fn found(api: &Api, sources: &[Source]) -> Result<Vec<String>, ApiError> {
    let account = &api.account.id;
    let found = resolve(&api.logs, account, sources).map_err(|name| {
        ApiError::not_found(format!("Log group '{name}' does not exist for account ID '{account}'"))
    })?;
    if found.len() > MAX_SELECTED {
        let words = format!("SOURCE selects more than {MAX_SELECTED} log groups; select fewer of them.");
        return Err(ApiError::invalid(words));
    }
    Ok(found)
}

fn check_subqueries(api: &Api, query: &Query) -> Result<(), ApiError> {
    query.subqueries().iter().try_for_each(|inner| found(api, inner.sources()).map(drop))
}

pub(super) fn job(api: &Api, input: &Input) -> Result<Arc<Job>, ApiError> {
    let id = input.required("queryId")?;
    api.queries.find(id).ok_or_else(|| ApiError::not_found("The specified query does not exist."))
}

pub(super) fn results(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let job = job(api, input)?;
    let limit = input.count("maxItems", ROWS)?.unwrap_or(ROWS);
    let from = match input.page_after()? {
        Some(place) => place.parse::<usize>().map_err(|_| invalid_token())?,
        None => 0,
    };
    let (status, results) = job.results();
    let mut answer = json!({
        "queryLanguage": "CWLI",
        "status": status.as_str(),
        "statistics": statistics(&results.statistics),
        "results": rows(&results, from, limit),
    });
    let next = from.saturating_add(limit);
    put_token(&mut answer, (next < results.rows.len()).then(|| page_token(&next.to_string())));
    Ok(answer)
}

fn rows(results: &Results, from: usize, limit: usize) -> Vec<Value> {
    let cell = |(field, value): &(Arc<str>, String)| json!({ "field": &**field, "value": value });
    let rows = results.rows.iter().skip(from).take(limit);
    rows.map(|row| row.iter().map(cell).collect()).collect()
}

fn statistics(read: &Statistics) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "the API has them as doubles")]
    let double = |number: u64| number as f64;
    json!({
        "recordsMatched": double(read.records_matched),
        "recordsScanned": double(read.records_scanned),
        "estimatedRecordsSkipped": 0.0,
        "bytesScanned": double(read.bytes_scanned),
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": double(read.log_groups_scanned),
    })
}

pub(super) fn stop(api: &Api, input: &Input) -> Result<Value, ApiError> {
    if job(api, input)?.stop() {
        Ok(json!({ "success": true }))
    } else {
        Err(ApiError::invalid("The specified query has already ended."))
    }
}

/// The groups whose events a query reads, by their ARNs.
pub(super) fn groups_of(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let job = job(api, input)?;
    let limit = match input.count("maxResults", GROUPS.1)? {
        Some(few) if few < GROUPS.0 => {
            let rule = format!("have value greater than or equal to {}", GROUPS.0);
            return Err(ApiError::constraint(&few.to_string(), "maxResults", &rule));
        }
        given => given.unwrap_or(GROUPS.1),
    };
    let after = input.page_after()?;
    let is_next = |group: &&String| after.as_ref().is_none_or(|after| *group > after);
    let (groups, token) = page(job.groups.iter().filter(is_next), limit, |group| group.as_str());
    let arns: Vec<_> = groups.into_iter().map(|group| api.group_arn(group)).collect();
    let mut answer = json!({ "logGroupIdentifiers": arns });
    put_token(&mut answer, token);
    Ok(answer)
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    language(input)?;
    let group = input.text("logGroupName")?;
    let status = input.text("status")?;
    let limit = input.count("maxResults", PAGE)?.unwrap_or(PAGE);
    let after = input.page_after()?;
    let is_meant = |job: &Arc<Job>| {
        group.is_none_or(|group| job.groups.iter().any(|own| own == group))
            && status.is_none_or(|status| job.status().as_str() == status)
    };
    let all = api.queries.all();
    let start = match &after {
        Some(id) => {
            all.iter().position(|job| job.id == *id).map(|place| place + 1).ok_or_else(invalid_token)?
        }
        None => 0,
    };
    let mut meant = all.iter().skip(start).filter(|job| is_meant(job)).peekable();
    let page: Vec<_> = meant.by_ref().take(limit).collect();
    let token = page.last().filter(|_| meant.peek().is_some()).map(|last| page_token(&last.id));
    let described: Vec<_> = page.iter().map(|job| described(job)).collect();
    let mut answer = json!({ "queries": described });
    put_token(&mut answer, token);
    Ok(answer)
}

fn described(job: &Job) -> Value {
    let mut described = json!({
        "queryLanguage": "CWLI",
        "queryId": job.id,
        "queryString": job.text,
        "status": job.status().as_str(),
        "createTime": job.created,
    });
    if let ([group], Some(members)) = (job.groups.as_slice(), described.as_object_mut()) {
        members.insert("logGroupName".to_owned(), json!(group));
    }
    described
}
