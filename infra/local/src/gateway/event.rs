//! The events that functions get, key for key as API Gateway writes them, and in its order.
//!
//! They are written by hand: a type with optional fields would write nulls where API Gateway leaves
//! the key out. [API Gateway WebSocket API mapping template reference] names the context's fields.
//!
//! [API Gateway WebSocket API mapping template reference]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::authorizer::Principal;
use super::connection::{Connection, Identity, Request};
use super::socket::Ending;

/// Names and their values, in the order of the names; the last value is the one in a single map.
pub(crate) type MultiMap = BTreeMap<String, Vec<String>>;

/// An event, which becomes JSON where a function is called: a mock needs little of it.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) request: &'a Request,
    pub(crate) route_key: &'a str,
    pub(crate) kind: Kind<'a>,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// Somebody asks a REQUEST authorizer: like CONNECT, and what is empty is there.
    Authorize { method_arn: &'a str, headers: &'a MultiMap, query: &'a MultiMap },
    /// A client wants to connect.
    Connect { headers: &'a MultiMap, query: &'a MultiMap },
    /// A message came.
    Message { id: &'a str, body: &'a str },
    /// A connection has ended.
    Disconnect(&'a Ending),
}

impl Event<'_> {
    /// The message; empty when the event is of another kind.
    pub(crate) fn body(&self) -> &str {
        if let Kind::Message { body, .. } = self.kind { body } else { "" }
    }

    /// The name of the stage that the connection is on.
    pub(crate) fn stage(&self) -> &str {
        &self.connection.stage.name
    }

    /// The event as JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Names and texts are written, and they cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `requestContext`.
    pub(crate) fn context(&self) -> Value {
        serde_json::to_value(Context(self)).unwrap_or_default()
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let variables = &self.connection.stage.variables;
        let mut event = serializer.serialize_map(None)?;
        match &self.kind {
            Kind::Authorize { method_arn, headers, query } => {
                event.serialize_entry("type", "REQUEST")?;
                event.serialize_entry("methodArn", method_arn)?;
                maps(&mut event, HEADERS, headers)?;
                maps(&mut event, QUERY, query)?;
                event.serialize_entry("stageVariables", variables)?;
                event.serialize_entry("requestContext", &Context(self))?;
                return event.end();
            }
            Kind::Connect { headers, query } => {
                maps(&mut event, HEADERS, headers)?;
                if !query.is_empty() {
                    maps(&mut event, QUERY, query)?;
                }
            }
            Kind::Disconnect(_) => maps(&mut event, HEADERS, &self.odd_headers())?,
            Kind::Message { .. } => {}
        }
        event.serialize_entry("requestContext", &Context(self))?;
        if let Kind::Message { body, .. } = self.kind {
            event.serialize_entry("body", body)?;
        }
        if !variables.is_empty() {
            event.serialize_entry("stageVariables", variables)?;
        }
        event.serialize_entry("isBase64Encoded", &false)?;
        event.end()
    }
}

impl Event<'_> {
    /// The headers of `$disconnect`, whatever the handshake's were.
    fn odd_headers(&self) -> MultiMap {
        let host = self.connection.domain_name.as_str();
        [("Host", host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")]
            .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
            .into()
    }
}

/// The names of a map and of its twin with lists.
type Names = (&'static str, &'static str);

const HEADERS: Names = ("headers", "multiValueHeaders");

const QUERY: Names = ("queryStringParameters", "multiValueQueryStringParameters");

fn maps<M: SerializeMap>(event: &mut M, (single, multiple): Names, map: &MultiMap) -> Result<(), M::Error> {
    event.serialize_entry(single, &LastValues(map))?;
    event.serialize_entry(multiple, map)
}

struct LastValues<'a>(&'a MultiMap);

impl Serialize for LastValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter_map(|(name, values)| Some((name, values.last()?))))
    }
}

/// `requestContext`.
struct Context<'a>(&'a Event<'a>);

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Event { connection, request, route_key, kind }) = self;
        let mut context = serializer.serialize_map(None)?;
        context.serialize_entry("routeKey", route_key)?;
        if let Some(principal) = &connection.principal {
            let latency = matches!(kind, Kind::Connect { .. }).then_some(principal.latency);
            context.serialize_entry("authorizer", &Authorizer(principal, latency))?;
        }
        let ending = if let Kind::Disconnect(ending) = kind { Some(ending.status()) } else { None };
        if let Kind::Message { id, .. } = kind {
            context.serialize_entry("messageId", id)?;
        }
        if let Some((code, _)) = ending {
            context.serialize_entry("disconnectStatusCode", &code)?;
        }
        context.serialize_entry("eventType", kind.event_type())?;
        context.serialize_entry("extendedRequestId", &request.id)?;
        context.serialize_entry("requestTime", &super::time::common_log(request.time))?;
        context.serialize_entry("messageDirection", "IN")?;
        if let Some((_, reason)) = ending {
            context.serialize_entry("disconnectReason", reason)?;
        }
        context.serialize_entry("stage", &connection.stage.name)?;
        context.serialize_entry("connectedAt", &connection.connected_at)?;
        context.serialize_entry("requestTimeEpoch", &request.time)?;
        context.serialize_entry("identity", &Known(&connection.identity))?;
        context.serialize_entry("requestId", &request.id)?;
        context.serialize_entry("domainName", &connection.domain_name)?;
        context.serialize_entry("connectionId", connection.id.as_str())?;
        context.serialize_entry("apiId", &connection.api.id)?;
        context.end()
    }
}

impl Kind<'_> {
    fn event_type(&self) -> &'static str {
        match self {
            Self::Authorize { .. } | Self::Connect { .. } => "CONNECT",
            Self::Message { .. } => "MESSAGE",
            Self::Disconnect(_) => "DISCONNECT",
        }
    }
}

/// `requestContext.authorizer`, with how long it took where that is told.
struct Authorizer<'a>(&'a Principal, Option<u128>);

impl Serialize for Authorizer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(principal, latency) = self;
        let mut authorizer = serializer.serialize_map(None)?;
        // What is the gateway's own to say is not the function's.
        let taken = |name: &str| name == "principalId" || (name == "integrationLatency" && latency.is_some());
        for (name, value) in principal.context.iter().filter(|(name, _)| !taken(name)) {
            authorizer.serialize_entry(name, value)?;
        }
        authorizer.serialize_entry("principalId", &principal.id)?;
        if let Some(latency) = latency {
            authorizer.serialize_entry("integrationLatency", &u64::try_from(*latency).unwrap_or(u64::MAX))?;
        }
        authorizer.end()
    }
}

/// `requestContext.identity`: what is known of the client, and no nulls.
struct Known<'a>(&'a Identity);

impl Serialize for Known<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
        serializer.collect_map(names.iter().filter_map(|name| Some((name, self.0.get(name)?))))
    }
}
