//! The messages that wait for one connection's client, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Semaphore, TryAcquireError};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes that may wait for a client that does not read: eight of the largest messages.
const ROOM: usize = 1024 * 1024;

/// What a message takes besides its text, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// Places for messages that an empty queue keeps; what a burst needed beyond them is given back.
const KEPT: usize = 64;

/// A pair for one connection. What is pushed first is sent first.
pub(crate) fn channel() -> (Outbox, Waiting) {
    let queue = Arc::new(Queue { room: Semaphore::new(ROOM), state: Mutex::default() });
    (Outbox(Arc::clone(&queue)), Waiting(queue))
}

/// Where messages for a client are put.
#[derive(Debug)]
pub(crate) struct Outbox(Arc<Queue>);

/// The connection's end of the queue.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Queue>);

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The client does not read fast enough.
    Full,
    /// The connection has ended.
    Ended,
}

/// Both ends. A queue of the runtime's would take 2 KB for a connection that never gets a message,
/// and most connections are idle.
#[derive(Debug)]
struct Queue {
    /// Bytes that are free; closed when the connection has ended.
    room: Semaphore,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Utf8Bytes>,
    /// Who waits for the next message.
    reader: Option<Waker>,
    ended: bool,
}

impl Outbox {
    /// Puts a message at the end, unless the client is too far behind.
    pub(crate) fn try_push(&self, text: Utf8Bytes) -> Result<(), Refused> {
        let room = self.0.room.try_acquire_many(cost(&text)).map_err(|error| match error {
            TryAcquireError::NoPermits => Refused::Full,
            TryAcquireError::Closed => Refused::Ended,
        })?;
        room.forget();
        self.0.append(text)
    }

    /// Puts a message at the end, as soon as there is room. A connection that ends drops it.
    pub(crate) async fn push(&self, text: Utf8Bytes) {
        if let Ok(room) = self.0.room.acquire_many(cost(&text)).await {
            room.forget();
            let _ = self.0.append(text);
        }
    }
}

impl Waiting {
    /// The next message; pending while there is none.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Utf8Bytes> {
        let mut state = self.0.lock();
        if let Some(text) = state.take() {
            drop(state);
            return Poll::Ready(self.0.freed(text));
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The next message, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Utf8Bytes> {
        let text = self.0.lock().take()?;
        Some(self.0.freed(text))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Whoever waits for room must not wait for a connection that is gone.
        self.0.room.close();
        let mut state = self.0.lock();
        state.ended = true;
        state.messages = VecDeque::new();
    }
}

impl Queue {
    /// Adds a message for which there is room, and wakes the reader.
    fn append(&self, text: Utf8Bytes) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.ended {
            return Err(Refused::Ended);
        }
        state.messages.push_back(text);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Gives back the room of a message that was taken.
    fn freed(&self, text: Utf8Bytes) -> Utf8Bytes {
        self.room.add_permits(cost(&text) as usize);
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the queue whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Utf8Bytes> {
        let text = self.messages.pop_front()?;
        if self.messages.is_empty() {
            self.messages.shrink_to(KEPT);
        }
        Some(text)
    }
}

/// The room that a message takes; never more than there is.
fn cost(text: &Utf8Bytes) -> u32 {
    u32::try_from((text.len() + OVERHEAD).min(ROOM)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_refuses_when_full_until_one_is_taken() {
        let (outbox, mut waiting) = channel();
        let large = Utf8Bytes::from("x".repeat(ROOM / 2 - OVERHEAD));
        outbox.try_push("first".into()).unwrap();
        outbox.try_push(large.clone()).unwrap();
        assert_eq!(outbox.try_push(large.clone()), Err(Refused::Full));
        assert_eq!(waiting.try_next().unwrap(), "first");
        outbox.try_push(large).unwrap();
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_each_message() {
        let (outbox, mut waiting) = channel();
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            while read.len() < 2 {
                read.push(std::future::poll_fn(|cx| waiting.poll_next(cx)).await);
            }
            read
        });
        for text in ["one", "two"] {
            tokio::task::yield_now().await;
            outbox.push(text.into()).await;
        }
        assert_eq!(reading.await.unwrap(), ["one", "two"]);
    }

    #[tokio::test]
    async fn an_ended_connection_refuses_and_lets_no_one_wait() {
        let (outbox, waiting) = channel();
        outbox.push("x".repeat(ROOM).into()).await;
        let blocked = outbox.push("more".into());
        drop(waiting);
        blocked.await;
        assert_eq!(outbox.try_push("more".into()), Err(Refused::Ended));
    }
}
