//! Functions that are held to what they may do, at `@connections` and at a route with `AWS_IAM`.

use std::sync::Arc;

use sam::app::Authorization;
use serde_json::{Value, json};

use super::support::{Server, api};
use crate::Credentials;
use crate::gateway::sigv4::tests::{GET, GET_PATH, POST, POST_BODY, POST_PATH};
use crate::iam::tests::iam_of;
use crate::raw_http::http;

/// A gateway at which the key `local`, with which the requests here are signed, is a function's.
async fn server(routes: &str, statements: &[Value]) -> Server {
    let mut api = api(routes);
    if let Some(connect) = api.routes.get_mut("$connect") {
        connect.authorization = Authorization::Iam;
    }
    Server::changed(vec![api], |settings| {
        settings.signers = Some(Credentials::default());
        settings.iam = Some(Arc::new(iam_of("local", statements)));
    })
    .await
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({ "Effect": effect, "Action": action, "Resource": format!("arn:aws:execute-api:*:*:*/prod/{resource}") })
}

/// Posts, and compares the status and the end of the message.
async fn check_post(statements: &[Value], status: u16, message: &str) {
    let server = server("$default ok", statements).await;
    let reply = http(server.address, "POST", POST_PATH, &POST, POST_BODY.as_bytes()).await;
    assert_eq!(reply.status, status, "{statements:?}");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let said = body["message"].as_str().unwrap();
    assert!(said.ends_with(message), "{said}");
    if status == 403 {
        assert_eq!(reply.error_type(), Some("AccessDeniedException"));
        assert!(said.contains("/prod/POST/@connections/{connectionId} "), "{said}");
    }
}

#[tokio::test]
async fn a_function_manages_connections_when_its_role_allows_the_method() {
    let manage = "execute-api:ManageConnections";
    let missing = "because no identity-based policy allows the execute-api:ManageConnections action";
    let allow = statement("Allow", manage, "POST/@connections/*");
    // It may: what is wrong is only that the connection is gone.
    check_post(std::slice::from_ref(&allow), 410, "The connection is gone.").await;
    check_post(&[statement("Allow", manage, "DELETE/@connections/*")], 403, missing).await;
    check_post(&[statement("Allow", "execute-api:Invoke", "*")], 403, missing).await;
    let deny = statement("Deny", "execute-api:*", "*");
    check_post(&[allow, deny], 403, "with an explicit deny in an identity-based policy").await;
}

#[tokio::test]
async fn a_function_connects_when_its_role_allows_the_route() {
    let check = async |statements: &[Value], status: u16, message: &str| {
        let server = server("$connect ok\n$disconnect ok", statements).await;
        let reply = server.refusal(GET_PATH, &GET).await;
        assert_eq!(reply.status, status, "{statements:?}");
        assert!(reply.body.contains(message), "{}", reply.body);
    };
    let allow = statement("Allow", "execute-api:Invoke", "$connect");
    check(std::slice::from_ref(&allow), 101, "").await;
    check(&[], 403, "because no identity-based policy allows the execute-api:Invoke action").await;
    let deny = statement("Deny", "*", "*");
    check(&[allow, deny], 403, "with an explicit deny in an identity-based policy").await;
}
