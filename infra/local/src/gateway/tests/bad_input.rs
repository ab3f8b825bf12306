//! Clients and functions that do what they must not: each has a defined outcome and leaves nothing
//! behind.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, check, play, shown};
use crate::gateway::limits;

const ROUTES: &str = "$connect ok\n$disconnect ok\n$default echo ->";

const HANDSHAKE: &str = "GET /prod HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client that sends any bytes.
async fn raw(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(bytes).await.unwrap();
    client
}

/// The first line of the answer to some bytes, after which the connection is closed.
async fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut answer = String::new();
    raw(server, bytes).await.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A frame with its first byte, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0], payload].concat()
}

/// Stops the gateway. Before that nothing is open and nothing runs any more.
async fn nothing_is_left(server: Server) {
    server.gateway.shared.tasks.finished().await;
    assert_eq!(server.gateway.shared.registry.len(), 0);
    let (_, events) = server.stop().await;
    assert!(events.is_empty(), "{events:?}");
}

/// Sends frames; the gateway then closes with this code and reason, and tells `$disconnect` so.
async fn check_frames(frames: &[Vec<u8>], code: u16, reason: &str) {
    let mut server = Server::start(ROUTES).await;
    let mut client = raw(&server, HANDSHAKE.as_bytes()).await;
    server.event_of("$connect").await;
    client.write_all(&frames.concat()).await.unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    drop(client);
    let close =
        [&[0x88, 2 + u8::try_from(reason.len()).unwrap()], &code.to_be_bytes()[..], reason.as_bytes()];
    assert!(received.ends_with(&close.concat()), "{frames:?}: {received:?}");
    let context = server.event_of("$disconnect").await["requestContext"].take();
    assert_eq!(context["disconnectStatusCode"], code, "{frames:?}");
    assert_eq!(context["disconnectReason"], reason);
    nothing_is_left(server).await;
}

