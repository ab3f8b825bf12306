//! `stats` and its aggregates.

use super::run;

const ROWS: [&str; 5] = [
    r#"{"s":"a","n":1,"t":"x"}"#,
    r#"{"s":"b","n":2,"t":"y"}"#,
    r#"{"s":"a","n":3,"t":"x"}"#,
    r#"{"s":"a","t":"z"}"#,
    r#"{"n":10,"t":"no"}"#,
];

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(run(query, &ROWS).replace('\n', "; "), expected, "{query}");
}

#[test]
fn counts() {
    check("stats count(*)", "count(*)=5");
    check("stats count() as c by s", "c=1; s=a | c=3; s=b | c=1");
    check("stats count(n), count(missing)", "count(n)=4 | count(missing)=0");
    check("stats countDistinct(t), count_distinct(s)", "countDistinct(t)=4 | count_distinct(s)=2");
    check("stats countOverTime(n) by bin(1h)", "bin(1h)=2026-08-01 10:00:00.000 | countOverTime(n)=4");
}

#[test]
fn numbers_of_a_group() {
    check("stats sum(n), avg(n), min(n), max(n)", "sum(n)=16 | avg(n)=4 | min(n)=1 | max(n)=10");
    // The population: deviations from 4 are -3, -2, -1 and 6.
    check("stats variance(n) as v, stddev(n) as d", "v=12.5 | d=3.5355");
    check("stats sum(t), avg(t)", "");
    check("stats max(t), min(t)", "max(t)=z | min(t)=no");
    check("stats max(@timestamp) as last", "last=2026-08-01 10:00:04.000");
    check("stats sumOverTime(n) by bin(1m)", "bin(1m)=2026-08-01 10:00:00.000 | sumOverTime(n)=16");
    check("stats rate(n, 1m) as r", "r=135");
}

#[test]
fn a_percentile_is_the_value_of_the_nearest_rank() {
    check(
        "stats pct(n, 0) as a, pct(n, 50) as b, pct(n, 75) as c, pct(n, 76) as d",
        "a=1 | b=2 | c=3 | d=10",
    );
}

