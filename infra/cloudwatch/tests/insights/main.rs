//! The Logs Insights query language, seen from outside: text and events in, rows out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod cases;
mod commands;
mod discovery;
mod document;
mod errors;
mod functions;
mod fuzz;
mod newer;
mod oracle;
mod relations;
mod rows_oracle;
mod sorting;
mod statistics;
mod values;

use std::sync::Arc;

use cloudwatch::insights::{self, Event, Execution, Limits, Owner, Query, Range, Results, Table};

/// 2026-08-01 10:00:00 UTC.
const START: i64 = 1_785_578_400_000;

/// One hour.
const RANGE: Range = Range { start: START, end: START + 3_600_000 - 1 };

/// An event that a test owns.
#[derive(Debug, Clone)]
struct Line {
    group: String,
    stream: String,
    timestamp: i64,
    message: String,
}

/// Lines of the group `app`, a second apart.
fn lines(messages: &[&str]) -> Vec<Line> {
    in_group("app", messages)
}

fn in_group(group: &str, messages: &[&str]) -> Vec<Line> {
    let line = |(message, second): (&&str, i64)| Line {
        group: group.to_owned(),
        stream: "one".to_owned(),
        timestamp: START + second * 1000,
        message: (*message).to_owned(),
    };
    messages.iter().zip(0..).map(line).collect()
}

fn events(lines: &[Line]) -> impl Iterator<Item = Event<'_>> {
    lines.iter().zip(1..).map(|(line, id)| Event {
        group: &line.group,
        stream: &line.stream,
        timestamp: line.timestamp,
        ingestion: line.timestamp + 50,
        id,
        message: &line.message,
    })
}

fn owner() -> Owner {
    Owner { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
}

/// A query with its lookup tables: their names and their CSV.
fn compiled(query: &str, tables: &[(&str, &str)]) -> Query {
    let table = |(name, csv): &(&str, &str)| ((*name).to_owned(), Arc::new(Table::parse(csv).unwrap()));
    let bound =
        insights::compile(query).and_then(|found| found.bind(query, tables.iter().map(table).collect()));
    bound.unwrap_or_else(|error| panic!("{error}: {query}"))
}

fn begin(query: &Query, range: Range) -> Execution {
    Execution::new(query, range, START + 3_600_000, &owner(), Limits::default())
}

fn start(query: &str, range: Range) -> Execution {
    begin(&compiled(query, &[]), range)
}

/// Runs the subqueries over the groups that they name.
fn answered(query: &Query, range: Range, lines: &[Line]) -> Execution {
    let mut execution = begin(query, range);
    for (place, inner) in query.subqueries().into_iter().enumerate() {
        let named = |group: &str| inner.sources().contains(&insights::Source::Group(group.to_owned()));
        let limits = Limits::default().inside();
        let mut inside = Execution::new(&inner, range, START + 3_600_000, &owner(), limits);
        let _ = events(lines).filter(|event| named(event.group)).try_for_each(|event| inside.push(&event));
        execution.answer(place, inside.materialize().unwrap());
    }
    execution
}

/// The result of a query; and the same when two halves of the events are read apart.
fn run_over(query: &str, range: Range, lines: &[Line]) -> Results {
    run_bound(&compiled(query, &[]), range, lines, !query.contains("limit any"))
}

/// The same for a compiled query; `certain` when the result does not hang on who reads what.
fn run_bound(query: &Query, range: Range, lines: &[Line], certain: bool) -> Results {
    let mut whole = answered(query, range, lines);
    let mut halves = [whole.clone(), whole.clone()];
    let _ = events(lines).try_for_each(|event| whole.push(&event));
    for (place, event) in events(lines).enumerate() {
        let _ = halves[place % 2].push(&event);
    }
    let [mut merged, other] = halves;
    merged.merge(other);
    let (whole, merged) = (whole.finish().unwrap(), merged.finish().unwrap());
    if certain {
        assert_eq!(merged, whole, "merged halves differ: {query:?}");
    }
    whole
}

/// Rows as text: cells as `field=value`, one row a line, without `@ptr`.
fn text(results: &Results) -> String {
    let cell = |(field, value): &(std::sync::Arc<str>, String)| format!("{field}={value}");
    let row = |cells: &Vec<_>| {
        let shown = cells.iter().filter(|(field, _): &&(std::sync::Arc<str>, String)| &**field != "@ptr");
        shown.map(cell).collect::<Vec<_>>().join(" | ")
    };
    results.rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// The rows of a query over lines a second apart.
fn run(query: &str, messages: &[&str]) -> String {
    text(&run_over(query, RANGE, &lines(messages)))
}

/// The value of an expression over one message; `-` when there is none.
fn value(expression: &str, message: &str) -> String {
    let found = run(&format!("fields {expression} as v | display v"), &[message]);
    found.strip_prefix("v=").unwrap_or("-").to_owned()
}
