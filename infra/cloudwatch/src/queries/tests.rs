//! Queries over a store.

use std::sync::atomic::{AtomicI64, Ordering};

use super::job::WORKERS;
use super::*;
use crate::clock::Clock;
use crate::insights::{self, Results};
use crate::metrics::MetricStore;

/// A clock that goes on by some milliseconds whenever it is asked.
#[derive(Debug, Default)]
struct Steps(AtomicI64, i64);

impl Clock for Steps {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(self.1, Ordering::Relaxed)
    }
}

/// A store with `count` events in each of the groups `a` and `b`, a millisecond apart.
fn store(count: i64, step: i64) -> LogStore {
    let store = LogStore::new(MetricStore::default(), Arc::new(Steps(AtomicI64::new(0), step)));
    for at in 0..count {
        for group in ["a", "b"] {
            store.append(group, "s", at, format!(r#"{{"n":{at},"m":{}}}"#, at % 7));
        }
    }
    store
}

fn request(text: &str, groups: &[&str]) -> Request {
    Request {
        text: text.to_owned(),
        query: insights::compile(text).unwrap(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        range: Range { start: 0, end: 1_000_000 },
        limits: Limits::default(),
        owner: Owner { account: "123456789012".to_owned(), region: "us-east-1".to_owned() },
    }
}

/// Runs a query on this thread.
fn run(store: &LogStore, request: &Request) -> (Status, Arc<Results>) {
    let job = Job::new(request, store.now_ms());
    run::run(store, &job, request);
    job.results()
}

fn cells(results: &Results) -> Vec<Vec<&str>> {
    results
        .rows
        .iter()
        .map(|row| {
            row.iter().filter(|(name, _)| &**name != "@ptr").map(|(_, value)| value.as_str()).collect()
        })
        .collect()
}

#[track_caller]
fn check(text: &str, groups: &[&str], expected: &[&[&str]]) {
    let store = store(5_000, 0);
    let (status, results) = run(&store, &request(text, groups));
    assert_eq!(
        (status, cells(&results)),
        (Status::Complete, expected.iter().map(|row| row.to_vec()).collect())
    );
}

#[test]
fn two_threads_give_one_result() {
    check("stats count(*), sum(n), max(n)", &["a"], &[&["5000", "12497500", "4999"]]);
    check("stats count(*) as c by m | sort m | limit 2", &["a", "b"], &[&["0", "1430"], &["1", "1430"]]);
    check("fields n | limit 2", &["a"], &[&["4999"], &["4998"]]);
    check("fields n | sort @timestamp asc | limit 1", &["a"], &[&["0"]]);
}

#[test]
fn subqueries_run_first_over_their_own_groups() {
    check("filter n in (SOURCE 'b' | filter n < 3 | fields n) | stats count(*)", &["a"], &[&["3"]]);
}

#[test]
fn a_join_reads_the_other_group_first() {
    let text =
        "filter m = 0 | join left=l right=r where l.n = r.n (SOURCE 'b' | filter n < 10) | fields l.n, r.m";
    check(text, &["a"], &[&["7", "0"], &["0", "0"]]);
    check("stats count(*) as c | appendcols (SOURCE 'b' | stats max(n) as n)", &["a"], &[&["5000", "4999"]]);
}

#[test]
fn a_query_inside_another_has_thirty_seconds() {
    let text = "stats count(*) as c | appendcols (SOURCE 'b' | stats max(n) as n)";
    let status = |step: i64| run(&store(20_000, step), &request(text, &["a"])).0;
    // Some forty looks at the clock.
    assert_eq!(status(100), Status::Complete);
    assert_eq!(status(5_000), Status::Failed);
}

#[tokio::test]
async fn a_hundred_queries_run_at_the_same_time() {
    let store = store(1, 0);
    let queries = Queries::default();
    let mut kept = queries.0.lock();
    kept.extend((0..MOST_RUNNING).map(|_| Arc::new(Job::new(&request("limit 1", &["a"]), 0))));
    let first = Arc::clone(&kept[0]);
    drop(kept);
    assert_eq!(queries.start(&store, request("limit 1", &["a"])), None);
    first.stop();
    assert!(queries.start(&store, request("limit 1", &["a"])).is_some());
}

#[test]
fn statistics_count_what_was_read() {
    let store = store(100, 0);
    let (_, results) = run(&store, &request("filter m = 0", &["a", "b"]));
    let read = &results.statistics;
    assert_eq!((read.records_matched, read.records_scanned, read.log_groups_scanned), (30, 200, 2));
}

#[test]
fn a_query_ends_with_its_time_and_keeps_what_it_has() {
    // Every look at the clock is a minute.
    let store = store(100_000, 60_000);
    let (status, results) = run(&store, &request("stats count(*) as c", &["a", "b"]));
    assert_eq!(status, Status::Timeout);
    let counted: u64 = cells(&results)[0][0].parse().unwrap();
    assert!((1..200_000).contains(&counted), "{counted}");
}

#[test]
fn a_query_that_was_stopped_stays_so() {
    let store = store(10, 0);
    let request = request("stats count(*)", &["a"]);
    let job = Job::new(&request, 0);
    assert!(job.stop());
    assert!(!job.stop());
    run::run(&store, &job, &request);
    assert_eq!(job.status(), Status::Cancelled);
}

#[test]
fn too_many_groups_are_a_failure() {
    let limits = Limits { groups: 3, ..Limits::default() };
    let request = Request { limits, ..request("stats count(*) by m", &["a", "b"]) };
    assert_eq!(run(&store(100, 0), &request).0, Status::Failed);
}

#[test]
fn a_running_query_shows_what_it_had_when_it_was_asked() {
    let request = request("stats count(*)", &["a"]);
    let job = Job::new(&request, 0);
    let execution = insights::Execution::new(
        &request.query,
        request.range,
        0,
        &request.owner,
        insights::Limits::default(),
    );
    let event = insights::Event { group: "a", stream: "s", timestamp: 1, ingestion: 1, id: 1, message: "x" };
    let mut one = execution.clone();
    let _ = one.push(&event);
    assert_eq!(job.results().1.rows.len(), 0);
    for worker in 0..WORKERS {
        job.show(worker, &one);
    }
    let (status, results) = job.results();
    assert_eq!((status, cells(&results)), (Status::Running, vec![vec!["2"]]));
    job.show(0, &execution);
    assert_eq!(cells(&job.results().1), [["1"]]);
}

#[test]
fn large_results_are_forgotten_and_what_runs_is_not() {
    let ended = |bytes: usize| {
        let job = Job::new(&request("limit 1", &[]), 0);
        let rows = vec![vec![("x".into(), "x".repeat(bytes))]];
        let results = Results { columns: Vec::new(), rows, statistics: insights::Statistics::default() };
        job.end(Status::Complete, Some(results));
        Arc::new(job)
    };
    let running = Arc::new(Job::new(&request("limit 1", &[]), 0));
    let newest = ended(MOST_BYTES + 1);
    let mut kept: VecDeque<_> = [ended(1), Arc::clone(&running), ended(1), Arc::clone(&newest)].into();
    forget(&mut kept);
    let ids: Vec<_> = kept.iter().map(|job| &job.id).collect();
    assert_eq!(ids, [&running.id, &newest.id]);
    let mut kept: VecDeque<_> = (0..MOST_KEPT + 5).map(|_| ended(1)).collect();
    forget(&mut kept);
    assert_eq!(kept.len(), MOST_KEPT - 1);
}
