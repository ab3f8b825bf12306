//! The ports: one trait a capability. A use case names in its signature those that it needs,
//! and its function's policy in the template grants the same.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;

use crate::auth::ticket::{Pass, Ticket};
use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::history::{Claim, Entry, Head, Page, Step};
use crate::model::opened::{Bucket, Opened};
use crate::model::spread::Spread;
use crate::model::{Connection, Mark, Member, Subscription};

/// The table did not answer as it should. The text is for the log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The table had no capacity left, after the SDK's own tries.
    #[error("the table is throttled: {0}")]
    Throttled(String),
    /// Anything else.
    #[error("the table failed: {0}")]
    Failed(String),
}

/// A conditional write was refused because of what the row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The connection is closed, or there is no such row.
    Closed,
    /// What was to be added is there already.
    Already,
    /// The connection has as many subscriptions as it may have.
    Full,
    /// A token was refreshed meanwhile: rows made for the old one end too early.
    Refreshed,
}

/// The outcome of a conditional write.
pub type Conditional = Result<Result<(), Refusal>, StoreError>;

/// What a port call returns.
pub trait Call<T>: Future<Output = T> + Send {}
impl<T, F: Future<Output = T> + Send> Call<T> for F {}

/// Makes a connection's row, unless there is one. `dynamodb:PutItem`.
pub trait OpenConnection {
    /// [`Refusal::Closed`] when there is a tombstone, [`Refusal::Already`] when the row is open.
    fn open(&self, connection: &Connection) -> impl Call<Conditional>;
}

/// Reads a connection's row, strongly consistent. `dynamodb:GetItem`.
pub trait ReadConnection {
    /// `None` when there is no row.
    fn read(&self, id: &ConnectionId) -> impl Call<Result<Option<Connection>, StoreError>>;
}

/// Notes that the client was let in, and as whom. `dynamodb:UpdateItem`.
pub trait GreetConnection {
    /// Writes user, info, token expiry and capabilities. [`Refusal::Closed`], or [`Refusal::Already`] when it
    /// was let in before.
    fn greet(&self, connection: &Connection) -> impl Call<Conditional>;
}

/// Counts a connection's commands. `dynamodb:UpdateItem`.
pub trait SpendRate {
    /// Moves the row's `busy_until`, unless another frame has moved it. Gives what it is then; `None`
    /// when the connection is closed.
    fn spend(&self, id: &ConnectionId, from: i64, to: i64) -> impl Call<Result<Option<i64>, StoreError>>;
}

/// The subscriptions of a connection.
pub type Subscriptions = BTreeMap<Channel, Subscription>;

/// Notes that the client has brought a new token: its expiry and capabilities. `dynamodb:UpdateItem`.
pub trait RefreshConnection {
    /// Gives the subscriptions that the row lists; [`Refusal::Closed`].
    fn refresh(
        &self,
        connection: &Connection,
    ) -> impl Call<Result<Result<Subscriptions, Refusal>, StoreError>>;
}

/// Closes a connection's row. `dynamodb:UpdateItem`.
pub trait CloseConnection {
    /// Makes the row a tombstone, whether it was there or not, and gives what it was before.
    fn close(
        &self,
        id: &ConnectionId,
        tombstone_ttl: i64,
    ) -> impl Call<Result<Option<Connection>, StoreError>>;
}

/// Adds subscriptions to a connection's row. `dynamodb:UpdateItem`.
pub trait AddSubscriptions {
    /// All of them, or none and any [`Refusal`]; [`Refusal::Refreshed`] when the row's token expiry is
    /// not the given one. [`MAX_TOGETHER`] at most, since DynamoDB's expressions have an end.
    fn add(&self, connection: &Connection, subscriptions: &Subscriptions) -> impl Call<Conditional>;
}

/// Subscriptions that one call adds at most.
pub const MAX_TOGETHER: usize = 64;

/// Changes a subscription in a connection's row. `dynamodb:UpdateItem`.
pub trait RenewSubscription {
    /// [`Refusal::Closed`]; [`Refusal::Refreshed`] when the row's token expiry is not the given one,
    /// or the subscription is not `from` any more.
    fn renew(
        &self,
        connection: &Connection,
        channel: &Channel,
        from: &Subscription,
        to: &Subscription,
    ) -> impl Call<Conditional>;
}

/// Takes a subscription out of a connection's row. `dynamodb:UpdateItem`.
pub trait RemoveSubscription {
    /// The subscription that was there, if any.
    fn remove(
        &self,
        id: &ConnectionId,
        channel: &Channel,
    ) -> impl Call<Result<Option<Subscription>, StoreError>>;
}

/// Writes the rows that find a connection by channel, by user or by its time. `dynamodb:PutItem`.
pub trait PutIndex {
    /// Makes the connection a member of the channel, which waits for its reply until then: seconds
    /// since the epoch.
    fn put_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
        waits_until: Option<i64>,
    ) -> impl Call<Result<(), StoreError>>;

    /// Makes the connection one of the user's.
    fn put_device(&self, user: &UserId, connection: &Connection) -> impl Call<Result<(), StoreError>>;

    /// Lists the connection among those that were opened at its time.
    fn put_opened(&self, connection: &Connection) -> impl Call<Result<(), StoreError>>;
}

