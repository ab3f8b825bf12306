//! One connection, from its handshake to its `$disconnect`: a task of its own.

use std::pin::pin;
use std::sync::Arc;

use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sam::app::{ApiKey, Route};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::access_log::Row;
use super::admission::{self, Admission};
use super::answer::Answer;
use super::api::{Api, Stage};
use super::authorizer::Principal;
use super::error::GatewayError;
use super::event::{Event, Kind};
use super::handshake::{self, Handshake};
use super::ids::{self, ConnectionId};
use super::integration::{self, Outcome};
use super::invocation::Invocation;
use super::outbox::{self, Waiting};
use super::registry::OpenConnection;
use super::sigv4::Caller;
use super::socket::{Ending, Socket, Step};
use super::{Shared, api_key, limits};
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
    /// What the authorizer of `$connect` said of the client.
    pub(crate) principal: Option<Principal>,
}

/// Who calls: `requestContext.identity`.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// An IP address.
    pub(crate) source_ip: String,
    /// `User-Agent`, when it was sent.
    pub(crate) user_agent: Option<String>,
    /// Who signed the request, where signatures are asked for.
    pub(crate) caller: Option<Caller>,
    /// The client's API key, where a route of the API asks for one.
    pub(crate) api_key: Option<ApiKey>,
}

impl Identity {
    /// `identity.{name}`; `None` for what is not known of the client.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (caller, api_key) = (self.caller.as_ref(), self.api_key.as_ref());
        Some(match name {
            "sourceIp" => &self.source_ip,
            "userAgent" => self.user_agent.as_deref()?,
            "apiKey" => &api_key?.value,
            "apiKeyId" => &api_key?.id,
            "accountId" => &caller?.account_id,
            "userArn" => &caller?.arn,
            // A local caller has no other name than its access key.
            "accessKey" | "caller" | "user" => &caller?.access_key,
            _ => return None,
        })
    }
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
    mut connection: Connection,
    handshake: Handshake,
    respond: oneshot::Sender<Response>,
) {
    let mut answer = match connect(&shared, &mut connection, &handshake).await {
        Ok(answer) => answer,
        Err(refusal) => {
            let _ = respond.send(refusal);
            return;
        }
    };
    let (outbox, waiting) = outbox::channel();
    if connection.api.route("$connect").is_some_and(|route| route.two_way)
        && let Some(body) = answer.as_mut().and_then(|answer| answer.body.take())
    {
        // The first frame; an empty outbox takes the largest message.
        let _ = outbox.try_push(body.into());
    }
    let open = OpenConnection::new(Arc::new(connection), outbox);
    shared.registry.insert(&open);
    // A client that has left shows in the upgrade.
    let _ = respond.send(handshake.accepted(answer.as_ref()));
    // A task of its own: what the handshake needed is not kept as long as the connection is open.
    let tasks = Arc::clone(&shared);
    tasks.tasks.spawn(opened(shared, open, handshake.upgrade, waiting));
}

/// Serves a connection that was let in, if its client is still there.
async fn opened(shared: Arc<Shared>, open: Arc<OpenConnection>, upgrade: OnUpgrade, waiting: Waiting) {
    match upgrade.await {
        Ok(upgraded) => Box::pin(serve(&shared, &open, TokioIo::new(upgraded), waiting)).await,
        Err(_) => {
            shared.registry.remove(&open.connection.id);
            disconnect(&shared, &open.connection, &Ending::Lost).await;
        }
    }
}

/// Checks the client and asks `$connect`, if there is such a route. The answer is for the handshake.
async fn connect(
    shared: &Shared,
    connection: &mut Connection,
    handshake: &Handshake,
) -> Result<Option<Answer>, Response> {
    let request = Request::new(&*shared.clock);
    if !shared.throttles.admit_connection(connection.stage.throttle("$connect")) {
        return Err(throttled(shared, connection, &request));
    }
    let (api, stage) = (Arc::clone(&connection.api), Arc::clone(&connection.stage));
    let id = connection.id.clone();
    let execution = stage.execution_log.follow(&*shared.clock, &id, &request, Some("$connect"));
    let Some(route) = api.route("$connect") else {
        connection.identity.api_key = api_key::of_client(connection, handshake, None);
        execution.connecting(&connection.identity, None);
        let mut row = connection.row(&request, "CONNECT");
        row.route_key = Some("$connect");
        execution.finished(&row);
        stage.log(&row, shared.clock.now_ms());
        return Ok(None);
    };
    let Admission { checks, verdict } =
        admission::admit(shared, connection, &request, handshake, route, &execution).await;
    let outcome = match verdict {
        Ok(admitted) => {
            connection.principal = admitted.principal;
            connection.identity.caller = admitted.caller;
            connection.identity.api_key = admitted.api_key;
            let asked = connection.identity.api_key.as_ref().filter(|_| route.api_key_required);
            execution.connecting(&connection.identity, asked);
            let headers = handshake.event_headers(&connection.identity.source_ip, request.time);
            let kind = Kind::Connect { headers: &headers, query: &handshake.query() };
            let event = Event { connection, request: &request, route_key: "$connect", kind };
            let invocation = Invocation::new(&*shared.invoke, &shared.functions, Some(&execution));
            integration::call(&invocation, route, &event).await.within(route.two_way, limits::MESSAGE)
        }
        Err(error) => Outcome { latency: None, answer: Err(error) },
    };
    let mut row = connection.row(&request, "CONNECT");
    (row.route_key, row.checks) = (Some("$connect"), Some(&checks));
    let mut row = row.after(&outcome);
    let lets_in = |answer: &Answer| (200..300).contains(&answer.status) && answer.body.is_some();
    row.replied = route.two_way && outcome.answer.as_ref().is_ok_and(lets_in);
    execution.finished(&row);
    stage.log(&row, shared.clock.now_ms());
    match outcome.answer {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(Some(answer)),
        Ok(answer) => Err(handshake::refused(answer)),
        Err(error) => Err(handshake::failed(error, &connection.id, &request.id)),
    }
}

