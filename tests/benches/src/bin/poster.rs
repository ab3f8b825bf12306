//! A Lambda function that sends a message back to its client: the route `post` through
//! `@connections` with the AWS SDK, `raw` with no more than bytes on a socket, and `echo` as its
//! answer. `id` answers who the client is.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mimalloc::MiMalloc;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// As the functions of the application have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What is kept between events.
struct Poster {
    sdk: Client,
    /// `http://host:port/stage`.
    endpoint: String,
    raw: Mutex<Option<TcpStream>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let endpoint = std::env::vars().find(|(name, _)| name == "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI");
    let (_, endpoint) = endpoint.ok_or("there is no endpoint of the management API")?;
    let poster = Poster { sdk: sdk().await, endpoint, raw: Mutex::new(None) };
    lambda_runtime::run(service_fn(|event| poster.handle(event))).await
}

/// The SDK, set up as the functions of the application have it.
async fn sdk() -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(500))
        .operation_attempt_timeout(Duration::from_secs(1))
        .build();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load();
    Client::new(&config.await)
}

impl Poster {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let event = event.payload;
        let context = |name: &str| event.pointer(&format!("/requestContext/{name}")).and_then(Value::as_str);
        let id = context("connectionId").ok_or("the event names no connection")?;
        let body = event.get("body").and_then(Value::as_str).unwrap_or_default();
        match context("routeKey") {
            Some("post") => {
                self.sdk.post_to_connection().connection_id(id).data(Blob::new(body)).send().await?;
                Ok(json!({ "statusCode": 200 }))
            }
            Some("raw") => {
                self.post_raw(id, body).await?;
                Ok(json!({ "statusCode": 200 }))
            }
            Some("id") => Ok(json!({ "statusCode": 200, "body": id })),
            _ => Ok(json!({ "statusCode": 200, "body": body })),
        }
    }

    /// Posts with one write and one read, and no signature.
    async fn post_raw(&self, id: &str, body: &str) -> Result<(), Error> {
        let address = self.endpoint.strip_prefix("http://").ok_or("the endpoint is no HTTP")?;
        let (host, stage) = address.split_once('/').ok_or("the endpoint has no stage")?;
        let mut stream = self.raw.lock().await;
        let stream = match &mut *stream {
            Some(stream) => stream,
            none => {
                let connected = TcpStream::connect(host).await?;
                connected.set_nodelay(true)?;
                none.insert(connected)
            }
        };
        let (id, length) = (id.replace('=', "%3D"), body.len());
        let request = format!(
            "POST /{stage}/@connections/{id} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 1024];
        let read = stream.read(&mut answer).await?;
        let answer = answer.get(..read).unwrap_or_default();
        if answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\n") {
            Ok(())
        } else {
            Err(format!("the answer is {}", String::from_utf8_lossy(answer)).into())
        }
    }
}
