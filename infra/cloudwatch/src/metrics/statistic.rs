//! Statistics: what is told of the samples of a period.
//!
//! "CloudWatch statistics definitions" in the user guide.

use std::fmt;
use std::str::FromStr;

use super::Bucket;

/// One statistic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistic {
    /// As it was written.
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// From 0 to 100.
    Percentile(f64),
    TrimmedMean(Range),
    WinsorizedMean(Range),
    TrimmedCount(Range),
    TrimmedSum(Range),
    PercentileRank(Range),
}

/// Which samples count.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    /// Shares of all samples in order of size, from 0 to 1.
    Shares(f64, f64),
    /// Values: the lower bound is not in it, the upper one is.
    Values(f64, f64),
}

/// The five that need no samples.
pub(crate) const BASIC: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

impl Statistic {
    /// Whether it is one of the five that need no samples.
    pub(crate) fn is_basic(&self) -> bool {
        BASIC.contains(&self.text.as_str())
    }

    /// The percentile, from 0 to 100, when it is one.
    pub(crate) const fn percentile(&self) -> Option<f64> {
        match self.kind {
            Kind::Percentile(percent) => Some(percent),
            _ => None,
        }
    }

    /// The statistic of a period's samples; `None` when it cannot be told of them.
    pub(crate) fn of(&self, bucket: &Bucket) -> Option<f64> {
        match self.kind {
            Kind::SampleCount => Some(bucket.count),
            Kind::Sum => Some(bucket.sum),
            Kind::Average => Some(bucket.sum / bucket.count),
            Kind::Minimum => Some(bucket.min),
            Kind::Maximum => Some(bucket.max),
            kind => sampled(kind, &bucket.sorted()?, bucket.count),
        }
        .filter(|value| value.is_finite())
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Statistic {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let kind = match text {
            "SampleCount" => Kind::SampleCount,
            "Sum" => Kind::Sum,
            "Average" => Kind::Average,
            "Minimum" => Kind::Minimum,
            "Maximum" => Kind::Maximum,
            "IQM" => Kind::TrimmedMean(Range::Shares(0.25, 0.75)),
            _ => ranged(text).or_else(|| short(text)).ok_or(())?,
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

/// `p99.9`, and `tm90`: what lies in the lowest 90 percent.
fn short(text: &str) -> Option<Kind> {
    let digits = text.find(|letter: char| letter.is_ascii_digit())?;
    let (name, number) = text.split_at_checked(digits)?;
    let percent = percent(number)?;
    let lowest = Range::Shares(0.0, percent / 100.0);
    Some(match name {
        "p" => Kind::Percentile(percent),
        "tm" => Kind::TrimmedMean(lowest),
        "wm" => Kind::WinsorizedMean(lowest),
        "tc" => Kind::TrimmedCount(lowest),
        "ts" => Kind::TrimmedSum(lowest),
        _ => return None,
    })
}

/// `TM(10%:90%)`, `TM(150:1000)`, either bound may be left out.
fn ranged(text: &str) -> Option<Kind> {
    let (name, rest) = text.split_once('(')?;
    let (low, high) = rest.strip_suffix(')')?.split_once(':')?;
    let shares = [low, high].iter().all(|bound| bound.is_empty() || bound.ends_with('%'));
    let range = if low.is_empty() && high.is_empty() {
        return None;
    } else if shares {
        let share = |bound: &str, other: f64| match bound.strip_suffix('%') {
            Some(number) => percent(number).map(|number| number / 100.0),
            None => Some(other),
        };
        Range::Shares(share(low, 0.0)?, share(high, 1.0)?)
    } else {
        let value = |bound: &str, other: f64| if bound.is_empty() { Some(other) } else { bound.parse().ok() };
        Range::Values(value(low, f64::NEG_INFINITY)?, value(high, f64::INFINITY)?)
    };
    match range {
        Range::Shares(low, high) | Range::Values(low, high) if low >= high || low.is_nan() => return None,
        _ => {}
    }
    Some(match (name, range) {
        ("TM", _) => Kind::TrimmedMean(range),
        ("WM", _) => Kind::WinsorizedMean(range),
        ("TC", _) => Kind::TrimmedCount(range),
        ("TS", _) => Kind::TrimmedSum(range),
        ("PR", Range::Values(..)) => Kind::PercentileRank(range),
        _ => return None,
    })
}

/// A number from 0 to 100 with at most ten decimals.
fn percent(text: &str) -> Option<f64> {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse().ok()?;
    (plain && decimals <= 10 && (0.0..=100.0).contains(&number)).then_some(number)
}

/// The statistics that need the samples. They are sorted, and there is at least one.
fn sampled(kind: Kind, samples: &[(f64, f64)], total: f64) -> Option<f64> {
    match kind {
        Kind::Percentile(percent) => Some(at_rank(samples, rank_up(percent / 100.0 * total))),
        Kind::TrimmedMean(range) => {
            let (sum, count) = within(range, samples, total);
            (count > 0.0).then(|| sum / count)
        }
        Kind::TrimmedCount(range) => Some(within(range, samples, total).1),
        Kind::TrimmedSum(range) => Some(within(range, samples, total).0),
        Kind::PercentileRank(range) => Some(100.0 * within(range, samples, total).1 / total),
        Kind::WinsorizedMean(range) => {
            let (low, high) = match range {
                Range::Values(low, high) => (low, high),
                Range::Shares(low, high) => {
                    (at_rank(samples, rank_down(low * total) + 1.0), at_rank(samples, rank_up(high * total)))
                }
            };
            let sum: f64 = samples.iter().map(|(value, count)| value.clamp(low, high) * count).sum();
            Some(sum / total)
        }
        Kind::SampleCount | Kind::Sum | Kind::Average | Kind::Minimum | Kind::Maximum => None,
    }
}

/// A share of all as a number of samples, where a share that is a whole number but for the
/// arithmetic is that number.
fn rank_up(rank: f64) -> f64 {
    (rank - 1e-9 * rank.max(1.0)).ceil()
}

fn rank_down(rank: f64) -> f64 {
    (rank + 1e-9 * rank.max(1.0)).floor()
}

/// The sample of a rank: the first one with so many samples up to and with it.
fn at_rank(samples: &[(f64, f64)], rank: f64) -> f64 {
    let mut seen = 0.0;
    let found = samples.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    found.or_else(|| samples.last()).map_or(f64::NAN, |(value, _)| *value)
}

/// Sum and number of the samples in a range. Of shares, whole samples count: from the one after the
/// lower share's to the one that the upper share reaches into.
fn within(range: Range, samples: &[(f64, f64)], total: f64) -> (f64, f64) {
    let (mut sum, mut number, mut seen) = (0.0, 0.0, 0.0);
    for (value, count) in samples {
        let counted = match range {
            Range::Values(low, high) if *value > low && *value <= high => *count,
            Range::Values(..) => 0.0,
            Range::Shares(low, high) => {
                let (low, high) = (rank_down(low * total), rank_up(high * total));
                ((seen + count).min(high) - f64::max(seen, low)).max(0.0)
            }
        };
        seen += count;
        sum += value * counted;
        number += counted;
    }
    (sum, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statistic of these samples.
    #[track_caller]
    fn check(statistic: &str, samples: &[f64], expected: Option<f64>) {
        let mut bucket = Bucket::default();
        samples.iter().for_each(|value| bucket.sample(*value, 1.0));
        let statistic: Statistic = statistic.parse().expect(statistic);
        assert_eq!(statistic.of(&bucket), expected, "{statistic} of {samples:?}");
    }

    const TEN: [f64; 10] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0];

    #[test]
    fn the_basic_five() {
        check("SampleCount", &TEN, Some(10.0));
        check("Sum", &TEN, Some(550.0));
        check("Average", &TEN, Some(55.0));
        check("Minimum", &TEN, Some(10.0));
        check("Maximum", &TEN, Some(100.0));
        check("Average", &[-4.0, 2.0], Some(-1.0));
    }

    #[test]
    fn percentiles() {
        check("p50", &TEN, Some(50.0));
        check("p90", &TEN, Some(90.0));
        check("p99", &TEN, Some(100.0));
        check("p99.99", &TEN, Some(100.0));
        check("p0", &TEN, Some(10.0));
        check("p100", &TEN, Some(100.0));
        check("p95.5", &[7.0], Some(7.0));
        check("p50", &[-1.0, 1.0], None);
    }

    #[test]
    fn trimmed_means_leave_the_tails_out() {
        check("tm90", &TEN, Some(50.0));
        check("TM(:90%)", &TEN, Some(50.0));
        check("TM(10%:90%)", &TEN, Some(55.0));
        check("TM(20%:)", &TEN, Some(65.0));
        check("TM(20:40)", &TEN, Some(35.0));
        check("TM(:40)", &TEN, Some(25.0));
        check("TM(1000:2000)", &TEN, None);
        check("tm99", &[5.0], Some(5.0));
        check("IQM", &[1.0, 2.0, 3.0, 4.0], Some(2.5));
        check("IQM", &[8.0], Some(8.0));
    }

    #[test]
    fn winsorized_means_move_the_tails_to_the_edge() {
        check("wm90", &TEN, Some(54.0));
        check("WM(10%:90%)", &TEN, Some(55.0));
        check("WM(20:40)", &[10.0, 30.0, 50.0], Some(30.0));
    }

    #[test]
    fn counts_sums_and_ranks() {
        check("tc90", &TEN, Some(9.0));
        check("TC(20:40)", &TEN, Some(2.0));
        check("TC(80%:100%)", &TEN, Some(2.0));
        check("ts90", &TEN, Some(450.0));
        check("TS(80%:)", &TEN, Some(190.0));
        check("TS(1000:)", &TEN, Some(0.0));
        check("PR(:30)", &TEN, Some(30.0));
        check("PR(20:40)", &TEN, Some(20.0));
        check("PR(90:)", &TEN, Some(10.0));
    }

    #[test]
    fn weights_count() {
        let mut bucket = Bucket::default();
        bucket.sample(1.0, 99.0);
        bucket.sample(500.0, 1.0);
        let of = |statistic: &str| statistic.parse::<Statistic>().unwrap().of(&bucket);
        assert_eq!((of("p99"), of("p99.1"), of("tm99")), (Some(1.0), Some(500.0), Some(1.0)));
    }

    #[test]
    fn what_is_no_statistic() {
        for text in [
            "",
            "average",
            "p",
            "p101",
            "p-1",
            "p1e1",
            "p99.12345678901",
            "P99",
            "TM",
            "TM()",
            "TM(:)",
            "TM(5:1)",
            "TM(10%:90)",
            "tm(10%:90%)",
            "PR(10%:20%)",
            "PR10",
            "xx5",
            "TM(a:b)",
            "tm",
            "IQR",
        ] {
            assert!(text.parse::<Statistic>().is_err(), "{text}");
        }
    }
}
