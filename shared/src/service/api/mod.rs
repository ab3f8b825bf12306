//! The server API: what an application's own servers do to channels and clients. Whoever may call
//! it may do everything; namespaces still have to be there.

mod clients;
mod publish;
mod ticket;
mod watch;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::ports::{ListDevices, PutTicket, RememberKey, RemoveHistory};
use crate::protocol::ErrorCode;
use crate::protocol::codec::{MAX_COMMANDS, Refused};
use crate::protocol::server::{Answer, ApiError, Batch, Call, Node, Response};
use crate::telemetry::FrameRecord;

use super::frame::{FrameCallbacks, FrameStore, Frames, Request, note_error, note_store_error};
use super::{Failure, Settings};

/// Connections or channels that one call deals with at a time.
const AT_ONCE: usize = 16;

/// What the server API may do to the table.
pub trait ApiStore: FrameStore + ListDevices + PutTicket + RememberKey + RemoveHistory {}
impl<T: FrameStore + ListDevices + PutTicket + RememberKey + RemoveHistory> ApiStore for T {}

/// One request of a server.
#[derive(Debug)]
pub struct Api<'a, S, C> {
    /// The table.
    pub store: &'a S,
    /// The management API.
    pub callbacks: &'a C,
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The hour.
    pub clock: &'a dyn Clock,
    /// API Gateway's id of the request: no two have the same.
    pub request: &'a str,
    /// When API Gateway got it: milliseconds since the epoch.
    pub received_at: i64,
    /// When the answer must be ready.
    pub deadline: Instant,
}

/// A request that is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCall {
    /// Its method does not exist.
    #[error("there is no such method")]
    Method,
    /// Its content is not a JSON object.
    #[error("the body is not a JSON object")]
    Content,
}

/// Carries out a call, or all of a `batch`, and gives the answer's JSON.
///
/// # Errors
/// [`NoCall`]; what goes wrong in a call is told in the answer.
pub async fn api<S: ApiStore, C: FrameCallbacks>(
    api: &Api<'_, S, C>,
    method: &str,
    content: &str,
    record: &mut FrameRecord,
) -> Result<String, NoCall> {
    if !is_object(content) {
        return Err(NoCall::Content);
    }
    if method == "batch" {
        return Ok(api.batch(content, record).await);
    }
    let call = Call::parse(method, content);
    if call.as_ref().is_err_and(|refused| refused.code == ErrorCode::MethodNotFound) {
        return Err(NoCall::Method);
    }
    record.command = Some(call.as_ref().map_or("?", Call::name).to_owned());
    Ok(json(&match api.answer(0, call, record).await {
        Ok(answer) => Response::Result(answer),
        Err(error) => Response::Error(error),
    }))
}

