//! The members of a channel, over all of its shards.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::channel::Channel;
use crate::ids::ConnectionId;
use crate::model::Member;
use crate::model::spread::{self, Spread};
use crate::ports::{ListMembers, ReadSpread, SpreadMembers, StoreError};

/// Shards that are read at once: as many as a channel may have.
const CONCURRENT_READS: usize = 64;

/// The members that have not expired at `now_s`, each connection once. A channel that has become
/// too large for its shards gets more.
///
/// # Errors
/// [`StoreError`].
pub async fn members(
    store: &(impl ListMembers + SpreadMembers + Sync),
    channel: &Channel,
    now_s: i64,
) -> Result<Vec<Member>, StoreError> {
    let (members, shards) = seen(store, channel, now_s).await?;
    if let Some(more) = spread::wider(shards, members.len())
        && let Err(error) = store.spread(channel, Spread::new(more, now_s)).await
    {
        // The next one who reads them tries again.
        tracing::warn!(%error, "a channel could not be spread over more shards");
    }
    Ok(members)
}

/// The members as [`members`] gives them, and over how many shards they are spread. Changes nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn seen(
    store: &(impl ListMembers + Sync),
    channel: &Channel,
    now_s: i64,
) -> Result<(Vec<Member>, u16), StoreError> {
    let first = store.members(channel, 0, now_s, None).await?;
    let shards = first.shards.max(1);
    let mut members = first.members;
    members.extend(rest(store, channel, 0, now_s, first.next).await?);
    let others: Vec<Vec<Member>> = stream::iter(1..shards)
        .map(|shard| rest(store, channel, shard, now_s, Some(String::new())))
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    members.extend(others.into_iter().flatten());
    // A crash may have left a connection two rows: side by side in one shard, or in two of them if
    // the channel has grown between.
    if shards > 1 {
        members.sort_by(|one, other| one.connection.cmp(&other.connection));
    }
    members.dedup_by(|one, other| one.connection == other.connection);
    Ok((members, shards))
}

/// The members of a shard behind a place, which is empty for all of them.
async fn rest(
    store: &impl ListMembers,
    channel: &Channel,
    shard: u16,
    now_s: i64,
    mut next: Option<String>,
) -> Result<Vec<Member>, StoreError> {
    let mut members = Vec::new();
    while let Some(after) = next {
        let after = Some(after.as_str()).filter(|after| !after.is_empty());
        let page = store.members(channel, shard, now_s, after).await?;
        members.extend(page.members);
        next = page.next;
    }
    Ok(members)
}

/// The shard for a new member of a channel.
///
/// # Errors
/// [`StoreError`].
pub async fn shard(
    store: &(impl ReadSpread + SpreadMembers),
    channel: &Channel,
    connection: &ConnectionId,
    now_s: i64,
) -> Result<u16, StoreError> {
    let Some(spread) = store.read_spread(channel).await? else { return Ok(0) };
    if let Some(longer) = spread.prolonged(now_s) {
        store.spread(channel, longer).await?;
    }
    Ok(spread::shard(connection, spread.shards))
}
