//! A channel's sequence: its head, its entries, and what may be concluded from those that are
//! missing.
//!
//! A publisher moves the head, which gives it an offset, then writes its entry. A function that
//! ends between the two leaves a hole; so does a publisher that is on its way. A hole may also be
//! what DynamoDB has left of an entry that has expired. Only the first kind may be closed.

use crate::channel::Retention;
use crate::ids::{ConnectionId, UserId};

/// How long a publisher may take from the head to its entry before a reader closes its place.
/// Nothing depends on it but who has to try again: both write under a condition.
pub const HOLE_CLOSES_AFTER_MS: i64 = 2000;

/// No function lives as long: what is older is nobody's to deliver any more.
pub const SETTLED_AFTER_MS: i64 = 60_000;

/// How much longer than readers look at it an entry stays in the table. An entry that is missing
/// beside one that readers look at has then never been written, as their times are this close:
/// no function lives a quarter of an hour.
const ENTRY_GRACE_S: i64 = 60 * 60;

/// How much longer than its last entry a channel's sequence goes on. After that, another begins.
const HEAD_GRACE_S: i64 = 30 * 24 * 60 * 60;

/// Where a channel's sequence stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Which sequence: new when a channel begins, never used twice.
    pub epoch: String,
    /// The last offset that was given out; 0 before the first.
    pub offset: u64,
    /// When: milliseconds since the epoch.
    pub moved_at: i64,
    /// Up to where an ordered channel was delivered; `None` if never in order.
    pub delivered: Option<u64>,
    /// Until when somebody delivers it: milliseconds since the epoch.
    pub busy_until: Option<i64>,
    /// Up to here a server has removed the history; 0 if it never did.
    pub removed: u64,
}

/// Who wants to deliver an ordered channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// No two frames have the same.
    pub owner: &'a str,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// When others may take it: milliseconds since the epoch.
    pub until_ms: i64,
}

/// A step of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// By how many offsets: 1 for a publication, 0 to begin a sequence if there is none.
    pub by: u64,
    /// The epoch if it begins now.
    pub new_epoch: &'a str,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// The head's time to live: seconds since the epoch.
    pub ttl: i64,
}

/// What stands at an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub offset: u64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The publication; `None` for a place that a reader has closed.
    pub kept: Option<Kept>,
}

/// A publication as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The publisher's JSON, as it came.
    pub data: String,
    /// Who published; `None` for an anonymous client.
    pub user: Option<UserId>,
    /// By which connection; `None` when a server did.
    pub client: Option<ConnectionId>,
    /// What its token says of it, as JSON.
    pub info: Option<String>,
    /// A server's own notes: a JSON object of texts.
    pub tags: Option<String>,
}

/// Some entries in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Ordered by offset, in the direction that was asked for.
    pub entries: Vec<Entry>,
    /// Whether there are more in that direction.
    pub more: bool,
}

impl Entry {
    /// Whether readers still look at it.
    #[must_use]
    pub const fn is_live(&self, retention: Retention, now_ms: i64) -> bool {
        self.at.saturating_add(retention.ttl_s.saturating_mul(1000)) > now_ms
    }

    /// The time to live of its row: seconds since the epoch.
    #[must_use]
    pub const fn ttl(&self, retention: Retention) -> i64 {
        self.at.div_euclid(1000).saturating_add(retention.ttl_s).saturating_add(ENTRY_GRACE_S)
    }
}

/// The time to live of a head that moves at `now_s`: seconds since the epoch.
#[must_use]
pub const fn head_ttl(retention: Retention, now_s: i64) -> i64 {
    now_s.saturating_add(retention.ttl_s).saturating_add(HEAD_GRACE_S)
}

/// A stretch of a sequence as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Entries in order; the one at `after` is among them when it is still there.
    pub entries: &'a [Entry],
    /// The stretch begins behind this offset.
    pub after: u64,
    /// And ends with the head.
    pub head: &'a Head,
    /// What is kept.
    pub retention: Retention,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// What a stretch is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is missing up to this offset. When that is not the head, a publisher is on its way
    /// to the next one.
    Whole(u64),
    /// Something has expired, or may have.
    Lost,
    /// These places were given out and never filled.
    Abandoned(Vec<Entry>),
}

