//! The sweeper in the running service, an hour in a minute.

use std::time::Duration;

use harness::{Options, Socket, Stack};
use serde_json::Value;
use shared::adapters::Table;
use shared::channel::Channel;
use shared::clock::{Clock, SystemClock};
use shared::model::Connection;
use shared::ports::{AddSubscriptions, OpenConnection, PutIndex};
use shared::service::outbox::NOTHING;
use shared::telemetry::Usage;
use tokio::time::timeout;

const JOIN: &str =
    "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\",\"join_leave\":true}}";

/// Subscribes, and waits for the reply and for the frame's own answer.
async fn join(stack: &Stack) -> Socket {
    let mut client = stack.connect().await;
    client.send(JOIN).await;
    while client.text().await != NOTHING {}
    client
}

/// Reads until a frame has this in it, and is not idle meanwhile: how fast the sweeper is decides
/// nothing here.
async fn read_until(client: &mut Socket, wanted: &str) {
    loop {
        match timeout(Duration::from_secs(1), client.text()).await {
            Ok(frame) if frame.contains(wanted) => return,
            Ok(_) => {}
            Err(_) => client.send(r#"{"id":9,"ping":{}}"#).await,
        }
    }
}

fn swept(name: &'static str, value: u64) -> impl Fn(&[Value]) -> Option<()> {
    move |lines| lines.iter().any(|line| line[name] == value).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_without_a_word_is_found_and_the_others_are_counted() {
    let stack = Stack::with(Options {
        time_scale: 60.0,
        faults: vec!["drop-disconnect".parse().unwrap()],
        parameters: vec![("KeepAlive", "true".to_owned())],
        ..Options::default()
    })
    .await;
    // One whose end was not told either, and whose time is over at once.
    let table =
        Table::new(aws_sdk_dynamodb::Client::new(stack.sdk()), stack.table().to_owned(), Usage::default());
    let opened_at = SystemClock.now_ms() - 125 * 60_000 + 500;
    let ghost = Connection::opened("gbikqi-vWQAYKEiHxA==".into(), None, opened_at);
    let room = Channel::parse("room:2").unwrap();
    table.put_opened(&ghost).await.unwrap();
    table.put_member(&room, &ghost, &"s".into(), None).await.unwrap();
    table.open(&ghost).await.unwrap().unwrap();
    table.add(&ghost, &[(room, "s".into())].into()).await.unwrap().unwrap();

    let mut alice = join(&stack).await;
    let bob = join(&stack).await;
    drop(bob);
    read_until(&mut alice, "\"leave\"").await;
    assert_eq!(presence(&mut alice).await, 1);
    let only_one = |lines: &[Value]| (lines.last()?["ActiveConnections"] == 1).then_some(());
    stack.logs().wait("/sweeper", only_one).await;
    stack.logs().wait("/sweeper", swept("ExpiredConnections", 1)).await;
    read_until(&mut alice, NOTHING).await;
    stack.logs().wait("/sweeper", swept("KeepalivesSent", 1)).await;
    stack.logs().wait("/sweeper", swept("ActiveChannels", 1)).await;
    let rows = stack.rows().await;
    assert_eq!(rows.keys().filter(|key| key.starts_with("T#")).count(), 1, "{:?}", rows.keys());
    assert_eq!(stack.index_rows().await.len(), 1);
    drop(alice);
    stack.stop().await;
}

/// How many are present.
async fn presence(client: &mut Socket) -> u64 {
    client.send(r#"{"id":8,"presence_stats":{"channel":"room:1"}}"#).await;
    loop {
        let frame = client.text().await;
        let lines = frame.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        if let Some(count) = lines.into_iter().find_map(|line| line["presence_stats"]["num_clients"].as_u64())
        {
            return count;
        }
    }
}
