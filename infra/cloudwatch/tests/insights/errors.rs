//! Queries that are refused: the words and the place.

use cloudwatch::insights::compile;

/// The message, and the query's characters that it is about.
fn refused(query: &str) -> String {
    let error = compile(query).expect_err(query);
    let place: String = query.chars().skip(error.start).take(error.end - error.start).collect();
    format!("{error} @ '{place}'")
}

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(refused(query), expected);
}

#[test]
fn misspelt_names_are_guessed() {
    check("fileds @message", "unknown command 'fileds', did you mean 'fields'? @ 'fileds'");
    check("limit 5 | stast count(*)", "unknown command 'stast', did you mean 'stats'? @ 'stast'");
    check("fields strlength(@message)", "unknown function 'strlength' @ 'strlength'");
    check("fields strlne(@message)", "unknown function 'strlne', did you mean 'strlen'? @ 'strlne'");
    check("stats coutn(*)", "unknown function 'coutn', did you mean 'count'? @ 'coutn'");
    assert_eq!(compile("fileds x").unwrap_err().suggestion.as_deref(), Some("fields"));
}

#[test]
fn offsets_count_characters() {
    let error = compile("filter a = \"ä\" | bogus").unwrap_err();
    assert_eq!((error.start, error.end), (17, 22));
}

#[test]
fn grammar() {
    check(
        "",
        "mismatched input the end of the query, expecting a command such as fields, filter, stats, parse, sort or limit @ ''",
    );
    check(
        "fields a |",
        "mismatched input the end of the query, expecting a command such as fields, filter, stats, parse, sort or limit @ ''",
    );
    check("fields a b c", "mismatched input 'c', expecting '|' or the end of the query @ 'c'");
    check(
        "filter a = ",
        "mismatched input the end of the query, expecting a field, a function or a value @ ''",
    );
    check("filter (a = 1", "mismatched input the end of the query, expecting ')' @ ''");
    check("filter a not b", "mismatched input 'b', expecting 'like' or 'in' @ 'b'");
    check("filter a = \"x", "this string has no closing \" @ '\"x'");
    check("filter a like /x", "this regular expression has no closing '/' @ '/x'");
    check("fields `a", "this backtick has no partner @ '`a'");
    check("fields a; b", "';' is not part of the language @ ';'");
    check("limit many", "mismatched input 'many', expecting a whole number @ 'many'");
    check("limit 0", "a limit counts from 1 to 100000 @ 'limit'");
    check("limit 100001", "a limit counts from 1 to 100000 @ 'limit'");
    check("fields 5xx", "this is neither a number nor a period of time such as 5m @ '5xx'");
}

#[test]
fn functions_and_their_arguments() {
    check("fields strlen()", "'strlen' takes 1 arguments and was given 0 @ 'strlen()'");
    check("fields substr(a)", "'substr' takes 2 to 3 arguments and was given 1 @ 'substr(a)'");
    check("fields bin(5)", "a period of time such as 5m is expected here @ '5'");
    check("filter count(*) > 1", "'count' gathers many events: it stands only in stats @ 'count'");
    check("stats pct(a, 101)", "a percentile from 0 to 100 is expected here @ '101'");
    check("stats topk(3, a) by b", "topk stands alone: without 'by' and without another aggregate @ 'stats'");
    check("fields regexReplace(a, b, \"\")", "regexReplace needs its pattern in quotes @ 'b'");
}

#[test]
fn regular_expressions() {
    check("filter a like /(/", "this regular expression cannot be used: unclosed group @ '/(/'");
    check(
        r"filter a like /\w{500}{500}/",
        r"this regular expression cannot be used: it is too big @ '/\w{500}{500}/'",
    );
    check("parse /x/", "the regular expression has no group to take a field from @ '/x/'");
    check("parse /(x)(y)/ as a", "the regular expression has 2 groups and 1 names after 'as' @ '/(x)(y)/'");
}

#[test]
fn parse_counts_its_stars() {
    check("parse \"* *\" as a", "the pattern has 2 '*' and 1 names: they must be as many @ '\"* *\"'");
}

#[test]
fn a_name_is_given_once() {
    check("fields a as x, b as x", "'x' is defined twice; a name can be given once @ 'x'");
    check("parse \"*\" as x | fields 1 as x", "'x' is defined twice; a name can be given once @ 'x'");
    check("stats count(*) as c, sum(a) as c", "'c' is defined twice; a name can be given once @ 'c'");
}

