//! Commands over many rows: totals, sessions, outliers, relevant fields, shifted bins.

use super::{RANGE, START, in_group, lines, run, run_over, text};

const ROWS: [&str; 4] =
    [r#"{"a":1,"b":"2","s":"x"}"#, r#"{"a":10,"s":"y"}"#, r#"{"s":"z"}"#, r#"{"a":-3.5,"b":4,"s":"7up"}"#];

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(run(query, &ROWS).replace('\n', "; "), expected, "{query}");
}

#[test]
fn addtotals_sums_the_numbers_of_a_row() {
    check(
        "fields a, b | sort a | addtotals",
        "; a=-3.5 | b=4 | Total=0.5; a=1 | b=2 | Total=3; a=10 | Total=10",
    );
    check("fields s, a, b | addtotals fieldname=Sum b | display Sum | sort Sum", "; ; Sum=2; Sum=4");
    check(
        "stats sum(a) as x, count(*) as c by bin(1h) as t | addtotals | display x, Total",
        "x=7.5 | Total=11.5",
    );
    check("fields a | addtotals row=false | sort a desc | limit 1", "a=10");
    check("fields a | addtotals a, b | stats sum(Total) as t", "t=13.5");
}

#[test]
fn addtotals_puts_sums_of_columns_at_the_bottom() {
    check("fields a | sort a desc | addtotals row=false col=true", "a=10; a=1; a=-3.5; ; a=7.5");
    check(
        "fields a, b, s | filter ispresent(a) | sort a | addtotals col=true",
        "a=-3.5 | b=4 | s=7up | Total=0.5; a=1 | b=2 | s=x | Total=3; a=10 | s=y | Total=10; a=7.5 | b=6 | Total=13.5",
    );
    check(
        "fields a | sort a desc | limit 1 | addtotals col=true a | filter Total > 1",
        "a=10 | Total=10; a=10 | Total=10",
    );
}

