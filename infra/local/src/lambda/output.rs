//! A process's output: lines of stdout and stderr become log events.

use std::io::{self, ErrorKind, PipeReader};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudwatch::logs::LogStore;
use sam::app::{LogFormat, LogLevel};
use tokio::net::unix::pipe;
use uuid::Uuid;

use super::level;
use crate::clock::Clock;

/// Bytes of the longest log event; a longer line becomes several.
const EVENT_BYTES: usize = 256 * 1024;

/// Bytes that one look into a pipe takes at most, so that a process that never stops writing
/// does not hold up its own answer. A pipe holds less.
const DRAIN_BYTES: usize = 1024 * 1024;

/// An environment's log stream.
#[derive(Debug, Clone)]
pub(super) struct LogStream {
    logs: LogStore,
    group: Arc<str>,
    name: Arc<str>,
    clock: Arc<dyn Clock>,
}

impl LogStream {
    /// A new stream, named as Lambda names them: `2026/11/24/[$LATEST]` and 32 hex digits.
    pub(super) fn new(logs: LogStore, group: &str, clock: Arc<dyn Clock>) -> Self {
        let day = timestamp(clock.now_ms()).strftime("%Y/%m/%d").to_string();
        let name = format!("{day}/[$LATEST]{}", Uuid::new_v4().simple());
        Self { logs, group: Arc::from(group), name: Arc::from(name), clock }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The time as Lambda's own lines have it: RFC 3339 with milliseconds.
    pub(super) fn now(&self) -> String {
        format!("{:.3}", timestamp(self.clock.now_ms()))
    }

    /// The time so long before now, in the same form.
    pub(super) fn before(&self, duration: Duration) -> String {
        let ago = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        format!("{:.3}", timestamp(self.clock.now_ms().saturating_sub(ago)))
    }

    pub(super) fn write(&self, message: String) {
        self.logs.append(&self.group, &self.name, self.clock.now_ms(), message);
    }
}

fn timestamp(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// The reading end of a process's stdout or stderr.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: pipe::Receiver,
    /// Held for as long as a read takes, never across an await: lines keep their order.
    lines: Mutex<Lines>,
}

impl Pipe {
    /// # Errors
    /// When the pipe cannot be watched by the runtime's driver.
    pub(super) fn new(reader: PipeReader, log: LogStream, format: LogFormat) -> io::Result<Self> {
        let reader = pipe::Receiver::from_owned_fd(reader.into())?;
        Ok(Self { reader, lines: Mutex::new(Lines::new(log, format)) })
    }

    /// Moves what is in the pipe to the log. A direct read, not one through the driver: what the
    /// process wrote before it sent its answer is seen, whatever the driver has noticed so far.
    pub(super) fn drain(&self) -> Drained {
        self.take(|buffer| Ok(rustix::io::read(&self.reader, buffer)?))
    }

    /// The process is gone: the last line counts without its newline too.
    pub(super) fn finish(&self) {
        while let Drained::More = self.drain() {}
        self.lock().finish();
    }

    /// Moves lines to the log until the process closes the pipe.
    pub(super) async fn run(self: Arc<Self>) {
        while self.reader.readable().await.is_ok() {
            // Through the driver, which learns from it that the pipe is empty.
            if self.take(|buffer| self.reader.try_read(buffer)) == Drained::Closed {
                return;
            }
        }
    }

