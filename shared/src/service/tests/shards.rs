//! Channels whose members are spread.

use super::{NOW, World, channel};
use crate::ids::ConnectionId;
use crate::model::Connection;
use crate::model::spread::{self, MEMBERS_A_SHARD, Spread};
use crate::ports::{PutIndex, ReadSpread, SpreadMembers};
use crate::service::members::members;

const ROOM: &str = "room:1";

/// A world in which a publisher is let in, and what spreads `room:1`.
async fn world(spread: Option<Spread>) -> World {
    let world = World::new();
    world.connect("p", None).await;
    world.send("p", "hello", r#"{"id":1,"connect":{}}"#).await;
    if let Some(spread) = spread {
        world.memory.spread(&channel(ROOM), spread).await.unwrap();
    }
    world
}

async fn subscribe(world: &World, id: &str) {
    world.connect(id, None).await;
    let frame = format!(r#"{{"id":1,"connect":{{}}}}{}{{"id":2,"subscribe":{{"channel":"{ROOM}"}}}}"#, '\n');
    world.send(id, id, &frame).await;
}

async fn publish(world: &World) {
    world.send("p", "m", &format!(r#"{{"id":2,"publish":{{"channel":"{ROOM}","data":1}}}}"#)).await;
}

/// The partitions of the rows that members of the channel have.
fn partitions(world: &World) -> Vec<String> {
    let mut partitions: Vec<_> = world.memory.index().into_keys().map(|key| key.partition).collect();
    partitions.dedup();
    partitions
}

#[tokio::test]
async fn a_channel_that_has_too_many_members_gets_more_shards() {
    let world = world(None).await;
    for n in 0..=MEMBERS_A_SHARD {
        let connection = Connection::opened(format!("m{n:04}").into(), None, NOW);
        world.memory.put_member(&channel(ROOM), &connection, &"s".into(), None).await.unwrap();
    }
    assert_eq!(world.memory.read_spread(&channel(ROOM)).await, Ok(None), "a subscribe counts nobody");
    publish(&world).await;
    assert_eq!(world.memory.posted().len(), MEMBERS_A_SHARD + 1);
    let spread = world.memory.read_spread(&channel(ROOM)).await.unwrap();
    assert_eq!(spread, Some(Spread::new(4, NOW / 1000)));
}

#[tokio::test]
async fn members_of_every_shard_are_posted_to_and_forgotten() {
    let world = world(Some(Spread::new(4, NOW / 1000))).await;
    let ids: Vec<_> = (0..20).map(|n| format!("c{n}")).collect();
    for id in &ids {
        subscribe(&world, id).await;
    }
    assert_eq!(partitions(&world).len(), 4, "{:?}", partitions(&world));
    publish(&world).await;
    assert!(ids.iter().all(|id| world.received(id).len() == 1));
    for id in &ids {
        world.disconnect(id).await;
    }
    assert_eq!(partitions(&world), Vec::<String>::new());
}

#[tokio::test]
async fn who_was_there_before_stays_where_it_is_and_is_listed_once() {
    let world = world(None).await;
    let id =
        (0..).map(|n| format!("c{n}")).find(|id| spread::shard(&ConnectionId::from(id.as_str()), 4) == 3);
    let id = id.unwrap();
    subscribe(&world, &id).await;
    world.memory.spread(&channel(ROOM), Spread::new(4, NOW / 1000)).await.unwrap();
    // As a subscribe leaves it that crashed after the channel had grown.
    let connection = world.memory.connection(&id.as_str().into()).unwrap();
    let stray = crate::ids::SubscriptionId::from("stray").in_shard(3);
    world.memory.put_member(&channel(ROOM), &connection, &stray.into(), None).await.unwrap();
    assert_eq!(partitions(&world), ["M#room:1#000", "M#room:1#003"]);
    assert_eq!(members(&world.memory, &channel(ROOM), NOW / 1000).await.unwrap().len(), 1);
    publish(&world).await;
    assert_eq!(world.received(&id).len(), 1);
}

#[tokio::test]
async fn whoever_subscribes_keeps_the_row_that_spreads_the_channel() {
    let old = Spread { shards: 4, ttl: NOW / 1000 + 60 };
    let world = world(Some(old)).await;
    subscribe(&world, "c").await;
    let spread = world.memory.read_spread(&channel(ROOM)).await.unwrap();
    assert_eq!(spread, Some(Spread::new(4, NOW / 1000)));
}
