//! Faults that are switched on, as clients and functions meet them.

use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, play};

#[tokio::test]
async fn a_disconnect_can_be_dropped() {
    let server = Server::faulty("$disconnect ok\n$default echo ->", &["drop-disconnect"]).await;
    let mut client = server.connect().await;
    play(&mut client, "> x\n< x\n>! 1000\n<! 1000").await;
    let (rows, events) = server.stop().await;
    assert_eq!(rows, ["CONNECT $connect 200 - -", "MESSAGE $default 200 - -"]);
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_connection_can_be_lost_after_a_message() {
    let mut server = Server::faulty("$disconnect ok\n$default ok", &["lose-connection"]).await;
    let mut client = server.connect().await;
    client.send(Message::text("x")).await.unwrap();
    // It ends, and not by a close frame.
    assert!(!matches!(client.next().await, Some(Ok(_))));
    let event = server.event_of("$disconnect").await;
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1006);
    assert!(server.stop().await.0.contains(&"MESSAGE $default 200 - -".to_owned()), "the message came");
}

#[tokio::test]
async fn a_callback_can_be_refused_and_does_nothing() {
    for (status, error_type) in [
        (400, "BadRequestException"),
        (403, "ForbiddenException"),
        (410, "GoneException"),
        (413, "PayloadTooLargeException"),
        (429, "LimitExceededException"),
        (500, "InternalServerErrorException"),
    ] {
        let rule = format!("callback-status={status}");
        let mut server = Server::faulty("$connect ok\n$default echo ->", &[&rule]).await;
        let mut client = server.connect().await;
        let path = Server::path_of(&server.event().await);
        for method in ["POST", "DELETE"] {
            let reply = server.http(method, &path, b"lost").await;
            assert_eq!((reply.status, reply.error_type()), (status, Some(error_type)));
        }
        play(&mut client, "> x\n< x\n>! 1000\n<! 1000").await;
        let rows = server.stop().await.0;
        let row = format!("CONNECTION_API POST /@connections/{{connectionId}} {status} - -");
        assert!(rows.contains(&row), "{rows:?}");
    }
}

#[tokio::test]
async fn a_callback_can_take_longer() {
    let mut server = Server::faulty("$connect ok", &["callback-delay=30ms"]).await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    let started = Instant::now();
    assert_eq!(server.http("POST", &path, b"late").await.status, 200);
    assert!(started.elapsed().as_millis() >= 30);
    play(&mut client, "< late").await;
}
