//! `stats`: groups by their keys, and the state of each aggregate.

use std::collections::HashMap;

use super::aggregate::State;
use super::row::{Row, add_key};
use super::{ExecutionError, Limits};
use crate::insights::expr::Context;
use crate::insights::natural;
use crate::insights::plan::StatsPlan;
use crate::insights::value::Value;

/// The groups so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    places: HashMap<Box<[u8]>, usize>,
    groups: Vec<Group>,
    key: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Group {
    key: Vec<Value<'static>>,
    states: Vec<State>,
}

impl Groups {
    pub(super) fn push(
        &mut self,
        plan: &StatsPlan,
        context: &Context,
        limits: &Limits,
        row: &Row<'_>,
    ) -> Result<(), ExecutionError> {
        self.key.clear();
        let values: Vec<Value<'_>> =
            plan.groups.iter().map(|group| scalar(group.eval(&row.values, context))).collect();
        for value in &values {
            add_key(&mut self.key, value);
        }
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None => self.add(plan, limits, values.into_iter().map(Value::into_owned).collect())?,
        };
        let Some(group) = self.groups.get_mut(place) else { return Ok(()) };
        for (state, aggregate) in group.states.iter_mut().zip(&plan.aggregates) {
            match &aggregate.of {
                Some(_) if aggregate.shares.is_some() => {}
                Some(of) => state.add(&of.eval(&row.values, context), row.tie, limits)?,
                None => state.count(),
            }
        }
        Ok(())
    }

    /// Makes the group of the current key.
    fn add(
        &mut self,
        plan: &StatsPlan,
        limits: &Limits,
        key: Vec<Value<'static>>,
    ) -> Result<usize, ExecutionError> {
        if self.groups.len() >= limits.groups {
            return Err(ExecutionError::TooManyGroups(limits.groups));
        }
        let states = plan.aggregates.iter().map(|aggregate| State::new(aggregate.kind)).collect();
        self.groups.push(Group { key, states });
        self.places.insert(self.key.as_slice().into(), self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }

    pub(super) fn merge(
        &mut self,
        other: Self,
        plan: &StatsPlan,
        limits: &Limits,
    ) -> Result<(), ExecutionError> {
        for group in other.groups {
            self.key.clear();
            for value in &group.key {
                add_key(&mut self.key, value);
            }
            let place = match self.places.get(self.key.as_slice()) {
                Some(place) => *place,
                None => self.add(plan, limits, group.key)?,
            };
            let Some(known) = self.groups.get_mut(place) else { continue };
            for (state, other) in known.states.iter_mut().zip(group.states) {
                state.merge(other, limits)?;
            }
        }
        Ok(())
    }

    /// A row for each group, ordered by the groups' values. Without `by` there is always one.
    pub(super) fn finish(mut self, plan: &StatsPlan, context: &Context) -> Vec<Row<'static>> {
        if plan.groups.is_empty() && self.groups.is_empty() {
            let states = plan.aggregates.iter().map(|aggregate| State::new(aggregate.kind)).collect();
            self.groups.push(Group { key: Vec::new(), states });
        }
        self.groups.sort_by(|left, right| {
            let pairs = left.key.iter().zip(&right.key);
            pairs
                .map(|(left, right)| natural::compare(left, right))
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        self.groups.into_iter().zip(0_u64..).map(|(group, place)| group.row(plan, context, place)).collect()
    }
}

/// A map and a list are no group.
fn scalar(value: Value<'_>) -> Value<'_> {
    if matches!(value, Value::Tree(_)) { Value::Null } else { value }
}

impl Group {
    /// Groups, outputs, aggregates: an output may use all before it and every aggregate.
    fn row(self, plan: &StatsPlan, context: &Context, place: u64) -> Row<'static> {
        let mut row = Row { values: self.key, tie: (0, place, 0) };
        let outputs = row.values.len();
        let aggregates = outputs + plan.outputs.len();
        for (at, (state, aggregate)) in self.states.iter().zip(&plan.aggregates).enumerate() {
            let values = aggregate.shares.and_then(|place| self.states.get(place)).unwrap_or(state);
            row.set(aggregates + at, values.finish(aggregate.kind));
        }
        for (at, output) in plan.outputs.iter().enumerate() {
            let value = output.eval(&row.values, context).into_owned();
            row.set(outputs + at, value);
        }
        row
    }
}
