//! Logs in a file, and what is there again.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// A folder of a test's own, deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchboard-logs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> LogStore {
        LogStore::open(&self.0, MetricStore::default(), Arc::new(SystemClock)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn everything_is_there_again() {
    let folder = Folder::new("again");
    let store = folder.open();
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
    let store = folder.open();
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
    let folder = Folder::new("gone");
    let store = folder.open();
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
    let store = folder.open();
    assert_eq!(messages(&store, "g"), ["new"]);
    assert_eq!(store.describe_group("g").unwrap().stored_bytes, bytes);
    assert_eq!(store.groups().len(), 1);
}

#[test]
fn a_folder_has_one_store_at_a_time() {
    let folder = Folder::new("taken");
    let store = folder.open();
    let second = LogStore::open(&folder.0, MetricStore::default(), Arc::new(SystemClock));
    let error = second.unwrap_err().to_string();
    assert_eq!(error, format!("another process keeps its logs in {}", folder.0.display()));
    drop(store);
    folder.open();
}

#[test]
fn what_memory_has_no_room_for_is_read_from_the_file() {
    let folder = Folder::new("room");
    let store = folder.open();
    let line = "x".repeat(MEMORY_BYTES / 4);
    for timestamp in 1..=6 {
        store.append("g", "s", timestamp, line.as_str());
    }
    let times: Vec<_> = store.events("g").iter().map(|event| event.timestamp).collect();
    assert_eq!(times, [1, 2, 3, 4, 5, 6]);
}

/// Set for the child of the test below: the folder that it writes to.
const WRITE_TO: &str = "SWITCHBOARD_TEST_WRITE_TO";

/// Writes batches and says which are acknowledged, until it is killed. A test only as a child.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(WRITE_TO) else { return };
    let store =
        LogStore::open(&PathBuf::from(folder), MetricStore::default(), Arc::new(SystemClock)).unwrap();
    let _ = store.create_group("g");
    let _ = store.create_stream("g", "s");
    for batch in 0_i64.. {
        let line = |at| (batch * 100 + at, Arc::from(format!("{batch} {at} {}", "x".repeat(300))));
        store.put("g", "s", (0..100).map(line)).unwrap();
        store.flush().unwrap();
        println!("acknowledged {batch}");
    }
}

#[test]
fn acknowledged_events_survive_a_kill_whole() {
    let folder = Folder::new("kill");
    for after in [1, 7, 40] {
        let _ = std::fs::remove_dir_all(&folder.0);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "logs::tests::disk::writes_until_it_is_killed", "--nocapture"])
            .env(WRITE_TO, &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged =
            lines.filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse::<usize>().ok());
        let told = acknowledged.by_ref().take(after).last().unwrap();
        child.kill().unwrap();
        // What was said between that line and the kill counts as well.
        let told = acknowledged.last().unwrap_or(told);
        child.wait().unwrap();
        let store = folder.open();
        let events = store.events("g");
        assert!(events.len() >= (told + 1) * 100, "{} events, {told} acknowledged", events.len());
        for (at, event) in events.iter().enumerate() {
            assert_eq!(*event.message, format!("{} {} {}", at / 100, at % 100, "x".repeat(300)));
        }
        let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
        assert_eq!(store.describe_group("g").unwrap().stored_bytes, bytes as u64);
    }
}
