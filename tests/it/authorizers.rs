//! Who may connect and who may post: a real function as authorizer, the real SDK as signer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_apigatewaymanagement::error::ProvideErrorMetadata;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use harness::{Options, Socket, Stack};
use local::Credentials;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::server_api::call;

/// What the authorizer is told to answer.
fn answer(effect: &str, key: &str) -> Value {
    let statement = json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": "*" });
    json!({
        "do": "echo", "principalId": "ada", "context": { "plan": "gold", "seats": 3 },
        "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        "usageIdentifierKey": key,
    })
}

/// Connects with a token.
async fn connect(stack: &Stack, token: &str) -> Result<Socket, Error> {
    let token: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    Socket::try_open(format!("{}?token={token}", stack.endpoint().websocket)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_lets_a_client_in_and_all_its_events_know_who_it_is() {
    let stack = Stack::with(Options::fixture("authorizers.yaml")).await;
    let token = answer("Allow", "the-key-of-the-tests").to_string();
    let mut client = connect(&stack, &token).await.unwrap();
    let event: Value = serde_json::from_str(&client.ask(r#"{"do":"echo"}"#).await).unwrap();
    let expected = json!({ "principalId": "ada", "plan": "gold", "seats": "3" });
    assert_eq!(event["requestContext"]["authorizer"], expected);
    assert_eq!(event["requestContext"]["identity"]["apiKey"], "the-key-of-the-tests");
    client.close(None).await;
    let four = |lines: &[Value]| (lines.len() == 4).then(|| lines.to_vec());
    let events = stack.logs().wait("/aws/lambda/probe", four).await;
    assert_eq!(events[0]["type"], "REQUEST");
    assert!(events[0]["methodArn"].as_str().unwrap().ends_with("/test/$connect"));
    assert!(events[1]["requestContext"]["authorizer"]["integrationLatency"].is_u64());
    assert_eq!(events[3]["requestContext"]["authorizer"], expected);
    let three = |lines: &[Value]| (lines.len() == 3).then(|| lines.to_vec());
    for row in stack.logs().wait("/probe/access", three).await {
        assert_eq!((&row["principal"], &row["plan"]), (&"ada".into(), &"gold".into()), "{row}");
        assert_ne!(row["key"], "-");
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_keeps_a_client_out_with_awss_status() {
    let stack = Stack::with(Options::fixture("authorizers.yaml")).await;
    for (token, status, error) in [
        (String::new(), 401, "UNAUTHORIZED"),
        (json!({ "do": "error", "message": "Unauthorized" }).to_string(), 401, "UNAUTHORIZED"),
        (json!({ "do": "error", "message": "no idea" }).to_string(), 500, "AUTHORIZER_FAILURE"),
        (json!({ "do": "garbage" }).to_string(), 500, "AUTHORIZER_CONFIGURATION_ERROR"),
        (answer("Deny", "").to_string(), 403, "ACCESS_DENIED"),
        (answer("Allow", "another-key").to_string(), 403, "INVALID_API_KEY"),
    ] {
        let Err(Error::Http(response)) = connect(&stack, &token).await else { panic!("refused: {token}") };
        assert_eq!(response.status().as_u16(), status, "{token}");
        let rows = stack.logs().lines("/probe/access");
        let last = rows.last().unwrap();
        assert_eq!((&last["error"], &last["status"]), (&error.into(), &status.to_string().into()));
    }
    let asked = |line: &Value| line["type"] == "REQUEST";
    assert!(stack.logs().lines("/aws/lambda/probe").iter().all(asked), "only the authorizer was called");
    stack.stop().await;
}

/// The parameters of the strict mode with this one.
fn strict(name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    vec![("StrictConnect", "true".to_owned()), (name, value.to_owned())]
}

/// `{"sub":"ada","exp":4000000000,"info":{"name":"Ada"}}`, signed with the secret `s3cret`.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjQwMDAwMDAwMDAsImluZm8iOnsibmFtZSI6IkFkYSJ9fQ.BY9VPCXY5HNurcd5jm2e8oXIAZGUCEmmCFGEAD55xLM";

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_mode_wants_a_token_in_the_handshake() {
    let stack =
        Stack::with(Options { parameters: strict("TokenSecret", "s3cret"), ..Options::default() }).await;
    let url = &stack.endpoint().websocket;
    let Err(Error::Http(response)) = Socket::try_open(url.as_str()).await else { panic!("refused") };
    assert_eq!(response.status().as_u16(), 401);
    let by = |header: &'static str, value: String| {
        let mut request = url.as_str().into_client_request().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        request
    };
    Socket::try_open(by("authorization", format!("Bearer {TOKEN}"))).await.unwrap();
    // The client would refuse the answer if the subprotocol that is no token were not chosen in it.
    Socket::try_open(by("sec-websocket-protocol", format!("centrifuge-json, bearer.{TOKEN}"))).await.unwrap();
    let mut ada = Socket::try_open(format!("{url}?token={TOKEN}")).await.unwrap();
    let join = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}";
    let answer = ada.ask(join).await;
    assert!(answer.contains(r#""expires":true"#), "the token's end counts: {answer}");
    ada.text().await;
    let push = ada.ask(r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    assert!(push.contains(r#""user":"ada""#) && push.contains(r#""conn_info":{"name":"Ada"}"#), "{push}");
    let [refused, allowed] =
        [("-", "401"), ("ada", "200")].map(|(who, what)| (who.to_owned(), what.to_owned()));
    assert_eq!(handshakes(&stack), [refused, allowed.clone(), allowed.clone(), allowed]);
    let message = |lines: &[Value]| lines.iter().find(|line| line["eventType"] == "MESSAGE").cloned();
    let line = stack.logs().wait("access", message).await;
    assert_eq!(line["authorizer"], "ada", "it reaches every event of the connection");
    stack.stop().await;
}

/// Whom the access log names at each handshake, in their order.
fn handshakes(stack: &Stack) -> Vec<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = stack.logs().lines("access");
    let handshakes = lines.iter().filter(|line| line["eventType"] == "CONNECT");
    handshakes.map(|line| (text(line, "authorizer"), text(line, "status"))).collect()
}

/// The status of a handshake that is refused.
async fn refused(url: &str) -> u16 {
    let Err(Error::Http(response)) = Socket::try_open(url).await else { panic!("it is not refused") };
    response.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_handshake() {
    let stack =
        Stack::with(Options { parameters: strict("TokenSecret", "s3cret"), ..Options::default() }).await;
    let content = json!({"user": "ada", "info": {"name": "Ada"}, "expire_at": 4_000_000_000_i64});
    let answer = call(&stack, "ticket", &content).await;
    let ticket = answer["result"]["ticket"].as_str().unwrap();
    assert_eq!(stack.rows().await.len(), 1);
    let url = format!("{}?ticket={ticket}", stack.endpoint().websocket);
    let mut ada = Socket::open(&url).await;
    let answer = ada.ask(r#"{"id":1,"connect":{}}"#).await;
    assert!(answer.contains(r#""expires":true"#), "the pass's end counts: {answer}");
    assert_eq!(refused(&url).await, 401);
    assert!(stack.rows().await.keys().all(|key| !key.starts_with("K#")), "nothing is left of it");
    let seen = [("ada".to_owned(), "200".to_owned()), ("-".to_owned(), "401".to_owned())];
    assert_eq!(handshakes(&stack), seen);
    let everything = stack.logs().events("");
    assert!(everything.iter().all(|event| !event.message.contains(ticket)), "no ticket is logged");
    stack.stop().await;
}

/// Serves `document` as long as the test runs; gives the URL, and a count of the requests.
async fn serve(document: Value) -> (String, Arc<AtomicUsize>) {
    let (listener, count) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let counter = Arc::clone(&count);
    let answer = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(document.to_string())
    };
    let app = axum::Router::new().route("/jwks.json", axum::routing::get(answer));
    tokio::spawn(axum::serve(listener, app).into_future());
    (url, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_checked_with_the_keys_of_a_jwks_document() {
    let file: Value = serde_json::from_str(include_str!("../fixtures/jwks.json")).unwrap();
    let (keys, asked) = serve(file["document"].clone()).await;
    let stack =
        Stack::with(Options { parameters: strict("TokenJwksUrl", &keys), ..Options::default() }).await;
    let url = &stack.endpoint().websocket;
    assert_eq!(refused(&format!("{url}?token={TOKEN}")).await, 401);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "a secret has signed it");
    for (algorithm, token) in file["tokens"].as_object().unwrap() {
        let token = token.as_str().unwrap();
        let mut ada = Socket::open(&format!("{url}?token={token}")).await;
        let answer = ada.ask(&json!({"id": 1, "connect": {"token": token}}).to_string()).await;
        assert!(answer.contains(r#""expires":true"#), "{algorithm}: {answer}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "the authorizer and $default keep the keys");
    // Whether there is such a key by now is not known so soon: the client may come again.
    let unlisted = file["unlisted"].as_str().unwrap();
    assert_eq!(refused(&format!("{url}?token={unlisted}")).await, 500);
    let failed = |lines: &[Value]| lines.iter().find(|line| line["status"] == "500").cloned();
    let line = stack.logs().wait("authorizer", failed).await;
    assert_eq!(line["error"], "the token cannot be checked now: its key was not there a moment ago");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_posts_with_the_local_credentials_only() {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    let mut client = stack.connect().await;
    let event: Value = serde_json::from_str(&client.ask(r#"{"route":"two-way","do":"echo"}"#).await).unwrap();
    let id = event["requestContext"]["connectionId"].as_str().unwrap();
    let post = |management: aws_sdk_apigatewaymanagement::Client| {
        management.post_to_connection().connection_id(id).data(Blob::new("hi")).send()
    };
    post(stack.management()).await.unwrap();
    assert_eq!(client.text().await, "hi");
    let own = Credentials::default();
    for (credentials, code) in [
        (Credentials { secret_access_key: "x".to_owned(), ..own.clone() }, "InvalidSignatureException"),
        (Credentials { access_key_id: "AKIA0".to_owned(), ..own.clone() }, "UnrecognizedClientException"),
        (Credentials { session_token: "old".to_owned(), ..own }, "UnrecognizedClientException"),
    ] {
        let error = post(stack.management_as(credentials)).await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
        assert_eq!(error.code(), Some(code));
    }
    stack.stop().await;
}
