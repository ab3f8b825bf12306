//! The Runtime API of one environment.
//!
//! Lambda's developer guide, "Using the Lambda runtime API for custom runtimes". Refusals have the
//! bodies of AWS's runtime interface emulator: `InvalidRequestID` is a 400, and a call that the
//! environment's state does not allow is a 403 `InvalidStateTransition`.
//!
//! Every invocation takes two calls of four paths, so there is no router between them and hyper.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::InvokeError;
use super::environment::Output;
use super::function::{EnvironmentId, Function, Next};
use super::phase::{Refusal, Work};
use super::system_log::SystemLog;

/// What the paths of all calls begin with.
const RUNTIME: &str = "/2018-06-01/runtime/";

/// Bytes of the largest answer: 6 MB, and the 100 bytes that Lambda allows on top.
const ANSWER_BYTES: usize = 6 * 1024 * 1024 + 100;

/// The pause after the system has refused a connection: it has no more files to give.
const REFUSED: Duration = Duration::from_millis(100);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Who speaks at this listener.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) function: Arc<Function>,
    pub(super) id: EnvironmentId,
    pub(super) output: Arc<Output>,
    pub(super) system: Arc<SystemLog>,
}

/// Serves the API of an environment; it never ends by itself, and its connections end with it.
pub(super) async fn serve(listener: TcpListener, environment: Environment) {
    let environment = Arc::new(environment);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&environment)))),
                // That caller is gone again; the next one is another matter.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "a Runtime API cannot accept a connection");
                    sleep_until(Instant::now() + REFUSED).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, environment: Arc<Environment>) {
    // Without it an answer waits for the acknowledgement of the one before. A refusal costs only
    // that time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async { Ok::<_, Infallible>(call(&environment, request).await) });
    // A process that ends in the middle of a call is noticed by its end.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one call.
async fn call(environment: &Environment, request: http::Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let Parts { method, uri, headers, .. } = parts;
    let path = uri.path().strip_prefix(RUNTIME).unwrap_or_default();
    if path == "invocation/next" {
        return if method == Method::GET { next(environment).await } else { wrong_method("GET") };
    }
    let of_invocation = path.strip_prefix("invocation/").and_then(|rest| rest.split_once('/'));
    let is_post = method == Method::POST;
    match (path, of_invocation) {
        (_, Some((id, "response"))) if is_post => response(environment, id, body).await,
        (_, Some((id, "error"))) if is_post => error(environment, id, &headers, body).await,
        ("init/error", _) if is_post => init_error(environment, &headers, body).await,
        ("init/error", _) | (_, Some((_, "response" | "error"))) => wrong_method("POST"),
        _ => status_only(StatusCode::NOT_FOUND),
    }
}

/// Waits as long as it takes: `lambda_runtime` takes anything but a 200 for the end.
async fn next(environment: &Environment) -> Response {
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
    let Work { request_id, payload, deadline_ms, trace_id } = work;
    let mut response = Response::new(Body::from(payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", &*request_id),
        ("lambda-runtime-deadline-ms", &deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", &trace_id),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn response(environment: &Environment, request_id: &str, body: Incoming) -> Response {
    environment.system.answering();
    let (answer, status) = match read(body).await {
        Ok(answer) => (Ok(answer), StatusCode::ACCEPTED),
        Err(Unread::TooLarge(error)) => (Err(error), StatusCode::PAYLOAD_TOO_LARGE),
        Err(Unread::Truncated) => return truncated(),
    };
    // The process wrote its lines before its answer: they are in the log before it, too.
    environment.output.drain();
    match environment.function.answer(environment.id, request_id, answer, &environment.system) {
        Ok(()) if status == StatusCode::ACCEPTED => accepted(),
        Ok(()) => too_large(),
        Err(refusal) => refuse(refusal),
    }
}

async fn error(environment: &Environment, request_id: &str, headers: &HeaderMap, body: Incoming) -> Response {
    let report = match read(body).await {
        Ok(body) => error_report(headers, &body),
        Err(Unread::TooLarge(error)) => error,
        Err(Unread::Truncated) => return truncated(),
    };
    environment.output.drain();
    match environment.function.answer(environment.id, request_id, Err(report), &environment.system) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(refusal),
    }
}

async fn init_error(environment: &Environment, headers: &HeaderMap, body: Incoming) -> Response {
    let report = match read(body).await {
        Ok(body) => error_report(headers, &body),
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
async fn read(body: Incoming) -> Result<Bytes, Unread> {
    let mut chunks = Body::new(body).into_data_stream();
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
    json(StatusCode::ACCEPTED, Body::from(r#"{"status":"OK"}"#))
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
    json(status, Body::from(json!({ "errorMessage": message, "errorType": error_type }).to_string()))
}

fn json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn wrong_method(allowed: &'static str) -> Response {
    let mut response = status_only(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn status_only(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
