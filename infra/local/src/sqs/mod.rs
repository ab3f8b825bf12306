//! Amazon SQS: the template's queues, standard and FIFO, and the event source mappings that feed
//! functions from them.

mod api;
mod error;
mod event;
mod message;
mod queue;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sam::app::Queue as Declared;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;

use self::error::SqsError;
use self::queue::{Queue, Received};

pub(crate) use self::source::Sources;

/// The queues. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Sqs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// By name.
    queues: BTreeMap<String, Entry>,
    clock: Arc<dyn Clock>,
    place: Place,
    started: i64,
}

#[derive(Debug)]
struct Entry {
    /// Never held across an await, and never two at once.
    queue: Mutex<Queue>,
    /// Told when there may be something to receive.
    changed: Notify,
}

/// Where the queues are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// In ARNs.
    region: String,
    /// In ARNs and URLs, twelve digits.
    account_id: String,
    /// Before the account in a queue's URL: `http://127.0.0.1:4566`.
    endpoint: String,
}

/// What a consumer asks for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    most: usize,
    /// Seconds; the queue's own when absent.
    visibility: Option<i64>,
    wait: Duration,
}

impl Place {
    /// The place of a stack's queues, behind this address.
    pub(crate) fn new(settings: &sam::Settings, endpoint: &str) -> Self {
        let (region, account_id) = (settings.region.clone(), settings.account_id.clone());
        Self { region, account_id, endpoint: endpoint.to_owned() }
    }
}

impl Sqs {
    /// These queues, empty.
    pub(crate) fn new(queues: Vec<Declared>, place: Place, clock: Arc<dyn Clock>) -> Self {
        let Place { region, account_id, .. } = &place;
        let entry = |declared: Declared| {
            let arn = format!("arn:aws:sqs:{region}:{account_id}:{}", declared.name);
            let name = declared.name.clone();
            (name, Entry { queue: Mutex::new(Queue::new(declared, arn)), changed: Notify::new() })
        };
        let queues = queues.into_iter().map(entry).collect();
        let started = clock.now_ms();
        Self { shared: Arc::new(Shared { queues, clock, place, started }) }
    }

    fn entry(&self, name: &str) -> Result<&Entry, SqsError> {
        self.shared.queues.get(name).ok_or_else(SqsError::no_queue)
    }

    /// Does something with a queue, now.
    fn with<T>(&self, entry: &Entry, work: impl FnOnce(&mut Queue, i64) -> T) -> T {
        // Each operation leaves the queue whole, so a poisoned lock is still good.
        let mut queue = entry.queue.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut queue, self.shared.clock.now_ms())
    }

    /// Receives, and waits for something to receive as long as the consumer wants to.
    async fn receive(&self, name: &str, wanted: Wanted) -> Result<Vec<Received>, SqsError> {
        let entry = self.entry(name)?;
        let deadline = Instant::now() + wanted.wait;
        loop {
            let changed = entry.changed.notified();
            tokio::pin!(changed);
            // From here on nothing that is sent is missed.
            changed.as_mut().enable();
            let (received, next) = self.try_receive(entry, wanted)?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let wake = next.map_or(deadline, |next| deadline.min(Instant::now() + next));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    /// What there is, and how long it takes until something more becomes visible by itself.
    fn try_receive(
        &self,
        entry: &Entry,
        wanted: Wanted,
    ) -> Result<(Vec<Received>, Option<Duration>), SqsError> {
        let (received, dead, next, source) = self.with(entry, |queue, now| {
            let (received, dead) = queue.receive(wanted.most, wanted.visibility, now)?;
            let next = queue.next_change(now).map(|at| at.saturating_sub(now).unsigned_abs());
            Ok::<_, SqsError>((received, dead, next.map(Duration::from_millis), queue.redrive_target()))
        })?;
        if let (false, Some((target, arn))) = (dead.is_empty(), source) {
            self.give_up(&target, &arn, dead);
        }
        Ok((received, next))
    }

    /// Moves messages into a dead-letter queue. One that is not there loses them, as its deletion does on AWS.
    fn give_up(&self, target: &str, source: &str, dead: Vec<queue::Message>) {
        let Ok(entry) = self.entry(target) else { return };
        self.with(entry, |queue, _| dead.into_iter().for_each(|message| queue.take_dead(message, source)));
        entry.changed.notify_waiters();
    }

    /// Deletes what a function has done; what has become visible again meanwhile stays.
    fn done(&self, name: &str, handle: &str) {
        let Ok(entry) = self.entry(name) else { return };
        let _ = self.with(entry, |queue, now| queue.delete(handle, now));
        entry.changed.notify_waiters();
    }

    fn arn(&self, name: &str) -> String {
        self.entry(name).map(|entry| self.with(entry, |queue, _| queue.arn().to_owned())).unwrap_or_default()
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.shared.place.endpoint, self.shared.place.account_id)
    }
}
