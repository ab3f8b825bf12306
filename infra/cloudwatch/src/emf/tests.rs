//! Documents and what they give.

use super::*;
use crate::metrics::Datum;

const NOW: i64 = 1_790_328_012_000;

/// The data of a line, one a row, then its faults.
#[track_caller]
fn check(line: &str, expected: &[&str]) {
    let line = line.replace("NOW", &NOW.to_string());
    let seen = match extract(&line, NOW) {
        None => vec!["no document".to_owned()],
        Some(extraction) => {
            let data = extraction.data.iter().map(describe);
            data.chain(extraction.faults.iter().map(|fault| format!("{}: {}", fault.reason, fault.place)))
                .collect()
        }
    };
    assert_eq!(seen, expected, "for {line}");
}

fn describe(datum: &Datum) -> String {
    let Datum { namespace, name, dimensions, unit, high_resolution, values, .. } = datum;
    let resolution = if *high_resolution { " high" } else { "" };
    format!("{namespace} {name} {dimensions:?} {unit}{resolution} {values:?}")
}

/// A document with one directive of these dimensions and metrics, and these further members.
fn document(dimensions: &str, metrics: &str, members: &str) -> String {
    format!(
        r#"{{"_aws":{{"Timestamp":NOW,"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":{dimensions},"Metrics":{metrics}}}]}}{members}}}"#
    )
}

#[test]
fn each_set_of_dimensions_has_each_metric() {
    check(
        &document(
            r#"[["Stage"],["Stage","Route"]]"#,
            r#"[{"Name":"Latency","Unit":"Milliseconds"},{"Name":"Count","StorageResolution":1}]"#,
            r#","Stage":"prod","Route":"$default","Latency":1.5,"Count":[1,2]"#,
        ),
        &[
            r#"N Latency {"Stage": "prod"} Milliseconds Samples([(1.5, 1.0)])"#,
            r#"N Latency {"Route": "$default", "Stage": "prod"} Milliseconds Samples([(1.5, 1.0)])"#,
            r#"N Count {"Stage": "prod"} None high Samples([(1.0, 1.0), (2.0, 1.0)])"#,
            r#"N Count {"Route": "$default", "Stage": "prod"} None high Samples([(1.0, 1.0), (2.0, 1.0)])"#,
        ],
    );
}

