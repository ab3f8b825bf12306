//! Frames of commands and what comes of them.

use super::{World, channel};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::ports::StoreError;
use crate::service::members::members;
use crate::service::presence::MAX_LISTED;

/// Runs a transcript on a fresh world with the connections `a`, `b` and `c` (user `carol`) open:
/// `a> text` sends a frame, `a< text` is its answer, `a! text` what was posted to it meanwhile.
#[track_caller]
pub(super) fn check(transcript: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        for (id, user) in [("a", None), ("b", None), ("c", Some("carol"))] {
            assert!(world.connect(id, user).await);
        }
        let mut seen = Vec::new();
        let lines = transcript.lines().map(str::trim).filter(|line| !line.is_empty());
        for (number, line) in lines.clone().enumerate() {
            let Some((id, text)) = line.split_once("> ") else { continue };
            let before = world.memory.posted().len();
            let (answer, _) = world.send(id, &format!("m{number}"), &text.replace("\\n", "\n")).await;
            seen.push(line.to_owned());
            let posted = world.memory.posted().into_iter().skip(before);
            let mut posted: Vec<_> = posted
                .map(|(to, frame)| {
                    format!("{to}! {}", String::from_utf8(frame.to_vec()).unwrap().replace('\n', "\\n"))
                })
                .collect();
            // Posts of one publication are in flight together: their order says nothing.
            posted.sort();
            seen.append(&mut posted);
            seen.push(format!("{id}< {}", answer.replace('\n', "\\n")));
        }
        assert_eq!(seen, lines.collect::<Vec<_>>());
    });
}

#[test]
fn a_publication_reaches_everyone_who_is_subscribed() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room:1"}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        c> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room:1"}}
        c< {"id":1,"connect":{"client":"c","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        c> {"id":3,"publish":{"channel":"room:1","data":{"text": "hi"}}}
        a! {"push":{"channel":"room:1","pub":{"data":{"text": "hi"},"info":{"user":"carol","client":"c"}}}}
        c! {"push":{"channel":"room:1","pub":{"data":{"text": "hi"},"info":{"user":"carol","client":"c"}}}}
        c< {"id":3,"publish":{}}
        a> {"id":3,"unsubscribe":{"channel":"room:1"}}
        a< {"id":3,"unsubscribe":{}}
        c> {"id":4,"publish":{"channel":"room:1","data":5}}
        c! {"push":{"channel":"room:1","pub":{"data":5,"info":{"user":"carol","client":"c"}}}}
        c< {"id":4,"publish":{}}
        "#,
    );
}

#[test]
fn a_namespace_says_who_may_do_what() {
    check(
        r#"
        a> {"id":1,"connect":{}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}
        a> {"id":2,"subscribe":{"channel":"nowhere:1"}}\n{"id":3,"subscribe":{"channel":"box:1"}}
        a< {"id":2,"error":{"code":102,"message":"unknown channel"}}\n{"id":3,"error":{"code":103,"message":"permission denied"}}
        a> {"id":4,"publish":{"channel":"news:1","data":1}}\n{"id":5,"publish":{"channel":"club:1","data":1}}
        a< {"id":4,"error":{"code":103,"message":"permission denied"}}\n{"id":5,"error":{"code":103,"message":"permission denied"}}
        a> {"id":6,"subscribe":{"channel":"club:1"}}\n{"id":7,"publish":{"channel":"club:1","data":1}}
        a! {"push":{"channel":"club:1","pub":{"data":1,"info":{"user":"","client":"a"}}}}
        a< {"id":6,"subscribe":{}}\n{"id":7,"publish":{}}
        "#,
    );
}

#[test]
fn presence_is_for_those_who_are_there() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"presence":{"channel":"club:1"}}\n{"id":3,"subscribe":{"channel":"club:1"}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"error":{"code":103,"message":"permission denied"}}\n{"id":3,"subscribe":{}}
        c> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"club:1"}}
        c< {"id":1,"connect":{"client":"c","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}
        a> {"id":4,"presence":{"channel":"club:1"}}\n{"id":5,"presence_stats":{"channel":"club:1"}}
        a< {"id":4,"presence":{"presence":{"a":{"user":"","client":"a"},"c":{"user":"carol","client":"c"}}}}\n{"id":5,"presence_stats":{"num_clients":2,"num_users":2}}
        a> {"id":6,"presence":{"channel":"room:1"}}
        a< {"id":6,"error":{"code":108,"message":"not available"}}
        "#,
    );
}

