//! A query over a file of lines, as others read one: two threads, each half of the bytes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use cloudwatch::insights::{Execution, Results};

use crate::{Failure, START, event, execution, halves};

/// Bytes that are read at once.
const CHUNK: usize = 1024 * 1024;

/// The query over a file.
pub(crate) fn run(query: &str, path: &Path) -> Result<Results, Failure> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let parts = [(0, size / 2), (size / 2, size)];
    halves(execution(query)?, |execution, half| {
        let part = parts.get(half).copied().unwrap_or_default();
        read(execution, &file, part).map_err(|error| error.to_string())
    })
}

/// The lines that begin in a part of the file.
fn read(mut execution: Execution, file: &File, (from, to): (u64, u64)) -> Result<Execution, Failure> {
    let mut buffer = vec![0; CHUNK];
    // A line that begins before the part is the other thread's.
    let mut at = if from == 0 { 0 } else { next_line(file, from - 1, &mut buffer)? };
    while at < to {
        let count = file.read_at(&mut buffer, at)?;
        let read = buffer.get(..count).unwrap_or_default();
        let Some(end) = read.iter().rposition(|byte| *byte == b'\n') else {
            return Err("a line is too long".into());
        };
        let text = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
        for line in text.split('\n') {
            // What begins behind the part is the other thread's.
            if at >= to {
                break;
            }
            let timestamp = timestamp(line).ok_or("a line has no time")?;
            if execution.push(&event(timestamp, i64::try_from(at)?, line)).is_break() {
                return Ok(execution);
            }
            at += line.len() as u64 + 1;
        }
    }
    Ok(execution)
}

/// Where the first line begins after the newline at or behind a place.
fn next_line(file: &File, at: u64, buffer: &mut [u8]) -> Result<u64, Failure> {
    let count = file.read_at(buffer, at)?;
    let place = buffer.iter().take(count).position(|byte| *byte == b'\n').ok_or("a line is too long")?;
    Ok(at + place as u64 + 1)
}

/// The time of a line, which begins with it: `{"timestamp":"2026-08-01T10:00:00.000Z"`. Who keeps
/// logs knows it beside the line.
fn timestamp(line: &str) -> Option<i64> {
    let number = |from: usize, to: usize| line.get(from..to)?.parse::<i64>().ok();
    let (hour, minute) = (number(25, 27)?, number(28, 30)?);
    let (second, ms) = (number(31, 33)?, number(34, 37)?);
    Some(START + (((hour - 10) * 60 + minute) * 60 + second) * 1000 + ms)
}
