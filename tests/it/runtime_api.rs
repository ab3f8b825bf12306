//! The Runtime API as any runtime sees it: the test is the runtime, behind a `bootstrap` that only
//! tells where the API is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloudwatch::logs::LogStore;
use local::lambda::{Host, InvokeError};
use local::programs::{self, Profile};
use sam::app::Code;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::lambda_host::{act, app, function, host_of, probe};

/// A folder of this test's own.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a `bootstrap` script.
pub(crate) fn bootstrap(folder: &Path, mode: u32, script: &str) {
    let bootstrap = folder.join("bootstrap");
    std::fs::write(&bootstrap, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A host whose function runs a script.
async fn host_with(name: &str, script: &str) -> (Host, LogStore) {
    let folder = folder(name);
    bootstrap(&folder, 0o755, script);
    let mut function = function(Code::Bootstrap(folder));
    function.timeout = Duration::from_secs(2);
    let program = programs::build(&app(function.clone()), Profile::Dev, &|_| ()).await.unwrap();
    host_of(function, program["Probe"].clone())
}

/// An invocation, and the address of the Runtime API of the environment that was started for it.
async fn played(name: &str) -> (Host, String, tokio::task::JoinHandle<Result<Value, InvokeError>>) {
    let (host, logs) = host_with(name, "echo $AWS_LAMBDA_RUNTIME_API; exec sleep 600").await;
    let mut lines = logs.follow();
    let invocation = tokio::spawn({
        let host = host.clone();
        async move { act(&host, json!({ "x": 1 })).await }
    });
    let mut address = lines.recv().await.unwrap().message.to_string();
    // Lambda's own line comes first.
    while address.starts_with("INIT_START") {
        address = lines.recv().await.unwrap().message.to_string();
    }
    (host, address, invocation)
}

/// One call: status, headers in lower case, body.
async fn call(api: &str, request: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(api).await.unwrap();
    let length = body.len();
    let head =
        format!("{request} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

async fn next(api: &str) -> String {
    let (status, head, body) = call(api, "GET /2018-06-01/runtime/invocation/next", "").await;
    assert_eq!((status, body.as_str()), (200, r#"{"x":1}"#));
    let id = |line: &str| line.strip_prefix("lambda-runtime-aws-request-id: ").map(str::to_owned);
    head.lines().find_map(id).unwrap()
}

/// Posts to an invocation and compares status and body.
async fn check(api: &str, path: &str, body: &str, status: u16, expected: &str) {
    let answer = call(api, &format!("POST /2018-06-01/runtime/{path}"), body).await;
    assert_eq!((answer.0, answer.2.as_str()), (status, expected), "{path}");
}

const OK: &str = r#"{"status":"OK"}"#;
const INVALID_ID: &str = r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;
const INVALID_STATE: &str =
    r#"{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_is_answered_once() {
    let (_host, api, invocation) = played("answered-once").await;
    check(&api, "invocation/none/response", "{}", 400, INVALID_ID).await;
    let id = next(&api).await;
    assert_eq!(next(&api).await, id, "asked again, it is the same");
    check(&api, "invocation/none/response", "{}", 400, INVALID_ID).await;
    check(&api, "init/error", "{}", 403, INVALID_STATE).await;
    check(&api, &format!("invocation/{id}/response"), "7", 202, OK).await;
    check(&api, &format!("invocation/{id}/response"), "8", 403, INVALID_STATE).await;
    check(&api, &format!("invocation/{id}/error"), "{}", 403, INVALID_STATE).await;
    assert_eq!(invocation.await.unwrap(), Ok(json!(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_report_may_be_anything() {
    let (host, api, invocation) = played("error-report").await;
    let id = next(&api).await;
    let report = r#"{"errorType":"T","errorMessage":"m","stackTrace":["somewhere"]}"#;
    check(&api, &format!("invocation/{id}/error"), report, 202, OK).await;
    let error = |error_type: &str, message: &str| {
        Err(InvokeError::Function { error_type: error_type.to_owned(), message: message.to_owned() })
    };
    assert_eq!(invocation.await.unwrap(), error("T", "m"));

    let second = tokio::spawn(async move { act(&host, json!({ "x": 1 })).await });
    let id = next(&api).await;
    check(&api, &format!("invocation/{id}/error"), "no JSON", 202, OK).await;
    assert_eq!(second.await.unwrap(), error("Unhandled", "no JSON"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_refused() {
    let (_host, api, invocation) = played("too-large").await;
    let id = next(&api).await;
    let expected = r#"{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}"#;
    check(&api, &format!("invocation/{id}/response"), &"x".repeat(7_000_000), 413, expected).await;
    let error = invocation.await.unwrap().unwrap_err().to_string();
    assert!(error.starts_with("Function.ResponseSizeTooLarge: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_started_ends_with_it() {
    let local::programs::Program::Executable(probe) = probe().await else { panic!("the probe is not built") };
    // The script stays; its child is the runtime.
    let (host, _) = host_with("group", &format!("{} & wait", probe.display())).await;
    let test = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({ "do": "meet", "address": test.local_addr().unwrap().to_string() });
    let invocation = tokio::spawn(async move { act(&host, event).await });
    let (mut child, _) = test.accept().await.unwrap();
    // Its words, and the end that comes with the timeout.
    child.read_to_end(&mut Vec::new()).await.ok();
    assert_eq!(invocation.await.unwrap(), Err(InvokeError::TimedOut { seconds: 2 }));
}
