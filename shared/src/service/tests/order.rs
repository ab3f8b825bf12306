//! Ordered channels, frame by frame.

use super::{World, channel};
use crate::model::State;
use crate::model::history::{Claim, Entry, Kept, Step};
use crate::model::{Connection, Subscription};
use crate::ports::{AdvanceHead, LeaseHead, PutEntry, PutIndex, ReadHead};

const PUBLISH: &str = r#"{"id":2,"publish":{"channel":"queue:1","data":1}}"#;

/// A world in which `a` is subscribed to `queue:1` and `p` is connected.
async fn subscribed() -> World {
    let world = World::new();
    for id in ["a", "p"] {
        world.connect(id, None).await;
        world.send(id, id, r#"{"id":1,"connect":{}}"#).await;
    }
    world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"queue:1"}}"#).await;
    world
}

/// The offsets that `a` was pushed, frame by frame.
fn pushed(world: &World) -> Vec<String> {
    let offsets = |frame: String| {
        let offsets = frame.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["push"]["pub"]["offset"].as_u64().map(|offset| offset.to_string())
        });
        offsets.collect::<Vec<_>>().join(" ")
    };
    world.received("a").into_iter().map(offsets).filter(|offsets| !offsets.is_empty()).collect()
}

#[tokio::test]
async fn a_publication_is_posted_before_its_reply() {
    let world = subscribed().await;
    for message in ["m1", "m2"] {
        assert_eq!(world.send("p", message, PUBLISH).await.0, r#"{"id":2,"publish":{}}"#);
    }
    assert_eq!(pushed(&world), ["1", "2"]);
    let head = world.memory.head(&channel("queue:1")).await.unwrap().unwrap();
    assert_eq!((head.offset, head.delivered, head.busy_until), (2, Some(2), None));
}

#[tokio::test]
async fn a_deliverer_that_crashed_is_succeeded() {
    let world = subscribed().await;
    world.send("p", "m1", PUBLISH).await;
    let claim = Claim { owner: "crashed", now_ms: super::NOW, until_ms: super::NOW + 10_000 };
    world.memory.take(&channel("queue:1"), &claim).await.unwrap();
    let (answer, record) = world.send("p", "m2", PUBLISH).await;
    assert_eq!((answer.as_str(), record.command_errors), (r#"{"id":2,"publish":{}}"#, 0));
    assert_eq!(pushed(&world), ["1", "2"]);
}

#[tokio::test]
async fn what_a_crashed_publisher_left_is_passed() {
    let world = subscribed().await;
    world.send("p", "m1", PUBLISH).await;
    let step = Step { by: 1, new_epoch: "", now_ms: super::NOW, ttl: super::NOW };
    world.memory.advance(&channel("queue:1"), &step).await.unwrap();
    world.send("p", "m", PUBLISH).await;
    assert_eq!(pushed(&world), ["1", "3"], "the second place is closed after two seconds");
}

#[tokio::test]
async fn a_channel_that_was_not_ordered_before_goes_on() {
    let world = subscribed().await;
    let step = Step { by: 0, new_epoch: "", now_ms: super::NOW, ttl: super::NOW };
    let head = world.memory.advance(&channel("queue:1"), &Step { by: 3, ..step }).await.unwrap();
    for (offset, at) in [(1, -70), (2, -61), (3, -1)] {
        let kept = Kept { data: "0".into(), user: None, client: Some("p".into()), info: None, tags: None };
        let entry = Entry { offset, at: super::NOW + at * 1000, kept: Some(kept) };
        world.memory.put_entry(&channel("queue:1"), &head.epoch, &entry, 0).await.unwrap();
    }
    world.send("p", "m", PUBLISH).await;
    assert_eq!(pushed(&world), ["3 4"], "older ones were posted by their publishers");
}

#[tokio::test]
async fn who_misses_what_is_not_kept_is_ended_and_comes_back() {
    let world = subscribed().await;
    world.send("p", "m1", PUBLISH).await;
    world.memory.forget_history(&channel("queue:1"));
    let step = Step { by: 1, new_epoch: "", now_ms: super::NOW, ttl: super::NOW };
    world.memory.advance(&channel("queue:1"), &step).await.unwrap();
    world.send("p", "m3", PUBLISH).await;
    assert_eq!(world.memory.connection(&"a".into()).unwrap().state, State::Closed);
    let head = world.memory.head(&channel("queue:1")).await.unwrap().unwrap();
    assert_eq!((head.offset, head.delivered), (3, Some(3)));
}

#[tokio::test]
async fn several_that_did_not_arrive_come_together() {
    let world = subscribed().await;
    world.memory.refuse(&"a".into(), true);
    for message in ["m1", "m2"] {
        world.send("p", message, PUBLISH).await;
    }
    world.memory.refuse(&"a".into(), false);
    world.send("p", "m3", PUBLISH).await;
    assert_eq!(pushed(&world), ["1 2 3"]);
}

#[tokio::test]
async fn who_waits_for_a_function_that_ended_is_ended() {
    let world = subscribed().await;
    world.connect("c", None).await;
    let connection = Connection::opened("c".into(), None, super::NOW);
    let until = Some(super::NOW / 1000 + 60);
    let row = Subscription::from("cut off");
    world.memory.put_member(&channel("queue:1"), &connection, &row, until).await.unwrap();
    world.send("p", "m1", PUBLISH).await;
    assert_eq!(world.memory.connection(&"c".into()).unwrap().state, State::Open);
    world.clock.advance(60_000);
    world.send("p", "m2", PUBLISH).await;
    assert_eq!(world.memory.connection(&"c".into()).unwrap().state, State::Closed);
    assert_eq!(pushed(&world), ["1", "2"]);
}
