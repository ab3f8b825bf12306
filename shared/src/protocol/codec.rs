//! Frames: text to commands, replies to text.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::code::{DisconnectCode, ErrorCode};
use super::command::{Command, Method};
use super::reply::{Publication, Push, Reply};

/// Commands that one frame may carry.
pub const MAX_COMMANDS: usize = 64;

/// Levels that a command's content may be nested: what is passed on must not bring down the
/// parser of somebody else's client.
pub const MAX_DEPTH: usize = 32;

/// A frame that cannot be understood, with the reason for the log. The client is told
/// [`BadFrame::code`]: without a command there is no number to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Nothing in it.
    #[error("the frame is empty")]
    Empty,
    /// More commands than [`MAX_COMMANDS`].
    #[error("the frame has more than {MAX_COMMANDS} commands")]
    TooManyCommands,
    /// A line that is not a JSON object with a number as `id`.
    #[error("command {position} is not a JSON object of the protocol: {cause}")]
    NotACommand {
        /// Counted from 1.
        position: usize,
        /// In what way, without the client's text.
        cause: String,
    },
    /// No command, or one without an `id` that wants a reply.
    #[error("command {position} has no id")]
    NoId {
        /// Counted from 1.
        position: usize,
    },
}

impl BadFrame {
    /// What the client is told.
    #[must_use]
    pub const fn code(&self) -> DisconnectCode {
        match self {
            Self::TooManyCommands => DisconnectCode::FRAME_LIMIT,
            Self::Empty | Self::NotACommand { .. } | Self::NoId { .. } => DisconnectCode::BAD_REQUEST,
        }
    }
}

/// A command that is to be answered with an error and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The command's number.
    pub id: u32,
    /// What the client is told.
    pub code: ErrorCode,
    /// What the log is told.
    pub cause: String,
}

/// Every member that a command object may have; exactly one beside `id` is allowed.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: u32,
    #[serde(borrow)]
    connect: Option<&'a RawValue>,
    #[serde(borrow)]
    subscribe: Option<&'a RawValue>,
    #[serde(borrow)]
    unsubscribe: Option<&'a RawValue>,
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(borrow)]
    ping: Option<&'a RawValue>,
    #[serde(borrow)]
    send: Option<&'a RawValue>,
    #[serde(borrow)]
    presence: Option<&'a RawValue>,
    #[serde(borrow)]
    presence_stats: Option<&'a RawValue>,
    #[serde(borrow)]
    history: Option<&'a RawValue>,
    #[serde(borrow)]
    rpc: Option<&'a RawValue>,
    #[serde(borrow)]
    refresh: Option<&'a RawValue>,
    #[serde(borrow)]
    sub_refresh: Option<&'a RawValue>,
}

/// The commands of a frame, in order; one that is understood but not valid is [`Refused`].
///
/// # Errors
/// [`BadFrame`] when any part of the frame is not a command at all: then none is carried out.
pub fn decode(frame: &str) -> Result<Vec<Result<Command, Refused>>, BadFrame> {
    let mut commands = Vec::new();
    for line in frame.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
        let position = commands.len() + 1;
        if position > MAX_COMMANDS {
            return Err(BadFrame::TooManyCommands);
        }
        let envelope: Envelope<'_> = serde_json::from_str(line)
            .map_err(|error| BadFrame::NotACommand { position, cause: describe(&error) })?;
        commands.push(open(&envelope, position)?);
    }
    if commands.is_empty() { Err(BadFrame::Empty) } else { Ok(commands) }
}

/// The frame of several replies. Replies always serialise: their types hold no map with
/// keys that JSON could not write.
#[must_use]
pub fn encode(replies: &[Reply]) -> String {
    let mut frame = String::new();
    for reply in replies {
        if !frame.is_empty() {
            frame.push('\n');
        }
        append_json(&mut frame, reply);
    }
    frame
}

/// The frame of one push.
#[must_use]
pub fn encode_push(push: &Push<'_>) -> String {
    let mut frame = String::from("{\"push\":");
    append_json(&mut frame, push);
    frame.push('}');
    frame
}

/// A publication as replies and pushes hold it.
#[must_use]
pub fn encode_publication(publication: &Publication<'_>) -> Box<RawValue> {
    // It always serialises, as replies do.
    serde_json::value::to_raw_value(publication).unwrap_or_default()
}

