//! Commands that take columns from somewhere else: `join`, `appendcols`, `lookup`, `cidrlookup`.

use std::sync::Arc;

use super::builder::Builder;
use super::scope::Joined;
use super::{JoinPlan, LookupPlan, Plan, Slot, Step, Subquery, Transform, Usage};
use crate::insights::ast::{self, Alias, Command, CommandKind, Span};
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::Expr;
use crate::insights::lookup::{Wanted, WantedBy};

/// A `join`: its right side is compiled last, when it is known which of its fields are wanted.
pub(super) struct Open<'q> {
    right: Builder<'q>,
    key: Slot,
}

/// Lookups in a query: each makes a table of its own ready.
const MOST_LOOKUPS: usize = 10;

impl<'q> Builder<'q> {
    pub(super) fn join(&mut self, span: &Span, join: &ast::Join) -> Compiled<()> {
        if self.open.is_some() {
            return Err(Fault::new(span.clone(), "a query has at most one join"));
        }
        check_source(span, &join.commands)?;
        let key = self.expr(&join.left_key)?;
        let mut right = Builder::new(self.query);
        right.add_all(&join.commands)?;
        let right_key = right.slot_of(&join.right_key)?;
        let columns = right.display.clone().unwrap_or_else(|| right.shown.clone());
        self.scope.joined = Some(Box::new(Joined {
            left: join.left.clone(),
            right: join.right.clone(),
            scope: std::mem::take(&mut right.scope),
            wanted: Vec::new(),
        }));
        for (name, slot) in columns {
            let slot = self.scope.fetch(slot);
            self.shown.push((format!("{}.{name}", join.right), slot));
        }
        let plan = JoinPlan { place: 0, key, outer: join.outer, into: Vec::new() };
        self.steps.push(Step::Join(plan));
        self.open = Some(Box::new(Open { right, key: right_key }));
        Ok(())
    }

    /// What a query without `fields` shows of the right side.
    pub(super) fn show_right(&mut self) {
        let is_bare = |open: &Open<'_>| !open.right.explicit && open.right.display.is_none();
        if !self.open.as_deref().is_some_and(is_bare) {
            return;
        }
        for name in ["@timestamp", "@message"] {
            let Some(joined) = &mut self.scope.joined else { return };
            let column = format!("{}.{name}", joined.right);
            if let Some(slot) = joined.scope.field(name) {
                let slot = self.scope.fetch(slot);
                self.shown.push((column, slot));
            }
        }
    }

    /// Compiles the right side of the `join`, and tells its step where its columns go.
    pub(super) fn end_join(&mut self) -> Compiled<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let joined = self.joined.take().or_else(|| self.scope.joined.take());
        let Some(joined) = joined else { return Ok(()) };
        let Open { mut right, key } = *open;
        right.scope = joined.scope;
        right.explicit = true;
        let mut columns = vec![(String::new(), key)];
        columns.extend(joined.wanted.iter().map(|(slot, _)| (String::new(), *slot)));
        right.display = Some(columns);
        self.subqueries.push(Subquery { plan: Arc::new(right.finish()?), usage: Usage::Keyed(0) });
        let place = self.subqueries.len() - 1;
        let steps = self.segments.iter_mut().flat_map(|segment| &mut segment.steps).chain(&mut self.steps);
        for step in steps {
            if let Step::Join(plan) = step {
                plan.place = place;
                plan.into = joined.wanted.iter().map(|(_, slot)| *slot).collect();
            }
        }
        Ok(())
    }

    pub(super) fn append_cols(
        &mut self,
        span: &Span,
        replace: bool,
        most: usize,
        commands: &[Command],
    ) -> Compiled<()> {
        check_source(span, commands)?;
        let plan = Arc::new(Plan::new(self.query, commands)?);
        let names: Vec<String> = plan.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut columns = Vec::new();
        for (place, name) in names.into_iter().enumerate() {
            // Only what is among the results already is there; an event may have more.
            let known =
                self.shown.iter().chain(self.display.iter().flatten()).any(|(other, _)| *other == name);
            let alias = Alias { name, span: span.clone() };
            let slot = match self.scope.column(&alias.name) {
                None if !known => {
                    let slot = self.scope.define(&alias)?;
                    self.show(&alias.name, slot);
                    slot
                }
                _ => self.write_to(&alias)?,
            };
            columns.push((place, slot));
        }
        self.subqueries.push(Subquery { plan, usage: Usage::Rows });
        let place = self.subqueries.len() - 1;
        self.close(Transform::Append { place, most, columns, replace });
        Ok(())
    }

    pub(super) fn lookup(&mut self, span: &Span, lookup: &ast::Lookup) -> Compiled<()> {
        if self.lookups.len() >= MOST_LOOKUPS {
            return Err(Fault::new(span.clone(), "a query has at most 10 lookups here"));
        }
        let (by, keys) = match &lookup.by {
            ast::LookupBy::Equal(pairs) => {
                let keys = pairs.iter().map(|(_, field)| self.expr(field)).collect::<Compiled<Vec<_>>>()?;
                (WantedBy::Equal(pairs.iter().map(|(column, _)| column.clone()).collect()), keys)
            }
            ast::LookupBy::Range(column, address) => {
                (WantedBy::Range(column.clone()), vec![self.expr(address)?])
            }
        };
        // An output may overwrite a key: it is written last.
        let into =
            lookup.outputs.iter().map(|(_, name)| self.write_to(name)).collect::<Compiled<Vec<_>>>()?;
        let outputs = lookup.outputs.iter().map(|(column, _)| column.clone()).collect();
        self.lookups.push(Wanted { table: lookup.table.clone(), by, outputs });
        let place = self.lookups.len() - 1;
        self.steps.push(Step::Lookup(LookupPlan { place, keys, into, fill: lookup.fill }));
        Ok(())
    }

    /// The slot of a column that a command writes to. One that is there is overwritten; an event's
    /// field gets a slot that begins with its value, as what was read of an event stays.
    pub(super) fn write_to(&mut self, alias: &Alias) -> Compiled<Slot> {
        if let Some(slot) = self.scope.column(&alias.name) {
            return Ok(slot);
        }
        let field = self.scope.field(&alias.name);
        let slot = self.scope.define(alias)?;
        if let Some(field) = field {
            self.steps.push(Step::Let(slot, Expr::Slot(field)));
        }
        let mut is_new = true;
        for (name, shown) in self.shown.iter_mut().chain(self.display.iter_mut().flatten()) {
            if *name == alias.name {
                *shown = slot;
                is_new = false;
            }
        }
        if is_new {
            self.show(&alias.name, slot);
        }
        Ok(slot)
    }
}

fn check_source(span: &Span, commands: &[Command]) -> Compiled<()> {
    match commands.first().map(|command| &command.kind) {
        Some(CommandKind::Source(_)) => Ok(()),
        _ => Err(Fault::new(span.clone(), "a subquery begins with SOURCE and a log group")),
    }
}
