//! History and recovery, frame by frame. The epoch is the second and the message in which a
//! channel began.

use serde_json::Value;

use super::frames::check;
use super::{World, channel};
use crate::model::State;
use crate::ports::{ReadHead, StoreError};
use crate::service::deliver::MAX_MISSING;
use crate::service::outbox::NOTHING;
use crate::service::publish::MAX_FRAME;
use crate::telemetry::FrameRecord;

/// A world in which `a` and `p` are connected, and `log:1` has so many publications of its numbers.
async fn published(n: usize, data: impl Fn(usize) -> String) -> World {
    let world = World::new();
    for id in ["a", "p"] {
        world.connect(id, None).await;
        world.send(id, id, r#"{"id":1,"connect":{}}"#).await;
    }
    for number in 1..=n {
        let frame = format!(r#"{{"id":1,"publish":{{"channel":"log:1","data":{}}}}}"#, data(number));
        let (answer, _) = world.send("p", &format!("m{number}"), &frame).await;
        assert_eq!(answer, r#"{"id":1,"publish":{}}"#);
    }
    world
}

/// Subscribes `a` and gives the reply, the offsets that the client has after it, and the record.
async fn recover(world: &World, epoch: &str, offset: u64) -> (Value, Vec<u64>, FrameRecord) {
    let frame = format!(
        r#"{{"id":2,"subscribe":{{"channel":"log:1","recover":true,"epoch":"{epoch}","offset":{offset}}}}}"#
    );
    let before = world.received("a").len();
    let (answer, record) = world.send("a", "r", &frame).await;
    let mut frames = world.received("a").split_off(before);
    frames.push(answer);
    assert!(frames.iter().all(|frame| frame.len() <= MAX_FRAME));
    let lines: Vec<Value> = frames
        .iter()
        .flat_map(|frame| frame.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reply = lines[0]["subscribe"].clone();
    let in_reply = reply["publications"].as_array().into_iter().flatten();
    let pushed = lines.iter().filter_map(|line| line["push"].get("pub"));
    let offsets = in_reply.chain(pushed).map(|publication| publication["offset"].as_u64().unwrap()).collect();
    (reply, offsets, record)
}

async fn epoch(world: &World) -> String {
    world.memory.head(&channel("log:1")).await.unwrap().unwrap().epoch
}

#[test]
fn publications_have_offsets_and_are_kept() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"history":{"channel":"log:1"}}\n{"id":3,"subscribe":{"channel":"log:1"}}
        a! {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"error":{"code":103,"message":"permission denied"}}\n{"id":3,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m0","offset":0}}
        a< {"push":{}}
        c> {"id":1,"connect":{}}\n{"id":2,"publish":{"channel":"log:1","data":{"n": 1}}}\n{"id":3,"publish":{"channel":"log:1","data":2}}
        a! {"push":{"channel":"log:1","pub":{"offset":1,"data":{"n": 1},"info":{"user":"carol","client":"c"}}}}
        a! {"push":{"channel":"log:1","pub":{"offset":2,"data":2,"info":{"user":"carol","client":"c"}}}}
        c< {"id":1,"connect":{"client":"c","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"publish":{}}\n{"id":3,"publish":{}}
        a> {"id":4,"history":{"channel":"log:1"}}\n{"id":5,"history":{"channel":"log:1","limit":-1}}
        a< {"id":4,"history":{"publications":[],"epoch":"6ab63ccc.m0","offset":2}}\n{"id":5,"history":{"publications":[{"offset":1,"data":{"n": 1},"info":{"user":"carol","client":"c"}},{"offset":2,"data":2,"info":{"user":"carol","client":"c"}}],"epoch":"6ab63ccc.m0","offset":2}}
        a> {"id":6,"history":{"channel":"log:1","limit":1}}\n{"id":7,"history":{"channel":"log:1","limit":1,"reverse":true}}
        a< {"id":6,"history":{"publications":[{"offset":1,"data":{"n": 1},"info":{"user":"carol","client":"c"}}],"epoch":"6ab63ccc.m0","offset":2}}\n{"id":7,"history":{"publications":[{"offset":2,"data":2,"info":{"user":"carol","client":"c"}}],"epoch":"6ab63ccc.m0","offset":2}}
        a> {"id":8,"history":{"channel":"log:1","limit":5,"since":{"offset":1,"epoch":"6ab63ccc.m0"}}}\n{"id":9,"history":{"channel":"log:1","limit":5,"since":{"offset":2,"epoch":"6ab63ccc.m0"},"reverse":true}}
        a< {"id":8,"history":{"publications":[{"offset":2,"data":2,"info":{"user":"carol","client":"c"}}],"epoch":"6ab63ccc.m0","offset":2}}\n{"id":9,"history":{"publications":[{"offset":1,"data":{"n": 1},"info":{"user":"carol","client":"c"}}],"epoch":"6ab63ccc.m0","offset":2}}
        a> {"id":10,"history":{"channel":"log:1","limit":1,"since":{"offset":1,"epoch":"old"}}}\n{"id":11,"history":{"channel":"log:1","limit":1,"since":{"offset":7,"epoch":"6ab63ccc.m0"}}}
        a< {"id":10,"error":{"code":112,"message":"unrecoverable position"}}\n{"id":11,"error":{"code":112,"message":"unrecoverable position"}}
        a> {"id":12,"history":{"channel":"room:1"}}\n{"id":13,"history":{"channel":"diary:1"}}
        a< {"id":12,"error":{"code":108,"message":"not available"}}\n{"id":13,"error":{"code":103,"message":"permission denied"}}
        "#,
    );
}

#[test]
fn a_position_is_told_to_those_who_ask_for_it() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"diary:1"}}\n{"id":3,"publish":{"channel":"diary:1","data":1}}
        a! {"push":{"channel":"diary:1","pub":{"offset":1,"data":1,"info":{"user":"","client":"a"}}}}
        a< {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{}}\n{"id":3,"publish":{}}
        b> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"diary:1","recoverable":true}}
        b! {"id":1,"connect":{"client":"b","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m0","offset":1}}
        b< {"push":{}}
        "#,
    );
}

