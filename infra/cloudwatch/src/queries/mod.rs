//! Queries over the log store, as StartQuery begins them: they run by themselves, tell what they
//! have so far, can be stopped, and their results are kept for a while.

mod job;
mod run;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::insights::{Candidate, Limits, Owner, Query, Range, Selection, Source};
use crate::logs::LogStore;

pub(crate) use job::{Job, Status};

/// Queries that run at the same time (quota of Logs Insights).
const MOST_RUNNING: usize = 100;

/// Queries that are remembered.
const MOST_KEPT: usize = 1000;

/// Bytes of the results that are remembered. The newest is, however large it is.
const MOST_BYTES: usize = 64 << 20;

/// What to run.
#[derive(Debug)]
pub(crate) struct Request {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) query: Query,
    pub(crate) groups: Vec<String>,
    pub(crate) range: Range,
    pub(crate) limits: Limits,
    pub(crate) owner: Owner,
}

/// All queries. Clones share them; when the last one goes, what still runs is stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queries(Arc<Kept>);

/// The oldest first.
#[derive(Debug, Default)]
struct Kept(Mutex<VecDeque<Arc<Job>>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for job in self.lock().iter() {
            job.stop();
        }
    }
}

impl Queries {
    /// Starts a query on a thread for blocking work, and gives its id; `None` when too many run.
    /// Has to be called inside a runtime.
    pub(crate) fn start(&self, logs: &LogStore, request: Request) -> Option<String> {
        let job = Arc::new(Job::new(&request, logs.now_ms()));
        let mut kept = self.0.lock();
        if kept.iter().filter(|job| job.status() == Status::Running).count() >= MOST_RUNNING {
            return None;
        }
        forget(&mut kept);
        kept.push_back(Arc::clone(&job));
        drop(kept);
        let id = job.id.clone();
        let logs = logs.clone();
        tokio::task::spawn_blocking(move || run::run(&logs, &job, &request));
        Some(id)
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Job>> {
        self.0.lock().iter().find(|job| job.id == id).cloned()
    }

    /// The newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.0.lock().iter().rev().cloned().collect()
    }
}

/// Forgets the oldest queries that have ended, as far as they are too many or too large.
fn forget(kept: &mut VecDeque<Arc<Job>>) {
    let (mut count, mut bytes) = (0, 0);
    let mut stays: VecDeque<_> = VecDeque::new();
    for job in kept.drain(..).rev() {
        let is_first = count == 0;
        count += 1;
        bytes += job.size();
        let fits = count < MOST_KEPT && (is_first || bytes <= MOST_BYTES);
        if fits || job.status() == Status::Running {
            stays.push_front(job);
        }
    }
    *kept = stays;
}

/// The groups that sources mean; `account` is whose they all are.
///
/// # Errors
/// The name of a group that is not there.
pub(crate) fn resolve(logs: &LogStore, account: &str, sources: &[Source]) -> Result<Vec<String>, String> {
    let known = logs.groups();
    let is_selected = |selection: &Selection, name: &str| {
        let tags = logs.tags(name).unwrap_or_default();
        // Every local group is of the Standard class.
        selection.admits(Candidate { name, account, class: "STANDARD", tags: &tags })
    };
    let mut found: Vec<String> = Vec::new();
    for source in sources {
        match source {
            Source::Group(name) if known.iter().any(|known| **known == **name) => found.push(name.clone()),
            Source::Group(name) => return Err(name.clone()),
            Source::Groups(selection) => {
                let meant = known.iter().filter(|name| is_selected(selection, name));
                found.extend(meant.map(|name| name.to_string()));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
