//! Messages: which route, what comes back, and in which order.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, check, play, shown};

const FAILED: &str = r#"< {"message": "Internal server error", "connectionId":"*", "requestId":"*"}"#;

#[tokio::test]
async fn an_answer_comes_back_only_from_a_route_with_a_route_response() {
    check(
        "talk echo ->
         tell echo",
        r#"> {"action":"tell"}
           > {"action":"talk","n":1}
           < {"action":"talk","n":1}"#,
    )
    .await;
}

#[tokio::test]
async fn the_body_comes_back_whatever_the_status_is() {
    check("$default busy ->", "> x\n< busy").await;
}

#[tokio::test]
async fn a_body_in_base64_comes_as_it_is() {
    check("$default encoded ->", "> x\n< aGVsbG8=").await;
}

#[tokio::test]
async fn no_body_sends_nothing_and_an_empty_one_an_empty_frame() {
    check(
        "none null-body ->
         $default echo ->",
        r#"> {"action":"none"}
           > marker
           < marker"#,
    )
    .await;
    check("$default echo ->", ">\n<").await;
}

#[tokio::test]
async fn no_route_and_no_default_is_forbidden_and_the_socket_stays_open() {
    check(
        "talk echo ->",
        r#"> {"action":"nope"}
           < {"message": "Forbidden", "connectionId":"*", "requestId":"*"}
           > not json
           < {"message": "Forbidden", "connectionId":"*", "requestId":"*"}
           > {"action":"talk"}
           < {"action":"talk"}"#,
    )
    .await;
}

#[tokio::test]
async fn default_takes_the_rest_and_connect_cannot_be_selected() {
    for message in
        [r#"{"action":"nope"}"#, "not json", r#"{"action":"$connect"}"#, r#"{"action":"$disconnect"}"#]
    {
        check(
            "$connect ok
             $disconnect throws
             $default echo ->",
            &format!("> {message}\n< {message}"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_failing_integration_sends_a_frame_even_one_way() {
    for function in ["throws", "malformed", "throttled", "unsupported", "nothing", "unknown"] {
        check(&format!("$default {function}"), &format!("> x\n{FAILED}\n> y\n{FAILED}")).await;
    }
}

#[tokio::test]
async fn a_slow_integration_times_out() {
    check(
        "$default hangs 20ms",
        r#"> x
           < {"message": "Endpoint request timed out", "connectionId":"*", "requestId":"*"}"#,
    )
    .await;
}

#[tokio::test]
async fn an_answer_larger_than_a_message_fails_only_where_it_is_sent() {
    check("$default large ->", &format!("> x\n{FAILED}")).await;
    check(
        "$default large
         talk echo ->",
        "> x\n> {\"action\":\"talk\"}\n< {\"action\":\"talk\"}",
    )
    .await;
}

#[tokio::test]
async fn the_ids_in_an_error_are_those_of_its_event() {
    let mut server = Server::start("$default throws").await;
    let mut client = server.connect().await;
    client.send(Message::text("x")).await.unwrap();
    let frame = client.next().await.unwrap().unwrap();
    let context = server.event().await["requestContext"].take();
    assert_eq!(
        frame.to_text().unwrap(),
        format!(
            r#"{{"message": "Internal server error", "connectionId":{}, "requestId":{}}}"#,
            context["connectionId"], context["requestId"]
        )
    );
}

#[tokio::test]
async fn messages_of_one_connection_run_side_by_side() {
    let server = Server::start("slow held ->\n$default echo ->").await;
    let mut client = server.connect().await;
    play(&mut client, "> {\"action\":\"slow\"}\n> fast\n< fast").await;
    server.lambda.release.add_permits(1);
    play(&mut client, "< released").await;
}

#[tokio::test]
async fn a_post_that_returned_comes_before_the_answer() {
    let server = Server::start("$default posts ->").await;
    let mut client = server.connect().await;
    for _ in 0..20 {
        play(&mut client, "> x\n< from the function\n< posted: 200").await;
    }
}

#[tokio::test]
async fn a_large_message_in_frames_is_one_message() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let server = Server::start("$default echo ->").await;
    let mut client = server.connect().await;
    let part = "x".repeat(32 * 1024);
    for (index, opcode) in
        [Data::Text, Data::Continue, Data::Continue, Data::Continue].into_iter().enumerate()
    {
        let frame = Frame::message(part.clone(), OpCode::Data(opcode), index == 3);
        client.send(Message::Frame(frame)).await.unwrap();
    }
    let received = client.next().await.unwrap().unwrap();
    assert_eq!(shown(&received), format!("< {}", part.repeat(4)));
}
