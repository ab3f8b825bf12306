//! A WebSocket client of one connection.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A close frame's code and reason.
#[must_use]
pub fn close(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: code.into(), reason: reason.to_owned().into() }
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket.
    ///
    /// # Panics
    /// When the handshake fails.
    pub async fn open(url: &str) -> Self {
        Self::try_open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// Opens a socket, or says why not.
    ///
    /// # Errors
    /// The handshake's answer is in [`Error::Http`].
    pub async fn try_open(url: impl IntoClientRequest + Unpin) -> Result<Self, Error> {
        tokio_tungstenite::connect_async(url).await.map(|(socket, _)| Self(socket))
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends a text frame and gives the next one that comes.
    pub async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.text().await
    }

    /// The next text frame.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// The next close frame, answered; anything before it is passed over.
    ///
    /// # Panics
    /// When the socket ends without one.
    pub async fn closed(mut self) -> CloseFrame {
        loop {
            if let Message::Close(Some(frame)) = self.next().await {
                // The answer goes out while the rest is read.
                while let Some(Ok(_)) = self.0.next().await {}
                return frame;
            }
        }
    }

    /// Closes with a close frame and waits for the other side's.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn close(mut self, frame: Option<CloseFrame>) {
        self.0.close(frame).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came");
        next.expect("the socket has ended").unwrap()
    }
}
