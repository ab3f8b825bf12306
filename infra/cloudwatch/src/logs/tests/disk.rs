//! Logs in a file, and what is there again.

use super::*;
use crate::sqlite::testing::{Folder, killed, write_until_killed};

fn open(folder: &Path) -> LogStore {
    LogStore::open(folder, MetricStore::default(), Arc::new(SystemClock)).unwrap()
}

#[test]
fn everything_is_there_again() {
    let folder = Folder::new("logs-again");
    let store = open(&folder);
    for timestamp in [5, 1, 3] {
        store.append("g", "s", timestamp, format!("line {timestamp}"));
    }
    store.create_stream("g", "empty").unwrap();
    store.set_retention("g", Some(3)).unwrap();
    store.change_tags("g", |tags| drop(tags.insert("a".to_owned(), "b".to_owned()))).unwrap();
    let filter = r#"{"filterName":"f","filterPattern":"x","metricTransformations":[]}"#;
    store.put_metric_filter("g", serde_json::from_str(filter).unwrap()).unwrap();
    store.flush().unwrap();
    let (events, info, streams) = (store.events("g"), store.describe_group("g"), store.streams("g"));
    let filters = store.metric_filters("g");
    drop(store);
    let store = open(&folder);
    assert_eq!(store.events("g"), events);
    assert_eq!((store.describe_group("g"), store.streams("g")), (info, streams));
    assert_eq!((store.metric_filters("g"), store.tags("g").unwrap()["a"].as_str()), (filters, "b"));
    // New ones come after the old ones, and late ones between them.
    store.append("g", "s", 9, "new");
    store.append("g", "s", 2, "late");
    assert_eq!(messages(&store, "g"), ["line 1", "late", "line 3", "line 5", "new"]);
    let mut backward = Vec::new();
    let _ = store.read("g", (first_of(2), last_of(9)), Order::Backward, &mut |event| {
        backward.push(event.timestamp);
        ControlFlow::Continue(())
    });
    assert_eq!(backward, [9, 5, 3, 2]);
    let ids: std::collections::BTreeSet<_> = store.events("g").iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 5, "ids do not come again");
}

#[test]
fn what_is_deleted_or_too_old_is_gone_for_good() {
    let folder = Folder::new("logs-gone");
    let store = open(&folder);
    let now = SystemClock.now_ms();
    store.append("g", "s", now, "new");
    store.append("g", "s", now - 3 * 86_400_000, "old");
    store.append("g", "other", now, "other");
    store.append("deleted", "s", now, "x");
    store.set_retention("g", Some(1)).unwrap();
    store.tick();
    store.delete_stream("g", "other").unwrap();
    store.delete_group("deleted").unwrap();
    let bytes = store.describe_group("g").unwrap().stored_bytes;
    assert_eq!(bytes, 3 + 26);
    store.flush().unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(messages(&store, "g"), ["new"]);
    assert_eq!(store.describe_group("g").unwrap().stored_bytes, bytes);
    assert_eq!(store.groups().len(), 1);
}

#[test]
fn a_folder_has_one_store_at_a_time() {
    let folder = Folder::new("logs-taken");
    let store = open(&folder);
    let second = LogStore::open(&folder, MetricStore::default(), Arc::new(SystemClock));
    let error = second.unwrap_err().to_string();
    assert_eq!(error, format!("another process keeps its data in {}", folder.display()));
    drop(store);
    open(&folder);
}

#[test]
fn what_memory_has_no_room_for_is_read_from_the_file() {
    let folder = Folder::new("logs-room");
    let store = open(&folder);
    let line = "x".repeat(MEMORY_BYTES / 4);
    for timestamp in 1..=6 {
        store.append("g", "s", timestamp, line.as_str());
    }
    let times: Vec<_> = store.events("g").iter().map(|event| event.timestamp).collect();
    assert_eq!(times, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn saved_queries_that_were_put_are_there_again_and_declared_ones_are_not_kept() {
    let folder = Folder::new("logs-queries");
    let store = open(&folder);
    let query = |id: &str| QueryDefinition {
        query_definition_id: id.to_owned(),
        name: id.to_owned(),
        query_string: "limit 1".to_owned(),
        log_group_names: vec!["g".to_owned()],
        last_modified: 0,
    };
    for id in ["kept", "deleted"] {
        store.put_query_definition(query(id));
    }
    store.declare_query_definition(query("declared"));
    assert!(store.delete_query_definition("deleted"));
    store.flush().unwrap();
    let put = store.query_definitions().into_iter().filter(|one| one.name == "kept").collect::<Vec<_>>();
    drop(store);
    assert_eq!(open(&folder).query_definitions(), put);
}

/// Writes batches until it is killed. A test only as a child.
#[test]
fn writes_until_it_is_killed() {
    write_until_killed(|folder| {
        let store = open(&folder);
        let _ = store.create_group("g");
        let _ = store.create_stream("g", "s");
        Box::new(move |batch| {
            let time = i64::try_from(batch).unwrap() * 100;
            let line = |at| (time + at, Arc::from(format!("{batch} {at} {}", "x".repeat(300))));
            store.put("g", "s", (0..100).map(line)).unwrap();
            store.flush().unwrap();
        })
    });
}

#[test]
fn acknowledged_events_survive_a_kill_whole() {
    for after in [1, 7, 40] {
        let folder = Folder::new("logs-kill");
        let told = killed("logs::tests::disk::writes_until_it_is_killed", &folder, after);
        let store = open(&folder);
        let events = store.events("g");
        assert!(events.len() >= told * 100, "{} events, {told} acknowledged", events.len());
        for (at, event) in events.iter().enumerate() {
            assert_eq!(*event.message, format!("{} {} {}", at / 100, at % 100, "x".repeat(300)));
        }
        let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
        assert_eq!(store.describe_group("g").unwrap().stored_bytes, bytes as u64);
    }
}