/// Makes members and devices live at least as long as the connection does now; one that is not there stays
/// away, as somebody has deleted it. `dynamodb:UpdateItem`.
pub trait ExtendIndex {
    /// The row of a member.
    fn extend_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
    ) -> impl Call<Result<(), StoreError>>;

    /// The row of one of the user's connections.
    fn extend_device(&self, user: &UserId, connection: &Connection) -> impl Call<Result<(), StoreError>>;
}

/// Deletes those rows; one that is not there is deleted too. `dynamodb:DeleteItem`.
pub trait DeleteIndex {
    /// The connection is no member any more.
    fn delete_member(
        &self,
        channel: &Channel,
        connection: &ConnectionId,
        subscription: &SubscriptionId,
    ) -> impl Call<Result<(), StoreError>>;

    /// The connection is none of the user's any more.
    fn delete_device(&self, user: &UserId, connection: &ConnectionId) -> impl Call<Result<(), StoreError>>;

    /// The connection, opened at that time (milliseconds since the epoch), is open no more.
    fn delete_opened(
        &self,
        connection: &ConnectionId,
        connected_at: i64,
    ) -> impl Call<Result<(), StoreError>>;
}

/// Some connections of one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenedPage {
    /// Those.
    pub connections: Vec<Opened>,
    /// Behind which row the next page begins, if there is one.
    pub next: Option<String>,
}

/// Lists connections by the time at which they opened. `dynamodb:Query`.
pub trait ListOpened {
    /// Those of a bucket, as many as DynamoDB gives at once, from the beginning or behind a row. It
    /// may be what it was a moment ago.
    fn opened(&self, bucket: Bucket, after: Option<&str>) -> impl Call<Result<OpenedPage, StoreError>>;
}

/// Rows that [`ReadChannels::channels`] reads at most.
pub const MAX_BATCH: usize = 100;

/// Reads what connections are subscribed to. `dynamodb:BatchGetItem`.
pub trait ReadChannels {
    /// The channels that any of these connections lists and is open, [`MAX_BATCH`] connections at
    /// most. It may be what it was a moment ago.
    fn channels(&self, ids: &[ConnectionId]) -> impl Call<Result<BTreeSet<Channel>, StoreError>>;
}

/// Counts a user's connections, strongly consistent. `dynamodb:Query`.
pub trait CountDevices {
    /// Those that have not expired at `now_s`.
    fn devices(&self, user: &UserId, now_s: i64) -> impl Call<Result<usize, StoreError>>;
}

/// Finds a user's connections, strongly consistent. `dynamodb:Query`.
pub trait ListDevices {
    /// Those that have not expired at `now_s`.
    fn connections(&self, user: &UserId, now_s: i64) -> impl Call<Result<Vec<ConnectionId>, StoreError>>;
}

/// Notes in a member's row which publications did not reach it; a row that is not there stays away.
/// `dynamodb:UpdateItem`.
pub trait NoteMissing {
    /// The member has not got the publications at these offsets.
    fn add_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> impl Call<Result<(), StoreError>>;

    /// The member has got them now.
    fn clear_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> impl Call<Result<(), StoreError>>;
}

/// Notes in a member's row that it has got its reply. `dynamodb:UpdateItem`.
pub trait WelcomeMember {
    /// Publications may follow. Gives what did not reach it meanwhile; nothing when there is no row.
    fn welcome(&self, channel: &Channel, member: &Member) -> impl Call<Result<BTreeSet<u64>, StoreError>>;
}

/// Some members of one shard of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberPage {
    /// Ordered by connection.
    pub members: Vec<Member>,
    /// Over how many shards the channel is spread, when this is the beginning of the first one;
    /// otherwise 0.
    pub shards: u16,
    /// Behind which row the next page begins, if there is one.
    pub next: Option<String>,
}

/// Reads a channel's members, strongly consistent. `dynamodb:Query`.
pub trait ListMembers {
    /// The members of a shard that have not expired at `now_s`, as many as DynamoDB gives at once,
    /// from the beginning or behind a row.
    fn members(
        &self,
        channel: &Channel,
        shard: u16,
        now_s: i64,
        after: Option<&str>,
    ) -> impl Call<Result<MemberPage, StoreError>>;
}

/// Reads over how many shards a channel's members are spread. `dynamodb:GetItem`.
pub trait ReadSpread {
    /// `None` for one. It may be what it was a moment ago: there were never more shards than there
    /// are.
    fn read_spread(&self, channel: &Channel) -> impl Call<Result<Option<Spread>, StoreError>>;
}

/// Spreads a channel's members over more shards. `dynamodb:UpdateItem`.
pub trait SpreadMembers {
    /// From now on; nothing happens when there are more already.
    fn spread(&self, channel: &Channel, spread: Spread) -> impl Call<Result<(), StoreError>>;
}

