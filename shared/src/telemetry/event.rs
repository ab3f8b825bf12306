//! The record types of the wide event: the fields for Logs Insights and the metrics.
//!
//! Strings become fields, numbers become metrics. Nothing that a client chooses is a
//! dimension, and no payload, token, query string or channel name is ever recorded.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac};
use metrique::unit::{Byte, Count, Millisecond, Second};
use metrique::unit_of_work::metrics;
use sha2::Sha256;

use crate::ids::UserId;

/// The one line that an invocation leaves.
#[metrics]
#[derive(Debug)]
pub struct WideEvent {
    /// The metrics' time.
    #[metrics(timestamp)]
    pub at: SystemTime,
    /// Lambda's JSON log filter reads it; without one the line counts as INFO.
    pub level: &'static str,
    /// The same hour in RFC 3339: Lambda takes it as the log event's.
    pub timestamp: String,
    /// What API Gateway said of the request.
    #[metrics(flatten)]
    pub request: RequestFields,
    /// What Lambda said of the invocation.
    #[metrics(flatten)]
    pub invocation: Invocation,
    /// What the function did.
    #[metrics(flatten)]
    pub work: Work,
}

/// API Gateway's request context, spelled as in the access log, so that one query reads both.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct RequestFields {
    /// Dimension: the same as `apiId`, in the gateway's own spelling of its dimensions.
    #[metrics(name = "ApiId")]
    pub api_dimension: String,
    /// Dimension.
    #[metrics(name = "Stage")]
    pub stage_dimension: String,
    /// Dimension, with detailed metrics only.
    #[metrics(name = "Route")]
    pub route_dimension: Option<String>,
    /// The API.
    #[metrics(name = "apiId")]
    pub api_id: Option<String>,
    /// The stage.
    #[metrics(name = "stage")]
    pub stage: Option<String>,
    /// The selected route.
    #[metrics(name = "routeKey")]
    pub route_key: Option<String>,
    /// `CONNECT`, `MESSAGE` or `DISCONNECT`; `HTTP` for the server API.
    #[metrics(name = "eventType")]
    pub event_type: Option<String>,
    /// The connection.
    #[metrics(name = "connectionId")]
    pub connection_id: Option<String>,
    /// When the connection was opened: milliseconds since the epoch.
    #[metrics(name = "connectedAt")]
    pub connected_at: Option<String>,
    /// The message, of `MESSAGE` events.
    #[metrics(name = "messageId")]
    pub message_id: Option<String>,
    /// The request.
    #[metrics(name = "requestId")]
    pub request_id: Option<String>,
    /// The same as `requestId` for socket events.
    #[metrics(name = "extendedRequestId")]
    pub extended_request_id: Option<String>,
    /// `25/Sep/2026:09:20:13 +0000`.
    #[metrics(name = "requestTime")]
    pub request_time: Option<String>,
    /// Milliseconds since the epoch.
    #[metrics(name = "requestTimeEpoch")]
    pub request_time_epoch: Option<String>,
    /// A keyed hash of the authorizer's `principalId`.
    #[metrics(name = "authorizer")]
    pub authorizer: Option<String>,
}

/// Fields and metrics of every function.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// Lambda's request id.
    #[metrics(name = "functionRequestId")]
    pub function_request_id: String,
    /// X-Ray's trace id.
    #[metrics(name = "traceId")]
    pub trace_id: Option<String>,
    /// `true` in the first invocation of an environment.
    #[metrics(name = "coldStart")]
    pub cold_start: &'static str,
    /// Milliseconds from the process's start to its first invocation, on a cold start.
    #[metrics(name = "initDuration")]
    pub init_duration: Option<String>,
    /// The status that API Gateway was given.
    pub status: Option<String>,
    /// Why the invocation failed.
    pub error: Option<String>,
    /// Always 1.
    #[metrics(name = "Invocations", unit = Count)]
    pub invocations: u64,
    /// The handler's time.
    #[metrics(name = "HandlerLatency", unit = Millisecond)]
    pub handler_latency: Duration,
    /// 1 on a cold start, otherwise absent.
    #[metrics(name = "ColdStart", unit = Count)]
    pub cold_starts: Option<u64>,
    /// 1 when the fault was ours.
    #[metrics(name = "InternalError", unit = Count)]
    pub internal_error: u64,
    /// DynamoDB read units consumed.
    #[metrics(name = "ReadUnits", unit = Count)]
    pub read_units: f64,
    /// DynamoDB write units consumed.
    #[metrics(name = "WriteUnits", unit = Count)]
    pub write_units: f64,
}

