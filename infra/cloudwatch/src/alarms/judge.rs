//! From data points to a state: M of N, and what is missing.
//!
//! "Configuring how CloudWatch alarms treat missing data" in the user guide.

use super::State;

/// How a value is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    GreaterOrEqual,
    Greater,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// The comparison of an operator's name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "GreaterThanOrEqualToThreshold" => Self::GreaterOrEqual,
            "GreaterThanThreshold" => Self::Greater,
            "LessThanThreshold" => Self::Less,
            "LessThanOrEqualToThreshold" => Self::LessOrEqual,
            _ => return None,
        })
    }

    /// Whether a value is beyond the threshold.
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// `greater than or equal to`.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// `TreatMissingData`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    /// `missing`.
    #[default]
    Unknown,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Missing {
    /// The treatment of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "missing" => Self::Unknown,
            "ignore" => Self::Ignore,
            "breaching" => Self::Breaching,
            "notBreaching" => Self::NotBreaching,
            _ => return None,
        })
    }
}

/// How many periods are looked at for N of them. How many CloudWatch looks at is not published; its
/// example is 5 for 3.
pub(super) fn evaluation_range(evaluation_periods: usize) -> usize {
    evaluation_periods + (evaluation_periods / 3).max(2)
}

/// What the points of the evaluation range come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `None` keeps the state.
    pub(super) state: Option<State>,
    /// The points that count, as indexes of the range, oldest first.
    pub(super) counted: Vec<usize>,
    /// How many of the N had to be made up.
    pub(super) filled: usize,
}

/// Judges the points of the range, oldest first: whether each breaches, `None` where it is missing.
pub(super) fn judge(points: &[Option<bool>], m: usize, n: usize, missing: Missing) -> Verdict {
    let real: Vec<usize> = (0..points.len()).filter(|index| points.get(*index) != Some(&None)).collect();
    let counted: Vec<usize> = real.iter().copied().skip(real.len().saturating_sub(n)).collect();
    let breaches = |index: &usize| points.get(*index).copied().flatten() == Some(true);
    let breaching = counted.iter().filter(|index| breaches(index)).count();
    let filled = n.saturating_sub(counted.len());
    let decided = |breaching: usize| Some(if breaching >= m { State::Alarm } else { State::Ok });
    let state = match missing {
        _ if filled == 0 => decided(breaching),
        Missing::Breaching => decided(breaching + filled),
        Missing::NotBreaching => decided(breaching),
        Missing::Ignore if counted.is_empty() => None,
        Missing::Unknown if counted.is_empty() => Some(State::InsufficientData),
        // One that does not breach, or enough that do, says it without those that are missing.
        _ if breaching >= m || breaching < counted.len() => decided(breaching),
        Missing::Ignore => None,
        // All there is breaches: when the oldest of the newest N is M old, the alarm does not wait
        // for the others ("avoiding premature transitions to alarm state").
        Missing::Unknown => {
            let newest = points.len().saturating_sub(n);
            let oldest = counted.iter().find(|index| **index >= newest);
            let is_old = oldest.is_some_and(|index| points.len() - index >= m);
            is_old.then_some(State::Alarm)
        }
    };
    Verdict { state, counted, filled }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws as the user guide does: newest at the right, `X` breaches, `0` does not, `-` is missing.
    /// Expected: the states under missing, ignore, breaching and notBreaching, and how many are filled.
    #[track_caller]
    fn check(drawing: &str, m: usize, n: usize, expected: [Option<State>; 4], filled: usize) {
        let points: Vec<Option<bool>> = drawing
            .chars()
            .map(|point| match point {
                'X' => Some(true),
                '0' => Some(false),
                _ => None,
            })
            .collect();
        let treatments = [Missing::Unknown, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];
        for (treatment, expected) in treatments.into_iter().zip(expected) {
            let verdict = judge(&points, m, n, treatment);
            assert_eq!(verdict.state, expected, "{drawing} {m} of {n} {treatment:?}");
            assert_eq!(verdict.filled, filled, "{drawing} {m} of {n}");
        }
    }

    const OK: Option<State> = Some(State::Ok);
    const ALARM: Option<State> = Some(State::Alarm);
    const INSUFFICIENT: Option<State> = Some(State::InsufficientData);
    const KEEP: Option<State> = None;

    #[test]
    fn the_published_table_of_3_out_of_3() {
        check("0-X-X", 3, 3, [OK, OK, OK, OK], 0);
        check("0----", 3, 3, [OK, OK, OK, OK], 2);
        check("-----", 3, 3, [INSUFFICIENT, KEEP, ALARM, OK], 3);
        check("0XX-X", 3, 3, [ALARM, ALARM, ALARM, ALARM], 0);
        check("--X--", 3, 3, [ALARM, KEEP, ALARM, OK], 2);
    }

    #[test]
    fn the_published_table_of_2_out_of_3() {
        check("0-X-X", 2, 3, [ALARM, ALARM, ALARM, ALARM], 0);
        check("00X0X", 2, 3, [ALARM, ALARM, ALARM, ALARM], 0);
        check("0-X--", 2, 3, [OK, OK, ALARM, OK], 1);
        check("----0", 2, 3, [OK, OK, ALARM, OK], 2);
        check("---X-", 2, 3, [ALARM, KEEP, ALARM, OK], 2);
    }

    #[test]
    fn a_young_breach_does_not_fire_alone() {
        check("----X", 3, 3, [KEEP, KEEP, ALARM, OK], 2);
        check("---X-", 3, 3, [KEEP, KEEP, ALARM, OK], 2);
        check("--X", 1, 1, [ALARM, ALARM, ALARM, ALARM], 0);
        check("--0", 1, 1, [OK, OK, OK, OK], 0);
        check("0X-", 1, 1, [ALARM, ALARM, ALARM, ALARM], 0);
    }

    #[test]
    fn the_range_is_wider_than_the_periods() {
        for (n, range) in [(1, 3), (3, 5), (5, 7), (9, 12), (12, 16)] {
            assert_eq!(evaluation_range(n), range, "{n}");
        }
    }
}
