//! API Gateway's WebSocket events, as the service needs them.

use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext};
use serde_json::Value;

use super::handshake::Handshake;
use super::response::{EXPIRES_AT, INFO};
use crate::ids::{ConnectionId, UserId};
use crate::telemetry::{RequestFields, UserHash};

/// What a function is invoked for. A handler checks it: a message whose body says `$connect`
/// must not do what a handshake does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// `CONNECT`, as an authorizer is asked.
    Authorize,
    /// `CONNECT`.
    Connect,
    /// `MESSAGE`.
    Message,
    /// `DISCONNECT`.
    Disconnect,
    /// None of a WebSocket API: a request to an HTTP API.
    Http,
}

impl EventType {
    /// As API Gateway spells it; of HTTP APIs it says nothing.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize | Self::Connect => "CONNECT",
            Self::Message => "MESSAGE",
            Self::Disconnect => "DISCONNECT",
            Self::Http => "HTTP",
        }
    }
}

/// An event that is not what the function is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Not an event of a WebSocket API.
    #[error("this is not an event of a WebSocket API: {0}")]
    Shape(String),
    /// Not an event of an HTTP API.
    #[error("this is not an event of an HTTP API: {0}")]
    Http(String),
    /// An event of another route.
    #[error("expected a {} event, got {got:?}", .expected.as_str())]
    Kind {
        /// What the function is for.
        expected: EventType,
        /// What came.
        got: Option<String>,
    },
    /// An event without a connection.
    #[error("the event has no connectionId")]
    NoConnection,
}

/// What a function is invoked with.
pub trait Input: Sized {
    /// Checks an event.
    ///
    /// # Errors
    /// [`BadEvent`] says what is wrong with it.
    fn parse(event: Value, expected: EventType) -> Result<Self, BadEvent>;

    /// What the telemetry says of it; the route is a dimension with `detailed` metrics only.
    fn fields(&self, user_hash: &UserHash, detailed: bool) -> RequestFields;
}

/// One event of a WebSocket API, checked.
#[derive(Debug, Clone)]
pub struct Event {
    /// The connection.
    pub connection: ConnectionId,
    /// The user, when an authorizer named one.
    pub user: Option<UserId>,
    /// When the token that the authorizer has seen expires: seconds since the epoch.
    pub token_expires_at: Option<i64>,
    /// What that token says of the client, as JSON that others may see.
    pub info: Option<String>,
    /// The handshake, of `CONNECT` events.
    pub handshake: Handshake,
    /// What an authorizer is to allow.
    pub method_arn: Option<String>,
    /// The text frame, of `MESSAGE` events.
    pub body: String,
    /// The request context.
    pub context: ApiGatewayWebsocketProxyRequestContext,
}

impl Input for Event {
    fn parse(event: Value, expected: EventType) -> Result<Self, BadEvent> {
        let method_arn = event.get("methodArn").and_then(Value::as_str).map(str::to_owned);
        let event: ApiGatewayWebsocketProxyRequest =
            serde_json::from_value(event).map_err(|error| BadEvent::Shape(error.to_string()))?;
        let handshake = match expected {
            EventType::Authorize | EventType::Connect => Handshake::of(&event),
            EventType::Message | EventType::Disconnect | EventType::Http => Handshake::default(),
        };
        let context = event.request_context;
        if context.event_type.as_deref() != Some(expected.as_str()) {
            return Err(BadEvent::Kind { expected, got: context.event_type });
        }
        let connection = context.connection_id.as_deref().ok_or(BadEvent::NoConnection)?.into();
        let user = authorized(&context, "principalId").map(UserId::from);
        Ok(Self {
            connection,
            user,
            token_expires_at: authorized(&context, EXPIRES_AT).and_then(|at| at.parse().ok()),
            info: authorized(&context, INFO).map(str::to_owned),
            handshake,
            method_arn,
            body: event.body.unwrap_or_default(),
            context,
        })
    }

    fn fields(&self, user_hash: &UserHash, detailed: bool) -> RequestFields {
        // Field by field: a copy of the whole context would copy what is not told, too.
        let context = &self.context;
        RequestFields {
            api_dimension: context.apiid.clone().unwrap_or_else(unknown),
            stage_dimension: context.stage.clone().unwrap_or_else(unknown),
            route_dimension: context.route_key.clone().filter(|_| detailed),
            api_id: context.apiid.clone(),
            stage: context.stage.clone(),
            route_key: context.route_key.clone(),
            event_type: context.event_type.clone(),
            connection_id: context.connection_id.clone(),
            connected_at: Some(context.connected_at.to_string()),
            message_id: context.message_id.clone(),
            request_id: context.request_id.clone(),
            extended_request_id: context.extended_request_id.clone(),
            request_time: context.request_time.clone(),
            request_time_epoch: Some(context.request_time_epoch.to_string()),
            authorizer: user_hash.of(self.user.as_ref()),
        }
    }
}

/// A dimension must have a value.
pub(super) fn unknown() -> String {
    "unknown".to_owned()
}

/// The fields of an event that could not be read: dimensions only.
#[must_use]
pub fn unknown_fields() -> RequestFields {
    RequestFields { api_dimension: unknown(), stage_dimension: unknown(), ..RequestFields::default() }
}

/// What the authorizer has told, under a key.
fn authorized<'a>(context: &'a ApiGatewayWebsocketProxyRequestContext, key: &str) -> Option<&'a str> {
    context.authorizer.fields.get(key).and_then(Value::as_str).filter(|value| !value.is_empty())
}
