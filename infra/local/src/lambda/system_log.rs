//! What Lambda itself writes into an environment's log: when it starts, and what each invocation
//! took.
//!
//! Lambda developer guide, "Working with Lambda function logs" and "Configuring advanced logging
//! controls". There is no managed runtime here; the version that is told says so. Since August 2025 the Init phase is billed with the first invocation
//! (AWS Compute Blog, "AWS Lambda standardizes billing for INIT Phase").

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sam::app::{LogFormat, LogLevel};
use tokio::time::Instant;

use super::InvokeError;
use super::memory::Memory;
use super::output::LogStream;
use super::phase::{Answer, Ending};
use super::platform::{Event, Metrics, Outcome, Record, Span, millis};

const VERSION: &str = "$LATEST";

/// Runtimes of AWS have versions such as `provided:al2023.v98`.
const RUNTIME_VERSION: &str = "provided:al2023.local";

/// What stands in the ARN of a runtime's version: 64 hexadecimal digits, of no version of AWS.
const RUNTIME_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Lambda's own lines of one environment.
#[derive(Debug)]
pub(super) struct SystemLog {
    log: LogStream,
    format: LogFormat,
    memory_mb: u32,
    created: Instant,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    initialised: bool,
    /// What the Init phase took, until an invocation has reported it.
    init: Option<Duration>,
    /// The invocation that was last said to have started.
    started: Option<Arc<str>>,
    /// Since when the process sends its answer.
    answering: Option<Instant>,
    memory: Memory,
}

/// What a report says.
struct Report {
    ran: Duration,
    init: Option<Duration>,
    memory_used: u64,
    /// How long it took to take the answer in, once the process had begun to send it.
    response: Duration,
}

impl SystemLog {
    /// The log of an environment that is being made, for a function with its ARN.
    pub(super) fn new(log: LogStream, function: &sam::app::Function, arn: &str) -> Self {
        let (format, memory_mb) = (function.log_format, function.memory_mb);
        let system = Self { log, format, memory_mb, created: Instant::now(), state: Mutex::default() };
        // `arn:aws:lambda:us-east-1:` of it.
        let place: String = arn.split_inclusive(':').take(4).collect();
        let runtime = format!("{place}:runtime:{RUNTIME_HASH}");
        if system.is_text() {
            system.log.write(format!(
                "INIT_START Runtime Version: {RUNTIME_VERSION}\tRuntime Version ARN: {runtime}\t"
            ));
            return system;
        }
        let record = Record {
            initialization_type: Some("on-demand"),
            phase: Some("init"),
            runtime_version: Some(RUNTIME_VERSION),
            runtime_version_arn: Some(&runtime),
            function_name: Some(&function.name),
            function_version: Some(VERSION),
            ..Record::default()
        };
        // At DEBUG when there is no version to tell.
        system.event(LogLevel::Info, "platform.initStart", record);
        system
    }

    /// The environment's process.
    pub(super) fn runs_as(&self, process: Option<u32>) {
        self.lock().memory = Memory::of(process);
    }

    /// The process asks for an invocation; the first time the Init phase ends.
    pub(super) fn asked(&self) {
        let took = {
            let mut state = self.lock();
            if state.initialised {
                return;
            }
            state.initialised = true;
            *state.init.insert(self.created.elapsed())
        };
        self.event(LogLevel::Debug, "platform.initRuntimeDone", Record::init(Outcome::SUCCESS, None));
        self.event(LogLevel::Debug, "platform.initReport", Record::init(Outcome::SUCCESS, Some(took)));
    }

    /// An invocation is given to the process, which may ask for it twice.
    pub(super) fn started(&self, request_id: &Arc<str>) {
        {
            let mut state = self.lock();
            if state.started.as_ref() == Some(request_id) {
                return;
            }
            state.started = Some(Arc::clone(request_id));
            // A process that is killed cannot be asked any more.
            state.memory.most_mb();
        }
        if self.is_text() {
            self.log.write(format!("START RequestId: {request_id} Version: {VERSION}"));
        } else {
            let record = Record { request_id: Some(request_id), version: Some(VERSION), ..Record::default() };
            self.event(LogLevel::Info, "platform.start", record);
        }
    }

    /// The process begins to send an answer.
    pub(super) fn answering(&self) {
        self.lock().answering = Some(Instant::now());
    }

    /// An invocation was answered.
    pub(super) fn answered(&self, request_id: &Arc<str>, answer: &Answer, ran: Duration) {
        self.started(request_id);
        let outcome = answer.as_ref().map_or_else(Outcome::of_error, |_| Outcome::SUCCESS);
        self.ended(request_id, outcome, answer.as_ref().ok().map(Bytes::len), ran);
    }

