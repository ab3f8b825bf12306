//! The server API over the ports in memory.

use super::{NOW, World, channel, token};
use crate::clock::Clock;
use crate::ports::ReadHead;
use crate::service::api::{Api, NoCall, api};
use crate::telemetry::FrameRecord;
use tokio::time::Instant;

impl World {
    /// Sends a server's request and gives the answer with what was recorded.
    pub(super) async fn call(
        &self,
        request: &str,
        method: &str,
        content: &str,
    ) -> (Result<String, NoCall>, FrameRecord) {
        let mut record = FrameRecord::default();
        let request = Api {
            store: &self.memory,
            callbacks: &self.memory,
            settings: &self.settings,
            clock: &self.clock,
            request,
            received_at: self.clock.now_ms(),
            deadline: Instant::now() + std::time::Duration::from_secs(20),
        };
        let answer = api(&request, method, content, &mut record).await;
        (answer, record)
    }
}

/// Plays a script: `a> …` is what a connection sends, `a! …` the next frame that it gets, answers
/// included; `$ method content` is a server's request and `= …` its answer. Connections are let in
/// as users of the same name before their last character.
#[track_caller]
fn check(script: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        let (mut answer, mut seen) = (String::new(), std::collections::BTreeMap::<String, usize>::new());
        for (number, line) in script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
            let (who, text) = line.split_once(' ').unwrap();
            let text = text.replace("\\n", "\n");
            if who == "$" {
                let (method, content) = text.split_once(' ').unwrap();
                answer = world.call(&format!("r{number}"), method, content).await.0.unwrap();
            } else if who == "=" {
                assert_eq!(answer, text, "line {number}");
            } else if let Some(id) = who.strip_suffix('>') {
                if !seen.contains_key(id) {
                    world.connect(id, None).await;
                    let user = token(&id[..id.len() - 1], 600);
                    world.send(id, "hello", &format!(r#"{{"id":1,"connect":{{"token":"{user}"}}}}"#)).await;
                    seen.insert(id.to_owned(), world.received(id).len());
                }
                let (frame, _) = world.send(id, &format!("m{number}"), &text).await;
                world.memory.hand(&id.into(), frame.into());
            } else {
                let id = who.strip_suffix('!').unwrap();
                let next = seen.get_mut(id).unwrap();
                assert_eq!(world.received(id).get(*next), Some(&text), "line {number}");
                *next += 1;
            }
        }
        for (id, next) in seen {
            assert_eq!(world.received(&id).split_off(next), Vec::<String>::new(), "{id} got more");
        }
    });
}

#[test]
fn a_server_publishes_to_every_channel_whose_namespace_there_is() {
    check(
        r#"
        al1> {"id":2,"subscribe":{"channel":"news:1"}}
        al1! {"id":2,"subscribe":{}}
        $ publish {"channel":"news:1","data":{"n":1},"tags":{"k":"v"}}
        = {"result":{}}
        al1! {"push":{"channel":"news:1","pub":{"data":{"n":1},"tags":{"k":"v"}}}}
        $ publish {"channel":"nowhere:1","data":1}
        = {"error":{"code":102,"message":"unknown channel: the namespace is not configured"}}
        $ publish {"channel":"a b","data":1}
        = {"error":{"code":107,"message":"bad request: the channel's name breaks the grammar"}}
        $ publish {"channel":"news:1"}
        = {"error":{"code":107,"message":"bad request: a publication needs data"}}
        $ broadcast {"channels":["news:1","nowhere:1","box:1"],"data":2}
        = {"result":{"responses":[{"result":{}},{"error":{"code":102,"message":"unknown channel: the namespace is not configured"}},{"result":{}}]}}
        al1! {"push":{"channel":"news:1","pub":{"data":2}}}
        "#,
    );
}

#[test]
fn what_a_server_publishes_is_kept_unless_it_says_otherwise() {
    check(
        r#"
        al1> {"id":2,"subscribe":{"channel":"log:1"}}
        al1! {"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m0","offset":0}}
        al1! {"push":{}}
        $ publish {"channel":"log:1","data":1,"tags":{"a":"b"}}
        = {"result":{"epoch":"6ab63ccc.m0","offset":1}}
        al1! {"push":{"channel":"log:1","pub":{"offset":1,"data":1,"tags":{"a":"b"}}}}
        $ publish {"channel":"log:1","data":2,"skip_history":true}
        = {"result":{}}
        al1! {"push":{"channel":"log:1","pub":{"data":2}}}
        $ history {"channel":"log:1","limit":10}
        = {"result":{"publications":[{"offset":1,"data":1,"tags":{"a":"b"}}],"epoch":"6ab63ccc.m0","offset":1}}
        $ history {"channel":"log:1"}
        = {"result":{"publications":[],"epoch":"6ab63ccc.m0","offset":1}}
        $ history {"channel":"news:1"}
        = {"error":{"code":108,"message":"not available: the namespace has no history"}}
        "#,
    );
}

