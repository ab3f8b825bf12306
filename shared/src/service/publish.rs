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
use crate::protocol::server;
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
    /// `None` for a server.
    publisher: Option<&'a Connection>,
    data: &'a RawValue,
    tags: Option<&'a RawValue>,
}

impl Accepted<'_> {
    /// The frame that every member gets.
    #[must_use]
    pub fn frame(&self, offset: Option<u64>) -> Bytes {
        let info = self.publisher.map(ClientInfo::of);
        let publication = Publication { offset, data: self.data, info, tags: self.tags };
        encode_push(&Push::Publication { channel: self.channel.as_str(), publication }).into()
    }

    /// What the history keeps.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let publisher = self.publisher.cloned();
        let (user, info) = publisher.as_ref().map(|p| (p.user.clone(), p.info.clone())).unwrap_or_default();
        let tags = self.tags.map(|tags| tags.get().to_owned());
        Kept { data: self.data.get().to_owned(), user, client: publisher.map(|p| p.id), info, tags }
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
    sized(channel, &namespace, Some(publisher), (command.data.as_deref(), None))
}

/// Checks a publication of a server, which may publish to every channel whose namespace is
/// configured.
///
/// # Errors
/// As [`accept`], but for the permission.
pub fn accept_of_server<'a>(
    settings: &Settings,
    name: &str,
    what: &'a server::Payload,
) -> Result<Accepted<'a>, Failure> {
    let (channel, namespace) = subscribe::channel(name, settings)?;
    let mut accepted = sized(channel, &namespace, None, (what.data.as_deref(), what.tags.as_deref()))?;
    if what.skip_history {
        (accepted.retention, accepted.ordered) = (None, false);
    }
    Ok(accepted)
}

/// A publication that has data and fits a frame.
fn sized<'a>(
    channel: Channel,
    namespace: &Namespace,
    publisher: Option<&'a Connection>,
    (data, tags): (Option<&'a RawValue>, Option<&'a RawValue>),
) -> Result<Accepted<'a>, Failure> {
    let Some(data) = data else {
        return Err(Failure::command(ErrorCode::BadRequest, "a publication needs data"));
    };
    let (retention, ordered) = (namespace.retention(), namespace.ordered);
    let accepted = Accepted { channel, retention, ordered, publisher, data, tags };
    let (offset, room) = accepted.retention.map_or((None, 0), |_| (Some(u64::MAX), REPLY_ROOM));
    let (bytes, most) = (accepted.frame(offset).len(), MAX_FRAME - room);
    if bytes > most {
        let cause = format!("the frame has {bytes} bytes, {most} may be sent");
        return Err(Failure::command(ErrorCode::LimitExceeded, cause));
    }
    Ok(accepted)
}
