//! A minute out of a day: a query of a log store that keeps its events in a file.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudwatch::clock::SystemClock;
use cloudwatch::insights::Event;
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;

use crate::lines::Lines;
use crate::{DAY_MS, Failure, ROUNDS, START, execution};

/// Lines of the day: more bytes than the store has in memory.
const LINES: usize = 200_000;

/// Stretches that are asked for, and how long they are in minutes.
const STRETCHES: [(&str, i64); 3] = [("the day", 24 * 60), ("an hour of it", 60), ("a minute of it", 1)];

/// Measures and prints.
pub(crate) fn run(out: &mut impl Write) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("switchboard-insights-{}", std::process::id()));
    let measured = measure(out, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn measure(out: &mut impl Write, folder: &std::path::Path) -> Result<(), Failure> {
    let store = LogStore::open(folder, MetricStore::default(), Arc::new(SystemClock))?;
    let lines = Lines::generate(LINES);
    let step = DAY_MS / i64::try_from(LINES)?;
    lines.each(0, LINES, |number, line| {
        store.append("app", "one", START + number * step, line);
        false
    });
    store.flush()?;
    writeln!(out, "\na day of {LINES} lines in a log store with a file, percentiles by bin(1m):")?;
    for (name, minutes) in STRETCHES {
        let (mut best, mut count) = (Duration::MAX, 0);
        // In the first hours, which only the file has any more.
        let (from, to) = (START, START + minutes * 60_000 - 1);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let mut execution = execution("stats pct(latency, 50), pct(latency, 99) by bin(1m)")?;
            store.scan(&["app"], from, to, &mut |event| execution.push(&Event::from(event)));
            count = execution.finish()?.statistics.records_scanned;
            best = best.min(begun.elapsed());
        }
        writeln!(out, "{:9.3} ms  {count:6} lines  {name}", best.as_secs_f64() * 1000.0)?;
    }
    Ok(())
}
