//! What clients and the access log see when a function fails.

use harness::{Options, Socket, Stack};
use serde_json::{Value, json};

/// Sends one message to a fresh connection of the probe and gives the frame that comes back,
/// and the message's access log line.
async fn check(message: Value) -> (Value, Value) {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    let mut client = stack.connect().await;
    let frame = client.ask(&message.to_string()).await;
    let row = |lines: &[Value]| lines.iter().find(|line| line["eventType"] == "MESSAGE").cloned();
    let row = stack.logs().wait("/probe/access", row).await;
    // It goes on: the connection is still there for the next message.
    let answer = client.ask(r#"{"route":"two-way","do":"echo"}"#).await;
    assert!(answer.contains("\"routeKey\":\"two-way\""), "{answer}");
    drop(client);
    stack.stop().await;
    (serde_json::from_str(&frame).unwrap(), row)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_panics_gives_the_gateways_error_frame() {
    for route in ["one-way", "two-way"] {
        let (frame, row) = check(json!({"route": route, "do": "panic", "message": "oh no"})).await;
        assert_eq!(frame["message"], "Internal server error");
        assert!(frame["connectionId"].is_string() && frame["requestId"].is_string());
        assert_eq!((&row["status"], &row["error"]), (&"502".into(), &"Internal server error".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_dies_or_hangs_or_babbles_gives_the_same() {
    for act in
        [json!({"do": "exit", "status": 3}), json!({"do": "sleep", "ms": 60_000}), json!({"do": "garbage"})]
    {
        let mut message = act.clone();
        message["route"] = "two-way".into();
        let (frame, _) = check(message).await;
        assert_eq!(frame["message"], "Internal server error", "for {act}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_not_there_is_forbidden_and_calls_nothing() {
    let (frame, _) = check(json!({"route": "nowhere"})).await;
    assert_eq!(frame["message"], "Forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_one_way_route_answers_is_not_sent() {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    let mut client: Socket = stack.connect().await;
    client.send(r#"{"route":"one-way","do":"echo"}"#).await;
    let messages = |lines: &[Value]| lines.iter().any(|line| line["eventType"] == "MESSAGE").then_some(());
    stack.logs().wait("/probe/access", messages).await;
    let next = client.ask(r#"{"route":"two-way","do":"echo"}"#).await;
    assert!(next.contains("two-way"), "the first frame is the second message's: {next}");
    drop(client);
    stack.stop().await;
}