/// The answer to a handshake that is one too many.
fn throttled(shared: &Shared, connection: &Connection, request: &Request) -> Response {
    let error = GatewayError::Throttled;
    let mut row = connection.row(request, "CONNECT");
    row.route_key = Some("$connect");
    connection.stage.log(&row.after(&Outcome::refused(error)), shared.clock.now_ms());
    handshake::failed(error, &connection.id, &request.id)
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
    // Made once, and not again for every message.
    let mut stopping = pin!(raised(&mut stopping));
    let mut deleted = pin!(open.deleted.notified());
    let life = Instant::now() + shared.timers.life;
    let mut idle = Instant::now() + shared.timers.idle;
    let mut timer = pin!(sleep_until(life.min(idle)));
    let under_way = Arc::new(Semaphore::new(limits::UNDER_WAY));
    let mut place = None;
    loop {
        place = place.or_else(|| Arc::clone(&under_way).try_acquire_owned().ok());
        let step = tokio::select! {
            step = socket.step(place.is_some()) => step,
            free = Arc::clone(&under_way).acquire_owned(), if place.is_none() => {
                place = free.ok();
                continue;
            }
            () = &mut timer => {
                let until = life.min(idle);
                if until <= Instant::now() {
                    return Ending::going_away();
                }
                // Messages have put it off since it was set.
                timer.as_mut().reset(until);
                continue;
            }
            () = &mut deleted => return Ending::deleted(),
            () = &mut stopping => return Ending::going_away(),
        };
        match step {
            Step::Control => continue,
            Step::Ended(ending) => return ending,
            Step::Sent => {}
            Step::Text(body) => {
                let request = Request::new(&*shared.clock);
                open.active(request.time);
                // API Gateway does not wait for one message's function before the next message.
                let (message, place) =
                    (message(Arc::clone(shared), Arc::clone(open), request, body), place.take());
                shared.tasks.spawn(async move {
                    message.await;
                    drop(place);
                });
                if shared.faults.loses_connection() {
                    return Ending::Lost;
                }
            }
        }
        idle = Instant::now() + shared.timers.idle;
    }
}

/// Waits until a flag is set, as when the gateway stops.
pub(super) async fn raised(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Takes one message to its route. What the client gets is an answer if the route has a route
/// response, and an error if the gateway has one.
async fn message(shared: Arc<Shared>, open: Arc<OpenConnection>, request: Request, body: Utf8Bytes) {
    let connection = &open.connection;
    let message_id = connection.id.message_id();
    let mut row = connection.row(&request, "MESSAGE");
    row.message_id = Some(&message_id);
    let route = connection.api.select(&body);
    row.route_key = route.map(|route| route.key.as_str());
    let two_way = route.is_some_and(|route| route.two_way);
    let log = &connection.stage.execution_log;
    let execution = log.follow(&*shared.clock, &connection.id, &request, row.route_key);
    execution.received(
        &body,
        route.filter(|route| route.api_key_required).map(|_| connection.identity.api_key.as_ref()),
    );
    let outcome = match admitted(&shared, connection, route, &body) {
        Err(refusal) => {
            row.validation_error = refusal.detail;
            Outcome::refused(refusal.error)
        }
        Ok(route) => {
            let kind = Kind::Message { id: &message_id, body: &body };
            let event = Event { connection, request: &request, route_key: &route.key, kind };
            let invocation = Invocation::new(&*shared.invoke, &shared.functions, Some(&execution));
            integration::call(&invocation, route, &event).await.within(two_way, limits::MESSAGE)
        }
    };
    let mut row = row.after(&outcome);
    execution.finished(&row);
    let reply = match outcome.answer {
        Ok(answer) if two_way => {
            row.replied = answer.body.is_some();
            answer.body
        }
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
    if route.api_key_required && connection.identity.api_key.is_none() {
        return Err(refusal(GatewayError::InvalidApiKey));
    }
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
    let mut row = connection.row(&request, "DISCONNECT");
    row.route_key = Some("$disconnect");
    let log = &connection.stage.execution_log;
    let execution = log.follow(&*shared.clock, &connection.id, &request, row.route_key);
    execution.disconnecting();
    if let Some(route) = connection.api.route("$disconnect") {
        let kind = Kind::Disconnect(ending);
        let event = Event { connection, request: &request, route_key: "$disconnect", kind };
        let invocation = Invocation::new(&*shared.invoke, &shared.functions, Some(&execution));
        row = row.after(&integration::call(&invocation, route, &event).await);
    }
    execution.disconnected(&row, ending);
    connection.stage.log(&row, shared.clock.now_ms());
}

impl Connection {
    /// The row of an event for which nothing was called.
    pub(crate) fn row<'a>(&'a self, request: &'a Request, event_type: &'static str) -> Row<'a> {
        Row {
            api_id: &self.api.id,
            stage: &self.stage.name,
            domain_name: &self.domain_name,
            connection_id: self.id.as_str(),
            connected_at: Some(self.connected_at),
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
            identity: &self.identity,
            principal: self.principal.as_ref(),
            checks: None,
            reached: false,
            replied: false,
        }
    }
}
