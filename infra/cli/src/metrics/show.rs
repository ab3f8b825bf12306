//! Metrics as tables, charts and JSON.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::read::{Measured, Metric, Span, Total};
use crate::chart;

/// Cells of the longest bar.
const BAR: usize = 40;

/// Columns of a sparkline: the newest ones, when there are more periods.
const COLUMNS: usize = 60;

/// A table of what there is.
pub(super) fn totals(totals: &[Total], span: &Span) -> String {
    if totals.is_empty() {
        return "There are no metrics.\n".to_owned();
    }
    let header = ["Namespace", "Metric", "Dimensions", "Samples", "Sum", "Average", "Minimum", "Maximum"];
    let mut table = table(&header, 3);
    for total in totals {
        let Total { metric, samples, sum, minimum, maximum } = total;
        let mut row = vec![metric.namespace.clone(), metric.name.clone(), dimensions(metric)];
        let average = sum / samples;
        let values = [*samples, *sum, average, *minimum, *maximum];
        row.extend(values.map(|value| if *samples > 0.0 { number(value) } else { "-".to_owned() }));
        table.add_row(row);
    }
    format!("{}\n\nFrom {} to {} UTC.\n", lines_of(&table), clock(span.from, span), clock(span.to, span))
}

/// A table with a sparkline each; the values of one alone as bars.
pub(super) fn series(measured: &[Measured], statistic: &str, span: &Span) -> String {
    let mut table = table(&["Metric", "Dimensions", "Last", "Minimum", "Maximum", "Chart"], 2);
    for one in measured {
        let values = by_period(one, span);
        let known = || values.iter().copied().flatten();
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        let newest = values.get(values.len().saturating_sub(COLUMNS)..).unwrap_or_default();
        table.add_row(vec![
            one.metric.name.clone(),
            dimensions(&one.metric),
            shown(known().next_back()),
            shown(known().reduce(f64::min)),
            shown(known().reduce(f64::max)),
            chart::sparkline(newest),
        ]);
    }
    let last = table.column_mut(5);
    if let Some(last) = last {
        last.set_cell_alignment(CellAlignment::Left);
    }
    let mut text = format!("{}\n\n{statistic} of every {}", lines_of(&table), period(span.period));
    // Writing to a String cannot fail.
    let _ = writeln!(text, ", from {} to {} UTC.", clock(span.from, span), clock(span.to, span));
    if let [one] = measured {
        text.push_str(&bars(one, span));
    }
    text
}

/// A line a period, with a bar.
fn bars(one: &Measured, span: &Span) -> String {
    let largest = one.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let width = one.points.iter().map(|(_, value)| number(*value).len()).max().unwrap_or(0);
    let mut text = "\n".to_owned();
    for (at, value) in &one.points {
        let bar = chart::bar(*value, largest, BAR);
        let _ = writeln!(text, "{}  {:>width$} {bar}", clock(*at, span), number(*value));
    }
    if one.points.is_empty() {
        text.push_str("There are no data.\n");
    }
    text
}

/// What there is, as JSON.
pub(super) fn totals_json(totals: &[Total]) -> String {
    let one = |total: &Total| {
        let Total { metric, samples, sum, minimum, maximum } = total;
        let mut members = identity(metric);
        members.insert("samples".to_owned(), json!(samples));
        if *samples > 0.0 {
            for (name, value) in
                [("sum", *sum), ("average", sum / samples), ("minimum", *minimum), ("maximum", *maximum)]
            {
                members.insert(name.to_owned(), json!(value));
            }
        }
        Value::Object(members)
    };
    lines(totals.iter().map(one))
}

/// Values by period, as JSON.
pub(super) fn series_json(measured: &[Measured], statistic: &str, span: &Span) -> String {
    let one = |one: &Measured| {
        let mut members = identity(&one.metric);
        let point = |(at, value): &(i64, f64)| {
            let time = Timestamp::from_second(*at).unwrap_or_default();
            json!({ "timestamp": time.to_string(), "value": value })
        };
        members.insert("stat".to_owned(), json!(statistic));
        members.insert("period".to_owned(), json!(span.period));
        members.insert("points".to_owned(), one.points.iter().map(point).collect());
        Value::Object(members)
    };
    lines(measured.iter().map(one))
}

/// One object a line.
fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}

