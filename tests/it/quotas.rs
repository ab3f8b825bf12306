//! What stands between a client and a function: mocks, models, throttles, frames, and faults.

use aws_sdk_apigatewaymanagement::primitives::Blob;
use harness::{Options, Socket, Stack};
use serde_json::{Value, json};

async fn message(client: &mut Socket, text: &str) -> Value {
    serde_json::from_str(&client.ask(text).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_functions_answers_by_itself() {
    let stack = Stack::with(Options::fixture("mock.yaml")).await;
    let mut client = stack.connect().await;
    let answer = message(&mut client, r#"{"action":"ping","n":1}"#).await;
    assert_eq!(answer["stage"], "test");
    // The connection that it names is this one.
    let id = answer["pong"].as_str().unwrap();
    stack.management().post_to_connection().connection_id(id).data(Blob::new("hello")).send().await.unwrap();
    assert_eq!(client.text().await, "hello");
    let refused = message(&mut client, r#"{"action":"ping","n":0}"#).await;
    assert_eq!(refused["message"], "Invalid request body");
    client.send(r#"{"action":"rare"}"#).await;
    let refused = message(&mut client, r#"{"action":"rare"}"#).await;
    assert_eq!(refused["message"], "Too Many Requests");
    drop(client);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_100_kb_arrives_whole() {
    let stack = Stack::with(Options::fixture("mock.yaml")).await;
    let mut client = stack.connect().await;
    let id = message(&mut client, r#"{"action":"ping"}"#).await["pong"].as_str().unwrap().to_owned();
    let text = "ü".repeat(50 * 1024);
    let post = stack.management().post_to_connection().connection_id(id).data(Blob::new(text.clone()));
    post.send().await.unwrap();
    assert_eq!(client.text().await, text);
    drop(client);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_killed_fails_and_comes_back() {
    let faults = ["kill-function=Probe:0.5", "seed=3"].map(|rule| rule.parse().unwrap()).to_vec();
    let stack = Stack::with(Options { faults, ..Options::fixture("probe.yaml") }).await;
    let mut client = None;
    while client.is_none() {
        client = Socket::try_open(&stack.endpoint().websocket).await.ok();
    }
    let mut client = client.unwrap();
    let (mut failed, mut answered) = (0, 0);
    while failed == 0 || answered == 0 {
        let frame = message(&mut client, r#"{"route":"two-way","do":"echo"}"#).await;
        if frame["message"] == "Internal server error" { failed += 1 } else { answered += 1 }
    }
    let killed = |lines: &[cloudwatch::logs::LogEvent]| {
        lines.iter().any(|line| line.message.contains("signal: 9 (SIGKILL)"))
    };
    assert!(killed(&stack.logs().events("/aws/lambda/probe")), "the log tells");
    drop(client);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_sees_a_callback_that_is_refused() {
    let faults = vec!["callback-status=429".parse().unwrap()];
    let stack = Stack::with(Options { faults, ..Options::fixture("mock.yaml") }).await;
    let mut client = stack.connect().await;
    let id = message(&mut client, &json!({"action": "ping"}).to_string()).await["pong"]
        .as_str()
        .unwrap()
        .to_owned();
    let config = stack.management().config().to_builder();
    let no_retries =
        config.retry_config(aws_sdk_apigatewaymanagement::config::retry::RetryConfig::disabled()).build();
    let management = aws_sdk_apigatewaymanagement::Client::from_conf(no_retries);
    let error =
        management.post_to_connection().connection_id(id).data(Blob::new("x")).send().await.unwrap_err();
    assert!(error.into_service_error().is_limit_exceeded_exception());
    drop(client);
    stack.stop().await;
}
