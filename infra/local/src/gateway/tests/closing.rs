//! The end of a connection: close frames, and what `$disconnect` is told.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, play, shown};

const ROUTES: &str = "$connect ok\n$disconnect ok\n$default echo ->";

/// Plays a transcript to the end of the socket; then `$disconnect` was told this, once.
async fn check_end(script: &str, code: u16, reason: &str) {
    let mut server = Server::start(ROUTES).await;
    let mut client = server.connect().await;
    play(&mut client, script).await;
    assert!(client.next().await.is_none_or(|end| end.is_err()), "the socket is still open");
    drop(client);
    told(&mut server, code, reason).await;
    let (_, events) = server.stop().await;
    assert!(events.is_empty(), "{events:?}");
}

async fn told(server: &mut Server, code: u16, reason: &str) {
    let context = server.event_of("$disconnect").await["requestContext"].take();
    assert_eq!(context["disconnectStatusCode"], code);
    assert_eq!(context["disconnectReason"], reason);
}

#[tokio::test]
async fn a_close_frame_is_echoed_and_told() {
    check_end(">! 4001 bye\n<! 4001 bye", 4001, "bye").await;
    check_end(">! 1000 probe-complete\n<! 1000 probe-complete", 1000, "probe-complete").await;
    check_end(">! 1001\n<! 1001", 1001, "").await;
}

#[tokio::test]
async fn a_close_frame_without_a_code_is_1005() {
    check_end(">!\n<!", 1005, "Client-side close frame status not set").await;
}

#[tokio::test]
async fn a_binary_message_is_refused() {
    check_end(">b x\n<! 1003 Binary is not supported", 1003, "Binary is not supported").await;
}

#[tokio::test]
async fn a_frame_above_32_kb_and_a_message_above_128_kb_are_too_big() {
    let frame = format!("> {}", "x".repeat(32 * 1024 + 1));
    check_end(&format!("{frame}\n<! 1009 Message too big"), 1009, "Message too big").await;

    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let mut server = Server::start(ROUTES).await;
    let mut client = server.connect().await;
    for (index, opcode) in
        [Data::Text, Data::Continue, Data::Continue, Data::Continue, Data::Continue].into_iter().enumerate()
    {
        let part = "x".repeat(if index == 4 { 1 } else { 32 * 1024 });
        let frame = Frame::message(part, OpCode::Data(opcode), index == 4);
        client.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(shown(&client.next().await.unwrap().unwrap()), "<! 1009 Message too big");
    told(&mut server, 1009, "Message too big").await;
}

#[tokio::test]
async fn the_largest_frame_passes() {
    let text = "x".repeat(32 * 1024);
    let server = Server::start(ROUTES).await;
    play(&mut server.connect().await, &format!("> {text}\n< {text}")).await;
}

#[tokio::test]
async fn a_lost_connection_is_1006() {
    let mut server = Server::start(ROUTES).await;
    drop(server.connect().await);
    told(&mut server, 1006, "Connection closed abnormally").await;
}

#[tokio::test]
async fn a_deleted_connection_is_1000_and_gets_what_was_posted_before() {
    let mut server = Server::start(ROUTES).await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event_of("$connect").await);
    assert_eq!(server.http("POST", &path, b"last words").await.status, 200);
    assert_eq!(server.http("DELETE", &path, b"").await.status, 204);
    play(&mut client, "< last words\n<! 1000 Connection Closed Normally").await;
    told(&mut server, 1000, "Connection Closed Normally").await;
}

#[tokio::test]
async fn pings_are_answered() {
    let server = Server::start(ROUTES).await;
    play(&mut server.connect().await, ">~ beat\n<~ beat").await;
}

#[tokio::test]
async fn a_gateway_that_stops_goes_away_and_waits_for_functions() {
    let mut server = Server::start("$connect ok\n$disconnect held\n$default held ->").await;
    let mut client = server.connect().await;
    play(&mut client, "> x").await;
    server.event_of("$default").await;
    let lambda = server.lambda.clone();
    let stopped = tokio::spawn(server.stop());
    play(&mut client, "<! 1001 Going away").await;
    assert!(client.next().await.is_none());
    assert!(!stopped.is_finished(), "functions still run");
    lambda.release.add_permits(2);
    let (rows, events) = stopped.await.unwrap();
    let context = &events.last().unwrap()["requestContext"];
    assert_eq!(context["disconnectStatusCode"], 1001);
    assert_eq!(rows.len(), 3, "{rows:?}");
}