/// What a function did, with its own metrics.
#[metrics(subfield_owned)]
#[derive(Debug, Clone)]
pub enum Work {
    /// The authorizer of `$connect`.
    Authorize(#[metrics(flatten)] AuthorizeRecord),
    /// `$connect`.
    Connect(#[metrics(flatten)] ConnectRecord),
    /// `$disconnect`.
    Disconnect(#[metrics(flatten)] DisconnectRecord),
    /// `$default`, and the server API.
    Frame(#[metrics(flatten)] FrameRecord),
    /// The sweeper.
    Sweep(#[metrics(flatten)] SweepRecord),
}

/// What the authorizer did.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct AuthorizeRecord {
    /// A keyed hash of the user.
    pub user: Option<String>,
    /// 1 when the token was good.
    #[metrics(name = "AuthorizeAccepted", unit = Count)]
    pub accepted: u64,
    /// 1 when it was not, or there was none.
    #[metrics(name = "AuthorizeRejected", unit = Count)]
    pub rejected: u64,
}

/// What `$connect` did.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct ConnectRecord {
    /// A keyed hash of the user.
    pub user: Option<String>,
    /// 1 when the client was let in.
    #[metrics(name = "ConnectAccepted", unit = Count)]
    pub accepted: u64,
    /// 1 when it was not.
    #[metrics(name = "ConnectRejected", unit = Count)]
    pub rejected: u64,
}

/// What `$disconnect` did.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct DisconnectRecord {
    /// A keyed hash of the user.
    pub user: Option<String>,
    /// The close code, as API Gateway tells it. Access logs cannot show it.
    #[metrics(name = "disconnectStatusCode")]
    pub status_code: Option<String>,
    /// The close reason, as API Gateway tells it.
    #[metrics(name = "disconnectReason")]
    pub reason: Option<String>,
    /// 1 when this event closed the connection's row, 0 when it was closed before.
    #[metrics(name = "DisconnectCount", unit = Count)]
    pub disconnects: u64,
    /// From connect to disconnect.
    #[metrics(name = "ConnectionDuration", unit = Second)]
    pub duration: Option<Duration>,
    /// Telling others that the client has left; absent when nobody was told.
    #[metrics(flatten)]
    pub callbacks: Option<CallbackRecord>,
}

/// What `$default` did with one frame, or the server API with one request.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct FrameRecord {
    /// A keyed hash of the user.
    pub user: Option<String>,
    /// The names of the frame's commands, in order, joined by commas.
    pub command: Option<String>,
    /// The first error's number, or the disconnect code.
    #[metrics(name = "errorCode")]
    pub error_code: Option<String>,
    /// The namespace of the first channel that was named, when it is a configured one.
    #[metrics(name = "channelNamespace")]
    pub channel_namespace: Option<String>,
    /// Who sent the frame, for the event's `user`.
    #[metrics(ignore)]
    pub sender: Option<UserId>,
    /// Why the first command that failed did, for the event's `error`.
    #[metrics(ignore)]
    pub error: Option<String>,
    /// Whether a fault was ours, for the event's `InternalError`.
    #[metrics(ignore)]
    pub internal_error: bool,
    /// Commands in the frame.
    #[metrics(name = "Commands", unit = Count)]
    pub commands: u64,
    /// Commands refused because of the client.
    #[metrics(name = "CommandErrors", unit = Count)]
    pub command_errors: u64,
    /// Publications accepted.
    #[metrics(name = "PublicationsIn", unit = Count)]
    pub publications: u64,
    /// Their data.
    #[metrics(name = "PublicationBytes", unit = Byte)]
    pub publication_bytes: u64,
    /// Publications that a client had missed and was given when it came back.
    #[metrics(name = "RecoveredPublications", unit = Count)]
    pub recovered_publications: u64,
    /// Clients that were told that they have missed something that is not kept any more.
    #[metrics(name = "RecoveryFailed", unit = Count)]
    pub recovery_failed: u64,
    /// What the frame's callbacks did; absent when it made none.
    #[metrics(flatten)]
    pub callbacks: Option<CallbackRecord>,
}

/// What the sweeper did in one minute.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct SweepRecord {
    /// The minute that it was for, in RFC 3339.
    #[metrics(name = "sweptAt")]
    pub hour: Option<String>,
    /// Connections that are listed as open; absent when there was no time to see them all.
    #[metrics(name = "ActiveConnections", unit = Count)]
    pub active_connections: Option<u64>,
    /// Channels that somebody is subscribed to; absent in most minutes, since counting them reads
    /// the row of every connection.
    #[metrics(name = "ActiveChannels", unit = Count)]
    pub active_channels: Option<u64>,
    /// Connections that were closed since API Gateway had ended them and nobody had told.
    #[metrics(name = "ExpiredConnections", unit = Count)]
    pub expired_connections: u64,
    /// Listed connections that had been closed, or never opened, and were left by a crash.
    #[metrics(name = "LeakedRowsSwept", unit = Count)]
    pub leaked_rows: u64,
    /// Connections that were sent something so that they are not idle.
    #[metrics(name = "KeepalivesSent", unit = Count)]
    pub keepalives: u64,
    /// Connections that were told to make way for another.
    #[metrics(name = "RenewalsSent", unit = Count)]
    pub renewals: u64,
    /// 1 when time was up before all was done.
    #[metrics(name = "SweepCutOff", unit = Count)]
    pub cut_off: u64,
    /// Posts, and telling others who has left; absent when there were none.
    #[metrics(flatten)]
    pub callbacks: Option<CallbackRecord>,
}

