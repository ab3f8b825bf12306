//! The connection row, and how long rows live.

use std::collections::BTreeMap;

use crate::auth::caps::Caps;
use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::protocol::codec::MAX_COMMANDS;

/// Channels that one connection may be subscribed to: the row then still fits 8 KB.
pub const MAX_SUBSCRIPTIONS: usize = 100;

/// API Gateway ends a connection after two hours; five minutes more and it is surely gone.
pub(super) const HARD_LIFE_S: i64 = (2 * 60 + 5) * 60;

/// The connection's own row outlives the rows it lists, so that they can be cleaned by it.
pub(super) const ROW_LIFE_S: i64 = HARD_LIFE_S + 10 * 60;

/// How long a client whose token has expired may take to bring another: a refresh is on its way
/// while the old token ends.
const TOKEN_GRACE_S: i64 = 60;

/// How long a closed row stays to refuse whatever was on its way.
const TOMBSTONE_LIFE_S: i64 = 15 * 60;

/// Whether the connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Rows may be added to it.
    Open,
    /// A tombstone: nothing may be added.
    Closed,
}

impl State {
    /// As the attribute `st` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A subscription of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which.
    pub id: SubscriptionId,
    /// When the token that allows it expires: seconds since the epoch.
    pub expires_at: Option<i64>,
    /// Whether the client is told who joins and leaves.
    pub hears_joins: bool,
}

impl<T: Into<SubscriptionId>> From<T> for Subscription {
    /// One that lasts as long as its connection.
    fn from(id: T) -> Self {
        Self { id: id.into(), expires_at: None, hears_joins: false }
    }
}

impl Subscription {
    /// Whether its token has expired and was not refreshed in time.
    #[must_use]
    pub fn has_expired(&self, now_s: i64) -> bool {
        self.expires_at.is_some_and(|at| now_s >= at.saturating_add(TOKEN_GRACE_S))
    }
}

/// A connection's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whether it lives.
    pub state: State,
    /// Who it is; `None` while nobody has said so, and for an anonymous client.
    pub user: Option<UserId>,
    /// What its token says of it, as JSON that others may see.
    pub info: Option<String>,
    /// When its token expires: seconds since the epoch.
    pub token_expires_at: Option<i64>,
    /// What its token allows beside what namespaces allow.
    pub caps: Caps,
    /// Whether the client has sent its `connect` command and was let in.
    pub greeted: bool,
    /// The channels it is subscribed to.
    pub subscriptions: BTreeMap<Channel, Subscription>,
    /// When it was opened: milliseconds since the epoch.
    pub connected_at: i64,
    /// Until when its commands have used up their rate: milliseconds since the epoch.
    pub busy_until: i64,
}

/// How many commands a connection may send. A bucket of one frame's commands, and as many as are
/// allowed in a second, is full at first and fills up at this rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Commands a second, above 0.
    pub per_second: u32,
}

impl Rate {
    /// Until when so many commands at `now_ms` use up the rate; `None` when they are too many.
    #[must_use]
    pub fn spend(self, busy_until: i64, commands: usize, now_ms: i64) -> Option<i64> {
        let takes = |commands: usize| {
            let commands = i64::try_from(commands).unwrap_or(i64::MAX);
            commands.saturating_mul(1000).saturating_div(i64::from(self.per_second.max(1)))
        };
        let until = busy_until.max(now_ms).saturating_add(takes(commands));
        (until - now_ms <= takes(MAX_COMMANDS) + 1000).then_some(until)
    }
}

impl Connection {
    /// A connection that was just opened.
    #[must_use]
    pub const fn opened(id: ConnectionId, user: Option<UserId>, connected_at: i64) -> Self {
        Self {
            id,
            state: State::Open,
            user,
            info: None,
            token_expires_at: None,
            caps: Caps::NONE,
            greeted: false,
            subscriptions: BTreeMap::new(),
            connected_at,
            busy_until: 0,
        }
    }

    /// When rows of this connection count as gone: seconds since the epoch.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        let hard = self.connected_at.div_euclid(1000) + HARD_LIFE_S;
        self.token_expires_at.map_or(hard, |at| hard.min(at.saturating_add(TOKEN_GRACE_S)))
    }

    /// When the row of one of its members counts as gone: seconds since the epoch.
    #[must_use]
    pub fn member_expires_at(&self, subscription: &Subscription) -> i64 {
        let own = self.expires_at();
        subscription.expires_at.map_or(own, |at| own.min(at.saturating_add(TOKEN_GRACE_S)))
    }

    /// Whether its token has expired and was not refreshed in time.
    #[must_use]
    pub fn has_expired(&self, now_s: i64) -> bool {
        self.token_expires_at.is_some_and(|at| now_s >= at.saturating_add(TOKEN_GRACE_S))
    }

    /// The time to live of the connection's own row: seconds since the epoch.
    #[must_use]
    pub const fn row_ttl(&self) -> i64 {
        self.connected_at.div_euclid(1000) + ROW_LIFE_S
    }
}

/// The time to live of a tombstone made at `now_s`: seconds since the epoch.
#[must_use]
pub const fn tombstone_ttl(now_s: i64) -> i64 {
    now_s + TOMBSTONE_LIFE_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_up() {
        let rate = Rate { per_second: 10 };
        let spend = |busy_until, commands, now_ms| rate.spend(busy_until, commands, now_ms);
        assert_eq!(spend(0, MAX_COMMANDS, 5000), Some(5000 + 6400));
        assert_eq!(spend(11_400, 10, 5000), Some(12_400));
        assert_eq!(spend(12_400, 1, 5000), None);
        assert_eq!(spend(12_400, 1, 5100), Some(12_500));
        assert_eq!(spend(12_500, 1, 60_000), Some(60_100));
        assert_eq!(spend(0, MAX_COMMANDS + 11, 5000), None);
    }
}
