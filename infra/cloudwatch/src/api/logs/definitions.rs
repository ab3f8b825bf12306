//! Saved queries.

use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, page};
use super::queries::{MAX_CHARACTERS, MAX_GROUPS};
use crate::logs::QueryDefinition;

/// Saved queries of a page, and of an account.
const PAGE: usize = 1000;

pub(super) fn put(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let text = input.required("queryString")?;
    if text.is_empty() || text.chars().count() > MAX_CHARACTERS {
        let rule = format!("have length between 1 and {MAX_CHARACTERS}");
        return Err(ApiError::constraint("...", "queryString", &rule));
    }
    let groups = input.texts("logGroupNames")?.unwrap_or_default();
    if groups.len() > MAX_GROUPS {
        let rule = format!("have length less than or equal to {MAX_GROUPS}");
        return Err(ApiError::constraint("[...]", "logGroupNames", &rule));
    }
    let name = input.required("name")?;
    if name.is_empty() || name.chars().count() > 255 {
        return Err(ApiError::constraint(name, "name", "have length between 1 and 255"));
    }
    let all = api.logs.query_definitions();
    let id = match input.text("queryDefinitionId")? {
        Some(id) if all.iter().any(|known| known.query_definition_id == id) => id.to_owned(),
        Some(_) => return Err(unknown()),
        None if all.len() >= PAGE => return Err(ApiError::limit("Resource limit exceeded.")),
        None => uuid::Uuid::new_v4().to_string(),
    };
    api.logs.put_query_definition(QueryDefinition {
        query_definition_id: id.clone(),
        name: name.to_owned(),
        query_string: text.to_owned(),
        log_group_names: groups.into_iter().map(str::to_owned).collect(),
        last_modified: 0,
    });
    Ok(json!({ "queryDefinitionId": id }))
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let prefix = input.text("queryDefinitionNamePrefix")?.unwrap_or_default();
    let limit = input.count("maxResults", PAGE)?.unwrap_or(PAGE);
    let after = input.page_after()?;
    let place = |one: &QueryDefinition| format!("{}\n{}", one.name, one.query_definition_id);
    let all = api.logs.query_definitions().into_iter().map(|one| (place(&one), one));
    let meant = all.filter(|(place, one)| {
        one.name.starts_with(prefix) && after.as_ref().is_none_or(|after| place > after)
    });
    let (found, token) = page(meant, limit, |(place, _)| place);
    let found: Vec<_> = found.into_iter().map(|(_, one)| one).collect();
    let mut answer = json!({ "queryDefinitions": found });
    put_token(&mut answer, token);
    Ok(answer)
}

pub(super) fn delete(api: &Api, input: &Input) -> Result<Value, ApiError> {
    if api.logs.delete_query_definition(input.required("queryDefinitionId")?) {
        Ok(json!({ "success": true }))
    } else {
        Err(unknown())
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("The specified query definition does not exist.")
}