fn append_json(frame: &mut String, value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => frame.push_str(&json),
        // Cannot happen for our types; an empty object is the protocol's ping and does no harm.
        Err(error) => {
            tracing::error!(%error, "a protocol message did not serialise");
            let _ = frame.write_str("{}");
        }
    }
}

fn open(envelope: &Envelope<'_>, position: usize) -> Result<Result<Command, Refused>, BadFrame> {
    let members = members(envelope);
    let mut set = members.iter().filter_map(|&(name, content)| content.map(|content| (name, content)));
    let id = envelope.id;
    let first = set.next();
    if id == 0 && !matches!(first, Some(("send", _))) {
        return Err(BadFrame::NoId { position });
    }
    let refused = |code, cause: String| Ok(Err(Refused { id, code, cause }));
    let Some((name, content)) = first else {
        return refused(ErrorCode::MethodNotFound, "no command of the protocol in the object".to_owned());
    };
    if let Some((second, _)) = set.next() {
        return refused(ErrorCode::BadRequest, format!("{name} and {second} in one object"));
    }
    if depth(content.get()) > MAX_DEPTH {
        let cause = format!("{name} is nested more than {MAX_DEPTH} levels deep");
        return refused(ErrorCode::LimitExceeded, cause);
    }
    match method(name, content.get()) {
        Ok(method) => Ok(Ok(Command { id, method })),
        Err(error) => refused(ErrorCode::BadRequest, format!("{name}: {}", describe(&error))),
    }
}

/// The members in the protocol's order.
const fn members<'a>(envelope: &Envelope<'a>) -> [(&'static str, Option<&'a RawValue>); 12] {
    [
        ("connect", envelope.connect),
        ("subscribe", envelope.subscribe),
        ("unsubscribe", envelope.unsubscribe),
        ("publish", envelope.publish),
        ("ping", envelope.ping),
        ("send", envelope.send),
        ("presence", envelope.presence),
        ("presence_stats", envelope.presence_stats),
        ("history", envelope.history),
        ("rpc", envelope.rpc),
        ("refresh", envelope.refresh),
        ("sub_refresh", envelope.sub_refresh),
    ]
}