#[test]
fn after_stats_only_its_columns_are_known() {
    check("stats count(*) by a | filter b = 1", "Unknown symbols found in or after stats: b @ 'b'");
    check("stats a by b", "Unknown symbols found in or after stats: a @ 'a'");
    check(
        "FIELDS @message | STATS SUM(Fault) by Operation | STATS MAX(strlen(@message)) AS MaxMessageSize",
        "Unknown symbols found in or after stats: @message @ '@message'",
    );
    check(
        "stats count(*) as c by @logStream | stats avg(c) by bin(5m)",
        "bin() needs @timestamp, which is gone here; take dateceil or datefloor of a time @ 'bin(5m)'",
    );
}

#[test]
fn order_of_commands() {
    check("sort a | stats count(*)", "'sort' must come after the last stats @ 'sort'");
    check("limit 5 | stats count(*)", "'limit' must come after the last stats @ 'limit'");
    check("dedup a | filter b = 1", "only limit may come after dedup @ 'filter'");
    check("sort a | pattern @message", "'sort' must come after the last pattern @ 'sort'");
    check("fields a | SOURCE 'x'", "SOURCE stands only at the start of a query @ 'SOURCE'");
    check("pattern @message | filter @ratio > 0 | diff", "diff stands right after pattern, once @ 'diff'");
    let eleven = ["stats count(*) as c"; 11].join(" | ");
    check(&eleven, "a query has at most 10 stats commands @ 'stats'");
    check(
        "stats count(*) by a | fillmissing",
        "fillmissing stands after 'stats … by bin(…)' @ 'fillmissing'",
    );
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for command in ["anomaly", "search", "estimate"] {
        let found = refused(&format!("fields a | {command} x"));
        assert!(found.starts_with(&format!("the command '{command}' is not available here: ")), "{found}");
        assert!(found.ends_with(&format!("@ '{command}'")), "{found}");
    }
    check(
        "SOURCE dataSource(['x'])",
        "dataSource is not available here: local log groups have no data source @ 'dataSource'",
    );
    check("filterIndex a > 1", "filterIndex takes 'field = value' or 'field in [values]' @ 'a > 1'");
}

#[test]
fn a_query_has_ten_thousand_characters_at_most() {
    let comment = "x".repeat(9_980);
    assert!(compile(&format!("fields a # {comment}")).is_ok());
    assert!(
        refused(&format!("fields a # {comment}{comment}"))
            .starts_with("a query has at most 10000 characters")
    );
}

#[test]
fn subqueries() {
    let inside = "filter b in (SOURCE 'y' | fields b)";
    check(
        &format!("filter a in (SOURCE 'x' | {inside} | fields a)"),
        "a subquery cannot be inside another one @ '('",
    );
    check("filter a in (fields a)", "a subquery begins with SOURCE and a log group @ 'a in (fields a)'");
    check(
        "fields a in (SOURCE 'x' | fields a) as f",
        "a subquery stands only in filter @ 'a in (SOURCE 'x' | fields a)'",
    );
    check(
        "filter a in (SOURCE 'x' | fields b, c)",
        "the subquery must give one field, or one of the same name @ 'a in (SOURCE 'x' | fields b, c)'",
    );
    check("filter a in (SOURCE 'x' | bogus)", "unknown command 'bogus' @ 'bogus'");
    check("filter a in (SOURCE 'x' | fields a", "mismatched input the end of the query, expecting ')' @ ''");
}