/// Posts to connections.
#[metrics(subfield_owned)]
#[derive(Debug, Clone, Default)]
pub struct CallbackRecord {
    /// Posts tried.
    #[metrics(name = "CallbackCount", unit = Count)]
    pub count: u64,
    /// The slowest of them. One number an invocation: the published schema of the embedded
    /// metric format has arrays of 100 at most, and the histogram that CloudWatch takes is not in it.
    #[metrics(name = "CallbackLatency", unit = Millisecond)]
    pub latency: Duration,
    /// 410: the connection was gone.
    #[metrics(name = "CallbackGone", unit = Count)]
    pub gone: u64,
    /// 429: too many requests, or the client's buffer was full.
    #[metrics(name = "CallbackThrottled", unit = Count)]
    pub throttled: u64,
    /// Anything else that was not a success.
    #[metrics(name = "CallbackFailed", unit = Count)]
    pub failed: u64,
    /// Connections that were ended since they missed too much of a channel with history.
    #[metrics(name = "CallbackEnded", unit = Count)]
    pub ended: u64,
    /// Publications that an earlier callback had failed to bring, brought by this one.
    #[metrics(name = "Redelivered", unit = Count)]
    pub redelivered: u64,
    /// From the publication to the last post accepted; absent when none was published.
    #[metrics(name = "DeliveryLatency", unit = Millisecond)]
    pub delivery: Option<Duration>,
    /// Connections that were to receive something.
    #[metrics(name = "Recipients", unit = Count)]
    pub recipients: u64,
}

impl CallbackRecord {
    /// Adds other callbacks of the same invocation.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.latency = self.latency.max(other.latency);
        self.gone += other.gone;
        self.throttled += other.throttled;
        self.failed += other.failed;
        self.ended += other.ended;
        self.redelivered += other.redelivered;
        self.delivery = self.delivery.max(other.delivery);
        self.recipients += other.recipients;
    }
}

/// Turns users into the keyed hashes that logs may have.
#[derive(Clone)]
pub struct UserHash(Option<Hmac<Sha256>>);

impl UserHash {
    /// With the key of the configuration; without one, users are left out of the logs.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let keyed = (!key.is_empty()).then(|| Hmac::new_from_slice(key.as_bytes()).ok());
        Self(keyed.flatten())
    }

    /// The first 16 hexadecimal digits of HMAC-SHA-256: enough to follow a user, not to find it.
    #[must_use]
    pub fn of(&self, user: Option<&UserId>) -> Option<String> {
        let mut mac = self.0.clone()?;
        mac.update(user?.as_str().as_bytes());
        let digest = mac.finalize().into_bytes();
        let first: u64 = digest.iter().take(8).fold(0, |all, byte| (all << 8) | u64::from(*byte));
        Some(format!("{first:016x}"))
    }
}

impl std::fmt::Debug for UserHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.debug_struct("UserHash").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_hashed_with_the_key_or_left_out() {
        let bob = UserId::from("bob");
        let hash = UserHash::new("key").of(Some(&bob)).unwrap();
        assert_eq!(hash.len(), 16);
        assert_ne!(Some(&hash), UserHash::new("other key").of(Some(&bob)).as_ref());
        assert_eq!(UserHash::new("key").of(None), None);
        assert_eq!(UserHash::new("").of(Some(&bob)), None);
    }
}
