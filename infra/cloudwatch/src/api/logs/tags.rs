//! Tags of log groups.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::input::{Input, group_of};

/// Tags that a resource may have.
const MAX_TAGS: usize = 50;

/// Characters of a tag's key, and of its value.
const MAX_CHARACTERS: (usize, usize) = (128, 256);

pub(super) fn tag(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = group(api, input)?;
    let tags = input.text_map("tags")?.ok_or_else(|| ApiError::missing("tags"))?;
    let mut all = api.logs.tags(group)?;
    all.extend(tags);
    check(&all)?;
    api.logs.change_tags(group, |own| *own = all)?;
    Ok(Value::Null)
}

pub(super) fn untag(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = group(api, input)?;
    let keys = input.texts("tagKeys")?.ok_or_else(|| ApiError::missing("tagKeys"))?;
    api.logs.change_tags(group, |own| own.retain(|key, _| !keys.contains(&key.as_str())))?;
    Ok(Value::Null)
}

pub(super) fn list(api: &Api, input: &Input) -> Result<Value, ApiError> {
    Ok(json!({ "tags": api.logs.tags(group(api, input)?)? }))
}

/// Whether a resource may have these tags.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::invalid("The number of tags exceeds the limit of 50 for a resource."));
    }
    let too_long = |(key, value): &(&String, &String)| {
        key.is_empty() || key.chars().count() > MAX_CHARACTERS.0 || value.chars().count() > MAX_CHARACTERS.1
    };
    match tags.iter().find(too_long) {
        Some((key, _)) => Err(ApiError::constraint(
            key,
            "tags",
            "have keys of 1 to 128 and values of at most 256 characters",
        )),
        None => Ok(()),
    }
}

/// The group of `resourceArn`.
fn group<'a>(api: &Api, input: &'a Input) -> Result<&'a str, ApiError> {
    let arn = input.required("resourceArn")?;
    let group = group_of(arn);
    if group == arn || !arn.starts_with(&api.group_arn(group)) {
        return Err(ApiError::invalid(format!("Invalid resource ARN: {arn}")));
    }
    Ok(group)
}
