//! Runs a plan over events. Memory grows with groups and with wanted rows, not with events.

mod aggregate;
mod distinct;
mod extract;
mod groups;
mod mask;
mod newer;
mod pattern;
mod relations;
mod relevance;
pub(super) mod row;
mod rows;
mod sketch;
mod steps;
mod transform;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use thiserror::Error;

use super::discover::Owner;
use super::expr::Context;
use super::plan::{Plan, Segment, Sink, Transform};
use super::relation::{Answer, Materialized};
use super::results::{self, Results, Statistics};
use super::value::Value;
use super::{Event, Query, Range};
use groups::Groups;
use pattern::Patterns;
use relevance::Relevance;
use row::Row;
use rows::Rows;

/// How much a query may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the result, when the query has no `limit` of its own.
    pub rows: usize,
    /// Groups of a `stats`, combinations of a `dedup`, values of a `values()`.
    pub groups: usize,
}

impl Default for Limits {
    /// CloudWatch's 10,000 rows, and as many groups as fit into a laptop's memory.
    fn default() -> Self {
        Self { rows: 10_000, groups: 500_000 }
    }
}

/// Rows that a query may ever have between two commands (the greatest `limit`).
const MOST_ROWS: usize = 100_000;

/// Why a query failed while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecutionError {
    /// More groups, or more different values, than the limit.
    #[error("the query has more than {0} groups or different values")]
    TooManyGroups(usize),
    /// More rows before a command that has to see all of them, or from a subquery.
    #[error("the query has more than {0} rows where all of them are needed; filter or group them before")]
    TooManyRows(usize),
    /// More different keys on the right side of a `join`.
    #[error("the right side of the join has more than {0} different keys")]
    TooManyKeys(usize),
    /// Events came before the answer of a subquery.
    #[error("a subquery of the query was not run")]
    Unanswered,
    /// A lookup table is not there, or not as it was when the query was bound to it.
    #[error("{0}")]
    NoTable(String),
}

/// A query that is running. A clone of a fresh one can take other events, and be merged.
#[derive(Debug, Clone)]
pub struct Execution {
    plan: Arc<Plan>,
    owner: Arc<Owner>,
    context: Context,
    windows: Vec<Range>,
    limits: Limits,
    gathered: Gathered,
    statistics: Statistics,
    /// What its subqueries have read.
    inner: Statistics,
    groups: BTreeSet<Box<str>>,
    fault: Option<ExecutionError>,
}

/// The state of a sink.
#[derive(Debug, Clone)]
enum Gathered {
    Rows(Rows),
    Groups(Groups),
    Patterns(Patterns),
    Relevance(Relevance),
}

impl Execution {
    /// Starts `query` over events of `range`; `now` is the moment of the start in epoch
    /// milliseconds.
    #[must_use]
    pub fn new(query: &Query, range: Range, now: i64, owner: &Owner, limits: Limits) -> Self {
        let plan = Arc::clone(&query.plan);
        let now = super::number::from_i64(now.div_euclid(1000));
        let (tables, fault) = match query.indexes() {
            Ok(tables) => (tables, None),
            Err(fault) => (Vec::new(), Some(ExecutionError::NoTable(fault.message().to_owned()))),
        };
        Self {
            gathered: Gathered::new(plan.segments.first()),
            context: Context {
                now,
                start: range.start,
                end: range.end,
                baseline: query.baseline(range),
                answers: vec![None; plan.subqueries.len()],
                tables,
            },
            windows: query.windows(range),
            owner: Arc::new(owner.clone()),
            plan,
            limits,
            statistics: Statistics::default(),
            inner: Statistics::default(),
            groups: BTreeSet::new(),
            fault,
        }
    }

    /// Tells what the query's subquery at `place` has given. Needed for each of
    /// [`Query::subqueries`] before the first event.
    pub fn answer(&mut self, place: usize, given: Materialized) {
        let Some(subquery) = self.plan.subqueries.get(place) else { return };
        self.inner.add(&given.statistics);
        match (Answer::new(given.rows, subquery.usage), self.context.answers.get_mut(place)) {
            (Ok(answer), Some(known)) => *known = Some(Arc::new(answer)),
            (Err(fault), _) => self.fault = Some(fault),
            (Ok(_), None) => {}
        }
    }

