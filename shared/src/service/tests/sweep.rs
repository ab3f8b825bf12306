//! What the sweeper does, minute by minute.

use std::time::Duration;

use super::joins::{JOIN, leaves, lobby};
use super::{NOW, World};
use crate::clock::Clock;
use crate::model::Connection;
use crate::model::opened::{Due, Opened};
use crate::ports::{PutIndex, StoreError};
use crate::service::outbox::NOTHING;
use crate::service::sweep::SweepSettings;
use crate::telemetry::SweepRecord;

const MINUTE: i64 = 60_000;
const NOTHING_ELSE: SweepSettings = SweepSettings { keep_alive: false, renew: false };
const KEEP_ALIVE: SweepSettings = SweepSettings { keep_alive: true, renew: false };

/// Sweeps every minute, up to so many after the start, while the clock goes on.
async fn minutes(world: &World, minutes: i64, settings: SweepSettings) -> Vec<SweepRecord> {
    let mut records = Vec::new();
    for _ in 0..minutes {
        world.clock.advance(MINUTE);
        records.push(world.sweep(world.clock.now_ms(), settings).await);
    }
    records
}

fn sum(records: &[SweepRecord], count: impl Fn(&SweepRecord) -> u64) -> u64 {
    records.iter().map(count).sum()
}

#[tokio::test]
async fn who_was_never_told_to_be_gone_is_forgotten_when_its_time_is_over() {
    let world = lobby(&["a"]).await;
    world.clock.advance(60 * MINUTE);
    world.connect("b", None).await;
    world.send("b", "b", JOIN).await;
    let before = minutes(&world, 64, NOTHING_ELSE).await;
    assert_eq!(sum(&before, |record| record.expired_connections), 0);
    assert_eq!(before.last().unwrap().active_connections, Some(2));
    let [record] = &minutes(&world, 1, NOTHING_ELSE).await[..] else { panic!("one minute") };
    assert_eq!((record.expired_connections, record.active_connections), (1, Some(1)));
    assert_eq!(leaves(&world, "b", "a"), 1);
    assert_eq!(world.memory.opened().len(), 1);
    assert!(world.memory.index().keys().all(|key| key.sort.starts_with("b#")), "a has no rows");
    assert!(!world.disconnect("a").await, "its end is counted");
    assert_eq!(sum(&minutes(&world, 5, NOTHING_ELSE).await, |record| record.expired_connections), 0);
}

#[tokio::test]
async fn what_a_crash_left_in_the_list_is_swept() {
    let world = World::new();
    world.memory.put_opened(&Connection::opened("x".into(), None, NOW)).await.unwrap();
    world.connect("y", None).await;
    world.disconnect("y").await;
    world.memory.put_opened(&Connection::opened("y".into(), None, NOW)).await.unwrap();
    let records = minutes(&world, 130, NOTHING_ELSE).await;
    assert_eq!(sum(&records, |record| record.leaked_rows), 2);
    assert_eq!(sum(&records, |record| record.expired_connections), 0);
    assert!(world.memory.opened().is_empty());
}

#[tokio::test]
async fn a_connection_is_kept_alive_and_found_out_when_it_is_gone() {
    let world = lobby(&["a", "b", "c"]).await;
    let silent = minutes(&world, 9, NOTHING_ELSE).await;
    assert_eq!(sum(&silent, |record| record.keepalives), 0, "only where it is switched on");
    let kept = minutes(&world, 16, KEEP_ALIVE).await;
    assert_eq!(sum(&kept, |record| record.keepalives), 6);
    for id in ["a", "b", "c"] {
        assert_eq!(world.received(id).iter().filter(|frame| *frame == NOTHING).count(), 2);
    }
    world.memory.lose(&"b".into());
    let records = minutes(&world, 8, KEEP_ALIVE).await;
    assert_eq!(sum(&records, |record| record.callbacks.as_ref().map_or(0, |posts| posts.gone)), 1);
    assert_eq!((leaves(&world, "a", "b"), leaves(&world, "c", "b")), (1, 1));
    assert_eq!(records.last().unwrap().active_connections, Some(2));
}

#[tokio::test]
async fn a_client_is_told_to_come_back_before_its_two_hours_are_over() {
    let world = lobby(&["a", "b"]).await;
    let records = minutes(&world, 120, SweepSettings { keep_alive: true, renew: true }).await;
    assert_eq!(sum(&records, |record| record.renewals), 2);
    for id in ["a", "b"] {
        let push = r#"{"push":{"disconnect":{"code":3011,"reason":"force reconnect"}}}"#;
        assert_eq!(world.received(id).iter().filter(|frame| *frame == push).count(), 1);
    }
}

#[tokio::test]
async fn channels_are_counted_each_quarter_of_an_hour() {
    let world = lobby(&["a", "b"]).await;
    world.send("a", "m1", r#"{"id":3,"subscribe":{"channel":"room:1"}}"#).await;
    world.connect("c", None).await;
    let records = minutes(&world, 30, NOTHING_ELSE).await;
    let counted: Vec<_> = records.iter().filter_map(|record| record.active_channels).collect();
    assert_eq!(counted, [2, 2]);
    assert!(records.iter().all(|record| record.active_connections == Some(3) && record.cut_off == 0));
}

#[tokio::test]
async fn what_there_is_no_time_for_is_done_by_the_next() {
    let world = lobby(&["a", "b"]).await;
    let over = NOW + 126 * MINUTE;
    let mut record = SweepRecord::default();
    let late = world.fanout(Duration::ZERO);
    crate::service::sweep(&late, NOTHING_ELSE, over, &mut record).await.unwrap();
    assert_eq!((record.cut_off, record.active_connections), (1, None));
    assert_eq!(world.sweep(over + MINUTE, NOTHING_ELSE).await.expired_connections, 2);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_an_error() {
    let world = lobby(&["a"]).await;
    world.memory.fail(Some(StoreError::Failed("down".to_owned())));
    let mut record = SweepRecord::default();
    let fanout = world.fanout(Duration::from_secs(1));
    let swept = crate::service::sweep(&fanout, NOTHING_ELSE, NOW, &mut record).await;
    assert_eq!(swept, Err(StoreError::Failed("down".to_owned())));
}

/// The first hour at which the connection of the start is due to be kept alive.
pub(super) fn kept_alive_at(id: &str) -> i64 {
    let opened = Opened { id: id.into(), at: NOW };
    let mut hours = (1..=8).map(|minute| NOW + minute * MINUTE);
    hours.find(|hour| opened.due(*hour) == Some(Due::KeepAlive)).unwrap()
}