#[test]
fn what_comes_behind_a_subscribe_in_the_frame_waits_for_its_reply() {
    check(
        r#"
        a> {"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"log:1"}}\n{"id":3,"subscribe":{"channel":"log:2"}}\n{"id":4,"publish":{"channel":"log:1","data":1}}\n{"id":5,"ping":{}}
        a! {"id":1,"connect":{"client":"a","version":"0.1.0","ping":0,"pong":false}}\n{"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m0","offset":0}}\n{"id":3,"subscribe":{"recoverable":true,"positioned":true,"epoch":"6ab63ccc.m0","offset":0}}
        a! {"push":{"channel":"log:1","pub":{"offset":1,"data":1,"info":{"user":"","client":"a"}}}}
        a< {"id":4,"publish":{}}\n{"id":5,"ping":{}}
        "#,
    );
}

#[tokio::test]
async fn a_client_that_comes_back_is_given_what_it_has_missed() {
    let world = published(3, |n| n.to_string()).await;
    let (reply, offsets, record) = recover(&world, &epoch(&world).await, 1).await;
    assert_eq!((&reply["was_recovering"], &reply["recovered"]), (&true.into(), &true.into()));
    assert_eq!((offsets, &reply["offset"]), (vec![2, 3], &3.into()));
    assert_eq!((record.recovered_publications, record.recovery_failed), (2, 0));
}

#[tokio::test]
async fn what_a_client_has_already_is_recovered_with_nothing() {
    let world = published(3, |n| n.to_string()).await;
    let (reply, offsets, _) = recover(&world, &epoch(&world).await, 3).await;
    assert_eq!((&reply["recovered"], offsets), (&true.into(), vec![]));
}

/// What a client that comes back to another channel than it knew, or too late, is told.
#[track_caller]
fn is_lost(told: (Value, Vec<u64>, FrameRecord), offset: u64) {
    let (reply, offsets, record) = told;
    assert_eq!((&reply["was_recovering"], &reply["recovered"]), (&true.into(), &Value::Null));
    assert_eq!((offsets, &reply["offset"]), (vec![], &offset.into()));
    assert_eq!((record.recovered_publications, record.recovery_failed), (0, 1));
}

#[tokio::test]
async fn a_position_of_another_epoch_is_lost() {
    let world = published(3, |n| n.to_string()).await;
    is_lost(recover(&world, "another", 2).await, 3);
}

#[tokio::test]
async fn a_channel_that_was_forgotten_begins_another_epoch() {
    let world = published(3, |n| n.to_string()).await;
    let before = epoch(&world).await;
    world.memory.forget_channel(&channel("log:1"));
    world.clock.advance(1000);
    is_lost(recover(&world, &before, 3).await, 0);
    assert_ne!(epoch(&world).await, before);
}

