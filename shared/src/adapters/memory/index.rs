//! The rows that find connections by channel or by user.

use std::collections::BTreeSet;

use super::Memory;
use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::keys::Key;
use crate::model::opened::{Bucket, Opened};
use crate::model::spread::Spread;
use crate::model::{Connection, Member, State, Subscription, keys};
use crate::ports::{
    CountDevices, DeleteIndex, ExtendIndex, ListMembers, ListOpened, MemberPage, NoteMissing, OpenedPage,
    PutIndex, ReadChannels, ReadSpread, SpreadMembers, StoreError, WelcomeMember,
};

impl PutIndex for Memory {
    async fn put_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
        waits_until: Option<i64>,
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &connection.id, &subscription.id);
        self.table(|state| {
            if let Some(until) = waits_until {
                state.waiting.insert(key.clone(), until);
            }
            if subscription.hears_joins {
                state.hearing.insert(key.clone());
            }
            state.index.insert(key, connection.member_expires_at(subscription));
        })
        .await
    }

    async fn put_device(&self, user: &UserId, connection: &Connection) -> Result<(), StoreError> {
        let key = keys::device(user, &connection.id);
        self.table(|state| state.index.insert(key, connection.expires_at())).await.map(|_| ())
    }

    async fn put_opened(&self, connection: &Connection) -> Result<(), StoreError> {
        let key = keys::opened(&connection.id, connection.connected_at);
        self.table(|state| state.opened.insert(key, connection.connected_at)).await.map(|_| ())
    }
}

impl ExtendIndex for Memory {
    async fn extend_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &connection.id, &subscription.id);
        self.table(|state| state.extend(&key, connection.member_expires_at(subscription))).await
    }

    async fn extend_device(&self, user: &UserId, connection: &Connection) -> Result<(), StoreError> {
        let key = keys::device(user, &connection.id);
        self.table(|state| state.extend(&key, connection.expires_at())).await
    }
}

impl DeleteIndex for Memory {
    async fn delete_member(
        &self,
        channel: &Channel,
        connection: &ConnectionId,
        subscription: &SubscriptionId,
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, connection, subscription);
        self.table(|state| {
            state.index.remove(&key);
            state.missing.remove(&key);
            state.hearing.remove(&key);
            state.waiting.remove(&key);
        })
        .await
    }

    async fn delete_device(&self, user: &UserId, connection: &ConnectionId) -> Result<(), StoreError> {
        let key = keys::device(user, connection);
        self.table(|state| state.index.remove(&key)).await.map(|_| ())
    }

    async fn delete_opened(&self, connection: &ConnectionId, connected_at: i64) -> Result<(), StoreError> {
        let key = keys::opened(connection, connected_at);
        self.table(|state| state.opened.remove(&key)).await.map(|_| ())
    }
}

impl CountDevices for Memory {
    async fn devices(&self, user: &UserId, now_s: i64) -> Result<usize, StoreError> {
        let partition = keys::devices(user);
        let is_own = |(key, x): &(&Key, &i64)| key.partition == partition && **x > now_s;
        self.table(|state| state.index.iter().filter(is_own).count()).await
    }
}

impl NoteMissing for Memory {
    async fn add_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &member.connection, &member.subscription);
        self.table(|state| {
            if state.index.contains_key(&key) {
                state.missing.entry(key).or_default().extend(offsets);
            }
        })
        .await
    }

    async fn clear_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &member.connection, &member.subscription);
        self.table(|state| {
            if let Some(missing) = state.missing.get_mut(&key) {
                missing.retain(|offset| !offsets.contains(offset));
            }
        })
        .await
    }
}

impl WelcomeMember for Memory {
    async fn welcome(&self, channel: &Channel, member: &Member) -> Result<BTreeSet<u64>, StoreError> {
        let key = keys::member(channel, &member.connection, &member.subscription);
        self.table(|state| {
            state.waiting.remove(&key);
            state.missing.get(&key).cloned().unwrap_or_default()
        })
        .await
    }
}

impl ListMembers for Memory {
    async fn members(
        &self,
        channel: &Channel,
        shard: u16,
        now_s: i64,
        after: Option<&str>,
    ) -> Result<MemberPage, StoreError> {
        let partition = keys::members(channel, shard);
        self.table(|state| {
            let live = state.index.iter().filter(|(key, x)| key.partition == partition && **x > now_s);
            let live = live.filter(|(key, _)| after.is_none_or(|after| key.sort.as_str() > after));
            let members = live.filter_map(|(key, _)| state.member(key)).collect();
            let is_first = shard == 0 && after.is_none();
            let shards = state.spreads.get(channel).map_or(1, |spread| spread.shards);
            MemberPage { members, shards: if is_first { shards } else { 0 }, next: None }
        })
        .await
    }
}

impl ReadSpread for Memory {
    async fn read_spread(&self, channel: &Channel) -> Result<Option<Spread>, StoreError> {
        self.table(|state| state.spreads.get(channel).copied()).await
    }
}

impl SpreadMembers for Memory {
    async fn spread(&self, channel: &Channel, spread: Spread) -> Result<(), StoreError> {
        self.table(|state| {
            let there = state.spreads.entry(channel.clone()).or_insert(spread);
            if there.shards <= spread.shards {
                *there = spread;
            }
        })
        .await
    }
}

impl ListOpened for Memory {
    async fn opened(&self, bucket: Bucket, after: Option<&str>) -> Result<OpenedPage, StoreError> {
        let partition = keys::bucket(bucket);
        self.table(|state| {
            let rows = state.opened.iter().filter(|(key, _)| key.partition == partition);
            let rows = rows.filter(|(key, _)| after.is_none_or(|after| key.sort.as_str() > after));
            let opened = |(key, at): (&Key, &i64)| Opened { id: key.sort.as_str().into(), at: *at };
            OpenedPage { connections: rows.map(opened).collect(), next: None }
        })
        .await
    }
}

impl ReadChannels for Memory {
    async fn channels(&self, ids: &[ConnectionId]) -> Result<BTreeSet<Channel>, StoreError> {
        self.table(|state| {
            let rows = ids.iter().filter_map(|id| state.connections.get(id));
            let open = rows.filter(|row| row.state == State::Open);
            open.flat_map(|row| row.subscriptions.keys().cloned()).collect()
        })
        .await
    }
}
