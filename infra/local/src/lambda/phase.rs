//! One environment as its function sees it: the phase it is in, and when that has to end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::InvokeError;

/// How long an environment without work is kept. Lambda says no number; minutes are usual.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How long an invocation waits for an environment that has answered and not asked for more
/// before another one is started. A runtime asks within microseconds, a start takes longer.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) type Answer = Result<Bytes, InvokeError>;

/// An invocation that nobody has answered.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Answer>,
    /// Environments whose initialisation failed while this was the next invocation in line.
    pub(super) failed_inits: u8,
    /// The environment that gets it is killed.
    pub(super) doomed: bool,
}

/// What an environment gets to do: the head and the payload of `invocation/next`.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) request_id: Arc<str>,
    pub(super) payload: Bytes,
    /// Milliseconds since the epoch.
    pub(super) deadline_ms: i64,
    pub(super) trace_id: Arc<str>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// The process has not asked for an invocation yet.
    Starting { since: Instant, limit: Duration, error: Option<InvokeError> },
    /// Waits in `invocation/next`.
    Idle { since: Instant, next: oneshot::Sender<Work> },
    /// Works on an invocation.
    Busy { invocation: Invocation, work: Work, since: Instant, deadline: Instant },
    /// Has answered `answered`, or lost its connection, and has not asked for more yet.
    Between { since: Instant, deadline: Instant, answered: Option<Arc<str>>, trusted: bool },
}

/// Why an environment ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The process could not be started, with the reason in words.
    NotStarted(String),
    /// The process ended by itself, with Lambda's words for how.
    Exited(String),
    /// The process reported that it cannot initialise.
    InitError(InvokeError),
    /// The time limit of the phase is over.
    TimedOut(Duration),
    /// It had nothing to do for long, or does not ask for work any more.
    Retired,
    /// The host is shutting down.
    Closed,
}

/// Why the Runtime API refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request id is not that of the current invocation.
    InvalidRequestId,
    /// The environment is not in a phase that allows the call.
    InvalidState,
}

/// The host's end as the environments see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) since: Instant,
    /// Until when running invocations may go on.
    pub(super) grace: Instant,
}

/// An environment's entry in its function's book.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) phase: Phase,
    /// Its process is being killed: it gets nothing to do any more.
    pub(super) ending: bool,
    /// Until when its watcher sleeps. Written under the function's lock.
    watched: Instant,
    /// Wakes the watcher.
    changed: Arc<Notify>,
}

impl Slot {
    pub(super) fn starting(limit: Duration, changed: Arc<Notify>) -> Self {
        let since = Instant::now();
        let phase = Phase::Starting { since, limit, error: None };
        Self { phase, ending: false, watched: since, changed }
    }

