//! A Lambda function that does what its event says, for the tests of the local AWS.
//!
//! The event is `{"do": …}` with the act's own members; see [`act`]. An event of a WebSocket API
//! is written to the log, its body is such an event, and what comes of it is the answer's body;
//! connects and disconnects are let pass. An authorizer's event is written to the log, too; its query
//! parameter `token` is such an event, and what comes of it is the answer. With `PROBE_ECHO` the body
//! is no event: the answer's body is the same text. A batch of messages is written to the log, each message's
//! body is such an event, and those that fail are reported. `PROBE_INIT` makes the initialisation fail:
//! `exit` ends the process, `error` reports to the Runtime API, `hang` never asks for an invocation.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    match variables.get("PROBE_INIT").map(String::as_str) {
        Some("exit") => end(41),
        Some("error") => report_init_error(variables.get("AWS_LAMBDA_RUNTIME_API")).await?,
        Some("hang") => std::future::pending().await,
        _ => {}
    }
    lambda_runtime::run(service_fn(|event| handle(event, &variables))).await
}

/// Unpacks an event of a WebSocket API, and packs the answer for it.
async fn handle(event: LambdaEvent<Value>, variables: &BTreeMap<String, String>) -> Result<Value, Error> {
    if let Some(records) = event.payload.get("Records").and_then(Value::as_array) {
        print(&format!("{}\n", event.payload), "")?;
        return batch(records, &event.context, variables).await;
    }
    if event.payload.get("requestContext").is_none() {
        return act(event, variables).await;
    }
    if variables.contains_key("PROBE_ECHO") {
        return Ok(json!({ "statusCode": 200, "body": event.payload.get("body") }));
    }
    print(&format!("{}\n", event.payload), "")?;
    if event.payload.get("type").is_some_and(|kind| kind == "REQUEST") {
        let token = event.payload.pointer("/queryStringParameters/token").and_then(Value::as_str);
        let token = token.unwrap_or_default();
        return act(LambdaEvent::new(serde_json::from_str(token)?, event.context), variables).await;
    }
    let Some(body) = event.payload.get("body").and_then(Value::as_str) else {
        return Ok(json!({ "statusCode": 200 }));
    };
    let (body, proxied) = (serde_json::from_str(body)?, event.payload.clone());
    match act(LambdaEvent::new(body, event.context), variables).await? {
        Value::String(garbage) => Ok(Value::String(garbage)),
        Value::Object(echoed) if echoed.contains_key("do") => {
            Ok(json!({ "statusCode": 200, "body": proxied.to_string() }))
        }
        result => Ok(json!({ "statusCode": 200, "body": result.to_string() })),
    }
}

/// Does what each message of a batch says.
async fn batch(
    records: &[Value],
    context: &Context,
    variables: &BTreeMap<String, String>,
) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for record in records {
        let body = record.get("body").and_then(Value::as_str).unwrap_or_default();
        let done = match serde_json::from_str(body) {
            Ok(message) => act(LambdaEvent::new(message, context.clone()), variables).await.is_ok(),
            Err(_) => false,
        };
        if !done {
            failures.push(json!({ "itemIdentifier": record.get("messageId") }));
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

/// Does one event's act and says what came of it.
async fn act(event: LambdaEvent<Value>, variables: &BTreeMap<String, String>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| payload.get(name).and_then(Value::as_u64).unwrap_or_default();
    match text("do").as_str() {
        "echo" => Ok(payload),
        // Well-formed JSON, and nothing that a proxy integration understands.
        "garbage" => Ok(json!("not a proxy response")),
        "answer_of" => Ok(json!("x".repeat(usize::try_from(number("bytes"))?))),
        "error" => Err(text("message").into()),
        "panic" => fail(&text("message")),
        "exit" => end(i32::try_from(number("status"))?),
        "sleep" => {
            sleep_until(Instant::now() + Duration::from_millis(number("ms"))).await;
            Ok(Value::Null)
        }
        "print" => print(&text("stdout"), &text("stderr")),
        "meet" => meet(&text("address"), &text("name")).await,
        "report" => Ok(json!({
            "pid": std::process::id(),
            "environment": variables,
            "deadline": context.deadline,
            "requestId": context.request_id,
            "arn": context.invoked_function_arn,
            "traceId": context.xray_trace_id,
        })),
        other => Err(format!("the probe cannot do {other:?}").into()),
    }
}

/// Writes as it is told, without adding newlines.
fn print(stdout: &str, stderr: &str) -> Result<Value, Error> {
    std::io::stdout().write_all(stdout.as_bytes())?;
    std::io::stdout().flush()?;
    std::io::stderr().write_all(stderr.as_bytes())?;
    Ok(Value::Null)
}

/// Connects to the test, says its name, goes on when the test closes the connection, and says so.
async fn meet(address: &str, name: &str) -> Result<Value, Error> {
    let mut test = TcpStream::connect(address).await?;
    test.write_all(format!("{name} {}\n", std::process::id()).as_bytes()).await?;
    test.read_to_end(&mut Vec::new()).await?;
    print(&format!("met {name}\n"), "")?;
    Ok(json!({ "name": name, "pid": std::process::id() }))
}

/// What a runtime does when it cannot start: tells the Runtime API and ends.
async fn report_init_error(runtime_api: Option<&String>) -> Result<(), Error> {
    let address = runtime_api.ok_or("there is no AWS_LAMBDA_RUNTIME_API")?;
    let report = r#"{"errorType":"Probe.NoConfig","errorMessage":"PROBE_INIT says so"}"#;
    let length = report.len();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{report}"
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    end(42)
}

#[expect(clippy::panic, reason = "a panic in a handler is what the test asks for")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

#[expect(clippy::exit, reason = "the end of the process is what the test asks for")]
fn end(status: i32) -> ! {
    std::process::exit(status)
}