#[test]
fn what_the_service_takes_besides_the_schema() {
    let one = |value: &str| document("[[]]", r#"[{"Name":"M"}]"#, &format!(r#","M":{value}"#));
    check(&one(r#"{"Values":[1,5],"Counts":[3,2]}"#), &["N M {} None Samples([(1.0, 3.0), (5.0, 2.0)])"]);
    check(
        &one(r#"{"Min":1,"Max":3,"Sum":6,"Count":3}"#),
        &["N M {} None Statistics { min: 1.0, max: 3.0, sum: 6.0, count: 3.0 }"],
    );
}

#[test]
fn lines_that_are_no_documents() {
    for line in ["", "plain text", "[]", r#"{"level":"INFO"}"#, r#"{"_aws":{"other":1}}"#, r#"{"a":"#] {
        check(line, &["no document"]);
    }
}

#[test]
fn a_document_that_cannot_be_read() {
    let good = document("[[]]", r#"[{"Name":"M"}]"#, r#","M":1"#);
    check(
        &format!("{good} and more"),
        &[&format!("trailing-data: column {}", good.replace("NOW", "1790328012000").len() + 2)],
    );
    let cut = good.replace("NOW", "1790328012000");
    check(&cut[..cut.len() - 1], &[&format!("not-json: column {}", cut.len() - 1)]);
    check(r#"{"_aws":5}"#, &["aws-not-object: _aws"]);
    check(
        r#"{"_aws":{"Timestamp":NOW,"CloudWatchMetrics":{}}}"#,
        &["cloudwatchmetrics-not-array: _aws.CloudWatchMetrics"],
    );
    check(&format!("{}{}", " ".repeat(MAX_BYTES), good), &["too-large: "]);
}

#[test]
fn a_time_that_cloudwatch_does_not_take() {
    let at = |timestamp: &str| document("[[]]", r#"[{"Name":"M"}]"#, r#","M":1"#).replace("NOW", timestamp);
    check(&at("\"2026\""), &["timestamp-not-integer: _aws.Timestamp"]);
    check(&at("1790328012"), &["timestamp-too-old: _aws.Timestamp"]);
    check(&at(&(NOW + NEWEST_MS + 1).to_string()), &["timestamp-too-new: _aws.Timestamp"]);
    check(&at(&(NOW - OLDEST_MS).to_string()), &["N M {} None Samples([(1.0, 1.0)])"]);
    check(r#"{"_aws":{"CloudWatchMetrics":[]}}"#, &["timestamp-missing: _aws.Timestamp"]);
}

#[test]
fn what_is_wrong_takes_down_only_what_depends_on_it() {
    check(
        &document(
            r#"[["Stage"],["Status"],["Gone"],[]]"#,
            r#"[{"Name":"Good"},{"Name":"Text"},{"Name":"Gone"},{"Name":"Odd","Unit":"Fortnights"},{"Name":"Odd","StorageResolution":5},{"Name":""}]"#,
            r#","Stage":"prod","Status":200,"Good":1,"Text":"1","Odd":1"#,
        ),
        &[
            r#"N Good {"Stage": "prod"} None Samples([(1.0, 1.0)])"#,
            "N Good {} None Samples([(1.0, 1.0)])",
            "dimension-target-not-string: Status",
            "dimension-target-missing: Gone",
            "metric-target-not-numeric: Text",
            "metric-target-missing: Gone",
            "unit-unknown: Odd",
            "resolution-invalid: Odd",
            "metric-name-invalid: _aws.CloudWatchMetrics[0].Metrics",
        ],
    );
}

#[test]
fn limits_hold() {
    let numbers = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    let one = |value: &str| document("[[]]", r#"[{"Name":"M"}]"#, &format!(r#","M":{value}"#));
    check(&one(&numbers(101)), &["metric-target-array-too-long: M"]);
    check(&one("[]"), &["metric-target-array-empty: M"]);
    check(&one("1e109"), &["metric-target-out-of-range: M"]);
    let metrics = format!("[{}]", vec![r#"{"Name":"M"}"#; 101].join(","));
    check(&document("[[]]", &metrics, r#","M":1"#), &["too-many-metrics: _aws.CloudWatchMetrics[0].Metrics"]);
    let set = format!("[[{}]]", vec!["\"D\""; 31].join(","));
    check(
        &document(&set, r#"[{"Name":"M"}]"#, r#","M":1,"D":"d""#),
        &["dimension-set-too-big: _aws.CloudWatchMetrics[0].Dimensions"],
    );
    check(
        &document("[]", r#"[{"Name":"M"}]"#, r#","M":1"#),
        &["dimensions-empty-outer: _aws.CloudWatchMetrics[0].Dimensions"],
    );
    for namespace in ["", " ", ":x", "AWS/Lambda"] {
        let bad =
            document("[[]]", r#"[{"Name":"M"}]"#, r#","M":1"#).replace("\"N\"", &format!("\"{namespace}\""));
        check(&bad, &["namespace-invalid: _aws.CloudWatchMetrics[0].Namespace"]);
    }
    check(
        r#"{"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[{"Namespace":"N"}]}}"#,
        &["directive-member-missing: _aws.CloudWatchMetrics[0]"],
    );
}

proptest::proptest! {
    #[test]
    fn nothing_panics(line in ".{0,200}", value in "[0-9a-z\\[\\]{}\",:.-]{0,40}") {
        let _ = extract(&line, NOW);
        let _ = extract(&document(&format!("[{value}]"), &value, &format!(",\"M\":{value}")), NOW);
    }
}
