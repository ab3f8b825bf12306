//! The management API: `@connections`.
//!
//! [Use @connections commands in your backend service] in API Gateway's developer guide and the
//! Amazon API Gateway Management API reference.
//!
//! [Use @connections commands in your backend service]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::access_log::Row;
use super::api::{Api, Stage};
use super::connection::Identity;
use super::handshake::{self, REQUEST_ID_HEADER};
use super::ids::{self, ConnectionId};
use super::outbox::Refused;
use super::registry::OpenConnection;
use super::sigv4::{Signable, SignatureError};
use super::{Shared, limits, time};
use crate::iam::Principal;
use crate::iam::request::Asked;

/// What the logs and the metrics call the three calls.
pub(crate) const ROUTE_KEYS: [&str; 3] = [
    "POST /@connections/{connectionId}",
    "GET /@connections/{connectionId}",
    "DELETE /@connections/{connectionId}",
];

/// The header that names a management call, a UUID.
const UUID_HEADER: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The header that SDKs read an error's name from.
const ERROR_TYPE_HEADER: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Bytes of a body that are read at all.
const MOST: usize = 10 * 1024 * 1024;

/// A call to one connection.
pub(crate) struct Call {
    /// The APIs that the address can mean, with their stages.
    pub(crate) candidates: Vec<(Arc<Api>, Arc<Stage>)>,
    /// The request without its body.
    pub(crate) parts: Parts,
    /// The id in the path, decoded.
    pub(crate) connection_id: String,
    /// The host that the caller named.
    pub(crate) domain_name: String,
    /// The caller.
    pub(crate) identity: Identity,
    pub(crate) body: Body,
}

/// An answer, before the headers that all answers have.
enum Answer {
    /// `PostToConnection` took the message.
    Posted,
    /// `GetConnection`, as JSON.
    Found(String),
    /// `DeleteConnection` ends it.
    Deleted,
    /// Status, error type, and a sentence.
    Refused(StatusCode, &'static str, String),
}

/// Answers a management call.
pub(crate) async fn handle(shared: &Shared, mut call: Call) -> Response {
    let [post, get, delete] = ROUTE_KEYS;
    let route_key = match call.parts.method {
        Method::POST => post,
        Method::GET => get,
        Method::DELETE => delete,
        _ => return forbidden(),
    };
    // A message that is too large gets neither a reason nor an id, and leaves no row.
    let body = message(std::mem::take(&mut call.body));
    let data = match timeout(limits::BODY, body).await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT)) {
        Ok(data) => data,
        Err(status) => return bare(status),
    };
    let ids = (Uuid::new_v4().to_string(), ids::request_id());
    let request_time = shared.clock.now_ms();
    let answer = match injected(shared).await {
        Some(fault) => fault,
        None => match answer(shared, &mut call, &data, request_time) {
            Ok(answer) | Err(answer) => answer,
        },
    };
    let mut response = answer.into_response();
    for (name, value) in [(UUID_HEADER, &ids.0), (REQUEST_ID_HEADER, &ids.1)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    log(shared, &call, route_key, &ids, request_time, response.status());
    response
}

/// Checks who calls, finds the connection and does what the call says; `Err` is a refusal.
fn answer(shared: &Shared, call: &mut Call, data: &[u8], now_ms: i64) -> Result<Answer, Answer> {
    if let Some(verifier) = &shared.verifier {
        let Parts { method, uri, headers, .. } = &call.parts;
        let verified = verifier.verify(&Signable { method, uri, headers, body: data }, now_ms);
        let refused = |error: SignatureError| {
            Answer::Refused(StatusCode::FORBIDDEN, error.error_type(), error.message().to_owned())
        };
        call.identity.caller = Some(verified.map_err(refused)?);
    }
    let caller = call.identity.caller.as_ref();
    if let Some(function) = caller.and_then(|caller| shared.function(caller)) {
        may_manage(shared, function, &call.parts.method, &mut call.candidates)?;
    }
    if !shared.throttles.admit(None) {
        return Err(limited("The account takes no more requests at the moment."));
    }
    let open = find(shared, &call.candidates, &call.connection_id)?;
    Ok(act(shared, &call.parts.method, &open, data))
}

/// Keeps the APIs whose connections a function may manage; refuses when there are none.
///
/// [Use IAM policies to control access to WebSocket APIs]: the resource names the method and no
/// connection, whose place has the placeholder itself.
///
/// [Use IAM policies to control access to WebSocket APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
fn may_manage(
    shared: &Shared,
    function: &Principal,
    method: &Method,
    candidates: &mut Vec<(Arc<Api>, Arc<Stage>)>,
) -> Result<(), Answer> {
    let mut refusal = None;
    candidates.retain(|(api, stage)| {
        let place = format!("{}:{}/{}", shared.execute_api_arn, api.id, stage.name);
        let asked = Asked {
            action: "execute-api:ManageConnections".to_owned(),
            resource: format!("{place}/{method}/@connections/{{connectionId}}"),
            leading_keys: None,
        };
        let refused = function.refusal(&[asked]);
        let allowed = refused.is_none();
        refusal = refusal.take().or(refused);
        allowed
    });
    match refusal {
        Some(refusal) if candidates.is_empty() => {
            Err(Answer::Refused(StatusCode::FORBIDDEN, "AccessDeniedException", refusal))
        }
        _ => Ok(()),
    }
}

