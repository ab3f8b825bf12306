//! Ordered channels: one at a time delivers, so that publications reach every client in the order
//! of their offsets, whoever publishes.
//!
//! A publisher writes its entry, then takes the channel by a lease in its head, posts everything
//! that stands behind what was delivered, its own and others', and gives the channel back with how
//! far it came. Who finds it taken looks again until its own was posted, or takes over: from one
//! that is done, or from one whose lease has ended. A deliverer posts nothing after the end of its
//! lease. One that crashes, or is cut off, has posted an unknown part: the next one begins where
//! the last one gave the channel back, so that clients may get that part twice, in order.
//!
//! A subscriber's member row says that it waits, until its reply and what it has missed are posted:
//! others note meanwhile what it misses. Then the row says that it is there, and what was noted is
//! delivered as in a turn of a publisher.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Member;
use crate::model::history::{Claim, Head};
use crate::ports::StoreError;
use crate::protocol::codec::encode_push;
use crate::protocol::reply::Place;
use crate::protocol::{DisconnectCode, Push};
use crate::telemetry::FrameRecord;
use crate::telemetry::event::CallbackRecord;

use super::Failure;
use super::deliver::{Delivery, Fanout, News};
use super::frame::{FrameCallbacks, FrameStore, Frames, Request, Session};
use super::history::{Track, publication};
use super::members::members;
use super::recover::Promise;

/// How long a deliverer has a channel to itself.
const LEASE_MS: i64 = 10_000;

/// So much earlier it stops: clocks differ, and a post that was given up may still arrive.
const LEASE_MARGIN_MS: i64 = 1_000;

/// How long to wait for others: longer than a lease.
const GIVE_UP_AFTER_MS: i64 = 15_000;

/// The first look at whether others are done, and the longest time between two.
const PAUSES_MS: (u64, u64) = (10, 320);

/// What somebody waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// Everything up to this offset is posted.
    Offset(u64),
    /// A turn that begins from now on is done.
    Turn,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Delivered {
    /// Whether the goal was reached in time.
    pub(super) reached: bool,
    pub(super) callbacks: CallbackRecord,
}

impl<S: FrameStore, C: FrameCallbacks> Frames<'_, S, C> {
    /// Delivers an ordered channel, or waits for others who do.
    pub(super) async fn deliver_in_order(
        &self,
        request: &Request,
        track: &Track<'_>,
        goal: Goal,
    ) -> Result<Delivered, StoreError> {
        let gives_up_at = self.clock.now_ms().saturating_add(GIVE_UP_AFTER_MS);
        let mut pause = PAUSES_MS.0;
        let mut delivered = Delivered { reached: false, callbacks: CallbackRecord::default() };
        let mut is_free = true;
        while !delivered.reached {
            if is_free && let Some(to) = self.turn(request, track, &mut delivered.callbacks).await? {
                delivered.reached = match goal {
                    Goal::Offset(own) => to >= own,
                    Goal::Turn => true,
                };
                is_free = false;
                continue;
            }
            let ends = Instant::now() + Duration::from_millis(pause);
            if self.clock.now_ms() >= gives_up_at || ends >= request.deadline {
                tracing::warn!("an ordered channel was not delivered in time");
                break;
            }
            self.clock.pause(pause).await;
            pause = (pause * 2).min(PAUSES_MS.1);
            let Some(head) = self.store.head(track.channel).await? else { break };
            is_free = head.busy_until.is_none_or(|until| until <= self.clock.now_ms());
            delivered.reached = match goal {
                Goal::Offset(own) => head.delivered.is_some_and(|to| to >= own),
                Goal::Turn => false,
            };
        }
        Ok(delivered)
    }

    /// Takes the channel, posts what is due and gives it back; gives up to where that was, or
    /// nothing when another has it.
    async fn turn(
        &self,
        request: &Request,
        track: &Track<'_>,
        callbacks: &mut CallbackRecord,
    ) -> Result<Option<u64>, StoreError> {
        let now_ms = self.clock.now_ms();
        let claim = Claim { owner: &request.message, now_ms, until_ms: now_ms.saturating_add(LEASE_MS) };
        let Some(head) = self.store.take(track.channel, &claim).await? else { return Ok(None) };
        let lease_until = Some(claim.until_ms.saturating_sub(LEASE_MARGIN_MS));
        let fanout = Fanout { lease_until, ..self.fanout(request) };
        let to = self.post_due(&fanout, track, head, callbacks).await?;
        self.store.release(track.channel, claim.owner, to).await?;
        Ok(Some(to))
    }

    /// Posts what is due, and gives up to where that was.
    async fn post_due(
        &self,
        fanout: &Fanout<'_, S, C>,
        track: &Track<'_>,
        head: Head,
        callbacks: &mut CallbackRecord,
    ) -> Result<u64, StoreError> {
        let batch = track.due(self.store, &head).await?;
        let channel = track.channel;
        // Behind the head: who subscribes later has a position at or above it.
        let mut members = members(self.store, channel, self.clock.now_s()).await?;
        if batch.behind {
            tracing::warn!("members of an ordered channel miss what is not kept, and are ended");
            callbacks.add(&fanout.end_all(channel, &members).await);
            return Ok(batch.to);
        }
        let news = batch.entries.iter().filter_map(|entry| {
            let push = Push::Kept { channel: channel.as_str(), publication: &publication(entry)? };
            Some(News { offset: Some(entry.offset), line: encode_push(&push).into() })
        });
        let news: Vec<_> = news.collect();
        let place = Place { epoch: head.epoch, offset: batch.after + 1 };
        let misses = |member: &Member| member.missing.first().is_some_and(|first| *first < place.offset);
        members.retain(|member| !news.is_empty() || misses(member) && member.waits_until.is_none());
        let delivery = Delivery { channel, news: &news, members: &members, place: Some(&place) };
        callbacks.add(&fanout.deliver(&delivery).await);
        Ok(batch.to)
    }

    /// The client has its reply, and everything up to `to`: others may post to it from now on.
    pub(super) async fn welcome(
        &self,
        session: &mut Session<'_, C>,
        promise: &Promise,
        to: u64,
        record: &mut FrameRecord,
    ) -> Result<(), Failure> {
        let Promise { channel, retention, waiting: Some(member), .. } = promise else { return Ok(()) };
        session.outbox.post().await?;
        let noted = self.store.welcome(channel, member).await?;
        let given: Vec<_> = noted.into_iter().filter(|offset| *offset <= to).collect();
        if !given.is_empty() {
            self.store.clear_missing(channel, member, &given).await?;
        }
        if self.store.head(channel).await?.is_none_or(|head| head.offset <= to) {
            return Ok(());
        }
        // Whoever has posted more meanwhile may have noted that it did not reach this client.
        let message = session.request.message.as_str();
        let track = Track { channel, retention: *retention, message, clock: self.clock };
        let delivered = self.deliver_in_order(session.request, &track, Goal::Turn).await?;
        record.callbacks.get_or_insert_default().add(&delivered.callbacks);
        if delivered.reached {
            return Ok(());
        }
        let cause = "others took too long to deliver the channel".to_owned();
        Err(Failure::Connection(DisconnectCode::INSUFFICIENT_STATE, cause))
    }
}
