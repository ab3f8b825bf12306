//! `@connections`: statuses, error types, and what reaches the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{NOW, Server, api, play};
use crate::clock::Clock;

async fn connected(routes: &str) -> (Server, super::support::Client, String) {
    let mut server = Server::start(routes).await;
    let client = server.connect().await;
    let path = Server::path_of(&server.event_of("$connect").await);
    (server, client, path)
}

#[tokio::test]
async fn a_post_is_delivered_as_text_whatever_its_bytes_are() {
    let (server, mut client, path) = connected("$connect ok").await;
    let reply = server.http("POST", &path, "grüße".as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(reply.header("x-amzn-RequestId").unwrap().len(), 36);
    assert_eq!(reply.header("x-amz-apigw-id").unwrap().len(), 16);
    assert_eq!(server.http("POST", &path, b"a\xffb").await.status, 200);
    assert_eq!(server.http("POST", &path, b"").await.status, 200);
    play(&mut client, "< grüße\n< a\u{fffd}b\n<").await;
}

#[tokio::test]
async fn the_path_may_be_encoded_or_not() {
    let (server, mut client, path) = connected("$connect ok").await;
    let plain = path.replace("%3D", "=");
    let encoded = path.replace('@', "%40");
    for path in [path, plain, encoded] {
        assert_eq!(server.http("POST", &path, b"x").await.status, 200);
        play(&mut client, "< x").await;
    }
}

#[tokio::test]
async fn a_get_describes_the_connection() {
    let (server, _client, path) = connected("$connect ok").await;
    let reply = server.http("GET", &path, b"").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    insta::assert_snapshot!(
        reply.body,
        @r#"{"connectedAt":"2026-09-25T09:20:12Z","identity":{"sourceIp":"127.0.0.1"},"lastActiveAt":"2026-09-25T09:20:12Z"}"#
    );
}

/// A second is over whenever somebody asks for the time.
#[derive(Debug)]
struct Stepping(AtomicI64);

impl Clock for Stepping {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1000, Ordering::Relaxed)
    }
}

#[tokio::test]
async fn looking_at_a_connection_and_a_refused_post_are_no_activity() {
    let clock = Arc::new(Stepping(NOW.into()));
    let mut server = Server::changed(vec![api("$connect ok")], |settings| settings.clock = clock).await;
    let _client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    let opened = server.http("GET", &path, b"").await.body;
    assert_eq!(server.http("POST", &path, &vec![b'x'; 128 * 1024 + 1]).await.status, 413);
    assert_eq!(server.http("GET", &path, b"").await.body, opened);
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
    let described = server.http("GET", &path, b"").await.body;
    assert_ne!(described, opened);
    let (connected, _) = opened.split_once("lastActiveAt").unwrap();
    assert!(described.starts_with(connected), "only its activity is another: {described}");
}

#[tokio::test]
async fn a_deleted_connection_is_gone_at_once() {
    let (server, mut client, path) = connected("$connect ok").await;
    let reply = server.http("DELETE", &path, b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    for method in ["POST", "GET", "DELETE"] {
        let reply = server.http(method, &path, b"x").await;
        assert_eq!((reply.status, reply.error_type()), (410, Some("GoneException")));
    }
    play(&mut client, "<! 1000 Connection Closed Normally").await;
}

#[tokio::test]
async fn a_closed_connection_is_gone() {
    let (mut server, mut client, path) = connected("$connect ok\n$disconnect ok").await;
    play(&mut client, ">! 1000\n<! 1000").await;
    server.event_of("$disconnect").await;
    assert_eq!(server.http("POST", &path, b"x").await.status, 410);
}

#[tokio::test]
async fn a_connection_is_gone_until_connect_has_returned() {
    let mut server = Server::start("$connect held").await;
    let address = server.address;
    let opening = tokio::spawn(async move {
        tokio_tungstenite::connect_async(format!("ws://{address}/prod")).await.unwrap().0
    });
    let path = Server::path_of(&server.event_of("$connect").await);
    assert_eq!(server.http("POST", &path, b"early").await.status, 410);
    server.lambda.release.add_permits(1);
    let mut client = opening.await.unwrap();
    assert_eq!(server.http("POST", &path, b"now").await.status, 200);
    play(&mut client, "< now").await;
}

#[tokio::test]
async fn a_post_from_connect_itself_is_gone() {
    let server = Server::start("$connect posts\n$default echo ->").await;
    play(&mut server.connect().await, "> x\n< x").await;
}

#[tokio::test]
async fn what_was_never_issued_is_a_bad_request() {
    let server = Server::start("$connect ok").await;
    let reply = server.http("POST", "/prod/@connections/nope", b"x").await;
    assert_eq!((reply.status, reply.error_type()), (400, Some("BadRequestException")));
    let reply = server.http("POST", "/prod/@connections/gbikqi-vWQAYKEiHxA%3D%3D", b"x").await;
    assert_eq!((reply.status, reply.error_type()), (410, Some("GoneException")));
}

#[tokio::test]
async fn a_connection_is_found_through_any_stage_of_its_api() {
    let mut declared = api("$connect ok");
    let mut other = declared.stages["prod"].clone();
    other.name = "other".to_owned();
    declared.stages.insert("other".to_owned(), other);
    let mut server = Server::with(vec![declared]).await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event().await).replace("/prod", "/other");
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
    play(&mut client, "< x").await;
}

#[tokio::test]
async fn a_wrong_stage_or_method_is_forbidden() {
    let (server, _client, path) = connected("$connect ok").await;
    for (method, path) in [("POST", path.replace("/prod", "/other")), ("PUT", path)] {
        let reply = server.http(method, &path, b"x").await;
        assert_eq!((reply.status, reply.error_type()), (403, Some("ForbiddenException")));
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_gets_an_empty_413() {
    let (server, mut client, path) = connected("$connect ok").await;
    let largest = vec![b'x'; 128 * 1024];
    assert_eq!(server.http("POST", &path, &largest).await.status, 200);
    let reply = server.http("POST", &path, &[largest, vec![b'x']].concat()).await;
    assert_eq!((reply.status, reply.body.as_str()), (413, ""));
    assert_eq!((reply.error_type(), reply.header("x-amzn-RequestId")), (None, None));
    play(&mut client, &format!("< {}", "x".repeat(128 * 1024))).await;
}

#[tokio::test]
async fn a_far_larger_message_still_gets_its_answer() {
    let (server, _client, path) = connected("$connect ok").await;
    assert_eq!(server.http("POST", &path, &vec![b'x'; 4 * 1024 * 1024]).await.status, 413);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_throttled_and_holds_up_no_one() {
    let (mut server, _deaf, deaf) = connected("$connect ok").await;
    let message = vec![b'x'; 128 * 1024];
    let mut throttled = None;
    for _ in 0..1000 {
        let reply = server.http("POST", &deaf, &message).await;
        if reply.status != 200 {
            throttled = Some(reply);
            break;
        }
    }
    let reply = throttled.unwrap();
    assert_eq!((reply.status, reply.error_type()), (429, Some("LimitExceededException")));
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event_of("$connect").await);
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
    play(&mut client, "< x").await;
}

#[tokio::test]
async fn a_post_that_breaks_off_is_no_message() {
    let (server, mut client, path) = connected("$connect ok").await;
    let mut caller = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    caller.write_all(request.as_bytes()).await.unwrap();
    caller.shutdown().await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.contains("200 OK"), "{answer}");
    assert_eq!(server.http("POST", &path, b"whole").await.status, 200);
    play(&mut client, "< whole").await;
}
