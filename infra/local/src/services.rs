//! The port of the AWS services: one front that sends each call to its service.
//!
//! AWS has a host for every service; SDKs with one endpoint for all still say which is meant: by
//! the operation's target, by the path, or by the service that the signature is for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Router, serve};
use bytes::Bytes;
use cloudwatch::api::{logs, metrics};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::iam::request::{Asked, Place};
use crate::iam::{Iam, Principal};
use crate::sqs::Sqs;

/// Bytes of a call to CloudWatch or CloudWatch Logs. Their own limits are a megabyte of content, which
/// JSON can make six of. DynamoDB has its own limit.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Bytes of a call to DynamoDB that is read before it is passed on: a batch has up to 16 MB.
const MAX_TABLE_BODY: usize = 32 * 1024 * 1024;

/// The error that services of the JSON protocols share.
const ACCESS_DENIED: &str = "com.amazon.coral.service#AccessDeniedException";

/// How long calls under way may take to end at a shutdown.
const STOPPING: Duration = Duration::from_secs(1);

/// What the front sends calls to.
#[derive(Debug)]
pub(crate) struct Backends {
    pub(crate) logs: logs::Api,
    pub(crate) metrics: metrics::Api,
    pub(crate) sqs: Sqs,
    /// Where DynamoDB listens.
    pub(crate) tables: SocketAddr,
    /// What functions may do, when they are held to it.
    pub(crate) iam: Option<Arc<Iam>>,
}

/// The running front.
#[derive(Debug)]
pub(crate) struct Services {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// A service of the local AWS, or the name of one that it does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Service {
    Logs,
    Metrics,
    Queues,
    Tables,
    Unknown(String),
}

impl Services {
    pub(crate) fn start(listener: TcpListener, backends: Backends) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let front = Arc::new(Front { backends, client });
        let router = Router::new().fallback(answer).with_state(front);
        let listener = listener.tap_io(|stream| {
            // Calls are small and someone waits for each answer.
            let _ = stream.set_nodelay(true);
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(async move {
            if let Err(error) = serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the AWS services stopped answering");
            }
        });
        Self { stop, server }
    }

