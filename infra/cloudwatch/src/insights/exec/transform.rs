//! Commands over all rows in their order: `accum`, `autoregress`, `filldown`, `fillmissing`.

use std::collections::{BTreeMap, HashSet};

use super::newer;
use super::row::{Row, add_key};
use crate::insights::expr::{Context, Expr};
use crate::insights::period::Period;
use crate::insights::plan::Transform;
use crate::insights::value::Value;

/// Rows that `fillmissing` may end with.
const MOST_ROWS: usize = 100_000;

/// Applies a command; `most` are the rows that the result can show.
pub(super) fn apply(transform: &Transform, context: &Context, rows: &mut Vec<Row<'static>>, most: usize) {
    match transform {
        Transform::Accumulate { of, into } => accumulate(rows, *of, *into),
        Transform::Lag { of, by, into } => {
            let values: Vec<Value<'static>> = rows.iter().map(|row| row.get(*of).clone()).collect();
            for (row, value) in rows.iter_mut().skip(*by).zip(values) {
                row.set(*into, value);
            }
        }
        Transform::FillDown(slots) => fill_down(rows, slots),
        Transform::FillMissing { bin, period, groups, values } => {
            fill_missing(rows, *bin, *period, groups, values, context);
        }
        Transform::Totals(of) => newer::totals(rows, of, most),
        Transform::Sessions { of, time, pause, into } => newer::sessions(rows, of, *time, *pause, *into),
        Transform::Outliers(plan) => newer::outliers(rows, plan),
        Transform::Append { place, most, columns, replace } => {
            newer::append(rows, context, *place, *most, columns, *replace);
        }
    }
    // The order is now what the rows have.
    for (row, place) in rows.iter_mut().zip(0_u64..) {
        row.tie = (0, place, 0);
    }
}

/// A value that is no number leaves the sum as it is.
fn accumulate(rows: &mut [Row<'static>], of: usize, into: usize) {
    let mut sum = 0.0;
    for row in rows {
        sum += row.get(of).as_number().unwrap_or(0.0);
        row.set(into, Value::Number(sum));
    }
}

fn fill_down(rows: &mut [Row<'static>], slots: &[usize]) {
    for slot in slots {
        let mut last = Value::Null;
        for row in rows.iter_mut() {
            if row.get(*slot).is_null() {
                row.set(*slot, last.clone());
            } else {
                last = row.get(*slot).clone();
            }
        }
    }
}

/// Every combination of the other groups gets a row in each bin between the first and the last.
fn fill_missing(
    rows: &mut Vec<Row<'static>>,
    bin: usize,
    period: Period,
    groups: &[usize],
    values: &[(usize, Expr)],
    context: &Context,
) {
    let times: Vec<i64> = rows.iter().filter_map(|row| row.get(bin).as_time()).collect();
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return };
    let key = |row: &Row<'_>, time: Option<i64>| {
        let mut key = Vec::new();
        groups.iter().for_each(|slot| add_key(&mut key, row.get(*slot)));
        (key, time)
    };
    let known: HashSet<_> = rows.iter().map(|row| key(row, row.get(bin).as_time())).collect();
    let series: BTreeMap<Vec<u8>, Row<'static>> =
        rows.iter().map(|row| (key(row, None).0, row.clone())).collect();
    let mut time = *first;
    while time < *last {
        for row in series.values() {
            if !known.contains(&key(row, Some(time))) && rows.len() < MOST_ROWS {
                let mut filled = Row { values: Vec::new(), tie: row.tie };
                filled.set(bin, Value::Time(time));
                for slot in groups {
                    filled.set(*slot, row.get(*slot).clone());
                }
                for (slot, value) in values {
                    let value = value.eval(&filled.values, context).into_owned();
                    filled.set(*slot, value);
                }
                rows.push(filled);
            }
        }
        match period.next(time) {
            Some(next) => time = next,
            None => break,
        }
    }
    rows.sort_by_key(|row| row.get(bin).as_time());
}
