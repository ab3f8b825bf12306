//! The events that functions get, key for key as API Gateway writes them.
//!
//! They are built by hand: a type with optional fields would write nulls where API Gateway leaves
//! the key out. [API Gateway WebSocket API mapping template reference] names the context's fields.
//!
//! [API Gateway WebSocket API mapping template reference]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::connection::{Connection, Identity, Request};
use super::socket::Ending;

/// Names and their values, in the order of the names; the last value is the one in a single map.
pub(crate) type MultiMap = BTreeMap<String, Vec<String>>;

/// The event of `$connect`.
pub(crate) fn connect(
    connection: &Connection,
    request: &Request,
    headers: &MultiMap,
    query: &MultiMap,
) -> Value {
    let mut event = Map::new();
    event.insert("headers".into(), last_values(headers));
    event.insert("multiValueHeaders".into(), json!(headers));
    if !query.is_empty() {
        event.insert("queryStringParameters".into(), last_values(query));
        event.insert("multiValueQueryStringParameters".into(), json!(query));
    }
    let mut context = context(connection, request, "$connect", "CONNECT");
    if let (Some(principal), Some(Value::Object(authorizer))) =
        (&connection.principal, context.get_mut("authorizer"))
    {
        let latency = u64::try_from(principal.latency).unwrap_or(u64::MAX);
        authorizer.insert("integrationLatency".into(), latency.into());
    }
    finished(event, connection, context)
}

/// The event of a REQUEST authorizer: like that of `$connect`, and what is empty is there.
pub(crate) fn authorizer(
    connection: &Connection,
    request: &Request,
    method_arn: &str,
    headers: &MultiMap,
    query: &MultiMap,
) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": method_arn,
        "headers": last_values(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last_values(query),
        "multiValueQueryStringParameters": query,
        "stageVariables": connection.stage.variables,
        "requestContext": context(connection, request, "$connect", "CONNECT"),
    })
}

/// The event of a message.
pub(crate) fn message(
    connection: &Connection,
    request: &Request,
    route_key: &str,
    message_id: &str,
    body: &str,
) -> Value {
    let mut context = context(connection, request, route_key, "MESSAGE");
    context.insert("messageId".into(), message_id.into());
    let mut event = Map::new();
    event.insert("body".into(), body.into());
    finished(event, connection, context)
}

/// The event of `$disconnect`. Its headers are these four, whatever the handshake's were.
pub(crate) fn disconnect(connection: &Connection, request: &Request, ending: &Ending) -> Value {
    let headers: MultiMap = [
        ("Host", connection.domain_name.as_str()),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ]
    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
    .into();
    let (code, reason) = ending.status();
    let mut context = context(connection, request, "$disconnect", "DISCONNECT");
    context.insert("disconnectStatusCode".into(), code.into());
    context.insert("disconnectReason".into(), reason.into());
    let mut event = Map::new();
    event.insert("headers".into(), last_values(&headers));
    event.insert("multiValueHeaders".into(), json!(headers));
    finished(event, connection, context)
}

/// What all three have at their end.
fn finished(mut event: Map<String, Value>, connection: &Connection, context: Map<String, Value>) -> Value {
    event.insert("requestContext".into(), context.into());
    if !connection.stage.variables.is_empty() {
        event.insert("stageVariables".into(), json!(connection.stage.variables));
    }
    event.insert("isBase64Encoded".into(), false.into());
    event.into()
}

/// The `requestContext` that all three share.
fn context(
    connection: &Connection,
    request: &Request,
    route_key: &str,
    event_type: &str,
) -> Map<String, Value> {
    let mut context = Map::new();
    let mut set = |name: &str, value: Value| context.insert(name.to_owned(), value);
    set("routeKey", route_key.into());
    if let Some(principal) = &connection.principal {
        set("authorizer", principal.event().into());
    }
    set("eventType", event_type.into());
    set("extendedRequestId", request.id.as_str().into());
    set("requestTime", super::time::common_log(request.time).into());
    set("messageDirection", "IN".into());
    set("stage", connection.stage.name.as_str().into());
    set("connectedAt", connection.connected_at.into());
    set("requestTimeEpoch", request.time.into());
    set("identity", identity(&connection.identity));
    set("requestId", request.id.as_str().into());
    set("domainName", connection.domain_name.as_str().into());
    set("connectionId", connection.id.as_str().into());
    set("apiId", connection.api.id.as_str().into());
    context
}

/// `requestContext.identity`: what is known of the client, and no nulls.
fn identity(identity: &Identity) -> Value {
    let names = [
        "accessKey",
        "accountId",
        "apiKey",
        "apiKeyId",
        "caller",
        "sourceIp",
        "user",
        "userAgent",
        "userArn",
    ];
    let known = names.into_iter().filter_map(|name| Some((name.to_owned(), identity.get(name)?.into())));
    Value::Object(known.collect())
}

fn last_values(map: &MultiMap) -> Value {
    let last = map.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.as_str().into())));
    Value::Object(last.collect())
}
