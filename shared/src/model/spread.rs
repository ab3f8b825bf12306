//! How the members of a channel are spread over shards.
//!
//! A shard is a partition of the table: one Query reads it, and it takes 1,000 writes a second.
//! Nearly all channels need one. A larger one has a row beside the members of its first shard,
//! which says how many it has: whoever reads the members finds it in the first page, at no cost,
//! and reads the others too.
//!
//! Whoever adds a member reads that row first, then writes: its member is in a shard that everyone
//! knows of who reads later. Nobody moves a member that is there.

use crate::ids::ConnectionId;

/// Members that one shard is to have: about a megabyte, which is one page of a Query.
pub const MEMBERS_A_SHARD: usize = 5000;

/// Shards that a channel may have.
const STEPS: [u16; 4] = [1, 4, 16, 64];

/// How long the row is kept: much longer than any member lives that was written while it was there.
const KEPT_S: i64 = 48 * 60 * 60;

/// When it has so little left, whoever adds a member prolongs it before.
const PROLONGED_BELOW_S: i64 = 24 * 60 * 60;

/// What the row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// How many shards there are.
    pub shards: u16,
    /// The row's time to live: seconds since the epoch.
    pub ttl: i64,
}

impl Spread {
    /// So many shards, at `now_s`.
    #[must_use]
    pub const fn new(shards: u16, now_s: i64) -> Self {
        Self { shards, ttl: now_s.saturating_add(KEPT_S) }
    }

    /// The row again, when it may be deleted before a member that is added now.
    #[must_use]
    pub fn prolonged(self, now_s: i64) -> Option<Self> {
        (self.ttl < now_s.saturating_add(PROLONGED_BELOW_S)).then(|| Self::new(self.shards, now_s))
    }
}

/// How many shards a channel of so many members should have, when these are too few.
#[must_use]
pub fn wider(shards: u16, members: usize) -> Option<u16> {
    let holds = |shards: u16| usize::from(shards).saturating_mul(MEMBERS_A_SHARD);
    let [.., most] = STEPS;
    let enough = STEPS.into_iter().find(|step| members <= holds(*step)).unwrap_or(most);
    (enough > shards).then_some(enough)
}

/// A number that spreads connections evenly, always the same for one (FNV-1a, folded): rows are
/// found by it again.
#[must_use]
pub fn number(connection: &ConnectionId) -> u64 {
    let hash = connection.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

/// The shard for a connection's member.
#[must_use]
pub fn shard(connection: &ConnectionId, shards: u16) -> u16 {
    u16::try_from(number(connection) % u64::from(shards.max(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_grow_with_the_members_and_never_shrink() {
        let check = |shards, members, expected| assert_eq!(wider(shards, members), expected, "{members}");
        check(1, 0, None);
        check(1, 5000, None);
        check(1, 5001, Some(4));
        check(1, 80_001, Some(64));
        check(4, 5001, None);
        check(4, 20_001, Some(16));
        check(16, 1, None);
        check(64, 10_000_000, None);
    }

    #[test]
    fn connections_are_spread_evenly() {
        let mut members = [0; 4];
        for n in 0..4000 {
            members[usize::from(shard(&format!("c{n}").into(), 4))] += 1;
        }
        assert!(members.iter().all(|shard| (900..1100).contains(shard)), "{members:?}");
        assert_eq!(shard(&"c".into(), 1), 0);
    }

    #[test]
    fn the_row_outlives_whatever_is_written_while_it_is_there() {
        let spread = Spread::new(4, 1000);
        assert_eq!(spread.prolonged(1000), None);
        let late = spread.ttl - PROLONGED_BELOW_S + 1;
        assert_eq!(spread.prolonged(late), Some(Spread::new(4, late)));
    }
}
