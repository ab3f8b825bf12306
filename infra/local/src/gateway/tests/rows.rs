//! The access log: a row for every event and every management call.

use futures_util::StreamExt;

use super::support::{Server, play};

#[tokio::test]
async fn every_event_has_its_row() {
    let mut server = Server::start(
        "$connect ok
         $disconnect throws
         busy busy
         bad throws
         slow hangs 20ms
         broken unsupported",
    )
    .await;
    let mut client = server.connect().await;
    for (action, answered) in
        [("busy", false), ("bad", true), ("slow", true), ("broken", true), ("nope", true)]
    {
        play(&mut client, &format!("> {{\"action\":\"{action}\"}}")).await;
        if answered {
            client.next().await.unwrap().unwrap();
        } else {
            server.event_of(action).await;
        }
    }
    play(&mut client, ">!\n<!").await;
    server.event_of("$disconnect").await;
    let (mut rows, _) = server.stop().await;
    rows.sort();
    insta::assert_snapshot!(rows.join("\n"), @r"
    CONNECT $connect 200 - -
    DISCONNECT $disconnect 502 Internal server error INTEGRATION_FAILURE
    MESSAGE - 403 Forbidden ACCESS_DENIED
    MESSAGE bad 502 Internal server error INTEGRATION_FAILURE
    MESSAGE broken 500 Internal server error INTEGRATION_FAILURE
    MESSAGE busy 503 - -
    MESSAGE slow 504 Endpoint request timed out INTEGRATION_TIMEOUT
    ");
}

#[tokio::test]
async fn connects_without_and_with_refusal() {
    let server = Server::start("$connect refuses").await;
    server.refusal("/prod", &[]).await;
    assert_eq!(server.stop().await.0, ["CONNECT $connect 401 - -"]);

    let mut server = Server::start("$default ok").await;
    let mut client = server.connect().await;
    play(&mut client, "> x").await;
    server.event().await;
    play(&mut client, ">!\n<!").await;
    let (mut rows, _) = server.stop().await;
    rows.sort();
    let expected = ["CONNECT $connect 200 - -", "DISCONNECT $disconnect 200 - -", "MESSAGE $default 200 - -"];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_row_is_there_before_the_answer() {
    let mut server = Server::start("$connect ok").await;
    let _client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    server.http("GET", &path, b"").await;
    let rows: Vec<_> = server.logs.events("access").into_iter().map(|event| event.message).collect();
    let expected = ["CONNECT $connect 200 - -", "CONNECTION_API GET /@connections/{connectionId} 200 - -"];
    let rows: Vec<&str> = rows.iter().map(|row| &**row).collect();
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn management_calls_have_rows_except_for_a_message_that_is_too_large() {
    let mut server = Server::start("$connect ok").await;
    let client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    server.http("POST", &path, b"x").await;
    server.http("POST", &path, &vec![b'x'; 128 * 1024 + 1]).await;
    server.http("GET", &path, b"").await;
    server.http("DELETE", &path, b"").await;
    drop(client);
    server.http("POST", &path, b"x").await;
    server.http("POST", "/prod/@connections/nonsense", b"x").await;
    let rows = server.stop().await.0;
    let rows: Vec<_> = rows.iter().filter(|row| row.starts_with("CONNECTION_API")).cloned().collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    CONNECTION_API POST /@connections/{connectionId} 200 - -
    CONNECTION_API GET /@connections/{connectionId} 200 - -
    CONNECTION_API DELETE /@connections/{connectionId} 204 - -
    CONNECTION_API POST /@connections/{connectionId} 410 - -
    CONNECTION_API POST /@connections/{connectionId} 400 - -
    ");
}