/// Writes the call's row of the access log: that of the stage in its path.
fn log(
    shared: &Shared,
    call: &Call,
    route_key: &str,
    (request_id, extended_request_id): &(String, String),
    request_time: i64,
    status: StatusCode,
) {
    let Some((api, stage)) = call.candidates.first() else { return };
    let row = Row {
        api_id: &api.id,
        stage: &stage.name,
        domain_name: &call.domain_name,
        connection_id: &call.connection_id,
        connected_at: None,
        event_type: "CONNECTION_API",
        route_key: Some(route_key),
        message_id: None,
        request_id,
        extended_request_id,
        request_time,
        status: status.as_u16(),
        integration_latency: Some(0),
        error: None,
        validation_error: None,
        identity: &call.identity,
        principal: None,
        checks: None,
        reached: false,
        replied: false,
    };
    stage.log(&row, shared.clock.now_ms());
}

/// The bytes of a message, or the status of the refusal. Bytes that are too many are read too, up to
/// a bound: a caller that is still sending would not see its answer.
async fn message(body: Body) -> Result<Vec<u8>, StatusCode> {
    let mut chunks = body.into_data_stream();
    let (mut data, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        // What breaks off is no message.
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        length += chunk.len();
        if length <= limits::MESSAGE {
            data.extend_from_slice(&chunk);
        } else if length > MOST {
            break;
        }
    }
    if length <= limits::MESSAGE { Ok(data) } else { Err(StatusCode::PAYLOAD_TOO_LARGE) }
}

/// An answer that is only a status.
fn bare(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// The answer to a path, stage or method that there is not.
pub(crate) fn forbidden() -> Response {
    let mut response = handshake::json(StatusCode::FORBIDDEN, json!({ "message": "Forbidden" }).to_string());
    response.headers_mut().insert(ERROR_TYPE_HEADER, HeaderValue::from_static("ForbiddenException"));
    response
}

/// The open connection that a call means. One that was opened through another stage of the same
/// API counts.
fn find(
    shared: &Shared,
    candidates: &[(Arc<Api>, Arc<Stage>)],
    id: &str,
) -> Result<Arc<OpenConnection>, Answer> {
    let Some(parsed) = ConnectionId::parse(id) else {
        let message = format!("Invalid connectionId: {id}");
        return Err(Answer::Refused(StatusCode::BAD_REQUEST, "BadRequestException", message));
    };
    let open = shared.registry.get(&parsed);
    open.filter(|open| candidates.iter().any(|(api, _)| Arc::ptr_eq(api, &open.connection.api)))
        .ok_or_else(gone)
}

fn gone() -> Answer {
    Answer::Refused(StatusCode::GONE, "GoneException", "The connection is gone.".to_owned())
}

/// Waits as long as the faults say; then the answer that one gives, if one does.
async fn injected(shared: &Shared) -> Option<Answer> {
    let fault = shared.faults.callback();
    if !fault.delay.is_zero() {
        sleep_until(Instant::now() + fault.delay).await;
    }
    let status = fault.status?;
    let error_type = match status {
        StatusCode::BAD_REQUEST => "BadRequestException",
        StatusCode::GONE => "GoneException",
        StatusCode::PAYLOAD_TOO_LARGE => "PayloadTooLargeException",
        StatusCode::TOO_MANY_REQUESTS => "LimitExceededException",
        status if status.is_server_error() => "InternalServerErrorException",
        _ => "ForbiddenException",
    };
    Some(Answer::Refused(status, error_type, "A fault that is switched on.".to_owned()))
}

fn limited(message: &str) -> Answer {
    Answer::Refused(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message.to_owned())
}

fn act(shared: &Shared, method: &Method, open: &OpenConnection, data: &[u8]) -> Answer {
    match *method {
        Method::GET => Answer::Found(described(open)),
        Method::DELETE => {
            shared.registry.remove(&open.connection.id);
            open.deleted.notify_one();
            Answer::Deleted
        }
        // Always a text frame, whatever the bytes are.
        _ => match open.post(String::from_utf8_lossy(data).as_ref().into(), shared.clock.now_ms()) {
            Ok(()) => Answer::Posted,
            Err(Refused::Ended) => gone(),
            Err(Refused::Full) => limited("The client does not read fast enough."),
        },
    }
}

fn described(open: &OpenConnection) -> String {
    let Identity { source_ip, user_agent, .. } = &open.connection.identity;
    let mut identity = json!({ "sourceIp": source_ip });
    if let (Some(user_agent), Some(identity)) = (user_agent, identity.as_object_mut()) {
        identity.insert("userAgent".to_owned(), user_agent.as_str().into());
    }
    let connected_at = time::iso(open.connection.connected_at);
    let last_active_at = time::iso(open.last_active_at());
    json!({ "connectedAt": connected_at, "identity": identity, "lastActiveAt": last_active_at }).to_string()
}

impl Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Posted => bare(StatusCode::OK),
            Self::Found(description) => handshake::json(StatusCode::OK, description),
            Self::Deleted => bare(StatusCode::NO_CONTENT),
            Self::Refused(status, error_type, message) => {
                let mut response = handshake::json(status, json!({ "message": message }).to_string());
                response.headers_mut().insert(ERROR_TYPE_HEADER, HeaderValue::from_static(error_type));
                response
            }
        }
    }
}
