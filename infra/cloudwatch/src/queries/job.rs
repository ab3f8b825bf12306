//! One query: what became of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Request;
use crate::insights::{Execution, Results, Statistics};

/// Threads that read for a query.
pub(super) const WORKERS: usize = 2;

/// Bytes that a cell costs besides its text.
const CELL: usize = 48;

/// How a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
}

impl Status {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timeout",
        }
    }
}

/// A query that was started.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) groups: Vec<String>,
    /// Milliseconds since the epoch.
    pub(crate) created: i64,
    stop: AtomicBool,
    state: Mutex<State>,
    partial: [Partial; WORKERS],
}

#[derive(Debug)]
struct State {
    status: Status,
    results: Arc<Results>,
    size: usize,
}

/// What one thread has so far. It is given only when somebody asks, since it has to be copied.
#[derive(Debug, Default)]
struct Partial {
    asked: AtomicBool,
    given: Mutex<Option<Execution>>,
}

impl Job {
    pub(super) fn new(request: &Request, now_ms: i64) -> Self {
        let results =
            Arc::new(Results { columns: Vec::new(), rows: Vec::new(), statistics: Statistics::default() });
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            text: request.text.clone(),
            groups: request.groups.clone(),
            created: now_ms,
            stop: AtomicBool::new(false),
            state: Mutex::new(State { status: Status::Running, results, size: 0 }),
            partial: Default::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status
    }

    /// How it is, and its rows: while it runs, of what was read when they were last asked for.
    pub(crate) fn results(&self) -> (Status, Arc<Results>) {
        let (status, results) = {
            let state = self.lock();
            (state.status, Arc::clone(&state.results))
        };
        if status != Status::Running {
            return (status, results);
        }
        let mut given = self.partial.iter().filter_map(Partial::ask);
        let Some(mut whole) = given.next() else { return (status, results) };
        given.for_each(|other| whole.merge(other));
        (status, whole.finish().map_or(results, Arc::new))
    }

    /// Ends it early; false when it has ended already.
    pub(crate) fn stop(&self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        let runs = state.status == Status::Running;
        if runs {
            state.status = Status::Cancelled;
        }
        runs
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Shows what a thread has, when somebody has asked.
    pub(super) fn show(&self, worker: usize, execution: &Execution) {
        let Some(partial) = self.partial.get(worker) else { return };
        if partial.asked.swap(false, Ordering::Relaxed) {
            *partial.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(execution.clone());
        }
    }

    /// Takes the end of it. One that was stopped stays so, with what it had.
    pub(super) fn end(&self, status: Status, results: Option<Results>) {
        let mut state = self.lock();
        if state.status == Status::Running {
            state.status = status;
        }
        if let Some(results) = results {
            let cells = results.rows.iter().flatten();
            state.size = cells.map(|(_, value)| CELL + value.len()).sum();
            state.results = Arc::new(results);
        }
        drop(state);
        for partial in &self.partial {
            partial.given.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Bytes of its results, about.
    pub(super) fn size(&self) -> usize {
        self.lock().size
    }
}

impl Partial {
    fn ask(&self) -> Option<Execution> {
        self.asked.store(true, Ordering::Relaxed);
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
