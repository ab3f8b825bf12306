//! Keys: how a row is found.

use std::collections::BTreeSet;

use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::opened::Bucket;
use crate::model::{Connection, Subscription};

/// The table's key attributes.
pub const PARTITION: &str = "PK";
/// See [`PARTITION`].
pub const SORT: &str = "SK";

/// Sorts before every member of its partition: a connection's id begins with a letter, a digit, a
/// hyphen or an underscore.
const BEFORE_MEMBERS: &str = "!";

/// A row's whole key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `PK`.
    pub partition: String,
    /// `SK`.
    pub sort: String,
}

/// One subscription of one connection, as a channel's rows list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who receives.
    pub connection: ConnectionId,
    /// By which subscription.
    pub subscription: SubscriptionId,
    /// Who that is; `None` for an anonymous client.
    pub user: Option<UserId>,
    /// What its token says of it, as JSON.
    pub info: Option<String>,
    /// Whether it is told who joins and leaves.
    pub hears_joins: bool,
    /// Offsets of publications that did not reach it.
    pub missing: BTreeSet<u64>,
    /// In an ordered channel: the reply to its `subscribe` was not posted yet, and never will be
    /// after this hour, in seconds since the epoch.
    pub waits_until: Option<i64>,
}

impl Member {
    /// A subscription of a connection that misses nothing.
    #[must_use]
    pub fn of(connection: &Connection, subscription: &Subscription) -> Self {
        Self {
            connection: connection.id.clone(),
            subscription: subscription.id.clone(),
            user: connection.user.clone(),
            info: connection.info.clone(),
            hears_joins: subscription.hears_joins,
            missing: BTreeSet::new(),
            waits_until: None,
        }
    }
}

/// What the partition of a connection's row begins with.
pub const CONNECTIONS: &str = "C#";

/// The connection's row.
#[must_use]
pub fn connection(connection: &ConnectionId) -> Key {
    Key { partition: format!("{CONNECTIONS}{connection}"), sort: "C".to_owned() }
}

/// The connection whose row is in a partition.
#[must_use]
pub fn to_connection(partition: &str) -> Option<ConnectionId> {
    partition.strip_prefix(CONNECTIONS).map(ConnectionId::from)
}

/// The row that makes one subscription of a connection a member of a channel.
///
/// The subscription is part of the key: a row is written and deleted by one subscription
/// only, so that no order of `subscribe` and `unsubscribe` deletes another's row.
#[must_use]
pub fn member(channel: &Channel, connection: &ConnectionId, subscription: &SubscriptionId) -> Key {
    let partition = members(channel, subscription.shard());
    Key { partition, sort: format!("{connection}#{subscription}") }
}

/// The row that says over how many shards a channel's members are spread: the first one among those
/// of the first shard. Most channels have none.
#[must_use]
pub fn spread(channel: &Channel) -> Key {
    Key { partition: members(channel, 0), sort: BEFORE_MEMBERS.to_owned() }
}

/// The partition of one shard of a channel's members.
#[must_use]
pub fn members(channel: &Channel, shard: u16) -> String {
    format!("M#{channel}#{shard:03}")
}

/// Connection and subscription in a member row's sort key.
#[must_use]
pub fn to_member(sort: &str) -> Option<(ConnectionId, SubscriptionId)> {
    let (connection, subscription) = sort.split_once('#')?;
    Some((connection.into(), subscription.into()))
}

/// The row of one of a user's connections.
#[must_use]
pub fn device(user: &UserId, connection: &ConnectionId) -> Key {
    Key { partition: devices(user), sort: connection.to_string() }
}

/// The partition of a user's connections.
#[must_use]
pub fn devices(user: &UserId) -> String {
    format!("U#{user}")
}

/// The row that lists a connection by the time at which it opened.
#[must_use]
pub fn opened(connection: &ConnectionId, connected_at: i64) -> Key {
    Key { partition: bucket(Bucket::of(connection, connected_at)), sort: connection.to_string() }
}

/// The partition of such rows.
#[must_use]
pub fn bucket(bucket: Bucket) -> String {
    format!("T#{}#{}", bucket.number, bucket.part)
}

/// The row of a ticket, by its hash.
#[must_use]
pub fn ticket(hash: &str) -> Key {
    Key { partition: format!("K#{hash}"), sort: "K".to_owned() }
}

/// The row that counts a channel's publications.
#[must_use]
pub fn head(channel: &Channel) -> Key {
    Key { partition: format!("R#{channel}"), sort: "H".to_owned() }
}

/// The partition of the publications of one epoch of a channel. With the epoch in it, a channel
/// that is forgotten and begins again never meets what DynamoDB has not deleted yet.
#[must_use]
pub fn history(channel: &Channel, epoch: &str) -> String {
    format!("H#{channel}#{epoch}")
}

/// The sort key of a publication: offsets sort as numbers do.
#[must_use]
pub fn offset(offset: u64) -> String {
    format!("{offset:020}")
}

/// The row that remembers a publication by the key that its publisher gave it.
#[must_use]
pub fn mark(channel: &Channel, key: &str) -> Key {
    Key { partition: format!("I#{channel}#{key}"), sort: "I".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connections_key_gives_its_connection_back() {
        let key = connection(&"gbikqi-vWQAYKEiHxA==".into());
        assert_eq!(to_connection(&key.partition), Some("gbikqi-vWQAYKEiHxA==".into()));
        assert_eq!(to_connection("M#room:1#000"), None);
    }

    #[test]
    fn a_member_key_gives_its_member_back() {
        let channel = Channel::parse("room:#1").unwrap();
        let key = member(&channel, &"gbikqi-vWQAYKEiHxA==".into(), &"m1.0".into());
        assert_eq!(key.partition, "M#room:#1#000");
        assert_eq!(to_member(&key.sort), Some(("gbikqi-vWQAYKEiHxA==".into(), "m1.0".into())));
        assert_eq!(to_member("no separator"), None);
        let key = member(&channel, &"c".into(), &SubscriptionId::from("m1@x.0").in_shard(12));
        assert_eq!(key, Key { partition: "M#room:#1#012".to_owned(), sort: "c#m1@x.0@12".to_owned() });
        assert!(spread(&channel).sort.as_str() < "-");
    }
}
