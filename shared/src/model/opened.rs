//! Connections by the time at which they opened: the rows that a sweep goes through.
//!
//! They stand in buckets of ten minutes, of four partitions each: a service that lets in 500
//! connections a second, API Gateway's default quota, writes 125 rows a second to one. A few
//! buckets are all connections that there can be, since none lives longer than two hours: they are
//! found and counted by some Queries, whatever else the table holds.

use crate::ids::ConnectionId;

use super::connection::ROW_LIFE_S;
use super::spread;

/// Milliseconds.
const LENGTH_MS: i64 = 10 * 60 * 1000;

/// Partitions of a bucket.
const PARTS: u16 = 4;

/// One partition of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Which ten minutes since the epoch.
    pub number: i64,
    /// Which part of its connections.
    pub part: u16,
}

impl Bucket {
    /// Where a connection is listed that was opened at that time, in milliseconds since the epoch.
    #[must_use]
    pub fn of(connection: &ConnectionId, connected_at: i64) -> Self {
        Self { number: connected_at.div_euclid(LENGTH_MS), part: spread::shard(connection, PARTS) }
    }

    /// All that may list a connection at `now_ms`, the oldest first.
    pub fn all(now_ms: i64) -> impl Iterator<Item = Self> {
        let number = |ms: i64| ms.div_euclid(LENGTH_MS);
        let numbers = number(now_ms.saturating_sub(ROW_LIFE_S * 1000))..=number(now_ms);
        numbers.flat_map(|number| (0..PARTS).map(move |part| Self { number, part }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_that_can_be_is_in_one_of_a_few_buckets() {
        let now = 1_790_328_012_000;
        let all: Vec<_> = Bucket::all(now).collect();
        assert_eq!(all.len(), 15 * usize::from(PARTS));
        assert!(all.is_sorted());
        for age_min in 0..=135 {
            let bucket = Bucket::of(&format!("c{age_min}").into(), now - age_min * 60_000);
            assert!(all.contains(&bucket), "{age_min}");
        }
    }
}