#[tokio::test]
async fn what_is_beyond_the_size_is_lost() {
    let world = published(25, |n| n.to_string()).await;
    let epoch = epoch(&world).await;
    let (reply, offsets, _) = recover(&world, &epoch, 5).await;
    assert_eq!((&reply["recovered"], offsets.len()), (&true.into(), 20));
    world.send("a", "u", r#"{"id":1,"unsubscribe":{"channel":"log:1"}}"#).await;
    is_lost(recover(&world, &epoch, 4).await, 25);
}

#[tokio::test]
async fn what_is_older_than_its_time_is_lost_and_not_shown() {
    let world = published(3, |n| n.to_string()).await;
    let epoch = epoch(&world).await;
    world.clock.advance(60_000);
    is_lost(recover(&world, &epoch, 2).await, 3);
    let (answer, _) = world.send("a", "h", r#"{"id":1,"history":{"channel":"log:1","limit":-1}}"#).await;
    assert_eq!(answer, format!(r#"{{"id":1,"history":{{"publications":[],"epoch":"{epoch}","offset":3}}}}"#));
}

#[tokio::test]
async fn what_does_not_fit_the_reply_follows_it() {
    let world = published(12, |_| format!("\"{}\"", "x".repeat(30_000))).await;
    let (reply, offsets, record) = recover(&world, &epoch(&world).await, 2).await;
    assert_eq!((&reply["recovered"], &reply["offset"]), (&true.into(), &3.into()));
    assert_eq!(reply["publications"].as_array().unwrap().len(), 1);
    assert_eq!(offsets, (3..=12).collect::<Vec<_>>());
    assert_eq!(record.recovered_publications, 10);
}

#[tokio::test]
async fn more_than_a_megabyte_is_not_recovered() {
    let world = published(12, |_| format!("\"{}\"", "x".repeat(120_000))).await;
    is_lost(recover(&world, &epoch(&world).await, 0).await, 12);
    let frame = r#"{"id":1,"history":{"channel":"log:1","limit":-1}}"#;
    let (answer, _) = world.send("a", "h", frame).await;
    assert!(answer.contains(r#""offset":1,"#) && !answer.contains(r#""offset":2,"#), "one fits");
    assert!(answer.len() <= MAX_FRAME && answer.ends_with(r#""offset":12}}"#));
}

#[tokio::test]
async fn the_largest_publication_fits_every_frame_that_may_hold_it() {
    let world = published(0, |_| String::new()).await;
    let publish = async |bytes: usize| {
        let data = "x".repeat(bytes);
        let frame = format!(r#"{{"id":1,"publish":{{"channel":"log:1","data":"{data}"}}}}"#);
        world.send("p", &format!("m{bytes}"), &frame).await.0
    };
    let mut bytes = MAX_FRAME - 500;
    while publish(bytes).await == r#"{"id":1,"publish":{}}"# {
        bytes += 1;
    }
    assert!(publish(bytes).await.contains("\"code\":106"));
    world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
    let frame = r#"{"id":4294967295,"history":{"channel":"log:1","limit":1,"reverse":true}}"#;
    let (answer, _) = world.send("a", "h", frame).await;
    assert!(answer.len() <= MAX_FRAME && answer.contains("xxx"), "{}", answer.len());
}

#[tokio::test]
async fn a_client_that_the_reply_cannot_reach_has_to_connect_again() {
    let world = published(1, |n| n.to_string()).await;
    world.memory.lose(&"a".into());
    let (answer, record) = world.send("a", "r", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
    assert_eq!((answer.as_str(), record.error_code.as_deref()), (NOTHING, Some("3010")));
    assert_eq!(record.error.as_deref(), Some("the client is gone"));
    assert!(world.memory.index().is_empty(), "and leaves no rows");
}

#[tokio::test]
async fn a_subscribe_that_met_a_table_that_fails_can_be_tried_again() {
    let mut failed = 0;
    for polls in 0..12 {
        let world = published(1, |n| n.to_string()).await;
        let frame = r#"{"id":2,"subscribe":{"channel":"log:1"}}"#;
        let sender = world.clone();
        let mut sent = Box::pin(async move { sender.send("a", "s1", frame).await.1 });
        for poll in 0..=polls {
            // One call fails.
            world.memory.fail((poll == polls).then(|| StoreError::Failed("boom".into())));
            if futures_util::poll!(&mut sent).is_ready() {
                break;
            }
            world.memory.fail(None);
        }
        world.memory.fail(None);
        let Some(open) = world.memory.connection(&"a".into()) else { panic!("the row is there") };
        failed += usize::from(open.subscriptions.is_empty());
        if open.state == State::Closed || !open.subscriptions.is_empty() {
            continue;
        }
        let (answer, _) = world.send("a", "s2", frame).await;
        assert_eq!(answer, NOTHING, "after {polls} steps: {:?}", world.received("a"));
    }
    assert!(failed > 2, "some of the calls matter: {failed}");
}

/// What `a` was posted since the last look, offsets only, a frame each.
fn posted_offsets(world: &World, from: &mut usize) -> Vec<Vec<u64>> {
    let frames = world.received("a").split_off(*from);
    *from += frames.len();
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["push"]["pub"]["offset"].as_u64();
    frames.iter().map(|frame| frame.lines().filter_map(line).collect()).collect()
}

#[tokio::test]
async fn what_a_failed_callback_did_not_bring_comes_with_the_next_publication() {
    let world = published(0, |_| String::new()).await;
    world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
    let mut seen = world.received("a").len();
    let publish = async |n: usize| {
        let frame = r#"{"id":1,"publish":{"channel":"log:1","data":0}}"#;
        let (answer, record) = world.send("p", &format!("m{n}"), frame).await;
        assert_eq!(answer, r#"{"id":1,"publish":{}}"#, "the publisher is not to blame");
        let callbacks = record.callbacks.unwrap();
        (callbacks.throttled, callbacks.redelivered)
    };
    world.memory.refuse(&"a".into(), true);
    assert_eq!((publish(1).await, publish(2).await), ((1, 0), (1, 0)));
    world.memory.refuse(&"a".into(), false);
    assert_eq!(publish(3).await, (0, 2));
    assert_eq!(posted_offsets(&world, &mut seen), [[1, 2, 3]], "one post, in order");
    assert_eq!(publish(4).await, (0, 0));
    assert_eq!(posted_offsets(&world, &mut seen), [[4]]);
}

#[tokio::test]
async fn who_misses_too_much_or_what_is_not_kept_is_ended_and_comes_back() {
    for (publications, is_kept) in [(MAX_MISSING + 1, true), (1, false)] {
        let world = published(0, |_| String::new()).await;
        world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
        world.memory.refuse(&"a".into(), true);
        let frame = r#"{"id":1,"publish":{"channel":"log:1","data":0}}"#;
        for n in 0..publications {
            world.send("p", &format!("m{n}"), frame).await;
        }
        world.memory.refuse(&"a".into(), false);
        if !is_kept {
            world.memory.forget_history(&channel("log:1"));
        }
        let (_, record) = world.send("p", "last", frame).await;
        assert_eq!(record.callbacks.unwrap().ended, 1);
        assert!(world.memory.index().is_empty(), "no rows are left");
        let (_, record) = world.send("a", "late", r#"{"id":3,"ping":{}}"#).await;
        assert_eq!(record.error_code.as_deref(), Some("3000"));
    }
}

#[tokio::test]
async fn missed_publications_that_fill_a_frame_come_in_several() {
    let world = published(0, |_| String::new()).await;
    world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
    let mut seen = world.received("a").len();
    world.memory.refuse(&"a".into(), true);
    for n in 1..=4 {
        world.memory.refuse(&"a".into(), n < 4);
        let data = "x".repeat(60_000);
        let frame = format!(r#"{{"id":1,"publish":{{"channel":"log:1","data":"{data}"}}}}"#);
        world.send("p", &format!("m{n}"), &frame).await;
    }
    assert_eq!(posted_offsets(&world, &mut seen), [[1, 2], [3, 4]]);
}

/// The offsets that `history` shows, and the position that it tells.
async fn shown(world: &World, options: &str) -> (Vec<u64>, u64) {
    let frame = format!(r#"{{"id":1,"history":{{"channel":"log:1","limit":-1{options}}}}}"#);
    let (answer, _) = world.send("a", "h", &frame).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let publications = answer["history"]["publications"].as_array().unwrap();
    let offsets = publications.iter().map(|publication| publication["offset"].as_u64().unwrap());
    (offsets.collect(), answer["history"]["offset"].as_u64().unwrap())
}

#[tokio::test]
async fn history_ends_before_a_publisher_on_its_way_and_passes_over_one_that_crashed() {
    let world = published(1, |n| n.to_string()).await;
    world.send("a", "s", r#"{"id":2,"subscribe":{"channel":"log:1"}}"#).await;
    let frame = r#"{"id":1,"publish":{"channel":"log:1","data":0}}"#;
    let sender = world.clone();
    let mut crashing = Box::pin(async move { sender.send("p", "m2", frame).await });
    while world.memory.head(&channel("log:1")).await.unwrap().unwrap().offset == 1 {
        assert!(futures_util::poll!(&mut crashing).is_pending());
    }
    drop(crashing);
    world.send("p", "m3", frame).await;
    assert_eq!(shown(&world, "").await, (vec![1], 1));
    assert_eq!(shown(&world, r#","reverse":true"#).await, (vec![3, 1], 3));
    world.clock.advance(2000);
    assert_eq!(shown(&world, "").await, (vec![1, 3], 3));
    let kept: Vec<_> =
        world.memory.history(&channel("log:1")).into_iter().map(|entry| entry.kept.is_some()).collect();
    assert_eq!(kept, [true, false, true], "the place is closed");
}
