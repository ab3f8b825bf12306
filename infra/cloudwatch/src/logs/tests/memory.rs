//! Logs in memory.

use super::*;

#[test]
fn keeps_events_in_order_and_tells_followers() {
    let store = LogStore::default();
    let mut follower = store.follow();
    store.append("g", "s", 1, "one");
    store.append("g", "s", 2, "two");
    assert_eq!(messages(&store, "g"), ["one", "two"]);
    assert_eq!(&*follower.try_recv().unwrap().message, "one");
}

#[test]
fn late_events_find_their_place() {
    let store = LogStore::default();
    for (timestamp, message) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
        store.append("g", "s", timestamp, message);
    }
    assert_eq!(messages(&store, "g"), ["a", "b", "c", "d"]);
    let [stream] = store.streams("g").unwrap().try_into().unwrap();
    assert_eq!((stream.first_event, stream.last_event), (Some(1), Some(5)));
}

#[test]
fn a_scan_has_both_ends_in_it_and_can_be_broken_off() {
    let store = LogStore::default();
    for timestamp in 0..5_000 {
        store.append("a", "s", timestamp, "x");
    }
    store.append("b", "s", 7, "y");
    let scan = |groups: &[&str], from, to, most| {
        let mut seen = Vec::new();
        store.scan(groups, from, to, &mut |event| {
            seen.push(event.timestamp);
            if seen.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        seen
    };
    assert_eq!(scan(&["a"], 10, 12, 99), [10, 11, 12]);
    assert_eq!(scan(&["a", "none", "b"], 4_998, 4_999, 99), [4_998, 4_999]);
    assert_eq!(scan(&["a", "b"], 6, 7, 99), [6, 7, 7]);
    assert_eq!(scan(&["a"], 0, i64::MAX, 3), [0, 1, 2]);
    assert_eq!(scan(&["a"], 0, i64::MAX, 9_999).len(), 5_000);
    assert!(scan(&["a"], 12, 10, 99).is_empty());
}

#[test]
fn a_full_group_drops_its_oldest_events_only() {
    let store = LogStore::default();
    store.append("other", "s", 0, "kept");
    let line = "x".repeat(MEMORY_BYTES / 2);
    for timestamp in 1..=3 {
        store.append("g", "s", timestamp, line.as_str());
    }
    let kept: Vec<_> = store.events("g").iter().map(|event| event.timestamp).collect();
    assert_eq!(kept, [2, 3]);
    assert_eq!(store.events("other").len(), 1);
}