/// Looks for what is missing.
#[must_use]
pub fn examine(stretch: &Stretch<'_>) -> Verdict {
    let Stretch { entries, after, head, retention, now_ms } = *stretch;
    let is_live = |entry: &&Entry| entry.is_live(retention, now_ms);
    // What stands beside an entry that has not expired has not expired either.
    let mut sure = entries.iter().filter(is_live).any(|entry| entry.offset == after);
    let mut next = after + 1;
    let mut abandoned = Vec::new();
    let end = Entry { offset: head.offset + 1, at: head.moved_at, kept: None };
    for entry in entries.iter().filter(|entry| entry.offset > after).chain([&end]) {
        if next < entry.offset && !sure {
            return Verdict::Lost;
        }
        // The next one's publisher got its offset later, so a hole is at least as old.
        if next < entry.offset && now_ms.saturating_sub(entry.at) < HOLE_CLOSES_AFTER_MS {
            return if abandoned.is_empty() {
                Verdict::Whole(next - 1)
            } else {
                Verdict::Abandoned(abandoned)
            };
        }
        abandoned.extend((next..entry.offset).map(|offset| Entry { offset, at: entry.at, kept: None }));
        if entry.offset <= head.offset && !is_live(&entry) {
            return Verdict::Lost;
        }
        sure = true;
        next = entry.offset + 1;
    }
    if abandoned.is_empty() { Verdict::Whole(head.offset) } else { Verdict::Abandoned(abandoned) }
}

/// What is to be delivered next in an ordered channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// What stands behind `after`, up to `to`: it is all there.
    Ready {
        /// Where the stretch begins, or behind what is not kept any more.
        after: u64,
        /// A publisher may be on its way to the next offset.
        to: u64,
    },
    /// These places were given out and never filled.
    Abandoned(Vec<Entry>),
}

