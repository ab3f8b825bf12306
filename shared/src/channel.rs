//! Channels: their names, their namespaces, and what a namespace allows.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Characters that a channel's name may have at most.
pub const MAX_LENGTH: usize = 128;

/// A valid channel name: 1 to 128 of `A-Z a-z 0-9 _ : . # , $ -`.
///
/// What stands before the first `:` is the namespace; a name without `:` belongs to the
/// namespace with the empty name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

impl Channel {
    /// The name, checked; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let fits = (1..=MAX_LENGTH).contains(&name.len());
        (fits && name.bytes().all(is_channel_byte)).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The users whom a user-limited channel is for, as it names them: `room:1#alice,bob`.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.0.rsplit_once('#').into_iter().flat_map(|(_, users)| users.split(','))
    }

    /// Whether the name lists users.
    #[must_use]
    pub fn lists_users(&self) -> bool {
        self.0.contains('#')
    }

    /// The namespace's name; empty when the channel has none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_channel_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'#' | b',' | b'$' | b'-')
}

/// What a namespace allows; nothing unless it says so. The names are Centrifugo's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Namespace {
    /// Any known client may subscribe.
    pub allow_subscribe_for_client: bool,
    /// A channel with users in its name, such as `room:1#alice,bob`, is for these and no others.
    pub allow_user_limited_channels: bool,
    /// Every known user is subscribed to a channel of its own from `connect` on, here
    /// `namespace:#user`. Channels that list users are then for these and no others.
    pub personal_channel: bool,
    /// Any known client may publish.
    pub allow_publish_for_client: bool,
    /// A client that is subscribed may publish.
    pub allow_publish_for_subscriber: bool,
    /// It can be asked who is subscribed.
    pub presence: bool,
    /// A client that is subscribed may ask; without this, nobody but the operator may.
    pub allow_presence_for_subscriber: bool,
    /// Members that ask for it are told who joins and leaves.
    pub join_leave: bool,
    /// Members are told whether they ask for it or not.
    pub force_push_join_leave: bool,
    /// How many publications are kept; none without this and `history_ttl`.
    pub history_size: u32,
    /// How long, in seconds; written as a duration: `300s`, `1h`, `1h30m`.
    #[serde(deserialize_with = "seconds")]
    pub history_ttl: u32,
    /// Publications reach every client in the order of their offsets, whoever publishes: one at a
    /// time delivers a channel. Every subscription is then recoverable.
    pub ordered: bool,
    /// Every subscription is recoverable, and not only one whose client asks for it.
    pub force_recovery: bool,
    /// A client that is subscribed may read what is kept.
    pub allow_history_for_subscriber: bool,
}

/// What a namespace keeps of the publications of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// So many of the last offsets.
    pub size: u64,
    /// For so many seconds.
    pub ttl_s: i64,
}

impl Namespace {
    /// Whether a channel that lists users is for these and no others.
    #[must_use]
    pub const fn limits_users(&self) -> bool {
        self.allow_user_limited_channels || self.personal_channel
    }

    /// What is kept; `None` when the namespace has no history.
    #[must_use]
    pub fn retention(&self) -> Option<Retention> {
        let keeps = self.history_size > 0 && self.history_ttl > 0;
        keeps.then(|| Retention { size: self.history_size.into(), ttl_s: self.history_ttl.into() })
    }

    /// Why the options do not go together, if they do not.
    fn fault(&self) -> Option<&'static str> {
        if (self.history_size > 0) != (self.history_ttl > 0) {
            return Some("history_size and history_ttl are only of use together");
        }
        if self.force_push_join_leave && !self.join_leave {
            return Some("force_push_join_leave needs join_leave");
        }
        let useless = self.force_recovery || self.allow_history_for_subscriber || self.ordered;
        (useless && self.retention().is_none()).then_some(
            "ordered, force_recovery and allow_history_for_subscriber need history_size and history_ttl",
        )
    }
}

/// Seconds of a duration's text: hours, minutes and seconds, each once and in this order. Their
/// digits are few enough for the sum to fit.
fn seconds<'de, D: Deserializer<'de>>(text: D) -> Result<u32, D::Error> {
    const UNITS: [(char, usize, u32); 3] = [('h', 6, 3600), ('m', 7, 60), ('s', 7, 1)];
    let text = String::deserialize(text)?;
    let (mut rest, mut sum) = (text.as_str(), 0);
    for (unit, most_digits, seconds) in UNITS {
        let Some((digits, after)) = rest.split_once(unit) else { continue };
        let fits = (1..=most_digits).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<u32>().ok().filter(|_| fits);
        let number = number
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a duration such as 300s or 1h30m")))?;
        sum += number * seconds;
        rest = after;
    }
    if text.is_empty() || !rest.is_empty() {
        return Err(D::Error::custom(format!("{text:?} is not a duration such as 300s or 1h30m")));
    }
    Ok(sum)
}

/// The configured namespaces by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Namespaces(BTreeMap<String, Namespace>);