impl<S: ApiStore, C: FrameCallbacks> Api<'_, S, C> {
    /// Calls in their order, each with its own outcome.
    async fn batch(&self, content: &str, record: &mut FrameRecord) -> String {
        let commands = match serde_json::from_str::<Batch>(content) {
            Ok(batch) if batch.commands.len() <= MAX_COMMANDS => batch.commands,
            Ok(_) => {
                let cause = format!("more than {MAX_COMMANDS} commands");
                return json(&Response::<()>::Error(ApiError::new(ErrorCode::LimitExceeded, &cause)));
            }
            Err(_) => {
                let error = ApiError::new(ErrorCode::BadRequest, "commands must be a list of calls");
                return json(&Response::<()>::Error(error));
            }
        };
        let (mut replies, mut names) = (Vec::new(), Vec::new());
        for (number, command) in commands.iter().enumerate() {
            let mut members = command.iter();
            let call = match (members.next(), members.next()) {
                (Some((method, content)), None) => Call::parse(method, content.get()),
                _ => {
                    let cause = "a command has one method".to_owned();
                    Err(Refused { id: 0, code: ErrorCode::BadRequest, cause })
                }
            };
            let name = call.as_ref().map_or("?", Call::name);
            names.push(name);
            let (member, value) = match self.answer(number, call, record).await {
                Ok(answer) => (name, json(&answer)),
                Err(error) => ("error", json(&error)),
            };
            replies.push(format!("{{\"{member}\":{value}}}"));
        }
        record.command = Some(names.join(","));
        format!("{{\"replies\":[{}]}}", replies.join(","))
    }

    /// Carries out one call, the `number`th of the request.
    async fn answer(
        &self,
        number: usize,
        call: Result<Call, Refused>,
        record: &mut FrameRecord,
    ) -> Result<Answer, ApiError> {
        record.commands += 1;
        let done = match call {
            Ok(call) => {
                self.frames().note_namespace(call.channel(), record);
                Box::pin(self.carry_out(number, call, record)).await
            }
            Err(refused) => Err(Failure::Command(refused.code, refused.cause)),
        };
        done.map_err(|failure| told(&failure, record))
    }

    async fn carry_out(
        &self,
        number: usize,
        call: Call,
        record: &mut FrameRecord,
    ) -> Result<Answer, Failure> {
        match call {
            Call::Publish(call) => {
                let published = self.publish((number, 0), &call.channel, &call.payload, record).await?;
                Ok(Answer::Published(published))
            }
            Call::Broadcast(call) => self.broadcast(number, &call, record).await,
            Call::Subscribe(call) => self.subscribe(number, &call, record).await,
            Call::Unsubscribe(call) => self.unsubscribe(number, &call, record).await,
            Call::Disconnect(call) => self.disconnect(number, &call, record).await,
            Call::Presence(call) => self.presence(&call.channel).await.map(Answer::Presence),
            Call::PresenceStats(call) => self.presence_stats(&call.channel).await.map(Answer::PresenceStats),
            Call::History(call) => self.history(number, &call).await.map(Answer::History),
            Call::HistoryRemove(call) => self.history_remove(&call.channel).await,
            Call::Ticket(call) => self.ticket(&call).await,
            Call::Info => {
                let version = env!("CARGO_PKG_VERSION");
                Ok(Answer::Info { nodes: [Node { uid: "switchboard", name: "switchboard", version }] })
            }
        }
    }

    const fn frames(&self) -> Frames<'_, S, C> {
        let Self { store, callbacks, settings, clock, .. } = *self;
        Frames { store, callbacks, settings, clock }
    }

    /// The part of a call that is about one connection, or about none: as a frame of that
    /// connection would be. `part` tells it from all others of the request.
    fn part(&self, part: (usize, usize), connection: ConnectionId) -> Request {
        Request {
            connection,
            message: format!("{}.{}.{}", self.request, part.0, part.1),
            text: String::new(),
            received_at: self.received_at,
            deadline: self.deadline,
        }
    }
}

/// What the caller is told of a failure.
fn told(failure: &Failure, record: &mut FrameRecord) -> ApiError {
    let (code, cause) = match failure {
        Failure::Command(code, cause) => {
            record.command_errors += 1;
            (*code, cause.clone())
        }
        Failure::Connection(_, cause) => (ErrorCode::Internal, cause.clone()),
        // The table's own words are for the log.
        Failure::Store(error) => (note_store_error(record, error), "try again".to_owned()),
    };
    note_error(record, code, &cause);
    ApiError::new(code, &cause)
}

/// Adds what was recorded of a part.
fn add(record: &mut FrameRecord, part: FrameRecord) {
    record.command_errors += part.command_errors;
    record.publications += part.publications;
    record.publication_bytes += part.publication_bytes;
    record.recovered_publications += part.recovered_publications;
    record.recovery_failed += part.recovery_failed;
    record.internal_error |= part.internal_error;
    record.error_code = record.error_code.take().or(part.error_code);
    record.error = record.error.take().or(part.error);
    if let Some(callbacks) = part.callbacks {
        record.callbacks.get_or_insert_default().add(&callbacks);
    }
}

/// Whether a text is a JSON object. Not what it holds: a call may refuse that with a code.
fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Answers always serialise: their types hold no map with keys that JSON could not write.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
