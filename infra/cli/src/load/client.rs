//! One connection of a load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::figures::Figures;
use super::lock;
use super::protocol::{FIRST_PUBLICATION, Line, Mark, greeting, line, publication};

/// How long a connection may take until it is subscribed: API Gateway gives a function 29 seconds.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// How long a close may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What all connections have.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) url: String,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) token: Option<String>,
    pub(super) figures: Arc<Mutex<Figures>>,
    /// When the load began.
    pub(super) epoch: Instant,
}

/// A connection that is subscribed.
#[derive(Debug)]
pub(super) struct Client {
    channel: String,
    shared: Shared,
    frames: mpsc::UnboundedSender<String>,
    next: AtomicU64,
    open: Arc<AtomicBool>,
    work: JoinHandle<()>,
}

impl Client {
    /// Opens a connection, is let in and subscribes; notes how long that took, or why not.
    pub(super) async fn open(shared: Shared, channel: String) -> Option<Self> {
        let began = Instant::now();
        let opened = timeout(OPEN_WITHIN, Self::begin(&shared, channel)).await;
        let opened = opened.unwrap_or_else(|_| Err("connect: no answer in time".to_owned()));
        match opened {
            Ok(client) => {
                lock(&shared.figures).connected(began.elapsed());
                Some(client)
            }
            Err(cause) => {
                lock(&shared.figures).failed(cause);
                None
            }
        }
    }

    async fn begin(shared: &Shared, channel: String) -> Result<Self, String> {
        let tls = Some(Connector::Rustls(Arc::clone(&shared.tls)));
        let (mut socket, _) = connect_async_tls_with_config(&shared.url, None, true, tls)
            .await
            .map_err(|error| format!("connect: {}", words(&error)))?;
        let greeting = greeting(shared.token.as_deref(), &channel);
        socket.send(Message::text(greeting)).await.map_err(|error| format!("connect: {}", words(&error)))?;
        let (frames, sent) = mpsc::unbounded_channel();
        let (ready, subscribed) = oneshot::channel();
        let open = Arc::new(AtomicBool::new(true));
        let session = Session { shared: shared.clone(), ready: Some(ready), open: Arc::clone(&open) };
        let work = tokio::spawn(session.run(socket, sent));
        subscribed.await.unwrap_or_else(|_| Err("connect: the connection has ended".to_owned()))?;
        let (shared, next) = (shared.clone(), AtomicU64::new(FIRST_PUBLICATION));
        Ok(Self { channel, shared, frames, next, open, work })
    }

    /// The channel that it is subscribed to.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// Whether it still receives.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Publishes to its channel, where so many are subscribed.
    pub(super) fn publish(&self, size: usize, members: usize) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut figures = lock(&self.shared.figures);
        let at = u64::try_from(self.shared.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mark = Mark { load: std::process::id(), at, number: figures.published(members) };
        drop(figures);
        // A connection that has ended was noted as an error when it did.
        let _ = self.frames.send(publication(id, &self.channel, mark, size));
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        self.open.store(false, Ordering::Relaxed);
        drop(self.frames);
        let _ = timeout(CLOSE_WITHIN, self.work).await;
    }
}

/// A connection's work.
struct Session {
    shared: Shared,
    /// Is told once whether the client is subscribed.
    ready: Option<oneshot::Sender<Result<(), String>>>,
    open: Arc<AtomicBool>,
}

impl Session {
    async fn run(mut self, socket: Socket, mut frames: mpsc::UnboundedReceiver<String>) {
        let (mut sink, mut stream) = socket.split();
        let cause = loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => if let Err(error) = sink.send(Message::text(frame)).await {
                        break Some(words(&error));
                    },
                    None => {
                        let _ = sink.send(Message::Close(None)).await;
                        break None;
                    }
                },
                message = stream.next() => {
                    let ended = match message {
                        Some(Ok(Message::Text(text))) => self.frame(&text, &mut sink).await,
                        Some(Ok(Message::Close(frame))) => {
                            Some(frame.map_or_else(|| "closed".to_owned(), |frame| format!("closed with {}", u16::from(frame.code))))
                        }
                        Some(Ok(_)) => None,
                        Some(Err(error)) => Some(words(&error)),
                        None => Some("closed".to_owned()),
                    };
                    if ended.is_some() {
                        break ended;
                    }
                }
            }
        };
        let was_open = self.open.swap(false, Ordering::Relaxed);
        let Some(cause) = cause else { return };
        match self.ready.take() {
            Some(ready) => drop(ready.send(Err(format!("connect: {cause}")))),
            None if was_open => lock(&self.shared.figures).failed(format!("connection: {cause}")),
            None => {}
        }
    }

    /// Takes a frame; gives why the connection ends, if it does.
    async fn frame(&mut self, text: &str, sink: &mut SplitSink<Socket, Message>) -> Option<String> {
        let now = u64::try_from(self.shared.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        for text in text.lines() {
            match line(text) {
                Line::Subscribed => {
                    if let Some(ready) = self.ready.take() {
                        let _ = ready.send(Ok(()));
                    }
                }
                Line::Refused(id, cause) if id < FIRST_PUBLICATION => return Some(cause),
                Line::Refused(_, cause) => lock(&self.shared.figures).refused(format!("publish: {cause}")),
                Line::Accepted(_) => lock(&self.shared.figures).accepted(),
                Line::Publication(mark) if mark.load == std::process::id() => {
                    let took = Duration::from_micros(now.saturating_sub(mark.at));
                    lock(&self.shared.figures).delivered(Duration::from_micros(mark.at), took);
                }
                Line::Disconnect(cause) => return Some(cause),
                Line::Ping => {
                    // Servers that ping want to hear of it; this one passes over it.
                    if sink.send(Message::text("{}")).await.is_err() {
                        return Some("closed".to_owned());
                    }
                }
                Line::Publication(_) | Line::Other => {}
            }
        }
        None
    }
}

/// An error as a kind: without what differs from case to case.
fn words(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("status {}", response.status().as_u16()),
        Error::Io(error) => error.kind().to_string(),
        Error::ConnectionClosed | Error::AlreadyClosed => "closed".to_owned(),
        other => other.to_string(),
    }
}
