//! Lookup tables: CreateLookupTable, UpdateLookupTable, GetLookupTable, DescribeLookupTables and
//! DeleteLookupTable. They are kept as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, page};
use super::{Api, queries};
use crate::insights::{Results, Table};
use crate::queries::Status;

/// Tables of an account (CloudWatch user guide, "lookup").
const MOST_TABLES: usize = 100;

/// Tables of a page: when nothing is said, and at most.
const PAGE: (usize, usize) = (50, 100);

/// Characters of a table's name, and of its description.
const MAX_NAME: usize = 256;
const MAX_DESCRIPTION: usize = 1024;

/// All tables, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables(Arc<Mutex<BTreeMap<String, Stored>>>);

#[derive(Debug, Clone)]
struct Stored {
    body: String,
    table: Arc<Table>,
    description: Option<String>,
    key: Option<String>,
    /// Milliseconds since the epoch.
    updated: i64,
}

impl Tables {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of these names that are there.
    pub(super) fn named(&self, names: &[String]) -> BTreeMap<String, Arc<Table>> {
        let all = self.lock();
        let found = names.iter().filter_map(|name| Some((name.clone(), Arc::clone(&all.get(name)?.table))));
        found.collect()
    }
}

pub(super) fn create(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let name = input.required("lookupTableName")?;
    check_name("lookupTableName", name)?;
    if input.get("tags").is_some() {
        return Err(ApiError::invalid("Tags of lookup tables are not available here."));
    }
    let stored = content(api, input)?;
    let created = stored.updated;
    let mut all = api.tables.lock();
    if all.contains_key(name) {
        return Err(ApiError::exists("The specified lookup table already exists."));
    }
    if all.len() >= MOST_TABLES {
        return Err(ApiError::limit("Resource limit exceeded."));
    }
    all.insert(name.to_owned(), stored);
    Ok(json!({ "lookupTableArn": arn(api, name), "createdAt": created }))
}

/// Replaces everything that is said again: the content always.
pub(super) fn update(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let mut stored = content(api, input)?;
    let mut all = api.tables.lock();
    let name = known(api, &all, input)?;
    let Some(known) = all.get_mut(&name) else { return Err(unknown()) };
    let before = known.clone();
    stored.description = stored.description.or(before.description);
    stored.key = stored.key.or(before.key).filter(|key| !key.is_empty());
    let updated = stored.updated;
    *known = stored;
    Ok(json!({ "lookupTableArn": arn(api, &name), "lastUpdatedTime": updated }))
}

pub(super) fn get(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let all = api.tables.lock();
    let name = known(api, &all, input)?;
    let Some(stored) = all.get(&name) else { return Err(unknown()) };
    let mut answer = described(api, &name, stored);
    put(&mut answer, "tableBody", Some(json!(stored.body)));
    Ok(answer)
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let prefix = input.text("lookupTableNamePrefix")?.unwrap_or_default();
    let limit = input.count("maxResults", PAGE.1)?.unwrap_or(PAGE.0);
    let after = input.page_after()?;
    let all = api.tables.lock();
    let is_meant = |(name, _): &(&String, &Stored)| {
        name.starts_with(prefix) && after.as_ref().is_none_or(|after| *name > after)
    };
    let (found, token) = page(all.iter().filter(is_meant), limit, |(name, _)| name.as_str());
    let tables = found.into_iter().map(|(name, stored)| {
        let mut one = described(api, name, stored);
        put(&mut one, "recordsCount", Some(json!(stored.table.count())));
        put(&mut one, "tableFields", Some(json!(stored.table.columns())));
        one
    });
    let mut answer = json!({ "lookupTables": tables.collect::<Vec<_>>() });
    put_token(&mut answer, token);
    Ok(answer)
}

pub(super) fn delete(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let mut all = api.tables.lock();
    let name = known(api, &all, input)?;
    all.remove(&name);
    Ok(Value::Null)
}

fn arn(api: &Api, name: &str) -> String {
    let account = &api.account;
    format!("arn:{}:logs:{}:{}:lookup-table:{name}", account.partition, account.region, account.id)
}

/// The name of the table whose ARN the call says.
fn known(api: &Api, all: &BTreeMap<String, Stored>, input: &Input) -> Result<String, ApiError> {
    let wanted = input.required("lookupTableArn")?;
    all.keys().find(|name| arn(api, name) == wanted).cloned().ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::not_found("The specified lookup table does not exist.")
}

/// What the call says is in the table: CSV, or the rows of a query.
fn content(api: &Api, input: &Input) -> Result<Stored, ApiError> {
    let body = match (input.text("tableBody")?, input.text("queryId")?) {
        (Some(body), None) => body.to_owned(),
        (None, Some(_)) => {
            let (status, results) = queries::job(api, input)?.results();
            if !matches!(status, Status::Complete | Status::Cancelled) {
                return Err(ApiError::invalid("The query is neither complete nor cancelled."));
            }
            csv(&results)
        }
        _ => return Err(ApiError::invalid("Specify either tableBody or queryId, but not both.")),
    };
    let description = input.text("description")?.map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        let rule = format!("have length less than or equal to {MAX_DESCRIPTION}");
        return Err(ApiError::constraint("...", "description", &rule));
    }
    let table = Table::parse(&body).map_err(|error| ApiError::invalid(error.to_string()))?;
    let key = input.text("kmsKeyId")?.map(str::to_owned);
    Ok(Stored { body, table: Arc::new(table), description, key, updated: api.logs.now_ms() })
}

fn check_name(member: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(ApiError::constraint(name, member, &format!("have length between 1 and {MAX_NAME}")));
    }
    if !name.chars().all(|found| found.is_ascii_alphanumeric() || found == '_') {
        let rule = "satisfy regular expression pattern: ^[a-zA-Z0-9_]+$";
        return Err(ApiError::constraint(name, member, rule));
    }
    Ok(())
}

/// What GetLookupTable and DescribeLookupTables both tell.
fn described(api: &Api, name: &str, stored: &Stored) -> Value {
    let mut answer = json!({
        "lookupTableArn": arn(api, name),
        "lookupTableName": name,
        "sizeBytes": stored.body.len(),
        "lastUpdatedTime": stored.updated,
    });
    put(&mut answer, "description", stored.description.as_ref().map(|text| json!(text)));
    put(&mut answer, "kmsKeyId", stored.key.as_ref().map(|text| json!(text)));
    answer
}

fn put(answer: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (answer.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}

/// The rows of a query as CSV, without `@ptr`.
fn csv(results: &Results) -> String {
    let line = |cells: Vec<&str>| {
        let quoted = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(",") + "\n"
    };
    let columns = &results.columns;
    let cell = |row: &'_ [(Arc<str>, String)], column: &Arc<str>| {
        row.iter().find(|(name, _)| name == column).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut text = line(columns.iter().map(|name| &**name).collect());
    for row in &results.rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(row, column)).collect();
        text.push_str(&line(cells.iter().map(String::as_str).collect()));
    }
    text
}