fn identity(metric: &Metric) -> Map<String, Value> {
    let dimensions = metric.dimensions.iter().map(|(name, value)| (name.clone(), json!(value)));
    Map::from_iter([
        ("namespace".to_owned(), json!(metric.namespace)),
        ("name".to_owned(), json!(metric.name)),
        ("dimensions".to_owned(), Value::Object(dimensions.collect())),
    ])
}

/// An empty table whose columns from `numbers` on are aligned to the right.
fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The table's lines, which begin where other text does.
fn lines_of(table: &Table) -> String {
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn dimensions(metric: &Metric) -> String {
    let shown = metric.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
    shown.collect::<Vec<_>>().join(", ")
}

/// A value for every period of the time.
fn by_period(one: &Measured, span: &Span) -> Vec<Option<f64>> {
    let mut points = one.points.iter().peekable();
    let mut values = Vec::new();
    let mut start = span.from;
    while start < span.to {
        let there = points.next_if(|(at, _)| *at < start + span.period);
        values.push(there.map(|(_, value)| *value));
        start += span.period;
    }
    values
}

/// A number of at most three decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// The time of day; with the date when more than a day is shown.
fn clock(at: i64, span: &Span) -> String {
    let format = match (span.to - span.from > 24 * 60 * 60, span.period % 60 == 0) {
        (true, _) => "%Y-%m-%d %H:%M",
        (false, true) => "%H:%M",
        (false, false) => "%H:%M:%S",
    };
    Timestamp::from_second(at).unwrap_or_default().strftime(format).to_string()
}

fn period(seconds: i64) -> String {
    match seconds {
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        seconds if seconds % 3600 == 0 => format!("{} hours", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        1 => "second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-25 09:20 UTC.
    const START: i64 = 1_790_328_000;
    const SPAN: Span = Span { from: START, to: START + 240, period: 60 };

    fn metric() -> Metric {
        let dimensions = vec![("Stage".to_owned(), "local".to_owned())];
        Metric { namespace: "AWS/ApiGateway".to_owned(), name: "MessageCount".to_owned(), dimensions }
    }

    fn measured() -> Measured {
        Measured { metric: metric(), points: vec![(START, 1.0), (START + 60, 2.5), (START + 180, 10.0)] }
    }

    #[test]
    fn one_series_has_a_row_and_bars() {
        insta::assert_snapshot!(series(&[measured()], "Sum", &SPAN), @r"
        Metric        Dimensions   Last  Minimum  Maximum  Chart
        MessageCount  Stage=local    10        1       10  ▂▃ █

        Sum of every minute, from 09:20 to 09:24 UTC.

        09:20    1 ████
        09:21  2.5 ██████████
        09:23   10 ████████████████████████████████████████
        ");
    }

    #[test]
    fn totals_are_a_table() {
        let total = Total { metric: metric(), samples: 4.0, sum: 10.0, minimum: 1.0, maximum: 4.0 };
        let empty = Total { samples: 0.0, ..total.clone() };
        insta::assert_snapshot!(totals(&[total, empty], &SPAN), @r"
        Namespace       Metric        Dimensions   Samples  Sum  Average  Minimum  Maximum
        AWS/ApiGateway  MessageCount  Stage=local        4   10      2.5        1        4
        AWS/ApiGateway  MessageCount  Stage=local        -    -        -        -        -

        From 09:20 to 09:24 UTC.
        ");
    }

    #[test]
    fn json_has_a_line_for_each() {
        let line = series_json(&[measured()], "p99", &SPAN);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["points"][1], json!({ "timestamp": "2026-09-25T09:21:00Z", "value": 2.5 }));
        assert_eq!((&value["stat"], &value["dimensions"]["Stage"]), (&json!("p99"), &json!("local")));
        let total = Total { metric: metric(), samples: 4.0, sum: 10.0, minimum: 1.0, maximum: 4.0 };
        let value: Value = serde_json::from_str(&totals_json(&[total])).unwrap();
        assert_eq!((&value["average"], &value["samples"]), (&json!(2.5), &json!(4.0)));
    }

    #[test]
    fn numbers_and_times_are_short() {
        for (value, expected) in [(0.0, "0"), (-0.0, "0"), (100.0, "100"), (1.5, "1.5"), (0.1 + 0.2, "0.3")] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(clock(START, &Span { to: START + 200_000, ..SPAN }), "2026-09-25 09:20");
        assert_eq!(clock(START + 5, &Span { period: 5, ..SPAN }), "09:20:05");
        assert_eq!([60, 300, 7200, 10].map(period), ["minute", "5 minutes", "2 hours", "10 seconds"]);
    }
}
