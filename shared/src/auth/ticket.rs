//! One-time tickets: what opens one handshake, where a token must not stand in a URL.
//!
//! A browser can put nothing but a URL and subprotocols into a handshake, and URLs end in logs. A
//! ticket that somebody reads there is used up.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::UserId;

/// Seconds that a ticket waits for its handshake.
pub const TTL_S: i64 = 60;

/// Whom a handshake lets in, as its token says, or as its ticket was issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The user.
    pub user: UserId,
    /// JSON about the client that others may see.
    pub info: Option<String>,
    /// Until when the client may stay without another token: seconds since the epoch.
    pub expires_at: Option<i64>,
}

/// A ticket: 32 hexadecimal digits, of which 122 bits cannot be guessed.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    /// A new one.
    #[must_use]
    pub fn draw() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// A client's; `None` when it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// What the client is given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is remembered of it: who reads the table cannot connect with what is there.
    #[must_use]
    pub fn hash(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A ticket is a secret.
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_known_by_its_hash_only() {
        let ticket = Ticket::parse("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(ticket.hash(), "5947d7c33d783f94b3b4c1a96ebc8991ed28f1b069b71e03376cba8caa98a720");
        assert_eq!(format!("{ticket:?}"), "Ticket { .. }");
    }

    #[test]
    fn no_two_are_the_same_and_each_is_one() {
        let (one, other) = (Ticket::draw(), Ticket::draw());
        assert_ne!(one, other);
        assert_eq!(Ticket::parse(one.as_str()), Some(one));
        for wrong in ["", "abc", &"x".repeat(32), &"A".repeat(32), &"a".repeat(33)] {
            assert_eq!(Ticket::parse(wrong), None);
        }
    }
}