    /// Takes one event. `Break` says that no further one is wanted: there is an error, or enough
    /// rows of any.
    pub fn push(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        if self.fault.is_none() && self.context.answers.iter().any(Option::is_none) {
            self.fault = Some(ExecutionError::Unanswered);
        }
        if self.fault.is_some() {
            return ControlFlow::Break(());
        }
        if !self.windows.iter().any(|window| window.contains(event.timestamp)) {
            return ControlFlow::Continue(());
        }
        self.count(event);
        let Some(segment) = self.plan.segments.first() else { return ControlFlow::Break(()) };
        if self.plan.prefilter.as_ref().is_some_and(|prefilter| !prefilter.admits(event.message)) {
            return ControlFlow::Continue(());
        }
        let mut row =
            Row { values: vec![Value::Null; self.plan.width], tie: (!event.timestamp, !event.id, 0) };
        self.plan.scan.fill(event, &self.owner, &mut row.values);
        let most = self.limits.most(&self.plan);
        match self.gathered.feed(segment, &self.context, &self.limits, most, row) {
            Ok(matched) => self.statistics.records_matched += u64::from(matched),
            Err(fault) => self.fault = Some(fault),
        }
        if self.fault.is_some() || self.gathered.is_full(segment) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn count(&mut self, event: &Event<'_>) {
        self.statistics.records_scanned += 1;
        self.statistics.bytes_scanned += u64::try_from(event.message.len()).unwrap_or(u64::MAX);
        if !self.groups.contains(event.group) {
            self.groups.insert(event.group.into());
        }
    }

    /// Takes in what a clone has made of other events.
    pub fn merge(&mut self, other: Self) {
        self.statistics.add(&other.statistics);
        self.groups.extend(other.groups);
        let Some(segment) = self.plan.segments.first() else { return };
        let most = self.limits.most(&self.plan);
        let merged = self.gathered.merge(other.gathered, segment, &self.limits, most);
        self.fault = self.fault.take().or(other.fault).or(merged.err());
    }

    /// What the result would be if there were no further events.
    ///
    /// # Errors
    ///
    /// As [`Execution::finish`].
    pub fn snapshot(&self) -> Result<Results, ExecutionError> {
        self.clone().finish()
    }

    /// What was read so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let groups = u64::try_from(self.groups.len()).unwrap_or(u64::MAX);
        let mut read = Statistics { log_groups_scanned: groups, ..self.statistics.clone() };
        read.records_scanned += self.inner.records_scanned;
        read.bytes_scanned += self.inner.bytes_scanned;
        read
    }

    /// The result.
    ///
    /// # Errors
    ///
    /// When the query had more groups than its limits allow, or a subquery has no answer.
    pub fn finish(self) -> Result<Results, ExecutionError> {
        let statistics = self.statistics();
        let (plan, limits) = (Arc::clone(&self.plan), self.limits.clone());
        let (mut rows, _) = self.rows()?;
        if !plan.limited {
            rows.truncate(limits.rows);
        }
        Ok(results::collect(&plan, &rows, statistics))
    }

    /// The result as the query around this one takes it. All rows count, so there must not be more
    /// than a query may ever have.
    ///
    /// # Errors
    ///
    /// As [`Execution::finish`], and for too many rows.
    pub fn materialize(self) -> Result<Materialized, ExecutionError> {
        let statistics = self.statistics();
        let plan = Arc::clone(&self.plan);
        let (rows, cut) = self.rows()?;
        if cut || rows.len() > MOST_ROWS {
            return Err(ExecutionError::TooManyRows(MOST_ROWS));
        }
        let cells =
            |row: &Row<'static>| plan.columns.iter().map(|(_, slot)| row.get(*slot).clone()).collect();
        Ok(Materialized { rows: rows.iter().map(cells).collect(), statistics })
    }

    /// The rows of the last segment, and whether it has left out some by itself.
    fn rows(self) -> Result<(Vec<Row<'static>>, bool), ExecutionError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let plan = self.plan;
        let most = self.limits.most(&plan);
        let shown = if plan.limited { MOST_ROWS } else { self.limits.rows };
        let mut gathered = Some(self.gathered);
        let mut rows: Vec<Row<'static>> = Vec::new();
        let mut cut = false;
        for (place, segment) in plan.segments.iter().enumerate() {
            let mut sink = gathered.take().unwrap_or_else(|| Gathered::new(Some(segment)));
            for row in std::mem::take(&mut rows) {
                sink.feed(segment, &self.context, &self.limits, most, row)?;
            }
            cut = sink.is_cut(segment, most);
            let goes_on = place + 1 < plan.segments.len();
            if cut && (goes_on || segment.transforms.iter().any(Transform::needs_all)) {
                return Err(ExecutionError::TooManyRows(most));
            }
            rows = sink.finish(segment, &self.context, most, plan.diff.is_some());
            if !segment.transforms.is_empty() {
                results::keep_pointers(&plan, &mut rows);
            }
            for transform in &segment.transforms {
                transform::apply(transform, &self.context, &mut rows, shown);
            }
        }
        Ok((rows, cut))
    }
}

