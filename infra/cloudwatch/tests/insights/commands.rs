//! The commands, one test each.

use super::{Range, START, in_group, lines, run, run_over, text};

const ROWS: [&str; 4] = [r#"{"k":"a","n":1}"#, r#"{"k":"b","n":2}"#, r#"{"k":"a","n":3}"#, r#"{"n":4}"#];

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(run(query, &ROWS).replace('\n', "; "), expected, "{query}");
}

#[track_caller]
fn parse(message: &str, command: &str, expected: &str) {
    let found = run(&format!("fields @logStream | {command}"), &[message]);
    let found = found.strip_prefix("@logStream=one").unwrap_or("no row");
    assert_eq!(found.strip_prefix(" | ").unwrap_or(found), expected, "{command}");
}

#[test]
fn fields_add_up_and_the_last_display_counts() {
    check("fields k | fields n, k | limit 1", "n=4");
    check("fields k, n * 2 as d | limit 2", "d=8; k=a | d=6");
    check("fields n + 1 | limit 1", "n + 1=5");
    check("fields n | display k | display n, k | limit 2", "n=4; n=3 | k=a");
    check("fields strlen(k) size | filter size = 1 | limit 1", "size=1");
}

#[test]
fn events_show_their_time_and_message_and_end_with_a_pointer() {
    let results = run_over("filter n = 2", super::RANGE, &lines(&ROWS));
    let fields: Vec<&str> = results.rows[0].iter().map(|(field, _)| &**field).collect();
    assert_eq!(fields, ["@timestamp", "@message", "@ptr"]);
    let distinct = run_over("fields @message", super::RANGE, &lines(&ROWS));
    let pointers: std::collections::HashSet<_> =
        distinct.rows.iter().map(|row| row.last().unwrap().1.clone()).collect();
    assert_eq!(pointers.len(), 4);
    let groups = run_over("stats count(*)", super::RANGE, &lines(&ROWS));
    assert_eq!(groups.rows[0].len(), 1);
    let pointer = |query: &str| run_over(query, super::RANGE, &lines(&ROWS)).rows[0].last().unwrap().clone();
    assert_eq!(pointer("fields n | sort n"), pointer("fields n | sort n | accum n | autoregress n"));
}

#[test]
fn statistics_tell_what_was_read() {
    let mut both = lines(&ROWS);
    both.extend(in_group("other", &["no json"]));
    let results = run_over("filter k = \"a\" | limit 1", super::RANGE, &both);
    assert_eq!(results.statistics.records_matched, 2);
    assert_eq!(results.statistics.records_scanned, 5);
    assert_eq!(results.statistics.bytes_scanned, 3 * 15 + 7 + 7);
    assert_eq!(results.statistics.log_groups_scanned, 2);
}

#[test]
fn filters_and_where() {
    check("fields n | filter n > 1 | where n < 4", "n=3; n=2");
    check("fields n | filter n > 1 and n < 3 or k = \"a\" and n = 1", "n=2; n=1");
    check("fields n | filter isPresent(k)", "n=3; n=2; n=1");
    check("fields n | filterIndex k = \"b\"", "n=2");
    check("fields n | filterIndex k in [\"b\", \"c\"]", "n=2");
}

#[test]
fn a_filter_may_come_before_or_after_a_sort_and_differs_after_a_limit() {
    check("fields n | sort n | filter n > 2", "n=3; n=4");
    check("fields n | sort n | limit 3 | filter n > 2", "n=3");
    check("fields n | limit 3 | sort n | limit 1", "n=2");
}

#[test]
fn limit_any_stops_early() {
    let results = run_over("limit any 1", super::RANGE, &lines(&ROWS));
    assert_eq!((results.rows.len(), results.statistics.records_scanned), (1, 1));
}

#[test]
fn dedup_keeps_the_first_in_the_order_and_rows_without_a_value() {
    check("fields n | dedup k", "n=4; n=3; n=2");
    check("fields n | sort n asc | dedup k", "n=1; n=2; n=4");
    check("fields n | sort n asc | dedup k | limit 2", "n=1; n=2");
    check("fields n | dedup k, n", "n=4; n=3; n=2; n=1");
}

