//! The lines: generated, and the same in every run.

use std::fmt::Write as _;

use crate::START;

/// Milliseconds from one line to the next.
pub(crate) const STEP_MS: i64 = 3;

/// Lines in one text, each with its newline, and where each ends.
pub(crate) struct Lines {
    pub(crate) text: String,
    pub(crate) ends: Vec<usize>,
}

impl Lines {
    /// A fixed sequence of so many.
    pub(crate) fn generate(count: usize) -> Self {
        let mut lines = Self { text: String::with_capacity(count * 600), ends: Vec::with_capacity(count) };
        let mut state = 1_u64;
        for (line, at) in (0..count).zip(0_i64..) {
            write(&mut lines.text, line, START + STEP_MS * at, &mut state);
            lines.ends.push(lines.text.len());
        }
        lines
    }

    /// Visits lines with their numbers, without their newlines, until one is enough.
    pub(crate) fn each(&self, from: usize, to: usize, mut visit: impl FnMut(i64, &str) -> bool) {
        let mut start = if from == 0 { 0 } else { self.ends.get(from - 1).copied().unwrap_or_default() };
        for (end, number) in self.ends.iter().zip(0_i64..).take(to).skip(from) {
            if visit(number, self.text.get(start..end - 1).unwrap_or_default()) {
                return;
            }
            start = *end;
        }
    }
}

fn write(text: &mut String, line: usize, at: i64, state: &mut u64) {
    let mut random = |below: u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    };
    let level = ["INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
    let level = level.get(usize::try_from(random(7)).unwrap_or_default()).unwrap_or(&"INFO");
    let (status, route, path) = (200 + random(4) * 100, random(20), random(500));
    let note = if random(1000) == 0 { "needle in the hay" } else { "nothing of note to see here" };
    let (minutes, ms) = ((at - START) / 60_000, (at - START) % 60_000);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        r#"{{"timestamp":"2026-08-01T{:02}:{:02}:{:02}.{:03}Z","level":"{level}","requestId":"{:016x}-{:016x}","service":"gateway","host":"ip-10-0-{}-{}.internal","connectionId":"L0SM9cOFvHcCIhw={line}","route":"/v1/things/{route}","path":"/v1/things/{route}/parts/{path}","status":{status},"latency":{}.{},"bytes":{},"user":{{"id":"user-{}","roles":["reader","writer"]}},"message":"{note}, and some words to fill the line up to its length","trace":{{"id":"1-5e1b4151-{:024x}","sampled":true}},"region":"us-east-1","version":"2026.08.01"}}"#,
        10 + minutes / 60,
        minutes % 60,
        ms / 1000,
        ms % 1000,
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
}
