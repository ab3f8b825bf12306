//! Moments, and texts of them.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use super::{Function, function, or_null, text};
use crate::insights::javatime;
use crate::insights::number::from_i64;
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("fromMillis", 1, 1, |args| or_null(args.first().and_then(Value::as_time).map(Value::Time))),
    function("toMillis", 1, 1, |args| Value::number(args.first().and_then(Value::as_time).map(from_i64))),
    function("parseDate", 2, 3, |args| Value::number(parse_date(args).map(from_i64))),
    function("formatDate", 2, 3, |args| or_null(format_date(args).map(Value::text))),
    function("strftime", 2, 3, |args| or_null(format_date(args).map(Value::text))),
];

/// UTC without a third argument; an unknown zone gives nothing.
fn zone(args: &[Value<'_>]) -> Option<TimeZone> {
    if args.len() < 3 {
        return Some(TimeZone::UTC);
    }
    let name = text(args, 2)?;
    if name.eq_ignore_ascii_case("UTC") || name.as_ref() == "Z" {
        return Some(TimeZone::UTC);
    }
    javatime::offset(&name).or_else(|| TimeZone::get(&name).ok())
}

fn parse_date(args: &[Value<'_>]) -> Option<i64> {
    javatime::parse(&text(args, 0)?, &text(args, 1)?, zone(args)?)
}

fn format_date(args: &[Value<'_>]) -> Option<String> {
    let time = Timestamp::from_millisecond(args.first()?.as_time()?).ok()?;
    let zoned = time.to_zoned_datetime(zone(args)?);
    BrokenDownTime::from(&zoned).to_string(text(args, 1)?.as_ref()).ok()
}
