//! Commands: what a client asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One command: the number that its reply repeats, and what it asks for.
#[derive(Debug)]
pub struct Command {
    /// Chosen by the client; `0` (or absent) wants no reply.
    pub id: u32,
    /// What is asked.
    pub method: Method,
}

/// What a command asks for, with its content.
#[derive(Debug)]
pub enum Method {
    /// Says who the client is; the first command of a connection.
    Connect(Connect),
    /// Receives a channel's publications from now on.
    Subscribe(Subscribe),
    /// Stops receiving them.
    Unsubscribe(Unsubscribe),
    /// Sends data to a channel's subscribers.
    Publish(Publish),
    /// Asks for what a channel's history holds.
    History(History),
    /// Asks who is subscribed to a channel.
    Presence(Presence),
    /// Asks how many are.
    PresenceStats(Presence),
    /// Brings a new token before the old one expires.
    Refresh(Refresh),
    /// Brings a new token for one subscription before the old one expires.
    SubRefresh(SubRefresh),
    /// Asks for an answer, nothing else.
    Ping,
    /// One-way data for an application's own handler, of which there is none; wants no reply.
    Send,
    /// Calls an application's own handler, of which there is none.
    Rpc,
}

impl Method {
    /// The command's name as the protocol spells it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe(_) => "unsubscribe",
            Self::Publish(_) => "publish",
            Self::History(_) => "history",
            Self::Presence(_) => "presence",
            Self::PresenceStats(_) => "presence_stats",
            Self::Refresh(_) => "refresh",
            Self::SubRefresh(_) => "sub_refresh",
            Self::Ping => "ping",
            Self::Send => "send",
            Self::Rpc => "rpc",
        }
    }

    /// The channel that the command names, as the client wrote it.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        match self {
            Self::Subscribe(command) => Some(&command.channel),
            Self::Unsubscribe(command) => Some(&command.channel),
            Self::Publish(command) => Some(&command.channel),
            Self::History(command) => Some(&command.channel),
            Self::Presence(command) | Self::PresenceStats(command) => Some(&command.channel),
            Self::SubRefresh(command) => Some(&command.channel),
            Self::Connect(_) | Self::Refresh(_) | Self::Ping | Self::Send | Self::Rpc => None,
        }
    }
}

/// Content of `connect`. Unknown fields are ignored, as everywhere in the protocol.
#[derive(Debug, Default, Deserialize)]
pub struct Connect {
    /// A JWT; empty when the client has none.
    #[serde(default)]
    pub token: String,
    /// The client library's name, such as `js`.
    #[serde(default)]
    pub name: String,
    /// The places of the subscriptions that the client did not ask for, by channel.
    #[serde(default)]
    pub subs: BTreeMap<String, Subscribe>,
}

/// Content of `subscribe`.
#[derive(Debug, Default, Deserialize)]
pub struct Subscribe {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
    /// A subscription JWT; empty when the client has none.
    #[serde(default)]
    pub token: String,
    /// Whether the client wants to be able to recover, where the namespace does not force it.
    #[serde(default)]
    pub recoverable: bool,
    /// Whether the client asks for what was published after `offset`.
    #[serde(default)]
    pub recover: bool,
    /// Whether the client wants to be told who joins and leaves.
    #[serde(default)]
    pub join_leave: bool,
    /// The epoch of `offset`.
    #[serde(default)]
    pub epoch: String,
    /// The last offset that the client has.
    #[serde(default)]
    pub offset: u64,
}

impl Subscribe {
    /// The place from which the client asks for what it has missed.
    #[must_use]
    pub fn since(&self) -> Option<Position> {
        self.recover.then(|| Position { offset: self.offset, epoch: self.epoch.clone() })
    }
}

/// Content of `history`.
#[derive(Debug, Default, Deserialize)]
pub struct History {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
    /// Publications that are wanted: none for `0`, all for a negative number.
    #[serde(default)]
    pub limit: i32,
    /// After which place, or before which in reverse; from the end of the history when absent.
    pub since: Option<Position>,
    /// The newest first.
    #[serde(default)]
    pub reverse: bool,
}

/// A place in a channel's sequence, as the protocol writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Position {
    /// The offset; `0` stands before the first publication.
    #[serde(default)]
    pub offset: u64,
    /// Which sequence it belongs to.
    #[serde(default)]
    pub epoch: String,
}

/// Content of `unsubscribe`.
#[derive(Debug, Default, Deserialize)]
pub struct Unsubscribe {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
}

/// Content of `presence` and `presence_stats`.
#[derive(Debug, Default, Deserialize)]
pub struct Presence {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
}

/// Content of `refresh`.
#[derive(Debug, Default, Deserialize)]
pub struct Refresh {
    /// A JWT.
    #[serde(default)]
    pub token: String,
}

/// Content of `sub_refresh`.
#[derive(Debug, Default, Deserialize)]
pub struct SubRefresh {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
    /// A subscription JWT.
    #[serde(default)]
    pub token: String,
}

/// Content of `publish`.
#[derive(Debug, Deserialize)]
pub struct Publish {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
    /// Any JSON, passed on as it came.
    pub data: Option<Box<RawValue>>,
}
