//! The loop of a function: events in, answers out, one wide event for each.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use super::config::{Config, ConfigError, MANAGEMENT};
use super::event::{Event, EventType, Input, unknown_fields};
use super::http::{ApiKey, HttpRequest};
use super::response::Response;
use crate::adapters::{Callbacks, Table};
use crate::clock::{Clock, SystemClock};
use crate::ids::UserId;
use crate::service::Settings;
use crate::telemetry::log::rfc3339;
use crate::telemetry::{
    AuthorizeRecord, ConnectRecord, DisconnectRecord, Emitter, FrameRecord, Invocation, RequestFields, Usage,
    WideEvent, Work, log,
};

/// What is kept of an invocation's time for its answer and its line.
const RESERVE: Duration = Duration::from_millis(1500);

/// Bytes of an error that the wide event carries: the SDK's can be long, and the event must stay
/// below 8 KB.
const MAX_ERROR: usize = 1024;

/// The SDK's limits for one call to AWS: a peer that hangs is given up early enough for two
/// more tries.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
const ATTEMPT_WITHIN: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// Why a function ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment is not as it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The Runtime API is gone.
    #[error("the Lambda runtime failed: {0}")]
    Runtime(lambda_runtime::Error),
}

/// A function's process, from its start on.
#[derive(Debug)]
pub struct Function {
    pub(super) config: Config,
    sdk: SdkConfig,
    emitter: Emitter,
    usage: Usage,
    pub(super) started: Instant,
}

/// What a handler is given: the event, and what there is to handle it.
#[derive(Debug)]
pub struct Invoked<'a, E = Event> {
    /// The event.
    pub event: &'a E,
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The hour.
    pub clock: &'a dyn Clock,
    /// When the handler must be done.
    pub deadline: Instant,
    function: &'a Function,
}

impl<E> Invoked<'_, E> {
    /// The key of the server API.
    pub(super) const fn api_key(&self) -> &ApiKey {
        &self.function.config.api_key
    }

    /// The user as logs may name it.
    #[must_use]
    pub fn hash(&self, user: Option<&UserId>) -> Option<String> {
        self.function.config.user_hash.of(user)
    }
}

/// What a handler did.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub response: Response,
    /// What went wrong, for the log.
    pub error: Option<String>,
    /// Whether that was our fault.
    pub internal_error: bool,
    /// What is recorded.
    pub work: Work,
}

impl Function {
    /// Starts: reads the environment, starts the log, loads AWS's configuration.
    ///
    /// # Errors
    /// [`Error::Config`]: it ends the function before its first event.
    pub async fn start() -> Result<Self, Error> {
        let started = Instant::now();
        let config = Config::from_env()?;
        log::init(&config.log_level);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(ATTEMPT_WITHIN)
            .build();
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            // It gives up a body that stalls for 20 seconds. No call of ours streams, so the limit of
            // an attempt is over first, and what wraps every body costs time.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        let emitter = Emitter::new(&config.metrics_namespace, config.detailed_metrics);
        Ok(Self { config, sdk, emitter, usage: Usage::default(), started })
    }

    /// The table of the configuration.
    #[must_use]
    pub fn table(&self) -> Table {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        Table::new(client, self.config.table.clone(), self.usage.clone())
    }

