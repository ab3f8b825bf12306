//! Capabilities: what a connection token allows beside what namespaces allow, in Centrifugo's form:
//! `[{"channels":["news"],"match":"wildcard","allow":["sub","pub","prs","hst"]}]`.

use serde::{Deserialize, Serialize};

use crate::channel::Channel;

/// Bytes that capabilities may have as JSON: they stand in the connection's row.
pub const MAX_BYTES: usize = 1024;

/// Everything that a token allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Caps(Vec<Cap>);

/// Some channels, and what is allowed in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cap {
    channels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#match: Option<String>,
    /// Words that are not known allow nothing.
    allow: Vec<String>,
}

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// `sub`.
    Subscribe,
    /// `pub`.
    Publish,
    /// `prs`.
    Presence,
    /// `hst`.
    History,
}

impl Capability {
    const fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "sub",
            Self::Publish => "pub",
            Self::Presence => "prs",
            Self::History => "hst",
        }
    }
}

impl Caps {
    /// Those of a token that has none.
    pub const NONE: Self = Self(Vec::new());

    /// Whether there are any.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them allows this in the channel.
    #[must_use]
    pub fn allow(&self, channel: &Channel, capability: Capability) -> bool {
        self.0.iter().any(|cap| {
            cap.allow.iter().any(|word| word == capability.word())
                && cap.channels.iter().any(|pattern| cap.matches(pattern, channel.as_str()))
        })
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings in lists always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Cap {
    fn matches(&self, pattern: &str, channel: &str) -> bool {
        match self.r#match.as_deref() {
            None | Some("") => pattern == channel,
            Some("wildcard") => matches_wildcard(pattern, channel),
            // `regex` among them: a pattern of a token must not be able to take our time.
            Some(_) => false,
        }
    }
}

/// `*` stands for any text.
fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(caps: &str, channel: &str, expected: &str) {
        let caps: Caps = serde_json::from_str(caps).unwrap();
        let channel = Channel::parse(channel).unwrap();
        let all = [Capability::Subscribe, Capability::Publish, Capability::Presence, Capability::History];
        let allowed: Vec<_> =
            all.into_iter().filter(|one| caps.allow(&channel, *one)).map(Capability::word).collect();
        assert_eq!(allowed.join(" "), expected);
    }

    #[test]
    fn channels_are_named_or_matched() {
        check(r#"[{"channels":["room:1"],"allow":["sub","pub"]}]"#, "room:1", "sub pub");
        check(r#"[{"channels":["room:1"],"allow":["sub","pub"]}]"#, "room:10", "");
        let wildcard = r#"[{"channels":["room:*"],"match":"wildcard","allow":["prs"]},{"channels":["*:log:*x"],"match":"wildcard","allow":["hst","fly"]}]"#;
        check(wildcard, "room:1", "prs");
        check(wildcard, "room:log:x", "prs hst");
        check(wildcard, "a:log:b", "");
        check(r#"[{"channels":[".*"],"match":"regex","allow":["sub"]}]"#, "room:1", "");
        check(r#"[{"channels":["room:*"],"allow":["sub"]}]"#, "room:1", "");
        check("[]", "room:1", "");
    }
}
