//! Commands that take columns from other queries and from lookup tables.

use super::{RANGE, compiled, in_group, lines, run_bound, run_over, text};

const ORDERS: [&str; 4] = [
    r#"{"id":"1","city":"Rome","ip":"10.1.2.3"}"#,
    r#"{"id":2,"city":"Oslo","ip":"10.9.0.1"}"#,
    r#"{"id":"3","city":"","ip":"192.0.2.7"}"#,
    r#"{"city":"Bonn"}"#,
];

const PAYMENTS: [&str; 4] = [
    r#"{"order":1,"sum":10}"#,
    r#"{"order":"2","sum":20}"#,
    r#"{"order":2,"sum":21}"#,
    r#"{"order":9,"sum":90}"#,
];

fn all() -> Vec<super::Line> {
    let mut all = lines(&ORDERS);
    all.extend(in_group("pay", &PAYMENTS));
    all
}

/// Runs a query over the orders; a query in it may read `pay`.
#[track_caller]
fn check(query: &str, expected: &str) {
    let query = format!("filter @source.log = \"app\" | {query}");
    assert_eq!(text(&run_over(&query, RANGE, &all())).replace('\n', "; "), expected, "{query}");
}

/// A `join` of the type, then more commands.
fn join(kind: &str, rest: &str) -> String {
    format!("join {kind} left=o right=p where o.id = p.order (SOURCE 'pay') | {rest}")
}

#[test]
fn an_inner_join_has_a_row_for_each_pair() {
    let expected = "o.id=2 | p.sum=21; o.id=2 | p.sum=20; o.id=1 | p.sum=10";
    check(&join("type=inner", "fields o.id, p.sum"), expected);
    check(&join("", "fields o.id, p.sum"), expected);
    check(&join("", "stats sum(p.sum) as s by o.city"), "o.city=Oslo | s=41; o.city=Rome | s=10");
    check(&join("", "filter p.sum > 10 and o.city = \"Oslo\" | stats count(*) as c"), "c=2");
}

#[test]
fn a_left_join_keeps_rows_without_a_partner() {
    check(
        &join("type=left", "fields o.city, p.sum | sort o.city, p.sum"),
        "o.city=; o.city=Bonn; o.city=Oslo | p.sum=20; o.city=Oslo | p.sum=21; o.city=Rome | p.sum=10",
    );
    check(&join("type=left", "filter !ispresent(p.sum) | stats count(*) as c"), "c=2");
}

#[test]
fn a_bare_name_is_of_the_left_side() {
    check(&join("", "fields city, p.sum | filter id = 1"), "city=Rome | p.sum=10");
    check(
        "fields city as c | join left=o right=p where p.order = o.id (SOURCE 'pay') | display o.c, p.`sum` | limit 1",
        "o.c=Oslo | p.sum=21",
    );
}

#[test]
fn the_right_side_is_a_query_of_its_own() {
    check(
        "join left=o right=p where o.id = p.order (SOURCE 'pay' | stats sum(sum) as s by order) | fields o.id",
        "p.order=2 | p.s=41 | o.id=2; p.order=1 | p.s=10 | o.id=1",
    );
    check(
        "join left=o right=p where o.id = p.order (SOURCE 'pay' | sort sum desc | limit 2 | filter sum < 50) | display p.sum",
        "p.sum=21",
    );
    check(
        "join left=o right=p where o.id = p.j.order (SOURCE 'pay' | fields jsonParse(@message) as j) | display p.j.sum | limit 1",
        "p.j.sum=21",
    );
}

#[test]
fn a_join_without_fields_shows_both_events() {
    let query = "filter id = 1 | join left=o right=p where o.id = p.order (SOURCE 'pay')";
    let found = run_over(query, RANGE, &all());
    let names: Vec<&str> = found.rows[0].iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["@timestamp", "@message", "p.@timestamp", "p.@message", "@ptr"]);
    check(&join("", "display dateceil(p.@timestamp, 1h) as t | limit 1"), "t=2026-08-01 11:00:00.000");
}