/// Gives out a channel's offsets. `dynamodb:UpdateItem`.
pub trait AdvanceHead {
    /// Moves the head, which begins if there is none, and gives it as it is then. A call whose
    /// answer is lost may move it twice: that leaves a hole.
    fn advance(&self, channel: &Channel, step: &Step<'_>) -> impl Call<Result<Head, StoreError>>;
}

/// Reads a channel's head, strongly consistent. `dynamodb:GetItem`.
pub trait ReadHead {
    /// `None` when the channel has no sequence.
    fn head(&self, channel: &Channel) -> impl Call<Result<Option<Head>, StoreError>>;
}

/// Lets one at a time deliver an ordered channel. `dynamodb:UpdateItem`.
pub trait LeaseHead {
    /// The head, when the channel is the claim's now; `None` while it is another's, or there is no
    /// head.
    fn take(&self, channel: &Channel, claim: &Claim<'_>) -> impl Call<Result<Option<Head>, StoreError>>;

    /// Gives the channel back, with everything up to `delivered` posted. Nothing happens when it
    /// is another's by now.
    fn release(&self, channel: &Channel, owner: &str, delivered: u64) -> impl Call<Result<(), StoreError>>;
}

/// Fills a place in a channel's history, once and for all. `dynamodb:PutItem`.
pub trait PutEntry {
    /// Whether there is now a publication, or a void, as the entry is one: `false` when the other
    /// of the two was there before. Only its publisher writes a publication at an offset, so one
    /// that is there is its own.
    fn put_entry(
        &self,
        channel: &Channel,
        epoch: &str,
        entry: &Entry,
        ttl: i64,
    ) -> impl Call<Result<bool, StoreError>>;
}

/// Reads a channel's history, strongly consistent. `dynamodb:Query`.
pub trait ReadHistory {
    /// Entries of the offsets, from their beginning, or in reverse from their end: as many as
    /// DynamoDB gives at once, which is one megabyte.
    fn entries(
        &self,
        channel: &Channel,
        epoch: &str,
        offsets: RangeInclusive<u64>,
        reverse: bool,
    ) -> impl Call<Result<Page, StoreError>>;
}

/// Remembers a ticket. `dynamodb:PutItem`.
pub trait PutTicket {
    /// It opens one handshake, until `expires_at`: seconds since the epoch.
    fn put_ticket(&self, ticket: &Ticket, pass: &Pass, expires_at: i64) -> impl Call<Result<(), StoreError>>;
}

/// Uses a ticket up. `dynamodb:DeleteItem`.
pub trait TakeTicket {
    /// What it was issued for, to the first who asks; `None` when there is no such ticket, or it has
    /// expired at `now_s`. Whose answer is lost must get another ticket.
    fn take_ticket(&self, ticket: &Ticket, now_s: i64) -> impl Call<Result<Option<Pass>, StoreError>>;
}

/// Removes what a channel's history holds. `dynamodb:UpdateItem`, `dynamodb:DeleteItem`.
pub trait RemoveHistory {
    /// From now on nobody looks at what stands up to this offset. A channel without a head, or
    /// one where more was removed before, stays as it is.
    fn hide(&self, channel: &Channel, up_to: u64) -> impl Call<Result<(), StoreError>>;

    /// Deletes an entry; one that is not there is deleted too.
    fn delete_entry(&self, channel: &Channel, epoch: &str, offset: u64) -> impl Call<Result<(), StoreError>>;
}

/// Remembers publications by the keys that their publishers gave them. `dynamodb:GetItem`,
/// `dynamodb:PutItem`, `dynamodb:UpdateItem`.
pub trait RememberKey {
    /// What is known of a key at `now_s`, strongly consistent.
    fn remembered(
        &self,
        channel: &Channel,
        key: &str,
        now_s: i64,
    ) -> impl Call<Result<Option<Mark>, StoreError>>;

    /// Remembers it, unless it is known at `now_s`; gives what is known then.
    fn remember(
        &self,
        channel: &Channel,
        key: &str,
        mark: &Mark,
        now_s: i64,
    ) -> impl Call<Result<Mark, StoreError>>;

    /// Changes what is known, unless that is not `from` any more; gives what is known then.
    fn change(
        &self,
        channel: &Channel,
        key: &str,
        from: &Mark,
        to: &Mark,
    ) -> impl Call<Result<Option<Mark>, StoreError>>;
}

/// What came of a callback. "Posted" means handed to the gateway, not received by the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Post {
    /// 200.
    Posted,
    /// 410: the connection is gone, or not open yet.
    Gone,
    /// 429: too many requests, or the client's buffer is full.
    Throttled,
    /// Anything else, with the reason for the log.
    Failed(String),
}

/// Sends a frame to a connection. `execute-api:ManageConnections` on `POST/@connections`.
pub trait PostToConnection {
    /// Posts once (the SDK tries again by itself); `within` is the time for all its tries.
    fn post(&self, id: &ConnectionId, frame: Bytes, within: Duration) -> impl Call<Post>;
}

/// Ends a connection. `execute-api:ManageConnections` on `DELETE/@connections`.
pub trait DeleteConnection {
    /// The gateway closes the socket with 1000. A connection that is gone is fine.
    fn delete(&self, id: &ConnectionId) -> impl Call<Post>;
}
