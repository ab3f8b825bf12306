//! Replies and pushes: what a client is told.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::code::{DisconnectCode, ErrorCode, UnsubscribeCode};
use crate::model::Connection;

/// The answer to one command.
#[derive(Debug, Serialize)]
pub struct Reply {
    /// The command's number.
    pub id: u32,
    /// The result under the command's name, or the error.
    #[serde(flatten)]
    pub body: ReplyBody,
}

impl Reply {
    /// An error reply.
    #[must_use]
    pub const fn error(id: u32, code: ErrorCode) -> Self {
        Self { id, body: ReplyBody::Error(ErrorReply { code, detail: None }) }
    }

    /// An error reply that says more than the code's own words.
    #[must_use]
    pub const fn error_with(id: u32, code: ErrorCode, detail: String) -> Self {
        Self { id, body: ReplyBody::Error(ErrorReply { code, detail: Some(detail) }) }
    }
}

/// The one member beside `id`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyBody {
    /// The command failed.
    Error(ErrorReply),
    /// The client is known.
    Connect(ConnectResult),
    /// The subscription holds: publications from now on arrive.
    Subscribe(SubscribeResult),
    /// The subscription is gone.
    Unsubscribe(Empty),
    /// The publication was handed to the subscribers that were there.
    Publish(Empty),
    /// What the history holds.
    History(HistoryResult),
    /// Who is subscribed.
    Presence(PresenceResult),
    /// How many are.
    PresenceStats(PresenceStatsResult),
    /// The new token holds.
    Refresh(RefreshResult),
    /// The subscription's new token holds.
    SubRefresh(Lease),
    /// We are here.
    Ping(Empty),
}

/// An empty object: `{}`.
#[derive(Debug, Default, Serialize)]
pub struct Empty {}

/// An [`ErrorCode`] as the protocol writes it.
#[derive(Debug)]
pub struct ErrorReply {
    code: ErrorCode,
    /// What stands behind the code's own words.
    detail: Option<String>,
}

impl Serialize for ErrorReply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code.number())?;
        match &self.detail {
            Some(detail) => map.serialize_entry("message", &format!("{}: {detail}", self.code.message()))?,
            None => map.serialize_entry("message", self.code.message())?,
        }
        if self.code.is_temporary() {
            map.serialize_entry("temporary", &true)?;
        }
        map.end()
    }
}

/// Content of the reply to `connect`.
#[derive(Debug, Serialize)]
pub struct ConnectResult {
    /// The connection id; other clients see it as the publisher's.
    pub client: String,
    /// This service's version.
    pub version: &'static str,
    /// How long the client is let in.
    #[serde(flatten)]
    pub lease: Lease,
    /// The subscriptions that the client has without having asked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subs: BTreeMap<String, SubscribeResult>,
    /// Seconds between pings of the server: `0`, as there is no process to send them.
    pub ping: u32,
    /// Whether the client must answer pings.
    pub pong: bool,
}

impl ConnectResult {
    /// Lets in the client of this connection.
    #[must_use]
    pub fn new(client: &str, lease: Lease, subs: BTreeMap<String, SubscribeResult>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { client: client.to_owned(), version, lease, subs, ping: 0, pong: false }
    }
}

/// Content of the reply to `subscribe`; empty for a channel without a position.
#[derive(Debug, Default, Serialize)]
pub struct SubscribeResult {
    /// How long the subscription's token allows it.
    #[serde(flatten)]
    pub lease: Lease,
    /// The client may ask for what it has missed when it comes back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recoverable: bool,
    /// The reply tells a position.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub positioned: bool,
    /// The position: publications above it arrive from now on.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Place>,
    /// The client has asked for what it has missed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_recovering: bool,
    /// Nothing is missing between the client's position and this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
    /// What the client has missed, up to the position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Box<RawValue>>,
}

/// A place in a channel's sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which sequence: a channel that is forgotten begins another one.
    pub epoch: String,
    /// Publications are counted from 1.
    pub offset: u64,
}

/// Content of the reply to `history`.
#[derive(Debug, Serialize)]
pub struct HistoryResult {
    /// In the order that was asked for.
    pub publications: Vec<Box<RawValue>>,
    /// The end of the history.
    #[serde(flatten)]
    pub position: Place,
}

/// Content of the reply to `presence`.
#[derive(Debug, Serialize)]
pub struct PresenceResult {
    /// Those who are subscribed, by connection.
    pub presence: BTreeMap<String, Present>,
}

