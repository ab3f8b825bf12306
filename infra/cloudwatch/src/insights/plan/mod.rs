//! From commands to a plan: segments of steps that work row by row, each with a sink that gathers.

mod builder;
mod expression;
mod extract;
mod newer;
mod prefilter;
mod relations;
mod scope;
mod stats;

use std::sync::Arc;

use super::ast::{Command, Diff, ExprKind, Item};
use super::discover::Scan;
use super::error::Compiled;
use super::expr::Expr;
use super::lookup::Wanted;
use super::source::Source;

pub(super) use extract::{Extract, Way};
pub(super) use prefilter::Prefilter;
pub(super) use stats::{AggregateKind, StatsPlan};

use scope::Scope;

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
    /// Where the pointer itself is kept, when a command over all rows changes their order.
    pub(super) kept_pointer: Option<Slot>,
    /// The query says itself how many rows it wants.
    pub(super) limited: bool,
    /// The subqueries, whose answers the plan needs.
    pub(super) subqueries: Vec<Subquery>,
    /// The lookup tables that it reads.
    pub(super) lookups: Vec<Wanted>,
    /// The earlier window that `diff` compares with.
    pub(super) diff: Option<Diff>,
    /// Milliseconds by which `stats … offset` reads earlier events.
    pub(super) offset: i64,
}

/// A query inside the query, and what is done with its rows.
#[derive(Debug, Clone)]
pub(super) struct Subquery {
    pub(super) plan: Arc<Plan>,
    pub(super) usage: Usage,
}

/// What a subquery's rows are for. The numbers are places among its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// The values of one column, for `in`.
    Values(usize),
    /// Rows by the value of a column, for `join`.
    Keyed(usize),
    /// Rows in their order, for `appendcols`.
    Rows,
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
    /// One row for each row of the other side that has the same key.
    Join(JoinPlan),
    /// Cells out of the row of a lookup table.
    Lookup(LookupPlan),
    /// The sum of what is a number among some slots.
    Total(Vec<Slot>, Slot),
}

/// How rows of the other side join a row.
#[derive(Debug)]
pub(super) struct JoinPlan {
    /// The subquery's place.
    pub(super) place: usize,
    pub(super) key: Expr,
    /// A row without a partner stays.
    pub(super) outer: bool,
    /// Where the other side's columns go, in their order.
    pub(super) into: Vec<Slot>,
}

/// How a row finds cells of a lookup table.
#[derive(Debug)]
pub(super) struct LookupPlan {
    /// The table's place among the plan's.
    pub(super) place: usize,
    pub(super) keys: Vec<Expr>,
    /// Where the table's cells go, in their order.
    pub(super) into: Vec<Slot>,
    /// Only what is missing is filled.
    pub(super) fill: bool,
}

/// Where rows are gathered.
#[derive(Debug)]
pub(super) enum Sink {
    Rows(RowsPlan),
    Stats(StatsPlan),
    Pattern(Expr),
    Relevance(RelevancePlan),
}

/// Which fields `relevantfields` looks at, and when.
#[derive(Debug)]
pub(super) struct RelevancePlan {
    pub(super) condition: Expr,
    pub(super) fields: Columns,
    /// All that is discovered in the message counts as well: the slots of the group and of the
    /// message.
    pub(super) discovered: Option<(Slot, Slot)>,
    /// Fields that the condition itself names.
    pub(super) except: Vec<String>,
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
    /// A row more, with the sums of columns.
    Totals(Vec<Slot>),
    /// The number of the session that an event belongs to.
    Sessions { of: Vec<Slot>, time: Slot, pause: i64, into: Slot },
    /// Values far from the others.
    Outliers(OutlierPlan),
    /// The columns of a subquery's rows: its place, rows at most, places among its columns with
    /// the slots that they go to, and whether a value that is there stays.
    Append { place: usize, most: usize, columns: Vec<(usize, Slot)>, replace: bool },
}

/// Which values are outliers, and what becomes of them.
#[derive(Debug)]
pub(super) struct OutlierPlan {
    pub(super) remove: bool,
    pub(super) factor: f64,
    pub(super) lower: bool,
    /// A field's slot, and that of its mark.
    pub(super) fields: Vec<(Slot, Option<Slot>)>,
}

impl Transform {
    /// Whether its result is wrong without the last rows.
    pub(super) fn needs_all(&self) -> bool {
        matches!(self, Self::Totals(_) | Self::Sessions { .. } | Self::Outliers(_))
    }
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
