//! Subscriptions that tokens, capabilities and the operator give.

use serde_json::{Value, json};

use super::frames::check;
use super::{NOW, SECRET, World, channel, grant, token};
use crate::auth::tests::sign;
use crate::channel::Namespaces;
use crate::model::keys;
use crate::service::members::members;

/// A world in which the clients are in with tokens of their own names and these further claims.
async fn clients(ids: &[&str], claims: &Value) -> World {
    let world = World::new();
    for id in ids {
        let mut own = json!({"sub": id, "exp": NOW / 1000 + 3600});
        own.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        world.connect(id, None).await;
        let frame = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, sign(SECRET, &own));
        let (answer, _) = world.send(id, id, &frame).await;
        assert!(!answer.contains("\"error\""), "{answer}");
    }
    world
}

async fn ask(world: &World, id: &str, command: &str) -> String {
    world.send(id, "m", &format!(r#"{{"id":5,{command}}}"#)).await.0
}

fn subscribe(channel: &str, token: &str) -> String {
    format!(r#""subscribe":{{"channel":"{channel}","token":"{token}"}}"#)
}

const DENIED: &str = r#"{"id":5,"error":{"code":103,"message":"permission denied"}}"#;

#[tokio::test]
async fn a_subscription_token_opens_a_channel_that_is_closed_otherwise() {
    let world = clients(&["a"], &json!({})).await;
    assert_eq!(ask(&world, "a", &subscribe("box:1", "")).await, DENIED);
    let answer = ask(&world, "a", &subscribe("box:1", &grant("a", "box:1", 600))).await;
    assert_eq!(answer, r#"{"id":5,"subscribe":{"expires":true,"ttl":600}}"#);
    let row = keys::member(&channel("box:1"), &"a".into(), &"m.0".into());
    assert_eq!(world.memory.index()[&row], NOW / 1000 + 660, "not longer than it says");
}

#[tokio::test]
async fn a_subscription_token_is_for_one_user_and_one_channel() {
    let world = clients(&["a"], &json!({})).await;
    for token in [
        grant("mallory", "box:1", 600),
        grant("a", "box:2", 600),
        token("a", 600),
        sign("other", &json!({"sub": "a", "channel": "box:1"})),
    ] {
        assert_eq!(ask(&world, "a", &subscribe("box:1", &token)).await, DENIED);
    }
    let answer = ask(&world, "a", &subscribe("box:1", &grant("a", "box:1", -60))).await;
    assert_eq!(answer, r#"{"id":5,"error":{"code":109,"message":"token expired"}}"#);
    assert_eq!(world.memory.index().len(), 1, "a device row and no member");
}

#[tokio::test]
async fn a_subscription_that_is_refreshed_goes_on_and_one_that_is_not_ends() {
    let world = clients(&["a", "b"], &json!({})).await;
    for id in ["a", "b"] {
        ask(&world, id, &subscribe("room:1", &grant(id, "room:1", 600))).await;
    }
    world.clock.advance(600_000);
    let refresh = |token| format!(r#""sub_refresh":{{"channel":"room:1","token":"{token}"}}"#);
    assert_eq!(
        ask(&world, "a", &refresh(grant("a", "room:1", 1200))).await,
        r#"{"id":5,"sub_refresh":{"expires":true,"ttl":600}}"#
    );
    world.clock.advance(60_000);
    let publish = r#""publish":{"channel":"room:1","data":1}"#;
    ask(&world, "a", publish).await;
    assert_eq!((world.received("a").len(), world.received("b").len()), (1, 0));
    let answer = ask(&world, "b", r#""ping":{}"#).await;
    let push = r#"{"push":{"channel":"room:1","unsubscribe":{"code":2501,"reason":"subscription expired"}}}"#;
    assert_eq!(answer, format!("{push}\n{{\"id\":5,\"ping\":{{}}}}"));
    let answer = ask(&world, "b", &subscribe("room:1", &grant("b", "room:1", 1200))).await;
    assert!(answer.contains("\"subscribe\""), "and it may come again: {answer}");
    assert_eq!(members(&world.memory, &channel("room:1"), world_now(&world)).await.unwrap().len(), 2);
}

fn world_now(world: &World) -> i64 {
    crate::clock::Clock::now_s(&world.clock)
}

#[tokio::test]
async fn a_sub_refresh_that_is_not_good_is_refused() {
    let world = clients(&["a"], &json!({})).await;
    let refresh = |token| format!(r#""sub_refresh":{{"channel":"room:1","token":"{token}"}}"#);
    assert_eq!(ask(&world, "a", &refresh(grant("a", "room:1", 600))).await, DENIED, "no subscription");
    ask(&world, "a", &subscribe("room:1", "")).await;
    assert_eq!(ask(&world, "a", &refresh(grant("b", "room:1", 600))).await, DENIED);
    assert_eq!(
        ask(&world, "a", &refresh(grant("a", "room:1", -60))).await,
        r#"{"id":5,"error":{"code":110,"message":"expired"}}"#
    );
}

#[tokio::test]
async fn capabilities_allow_what_namespaces_do_not() {
    let caps = json!({"caps": [
        {"channels": ["box:*"], "match": "wildcard", "allow": ["sub"]},
        {"channels": ["news:1", "log:1", "club:1"], "allow": ["pub", "prs", "hst"]},
    ]});
    let world = clients(&["a"], &caps).await;
    assert_eq!(ask(&world, "a", &subscribe("box:1", "")).await, r#"{"id":5,"subscribe":{}}"#);
    assert_eq!(
        ask(&world, "a", r#""publish":{"channel":"news:1","data":1}"#).await,
        r#"{"id":5,"publish":{}}"#
    );
    assert_eq!(ask(&world, "a", r#""publish":{"channel":"news:2","data":1}"#).await, DENIED);
    assert_eq!(
        ask(&world, "a", r#""presence_stats":{"channel":"club:1"}"#).await,
        r#"{"id":5,"presence_stats":{"num_clients":0,"num_users":0}}"#
    );
    assert!(ask(&world, "a", r#""history":{"channel":"log:1"}"#).await.contains("\"publications\":[]"));
    // A new token brings its own.
    let refresh = format!(r#""refresh":{{"token":"{}"}}"#, token("a", 600));
    ask(&world, "a", &refresh).await;
    assert_eq!(ask(&world, "a", r#""publish":{"channel":"news:1","data":1}"#).await, DENIED);
}

#[tokio::test]
async fn a_token_subscribes_its_client() {
    let world = World::new();
    world.connect("a", None).await;
    let claims = json!({"sub": "alice", "channels": ["room:1"], "subs": {"log:1": {}}});
    let connect = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, sign(SECRET, &claims));
    let (answer, _) = world.send("a", "m1", &connect).await;
    assert_eq!(answer, crate::service::outbox::NOTHING, "a position is told by a callback");
    let reply: Value = serde_json::from_str(&world.received("a")[0]).unwrap();
    let subs = &reply["connect"]["subs"];
    assert_eq!(subs["room:1"], json!({}));
    assert_eq!(subs["log:1"]["positioned"], true);
    for name in ["room:1", "log:1"] {
        ask(&world, "a", &format!(r#""publish":{{"channel":"{name}","data":1}}"#)).await;
    }
    assert_eq!(world.received("a").len(), 3);
    // It may leave as any other.
    ask(&world, "a", r#""unsubscribe":{"channel":"room:1"}"#).await;
    assert_eq!(members(&world.memory, &channel("room:1"), NOW / 1000).await.unwrap(), []);
}

#[tokio::test]
async fn a_token_for_a_channel_that_cannot_be_is_told_so() {
    let world = World::new();
    world.connect("a", None).await;
    let token = sign(SECRET, &json!({"sub": "alice", "channels": ["nowhere:1"]}));
    let (answer, _) = world.send("a", "m1", &format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
    assert_eq!(answer, r#"{"id":1,"error":{"code":102,"message":"unknown channel"}}"#);
}

#[tokio::test]
async fn a_users_own_channel_reaches_every_device_and_recovers() {
    let mut world = World::new();
    world.settings.namespaces = Namespaces::from_json(
        r#"{"own": {"personal_channel": true, "allow_publish_for_client": true,
                    "history_size": 20, "history_ttl": "60s"}}"#,
    )
    .unwrap();
    let connect = |id: &'static str, since: String| {
        let world = world.clone();
        async move {
            world.connect(id, None).await;
            let frame = format!(r#"{{"id":1,"connect":{{"token":"{}"{since}}}}}"#, token("bob", 600));
            world.send(id, id, &frame).await;
            let reply: Value = serde_json::from_str(&world.received(id)[0]).unwrap();
            reply["connect"]["subs"]["own:#bob"].clone()
        }
    };
    let (phone, laptop) = (connect("phone", String::new()).await, connect("laptop", String::new()).await);
    assert_eq!((&phone["offset"], &laptop["offset"]), (&0.into(), &0.into()));
    world.connect("c", None).await;
    world.send("c", "c", r#"{"id":1,"connect":{}}"#).await;
    ask(&world, "c", r#""publish":{"channel":"own:#bob","data":"psst"}"#).await;
    assert_eq!((world.received("phone").len(), world.received("laptop").len()), (2, 2));
    world.disconnect("phone").await;
    ask(&world, "c", r#""publish":{"channel":"own:#bob","data":"again"}"#).await;
    let epoch = phone["epoch"].as_str().unwrap();
    let since = format!(r#","subs":{{"own:#bob":{{"recover":true,"epoch":"{epoch}","offset":1}}}}"#);
    let back = connect("phone2", since).await;
    assert_eq!((&back["recovered"], &back["publications"][0]["data"]), (&true.into(), &"again".into()));
    assert_eq!(ask(&world, "c", &subscribe("own:#bob", "")).await, DENIED, "it is nobody else's");
}

#[test]
fn a_channel_that_lists_users_is_for_these() {
    check(
        r#"
        c> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"pair:1"}}
        c< {"id":1,"connect":{"client":"c","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        c> {"id":3,"subscribe":{"channel":"pair:1#alice,carol"}}\n{"id":4,"subscribe":{"channel":"pair:1#alice,bob"}}
        c< {"id":3,"subscribe":{}}\n{"id":4,"error":{"code":103,"message":"permission denied"}}
        "#,
    );
}
