//! One connection, from its handshake to its `$disconnect`: a task of its own.

use std::sync::Arc;

use axum::response::Response;
use hyper_util::rt::TokioIo;
use sam::app::Route;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::access_log::Row;
use super::answer::Answer;
use super::api::{Api, Stage};
use super::error::GatewayError;
use super::handshake::{self, Handshake};
use super::ids::{self, ConnectionId};
use super::integration::{self, Outcome};
use super::outbox::{self, Waiting};
use super::registry::OpenConnection;
use super::socket::{Ending, Socket, Step};
use super::{Shared, event, limits};
use crate::clock::Clock;

/// What a handshake fixes for all of a connection's events.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) api: Arc<Api>,
    pub(crate) stage: Arc<Stage>,
    /// The host that the client connected to, as it named it.
    pub(crate) domain_name: String,
    /// Milliseconds since the epoch.
    pub(crate) connected_at: i64,
    /// The client.
    pub(crate) identity: Identity,
}

/// Who calls: `requestContext.identity`.
#[derive(Debug)]
pub(crate) struct Identity {
    /// An IP address.
    pub(crate) source_ip: String,
    /// `User-Agent`, when it was sent.
    pub(crate) user_agent: Option<String>,
}

/// What is new with every event of a connection.
#[derive(Debug)]
pub(crate) struct Request {
    /// `requestId` and `extendedRequestId`: on a socket they are the same.
    pub(crate) id: String,
    /// `requestTimeEpoch`, in milliseconds.
    pub(crate) time: i64,
}

impl Request {
    fn new(clock: &dyn Clock) -> Self {
        Self { id: ids::request_id(), time: clock.now_ms() }
    }
}

/// Runs a connection: asks `$connect`, answers the handshake, serves the socket, and tells
/// `$disconnect`. A client that leaves during `$connect` does not stop it: what its handler wrote
/// for a connection that it let in, `$disconnect` cleans up.
pub(crate) async fn run(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    handshake: Handshake,
    respond: oneshot::Sender<Response>,
) {
    let answer = match connect(&shared, &connection, &handshake).await {
        Ok(answer) => answer,
        Err(refusal) => {
            let _ = respond.send(refusal);
            return;
        }
    };
    let (outbox, waiting) = outbox::channel();
    let open = OpenConnection::new(connection, outbox);
    shared.registry.insert(&open);
    // A client that has left shows in the upgrade.
    let _ = respond.send(handshake.accepted(answer.as_ref()));
    match handshake.upgrade.await {
        Ok(upgraded) => Box::pin(serve(&shared, &open, TokioIo::new(upgraded), waiting)).await,
        Err(_) => {
            shared.registry.remove(&open.connection.id);
            disconnect(&shared, &open.connection, &Ending::Lost).await;
        }
    }
}

/// Asks `$connect`, if there is such a route. The answer is for the handshake.
async fn connect(
    shared: &Shared,
    connection: &Connection,
    handshake: &Handshake,
) -> Result<Option<Answer>, Response> {
    let request = Request::new(&*shared.clock);
    let mut row = row(connection, &request, "CONNECT");
    row.route_key = Some("$connect");
    if !shared.throttles.admit_connection(connection.stage.throttle("$connect")) {
        let error = GatewayError::Throttled;
        connection.stage.log(&row.after(&Outcome::refused(error)), shared.clock.now_ms());
        return Err(handshake::failed(error, &connection.id, &request.id));
    }
    let Some(route) = connection.api.route("$connect") else {
        connection.stage.log(&row, shared.clock.now_ms());
        return Ok(None);
    };
    let headers = handshake.event_headers(&connection.identity.source_ip, request.time);
    let event = event::connect(connection, &request, &headers, &handshake.query());
    let outcome = integration::call(&*shared.invoke, route, &event).await;
    connection.stage.log(&row.after(&outcome), shared.clock.now_ms());
    match outcome.answer {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(Some(answer)),
        Ok(answer) => Err(handshake::refused(answer)),
        Err(error) => Err(handshake::failed(error, &connection.id, &request.id)),
    }
}

/// Serves an open socket to its end. The closing handshake and `$disconnect` go side by side.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared>,
    open: &Arc<OpenConnection>,
    stream: S,
    waiting: Waiting,
) {
    let mut socket = Socket::new(stream, waiting).await;
    let ending = converse(shared, open, &mut socket).await;
    shared.registry.remove(&open.connection.id);
    tokio::join!(socket.finish(&ending), disconnect(shared, &open.connection, &ending));
}

