//! Clients with tokens.

use proptest::prelude::{any, prop_assert, proptest};

use super::races::{Running, interleave};
use super::{NOW, SECRET, World, token};
use crate::auth::tests::sign;
use crate::model::Rate;
use crate::model::{Connection, keys};
use crate::telemetry::FrameRecord;

async fn connect(world: &World, id: &str, token: &str) -> (String, FrameRecord) {
    world.connect(id, None).await;
    world.send(id, "hello", &format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await
}

async fn refresh(world: &World, id: &str, token: &str) -> String {
    world.send(id, "again", &format!(r#"{{"id":9,"refresh":{{"token":"{token}"}}}}"#)).await.0
}

#[tokio::test]
async fn who_sends_too_much_is_told_the_limit_and_may_send_again() {
    let mut world = World::new();
    world.settings.rate = Some(Rate { per_second: 10 });
    world.connect("a", None).await;
    world.send("a", "m1", r#"{"id":1,"connect":{}}"#).await;
    let pings = |number: usize| vec![r#"{"id":2,"ping":{}}"#; number].join("\n");
    world.send("a", "m2", &pings(64)).await;
    assert_eq!(world.send("a", "m3", &pings(9)).await.1.command_errors, 0);
    let refused = r#"{"id":2,"error":{"code":111,"message":"too many requests: more than 10 commands a second","temporary":true}}"#;
    assert_eq!(world.send("a", "m4", &pings(2)).await.0, format!("{refused}\n{refused}"));
    world.clock.advance(200);
    assert_eq!(world.send("a", "m5", &pings(1)).await.0, r#"{"id":2,"ping":{}}"#);
}

#[tokio::test]
async fn a_token_says_who_the_client_is() {
    let mut world = World::new();
    world.settings.allow_anonymous = false;
    let (answer, record) = connect(&world, "a", &token("alice", 600)).await;
    assert_eq!(
        answer,
        r#"{"id":1,"connect":{"client":"a","version":"0.1.0","expires":true,"ttl":600,"ping":0,"pong":false}}"#
    );
    assert_eq!(record.sender, Some("alice".into()));
    assert!(world.memory.index().contains_key(&keys::device(&"alice".into(), &"a".into())));
    world.send("a", "m1", r#"{"id":2,"subscribe":{"channel":"room:1"}}"#).await;
    world.send("a", "m2", r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    let info = r#""info":{"user":"alice","client":"a","conn_info":{"name":"alice"}}"#;
    assert!(world.received("a")[0].contains(info), "{:?}", world.received("a"));
    world.disconnect("a").await;
    assert!(world.memory.index().is_empty());
}

#[tokio::test]
async fn a_token_without_an_end_is_for_the_whole_connection() {
    let world = World::new();
    let forever = sign(SECRET, &serde_json::json!({"sub": "bob"}));
    let (answer, _) = connect(&world, "a", &forever).await;
    assert_eq!(answer, r#"{"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}"#);
    assert!(!world.memory.connection(&"a".into()).unwrap().has_expired(i64::MAX));
}

#[tokio::test]
async fn a_token_that_is_not_good_lets_nobody_in() {
    let world = World::new();
    let (answer, _) = connect(&world, "a", &token("alice", -60)).await;
    assert_eq!(answer, r#"{"id":1,"error":{"code":109,"message":"token expired"}}"#);
    let (_, record) = connect(&world, "b", &sign("other", &serde_json::json!({"sub": "bob"}))).await;
    assert_eq!(world.received("b"), [r#"{"push":{"disconnect":{"code":3500,"reason":"invalid token"}}}"#]);
    assert_eq!(record.error.as_deref(), Some("the token is not valid: InvalidSignature"));
    assert!(world.memory.index().is_empty());
}

#[tokio::test]
async fn a_token_cannot_name_another_than_the_authorizer_has() {
    let world = World::new();
    world.connect("a", Some("alice")).await;
    world.send("a", "m1", &format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token("mallory", 60))).await;
    assert!(world.received("a")[0].contains("invalid token"));
    world.connect("b", Some("bob")).await;
    let (answer, _) =
        world.send("b", "m1", &format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token("bob", 60))).await;
    assert!(answer.contains(r#""ttl":60"#), "{answer}");
}

#[tokio::test]
async fn what_the_authorizer_has_told_holds_without_another_token() {
    let world = World::new();
    let connection = Connection {
        token_expires_at: Some(NOW / 1000 + 60),
        info: Some(r#"{"a":1}"#.to_owned()),
        ..Connection::opened("a".into(), Some("alice".into()), NOW)
    };
    crate::service::connect(&world.memory, &connection).await.unwrap();
    let (answer, _) = world.send("a", "m1", r#"{"id":1,"connect":{}}"#).await;
    assert!(answer.contains(r#""expires":true,"ttl":60"#), "{answer}");
    let device = keys::device(&"alice".into(), &"a".into());
    assert_eq!(world.memory.index()[&device], NOW / 1000 + 120);
    let other = Connection::opened("b".into(), Some("alice".into()), NOW);
    let other = Connection { token_expires_at: Some(NOW / 1000 + 60), ..other };
    crate::service::connect(&world.memory, &other).await.unwrap();
    let connect = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token("alice", 600));
    world.send("b", "m1", &connect).await;
    let device = keys::device(&"alice".into(), &"b".into());
    assert_eq!(world.memory.index()[&device], NOW / 1000 + 660, "a later token prolongs it");
}

#[tokio::test]
async fn who_does_not_refresh_stops_receiving_and_is_told() {
    let world = World::new();
    for id in ["a", "b"] {
        connect(&world, id, &token(id, 600)).await;
        world.send(id, id, r#"{"id":2,"subscribe":{"channel":"room:1"}}"#).await;
    }
    world.clock.advance(600_000);
    let answer = refresh(&world, "a", &token("a", 1200)).await;
    assert_eq!(answer, r#"{"id":9,"refresh":{"client":"a","expires":true,"ttl":600}}"#);
    world.clock.advance(60_000);
    world.send("a", "m1", r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    assert_eq!((world.received("a").len(), world.received("b").len()), (1, 0));
    world.send("b", "m2", r#"{"id":3,"publish":{"channel":"room:1","data":2}}"#).await;
    assert_eq!(
        world.received("b"),
        [r#"{"push":{"disconnect":{"code":3005,"reason":"connection expired"}}}"#]
    );
    assert_eq!(world.memory.connection(&"a".into()).unwrap().expires_at(), NOW / 1000 + 1260);
}

#[tokio::test]
async fn a_refresh_is_for_the_same_user_only() {
    let world = World::new();
    connect(&world, "a", &token("alice", 600)).await;
    refresh(&world, "a", &token("bob", 1200)).await;
    assert!(world.received("a")[0].contains("invalid token"));
    connect(&world, "c", &token("carol", 600)).await;
    let answer = refresh(&world, "c", &token("carol", -60)).await;
    assert_eq!(answer, r#"{"id":9,"error":{"code":109,"message":"token expired"}}"#);
}

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let mut world = World::new();
    world.settings.max_connections_per_user = Some(2);
    for id in ["a", "b"] {
        let (answer, _) = connect(&world, id, &token("alice", 600)).await;
        assert!(answer.contains("\"client\""), "{answer}");
    }
    connect(&world, "c", &token("alice", 600)).await;
    let push = r#"{"push":{"disconnect":{"code":3504,"reason":"connection limit"}}}"#;
    assert_eq!(world.received("c"), [push]);
    assert_eq!(world.memory.index().len(), 2, "it leaves no row");
    let (answer, _) = connect(&world, "d", &token("bob", 600)).await;
    assert!(answer.contains("\"client\""), "another user is not held up: {answer}");
    world.disconnect("a").await;
    let (answer, _) = connect(&world, "e", &token("alice", 600)).await;
    assert!(answer.contains("\"client\""), "there is room again: {answer}");
}

proptest! {
    #[test]
    fn however_many_come_at_once_no_user_has_too_many(order in proptest::collection::vec(any::<u8>(), 1..60)) {
        let mut world = World::new();
        world.settings.max_connections_per_user = Some(2);
        let acts = ["a", "b", "c", "d"].map(|id| {
            let world = world.clone();
            let act: Running = Box::pin(async move { drop(connect(&world, id, &token("alice", 600)).await) });
            act
        });
        interleave(acts.into(), &order, None);
        prop_assert!(world.memory.index().len() <= 2);
    }
}
