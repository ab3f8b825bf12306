//! A stage's execution log: what the gateway does with an event, step by step.
//!
//! [Set up logging for WebSocket APIs] in API Gateway's developer guide has the levels; the group
//! and the lines are as the service was recorded. Lines about what was not recorded, as authorizers,
//! are in the words that REST APIs have for it. Like AWS, it says nothing of what is throttled, and
//! nothing of management calls.
//!
//! [Set up logging for WebSocket APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use cloudwatch::logs::LogStore;
use sam::app::{ApiKey, LoggingLevel, RouteSettings};

use super::access_log::Row;
use super::connection::{Identity, Request};
use super::error::GatewayError;
use super::ids::{self, ConnectionId};
use super::socket::Ending;
use crate::clock::Clock;

/// Bytes of a line that are kept.
const LINE: usize = 1024;

/// What stands for the rest.
const TRUNCATED: &str = " [TRUNCATED]";

/// How the reason of a failure begins, after the request's id.
const FAILURES: [&str; 4] =
    ["Lambda execution failed", "Execution failed", "Request refused", "Request body does not match"];

/// The group of a stage's execution log.
#[must_use]
pub fn execution_log_group(api_id: &str, stage: &str) -> String {
    format!("/aws/apigateway/{api_id}/{stage}")
}

/// Whether a line of an execution log says why something failed.
#[must_use]
pub fn is_execution_failure(line: &str) -> bool {
    line.split_once(") ").is_some_and(|(_, text)| FAILURES.iter().any(|failure| text.starts_with(failure)))
}

/// Where a stage's lines go, and which are written.
#[derive(Debug)]
pub(crate) struct ExecutionLog {
    api_id: String,
    stage: String,
    group: String,
    stream: String,
    logs: LogStore,
    default: Detail,
    /// By route key.
    routes: BTreeMap<String, Detail>,
}

/// How much is written.
#[derive(Debug, Clone, Copy, Default)]
struct Detail {
    level: LoggingLevel,
    /// Whole messages and events, too.
    trace: bool,
}

impl ExecutionLog {
    /// The log of a stage; its stream is new.
    pub(crate) fn new(api_id: &str, stage: &sam::app::Stage, logs: LogStore) -> Self {
        let default = Detail::default().with(&stage.default_route_settings);
        let routes = stage.route_settings.iter().map(|(key, own)| (key.clone(), default.with(own)));
        Self {
            api_id: api_id.to_owned(),
            stage: stage.name.clone(),
            group: execution_log_group(api_id, &stage.name),
            stream: ids::log_stream(),
            logs,
            default,
            routes: routes.collect(),
        }
    }

    /// Follows an event of a connection. What selects no route is logged as the stage says.
    pub(crate) fn follow<'a>(
        &'a self,
        clock: &'a dyn Clock,
        connection_id: &ConnectionId,
        request: &'a Request,
        route_key: Option<&'a str>,
    ) -> Execution<'a> {
        let own = route_key.and_then(|key| self.routes.get(key));
        let detail = own.copied().unwrap_or(self.default);
        Execution {
            log: self,
            clock,
            detail,
            connection_id: connection_id.clone(),
            request,
            route_key,
            id_told: AtomicBool::new(false),
            failure_told: AtomicBool::new(false),
        }
    }
}

impl Detail {
    /// This, where a route's settings do not say otherwise.
    fn with(self, settings: &RouteSettings) -> Self {
        Self {
            level: settings.logging_level.unwrap_or(self.level),
            trace: settings.data_trace_enabled.unwrap_or(self.trace),
        }
    }
}

/// One event's lines.
#[derive(Debug)]
pub(crate) struct Execution<'a> {
    log: &'a ExecutionLog,
    clock: &'a dyn Clock,
    detail: Detail,
    connection_id: ConnectionId,
    request: &'a Request,
    route_key: Option<&'a str>,
    /// Whether the extended request id has been told.
    id_told: AtomicBool,
    /// Whether it has been said why the event failed.
    failure_told: AtomicBool,
}