impl Namespaces {
    /// The namespaces of a JSON object: `{"room":{"allow_subscribe_for_client":true}}`.
    ///
    /// # Errors
    /// Says where the text is not such an object, which option does not exist, or which do not go
    /// together.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let namespaces: Self = serde_json::from_str(json)?;
        let fault = namespaces.0.iter().find_map(|(name, options)| Some((name, options.fault()?)));
        match fault {
            Some((name, fault)) => Err(serde_json::Error::custom(format!("namespace {name:?}: {fault}"))),
            None => Ok(namespaces),
        }
    }

    /// The channels that are a user's own. One whose name a channel cannot have gets none.
    pub fn personal_channels(&self, user: &str) -> impl Iterator<Item = Channel> {
        let own = self.0.iter().filter(|(_, options)| options.personal_channel && !user.contains([',', '#']));
        own.filter_map(move |(namespace, _)| {
            let name = if namespace.is_empty() { format!("#{user}") } else { format!("{namespace}:#{user}") };
            Channel::parse(&name)
        })
    }

    /// What the channel's namespace allows; `None` when the namespace is not configured.
    #[must_use]
    pub fn of(&self, channel: &Channel) -> Option<Namespace> {
        self.0.get(channel.namespace()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_grammar_and_a_namespace() {
        for (name, namespace) in [("room:1", "room"), ("lobby", ""), ("a:b:c", "a"), ("#bob", ""), (":x", "")]
        {
            assert_eq!(
                Channel::parse(name).map(|channel| channel.namespace().to_owned()),
                Some(namespace.into())
            );
        }
        for name in ["", "room 1", "röom:1", "room/1", "a\nb", &"x".repeat(MAX_LENGTH + 1)] {
            assert_eq!(Channel::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_name_may_list_users() {
        let users = |name: &str| Channel::parse(name).unwrap().users().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(users("room:1#alice,bob"), ["alice", "bob"]);
        assert_eq!(users("#bob"), ["bob"]);
        assert_eq!(users("room:1"), [""; 0]);
        let namespaces = Namespaces::from_json(
            r#"{"":{"personal_channel":true},"box":{"personal_channel":true},"room":{}}"#,
        )
        .unwrap();
        let own =
            |user| namespaces.personal_channels(user).map(|channel| channel.to_string()).collect::<Vec<_>>();
        assert_eq!(own("bob"), ["#bob", "box:#bob"]);
        assert_eq!((own("böb"), own("a,b"), own("a#b")), (vec![], vec![], vec![]));
    }

    #[test]
    fn what_is_not_said_is_not_allowed() {
        let namespaces = Namespaces::from_json(r#"{"room":{"allow_subscribe_for_client":true}}"#).unwrap();
        let room = namespaces.of(&Channel::parse("room:1").unwrap()).unwrap();
        assert!(room.allow_subscribe_for_client && !room.allow_publish_for_client);
        assert_eq!(namespaces.of(&Channel::parse("lobby").unwrap()), None);
    }

    #[test]
    fn history_takes_a_size_and_a_time() {
        #[track_caller]
        fn check(options: &str, expected: Result<Option<(u64, i64)>, &str>) {
            let seen = Namespaces::from_json(&format!(r#"{{"room":{{{options}}}}}"#)).map(|namespaces| {
                let room = namespaces.of(&Channel::parse("room:1").unwrap()).unwrap();
                room.retention().map(|kept| (kept.size, kept.ttl_s))
            });
            match (seen, expected) {
                (Ok(seen), expected) => assert_eq!(Ok(seen), expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (Err(error), Ok(_)) => panic!("{error}"),
            }
        }
        check("", Ok(None));
        check(r#""history_size":100,"history_ttl":"1h""#, Ok(Some((100, 3600))));
        check(r#""history_size":5,"history_ttl":"1h30m""#, Ok(Some((5, 5400))));
        check(r#""history_size":5,"history_ttl":"300s","force_recovery":true"#, Ok(Some((5, 300))));
        check(r#""history_size":5"#, Err("history_size and history_ttl are only of use together"));
        check(r#""force_push_join_leave":true"#, Err("force_push_join_leave needs join_leave"));
        check(r#""ordered":true"#, Err("ordered, force_recovery"));
        check(r#""force_recovery":true"#, Err("need history_size and history_ttl"));
        check(r#""history_size":5,"history_ttl":"soon""#, Err("\"soon\" is not a duration"));
        for wrong in ["", "-1h", "1", "1d", "1m1h", "h", "1h 5m", "1234567h", "1h1h"] {
            check(&format!(r#""history_size":5,"history_ttl":"{wrong}""#), Err("is not a duration such as"));
        }
        check(r#""history_size":1,"history_ttl":"999999h9999999m9999999s""#, Ok(Some((1, 4_209_996_339))));
    }

    #[test]
    fn a_misspelled_option_is_an_error() {
        let error = Namespaces::from_json(r#"{"room":{"allow_subscribe":true}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `allow_subscribe`"), "{error}");
    }
}
