//! What a position promises, under any order of steps: publishers, subscribers and clients that
//! come back run at once, one port call at a time, with a crash where proptest likes. The clients
//! do as centrifuge-js does: what comes before the reply to `subscribe` is dropped, and the last
//! publication's offset is the position to come back with.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::races::{Running, interleave};
use super::{NOW, World, channel};
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::State;
use crate::model::spread::Spread;
use crate::ports::{ReadHead, SpreadMembers};

const CLIENTS: [&str; 2] = ["a", "b"];
const PUBLISHERS: [&str; 2] = ["p", "q"];
const CASES: u32 = 4000;
const CHANNEL: &str = "log:1";

#[derive(Debug, Clone, Copy)]
enum Act {
    Publish(&'static str),
    /// On the connection that the client has, from the position that it has.
    Subscribe(&'static str),
    /// The client loses its socket and comes back on another.
    Return(&'static str),
    /// Three seconds pass: longer than a hole is left open.
    Wait,
    /// A reader has found the channel too large.
    Spread,
    /// Callbacks to the client's connection fail from now on, or no more.
    Refuse(&'static str, bool),
}

/// From the start of an act to its end.
type Span = (usize, usize);

/// A subscription whose frame was answered.
#[derive(Debug)]
struct Subscribed {
    id: ConnectionId,
    span: Span,
    /// The smallest position that it promises to go on from.
    from: u64,
}

#[derive(Debug, Default)]
struct Seen {
    channel: &'static str,
    ticks: usize,
    /// How many connections each client has had before this one.
    generations: [usize; 2],
    /// Connections on which a subscribe was sent: a client library sends one at a time.
    taken: BTreeSet<String>,
    /// When connections were lost.
    lost: Vec<(ConnectionId, usize)>,
    subscribed: Vec<Subscribed>,
    /// Publications that were accepted, by their data.
    published: Vec<(String, Span)>,
}

impl Seen {
    fn tick(&mut self) -> usize {
        self.ticks += 1;
        self.ticks
    }

    fn connection(&self, client: &str) -> String {
        let at = CLIENTS.iter().position(|name| *name == client).unwrap();
        format!("{client}.{}", self.generations[at])
    }
}

/// What a client has made of the frames that reached it.
#[derive(Debug, Default)]
struct View {
    position: Option<(String, u64)>,
    /// The offsets that it was given, in order.
    got: Vec<u64>,
    /// The replies to `subscribe`.
    replies: Vec<Value>,
}

impl View {
    fn take(&mut self, publication: &Value) {
        let offset = publication["offset"].as_u64().unwrap();
        self.got.push(offset);
        self.position.as_mut().unwrap().1 = offset;
    }
}

fn view(world: &World, id: &str) -> View {
    let mut view = View::default();
    for frame in world.received(id) {
        for line in frame.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(publication) = line["push"].get("pub") {
                if !view.replies.is_empty() {
                    view.take(publication);
                }
            } else if let Some(reply) = line.get("subscribe") {
                let epoch = reply["epoch"].as_str().unwrap().to_owned();
                view.position = Some((epoch, reply["offset"].as_u64().unwrap()));
                for publication in reply["publications"].as_array().into_iter().flatten() {
                    view.take(publication);
                }
                view.replies.push(reply.clone());
            }
        }
    }
    view
}

/// Sends a frame; the answer goes the way of a post, as it does through API Gateway.
async fn send(world: &World, id: &str, message: &str, text: &str) {
    let (answer, _) = world.send(id, message, text).await;
    world.memory.hand(&id.into(), answer.into());
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => proptest::sample::select(PUBLISHERS.to_vec()).prop_map(Act::Publish),
        3 => proptest::sample::select(CLIENTS.to_vec()).prop_map(Act::Subscribe),
        3 => proptest::sample::select(CLIENTS.to_vec()).prop_map(Act::Return),
        1 => proptest::strategy::Just(Act::Wait),
        1 => proptest::strategy::Just(Act::Spread),
    ]
}

/// Callbacks fail now and then.
fn failing() -> impl Strategy<Value = Act> {
    let refuse = (proptest::sample::select(CLIENTS.to_vec()), any::<bool>());
    prop_oneof![3 => act(), 2 => refuse.prop_map(|(client, refuses)| Act::Refuse(client, refuses))]
}

/// Publishers at work while a client comes.
fn busy() -> impl Strategy<Value = Act> {
    let publish = proptest::sample::select(PUBLISHERS.to_vec()).prop_map(Act::Publish);
    prop_oneof![3 => publish, 1 => proptest::strategy::Just(Act::Subscribe("a")), 1 => act()]
}

/// An order in which an act often does several steps in a row, as a function does that is quick
/// while others are slow.
fn bursts() -> impl Strategy<Value = Vec<u8>> {
    let burst = (any::<u8>(), 1..10_usize).prop_map(|(pick, steps)| vec![pick; steps]);
    proptest::collection::vec(burst, 1..30).prop_map(|bursts| bursts.concat())
}

/// Publishers that readers overtake.
fn stalling() -> impl Strategy<Value = Act> {
    proptest::sample::select(vec![
        Act::Publish("p"),
        Act::Publish("q"),
        Act::Return("a"),
        Act::Return("b"),
        Act::Wait,
    ])
}

fn start(world: &World, seen: &Arc<Mutex<Seen>>, number: usize, act: Act) -> Running {
    let (world, seen) = (world.clone(), Arc::clone(seen));
    Box::pin(async move {
        let message = format!("m{number}");
        match act {
            Act::Publish(id) => {
                let began = seen.lock().unwrap().tick();
                let channel = seen.lock().unwrap().channel;
                let frame = format!(r#"{{"id":1,"publish":{{"channel":"{channel}","data":"{message}"}}}}"#);
                if world.send(id, &message, &frame).await.0.contains("\"publish\"") {
                    let mut seen = seen.lock().unwrap();
                    let ended = seen.tick();
                    seen.published.push((message, (began, ended)));
                }
            }
            Act::Subscribe(client) => {
                let id = seen.lock().unwrap().connection(client);
                if !seen.lock().unwrap().taken.insert(id.clone()) {
                    return;
                }
                let position = view(&world, &id).position;
                subscribe(&world, &seen, &id, &message, position).await;
            }
            Act::Return(client) => {
                let (old, id) = lose(&world, &seen, client);
                let position = view(&world, &old).position;
                world.connect(&id, None).await;
                world.send(&id, &format!("{message}c"), r#"{"id":1,"connect":{}}"#).await;
                subscribe(&world, &seen, &id, &message, position).await;
            }
            Act::Wait => world.clock.advance(3000),
            Act::Spread => {
                let of = channel(seen.lock().unwrap().channel);
                world.memory.spread(&of, Spread::new(4, NOW / 1000)).await.unwrap();
            }
            Act::Refuse(client, refuses) => {
                let id = seen.lock().unwrap().connection(client);
                world.memory.refuse(&id.as_str().into(), refuses);
            }
        }
    })
}

/// The client's socket is gone; gives its old connection and the next one.
fn lose(world: &World, seen: &Mutex<Seen>, client: &str) -> (String, String) {
    let mut seen = seen.lock().unwrap();
    let old = seen.connection(client);
    world.memory.lose(&old.as_str().into());
    let tick = seen.tick();
    seen.lost.push((old.as_str().into(), tick));
    seen.generations[CLIENTS.iter().position(|name| *name == client).unwrap()] += 1;
    let id = seen.connection(client);
    seen.taken.insert(id.clone());
    (old, id)
}

async fn subscribe(
    world: &World,
    seen: &Mutex<Seen>,
    id: &str,
    message: &str,
    position: Option<(String, u64)>,
) {
    let began = seen.lock().unwrap().tick();
    let channel = seen.lock().unwrap().channel;
    let recover = position.as_ref().map_or(String::new(), |(epoch, offset)| {
        format!(r#","recover":true,"epoch":"{epoch}","offset":{offset}"#)
    });
    let frame = format!(r#"{{"id":2,"subscribe":{{"channel":"{channel}"{recover}}}}}"#);
    send(world, id, message, &frame).await;
    if let [reply] = &view(world, id).replies[..] {
        let told = reply["offset"].as_u64().unwrap();
        let from = match position {
            Some((_, since)) if reply["recovered"] == true => since,
            _ => told,
        };
        let mut seen = seen.lock().unwrap();
        let span = (began, seen.tick());
        seen.subscribed.push(Subscribed { id: id.into(), span, from });
    }
}

/// Runs the first acts one after another, then the others by turns.
fn run(first: &[Act], acts: &[Act], order: &[u8], crash: Option<(usize, usize)>) -> (World, Seen) {
    run_in(CHANNEL, first, acts, order, crash)
}

fn run_in(
    channel: &'static str,
    first: &[Act],
    acts: &[Act],
    order: &[u8],
    crash: Option<(usize, usize)>,
) -> (World, Seen) {
    let world = World::new();
    if channel == ORDERED {
        world.memory.time_out(Arc::new(world.clock.clone()));
    }
    let prepared = world.clone();
    let prepare = async move {
        for id in ["a.0", "b.0"].into_iter().chain(PUBLISHERS) {
            prepared.connect(id, None).await;
            prepared.send(id, "hello", r#"{"id":1,"connect":{}}"#).await;
        }
    };
    interleave(vec![Box::pin(prepare)], &[0], None);
    let seen = Arc::new(Mutex::new(Seen { channel, ..Seen::default() }));
    for (number, act) in first.iter().enumerate() {
        interleave(vec![start(&world, &seen, 100 + number, *act)], &[0], None);
    }
    let running = acts.iter().enumerate().map(|(number, act)| start(&world, &seen, number, *act)).collect();
    interleave(running, order, crash);
    (world, Arc::into_inner(seen).unwrap().into_inner().unwrap())
}

/// Runs further acts one after another.
fn go_on(world: &World, seen: Seen, acts: &[Act]) -> Seen {
    let seen = Arc::new(Mutex::new(seen));
    for (number, act) in acts.iter().enumerate() {
        interleave(vec![start(world, &seen, 200 + number, *act)], &[0], None);
    }
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

/// The offset of an accepted publication.
fn offset(world: &World, of: &str, data: &str) -> u64 {
    let data = format!("\"{data}\"");
    let history = world.memory.history(&channel(of));
    let mut found = history.iter().filter(|entry| entry.kept.as_ref().is_some_and(|kept| kept.data == data));
    let (Some(entry), None) = (found.next(), found.next()) else {
        panic!("an accepted publication stands in the history once")
    };
    entry.offset
}

fn check_order(world: &World, seen: &Seen) -> Result<(), TestCaseError> {
    for (one, (_, ended)) in &seen.published {
        for (other, (began, _)) in &seen.published {
            if ended < began {
                prop_assert!(
                    offset(world, seen.channel, one) < offset(world, seen.channel, other),
                    "{} before {}",
                    one,
                    other
                );
            }
        }
    }
    Ok(())
}

/// Whoever was told a position is given every publication above it: once, or at least once when
/// it was published while the subscribe was being answered, or when callbacks fail.
fn check_promises(world: &World, seen: &Seen, failing: bool) -> Result<(), TestCaseError> {
    for Subscribed { id, span, from } in &seen.subscribed {
        if world.memory.connection(id).is_none_or(|row| row.state == State::Closed) && failing {
            // It was ended: its client comes back and recovers.
            continue;
        }
        let lost = seen.lost.iter().find(|(lost, _)| lost == id).map_or(usize::MAX, |(_, at)| *at);
        if lost < span.1 {
            // It comes back from the position that it was told.
            continue;
        }
        let got = view(world, id.as_str()).got;
        for (data, (began, ended)) in &seen.published {
            let offset = offset(world, seen.channel, data);
            let copies = got.iter().filter(|got| **got == offset).count();
            let together = *began < span.1 && span.0 < *ended;
            if offset > *from && *ended < lost {
                prop_assert!(copies >= 1, "{} was told {} and misses {}: {:?}", id, from, offset, got);
            }
            if !together && !failing {
                prop_assert!(copies <= 1, "{} got {} {} times", id, offset, copies);
            }
        }
    }
    Ok(())
}

/// Whatever a client is given for the first time follows what stands before it in the history: from
/// any publication that it saw, it can come back without a loss.
fn check_sequence(world: &World, seen: &Seen) -> Result<(), TestCaseError> {
    let history = world.memory.history(&channel(seen.channel));
    let kept: Vec<_> =
        history.iter().filter(|entry| entry.kept.is_some()).map(|entry| entry.offset).collect();
    for Subscribed { id, from, .. } in &seen.subscribed {
        let got = view(world, id.as_str()).got;
        let mut last = *from;
        for offset in &got {
            let between = kept.iter().find(|kept| (last + 1..*offset).contains(*kept));
            prop_assert_eq!(between, None, "{} got {:?} from {}", id, got, from);
            last = last.max(*offset);
        }
    }
    Ok(())
}

/// Callbacks work again, somebody publishes, and all that was promised was kept.
fn check_ordered(world: &World, seen: Seen, failing: bool) -> Result<(), TestCaseError> {
    let mut after: Vec<_> = CLIENTS.into_iter().map(|client| Act::Refuse(client, false)).collect();
    after.push(Act::Publish("p"));
    let seen = go_on(world, seen, &after);
    check_sequence(world, &seen)?;
    check_order(world, &seen)?;
    check_promises(world, &seen, failing)
}

/// A channel whose publications come in order.
const ORDERED: &str = "queue:1";

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..Default::default() })]

    #[test]
    fn an_ordered_channel_comes_in_order(
        acts in proptest::collection::vec(busy(), 2..7),
        order in bursts(),
    ) {
        let (world, seen) = run_in(ORDERED, &[], &acts, &order, None);
        // Whoever stalls is overtaken: its lease ends and posts come twice, or its place is passed, at
        // the beginning of a channel with an end of those who wait for it.
        let stalled = world.clock.now_ms() - NOW >= 2000;
        check_ordered(&world, seen, stalled)?;
    }

    #[test]
    fn an_ordered_channel_comes_in_order_after_a_crash(
        acts in proptest::collection::vec(act(), 1..9),
        order in bursts(),
        crash in (0..9_usize, 0..24_usize),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, seen) = run_in(ORDERED, &first, &acts, &order, Some(crash));
        check_ordered(&world, seen, true)?;
    }

    #[test]
    fn an_ordered_channel_comes_in_order_though_callbacks_fail(
        acts in proptest::collection::vec(failing(), 1..10),
        order in bursts(),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, seen) = run_in(ORDERED, &first, &acts, &order, None);
        check_ordered(&world, seen, true)?;
    }

    #[test]
    fn an_ordered_channel_comes_in_order_though_publishers_stall(
        acts in proptest::collection::vec(stalling(), 2..8),
        order in bursts(),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, seen) = run_in(ORDERED, &first, &acts, &order, None);
        check_ordered(&world, seen, true)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..Default::default() })]

    #[test]
    fn what_a_position_promises_is_kept(
        acts in proptest::collection::vec(act(), 1..9),
        order in proptest::collection::vec(any::<u8>(), 1..120),
    ) {
        let (world, seen) = run(&[], &acts, &order, None);
        check_order(&world, &seen)?;
        check_promises(&world, &seen, false)?;
    }

    #[test]
    fn callbacks_that_fail_lose_nothing(
        acts in proptest::collection::vec(failing(), 1..10),
        order in proptest::collection::vec(any::<u8>(), 1..140),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, seen) = run(&first, &acts, &order, None);
        check_order(&world, &seen)?;
        // The callbacks work again, and somebody publishes.
        let after: Vec<_> = CLIENTS.into_iter().map(|client| Act::Refuse(client, false)).collect();
        let seen = go_on(&world, seen, &[&after[..], &[Act::Publish("p")]].concat());
        check_promises(&world, &seen, true)?;
    }

    #[test]
    fn one_publisher_after_another_never_leaves_a_gap(
        acts in proptest::collection::vec(failing(), 1..16),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, _) = run(&[&first[..], &acts].concat(), &[], &[0], None);
        for client in CLIENTS {
            for generation in 0..acts.len() {
                let got = view(&world, &format!("{client}.{generation}")).got;
                let whole: Vec<_> = got.first().map_or(Vec::new(), |first| (*first..).take(got.len()).collect());
                prop_assert_eq!(got, whole);
            }
        }
    }

    #[test]
    fn a_crash_breaks_no_promise_to_others(
        acts in proptest::collection::vec(act(), 1..9),
        order in proptest::collection::vec(any::<u8>(), 1..120),
        crash in (0..9_usize, 0..14_usize),
    ) {
        let (world, seen) = run(&[], &acts, &order, Some(crash));
        check_order(&world, &seen)?;
        check_promises(&world, &seen, false)?;
    }

    #[test]
    fn a_publisher_that_stalls_takes_another_place(
        acts in proptest::collection::vec(stalling(), 2..8),
        order in proptest::collection::vec(any::<u8>(), 1..60),
    ) {
        let first = [Act::Publish("p"), Act::Subscribe("a"), Act::Subscribe("b")];
        let (world, seen) = run(&first, &acts, &order, None);
        check_order(&world, &seen)?;
        check_promises(&world, &seen, false)?;
    }

    #[test]
    fn whatever_was_left_open_is_closed_by_a_reader(
        publishers in 2..6_usize,
        order in proptest::collection::vec(any::<u8>(), 1..60),
        crash in (0..6_usize, 0..8_usize),
    ) {
        let acts = vec![Act::Publish("p"); publishers];
        let (world, seen) = run(&[], &acts, &order, Some(crash));
        let before = world.memory.history(&channel(CHANNEL));
        let Some(first) = before.first() else { return Ok(()) };
        world.clock.advance(3000);
        let reader = world.clone();
        let since = first.offset;
        interleave(vec![Box::pin(async move {
            // Another publication, so that a hole is never at the end only.
            reader.send("q", "late", &format!(r#"{{"id":1,"publish":{{"channel":"{CHANNEL}","data":0}}}}"#)).await;
            reader.clock.advance(3000);
            let epoch = reader.memory.head(&channel(CHANNEL)).await.unwrap().unwrap().epoch;
            let recover = format!(r#""recover":true,"epoch":"{epoch}","offset":{since}"#);
            send(&reader, "a.0", "r", &format!(r#"{{"id":2,"subscribe":{{"channel":"{CHANNEL}",{recover}}}}}"#)).await;
        })], &[0], None);
        let view = view(&world, "a.0");
        prop_assert_eq!(&view.replies[0]["recovered"], true);
        let after = world.memory.history(&channel(CHANNEL));
        let offsets: Vec<_> = after.iter().map(|entry| entry.offset).filter(|offset| *offset >= since).collect();
        prop_assert_eq!(&offsets, &(since..=*offsets.last().unwrap()).collect::<Vec<_>>(), "no hole is left");
        for (data, _) in &seen.published {
            let offset = offset(&world, CHANNEL, data);
            prop_assert_eq!(view.got.iter().filter(|got| **got == offset).count(), usize::from(offset > since));
        }
    }
}