impl Execution<'_> {
    /// A handshake is taken to an authorizer.
    pub(crate) fn authorizing(&self, authorizer: &str) {
        self.tell_id();
        self.info(format_args!("Starting authorizer: {authorizer} for request: {}", self.request.id));
    }

    /// An authorizer lets a client in. Who it is, only its principal's end says.
    pub(crate) fn authorized(&self, principal: &str) {
        let principal = masked(principal);
        self.info(format_args!("Using valid authorizer policy for principal: {principal}"));
        self.info(format_args!("Successfully completed authorizer execution"));
    }

    /// An authorizer does not know the client, or there was nothing to ask it with.
    pub(crate) fn unauthorized(&self) {
        self.info(format_args!("Unauthorized request: {}", self.request.id));
    }

    /// A handshake that may come in.
    pub(crate) fn connecting(&self, identity: &Identity, api_key: Option<&ApiKey>) {
        self.begin(api_key.map(Some));
        let (user_agent, source_ip) =
            (identity.user_agent.as_deref().unwrap_or_default(), &identity.source_ip);
        let api = &self.log.api_id;
        self.info(format_args!(
            "Client [UserAgent: {user_agent}, SourceIp: {source_ip}] is connecting to WebSocket API [{api}]."
        ));
    }

    /// A message, with the client's API key where its route asks for one.
    pub(crate) fn received(&self, body: &str, api_key: Option<Option<&ApiKey>>) {
        self.begin(api_key);
        let (api, id) = (&self.log.api_id, &self.connection_id);
        let said = format_args!("WebSocket API [{api}] received message from client [Connection Id: {id}].");
        if self.traces() {
            self.info(format_args!("{said} Message: [{body}]."));
        } else {
            self.info(said);
        }
    }

    /// The end of a connection.
    pub(crate) fn disconnecting(&self) {
        self.begin(None);
    }

    /// What came of a handshake or a message.
    pub(crate) fn finished(&self, row: &Row<'_>) {
        self.failed(row);
        let (id, api, status) = (&self.connection_id, &self.log.api_id, row.status);
        let end = |line: fmt::Arguments<'_>| self.write(level_of(row), line);
        match row.event_type {
            "CONNECT" if (200..300).contains(&status) => {
                end(format_args!("Client [Connection Id: {id}] connected to API [{api}] successfully."));
            }
            "CONNECT" => end(format_args!(
                "Client [Connection Id: {id}] did not connect to API [{api}], response status code [{status}]."
            )),
            _ => end(format_args!(
                "Message from client [Connection Id: {id}] sent to API [{api}] with response status code \
                 [{status}]."
            )),
        }
    }

    /// What came of the end of a connection.
    pub(crate) fn disconnected(&self, row: &Row<'_>, ending: &Ending) {
        self.failed(row);
        let (id, api, status) = (&self.connection_id, &self.log.api_id, row.status);
        let (code, reason) = ending.status();
        let end = format_args!(
            "Client [Connection Id: {id}] disconnected from API [{api}] with integration response status code \
             [{status}]. Close reason: [{code}: {reason}]"
        );
        self.write(level_of(row), end);
    }

    /// Why an event failed, unless the invocation has told it, which knows what the function said.
    fn failed(&self, row: &Row<'_>) {
        let Some(error) = row.error.filter(|_| !self.failure_told.load(Ordering::Relaxed)) else { return };
        let told = "Execution failed due to";
        match error {
            GatewayError::IntegrationFailed => {
                self.error(format_args!("{told} configuration error: Malformed Lambda proxy response"));
            }
            GatewayError::IntegrationUnavailable => {
                self.error(format_args!("{told} configuration error: the integration cannot be called"));
            }
            GatewayError::IntegrationTimedOut => self.error(format_args!("{told} a timeout error")),
            GatewayError::InvalidBody => {
                let detail = row.validation_error.as_deref().unwrap_or_default();
                self.error(format_args!("Request body does not match model schema: {detail}"));
            }
            GatewayError::Throttled => {}
            _ => {
                let (message, kind) = (error.message(), error.response_type());
                self.error(format_args!("Request refused: {message} ({kind})"));
            }
        }
    }

    /// What comes before every event; `None` for a route that asks for no API key.
    fn begin(&self, api_key: Option<Option<&ApiKey>>) {
        let id = &self.request.id;
        let (api, stage) = (&self.log.api_id, &self.log.stage);
        let route = self.route_key.unwrap_or_default();
        let masked = api_key.flatten().map(|key| masked(&key.value)).unwrap_or_default();
        self.tell_id();
        self.info(format_args!(
            "Verifying Usage Plan for request: {id}. API Key: {masked} API Stage: {api}/{stage}"
        ));
        if api_key.is_none() {
            self.info(format_args!(
                "API Key  authorized because route '{route}' does not require API Key. Request will not \
                 contribute to throttle or quota limits"
            ));
        }
        if api_key == Some(None) {
            self.info(format_args!("API Key  not authorized: route '{route}' requires a valid API Key"));
        } else {
            self.info(format_args!(
                "Usage Plan check succeeded for API Key {masked} and API Stage {api}/{stage}"
            ));
        }
        self.info(format_args!("Starting execution for request: {id}"));
        self.info(format_args!("WebSocket Request Route: [{route}]"));
    }

    /// What every event begins with.
    fn tell_id(&self) {
        if !self.id_told.swap(true, Ordering::Relaxed) {
            self.info(format_args!("Extended Request Id: {}", self.request.id));
        }
    }

    /// Whether whole messages and events are written.
    pub(crate) fn traces(&self) -> bool {
        self.detail.trace && self.detail.level > LoggingLevel::Off
    }

    /// A line with a message or an event in it.
    pub(crate) fn trace(&self, line: fmt::Arguments<'_>) {
        if self.traces() {
            self.append(line);
        }
    }

    /// A step.
    pub(crate) fn info(&self, line: fmt::Arguments<'_>) {
        self.write(LoggingLevel::Info, line);
    }

    /// What went wrong.
    pub(crate) fn error(&self, line: fmt::Arguments<'_>) {
        self.failure_told.store(true, Ordering::Relaxed);
        self.write(LoggingLevel::Error, line);
    }

    /// The API's id.
    pub(crate) fn api_id(&self) -> &str {
        &self.log.api_id
    }

    /// The request's id.
    pub(crate) fn request_id(&self) -> &str {
        &self.request.id
    }

    fn write(&self, level: LoggingLevel, line: fmt::Arguments<'_>) {
        if level <= self.detail.level {
            self.append(line);
        }
    }

    fn append(&self, line: fmt::Arguments<'_>) {
        let mut line = format!("({}) {line}", self.request.id);
        if line.len() > LINE {
            line.truncate(line.floor_char_boundary(LINE));
            line.push_str(TRUNCATED);
        }
        self.log.logs.append(&self.log.group, &self.log.stream, self.clock.now_ms(), line);
    }
}

/// The last line of what failed at the gateway is one of the failure.
fn level_of(row: &Row<'_>) -> LoggingLevel {
    match row.error {
        // Too many to tell.
        None | Some(GatewayError::Throttled) => LoggingLevel::Info,
        Some(_) => LoggingLevel::Error,
    }
}

/// A secret as logs may have it: its last six characters, or fewer of one that is short.
fn masked(secret: &str) -> String {
    let characters = secret.chars().count();
    let hidden = characters.saturating_sub(6).max(characters.div_ceil(2));
    let shown: String = secret.chars().skip(hidden).collect();
    format!("{}{shown}", "*".repeat(hidden))
}
