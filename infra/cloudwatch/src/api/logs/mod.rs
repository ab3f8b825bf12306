//! CloudWatch Logs: awsJson1.1, `X-Amz-Target: Logs_20140328.{operation}`.

mod definitions;
mod error;
mod events;
mod groups;
mod input;
mod lookup_tables;
#[cfg(test)]
mod lookup_tests;
mod metric_filters;
mod put;
mod queries;
#[cfg(test)]
mod query_tests;
mod records;
mod streams;
mod tags;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use self::error::ApiError;
use self::input::Input;
use self::lookup_tables::Tables;
use super::Account;
use crate::insights::Owner;
use crate::logs::LogStore;
use crate::queries::Queries;

/// What every operation's target begins with.
const TARGET: &str = "Logs_20140328.";

/// An operation: what the call says in, the answer out.
type Operation = fn(&Api, &Input) -> Result<Value, ApiError>;

/// What operations begin with that change something: it is kept for good before they are answered.
const CHANGES: [&str; 5] = ["Create", "Delete", "Put", "Tag", "Untag"];

/// All operations.
const OPERATIONS: [(&str, Operation); 33] = [
    ("CreateLogGroup", groups::create),
    ("CreateLogStream", streams::create),
    ("CreateLookupTable", lookup_tables::create),
    ("DeleteLogGroup", groups::delete),
    ("DeleteLogStream", streams::delete),
    ("DeleteLookupTable", lookup_tables::delete),
    ("DeleteMetricFilter", metric_filters::delete),
    ("DeleteRetentionPolicy", groups::delete_retention),
    ("DeleteQueryDefinition", definitions::delete),
    ("DescribeLogGroups", groups::describe),
    ("DescribeLogStreams", streams::describe),
    ("DescribeLookupTables", lookup_tables::describe),
    ("DescribeMetricFilters", metric_filters::describe),
    ("DescribeQueries", queries::describe),
    ("DescribeQueryDefinitions", definitions::describe),
    ("FilterLogEvents", events::filter),
    ("GetLogEvents", events::get),
    ("GetLogGroupFields", records::group_fields),
    ("GetLogRecord", records::get),
    ("GetLookupTable", lookup_tables::get),
    ("GetQueryResults", queries::results),
    ("ListLogGroupsForQuery", queries::groups_of),
    ("ListTagsForResource", tags::list),
    ("PutLogEvents", put::put),
    ("PutMetricFilter", metric_filters::put),
    ("PutQueryDefinition", definitions::put),
    ("PutRetentionPolicy", groups::put_retention),
    ("StartQuery", queries::start),
    ("StopQuery", queries::stop),
    ("TagResource", tags::tag),
    ("TestMetricFilter", metric_filters::test),
    ("UntagResource", tags::untag),
    ("UpdateLookupTable", lookup_tables::update),
];

/// The API of a log store. Clones share it.
#[derive(Debug, Clone)]
pub struct Api {
    logs: LogStore,
    account: Account,
    queries: Queries,
    tables: Tables,
}

impl Api {
    /// The API of a store; `account` is for ARNs.
    #[must_use]
    pub fn new(logs: LogStore, account: Account) -> Self {
        Self { logs, account, queries: Queries::default(), tables: Tables::default() }
    }

    /// Answers one call. It runs on a thread for blocking work: a search may be long, and what
    /// is acknowledged is kept for good.
    pub async fn call(&self, parts: &http::request::Parts, body: Bytes) -> Response<Bytes> {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let name = target.and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default();
        let Some((_, operation)) = OPERATIONS.into_iter().find(|(known, _)| *known == name) else {
            return answer(Err(ApiError::unknown_operation()));
        };
        let api = self.clone();
        let changes = CHANGES.iter().any(|verb| name.starts_with(verb));
        let work = move || {
            let answer = Input::parse(&body).and_then(|input| operation(&api, &input))?;
            if changes {
                api.logs.flush().map_err(ApiError::unavailable)?;
            }
            Ok(answer)
        };
        let done = tokio::task::spawn_blocking(work).await;
        answer(done.unwrap_or_else(|_| Err(ApiError::unavailable("The call was not finished."))))
    }

    fn owner(&self) -> Owner {
        Owner { account: self.account.id.clone(), region: self.account.region.clone() }
    }

    /// `arn:aws:logs:us-east-1:123456789012:log-group:{name}`
    fn group_arn(&self, name: &str) -> String {
        let Account { partition, region, id } = &self.account;
        format!("arn:{partition}:logs:{region}:{id}:log-group:{name}")
    }
}

fn answer(outcome: Result<Value, ApiError>) -> Response<Bytes> {
    let (status, body) = match outcome {
        // An operation that says nothing has no body at all.
        Ok(Value::Null) => (StatusCode::OK, String::new()),
        Ok(value) => (StatusCode::OK, value.to_string()),
        Err(error) => (error.status, error.body()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
