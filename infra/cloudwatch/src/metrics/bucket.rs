//! What is kept of one metric for one stretch of time: the sums, and the samples themselves.

use std::borrow::Cow;

use super::Values;

/// Different samples that a stretch of time keeps while it is written.
pub(super) const LIVE_SAMPLES: usize = 4096;

/// How wide the steps are to which samples are rounded when there are too many: half a percent.
const STEP: f64 = 0.005;

/// The sums and samples of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bucket {
    /// How many samples.
    pub(crate) count: f64,
    /// All together.
    pub(crate) sum: f64,
    /// The smallest; meaningless while there is none.
    pub(crate) min: f64,
    /// The largest; meaningless while there is none.
    pub(crate) max: f64,
    /// Values, each with how often it was seen, in no order.
    samples: Vec<(f64, f64)>,
    /// A statistic set is part of the sums, so that the samples are not all of it.
    opaque: bool,
}

impl Bucket {
    /// Adds what was measured.
    pub(super) fn add(&mut self, values: &Values) {
        match values {
            Values::Samples(samples) => samples.iter().for_each(|(value, count)| self.sample(*value, *count)),
            Values::Statistics { min, max, sum, count } => self.statistics(*min, *max, *sum, *count),
        }
    }

    /// Adds one value, seen so many times.
    pub(crate) fn sample(&mut self, value: f64, count: f64) {
        if count <= 0.0 {
            return;
        }
        self.sums(value, value, value * count, count);
        match self.samples.last_mut() {
            Some(last) if last.0.to_bits() == value.to_bits() => last.1 += count,
            _ => self.samples.push((value, count)),
        }
        if self.samples.len() >= LIVE_SAMPLES {
            self.shrink(LIVE_SAMPLES / 2);
        }
    }

    /// Adds a statistic set. "Percentiles" in CloudWatch's user guide: of a set, percentiles can be
    /// told only when it has one sample, or samples that are all the same.
    fn statistics(&mut self, min: f64, max: f64, sum: f64, count: f64) {
        #[expect(clippy::float_cmp, reason = "the rule is about equal numbers")]
        let same = count == 1.0 || (min == max && sum == min * count);
        if same {
            return self.sample(sum / count, count);
        }
        if count > 0.0 {
            self.sums(min, max, sum, count);
            self.opaque = true;
        }
    }

    fn sums(&mut self, min: f64, max: f64, sum: f64, count: f64) {
        if self.count > 0.0 {
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        } else {
            (self.min, self.max) = (min, max);
        }
        self.count += count;
        self.sum += sum;
    }

    /// Takes in another one; its samples only when they are wanted.
    pub(super) fn absorb(&mut self, other: &Self, with_samples: bool) {
        if other.count <= 0.0 {
            return;
        }
        self.sums(other.min, other.max, other.sum, other.count);
        self.opaque |= other.opaque;
        if with_samples {
            self.samples.extend_from_slice(&other.samples);
        }
    }

    /// The samples in order of size; `None` when they are not all known, or one is negative: then
    /// CloudWatch gives no percentiles.
    pub(crate) fn sorted(&self) -> Option<Cow<'_, [(f64, f64)]>> {
        if self.opaque || self.min < 0.0 || self.samples.is_empty() {
            return None;
        }
        // A minute often has one sample, and what has aged is in order.
        if self.samples.is_sorted_by(|left, right| left.0.total_cmp(&right.0).is_le()) {
            return Some(Cow::Borrowed(&self.samples));
        }
        let mut samples = self.samples.clone();
        samples.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        Some(Cow::Owned(samples))
    }

    /// Keeps at most so many different samples (at least 8): equal ones are put together, then those
    /// that differ by less and less little, as their mean. The sums stay what they are.
    pub(super) fn shrink(&mut self, limit: usize) {
        if self.samples.len() <= limit {
            return;
        }
        self.samples.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        join(&mut self.samples, |value| value.to_bits());
        let mut width = STEP;
        while self.samples.len() > limit.max(8) {
            join(&mut self.samples, |value| step(value, width));
            width *= 2.0;
        }
        self.samples.shrink_to_fit();
    }
}

