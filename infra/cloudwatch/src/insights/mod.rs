//! The Logs Insights query language (CloudWatch user guide, "CloudWatch Logs Insights language
//! query syntax"): text to a plan, and a plan over events. It knows no log store.
//!
//! What CloudWatch leaves unpublished is decided in `INSIGHTS.md`, beside this crate's manifest.

mod ast;
mod compare;
mod discover;
mod error;
mod exec;
mod expr;
mod functions;
mod javatime;
mod json;
mod lexer;
mod natural;
mod number;
mod parse;
mod period;
mod plan;
mod results;
mod tree;
mod value;

use std::sync::Arc;

use jiff::{Span, Timestamp, tz::TimeZone};

pub use ast::Source;
pub use discover::{Owner, Pointer, fields};
pub use error::QueryError;
pub use exec::{Execution, ExecutionError, Limits};
pub use results::{Results, Statistics};

use ast::Diff;
use error::Fault;
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
    Ok(Query { plan: Arc::new(plan) })
}

impl Query {
    /// What the query's `SOURCE` commands name; empty when the caller chooses the log groups.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.plan.sources
    }

    /// The queries inside its filters, each with its own [`Query::sources`]. They run first, over
    /// the same window, and [`Execution::answer`] takes what they give.
    #[must_use]
    pub fn subqueries(&self) -> Vec<Self> {
        let query = |subquery: &plan::Subquery| Self { plan: Arc::clone(&subquery.plan) };
        self.plan.subqueries.iter().map(query).collect()
    }

    /// The windows whose events the query needs: its own, and the earlier one of `diff`.
    #[must_use]
    pub fn windows(&self, range: Range) -> Vec<Range> {
        let length = range.end.saturating_sub(range.start).saturating_add(1);
        let moved = |start: i64| Range {
            start,
            end: start.saturating_add(length - 1).min(range.start.saturating_sub(1)),
        };
        let earlier = self.plan.diff.map(|diff| match diff {
            Diff::Period => moved(range.start.saturating_sub(length)),
            Diff::Day => moved(range.start.saturating_sub(86_400_000)),
            Diff::Week => moved(range.start.saturating_sub(7 * 86_400_000)),
            Diff::Month => moved(month_before(range.start)),
        });
        [Some(range), earlier].into_iter().flatten().collect()
    }
}

/// The same day and hour of the month before.
fn month_before(ms: i64) -> i64 {
    let earlier = Timestamp::from_millisecond(ms)
        .ok()
        .and_then(|time| time.to_zoned_datetime(TimeZone::UTC).checked_sub(Span::new().months(1)).ok());
    earlier.map_or(ms, |time| time.timestamp().as_millisecond())
}
