//! Clients that talk over a channel, seen on the wire and in the table.

use harness::{Options, Socket, Stack, close};

const JOIN: &str = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}";

/// Connects and subscribes. The replies are posted, the frame's own answer has nothing to add.
async fn join(client: &mut Socket) {
    let replies = client.ask(JOIN).await;
    let (_, subscribed) = replies.split_once("\n{\"id\":2,").unwrap();
    assert!(
        subscribed.starts_with(r#""subscribe":{"recoverable":true,"positioned":true,"epoch":""#),
        "{replies}"
    );
    assert_eq!(client.text().await, shared::service::outbox::NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_reaches_two_clients_and_a_close_removes_the_rows() {
    let stack = Stack::start().await;
    let (mut alice, mut bob) = (stack.connect().await, stack.connect().await);
    join(&mut alice).await;
    join(&mut bob).await;
    assert_eq!(stack.index_rows().await.len(), 2);

    alice.send(r#"{"id":3,"publish":{"channel":"room:1","data":{"text":"hi"}}}"#).await;
    let push = bob.text().await;
    assert!(
        push.starts_with(
            r#"{"push":{"channel":"room:1","pub":{"offset":1,"data":{"text":"hi"},"info":{"user":"","client":""#
        ),
        "{push}"
    );
    assert_eq!(alice.text().await, push, "the publisher is subscribed too");
    assert_eq!(alice.text().await, r#"{"id":3,"publish":{}}"#);

    alice.close(Some(close(1000, "bye"))).await;
    let closed =
        |lines: &[serde_json::Value]| lines.iter().find(|line| line["disconnectReason"] == "bye").cloned();
    let line = stack.logs().wait("/disconnect", closed).await;
    assert_eq!((&line["disconnectStatusCode"], &line["DisconnectCount"]), (&"1000".into(), &1.into()));
    assert_eq!(stack.index_rows().await.len(), 1, "bob is left");
    drop(bob);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_is_gone_at_the_idle_limit() {
    // Ten minutes in three seconds.
    let stack = Stack::with(Options { time_scale: 200.0, ..Options::default() }).await;
    let (mut silent, mut dead) = (stack.connect().await, stack.connect().await);
    join(&mut silent).await;
    join(&mut dead).await;
    let end = silent.closed().await;
    assert_eq!((u16::from(end.code), end.reason.as_str()), (1001, "Going away"));
    // Nobody reads the dead one's socket: it answers no close frame, and is gone all the same.
    let gone = |lines: &[serde_json::Value]| {
        (lines.iter().filter(|line| line["disconnectStatusCode"] == "1001").count() == 2).then_some(())
    };
    stack.logs().wait("/disconnect", gone).await;
    assert_eq!(stack.index_rows().await, Vec::<String>::new());
    drop(dead);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_lost_without_a_close_frame_leaves_no_rows() {
    let stack = Stack::start().await;
    let mut lost = stack.connect().await;
    join(&mut lost).await;
    drop(lost);
    let gone = |lines: &[serde_json::Value]| {
        lines.iter().any(|line| line["disconnectStatusCode"] == "1006").then_some(())
    };
    stack.logs().wait("/disconnect", gone).await;
    assert_eq!(stack.index_rows().await, Vec::<String>::new());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_frames_end_in_the_documented_push_and_leave_no_rows() {
    let stack = Stack::start().await;
    for bad in ["hello", "[]", "{\"publish\":{}}", r#"{"id":1,"subscribe":{"channel":"room:1"}}"#] {
        let mut client = stack.connect().await;
        let push = client.ask(bad).await;
        assert_eq!(push, r#"{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}"#, "for {bad}");
        let end = client.closed().await;
        assert_eq!((u16::from(end.code), end.reason.as_str()), (1000, "Connection Closed Normally"));
    }
    assert_eq!(stack.index_rows().await, Vec::<String>::new());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_template_lets_no_stranger_in() {
    let stack = Stack::with(Options { environment: "prod", ..Options::default() }).await;
    let mut client = stack.connect().await;
    let answer = client.ask(r#"{"id":1,"connect":{}}"#).await;
    assert_eq!(answer, r#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#);
    drop(client);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_gateway_lost_is_forgotten_by_the_next_publication() {
    let stack = Stack::start().await;
    let mut alice = stack.connect().await;
    join(&mut alice).await;
    // A row as a lost `$disconnect` leaves it: a member that no socket belongs to.
    let table = shared::adapters::Table::new(
        aws_sdk_dynamodb::Client::new(stack.sdk()),
        stack.table().to_owned(),
        shared::telemetry::Usage::default(),
    );
    let ghost = shared::model::Connection::opened("gbikqi-vWQAYKEiHxA==".into(), None, now_ms());
    let channel = shared::channel::Channel::parse("room:1").unwrap();
    shared::ports::OpenConnection::open(&table, &ghost).await.unwrap().unwrap();
    shared::ports::PutIndex::put_member(&table, &channel, &ghost, &"s".into(), None).await.unwrap();
    assert_eq!(stack.index_rows().await.len(), 2);

    alice.send(r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    alice.text().await;
    assert_eq!(alice.text().await, r#"{"id":3,"publish":{}}"#);
    assert_eq!(stack.index_rows().await.len(), 1, "the ghost is gone");
    let line = stack
        .logs()
        .wait("/default", |lines| lines.iter().find(|line| line["CallbackGone"] == 1).cloned())
        .await;
    assert_eq!((&line["Recipients"], &line["CallbackCount"]), (&2.into(), &2.into()));
    drop(alice);
    stack.stop().await;
}

fn now_ms() -> i64 {
    shared::clock::Clock::now_ms(&shared::clock::SystemClock)
}
