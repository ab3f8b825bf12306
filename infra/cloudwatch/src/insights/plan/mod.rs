//! From commands to a plan: segments of steps that work row by row, each with a sink that gathers.

mod builder;
mod expression;
mod extract;
mod prefilter;
mod scope;
mod stats;

use std::sync::Arc;

use super::ast::{Command, Diff, ExprKind, Item, Source};
use super::discover::Scan;
use super::error::Compiled;
use super::expr::Expr;

pub(super) use extract::{Extract, Way};
pub(super) use prefilter::Prefilter;
pub(super) use stats::{AggregateKind, StatsPlan};

/// A place in a row.
pub(super) type Slot = usize;

/// Columns and where they are.
pub(super) type Columns = Vec<(String, Slot)>;

/// A query that is ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sources: Vec<Source>,
    pub(super) scan: Scan,
    /// Slots of a row of the first segment.
    pub(super) width: usize,
    /// What a message must have for the query to want it.
    pub(super) prefilter: Option<Prefilter>,
    pub(super) segments: Vec<Segment>,
    pub(super) columns: Columns,
    /// The slot of the group's name, when a row of the result stands for an event.
    pub(super) pointer: Option<Slot>,
    /// The query says itself how many rows it wants.
    pub(super) limited: bool,
    /// The subqueries, whose answers the plan needs.
    pub(super) subqueries: Vec<Subquery>,
    /// The earlier window that `diff` compares with.
    pub(super) diff: Option<Diff>,
}

/// A query inside a filter, and the column whose values it gives.
#[derive(Debug, Clone)]
pub(super) struct Subquery {
    pub(super) plan: Arc<Plan>,
    pub(super) column: String,
}

/// Steps, a sink, and what is done with the sink's rows.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) steps: Vec<Step>,
    pub(super) sink: Sink,
    pub(super) transforms: Vec<Transform>,
}

/// Work on one row.
#[derive(Debug)]
pub(super) enum Step {
    Filter(Expr),
    Let(Slot, Expr),
    Extract(Extract),
    /// One row for each item of a list.
    Unnest(Expr, Slot),
}

/// Where rows are gathered.
#[derive(Debug)]
pub(super) enum Sink {
    Rows(RowsPlan),
    Stats(StatsPlan),
    Pattern(Expr),
}

/// Rows in an order, perhaps one for each combination of values, perhaps the first or last few.
#[derive(Debug, Clone, Default)]
pub(super) struct RowsPlan {
    /// Slots; true for descending.
    pub(super) order: Vec<(Slot, bool)>,
    pub(super) dedup: Option<Vec<Slot>>,
    pub(super) take: Take,
}

/// How many rows stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Take {
    /// As many as a query may give.
    #[default]
    All,
    First(usize),
    /// Any so many: reading can stop.
    Any(usize),
    Last(usize),
}

/// Work on all rows together, in their order.
#[derive(Debug)]
pub(super) enum Transform {
    /// A running sum.
    Accumulate { of: Slot, into: Slot },
    /// The value of so many rows before.
    Lag { of: Slot, by: usize, into: Slot },
    /// A missing value becomes the last one before it.
    FillDown(Vec<Slot>),
    /// Missing bins of time become rows.
    FillMissing { bin: Slot, period: super::period::Period, groups: Vec<Slot>, values: Vec<(Slot, Expr)> },
}

impl Plan {
    /// The plan of commands; `query` is the text that they were read from.
    pub(super) fn new(query: &str, commands: &[Command]) -> Compiled<Self> {
        builder::build(query, commands)
    }
}

/// The name of a column: what it is called, else what was written, in one line.
fn column_name(query: &str, item: &Item) -> String {
    match (&item.alias, &item.expr.kind) {
        (Some(alias), _) => alias.name.clone(),
        (None, ExprKind::Name(name)) => name.text(),
        (None, kind) => {
            let written = query.get(item.expr.span.clone()).unwrap_or_default();
            let line = written.split_whitespace().collect::<Vec<_>>().join(" ");
            let path = matches!(kind, ExprKind::Index(..) | ExprKind::Member(..));
            if path { line.replace('`', "") } else { line }
        }
    }
}