impl Bucket {
    /// This, as a file keeps it.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let sums = [self.count, self.sum, self.min, self.max];
        let samples = self.samples.iter().flat_map(|(value, count)| [*value, *count]);
        let mut bytes = vec![u8::from(self.opaque)];
        bytes.extend(sums.into_iter().chain(samples).flat_map(f64::to_le_bytes));
        bytes
    }

    /// Reads what [`Self::to_bytes`] has written; `None` when it is anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (opaque, numbers) = bytes.split_first()?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let numbers: Vec<f64> = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let ([count, sum, min, max], samples) = numbers.split_first_chunk::<4>()?;
        let (samples, odd) = samples.as_chunks::<2>();
        let samples = samples.iter().map(|[value, count]| (*value, *count)).collect();
        let read = Self { count: *count, sum: *sum, min: *min, max: *max, samples, opaque: *opaque != 0 };
        (rest.is_empty() && odd.is_empty()).then_some(read)
    }
}

/// Puts neighbours of the same key together.
fn join<K: PartialEq>(samples: &mut Vec<(f64, f64)>, key: impl Fn(f64) -> K) {
    samples.dedup_by(|next, kept| {
        let same = key(next.0) == key(kept.0);
        if same {
            let count = kept.1 + next.1;
            // Equal values stay exactly what they are.
            if next.0.to_bits() != kept.0.to_bits() {
                kept.0 = (kept.0 * kept.1 + next.0 * next.1) / count;
            }
            kept.1 = count;
        }
        same
    });
}

/// The step of a value on a scale whose steps are all wide by the same share.
fn step(value: f64, width: f64) -> (bool, f64) {
    let magnitude = value.abs().max(f64::MIN_POSITIVE);
    (value > 0.0, (magnitude.ln() / width).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_samples_are_kept_as_they_are() {
        let mut bucket = Bucket::default();
        for value in [3.0, 1.0, 1.0, 2.0] {
            bucket.sample(value, 1.0);
        }
        assert_eq!((bucket.count, bucket.sum, bucket.min, bucket.max), (4.0, 7.0, 1.0, 3.0));
        assert_eq!(bucket.sorted().unwrap().as_ref(), [(1.0, 2.0), (2.0, 1.0), (3.0, 1.0)]);
    }

    #[test]
    fn many_samples_are_bounded_and_stay_within_a_percent() {
        let mut bucket = Bucket::default();
        for number in 1..=100_000 {
            bucket.sample(f64::from(number) / 100.0, 1.0);
        }
        assert_eq!((bucket.count, bucket.min, bucket.max), (100_000.0, 0.01, 1000.0));
        let sorted = bucket.sorted().unwrap();
        assert!(sorted.len() < LIVE_SAMPLES, "{}", sorted.len());
        let mut seen = 0.0;
        let median = sorted.iter().find(|(_, count)| {
            seen += count;
            seen >= 50_000.0
        });
        let median = median.unwrap().0;
        assert!((median - 500.0).abs() < 5.0, "{median}");
    }

    #[test]
    fn bytes_are_read_as_they_were_written() {
        let mut bucket = Bucket::default();
        bucket.add(&Values::Samples(vec![(1.5, 2.0), (-3.0, 1.0)]));
        bucket.add(&Values::Statistics { min: 1.0, max: 3.0, sum: 6.0, count: 3.0 });
        let bytes = bucket.to_bytes();
        assert_eq!(Bucket::from_bytes(&bytes), Some(bucket));
        for broken in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() - 8], &[]] {
            assert_eq!(Bucket::from_bytes(broken), None);
        }
    }

    #[test]
    fn statistic_sets_have_samples_only_when_they_cannot_differ() {
        let check = |min, max, sum, count, expected: Option<Vec<(f64, f64)>>| {
            let mut bucket = Bucket::default();
            bucket.add(&Values::Statistics { min, max, sum, count });
            assert_eq!(bucket.sorted().map(Cow::into_owned), expected);
        };
        check(1.0, 3.0, 6.0, 3.0, None);
        check(2.0, 2.0, 6.0, 3.0, Some(vec![(2.0, 3.0)]));
        check(5.0, 5.0, 5.0, 1.0, Some(vec![(5.0, 1.0)]));
        check(-1.0, -1.0, -1.0, 1.0, None);
    }
}
