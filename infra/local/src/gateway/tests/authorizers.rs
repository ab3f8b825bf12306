//! Who may connect: authorizers, API keys, and what their verdicts leave behind.

use sam::app::{ApiKey, ApiKeySource, Authorization, Authorizer, IdentitySource, Target, WebSocketApi};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::support::{Server, api, handshake, play, without_ids};
use crate::lambda::InvokeError;

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect";

/// Functions that are authorizers, by what they do.
pub(super) fn answer(function: &str, event: &Value) -> Result<Value, InvokeError> {
    let with = |effect: &str, resource: &str| {
        let statement = json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        json!({
            "principalId": "u1", "policyDocument": policy,
            "context": { "plan": "gold", "n": 1, "ok": true },
            "usageIdentifierKey": event["queryStringParameters"]["key"],
        })
    };
    let fails = |message: &str| {
        Err(InvokeError::Function { error_type: "Error".to_owned(), message: message.to_owned() })
    };
    let allowed = with("Allow", event["methodArn"].as_str().unwrap_or_default());
    Ok(match function {
        "allows" => allowed,
        "denies" => with("Deny", "*"),
        "allows-another" => with("Allow", "arn:aws:execute-api:*:*:*/dev/*"),
        "knows-nobody" => return fails("Unauthorized"),
        "breaks" => return fails("unauthorized"),
        "nests" => {
            json!({ "principalId": "u1", "policyDocument": allowed["policyDocument"], "context": { "x": [] } })
        }
        "babbles" => json!({ "isAuthorized": true }),
        "chatters" => json!({ "principalId": "x".repeat(8192), "policyDocument": allowed["policyDocument"] }),
        other => return Err(InvokeError::NotRunnable(format!("no function {other}"))),
    })
}

/// An API whose `$connect` asks an authorizer.
pub(super) fn guarded(routes: &str, function: &str, sources: &[IdentitySource]) -> WebSocketApi {
    let mut api = api(routes);
    let target = match function {
        "unsupported" => Target::Unsupported("its function is elsewhere".to_owned()),
        function => Target::Function(function.to_owned()),
    };
    let authorizer = Authorizer { name: "tokens".to_owned(), target, identity_sources: sources.to_vec() };
    api.routes.get_mut("$connect").unwrap().authorization = Authorization::Custom(authorizer);
    api
}

fn format(api: &mut WebSocketApi, format: &str) {
    api.stages.get_mut("prod").unwrap().access_log.as_mut().unwrap().format = format.to_owned();
}

const CHECKS: &str = "$context.eventType $context.status $context.error.responseType \
                      authorizer $context.authorizer.status $context.authorizer.error \
                      authorize $context.authorize.status authenticate $context.authenticate.status";