#[test]
fn the_row_of_sums_is_among_the_rows_that_a_result_has() {
    let many: Vec<super::Line> = (0..12_000).map(|_| lines(&[r#"{"a":1}"#]).remove(0)).collect();
    let found = run_over("fields a | addtotals row=false col=true", RANGE, &many);
    assert_eq!((found.rows.len(), found.rows[9_999][0].1.as_str()), (10_000, "12000"));
    assert_eq!(found.rows[0].last().unwrap().0.as_ref(), "@ptr");
    assert_eq!(found.rows[9_999].len(), 1);
}

/// Events of `user` at minutes.
fn visits(user: &str, minutes: &[i64]) -> Vec<super::Line> {
    let messages = vec![format!(r#"{{"user":"{user}"}}"#); minutes.len()];
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let mut visits = lines(&messages);
    visits.iter_mut().zip(minutes).for_each(|(line, minute)| line.timestamp = START + minute * 60_000);
    visits
}

#[test]
fn sessions_end_with_a_long_pause() {
    let mut all = visits("ann", &[0, 10, 50]);
    all.extend(visits("bo", &[5, 6, 59]));
    all.extend(in_group("app", &["nobody"]));
    let check = |query: &str, expected: &str| {
        assert_eq!(text(&run_over(query, RANGE, &all)).replace('\n', "; "), expected, "{query}");
    };
    check(
        "sessionize user | filter ispresent(user) | sort @timestamp | display user, session_id",
        "user=ann | session_id=1; user=bo | session_id=2; user=bo | session_id=2; user=ann | session_id=1; \
         user=ann | session_id=3; user=bo | session_id=4",
    );
    check(
        "sessionize user maxspan 40m as s | stats count(*) as c by user, s",
        "c=1; user=ann | s=1 | c=3; user=bo | s=2 | c=2; user=bo | s=3 | c=1",
    );
    check("sessionize user, @logStream maxspan 90m | stats countDistinct(session_id) as c", "c=2");
}

#[test]
fn a_pause_of_just_the_span_does_not_end_a_session() {
    let all = visits("ann", &[0, 30]);
    assert_eq!(text(&run_over("sessionize user | stats max(session_id) as n", RANGE, &all)), "n=1");
    let query = "sessionize user maxspan 1799999ms | stats max(session_id) as n";
    assert_eq!(text(&run_over(query, RANGE, &all)), "n=2");
}

const LOADS: [&str; 10] = ["10", "11", "12", "13", "14", "15", "16", "17", "99", "-50"];

#[track_caller]
fn outlier(options: &str, expected: &str) {
    let loads: Vec<String> = LOADS.iter().map(|load| format!(r#"{{"cpu":{load}}}"#)).collect();
    let loads: Vec<&str> = loads.iter().map(String::as_str).collect();
    let query = format!("fields cpu | sort cpu | outlier {options}");
    assert_eq!(run(&query, &loads).replace("cpu=", "").replace('\n', "; "), expected, "{options}");
}

/// The quartiles of the ten values are 11 and 16.
#[test]
fn outliers_are_clamped_or_removed() {
    outlier("cpu", "-50; 10; 11; 12; 13; 14; 15; 16; 17; 28.5");
    outlier("uselower=true cpu", "-1.5; 10; 11; 12; 13; 14; 15; 16; 17; 28.5");
    outlier("action=remove cpu", "-50; 10; 11; 12; 13; 14; 15; 16; 17");
    outlier("action=remove uselower=true cpu", "10; 11; 12; 13; 14; 15; 16; 17");
    outlier("action=transform param=0 cpu", "-50; 10; 11; 12; 13; 14; 15; 16; 16; 16");
    outlier("mark=true cpu | filter cpu_outlier = 1", "28.5 | cpu_outlier=1");
}

#[test]
fn a_row_with_an_outlier_in_any_field_is_removed() {
    let rows: Vec<String> = (0..12)
        .map(|at| format!(r#"{{"a":{},"b":{}}}"#, at % 3 + at / 11 * 90, at % 3 + at / 10 * 90))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(run("outlier action=remove a b | stats count(*) as c", &rows), "c=10");
    assert_eq!(run("fields s | outlier a | stats count(*) as c", &ROWS), "c=4");
}

#[test]
fn commands_that_need_all_rows_refuse_too_many() {
    let many: Vec<super::Line> = (0..100_001).map(|_| lines(&[r#"{"a":1}"#]).remove(0)).collect();
    let read = |query: &str, count: usize| {
        let mut execution = super::start(query, RANGE);
        let _ = super::events(&many).take(count).try_for_each(|event| execution.push(&event));
        execution.finish().map(|found| found.rows.len()).map_err(|error| error.to_string())
    };
    let words =
        "the query has more than 100000 rows where all of them are needed; filter or group them before";
    for query in [
        "outlier a | stats count(*)",
        "sessionize a | stats count(*)",
        "fields a | addtotals col=true | stats count(*)",
        "fields a | accum a | stats count(*)",
    ] {
        assert_eq!(read(query, 100_001), Err(words.to_owned()), "{query}");
    }
    assert_eq!(read("outlier a | stats count(*)", 100_000), Ok(1));
    assert_eq!(read("limit 5 | outlier a", 100_001), Ok(5));
    assert_eq!(read("fields a | accum a", 100_001), Ok(10_000));
}

#[test]
fn relevant_fields_are_spread_differently_where_the_condition_holds() {
    let rows = [
        r#"{"Time":900,"Path":"/slow","Size":10,"Id":"a"}"#,
        r#"{"Time":800,"Path":"/slow","Size":30,"Id":"b"}"#,
        r#"{"Time":100,"Path":"/fast","Size":10,"Id":"c"}"#,
        r#"{"Time":120,"Path":"/fast","Size":20,"Id":"d"}"#,
        r#"{"Time":90,"Path":"/slow","Size":30,"Id":"e"}"#,
        r#"{"Time":80,"Path":"/fast","Size":40,"Id":"f","Extra":1}"#,
    ];
    insta::assert_snapshot!(run("relevantfields where Time > 400", &rows), @r#"
    @fieldName=Path | @relevanceScore=0.75 | @topRelevanceContributors=[{"value":"/fast","conditional":0,"baseline":0.75},{"value":"/slow","conditional":1,"baseline":0.25}]
    @fieldName=Extra | @relevanceScore=0.25 | @baselineMedian=1
    @fieldName=Size | @relevanceScore=0.25 | @conditionalMedian=10 | @baselineMedian=20
    @fieldName=Id | @relevanceScore=0 | @topRelevanceContributors=[]
    "#);
    let query = "fields strlen(Path) as l | relevantfields Size, l where Time > 400 | display @fieldName";
    assert_eq!(run(query, &rows), "@fieldName=Size\n@fieldName=l");
    assert_eq!(run("relevantfields where Time > 4000", &rows), "");
    assert_eq!(run("relevantfields where Time > 400 | stats count(*) as c", &rows), "c=4");
}

#[test]
fn offset_reads_earlier_events_into_the_bins_of_now() {
    let mut all = lines(&["a", "b", "c"]);
    all[0].timestamp = START - 3_600_000;
    all[1].timestamp = START - 1;
    let check = |query: &str, expected: &str| {
        assert_eq!(text(&run_over(query, RANGE, &all)).replace('\n', "; "), expected, "{query}");
    };
    check(
        "stats count(*) as c by bin(10m) offset 1h",
        "bin(10m)=2026-08-01 10:00:00.000 | c=1; bin(10m)=2026-08-01 10:50:00.000 | c=1",
    );
    check("stats count(*) as c by bin(1h) as t | display c", "c=1");
    check(
        "stats count(*) as c by bin(1h) as t offset 30m | stats max(t) as t, sum(c) as c",
        "t=2026-08-01 10:00:00.000 | c=2",
    );
    check("stats count(*) as c by bin(1h) as t offset 48h", "");
}

#[test]
fn durations_are_not_capped_as_bins_are() {
    let windows = |query: &str| cloudwatch::insights::compile(query).unwrap().windows(RANGE);
    assert_eq!(windows("stats count(*) by bin(1h) offset 90m")[0].start, START - 90 * 60_000);
    assert_eq!(windows("logcompare timeshift 72h")[1].start, START - 72 * 3_600_000);
    assert_eq!(windows("logcompare timeshift 2w")[1].start, START - 14 * 86_400_000);
}
