//! The spread of numbers in bounded memory: every number while they are few, then counts in
//! buckets that are each half a percent wide.

use crate::insights::number::{from_i64, from_u64, from_usize, to_i64};

/// Numbers that are kept one by one.
const EXACT: usize = 4096;

/// A bucket's upper bound over its lower one.
const GROWTH: f64 = 1.005;

/// Buckets go from 1e-12 to 1e18; what is beyond counts in the last one.
const LEAST: i64 = -5540;
const MOST: i64 = 8310;

/// The numbers of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    exact: Vec<f64>,
    spilled: bool,
    below: Buckets,
    zeros: u64,
    above: Buckets,
}

/// Counts by the size of a number, from some first bucket on.
#[derive(Debug, Clone, Default)]
struct Buckets {
    first: i64,
    counts: Vec<u64>,
}

impl Buckets {
    fn add(&mut self, bucket: i64, times: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let more = usize::try_from(self.first - bucket).unwrap_or_default();
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        }
        let place = usize::try_from(bucket - self.first).unwrap_or_default();
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += times;
        }
    }

    /// Buckets and their counts, the smallest numbers first.
    fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> {
        let place =
            |(place, count): (usize, &u64)| (self.first + i64::try_from(place).unwrap_or_default(), *count);
        self.counts.iter().enumerate().map(place).filter(|(_, count)| *count > 0)
    }

    fn merge(&mut self, other: &Self) {
        for (bucket, times) in other.iter() {
            self.add(bucket, times);
        }
    }
}

impl Sketch {
    pub(super) fn add(&mut self, value: f64) {
        if !self.spilled && self.exact.len() < EXACT {
            self.exact.push(value);
            return;
        }
        self.spill();
        self.count(value);
    }

    fn spill(&mut self) {
        self.spilled = true;
        for value in std::mem::take(&mut self.exact) {
            self.count(value);
        }
    }

    fn count(&mut self, value: f64) {
        let bucket =
            || to_i64((value.abs().ln() / GROWTH.ln()).floor()).unwrap_or_default().clamp(LEAST, MOST);
        if value > 0.0 {
            self.above.add(bucket(), 1);
        } else if value < 0.0 {
            self.below.add(bucket(), 1);
        } else {
            self.zeros += 1;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        if other.spilled {
            self.spill();
        }
        for value in other.exact {
            self.add(value);
        }
        self.below.merge(&other.below);
        self.zeros += other.zeros;
        self.above.merge(&other.above);
    }

    /// Numbers and how often each was seen, ascending.
    fn values(&self) -> Vec<(f64, u64)> {
        if !self.spilled {
            let mut exact = self.exact.clone();
            exact.sort_unstable_by(f64::total_cmp);
            return exact.into_iter().map(|value| (value, 1)).collect();
        }
        let middle = |bucket: i64| GROWTH.powf(from_i64(bucket) + 0.5);
        let below = self.below.iter().rev().map(|(bucket, times)| (-middle(bucket), times));
        let above = self.above.iter().map(|(bucket, times)| (middle(bucket), times));
        below.chain((self.zeros > 0).then_some((0.0, self.zeros))).chain(above).collect()
    }

    /// The smallest number that `percent` of all numbers do not exceed.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let values = self.values();
        let total: u64 = values.iter().map(|(_, times)| times).sum();
        let rank = (from_u64(total) * percent / 100.0).ceil().max(1.0);
        let mut seen = 0.0;
        values.into_iter().find_map(|(value, times)| {
            seen += from_u64(times);
            (seen >= rank).then_some(value)
        })
    }

    /// Counts in so many ranges of equal width: (from, to, count).
    pub(super) fn ranges(&self, count: usize) -> Vec<(f64, f64, u64)> {
        let values = self.values();
        let (Some((least, _)), Some((most, _))) = (values.first().copied(), values.last().copied()) else {
            return Vec::new();
        };
        let width = (most - least) / from_usize(count);
        if width <= 0.0 {
            return vec![(least, most, values.iter().map(|(_, times)| times).sum())];
        }
        let edge = |place: usize| if place == count { most } else { least + width * from_usize(place) };
        let mut ranges: Vec<_> = (0..count).map(|place| (edge(place), edge(place + 1), 0)).collect();
        for (value, times) in values {
            let place = to_i64((value - least) / width).and_then(|place| usize::try_from(place).ok());
            if let Some((_, _, counted)) = ranges.get_mut(place.unwrap_or_default().min(count - 1)) {
                *counted += times;
            }
        }
        ranges
    }
}