#[test]
fn a_removed_history_is_missed_and_the_sequence_goes_on() {
    check(
        r#"
        $ publish {"channel":"log:1","data":1}
        = {"result":{"epoch":"6ab63ccc.r0.0.0","offset":1}}
        $ history_remove {"channel":"log:1"}
        = {"result":{}}
        $ history {"channel":"log:1","limit":-1}
        = {"result":{"publications":[],"epoch":"6ab63ccc.r0.0.0","offset":1}}
        $ publish {"channel":"log:1","data":2}
        = {"result":{"epoch":"6ab63ccc.r0.0.0","offset":2}}
        $ history {"channel":"log:1","limit":-1}
        = {"result":{"publications":[{"offset":2,"data":2}],"epoch":"6ab63ccc.r0.0.0","offset":2}}
        al1> {"id":2,"subscribe":{"channel":"log:1","recover":true,"epoch":"6ab63ccc.r0.0.0","offset":0}}
        al1! {"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.r0.0.0","offset":2,"was_recovering":true}}
        al1! {"push":{}}
        al2> {"id":2,"subscribe":{"channel":"log:1","recover":true,"epoch":"6ab63ccc.r0.0.0","offset":1}}
        al2! {"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.r0.0.0","offset":2,"was_recovering":true,"recovered":true,"publications":[{"offset":2,"data":2}]}}
        al2! {"push":{}}
        $ history_remove {"channel":"log:none"}
        = {"result":{}}
        "#,
    );
}

