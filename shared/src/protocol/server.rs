//! The server API: what an application's own servers ask for, in the words of Centrifugo's HTTP API.
//!
//! A request is a method's name and a JSON object, an answer is `{"result":…}` or `{"error":…}`.
//! Unknown members are ignored, as Centrifugo does; those that ask for something that is not there
//! are refused, since their caller would take it for done.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::code::ErrorCode;
use super::codec::{MAX_DEPTH, Refused, depth, describe};
use super::command::{History, Position, Presence};
use super::reply::{Empty, HistoryResult, Place, PresenceResult, PresenceStatsResult};

/// One call, with its content.
#[derive(Debug)]
pub enum Call {
    /// Publishes to a channel.
    Publish(Publish),
    /// Publishes the same to many channels.
    Broadcast(Broadcast),
    /// Subscribes a user's connections.
    Subscribe(Subscribe),
    /// Ends their subscriptions.
    Unsubscribe(Unsubscribe),
    /// Ends them.
    Disconnect(Disconnect),
    /// Asks who is subscribed.
    Presence(Presence),
    /// Asks how many are.
    PresenceStats(Presence),
    /// Asks for what is kept of a channel.
    History(History),
    /// Removes it.
    HistoryRemove(Presence),
    /// Asks who answers.
    Info,
    /// Asks for a one-time ticket; not Centrifugo's.
    Ticket(Ticket),
}

/// What is published.
#[derive(Debug, Deserialize)]
pub struct Payload {
    /// Any JSON, passed on as it came.
    pub data: Option<Box<RawValue>>,
    /// A JSON object of texts, passed on with it.
    pub tags: Option<Box<RawValue>>,
    /// Not to be kept, where the channel has a history.
    #[serde(default)]
    pub skip_history: bool,
    /// A request with the same key within five minutes is the same publication.
    pub idempotency_key: Option<String>,
    b64data: Option<IgnoredAny>,
}

/// Content of `publish`.
#[derive(Debug)]
pub struct Publish {
    /// The channel's name.
    pub channel: String,
    /// What.
    pub payload: Payload,
}

/// Content of `broadcast`.
#[derive(Debug)]
pub struct Broadcast {
    /// The channels' names.
    pub channels: Vec<String>,
    /// What.
    pub payload: Payload,
}

/// Where a publication goes.
#[derive(Debug, Deserialize)]
struct Address {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    channels: Vec<String>,
}

/// Whose connections are meant.
#[derive(Debug, Default, Deserialize)]
pub struct Whom {
    /// The user's id; empty for a connection of nobody, which `client` then names.
    #[serde(default)]
    pub user: String,
    /// This connection only.
    pub client: Option<String>,
    session: Option<IgnoredAny>,
}

/// Content of `subscribe`.
#[derive(Debug)]
pub struct Subscribe {
    /// Whose connections.
    pub whom: Whom,
    /// What else is said.
    pub options: SubscribeOptions,
}

/// To what a connection is subscribed.
#[derive(Debug, Deserialize)]
pub struct SubscribeOptions {
    /// The channel's name.
    #[serde(default)]
    pub channel: String,
    /// When the subscription ends: seconds since the epoch; `0` for never.
    #[serde(default)]
    pub expire_at: i64,
    /// What the client is told with it.
    pub data: Option<Box<RawValue>>,
    /// From where the client is given what it has missed.
    pub recover_since: Option<Position>,
    info: Option<IgnoredAny>,
    b64info: Option<IgnoredAny>,
    b64data: Option<IgnoredAny>,
    #[serde(rename = "override")]
    overrides: Option<IgnoredAny>,
}

/// Content of `unsubscribe`.
#[derive(Debug)]
pub struct Unsubscribe {
    /// Whose connections.
    pub whom: Whom,
    /// The channel's name.
    pub channel: String,
}

/// Content of `disconnect`.
#[derive(Debug)]
pub struct Disconnect {
    /// Whose connections.
    pub whom: Whom,
    /// What else is said.
    pub options: DisconnectOptions,
}

/// How connections end.
#[derive(Debug, Deserialize)]
pub struct DisconnectOptions {
    /// Connections that stay.
    #[serde(default)]
    pub whitelist: BTreeSet<String>,
    /// Why, in the server's own words.
    pub disconnect: Option<OwnReason>,
}

/// A server's own reason for a disconnect.
#[derive(Debug, Deserialize)]
pub struct OwnReason {
    /// 3000 to 4999; from 3500 and from 4500 on it stops a client for good.
    #[serde(default)]
    pub code: u32,
    /// The words for the client.
    #[serde(default)]
    pub reason: String,
}

