//! A Lambda proxy integration's answer, and what makes one malformed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A function's answer to a proxy event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `statusCode`.
    pub(crate) status: u16,
    /// `body`, when there is one.
    pub(crate) body: Option<String>,
    /// `headers` and `multiValueHeaders`, as the function spelled them.
    pub(crate) headers: Vec<(String, String)>,
}

/// The keys that API Gateway takes; any other makes the answer malformed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    status_code: Value,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default, rename = "isBase64Encoded")]
    _is_base64_encoded: Option<bool>,
}

/// Reads an answer.
///
/// # Errors
/// The reason in words when it is not a proxy response: no `statusCode`, a `body` that is no string,
/// or a key that API Gateway does not know.
pub(crate) fn parse(bytes: &[u8]) -> Result<Answer, String> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let status = status(&wire.status_code).ok_or_else(|| format!("{} is no status", wire.status_code))?;
    let single = wire.headers.into_iter().flatten();
    let multiple = wire.multi_value_headers.into_iter().flatten();
    let multiple = multiple.flat_map(|(name, values)| values.into_iter().map(move |v| (name.clone(), v)));
    let mut headers = Vec::new();
    for (name, value) in single.chain(multiple) {
        match value {
            Value::Null => {}
            Value::String(text) => headers.push((name, text)),
            Value::Bool(_) | Value::Number(_) => headers.push((name, value.to_string())),
            Value::Array(_) | Value::Object(_) => return Err(format!("the header {name} is no text")),
        }
    }
    Ok(Answer { status, body: wire.body, headers })
}

/// A status is a number, or a number in quotes, that HTTP can send as a final answer.
pub(crate) fn status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (200..600).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: Option<(u16, Option<&str>)>) {
        let parsed = parse(answer.as_bytes()).ok();
        assert_eq!(parsed.as_ref().map(|answer| (answer.status, answer.body.as_deref())), expected);
    }

    #[test]
    fn takes_a_status_and_a_body() {
        check(r#"{"statusCode":200}"#, Some((200, None)));
        check(r#"{"statusCode":"201","body":null}"#, Some((201, None)));
        check(
            r#"{"statusCode":503,"body":"no","headers":{},"multiValueHeaders":{},"isBase64Encoded":false}"#,
            Some((503, Some("no"))),
        );
    }

    #[test]
    fn anything_else_is_malformed() {
        for answer in [
            "",
            "null",
            "{}",
            "\"text\"",
            r#"{"statusCode":200,"body":{}}"#,
            r#"{"statusCode":200,"more":1}"#,
            r#"{"statusCode":101}"#,
            r#"{"statusCode":2000}"#,
            r#"{"statusCode":200,"headers":{"x":[]}}"#,
        ] {
            check(answer, None);
        }
    }

    #[test]
    fn headers_of_both_maps_become_one_list() {
        let answer =
            parse(br#"{"statusCode":200,"headers":{"A":"1","B":2},"multiValueHeaders":{"C":["3","4"]}}"#);
        let headers = answer.unwrap().headers;
        let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "2"), ("C", "3"), ("C", "4")]);
    }
}
