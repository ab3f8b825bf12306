//! From an event to a use case and back to an answer, a function each.

use std::time::Duration;

use crate::auth::TokenError;
use crate::auth::ticket::Pass;
use crate::model::Connection;
use crate::ports::{DeleteIndex, OpenConnection, PutIndex, TakeTicket};
use crate::service;
use crate::service::connect::Admission;
use crate::service::deliver::{DeliveryCallbacks, DeliveryStore, Fanout};
use crate::service::frame::{FrameCallbacks, FrameStore, Frames, Request};
use crate::telemetry::{AuthorizeRecord, ConnectRecord, DisconnectRecord, FrameRecord, Work};

use super::response::Response;
use super::run::{Invoked, Outcome};

/// The words for a client when the fault is ours.
const INTERNAL: &str = "internal server error";

/// The authorizer of `$connect`: lets a handshake go on when its token is good and names a user, or
/// when it has a ticket.
pub async fn authorize(store: &impl TakeTicket, invoked: &Invoked<'_>) -> Outcome {
    let event = invoked.event;
    let mut record = AuthorizeRecord::default();
    let (response, error) = match identify(store, invoked).await {
        Ok(pass) => {
            record.user = invoked.hash(Some(&pass.user));
            (Response::policy(pass, event.method_arn.as_deref().unwrap_or_default()), None)
        }
        Err((response, cause)) => (response, Some(cause)),
    };
    (record.accepted, record.rejected) = (u64::from(error.is_none()), u64::from(error.is_some()));
    let internal_error = response == Response::Unavailable;
    Outcome { response, internal_error, error, work: Work::Authorize(record) }
}

/// Whom the handshake's token or ticket names; or the refusal, and why.
async fn identify(store: &impl TakeTicket, invoked: &Invoked<'_>) -> Result<Pass, (Response, String)> {
    let refused = |cause: &str| (Response::Unauthorized, cause.to_owned());
    let (handshake, now_s) = (&invoked.event.handshake, invoked.clock.now_s());
    if let Some(token) = &handshake.token {
        let identity = invoked.settings.tokens.verify(token, now_s).await.map_err(|error| match error {
            TokenError::Expired | TokenError::Invalid(_) => refused(&error.to_string()),
            TokenError::Unknown(_) => (Response::Unavailable, error.to_string()),
        })?;
        let user = identity.user.ok_or_else(|| refused("the token names no user"))?;
        return Ok(Pass { user, info: identity.info, expires_at: identity.expires_at });
    }
    let ticket = handshake.ticket.as_ref();
    let ticket = ticket.ok_or_else(|| refused("the handshake has no token and no ticket"))?;
    let redeemed = service::ticket::redeem(store, ticket, now_s).await;
    let pass = redeemed.map_err(|error| (Response::Unavailable, error.to_string()))?;
    pass.ok_or_else(|| refused("the ticket is not valid, was used before, or has expired"))
}

/// `$connect`: lets the handshake go on when the connection is remembered.
pub async fn connect(
    store: &(impl OpenConnection + PutIndex + DeleteIndex),
    invoked: &Invoked<'_>,
) -> Outcome {
    let event = invoked.event;
    let connection = Connection {
        token_expires_at: event.token_expires_at,
        info: event.info.clone(),
        ..Connection::opened(event.connection.clone(), event.user.clone(), event.context.connected_at)
    };
    let mut record = ConnectRecord { user: invoked.hash(event.user.as_ref()), ..ConnectRecord::default() };
    let origin = event.handshake.origin.as_deref();
    let admission = if invoked.settings.allows_origin(origin) {
        service::connect(store, &connection).await.map(Some)
    } else {
        Ok(None)
    };
    let (response, error) = match admission {
        Ok(Some(Admission::Accepted)) => (Response::accepted(event.handshake.protocol.as_deref()), None),
        Ok(None) => (Response::refused(403, "Forbidden"), Some("the origin is not allowed".to_owned())),
        Ok(Some(Admission::Gone)) => (Response::refused(410, "gone"), None),
        Err(error) => (Response::refused(500, INTERNAL), Some(error.to_string())),
    };
    let accepted = response.status_code() == 200;
    (record.accepted, record.rejected) = (u64::from(accepted), u64::from(!accepted));
    let internal_error = response.status_code() == 500;
    Outcome { response, internal_error, error, work: Work::Connect(record) }
}

/// `$disconnect`: forgets the connection and tells of it. Nobody sees the answer.
pub async fn disconnect(
    store: &impl DeliveryStore,
    callbacks: &impl DeliveryCallbacks,
    invoked: &Invoked<'_>,
) -> Outcome {
    let event = invoked.event;
    let mut record = DisconnectRecord {
        status_code: event.context.disconnect_status_code.map(|code| code.to_string()),
        reason: event.context.disconnect_reason.clone(),
        ..DisconnectRecord::default()
    };
    let Invoked { settings, clock, deadline, .. } = *invoked;
    let namespaces = &settings.namespaces;
    let fanout = Fanout { store, callbacks, namespaces, clock, deadline, lease_until: None };
    let (response, error) = match fanout.part(&event.connection).await {
        Ok((connection, told)) => {
            record.callbacks = (told.count > 0).then_some(told);
            record.disconnects = u64::from(connection.is_some());
            let lived = event.context.request_time_epoch.saturating_sub(event.context.connected_at);
            record.user = invoked.hash(connection.as_ref().and_then(|connection| connection.user.as_ref()));
            record.duration = connection.map(|_| Duration::from_millis(u64::try_from(lived).unwrap_or(0)));
            (Response::ok(), None)
        }
        Err(error) => (Response::refused(500, INTERNAL), Some(error.to_string())),
    };
    Outcome { response, internal_error: error.is_some(), error, work: Work::Disconnect(record) }
}

/// `$default`: answers a frame of commands with a frame of replies.
pub async fn frame<S: FrameStore, C: FrameCallbacks>(
    store: &S,
    callbacks: &C,
    invoked: &Invoked<'_>,
) -> Outcome {
    let event = invoked.event;
    let request = Request {
        connection: event.connection.clone(),
        message: event.context.message_id.clone().unwrap_or_default(),
        text: event.body.clone(),
        received_at: event.context.request_time_epoch,
        deadline: invoked.deadline,
    };
    let mut record = FrameRecord { sender: event.user.clone(), ..FrameRecord::default() };
    let frames = Frames { store, callbacks, settings: invoked.settings, clock: invoked.clock };
    let body = service::frame(&frames, request, &mut record).await;
    record.user = invoked.hash(record.sender.as_ref());
    Outcome {
        response: Response::frame(body),
        error: record.error.take(),
        internal_error: record.internal_error,
        work: Work::Frame(record),
    }
}