/// Takes messages until something ends the connection.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared>,
    open: &Arc<OpenConnection>,
    socket: &mut Socket<S>,
) -> Ending {
    let mut stopping = shared.stopping.subscribe();
    let life = Instant::now() + shared.timers.life;
    let mut idle = Instant::now() + shared.timers.idle;
    loop {
        let step = tokio::select! {
            step = socket.step() => step,
            () = sleep_until(life.min(idle)) => return Ending::going_away(),
            () = open.deleted.notified() => return Ending::deleted(),
            () = raised(&mut stopping) => return Ending::going_away(),
        };
        match step {
            Step::Control => continue,
            Step::Ended(ending) => return ending,
            Step::Sent => {}
            Step::Text(body) => {
                let request = Request::new(&*shared.clock);
                open.active(request.time);
                // API Gateway does not wait for one message's function before the next message.
                shared.tasks.spawn(message(Arc::clone(shared), Arc::clone(open), request, body));
                if shared.faults.loses_connection() {
                    return Ending::Lost;
                }
            }
        }
        idle = Instant::now() + shared.timers.idle;
    }
}

/// Waits until the gateway stops.
async fn raised(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Takes one message to its route. What the client gets is an answer if the route has a route
/// response, and an error if the gateway has one.
async fn message(shared: Arc<Shared>, open: Arc<OpenConnection>, request: Request, body: Utf8Bytes) {
    let connection = &open.connection;
    let message_id = connection.id.message_id();
    let mut row = row(connection, &request, "MESSAGE");
    row.message_id = Some(&message_id);
    let route = connection.api.select(&body);
    row.route_key = route.map(|route| route.key.as_str());
    let two_way = route.is_some_and(|route| route.two_way);
    let outcome = match admitted(&shared, connection, route, &body) {
        Err(refusal) => {
            row.validation_error = refusal.detail;
            Outcome::refused(refusal.error)
        }
        Ok(route) => {
            let event = event::message(connection, &request, &route.key, &message_id, &body);
            integration::call(&*shared.invoke, route, &event).await.within(two_way, limits::MESSAGE)
        }
    };
    let row = row.after(&outcome);
    let reply = match outcome.answer {
        Ok(answer) if two_way => answer.body,
        Ok(_) => None,
        Err(error) => Some(error.body(&connection.id, &request.id)),
    };
    if let Some(reply) = reply {
        open.outbox.push(reply.into()).await;
    }
    connection.stage.log(&row, shared.clock.now_ms());
}

/// Why a message does not come to its integration.
struct Refusal {
    error: GatewayError,
    /// `$context.error.validationErrorString`.
    detail: Option<String>,
}

/// The route of a message, if there is one and nothing stands before it.
fn admitted<'a>(
    shared: &Shared,
    connection: &Connection,
    route: Option<&'a Route>,
    body: &str,
) -> Result<&'a Route, Refusal> {
    let refusal = |error| Refusal { error, detail: None };
    let throttle = route.and_then(|route| connection.stage.throttle(&route.key));
    if !shared.throttles.admit(throttle) {
        return Err(refusal(GatewayError::Throttled));
    }
    let route = route.ok_or_else(|| refusal(GatewayError::NoRoute))?;
    let valid = connection.api.validate(route, body);
    valid.map_err(|detail| Refusal { error: GatewayError::InvalidBody, detail: Some(detail) })?;
    Ok(route)
}

/// Tells `$disconnect`, if there is such a route. Nobody is told its answer.
async fn disconnect(shared: &Shared, connection: &Connection, ending: &Ending) {
    if shared.faults.drops_disconnect() {
        return;
    }
    let request = Request::new(&*shared.clock);
    let mut row = row(connection, &request, "DISCONNECT");
    row.route_key = Some("$disconnect");
    if let Some(route) = connection.api.route("$disconnect") {
        let event = event::disconnect(connection, &request, ending);
        row = row.after(&integration::call(&*shared.invoke, route, &event).await);
    }
    connection.stage.log(&row, shared.clock.now_ms());
}

/// The row of an event for which nothing was called.
fn row<'a>(connection: &'a Connection, request: &'a Request, event_type: &'static str) -> Row<'a> {
    Row {
        api_id: &connection.api.id,
        stage: &connection.stage.name,
        domain_name: &connection.domain_name,
        connection_id: connection.id.as_str(),
        connected_at: Some(connection.connected_at),
        event_type,
        route_key: None,
        message_id: None,
        request_id: &request.id,
        extended_request_id: &request.id,
        request_time: request.time,
        status: 200,
        integration_latency: None,
        error: None,
        validation_error: None,
        identity: &connection.identity,
    }
}
