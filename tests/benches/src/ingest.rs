//! How many log lines a second the log store takes on one thread: in memory and in a file.
//!
//! Lines are as a Lambda function writes them: text, a wide event in embedded metric format, or the
//! four lines of an invocation (START, the wide event, END, REPORT).

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudwatch::clock::{Clock, SystemClock};
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;

use super::Failure;

/// Lines of one round.
const LINES: usize = 200_000;

/// Rounds of each case; the fastest counts, as others use the machine, too.
const ROUNDS: usize = 3;

/// Wide events that differ, as their values and ids do.
const DIFFERENT: u32 = 1000;

const START: &str = "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST";
const END: &str = "END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95";
const REPORT: &str = "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 12.30 ms\t\
    Billed Duration: 13 ms\tMemory Size: 256 MB\tMax Memory Used: 40 MB\t";

/// Measures and prints.
pub(crate) fn run() -> Result<(), Failure> {
    let now_ms = SystemClock.now_ms();
    let wide: Vec<String> = (0..DIFFERENT).map(|number| wide_event(now_ms, number)).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    let invocations: Vec<&str> = wide.iter().flat_map(|wide| [START, wide, END, REPORT]).collect();
    let cases: [(&str, &[&str]); 3] = [
        ("text", &[REPORT]),
        ("invocations (a quarter wide events)", &invocations),
        ("wide events, two metrics in two sets", &wide),
    ];
    let folder = std::env::temp_dir().join(format!("switchboard-ingest-{}", std::process::id()));
    let mut out = std::io::stdout();
    for (name, lines) in cases {
        let memory = best(|| Ok(LogStore::new(MetricStore::default(), Arc::new(SystemClock))), lines)?;
        let file = best(
            || {
                let _ = std::fs::remove_dir_all(&folder);
                Ok(LogStore::open(&folder, MetricStore::default(), Arc::new(SystemClock))?)
            },
            lines,
        )?;
        writeln!(out, "{name}: {memory:.0} lines/s in memory, {file:.0} lines/s in a file")?;
    }
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}

/// Lines a second of the fastest round, until the last line is kept.
fn best(store: impl Fn() -> Result<LogStore, Failure>, lines: &[&str]) -> Result<f64, Failure> {
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let store = store()?;
        let first = SystemClock.now_ms();
        let begin = Instant::now();
        for (at, line) in (first..).zip(lines.iter().cycle().take(LINES)) {
            store.append("/aws/lambda/bench", "stream", at, *line);
        }
        store.flush()?;
        fastest = fastest.min(begin.elapsed());
    }
    Ok(LINES as f64 / fastest.as_secs_f64())
}

fn wide_event(now_ms: i64, number: u32) -> String {
    format!(
        concat!(
            r#"{{"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"Switchboard","#,
            r#""Dimensions":[["ApiId"],["ApiId","Stage"]],"Metrics":[{{"Name":"Invocations","Unit":"Count"}},"#,
            r#"{{"Name":"HandlerLatency","Unit":"Milliseconds"}}]}}]}},"Invocations":1,"HandlerLatency":{:.2},"#,
            r#""ApiId":"a1b2c3d4e5","Stage":"local","level":"INFO","timestamp":"2026-09-25T09:20:12.000Z","#,
            r#""message":"invocation","eventType":"MESSAGE","routeKey":"$default","connectionId":"L0SM9cOFvHcCIhw=","#,
            r#""requestId":"8f507cfc-xmpl-4697-b07a-{:012x}","extendedRequestId":"L0SM9cOFvHcCIhw=","#,
            r#""function":"default","command":"publish","status":200,"channelNamespace":"room","coldStart":false}}"#
        ),
        now_ms,
        1.0 + f64::from(number * 7919 % DIFFERENT) / 37.0,
        number
    )
}