/// A handshake that is refused: status, body and the access log's row, in lines.
async fn refused(api: WebSocketApi, path: &str, headers: &[(&str, &str)]) -> String {
    let mut api = api;
    format(&mut api, CHECKS);
    let server = Server::with(vec![api]).await;
    let reply = server.refusal(path, headers).await;
    assert!(reply.header("x-amz-apigw-id").is_some());
    let (rows, events) = server.stop().await;
    let called = events.iter().any(|event| event.get("isBase64Encoded").is_some());
    assert!(!called, "neither $connect nor $disconnect is called");
    let [row] = rows.as_slice() else { panic!("one row: {rows:?}") };
    let verdict = reply.body.split(", \"connectionId\"").next().unwrap().to_owned();
    assert!(without_ids(&reply.body).ends_with(r#", "connectionId":"*", "requestId":"*"}"#));
    format!("{} {verdict}}}\n{row}", reply.status)
}

#[tokio::test]
async fn every_refusal_has_its_status_and_its_words() {
    let mut seen = Vec::new();
    for function in [
        "denies",
        "allows-another",
        "knows-nobody",
        "breaks",
        "babbles",
        "nests",
        "chatters",
        "throttled",
        "unsupported",
    ] {
        let api = guarded("$connect ok\n$disconnect ok", function, &[]);
        seen.push(format!("{function}: {}", refused(api, "/prod", &[]).await));
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    denies: 403 {"message": "User is not authorized to access this resource with an explicit deny in an identity-based policy"}
    CONNECT 403 ACCESS_DENIED authorizer 200 - authorize 403 authenticate -
    allows-another: 403 {"message": "User is not authorized to access this resource because no identity-based policy allows the execute-api:Invoke action"}
    CONNECT 403 ACCESS_DENIED authorizer 200 - authorize 403 authenticate -
    knows-nobody: 401 {"message": "Unauthorized"}
    CONNECT 401 UNAUTHORIZED authorizer 401 Unauthorized authorize - authenticate -
    breaks: 500 {"message": "Internal server error"}
    CONNECT 500 AUTHORIZER_FAILURE authorizer 500 Internal server error authorize - authenticate -
    babbles: 500 {"message": null}
    CONNECT 500 AUTHORIZER_CONFIGURATION_ERROR authorizer 500 - authorize - authenticate -
    nests: 500 {"message": null}
    CONNECT 500 AUTHORIZER_CONFIGURATION_ERROR authorizer 500 - authorize - authenticate -
    chatters: 500 {"message": null}
    CONNECT 500 AUTHORIZER_CONFIGURATION_ERROR authorizer 500 - authorize - authenticate -
    throttled: 500 {"message": "Internal server error"}
    CONNECT 500 AUTHORIZER_FAILURE authorizer 500 Internal server error authorize - authenticate -
    unsupported: 500 {"message": "Internal server error"}
    CONNECT 500 AUTHORIZER_FAILURE authorizer 500 Internal server error authorize - authenticate -
    "#);
}

#[tokio::test]
async fn a_missing_or_empty_identity_source_is_unauthorized_and_nobody_is_asked() {
    let sources = [
        IdentitySource::Header("X-Token".to_owned()),
        IdentitySource::QueryString("token".to_owned()),
        IdentitySource::StageVariable("k".to_owned()),
        IdentitySource::Context("identity.sourceIp".to_owned()),
    ];
    let with_variable = |sources: &[IdentitySource], value: &str| {
        let mut api = guarded("$connect ok", "allows", sources);
        let stage = api.stages.get_mut("prod").unwrap();
        stage.variables.insert("k".to_owned(), value.to_owned());
        api
    };
    for (path, header, variable) in [
        ("/prod?token=a", "", "v"),
        ("/prod?token=", "a", "v"),
        ("/prod", "a", "v"),
        ("/prod?token=a", "a", ""),
    ] {
        let mut api = with_variable(&sources, variable);
        format(&mut api, CHECKS);
        let server = Server::with(vec![api]).await;
        let reply = server.refusal(path, &[("x-token", header)]).await;
        assert_eq!(reply.status, 401, "{path} {header} {variable}");
        let (rows, events) = server.stop().await;
        assert_eq!(events.len(), 0);
        assert_eq!(rows, ["CONNECT 401 UNAUTHORIZED authorizer 401 Unauthorized authorize - authenticate -"]);
    }
    let server = Server::with(vec![with_variable(&sources, "v")]).await;
    assert_eq!(server.refusal("/prod?token=a", &[("x-token", "a")]).await.status, 101);
    let nothing = [IdentitySource::Context("nonsense".to_owned())];
    let server = Server::with(vec![with_variable(&nothing, "v")]).await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 401);
}

#[tokio::test]
async fn the_authorizers_event_has_every_key_of_aws() {
    let mut server = Server::with(vec![guarded("$connect ok", "allows", &[])]).await;
    assert_eq!(server.refusal("/prod", &[("x-token", "a")]).await.status, 101);
    let mut event = server.event().await;
    let context = event["requestContext"].take();
    assert_eq!(context["eventType"], "CONNECT");
    assert_eq!(context.get("authorizer"), None);
    assert_eq!(context["connectionId"], server.event().await["requestContext"]["connectionId"]);
    let event = event.as_object_mut().unwrap();
    assert_eq!(event.remove("multiValueHeaders").unwrap()["Upgrade"], json!(["websocket"]));
    event["headers"].as_object_mut().unwrap().remove("X-Amzn-Trace-Id").unwrap();
    insta::assert_json_snapshot!(event, @r#"
    {
      "headers": {
        "Connection": "upgrade",
        "Host": "localhost",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Upgrade": "websocket",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        "content-length": "0",
        "x-token": "a"
      },
      "methodArn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect",
      "multiValueQueryStringParameters": {},
      "queryStringParameters": {},
      "requestContext": null,
      "stageVariables": {},
      "type": "REQUEST"
    }
    "#);
}

#[tokio::test]
async fn parameters_and_variables_are_in_the_authorizers_event() {
    let mut api = guarded("$connect ok", "allows", &[]);
    api.stages.get_mut("prod").unwrap().variables.insert("k".to_owned(), "v".to_owned());
    let mut server = Server::with(vec![api]).await;
    server.refusal("/prod?a=1&a=2", &[]).await;
    let event = server.event().await;
    assert_eq!(event["queryStringParameters"], json!({ "a": "2" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "a": ["1", "2"] }));
    assert_eq!(event["stageVariables"], json!({ "k": "v" }));
}

#[tokio::test]
async fn every_later_event_and_row_has_the_authorizers_context() {
    let mut api = guarded("$connect ok\n$default echo ->\n$disconnect ok", "allows", &[]);
    format(
        &mut api,
        "$context.eventType $context.authorizer.principalId $context.authorizer.plan $context.authorizer.n \
         $context.authorizer.status $context.authorize.status $context.authorizer.integrationStatus \
         $context.authorizer.requestId",
    );
    let mut server = Server::with(vec![api]).await;
    play(&mut server.connect().await, "> x\n< x\n>!\n<!").await;
    server.event().await;
    let mut connect = server.event().await["requestContext"]["authorizer"].take();
    assert!(connect.as_object_mut().unwrap().remove("integrationLatency").unwrap().is_u64());
    let expected = json!({ "principalId": "u1", "plan": "gold", "n": "1", "ok": "true" });
    assert_eq!(connect, expected);
    for _ in 0..2 {
        assert_eq!(server.event().await["requestContext"]["authorizer"], expected);
    }
    let (mut rows, _) = server.stop().await;
    rows.sort();
    let (row, request_id) = rows[0].rsplit_once(' ').unwrap();
    assert!(uuid::Uuid::parse_str(request_id).is_ok(), "Lambda's: {request_id}");
    rows[0] = row.to_owned();
    let expected =
        ["CONNECT u1 gold 1 200 200 200", "DISCONNECT u1 gold 1 - - - -", "MESSAGE u1 gold 1 - - - -"];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn an_authorizer_that_takes_29_seconds_has_failed() {
    let mut server = Server::with(vec![guarded("$connect ok", "hangs", &[])]).await;
    let address = server.address;
    let asking = tokio::spawn(async move { handshake(address, "/prod", &[]).await });
    server.event().await;
    tokio::time::pause();
    let begun = Instant::now();
    let reply = asking.await.unwrap();
    assert_eq!(reply.status, 500);
    assert!(reply.body.starts_with(r#"{"message": "Internal server error""#), "{}", reply.body);
    assert!((begun.elapsed().as_secs_f64() - 29.0).abs() < 1.0, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nothing_is_cached() {
    let mut server = Server::with(vec![guarded("$connect ok", "allows", &[])]).await;
    for _ in 0..2 {
        let _client = server.connect().await;
        assert_eq!(server.event().await["methodArn"], ARN);
        assert_eq!(server.event().await["requestContext"]["eventType"], "CONNECT");
    }
}

/// `$connect` needs an API key, and the stage takes one.
pub(super) fn keyed(mut api: WebSocketApi, source: ApiKeySource) -> WebSocketApi {
    let key = ApiKey { id: "k1".to_owned(), value: "abcdefghijklmnopqrst".to_owned() };
    api.stages.get_mut("prod").unwrap().api_keys = vec![key];
    api.routes.get_mut("$connect").unwrap().api_key_required = true;
    api.api_key_source = source;
    api
}

#[tokio::test]
async fn a_key_in_the_header_lets_in_and_is_told() {
    let mut api = keyed(api("$connect ok\n$default echo ->"), ApiKeySource::Header);
    format(&mut api, "$context.eventType $context.identity.apiKeyId $context.identity.apiKey");
    let mut server = Server::with(vec![api]).await;
    let key = [("x-api-key", "abcdefghijklmnopqrst")];
    let mut client = server.connect_with("/prod", &key).await.0;
    let event = server.event().await;
    assert_eq!(event["headers"]["x-api-key"], "abcdefghijklmnopqrst");
    let identity = json!({ "apiKey": "abcdefghijklmnopqrst", "apiKeyId": "k1", "sourceIp": "127.0.0.1" });
    assert_eq!(event["requestContext"]["identity"], identity);
    play(&mut client, "> x\n< x").await;
    assert_eq!(server.event().await["requestContext"]["identity"], identity);
    assert!(server.stop().await.0.contains(&"CONNECT k1 abcdefghijklmnopqrst".to_owned()));
}

#[tokio::test]
async fn without_a_valid_key_it_is_forbidden() {
    let expected = "403 {\"message\": \"Forbidden\"}\n\
                    CONNECT 403 INVALID_API_KEY authorizer - - authorize - authenticate -";
    for headers in [&[][..], &[("x-api-key", "")], &[("x-api-key", "abcdefghijklmnopqrsT")]] {
        let api = keyed(api("$connect ok\n$disconnect ok"), ApiKeySource::Header);
        assert_eq!(refused(api, "/prod", headers).await, expected);
    }
}

#[tokio::test]
async fn the_authorizer_can_name_the_key() {
    let api = || keyed(guarded("$connect ok", "allows", &[]), ApiKeySource::Authorizer);
    let mut server = Server::with(vec![api()]).await;
    assert_eq!(server.refusal("/prod?key=abcdefghijklmnopqrst", &[]).await.status, 101);
    server.event().await;
    assert_eq!(server.event().await["requestContext"]["identity"]["apiKeyId"], "k1");
    let header = [("x-api-key", "abcdefghijklmnopqrst")];
    assert!(refused(api(), "/prod?key=other", &header).await.starts_with("403 {\"message\": \"Forbidden\"}"));
}

#[tokio::test]
async fn a_disabled_default_endpoint_answers_nobody_and_other_hosts_do() {
    let mut api = api("$connect ok");
    api.disable_execute_api_endpoint = true;
    let mut server = Server::with(vec![api]).await;
    let host = [("Host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com")];
    let reply = server.refusal("/prod", &host).await;
    assert_eq!((reply.status, reply.error_type()), (403, Some("ForbiddenException")));
    let _client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    assert_eq!(crate::raw_http::http(server.address, "POST", &path, &host, b"x").await.status, 403);
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
}

#[tokio::test]
async fn two_authorization_headers_are_a_bad_request() {
    let server = Server::start("$connect ok").await;
    let reply = server.refusal("/prod", &[("Authorization", "a"), ("authorization", "b")]).await;
    assert_eq!((reply.status, reply.header("content-type")), (400, Some("text/html")));
    assert!(reply.body.starts_with("<html>"), "{}", reply.body);
    assert_eq!(server.refusal("/prod", &[("Authorization", "a")]).await.status, 101);
}