/// One who is subscribed.
#[derive(Debug, Serialize)]
pub struct Present {
    /// The user's id; empty for an anonymous client.
    pub user: String,
    /// The connection id.
    pub client: String,
    /// What the client's token says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conn_info: Option<Box<RawValue>>,
}

/// Content of the reply to `presence_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PresenceStatsResult {
    /// Connections.
    pub num_clients: usize,
    /// Users; all anonymous clients count as one.
    pub num_users: usize,
}

/// Content of the reply to `refresh`.
#[derive(Debug, Serialize)]
pub struct RefreshResult {
    /// The connection id.
    pub client: String,
    /// How long the client is let in from now on.
    #[serde(flatten)]
    pub lease: Lease,
}

/// For how long a client is let in. A client library refreshes by itself before the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// Whether it ends before the connection does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expires: bool,
    /// Seconds until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
}

impl Lease {
    /// Until a token's end; for ever without one. A token that is used in its last moment
    /// counts for a second, as `0` would mean no end.
    #[must_use]
    pub fn until(expires_at: Option<i64>, now_s: i64) -> Self {
        let ttl = expires_at.map(|at| at.saturating_sub(now_s).max(1));
        Self { expires: ttl.is_some(), ttl }
    }
}

/// Something that a client is told without having asked.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Push<'a> {
    /// A publication in a channel.
    Publication {
        /// The channel's name.
        channel: &'a str,
        /// What was published.
        #[serde(rename = "pub")]
        publication: Publication<'a>,
    },
    /// One that was kept, as [`super::codec::encode_publication`] has written it.
    Kept {
        /// The channel's name.
        channel: &'a str,
        /// What was published.
        #[serde(rename = "pub")]
        publication: &'a RawValue,
    },
    /// Somebody has joined a channel, or left it.
    Presence {
        /// The channel's name.
        channel: &'a str,
        /// Who, and in which direction.
        #[serde(flatten)]
        change: Change<'a>,
    },
    /// A subscription has ended.
    Unsubscribe {
        /// The channel's name.
        channel: &'a str,
        /// Why.
        unsubscribe: UnsubscribeCode,
    },
    /// The client shall close.
    Disconnect {
        /// Why.
        disconnect: Reason<'a>,
    },
    /// The client is subscribed without having asked.
    Subscribe {
        /// The channel's name.
        channel: &'a str,
        /// From where.
        subscribe: Subscribed<'a>,
    },
}

/// Why a client shall close, in numbers and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reason<'a> {
    /// The protocol's number; see [`DisconnectCode`].
    pub code: u32,
    /// The words that go to the client.
    pub reason: &'a str,
}

impl From<DisconnectCode> for Reason<'static> {
    fn from(DisconnectCode { code, reason }: DisconnectCode) -> Self {
        Self { code, reason }
    }
}

/// A subscription that the client has not asked for.
#[derive(Debug, Serialize)]
pub struct Subscribed<'a> {
    /// The client may ask for what it has missed when it comes back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recoverable: bool,
    /// There is a position.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub positioned: bool,
    /// The position: publications above it arrive from now on.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Place>,
    /// What the server tells the client with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
}

/// A change of a channel's members.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<'a> {
    /// One more.
    Join(Whom<'a>),
    /// One less.
    Leave(Whom<'a>),
}

/// Whom a change is about.
#[derive(Debug, Serialize)]
pub struct Whom<'a> {
    /// That one.
    pub info: ClientInfo<'a>,
}

/// What was published, and by whom.
#[derive(Debug, Serialize)]
pub struct Publication<'a> {
    /// Its place in the channel, where the channel has a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The publisher's JSON, as it came.
    pub data: &'a RawValue,
    /// Who published; nobody when a server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<ClientInfo<'a>>,
    /// A server's own notes to it: a JSON object of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a RawValue>,
}

/// A client, as others see it.
#[derive(Debug, Clone, Serialize)]
pub struct ClientInfo<'a> {
    /// The user's id; empty for an anonymous client.
    pub user: &'a str,
    /// The connection id.
    pub client: &'a str,
    /// What the client's token says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conn_info: Option<&'a RawValue>,
}

impl<'a> ClientInfo<'a> {
    /// The client of a connection.
    #[must_use]
    pub fn of(connection: &'a Connection) -> Self {
        let Connection { id, user, info, .. } = connection;
        // What is in the row was JSON when the token was checked.
        let conn_info = info.as_deref().and_then(|info| serde_json::from_str(info).ok());
        Self { user: user.as_ref().map_or("", |user| user.as_str()), client: id.as_str(), conn_info }
    }
}
