//! The spread of numbers in bounded memory: every number while they are few, then counts in
//! buckets that are each half a percent wide.

use std::collections::BTreeMap;

use crate::insights::number::{from_u64, from_usize, to_i64};

/// Numbers that are kept one by one.
const EXACT: usize = 4096;

/// A bucket's upper bound over its lower one.
const GROWTH: f64 = 1.005;

/// The numbers of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    exact: Vec<f64>,
    /// By signed bucket: below zero, zero, above.
    buckets: BTreeMap<(i8, i64), u64>,
}

impl Sketch {
    pub(super) fn add(&mut self, value: f64) {
        if self.buckets.is_empty() && self.exact.len() < EXACT {
            self.exact.push(value);
            return;
        }
        self.spill();
        self.count(value, 1);
    }

    fn spill(&mut self) {
        for value in std::mem::take(&mut self.exact) {
            self.count(value, 1);
        }
    }

    fn count(&mut self, value: f64, times: u64) {
        *self.buckets.entry(bucket(value)).or_default() += times;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for value in other.exact {
            self.add(value);
        }
        if !other.buckets.is_empty() {
            self.spill();
        }
        for (bucket, times) in other.buckets {
            *self.buckets.entry(bucket).or_default() += times;
        }
    }

    /// Numbers and how often each was seen, ascending.
    pub(super) fn values(mut self) -> Vec<(f64, u64)> {
        self.exact.sort_unstable_by(f64::total_cmp);
        let exact = self.exact.into_iter().map(|value| (value, 1));
        exact.chain(self.buckets.into_iter().map(|(bucket, times)| (middle(bucket), times))).collect()
    }

    /// The smallest number that `percent` of all numbers do not exceed.
    pub(super) fn percentile(self, percent: f64) -> Option<f64> {
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
    pub(super) fn ranges(self, count: usize) -> Vec<(f64, f64, u64)> {
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

fn bucket(value: f64) -> (i8, i64) {
    if value == 0.0 {
        return (0, 0);
    }
    let place = to_i64((value.abs().ln() / GROWTH.ln()).floor()).unwrap_or_default();
    if value > 0.0 { (1, place) } else { (-1, -place) }
}

fn middle((sign, place): (i8, i64)) -> f64 {
    let at = crate::insights::number::from_i64(place);
    match sign {
        0 => 0.0,
        1 => GROWTH.powf(at + 0.5),
        _ => -GROWTH.powf(-at + 0.5),
    }
}
