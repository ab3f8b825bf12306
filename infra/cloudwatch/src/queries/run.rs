//! Reads the events of a query: its subqueries' first, then its own, with two threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::job::{Job, Status, WORKERS};
use super::{Request, resolve};
use crate::insights::{Event, Execution, ExecutionError, Limits, Query, Results};
use crate::logs::LogStore;

/// How long a query may run (quota of Logs Insights).
const TIMEOUT_MS: i64 = 60 * 60_000;

/// How long a query inside it may run (CloudWatch user guide, "subqueries").
const INNER_TIMEOUT_MS: i64 = 30_000;

/// Parts of a group's time that threads share out.
const PARTS: i64 = 8;

/// Events between two looks at the clock and at who asks.
const LOOK: u32 = 1024;

/// A part of a group's events.
#[derive(Debug, PartialEq, Eq)]
struct Slice<'g> {
    group: &'g str,
    from: i64,
    to: i64,
}

/// Why there is no result.
enum Failure {
    /// It was stopped, or its time is over, before there was any.
    Ended,
    /// A query inside it took too long.
    Slow,
    Query(ExecutionError),
}

struct Run<'r> {
    logs: &'r LogStore,
    job: &'r Job,
    request: &'r Request,
}

/// Runs a query to its end, which is told to the job.
pub(super) fn run(logs: &LogStore, job: &Job, request: &Request) {
    let run = Run { logs, job, request };
    let outcome = run.results(&request.query, &request.groups);
    match outcome {
        Err(Failure::Ended) => job.end(Status::Timeout, None),
        Ok(results) if run.is_late() => job.end(Status::Timeout, Some(results)),
        Ok(results) => job.end(Status::Complete, Some(results)),
        Err(Failure::Slow) => {
            tracing::warn!(query = request.text, "a query failed: a subquery ran for more than 30 seconds");
            job.end(Status::Failed, None);
        }
        Err(Failure::Query(error)) => {
            tracing::warn!(query = request.text, error = %error, "a query failed");
            job.end(Status::Failed, None);
        }
    }
}

impl Run<'_> {
    fn results(&self, query: &Query, groups: &[String]) -> Result<Results, Failure> {
        let execution = self.execution(query, &self.request.limits)?;
        let slices = self.slices(query, groups);
        self.read(&execution, &slices, i64::MAX).finish().map_err(Failure::Query)
    }

    /// A query with the answers of those inside it. What the caller said about rows is about the
    /// outer one.
    fn execution(&self, query: &Query, limits: &Limits) -> Result<Execution, Failure> {
        let Request { range, owner, .. } = self.request;
        let mut execution = Execution::new(query, *range, self.job.created, owner, limits.clone());
        for (place, inner) in query.subqueries().iter().enumerate() {
            // A group that went away since the query was started has no events.
            let groups = resolve(self.logs, &owner.account, inner.sources()).unwrap_or_default();
            let until = self.logs.now_ms().saturating_add(INNER_TIMEOUT_MS);
            let read =
                self.read(&self.execution(inner, &limits.inside())?, &self.slices(inner, &groups), until);
            if self.is_over() {
                return Err(Failure::Ended);
            }
            if self.logs.now_ms() >= until {
                return Err(Failure::Slow);
            }
            execution.answer(place, read.materialize().map_err(Failure::Query)?);
        }
        Ok(execution)
    }

    /// What has to be read. A group's part of a window begins and ends with its events there.
    fn slices<'g>(&self, query: &Query, groups: &'g [String]) -> Vec<Slice<'g>> {
        let mut slices = Vec::new();
        for window in query.windows(self.request.range) {
            for group in groups {
                let Some((first, last)) = self.logs.span(group, window.start, window.end) else { continue };
                let step = last.saturating_sub(first) / PARTS + 1;
                let mut from = first;
                while from <= last {
                    let to = from.saturating_add(step - 1).min(last);
                    slices.push(Slice { group, from, to });
                    from = to.saturating_add(1);
                }
            }
        }
        slices
    }

    /// Reads slices with all threads, until a moment at most.
    fn read(&self, execution: &Execution, slices: &[Slice<'_>], until: i64) -> Execution {
        let next = AtomicUsize::new(0);
        let workers = WORKERS.min(slices.len());
        std::thread::scope(|scope| {
            let read = |worker, execution: &Execution| {
                let (execution, next) = (execution.clone(), &next);
                move || self.work(worker, execution, (slices, until), next)
            };
            let others: Vec<_> = (1..workers).map(|worker| scope.spawn(read(worker, execution))).collect();
            let mut whole = read(0, execution)();
            for other in others {
                match other.join() {
                    Ok(other) => whole.merge(other),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            whole
        })
    }

    /// Reads slices until none is left, or enough was read.
    fn work(
        &self,
        worker: usize,
        mut execution: Execution,
        (slices, until): (&[Slice<'_>], i64),
        next: &AtomicUsize,
    ) -> Execution {
        let mut events = 0_u32;
        while let Some(slice) = slices.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut flow = ControlFlow::Continue(());
            self.logs.scan(&[slice.group], slice.from, slice.to, &mut |event| {
                flow = execution.push(&Event::from(event));
                events = events.wrapping_add(1);
                if events.is_multiple_of(LOOK) {
                    // What a query inside it has is no result.
                    if until == i64::MAX {
                        self.job.show(worker, &execution);
                    }
                    if self.is_over() || (until != i64::MAX && self.logs.now_ms() >= until) {
                        flow = ControlFlow::Break(());
                    }
                }
                flow
            });
            if flow.is_break() {
                next.store(slices.len(), Ordering::Relaxed);
            }
        }
        execution
    }

    fn is_over(&self) -> bool {
        self.job.is_stopped() || self.is_late()
    }

    fn is_late(&self) -> bool {
        self.logs.now_ms().saturating_sub(self.job.created) >= TIMEOUT_MS
    }
}
