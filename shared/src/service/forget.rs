//! Rule B: forgets a connection, whoever noticed that it is gone.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::connection::tombstone_ttl;
use crate::model::{Connection, State};
use crate::ports::{CloseConnection, DeleteIndex, StoreError};

/// Deletes at a time: enough to hide latency, not enough to look like a flood.
const CONCURRENT_DELETES: usize = 16;

/// Makes the connection's row a tombstone, then deletes what it lists. Gives the connection
/// when it was open until now, so that exactly one caller counts its end.
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
    if let Some(user) = &before.user {
        store.delete_device(user, id).await?;
    }
    stream::iter(&before.subscriptions)
        .map(|(channel, subscription)| store.delete_member(channel, id, subscription))
        .buffer_unordered(CONCURRENT_DELETES)
        .try_collect::<()>()
        .await?;
    Ok((before.state == State::Open).then_some(before))
}
