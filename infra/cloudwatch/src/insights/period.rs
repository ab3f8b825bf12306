//! Periods of time (`5m`) and the arithmetic of `bin`, `datefloor` and `dateceil`, in UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A number of units, with CloudWatch's caps laid on: 1000 ms, 60 s, 60 min, 24 h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    count: i64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A fixed number of milliseconds.
    Fixed(i64),
    Week,
    /// So many calendar months: 1, 3 or 12.
    Months(i64),
}

/// Units by their names, and how many of them a period may count.
const UNITS: [(&[&str], Unit, i64); 9] = [
    (&["ms", "millisecond", "milliseconds", "msec", "msecs"], Unit::Fixed(1), 1000),
    (&["s", "second", "seconds", "sec", "secs"], Unit::Fixed(1000), 60),
    (&["m", "minute", "minutes", "min", "mins"], Unit::Fixed(60_000), 60),
    (&["h", "hour", "hours", "hr", "hrs"], Unit::Fixed(3_600_000), 24),
    (&["d", "day", "days"], Unit::Fixed(86_400_000), i64::MAX),
    (&["w", "week", "weeks"], Unit::Week, i64::MAX),
    (&["mo", "month", "months", "mon", "mons", "mos"], Unit::Months(1), i64::MAX),
    (&["q", "quarter", "quarters", "qtr", "qtrs"], Unit::Months(3), i64::MAX),
    (&["y", "year", "years", "yr", "yrs"], Unit::Months(12), i64::MAX),
];

/// Longest period that is counted; more overflows nothing and means nothing.
const MOST: i64 = 100_000;

impl Period {
    /// The period `count unit`; `None` for an unknown unit or a count that is no whole number
    /// above zero.
    pub(super) fn new(count: f64, unit: &str) -> Option<Self> {
        let (_, unit, cap) = UNITS.iter().find(|(names, ..)| {
            // `M` is not `m`: nothing says which it would be.
            names.contains(&unit) || (unit.len() > 1 && names.contains(&unit.to_lowercase().as_str()))
        })?;
        if count < 1.0 || count.fract() != 0.0 {
            return None;
        }
        let count = super::number::to_i64(count)?.min(*cap).min(MOST);
        Some(Self { count, unit: *unit })
    }

    /// Its length in milliseconds, when that is the same everywhere in the calendar.
    pub(super) fn fixed_ms(self) -> Option<i64> {
        match self.unit {
            Unit::Fixed(length) => Some(length * self.count),
            Unit::Week => Some(7 * 86_400_000 * self.count),
            Unit::Months(_) => None,
        }
    }

    /// The last start of a period that is not after `ms`.
    pub(super) fn floor(self, ms: i64) -> Option<i64> {
        match self.unit {
            Unit::Fixed(length) => floor_to(ms, length * self.count, 0),
            // The first Monday of the epoch is its fifth day.
            Unit::Week => floor_to(ms, 7 * 86_400_000 * self.count, 4 * 86_400_000),
            Unit::Months(months) => {
                let date = date(ms)?;
                let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
                month_start(month.div_euclid(months * self.count) * months * self.count)
            }
        }
    }

    /// The first start of a period that is not before `ms`.
    pub(super) fn ceil(self, ms: i64) -> Option<i64> {
        let floor = self.floor(ms)?;
        if floor == ms { Some(ms) } else { self.next(floor) }
    }

    /// The start of the period after the one that starts at `start`.
    pub(super) fn next(self, start: i64) -> Option<i64> {
        match self.unit {
            Unit::Months(months) => {
                let date = date(start)?;
                let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
                month_start(month + months * self.count)
            }
            Unit::Fixed(_) | Unit::Week => start.checked_add(self.fixed_ms()?),
        }
    }
}

/// The longest duration: a hundred years.
const LONGEST_MS: i64 = 36_525 * 86_400_000;

/// The milliseconds of `count unit`, without the caps of `bin`: `offset 48h` is two days. `None`
/// for an unknown unit, for one of the calendar, and for what is not above zero.
pub(super) fn duration(count: f64, unit: &str) -> Option<i64> {
    let length = Period::new(1.0, unit)?.fixed_ms()?;
    let ms = super::number::to_i64(count * super::number::from_i64(length))?;
    (1..=LONGEST_MS).contains(&ms).then_some(ms)
}

fn floor_to(ms: i64, length: i64, origin: i64) -> Option<i64> {
    ms.checked_sub(ms.checked_sub(origin)?.rem_euclid(length))
}

fn date(ms: i64) -> Option<Date> {
    Some(Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(TimeZone::UTC).date())
}

/// The first millisecond of a month, counted from year 0.
fn month_start(month: i64) -> Option<i64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let date = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
    Some(date.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A moment as results show it: `2026-08-01 10:00:00.000`, UTC.
pub(super) fn display(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%3f").to_string(),
        Err(_) => ms.to_string(),
    }
}
