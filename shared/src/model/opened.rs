//! Connections by the time at which they opened: the rows that a sweep goes through.
//!
//! They stand in buckets of ten minutes, of four partitions each: a service that lets in 500
//! connections a second, API Gateway's default quota, writes 125 rows a second to one. A few
//! buckets are all connections that there can be, since none lives longer than two hours: they are
//! found and counted by some Queries, whatever else the table holds.

use crate::ids::ConnectionId;

use super::connection::{HARD_LIFE_S, ROW_LIFE_S};
use super::spread;

const MINUTE_MS: i64 = 60 * 1000;

/// A connection is listed before its handshake is answered, for which its function has 29 seconds: a
/// post before then meets 410 as if it were gone.
const HANDSHAKE_MS: i64 = 30 * 1000;

/// How long a bucket is.
const LENGTH_MS: i64 = 10 * MINUTE_MS;

/// A connection is kept alive each so many minutes: API Gateway ends one that is idle for ten.
const KEEP_ALIVE_EACH: u64 = 8;

/// When the earliest connections are renewed, in minutes after they opened. API Gateway ends them
/// after 120.
const RENEWED_FROM: u64 = 100;

/// Over how many minutes the others follow: clients that came at once do not come back at once.
const RENEWED_OVER: u64 = 15;

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

/// A connection as such a row lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Which.
    pub id: ConnectionId,
    /// When it opened: milliseconds since the epoch.
    pub at: i64,
}

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// API Gateway has ended it, and nobody has told.
    Close,
    /// It is to make way for another of the same client, soon before API Gateway ends it.
    Renew,
    /// It is to be sent something, before API Gateway ends it as idle.
    KeepAlive,
}

impl Opened {
    /// What is to be done in this minute; the same in all of it, and in the order of minutes: every
    /// connection is renewed once, and kept alive at a minute of its own out of each eight.
    #[must_use]
    pub fn due(&self, now_ms: i64) -> Option<Due> {
        if now_ms >= self.at.saturating_add(HARD_LIFE_S * 1000) {
            return Some(Due::Close);
        }
        if now_ms < self.at.saturating_add(HANDSHAKE_MS) {
            return None;
        }
        let minutes = now_ms.div_euclid(MINUTE_MS) - self.at.div_euclid(MINUTE_MS);
        let minutes = u64::try_from(minutes).ok().filter(|minutes| *minutes > 0)?;
        let number = spread::number(&self.id);
        if minutes == RENEWED_FROM + number % RENEWED_OVER {
            return Some(Due::Renew);
        }
        (minutes % KEEP_ALIVE_EACH == number % KEEP_ALIVE_EACH).then_some(Due::KeepAlive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which minutes after it opened, and `second` of such a minute, something is due.
    fn minutes(id: &str, second: i64, due: Due) -> Vec<i64> {
        // Almost at the end of a minute: the next one begins at once.
        let opened = Opened { id: id.into(), at: 1_790_328_059_000 };
        let at = |minute: i64| opened.at + minute * MINUTE_MS + second * 1000;
        (0..130).filter(|minute| opened.due(at(*minute)) == Some(due)).collect()
    }

    #[test]
    fn no_connection_is_idle_for_ten_minutes_and_each_is_renewed_once() {
        let mut renewed = std::collections::BTreeSet::new();
        for n in 0..200 {
            let (id, second) = (format!("c{n}"), n % 60);
            let (kept, renewals) = (minutes(&id, second, Due::KeepAlive), minutes(&id, second, Due::Renew));
            let mut sent = [&kept[..], &renewals].concat();
            sent.sort_unstable();
            assert!(sent[0] <= 8 && sent.windows(2).all(|pair| pair[1] - pair[0] <= 8), "{id}: {sent:?}");
            assert_eq!(renewals.len(), 1, "{id}");
            assert!((99..115).contains(&renewals[0]), "{id}: {renewals:?}");
            renewed.extend(renewals);
            assert_eq!(minutes(&id, second, Due::Close)[0], 125);
            let opened = Opened { id: id.as_str().into(), at: 1_790_328_059_000 };
            assert_eq!(opened.due(opened.at + 2000), None, "its handshake may not be answered yet");
        }
        assert!(renewed.len() >= 15, "they are spread");
    }

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
