//! `publish`: sends data to everyone who is subscribed to a channel.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::auth::caps::Capability;
use crate::channel::{Channel, Namespace, Retention};
use crate::model::Connection;
use crate::model::history::Kept;
use crate::protocol::codec::encode_push;
use crate::protocol::command::Publish;
use crate::protocol::reply::{ClientInfo, Publication};
use crate::protocol::{ErrorCode, Push};

use super::{Failure, Settings, subscribe};

/// Bytes that a frame to a client may have: API Gateway's limit of a message, in either direction.
pub const MAX_FRAME: usize = 128 * 1024;

/// Bytes that are kept free around a publication that a history holds: a reply to `history` has
/// more around it than a push.
const REPLY_ROOM: usize = 256;

/// A publication that is accepted.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// Where to.
    pub channel: Channel,
    /// What is kept of it.
    pub retention: Option<Retention>,
    /// Whether it has to come in order.
    pub ordered: bool,
    publisher: &'a Connection,
    data: &'a RawValue,
}

impl Accepted<'_> {
    /// The frame that every member gets.
    #[must_use]
    pub fn frame(&self, offset: Option<u64>) -> Bytes {
        let info = ClientInfo::of(self.publisher);
        let publication = Publication { offset, data: self.data, info };
        encode_push(&Push::Publication { channel: self.channel.as_str(), publication }).into()
    }

    /// What the history keeps.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let Connection { id, user, info, .. } = self.publisher.clone();
        Kept { data: self.data.get().to_owned(), user, client: id, info }
    }

    /// Bytes of the publisher's data.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.data.get().len()
    }
}

/// Checks a publication.
///
/// # Errors
/// What the client is told: the channel's own faults, [`ErrorCode::PermissionDenied`],
/// [`ErrorCode::BadRequest`] without data, [`ErrorCode::LimitExceeded`] when the frame would be
/// larger than API Gateway sends.
pub fn accept<'a>(
    settings: &Settings,
    publisher: &'a Connection,
    command: &'a Publish,
) -> Result<Accepted<'a>, Failure> {
    let (channel, namespace) = subscribe::channel(&command.channel, settings)?;
    let subscribed = publisher.subscriptions.contains_key(&channel);
    let allowed = namespace.allow_publish_for_client || subscribed && namespace.allow_publish_for_subscriber;
    if !(allowed || publisher.caps.allow(&channel, Capability::Publish)) {
        return Err(Failure::command(ErrorCode::PermissionDenied, "the namespace does not allow publishing"));
    }
    let Some(data) = command.data.as_deref() else {
        return Err(Failure::command(ErrorCode::BadRequest, "a publication needs data"));
    };
    let Namespace { ordered, .. } = namespace;
    let accepted = Accepted { channel, retention: namespace.retention(), ordered, publisher, data };
    let (offset, room) = accepted.retention.map_or((None, 0), |_| (Some(u64::MAX), REPLY_ROOM));
    let (bytes, most) = (accepted.frame(offset).len(), MAX_FRAME - room);
    if bytes > most {
        let cause = format!("the frame has {bytes} bytes, {most} may be sent");
        return Err(Failure::command(ErrorCode::LimitExceeded, cause));
    }
    Ok(accepted)
}