impl Limits {
    /// Those of a query inside another one, all of whose rows count.
    #[must_use]
    pub fn inside(&self) -> Self {
        Self { rows: MOST_ROWS, ..self.clone() }
    }

    /// Rows that are kept between commands.
    fn most(&self, plan: &Plan) -> usize {
        match plan.segments.as_slice() {
            [only] if !plan.limited && only.transforms.is_empty() => self.rows.min(MOST_ROWS),
            _ => MOST_ROWS,
        }
    }
}

impl Gathered {
    fn new(segment: Option<&Segment>) -> Self {
        match segment.map(|segment| &segment.sink) {
            Some(Sink::Stats(_)) => Self::Groups(Groups::default()),
            Some(Sink::Pattern(_)) => Self::Patterns(Patterns::default()),
            Some(Sink::Relevance(_)) => Self::Relevance(Relevance::default()),
            Some(Sink::Rows(_)) | None => Self::Rows(Rows::default()),
        }
    }

    /// Sends a row through the segment's steps into this; true when something arrived.
    fn feed(
        &mut self,
        segment: &Segment,
        context: &Context,
        limits: &Limits,
        most: usize,
        row: Row<'_>,
    ) -> Result<bool, ExecutionError> {
        let mut arrived = false;
        steps::run(&segment.steps, context, row, &mut |row| {
            arrived = true;
            match (&mut *self, &segment.sink) {
                (Self::Rows(rows), Sink::Rows(plan)) => {
                    rows.push(plan, rows::wanted(plan, most), limits, row)
                }
                (Self::Groups(groups), Sink::Stats(plan)) => groups.push(plan, context, limits, &row),
                (Self::Patterns(patterns), Sink::Pattern(of)) => {
                    let time = !row.tie.0;
                    let now = (context.start..=context.end).contains(&time);
                    let before = context.baseline.is_some_and(|window| window.contains(time));
                    patterns.push(&of.eval(&row.values, context), now, before);
                    Ok(())
                }
                (Self::Relevance(relevance), Sink::Relevance(plan)) => {
                    relevance.push(plan, context, limits, &row)
                }
                _ => Ok(()),
            }
        })?;
        Ok(arrived)
    }

    fn is_cut(&self, segment: &Segment, most: usize) -> bool {
        match (self, &segment.sink) {
            (Self::Rows(rows), Sink::Rows(plan)) => rows.is_cut(plan, rows::wanted(plan, most)),
            _ => false,
        }
    }

    fn is_full(&self, segment: &Segment) -> bool {
        match (self, &segment.sink) {
            (Self::Rows(rows), Sink::Rows(plan)) => rows.is_full(plan),
            _ => false,
        }
    }

    fn merge(
        &mut self,
        other: Self,
        segment: &Segment,
        limits: &Limits,
        most: usize,
    ) -> Result<(), ExecutionError> {
        match (self, other, &segment.sink) {
            (Self::Rows(rows), Self::Rows(other), Sink::Rows(plan)) => {
                rows.merge(other, plan, rows::wanted(plan, most), limits)
            }
            (Self::Groups(groups), Self::Groups(other), Sink::Stats(plan)) => {
                groups.merge(other, plan, limits)
            }
            (Self::Patterns(patterns), Self::Patterns(other), Sink::Pattern(_)) => {
                patterns.merge(other);
                Ok(())
            }
            (Self::Relevance(relevance), Self::Relevance(other), _) => relevance.merge(&other, limits),
            _ => Ok(()),
        }
    }

    fn finish(self, segment: &Segment, context: &Context, most: usize, diff: bool) -> Vec<Row<'static>> {
        match (self, &segment.sink) {
            (Self::Rows(rows), Sink::Rows(plan)) => rows.finish(plan, rows::wanted(plan, most)),
            (Self::Groups(groups), Sink::Stats(plan)) => groups.finish(plan, context),
            (Self::Patterns(patterns), _) => patterns.finish(diff),
            (Self::Relevance(relevance), _) => relevance.finish(),
            _ => Vec::new(),
        }
    }
}
