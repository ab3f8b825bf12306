//! What patterns take, with the examples of the page.

use super::*;

/// Which of the events a pattern takes, by their places.
#[track_caller]
fn check(pattern: &str, events: &[&str], taken: &[usize]) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let found: Vec<_> = (0..events.len()).filter(|at| parsed.matches(events[*at])).collect();
    assert_eq!(found, taken, "{pattern}");
}

#[track_caller]
fn refuse(pattern: &str, message: &str) {
    assert_eq!(Pattern::parse(pattern).unwrap_err().to_string(), message);
}

const LINES: [&str; 4] = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN] error \"quoted\" internal error",
];

#[test]
fn terms_are_all_there_and_case_matters() {
    check("", &LINES, &[0, 1, 2, 3]);
    check("\" \"", &LINES, &[0, 1, 2, 3]);
    check("ERROR", &LINES, &[0, 1, 2]);
    check("ERROR ARGUMENTS", &LINES, &[2]);
    check("\"internal error\"", &LINES, &[3]);
    check(r#""\"quoted\"""#, &LINES, &[3]);
    refuse("a.b", "Invalid character(s) in term 'a.b'");
    refuse("\"open", "Invalid filter pattern: expected a closing double quote at character 6.");
    refuse(&"x".repeat(1025), "The filter pattern is longer than 1024 characters.");
}

#[test]
fn terms_can_be_optional_or_unwanted() {
    check("?UNAUTHORIZED ?ARGUMENTS", &LINES, &[1, 2]);
    check("ERROR -UNAUTHORIZED", &LINES, &[0, 2]);
    check("-\"BAD REQUEST\"", &LINES, &[1, 2, 3]);
    check("ERROR ?ARGUMENTS", &LINES, &[0, 1, 2]);
}

#[test]
fn regular_expressions_have_no_groups() {
    check("%4[01][0-9]%", &LINES, &[0, 1, 2]);
    check("-%ERROR%", &LINES, &[3]);
    check(r"?%^\[W% ?BAD", &LINES, &[0, 3]);
    let refusal = "Invalid filter pattern: the regular expression %(a)% has characters or a form that is not supported.";
    refuse("%(a)%", refusal);
    assert!(Pattern::parse("%[%").is_err());
}

const DOCUMENTS: [&str; 4] = [
    r#"{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arr":["a","b"],"n":5,"deep":{"a":{"b":null}}}"#,
    r#"{"eventType":"PutTrail","sourceIPAddress":"123.123.1.2","arr":[{"id":3},{"id":7}],"n":-1.5e3,"yes":true}"#,
    r#"{"eventType":5,"dotted.name":"x","no":false,"list":["q"]}"#,
    "no json { $.eventType }",
];

#[test]
fn json_texts_have_wildcards() {
    check(r#"{ $.eventType = "UpdateTrail" }"#, &DOCUMENTS, &[0]);
    check("{ $.eventType = UpdateTrail }", &DOCUMENTS, &[0]);
    check(r#"{ $.eventType = "*Trail" }"#, &DOCUMENTS, &[0, 1]);
    check("{ $.sourceIPAddress != 123.123.* }", &DOCUMENTS, &[0]);
    check("{ $.sourceIPAddress = 1*3.1*2 }", &DOCUMENTS, &[1]);
    check(r"{ $.sourceIPAddress = %^1{3}\.% }", &DOCUMENTS, &[0]);
    check("{ $.['dotted.name'] = x }", &DOCUMENTS, &[2]);
}

#[test]
fn json_numbers_compare() {
    check("{ $.n = 5 }", &DOCUMENTS, &[0]);
    check("{ $.n < 0 }", &DOCUMENTS, &[1]);
    check("{ $.n >= -1500 }", &DOCUMENTS, &[0, 1]);
    check("{ $.n = -1.5e3 }", &DOCUMENTS, &[1]);
    check("{ $.eventType = 5 }", &DOCUMENTS, &[2]);
    check(r#"{ $.eventType = "5" }"#, &DOCUMENTS, &[]);
    check("{ $.n = 5* }", &DOCUMENTS, &[0]);
}

#[test]
fn json_members_of_lists_and_objects_are_reached() {
    check(r#"{ $.arr[0] = "a" }"#, &DOCUMENTS, &[0]);
    check("{ $.arr[*].id > 6 }", &DOCUMENTS, &[1]);
    check("{ $.deep.*.b IS NULL }", &DOCUMENTS, &[0]);
    check("{ $.deep.a = * }", &DOCUMENTS, &[]);
    check("{ $.yes IS TRUE }", &DOCUMENTS, &[1]);
    check("{ $.no IS FALSE }", &DOCUMENTS, &[2]);
    check("{ $.n NOT EXISTS }", &DOCUMENTS, &[2]);
    check("{ $.deep NOT EXISTS }", &DOCUMENTS, &[1, 2]);
}

#[test]
fn json_expressions_join() {
    check("{ $.n = 5 || $.n = 6 && $.none = 1 }", &DOCUMENTS, &[0]);
    check("{ ($.n = 5 || $.yes IS TRUE) && $.eventType = *Trail }", &DOCUMENTS, &[0, 1]);
    check("{($.n=5)&&($.eventType!=\"x\")}", &DOCUMENTS, &[0]);
    refuse("{ $.a = 1", "Invalid filter pattern: expected &&, || or } at character 10.");
    refuse(
        "{ $.a }",
        "Invalid filter pattern: expected =, !=, <, <=, >, >=, IS or NOT EXISTS at character 7.",
    );
    refuse("{ a = 1 }", "Invalid filter pattern: expected a selector such as $.name at character 3.");
    refuse("{ $.a = 1 } x", "Invalid filter pattern: expected the end of the pattern at character 13.");
    refuse("{ $.a[*].b[*] = 1 }", "Invalid filter pattern: more than 1 wildcard in a selector.");
    let many = "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.d[*] = 1 }";
    refuse(many, "Invalid filter pattern: more than 3 wildcards in selectors.");
    let many = "{ $.a = %a% || $.b = %b% || $.c = %c% }";
    refuse(many, "Invalid filter pattern: more than 2 regular expressions.");
    assert!(Pattern::parse(&format!("{{ {} $.a = 1", "(".repeat(500))).is_err());
}

const REQUESTS: [&str; 3] = [
    r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#,
    r#"127.0.0.2 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /about.html HTTP/1.0" 200 500"#,
    "too few fields",
];

#[test]
fn columns_are_fields_of_a_line() {
    check("[ip, user, name, time, request, status, bytes]", &REQUESTS, &[0, 1]);
    check("[ip, user, name, time, request = *.html*, status = 4*, bytes]", &REQUESTS, &[0]);
    check("[ip, user, name, time, request, status != 404, bytes > 100]", &REQUESTS, &[1]);
    check("[..., status, bytes >= 1000]", &REQUESTS, &[0]);
    check("[ip = 127.0.0.*, ...]", &REQUESTS, &[0, 1]);
    check("[ip = 127.0.0.1 || ip = %2$%, ..., bytes]", &REQUESTS, &[0, 1]);
    check("[(ip = 127* && ip != *1), ...]", &REQUESTS, &[1]);
    check("[first = too, rest]", &REQUESTS, &[2]);
    refuse("[a, b", "Invalid filter pattern: expected `,` or `]` at character 6.");
    refuse("[..., a, ...]", "Invalid filter pattern: more than one `...`.");
}

#[test]
fn names_stand_for_values() {
    let pattern = Pattern::parse("[ip, ..., status = 4*, bytes]").unwrap();
    let found = pattern.find(REQUESTS[0]).unwrap();
    assert_eq!(found.text("$bytes").as_deref(), Some("1534"));
    assert_eq!(pattern.extracted(&found)["$ip"], "127.0.0.1");
    let pattern = Pattern::parse("{ $.arr[0] = a && $.n > 1 }").unwrap();
    let found = pattern.find(DOCUMENTS[0]).unwrap();
    assert_eq!(found.text("$.arr[1]").as_deref(), Some("b"));
    let extracted = pattern.extracted(&found);
    assert_eq!(extracted, BTreeMap::from([("$.arr[0]".into(), "a".into()), ("$.n".into(), "5".into())]));
}
