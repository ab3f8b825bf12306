//! The service over the ports in memory.

mod frames;
mod history;
mod joins;
mod keys;
mod order;
mod positions;
mod races;
mod server;
mod shards;
mod subscriptions;
mod sweep;
mod tickets;
mod tokens;

use std::time::Duration;

use tokio::time::Instant;

use serde_json::json;

use super::deliver::Fanout;
use super::frame::{Frames, Request, frame};
use super::sweep::SweepSettings;
use super::{Settings, connect};
use crate::adapters::memory::Memory;
use crate::auth::tests::sign;
use crate::auth::{TokenSettings, TokenVerifier};
use crate::channel::{Channel, Namespaces};
use crate::clock::{Clock, ManualClock};
use crate::ids::{ConnectionId, UserId};
use crate::model::Connection;
use crate::telemetry::{FrameRecord, SweepRecord};

/// When the tests take place: milliseconds since the epoch.
const NOW: i64 = 1_790_328_012_000;

/// What tokens are signed with.
const SECRET: &str = "s3cret";

/// A token of `user` that is good for `seconds` from the start of the test.
fn token(user: &str, seconds: i64) -> String {
    sign(SECRET, &json!({"sub": user, "exp": NOW / 1000 + seconds, "info": {"name": user}}))
}

/// A token of `user` for a channel that is good for `seconds` from the start of the test.
fn grant(user: &str, channel: &str, seconds: i64) -> String {
    sign(SECRET, &json!({"sub": user, "channel": channel, "exp": NOW / 1000 + seconds}))
}

/// The service with everything in memory. Clones are the same one.
#[derive(Debug, Clone)]
struct World {
    memory: Memory,
    clock: ManualClock,
    settings: Settings,
}

impl World {
    fn new() -> Self {
        let namespaces = r#"{
            "room": {"allow_subscribe_for_client": true, "allow_publish_for_client": true},
            "club": {"allow_subscribe_for_client": true, "allow_publish_for_subscriber": true,
                     "presence": true, "allow_presence_for_subscriber": true},
            "log": {"allow_subscribe_for_client": true, "allow_publish_for_client": true,
                    "history_size": 20, "history_ttl": "60s", "force_recovery": true,
                    "allow_history_for_subscriber": true},
            "diary": {"allow_subscribe_for_client": true, "allow_publish_for_client": true,
                      "history_size": 20, "history_ttl": "60s"},
            "lobby": {"allow_subscribe_for_client": true, "allow_publish_for_client": true,
                      "join_leave": true},
            "hall": {"allow_subscribe_for_client": true, "join_leave": true,
                     "force_push_join_leave": true, "history_size": 20, "history_ttl": "60s"},
            "pair": {"allow_user_limited_channels": true, "allow_subscribe_for_client": true},
            "queue": {"allow_subscribe_for_client": true, "allow_publish_for_client": true, "ordered": true,
                      "history_size": 20, "history_ttl": "1h"},
            "news": {"allow_subscribe_for_client": true},
            "box": {"allow_publish_for_client": true}
        }"#;
        let keys = TokenSettings { secret: Some(SECRET.to_owned()), ..TokenSettings::default() };
        let settings = Settings {
            namespaces: Namespaces::from_json(namespaces).unwrap(),
            allow_anonymous: true,
            tokens: TokenVerifier::new(&keys).unwrap(),
            max_connections_per_user: None,
            rate: None,
            allowed_origins: Vec::new(),
        };
        Self { memory: Memory::default(), clock: ManualClock::at(NOW), settings }
    }

    async fn connect(&self, id: &str, user: Option<&str>) -> bool {
        let connection = Connection::opened(id.into(), user.map(UserId::from), self.clock.now_ms());
        connect(&self.memory, &connection).await.unwrap() == super::connect::Admission::Accepted
    }

    async fn disconnect(&self, id: &str) -> bool {
        self.fanout(Duration::from_secs(8)).part(&id.into()).await.unwrap().0.is_some()
    }

    /// The sweep of the minute at `now_ms`, by the schedule.
    async fn sweep(&self, now_ms: i64, settings: SweepSettings) -> SweepRecord {
        let mut record = SweepRecord::default();
        super::sweep(&self.fanout(Duration::from_secs(50)), settings, now_ms, &mut record).await.unwrap();
        record
    }

    fn fanout(&self, within: Duration) -> Fanout<'_, Memory, Memory> {
        Fanout {
            store: &self.memory,
            callbacks: &self.memory,
            namespaces: &self.settings.namespaces,
            clock: &self.clock,
            deadline: Instant::now() + within,
            lease_until: None,
        }
    }

    /// Sends one frame and gives the answer with what was recorded.
    async fn send(&self, id: &str, message: &str, text: &str) -> (String, FrameRecord) {
        let mut record = FrameRecord::default();
        let frames = Frames {
            store: &self.memory,
            callbacks: &self.memory,
            settings: &self.settings,
            clock: &self.clock,
        };
        let request = Request {
            connection: id.into(),
            message: message.to_owned(),
            text: text.to_owned(),
            received_at: self.clock.now_ms(),
            deadline: Instant::now() + Duration::from_secs(20),
        };
        let answer = frame(&frames, request, &mut record).await;
        (answer, record)
    }

    /// What a connection was sent, in order.
    fn received(&self, id: &str) -> Vec<String> {
        let id = ConnectionId::from(id);
        let posted = self.memory.posted().into_iter().filter(|(to, _)| *to == id);
        posted.map(|(_, frame)| String::from_utf8(frame.to_vec()).unwrap()).collect()
    }
}

fn channel(name: &str) -> Channel {
    Channel::parse(name).unwrap()
}
