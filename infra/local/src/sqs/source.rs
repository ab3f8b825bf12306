//! Event source mappings: messages are received for a function, in batches, and deleted when it has
//! done them.
//!
//! "Creating and configuring an Amazon SQS event source mapping", "Handling errors for an SQS event
//! source" and "Configuring scaling behavior" in Lambda's developer guide. What a function does not
//! do stays hidden until the queue's visibility timeout is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sam::app::EventSource;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::queue::Received;
use super::{Sqs, Wanted, event};
use crate::lambda::Invoke;

/// Messages of one receive, and the batch size of a mapping that names none.
const PER_RECEIVE: usize = 10;

/// How long one receive waits.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Batches of one mapping that functions work on at once, where `MaximumConcurrency` says nothing. Lambda
/// begins with five and goes far beyond what a laptop has processes for.
const CONCURRENCY: usize = 10;

/// Bytes of messages in one event: what an invocation may have, less what the event adds.
const MAX_BATCH_BYTES: usize = 5 * 1024 * 1024;

/// The running mappings.
#[derive(Debug)]
pub(crate) struct Sources {
    stop: watch::Sender<bool>,
    pollers: Vec<JoinHandle<()>>,
}

impl Sources {
    /// Begins to receive for every mapping that is enabled.
    pub(crate) fn start(sqs: &Sqs, sources: Vec<EventSource>, invoke: &Arc<dyn Invoke>) -> Self {
        let (stop, _) = watch::channel(false);
        let enabled = sources.into_iter().filter(|source| source.enabled);
        let poller = |source: EventSource| {
            let poller = Poller { sqs: sqs.clone(), invoke: Arc::clone(invoke), source };
            tokio::spawn(Arc::new(poller).run(stop.subscribe()))
        };
        let pollers = enabled.map(poller).collect();
        Self { stop, pollers }
    }

    /// Stops receiving, and waits for the batches that are being worked on.
    pub(crate) async fn shutdown(self) {
        self.stop.send_replace(true);
        for poller in self.pollers {
            // A poller that panicked has ended as well.
            let _ = poller.await;
        }
    }
}

/// One mapping.
#[derive(Debug)]
struct Poller {
    sqs: Sqs,
    invoke: Arc<dyn Invoke>,
    source: EventSource,
}

impl Poller {
    async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let concurrency = self.source.maximum_concurrency.map_or(CONCURRENCY, |most| most as usize);
        let permits = Arc::new(Semaphore::new(concurrency));
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
            let batch = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                batch = self.collect() => batch,
            };
            let poller = Arc::clone(&self);
            tokio::spawn(async move {
                poller.work(batch).await;
                drop(permit);
            });
        }
        let all = u32::try_from(concurrency).unwrap_or(u32::MAX);
        let _ = permits.acquire_many(all).await;
    }

    /// A batch with at least one message: as many as there are, and, with a window, those that come
    /// within it. Messages of a batch that is dropped half way become visible again.
    async fn collect(&self) -> Vec<Received> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            batch = self.receive(self.source.batch_size, LONG_POLL).await;
        }
        let deadline = Instant::now() + self.source.batching_window;
        loop {
            let room = self.source.batch_size.saturating_sub(batch.len());
            let wait = deadline.saturating_duration_since(Instant::now());
            if room == 0 || wait.is_zero() || bytes(&batch) > MAX_BATCH_BYTES {
                return batch;
            }
            batch.extend(self.receive(room, wait.min(LONG_POLL)).await);
        }
    }

    async fn receive(&self, most: usize, wait: Duration) -> Vec<Received> {
        let wanted = Wanted { most: most.min(PER_RECEIVE), visibility: None, wait };
        match self.sqs.receive(&self.source.queue, wanted).await {
            Ok(received) => received,
            Err(error) => {
                // Only too many messages in flight: what holds them must end first.
                tracing::warn!(queue = self.source.queue, error = %error.body(), "no messages can be received");
                tokio::time::sleep_until(Instant::now() + wait).await;
                Vec::new()
            }
        }
    }

    async fn work(&self, batch: Vec<Received>) {
        let arn = self.sqs.arn(&self.source.queue);
        let event = event::of(&batch, &arn, &self.sqs.shared.place.region);
        let Ok(answer) = self.invoke.invoke(&self.source.function, event).await else { return };
        let ids = batch.iter().map(|received| received.message.id.to_string());
        let failed =
            if self.source.reports_failures { failures(&answer, ids) } else { Some(BTreeSet::new()) };
        let Some(failed) = failed else { return };
        for received in batch.iter().filter(|received| !failed.contains(&received.message.id.to_string())) {
            self.sqs.done(&self.source.queue, &received.handle);
        }
    }
}

fn bytes(batch: &[Received]) -> usize {
    batch.iter().map(|received| received.message.body.len()).sum()
}

/// The messages that a function reports as failed; `None` when all are: its answer is no JSON, or
/// names something that is no message of the batch.
fn failures(answer: &[u8], ids: impl Iterator<Item = String>) -> Option<BTreeSet<String>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let list = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Some(BTreeSet::new()),
        Some(list) => list.as_array()?,
    };
    let known: BTreeSet<String> = ids.collect();
    let name = |item: &Value| {
        item.get("itemIdentifier")?.as_str().filter(|id| known.contains(*id)).map(str::to_owned)
    };
    list.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Option<&[&str]>) {
        let ids = ["a", "b"].map(str::to_owned).into_iter();
        let expected = expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(failures(answer.as_bytes(), ids), expected, "{answer}");
    }

    #[test]
    fn a_batch_fails_as_far_as_its_function_says() {
        check("null", Some(&[]));
        check("{}", Some(&[]));
        check(r#"{"batchItemFailures":null}"#, Some(&[]));
        check(r#"{"batchItemFailures":[]}"#, Some(&[]));
        check(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, Some(&["b"]));
        check(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, None);
        check(r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, None);
        check(r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#, None);
        check(r#"{"batchItemFailures":{}}"#, None);
        check("not json", None);
    }
}