    fn take(&self, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> Drained {
        let mut lines = self.lock();
        let mut buffer = [0; 8 * 1024];
        let mut total = 0;
        while total < DRAIN_BYTES {
            match read(&mut buffer) {
                Ok(0) => return Drained::Closed,
                Ok(length) => {
                    total += length;
                    lines.push(buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Drained::Empty,
                Err(_) => return Drained::Closed,
            }
        }
        Drained::More
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Lines are whole after every push, so a poisoned lock is still good.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    Empty,
    More,
    Closed,
}

/// Cuts bytes into log events.
#[derive(Debug)]
struct Lines {
    log: LogStream,
    /// Lines below it are dropped.
    least: Option<LogLevel>,
    /// A line whose newline has not come; at most [`EVENT_BYTES`].
    partial: Vec<u8>,
}

impl Lines {
    fn new(log: LogStream, format: LogFormat) -> Self {
        let least = match format {
            LogFormat::Text => None,
            LogFormat::Json { application, .. } => Some(application),
        };
        Self { log, least, partial: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.extend(end);
                    self.finish();
                }
                None => self.extend(piece),
            }
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while self.partial.len() > EVENT_BYTES {
            let rest = self.partial.split_off(character_boundary(&self.partial, EVENT_BYTES));
            self.finish();
            self.partial = rest;
        }
    }

    /// Writes what there is. CloudWatch has no empty events, so an empty line is none.
    fn finish(&mut self) {
        if self.partial.is_empty() {
            return;
        }
        let message = match String::from_utf8(std::mem::take(&mut self.partial)) {
            Ok(message) => message,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        if self.least.is_none_or(|least| level::of(&message) >= least) {
            self.log.write(message);
        }
    }
}

/// The last place at or before `at` that does not cut a UTF-8 character.
fn character_boundary(bytes: &[u8], at: usize) -> usize {
    let continues = |index: &usize| bytes.get(*index).is_some_and(|byte| byte & 0xC0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|index| !continues(index)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct At(i64);

    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }
    }

    fn stream(logs: &LogStore) -> LogStream {
        LogStream::new(logs.clone(), "group", Arc::new(At(1_700_000_000_123)))
    }

    /// What becomes of chunks that arrive one after the other.
    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let logs = LogStore::default();
        let mut lines = Lines::new(stream(&logs), LogFormat::Text);
        chunks.iter().for_each(|chunk| lines.push(chunk));
        lines.finish();
        logs.events("group").into_iter().map(|event| event.message.to_string()).collect()
    }

    #[test]
    fn chunks_become_lines() {
        assert_eq!(lines(&[b"one\ntw", b"o\n", b"\n\nthree"]), ["one", "two", "three"]);
        assert_eq!(lines(&[b"", b"\n"]), [""; 0]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(lines(&[b"a\xFFb\n"]), ["a\u{FFFD}b"]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "x".repeat(EVENT_BYTES - 1) + "äy";
        assert_eq!(lines(&[line.as_bytes()]), ["x".repeat(EVENT_BYTES - 1), "äy".to_owned()]);
        let whole = "x".repeat(EVENT_BYTES);
        assert_eq!(lines(&[whole.as_bytes(), b"\n"]), [whole]);
    }

    #[test]
    fn a_stream_is_named_and_stamped_by_the_clock() {
        let logs = LogStore::default();
        let stream = stream(&logs);
        stream.write("line".to_owned());
        let (day, id) = stream.name().split_at("2023/11/14/[$LATEST]".len());
        assert_eq!(day, "2023/11/14/[$LATEST]");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(stream.now(), "2023-11-14T22:13:20.123Z");
        assert_eq!(logs.events("group")[0].timestamp, 1_700_000_000_123);
    }

    #[tokio::test]
    async fn a_drain_takes_what_is_in_the_pipe_and_keeps_half_lines() {
        use std::io::Write;
        let logs = LogStore::default();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let pipe = Pipe::new(reader, stream(&logs), LogFormat::Text).unwrap();
        let said =
            || logs.events("group").into_iter().map(|event| event.message.to_string()).collect::<Vec<_>>();
        assert_eq!(pipe.drain(), Drained::Empty);
        writer.write_all(b"one\nha").unwrap();
        assert_eq!(pipe.drain(), Drained::Empty);
        assert_eq!(said(), ["one"]);
        writer.write_all(b"lf").unwrap();
        drop(writer);
        pipe.finish();
        assert_eq!(said(), ["one", "half"]);
    }
}
