//! Sends one frame to many connections.
//!
//! Where a channel has a history, a callback that fails loses nothing: the offset is noted in the
//! member's row, and the next publication of the channel brings what is missing before it, in the
//! same post. So a client never gets the later of two publications without the earlier, unless
//! their publishers were at work at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::channel::{Channel, Namespaces};
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::{Connection, Member};
use crate::ports::{
    CloseConnection, DeleteConnection, DeleteIndex, ListMembers, NoteMissing, Post, PostToConnection,
    ReadHistory, SpreadMembers, StoreError,
};
use crate::protocol::Push;
use crate::protocol::codec::encode_push;
use crate::protocol::reply::Place;
use crate::telemetry::event::CallbackRecord;

use super::forget::forget;
use super::history::publication;
use super::publish::MAX_FRAME;

/// Posts in flight at once. API Gateway has no batch call: every recipient is a request.
pub(super) const CONCURRENT_POSTS: usize = 64;

/// The time for one post with the SDK's own tries: one connection that hangs must not hold up
/// the frame's answer.
const POST_WITHIN: Duration = Duration::from_secs(3);

/// Publications that a member may miss. Whoever misses more is disconnected: its client library
/// comes back and recovers.
pub const MAX_MISSING: usize = 16;

/// What delivery asks of the table.
pub trait DeliveryStore:
    CloseConnection + DeleteIndex + ListMembers + SpreadMembers + NoteMissing + ReadHistory + Sync
{
}
impl<T> DeliveryStore for T where
    T: CloseConnection + DeleteIndex + ListMembers + SpreadMembers + NoteMissing + ReadHistory + Sync
{
}

/// What delivery asks of the management API.
pub trait DeliveryCallbacks: PostToConnection + DeleteConnection + Sync {}
impl<T: PostToConnection + DeleteConnection + Sync> DeliveryCallbacks for T {}

/// The parts of the service that a delivery needs.
#[derive(Debug)]
pub struct Fanout<'a, S, C> {
    /// The table.
    pub store: &'a S,
    /// The management API.
    pub callbacks: &'a C,
    /// Which channels tell who joins and leaves.
    pub namespaces: &'a Namespaces,
    /// The hour.
    pub clock: &'a dyn Clock,
    /// Posts that would begin later fail without being tried.
    pub deadline: Instant,
    /// As `deadline`, by the clock (ms): another may deliver the channel from then on.
    pub lease_until: Option<i64>,
}

/// Something for the members of a channel.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// What they get, in order.
    pub news: &'a [News],
    /// Who they are.
    pub members: &'a [Member],
    /// Where it begins in the channel's history, if it has one.
    pub place: Option<&'a Place>,
}

/// One push.
#[derive(Debug)]
pub struct News {
    /// Where it stands in the channel's history, if it has one.
    pub offset: Option<u64>,
    /// As it is sent.
    pub line: Bytes,
}

/// What came of the posts to one member.
#[derive(Debug)]
struct Sent {
    outcome: Outcome,
    posts: u64,
    took: Duration,
    /// Publications that it had missed and was given.
    redelivered: usize,
    /// Publications that did not reach it.
    lost: Vec<u64>,
}

#[derive(Debug)]
enum Outcome {
    Post(Post),
    /// It has not got the reply to its `subscribe` yet.
    Waits,
    /// What the member misses is too much, or not kept any more.
    TooFarBehind,
}

/// The pushes of missed publications, by offset.
type Backlog = BTreeMap<u64, String>;

