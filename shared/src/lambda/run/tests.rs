//! Whatever happens in an invocation, it leaves one line.

use serde_json::json;

use super::*;
use crate::adapters::memory::Memory;
use crate::auth::ticket::Pass;
use crate::ports::StoreError;
use crate::service::ticket::issue;
use crate::telemetry::Kept;

/// A function whose lines are kept.
fn function() -> (Function, Kept) {
    let kept = Kept::default();
    let variable = |name: &str| Some(if name.ends_with("NAME") { "test" } else { "" }.to_owned());
    let function = Function {
        config: Config::read(variable).unwrap(),
        sdk: SdkConfig::builder().build(),
        emitter: Emitter::to(Box::new(kept.clone()), "Switchboard", false),
        usage: Usage::default(),
        started: Instant::now(),
    };
    (function, kept)
}

/// Invokes a handler with an event and gives the result and the only line.
async fn invoked(
    event: Value,
    handler: impl AsyncFn(&Invoked<'_>) -> Outcome,
) -> (Result<Response, Diagnostic>, Value) {
    let (function, kept) = function();
    let event = LambdaEvent::new(event, Context::default());
    let result = invoke::<Event, _>(&function, EventType::Message, &handler, event, None).await;
    assert_eq!(kept.text().lines().count(), 1);
    (result, serde_json::from_str(&kept.text()).unwrap())
}

fn message() -> Value {
    json!({"body": "{}", "requestContext": {
        "eventType": "MESSAGE", "connectionId": "c1", "apiId": "a1", "stage": "prod",
        "connectedAt": 1, "requestTimeEpoch": 2,
    }})
}

#[tokio::test]
async fn an_answer() {
    let outcome = async |_: &Invoked<'_>| Outcome {
        response: Response::ok(),
        error: None,
        internal_error: false,
        work: Work::nothing(EventType::Message),
    };
    let (result, line) = invoked(message(), outcome).await;
    assert_eq!(result, Ok(Response::ok()));
    assert_eq!(
        (&line["status"], &line["InternalError"], &line["level"]),
        (&"200".into(), &0.into(), &"INFO".into())
    );
    assert_eq!(
        (&line["connectionId"], &line["ApiId"], &line["connectedAt"]),
        (&"c1".into(), &"a1".into(), &"1".into())
    );
}

#[tokio::test]
async fn a_panic() {
    let (result, line) = invoked(message(), async |_| panic!("out of tea")).await;
    assert_eq!(result, Err(diagnostic("Panic", "out of tea".to_owned())));
    assert_eq!((&line["error"], &line["InternalError"]), (&"Panic: out of tea".into(), &1.into()));
    assert_eq!((&line["level"], &line["connectionId"]), (&"ERROR".into(), &"c1".into()));
}

#[tokio::test]
async fn an_event_that_is_none_of_a_websocket_api() {
    let (result, line) =
        invoked(json!({"Records": []}), async |_| unreachable!("the handler is not called")).await;
    assert_eq!(result.unwrap_err().error_type, "BadEvent");
    assert_eq!((&line["ApiId"], &line["InternalError"]), (&"unknown".into(), &1.into()));
}

/// A handshake with these headers, as its authorizer or its route is told.
fn handshake(headers: &Value) -> Value {
    json!({"headers": headers, "methodArn": "arn:x", "type": "REQUEST", "requestContext": {
        "eventType": "CONNECT", "connectionId": "c1", "apiId": "a1", "stage": "prod",
        "connectedAt": 1, "requestTimeEpoch": 2,
    }})
}

/// A function that knows a secret and an origin.
fn strict() -> (Function, Kept) {
    let (mut function, kept) = function();
    let keys = crate::auth::TokenSettings { secret: Some("s".to_owned()), ..Default::default() };
    function.config.settings.tokens = crate::auth::TokenVerifier::new(&keys).unwrap();
    function.config.settings.allowed_origins = vec!["https://app.example".to_owned()];
    (function, kept)
}

