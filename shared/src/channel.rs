//! Channels: their names, their namespaces, and what a namespace allows.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// Characters that a channel's name may have at most.
pub const MAX_LENGTH: usize = 128;

/// A valid channel name: 1 to 128 of `A-Z a-z 0-9 _ : . # $ -`.
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
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'#' | b'$' | b'-')
}

/// What a namespace allows; nothing unless it says so. The names are Centrifugo's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Namespace {
    /// Any known client may subscribe.
    pub allow_subscribe_for_client: bool,
    /// Any known client may publish.
    pub allow_publish_for_client: bool,
    /// A client that is subscribed may publish.
    pub allow_publish_for_subscriber: bool,
    /// It can be asked who is subscribed.
    pub presence: bool,
    /// A client that is subscribed may ask; without this, nobody but the operator may.
    pub allow_presence_for_subscriber: bool,
}

/// The configured namespaces by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Namespaces(BTreeMap<String, Namespace>);

impl Namespaces {
    /// The namespaces of a JSON object: `{"room":{"allow_subscribe_for_client":true}}`.
    ///
    /// # Errors
    /// Says where the text is not such an object, or which option does not exist.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
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
    fn what_is_not_said_is_not_allowed() {
        let namespaces = Namespaces::from_json(r#"{"room":{"allow_subscribe_for_client":true}}"#).unwrap();
        let room = namespaces.of(&Channel::parse("room:1").unwrap()).unwrap();
        assert!(room.allow_subscribe_for_client && !room.allow_publish_for_client);
        assert_eq!(namespaces.of(&Channel::parse("lobby").unwrap()), None);
    }

    #[test]
    fn a_misspelled_option_is_an_error() {
        let error = Namespaces::from_json(r#"{"room":{"allow_subscribe":true}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `allow_subscribe`"), "{error}");
    }
}
