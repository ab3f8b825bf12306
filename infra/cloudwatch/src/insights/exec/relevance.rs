//! `relevantfields`: how differently a field's values are spread where a condition holds and where
//! it does not. CloudWatch's own measure is not published; here it is the greatest distance between
//! the two cumulative distributions of numbers (Kolmogorov-Smirnov), and half the sum of the
//! differences of the shares of other values (total variation). Both go from 0 to 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::row::Row;
use super::{ExecutionError, Limits};
use crate::insights::discover::discovered;
use crate::insights::expr::Context;
use crate::insights::number::{self, from_u64};
use crate::insights::plan::RelevancePlan;
use crate::insights::tree::Tree;
use crate::insights::value::Value;

/// Values that are shown of a field.
const MOST_SHOWN: usize = 3;

/// Rows with the condition, and those without.
type Pair = [u64; 2];

/// The values so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Relevance {
    rows: Pair,
    fields: BTreeMap<String, BTreeMap<String, Pair>>,
    /// Different values of all fields.
    values: usize,
}

impl Relevance {
    pub(super) fn push(
        &mut self,
        plan: &RelevancePlan,
        context: &Context,
        limits: &Limits,
        row: &Row<'_>,
    ) -> Result<(), ExecutionError> {
        let side = usize::from(!plan.condition.test(&row.values, context));
        let mut count = [0; 2];
        if let Some(count) = count.get_mut(side) {
            *count = 1;
        }
        add(&mut self.rows, count);
        for (name, slot) in &plan.fields {
            if let Some(text) = row.get(*slot).as_text() {
                self.count(name, &text, count, limits)?;
            }
        }
        let Some((group, message)) = plan.discovered else { return Ok(()) };
        let (Some(group), Some(message)) = (row.get(group).as_text(), row.get(message).as_text()) else {
            return Ok(());
        };
        for (name, value) in discovered(&group, &message) {
            let given = plan.fields.iter().any(|(other, _)| *other == name);
            if !given && !plan.except.contains(&name) {
                self.count(&name, &value, count, limits)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, name: &str, value: &str, count: Pair, limits: &Limits) -> Result<(), ExecutionError> {
        if !self.fields.contains_key(name) {
            self.fields.insert(name.to_owned(), BTreeMap::new());
        }
        let Some(values) = self.fields.get_mut(name) else { return Ok(()) };
        if let Some(known) = values.get_mut(value) {
            add(known, count);
            return Ok(());
        }
        if self.values >= limits.groups {
            return Err(ExecutionError::TooManyGroups(limits.groups));
        }
        self.values += 1;
        values.insert(value.to_owned(), count);
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self, limits: &Limits) -> Result<(), ExecutionError> {
        add(&mut self.rows, other.rows);
        for (name, values) in &other.fields {
            for (value, count) in values {
                self.count(name, value, *count, limits)?;
            }
        }
        Ok(())
    }

    /// A row a field, the most relevant first. Without rows on both sides there is nothing to say.
    pub(super) fn finish(self) -> Vec<Row<'static>> {
        let rows = self.rows;
        if rows.contains(&0) {
            return Vec::new();
        }
        let mut found: Vec<_> =
            self.fields.into_iter().map(|(name, values)| (judge(&values, rows), name)).collect();
        found.sort_by(|(left, a), (right, b)| right.score.total_cmp(&left.score).then_with(|| a.cmp(b)));
        let row = |((field, name), place): ((Judged, String), u64)| Row {
            values: vec![
                Value::text(name),
                Value::Number(field.score),
                field.contributors,
                field.medians.map_or(Value::Null, |[with, _]| Value::number(with)),
                field.medians.map_or(Value::Null, |[_, without]| Value::number(without)),
            ],
            tie: (0, place, 0),
        };
        found.into_iter().zip(0_u64..).map(row).collect()
    }
}

fn add(to: &mut Pair, count: Pair) {
    to.iter_mut().zip(count).for_each(|(to, count)| *to += count);
}

struct Judged {
    score: f64,
    contributors: Value<'static>,
    medians: Option<[Option<f64>; 2]>,
}

fn judge(values: &BTreeMap<String, Pair>, rows: Pair) -> Judged {
    let mut present = [0; 2];
    values.values().for_each(|count| add(&mut present, *count));
    let [with, without] = shares(present, rows);
    let presence = (with - without).abs();
    let numbers: Option<Vec<(f64, Pair)>> =
        values.iter().map(|(value, count)| Some((number::parse(value)?, *count))).collect();
    if let Some(mut numbers) = numbers {
        numbers.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        let score = presence.max(distance(&numbers, present));
        let medians = [0, 1].map(|side| median(&numbers, present, side));
        return Judged { score, contributors: Value::Null, medians: Some(medians) };
    }
    let mut single = [0; 2];
    let mut shifts: Vec<(&str, [f64; 2])> = Vec::new();
    for (value, count) in values {
        // Values that occur once, such as ids, say nothing by themselves: they count as one.
        if count.iter().sum::<u64>() == 1 {
            add(&mut single, *count);
        } else {
            shifts.push((value, shares(*count, rows)));
        }
    }
    let shift = |shares: &[f64; 2]| (shares[0] - shares[1]).abs();
    let others = shift(&shares(single, rows)) + presence;
    let score = (shifts.iter().map(|(_, shares)| shift(shares)).sum::<f64>() + others) / 2.0;
    shifts.sort_by(|(left, a), (right, b)| shift(b).total_cmp(&shift(a)).then_with(|| left.cmp(right)));
    let shown = shifts.iter().take(MOST_SHOWN).map(|(value, shares)| contributor(value, *shares));
    let list = Tree::List(shown.collect());
    Judged { score, contributors: Value::Tree(Arc::new(list)), medians: None }
}

fn shares(count: Pair, rows: Pair) -> [f64; 2] {
    let [with, without] = count;
    let [all_with, all_without] = rows;
    [from_u64(with) / from_u64(all_with.max(1)), from_u64(without) / from_u64(all_without.max(1))]
}

/// `{"value":"/slow","conditional":0.8,"baseline":0.1}`
fn contributor(value: &str, [with, without]: [f64; 2]) -> Tree {
    let share = |share: f64| Tree::from_value(Value::Number(share));
    Tree::Map(vec![
        ("value".to_owned(), Tree::Text(value.to_owned())),
        ("conditional".to_owned(), share(with)),
        ("baseline".to_owned(), share(without)),
    ])
}

/// The greatest difference between the shares of values up to any number.
fn distance(numbers: &[(f64, Pair)], present: Pair) -> f64 {
    if present.contains(&0) {
        return 0.0;
    }
    let mut below = [0; 2];
    let mut greatest: f64 = 0.0;
    for (place, (value, count)) in numbers.iter().enumerate() {
        add(&mut below, *count);
        // `1` and `1.0` are one number.
        let last = numbers.get(place + 1).is_none_or(|(next, _)| next > value);
        let [with, without] = shares(below, present);
        if last {
            greatest = greatest.max((with - without).abs());
        }
    }
    greatest
}

/// The number of the middle rank, as `pct(f, 50)` gives it.
fn median(numbers: &[(f64, Pair)], present: Pair, side: usize) -> Option<f64> {
    let rank = present.get(side)?.div_ceil(2);
    let mut below = 0;
    numbers.iter().find_map(|(value, count)| {
        below += count.get(side)?;
        (below >= rank && rank > 0).then_some(*value)
    })
}
