//! Expressions and what they come to.

use std::collections::BTreeMap;

use super::{Scope, TimeSeries, Value, evaluate, parse};
use crate::metrics::query::Window;
use crate::metrics::{Datum, MetricStore, Values};

/// The first minute of the series.
const START: i64 = 1_790_328_000;

/// A series by minute from a drawing of it: `30 - 20`.
fn series(label: &str, drawing: &str) -> Value {
    let points = drawing.split_whitespace().zip(0..).filter_map(|(cell, minute)| {
        let value = if cell == "-" { return None } else { cell.parse().unwrap() };
        Some((START + 60 * minute, value))
    });
    Value::Series(TimeSeries { label: label.to_owned(), period: 60, points: points.collect(), metric: None })
}

/// What an expression over these metrics comes to, drawn.
fn drawn(metrics: &[(&str, &str)], expression: &str) -> String {
    let minutes = metrics.iter().map(|(_, drawing)| drawing.split_whitespace().count()).max().unwrap_or(3);
    let minutes = i64::try_from(minutes).unwrap();
    let store = store();
    let scope = Scope {
        values: metrics.iter().map(|(id, drawing)| (*id, series(id, drawing))).collect(),
        metrics: metrics.iter().map(|(id, _)| *id).collect(),
        window: Window { from: START, to: START + 60 * minutes, sliding: false },
        period: 60,
        store: &store,
    };
    let draw = |series: &TimeSeries| {
        let starts = (0..minutes).map(|minute| START + 60 * minute);
        let cells = starts.map(|at| series.at(at).map_or_else(|| "-".to_owned(), |value| format!("{value}")));
        cells.collect::<Vec<_>>().join(" ")
    };
    match parse(expression).and_then(|parsed| evaluate(&parsed, &scope)) {
        Ok(Value::Scalar(value)) => format!("scalar {value}"),
        Ok(Value::Series(series)) => draw(&series),
        Ok(Value::Array(many)) => {
            many.iter().map(|one| format!("{}: {}", one.label, draw(one))).collect::<Vec<_>>().join("; ")
        }
        Ok(Value::Text(text)) => format!("text {text}"),
        Err(fault) => format!("error: {fault}"),
    }
}

/// Names and values of dimensions.
type Pairs = &'static [(&'static str, &'static str)];

/// A few metrics for `SEARCH`.
fn store() -> MetricStore {
    let store = MetricStore::default();
    let metrics: [(&str, &str, Pairs); 5] = [
        ("AWS/ApiGateway", "MessageCount", &[("ApiId", "abc"), ("Stage", "prod")]),
        ("AWS/ApiGateway", "MessageCount", &[("ApiId", "abc"), ("Stage", "dev-2")]),
        ("AWS/ApiGateway", "ConnectCount", &[("ApiId", "abc"), ("Stage", "prod")]),
        ("AWS/ApiGateway", "MessageCount", &[("ApiId", "abc")]),
        ("Switchboard", "HandlerLatency", &[]),
    ];
    for ((namespace, name, dimensions), value) in metrics.into_iter().zip(1_i32..) {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        store.put(Datum {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.collect::<BTreeMap<_, _>>(),
            unit: "Count",
            high_resolution: false,
            timestamp: START * 1000,
            values: Values::Samples(vec![(f64::from(value), 1.0)]),
        });
    }
    store
}

const ONE: (&str, &str) = ("m1", "30 20 0 0");
const TWO: (&str, &str) = ("m2", "20 - 20 -");

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(drawn(&[ONE, TWO], expression), expected, "{expression}");
}

/// The values that CloudWatch's user guide works out.
#[test]
fn the_guides_own_examples() {
    check("m1 < m2", "0 0 1 0");
    check("m1 >= 30", "1 0 0 0");
    check("m1 > 15 AND m2 > 15", "1 0 0 0");
    let three = [("m1", "1 1 0 0 -"), ("m2", "30 - 0 0 30"), ("m3", "0 0 20 - 20")];
    for (expression, expected) in
        [("IF(m1, m2, m3)", "30 0 20 0 -"), ("IF(m1, 0, m3)", "0 0 20 0 -"), ("IF(m1, m2)", "30 0 - - -")]
    {
        assert_eq!(drawn(&three, expression), expected, "{expression}");
    }
}