impl<S: DeliveryStore, C: DeliveryCallbacks> Fanout<'_, S, C> {
    /// Posts the frame to every member, notes whom it did not reach, and forgets those that are
    /// gone.
    ///
    /// Failures are counted and logged, never returned: a publication is accepted, whoever of its
    /// recipients cannot be reached.
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> CallbackRecord {
        let (mut record, ended) = self.post_all(delivery).await;
        record.add(&self.tell_of_ends(VecDeque::from(ended)).await);
        record
    }

    /// As [`Self::deliver`], but tells nobody of those that are gone: gives them.
    pub(super) async fn post_all(&self, delivery: &Delivery<'_>) -> (CallbackRecord, Vec<Connection>) {
        let backlog = &self.backlog(delivery).await;
        let mut posts = stream::iter(delivery.members)
            .map(|member| async move { (member, self.send(member, delivery, backlog).await) })
            .buffer_unordered(CONCURRENT_POSTS);
        let mut record =
            CallbackRecord { recipients: count(delivery.members.len()), ..CallbackRecord::default() };
        let (mut gone, mut missed, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        while let Some((member, sent)) = posts.next().await {
            note(&mut record, &sent);
            let recipient = &member.connection;
            match sent.outcome {
                Outcome::Post(Post::Posted) => {}
                Outcome::Post(Post::Gone) => gone.push(member),
                Outcome::Post(Post::Throttled) => {
                    tracing::warn!(%recipient, "a callback was throttled");
                    missed.push((member, sent.lost));
                }
                Outcome::Post(Post::Failed(cause)) => {
                    tracing::warn!(%recipient, %cause, "a callback failed");
                    missed.push((member, sent.lost));
                }
                Outcome::Waits => missed.push((member, sent.lost)),
                Outcome::TooFarBehind => {
                    tracing::warn!(%recipient, "a connection that misses too much is ended");
                    behind.push(member);
                }
            }
        }
        drop(posts);
        // Without the note, only a new connection is sure to learn of it.
        behind.append(&mut self.note_missing(delivery.channel, missed).await);
        self.end(&behind).await;
        gone.append(&mut behind);
        let ended = self.forget_all(delivery.channel, gone).await;
        (record, ended)
    }

    /// Ends the connections of members who have to recover.
    pub(super) async fn end_all(&self, channel: &Channel, members: &[Member]) -> CallbackRecord {
        let members: Vec<_> = members.iter().collect();
        self.end(&members).await;
        let mut record = CallbackRecord { ended: count(members.len()), ..CallbackRecord::default() };
        let ended = self.forget_all(channel, members).await;
        record.add(&self.tell_of_ends(VecDeque::from(ended)).await);
        record
    }

    /// What any of the members has missed, if the history has it still.
    async fn backlog(&self, delivery: &Delivery<'_>) -> Backlog {
        let Some(place) = delivery.place else { return Backlog::new() };
        let ready = delivery.members.iter().filter(|member| member.waits_until.is_none());
        let mut missing = ready.flat_map(|member| missed_before(member, delivery.place));
        let Some(first) = missing.next() else { return Backlog::new() };
        let (first, last) = missing.fold((first, first), |(low, high), at| (low.min(at), high.max(at)));
        match self.store.entries(delivery.channel, &place.epoch, first..=last, false).await {
            Ok(page) => {
                let channel = delivery.channel.as_str();
                let line = |entry| {
                    publication(entry)
                        .map(|publication| encode_push(&Push::Kept { channel, publication: &publication }))
                };
                page.entries.iter().filter_map(|entry| Some((entry.offset, line(entry)?))).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "what members have missed could not be read");
                Backlog::new()
            }
        }
    }

    /// Posts what the member has missed, and the news behind it.
    async fn send(&self, member: &Member, delivery: &Delivery<'_>, backlog: &Backlog) -> Sent {
        let began = Instant::now();
        let lost = delivery.news.iter().filter_map(|news| news.offset).collect();
        let outcome = Outcome::TooFarBehind;
        let mut sent = Sent { outcome, posts: 0, took: Duration::ZERO, redelivered: 0, lost };
        if let Some(until) = member.waits_until {
            // Later, it waits for a function that has ended.
            if self.clock.now_s() < until {
                sent.outcome = Outcome::Waits;
            }
            return sent;
        }
        let Some(frames) = frames(member, delivery, backlog) else { return sent };
        let mut given = Vec::new();
        for (offsets, frame) in frames {
            let outcome = self.post(&member.connection, frame).await;
            sent.posts += 1;
            let posted = outcome == Post::Posted;
            sent.outcome = Outcome::Post(outcome);
            if !posted {
                break;
            }
            given.extend(offsets);
        }
        sent.took = began.elapsed();
        sent.lost.retain(|offset| !given.contains(offset));
        given.retain(|offset| member.missing.contains(offset));
        sent.redelivered = given.len();
        if !given.is_empty()
            && let Err(error) = self.store.clear_missing(delivery.channel, member, &given).await
        {
            // It is given them once more.
            tracing::warn!(%error, "a member's missing publications could not be crossed out");
        }
        sent
    }

    pub(super) async fn post(&self, id: &ConnectionId, frame: Bytes) -> Post {
        let left = |until: i64| u64::try_from(until.saturating_sub(self.clock.now_ms())).unwrap_or(0);
        let lease = self.lease_until.map_or(Duration::MAX, |until| Duration::from_millis(left(until)));
        let within = post_within(self.deadline).min(lease);
        if within.is_zero() {
            return Post::Failed("no time was left for it".to_owned());
        }
        self.callbacks.post(id, frame, within).await
    }

    /// Notes whom publications did not reach; gives those for whom that failed.
    async fn note_missing<'m>(
        &self,
        channel: &Channel,
        missed: Vec<(&'m Member, Vec<u64>)>,
    ) -> Vec<&'m Member> {
        let missed = missed.into_iter().filter(|(_, lost)| !lost.is_empty());
        let mut noted =
            stream::iter(missed)
                .map(|(member, lost)| async move {
                    (member, self.store.add_missing(channel, member, &lost).await)
                })
                .buffer_unordered(CONCURRENT_POSTS);
        let mut lost = Vec::new();
        while let Some((member, outcome)) = noted.next().await {
            if let Err(error) = outcome {
                let recipient = &member.connection;
                tracing::warn!(%recipient, %error, "what a member misses could not be noted");
                lost.push(member);
            }
        }
        lost
    }

    /// Closes sockets: their clients come back and recover.
    async fn end(&self, members: &[&Member]) {
        let mut ended = stream::iter(members)
            .map(|member| async move { (member, self.callbacks.delete(&member.connection).await) })
            .buffer_unordered(CONCURRENT_POSTS);
        while let Some((member, outcome)) = ended.next().await {
            if let Post::Failed(cause) = outcome {
                let recipient = &member.connection;
                tracing::warn!(%recipient, %cause, "a connection could not be closed");
            }
        }
    }

    /// Gives the connections that were open until now.
    async fn forget_all(&self, channel: &Channel, gone: Vec<&Member>) -> Vec<Connection> {
        let mut ended = Vec::new();
        let mut forgotten = stream::iter(gone)
            .map(|member| async move { (member, self.forget(channel, member).await) })
            .buffer_unordered(CONCURRENT_POSTS);
        while let Some((member, outcome)) = forgotten.next().await {
            match outcome {
                Ok(connection) => ended.extend(connection),
                Err(error) => {
                    // Its rows expire by themselves, and the next callback tries again.
                    let recipient = &member.connection;
                    tracing::warn!(%recipient, %error, "a connection that is gone could not be forgotten");
                }
            }
        }
        ended
    }

    /// Rule B, and the very row that led here: a subscribe that crashed may have left it unlisted.
    async fn forget(&self, channel: &Channel, member: &Member) -> Result<Option<Connection>, StoreError> {
        let ended = forget(self.store, &member.connection, self.clock).await?;
        self.store.delete_member(channel, &member.connection, &member.subscription).await?;
        Ok(ended)
    }
}

