//! Sends one frame to many connections.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::channel::Channel;
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::Member;
use crate::ports::{CloseConnection, DeleteIndex, Post, PostToConnection, StoreError};
use crate::telemetry::event::CallbackRecord;

use super::forget::forget;

/// Posts in flight at once. API Gateway has no batch call: every recipient is a request.
const CONCURRENT_POSTS: usize = 64;

/// The time for one post with the SDK's own tries: one connection that hangs must not hold up
/// the frame's answer.
const POST_WITHIN: Duration = Duration::from_secs(3);

/// One frame for the members of a channel.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// What they get.
    pub frame: &'a Bytes,
    /// Who they are.
    pub members: &'a [Member],
    /// Posts that would begin later fail without being tried.
    pub deadline: Instant,
}

/// Posts the frame to every member and forgets those that are gone.
///
/// Failures are counted and logged, never returned: a publication is accepted, whoever of its
/// recipients cannot be reached.
pub async fn deliver(
    store: &(impl CloseConnection + DeleteIndex + Sync),
    callbacks: &(impl PostToConnection + Sync),
    clock: &dyn Clock,
    delivery: &Delivery<'_>,
) -> CallbackRecord {
    let mut posts = stream::iter(delivery.members)
        .map(|member| async move { (member, post(callbacks, &member.connection, delivery).await) })
        .buffer_unordered(CONCURRENT_POSTS);
    let mut record =
        CallbackRecord { recipients: count(delivery.members.len()), ..CallbackRecord::default() };
    let mut gone = Vec::new();
    while let Some((member, (outcome, took))) = posts.next().await {
        note(&mut record, &outcome, took);
        let recipient = &member.connection;
        match outcome {
            Post::Posted => {}
            Post::Gone => gone.push(member),
            Post::Throttled => tracing::warn!(%recipient, "a callback was throttled"),
            Post::Failed(cause) => tracing::warn!(%recipient, %cause, "a callback failed"),
        }
    }
    forget_all(store, clock, delivery.channel, gone).await;
    record
}

/// One post and how long it took.
async fn post(
    callbacks: &impl PostToConnection,
    id: &ConnectionId,
    delivery: &Delivery<'_>,
) -> (Post, Duration) {
    let began = Instant::now();
    let within = post_within(delivery.deadline);
    if within.is_zero() {
        return (Post::Failed("no time was left for it".to_owned()), Duration::ZERO);
    }
    let outcome = callbacks.post(id, delivery.frame.clone(), within).await;
    (outcome, began.elapsed())
}

fn note(record: &mut CallbackRecord, outcome: &Post, took: Duration) {
    record.count += 1;
    record.latency = record.latency.max(took);
    match outcome {
        Post::Posted => {}
        Post::Gone => record.gone += 1,
        Post::Throttled => record.throttled += 1,
        Post::Failed(_) => record.failed += 1,
    }
}

async fn forget_all(
    store: &(impl CloseConnection + DeleteIndex + Sync),
    clock: &dyn Clock,
    channel: &Channel,
    gone: Vec<&Member>,
) {
    let mut forgotten = stream::iter(gone)
        .map(|member| async move { (member, forget_member(store, clock, channel, member).await) })
        .buffer_unordered(CONCURRENT_POSTS);
    while let Some((member, outcome)) = forgotten.next().await {
        if let Err(error) = outcome {
            // Its rows expire by themselves, and the next callback tries again.
            let recipient = &member.connection;
            tracing::warn!(%recipient, %error, "a connection that is gone could not be forgotten");
        }
    }
}

/// Rule B, and the very row that led here: a subscribe that crashed may have left it unlisted.
async fn forget_member(
    store: &(impl CloseConnection + DeleteIndex + Sync),
    clock: &dyn Clock,
    channel: &Channel,
    member: &Member,
) -> Result<(), StoreError> {
    forget(store, &member.connection, clock).await?;
    store.delete_member(channel, &member.connection, &member.subscription).await
}

/// The time that one post may take when all has to end by `deadline`.
pub(super) fn post_within(deadline: Instant) -> Duration {
    POST_WITHIN.min(deadline.saturating_duration_since(Instant::now()))
}

pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