    /// The management API. Its endpoint is the SDK's own setting for the service,
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`: the event's domain name and stage do not make
    /// the right URL behind a custom domain.
    ///
    /// # Errors
    /// It is not set: without it the SDK would call an address that belongs to no API.
    pub fn callbacks(&self) -> Result<Callbacks, ConfigError> {
        if self.config.management.is_none() {
            return Err(ConfigError { variable: MANAGEMENT, fault: "is not set".to_owned() });
        }
        Ok(Callbacks::new(aws_sdk_apigatewaymanagement::Client::new(&self.sdk)))
    }
}

/// The end of a function's process: an error is logged as any other.
#[must_use]
pub fn exit(ended: Result<(), Error>) -> ExitCode {
    let Err(error) = ended else { return ExitCode::SUCCESS };
    // When the configuration is the fault, logging has not begun.
    log::init("INFO");
    tracing::error!(%error, "the function ends");
    ExitCode::FAILURE
}

/// Answers events of one type until the environment ends.
///
/// # Errors
/// [`Error::Runtime`].
pub async fn run<H>(function: &Function, events: EventType, handler: H) -> Result<(), Error>
where
    H: AsyncFn(&Invoked<'_>) -> Outcome,
{
    answer_all::<Event, H>(function, events, handler).await
}

/// Answers requests to an HTTP API until the environment ends.
///
/// # Errors
/// [`Error::Runtime`].
pub async fn run_http<H>(function: &Function, handler: H) -> Result<(), Error>
where
    H: AsyncFn(&Invoked<'_, HttpRequest>) -> Outcome,
{
    answer_all::<HttpRequest, H>(function, EventType::Http, handler).await
}

async fn answer_all<E: Input, H>(function: &Function, events: EventType, handler: H) -> Result<(), Error>
where
    H: AsyncFn(&Invoked<'_, E>) -> Outcome,
{
    let mut init = Some(function.started.elapsed());
    let service = service_fn(|event: LambdaEvent<Value>| {
        let init = init.take();
        invoke(function, events, &handler, event, init)
    });
    lambda_runtime::run(service).await.map_err(Error::Runtime)
}

/// One invocation: whatever happens in it, it leaves one line.
async fn invoke<E: Input, H>(
    function: &Function,
    events: EventType,
    handler: &H,
    event: LambdaEvent<Value>,
    init: Option<Duration>,
) -> Result<Response, Diagnostic>
where
    H: AsyncFn(&Invoked<'_, E>) -> Outcome,
{
    let began = Instant::now();
    let (payload, context) = event.into_parts();
    let (request, result) = match E::parse(payload, events) {
        Ok(event) => {
            let request = event.fields(&function.config.user_hash, function.config.detailed_metrics);
            let result =
                handle(function, handler, &event, &context).instrument(span(&request, &context)).await;
            (request, result)
        }
        Err(bad) => (unknown_fields(), Err(diagnostic("BadEvent", bad.to_string()))),
    };
    let invocation = function.invocation(context, init);
    function.emit(request, invocation, began.elapsed(), Work::nothing(events), &result);
    match result?.response {
        Response::Unauthorized => Err(diagnostic("Unauthorized", "Unauthorized".to_owned())),
        Response::Unavailable => Err(diagnostic("Unavailable", "it cannot be told who this is".to_owned())),
        response => Ok(response),
    }
}

/// Calls the handler; a panic becomes an error, which API Gateway tells the client of.
async fn handle<E, H>(
    function: &Function,
    handler: &H,
    event: &E,
    context: &Context,
) -> Result<Outcome, Diagnostic>
where
    H: AsyncFn(&Invoked<'_, E>) -> Outcome,
{
    let clock = &SystemClock;
    let invoked = Invoked {
        event,
        settings: &function.config.settings,
        clock,
        deadline: deadline(context, clock),
        function,
    };
    // Boxed: with the SDK's futures inside, the layout of the whole is too deep for the compiler.
    let handled = AssertUnwindSafe(Box::pin(handler(&invoked))).catch_unwind().await;
    handled.map_err(|panic| diagnostic("Panic", panic_words(&*panic)))
}

impl Function {
    /// What Lambda says of an invocation.
    pub(super) fn invocation(&self, context: Context, init: Option<Duration>) -> Invocation {
        Invocation {
            function: self.config.function.clone(),
            function_request_id: context.request_id,
            trace_id: context.xray_trace_id,
            cold_start: if init.is_some() { "true" } else { "false" },
            init_duration: init.map(|took| format!("{:.1}", took.as_secs_f64() * 1000.0)),
            cold_starts: init.map(|_| 1),
            invocations: 1,
            ..Invocation::default()
        }
    }

    /// Writes the wide event; of an invocation that failed before it could say what it did, with
    /// `nothing`.
    pub(super) fn emit(
        &self,
        request: RequestFields,
        mut invocation: Invocation,
        took: Duration,
        nothing: Work,
        result: &Result<Outcome, Diagnostic>,
    ) {
        let units = self.usage.take();
        (invocation.read_units, invocation.write_units) = (units.read, units.write);
        invocation.handler_latency = took;
        let (failed, work) = match result {
            Ok(outcome) => {
                invocation.status = Some(outcome.response.status_code().to_string());
                invocation.error.clone_from(&outcome.error);
                (outcome.internal_error, outcome.work.clone())
            }
            Err(diagnostic) => {
                invocation.error = Some(format!("{}: {}", diagnostic.error_type, diagnostic.error_message));
                (true, nothing)
            }
        };
        if let Some(error) = &mut invocation.error {
            error.truncate(error.floor_char_boundary(MAX_ERROR));
        }
        invocation.internal_error = u64::from(failed);
        let now_ms = SystemClock.now_ms();
        let since_epoch = Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
        self.emitter.emit(WideEvent {
            at: UNIX_EPOCH + since_epoch,
            level: if failed { "ERROR" } else { "INFO" },
            timestamp: rfc3339(now_ms),
            request,
            invocation,
            work,
        });
    }
}

impl Work {
    /// What is recorded of an invocation that failed before it could say.
    fn nothing(events: EventType) -> Self {
        match events {
            EventType::Authorize => {
                Self::Authorize(AuthorizeRecord { rejected: 1, ..AuthorizeRecord::default() })
            }
            EventType::Connect => Self::Connect(ConnectRecord { rejected: 1, ..ConnectRecord::default() }),
            EventType::Disconnect => Self::Disconnect(DisconnectRecord::default()),
            EventType::Message | EventType::Http => Self::Frame(FrameRecord::default()),
        }
    }
}

/// When a handler must be done, so that its answer and its line still get out.
pub(super) fn deadline(context: &Context, clock: &dyn Clock) -> Instant {
    let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    let left = u64::try_from(deadline.saturating_sub(clock.now_ms())).unwrap_or(0);
    Instant::now() + Duration::from_millis(left).saturating_sub(RESERVE)
}

/// The fields that every other line of the invocation carries.
fn span(request: &RequestFields, context: &Context) -> tracing::Span {
    tracing::error_span!(
        "invocation",
        apiId = request.api_id,
        stage = request.stage,
        routeKey = request.route_key,
        eventType = request.event_type,
        connectionId = request.connection_id,
        messageId = request.message_id,
        requestId = request.request_id,
        functionRequestId = context.request_id,
    )
}

pub(super) fn diagnostic(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic { error_type: error_type.to_owned(), error_message }
}

/// The words of a panic.
pub(super) fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the handler panicked").to_owned()
}

#[cfg(test)]
mod tests;