#[tokio::test]
async fn what_is_no_utf8_is_1007() {
    for frames in [
        vec![frame(0x81, b"\xce\xba\xff")],
        vec![frame(0x01, b"\xce"), frame(0x80, b"x")],
        // Cut off in the middle of a character.
        vec![frame(0x81, b"\xf0\x9f\x92")],
        vec![frame(0x88, b"\x03\xe8\xff")],
    ] {
        check_frames(&frames, 1007, "Invalid UTF-8").await;
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_is_1002() {
    for frames in [
        // Reserved bits, reserved opcodes, no mask.
        vec![frame(0xc1, b"x")],
        vec![frame(0x91, b"x")],
        vec![frame(0x83, b"x")],
        vec![frame(0x8b, b"x")],
        vec![b"\x81\x01x".to_vec()],
        // Control frames in pieces or too long, and a close frame of one byte.
        vec![frame(0x09, b"x")],
        vec![[&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], &[b'x'; 126][..]].concat()],
        vec![frame(0x88, b"\x03")],
        // A continuation of nothing, and a message within a message.
        vec![frame(0x80, b"x")],
        vec![frame(0x01, b"x"), frame(0x81, b"y")],
    ] {
        check_frames(&frames, 1002, "Protocol error").await;
    }
    // A code that no close frame may have: 1005.
    check_frames(&[frame(0x88, b"\x03\xed")], 1002, "Protocol violation").await;
}

#[tokio::test]
async fn a_handshake_that_is_none_is_forbidden_and_calls_nothing() {
    let server = Server::start(ROUTES).await;
    for (from, to) in [
        ("GET /prod", "POST /prod"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
        ("Version: 13", "Version: 12"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Kay"),
    ] {
        // The connection is closed after it, so that the answer ends.
        let request = HANDSHAKE.replace(from, to).replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n");
        assert_eq!(answer(&server, request.as_bytes()).await, "HTTP/1.1 403 Forbidden", "{to}");
    }
    nothing_is_left(server).await;
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_request() {
    let server = Server::start(ROUTES).await;
    for bytes in [
        "\x16\x03\x01\x02\x00\x01 hello, TLS\r\n\r\n",
        "GET\r\n\r\n",
        "GET /prod HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        assert_eq!(answer(&server, bytes.as_bytes()).await, "HTTP/1.1 400 Bad Request", "{bytes:?}");
    }
    nothing_is_left(server).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let server = Server::start(ROUTES).await;
    let large = format!("Host: x\r\nX-Large: {}\r\n", "x".repeat(16 * 1024));
    let many = format!("Host: x\r\n{}", "X: x\r\n".repeat(200));
    for more in [large, many] {
        let request = HANDSHAKE.replace("Host: x\r\n", &more);
        let answer = answer(&server, request.as_bytes()).await;
        assert_eq!(answer, "HTTP/1.1 431 Request Header Fields Too Large");
    }
    nothing_is_left(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_in_time() {
    let server = Server::start(ROUTES).await;
    let begun = Instant::now();
    for begin in ["", "G", "GET /prod HTTP/1.1\r\nHost: x\r\n"] {
        let mut answer = Vec::new();
        raw(&server, begin.as_bytes()).await.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"", "{begin:?}");
    }
    assert_eq!(begun.elapsed().as_secs(), 3 * limits::HEAD.as_secs());
    nothing_is_left(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let server = Server::start(ROUTES).await;
    let request =
        "POST /prod/@connections/gbikqi-vWQAYKEiHxA== HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    assert_eq!(answer(&server, request.as_bytes()).await, "HTTP/1.1 408 Request Timeout");
    nothing_is_left(server).await;
}

#[tokio::test]
async fn connections_that_say_nothing_hold_up_no_one_and_end() {
    let server = Server::start(ROUTES).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(raw(&server, b"").await);
    }
    play(&mut server.connect().await, "> x\n< x\n>!\n<!").await;
    tokio::time::pause();
    for mut client in silent {
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_read() {
    let server = Server::start(ROUTES).await;
    let bytes = [HANDSHAKE.as_bytes(), &frame(0x81, b"early"), &frame(0x88, b"\x03\xe8")].concat();
    let mut received = Vec::new();
    raw(&server, &bytes).await.read_to_end(&mut received).await.unwrap();
    // The echo may come too late for a client that closes at once; its close frame is answered.
    assert!(received.ends_with(b"\x88\x02\x03\xe8"), "{received:?}");
    server.gateway.shared.tasks.finished().await;
    assert_eq!(server.gateway.shared.registry.len(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_write_is_lost_and_gone() {
    let mut server = Server::start("$connect ok\n$disconnect ok").await;
    let client = raw(&server, HANDSHAKE.as_bytes()).await;
    let path = Server::path_of(&server.event_of("$connect").await);
    // More than the system's buffers take: the rest is being written when the client leaves.
    let body = vec![b'x'; 128 * 1024];
    while server.http("POST", &path, &body).await.status != 429 {}
    drop(client);
    let context = server.event_of("$disconnect").await["requestContext"].take();
    assert_eq!(context["disconnectStatusCode"], 1006);
    assert_eq!(server.http("POST", &path, b"x").await.status, 410);
    nothing_is_left(server).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys() {
    let server = Server::start("slow held 20ms ->\n$default echo ->").await;
    let mut client = server.connect().await;
    play(
        &mut client,
        r#"> {"action":"slow"}
           < {"message": "Endpoint request timed out", "connectionId":"*", "requestId":"*"}"#,
    )
    .await;
    server.lambda.release.add_permits(1);
    play(&mut client, "> x\n< x\n>!\n<!").await;
    server.gateway.shared.tasks.finished().await;
    assert_eq!(server.gateway.shared.registry.len(), 0);
}

#[tokio::test]
async fn a_function_that_babbles_harms_only_its_message() {
    let failed = r#"< {"message": "Internal server error", "connectionId":"*", "requestId":"*"}"#;
    check(
        "null malformed
         throw throws ->
         $default echo ->",
        &format!(
            "> {{\"action\":\"null\"}}\n{failed}\n> {{\"action\":\"throw\"}}\n{failed}\n> x\n< x\n>!\n<!"
        ),
    )
    .await;
}

#[tokio::test]
async fn a_client_has_only_so_many_messages_under_way() {
    let mut server = Server::start("$connect ok\n$disconnect ok\n$default held").await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event_of("$connect").await);
    for _ in 0..limits::UNDER_WAY + 10 {
        client.send(Message::text("x")).await.unwrap();
    }
    for _ in 0..limits::UNDER_WAY {
        server.event_of("$default").await;
    }
    // Its own messages go out all the same, and the rest of what it sent waits.
    assert_eq!(server.http("POST", &path, b"posted").await.status, 200);
    play(&mut client, "< posted").await;
    assert!(server.no_event());
    server.lambda.release.add_permits(limits::UNDER_WAY + 10);
    for _ in 0..10 {
        server.event_of("$default").await;
    }
    play(&mut client, ">!\n<!").await;
    server.event_of("$disconnect").await;
    nothing_is_left(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_the_middle_of_a_frame_ends_idle() {
    let mut server = Server::start(ROUTES).await;
    let mut client = server.connect().await;
    let begun = Instant::now();
    for half in [&b"\x01\x81\0\0\0\0x"[..], b"\x80\xfe\x10"] {
        client.get_mut().write_all(half).await.unwrap();
    }
    assert_eq!(shown(&client.next().await.unwrap().unwrap()), "<! 1001 Going away");
    assert!(begun.elapsed() >= Duration::from_secs(600), "{:?}", begun.elapsed());
    drop(client);
    server.event_of("$disconnect").await;
    nothing_is_left(server).await;
}
