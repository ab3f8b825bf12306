//! The handler's own work for a frame that publishes: from the bytes of API Gateway's event to those
//! of the answer, over the ports in memory.

use std::cell::Cell;
use std::io::Write;
use std::time::Duration;

use shared::adapters::memory::Memory;
use shared::auth::TokenVerifier;
use shared::channel::Namespaces;
use shared::clock::ManualClock;
use shared::lambda::EventType;
use shared::lambda::event::{Event, Input};
use shared::lambda::response::Response;
use shared::model::Connection;
use shared::service::frame::{Frames, Request};
use shared::service::{self, Settings};
use shared::telemetry::FrameRecord;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::{Failure, measure};

/// An event as API Gateway sends it.
const EVENT: &str = include_str!("../../../../../infra/events/message.json");

/// Its body, which is put in its place.
const BODY: &str = r#""{\"id\":1,\"connect\":{}}""#;

/// When it was sent: milliseconds since the epoch.
const NOW: i64 = 1_790_328_013_100;

/// A client that has subscribed to a channel of one member: itself.
struct Client {
    memory: Memory,
    settings: Settings,
    clock: ManualClock,
    runtime: Runtime,
    /// Frames so far: every message has an id of its own.
    sent: Cell<u64>,
}

impl Client {
    fn new() -> Result<Self, Failure> {
        let namespaces =
            r#"{"room": {"allow_subscribe_for_client": true, "allow_publish_for_subscriber": true}}"#;
        let settings = Settings {
            namespaces: Namespaces::from_json(namespaces)?,
            allow_anonymous: true,
            tokens: TokenVerifier::default(),
            ..Settings::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let client = Self {
            memory: Memory::default(),
            settings,
            clock: ManualClock::at(NOW),
            runtime,
            sent: Cell::new(0),
        };
        let event = client.event(EVENT)?;
        let connection = Connection::opened(event.connection, event.user, NOW);
        client.runtime.block_on(service::connect(&client.memory, &connection))?;
        client.handle(&with_body(
            "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:one\"}}",
        )?)?;
        Ok(client)
    }

    fn event(&self, text: &str) -> Result<Event, Failure> {
        let mut event = Event::parse(serde_json::from_str(text)?, EventType::Message)?;
        let number = self.sent.get() + 1;
        self.sent.set(number);
        event.context.message_id = Some(number.to_string());
        Ok(event)
    }

    /// What the function does with an event, but for its wide event.
    fn handle(&self, text: &str) -> Result<Vec<u8>, Failure> {
        let event = self.event(text)?;
        let request = Request {
            connection: event.connection.clone(),
            message: event.context.message_id.clone().unwrap_or_default(),
            text: event.body.clone(),
            received_at: event.context.request_time_epoch,
            deadline: Instant::now() + Duration::from_secs(20),
        };
        let mut record = FrameRecord { sender: event.user.clone(), ..FrameRecord::default() };
        let frames = Frames {
            store: &self.memory,
            callbacks: &self.memory,
            settings: &self.settings,
            clock: &self.clock,
        };
        let body = self.runtime.block_on(service::frame(&frames, request, &mut record));
        Ok(serde_json::to_vec(&Response::frame(body))?)
    }

    /// Publishes, and sees to it that the publication was taken.
    fn publish(&self, text: &str) -> Result<(), Failure> {
        let answer = self.handle(text)?;
        if answer.ends_with(br#""body":"{\"id\":3,\"publish\":{}}"}"#) {
            Ok(())
        } else {
            Err(format!("the answer is {}", String::from_utf8_lossy(&answer)).into())
        }
    }
}

/// The event with another body.
fn with_body(body: &str) -> Result<String, Failure> {
    Ok(EVENT.replace(BODY, &serde_json::to_string(body)?))
}

fn publication() -> Result<String, Failure> {
    with_body(r#"{"id":3,"publish":{"channel":"room:one","data":{"text":"hello, room","from":"alice"}}}"#)
}

/// Handles so many frames.
pub(crate) fn handle(count: u32) -> Result<(), Failure> {
    let (client, publication) = (Client::new()?, publication()?);
    (0..count).try_for_each(|_| client.publish(&publication))
}

/// Measures one.
pub(crate) fn run(out: &mut impl Write) -> Result<(), Failure> {
    let (client, publication) = (Client::new()?, publication()?);
    measure::row(out, "a frame that publishes, from event to answer", None, || client.publish(&publication))
}

/// What one allocates.
pub(crate) fn allocations() -> Result<usize, Failure> {
    let (client, publication) = (Client::new()?, publication()?);
    measure::allocations(|| client.publish(&publication))
}
