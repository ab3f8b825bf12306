//! The messages that wait for one connection's client, bounded in bytes.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes that may wait for a client that does not read: eight of the largest messages.
const ROOM: usize = 1024 * 1024;

/// What a message takes besides its text, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// A pair for one connection. What is pushed first is sent first.
pub(crate) fn channel() -> (Outbox, Waiting) {
    let (queue, waiting) = unbounded_channel();
    let room = Arc::new(Semaphore::new(ROOM));
    (Outbox { queue, room: Arc::clone(&room) }, Waiting { queue: waiting, room })
}

/// Where messages for a client are put.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: UnboundedSender<Message>,
    room: Arc<Semaphore>,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The client does not read fast enough.
    Full,
    /// The connection has ended.
    Ended,
}

/// A message and the room it takes until it is written.
#[derive(Debug)]
struct Message {
    text: Utf8Bytes,
    _room: OwnedSemaphorePermit,
}

impl Outbox {
    /// Puts a message at the end, unless the client is too far behind.
    pub(crate) fn try_push(&self, text: Utf8Bytes) -> Result<(), Refused> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(cost(&text));
        let room = room.map_err(|error| match error {
            TryAcquireError::NoPermits => Refused::Full,
            TryAcquireError::Closed => Refused::Ended,
        })?;
        self.queue.send(Message { text, _room: room }).map_err(|_| Refused::Ended)
    }

    /// Puts a message at the end, as soon as there is room. A connection that ends drops it.
    pub(crate) async fn push(&self, text: Utf8Bytes) {
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(cost(&text)).await {
            let _ = self.queue.send(Message { text, _room: room });
        }
    }
}

/// The connection's end of the queue.
#[derive(Debug)]
pub(crate) struct Waiting {
    queue: UnboundedReceiver<Message>,
    room: Arc<Semaphore>,
}

impl Waiting {
    /// The next message; pending while there is none.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Utf8Bytes> {
        match self.queue.poll_recv(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(message.text),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// The next message, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Utf8Bytes> {
        self.queue.try_recv().ok().map(|message| message.text)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Whoever waits for room must not wait for a connection that is gone.
        self.room.close();
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
    async fn an_ended_connection_refuses_and_lets_no_one_wait() {
        let (outbox, waiting) = channel();
        outbox.push("x".repeat(ROOM).into()).await;
        let blocked = outbox.push("more".into());
        drop(waiting);
        blocked.await;
        assert_eq!(outbox.try_push("more".into()), Err(Refused::Ended));
    }
}
