//! The idle and life clocks and slow readers: in memory, with time paused.

use std::sync::Arc;
use std::time::Duration;

use cloudwatch::logs::LogStore;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::support::{FixedClock, Lambda, NOW, api, settings, shown};
use crate::clock::Clock;
use crate::gateway::Shared;
use crate::gateway::connection::{Connection, Identity, serve};
use crate::gateway::ids::ConnectionId;
use crate::gateway::outbox::{self, Refused};
use crate::gateway::registry::OpenConnection;

const MINUTE: Duration = Duration::from_secs(60);

/// An open connection over memory.
struct Line {
    client: WebSocketStream<DuplexStream>,
    open: Arc<OpenConnection>,
    served: JoinHandle<()>,
    events: UnboundedReceiver<(String, Value)>,
    since: Instant,
}

impl Line {
    async fn open(routes: &str) -> Self {
        let (lambda, events) = Lambda::new();
        let shared = Shared::new(settings(vec![api(routes)], &lambda, &LogStore::default())).unwrap();
        let (declared, stage) = shared.candidates("prod", "").pop().unwrap();
        let connection = Connection {
            id: ConnectionId::random(),
            api: declared,
            stage,
            domain_name: "localhost".to_owned(),
            connected_at: FixedClock.now_ms(),
            identity: Identity { source_ip: "127.0.0.1".to_owned(), ..Identity::default() },
            principal: None,
        };
        let (outbox, waiting) = outbox::channel();
        let open = OpenConnection::new(Arc::new(connection), outbox);
        let (ours, theirs) = tokio::io::duplex(4096);
        let (shared, served) = (Arc::new(shared), Arc::clone(&open));
        let served = tokio::spawn(async move { serve(&shared, &served, theirs, waiting).await });
        let client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        Self { client, open, served, events, since: Instant::now() }
    }

    /// What comes within a time, as a line of a transcript.
    async fn within(&mut self, limit: Duration) -> Option<String> {
        let received = timeout(limit, self.client.next()).await.ok()?;
        Some(shown(&received.unwrap().unwrap()))
    }

    /// Waits for the close frame and gives it with the time since the connection opened.
    async fn closed(&mut self) -> (String, Duration) {
        let line = self.within(Duration::from_secs(10_000)).await.unwrap();
        (line, self.since.elapsed())
    }

    async fn disconnected(&mut self) -> (u64, String) {
        let event = self.events.recv().await.unwrap().1;
        let context = &event["requestContext"];
        let reason = context["disconnectReason"].as_str().unwrap().to_owned();
        (context["disconnectStatusCode"].as_u64().unwrap(), reason)
    }
}

fn going_away(after: Duration) -> (String, Duration) {
    ("<! 1001 Going away".to_owned(), after)
}

/// Times up to a timer's own step of a millisecond.
fn rounded((line, after): (String, Duration)) -> (String, Duration) {
    (line, Duration::from_secs(after.as_secs()))
}

#[tokio::test(start_paused = true)]
async fn ten_idle_minutes_end_a_connection() {
    let mut line = Line::open("$disconnect ok").await;
    assert_eq!(rounded(line.closed().await), going_away(10 * MINUTE));
    assert_eq!(line.disconnected().await, (1001, "Going away".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_message_from_the_client_is_activity() {
    let mut line = Line::open("$default ok").await;
    assert_eq!(line.within(9 * MINUTE).await, None);
    line.client.send(Message::text("x")).await.unwrap();
    assert_eq!(rounded(line.closed().await), going_away(19 * MINUTE));
}

#[tokio::test(start_paused = true)]
async fn a_post_is_activity() {
    let mut line = Line::open("$default ok").await;
    assert_eq!(line.within(9 * MINUTE).await, None);
    line.open.post("x".into(), NOW + 1).unwrap();
    assert_eq!(line.open.last_active_at(), NOW + 1);
    assert_eq!(line.within(MINUTE).await.as_deref(), Some("< x"));
    assert_eq!(rounded(line.closed().await), going_away(19 * MINUTE));
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_and_is_no_activity() {
    let mut line = Line::open("$default ok").await;
    assert_eq!(line.within(9 * MINUTE).await, None);
    line.client.send(Message::Ping("beat".into())).await.unwrap();
    assert_eq!(line.within(MINUTE).await.as_deref(), Some("<~ beat"));
    assert_eq!(rounded(line.closed().await), going_away(10 * MINUTE));
}

#[tokio::test(start_paused = true)]
async fn two_hours_end_even_a_busy_connection() {
    let mut line = Line::open("$default ok").await;
    while line.within(5 * MINUTE).await.is_none() {
        line.client.send(Message::text("x")).await.unwrap();
    }
    assert_eq!(line.since.elapsed().as_secs(), 2 * 60 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_fills_its_own_outbox_and_ends_in_time() {
    let mut line = Line::open("$disconnect ok\n$default ok").await;
    let message = "x".repeat(100 * 1024);
    let mut refused = Ok(());
    for _ in 0..12 {
        refused = line.open.post(message.as_str().into(), NOW);
        tokio::task::yield_now().await;
    }
    assert_eq!(refused, Err(Refused::Full));
    // It can still be heard while it does not read.
    line.client.send(Message::text("x")).await.unwrap();
    assert_eq!(line.events.recv().await.unwrap().0, "ok");
    assert_eq!(line.disconnected().await, (1001, "Going away".to_owned()));
    line.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_a_close_frame_is_dropped() {
    let mut line = Line::open("$disconnect ok").await;
    line.open.deleted.notify_one();
    assert_eq!(line.disconnected().await.0, 1000);
    line.served.await.unwrap();
    assert_eq!(line.since.elapsed().as_secs(), 2);
}
