//! Whatever happens in an invocation, it leaves one line.

use serde_json::json;

use super::*;
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
    let result = invoke(&function, EventType::Message, &handler, event, None).await;
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