#[test]
fn a_percentile_of_many_values_is_half_a_percent_off_at_most() {
    let rows: Vec<String> = (1..=20_000).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let rows: Vec<super::Line> = super::lines(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .into_iter()
        .map(|line| super::Line { timestamp: super::START, ..line })
        .collect();
    let found = super::text(&super::run_over("stats pct(n, 99) as p", super::RANGE, &rows));
    let found: f64 = found.trim_start_matches("p=").parse().unwrap();
    assert!((found - 19_800.0).abs() <= 19_800.0 * 0.005, "{found}");
}

#[test]
fn many_values_may_be_negative_zero_or_huge() {
    let value = |n: i64| match n % 5 {
        0 => "-1000".to_owned(),
        1 => "-1".to_owned(),
        2 => "0".to_owned(),
        3 => "1e300".to_owned(),
        _ => "2".to_owned(),
    };
    let line = super::lines(&["x"]).remove(0);
    let rows: Vec<super::Line> = (0..10_000)
        .map(|n| super::Line { message: format!(r#"{{"n":{}}}"#, value(n)), ..line.clone() })
        .collect();
    let query = "stats pct(n, 10) as a, pct(n, 30) as b, pct(n, 50) as c, pct(n, 70) as d, pct(n, 100) > 1000000 as e";
    let results = super::run_over(query, super::RANGE, &rows);
    let found: Vec<f64> = results.rows[0].iter().map(|(_, value)| value.parse().unwrap()).collect();
    for (found, expected) in found.iter().zip([-1000.0, -1.0, 0.0, 2.0, 1.0]) {
        assert!((found - expected).abs() <= f64::abs(expected) * 0.005, "{found} is not {expected}");
    }
}

#[test]
fn many_different_values_are_counted_to_about_a_percent() {
    let rows: Vec<super::Line> = (0..60_000)
        .map(|n| super::Line {
            timestamp: super::START,
            message: format!("v={n}"),
            ..super::lines(&["x"]).remove(0)
        })
        .collect();
    let query = "parse @message \"v=*\" as v | stats countDistinct(v) as c";
    let found: f64 =
        super::text(&super::run_over(query, super::RANGE, &rows)).trim_start_matches("c=").parse().unwrap();
    assert!((found - 60_000.0).abs() <= 60_000.0 * 0.025, "{found}");
}

#[test]
fn values_of_a_group() {
    check("stats values(t) as v by s", r#"v=["no"]; s=a | v=["x","z"]; s=b | v=["y"]"#);
    check("stats COLLECT_VALUES(s)", r#"COLLECT_VALUES(s)=["a","b"]"#);
    check("stats topk(2, t)", r#"topk(2, t)=["x","no"]"#);
    check("stats earliest(n), latest(n)", "earliest(n)=1 | latest(n)=10");
    check("stats latest(s) as l", "l=a");
    check("stats sortsFirst(t), sortsLast(t)", "sortsFirst(t)=no | sortsLast(t)=z");
    check("stats histogram(n, 3) as h", r#"h={"1-4":3,"4-7":0,"7-10":1}"#);
}

#[test]
fn expressions_inside_and_around_aggregates() {
    check("stats max(n * 100 / 2) as m", "m=500");
    check("stats sum(n)/count(*) as a", "a=3.2");
    check("stats max(n) as most, min(n) as least, most - least as range", "most=10 | least=1 | range=9");
    check("stats sum(n + coalesce(missing, 1))", "sum(n + coalesce(missing, 1))=20");
    check("stats count(*) by s = \"a\" as is_a", "is_a=0 | count(*)=2; is_a=1 | count(*)=3");
}

#[test]
fn columns_are_named_by_their_text_and_can_be_used_by_it() {
    check("stats count(*) by s | sort count(*) desc | limit 1", "s=a | count(*)=3");
    check("stats sum( n ) by s | filter sum(n) > 3", "sum( n )=10; s=a | sum( n )=4");
    check("stats count(*) as c by s | fields c * 2 as d", "c=1 | d=2; s=a | c=3 | d=6; s=b | c=1 | d=2");
    check("stats count(*), count(*)", "count(*)=5");
    check("stats count(*) as c by s | display c", "c=1; c=3; c=1");
    check(
        "STATS count(*) AS c BY s | STATS max(c) AS m, sum(c) / count(*)",
        "m=3 | sum(c) / count(*)=1.6667",
    );
}

#[test]
fn a_bin_is_a_group_and_later_stats_can_go_on_with_it() {
    check(
        "stats count(*) as c by bin(2s) as t",
        "t=2026-08-01 10:00:00.000 | c=2; \
        t=2026-08-01 10:00:02.000 | c=2; t=2026-08-01 10:00:04.000 | c=1",
    );
    check(
        "stats count(*) as c by bin(2s) as t | stats max(c) by dateceil(t, 1m)",
        "dateceil(t, 1m)=2026-08-01 10:00:00.000 | max(c)=2; dateceil(t, 1m)=2026-08-01 10:01:00.000 | max(c)=2",
    );
}

#[test]
fn without_events_there_is_one_row_or_with_groups_none() {
    check("filter s = \"never\" | stats count(*), sum(n)", "count(*)=0");
    check("filter s = \"never\" | stats count(*) by s", "");
}

#[test]
fn maps_and_lists_are_no_group() {
    check("fields jsonParse(@message) as j | stats count(*), count(j) by j", "count(*)=5 | count(j)=0");
    check("fields jsonParse(@message) as j | stats count(*) as c by j.s", "c=1; j.s=a | c=3; j.s=b | c=1");
}

#[test]
fn groups_beyond_the_limit_are_an_error() {
    let query = cloudwatch::insights::compile("stats count(*) by t").unwrap();
    let limits = cloudwatch::insights::Limits { groups: 3, ..Default::default() };
    let mut execution =
        cloudwatch::insights::Execution::new(&query, super::RANGE, super::START, &super::owner(), limits);
    let lines = super::lines(&ROWS);
    let taken = super::events(&lines).take_while(|event| execution.push(event).is_continue()).count();
    assert_eq!(taken, 4);
    let error = execution.finish().unwrap_err();
    assert_eq!(error.to_string(), "the query has more than 3 groups or different values");
}