#[tokio::test]
async fn a_presence_list_has_an_end_and_the_count_has_none() {
    let world = World::new();
    for n in 0..=MAX_LISTED {
        let id = format!("c{n}");
        world.connect(&id, Some("everybody")).await;
        world
            .send(&id, &id, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"club:1\"}}")
            .await;
    }
    let (answer, _) =
        world.send("c0", "m", "{\"id\":3,\"presence\":{\"channel\":\"club:1\"}}\n{\"id\":4,\"presence_stats\":{\"channel\":\"club:1\"}}").await;
    let stats = format!(r#"{{"id":4,"presence_stats":{{"num_clients":{},"num_users":1}}}}"#, MAX_LISTED + 1);
    assert_eq!(
        answer,
        format!("{{\"id\":3,\"error\":{{\"code\":108,\"message\":\"not available\"}}}}\n{stats}")
    );
}

#[test]
fn bad_commands_are_answered_and_the_connection_goes_on() {
    check(
        r#"
        a> {"id":1,"connect":{}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}
        a> {"id":2,"subscribe":{"channel":"röom"}}\n{"id":3,"publish":{"channel":"room:1"}}\n{"id":4,"rpc":{}}\n{"id":5}
        a< {"id":2,"error":{"code":107,"message":"bad request"}}\n{"id":3,"error":{"code":107,"message":"bad request"}}\n{"id":4,"error":{"code":104,"message":"method not found"}}\n{"id":5,"error":{"code":104,"message":"method not found"}}
        a> {"id":6,"subscribe":{"channel":"room:1","token":"x"}}\n{"id":7,"ping":{},"send":{}}
        a< {"id":6,"error":{"code":103,"message":"permission denied"}}\n{"id":7,"error":{"code":107,"message":"bad request"}}
        a> {"id":8,"subscribe":{"channel":"room:1"}}\n{"id":9,"subscribe":{"channel":"room:1"}}
        a< {"id":8,"subscribe":{}}\n{"id":9,"error":{"code":105,"message":"already subscribed"}}
        a> {"id":10,"unsubscribe":{"channel":"room:2"}}\n{"send":{"data":{}}}\n{"id":11,"ping":{}}
        a< {"id":10,"unsubscribe":{}}\n{"id":11,"ping":{}}
        a> {"send":{"data":{}}}
        a< {"push":{}}
        "#,
    );
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let bad_request = r#"! {"push":{"disconnect":{"code":3501,"reason":"bad request"}}}"#;
    for (id, frame) in [("a", "hello"), ("a", r#"{"id":1,"subscribe":{"channel":"room:1"}}"#), ("b", "")] {
        check(
            &format!("{id}> {frame}\n{id}{bad_request}\n{id}< {{\"push\":{{}}}}").replace("b> \n", "b> {}\n"),
        );
    }
    check(
        r#"
        a> {"id":1,"connect":{"token":"eyJ"}}
        a! {"push":{"disconnect":{"code":3500,"reason":"invalid token"}}}
        a< {"push":{}}
        nobody> {"id":1,"connect":{}}
        nobody! {"push":{"disconnect":{"code":3000,"reason":"connection closed"}}}
        nobody< {"push":{}}
        b> {"id":1,"connect":{}}
        b< {"id":1,"connect":{"client":"b","version":"0.1.0","ping":0,"pong":false}}
        b> {"id":2,"connect":{}}
        b! {"push":{"disconnect":{"code":3501,"reason":"bad request"}}}
        b< {"push":{}}
        "#,
    );
}

#[tokio::test]
async fn a_client_that_is_kicked_leaves_no_rows() {
    let world = World::new();
    world.connect("a", Some("alice")).await;
    world
        .send("a", "m1", "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}")
        .await;
    assert_eq!(world.memory.index().len(), 2, "a member row and a device row");
    let (_, record) = world.send("a", "m2", "garbage").await;
    assert!(world.memory.index().is_empty());
    assert_eq!((record.command_errors, record.error_code.as_deref()), (1, Some("3501")));
    assert!(!world.disconnect("a").await, "the kick has counted its end");
}

#[tokio::test]
async fn strangers_are_let_in_only_when_the_operator_says_so() {
    let mut world = World::new();
    world.settings.allow_anonymous = false;
    world.connect("a", None).await;
    world.connect("c", Some("carol")).await;
    let (answer, record) = world.send("a", "m1", r#"{"id":1,"connect":{}}"#).await;
    assert_eq!(answer, r#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#);
    assert_eq!(record.error.as_deref(), Some("the client did not say who it is"));
    let (answer, _) = world.send("c", "m1", r#"{"id":1,"connect":{}}"#).await;
    assert!(answer.contains("\"client\":\"c\""), "{answer}");
}

#[tokio::test]
async fn a_callback_that_meets_410_cleans_up() {
    let world = World::new();
    for id in ["a", "b"] {
        world.connect(id, None).await;
        world
            .send(id, id, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}")
            .await;
    }
    world.memory.lose(&"b".into());
    let (_, record) = world.send("a", "m3", r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    let callbacks = record.callbacks.unwrap();
    assert_eq!((callbacks.recipients, callbacks.count, callbacks.gone), (2, 2, 1));
    let left = members(&world.memory, &channel("room:1"), 0).await.unwrap();
    assert_eq!(left.iter().map(|member| member.connection.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(!world.disconnect("b").await, "the 410 has counted its end");
}

#[tokio::test]
async fn a_connection_has_so_many_channels_and_no_more() {
    let world = World::new();
    world.connect("a", None).await;
    world.send("a", "m0", r#"{"id":1,"connect":{}}"#).await;
    for n in 0..=MAX_SUBSCRIPTIONS {
        let frame = format!(r#"{{"id":{},"subscribe":{{"channel":"room:{n}"}}}}"#, n + 2);
        let (answer, _) = world.send("a", &format!("s{n}"), &frame).await;
        let error = r#""code":106,"message":"limit exceeded: more than 100 channels""#;
        assert_eq!(answer.contains(error), n == MAX_SUBSCRIPTIONS, "{answer}");
    }
    assert_eq!(world.memory.index().len(), MAX_SUBSCRIPTIONS);
}

#[tokio::test]
async fn a_publication_that_api_gateway_would_not_send_is_refused() {
    let world = World::new();
    world.connect("a", None).await;
    let data = "x".repeat(crate::service::publish::MAX_FRAME - 60);
    let frame = format!(
        "{{\"id\":1,\"connect\":{{}}}}\n{{\"id\":2,\"publish\":{{\"channel\":\"room:1\",\"data\":\"{data}\"}}}}"
    );
    let (answer, _) = world.send("a", "m1", &frame).await;
    let error = r#""message":"limit exceeded: the frame has 131091 bytes, 131072 may be sent"}}"#;
    assert!(answer.ends_with(error), "{answer}");
}

#[tokio::test]
async fn expired_members_are_not_sent_to() {
    let world = World::new();
    for id in ["a", "b"] {
        world.connect(id, None).await;
        world
            .send(id, id, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}")
            .await;
        world.clock.advance(60 * 60 * 1000);
    }
    world.clock.advance(6 * 60 * 1000);
    world.send("b", "m1", r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    assert_eq!((world.received("a").len(), world.received("b").len()), (0, 1));
}

#[tokio::test]
async fn a_table_that_fails_is_our_fault_and_may_pass() {
    let world = World::new();
    world.connect("a", None).await;
    world.send("a", "m0", r#"{"id":1,"connect":{}}"#).await;
    let frame = "{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}\n{\"send\":{}}\n{\"id\":3,\"ping\":{}}";
    for (fault, error) in [
        (
            StoreError::Failed("boom".into()),
            r#""error":{"code":100,"message":"internal server error","temporary":true}"#,
        ),
        (
            StoreError::Throttled("slow".into()),
            r#""error":{"code":111,"message":"too many requests","temporary":true}"#,
        ),
    ] {
        world.memory.fail(Some(fault));
        let (answer, record) = world.send("a", "m1", frame).await;
        assert_eq!(answer, format!("{{\"id\":2,{error}}}\n{{\"id\":3,{error}}}"));
        assert_eq!((record.internal_error, record.command_errors), (true, 0));
    }
    world.memory.fail(None);
    let (answer, _) = world.send("a", "m2", frame).await;
    assert_eq!(answer, "{\"id\":2,\"subscribe\":{}}\n{\"id\":3,\"ping\":{}}");
}
