//! Calls a route's integration and judges its answer.

use std::time::Duration;

use bytes::Bytes;
use sam::app::{Route, Target};
use tokio::time::{Instant, timeout};

use super::answer::{self, Answer};
use super::error::GatewayError;
use super::event::Event;
use super::mock;
use crate::lambda::{Invoke, InvokeError};

/// What came of calling an integration.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How long it took in milliseconds; `None` when nothing was called.
    pub(crate) latency: Option<u128>,
    /// The answer, or what the gateway says in its place.
    pub(crate) answer: Result<Answer, GatewayError>,
}

impl Outcome {
    /// The outcome when the gateway does not come to call the integration.
    pub(crate) fn refused(error: GatewayError) -> Self {
        Self { latency: None, answer: Err(error) }
    }

    /// `$context.status`.
    pub(crate) fn status(&self) -> u16 {
        self.answer.as_ref().map_or_else(|error| error.status(), |answer| answer.status)
    }

    /// The outcome of a route with a route response: an answer too large for a message is a failure.
    pub(crate) fn within(mut self, two_way: bool, limit: usize) -> Self {
        let body = self.answer.as_ref().ok().and_then(|answer| answer.body.as_ref());
        if two_way && body.is_some_and(|body| body.len() > limit) {
            tracing::warn!(limit, "the answer is larger than a message may be");
            self.answer = Err(GatewayError::IntegrationFailed);
        }
        self
    }

    /// `$context.error`.
    pub(crate) fn error(&self) -> Option<GatewayError> {
        self.answer.as_ref().err().copied()
    }
}

/// Calls a route's integration with an event and waits for it as long as `TimeoutInMillis` allows.
pub(crate) async fn call(invoke: &dyn Invoke, route: &Route, event: &Event<'_>) -> Outcome {
    let unavailable = |reason: &str| {
        tracing::warn!(route = route.key, reason, "the integration cannot be called");
        Outcome::refused(GatewayError::IntegrationUnavailable)
    };
    let Some(integration) = &route.integration else {
        return unavailable("the route has no target");
    };
    let function = match integration.target.in_stage(event.stage()) {
        Target::Function(logical_id) => logical_id,
        Target::Mock(mock) => {
            return match mock::answer(mock, event.body(), &|| event.context()) {
                Ok(answer) => Outcome { latency: None, answer: Ok(answer) },
                Err(reason) => unavailable(&reason),
            };
        }
        Target::Unsupported(reason) => return unavailable(reason),
        Target::ByStage(_) => return unavailable("the API has no such stage"),
    };
    let started = Instant::now();
    let answer = invoke_within(invoke, function, event, integration.timeout).await;
    let latency = Some(started.elapsed().as_millis());
    let answer = answer.map_err(|failure| {
        tracing::warn!(route = route.key, function, reason = failure.reason, "the integration failed");
        failure.error
    });
    Outcome { latency, answer }
}

/// Why there is no answer: what the client is told, and what is behind it.
struct Failure {
    error: GatewayError,
    reason: String,
}

async fn invoke_within(
    invoke: &dyn Invoke,
    function: &str,
    event: &Event<'_>,
    limit: Duration,
) -> Result<Answer, Failure> {
    let invocation = invoke.invoke(function, Bytes::from(event.to_json()));
    let Ok(result) = timeout(limit, invocation).await else {
        let reason = format!("no answer within {} ms", limit.as_millis());
        return Err(Failure { error: GatewayError::IntegrationTimedOut, reason });
    };
    let payload = result.map_err(|error| Failure { error: refused(&error), reason: error.to_string() })?;
    answer::parse(&payload).map_err(|reason| Failure {
        error: GatewayError::IntegrationFailed,
        reason: format!("its answer is not a proxy response: {reason}"),
    })
}

/// A function that ran and failed is a bad gateway; one that could not be invoked is not.
fn refused(error: &InvokeError) -> GatewayError {
    match error {
        InvokeError::Function { .. } | InvokeError::Exited(_) | InvokeError::TimedOut { .. } => {
            GatewayError::IntegrationFailed
        }
        InvokeError::Throttled | InvokeError::NotRunnable(_) => GatewayError::IntegrationUnavailable,
    }
}
