//! The ports in memory: what a model check runs the service on.
//!
//! Every call gives way once before it acts, so that a test which polls several use cases by
//! turns sees every order of their calls; one that is dropped there has crashed between two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::keys::{self, Key};
use crate::model::{Connection, Member, State};
use crate::ports::{
    AddSubscription, CloseConnection, Conditional, DeleteConnection, DeleteIndex, GreetConnection,
    ListMembers, OpenConnection, Post, PostToConnection, PutIndex, ReadConnection, Refusal,
    RemoveSubscription, StoreError,
};

/// A table and the sockets of one stage, in memory. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Rows>>);

/// What is in memory.
#[derive(Debug, Default)]
struct Rows {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Member and device rows with their hour.
    index: BTreeMap<Key, i64>,
    /// Sockets that answer 410.
    gone: BTreeSet<ConnectionId>,
    /// What was posted to sockets that were there, in order.
    posted: Vec<(ConnectionId, Bytes)>,
}

impl Memory {
    /// From now on the socket answers 410.
    pub fn lose(&self, id: &ConnectionId) {
        self.rows().gone.insert(id.clone());
    }

    /// A connection's row.
    #[must_use]
    pub fn connection(&self, id: &ConnectionId) -> Option<Connection> {
        self.rows().connections.get(id).cloned()
    }

    /// The keys of all member and device rows, with their hour in seconds since the epoch.
    #[must_use]
    pub fn index(&self) -> BTreeMap<Key, i64> {
        self.rows().index.clone()
    }

    /// What was posted so far, in order.
    #[must_use]
    pub fn posted(&self) -> Vec<(ConnectionId, Bytes)> {
        self.rows().posted.clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives way, then acts on the rows in one step.
    async fn act<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> T {
        tokio::task::yield_now().await;
        act(&mut self.rows())
    }
}

impl Rows {
    /// The row when it is open.
    fn open(&mut self, id: &ConnectionId) -> Result<&mut Connection, Refusal> {
        let row = self.connections.get_mut(id).filter(|row| row.state == State::Open);
        row.ok_or(Refusal::Closed)
    }
}

impl OpenConnection for Memory {
    async fn open(&self, connection: &Connection) -> Conditional {
        self.act(|rows| {
            if rows.connections.contains_key(&connection.id) {
                return Ok(rows.open(&connection.id).and(Err(Refusal::Already)));
            }
            rows.connections.insert(connection.id.clone(), connection.clone());
            Ok(Ok(()))
        })
        .await
    }
}

impl ReadConnection for Memory {
    async fn read(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.act(|rows| Ok(rows.connections.get(id).cloned())).await
    }
}

impl GreetConnection for Memory {
    async fn greet(&self, id: &ConnectionId) -> Conditional {
        self.act(|rows| {
            Ok(rows.open(id).and_then(|row| {
                let first = !std::mem::replace(&mut row.greeted, true);
                if first { Ok(()) } else { Err(Refusal::Already) }
            }))
        })
        .await
    }
}

impl CloseConnection for Memory {
    async fn close(&self, id: &ConnectionId, _tombstone_ttl: i64) -> Result<Option<Connection>, StoreError> {
        self.act(|rows| {
            let before = rows.connections.get(id).cloned();
            let tombstone = before.clone().unwrap_or_else(|| Connection::opened(id.clone(), None, 0));
            rows.connections.insert(id.clone(), Connection { state: State::Closed, ..tombstone });
            Ok(before)
        })
        .await
    }
}

impl AddSubscription for Memory {
    async fn add(&self, id: &ConnectionId, channel: &Channel, subscription: &SubscriptionId) -> Conditional {
        self.act(|rows| {
            Ok(rows.open(id).and_then(|row| {
                if row.subscriptions.contains_key(channel) {
                    return Err(Refusal::Already);
                }
                if row.subscriptions.len() >= MAX_SUBSCRIPTIONS {
                    return Err(Refusal::Full);
                }
                row.subscriptions.insert(channel.clone(), subscription.clone());
                Ok(())
            }))
        })
        .await
    }
}

impl RemoveSubscription for Memory {
    async fn remove(
        &self,
        id: &ConnectionId,
        channel: &Channel,
    ) -> Result<Option<SubscriptionId>, StoreError> {
        self.act(|rows| Ok(rows.connections.get_mut(id).and_then(|row| row.subscriptions.remove(channel))))
            .await
    }
}

impl PutIndex for Memory {
    async fn put_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &SubscriptionId,
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &connection.id, subscription);
        self.act(|rows| rows.index.insert(key, connection.expires_at())).await;
        Ok(())
    }

    async fn put_device(&self, user: &UserId, connection: &Connection) -> Result<(), StoreError> {
        let key = keys::device(user, &connection.id);
        self.act(|rows| rows.index.insert(key, connection.expires_at())).await;
        Ok(())
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
        self.act(|rows| rows.index.remove(&key)).await;
        Ok(())
    }

    async fn delete_device(&self, user: &UserId, connection: &ConnectionId) -> Result<(), StoreError> {
        let key = keys::device(user, connection);
        self.act(|rows| rows.index.remove(&key)).await;
        Ok(())
    }
}

impl ListMembers for Memory {
    async fn members(&self, channel: &Channel, now_s: i64) -> Result<Vec<Member>, StoreError> {
        let partition = keys::members(channel, 0);
        self.act(|rows| {
            let live = rows.index.iter().filter(|(key, x)| key.partition == partition && **x > now_s);
            let mut members: Vec<_> = live.filter_map(|(key, _)| keys::to_member(&key.sort)).collect();
            members.dedup_by(|one, other| one.connection == other.connection);
            Ok(members)
        })
        .await
    }
}

impl PostToConnection for Memory {
    async fn post(&self, id: &ConnectionId, frame: Bytes, _within: Duration) -> Post {
        self.act(|rows| {
            if rows.gone.contains(id) {
                return Post::Gone;
            }
            rows.posted.push((id.clone(), frame));
            Post::Posted
        })
        .await
    }
}

impl DeleteConnection for Memory {
    async fn delete(&self, id: &ConnectionId) -> Post {
        self.act(|rows| if rows.gone.insert(id.clone()) { Post::Posted } else { Post::Gone }).await
    }
}
