//! How fast the query language reads JSON lines of about 500 bytes, scanned by two threads.
//!
//! Run by hand: `cargo run --release --bin insights [LINES]` reads lines in memory, and
//! a minute out of a day from a log store. `insights generate FILE LINES` writes the same lines,
//! `insights file FILE QUERY` asks one of the queries of them: `./insights` does both, beside others.

mod day;
mod file;
mod lines;

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use cloudwatch::insights::{self, Event, Execution, Limits, Owner, Range, Results};

use self::lines::{Lines, STEP_MS};

/// Whatever stops the run.
type Failure = Box<dyn Error>;

/// 2026-08-01 10:00:00 UTC, in milliseconds since the epoch.
const START: i64 = 1_785_578_400_000;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Rounds of each query; the fastest counts, as others use the machine, too.
const ROUNDS: usize = 3;

/// What is measured, and how long a million lines may take in seconds.
const QUERIES: [(&str, &str, f64); 7] = [
    ("filter and count by", r#"filter level = "ERROR" | stats count(*) by route"#, 0.6),
    ("the same without a text to look for", "filter status >= 500 | stats count(*) by route", 0.6),
    ("count by, of every line", "stats count(*) by route, level", 0.6),
    ("percentiles by bin", "stats pct(latency, 50), pct(latency, 90), pct(latency, 99) by bin(1m)", 0.8),
    (
        "parse with a regular expression, top 20",
        r#"parse @message /"path":"(?<p>[^"]*)"/ | stats count(*) as n by p | sort n desc | limit 20"#,
        2.0,
    ),
    ("full text", "filter @message like \"needle\"", 0.4),
    ("the newest 20", "fields @timestamp, route | sort @timestamp desc | limit 20", 0.6),
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => in_memory(1_000_000),
        [count] => in_memory(count.parse()?),
        ["generate", path, count] => Ok(std::fs::write(path, Lines::generate(count.parse()?).text)?),
        ["file", path, name] => {
            let (_, query, _) =
                QUERIES.iter().find(|(known, ..)| known == name).ok_or("there is no such query")?;
            let results = file::run(query, path.as_ref())?;
            Ok(writeln!(std::io::stdout(), "{} rows", results.rows.len())?)
        }
        _ => Err("usage: insights [LINES] | generate FILE LINES | file FILE QUERY".into()),
    }
}

fn in_memory(count: usize) -> Result<(), Failure> {
    let lines = Lines::generate(count);
    let mut out = std::io::stdout().lock();
    let before = megabytes("VmRSS:")?;
    writeln!(out, "{count} lines of {} bytes", lines.text.len() / count.max(1))?;
    for (name, query, target) in QUERIES {
        let (mut best, mut least) = (f64::MAX, f64::MAX);
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let (started, before) = (Instant::now(), cpu_seconds()?);
            rows = run(query, &lines)?.rows.len();
            best = best.min(started.elapsed().as_secs_f64());
            least = least.min(cpu_seconds()? - before);
        }
        writeln!(out, "{best:6.3} s (target {target:.1}), {least:6.3} s of CPU  {rows:6} rows  {name}")?;
    }
    writeln!(out, "{:.0} MB at most beyond the lines themselves", megabytes("VmHWM:")? - before)?;
    day::run(&mut out)
}

/// A figure of the process's memory.
fn megabytes(name: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// What this process has used of all processors, from the scheduler's books: it says more than the
/// clock on a machine that does other work.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    let ticks: f64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// A query that takes what comes within a day.
fn execution(query: &str) -> Result<Execution, Failure> {
    let query = insights::compile(query)?;
    let owner = Owner { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
    let range = Range { start: START, end: START + DAY_MS };
    Ok(Execution::new(&query, range, START, &owner, Limits::default()))
}

/// Two halves of the work at once, and what both have found.
fn halves(
    execution: Execution,
    read: impl Fn(Execution, usize) -> Result<Execution, String> + Sync,
) -> Result<Results, Failure> {
    let second = execution.clone();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| read(second, 1));
        (read(execution, 0), other.join())
    });
    let mut first = first?;
    first.merge(second.map_err(|_| "a thread panicked")??);
    Ok(first.finish()?)
}

/// The query over lines in memory.
fn run(query: &str, lines: &Lines) -> Result<Results, Failure> {
    let count = lines.ends.len();
    let parts = [(0, count / 2), (count / 2, count)];
    halves(execution(query)?, |mut execution, half| {
        let (from, to) = parts.get(half).copied().unwrap_or_default();
        lines.each(from, to, |at, message| {
            execution.push(&event(START + STEP_MS * at, at, message)).is_break()
        });
        Ok(execution)
    })
}

/// A line as an event; its number is its id.
fn event(timestamp: i64, number: i64, message: &str) -> Event<'_> {
    Event { group: "app", stream: "one", timestamp, ingestion: START, id: number.unsigned_abs(), message }
}
