//! Handshakes: who is let in, and what the others are told.

use futures_util::StreamExt;

use super::support::{Server, api, handshake, play, without_ids};

/// Status and body of a refused handshake, with `*` for ids.
async fn refused(routes: &str) -> (u16, String) {
    let server = Server::start(routes).await;
    let reply = server.refusal("/prod", &[]).await;
    let (_, events) = server.stop().await;
    assert!(
        events.iter().all(|event| event["requestContext"]["eventType"] == "CONNECT"),
        "a refused connection has no $disconnect"
    );
    (reply.status, without_ids(&reply.body))
}

#[tokio::test]
async fn connect_is_optional() {
    let server = Server::start("$default echo ->").await;
    play(&mut server.connect().await, "> x\n< x").await;
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_address() {
    let server = Server::start("$default echo ->").await;
    play(&mut server.connect_with("/prod/", &[]).await.0, "> x\n< x").await;
}

#[tokio::test]
async fn a_refusal_is_the_functions_own_without_hop_by_hop_headers() {
    let server = Server::start("$connect refuses\n$disconnect ok").await;
    let reply = server.refusal("/prod", &[]).await;
    assert_eq!((reply.status, reply.body.as_str()), (401, "who?"));
    assert_eq!(reply.header("x-why"), Some("no token"));
    assert_eq!(reply.header("set-cookie"), Some("a=1"));
    assert_eq!(reply.header("connection"), None);
    assert_eq!(reply.header("content-length"), Some("4"));
}

#[tokio::test]
async fn a_failing_connect_is_a_gateway_error() {
    let body = |message: &str| format!(r#"{{"message": "{message}", "connectionId":"*", "requestId":"*"}}"#);
    for (function, status, message) in [
        ("throws", 502, "Internal server error"),
        ("malformed", 502, "Internal server error"),
        ("hangs 20ms", 504, "Endpoint request timed out"),
        ("unsupported", 500, "Internal server error"),
        ("throttled", 500, "Internal server error"),
    ] {
        let routes = format!("$connect {function}\n$disconnect ok");
        assert_eq!(refused(&routes).await, (status, body(message)), "{function}");
    }
}

#[tokio::test]
async fn a_gateway_error_names_its_request() {
    let mut server = Server::start("$connect throws").await;
    let reply = server.refusal("/prod", &[]).await;
    let context = server.event().await["requestContext"].take();
    assert_eq!(reply.header("x-amz-apigw-id"), context["extendedRequestId"].as_str());
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn only_the_functions_subprotocol_is_echoed() {
    let offer = [("Sec-WebSocket-Protocol", "v1, v2")];
    let server = Server::start("$connect chooses-v2").await;
    assert_eq!(server.connect_with("/prod", &offer).await.1.as_deref(), Some("v2"));

    let server = Server::start("$connect ok").await;
    let accepted = server.refusal("/prod", &offer).await;
    assert_eq!((accepted.status, accepted.header("sec-websocket-protocol")), (101, None));
}

#[tokio::test]
async fn a_route_response_of_connect_is_the_first_frame() {
    let server = Server::start("$connect posts ->\n$default echo ->").await;
    play(&mut server.connect().await, "< posted: 410\n> x\n< x").await;
    // Nothing comes without one, nor without a body.
    for routes in ["$connect posts\n$default echo ->", "$connect null-body ->\n$default echo ->"] {
        let server = Server::start(routes).await;
        play(&mut server.connect().await, "> x\n< x").await;
    }
    let server = Server::start("$connect large ->").await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 502, "it is larger than a message");
}

#[tokio::test]
async fn a_handshake_while_the_gateway_stops_is_unavailable() {
    let mut server = Server::start("$default held").await;
    let (address, lambda) = (server.address, server.lambda.clone());
    let mut client = server.connect().await;
    play(&mut client, "> x").await;
    server.event().await;
    // It waits for the function.
    let stopping = tokio::spawn(server.stop());
    assert!(client.next().await.unwrap().unwrap().is_close());
    let reply = handshake(address, "/prod", &[]).await;
    assert_eq!((reply.status, reply.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    lambda.release.add_permits(1);
    stopping.await.unwrap();
}

#[tokio::test]
async fn compression_is_not_negotiated() {
    let server = Server::start("$connect ok").await;
    let offer = [("Sec-WebSocket-Extensions", "permessage-deflate")];
    let accepted = server.refusal("/prod", &offer).await;
    assert_eq!(accepted.status, 101);
    assert_eq!(accepted.header("sec-websocket-extensions"), None);
    assert_eq!(accepted.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[tokio::test]
async fn unknown_addresses_and_plain_requests_are_forbidden() {
    let server = Server::start("$connect ok").await;
    let mut replies = vec![server.http("GET", "/prod", b"").await, server.http("POST", "/prod", b"").await];
    for path in ["/", "/other", "/prod/x", "/prod/@connections"] {
        replies.push(server.refusal(path, &[]).await);
    }
    for reply in replies {
        assert_eq!((reply.status, reply.body.as_str()), (403, r#"{"message":"Forbidden"}"#));
        assert_eq!(reply.error_type(), Some("ForbiddenException"));
    }
}

#[tokio::test]
async fn an_address_that_several_apis_have_needs_the_host_that_names_one() {
    let mut second = api("$default busy ->");
    second.id = "z9y8x7w6v5".to_owned();
    let server = Server::with(vec![api("$default echo ->"), second]).await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 403);
    for (id, status) in [("a1b2c3d4e5", 101), ("z9y8x7w6v5", 101), ("nosuchapi0", 403)] {
        let host = format!("{id}.execute-api.eu-west-1.amazonaws.com");
        let reply = server.refusal("/prod", &[("Host", &host)]).await;
        assert_eq!(reply.status, status, "{id}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_during_connect_is_disconnected_once() {
    let mut server = Server::start("$connect held\n$disconnect ok").await;
    let client = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = "GET /prod HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.writable().await.unwrap();
    client.try_write(request.as_bytes()).unwrap();
    server.event_of("$connect").await;
    drop(client);
    server.lambda.release.add_permits(1);
    let event = server.event_of("$disconnect").await;
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1006);
    let (rows, events) = server.stop().await;
    assert_eq!(rows, ["CONNECT $connect 200 - -", "DISCONNECT $disconnect 200 - -"]);
    assert!(events.is_empty());
}
