//! The rules under every order of steps: use cases of several connections run at once, one
//! port call at a time, in an order that proptest chooses, with a crash where it likes.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::task::noop_waker_ref;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use super::{World, channel, grant, token};
use crate::ids::ConnectionId;
use crate::model::spread::Spread;
use crate::model::{Connection, State, keys};
use crate::ports::SpreadMembers;
use crate::service::sweep::SweepSettings;

const CONNECTIONS: [&str; 3] = ["a", "b", "c"];
const CHANNELS: [&str; 3] = ["room:1", "room:2", "log:1"];

/// One invocation of a function.
#[derive(Debug, Clone, Copy)]
enum Act {
    Connect(&'static str),
    Greet(&'static str),
    GreetWithToken(&'static str),
    Refresh(&'static str),
    Subscribe(&'static str, &'static str),
    /// To two channels in one frame.
    SubscribeBoth(&'static str),
    SubscribeWithToken(&'static str, &'static str),
    SubRefresh(&'static str, &'static str),
    Unsubscribe(&'static str, &'static str),
    Publish(&'static str, &'static str),
    /// A server's requests.
    BringIn(&'static str, &'static str),
    TakeOut(&'static str, &'static str),
    SendAway(&'static str),
    Disconnect(&'static str),
    Lose(&'static str),
    /// A reader has found the channel too large.
    Spread(&'static str),
}

/// What was seen while the acts ran.
#[derive(Debug, Default)]
struct Seen {
    /// Subscriptions whose reply was given.
    subscribed: Vec<(&'static str, &'static str)>,
    /// How often the end of a connection was counted.
    ends: Vec<&'static str>,
    /// For every publication that was accepted: its text, its channel, and who had been told
    /// before it began that they are subscribed.
    published: Vec<(String, &'static str, Vec<&'static str>)>,
}

pub(super) type Running = Pin<Box<dyn Future<Output = ()>>>;

fn act() -> impl Strategy<Value = Act> {
    let who = || proptest::sample::select(CONNECTIONS.to_vec());
    let what = || proptest::sample::select(CHANNELS.to_vec());
    prop_oneof![
        2 => who().prop_map(Act::Connect),
        1 => who().prop_map(Act::Greet),
        1 => who().prop_map(Act::GreetWithToken),
        2 => who().prop_map(Act::Refresh),
        4 => (who(), what()).prop_map(|(id, channel)| Act::Subscribe(id, channel)),
        3 => who().prop_map(Act::SubscribeBoth),
        2 => (who(), what()).prop_map(|(id, channel)| Act::SubscribeWithToken(id, channel)),
        2 => (who(), what()).prop_map(|(id, channel)| Act::SubRefresh(id, channel)),
        2 => (who(), what()).prop_map(|(id, channel)| Act::Unsubscribe(id, channel)),
        3 => (who(), what()).prop_map(|(id, channel)| Act::Publish(id, channel)),
        2 => (who(), what()).prop_map(|(id, channel)| Act::BringIn(id, channel)),
        1 => (who(), what()).prop_map(|(id, channel)| Act::TakeOut(id, channel)),
        1 => who().prop_map(Act::SendAway),
        2 => who().prop_map(Act::Disconnect),
        1 => who().prop_map(Act::Lose),
        2 => what().prop_map(Act::Spread),
    ]
}

/// Some connections are open and greeted from the start, so that more of the acts bite.
async fn prepare(world: &World, greeted: usize) {
    for id in CONNECTIONS.into_iter().take(greeted) {
        world.connect(id, Some(id)).await;
        world.send(id, "hello", &format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token(id, 600))).await;
    }
}

fn start(world: &World, seen: &Arc<Mutex<Seen>>, number: usize, act: Act) -> Running {
    let (world, seen) = (world.clone(), Arc::clone(seen));
    Box::pin(async move {
        let message = format!("m{number}");
        match act {
            Act::Connect(id) => drop(world.connect(id, Some(id)).await),
            Act::Greet(id) => drop(world.send(id, &message, r#"{"id":1,"connect":{}}"#).await),
            Act::GreetWithToken(id) => {
                let frame = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token(id, 600));
                world.send(id, &message, &frame).await;
            }
            Act::Refresh(id) => {
                // Every refresh brings another end.
                let end = 1200 + i64::try_from(number).unwrap();
                let frame = format!(r#"{{"id":1,"refresh":{{"token":"{}"}}}}"#, token(id, end));
                world.send(id, &message, &frame).await;
            }
            Act::Subscribe(id, channel) => subscribe(&world, &seen, &message, (id, channel), "").await,
            Act::SubscribeBoth(id) => subscribe_both(&world, &seen, &message, id).await,
            Act::SubscribeWithToken(id, channel) => {
                let token = format!(r#","token":"{}""#, grant(id, channel, 500));
                subscribe(&world, &seen, &message, (id, channel), &token).await;
            }
            Act::SubRefresh(id, channel) => {
                let token = grant(id, channel, 1100 + i64::try_from(number).unwrap());
                let frame =
                    format!(r#"{{"id":1,"sub_refresh":{{"channel":"{channel}","token":"{token}"}}}}"#);
                world.send(id, &message, &frame).await;
            }
            Act::Unsubscribe(id, channel) => {
                let frame = format!(r#"{{"id":1,"unsubscribe":{{"channel":"{channel}"}}}}"#);
                world.send(id, &message, &frame).await;
            }
            Act::Publish(id, channel) => {
                let told = seen
                    .lock()
                    .unwrap()
                    .subscribed
                    .iter()
                    .filter(|(_, to)| *to == channel)
                    .map(|(id, _)| *id)
                    .collect();
                let frame = format!(r#"{{"id":1,"publish":{{"channel":"{channel}","data":"{message}"}}}}"#);
                if world.send(id, &message, &frame).await.0.contains("\"publish\"") {
                    seen.lock().unwrap().published.push((message, channel, told));
                }
            }
            Act::BringIn(..) | Act::TakeOut(..) | Act::SendAway(_) => ask_server(&world, &message, act).await,
            Act::Disconnect(id) => {
                if world.disconnect(id).await {
                    seen.lock().unwrap().ends.push(id);
                }
            }
            Act::Lose(id) => world.memory.lose(&id.into()),
            Act::Spread(name) => {
                world.memory.spread(&channel(name), Spread::new(4, super::NOW / 1000)).await.unwrap();
            }
        }
    })
}

async fn subscribe(
    world: &World,
    seen: &Mutex<Seen>,
    message: &str,
    (id, channel): (&'static str, &'static str),
    token: &str,
) {
    let frame = format!(r#"{{"id":1,"subscribe":{{"channel":"{channel}"{token}}}}}"#);
    if world.send(id, message, &frame).await.0.contains("\"subscribe\"") {
        seen.lock().unwrap().subscribed.push((id, channel));
    }
}

async fn subscribe_both(world: &World, seen: &Mutex<Seen>, message: &str, id: &'static str) {
    let both = ["room:1", "room:2"];
    let [one, two] = both.map(|channel| format!(r#""subscribe":{{"channel":"{channel}"}}"#));
    let frame = format!("{{\"id\":1,{one}}}\n{{\"id\":2,{two}}}");
    let answer = world.send(id, message, &frame).await.0;
    let told = (1..).zip(both).filter(|(n, _)| answer.contains(&format!("{{\"id\":{n},\"subscribe\"")));
    seen.lock().unwrap().subscribed.extend(told.map(|(_, channel)| (id, channel)));
}

/// What a server asks for.
async fn ask_server(world: &World, message: &str, act: Act) {
    let (method, id, channel) = match act {
        Act::BringIn(id, channel) => ("subscribe", id, channel),
        Act::TakeOut(id, channel) => ("unsubscribe", id, channel),
        Act::SendAway(id) => ("disconnect", id, ""),
        _ => return,
    };
    let content = format!(r#"{{"user":"{id}","channel":"{channel}"}}"#);
    drop(world.call(message, method, &content).await);
}

/// Polls the acts in the order that `order` picks, until all are done. The act that `crash`
/// names is dropped after as many polls as it says.
pub(super) fn interleave(acts: Vec<Running>, order: &[u8], crash: Option<(usize, usize)>) {
    let mut running: Vec<_> = acts.into_iter().enumerate().map(|(number, act)| (number, 0, act)).collect();
    let mut context = Context::from_waker(noop_waker_ref());
    let mut picks = order.iter().copied().cycle();
    while !running.is_empty() {
        let at = usize::from(picks.next().unwrap_or_default()) % running.len();
        let (number, polls, act) = &mut running[at];
        let crashed = crash == Some((*number, *polls));
        *polls += 1;
        if crashed || matches!(act.as_mut().poll(&mut context), Poll::Ready(())) {
            drop(running.swap_remove(at));
        }
    }
}

/// What is wrong with the index rows: rows that no open connection lists, and listed rows that
/// are not there or end before their connection does.
fn faults(world: &World) -> (Vec<String>, Vec<String>) {
    let mut rows = world.memory.index();
    let opened = world.memory.opened().into_iter();
    // How long they are kept does not depend on what is known of the connection.
    rows.extend(opened.map(|(key, _)| (key, i64::MAX)));
    let connections: Vec<Connection> =
        CONNECTIONS.into_iter().filter_map(|id| world.memory.connection(&id.into())).collect();
    let listed: Vec<_> = connections
        .iter()
        .filter(|connection| connection.state == State::Open)
        .flat_map(|connection| {
            let members = connection.subscriptions.iter().map(|(channel, s)| {
                (keys::member(channel, &connection.id, &s.id), connection.member_expires_at(s))
            });
            let device = |user| (keys::device(user, &connection.id), connection.expires_at());
            let opened = (keys::opened(&connection.id, connection.connected_at), i64::MAX);
            members.chain(connection.user.iter().map(device)).chain([opened])
        })
        .collect();
    let is_listed = |key: &keys::Key| listed.iter().any(|(listed, _)| listed == key);
    let leaked = rows.keys().filter(|key| !is_listed(key)).map(|key| format!("{key:?}")).collect();
    let short = |(key, until): &&(keys::Key, i64)| rows.get(key).is_none_or(|x| x < until);
    let missing = listed.iter().filter(short).map(|key| format!("{key:?}")).collect();
    (leaked, missing)
}

fn run(greeted: usize, acts: &[Act], order: &[u8], crash: Option<(usize, usize)>) -> (World, Seen) {
    let world = World::new();
    interleave(
        vec![Box::pin({
            let world = world.clone();
            async move { prepare(&world, greeted).await }
        })],
        &[0],
        None,
    );
    let seen = Arc::default();
    let running = acts.iter().enumerate().map(|(number, act)| start(&world, &seen, number, *act)).collect();
    interleave(running, order, crash);
    (world, Arc::into_inner(seen).unwrap().into_inner().unwrap())
}

/// Nothing ends or leaves this subscription in the whole scenario.
fn stays(acts: &[Act], id: &str, channel: &str) -> bool {
    !acts.iter().any(|act| match *act {
        Act::Disconnect(who)
        | Act::Lose(who)
        | Act::Greet(who)
        | Act::GreetWithToken(who)
        | Act::SendAway(who)
        | Act::Connect(who) => who == id,
        Act::Unsubscribe(who, what) | Act::TakeOut(who, what) => who == id && what == channel,
        Act::Subscribe(..)
        | Act::SubscribeBoth(_)
        | Act::SubscribeWithToken(..)
        | Act::SubRefresh(..)
        | Act::Refresh(_)
        | Act::Spread(_)
        | Act::BringIn(..)
        | Act::Publish(..) => false,
    })
}

fn check_rows(world: &World, seen: &Seen) -> Result<(), TestCaseError> {
    let (leaked, missing) = faults(world);
    prop_assert_eq!((leaked, missing), (vec![], vec![]));
    for id in CONNECTIONS {
        prop_assert!(seen.ends.iter().filter(|end| **end == id).count() <= 1, "{} ended twice", id);
    }
    Ok(())
}

fn check_delivery(world: &World, acts: &[Act], seen: &Seen) -> Result<(), TestCaseError> {
    for (text, channel, told) in &seen.published {
        for id in told.iter().filter(|id| stays(acts, id, channel)) {
            let copies = world
                .received(id)
                .iter()
                .filter(|frame| frame.contains(&format!("\"data\":\"{text}\"")))
                .count();
            prop_assert_eq!(copies, 1, "{} was told that it is subscribed to {}", id, channel);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 3000, ..Default::default() })]

    #[test]
    fn no_order_of_steps_leaks_or_loses_a_row(
        greeted in 0..=3_usize,
        acts in proptest::collection::vec(act(), 1..7),
        order in proptest::collection::vec(any::<u8>(), 1..80),
    ) {
        let (world, seen) = run(greeted, &acts, &order, None);
        check_rows(&world, &seen)?;
        check_delivery(&world, &acts, &seen)?;
    }

    #[test]
    fn a_crash_leaves_only_rows_that_expire_and_that_410_cleans(
        acts in proptest::collection::vec(act(), 1..6),
        order in proptest::collection::vec(any::<u8>(), 1..80),
        crash in (0..6_usize, 0..12_usize),
    ) {
        let (world, _) = run(3, &acts, &order, Some(crash));
        for x in world.memory.index().values() {
            prop_assert!(*x <= super::NOW / 1000 + 125 * 60);
        }
        settle(&world);
        let (leaked, _) = faults(&world);
        let of_a_connect = leaked.iter().all(|key| key.contains("\"U#") || key.contains("\"T#"));
        prop_assert!(of_a_connect, "{:?}", leaked);
        sweep(&world);
        prop_assert!(world.memory.opened().is_empty(), "nothing is listed any more");
    }

    #[test]
    fn every_end_is_counted_once(order in proptest::collection::vec(any::<u8>(), 1..40), n in 2..5_usize) {
        let acts: Vec<_> = std::iter::repeat_n(Act::Disconnect("a"), n).collect();
        let (_, seen) = run(1, &acts, &order, None);
        prop_assert_eq!(seen.ends, ["a"]);
    }
}

/// Two hours and some minutes later.
fn sweep(world: &World) {
    let world = world.clone();
    let swept = async move {
        let over = super::NOW + 126 * 60_000;
        world.sweep(over, SweepSettings::default()).await;
    };
    interleave(vec![Box::pin(swept)], &[0], None);
}

/// Every socket is lost, and somebody publishes to every channel.
fn settle(world: &World) {
    let world = world.clone();
    let all = async move {
        for id in CONNECTIONS {
            world.disconnect(id).await;
            world.memory.lose(&id.into());
        }
        let publisher = ConnectionId::from("publisher");
        world.connect(publisher.as_str(), None).await;
        world.send("publisher", "hello", r#"{"id":1,"connect":{}}"#).await;
        for channel in CHANNELS {
            let frame = format!(r#"{{"id":1,"publish":{{"channel":"{channel}","data":1}}}}"#);
            // Twice: a connection's second row of a channel is met by the second publication.
            for _ in 0..2 {
                world.send("publisher", channel, &frame).await;
            }
        }
    };
    interleave(vec![Box::pin(all)], &[0], None);
}
