//! Rule B: forgets a connection, whoever noticed that it is gone, and tells those who want to know
//! that it has left.

use std::collections::VecDeque;

use futures_util::future::try_join3;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::channel::Channel;
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::connection::tombstone_ttl;
use crate::model::{Connection, State};
use crate::ports::{CloseConnection, DeleteIndex, StoreError};
use crate::protocol::codec::encode_push;
use crate::protocol::{Push, reply};
use crate::telemetry::event::CallbackRecord;

use super::deliver::{Delivery, DeliveryCallbacks, DeliveryStore, Fanout, News};
use super::members::members;

/// Deletes at a time: enough to hide latency, not enough to look like a flood.
const CONCURRENT_DELETES: usize = 16;

/// Makes the connection's row a tombstone, then deletes what it lists. Gives the connection
/// when it was open until now, so that exactly one caller counts its end and tells of it.
///
/// A tombstone is worked through again: a crash between the two steps is mended by whoever
/// comes next.
///
/// # Errors
/// The first [`StoreError`]; what was not deleted expires by itself.
pub async fn forget(
    store: &(impl CloseConnection + DeleteIndex + Sync),
    id: &ConnectionId,
    clock: &dyn Clock,
) -> Result<Option<Connection>, StoreError> {
    let Some(before) = store.close(id, tombstone_ttl(clock.now_s())).await? else { return Ok(None) };
    let device = async {
        match &before.user {
            Some(user) => store.delete_device(user, id).await,
            None => Ok(()),
        }
    };
    let opened = async {
        // A tombstone that came before its connection does not know the time.
        if before.connected_at > 0 { store.delete_opened(id, before.connected_at).await } else { Ok(()) }
    };
    let members = stream::iter(&before.subscriptions)
        .map(|(channel, subscription)| store.delete_member(channel, id, &subscription.id))
        .buffer_unordered(CONCURRENT_DELETES)
        .try_collect::<()>();
    try_join3(device, opened, members).await?;
    Ok((before.state == State::Open).then_some(before))
}

impl<S: DeliveryStore, C: DeliveryCallbacks> Fanout<'_, S, C> {
    /// Forgets a connection and tells of it. Gives what [`forget`] does, and the posts.
    ///
    /// # Errors
    /// As [`forget`].
    pub async fn part(&self, id: &ConnectionId) -> Result<(Option<Connection>, CallbackRecord), StoreError> {
        let ended = forget(self.store, id, self.clock).await?;
        let record = self.tell_of_ends(ended.iter().cloned().collect()).await;
        Ok((ended, record))
    }

    /// Tells that connections have ended. A post that finds another one gone adds it to them.
    pub(super) async fn tell_of_ends(&self, mut ended: VecDeque<Connection>) -> CallbackRecord {
        let mut record = CallbackRecord::default();
        while let Some(connection) = ended.pop_front() {
            for channel in connection.subscriptions.keys() {
                let (told, gone) = self.announce(channel, &connection, Change::Leave).await;
                record.add(&told);
                ended.extend(gone);
            }
        }
        record
    }

    /// Tells those who listen to a channel's joins and leaves, but not the client itself, which
    /// knows. Gives whoever was found gone.
    pub(super) async fn announce(
        &self,
        channel: &Channel,
        connection: &Connection,
        change: Change,
    ) -> (CallbackRecord, Vec<Connection>) {
        let nobody = (CallbackRecord::default(), Vec::new());
        if !self.namespaces.of(channel).is_some_and(|namespace| namespace.join_leave) {
            return nobody;
        }
        let mut members = match members(self.store, channel, self.clock.now_s()).await {
            Ok(members) => members,
            Err(error) => {
                tracing::warn!(%error, "who listens to joins and leaves could not be read");
                return nobody;
            }
        };
        members.retain(|member| member.hears_joins && member.connection != connection.id);
        let change = change.of(reply::ClientInfo::of(connection));
        let line = encode_push(&Push::Presence { channel: channel.as_str(), change }).into();
        let news = &[News { offset: None, line }];
        self.post_all(&Delivery { channel, news, members: &members, place: None }).await
    }
}

/// What happens to a channel's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// One more.
    Join,
    /// One less.
    Leave,
}

impl Change {
    const fn of(self, info: reply::ClientInfo<'_>) -> reply::Change<'_> {
        let whom = reply::Whom { info };
        match self {
            Self::Join => reply::Change::Join(whom),
            Self::Leave => reply::Change::Leave(whom),
        }
    }
}
