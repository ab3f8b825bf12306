//! A row through the steps of a segment. One event may become several rows, or none.

use super::extract;
use super::relations;
use super::row::Row;
use crate::insights::expr::Context;
use crate::insights::expr::Expr;
use crate::insights::plan::Step;
use crate::insights::tree::Tree;
use crate::insights::value::Value;

/// Rows that one event may become; lists and matches beyond are left out.
const MOST_ROWS: u32 = 100_000;

/// Sends what becomes of `row` to `end`. An error of `end` stops the work.
pub(super) fn run<'a, E>(
    steps: &[Step],
    context: &Context,
    mut row: Row<'a>,
    end: &mut dyn FnMut(Row<'a>) -> Result<(), E>,
) -> Result<(), E> {
    for (place, step) in steps.iter().enumerate() {
        let rest = || steps.get(place + 1..).unwrap_or_default();
        match step {
            Step::Filter(filter) => {
                if !filter.test(&row.values, context) {
                    return Ok(());
                }
            }
            Step::Let(slot, expr) => {
                let value = own(expr, &row, context);
                row.set(*slot, value);
            }
            Step::Extract(parse) => match extract::run(parse, context, &mut row) {
                None => {}
                Some(matches) => return fan(matches, rest(), context, &row, end),
            },
            Step::Unnest(list, slot) => {
                let items: Vec<Vec<(usize, Value<'a>)>> = match own(list, &row, context) {
                    Value::Tree(tree) => match tree.as_ref() {
                        Tree::List(items) => {
                            items.iter().map(|item| vec![(*slot, item.to_value())]).collect()
                        }
                        _ => vec![vec![(*slot, Value::Tree(tree))]],
                    },
                    // What is no list counts as a list of one.
                    single => vec![vec![(*slot, single)]],
                };
                return fan(items, rest(), context, &row, end);
            }
            Step::Join(join) => {
                let partners = relations::join(join, context, &row);
                return fan(partners, rest(), context, &row, end);
            }
            Step::Lookup(lookup) => relations::lookup(lookup, context, &mut row),
            Step::Total(of, into) => {
                let total = relations::total(of, &row);
                row.set(*into, total);
            }
        }
    }
    end(row)
}

/// One row for each set of values.
fn fan<'a, E>(
    sets: Vec<Vec<(usize, Value<'a>)>>,
    rest: &[Step],
    context: &Context,
    row: &Row<'a>,
    end: &mut dyn FnMut(Row<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let (time, id, before) = row.tie;
    for (set, place) in sets.into_iter().zip(0..MOST_ROWS) {
        let mut copy = row.clone();
        copy.tie = (time, id, before.saturating_mul(1000).saturating_add(place));
        for (slot, value) in set {
            copy.set(slot, value);
        }
        run(rest, context, copy, end)?;
    }
    Ok(())
}

/// The value of an expression with the life of the event: a field's is lent on, another is copied.
pub(super) fn own<'a>(expr: &Expr, row: &Row<'a>, context: &Context) -> Value<'a> {
    match expr {
        Expr::Slot(slot) => row.get(*slot).clone(),
        other => other.eval(&row.values, context).into_owned(),
    }
}