    /// Stops listening; calls under way may end.
    pub(crate) async fn shutdown(mut self) {
        let _ = self.stop.send(());
        if timeout(STOPPING, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

#[derive(Debug)]
struct Front {
    backends: Backends,
    client: Client<HttpConnector, Body>,
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Infallible> {
    let service = Service::of(request.headers(), request.uri().path());
    let backends = &front.backends;
    let iam = backends.iam.as_deref();
    let function = iam.and_then(|iam| Some((iam.signer(request.headers())?, &iam.place)));
    if service == Service::Tables && function.is_none() {
        return Ok(front.forward(request).await);
    }
    let (parts, body) = request.into_parts();
    let most = if service == Service::Tables { MAX_TABLE_BODY } else { MAX_BODY };
    let Ok(body) = to_bytes(body, most).await else {
        let message = format!("The request is larger than {most} bytes, or broke off.");
        return Ok(error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", &message));
    };
    if let Some(refusal) =
        function.and_then(|(function, place)| refusal(&service, function, place, &parts, &body))
    {
        return Ok(refusal);
    }
    Ok(match service {
        Service::Logs => backends.logs.call(&parts, body).await.map(Body::from),
        Service::Metrics => {
            let api = backends.metrics.clone();
            // It may have much to compute, or wait for the disk.
            let answered = tokio::task::spawn_blocking(move || api.call(&parts, &body)).await;
            match answered {
                Ok(response) => response.map(Body::from),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
        Service::Queues => backends.sqs.call(operation(&parts.headers), &body).await.map(Body::from),
        Service::Tables => front.forward(Request::from_parts(parts, body.into())).await,
        Service::Unknown(_) => unknown(&service),
    })
}

/// The service's refusal of what a function may not do; `None` when it may.
fn refusal(
    service: &Service,
    function: &Principal,
    place: &Place,
    parts: &Parts,
    body: &Bytes,
) -> Option<Response> {
    let operation = operation(&parts.headers);
    // What is no JSON is refused by the service itself.
    let json = || serde_json::from_slice(body).unwrap_or_default();
    let asked: Vec<Asked> = match service {
        Service::Tables => place.dynamodb(operation, &json()),
        Service::Logs => place.logs(operation, &json()),
        Service::Queues => place.sqs(operation, &json()),
        Service::Metrics => Place::cloudwatch(&metrics::Api::operation(parts, body)),
        Service::Unknown(_) => return None,
    };
    let message = function.refusal(&asked)?;
    Some(match service {
        Service::Metrics => metrics::Api::refuse(parts, body, &message).map(Body::from),
        Service::Queues => {
            let mut refusal = error(StatusCode::FORBIDDEN, ACCESS_DENIED, &message);
            // By this the older code is known, which SDKs of SQS give.
            let code = HeaderValue::from_static("AccessDenied;Sender");
            refusal.headers_mut().insert("x-amzn-query-error", code);
            refusal
        }
        _ => error(StatusCode::BAD_REQUEST, ACCESS_DENIED, &message),
    })
}

impl Front {
    /// Sends a call to DynamoDB as it is.
    async fn forward(&self, mut request: Request) -> Response {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(self.backends.tables.to_string());
        match uri.path_and_query(path).build() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(cause) => return internal(&cause),
        }
        match self.client.request(request).await {
            Ok(response) => response.into_response(),
            Err(cause) => internal(&cause),
        }
    }
}

impl Service {
    fn of(headers: &HeaderMap, path: &str) -> Self {
        if path.starts_with("/service/GraniteServiceVersion20100801/") {
            return Self::Metrics;
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = text("x-amz-target");
        match target.split_once('.').map_or(target, |(service, _)| service) {
            "Logs_20140328" => return Self::Logs,
            "GraniteServiceVersion20100801" => return Self::Metrics,
            "AmazonSQS" => return Self::Queues,
            "DynamoDB_20120810" | "DynamoDBStreams_20120810" => return Self::Tables,
            _ => {}
        }
        match signed_for(text(header::AUTHORIZATION.as_str())) {
            Some("logs") => Self::Logs,
            Some("monitoring") => Self::Metrics,
            Some("sqs") => Self::Queues,
            // DynamoDB answers what is no call, such as a look whether anyone is there.
            Some("dynamodb") | None => Self::Tables,
            Some(other) => Self::Unknown(other.to_owned()),
        }
    }
}

/// What stands behind the service in a call's target.
fn operation(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.split_once('.').map_or("", |(_, operation)| operation)
}

/// The service of a signature: `Credential=key/date/region/{service}/aws4_request`.
fn signed_for(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split(',').next()?.trim().rsplit('/').nth(1)
}

/// The answer of a service that is not here.
fn unknown(service: &Service) -> Response {
    let Service::Unknown(name) = service else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let message = format!(
        "The local AWS has no service {name}; on this port it has dynamodb, logs, monitoring and sqs."
    );
    error(StatusCode::BAD_REQUEST, "UnknownOperationException", &message)
}

fn internal(cause: &dyn std::error::Error) -> Response {
    tracing::warn!(%cause, "DynamoDB did not answer");
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "The local DynamoDB did not answer.")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = Bytes::from(json!({ "__type": code, "message": message }).to_string());
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], path: &str, expected: &Service) {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        assert_eq!(Service::of(&headers.collect(), path), *expected);
    }

    #[test]
    fn a_call_says_which_service_it_means() {
        let target = |target| [("x-amz-target", target)];
        check(&target("Logs_20140328.PutLogEvents"), "/", &Service::Logs);
        check(&target("DynamoDB_20120810.GetItem"), "/", &Service::Tables);
        check(&target("DynamoDBStreams_20120810.GetRecords"), "/", &Service::Tables);
        check(&target("GraniteServiceVersion20100801.PutMetricData"), "/", &Service::Metrics);
        check(&[], "/service/GraniteServiceVersion20100801/operation/ListMetrics", &Service::Metrics);
        check(&[], "/", &Service::Tables);
        let signed = |service| {
            format!(
                "AWS4-HMAC-SHA256 Credential=x/20260925/us-east-1/{service}/aws4_request, SignedHeaders=host"
            )
        };
        check(&[("authorization", &signed("monitoring"))], "/", &Service::Metrics);
        check(&[("authorization", &signed("sns"))], "/", &Service::Unknown("sns".to_owned()));
        check(&target("AmazonSQS.SendMessage"), "/", &Service::Queues);
    }

    /// A call that a function may not make, and the answer's status, error and sentence.
    #[track_caller]
    fn check_refusal(service: &Service, headers: &[(&str, &str)], path: &str, expected: (u16, &str)) {
        let iam = crate::iam::tests::iam_of("local.F", &[]);
        let function = iam.principal("local.F").unwrap();
        let mut request = http::Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, _) = request.body(()).unwrap().into_parts();
        let body = Bytes::from(if path == "/" { "{}" } else { "" });
        let answer = refusal(service, function, &iam.place, &parts, &body).unwrap();
        assert_eq!(answer.status(), expected.0);
        let body = futures_util::FutureExt::now_or_never(to_bytes(answer.into_body(), MAX_BODY));
        let body = String::from_utf8_lossy(&body.unwrap().unwrap()).into_owned();
        assert!(body.contains(expected.1) && body.contains("is not authorized to perform: "), "{body}");
    }

    #[test]
    fn what_a_function_may_not_do_is_refused_in_each_services_protocol() {
        let target = |target| [("x-amz-target", target)];
        let shared = r#""__type":"com.amazon.coral.service#AccessDeniedException""#;
        let check = |service: Service, name, expected| check_refusal(&service, &target(name), "/", expected);
        check(Service::Tables, "DynamoDB_20120810.GetItem", (400, shared));
        check(Service::Logs, "Logs_20140328.PutLogEvents", (400, shared));
        check(Service::Queues, "AmazonSQS.SendMessage", (403, shared));
        check(Service::Metrics, "GraniteServiceVersion20100801.ListMetrics", (403, "AccessDeniedException"));
        check_refusal(&Service::Metrics, &[], "/?Action=ListMetrics", (403, "<Code>AccessDenied</Code>"));
        let cbor = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
        check_refusal(&Service::Metrics, &[], cbor, (403, "AccessDeniedException"));
    }
}
