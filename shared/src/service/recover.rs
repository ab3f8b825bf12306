//! Subscriptions with a position: what a client has missed, before its subscription and during it.
//!
//! The member's row is there before the head is read, and publishers move the head before they
//! read the members: a publication above the position that the reply tells is posted to the client.
//! Client libraries drop what comes before the reply, so the reply is posted and awaited, then the
//! head is read again, and what is above the position follows from the history. Some of it may have
//! come already: it has the same offset. A place that is still empty then is one whose publisher
//! reads the members later, and posts.
//!
//! All of this takes it that API Gateway hands frames over in the order in which it took them, which
//! its documentation does not say.

use crate::channel::{Channel, Retention};
use crate::model::Member;
use crate::ports::{AdvanceHead, PostToConnection, PutEntry, ReadHead, ReadHistory};
use crate::protocol::codec::encode_push;
use crate::protocol::command::Position;
use crate::protocol::reply::{Place, SubscribeResult};
use crate::protocol::{DisconnectCode, Push};

use super::Failure;
use super::history::{Track, publication};
use super::outbox::Outbox;

/// Bytes of publications in the reply to `subscribe`; the rest follows as pushes.
pub const MAX_RECOVERED: usize = 32 * 1024;

/// A subscription whose reply is not on its way yet.
#[derive(Debug)]
pub struct Promise {
    /// To what.
    pub channel: Channel,
    /// The position that the reply tells.
    pub position: Place,
    /// Whether the client is given what it has missed.
    pub recovering: bool,
    /// What is kept.
    pub retention: Retention,
    /// In an ordered channel: the member, which others post to when it has got its reply.
    pub waiting: Option<Member>,
}

/// Where the subscription begins: at the head, or behind what the client has missed.
///
/// # Errors
/// What the client is told.
pub async fn begin(
    store: &(impl AdvanceHead + ReadHead + PutEntry + ReadHistory),
    track: Track<'_>,
    since: Option<&Position>,
) -> Result<(SubscribeResult, Promise), Failure> {
    let head = track.head(store).await?;
    let mut result = SubscribeResult {
        recoverable: true,
        positioned: true,
        was_recovering: since.is_some(),
        ..SubscribeResult::default()
    };
    let mut offset = head.offset;
    let missed = match since {
        Some(since) => track.since(store, &head, since).await?,
        None => None,
    };
    if let Some((entries, known)) = missed {
        (result.recovered, offset) = (true, known);
        let mut bytes = 0;
        for entry in &entries {
            let Some(publication) = publication(entry) else { continue };
            bytes += publication.get().len();
            if bytes > MAX_RECOVERED {
                offset = entry.offset - 1;
                break;
            }
            result.publications.push(publication);
        }
    }
    let position = Place { epoch: head.epoch, offset };
    result.position = Some(position.clone());
    let (channel, retention) = (track.channel.clone(), track.retention);
    let promise = Promise { channel, position, recovering: result.recovered, retention, waiting: None };
    Ok((result, promise))
}

/// Sends what stands above the position that the client was told, and gives how much that is and
/// up to where it has all of it.
///
/// # Errors
/// [`Failure::Connection`]: the client has to connect again, as it may have missed something.
pub async fn catch_up(
    store: &(impl ReadHead + ReadHistory),
    outbox: &mut Outbox<'_, impl PostToConnection>,
    promise: &Promise,
) -> Result<(u64, u64), Failure> {
    let Promise { channel, position: Place { epoch, offset }, .. } = promise;
    let head = store.head(channel).await?.filter(|head| head.epoch == *epoch);
    let Some(head) = head else {
        let cause = "the channel was forgotten meanwhile".to_owned();
        return Err(Failure::Connection(DisconnectCode::INSUFFICIENT_STATE, cause));
    };
    let (mut next, mut sent, mut to) = (offset + 1, 0, *offset);
    'pages: while next <= head.offset {
        let page = store.entries(channel, epoch, next..=head.offset, false).await?;
        for entry in &page.entries {
            // In an ordered channel, what is behind a hole comes when that is closed.
            if promise.waiting.is_some() && entry.offset != to + 1 {
                break 'pages;
            }
            to = entry.offset;
            let Some(publication) = publication(entry) else { continue };
            let push = Push::Kept { channel: channel.as_str(), publication: &publication };
            outbox.line(&encode_push(&push)).await?;
            sent += 1;
        }
        let last = page.entries.last().filter(|_| page.more);
        next = last.map_or(head.offset, |entry| entry.offset) + 1;
    }
    Ok((sent, to))
}
