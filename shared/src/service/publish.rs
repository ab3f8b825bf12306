//! `publish`: sends data to everyone who is subscribed to a channel.

use bytes::Bytes;

use crate::channel::Channel;
use crate::model::Connection;
use crate::protocol::codec::encode_push;
use crate::protocol::command::Publish;
use crate::protocol::reply::{ClientInfo, Publication};
use crate::protocol::{ErrorCode, Push};

use super::{Failure, Settings, subscribe};

/// Bytes that a frame to a client may have: API Gateway's limit of a message, in either direction.
pub const MAX_FRAME: usize = 128 * 1024;

/// A publication that is accepted: the frame to send, and where.
#[derive(Debug)]
pub struct Accepted {
    /// The channel.
    pub channel: Channel,
    /// The frame that every member gets.
    pub frame: Bytes,
    /// Bytes of the publisher's data.
    pub data_bytes: usize,
}

/// Checks a publication and makes its frame.
///
/// # Errors
/// What the client is told: the channel's own faults, [`ErrorCode::PermissionDenied`],
/// [`ErrorCode::BadRequest`] without data, [`ErrorCode::LimitExceeded`] when the frame would be
/// larger than API Gateway sends.
pub fn accept(settings: &Settings, publisher: &Connection, command: &Publish) -> Result<Accepted, Failure> {
    let (channel, namespace) = subscribe::channel(&command.channel, settings)?;
    let subscribed = publisher.subscriptions.contains_key(&channel);
    if !(namespace.allow_publish_for_client || subscribed && namespace.allow_publish_for_subscriber) {
        return Err(Failure::command(ErrorCode::PermissionDenied, "the namespace does not allow publishing"));
    }
    let Some(data) = command.data.as_deref() else {
        return Err(Failure::command(ErrorCode::BadRequest, "a publication needs data"));
    };
    let user = publisher.user.as_ref().map_or("", |user| user.as_str());
    // What is in the row was JSON when the token was checked.
    let conn_info = publisher.info.as_deref().and_then(|info| serde_json::from_str(info).ok());
    let info = ClientInfo { user, client: publisher.id.as_str(), conn_info };
    let frame = encode_push(&Push::Publication {
        channel: channel.as_str(),
        publication: Publication { data, info },
    });
    if frame.len() > MAX_FRAME {
        let cause = format!("the frame has {} bytes, {MAX_FRAME} may be sent", frame.len());
        return Err(Failure::command(ErrorCode::LimitExceeded, cause));
    }
    Ok(Accepted { channel, frame: frame.into(), data_bytes: data.get().len() })
}
