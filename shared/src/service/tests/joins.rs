//! Who is told who joins and leaves.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::frames::check;
use super::races::interleave;
use super::sweep::kept_alive_at;
use super::{World, token};
use crate::service::sweep::SweepSettings;

#[test]
fn members_that_ask_for_it_are_told_of_others() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"lobby:1","join_leave":true}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        b> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"lobby:1"}}
        a! {"push":{"channel":"lobby:1","join":{"info":{"user":"","client":"b"}}}}
        b< {"id":1,"connect":{"client":"b","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        c> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"lobby:1"}}\n{"id":3,"unsubscribe":{"channel":"lobby:1"}}\n{"id":4,"unsubscribe":{"channel":"lobby:1"}}
        a! {"push":{"channel":"lobby:1","join":{"info":{"user":"carol","client":"c"}}}}
        a! {"push":{"channel":"lobby:1","leave":{"info":{"user":"carol","client":"c"}}}}
        c< {"id":1,"connect":{"client":"c","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}\n{"id":3,"unsubscribe":{}}\n{"id":4,"unsubscribe":{}}
        a> {"id":3,"subscribe":{"channel":"room:1","join_leave":true}}
        a< {"id":3,"subscribe":{}}
        b> {"id":3,"subscribe":{"channel":"room:1"}}
        b< {"id":3,"subscribe":{}}
        "#,
    );
}

#[test]
fn a_namespace_can_tell_everyone() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"hall:1"}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        b> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"hall:1","recoverable":true}}
        a! {"push":{"channel":"hall:1","join":{"info":{"user":"","client":"b"}}}}
        b! {"id":1,"connect":{"client":"b","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m2","offset":0}}
        b< {"push":{}}
        "#,
    );
}

pub(super) const JOIN: &str =
    "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"lobby:1\",\"join_leave\":true}}";

/// A world in which the connections have joined `lobby:1` and listen.
pub(super) async fn lobby(ids: &[&str]) -> World {
    let world = World::new();
    for id in ids {
        world.connect(id, None).await;
        world.send(id, id, JOIN).await;
    }
    world
}

/// How often `who` was told that the connection has left.
pub(super) fn leaves(world: &World, who: &str, left: &str) -> usize {
    let push = format!(r#""leave":{{"info":{{"user":"","client":"{left}"}}}}"#);
    world.received(who).iter().filter(|frame| frame.contains(&push)).count()
}

#[tokio::test]
async fn a_connection_that_ends_leaves_its_channels() {
    let world = lobby(&["a", "b", "c"]).await;
    world.disconnect("c").await;
    assert_eq!((leaves(&world, "a", "c"), leaves(&world, "b", "c")), (1, 1));
    world.send("b", "m", "garbage").await;
    assert_eq!((leaves(&world, "a", "b"), leaves(&world, "c", "b")), (1, 0));
}

#[tokio::test]
async fn a_callback_that_meets_410_tells_the_others() {
    let world = lobby(&["a", "b", "c"]).await;
    for id in ["b", "c"] {
        world.memory.lose(&id.into());
    }
    let (_, record) = world.send("a", "m", r#"{"id":3,"publish":{"channel":"lobby:1","data":1}}"#).await;
    assert_eq!((leaves(&world, "a", "b"), leaves(&world, "a", "c")), (1, 1));
    assert_eq!(record.callbacks.unwrap().gone, 2);
}

#[tokio::test]
async fn a_leave_that_meets_410_is_a_leave_as_well() {
    let world = lobby(&["a", "b", "c"]).await;
    world.memory.lose(&"b".into());
    world.disconnect("c").await;
    assert_eq!((leaves(&world, "a", "b"), leaves(&world, "a", "c")), (1, 1));
    assert!(!world.disconnect("b").await, "its end is counted");
}

#[tokio::test]
async fn who_joins_is_told_with_what_its_token_says() {
    let world = lobby(&["a"]).await;
    world.connect("b", None).await;
    let connect = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token("bob", 60));
    world.send("b", "m1", &connect).await;
    world.send("b", "m2", r#"{"id":2,"subscribe":{"channel":"lobby:1"}}"#).await;
    let info = r#"{"info":{"user":"bob","client":"b","conn_info":{"name":"bob"}}}"#;
    assert_eq!(world.received("a"), [format!(r#"{{"push":{{"channel":"lobby:1","join":{info}}}}}"#)]);
}

proptest! {
    #[test]
    fn however_an_end_is_noticed_it_is_told_once(
        order in proptest::collection::vec(any::<u8>(), 1..60),
        ends in proptest::collection::vec(0..4_u8, 1..5),
    ) {
        let world = World::new();
        let prepared = world.clone();
        interleave(vec![Box::pin(async move {
            for id in ["a", "b"] {
                prepared.connect(id, None).await;
                prepared.send(id, id, JOIN).await;
            }
        })], &[0], None);
        let acts = ends.iter().enumerate().map(|(number, end)| {
            let (world, end) = (world.clone(), *end);
            let act: super::races::Running = Box::pin(async move {
                match end {
                    0 => drop(world.disconnect("b").await),
                    1 => drop(world.send("b", &format!("m{number}"), "garbage").await),
                    2 => {
                        world.memory.lose(&"b".into());
                        let settings = SweepSettings { keep_alive: true, renew: false };
                        drop(world.sweep(kept_alive_at("b"), settings).await);
                    }
                    _ => {
                        world.memory.lose(&"b".into());
                        let frame = r#"{"id":3,"publish":{"channel":"lobby:1","data":1}}"#;
                        world.send("a", &format!("m{number}"), frame).await;
                    }
                }
            });
            act
        });
        interleave(acts.collect(), &order, None);
        prop_assert_eq!(leaves(&world, "a", "b"), 1);
    }
}
