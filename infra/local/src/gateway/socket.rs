//! One WebSocket: frames in, waiting messages out, and the closing handshake.
//!
//! Reading never waits for writing: a client that does not read fills its own outbox and nothing
//! else.

use std::future::poll_fn;
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

/// Bytes that are read at once. Small, because there is one such buffer for every connection.
const READ_BUFFER: usize = 8 * 1024;

/// A WebSocket over any stream of bytes, with the messages that wait for its client.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: WebSocketStream<S>,
    waiting: Waiting,
    /// A message is on its way: no other is taken before it is written.
    unflushed: bool,
    /// Reading and writing take turns, so that neither can starve the other.
    reads_first: bool,
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
            .max_frame_size(Some(limits::FRAME))
            .max_message_size(Some(limits::MESSAGE));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { stream, waiting, unflushed: false, reads_first: false }
    }

    /// Waits for what happens next. Giving up the wait loses nothing: what is under way stays in the
    /// socket.
    pub(crate) async fn step(&mut self) -> Step {
        poll_fn(|cx| self.poll_step(cx)).await
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
        if !self.unflushed {
            let Poll::Ready(text) = self.waiting.poll_next(cx) else { return Poll::Pending };
            for frame in frames(text) {
                if let Err(error) = self.stream.start_send_unpin(frame) {
                    return Poll::Ready(self.broken(&error, cx));
                }
            }
            self.unflushed = true;
        }
        self.stream.poll_flush_unpin(cx).map(|flushed| match flushed {
            Ok(()) => {
                self.unflushed = false;
                Step::Sent
            }
            Err(error) => self.broken(&error, cx),
        })
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
        while let Some(text) = self.waiting.try_next() {
            for frame in frames(text) {
                if self.stream.send(frame).await.is_err() {
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

/// A text message as API Gateway sends it: a large one in a text frame and continuation frames. They
/// share the text's memory.
fn frames(text: Utf8Bytes) -> impl Iterator<Item = Message> {
    let mut rest = (text.len() > limits::SENT_FRAME).then(|| Bytes::from(text.clone()));
    let whole = rest.is_none().then_some(Message::Text(text));
    let mut opcode = Data::Text;
    let parts = std::iter::from_fn(move || {
        let bytes = rest.as_mut()?;
        let part = bytes.split_to(bytes.len().min(limits::SENT_FRAME));
        let last = bytes.is_empty();
        let opcode = OpCode::Data(std::mem::replace(&mut opcode, Data::Continue));
        if last {
            rest = None;
        }
        Some(Message::Frame(Frame::message(part, opcode, last)))
    });
    whole.into_iter().chain(parts)
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
    async fn a_close_frame_counts_even_if_a_write_fails_before_it_is_read() {
        let sent = [frame(1, b"x"), frame(8, b"\x0f\xa1bye")].concat();
        let (deaf, client) = tokio::io::duplex(1024);
        drop(client);
        let (outbox, waiting) = outbox::channel();
        outbox.push("post".into()).await;
        let mut socket = Socket::new(tokio::io::join(sent.as_slice(), deaf), waiting).await;
        assert!(matches!(socket.step().await, Step::Text(text) if text == "x"));
        let Step::Ended(ending) = socket.step().await else { panic!("the write fails") };
        assert_eq!(ending.status(), (4001, "bye"));
    }

    /// Length, final and first of each frame of a message of this many bytes.
    #[track_caller]
    fn check(length: usize, expected: &[(usize, bool, bool)]) {
        let shown = frames("x".repeat(length).into()).map(|message| match message {
            Message::Text(text) => (text.len(), true, true),
            Message::Frame(frame) => {
                let header = frame.header();
                (frame.payload().len(), header.is_final, header.opcode == OpCode::Data(Data::Text))
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{length}");
    }

    #[test]
    fn a_message_above_8_kb_goes_in_several_frames() {
        check(0, &[(0, true, true)]);
        check(8192, &[(8192, true, true)]);
        check(8193, &[(8192, false, true), (1, true, false)]);
        check(16384, &[(8192, false, true), (8192, true, false)]);
        check(20000, &[(8192, false, true), (8192, false, false), (3616, true, false)]);
    }
}
