//! How fast the query language reads: generated JSON lines of about 500 bytes in memory, scanned
//! by two threads. Run by hand: `cargo run --release -p benches --bin insights [LINES]`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use cloudwatch::insights::{self, Event, Execution, Limits, Owner, Range, Results};

/// 2026-08-01 10:00:00 UTC.
const START: i64 = 1_785_578_400_000;

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

/// Lines in one text, and where each ends.
struct Lines {
    text: String,
    ends: Vec<usize>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 1_000_000,
    };
    let lines = generate(count);
    let mut out = std::io::stdout().lock();
    let before = megabytes("VmRSS:")?;
    writeln!(out, "{count} lines of {} bytes", lines.text.len() / count.max(1))?;
    for (name, query, target) in QUERIES {
        let (mut best, mut least) = (f64::MAX, f64::MAX);
        let mut rows = 0;
        for _ in 0..3 {
            let (started, before) = (Instant::now(), cpu_seconds()?);
            rows = run(query, &lines)?.rows.len();
            best = best.min(started.elapsed().as_secs_f64());
            least = least.min(cpu_seconds()? - before);
        }
        writeln!(out, "{best:6.3} s (target {target:.1}), {least:5.2} s of CPU  {rows:6} rows  {name}")?;
    }
    writeln!(out, "{:.0} MB at most beyond the lines themselves", megabytes("VmHWM:")? - before)?;
    Ok(())
}

/// A figure of the process's memory.
fn megabytes(name: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// What both threads have used, in hundredths of a second: it says more than the clock on a
/// machine that does other work.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    let ticks: f64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// The query over both halves of the lines at once.
fn run(query: &str, lines: &Lines) -> Result<Results, Box<dyn std::error::Error>> {
    let query = insights::compile(query)?;
    let owner = Owner { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
    let range = Range { start: START, end: START + 86_400_000 };
    let first = Execution::new(&query, range, START, &owner, Limits::default());
    let second = first.clone();
    let middle = lines.ends.len() / 2;
    let (mut first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(move || read(second, lines, middle, lines.ends.len()));
        (read(first, lines, 0, middle), other.join())
    });
    first.merge(second.map_err(|_| "a thread panicked")?);
    Ok(first.finish()?)
}

fn read(mut execution: Execution, lines: &Lines, from: usize, to: usize) -> Execution {
    let mut start = if from == 0 { 0 } else { lines.ends.get(from - 1).copied().unwrap_or_default() };
    for (end, id) in lines.ends.iter().zip(0_u32..).take(to).skip(from) {
        let event = Event {
            group: "app",
            stream: "one",
            timestamp: START + i64::from(id) * 3,
            ingestion: START,
            id: u64::from(id),
            message: lines.text.get(start..*end).unwrap_or_default(),
        };
        if execution.push(&event).is_break() {
            break;
        }
        start = *end;
    }
    execution
}

/// A fixed sequence: every run reads the same lines.
fn generate(count: usize) -> Lines {
    let mut lines = Lines { text: String::with_capacity(count * 600), ends: Vec::with_capacity(count) };
    let mut state = 1_u64;
    for line in 0..count {
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let level = ["INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
        let level = level.get(usize::try_from(random(7)).unwrap_or_default()).unwrap_or(&"INFO");
        let (status, route, path) = (200 + random(4) * 100, random(20), random(500));
        let note = if random(1000) == 0 { "needle in the hay" } else { "nothing of note to see here" };
        // Writing to a string cannot fail.
        let _ = write!(
            lines.text,
            r#"{{"timestamp":"2026-08-01T10:00:00.{:03}Z","level":"{level}","requestId":"{:016x}-{:016x}","service":"gateway","host":"ip-10-0-{}-{}.internal","connectionId":"L0SM9cOFvHcCIhw={line}","route":"/v1/things/{route}","path":"/v1/things/{route}/parts/{path}","status":{status},"latency":{}.{},"bytes":{},"user":{{"id":"user-{}","roles":["reader","writer"]}},"message":"{note}, and some words to fill the line up to its length","trace":{{"id":"1-5e1b4151-{:024x}","sampled":true}},"region":"us-east-1","version":"2026.08.01"}}"#,
            random(1000),
            random(1 << 30),
            random(1 << 30),
            random(256),
            random(256),
            random(900),
            random(100),
            random(100_000),
            random(5000),
            random(1 << 30),
        );
        lines.ends.push(lines.text.len());
    }
    lines
}
