//! Gathers rows in an order: the best so many, or the best one of each combination of values.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::row::{Row, add_key};
use super::{ExecutionError, Limits};
use crate::insights::natural;
use crate::insights::plan::{RowsPlan, Take};

/// Rows that are kept beyond those wanted before the worst are thrown out.
const SLACK: usize = 64;

/// The rows so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    kept: Vec<Row<'static>>,
    /// The worst of the wanted ones, once more than those were seen.
    worst: Option<Row<'static>>,
    /// The best row of each combination, with `dedup`.
    unique: HashMap<Box<[u8]>, Row<'static>>,
    key: Vec<u8>,
    /// More rows were seen than could be kept.
    cut: bool,
}

impl Rows {
    /// Takes a row, when it may still be wanted.
    pub(super) fn push(
        &mut self,
        plan: &RowsPlan,
        wanted: usize,
        limits: &Limits,
        row: Row<'_>,
    ) -> Result<(), ExecutionError> {
        if let Some(slots) = &plan.dedup {
            self.key.clear();
            let mut complete = true;
            for slot in slots {
                complete &= row.get(*slot).as_text().is_some();
                add_key(&mut self.key, row.get(*slot));
            }
            if complete {
                return self.push_unique(plan, limits, row);
            }
        }
        self.push_row(plan, wanted, row);
        Ok(())
    }

    fn push_unique(&mut self, plan: &RowsPlan, limits: &Limits, row: Row<'_>) -> Result<(), ExecutionError> {
        if let Some(known) = self.unique.get_mut(self.key.as_slice()) {
            if compare(plan, &row, known).is_lt() {
                *known = row.into_owned();
            }
            return Ok(());
        }
        if self.unique.len() >= limits.groups {
            return Err(ExecutionError::TooManyGroups(limits.groups));
        }
        self.unique.insert(self.key.as_slice().into(), row.into_owned());
        Ok(())
    }

    fn push_row(&mut self, plan: &RowsPlan, wanted: usize, row: Row<'_>) {
        if let Some(worst) = &self.worst
            && compare(plan, &row, worst).is_ge()
        {
            self.cut = true;
            return;
        }
        self.kept.push(row.into_owned());
        if self.kept.len() >= wanted.saturating_mul(2).saturating_add(SLACK) {
            self.cut(plan, wanted);
        }
    }

    fn cut(&mut self, plan: &RowsPlan, wanted: usize) {
        self.cut |= self.kept.len() > wanted;
        self.kept.sort_unstable_by(|left, right| compare(plan, left, right));
        self.kept.truncate(wanted);
        self.worst = self.kept.last().cloned();
    }

    /// Whether rows were left out that the query did not leave out itself.
    pub(super) fn is_cut(&self, plan: &RowsPlan, wanted: usize) -> bool {
        plan.take == Take::All && (self.cut || self.kept.len() + self.unique.len() > wanted)
    }

    /// Whether no further row is wanted.
    pub(super) fn is_full(&self, plan: &RowsPlan) -> bool {
        matches!(plan.take, Take::Any(count) if plan.dedup.is_none() && self.kept.len() >= count)
    }

    pub(super) fn merge(
        &mut self,
        other: Self,
        plan: &RowsPlan,
        wanted: usize,
        limits: &Limits,
    ) -> Result<(), ExecutionError> {
        self.cut |= other.cut;
        for row in other.kept {
            self.push_row(plan, wanted, row);
        }
        for (key, row) in other.unique {
            self.key = key.into_vec();
            self.push_unique(plan, limits, row)?;
        }
        Ok(())
    }

    /// The wanted rows in their order.
    pub(super) fn finish(mut self, plan: &RowsPlan, wanted: usize) -> Vec<Row<'static>> {
        self.kept.extend(std::mem::take(&mut self.unique).into_values());
        self.cut(plan, wanted);
        if matches!(plan.take, Take::Last(_)) {
            self.kept.reverse();
        }
        self.kept
    }
}

/// How many rows a plan wants.
pub(super) fn wanted(plan: &RowsPlan, most: usize) -> usize {
    match plan.take {
        Take::All => most,
        Take::First(count) | Take::Any(count) | Take::Last(count) => count,
    }
}

/// The order in which rows are wanted.
fn compare(plan: &RowsPlan, left: &Row<'_>, right: &Row<'_>) -> Ordering {
    let order = plan
        .order
        .iter()
        .map(|(slot, descending)| {
            let order = natural::compare(left.get(*slot), right.get(*slot));
            if *descending { order.reverse() } else { order }
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.tie.cmp(&right.tie));
    if matches!(plan.take, Take::Last(_)) { order.reverse() } else { order }
}