/// Looks for what is to be delivered next. The stretch begins behind what was delivered.
#[must_use]
pub fn due(stretch: &Stretch<'_>) -> Due {
    let Stretch { entries, head, retention, now_ms, .. } = *stretch;
    // Rows outlive what readers look at: what is older is not missing from the table yet.
    let longer = Retention { ttl_s: retention.ttl_s.saturating_add(ENTRY_GRACE_S / 2), ..retention };
    match examine(&Stretch { retention: longer, ..*stretch }) {
        Verdict::Whole(to) => Due::Ready { after: stretch.after, to },
        Verdict::Abandoned(holes) => Due::Abandoned(holes),
        // Whoever is not on its way any more has left something that nobody can tell from what has
        // expired: it is passed, and so is what comes behind it, for whom it was missing recovers.
        Verdict::Lost => {
            let settled = |at: i64| now_ms.saturating_sub(at) >= HOLE_CLOSES_AFTER_MS;
            let last = entries.iter().rfind(|entry| settled(entry.at)).map_or(0, |entry| entry.offset);
            let last = if settled(head.moved_at) { head.offset } else { last };
            let after = stretch.after.max(last);
            Due::Ready { after, to: after }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000_000;
    const RETENTION: Retention = Retention { size: 10, ttl_s: 60 };

    /// Entries as offset and age in seconds; the head as offset and age.
    #[track_caller]
    fn check(entries: &[(u64, i64)], after: u64, head: (u64, i64), expected: &str) {
        let entry = |&(offset, age): &(u64, i64)| Entry { offset, at: NOW - age * 1000, kept: None };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        let head =
            Head { epoch: "e".into(), offset: head.0, moved_at: NOW - head.1 * 1000, ..Head::default() };
        let stretch = Stretch { entries: &entries, after, head: &head, retention: RETENTION, now_ms: NOW };
        let seen = match examine(&stretch) {
            Verdict::Whole(to) => format!("whole to {to}"),
            Verdict::Lost => "lost".to_owned(),
            Verdict::Abandoned(holes) => {
                let hole = |entry: &Entry| format!("{} of {} s ago", entry.offset, (NOW - entry.at) / 1000);
                holes.iter().map(hole).collect::<Vec<_>>().join(", ")
            }
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_there_is_whole() {
        check(&[(1, 5), (2, 4), (3, 3)], 0, (3, 3), "whole to 3");
        check(&[(3, 3)], 2, (3, 3), "whole to 3");
        check(&[], 3, (3, 3), "whole to 3");
    }

    #[test]
    fn a_hole_is_left_to_its_publisher_for_a_while_and_closed_then() {
        check(&[(4, 9)], 4, (5, 1), "whole to 4");
        check(&[(4, 9)], 4, (5, 2), "5 of 2 s ago");
        check(&[(4, 9), (7, 5)], 4, (8, 1), "5 of 5 s ago, 6 of 5 s ago");
        check(&[(4, 9), (7, 1)], 4, (8, 1), "whole to 4");
        check(&[(4, 9), (5, 8), (7, 3), (9, 0)], 4, (9, 0), "6 of 3 s ago");
    }

    #[test]
    fn what_may_have_expired_is_lost() {
        check(&[(1, 61), (2, 4)], 0, (2, 4), "lost");
        check(&[(2, 4)], 0, (2, 4), "lost");
        check(&[(2, 0)], 0, (2, 0), "lost");
        check(&[(4, 61), (6, 1)], 4, (6, 1), "lost");
        check(&[], 4, (6, 1), "lost");
    }

    #[test]
    fn an_ordered_channel_is_delivered_up_to_the_first_hole() {
        #[track_caller]
        fn check(entries: &[(u64, i64)], delivered: u64, head: (u64, i64), expected: &str) {
            let entry = |&(offset, age): &(u64, i64)| Entry { offset, at: NOW - age * 1000, kept: None };
            let entries: Vec<_> = entries.iter().map(entry).collect();
            let head = Head { offset: head.0, moved_at: NOW - head.1 * 1000, ..Head::default() };
            let (after, retention, now_ms) = (delivered, RETENTION, NOW);
            let seen = match due(&Stretch { entries: &entries, after, head: &head, retention, now_ms }) {
                Due::Ready { after, to } => format!("{after} to {to}"),
                Due::Abandoned(holes) => format!("{} holes", holes.len()),
            };
            assert_eq!(seen, expected);
        }
        check(&[(4, 9), (5, 1), (6, 0)], 4, (6, 0), "4 to 6");
        check(&[(4, 9), (6, 1)], 4, (6, 1), "4 to 4");
        check(&[(4, 9), (5, 1)], 4, (6, 1), "4 to 5");
        check(&[(4, 9), (6, 2)], 4, (6, 2), "1 holes");
        // A quiet channel, whose last publication is older than readers look at.
        check(&[(4, 900), (6, 1)], 4, (6, 1), "4 to 4");
        check(&[(4, 900), (6, 2)], 4, (6, 2), "1 holes");
        check(&[(6, 1)], 4, (6, 1), "4 to 4");
        check(&[(6, 2)], 4, (6, 2), "6 to 6");
        check(&[(4, 90), (5, 61)], 4, (7, 60), "2 holes");
        // What nobody can be about to publish any more, and may have expired.
        check(&[(4, 4000), (6, 61), (8, 1)], 4, (8, 1), "6 to 6");
        check(&[(6, 90)], 4, (8, 60), "8 to 8");
        check(&[], 0, (1, 0), "0 to 0");
    }

    #[test]
    fn rows_outlive_what_readers_look_at() {
        let entry = Entry { offset: 1, at: NOW, kept: None };
        assert!(entry.is_live(RETENTION, NOW + 59_999) && !entry.is_live(RETENTION, NOW + 60_000));
        assert_eq!(entry.ttl(RETENTION), NOW / 1000 + 60 + 3600);
        assert!(head_ttl(RETENTION, NOW / 1000) > entry.ttl(RETENTION));
    }
}