#[test]
fn parse_by_glob() {
    let message = "user=ann, method:GET, latency := 12 ms";
    let glob = r#"parse @message "user=*, method:*, latency := * ms" as u, m, l"#;
    parse(message, glob, "u=ann | m=GET | l=12");
    parse(message, r#"parse "method:*" as rest"#, "rest=GET, latency := 12 ms");
    parse(message, r#"parse "*, method" as start"#, "start=user=ann");
    parse(message, r#"parse "user=*,*method" as u, gap"#, "u=ann | gap= ");
    parse(message, r#"parse "nothing *" as x"#, "");
    parse("a--b", r#"parse "*-*-*" as x, y, z"#, "x=a | y= | z=b");
    parse(
        "url=/api/v1/users/7",
        r#"parse "url=*" as url | parse url "/api/*/users/*" as v, u | display v, u"#,
        "no row",
    );
}

#[test]
fn parse_chained_and_shown() {
    let query = r#"parse @message "url=*" as url | parse url "/api/*/users/*" as v, u | display v, u"#;
    assert_eq!(run(query, &["url=/api/v1/users/7"]), "v=v1 | u=7");
}

#[test]
fn parse_by_regular_expression() {
    let message = "from 10.0.0.1 to 10.0.0.2";
    parse(message, r"parse @message /from (?<src>\S+) to (?<dst>\S+)/", "src=10.0.0.1 | dst=10.0.0.2");
    parse(message, r"parse /from (\S+) to (\S+)/ as s, d", "s=10.0.0.1 | d=10.0.0.2");
    parse(message, r"parse /to (?<x>.*?)/", "x=");
    parse(message, r"parse /via (?<x>.*)/", "");
    let multi = r"parse @message /(\d+\.\d+\.\d+\.\d+)/ as ip multi | stats count(*) by ip";
    assert_eq!(
        run(multi, &[message, "nothing"]),
        "count(*)=1\nip=10.0.0.1 | count(*)=1\nip=10.0.0.2 | count(*)=1"
    );
}

#[test]
fn parse_of_logfmt_csv_and_json() {
    let message = r#"level=error msg="two \"words\"" took=5ms flag"#;
    let query =
        "parse @message logfmt as lf | filter lf.level = \"error\" | display lf.msg, lf.took, lf.flag";
    assert_eq!(run(query, &[message, "no pairs"]), r#"lf.msg=two "words" | lf.took=5ms"#);
    parse(r#"a, "b, ""c""" ,d"#, "parse csv as x, y, z", r#"x=a | y=b, "c" | z=d"#);
    parse("a,b,c", "parse csv as x, y", "x=a | y=b");
    parse("a", "parse csv as x, y", "x=a");
    let query = r#"parse @message /(?<payload>\{.*\})/ as payload | json field=payload "user.name" as name | display name"#;
    assert_eq!(run(query, &[r#"got {"user":{"name":"ann"}}"#]), "name=ann");
    let query = r#"fields jsonParse(@message) as j | json field=j "u.0" as first | display first"#;
    assert_eq!(run(query, &[r#"{"u":[7,8]}"#]), "first=7");
}

#[test]
fn unnest_makes_a_row_of_each_item() {
    let message = r#"{"events":[{"name":"exception"},{"name":"user action"}]}"#;
    let query = "fields jsonParse(@message) as j | unnest j.events into e | display e.name";
    assert_eq!(run(query, &[message]), "e.name=exception\ne.name=user action");
    let query = "fields jsonParse(@message) as j | unnest j.one into e | display e";
    assert_eq!(run(query, &[r#"{"one":"x"}"#]), "e=x");
    let query = "fields split(@message, \",\") as l | expand l | display l";
    assert_eq!(run(query, &["a,b"]), "l=a\nl=b");
    let query = "expand user.roles | filter user.roles != \"x\" | stats count(*) as c by user.roles";
    assert_eq!(
        run(query, &[r#"{"user":{"roles":["a","x","b"]}}"#]),
        "user.roles=a | c=1\nuser.roles=b | c=1"
    );
}

#[test]
fn expand_reads_lists_in_text_as_well() {
    let message = r#"{"items":["apple","banana"],"host":"web-01","text":"[1,2]","none":7}"#;
    let check =
        |query: &str, expected: &str| assert_eq!(run(query, &[message]).replace('\n', "; "), expected);
    check(
        "expand items | stats count(*) as c by items, host",
        "items=apple | host=web-01 | c=1; items=banana | host=web-01 | c=1",
    );
    check("expand text | display text", "text=1; text=2");
    check("fields text as t | expand t | display t", "t=1; t=2");
    check("expand none | display none", "none=7");
}

#[test]
fn patterns_have_tokens_where_messages_differ() {
    let found = run(
        "pattern @message",
        &[
            "2023-01-01 19:00:01 [INFO] Calling DynamoDB to store for resource id 12342342124-12345",
            "2023-01-01 19:00:02 [INFO] Calling DynamoDB to store for resource id 324892398123-12345",
            "2023-01-01 19:00:03 [ERROR] Timed out after 300 ms",
            "2023-01-01 19:00:03 [INFO] Calling Kinesis to store for resource id 3249-12345",
        ],
    );
    insta::assert_snapshot!(found, @r"
    @pattern=<Time-1> [INFO] Calling <Token-2> to store for resource id <ID-3> | @ratio=0.75 | @sampleCount=3 | @severityLabel=INFO
    @pattern=<Time-1> [ERROR] Timed out after <Number-2> ms | @ratio=0.25 | @sampleCount=1 | @severityLabel=ERROR
    ");
}

#[test]
fn diff_counts_patterns_in_the_window_before() {
    let mut all = lines(&["job 1 done", "job 2 done", "disk full"]);
    all.extend(lines(&["job 3 done", "queue empty"]).into_iter().map(|mut line| {
        line.timestamp -= 3_600_000;
        line
    }));
    let query = "pattern @message | diff | display @pattern, @sampleCount, @differenceEventCount, @differenceDescription";
    insta::assert_snapshot!(text(&run_over(query, super::RANGE, &all)), @r"
    @pattern=job <Number-1> done | @sampleCount=2 | @differenceEventCount=1 | @differenceDescription=+100%
    @pattern=disk full | @sampleCount=1 | @differenceEventCount=1 | @differenceDescription=new in this period
    @pattern=queue empty | @sampleCount=0 | @differenceEventCount=-1 | @differenceDescription=gone in this period
    ");
    let windows = |query: &str| {
        cloudwatch::insights::compile(query).unwrap().windows(Range { start: START, end: START + 999 })
    };
    assert_eq!(windows("diff")[1], Range { start: START - 1000, end: START - 1 });
    assert_eq!(windows("diff previousDay")[1].start, START - 86_400_000);
    assert_eq!(windows("diff previousWeek")[1].start, START - 7 * 86_400_000);
    assert_eq!(windows("diff previousMonth")[1].start, START - 31 * 86_400_000);
    assert_eq!(windows("logcompare timeshift 2h")[1].start, START - 2 * 3_600_000);
    assert_eq!(windows("fields @message").len(), 1);
}

#[test]
fn logcompare_is_diff_with_a_window_of_any_distance() {
    let mut all = lines(&["job 1 done", "job 2 done"]);
    all[0].timestamp -= 90_000_000;
    let query = "logcompare timeshift 25h | display @pattern, @sampleCount, @differenceEventCount";
    let found = text(&run_over(query, super::RANGE, &all));
    assert_eq!(found, "@pattern=job <Number-1> done | @sampleCount=1 | @differenceEventCount=0");
}

#[test]
fn an_event_of_both_windows_counts_in_both() {
    let mut all = lines(&["a b", "a b", "a b"]);
    for (line, minutes) in all.iter_mut().zip([-10, 10, 50]) {
        line.timestamp = START + minutes * 60_000;
    }
    // The earlier window has the first two events, the query's own the last two.
    let query = "pattern @message | logcompare timeshift 20m | display @sampleCount, @differenceEventCount";
    let found = text(&run_over(query, super::RANGE, &all));
    assert_eq!(found, "@sampleCount=2 | @differenceEventCount=0");
}

#[test]
fn events_outside_the_window_are_not_read() {
    let narrow = Range { start: START + 1000, end: START + 2000 };
    let results = run_over("fields n", narrow, &lines(&ROWS));
    assert_eq!(text(&results), "n=3\nn=2");
    assert_eq!(results.statistics.records_scanned, 2);
}

#[test]
fn sources_name_log_groups() {
    use cloudwatch::insights::{Source, compile};
    let query = compile("SOURCE '/a' | SOURCE \"/b\" | fields @message").unwrap();
    assert_eq!(query.sources(), [Source::Group("/a".into()), Source::Group("/b".into())]);
}

#[test]
fn sources_select_log_groups_by_name_account_class_and_tags() {
    use cloudwatch::insights::{Candidate, Source, compile};
    let check = |source: &str, expected: &[&str]| {
        let query = compile(&format!("SOURCE {source} | limit 1")).unwrap_or_else(|error| panic!("{error}"));
        let [Source::Groups(selection)] = query.sources() else { panic!("{source}") };
        let groups = [
            ("/aws/a", "1", "STANDARD", &[("team", "one"), ("env", "prod")][..]),
            ("/aws/b", "1", "STANDARD", &[("team", "two")]),
            ("/own/c", "2", "STANDARD", &[]),
            ("/own/d", "1", "INFREQUENT_ACCESS", &[("team", "one")]),
        ];
        let admitted = groups.into_iter().filter(|(name, account, class, tags)| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            selection.admits(Candidate { name, account, class, tags: &tags })
        });
        assert_eq!(admitted.map(|(name, ..)| name).collect::<Vec<_>>(), expected, "{source}");
    };
    check("logGroups()", &["/aws/a", "/aws/b", "/own/c"]);
    check("logGroups(namePrefix: ['/aws/', 'x'])", &["/aws/a", "/aws/b"]);
    check("logGroups(accountIdentifier:['2'], namePrefix: ['/own'])", &["/own/c"]);
    check("logGroups(class: ['INFREQUENT_ACCESS'])", &["/own/d"]);
    check(r#"logGroupTags([{"key":"team","values":["one","t*"]}])"#, &["/aws/a", "/aws/b"]);
    check(r#"logGroupTags([{"key":"team"}, {"key":"env","values":["!test"]}])"#, &["/aws/a"]);
    check(r#"logGroups(namePrefix: ['/aws']) logGroupTags([{"key":"env","values":["*"]}])"#, &["/aws/a"]);
}

#[test]
fn running_sums_earlier_rows_and_gaps() {
    check(
        "stats sum(n) as s by k | accum s as total",
        "s=4 | total=4; k=a | s=4 | total=8; k=b | s=2 | total=10",
    );
    check("fields n | sort n | autoregress n", "n=1; n=2 | n_p1=1; n=3 | n_p1=2; n=4 | n_p1=3");
    check("fields n | sort n | autoregress n p=2-3 | limit 4 | filter n = 4", "n=4 | n_p2=2 | n_p3=1");
    check("fields n, k | sort n | filldown k", "n=1 | k=a; n=2 | k=b; n=3 | k=a; n=4 | k=a");
    check("fields n | limit 3 | sort n | accum n | display accum_n", "accum_n=2; accum_n=5; accum_n=9");
    check("fields n, k | sort n | filldown n k*", "n=1 | k=a; n=2 | k=b; n=3 | k=a; n=4 | k=a");
    check("countFrequent k", "k=a | _approxcount=2; _approxcount=1; k=b | _approxcount=1");
}

#[test]
fn fillmissing_adds_the_bins_without_events() {
    let mut rows = lines(&["a", "a"]);
    rows[1].timestamp += 2000;
    let query = "stats count(*) as c by bin(1s) as t | fillmissing | display c";
    assert_eq!(text(&run_over(query, super::RANGE, &rows)), "c=1\nc=0\nc=0\nc=1");
    let query = "stats count(*) as c by bin(1s) as t | fillmissing with -1 for c | display c";
    assert_eq!(text(&run_over(query, super::RANGE, &rows)), "c=1\nc=-1\nc=-1\nc=1");
}

#[test]
fn ten_thousand_rows_come_without_a_limit_and_more_with_one() {
    let many: Vec<super::Line> = (0..12_000).map(|_| lines(&["x"]).remove(0)).collect();
    assert_eq!(run_over("fields @message", super::RANGE, &many).rows.len(), 10_000);
    assert_eq!(run_over("fields @message | limit 11000", super::RANGE, &many).rows.len(), 11_000);
    assert_eq!(
        run_over("fields @message | limit 11000 | filter 1 = 1", super::RANGE, &many).rows.len(),
        11_000
    );
}

#[test]
fn a_running_query_shows_what_it_has() {
    let rows = lines(&ROWS);
    let mut execution = super::start("stats count(*) as c", super::RANGE);
    for (event, seen) in super::events(&rows).zip(1..) {
        let _ = execution.push(&event);
        assert_eq!(text(&execution.snapshot().unwrap()), format!("c={seen}"));
    }
}

#[test]
fn comments_newlines_and_case_do_not_matter() {
    check("# all\n\n| FIELDS n # the number\n# | filter n = 1\n| SORT n DESC\n| LIMIT 1", "n=4");
}

#[test]
fn a_filter_can_ask_another_group() {
    let mut all = lines(&[r#"{"id":"1"}"#, r#"{"id":2.0}"#, r#"{"id":"x"}"#, "no id"]);
    all.extend(in_group("other", &[r#"{"id":1,"bad":1}"#, r#"{"id":"2","bad":1}"#, r#"{"id":"x"}"#]));
    let check = |filter: &str, expected: &str| {
        let query = format!("filter @source.log = \"app\" | filter {filter} | stats values(id) as ids");
        assert_eq!(text(&run_over(&query, super::RANGE, &all)), expected, "{filter}");
    };
    let bad = "(SOURCE 'other' | filter bad = 1 | fields id)";
    check(&format!("id in {bad}"), r#"ids=["1","2.0"]"#);
    check(&format!("id not in {bad}"), r#"ids=["x"]"#);
    check(&format!("not (id in {bad}) and ispresent(id)"), r#"ids=["x"]"#);
    check("id in (SOURCE 'other' | stats count(*) as n by id | filter n > 1)", "");
    check(&format!("id in {bad} and id in (SOURCE 'other' | filter id = 1 | fields id)"), r#"ids=["1"]"#);
}

#[test]
fn a_subquery_without_an_answer_fails_the_query() {
    let rows = lines(&ROWS);
    let mut execution = super::start("filter k in (SOURCE 'x' | fields k)", super::RANGE);
    assert!(super::events(&rows).all(|event| execution.push(&event).is_break()));
    assert_eq!(execution.finish().unwrap_err().to_string(), "a subquery of the query was not run");
}