#[tokio::test]
async fn an_authorizer_lets_in_whom_a_token_names() {
    let (function, kept) = strict();
    let memory = Memory::default();
    let ask = async |claims: Value| {
        let token = crate::auth::tests::sign("s", &claims);
        let event = handshake(&json!({"Authorization": format!("Bearer {token}")}));
        let event = LambdaEvent::new(event, Context::default());
        let handler = async |invoked: &Invoked<'_>| super::super::authorize(&memory, invoked).await;
        let answer = invoke::<Event, _>(&function, EventType::Authorize, &handler, event, None).await;
        answer.map(|answer| serde_json::to_value(answer).unwrap()).map_err(|error| error.error_message)
    };
    let far = 4_000_000_000_i64;
    let allowed = json!({
        "principalId": "bob",
        "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn:x"},
        ]},
        "context": {"expiresAt": "4000000000", "info": "{\"a\":1}"},
    });
    assert_eq!(ask(json!({"sub": "bob", "exp": far, "info": {"a": 1}})).await, Ok(allowed));
    for refused in [json!({"sub": "bob", "exp": 1}), json!({}), json!({"sub": "bob", "channel": "x"})] {
        assert_eq!(ask(refused).await, Err("Unauthorized".to_owned()));
    }
    let lines: Vec<Value> = kept.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |line: &Value| (line["AuthorizeAccepted"].clone(), line["status"].clone(), line["error"].clone());
    assert_eq!(of(&lines[0]), (1.into(), "200".into(), Value::Null));
    assert_eq!(of(&lines[1]), (0.into(), "401".into(), "the token has expired".into()));
    assert_eq!(of(&lines[2]), (0.into(), "401".into(), "the token names no user".into()));
}

#[tokio::test]
async fn an_authorizer_takes_a_ticket_once() {
    let (function, kept) = strict();
    let memory = Memory::default();
    let ask = async |ticket: &str| {
        let mut event = handshake(&json!({}));
        event["queryStringParameters"] = json!({ "ticket": ticket });
        let event = LambdaEvent::new(event, Context::default());
        let handler = async |invoked: &Invoked<'_>| super::super::authorize(&memory, invoked).await;
        let answer = invoke(&function, EventType::Authorize, &handler, event, None).await;
        answer.map(|answer| serde_json::to_value(answer).unwrap()).map_err(|error| error.error_message)
    };
    let pass = Pass { user: "bob".into(), info: Some("1".to_owned()), expires_at: Some(4_000_000_000) };
    let ticket = issue(&memory, &pass, SystemClock.now_s()).await.unwrap();
    let allowed = ask(ticket.as_str()).await.unwrap();
    assert_eq!(allowed["principalId"], "bob");
    assert_eq!(allowed["context"], json!({"expiresAt": "4000000000", "info": "1"}));
    assert_eq!(ask(ticket.as_str()).await, Err("Unauthorized".to_owned()));
    memory.fail(Some(StoreError::Failed("no table".to_owned())));
    assert_eq!(ask(ticket.as_str()).await, Err("it cannot be told who this is".to_owned()));
    let lines: Vec<Value> = kept.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |line: &Value| (line["status"].clone(), line["error"].clone(), line["InternalError"].clone());
    let used = "the ticket is not valid, was used before, or has expired";
    assert_eq!(of(&lines[0]), ("200".into(), Value::Null, 0.into()));
    assert_eq!(of(&lines[1]), ("401".into(), used.into(), 0.into()));
    assert_eq!(of(&lines[2]), ("500".into(), "the table failed: no table".into(), 1.into()));
    assert!(!kept.text().contains(ticket.as_str()), "no ticket is logged");
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_connect() {
    let (function, _) = strict();
    let memory = Memory::default();
    let ask = async |headers: Value| {
        let event = LambdaEvent::new(handshake(&headers), Context::default());
        let handler = async |invoked: &Invoked<'_>| super::super::connect(&memory, invoked).await;
        let answer = invoke::<Event, _>(&function, EventType::Connect, &handler, event, None).await.unwrap();
        serde_json::to_value(answer).unwrap()
    };
    let accepted = json!({"statusCode": 200});
    assert_eq!(ask(json!({"Origin": "https://app.example"})).await, accepted);
    assert_eq!(ask(json!({})).await, accepted, "no browser");
    let offered = json!({"Sec-WebSocket-Protocol": "chat, bearer.x"});
    assert_eq!(ask(offered).await, json!({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}));
    for origin in ["https://app.example.evil", "http://app.example", "null"] {
        let refused = json!({"statusCode": 403, "body": "{\"message\":\"Forbidden\"}"});
        assert_eq!(ask(json!({"Origin": origin})).await, refused);
    }
}
