//! A channel's history: publishers append to it, `history` reads it.

use serde_json::value::RawValue;

use crate::auth::caps::Capability;
use crate::channel::{Channel, Retention};
use crate::clock::Clock;
use crate::model::Connection;
use crate::model::history::{
    Due, Entry, Head, Kept, SETTLED_AFTER_MS, Step, Stretch, Verdict, due, examine, head_ttl,
};
use crate::ports::{AdvanceHead, PutEntry, ReadHead, ReadHistory, StoreError};
use crate::protocol::ErrorCode;
use crate::protocol::codec::encode_publication;
use crate::protocol::command::{History, Position};
use crate::protocol::reply::{ClientInfo, HistoryResult, Place, Publication};

use super::subscribe::channel;
use super::{Failure, Settings};

/// Offsets that one publication may take: a reader closes the place of a publisher that takes
/// its time.
const APPEND_ATTEMPTS: u32 = 3;

/// How often a reader looks again after it has closed holes.
const CLOSING_ATTEMPTS: u32 = 3;

/// Holes that one look closes: each is a write.
const CLOSED_AT_ONCE: usize = 16;

/// Offsets that are delivered in order at once. Whose channel is further behind recovers.
const MOST_DUE: u64 = 100;

/// Bytes of publications in one reply to `history`, of which there is one at least.
const MAX_REPLY: usize = 96 * 1024;

/// What is delivered at once in an ordered channel.
#[derive(Debug)]
pub struct Batch {
    /// Behind this offset.
    pub after: u64,
    /// Up to this one.
    pub to: u64,
    /// The publications and closed places between.
    pub entries: Vec<Entry>,
    /// Something before them was not delivered, and cannot be any more.
    pub behind: bool,
}

/// The history of one channel, as one command deals with it.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// Whose.
    pub channel: &'a Channel,
    /// What is kept.
    pub retention: Retention,
    /// API Gateway's id of the frame's message: no two have the same.
    pub message: &'a str,
    /// The hour.
    pub clock: &'a dyn Clock,
}

