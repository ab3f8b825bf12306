//! Steps that look somewhere else: into the rows of a `join`'s other side, or into a lookup table.

use super::row::Row;
use super::steps::own;
use crate::insights::expr::Context;
use crate::insights::number;
use crate::insights::plan::{JoinPlan, LookupPlan, Slot};
use crate::insights::value::Value;

/// The values of one row that a row becomes.
type Set<'a> = Vec<(Slot, Value<'a>)>;

/// What each partner of a row adds to it.
pub(super) fn join<'a>(plan: &JoinPlan, context: &Context, row: &Row<'a>) -> Vec<Set<'a>> {
    let key = own(&plan.key, row, context);
    let answer = context.answers.get(plan.place).and_then(Option::as_deref);
    let mut sets: Vec<Set<'a>> = Vec::new();
    if let (Some(text), Some(answer)) = (key.as_text(), answer) {
        for partner in answer.partners(&text) {
            // The key itself is the first column.
            let cells = partner.iter().skip(1).cloned();
            sets.push(plan.into.iter().copied().zip(cells).collect());
        }
    }
    if sets.is_empty() && plan.outer {
        sets.push(Vec::new());
    }
    sets
}

/// `OUTPUT` overwrites, also with a missing value; `OUTPUTNEW` fills what is missing or empty
/// (lookup page).
pub(super) fn lookup(plan: &LookupPlan, context: &Context, row: &mut Row<'_>) {
    let keys: Vec<Value<'_>> = plan.keys.iter().map(|key| key.eval(&row.values, context)).collect();
    let cells = context.tables.get(plan.place).and_then(|table| table.find(&keys));
    for (place, slot) in plan.into.iter().enumerate() {
        let cell = cells.and_then(|cells| cells.get(place)).cloned();
        let empty = row.get(*slot).as_text().is_none_or(|text| text.is_empty());
        match cell {
            Some(cell) if !plan.fill || empty => row.set(*slot, cell),
            None if !plan.fill => row.set(*slot, Value::Null),
            Some(_) | None => {}
        }
    }
}

/// The sum of the numbers among some slots; a row without any has none. A time is no number.
pub(super) fn total(slots: &[Slot], row: &Row<'_>) -> Value<'static> {
    let numbers = slots.iter().filter_map(|slot| number_of(row.get(*slot)));
    let (count, sum) = numbers.fold((0_u32, 0.0), |(count, sum), number| (count + 1, sum + number));
    Value::number((count > 0).then_some(sum))
}

/// The number that a value is or reads as, when it is no time.
pub(super) fn number_of(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => number::parse(text),
        Value::Null | Value::Time(_) | Value::Tree(_) => None,
    }
}
