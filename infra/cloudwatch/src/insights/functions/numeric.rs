//! Numbers.

use super::{Function, MANY, function, number};
use crate::insights::number::{from_i64, to_i64};
use crate::insights::value::Value;

/// The mean radius of the Earth in kilometres.
const EARTH_KM: f64 = 6371.0088;

pub(super) const FUNCTIONS: &[Function] = &[
    function("abs", 1, 1, |args| one(args, f64::abs)),
    function("ceil", 1, 1, |args| one(args, f64::ceil)),
    function("floor", 1, 1, |args| one(args, f64::floor)),
    function("log", 1, 1, |args| one(args, f64::ln)),
    function("sqrt", 1, 1, |args| one(args, f64::sqrt)),
    function("round", 1, 2, round),
    function("greatest", 1, MANY, |args| extreme(args, f64::max)),
    function("least", 1, MANY, |args| extreme(args, f64::min)),
    function("haversine", 4, 4, haversine),
    function("toNumber", 1, 1, |args| one(args, |value| value)),
    function("toDouble", 1, 1, |args| one(args, |value| value)),
    function("toInt", 1, 1, |args| whole(args, i64::from(i32::MIN), i64::from(i32::MAX))),
    function("toLong", 1, 1, |args| whole(args, i64::MIN, i64::MAX)),
];

fn one<'v>(args: &[Value<'v>], apply: impl Fn(f64) -> f64) -> Value<'v> {
    Value::number(number(args, 0).map(apply))
}

/// Nothing, when one argument is no number.
fn extreme<'v>(args: &[Value<'v>], better: fn(f64, f64) -> f64) -> Value<'v> {
    let numbers: Option<Vec<f64>> = args.iter().map(Value::as_number).collect();
    Value::number(numbers.and_then(|numbers| numbers.into_iter().reduce(better)))
}

/// Halves go away from zero.
fn round<'v>(args: &[Value<'v>]) -> Value<'v> {
    let Some(value) = number(args, 0) else { return Value::Null };
    let digits = match args.get(1) {
        None => 0.0,
        Some(digits) => match digits.as_number() {
            Some(digits) => digits.trunc().clamp(-300.0, 15.0),
            None => return Value::Null,
        },
    };
    let scale = 10_f64.powf(digits.abs());
    let rounded =
        if digits < 0.0 { (value / scale).round() * scale } else { (value * scale).round() / scale };
    // A value too large to be scaled has no digits after the point.
    Value::number(Some(if rounded.is_finite() { rounded } else { value }))
}

fn whole<'v>(args: &[Value<'v>], least: i64, most: i64) -> Value<'v> {
    let found = number(args, 0).and_then(to_i64).filter(|value| (least..=most).contains(value));
    Value::number(found.map(from_i64))
}

fn haversine<'v>(args: &[Value<'v>]) -> Value<'v> {
    let degrees: Option<Vec<f64>> = args.iter().map(Value::as_number).collect();
    let Some(&[lat1, lon1, lat2, lon2]) = degrees.as_deref() else { return Value::Null };
    let (lat1, lat2) = (lat1.to_radians(), lat2.to_radians());
    let lon = (lon2 - lon1).to_radians();
    let half = ((lat2 - lat1) / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (lon / 2.0).sin().powi(2);
    Value::number(Some(2.0 * EARTH_KM * half.sqrt().min(1.0).asin()))
}
