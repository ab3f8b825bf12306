//! Types, missing values, and numbers as results show them.

use super::{run, value};

const ROWS: [&str; 3] = [r#"{"a":"1","b":"x"}"#, r#"{"a":2}"#, r#"{"b":"y"}"#];

#[track_caller]
fn check(filter: &str, expected: &str) {
    let found = run(&format!("fields a, b | filter {filter} | sort @timestamp asc"), &ROWS);
    assert_eq!(found.replace('\n', "; "), expected, "{filter}");
}

#[test]
fn values_that_read_as_numbers_are_compared_as_numbers() {
    check("a = 1", "a=1 | b=x");
    check("a = \"1.0\"", "a=1 | b=x");
    check("a >= \"02\"", "a=2");
    check("a < 10", "a=1 | b=x; a=2");
    check("b > \"w\"", "a=1 | b=x; b=y");
}

#[test]
fn with_a_missing_value_no_comparison_holds() {
    check("b = \"x\"", "a=1 | b=x");
    check("b != \"x\"", "b=y");
    check("b not like /x/", "b=y");
    check("b not in [\"x\"]", "b=y");
    check("not b = \"x\"", "a=2; b=y");
    check("not ispresent(b)", "a=2");
    check("!ispresent(b)", "a=2");
    check("b < 5 or a = 2", "a=2");
}

#[test]
fn a_null_of_json_is_a_missing_value() {
    assert_eq!(value("ispresent(x)", r#"{"x":null}"#), "0");
    assert_eq!(value("x", r#"{"x":true}"#), "true");
    assert_eq!(value("x", r#"{"x":1.50}"#), "1.50");
}

#[test]
fn long_identifiers_are_not_rounded() {
    let message = r#"{"x":12345678901234567890,"y":12345678901234567891}"#;
    assert_eq!(value("x", message), "12345678901234567890");
    assert_eq!(value("x = y", message), "0");
    assert_eq!(value("x < y", message), "1");
}

#[test]
fn computed_numbers_have_four_decimals_and_no_exponent() {
    assert_eq!(value("128000000 / 1024 / 1024", "x"), "122.0703");
    assert_eq!(value("1 / 3", "x"), "0.3333");
    assert_eq!(value("1 / 30000", "x"), "0.00003333");
    assert_eq!(value("10 ^ 20", "x"), "100000000000000000000");
    assert_eq!(value("0 - 0", "x"), "0");
    assert_eq!(value("-1 / 3", "x"), "-0.3333");
    assert_eq!(value("-10 + 0", "x"), "-10");
}

#[test]
fn a_number_in_exponents_is_a_number_and_a_word_is_none() {
    assert_eq!(value("\"1e3\" = 1000", "x"), "1");
    assert_eq!(value("isNumeric(\"inf\")", "x"), "0");
    assert_eq!(value("isNumeric(\"NaN\")", "x"), "0");
    assert_eq!(value("isNumeric(\" 5 \")", "x"), "1");
}