    #[cfg(test)]
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Whether it will ask for an invocation any moment.
    pub(super) fn is_coming(&self) -> bool {
        !self.ending && matches!(self.phase, Phase::Starting { .. } | Phase::Between { trusted: true, .. })
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Busy { .. })
    }

    /// The phase after an answer to `request_id`, if it may answer that.
    pub(super) fn answered(&self, request_id: &str) -> Result<Phase, Refusal> {
        match &self.phase {
            // It may be faster than its end, which is certain.
            Phase::Busy { invocation, .. } if invocation.doomed => Err(Refusal::InvalidState),
            Phase::Busy { work, deadline, .. } if *work.request_id == *request_id => {
                let answered = Some(Arc::clone(&work.request_id));
                Ok(Phase::Between { since: Instant::now(), deadline: *deadline, answered, trusted: true })
            }
            Phase::Between { answered: Some(answered), .. } if **answered == *request_id => {
                Err(Refusal::InvalidState)
            }
            _ => Err(Refusal::InvalidRequestId),
        }
    }

    /// When the watcher has to look at it next. `crowded`: invocations wait.
    fn due(&self, closing: Option<Closing>, crowded: bool) -> Instant {
        let due = match &self.phase {
            Phase::Starting { since, error: Some(_), .. } => *since,
            Phase::Starting { since, limit, .. } => *since + *limit,
            Phase::Idle { since, .. } => *since + IDLE,
            Phase::Busy { invocation, since, .. } if invocation.doomed => *since,
            Phase::Busy { deadline, .. } => *deadline,
            Phase::Between { since, deadline, trusted: true, .. } if crowded => {
                (*since + PATIENCE).min(*deadline)
            }
            Phase::Between { deadline, .. } => *deadline,
        };
        match closing {
            Some(closing) if self.is_busy() => due.min(closing.grace),
            Some(closing) => due.min(closing.since),
            None => due,
        }
    }

    /// Wakes the watcher if it would sleep too long. Most invocations need no wake: the watcher
    /// still sleeps towards the deadline of an earlier one.
    pub(super) fn rewatch(&self, closing: Option<Closing>, crowded: bool) {
        if self.due(closing, crowded) < self.watched {
            self.changed.notify_one();
        }
    }

    /// Until when its watcher may sleep now. While invocations wait, what comes after an answer has to be
    /// looked at within a short time: a watcher that sleeps no longer than that before the answer, too, is
    /// not woken by every one.
    pub(super) fn watch(&mut self, closing: Option<Closing>, crowded: bool) -> Instant {
        let due = self.due(closing, crowded);
        self.watched = if crowded && self.is_busy() { due.min(Instant::now() + PATIENCE) } else { due };
        self.watched
    }

    /// What has run out by `now`. An environment that kept an invocation waiting after its
    /// answer only loses the trust that it will ask soon.
    pub(super) fn expire(&mut self, now: Instant, closing: Option<Closing>) -> Option<Ending> {
        let closed = closing.is_some_and(|closing| !self.is_busy() || closing.grace <= now);
        let ending = match &mut self.phase {
            Phase::Busy { invocation, .. } if invocation.doomed => {
                Some(Ending::Exited("Runtime exited with error: signal: 9 (SIGKILL)".to_owned()))
            }
            Phase::Busy { since, deadline, .. } if *deadline <= now => {
                Some(Ending::TimedOut(*deadline - *since))
            }
            _ if closed => Some(Ending::Closed),
            Phase::Starting { error: Some(error), .. } => Some(Ending::InitError(error.clone())),
            Phase::Starting { since, limit, .. } if *since + *limit <= now => Some(Ending::TimedOut(*limit)),
            Phase::Idle { since, .. } if *since + IDLE <= now => Some(Ending::Retired),
            Phase::Between { deadline, .. } if *deadline <= now => Some(Ending::Retired),
            Phase::Between { since, trusted, .. } => {
                *trusted = *trusted && now < *since + PATIENCE;
                None
            }
            Phase::Starting { .. } | Phase::Idle { .. } | Phase::Busy { .. } => None,
        };
        self.ending |= ending.is_some();
        ending
    }
}

impl Ending {
    /// Why the environment never asked for an invocation, in words.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotStarted(reason) => reason.clone(),
            Self::Exited(how) => how.clone(),
            Self::InitError(error) => error.to_string(),
            Self::TimedOut(limit) => format!("it asked for no invocation within {} s", limit.as_secs()),
            Self::Retired | Self::Closed => "it was ended".to_owned(),
        }
    }

    /// What the invocation that the environment worked on, or was started for, gets.
    pub(super) fn error(&self, request_id: &str) -> InvokeError {
        let exited = |how: &str| InvokeError::Exited(format!("RequestId: {request_id} Error: {how}"));
        match self {
            Self::NotStarted(reason) => InvokeError::Function {
                error_type: "Runtime.InvalidEntrypoint".to_owned(),
                message: format!("RequestId: {request_id} Error: {reason}"),
            },
            Self::Exited(how) => exited(how),
            Self::InitError(error) => error.clone(),
            Self::TimedOut(limit) => InvokeError::TimedOut { seconds: limit.as_secs() },
            Self::Retired | Self::Closed => exited("Runtime exited with error: signal: 9 (SIGKILL)"),
        }
    }
}