impl Track<'_> {
    /// Puts a publication into the history and gives its place.
    ///
    /// # Errors
    /// [`StoreError`]; the publication is then not in the history, or a write whose answer was
    /// lost has put it there.
    pub async fn append(
        &self,
        store: &(impl AdvanceHead + PutEntry),
        kept: Kept,
    ) -> Result<Place, StoreError> {
        let mut entry = Entry { offset: 0, at: 0, kept: Some(kept) };
        for _ in 0..APPEND_ATTEMPTS {
            let head = self.advance(store, 1).await?;
            // After the head: whoever got a smaller offset got it before this hour.
            (entry.offset, entry.at) = (head.offset, self.clock.now_ms());
            let ttl = entry.ttl(self.retention);
            if store.put_entry(self.channel, &head.epoch, &entry, ttl).await? {
                return Ok(Place { epoch: head.epoch, offset: entry.offset });
            }
        }
        Err(StoreError::Failed(format!("readers have closed {APPEND_ATTEMPTS} offsets of one publication")))
    }

    /// Takes the next place for a publication that is to be put there by [`Self::fill`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reserve(&self, store: &impl AdvanceHead) -> Result<Place, StoreError> {
        let head = self.advance(store, 1).await?;
        Ok(Place { epoch: head.epoch, offset: head.offset })
    }

    /// Puts a publication at a place, or closes the place without one. Gives whether it is so:
    /// the other may have been done before, and then stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fill(
        &self,
        store: &impl PutEntry,
        place: &Place,
        kept: Option<Kept>,
    ) -> Result<bool, StoreError> {
        let entry = Entry { offset: place.offset, at: self.clock.now_ms(), kept };
        store.put_entry(self.channel, &place.epoch, &entry, entry.ttl(self.retention)).await
    }

    /// The head, which begins if there is none: a client needs an epoch to come back with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn head(&self, store: &(impl AdvanceHead + ReadHead)) -> Result<Head, StoreError> {
        match store.head(self.channel).await? {
            Some(head) => Ok(head),
            None => self.advance(store, 0).await,
        }
    }

    /// What was published after an offset, and up to which one that is known: a publisher may be
    /// on its way to the next. `None` when something may be missing, or it is more than a
    /// megabyte.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn since(
        &self,
        store: &(impl PutEntry + ReadHistory),
        head: &Head,
        position: &Position,
    ) -> Result<Option<(Vec<Entry>, u64)>, StoreError> {
        let after = position.offset;
        if position.epoch != head.epoch || after > head.offset || after < self.oldest(head) {
            return Ok(None);
        }
        if after == head.offset {
            return Ok(Some((Vec::new(), after)));
        }
        for _ in 0..CLOSING_ATTEMPTS {
            let offsets = after.max(1)..=head.offset;
            let page = store.entries(self.channel, &head.epoch, offsets, false).await?;
            if page.more {
                return Ok(None);
            }
            let mut entries = page.entries;
            match self.examine(&entries, after, head) {
                Verdict::Whole(to) => {
                    entries.retain(|entry| entry.offset > after && entry.offset <= to);
                    return Ok(Some((entries, to)));
                }
                Verdict::Lost => return Ok(None),
                Verdict::Abandoned(holes) => self.close(store, &head.epoch, &holes).await?,
            }
        }
        Ok(None)
    }

    /// What is to be delivered next, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(&self, store: &(impl PutEntry + ReadHistory), head: &Head) -> Result<Batch, StoreError> {
        let delivered = head.delivered.unwrap_or(0);
        let mut start = delivered.max(head.offset.saturating_sub(MOST_DUE));
        let is_behind = head.delivered.is_some() && start > delivered;
        let nothing = |at| Batch { behind: is_behind, after: at, to: at, entries: Vec::new() };
        if start == head.offset {
            return Ok(nothing(start));
        }
        for _ in 0..CLOSING_ATTEMPTS {
            let page = store.entries(self.channel, &head.epoch, start.max(1)..=head.offset, false).await?;
            // What comes with the next page is not missing.
            let seen = page.entries.last().filter(|_| page.more);
            let end = seen.map(|last| Head { offset: last.offset, moved_at: last.at, ..head.clone() });
            let (retention, now_ms) = (self.retention, self.clock.now_ms());
            let (entries, head) = (&page.entries, end.as_ref().unwrap_or(head));
            if head.delivered.is_none() {
                // The namespace was not ordered before: what is older was posted by its publishers.
                let old = |entry: &&Entry| now_ms.saturating_sub(entry.at) >= SETTLED_AFTER_MS;
                start = start.max(entries.iter().rfind(old).map_or(0, |entry| entry.offset));
            }
            match due(&Stretch { entries, after: start, head, retention, now_ms }) {
                Due::Ready { after, to } => {
                    let mut entries = page.entries;
                    entries.retain(|entry| entry.offset > after && entry.offset <= to);
                    return Ok(Batch { behind: is_behind || after > start, after, to, entries });
                }
                Due::Abandoned(holes) => self.close(store, &head.epoch, &holes).await?,
            }
        }
        Ok(nothing(start))
    }

    /// The last offset before those that are kept.
    const fn oldest(&self, head: &Head) -> u64 {
        let before_size = head.offset.saturating_sub(self.retention.size);
        if head.removed > before_size { head.removed } else { before_size }
    }

    async fn advance(&self, store: &impl AdvanceHead, by: u64) -> Result<Head, StoreError> {
        let now_s = self.clock.now_s();
        let new_epoch = epoch(now_s, self.message);
        let ttl = head_ttl(self.retention, now_s);
        let step = Step { by, new_epoch: &new_epoch, now_ms: self.clock.now_ms(), ttl };
        store.advance(self.channel, &step).await
    }

    fn examine(&self, entries: &[Entry], after: u64, head: &Head) -> Verdict {
        let (retention, now_ms) = (self.retention, self.clock.now_ms());
        examine(&Stretch { entries, after, head, retention, now_ms })
    }

    /// Closes places that were given out and never filled: their publishers, if they live, have
    /// to take another.
    async fn close(&self, store: &impl PutEntry, epoch: &str, holes: &[Entry]) -> Result<(), StoreError> {
        for hole in holes.iter().take(CLOSED_AT_ONCE) {
            store.put_entry(self.channel, epoch, hole, hole.ttl(self.retention)).await?;
        }
        Ok(())
    }

    /// The oldest or, in reverse, the newest of what is kept, and up to which offset that is known.
    async fn end_of_history(
        &self,
        store: &(impl PutEntry + ReadHistory),
        head: &Head,
        command: &History,
    ) -> Result<(Vec<Entry>, u64), StoreError> {
        let last = match &command.since {
            Some(since) if command.reverse => head.offset.min(since.offset.saturating_sub(1)),
            _ => head.offset,
        };
        let (mut entries, mut known) = (Vec::new(), head.offset);
        for _ in 0..CLOSING_ATTEMPTS {
            let offsets = self.oldest(head) + 1..=last;
            let page = store.entries(self.channel, &head.epoch, offsets, command.reverse).await?;
            let now_ms = self.clock.now_ms();
            let is_old = |entry: &Entry| !entry.is_live(self.retention, now_ms);
            (entries, known) = (page.entries, head.offset);
            if command.reverse {
                entries.retain(|entry| !is_old(entry));
                break;
            }
            let first = entries.iter().position(|entry| !is_old(entry)).unwrap_or(entries.len());
            drop(entries.drain(..first));
            let Some(first) = entries.first() else { break };
            // What comes with the next page is not missing.
            let seen = entries.last().filter(|_| page.more);
            let end = seen.map(|last| Head { offset: last.offset, moved_at: last.at, ..head.clone() });
            let (to, holes) = match self.examine(&entries, first.offset, end.as_ref().unwrap_or(head)) {
                Verdict::Whole(to) => (to, Vec::new()),
                Verdict::Lost => break,
                Verdict::Abandoned(holes) => (holes.first().map_or(0, |hole| hole.offset - 1), holes),
            };
            // Whoever goes on from here must not miss what a publisher is about to put before the rest.
            entries.retain(|entry| entry.offset <= to);
            known = if page.more && holes.is_empty() { head.offset } else { to };
            if holes.is_empty() {
                break;
            }
            self.close(store, &head.epoch, &holes).await?;
        }
        Ok((entries, known))
    }
}