#[test]
fn arithmetic() {
    check("m1 + m2", "50 20 20 0");
    check("m1 - 5", "25 15 -5 -5");
    check("-m1", "-30 -20 -0 -0");
    check("2 ^ 3 ^ 1 * 2", "scalar 16");
    check("-2 ^ 2", "scalar -4");
    check("2 + 3 * 4 - 6 / 3", "scalar 12");
    check("(2 + 3) * 4", "scalar 20");
    check("1e2 + .5", "scalar 100.5");
    check("100 * m1 / m2", "150 - 0 -");
    check("m1 / 0", "- - - -");
    check("[m1, m2] * 2", "m1: 60 40 0 0; m2: 40 - 40 -");
    check("m1 + [m2]", "m2: 50 20 20 0");
}

#[test]
fn comparison_and_logic() {
    check("m1 == 30 || m1 == 20", "1 1 0 0");
    check("m1 != 0 && m2 != 0", "1 0 0 0");
    check("m1 <= 20 OR m1 > 29", "1 1 1 1");
    check("1 < 2 AND 2 < 1", "scalar 0");
    check("1 + 1 == 2", "scalar 1");
}

#[test]
fn functions_of_points() {
    check("ABS(m1 - 20)", "10 0 20 20");
    check("CEIL(m1 / 7)", "5 3 0 0");
    check("FLOOR(m1 / 7)", "4 2 0 0");
    check("LOG10(m1 * 10 / 3)", "2 1.8239087409443189 - -");
    check("LOG(m2 / 20)", "0 - 0 -");
    check("RUNNING_SUM(m1)", "30 50 50 50");
    check("DIFF(m1)", "- -10 -20 0");
    check("DIFF_TIME(m2)", "- - 120 -");
    check("RATE(m1)", "- -0.16666666666666666 -0.3333333333333333 0");
    check("RATE(m2)", "- - 0 -");
    check("ABS([m1, -m2])", "m1: 30 20 0 0; m2: 20 - 20 -");
}

#[test]
fn summaries_of_a_series_and_of_several() {
    check("SUM(m1)", "scalar 50");
    check("AVG(m1)", "scalar 12.5");
    check("MIN(m2)", "scalar 20");
    check("MAX(m1)", "scalar 30");
    check("STDDEV(m2)", "scalar 0");
    check("DATAPOINT_COUNT(m2)", "scalar 2");
    check("SUM([m1, m2])", "50 20 20 0");
    check("AVG([m1, m2])", "25 10 10 0");
    check("MIN(METRICS())", "20 20 0 0");
    check("MAX([m1, m2])", "30 20 20 0");
    check("STDDEV([m1, m2])", "5 0 10 0");
    check("DATAPOINT_COUNT([m1, m2])", "2 1 2 1");
    check("METRIC_COUNT(METRICS())", "scalar 2");
    check("SUM(METRICS(\"1\"))", "30 20 0 0");
    check("m1 - MIN(m1)", "30 20 0 0");
}

#[test]
fn filling() {
    check("FILL(m2, 0)", "20 0 20 0");
    check("FILL(m2, REPEAT)", "20 20 20 20");
    check("FILL(m2, LINEAR)", "20 20 20 -");
    check("FILL(m2, m1)", "20 20 20 0");
    check("FILL(METRICS(), 1)", "m1: 30 20 0 0; m2: 20 1 20 1");
    assert_eq!(drawn(&[("m1", "10 - - 40")], "FILL(m1, LINEAR)"), "10 20 30 40");
    assert_eq!(drawn(&[("m1", "- 5 -")], "FILL(m1, REPEAT)"), "- 5 5");
    assert_eq!(drawn(&[("m1", "- - -")], "FILL(m1, 7)"), "7 7 7");
}

#[test]
fn arrays() {
    check("SORT(METRICS(), SUM, ASC)", "m2: 20 - 20 -; m1: 30 20 0 0");
    check("SORT(METRICS(), MAX, DESC, 1)", "m1: 30 20 0 0");
    check("SLICE(METRICS(), 1)", "m2: 20 - 20 -");
    check("SLICE(METRICS(), 0, 1)", "m1: 30 20 0 0");
    check("FIRST(METRICS())", "30 20 0 0");
    check("LAST(METRICS())", "20 - 20 -");
    assert_eq!(drawn(&[("m1", "- -"), ("m2", "1 2")], "REMOVE_EMPTY(METRICS())"), "m2: 1 2");
    assert_eq!(
        drawn(&[("m1", "- -"), ("m2", "1 2")], "SORT(METRICS(), AVG, DESC)"),
        "m2: 1 2; m1: - -",
        "what is empty comes last"
    );
}