#[test]
fn a_join_after_stats_and_before_it() {
    check(
        "stats count(*) as c by id | join left=l right=p where l.id = p.order (SOURCE 'pay') | stats sum(p.sum) as s by c",
        "c=1 | s=51",
    );
}

#[test]
fn what_the_right_side_read_counts_and_its_keys_are_limited() {
    let found = run_over(&join("", "stats count(*)"), RANGE, &all());
    assert_eq!(found.statistics.records_scanned, 8 + 4);
    let many: Vec<String> = (0..50_001).map(|at| format!(r#"{{"order":{at}}}"#)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let query = compiled(&join("", "stats count(*)"), &[]);
    let mut all = in_group("pay", &many);
    all.iter_mut().for_each(|line| line.timestamp = super::START);
    let execution = super::answered(&query, RANGE, &all);
    let error = execution.finish().unwrap_err().to_string();
    assert_eq!(error, "the right side of the join has more than 50000 different keys");
}

#[test]
fn appendcols_puts_the_rows_of_another_query_beside() {
    let with = |options: &str, inner: &str| {
        format!(
            "stats count(*) as c by city | filter city != \"\" | appendcols {options} (SOURCE 'pay' | {inner})"
        )
    };
    check(
        &with("", "stats sum(sum) as s by order"),
        "city=Bonn | c=1 | order=1 | s=10; city=Oslo | c=1 | order=2 | s=41; city=Rome | c=1 | order=9 | s=90",
    );
    check(&with("max=1", "stats sum(sum) as s"), "city=Bonn | c=1 | s=141; city=Oslo | c=1; city=Rome | c=1");
    check(
        &with("override=false", "stats max(sum) as c"),
        "city=Bonn | c=1; city=Oslo | c=1; city=Rome | c=1",
    );
    check(
        &with("override=true", "stats max(sum) as c"),
        "city=Bonn | c=90; city=Oslo | c=1; city=Rome | c=1",
    );
    check(
        "fields id, city | appendcols (SOURCE 'pay' | fields sum, order as city | limit 1) | display city, sum",
        "city=Bonn | sum=90; city=; city=Oslo; city=Rome",
    );
}

const PEOPLE: &str = "id,name,city\n1,Ann,Paris\n2,\"Bo, jr\",\n2,Other,Rome\n3,,Kyiv\n";
const NETS: &str = "net,zone,owner\n10.0.0.0/8,all,core\n10.1.0.0/16,one,edge\n2001:db8::/32,six,core\n";

#[track_caller]
fn look(query: &str, expected: &str) {
    let query = compiled(query, &[("people", PEOPLE), ("nets", NETS)]);
    let found = text(&run_bound(&query, RANGE, &lines(&ORDERS), true)).replace('\n', "; ");
    assert_eq!(found, expected);
}

#[test]
fn lookup_adds_cells_of_the_first_row_with_the_same_keys() {
    look("fields id | lookup people id OUTPUT name", "; id=3; id=2 | name=Bo, jr; id=1 | name=Ann");
    look(
        "fields id as key | lookup people id as key OUTPUT name | filter ispresent(name) | stats count(*) as c by name",
        "name=Ann | c=1; name=Bo, jr | c=1",
    );
    look("lookup people id, city OUTPUT name | stats count(name) as c", "c=0");
}

#[test]
fn output_overwrites_and_outputnew_fills() {
    look(
        "fields city, id | lookup people id OUTPUT city | sort id | display city",
        "; city=Paris; ; city=Kyiv",
    );
    look(
        "fields city, id | lookup people id OUTPUTNEW city | display city",
        "city=Bonn; city=Kyiv; city=Oslo; city=Rome",
    );
    look("fields \"x\" as name | lookup people id OUTPUTNEW name | display name | limit 1", "name=x");
    look("lookup people id OUTPUT city | filter city = \"Paris\" | display id, city", "id=1 | city=Paris");
}

#[test]
fn cidrlookup_takes_the_narrowest_range() {
    let expected = "; ip=192.0.2.7; ip=10.9.0.1 | zone=all; ip=10.1.2.3 | zone=one";
    look("fields ip | cidrlookup nets ip OUTPUT zone", expected);
    look(
        "fields ip | cidrlookup nets ip AS net OUTPUTNEW owner as who | sort ip | display who | limit 3",
        "; who=edge; who=core",
    );
    look(
        "fields \"2001:db8::7\" as six | cidrlookup nets six OUTPUT zone | limit 1 | display zone",
        "zone=six",
    );
}

#[test]
fn tables_are_checked_before_a_query_runs() {
    let check = |query: &str, expected: &str| {
        let table = cloudwatch::insights::Table::parse(PEOPLE).unwrap();
        let tables = [("people".to_owned(), std::sync::Arc::new(table))].into();
        let found = cloudwatch::insights::compile(query).unwrap().bind(query, tables).unwrap_err();
        let place: String = query.chars().skip(found.start).take(found.end - found.start).collect();
        assert_eq!(format!("{found} @ '{place}'"), expected);
    };
    check("lookup pepole id OUTPUT name", "the lookup table 'pepole' does not exist @ 'pepole'");
    check(
        "lookup people id OUTPUT nam",
        "unknown column of the lookup table 'people': 'nam', did you mean 'name'? @ 'nam'",
    );
    check(
        "cidrlookup people ip OUTPUT name",
        "no column of this lookup table has nothing but CIDR ranges; name one with AS @ 'people'",
    );
    check(
        "filter a in (SOURCE 'x' | lookup none id OUTPUT name | display name)",
        "the lookup table 'none' does not exist @ 'none'",
    );
    let unbound = cloudwatch::insights::compile("lookup people id OUTPUT name").unwrap();
    let mut execution = super::begin(&unbound, RANGE);
    assert!(super::events(&lines(&ORDERS)).all(|event| execution.push(&event).is_break()));
    assert_eq!(execution.finish().unwrap_err().to_string(), "the lookup table 'people' does not exist");
}

#[test]
fn a_table_is_csv_with_a_row_of_names() {
    let check = |csv: &str, expected: &str| {
        let found = cloudwatch::insights::Table::parse(csv).map_err(|error| error.to_string());
        let found =
            found.map_or_else(|error| error, |table| format!("{:?} {}", table.columns(), table.count()));
        assert_eq!(found, expected, "{csv:?}");
    };
    check(PEOPLE, r#"["id", "name", "city"] 4"#);
    check("\u{feff}a,b\r\n1,2\r\n", r#"["a", "b"] 1"#);
    check("", "a lookup table begins with a row of column names");
    check("a,a\n", "the column names of a lookup table are different and not empty, which 'a' is not");
    check("a,\n", "the column names of a lookup table are different and not empty, which '' is not");
    check("a,b\n1,2\n3\n", "row 3 of the lookup table has 1 columns, and the first one 2");
    check("a\n\"x\n", "a quote of the lookup table is not closed");
    check(&"a\n".repeat(6 << 20), "a lookup table has at most 10 MB");
}

#[test]
fn a_subquery_gives_all_its_rows_or_none() {
    let many: Vec<super::Line> =
        (0..100_001).map(|_| in_group("pay", &[r#"{"order":1}"#]).remove(0)).collect();
    let query = compiled("filter id in (SOURCE 'pay' | fields order)", &[]);
    let inner = query.subqueries().remove(0);
    let read = |count: usize| {
        let limits = cloudwatch::insights::Limits::default().inside();
        let owner = super::owner();
        let mut inside = cloudwatch::insights::Execution::new(&inner, RANGE, super::START, &owner, limits);
        let _ = super::events(&many).take(count).try_for_each(|event| inside.push(&event));
        inside.materialize().map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read(100_000), Ok(()));
    let words =
        "the query has more than 100000 rows where all of them are needed; filter or group them before";
    assert_eq!(read(100_001), Err(words.to_owned()));
}
