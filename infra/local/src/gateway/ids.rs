//! Identifiers in the shapes that API Gateway gives them.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

/// Bytes of a connection id: 20 characters with their padding.
const CONNECTION_BYTES: usize = 13;

/// Bytes of the older connection ids that are still well-formed: 16 characters.
const OLD_CONNECTION_BYTES: usize = 11;

/// The bytes at the end that the ids of a connection's messages share with it.
const TAIL_BYTES: usize = 6;

/// A connection's id: base64url with padding, like `gbikqi-vWQAYKEiHxA==`. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(Arc<str>);

impl ConnectionId {
    /// A fresh id.
    pub(crate) fn random() -> Self {
        Self(URL_SAFE.encode(rand::random::<[u8; CONNECTION_BYTES]>()).into())
    }

    /// The id that a request names, or `None` when the gateway can never have issued it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE.decode(text).ok()?;
        matches!(bytes.len(), CONNECTION_BYTES | OLD_CONNECTION_BYTES).then(|| Self(text.into()))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A fresh `messageId` for a message of this connection; its tail is the connection's.
    pub(crate) fn message_id(&self) -> String {
        let mut bytes = rand::random::<[u8; CONNECTION_BYTES]>();
        let own = URL_SAFE.decode(self.as_str()).unwrap_or_default();
        for (byte, tail) in bytes.iter_mut().rev().zip(own.iter().rev()).take(TAIL_BYTES) {
            *byte = *tail;
        }
        URL_SAFE.encode(bytes)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request id of 16 characters, like `EP5tfFQooAMEuog=`. A socket's event has the same one as
/// `requestId` and as `extendedRequestId`.
pub(crate) fn request_id() -> String {
    URL_SAFE.encode(rand::random::<[u8; 11]>())
}

/// The value of an `X-Amzn-Trace-Id` header: a trace that starts now.
pub(crate) fn trace_id(now_ms: i64) -> String {
    let seconds = u32::try_from(now_ms / 1000).unwrap_or_default();
    let random = rand::random::<u128>() >> 32;
    format!("Root=1-{seconds:08x}-{random:024x}")
}

/// The name of an access log's stream: 32 hexadecimal digits.
pub(crate) fn log_stream() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_has_20_characters_and_its_messages_share_the_tail() {
        let connection = ConnectionId::random();
        let message = connection.message_id();
        assert_eq!((connection.as_str().len(), message.len()), (20, 20));
        assert!(message.ends_with("=="));
        assert_eq!(message[12..], connection.as_str()[12..]);
        assert_ne!(message, connection.as_str());
        assert_ne!(message, connection.message_id());
    }

    #[test]
    fn both_recorded_lengths_are_well_formed_and_nothing_else_is() {
        for good in ["gbikqi-vWQAYKEiHxA==", "L0SM9cOFvHcCIhw="] {
            assert_eq!(ConnectionId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "abc=", "nope", "gbikqi-vWQAYKEiHxA", "gbikqi+vWQAYKEiHxA==", "€", "a b"] {
            assert_eq!(ConnectionId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn other_ids_have_their_shapes() {
        assert_eq!(request_id().len(), 16);
        assert!(request_id().ends_with('='));
        assert_eq!(trace_id(1_727_254_954_000).len(), "Root=1-66f3d1aa-0123456789abcdef01234567".len());
        assert!(trace_id(1_727_254_954_000).starts_with("Root=1-66f3d1aa-"));
        assert_eq!(log_stream().len(), 32);
    }
}