/// `history`: what is kept of a channel.
///
/// # Errors
/// What the client is told; [`ErrorCode::UnrecoverablePosition`] when what follows the place that
/// it names is not all there any more.
pub async fn history(
    store: &(impl AdvanceHead + ReadHead + PutEntry + ReadHistory),
    settings: &Settings,
    connection: &Connection,
    command: &History,
    (message, clock): (&str, &dyn Clock),
) -> Result<HistoryResult, Failure> {
    let (channel, namespace) = channel(&command.channel, settings)?;
    let retention = namespace.retention().ok_or_else(no_history)?;
    let subscribed = connection.subscriptions.contains_key(&channel);
    let allowed = subscribed && namespace.allow_history_for_subscriber;
    if !(allowed || connection.caps.allow(&channel, Capability::History)) {
        return Err(Failure::command(ErrorCode::PermissionDenied, "the namespace does not allow history"));
    }
    look(store, &Track { channel: &channel, retention, message, clock }, command).await
}

/// What is kept of a channel, for whoever may see it.
///
/// # Errors
/// As [`history`].
pub(super) async fn look(
    store: &(impl AdvanceHead + ReadHead + PutEntry + ReadHistory),
    track: &Track<'_>,
    command: &History,
) -> Result<HistoryResult, Failure> {
    let head = track.head(store).await?;
    if command.since.as_ref().is_some_and(|since| since.epoch != head.epoch) {
        return Err(unrecoverable());
    }
    let (entries, offset) = match &command.since {
        _ if command.limit == 0 => (Vec::new(), head.offset),
        Some(since) if !command.reverse => {
            track.since(store, &head, since).await?.ok_or_else(unrecoverable)?
        }
        _ => track.end_of_history(store, &head, command).await?,
    };
    let limit = usize::try_from(command.limit).unwrap_or(usize::MAX);
    let mut bytes = 0;
    let publications = entries.iter().filter_map(publication).take(limit).take_while(|publication| {
        let first = bytes == 0;
        bytes += publication.get().len();
        first || bytes <= MAX_REPLY
    });
    let publications = publications.collect();
    Ok(HistoryResult { publications, position: Place { epoch: head.epoch, offset } })
}

/// An entry as clients get it; nothing for a closed place.
#[must_use]
pub fn publication<'a>(entry: &'a Entry) -> Option<Box<RawValue>> {
    let kept = entry.kept.as_ref()?;
    // What is in the row was JSON when it was published.
    let json = |text: &'a str| serde_json::from_str(text).ok();
    let info = kept.client.as_ref().map(|client| ClientInfo {
        user: kept.user.as_ref().map_or("", |user| user.as_str()),
        client: client.as_str(),
        conn_info: kept.info.as_deref().and_then(json),
    });
    let (data, tags) = (json(&kept.data)?, kept.tags.as_deref().and_then(json));
    Some(encode_publication(&Publication { offset: Some(entry.offset), data, info, tags }))
}

/// An epoch that no other sequence has: message ids are unique, and so is a second in the life of
/// a gateway that begins them again.
fn epoch(now_s: i64, message: &str) -> String {
    format!("{now_s:x}.{}", message.trim_end_matches('='))
}

/// The failure of a namespace that keeps nothing.
pub(super) fn no_history() -> Failure {
    Failure::command(ErrorCode::NotAvailable, "the namespace has no history")
}

fn unrecoverable() -> Failure {
    Failure::command(ErrorCode::UnrecoverablePosition, "what follows the position is not all kept")
}