/// Content of `ticket`.
#[derive(Debug, Deserialize)]
pub struct Ticket {
    /// Whom it lets in.
    #[serde(default)]
    pub user: String,
    /// JSON about the client that others may see.
    pub info: Option<Box<RawValue>>,
    /// Until when the client may stay without a token: seconds since the epoch; `0` for no such end.
    #[serde(default)]
    pub expire_at: i64,
}

/// Content of `batch`: calls, each under its method's name.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The calls, which are carried out in their order.
    #[serde(default)]
    pub commands: Vec<BTreeMap<String, Box<RawValue>>>,
}

impl Call {
    /// Reads a call.
    ///
    /// # Errors
    /// [`Refused`]: [`ErrorCode::MethodNotFound`], [`ErrorCode::NotAvailable`] for what Centrifugo has
    /// and this service has not, [`ErrorCode::LimitExceeded`] for what is nested too deep, or
    /// [`ErrorCode::BadRequest`].
    pub fn parse(method: &str, content: &str) -> Result<Self, Refused> {
        if depth(content) > MAX_DEPTH {
            let cause = format!("{method} is nested more than {MAX_DEPTH} levels deep");
            return Err(refused(ErrorCode::LimitExceeded, cause));
        }
        Ok(match method {
            "publish" => {
                let Address { channel, .. } = read(content)?;
                Self::Publish(Publish { channel, payload: payload(content)? })
            }
            "broadcast" => {
                let Address { channels, .. } = read(content)?;
                Self::Broadcast(Broadcast { channels, payload: payload(content)? })
            }
            "subscribe" => {
                let options: SubscribeOptions = read(content)?;
                let SubscribeOptions { info, b64info, b64data, overrides, .. } = &options;
                absent([
                    ("info", info),
                    ("b64info", b64info),
                    ("b64data", b64data),
                    ("override", overrides),
                ])?;
                Self::Subscribe(Subscribe { whom: whom(content)?, options })
            }
            "unsubscribe" => {
                let Address { channel, .. } = read(content)?;
                Self::Unsubscribe(Unsubscribe { whom: whom(content)?, channel })
            }
            "disconnect" => {
                let options: DisconnectOptions = read(content)?;
                let code = options.disconnect.as_ref().map_or(3000, |why| why.code);
                if !(3000..=4999).contains(&code) {
                    return Err(refused(ErrorCode::BadRequest, "a disconnect code is 3000 to 4999"));
                }
                Self::Disconnect(Disconnect { whom: whom(content)?, options })
            }
            "presence" => Self::Presence(read(content)?),
            "presence_stats" => Self::PresenceStats(read(content)?),
            "history" => Self::History(read(content)?),
            "history_remove" => Self::HistoryRemove(read(content)?),
            "info" => Self::Info,
            "ticket" => Self::Ticket(read(content)?),
            "channels" | "refresh" | "rpc" => {
                return Err(refused(ErrorCode::NotAvailable, "this service does not have it"));
            }
            _ => return Err(refused(ErrorCode::MethodNotFound, "there is no such method")),
        })
    }

    /// The method's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Publish(_) => "publish",
            Self::Broadcast(_) => "broadcast",
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe(_) => "unsubscribe",
            Self::Disconnect(_) => "disconnect",
            Self::Presence(_) => "presence",
            Self::PresenceStats(_) => "presence_stats",
            Self::History(_) => "history",
            Self::HistoryRemove(_) => "history_remove",
            Self::Info => "info",
            Self::Ticket(_) => "ticket",
        }
    }

    /// The first channel that is named, as the caller wrote it.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        match self {
            Self::Publish(call) => Some(&call.channel),
            Self::Broadcast(call) => call.channels.first().map(String::as_str),
            Self::Subscribe(call) => Some(&call.options.channel),
            Self::Unsubscribe(call) => Some(&call.channel),
            Self::History(call) => Some(&call.channel),
            Self::Presence(call) | Self::PresenceStats(call) | Self::HistoryRemove(call) => {
                Some(&call.channel)
            }
            Self::Disconnect(_) | Self::Info | Self::Ticket(_) => None,
        }
    }
}

fn read<T: DeserializeOwned>(content: &str) -> Result<T, Refused> {
    serde_json::from_str(content).map_err(|error| refused(ErrorCode::BadRequest, describe(&error)))
}

fn payload(content: &str) -> Result<Payload, Refused> {
    let payload: Payload = read(content)?;
    absent([("b64data", &payload.b64data)])?;
    let tags = payload.tags.as_ref();
    if tags.is_some_and(|tags| serde_json::from_str::<BTreeMap<String, String>>(tags.get()).is_err()) {
        return Err(refused(ErrorCode::BadRequest, "tags must be an object of texts"));
    }
    Ok(payload)
}

