//! API Gateway's events: the functions read the captured ones, and the local AWS sends the same.

use std::collections::BTreeSet;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use harness::{Options, Socket, Stack, close, root};
use serde_json::Value;
use shared::lambda::EventType;
use shared::lambda::event::{Event, Input};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("infra/events").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every member's path: `requestContext.identity.sourceIp`. Header names and authorizer context
/// are the client's and the authorizer's own.
fn members(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(value, "", &mut paths);
    paths
}

fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    paths.insert(path.to_owned());
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        if name != "authorizer" {
            collect(value, &format!("{path}.{name}"), paths);
        }
    }
}

#[test]
fn captured_events_are_read_and_written_without_loss() {
    for (name, kind) in [
        ("connect.json", EventType::Connect),
        ("connect-2019.json", EventType::Connect),
        ("message.json", EventType::Message),
        ("disconnect.json", EventType::Disconnect),
    ] {
        let read: ApiGatewayWebsocketProxyRequest = serde_json::from_value(fixture(name)).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(
            serde_json::from_value::<ApiGatewayWebsocketProxyRequest>(written).unwrap(),
            read,
            "{name}"
        );
        let event = Event::parse(fixture(name), kind).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!event.connection.as_str().is_empty());
        assert_eq!(event.user.is_some(), name != "connect-2019.json", "{name}");
    }
}

#[test]
fn an_event_of_another_route_is_refused() {
    let error = Event::parse(fixture("message.json"), EventType::Connect).unwrap_err();
    assert_eq!(error.to_string(), "expected a CONNECT event, got Some(\"MESSAGE\")");
    let error = Event::parse(serde_json::json!({"Records": []}), EventType::Message).unwrap_err();
    assert!(error.to_string().starts_with("this is not an event of a WebSocket API"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_aws_sends_the_members_that_aws_sends() {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    let mut request = format!("{}?room=a&room=b", stack.endpoint().websocket).into_client_request().unwrap();
    for (name, value) in [("origin", "https://app.example"), ("user-agent", "switchboard-test/1.0")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let mut client = Socket::try_open(request).await.unwrap();
    client.ask(r#"{"route":"two-way","do":"echo"}"#).await;
    client.close(None).await;
    let three = |lines: &[Value]| (lines.len() == 3).then(|| lines.to_vec());
    let events = stack.logs().wait("/aws/lambda/probe", three).await;
    for (name, event) in ["connect.json", "message.json", "disconnect.json"].into_iter().zip(&events) {
        assert_eq!(members(event), members(&fixture(name)), "{name}");
    }
    let [connect, message, disconnect] = &events[..] else { panic!("three events") };
    assert_eq!(connect["queryStringParameters"], fixture("connect.json")["queryStringParameters"]);
    assert_eq!(
        connect["multiValueQueryStringParameters"],
        fixture("connect.json")["multiValueQueryStringParameters"]
    );
    for field in ["connectionId", "connectedAt", "apiId", "stage", "identity", "domainName"] {
        assert_eq!(connect["requestContext"][field], message["requestContext"][field], "{field}");
        assert_eq!(connect["requestContext"][field], disconnect["requestContext"][field], "{field}");
    }
    assert_eq!(disconnect["headers"]["x-restapi"], "");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_code_and_reason_reach_the_function() {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    stack.connect().await.close(Some(close(4001, "so long"))).await;
    let end = |lines: &[Value]| {
        lines.iter().find(|line| line["requestContext"]["eventType"] == "DISCONNECT").cloned()
    };
    let event = stack.logs().wait("/aws/lambda/probe", end).await;
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 4001);
    assert_eq!(event["requestContext"]["disconnectReason"], "so long");
    stack.stop().await;
}