    /// An environment ended before its invocation was answered.
    pub(super) fn failed(&self, request_id: &Arc<str>, error: &InvokeError, ran: Duration) {
        self.started(request_id);
        if self.is_text() {
            self.log.write(match error {
                InvokeError::Exited(reason) => format!("{reason}\nRuntime.ExitError"),
                error => format!("{} {request_id} {error}", self.log.now()),
            });
        }
        self.ended(request_id, Outcome::of_error(error), None, ran);
    }

    /// `produced` are the bytes of the answer, when there is one.
    fn ended(&self, request_id: &str, outcome: Outcome<'_>, produced: Option<usize>, ran: Duration) {
        let report = {
            let mut state = self.lock();
            let response = state.answering.take().map(|begun| begun.elapsed()).unwrap_or_default();
            Report { ran, init: state.init.take(), memory_used: state.memory.most_mb(), response }
        };
        if self.is_text() {
            self.log.write(format!("END RequestId: {request_id}"));
            self.log.write(self.text_report(request_id, outcome, &report));
            return;
        }
        let success = outcome.is_success();
        let level = if success { LogLevel::Debug } else { LogLevel::Warn };
        let metrics = Metrics { produced_bytes: produced, ..Metrics::of(ran) };
        let spans = produced.map(|_| self.spans(&report));
        let done = Record { spans, ..Record::invocation(request_id, outcome, metrics) };
        self.event(level, "platform.runtimeDone", done);
        let level = if success { LogLevel::Info } else { LogLevel::Warn };
        let metrics = Metrics {
            duration: millis(ran),
            produced_bytes: None,
            billed_duration: Some(report.billed()),
            memory_size: Some(self.memory_mb),
            max_memory_used: Some(report.memory_used),
            init_duration: report.init.map(millis),
        };
        self.event(level, "platform.report", Record::invocation(request_id, outcome, metrics));
    }

    /// What an invocation's time went into, up to the end of its answer.
    fn spans(&self, report: &Report) -> [Span; 2] {
        let response = report.response.min(report.ran);
        let before = report.ran.saturating_sub(response);
        [
            Span { name: "responseLatency", start: self.log.before(report.ran), duration: millis(before) },
            Span { name: "responseDuration", start: self.log.before(response), duration: millis(response) },
        ]
    }

    fn text_report(&self, request_id: &str, outcome: Outcome<'_>, report: &Report) -> String {
        let (ran, billed, memory) = (millis(report.ran), report.billed(), self.memory_mb);
        let used = report.memory_used;
        let mut line = format!(
            "REPORT RequestId: {request_id}\tDuration: {ran:.2} ms\tBilled Duration: {billed} ms\t\
             Memory Size: {memory} MB\tMax Memory Used: {used} MB\t"
        );
        // Writing to a text does not fail.
        if let Some(init) = report.init {
            let _ = write!(line, "Init Duration: {:.2} ms\t", millis(init));
        }
        // What the handler itself reports is an answer like another.
        match outcome.status {
            "timeout" => line.push_str("Status: timeout"),
            "failure" => {
                let _ = write!(line, "Status: error\tError Type: {}", outcome.error_type.unwrap_or_default());
            }
            _ => {}
        }
        line
    }

    /// An environment did not get as far as its first invocation.
    pub(super) fn init_failed(&self, ending: &Ending, ran: Duration) {
        let outcome = Outcome::of_init(ending);
        if self.is_text() {
            let error_type = outcome.error_type.map(|error_type| format!("\tError Type: {error_type}"));
            let (ran, status) = (millis(ran), outcome.status);
            self.log.write(format!(
                "INIT_REPORT Init Duration: {ran:.2} ms\tPhase: init\tStatus: {status}{}",
                error_type.unwrap_or_default()
            ));
        } else {
            self.event(LogLevel::Warn, "platform.initRuntimeDone", Record::init(outcome, None));
            self.event(LogLevel::Warn, "platform.initReport", Record::init(outcome, Some(ran)));
        }
        if let Ending::NotStarted(reason) = ending {
            // Lambda has the reason only in the answer; whoever reads the log needs it more.
            self.log.write(reason.clone());
        }
    }

    fn is_text(&self) -> bool {
        self.format == LogFormat::Text
    }

    /// Writes an event, when the format is JSON and the level is not too low.
    fn event(&self, level: LogLevel, kind: &'static str, record: Record<'_>) {
        let LogFormat::Json { system, .. } = self.format else { return };
        if level < system {
            return;
        }
        // Text and numbers always are JSON.
        if let Ok(line) = serde_json::to_string(&Event { time: self.log.now(), kind, record }) {
            self.log.write(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves it whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    /// Whole milliseconds, rounded up.
    fn billed(&self) -> u128 {
        (self.ran + self.init.unwrap_or_default()).as_nanos().div_ceil(1_000_000)
    }
}

#[cfg(test)]
mod tests;
