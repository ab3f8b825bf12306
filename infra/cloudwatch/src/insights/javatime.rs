//! Texts of dates by the patterns of Java's `DateTimeFormatter`, which `parseDate` takes.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What a text has said so far.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
}

/// The moment in epoch milliseconds; `None` when the text does not follow the pattern, the pattern
/// has an unknown letter, or there is no such date.
pub(super) fn parse(text: &str, pattern: &str, zone: TimeZone) -> Option<i64> {
    let mut parts = Parts {
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        zone: None,
    };
    let mut rest = text;
    let mut pattern = pattern;
    while let Some(letter) = pattern.chars().next() {
        if letter == '\'' {
            let (literal, after) = quoted(pattern)?;
            rest = rest.strip_prefix(literal.as_str())?;
            pattern = after;
        } else if letter.is_ascii_alphabetic() {
            let width = pattern.len() - pattern.trim_start_matches(letter).len();
            pattern = pattern.get(width..)?;
            // Fields that touch have fixed widths: `yyyyMMdd`.
            let touches = pattern.chars().next().is_some_and(|next| next.is_ascii_alphabetic());
            rest = parts.read(letter, width, touches, rest)?;
        } else {
            rest = rest.strip_prefix(letter)?;
            pattern = pattern.get(letter.len_utf8()..)?;
        }
    }
    if rest.is_empty() { parts.moment(zone) } else { None }
}

/// A fixed offset: `+01:00`, `+0100`, `+01` or `Z`.
pub(super) fn offset(text: &str) -> Option<TimeZone> {
    let (zone, rest) = read_offset(text)?;
    rest.is_empty().then_some(zone)
}

/// The text between quotes at the start, where `''` is a quote, and what follows.
fn quoted(pattern: &str) -> Option<(String, &str)> {
    let inner = pattern.get(1..)?;
    if let Some(after) = inner.strip_prefix('\'') {
        return Some(("'".to_owned(), after));
    }
    let (literal, after) = inner.split_once('\'')?;
    Some((literal.to_owned(), after))
}

impl Parts {
    fn read<'t>(&mut self, letter: char, width: usize, touches: bool, text: &'t str) -> Option<&'t str> {
        let most = if touches { width } else { 19 };
        let number = |place: &mut i64| {
            let (value, rest) = digits(text, width.min(most), most)?;
            *place = value;
            Some(rest)
        };
        match letter {
            'y' | 'u' if width == 2 => {
                let (value, rest) = digits(text, 2, 2)?;
                self.year = 2000 + value;
                Some(rest)
            }
            'y' | 'u' => number(&mut self.year),
            'M' | 'L' if width >= 3 => {
                let (month, rest) = name(text, &MONTHS, width)?;
                self.month = month;
                Some(rest)
            }
            'M' | 'L' => number(&mut self.month),
            'd' => number(&mut self.day),
            'H' | 'h' => number(&mut self.hour),
            'm' => number(&mut self.minute),
            's' => number(&mut self.second),
            'S' => {
                let (value, rest) = digits(text, width, width)?;
                let scale = 10_i64.checked_pow(9_u32.checked_sub(u32::try_from(width).ok()?)?)?;
                self.nanos = value * scale;
                Some(rest)
            }
            'a' => {
                let half = text.get(..2)?.to_lowercase();
                self.afternoon = Some(match half.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                text.get(2..)
            }
            'E' => name(text, &DAYS, width).map(|(_, rest)| rest),
            'X' | 'x' | 'Z' | 'z' | 'O' | 'V' => {
                let (zone, rest) = read_offset(text).or_else(|| read_zone(text))?;
                self.zone = Some(zone);
                Some(rest)
            }
            _ => None,
        }
    }

    fn moment(self, zone: TimeZone) -> Option<i64> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let small = |value: i64| i8::try_from(value).ok();
        let date = Date::new(i16::try_from(self.year).ok()?, small(self.month)?, small(self.day)?).ok()?;
        let nanos = i32::try_from(self.nanos).ok()?;
        let time = Time::new(small(hour)?, small(self.minute)?, small(self.second)?, nanos).ok()?;
        let zoned = date.to_datetime(time).to_zoned_datetime(self.zone.unwrap_or(zone)).ok()?;
        Some(zoned.timestamp().as_millisecond())
    }
}

/// At least `fewest` digits and at most `most`.
fn digits(text: &str, fewest: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if length < fewest { None } else { Some((digits.parse().ok()?, rest)) }
}

/// The place (from 1) of the name that the text begins with: whole from a width of 4, else three
/// letters.
fn name<'t>(text: &'t str, names: &[&str], width: usize) -> Option<(i64, &'t str)> {
    let place = names.iter().position(|name| {
        let wanted = if width >= 4 { name } else { name.get(..3).unwrap_or(name) };
        text.get(..wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    })?;
    let length = if width >= 4 { names.get(place)?.len() } else { 3 };
    Some((i64::try_from(place + 1).ok()?, text.get(length..)?))
}

fn read_offset(text: &str) -> Option<(TimeZone, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((TimeZone::UTC, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(text.get(1..)?, 2, 2)?;
    let after = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = digits(after, 2, 2).unwrap_or((0, rest));
    let seconds = i32::try_from(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((Offset::from_seconds(seconds).ok()?.to_time_zone(), rest))
}

fn read_zone(text: &str) -> Option<(TimeZone, &str)> {
    let end = text.find(|found: char| !found.is_alphanumeric() && found != '/' && found != '_');
    let (name, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    match name {
        "" => None,
        "UTC" | "GMT" => Some((TimeZone::UTC, rest)),
        _ => Some((TimeZone::get(name).ok()?, rest)),
    }
}
