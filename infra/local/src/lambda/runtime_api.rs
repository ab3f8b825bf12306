//! The Runtime API of one environment.
//!
//! Lambda's developer guide, "Using the Lambda runtime API for custom runtimes". Refusals have the
//! bodies of AWS's runtime interface emulator: `InvalidRequestID` is a 400, and a call that the
//! environment's state does not allow is a 403 `InvalidStateTransition`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::InvokeError;
use super::environment::Output;
use super::function::{EnvironmentId, Function, Next};
use super::phase::{Refusal, Work};
use super::system_log::SystemLog;

/// Bytes of the largest answer: 6 MB, and the 100 bytes that Lambda allows on top.
const ANSWER_BYTES: usize = 6 * 1024 * 1024 + 100;

/// Who speaks at this listener.
#[derive(Debug)]
struct Environment {
    function: Arc<Function>,
    id: EnvironmentId,
    output: Arc<Output>,
    system: Arc<SystemLog>,
}

/// The API of the environment `id`.
pub(super) fn router(
    function: Arc<Function>,
    id: EnvironmentId,
    output: Arc<Output>,
    system: Arc<SystemLog>,
) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(Arc::new(Environment { function, id, output, system }))
}

/// Waits as long as it takes: `lambda_runtime` takes anything but a 200 for the end.
async fn next(State(environment): State<Arc<Environment>>) -> Response {
    environment.system.asked();
    let work = match environment.function.next(environment.id) {
        Next::Work(work) => Ok(work),
        Next::Wait(work) => work.await.map_err(|_| Refusal::InvalidState),
        Next::Ended => Err(Refusal::InvalidState),
    };
    match work {
        Ok(work) => {
            environment.system.started(&work.request_id);
            invocation(&environment.function.arn, work)
        }
        Err(refusal) => refuse(refusal),
    }
}

fn invocation(arn: &str, work: Work) -> Response {
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &work.request_id),
        ("lambda-runtime-deadline-ms", &work.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", &work.trace_id),
    ];
    (headers, work.payload).into_response()
}

async fn response(
    State(environment): State<Arc<Environment>>,
    Path(request_id): Path<String>,
    body: Body,
) -> Response {
    environment.system.answering();
    let (answer, status) = match read(body).await {
        Ok(answer) => (Ok(answer), StatusCode::ACCEPTED),
        Err(Unread::TooLarge(error)) => (Err(error), StatusCode::PAYLOAD_TOO_LARGE),
        Err(Unread::Truncated) => return truncated(),
    };
    // The process wrote its lines before its answer: they are in the log before it, too.
    environment.output.drain();
    match environment.function.answer(environment.id, &request_id, answer, &environment.system) {
        Ok(()) if status == StatusCode::ACCEPTED => accepted(),
        Ok(()) => too_large(),
        Err(refusal) => refuse(refusal),
    }
}

async fn error(
    State(environment): State<Arc<Environment>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let report = match read(body).await {
        Ok(body) => error_report(&headers, &body),
        Err(Unread::TooLarge(error)) => error,
        Err(Unread::Truncated) => return truncated(),
    };
    environment.output.drain();
    match environment.function.answer(environment.id, &request_id, Err(report), &environment.system) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(refusal),
    }
}

async fn init_error(State(environment): State<Arc<Environment>>, headers: HeaderMap, body: Body) -> Response {
    let report = match read(body).await {
        Ok(body) => error_report(&headers, &body),
        Err(Unread::TooLarge(error)) => error,
        Err(Unread::Truncated) => return truncated(),
    };
    match environment.function.init_error(environment.id, report) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(refusal),
    }
}

/// The body of an error report. A runtime may leave out any of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorReport {
    error_type: Option<String>,
    error_message: Option<String>,
}

fn error_report(headers: &HeaderMap, body: &[u8]) -> InvokeError {
    let report = serde_json::from_slice::<ErrorReport>(body).unwrap_or_else(|_| ErrorReport {
        error_type: None,
        error_message: Some(String::from_utf8_lossy(body).into_owned()),
    });
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = report.error_type.or_else(|| header.map(str::to_owned));
    InvokeError::Function {
        error_type: error_type.unwrap_or_else(|| "Unhandled".to_owned()),
        message: report.error_message.unwrap_or_default(),
    }
}

/// Why a body is no answer.
enum Unread {
    /// With the error that the caller gets.
    TooLarge(InvokeError),
    /// The connection broke.
    Truncated,
}

/// Reads a body. One that is too large is read to its end all the same and thrown away, so that
/// the runtime gets to read why it is refused.
async fn read(body: Body) -> Result<Bytes, Unread> {
    let mut chunks = body.into_data_stream();
    let (mut first, mut rest, mut length) = (Bytes::new(), BytesMut::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unread::Truncated)?;
        length = length.saturating_add(chunk.len());
        if length > ANSWER_BYTES {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // Nearly every answer is one chunk, which needs no copy.
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if length > ANSWER_BYTES {
        let message = format!(
            "Response payload size ({length} bytes) exceeded maximum allowed payload size ({ANSWER_BYTES} bytes)."
        );
        let error_type = "Function.ResponseSizeTooLarge".to_owned();
        return Err(Unread::TooLarge(InvokeError::Function { error_type, message }));
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(length);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

fn accepted() -> Response {
    answer(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn too_large() -> Response {
    let message = format!("Exceeded maximum allowed payload size ({ANSWER_BYTES} bytes).");
    failed(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

fn truncated() -> Response {
    failed(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::InvalidRequestId => {
            failed(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        Refusal::InvalidState => {
            failed(StatusCode::FORBIDDEN, "InvalidStateTransition", "State transition is not allowed")
        }
    }
}

fn failed(status: StatusCode, error_type: &str, message: &str) -> Response {
    answer(status, &json!({ "errorMessage": message, "errorType": error_type }))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
