//! What an idempotency key promises, under any order of steps: requests with one key, other
//! publishers and readers run at once, one port call at a time, with a crash where proptest likes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Just;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::races::{Running, interleave};
use super::{World, channel};
use crate::model::State;

const CASES: u32 = 2000;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// A request with the key.
    Request,
    /// Another publication.
    Publish,
    /// A reader closes holes.
    Read,
    /// Three seconds pass: longer than a hole is left open.
    Wait,
}

/// The results that requests with the key were told.
type Told = Arc<Mutex<Vec<Value>>>;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![4 => Just(Act::Request), 2 => Just(Act::Publish), 1 => Just(Act::Read), 1 => Just(Act::Wait)];
    proptest::collection::vec(act, 1..6)
}

/// An order in which an act often does several steps in a row.
fn order() -> impl Strategy<Value = Vec<u8>> {
    let burst = (any::<u8>(), 1..8_usize).prop_map(|(pick, steps)| vec![pick; steps]);
    proptest::collection::vec(burst, 1..30).prop_map(|bursts| bursts.concat())
}

fn start(world: &World, told: &Told, to: &'static str, number: usize, act: Act) -> Running {
    let (world, told) = (world.clone(), Arc::clone(told));
    Box::pin(async move {
        let request = format!("r{number}");
        match act {
            Act::Request => {
                let content = format!(r#"{{"channel":"{to}","data":"keyed","idempotency_key":"k"}}"#);
                let answer = world.call(&request, "publish", &content).await.0.unwrap();
                let answer: Value = serde_json::from_str(&answer).unwrap();
                if let Some(result) = answer.get("result") {
                    told.lock().unwrap().push(result.clone());
                }
            }
            Act::Publish => {
                let content = format!(r#"{{"channel":"{to}","data":"other{number}"}}"#);
                drop(world.call(&request, "publish", &content).await);
            }
            Act::Read => {
                let content = format!(r#"{{"channel":"{to}","limit":-1}}"#);
                drop(world.call(&request, "history", &content).await);
            }
            Act::Wait => world.clock.advance(3000),
        }
    })
}

/// Runs the acts by turns, with `a` subscribed, then one more request with the key, and a publication that brings
/// what did not arrive, such as what a deliverer had no time for.
fn run(to: &'static str, acts: &[Act], order: &[u8], crash: Option<(usize, usize)>) -> (World, Vec<Value>) {
    let (world, told) = (World::new(), Told::default());
    let prepared = world.clone();
    let prepare = async move {
        prepared.connect("a", None).await;
        let frame =
            format!("{{\"id\":1,\"connect\":{{}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{to}\"}}}}");
        prepared.send("a", "hello", &frame).await;
    };
    interleave(vec![Box::pin(prepare)], &[0], None);
    let running =
        acts.iter().enumerate().map(|(number, act)| start(&world, &told, to, number, *act)).collect();
    interleave(running, order, crash);
    for (number, act) in [(100, Act::Wait), (101, Act::Request), (102, Act::Publish)] {
        interleave(vec![start(&world, &told, to, number, act)], &[0], None);
    }
    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();
    (world, told)
}

/// The offsets of the publication with the key that `a` was posted, in order.
fn posted(world: &World) -> Vec<Option<u64>> {
    let frames = world.received("a");
    let lines = frames.iter().flat_map(|frame| frame.lines());
    let pushes = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let keyed = pushes.filter(|push| push["push"]["pub"]["data"] == "keyed");
    keyed.map(|push| push["push"]["pub"]["offset"].as_u64()).collect()
}

fn check_kept(to: &'static str, world: &World, told: &[Value]) -> Result<(), TestCaseError> {
    let history = world.memory.history(&channel(to));
    let is_keyed = |kept: &crate::model::history::Kept| kept.data == "\"keyed\"";
    let entries: Vec<u64> = history
        .iter()
        .filter(|entry| entry.kept.as_ref().is_some_and(is_keyed))
        .map(|entry| entry.offset)
        .collect();
    prop_assert_eq!(entries.len(), 1, "it stands in the history once");
    prop_assert!(!told.is_empty(), "the last request was told a result");
    for result in told {
        prop_assert_eq!(result["offset"].as_u64(), Some(entries[0]));
    }
    let row = world.memory.connection(&"a".into());
    if row.is_some_and(|row| row.state == State::Closed) {
        // What a crash has left made it miss something: it was ended, comes back and recovers.
        return Ok(());
    }
    let posted: BTreeSet<_> = posted(world).into_iter().collect();
    prop_assert_eq!(posted, BTreeSet::from([Some(entries[0])]), "it was posted, from its one place");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..Default::default() })]

    #[test]
    fn a_key_is_one_publication_whatever_crashes(
        acts in acts(),
        order in order(),
        crash in (0..5_usize, 0..14_usize),
    ) {
        let (world, told) = run("log:1", &acts, &order, Some(crash));
        check_kept("log:1", &world, &told)?;
    }

    #[test]
    fn a_key_is_one_publication_in_an_ordered_channel(
        acts in acts(),
        order in order(),
        crash in (0..5_usize, 0..18_usize),
    ) {
        let (world, told) = run("queue:1", &acts, &order, Some(crash));
        check_kept("queue:1", &world, &told)?;
    }

    #[test]
    fn a_key_is_posted_once_at_most_where_nothing_is_kept(
        acts in acts(),
        order in order(),
        crash in (0..5_usize, 0..6_usize),
        crashes in any::<bool>(),
    ) {
        let (world, told) = run("room:1", &acts, &order, crashes.then_some(crash));
        let posted = posted(&world).len();
        prop_assert!(posted <= 1 && (crashes || posted == 1), "{} times", posted);
        prop_assert!(!told.is_empty());
    }
}
