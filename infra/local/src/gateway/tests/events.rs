//! The events that functions get, key for key.

use std::collections::BTreeMap;

use sam::app::Target;
use serde_json::{Value, json};

use super::support::{Server, api, play};

/// An event with its random ids shortened to their lengths, and the address taken out.
fn shown(server: &Server, event: &Value) -> String {
    let mut event = event.clone();
    for name in ["requestId", "extendedRequestId", "connectionId", "messageId"] {
        if let Some(id) = event["requestContext"].get_mut(name) {
            *id = format!("{} characters", id.as_str().unwrap().len()).into();
        }
    }
    for pointer in ["/headers/X-Amzn-Trace-Id", "/multiValueHeaders/X-Amzn-Trace-Id/0"] {
        if let Some(id) = event.pointer_mut(pointer) {
            *id = format!("{} characters", id.as_str().unwrap().len()).into();
        }
    }
    serde_json::to_string_pretty(&event).unwrap().replace(&server.address.to_string(), "HOST")
}

fn names(map: &Value) -> Vec<&String> {
    map.as_object().unwrap().keys().collect()
}

/// The event of a handshake with repeated headers and parameters.
async fn connect_event() -> (Server, Value) {
    let mut server = Server::start("$connect ok").await;
    let headers = [
        ("origin", "https://app.example"),
        ("user-agent", "ws/8"),
        ("sec-websocket-protocol", "v1,v2"),
        ("x-custom", "1"),
        ("x-custom", "2"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let reply = server.refusal("/prod?room=a&room=b+c%21&flag", &headers).await;
    assert_eq!(reply.status, 101);
    let event = server.event().await;
    (server, event)
}

#[tokio::test]
async fn connect_repeats_everything_in_maps_of_lists() {
    let (_, event) = connect_event().await;
    assert_eq!(event["multiValueHeaders"]["X-Forwarded-Port"], json!(["443"]));
    assert_eq!(event["multiValueHeaders"]["x-custom"], json!(["1", "2"]));
    let query = json!({ "room": ["a", "b c!"], "flag": [""] });
    assert_eq!(event["multiValueQueryStringParameters"], query);
    assert_eq!(names(&event["multiValueHeaders"]), names(&event["headers"]));
}

#[tokio::test]
async fn connect() {
    let (server, mut event) = connect_event().await;
    for map in ["multiValueHeaders", "multiValueQueryStringParameters"] {
        event.as_object_mut().unwrap().remove(map);
    }
    insta::assert_snapshot!(shown(&server, &event), @r#"
    {
      "headers": {
        "Host": "localhost",
        "Origin": "https://app.example",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "v1,v2",
        "Sec-WebSocket-Version": "13",
        "User-Agent": "ws/8",
        "X-Amzn-Trace-Id": "40 characters",
        "X-Forwarded-For": "203.0.113.7, 127.0.0.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        "x-custom": "2"
      },
      "isBase64Encoded": false,
      "queryStringParameters": {
        "flag": "",
        "room": "b c!"
      },
      "requestContext": {
        "apiId": "a1b2c3d4e5",
        "connectedAt": 1790328012000,
        "connectionId": "20 characters",
        "domainName": "localhost",
        "eventType": "CONNECT",
        "extendedRequestId": "16 characters",
        "identity": {
          "sourceIp": "127.0.0.1",
          "userAgent": "ws/8"
        },
        "messageDirection": "IN",
        "requestId": "16 characters",
        "requestTime": "25/Sep/2026:09:20:12 +0000",
        "requestTimeEpoch": 1790328012000,
        "routeKey": "$connect",
        "stage": "prod"
      }
    }
    "#);
}

#[tokio::test]
async fn connect_without_query_and_user_agent() {
    let mut server = Server::start("$connect ok").await;
    let _client = server.connect().await;
    let event = server.event().await;
    for absent in ["queryStringParameters", "multiValueQueryStringParameters", "stageVariables", "body"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }
    assert_eq!(event["requestContext"].get("messageId"), None);
    assert_eq!(event["requestContext"]["identity"].get("userAgent"), None);
}

#[tokio::test]
async fn message() {
    let mut server = Server::start("echo ok").await;
    let mut client = server.connect_with("/prod", &[("user-agent", "ws/8")]).await.0;
    play(&mut client, r#"> {"action":"echo"}"#).await;
    let event = server.event().await;
    insta::assert_snapshot!(shown(&server, &event), @r#"
    {
      "body": "{\"action\":\"echo\"}",
      "isBase64Encoded": false,
      "requestContext": {
        "apiId": "a1b2c3d4e5",
        "connectedAt": 1790328012000,
        "connectionId": "20 characters",
        "domainName": "HOST",
        "eventType": "MESSAGE",
        "extendedRequestId": "16 characters",
        "identity": {
          "sourceIp": "127.0.0.1",
          "userAgent": "ws/8"
        },
        "messageDirection": "IN",
        "messageId": "20 characters",
        "requestId": "16 characters",
        "requestTime": "25/Sep/2026:09:20:12 +0000",
        "requestTimeEpoch": 1790328012000,
        "routeKey": "echo",
        "stage": "prod"
      }
    }
    "#);
}

#[tokio::test]
async fn disconnect() {
    let mut server = Server::start("$disconnect ok").await;
    play(&mut server.connect().await, ">!\n<!").await;
    let event = server.event().await;
    insta::assert_snapshot!(shown(&server, &event), @r#"
    {
      "headers": {
        "Host": "HOST",
        "X-Forwarded-For": "",
        "x-api-key": "",
        "x-restapi": ""
      },
      "isBase64Encoded": false,
      "multiValueHeaders": {
        "Host": [
          "HOST"
        ],
        "X-Forwarded-For": [
          ""
        ],
        "x-api-key": [
          ""
        ],
        "x-restapi": [
          ""
        ]
      },
      "requestContext": {
        "apiId": "a1b2c3d4e5",
        "connectedAt": 1790328012000,
        "connectionId": "20 characters",
        "disconnectReason": "Client-side close frame status not set",
        "disconnectStatusCode": 1005,
        "domainName": "HOST",
        "eventType": "DISCONNECT",
        "extendedRequestId": "16 characters",
        "identity": {
          "sourceIp": "127.0.0.1"
        },
        "messageDirection": "IN",
        "requestId": "16 characters",
        "requestTime": "25/Sep/2026:09:20:12 +0000",
        "requestTimeEpoch": 1790328012000,
        "routeKey": "$disconnect",
        "stage": "prod"
      }
    }
    "#);
}

#[tokio::test]
async fn stage_variables_are_in_every_event() {
    let mut api = api("$connect ok\n$disconnect ok\n$default echo ->");
    let stage = api.stages.get_mut("prod").unwrap();
    stage.variables = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let mut server = Server::with(vec![api]).await;
    play(&mut server.connect().await, "> x\n< x\n>!\n<!").await;
    for _ in 0..3 {
        assert_eq!(server.event().await["stageVariables"]["k"], "v");
    }
}

#[tokio::test]
async fn a_stages_variables_name_the_function() {
    let mut api = api("$connect ok\n$default echo ->");
    let integration = api.routes.get_mut("$default").unwrap().integration.as_mut().unwrap();
    let to = |function: &str| Target::Function(function.to_owned());
    let targets = [("prod", to("echo")), ("test", to("ok"))];
    integration.target = Target::ByStage(targets.map(|(stage, target)| (stage.to_owned(), target)).into());
    let server = Server::with(vec![api]).await;
    play(&mut server.connect().await, "> x\n< x").await;
}

#[tokio::test]
async fn ids_belong_together() {
    let mut server = Server::start("$connect ok\n$default echo ->\n$disconnect ok").await;
    play(&mut server.connect().await, "> x\n< x\n> y\n< y\n>!\n<!").await;
    let mut contexts = Vec::new();
    for _ in 0..4 {
        contexts.push(server.event().await["requestContext"].take());
    }
    let text = |index: usize, name: &str| contexts[index][name].as_str().unwrap().to_owned();
    for (index, context) in contexts.iter().enumerate() {
        assert_eq!(context["requestId"], context["extendedRequestId"]);
        assert_eq!(text(index, "connectionId"), text(0, "connectionId"));
        assert_eq!(context["connectedAt"], contexts[0]["connectedAt"]);
    }
    assert_ne!(text(1, "requestId"), text(2, "requestId"));
    assert_ne!(text(1, "messageId"), text(2, "messageId"));
    assert_eq!(text(1, "messageId")[12..], text(0, "connectionId")[12..]);
}