#[test]
fn a_server_subscribes_and_unsubscribes_every_connection_of_a_user() {
    check(
        r#"
        al1> {"id":2,"ping":{}}
        al1! {"id":2,"ping":{}}
        al2> {"id":2,"subscribe":{"channel":"log:1"}}
        al2! {"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m2","offset":0}}
        al2! {"push":{}}
        bo1> {"id":2,"ping":{}}
        bo1! {"id":2,"ping":{}}
        $ subscribe {"user":"al","channel":"log:1","data":{"why":"vip"}}
        = {"result":{}}
        al1! {"push":{"channel":"log:1","subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m2","offset":0,"data":{"why":"vip"}}}}
        $ subscribe {"user":"bo","client":"bo1","channel":"box:1"}
        = {"result":{}}
        bo1! {"push":{"channel":"box:1","subscribe":{}}}
        $ subscribe {"user":"al","client":"bo1","channel":"news:1"}
        = {"result":{}}
        $ publish {"channel":"log:1","data":1}
        = {"result":{"epoch":"6ab63ccc.m2","offset":1}}
        al1! {"push":{"channel":"log:1","pub":{"offset":1,"data":1}}}
        al2! {"push":{"channel":"log:1","pub":{"offset":1,"data":1}}}
        $ unsubscribe {"user":"al","channel":"log:1"}
        = {"result":{}}
        al1! {"push":{"channel":"log:1","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}
        al2! {"push":{"channel":"log:1","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}
        $ publish {"channel":"log:1","data":2}
        = {"result":{"epoch":"6ab63ccc.m2","offset":2}}
        $ subscribe {"user":"al","client":"al1","channel":"log:1","recover_since":{"offset":1,"epoch":"6ab63ccc.m2"}}
        = {"result":{}}
        al1! {"push":{"channel":"log:1","subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m2","offset":2}}}\n{"push":{"channel":"log:1","pub":{"offset":2,"data":2}}}
        $ subscribe {"channel":"log:1"}
        = {"error":{"code":107,"message":"bad request: whose connections is not said"}}
        $ subscribe {"user":"al","channel":"nowhere:1"}
        = {"error":{"code":102,"message":"unknown channel: the namespace is not configured"}}
        "#,
    );
}

#[test]
fn others_are_told_whom_a_server_brings_and_takes() {
    check(
        r#"
        bo1> {"id":2,"subscribe":{"channel":"lobby:1","join_leave":true}}
        bo1! {"id":2,"subscribe":{}}
        al1> {"id":2,"ping":{}}
        al1! {"id":2,"ping":{}}
        $ subscribe {"user":"al","channel":"lobby:1"}
        = {"result":{}}
        al1! {"push":{"channel":"lobby:1","subscribe":{}}}
        bo1! {"push":{"channel":"lobby:1","join":{"info":{"user":"al","client":"al1","conn_info":{"name":"al"}}}}}
        $ unsubscribe {"user":"al","channel":"lobby:1"}
        = {"result":{}}
        al1! {"push":{"channel":"lobby:1","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}
        bo1! {"push":{"channel":"lobby:1","leave":{"info":{"user":"al","client":"al1","conn_info":{"name":"al"}}}}}
        "#,
    );
}

#[test]
fn a_server_ends_the_connections_of_a_user_but_those_that_it_keeps() {
    check(
        r#"
        al1> {"id":2,"subscribe":{"channel":"club:1"}}
        al1! {"id":2,"subscribe":{}}
        al2> {"id":2,"subscribe":{"channel":"club:1"}}
        al2! {"id":2,"subscribe":{}}
        bo1> {"id":2,"subscribe":{"channel":"club:1"}}
        bo1! {"id":2,"subscribe":{}}
        $ presence_stats {"channel":"club:1"}
        = {"result":{"num_clients":3,"num_users":2}}
        $ disconnect {"user":"al","whitelist":["al2"]}
        = {"result":{}}
        al1! {"push":{"disconnect":{"code":3503,"reason":"force disconnect"}}}
        $ disconnect {"user":"bo","disconnect":{"code":4501,"reason":"bye"}}
        = {"result":{}}
        bo1! {"push":{"disconnect":{"code":4501,"reason":"bye"}}}
        $ presence {"channel":"club:1"}
        = {"result":{"presence":{"al2":{"user":"al","client":"al2","conn_info":{"name":"al"}}}}}
        $ presence {"channel":"news:1"}
        = {"error":{"code":108,"message":"not available: the namespace has no presence"}}
        $ disconnect {"user":"nobody"}
        = {"result":{}}
        "#,
    );
}

#[test]
fn a_batch_is_carried_out_in_order() {
    check(
        r#"
        $ batch {"commands":[{"publish":{"channel":"log:1","data":1}},{"no_such":{}},{"history":{"channel":"log:1","limit":1}},{"info":{}}],"parallel":false}
        = {"replies":[{"publish":{"epoch":"6ab63ccc.r0.0.0","offset":1}},{"error":{"code":104,"message":"method not found: there is no such method"}},{"history":{"publications":[{"offset":1,"data":1}],"epoch":"6ab63ccc.r0.0.0","offset":1}},{"info":{"nodes":[{"uid":"switchboard","name":"switchboard","version":"0.1.0"}]}}]}
        $ batch {"commands":7}
        = {"error":{"code":107,"message":"bad request: commands must be a list of calls"}}
        "#,
    );
}

#[tokio::test]
async fn what_is_no_call_is_told_apart() {
    let world = World::new();
    for (method, content, expected) in [
        ("no_such", "{}", NoCall::Method),
        ("publish", "", NoCall::Content),
        ("publish", "[]", NoCall::Content),
        ("publish", "{", NoCall::Content),
    ] {
        assert_eq!(world.call("r", method, content).await.0, Err(expected), "{method} {content}");
    }
}

#[tokio::test]
async fn a_request_with_a_key_is_one_publication_for_five_minutes() {
    let world = World::new();
    let publish = async |request: &str, channel: &str| {
        let content = format!(r#"{{"channel":"{channel}","data":1,"idempotency_key":"k"}}"#);
        world.call(request, "publish", &content).await.0.unwrap()
    };
    let offset = async || world.memory.head(&channel("log:1")).await.unwrap().unwrap().offset;
    let first = publish("r1", "log:1").await;
    assert_eq!(first, r#"{"result":{"epoch":"6ab63ccc.r1.0.0","offset":1}}"#);
    assert_eq!((publish("r2", "log:1").await, offset().await), (first.clone(), 1));
    assert!(publish("r3", "log:2").await.contains(r#""offset":1"#), "a key is one channel's");
    world.clock.advance(5 * 60 * 1000 - 1000);
    assert_eq!((publish("r4", "log:1").await, offset().await), (first, 1));
    world.clock.advance(1000);
    assert!(publish("r5", "log:1").await.contains(r#""offset":2"#));

    world.connect("a", None).await;
    world
        .send("a", "h", "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}")
        .await;
    for request in ["r6", "r7"] {
        assert_eq!(publish(request, "room:1").await, r#"{"result":{}}"#);
    }
    assert_eq!(world.received("a").len(), 1, "a channel without a history, too");
    assert!(world.clock.now_ms() > NOW);
}
