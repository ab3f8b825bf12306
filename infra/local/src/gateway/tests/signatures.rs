//! Signature Version 4 over the wire: `@connections`, and handshakes of a route with `AWS_IAM`.

use sam::app::{Authorization, WebSocketApi};
use serde_json::json;

use super::support::{Server, api};
use crate::gateway::sigv4::tests::{GET, GET_PATH, POST, POST_BODY, POST_PATH, PRESIGNED_PATH};
use crate::raw_http::{Reply, http};

const FORMAT: &str = "$context.eventType $context.status $context.error.responseType $context.identity.caller \
                      $context.identity.user $context.identity.userArn $context.identity.accountId \
                      authenticate $context.authenticate.status $context.authenticate.error \
                      authorize $context.authorize.status";

fn signed(routes: &str) -> WebSocketApi {
    let mut api = api(routes);
    api.stages.get_mut("prod").unwrap().access_log.as_mut().unwrap().format = FORMAT.to_owned();
    if let Some(connect) = api.routes.get_mut("$connect") {
        connect.authorization = Authorization::Iam;
    }
    api
}

async fn post(server: &Server, headers: &[(&str, &str)]) -> Reply {
    http(server.address, "POST", POST_PATH, headers, POST_BODY.as_bytes()).await
}

#[tokio::test]
async fn a_signed_management_call_is_answered_and_names_its_caller() {
    let server = Server::verifying(vec![signed("$default ok")]).await;
    // Signed well: what is wrong is only that the connection is gone.
    let reply = post(&server, &POST).await;
    assert_eq!((reply.status, reply.error_type()), (410, Some("GoneException")));
    assert_eq!(
        server.stop().await.0,
        ["CONNECTION_API 410 - local local arn:aws:iam::123456789012:user/local 123456789012 \
          authenticate - - authorize -"]
    );
}

#[tokio::test]
async fn an_unsigned_management_call_is_refused_whatever_it_names() {
    let server = Server::verifying(vec![signed("$default ok")]).await;
    for path in [POST_PATH, "/prod/@connections/nope"] {
        let reply = server.http("POST", path, b"x").await;
        assert_eq!((reply.status, reply.error_type()), (403, Some("MissingAuthenticationTokenException")));
        assert_eq!(reply.body, r#"{"message":"Missing Authentication Token"}"#);
        assert!(reply.header("x-amzn-RequestId").is_some());
    }
    let rows = server.stop().await.0;
    assert_eq!(rows[0], "CONNECTION_API 403 - - - - - authenticate - - authorize -");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_told_so_before_its_signature_is_looked_at() {
    let server = Server::verifying(vec![signed("$default ok")]).await;
    let reply = server.http("POST", POST_PATH, &vec![b'x'; 128 * 1024 + 1]).await;
    assert_eq!((reply.status, reply.error_type()), (413, None));
}

#[tokio::test]
async fn a_management_call_that_is_signed_badly_says_how() {
    let server = Server::verifying(vec![signed("$default ok")]).await;
    for (from, to, error_type) in [
        ("Signature=7", "Signature=8", "InvalidSignatureException"),
        ("=local/", "=AKIA0/", "UnrecognizedClientException"),
        ("AWS4", "Bearer", "IncompleteSignatureException"),
    ] {
        let authorization = POST[4].1.replace(from, to);
        let mut headers = POST;
        headers[4].1 = &authorization;
        let reply = post(&server, &headers).await;
        assert_eq!((reply.status, reply.error_type()), (403, Some(error_type)));
    }
}

#[tokio::test]
async fn a_signed_handshake_is_let_in_and_names_its_caller() {
    for (path, headers) in [(GET_PATH, &GET[..]), (PRESIGNED_PATH, &[("host", "localhost")][..])] {
        let mut server = Server::verifying(vec![signed("$connect ok\n$disconnect ok")]).await;
        assert_eq!(server.refusal(path, headers).await.status, 101);
        let event = server.event().await;
        assert_eq!(
            event["requestContext"]["identity"],
            json!({
                "accessKey": "local", "accountId": "123456789012", "caller": "local", "sourceIp": "127.0.0.1",
                "user": "local", "userArn": "arn:aws:iam::123456789012:user/local",
            })
        );
        let rows = server.stop().await.0;
        assert_eq!(
            rows[0],
            "CONNECT 200 - local local arn:aws:iam::123456789012:user/local 123456789012 authenticate 200 - \
             authorize 200"
        );
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_signed_is_refused() {
    let server = Server::verifying(vec![signed("$connect ok\n$disconnect ok")]).await;
    let reply = server.refusal("/prod", &[]).await;
    assert_eq!(reply.status, 403);
    assert!(reply.body.starts_with(r#"{"message": "Missing Authentication Token", "connectionId":""#));
    // Another query than the one that was signed.
    let reply = server.refusal("/prod?room=b", &GET).await;
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("does not match the signature you provided"), "{}", reply.body);
    let (rows, events) = server.stop().await;
    assert!(events.is_empty());
    assert!(rows[0].starts_with(
        "CONNECT 403 MISSING_AUTHENTICATION_TOKEN - - - - authenticate 403 Missing Authentication Token"
    ));
    assert!(
        rows[1].starts_with("CONNECT 403 INVALID_SIGNATURE - - - - authenticate 403 The request"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn nothing_has_to_be_signed_when_that_is_switched_off() {
    let mut server = Server::with(vec![signed("$connect ok")]).await;
    let _client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
}
