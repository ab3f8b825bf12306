//! The event of payload format 2.0: "Working with AWS Lambda proxy integrations for HTTP APIs".

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use serde_json::{Map, Value, json};

use crate::gateway::{ids, time};

/// What an event says of the request beside what the client sent.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) account_id: &'a str,
    pub(super) api_id: &'a str,
    pub(super) stage: &'a str,
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) route_key: &'a str,
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) source_ip: IpAddr,
    pub(super) now_ms: i64,
}

/// The event of a request.
pub(super) fn of(parts: &Parts, body: &[u8], context: &Context<'_>) -> Value {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(parts, context),
        "requestContext": request_context(parts, context),
        "isBase64Encoded": false,
    });
    let mut add = |name: &str, value: Value| {
        if let Value::Object(members) = &mut event {
            members.insert(name.to_owned(), value);
        }
    };
    let cookies = cookies(parts);
    if !cookies.is_empty() {
        add("cookies", json!(cookies));
    }
    if !query.is_empty() {
        add("queryStringParameters", parameters(query));
    }
    if !context.parameters.is_empty() {
        add("pathParameters", json!(context.parameters));
    }
    if !context.variables.is_empty() {
        add("stageVariables", json!(context.variables));
    }
    match std::str::from_utf8(body) {
        _ if body.is_empty() => {}
        Ok(text) if is_text(parts) => add("body", json!(text)),
        _ => {
            add("body", json!(STANDARD.encode(body)));
            add("isBase64Encoded", json!(true));
        }
    }
    event
}

fn request_context(parts: &Parts, context: &Context<'_>) -> Value {
    let host = text(parts, &HOST);
    let domain = host.split(':').next().unwrap_or_default();
    json!({
        "accountId": context.account_id,
        "apiId": context.api_id,
        "domainName": domain,
        "domainPrefix": domain.split('.').next().unwrap_or_default(),
        "http": {
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "protocol": "HTTP/1.1",
            "sourceIp": context.source_ip.to_string(),
            "userAgent": text(parts, &USER_AGENT),
        },
        "requestId": ids::request_id(),
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": time::common_log(context.now_ms),
        "timeEpoch": context.now_ms,
    })
}

/// Names in lower case; several values of one name are one, with commas.
fn headers(parts: &Parts, context: &Context<'_>) -> Value {
    let mut headers = Map::new();
    for name in parts.headers.keys().filter(|name| *name != COOKIE) {
        let values = parts.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    headers.insert("x-amzn-trace-id".to_owned(), json!(ids::trace_id(context.now_ms)));
    headers.insert("x-forwarded-for".to_owned(), json!(context.source_ip.to_string()));
    headers.insert("x-forwarded-port".to_owned(), json!("443"));
    headers.insert("x-forwarded-proto".to_owned(), json!("https"));
    Value::Object(headers)
}

fn cookies(parts: &Parts) -> Vec<String> {
    let all = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).map(|cookie| cookie.trim().to_owned()).collect()
}

/// Decoded; several values of one name are one, with commas.
fn parameters(query: &str) -> Value {
    let mut parameters = BTreeMap::<String, String>::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let all = parameters.entry(name.into_owned());
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert_with(|| value.into_owned());
    }
    json!(parameters)
}

/// Whether a body goes as it is; what has another type is encoded.
fn is_text(parts: &Parts) -> bool {
    let kind = text(parts, &CONTENT_TYPE);
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.is_empty()
        || kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

fn text(parts: &Parts, name: &http::HeaderName) -> String {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
