//! The sweeper: every minute it goes through the list of open connections. Those whose time is over
//! and whose end nobody has told are forgotten, by rule B, and the members of their channels are
//! told; the others are counted, sent something before they are idle for too long, and told to make
//! way before their two hours are over.
//!
//! What is not done when time is up: a connection whose time is over stays in the list, and the next
//! minute goes on with it. It has ten minutes before DynamoDB may delete its rows, and whatever it is
//! the member of has expired by then.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::ids::ConnectionId;
use crate::model::opened::{Bucket, Due, Opened};
use crate::ports::{ListOpened, MAX_BATCH, Post, ReadChannels, StoreError};
use crate::protocol::codec::encode_push;
use crate::protocol::{DisconnectCode, Push};
use crate::telemetry::SweepRecord;
use crate::telemetry::event::CallbackRecord;

use super::deliver::{CONCURRENT_POSTS, DeliveryCallbacks, DeliveryStore, Fanout, count};
use super::outbox::NOTHING;

/// Reads at a time.
const CONCURRENT_READS: usize = 32;

/// Connections that are forgotten at a time.
const CONCURRENT_CLOSES: usize = 16;

/// Channels are counted each so many minutes: it reads the row of every connection.
const CHANNELS_COUNTED_EACH: i64 = 15;

/// What a sweep asks of the table.
pub trait SweepStore: DeliveryStore + ListOpened + ReadChannels {}
impl<T: DeliveryStore + ListOpened + ReadChannels> SweepStore for T {}

/// What a sweep does beside closing and counting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepSettings {
    /// Connections are sent something before they are idle for ten minutes.
    pub keep_alive: bool,
    /// Connections are told to make way before their two hours are over.
    pub renew: bool,
}

/// One sweep, for the minute of `now_ms` (milliseconds since the epoch), which is the schedule's.
///
/// # Errors
/// [`StoreError`] when the list cannot be read. Whatever else fails is logged, and done by the next
/// minute if it still has to be.
pub async fn sweep<S: SweepStore, C: DeliveryCallbacks>(
    fanout: &Fanout<'_, S, C>,
    settings: SweepSettings,
    now_ms: i64,
    record: &mut SweepRecord,
) -> Result<(), StoreError> {
    let (listed, whole) = listed(fanout, now_ms).await?;
    record.cut_off = u64::from(!whole);
    let (over, open): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|opened| opened.due(now_ms) == Some(Due::Close));
    let sweep = &Sweep { fanout, settings, now_ms };
    let mut callbacks = CallbackRecord::default();
    sweep.close(over, record, &mut callbacks).await;
    let gone = sweep.post(&open, record, &mut callbacks).await;
    record.active_connections = whole.then(|| count(open.len()).saturating_sub(gone));
    if whole && now_ms.div_euclid(60_000) % CHANNELS_COUNTED_EACH == 0 {
        record.active_channels = sweep.channels(&open).await?;
    }
    record.callbacks = (callbacks.count > 0).then_some(callbacks);
    Ok(())
}

/// The connections that the list holds, and whether there was the time to read all of it.
async fn listed<S: SweepStore, C: DeliveryCallbacks>(
    fanout: &Fanout<'_, S, C>,
    now_ms: i64,
) -> Result<(Vec<Opened>, bool), StoreError> {
    let mut buckets =
        stream::iter(Bucket::all(now_ms)).map(|bucket| bucket_of(fanout, bucket)).buffered(CONCURRENT_READS);
    let (mut listed, mut whole) = (Vec::new(), true);
    while let Some(bucket) = buckets.next().await {
        let (mut connections, all) = bucket?;
        listed.append(&mut connections);
        whole &= all;
    }
    Ok((listed, whole))
}

async fn bucket_of<S: SweepStore, C: DeliveryCallbacks>(
    fanout: &Fanout<'_, S, C>,
    bucket: Bucket,
) -> Result<(Vec<Opened>, bool), StoreError> {
    let mut connections = Vec::new();
    let mut after: Option<String> = None;
    while Instant::now() < fanout.deadline {
        let mut page = fanout.store.opened(bucket, after.as_deref()).await?;
        connections.append(&mut page.connections);
        after = page.next;
        if after.is_none() {
            return Ok((connections, true));
        }
    }
    Ok((connections, false))
}

/// What one sweep is given.
#[derive(Debug)]
struct Sweep<'a, S, C> {
    fanout: &'a Fanout<'a, S, C>,
    settings: SweepSettings,
    now_ms: i64,
}

