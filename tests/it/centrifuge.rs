//! A published Centrifuge client crate, unmodified.

use std::time::Duration;

use harness::Stack;
use tokio::sync::mpsc;
use tokio_centrifuge::client::Client;
use tokio_centrifuge::config::Config;
use tokio_centrifuge::subscription::Subscription;

/// A client that is connected and subscribed, and what it receives.
async fn join(url: &str, channel: &str) -> (Client, Subscription, mpsc::UnboundedReceiver<Vec<u8>>) {
    let client = Client::new(url, Config::new().use_json().with_read_timeout(Duration::from_secs(20)));
    client.connect().await.expect("it connects");
    let subscription = client.new_subscription(channel);
    let (sender, received) = mpsc::unbounded_channel();
    subscription.on_publication(move |publication| drop(sender.send(publication.data)));
    subscription.subscribe().await.expect("it subscribes");
    (client, subscription, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokio_centrifuge_clients_see_each_others_publications() {
    let stack = Stack::start().await;
    let url = &stack.endpoint().websocket;
    let (alice, from_alice, mut at_alice) = join(url, "room:crab").await;
    let (bob, _at_bob, mut at_bob) = join(url, "room:crab").await;
    for text in [r#"{"n":1}"#, r#""two""#] {
        from_alice.publish(text.as_bytes().to_vec()).await.expect("it publishes");
        assert_eq!(at_alice.recv().await.as_deref(), Some(text.as_bytes()));
        assert_eq!(at_bob.recv().await.as_deref(), Some(text.as_bytes()));
    }
    alice.disconnect().await;
    bob.disconnect().await;
    let both = |lines: &[serde_json::Value]| {
        (lines.iter().filter(|line| line["DisconnectCount"] == 1).count() == 2).then_some(())
    };
    stack.logs().wait("/disconnect", both).await;
    assert_eq!(stack.index_rows().await, Vec::<String>::new());
    stack.stop().await;
}
