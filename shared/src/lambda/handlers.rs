//! From an event to a use case and back to an answer, a function each.

use std::time::Duration;

use crate::model::Connection;
use crate::ports::{DeleteIndex, OpenConnection, PutIndex};
use crate::service;
use crate::service::connect::Admission;
use crate::service::deliver::{DeliveryCallbacks, DeliveryStore, Fanout};
use crate::service::frame::{FrameCallbacks, FrameStore, Frames, Request};
use crate::telemetry::{ConnectRecord, DisconnectRecord, FrameRecord, Work};

use super::response::Response;
use super::run::{Invoked, Outcome};

/// The words for a client when the fault is ours.
const INTERNAL: &str = "internal server error";

/// `$connect`: lets the handshake go on when the connection is remembered.
pub async fn connect(
    store: &(impl OpenConnection + PutIndex + DeleteIndex),
    invoked: &Invoked<'_>,
) -> Outcome {
    let event = invoked.event;
    let connection =
        Connection::opened(event.connection.clone(), event.user.clone(), event.context.connected_at);
    let mut record = ConnectRecord { user: invoked.hash(event.user.as_ref()), ..ConnectRecord::default() };
    let (response, error) = match service::connect(store, &connection).await {
        Ok(Admission::Accepted) => (Response::ok(), None),
        Ok(Admission::Gone) => (Response::refused(410, "gone"), None),
        Err(error) => (Response::refused(500, INTERNAL), Some(error.to_string())),
    };
    let accepted = response == Response::ok();
    (record.accepted, record.rejected) = (u64::from(accepted), u64::from(!accepted));
    Outcome { response, internal_error: error.is_some(), error, work: Work::Connect(record) }
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
    let fanout = Fanout { store, callbacks, namespaces: &settings.namespaces, clock, deadline };
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
