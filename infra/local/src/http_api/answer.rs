//! From a function's answer to the client's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

/// What API Gateway says itself.
pub(super) fn message(status: StatusCode, message: &str) -> Response<Bytes> {
    json_response(status, &json!({ "message": message }))
}

/// A function's answer: the response that it describes, or, when it names no status, a 200 with
/// the answer as JSON ("Lambda function response for format 2.0"). One that describes none is a 500.
pub(super) fn of(answer: &[u8]) -> Response<Bytes> {
    let error = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    match serde_json::from_slice(answer) {
        Ok(Value::Object(members)) if members.contains_key("statusCode") => {
            described(&members).unwrap_or_else(error)
        }
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(_) => error(),
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn described(members: &Map<String, Value>) -> Option<Response<Bytes>> {
    let status = match members.get("statusCode")? {
        Value::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok())?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let body = match members.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if members.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            Bytes::from(STANDARD.decode(text).ok()?)
        }
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(_) => return None,
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in members.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.headers_mut().insert(name, HeaderValue::from_str(&value).ok()?);
    }
    if !response.headers().contains_key(CONTENT_TYPE) && !response.body().is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        let response = of(answer.as_bytes());
        let headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        let body = String::from_utf8_lossy(response.body()).into_owned();
        assert_eq!(format!("{} {} {body}", response.status().as_u16(), headers.join(" ")), expected);
    }

    #[test]
    fn an_answer_describes_a_response_or_is_one() {
        check(r#"{"statusCode":201,"body":"x"}"#, "201 content-type=text/plain;charset=UTF-8 x");
        check(
            r#"{"statusCode":"200","headers":{"Content-Type":"a/b","X-N":7},"cookies":["c=1","d=2"],"body":"eA==","isBase64Encoded":true}"#,
            "200 content-type=a/b x-n=7 set-cookie=c=1 set-cookie=d=2 x",
        );
        check(r#"{"statusCode":204}"#, "204  ");
        check(r#"{"message":"hello"}"#, r#"200 content-type=application/json {"message":"hello"}"#);
        check("[1]", "200 content-type=application/json [1]");
        let error = r#"500 content-type=application/json {"message":"Internal Server Error"}"#;
        for broken in
            ["no json", r#"{"statusCode":true}"#, r#"{"statusCode":200,"body":{}}"#, r#"{"statusCode":99}"#]
        {
            check(broken, error);
        }
        check(r#"{"statusCode":200,"headers":{"a b":"x"}}"#, error);
    }
}