impl<S: SweepStore, C: DeliveryCallbacks> Sweep<'_, S, C> {
    /// Forgets connections whose time is over.
    async fn close(&self, over: Vec<Opened>, record: &mut SweepRecord, callbacks: &mut CallbackRecord) {
        let mut closed = stream::iter(over)
            .map(|opened| async move {
                // What is left is still listed in the next minute.
                if Instant::now() >= self.fanout.deadline { None } else { Some(self.forget(&opened).await) }
            })
            .buffer_unordered(CONCURRENT_CLOSES);
        while let Some(closed) = closed.next().await {
            match closed {
                Some(Ok((was_open, told))) => {
                    record.expired_connections += u64::from(was_open);
                    record.leaked_rows += u64::from(!was_open);
                    callbacks.add(&told);
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection that is over could not be forgotten")
                }
                None => record.cut_off = 1,
            }
        }
    }

    /// Forgets one that is gone, and tells of it. Gives whether it was open until now.
    async fn forget(&self, opened: &Opened) -> Result<(bool, CallbackRecord), StoreError> {
        let (ended, told) = self.fanout.part(&opened.id).await?;
        if ended.is_none() {
            // The connection's own row may not be there any more to say that it was listed.
            self.fanout.store.delete_opened(&opened.id, opened.at).await?;
        }
        Ok((ended.is_some(), told))
    }

    /// Sends connections what is due in this minute, and gives how many are gone.
    async fn post(&self, open: &[Opened], record: &mut SweepRecord, callbacks: &mut CallbackRecord) -> u64 {
        let SweepSettings { keep_alive, renew } = self.settings;
        // The protocol's own ping, `{}`, is answered by some client libraries though they are told not
        // to, and each answer would be a message and an invocation.
        let nothing = Bytes::from_static(NOTHING.as_bytes());
        let goodbye =
            Bytes::from(encode_push(&Push::Disconnect { disconnect: DisconnectCode::RENEWED.into() }));
        let due = open.iter().filter_map(|opened| {
            let due = opened.due(self.now_ms)?;
            let frame = match due {
                Due::Renew if renew => goodbye.clone(),
                Due::Renew | Due::KeepAlive if keep_alive => nothing.clone(),
                Due::Close | Due::Renew | Due::KeepAlive => return None,
            };
            Some((opened, due == Due::Renew && renew, frame))
        });
        let mut posts = stream::iter(due)
            .map(|(opened, renews, frame)| async move {
                let began = Instant::now();
                let outcome = self.fanout.post(&opened.id, frame).await;
                (opened, renews, outcome, began.elapsed())
            })
            .buffer_unordered(CONCURRENT_POSTS);
        let mut gone = Vec::new();
        while let Some((opened, renews, outcome, took)) = posts.next().await {
            callbacks.count += 1;
            callbacks.latency = callbacks.latency.max(took);
            match outcome {
                Post::Posted if renews => record.renewals += 1,
                Post::Posted => record.keepalives += 1,
                Post::Gone => gone.push(opened),
                Post::Throttled => callbacks.throttled += 1,
                Post::Failed(cause) => {
                    callbacks.failed += 1;
                    let recipient = &opened.id;
                    tracing::warn!(%recipient, %cause, "a connection could not be kept alive");
                }
            }
        }
        drop(posts);
        if Instant::now() >= self.fanout.deadline {
            record.cut_off = 1;
        }
        let were_gone = count(gone.len());
        callbacks.gone += were_gone;
        let mut told =
            stream::iter(gone).map(|opened| self.forget(opened)).buffer_unordered(CONCURRENT_CLOSES);
        while let Some(told) = told.next().await {
            match told {
                Ok((_, told)) => callbacks.add(&told),
                Err(error) => tracing::warn!(%error, "a connection that is gone could not be forgotten"),
            }
        }
        were_gone
    }

    /// How many channels the connections are subscribed to, if there is the time to read that.
    async fn channels(&self, open: &[Opened]) -> Result<Option<u64>, StoreError> {
        let ids: Vec<ConnectionId> = open.iter().map(|opened| opened.id.clone()).collect();
        let mut read = stream::iter(ids.chunks(MAX_BATCH))
            .map(|ids| async move {
                if Instant::now() >= self.fanout.deadline {
                    return Ok(None);
                }
                self.fanout.store.channels(ids).await.map(Some)
            })
            .buffer_unordered(CONCURRENT_READS);
        let mut channels = BTreeSet::new();
        while let Some(some) = read.next().await {
            let Some(mut some) = some? else { return Ok(None) };
            channels.append(&mut some);
        }
        Ok(Some(count(channels.len())))
    }
}