/// How many levels of objects and arrays valid JSON has.
pub(super) fn depth(json: &str) -> usize {
    let (mut level, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Where and in what way JSON is wrong, without the client's own text: the parser's words may
/// quote it, and payloads are never logged.
pub(super) fn describe(error: &serde_json::Error) -> String {
    let fault = match error.classify() {
        Category::Syntax => "not JSON",
        Category::Data => "not of the right type",
        Category::Eof => "cut short",
        Category::Io => "unreadable",
    };
    format!("{fault} at column {}", error.column())
}

fn method(name: &'static str, content: &str) -> Result<Method, serde_json::Error> {
    Ok(match name {
        "connect" => Method::Connect(serde_json::from_str(content)?),
        "subscribe" => Method::Subscribe(serde_json::from_str(content)?),
        "unsubscribe" => Method::Unsubscribe(serde_json::from_str(content)?),
        "publish" => Method::Publish(serde_json::from_str(content)?),
        "history" => Method::History(serde_json::from_str(content)?),
        "presence" => Method::Presence(serde_json::from_str(content)?),
        "presence_stats" => Method::PresenceStats(serde_json::from_str(content)?),
        "refresh" => Method::Refresh(serde_json::from_str(content)?),
        "ping" => Method::Ping,
        "send" => Method::Send,
        "sub_refresh" => Method::SubRefresh(serde_json::from_str(content)?),
        _ => Method::Rpc,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{Strategy, any, proptest};

    use super::*;
    use crate::protocol::reply::{ConnectResult, Lease, ReplyBody, SubscribeResult};

    /// A frame's commands, one line each: `id name`, or `id !code`; or the bad frame's words.
    #[track_caller]
    fn check(frame: &str, expected: &str) {
        let seen = match decode(frame) {
            Ok(commands) => commands.iter().map(summary).collect::<Vec<_>>().join("; "),
            Err(bad) => bad.to_string(),
        };
        assert_eq!(seen, expected, "for {frame:?}");
    }

    fn summary(command: &Result<Command, Refused>) -> String {
        match command {
            Ok(command) => format!("{} {}", command.id, command.method.name()),
            Err(refused) => format!("{} !{}", refused.id, refused.code.number()),
        }
    }

    #[test]
    fn what_is_said_of_a_bad_frame_does_not_quote_it() {
        let Err(bad) = decode(r#"{"id":"secret"}"#) else { panic!("accepted") };
        assert_eq!(
            bad.to_string(),
            "command 1 is not a JSON object of the protocol: not of the right type at column 14"
        );
    }

    #[test]
    fn several_commands_come_in_one_frame() {
        check(
            "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}\n",
            "1 connect; 2 subscribe",
        );
        check(r#"{"send":{"data":{}}}"#, "0 send");
        check(r#"{"id":7,"ping":{}}"#, "7 ping");
    }

    #[test]
    fn unknown_fields_are_ignored() {
        check(r#"{"id":1,"connect":{"name":"js","headers":{}},"frobnicate":1}"#, "1 connect");
    }

    #[test]
    fn a_command_that_is_not_valid_is_refused_alone() {
        check(r#"{"id":3}"#, "3 !104");
        check(r#"{"id":3,"frobnicate":{}}"#, "3 !104");
        check(r#"{"id":3,"publish":{"channel":5}}"#, "3 !107");
        check("{\"id\":4,\"connect\":{},\"publish\":{}}\n{\"id\":5,\"ping\":{}}", "4 !107; 5 ping");
    }

    #[test]
    fn commands_of_the_protocol_that_are_not_offered_keep_their_names() {
        check(r#"{"id":3,"rpc":{"method":"x"}}"#, "3 rpc");
    }

    #[test]
    fn what_is_no_command_spoils_the_frame() {
        check("", "the frame is empty");
        check(" \n ", "the frame is empty");
        check("{}", "command 1 has no id");
        check(r#"{"publish":{}}"#, "command 1 has no id");
        for text in ["hello", "[1]", "{\"id\":-1,\"ping\":{}}", "{\"id\":1", "null"] {
            assert!(matches!(decode(text), Err(BadFrame::NotACommand { position: 1, .. })), "{text}");
        }
        let many = "{\"id\":1,\"ping\":{}}\n".repeat(MAX_COMMANDS + 1);
        assert_eq!(decode(&many).err(), Some(BadFrame::TooManyCommands));
        assert!(BadFrame::TooManyCommands.to_string().ends_with(BadFrame::TooManyCommands.code().reason));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let nested = |levels: usize| {
            let data = format!("{}\"]\\\"[\"{}", "[".repeat(levels), "]".repeat(levels));
            format!("{{\"id\":1,\"publish\":{{\"channel\":\"room:1\",\"data\":{data}}}}}")
        };
        check(&nested(MAX_DEPTH - 1), "1 publish");
        check(&nested(MAX_DEPTH), "1 !106");
        check(&nested(100_000), "1 !106");
    }

    #[test]
    fn replies_are_joined_by_newlines() {
        let client = "c1".to_owned();
        let lease = Lease { expires: true, ttl: Some(60) };
        let connect =
            ConnectResult { client, version: "0", lease, subs: BTreeMap::new(), ping: 0, pong: false };
        let replies = [
            Reply { id: 1, body: ReplyBody::Connect(connect) },
            Reply { id: 2, body: ReplyBody::Subscribe(SubscribeResult::default()) },
            Reply::error(3, ErrorCode::PermissionDenied),
            Reply::error(4, ErrorCode::Internal),
        ];
        assert_eq!(
            encode(&replies),
            "{\"id\":1,\"connect\":{\"client\":\"c1\",\"version\":\"0\",\"expires\":true,\"ttl\":60,\"ping\":0,\"pong\":false}}\n\
             {\"id\":2,\"subscribe\":{}}\n\
             {\"id\":3,\"error\":{\"code\":103,\"message\":\"permission denied\"}}\n\
             {\"id\":4,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}"
        );
    }

    proptest! {
        #[test]
        fn decoding_never_panics(text in ".*") {
            let _ = decode(&text);
        }

        #[test]
        fn decoding_never_panics_on_near_commands(
            id in any::<i64>(), name in "(connect|subscribe|publish|send|x)", content in json(),
        ) {
            let _ = decode(&format!("{{\"id\":{id},\"{name}\":{content}}}"));
        }
    }

    fn json() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "{}",
            "null",
            "[]",
            "1",
            "{\"channel\":1}",
            "{\"channel\":\"a\"",
            "\"\"",
        ])
    }
}
