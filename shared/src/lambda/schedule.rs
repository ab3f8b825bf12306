//! Functions that EventBridge invokes again and again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use super::event::unknown_fields;
use super::response::Response;
use super::run::{Error, Function, Outcome, deadline, diagnostic, panic_words};
use crate::clock::{Clock, SystemClock};
use crate::service;
use crate::service::deliver::{DeliveryCallbacks, Fanout};
use crate::service::sweep::SweepStore;
use crate::telemetry::log::rfc3339;
use crate::telemetry::{RequestFields, SweepRecord, Work};

/// What a handler is given.
#[derive(Debug)]
pub struct Scheduled<'a> {
    /// The hour that the invocation is for, in milliseconds since the epoch: it may come later.
    pub at_ms: i64,
    /// When the handler must be done.
    pub deadline: Instant,
    function: &'a Function,
}

/// Answers events of a schedule until the environment ends.
///
/// # Errors
/// [`Error::Runtime`].
pub async fn run_scheduled<H>(function: &Function, handler: H) -> Result<(), Error>
where
    H: AsyncFn(&Scheduled<'_>) -> Outcome,
{
    let mut init = Some(function.started.elapsed());
    let service = service_fn(|event: LambdaEvent<Value>| {
        let init = init.take();
        invoke(function, &handler, event, init)
    });
    lambda_runtime::run(service).await.map_err(Error::Runtime)
}

/// One invocation: whatever happens in it, it leaves one line.
async fn invoke<H>(
    function: &Function,
    handler: &H,
    event: LambdaEvent<Value>,
    init: Option<Duration>,
) -> Result<Response, Diagnostic>
where
    H: AsyncFn(&Scheduled<'_>) -> Outcome,
{
    let began = Instant::now();
    let (payload, context) = event.into_parts();
    let at_ms = hour(&payload).unwrap_or_else(|| SystemClock.now_ms());
    let scheduled = Scheduled { at_ms, deadline: deadline(&context, &SystemClock), function };
    // Boxed, as in other functions: the layout of the whole is too deep for the compiler.
    let handled = AssertUnwindSafe(Box::pin(handler(&scheduled))).catch_unwind();
    let result = handled.instrument(span(&context)).await;
    let result = result.map_err(|panic| diagnostic("Panic", panic_words(&*panic)));
    let invocation = function.invocation(context, init);
    let nothing = Work::Sweep(SweepRecord::default());
    function.emit(fields(function), invocation, began.elapsed(), nothing, &result);
    result.map(|outcome| outcome.response)
}

/// The hour of an event of EventBridge, in milliseconds since the epoch.
fn hour(event: &Value) -> Option<i64> {
    let time: jiff::Timestamp = event.get("time")?.as_str()?.parse().ok()?;
    Some(time.as_millisecond())
}

/// The API's dimensions, so that one query reads these metrics with the others.
fn fields(function: &Function) -> RequestFields {
    let (api, stage) = function.config.api.clone();
    let unknown = unknown_fields();
    RequestFields {
        api_dimension: api.clone().unwrap_or_else(|| unknown.api_dimension.clone()),
        stage_dimension: stage.clone().unwrap_or_else(|| unknown.stage_dimension.clone()),
        api_id: api,
        stage,
        ..unknown
    }
}

fn span(context: &Context) -> tracing::Span {
    tracing::error_span!("invocation", functionRequestId = context.request_id)
}

/// The sweeper.
pub async fn sweep<S: SweepStore, C: DeliveryCallbacks>(
    store: &S,
    callbacks: &C,
    scheduled: &Scheduled<'_>,
) -> Outcome {
    let config = &scheduled.function.config;
    let namespaces = &config.settings.namespaces;
    let deadline = scheduled.deadline;
    let fanout = Fanout { store, callbacks, namespaces, clock: &SystemClock, deadline, lease_until: None };
    let mut record = SweepRecord { hour: Some(rfc3339(scheduled.at_ms)), ..SweepRecord::default() };
    let swept = service::sweep(&fanout, config.sweep, scheduled.at_ms, &mut record).await;
    let error = swept.err().map(|error| error.to_string());
    Outcome { response: Response::ok(), internal_error: error.is_some(), error, work: Work::Sweep(record) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hour_is_that_of_the_event() {
        assert_eq!(hour(&json!({"time": "2026-09-25T09:20:12Z"})), Some(1_790_328_012_000));
        assert_eq!(hour(&json!({"time": "now"})), None);
        assert_eq!(hour(&json!({"detail": {}})), None);
    }
}
