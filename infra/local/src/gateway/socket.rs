//! One WebSocket: frames in, waiting messages out, and the closing handshake.
//!
//! Reading never waits for writing: a client that does not read fills its own outbox and nothing
//! else.

use std::future::poll_fn;
use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::limits;
use super::outbox::Waiting;

/// Bytes that are read at once. Small, because there is one such buffer for every connection; for a
/// frame that is larger it grows.
const READ_BUFFER: usize = 2 * 1024;

/// Bytes of frames that may wait for the system to take them. A frame of a message waits for nobody
/// but itself: these are pongs, for a client that sends pings and does not read. When it is full
/// only the newest ping is answered, as RFC 6455 allows.
const WRITE_BUFFER: usize = 8 * limits::SENT_FRAME;

/// A WebSocket over any stream of bytes, with the messages that wait for its client.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: WebSocketStream<S>,
    waiting: Waiting,
    /// The message that is on its way: no other is taken before all of it has become frames.
    outgoing: Option<Outgoing>,
    /// Whether the end of a message is among the frames that are leaving.
    ends: bool,
    /// Reading and writing take turns, so that neither can starve the other.
    reads_first: bool,
}

/// A message on its way to the client, frame by frame.
#[derive(Debug)]
struct Outgoing {
    /// What has not become a frame yet; `None` after the last one.
    rest: Option<Bytes>,
    opcode: Data,
}

impl Outgoing {
    fn new(text: Utf8Bytes) -> Self {
        Self { rest: Some(text.into()), opcode: Data::Text }
    }

    fn next_frame(&mut self) -> Option<Message> {
        let mut rest = self.rest.take()?;
        let part = rest.split_to(rest.len().min(limits::SENT_FRAME));
        let last = rest.is_empty();
        self.rest = (!last).then_some(rest);
        let opcode = OpCode::Data(mem::replace(&mut self.opcode, Data::Continue));
        Some(Message::Frame(Frame::message(part, opcode, last)))
    }
}

/// What happened on a socket.
#[derive(Debug)]
pub(crate) enum Step {
    /// A text message came.
    Text(Utf8Bytes),
    /// A message was written.
    Sent,
    /// A ping or pong came, which is no activity. A ping has been answered.
    Control,
    /// No more can come.
    Ended(Ending),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client sent a close frame, perhaps with nothing in it.
    ByClient(Option<CloseFrame>),
    /// The gateway sends this close frame.
    ByGateway(CloseFrame),
    /// The connection broke.
    Lost,
}

impl Ending {
    /// The end that API Gateway makes of an idle or old connection.
    pub(crate) fn going_away() -> Self {
        Self::by_gateway(CloseCode::Away, "Going away")
    }

    /// The end that `DeleteConnection` makes.
    pub(crate) fn deleted() -> Self {
        Self::by_gateway(CloseCode::Normal, "Connection Closed Normally")
    }

    /// `disconnectStatusCode` and `disconnectReason`.
    pub(crate) fn status(&self) -> (u16, &str) {
        match self {
            Self::ByClient(Some(frame)) | Self::ByGateway(frame) => (frame.code.into(), &frame.reason),
            Self::ByClient(None) => (1005, "Client-side close frame status not set"),
            Self::Lost => (1006, "Connection closed abnormally"),
        }
    }

