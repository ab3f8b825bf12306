//! The members of a call, with the rules of the service's model.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::error::ApiError;

/// Characters of a group's, a stream's or a filter's name.
const MAX_NAME: usize = 512;

/// A call's members.
#[derive(Debug)]
pub(super) struct Input(Map<String, Value>);

impl Input {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(ApiError::serialization("Start of structure or map found where not expected.")),
            Err(error) => Err(ApiError::serialization(error.to_string())),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.typed(name, Value::as_str, "a string")
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::missing(name))
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.typed(name, Value::as_bool, "a boolean")
    }

    /// Milliseconds since the epoch.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let time = self.typed(name, Value::as_i64, "a whole number")?;
        match time {
            Some(time) if time < 0 => {
                let rule = "have value greater than or equal to 0";
                Err(ApiError::constraint(&time.to_string(), name, rule))
            }
            time => Ok(time),
        }
    }

    /// `limit`: from 1 to `most`, which it is when nothing is said.
    pub(super) fn limit(&self, most: usize) -> Result<usize, ApiError> {
        Ok(self.count("limit", most)?.unwrap_or(most))
    }

    /// A number from 1 to `most`.
    pub(super) fn count(&self, name: &str, most: usize) -> Result<Option<usize>, ApiError> {
        let Some(limit) = self.typed(name, Value::as_i64, "a whole number")? else { return Ok(None) };
        let broken = |rule: &str| ApiError::constraint(&limit.to_string(), name, rule);
        match usize::try_from(limit) {
            Ok(limit) if limit > most => Err(broken(&format!("have value less than or equal to {most}"))),
            Ok(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(broken("have value greater than or equal to 1")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&Vec<Value>>, ApiError> {
        self.typed(name, Value::as_array, "a list")
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, ApiError> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
        texts.map(Some).ok_or_else(|| wrong_type(name, "a list of strings"))
    }

    pub(super) fn text_map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let Some(members) = self.typed(name, Value::as_object, "a map")? else { return Ok(None) };
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let texts: Option<BTreeMap<_, _>> = members.iter().map(text).collect();
        texts.map(Some).ok_or_else(|| wrong_type(name, "a map of strings"))
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong_type(name, expected))
    }

    /// `logGroupName`, by the model's rules for names.
    pub(super) fn group_name(&self) -> Result<&str, ApiError> {
        let name = self.required("logGroupName")?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
        check_name("logGroupName", name, is_allowed, r"[\.\-_/#A-Za-z0-9]+")
    }

    /// The group of `logGroupName`, or of `logGroupIdentifier`, which may be an ARN.
    pub(super) fn group(&self) -> Result<&str, ApiError> {
        match (self.text("logGroupName")?, self.text("logGroupIdentifier")?) {
            (Some(_), Some(_)) => Err(ApiError::invalid(
                "Specify only one of the following parameters: logGroupName, logGroupIdentifier.",
            )),
            (None, Some(identifier)) => Ok(group_of(identifier)),
            _ => self.group_name(),
        }
    }

    pub(super) fn stream_name(&self) -> Result<&str, ApiError> {
        self.name("logStreamName")
    }

    /// A name of any characters but `:` and `*`.
    pub(super) fn name(&self, member: &str) -> Result<&str, ApiError> {
        check_name(member, self.required(member)?, |c| !":*".contains(c), "[^:*]*")
    }

    /// The name after which the next page of a list begins.
    pub(super) fn page_after(&self) -> Result<Option<String>, ApiError> {
        let Some(token) = self.text("nextToken")? else { return Ok(None) };
        let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
        name.map(Some).ok_or_else(invalid_token)
    }
}

/// The token of the page after a name.
pub(super) fn page_token(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

pub(super) fn invalid_token() -> ApiError {
    ApiError::invalid("The specified nextToken is invalid.")
}

/// The group that a name or an ARN means, with or without `:*` at its end.
pub(super) fn group_of(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

fn wrong_type(name: &str, expected: &str) -> ApiError {
    ApiError::serialization(format!("The member {name} must be {expected}."))
}

fn check_name<'a>(
    member: &str,
    name: &'a str,
    is_allowed: impl Fn(char) -> bool,
    pattern: &str,
) -> Result<&'a str, ApiError> {
    if name.is_empty() {
        return Err(ApiError::constraint(name, member, "have length greater than or equal to 1"));
    }
    if name.chars().count() > MAX_NAME {
        let rule = format!("have length less than or equal to {MAX_NAME}");
        return Err(ApiError::constraint(name, member, &rule));
    }
    if !name.chars().all(is_allowed) {
        let rule = format!("satisfy regular expression pattern: {pattern}");
        return Err(ApiError::constraint(name, member, &rule));
    }
    Ok(name)
}

/// A page of a list that is in order: items after a place, and the token of the next page.
pub(super) fn page<T>(
    items: impl Iterator<Item = T>,
    limit: usize,
    name: impl Fn(&T) -> &str,
) -> (Vec<T>, Option<String>) {
    let mut items = items.peekable();
    let page: Vec<T> = items.by_ref().take(limit).collect();
    let token = page.last().filter(|_| items.peek().is_some()).map(|last| page_token(name(last)));
    (page, token)
}