#[test]
fn selections_of_source() {
    check(
        "SOURCE logGroups(nam: ['x'])",
        "mismatched input 'nam', expecting namePrefix, accountIdentifier or class @ 'nam'",
    );
    check(
        "SOURCE logGroups(class: ['OLD'])",
        "a class is 'STANDARD' or 'INFREQUENT_ACCESS' @ 'class: ['OLD']'",
    );
    check(
        "SOURCE logGroups(namePrefix: ['1','2','3','4','5','6'])",
        "this list takes at most 5 texts @ '['1','2','3','4','5','6']'",
    );
    let list = r#"logGroupTags takes a list such as [{"key": "team", "values": ["a"]}] @ '('"#;
    check("SOURCE logGroupTags([{\"kay\": \"team\"}])", list);
    check("SOURCE logGroupTags({})", list);
    let six = [r#"{"key":"a"}"#; 6].join(",");
    check(
        &format!("SOURCE logGroupTags([{six}])"),
        &format!("logGroupTags takes at most 5 tags with 5 values each @ '[{six}]'"),
    );
}

#[test]
fn joins() {
    let join = |rest: &str| format!("join {rest}");
    let right = "(SOURCE 'x')";
    check(
        &join(&format!("type=full left=a right=b where a.k=b.k {right}")),
        "the type of a join is 'inner' or 'left' @ 'full'",
    );
    check(
        &join(&format!("left=a where a.k=b.k {right}")),
        "mismatched input 'where', expecting left=… and right=…, the names of both sides @ 'where'",
    );
    check(
        &join(&format!("left=a right=b where a.k=c.k {right}")),
        "a join compares 'a.…' with 'b.…' @ 'a.k=c.k'",
    );
    check(&join(&format!("left=a right=a where a.k=a.k {right}")), "both sides have one name @ 'a.k=a.k'");
    check(
        &join(&format!("left=a right=b where a.k>b.k {right}")),
        "mismatched input '>', expecting '=' @ '>'",
    );
    check(
        &join("left=a right=b where a.k=b.k (fields k)"),
        "a subquery begins with SOURCE and a log group @ 'join'",
    );
    let one = join(&format!("left=a right=b where a.k=b.k {right}"));
    check(&format!("{one} | {one}"), "a query has at most one join @ 'join'");
    check(
        &join("left=a right=b where a.k=b.k (SOURCE 'x' | filter k in (SOURCE 'y' | fields k))"),
        "a subquery cannot be inside another one @ '('",
    );
    check(
        &join("left=a right=b where a.k=b.k (SOURCE 'x' | stats count(*) by k) | fields b.z"),
        "Unknown symbols found in or after stats: b.z @ 'b.z'",
    );
}

#[test]
fn options_of_commands() {
    check("outlier action=drop a", "mismatched input 'drop', expecting remove or transform @ 'drop'");
    check("outlier", "mismatched input the end of the query, expecting a field @ ''");
    check("addtotals col=maybe", "mismatched input 'maybe', expecting true or false @ 'maybe'");
    check(
        "filter a = 1 | addtotals",
        "addtotals needs columns before it, such as those of fields, or their names @ 'addtotals'",
    );
    check(
        "fields a | addtotals | addtotals",
        "'Total' is defined twice; a name can be given once @ 'addtotals'",
    );
    check("sessionize a maxspan 3", "mismatched input '3', expecting a duration such as 30m @ '3'");
    check(
        "sessionize a maxspan 3months",
        "a duration is a number of ms, s, m, h, d or w, up to a hundred years @ '3months'",
    );
    check(
        "stats count(*) by a | sessionize a",
        "sessionize needs @timestamp, which is gone here @ 'sessionize'",
    );
    check(
        "stats count(*) by a offset 1h",
        "offset stands after 'by bin(…)' of the first stats @ 'offset 1h'",
    );
    check(
        "stats count(*) by datefloor(@ingestionTime, 1h) offset 1h",
        "offset stands after 'by bin(…)' of the first stats @ 'offset 1h'",
    );
    check("logcompare 7d", "mismatched input '7d', expecting 'timeshift' @ '7d'");
    check(
        "fields a | logcompare timeshift 7d | logcompare timeshift 1d",
        "diff stands right after pattern, once @ 'logcompare'",
    );
    check("relevantfields a", "mismatched input the end of the query, expecting 'where' @ ''");
    check(
        "stats count(*) as c | relevantfields where c > 1",
        "no field is left for relevantfields to look at @ 'relevantfields'",
    );
    check("appendcols max=0 (SOURCE 'x')", "max counts from 1 to 100000 @ '0'");
    check("appendcols (fields a)", "a subquery begins with SOURCE and a log group @ 'appendcols'");
    check("lookup t a b OUTPUT c", "mismatched input 'b', expecting OUTPUT or OUTPUTNEW @ 'b'");
    check("lookup t a OUTPUT c as d", "mismatched input 'as', expecting '|' or the end of the query @ 'as'");
}