#[test]
fn choices() {
    check("IF(m1 > 10, m2 / m1, 0)", "0.6666666666666666 0 0 0");
    check("IF(1, m1)", "30 20 0 0");
    check("IF(0, m1)", "- - - -");
    check("IF(0, m1, m2)", "20 - 20 -");
}

#[test]
fn time() {
    check("PERIOD(m1)", "scalar 60");
    check("m1 / PERIOD(m1)", "0.5 0.3333333333333333 0 0");
    check("TIME_SERIES(7)", "7 7 7 7");
    // 2026-09-25, a Friday, 09:20 UTC.
    check("MINUTE(m2)", "20 21 22 23");
    check("HOUR(m2) * 100 + DAY(m2)", "905 905 905 905");
    check("DATE(m1) + MONTH(m1) * 100", "925 925 925 925");
    check("YEAR(m1)", "2026 2026 2026 2026");
    check("EPOCH(m1) - 1790328000", "0 60 120 180");
}

#[test]
fn search_finds_by_schema_and_words() {
    let cases = [
        (
            r#"{AWS/ApiGateway,ApiId,Stage} MetricName="MessageCount""#,
            "abc dev-2: 2 - - -; abc prod: 1 - - -",
        ),
        (r#"{AWS/ApiGateway, Stage, ApiId} message prod"#, "abc prod: 1 - - -"),
        (r#"{AWS/ApiGateway,ApiId} "#, "abc: 4 - - -"),
        (r#"Count Stage=dev"#, "abc dev-2: 2 - - -"),
        (r#"Stage=("prod" OR "dev-2") NOT connect"#, "abc dev-2: 2 - - -; abc prod: 1 - - -"),
        (r#"Namespace="Switchboard""#, "HandlerLatency: 5 - - -"),
        (r#"latency OR (connect AND prod)"#, "abc prod ConnectCount: 3 - - -; HandlerLatency: 5 - - -"),
        (r#"nothing"#, ""),
    ];
    for (search, expected) in cases {
        check(&format!("SEARCH('{search}', 'Sum', 60)"), expected);
    }
    check("SUM(SEARCH('MessageCount', 'Sum', 60))", "7 - - -");
}

#[test]
fn what_is_wrong_has_a_place_and_a_reason() {
    for (expression, expected) in [
        ("m1 +", "expected a value, found the end (at character 5)"),
        ("m3 * 2", "there is no id `m3` (at character 1)"),
        ("1 + AVRG(m1)", "there is no function `AVRG`; did you mean `AVG`? (at character 5)"),
        (
            "ANOMALY_DETECTION_BAND(m1)",
            "the local CloudWatch does not have ANOMALY_DETECTION_BAND (at character 1)",
        ),
        (
            "[m1] + [m2]",
            "an operator cannot join an array of time series and an array of time series (at character 1)",
        ),
        ("m1 # 2", "unexpected `#` (at character 4)"),
        ("(m1", "expected `)`, found the end (at character 4)"),
        ("SUM(m1, 2)", "SUM takes one time series or an array of them (at character 1)"),
        ("PERIOD(m1 + m2)", "PERIOD takes the id of a metric (at character 1)"),
        ("SLICE(METRICS(), 1.5)", "`1.5` is not a whole number from 0 (at character 1)"),
        ("SEARCH('{', 'Sum', 60)", "the schema of SEARCH is not closed with `}` (at character 1)"),
        ("SEARCH('x', 'Sums', 60)", "`Sums` is not a statistic (at character 1)"),
        (
            "SEARCH('x', 'Sum', 7)",
            "`7` is not a period: 1, 5, 10, 20, 30 or a multiple of 60 (at character 1)",
        ),
        ("\"open", "a quote is not closed (at character 1)"),
        ("m1 m2", "expected the end, found `m2` (at character 4)"),
        ("", "expected a value, found the end (at character 1)"),
    ] {
        assert_eq!(drawn(&[ONE, TWO], expression), format!("error: {expected}"), "{expression}");
    }
    let deep = "(".repeat(5000);
    assert!(drawn(&[ONE], &deep).contains("nested too deep"));
    let minus = "-".repeat(5000);
    assert!(drawn(&[ONE], &minus).contains("nested too deep"));
}

proptest::proptest! {
    #[test]
    fn nothing_panics(expression in "[A-Zm0-9,()\\[\\]+*/^<>=&|\"' .-]{0,60}") {
        let _ = drawn(&[ONE, TWO], &expression);
        let _ = drawn(&[ONE, TWO], &format!("SEARCH('{expression}', 'Sum', 60)"));
    }
}