    fn by_gateway(code: CloseCode, reason: &'static str) -> Self {
        Self::ByGateway(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
    }

    fn of(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::by_gateway(CloseCode::Size, "Message too big"),
            Error::Utf8(_) => Self::by_gateway(CloseCode::Invalid, "Invalid UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::by_gateway(CloseCode::Protocol, "Protocol error"),
            _ => Self::Lost,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A socket after its handshake, with the quotas of API Gateway.
    pub(crate) async fn new(stream: S, waiting: Waiting) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(limits::SENT_FRAME)
            .max_write_buffer_size(WRITE_BUFFER)
            .max_frame_size(Some(limits::FRAME))
            .max_message_size(Some(limits::MESSAGE));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { stream, waiting, outgoing: None, ends: false, reads_first: false }
    }

    /// Waits for what happens next. Giving up the wait loses nothing: what is under way stays in the
    /// socket. Without `reads` nothing is taken from the client, who feels it when it sends on.
    pub(crate) async fn step(&mut self, reads: bool) -> Step {
        poll_fn(|cx| if reads { self.poll_step(cx) } else { self.poll_write(cx) }).await
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        self.reads_first = !self.reads_first;
        if self.reads_first {
            match self.poll_read(cx) {
                Poll::Pending => self.poll_write(cx),
                step @ Poll::Ready(_) => step,
            }
        } else {
            match self.poll_write(cx) {
                Poll::Pending => self.poll_read(cx),
                step @ Poll::Ready(_) => step,
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        self.stream.poll_next_unpin(cx).map(|received| match received {
            Some(Ok(Message::Text(text))) => Step::Text(text),
            Some(Ok(Message::Binary(_))) => {
                Step::Ended(Ending::by_gateway(CloseCode::Unsupported, "Binary is not supported"))
            }
            Some(Ok(Message::Close(frame))) => Step::Ended(Ending::ByClient(frame)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Step::Control,
            Some(Err(error)) => Step::Ended(Ending::of(&error)),
            None => Step::Ended(Ending::Lost),
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            // Frames leave before the next ones are written: nothing collects in a buffer.
            match self.stream.poll_flush_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(self.broken(&error, cx)),
            }
            if mem::take(&mut self.ends) {
                return Poll::Ready(Step::Sent);
            }
            match self.write_frames(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => return Poll::Ready(self.broken(&error, cx)),
            }
        }
    }

    /// Writes what leaves at once: the messages that wait, up to the bytes of the largest frame.
    /// False when there is nothing.
    fn write_frames(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let (mut room, mut wrote) = (limits::SENT_FRAME, false);
        while room > 0 {
            if self.outgoing.is_none() {
                let Poll::Ready(text) = self.waiting.poll_next(cx) else { break };
                self.outgoing = Some(Outgoing::new(text));
            }
            if let Some(frame) = self.outgoing.as_mut().and_then(Outgoing::next_frame) {
                room = room.saturating_sub(frame.len());
                self.stream.start_send_unpin(frame)?;
                wrote = true;
            } else {
                self.outgoing = None;
                self.ends = true;
            }
        }
        Ok(wrote || self.ends)
    }

    /// What a failed write means. A client that closes and leaves can make one fail before its close
    /// frame has been read, and that frame is how it ended.
    fn broken(&mut self, error: &Error, cx: &mut Context<'_>) -> Step {
        match self.poll_read(cx) {
            Poll::Ready(step) => step,
            Poll::Pending => Step::Ended(Ending::of(error)),
        }
    }

    /// Brings the closing handshake to its end, for as long as a client may take for that.
    pub(crate) async fn finish(mut self, ending: &Ending) {
        let closing = async {
            match ending {
                // Reading on sends the echo of the client's close frame.
                Ending::ByClient(_) => {
                    self.read_on().await;
                }
                Ending::ByGateway(frame) => self.close(frame.clone()).await,
                Ending::Lost => {}
            }
        };
        // A client that takes longer is dropped, and that is all.
        let _ = timeout(limits::CLOSING, closing).await;
    }

    /// Sends what was accepted before the end, then the close frame, and reads the client's.
    async fn close(&mut self, frame: CloseFrame) {
        if self.stream.flush().await.is_err() {
            return;
        }
        while let Some(mut outgoing) =
            self.outgoing.take().or_else(|| self.waiting.try_next().map(Outgoing::new))
        {
            while let Some(part) = outgoing.next_frame() {
                if self.stream.send(part).await.is_err() {
                    return;
                }
            }
        }
        if self.stream.send(Message::Close(Some(frame))).await.is_err() || self.read_on().await {
            return;
        }
        // What the client sent cannot be read as frames any more. It has to be read nevertheless:
        // bytes that nobody reads reset the connection and take the close frame with them.
        let raw = self.stream.get_mut();
        if raw.shutdown().await.is_ok() {
            let mut rest = [0; 1024];
            while raw.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        }
    }

    /// Reads to the end of the stream; true when the client's close frame came.
    async fn read_on(&mut self) -> bool {
        let mut closed = false;
        while let Some(Ok(message)) = self.stream.next().await {
            closed |= message.is_close();
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::outbox;

    /// A client's frame, masked with zeros.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], payload].concat()
    }

    #[tokio::test]
    async fn a_message_goes_in_frames_of_8_kb() {
        let (ours, mut client) = tokio::io::duplex(64 * 1024);
        let (outbox, waiting) = outbox::channel();
        let mut socket = Socket::new(ours, waiting).await;
        for (length, heads) in [
            (0, vec![(0x81, 0)]),
            (8 * 1024, vec![(0x81, 8 * 1024)]),
            (17 * 1024, vec![(0x01, 8 * 1024), (0x00, 8 * 1024), (0x80, 1024)]),
        ] {
            outbox.push("x".repeat(length).into()).await;
            assert!(matches!(socket.step(true).await, Step::Sent));
            for (first, length) in heads {
                assert_eq!(client.read_u8().await.unwrap(), first);
                let short = usize::from(client.read_u8().await.unwrap());
                let read = if short == 126 { usize::from(client.read_u16().await.unwrap()) } else { short };
                assert_eq!(read, length);
                client.read_exact(&mut vec![0; length]).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn messages_that_wait_leave_together() {
        let (ours, mut client) = tokio::io::duplex(64 * 1024);
        let (outbox, waiting) = outbox::channel();
        let mut socket = Socket::new(ours, waiting).await;
        for text in ["one", "", "three"] {
            outbox.push(text.into()).await;
        }
        assert!(matches!(socket.step(true).await, Step::Sent));
        let mut received = [0; 14];
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"\x81\x03one\x81\x00\x81\x05three");
        assert!(futures_util::poll!(Box::pin(socket.step(true))).is_pending(), "nothing is left");
        // What is more than a frame's bytes waits for the next turn, after reading has had its own.
        for _ in 0..3 {
            outbox.push("x".repeat(5 * 1024).into()).await;
        }
        assert!(matches!(socket.step(true).await, Step::Sent));
        assert!(socket.waiting.try_next().is_some());
    }

    #[tokio::test]
    async fn pings_of_a_client_that_does_not_read_take_bounded_room() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let (mut from_client, mut to_client) = tokio::io::split(theirs);
        let pings: Vec<u8> = (0..20_000_u32).flat_map(|number| frame(9, &number.to_be_bytes())).collect();
        let (_outbox, waiting) = outbox::channel();
        let mut socket = Socket::new(ours, waiting).await;
        let serving = tokio::spawn(async move {
            while let Step::Control = socket.step(true).await {}
            // It reads again, and everything that is left goes out.
            let _ = socket.stream.flush().await;
            socket.stream.flush().await
        });
        to_client.write_all(&[&pings[..], &frame(1, b"end")].concat()).await.unwrap();
        let mut pongs = Vec::new();
        while !pongs.ends_with(&19_999_u32.to_be_bytes()) {
            from_client.read_buf(&mut pongs).await.unwrap();
        }
        serving.await.unwrap().unwrap();
        assert!(pongs.len() <= WRITE_BUFFER + 2048, "{} bytes", pongs.len());
    }

    #[tokio::test]
    async fn a_close_frame_counts_even_if_a_write_fails_before_it_is_read() {
        let sent = [frame(1, b"x"), frame(8, b"\x0f\xa1bye")].concat();
        let (deaf, client) = tokio::io::duplex(1024);
        drop(client);
        let (outbox, waiting) = outbox::channel();
        outbox.push("post".into()).await;
        let mut socket = Socket::new(tokio::io::join(sent.as_slice(), deaf), waiting).await;
        assert!(matches!(socket.step(true).await, Step::Text(text) if text == "x"));
        let Step::Ended(ending) = socket.step(true).await else { panic!("the write fails") };
        assert_eq!(ending.status(), (4001, "bye"));
    }
}
