//! Log groups.

use serde_json::{Value, json};

use super::error::ApiError;
use super::input::{Input, page};
use super::{Api, tags};
use crate::logs::GroupInfo;

/// Groups of a page of DescribeLogGroups.
const PAGE: usize = 50;

/// Days for which events can be kept.
const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn create(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let name = input.group_name()?;
    let tags = input.text_map("tags")?.unwrap_or_default();
    tags::check(&tags)?;
    api.logs.create_group(name)?;
    api.logs.change_tags(name, |own| *own = tags)?;
    Ok(Value::Null)
}

pub(super) fn delete(api: &Api, input: &Input) -> Result<Value, ApiError> {
    api.logs.delete_group(input.group_name()?)?;
    Ok(Value::Null)
}

pub(super) fn put_retention(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let name = input.group_name()?;
    let days = input.get("retentionInDays").ok_or_else(|| ApiError::missing("retentionInDays"))?;
    let known = days.as_i64().filter(|days| RETENTIONS.contains(days));
    let Some(days) = known.and_then(|days| u32::try_from(days).ok()) else {
        let set = RETENTIONS.map(|days| days.to_string()).join(", ");
        let rule = format!("satisfy enum value set: [{set}]");
        return Err(ApiError::constraint(&days.to_string(), "retentionInDays", &rule));
    };
    api.logs.set_retention(name, Some(days))?;
    Ok(Value::Null)
}

pub(super) fn delete_retention(api: &Api, input: &Input) -> Result<Value, ApiError> {
    api.logs.set_retention(input.group_name()?, None)?;
    Ok(Value::Null)
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let (prefix, pattern) = (input.text("logGroupNamePrefix")?, input.text("logGroupNamePattern")?);
    if prefix.is_some() && pattern.is_some() {
        return Err(ApiError::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let pattern = pattern.map(str::to_lowercase);
    let limit = input.limit(PAGE)?;
    let after = input.page_after()?;
    let names = api.logs.groups().into_iter().filter(|name| {
        after.as_deref().is_none_or(|after| **name > *after)
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.as_ref().is_none_or(|pattern| name.to_lowercase().contains(pattern))
    });
    let (names, token) = page(names, limit, |name| name);
    // One that was deleted in between is not there any more.
    let groups = names.iter().filter_map(|name| api.logs.describe_group(name).ok());
    let groups: Vec<Value> = groups.map(|group| described(api, &group)).collect();
    let mut answer = json!({ "logGroups": groups });
    put_token(&mut answer, token);
    Ok(answer)
}

fn described(api: &Api, group: &GroupInfo) -> Value {
    let arn = api.group_arn(&group.name);
    let mut described = json!({
        "logGroupName": &*group.name,
        "creationTime": group.created,
        "metricFilterCount": group.metric_filters,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
    });
    if let (Some(days), Some(members)) = (group.retention_days, described.as_object_mut()) {
        members.insert("retentionInDays".to_owned(), json!(days));
    }
    described
}

/// Adds the token of the next page, when there is one.
pub(super) fn put_token(answer: &mut Value, token: Option<String>) {
    if let (Some(token), Some(members)) = (token, answer.as_object_mut()) {
        members.insert("nextToken".to_owned(), Value::String(token));
    }
}
