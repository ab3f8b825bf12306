//! `presence`, `presence_stats`, `history` and `history_remove`.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::channel::Channel;
use crate::model::history::Head;
use crate::ports::StoreError;
use crate::protocol::command::History;
use crate::protocol::reply::{Empty, HistoryResult, PresenceResult, PresenceStatsResult};
use crate::protocol::server::Answer;
use crate::service::Failure;
use crate::service::frame::FrameCallbacks;
use crate::service::history::{Track, look, no_history};
use crate::service::members::members;
use crate::service::presence::{counted, listed, watched};
use crate::service::subscribe::channel;

use super::{AT_ONCE, Api, ApiStore};

/// Members that a server is listed: a few hundred bytes each, and Lambda answers with 6 MB at most.
const MAX_LISTED: usize = 10_000;

impl<S: ApiStore, C: FrameCallbacks> Api<'_, S, C> {
    /// Who is subscribed.
    pub(super) async fn presence(&self, name: &str) -> Result<PresenceResult, Failure> {
        let (channel, _) = watched(name, self.settings)?;
        listed(members(self.store, &channel, self.clock.now_s()).await?, MAX_LISTED)
    }

    /// How many are.
    pub(super) async fn presence_stats(&self, name: &str) -> Result<PresenceStatsResult, Failure> {
        let (channel, _) = watched(name, self.settings)?;
        Ok(counted(&members(self.store, &channel, self.clock.now_s()).await?))
    }

    /// What is kept.
    pub(super) async fn history(&self, number: usize, call: &History) -> Result<HistoryResult, Failure> {
        let (channel, namespace) = channel(&call.channel, self.settings)?;
        let retention = namespace.retention().ok_or_else(no_history)?;
        let message = &format!("{}.{number}", self.request);
        look(self.store, &Track { channel: &channel, retention, message, clock: self.clock }, call).await
    }

    /// Removes what is kept. The sequence goes on: clients that come back from below are told
    /// that they have missed something.
    pub(super) async fn history_remove(&self, name: &str) -> Result<Answer, Failure> {
        let (channel, namespace) = channel(name, self.settings)?;
        namespace.retention().ok_or_else(no_history)?;
        if let Some(head) = self.store.head(&channel).await? {
            self.store.hide(&channel, head.offset).await?;
            self.delete(&channel, &head).await?;
        }
        Ok(Answer::Done(Empty {}))
    }

    /// Deletes what nobody looks at any more, as far as the time goes: the rest expires.
    async fn delete(&self, channel: &Channel, head: &Head) -> Result<(), StoreError> {
        // Of an ordered channel, what is not delivered yet is still to be.
        let last = head.delivered.map_or(head.offset, |delivered| delivered.min(head.offset));
        let mut first = 1;
        while first <= last && Instant::now() < self.deadline {
            let page = self.store.entries(channel, &head.epoch, first..=last, false).await?;
            stream::iter(&page.entries)
                .map(|entry| self.store.delete_entry(channel, &head.epoch, entry.offset))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            match page.entries.last() {
                Some(entry) if page.more => first = entry.offset + 1,
                _ => break,
            }
        }
        Ok(())
    }
}
