//! Commands over all rows: `addtotals col=true`, `sessionize`, `outlier`, `appendcols`.

use std::collections::HashMap;

use super::relations::number_of;
use super::row::{Row, add_key};
use crate::insights::expr::Context;
use crate::insights::number::{from_u64, from_usize, to_i64};
use crate::insights::plan::{OutlierPlan, Slot};
use crate::insights::value::Value;

/// One row more at the bottom, with the sum of each column that has a number. There are at most
/// `most` rows with it.
pub(super) fn totals(rows: &mut Vec<Row<'static>>, of: &[Slot], most: usize) {
    let mut summary = Row { values: Vec::new(), tie: (0, 0, 0) };
    for slot in of {
        let numbers: Vec<f64> = rows.iter().filter_map(|row| number_of(row.get(*slot))).collect();
        if !numbers.is_empty() {
            summary.set(*slot, Value::Number(numbers.iter().sum()));
        }
    }
    rows.truncate(most.saturating_sub(1));
    rows.push(summary);
}

/// Sessions are counted from 1, in the order of their first events. A row that does not tell who it
/// is, or has no time, is in none.
pub(super) fn sessions(rows: &mut [Row<'static>], of: &[Slot], time: Slot, pause: i64, into: Slot) {
    let mut order: Vec<(i64, usize)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| of.iter().all(|slot| row.get(*slot).as_text().is_some()))
        .filter_map(|(place, row)| Some((row.get(time).as_time()?, place)))
        .collect();
    // Of events of one time, the one that arrived first is further down.
    order.sort_by_key(|(time, place)| (*time, std::cmp::Reverse(*place)));
    let mut open: HashMap<Vec<u8>, (i64, u64)> = HashMap::new();
    let mut count = 0;
    for (time, place) in order {
        let Some(row) = rows.get_mut(place) else { continue };
        let mut key = Vec::new();
        of.iter().for_each(|slot| add_key(&mut key, row.get(*slot)));
        let (last, session) = open.entry(key).or_insert((i64::MIN, 0));
        if *session == 0 || time.saturating_sub(*last) > pause {
            count += 1;
            *session = count;
        }
        *last = time;
        row.set(into, Value::Number(from_u64(*session)));
    }
}

/// The values that are still no outliers.
struct Bounds {
    least: f64,
    greatest: f64,
}

impl Bounds {
    /// Quartiles are the values of the nearest rank, as those of `pct` are.
    fn new(plan: &OutlierPlan, rows: &[Row<'static>], slot: Slot) -> Option<Self> {
        let mut numbers: Vec<f64> = rows.iter().filter_map(|row| number_of(row.get(slot))).collect();
        numbers.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let rank = to_i64((from_usize(numbers.len()) * share).ceil())?;
            numbers.get(usize::try_from(rank.max(1)).ok()? - 1).copied()
        };
        let (lower, upper) = (rank(0.25)?, rank(0.75)?);
        let reach = plan.factor * (upper - lower);
        let least = if plan.lower { lower - reach } else { f64::NEG_INFINITY };
        Some(Self { least, greatest: upper + reach })
    }

    fn admit(&self, value: f64) -> bool {
        (self.least..=self.greatest).contains(&value)
    }
}

/// Clamps what is far from the rest, or throws the row out.
pub(super) fn outliers(rows: &mut Vec<Row<'static>>, plan: &OutlierPlan) {
    let bounds: Vec<_> = plan
        .fields
        .iter()
        .filter_map(|(slot, mark)| Some((*slot, *mark, Bounds::new(plan, rows, *slot)?)))
        .collect();
    if plan.remove {
        let fits = |row: &Row<'_>| {
            let fit = |slot: Slot, bounds: &Bounds| {
                number_of(row.get(slot)).is_none_or(|value| bounds.admit(value))
            };
            bounds.iter().all(|(slot, _, bounds)| fit(*slot, bounds))
        };
        rows.retain(fits);
    }
    for row in rows {
        for (slot, mark, bounds) in &bounds {
            let Some(value) = number_of(row.get(*slot)) else { continue };
            let far = !bounds.admit(value);
            if far {
                row.set(*slot, Value::Number(value.clamp(bounds.least, bounds.greatest)));
            }
            if let Some(mark) = mark {
                row.set(*mark, Value::truth(far));
            }
        }
    }
}

/// The columns of the first rows of a subquery, beside the rows of the same place.
pub(super) fn append(
    rows: &mut [Row<'static>],
    context: &Context,
    place: usize,
    most: usize,
    columns: &[(usize, Slot)],
    replace: bool,
) {
    let Some(answer) = context.answers.get(place).and_then(Option::as_deref) else { return };
    for (row, other) in rows.iter_mut().zip(answer.rows().iter().take(most)) {
        for (column, slot) in columns {
            let value = other.get(*column).cloned().unwrap_or(Value::Null);
            if replace || row.get(*slot).is_null() {
                row.set(*slot, value);
            }
        }
    }
}
