//! The Logs Insights query language (CloudWatch user guide, "CloudWatch Logs Insights language
//! query syntax"): text to a plan, and a plan over events. It knows no log store.
//!
//! What CloudWatch leaves unpublished is decided in `INSIGHTS.md`, beside this crate's manifest.

mod ast;
mod compare;
mod csv;
mod discover;
mod error;
mod exec;
mod expr;
mod functions;
mod javatime;
mod json;
mod lexer;
mod lookup;
mod natural;
mod number;
mod parse;
mod period;
mod plan;
mod relation;
mod results;
mod source;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Span, Timestamp, tz::TimeZone};

pub use discover::{Owner, Pointer, fields};
pub use error::QueryError;
pub use exec::{Execution, ExecutionError, Limits};
pub use lookup::{Table, TableError};
pub use relation::Materialized;
pub use results::{Results, Statistics};
pub use source::{Candidate, Selection, Source, TagFilter};

use ast::Diff;
use error::{Compiled, Fault};
use lookup::Index;
use plan::Plan;

/// Characters that a query may have (StartQuery).
const MOST_CHARACTERS: usize = 10_000;

/// One log event. All of it is borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The log group's name.
    pub group: &'a str,
    /// The log stream's name.
    pub stream: &'a str,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// When it was taken in, in milliseconds since the epoch.
    pub ingestion: i64,
    /// Its number: larger for what arrived later, and different for every event.
    pub id: u64,
    /// The line.
    pub message: &'a str,
}

/// A window of time in epoch milliseconds; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first millisecond.
    pub start: i64,
    /// The last millisecond.
    pub end: i64,
}

impl Range {
    fn contains(self, time: i64) -> bool {
        (self.start..=self.end).contains(&time)
    }
}

/// A query that is ready to run.
#[derive(Debug, Clone)]
pub struct Query {
    plan: Arc<Plan>,
    /// The lookup tables that it was bound to, by their names.
    tables: Arc<BTreeMap<String, Arc<Table>>>,
}

/// Reads a query.
///
/// # Errors
///
/// What is wrong with it, and the characters where that is.
pub fn compile(query: &str) -> Result<Query, QueryError> {
    if query.chars().nth(MOST_CHARACTERS).is_some() {
        let message = format!("a query has at most {MOST_CHARACTERS} characters");
        return Err(Fault::new(0..query.len(), message).locate(query));
    }
    let commands = parse::parse(query).map_err(|fault| fault.locate(query))?;
    let plan = Plan::new(query, &commands).map_err(|fault| fault.locate(query))?;
    Ok(Query { plan: Arc::new(plan), tables: Arc::default() })
}

impl Query {
    /// What the query's `SOURCE` commands name; empty when the caller chooses the log groups.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.plan.sources
    }

    /// The queries inside it, each with its own [`Query::sources`]. They run first, over the same
    /// window, and [`Execution::answer`] takes what they give.
    #[must_use]
    pub fn subqueries(&self) -> Vec<Self> {
        let query = |subquery: &plan::Subquery| Self {
            plan: Arc::clone(&subquery.plan),
            tables: Arc::clone(&self.tables),
        };
        self.plan.subqueries.iter().map(query).collect()
    }

    /// The names of the lookup tables that it and its subqueries read.
    #[must_use]
    pub fn lookups(&self) -> Vec<String> {
        let own = self.plan.lookups.iter().map(|wanted| wanted.table.name.clone());
        own.chain(self.subqueries().iter().flat_map(Self::lookups)).collect()
    }

    /// Gives it the lookup tables that [`Query::lookups`] names; `query` is the text that it was
    /// read from.
    ///
    /// # Errors
    ///
    /// When a table is not there, or has no such column.
    pub fn bind(mut self, query: &str, tables: BTreeMap<String, Arc<Table>>) -> Result<Self, QueryError> {
        self.tables = Arc::new(tables);
        self.check_tables().map_err(|fault| fault.locate(query))?;
        Ok(self)
    }

    fn check_tables(&self) -> Compiled<()> {
        self.indexes()?;
        self.subqueries().iter().try_for_each(Self::check_tables)
    }

    /// The tables as its own commands look into them.
    fn indexes(&self) -> Compiled<Vec<Arc<Index>>> {
        let index = |wanted| Index::new(wanted, &self.tables).map(Arc::new);
        self.plan.lookups.iter().map(index).collect()
    }

    /// The windows whose events the query needs: its own, or with `offset` an earlier one, and the
    /// part of the one that `diff` compares with that is before it.
    #[must_use]
    pub fn windows(&self, range: Range) -> Vec<Range> {
        let moved = |time: i64| time.saturating_sub(self.plan.offset);
        let own = Range { start: moved(range.start), end: moved(range.end) };
        let earlier = self
            .baseline(range)
            .map(|window| Range { end: window.end.min(range.start.saturating_sub(1)), ..window });
        [Some(own), earlier].into_iter().flatten().collect()
    }

    /// The window that `diff` compares with, as long as the query's own.
    fn baseline(&self, range: Range) -> Option<Range> {
        let length = range.end.saturating_sub(range.start);
        let start = match self.plan.diff? {
            Diff::Period => range.start.saturating_sub(length).saturating_sub(1),
            Diff::Day => range.start.saturating_sub(86_400_000),
            Diff::Week => range.start.saturating_sub(7 * 86_400_000),
            Diff::Month => month_before(range.start),
            Diff::Shift(ms) => range.start.saturating_sub(ms),
        };
        Some(Range { start, end: start.saturating_add(length) })
    }
}

/// The same day and hour of the month before.
fn month_before(ms: i64) -> i64 {
    let earlier = Timestamp::from_millisecond(ms)
        .ok()
        .and_then(|time| time.to_zoned_datetime(TimeZone::UTC).checked_sub(Span::new().months(1)).ok());
    earlier.map_or(ms, |time| time.timestamp().as_millisecond())
}