/// The frames for a member: what it has missed in order, then the news, as few as may be, each
/// with the offsets that it holds. `None` when something of it is not kept any more.
fn frames(member: &Member, delivery: &Delivery<'_>, backlog: &Backlog) -> Option<Vec<(Vec<u64>, Bytes)>> {
    let Delivery { news, place, .. } = *delivery;
    let mut missed = missed_before(member, place).peekable();
    if let (None, [only]) = (missed.peek(), news) {
        return Some(vec![(only.offset.into_iter().collect(), only.line.clone())]);
    }
    if member.missing.len() > MAX_MISSING {
        return None;
    }
    let missed = missed.map(|offset| Some((Some(offset), backlog.get(&offset)?.as_bytes())));
    let mut frames = Vec::new();
    let (mut offsets, mut text) = (Vec::new(), Vec::new());
    let news = news.iter().map(|news| Some((news.offset, news.line.as_ref())));
    for line in missed.chain(news) {
        let (offset, line) = line?;
        if !text.is_empty() && text.len() + 1 + line.len() > MAX_FRAME {
            frames.push((std::mem::take(&mut offsets), std::mem::take(&mut text).into()));
        }
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(line);
        offsets.extend(offset);
    }
    frames.push((offsets, text.into()));
    Some(frames)
}

/// What a member has missed of what stands before the place. The rest comes with a later publication.
fn missed_before(member: &Member, place: Option<&Place>) -> impl Iterator<Item = u64> {
    let end = place.map_or(0, |place| place.offset);
    member.missing.iter().copied().take_while(move |offset| *offset < end)
}

fn note(record: &mut CallbackRecord, sent: &Sent) {
    record.count += sent.posts;
    record.latency = record.latency.max(sent.took);
    record.redelivered += count(sent.redelivered);
    match &sent.outcome {
        Outcome::Post(Post::Posted) | Outcome::Waits => {}
        Outcome::Post(Post::Gone) => record.gone += 1,
        Outcome::Post(Post::Throttled) => record.throttled += 1,
        Outcome::Post(Post::Failed(_)) => record.failed += 1,
        Outcome::TooFarBehind => record.ended += 1,
    }
}

/// The time that one post may take when all has to end by `deadline`.
pub(super) fn post_within(deadline: Instant) -> Duration {
    POST_WITHIN.min(deadline.saturating_duration_since(Instant::now()))
}

pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