fn whom(content: &str) -> Result<Whom, Refused> {
    let whom: Whom = read(content)?;
    absent([("session", &whom.session)])?;
    Ok(whom)
}

/// Refuses members that ask for what there is not.
fn absent<const N: usize>(members: [(&str, &Option<IgnoredAny>); N]) -> Result<(), Refused> {
    match members.iter().find(|(_, member)| member.is_some()) {
        Some((name, _)) => {
            Err(refused(ErrorCode::NotAvailable, format!("this service does not have {name}")))
        }
        None => Ok(()),
    }
}

fn refused(code: ErrorCode, cause: impl Into<String>) -> Refused {
    Refused { id: 0, code, cause: cause.into() }
}

/// What came of a call.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of `publish`.
    Published(Published),
    /// Of `broadcast`.
    Broadcast {
        /// One for each channel, in their order.
        responses: Vec<Response<Published>>,
    },
    /// Of what has nothing to tell.
    Done(Empty),
    /// Of `presence`.
    Presence(PresenceResult),
    /// Of `presence_stats`.
    PresenceStats(PresenceStatsResult),
    /// Of `history`.
    History(HistoryResult),
    /// Of `info`.
    Info {
        /// One: there are no servers to tell of.
        nodes: [Node; 1],
    },
    /// Of `ticket`.
    Ticket {
        /// What the client presents, once and within a minute.
        ticket: String,
    },
}

/// A publication that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Its place, where the channel has a history.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Who answers.
#[derive(Debug, Serialize)]
pub struct Node {
    /// The same whenever it is asked.
    pub uid: &'static str,
    /// This service.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// A result or an error.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response<T> {
    /// It was done.
    Result(T),
    /// It was not.
    Error(ApiError),
}

/// An error as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// The number of an [`ErrorCode`].
    pub code: u32,
    /// Its words, and the cause: a server is trusted with that.
    pub message: String,
}

impl ApiError {
    /// With the code's words and a cause.
    #[must_use]
    pub fn new(code: ErrorCode, cause: &str) -> Self {
        Self { code: code.number(), message: format!("{}: {cause}", code.message()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, content: &str, expected: Result<&str, (u32, &str)>) {
        let seen = Call::parse(method, content);
        let seen = seen.as_ref().map(Call::name).map_err(|refused| (refused.code.number(), &*refused.cause));
        assert_eq!(seen, expected, "{method} {content}");
    }

    #[test]
    fn calls_are_read_as_centrifugo_reads_them() {
        check("publish", r#"{"channel":"a","data":{"x":1},"tags":{"k":"v"},"new":[]}"#, Ok("publish"));
        check("broadcast", r#"{"channels":["a","b"],"data":null}"#, Ok("broadcast"));
        check(
            "subscribe",
            r#"{"user":"u","channel":"a","recover_since":{"offset":1,"epoch":"e"}}"#,
            Ok("subscribe"),
        );
        check("disconnect", r#"{"user":"u","disconnect":{"code":4500,"reason":"bye"}}"#, Ok("disconnect"));
        check("history", r#"{"channel":"a","limit":-1,"since":null}"#, Ok("history"));
        check("info", "{}", Ok("info"));
    }

    #[test]
    fn what_there_is_not_is_refused_and_not_ignored() {
        check(
            "publish",
            r#"{"channel":"a","b64data":"eA=="}"#,
            Err((108, "this service does not have b64data")),
        );
        check("subscribe", r#"{"override":{}}"#, Err((108, "this service does not have override")));
        check("unsubscribe", r#"{"session":"s"}"#, Err((108, "this service does not have session")));
        check("refresh", "{}", Err((108, "this service does not have it")));
        check("no_such", "{}", Err((104, "there is no such method")));
        check("publish", r#"{"tags":{"a":1}}"#, Err((107, "tags must be an object of texts")));
        check(
            "disconnect",
            r#"{"disconnect":{"code":1000}}"#,
            Err((107, "a disconnect code is 3000 to 4999")),
        );
        let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        check("publish", &deep, Err((106, "publish is nested more than 32 levels deep")));
    }

    #[test]
    fn a_content_that_is_no_object_of_the_method_is_a_bad_request() {
        for content in ["", "7", r#"{"channel":7}"#, r#"{"channel":"a""#] {
            let code = Call::parse("presence", content).unwrap_err().code;
            assert_eq!(code, ErrorCode::BadRequest, "{content:?}");
        }
    }
}
