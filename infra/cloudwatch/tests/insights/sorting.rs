//! The natural order of `sort`.

use super::run;

#[track_caller]
fn check(query: &str, values: &[&str], expected: &str) {
    let messages: Vec<String> = values.iter().map(|value| format!("v={value}")).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let found = run(&format!("parse @message \"v=*\" as v | {query} | display v"), &messages);
    assert_eq!(found.replace("v=", "").replace('\n', " "), expected);
}

/// The list of the sort page.
const LIST: &str = "!: # *%04 0# 5A 111A 2345_ @ @_ A A9876fghj a12345hfh 0 01 1 2 3";

#[test]
fn the_list_of_the_sort_page() {
    let mut values: Vec<&str> = LIST.split(' ').collect();
    values.reverse();
    // "01" and "1" are one number: the newer of equals comes first.
    check("sort v", &values, LIST);
    let descending: Vec<&str> = LIST.split(' ').rev().collect();
    values.reverse();
    check("sort v desc", &values, &descending.join(" "));
}

#[test]
fn a_missing_value_comes_first_and_last_in_descending_order() {
    let rows = [r#"{"n":1,"v":"b"}"#, r#"{"n":2}"#, r#"{"n":3,"v":7}"#];
    assert_eq!(run("fields n | sort v", &rows), "n=2\nn=1\nn=3");
    assert_eq!(run("fields n | sort v desc", &rows), "n=3\nn=1\nn=2");
}

#[test]
fn without_sort_the_newest_event_comes_first() {
    check("fields v", &["a", "b", "c"], "c b a");
    check("limit 2", &["a", "b", "c"], "c b");
    check("head 1", &["a", "b", "c"], "c");
    check("tail 2", &["a", "b", "c"], "b a");
}

#[test]
fn a_second_key_and_an_earlier_sort_decide_between_equals() {
    let rows = [r#"{"a":1,"b":"x"}"#, r#"{"a":2,"b":"y"}"#, r#"{"a":1,"b":"z"}"#];
    assert_eq!(run("fields a, b | sort a desc, b", &rows), "a=2 | b=y\na=1 | b=x\na=1 | b=z");
    assert_eq!(run("fields a, b | sort b desc | sort a", &rows), "a=1 | b=z\na=1 | b=x\na=2 | b=y");
}

#[test]
fn expressions_and_names_can_be_sorted_by() {
    check("sort strlen(v)", &["ccc", "a", "bb"], "a bb ccc");
    check("sort strlen(v) as l desc | filter l > 1", &["ccc", "a", "bb"], "ccc bb");
}

#[test]
fn order_is_the_old_name_of_sort() {
    check("order v", &["b", "a"], "a b");
}
