//! An answer as a table, with bars where there is one value for each time; as JSON and as CSV.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use console::Term;
use serde_json::{Map, Value};

use super::rows::Answer;
use crate::chart;

/// Cells of the longest bar.
const BAR: usize = 40;

/// A line for each row.
pub(super) fn json(answer: &Answer) -> String {
    let mut text = String::new();
    for row in &answer.rows {
        let named = answer.columns.iter().zip(row);
        let members: Map<String, Value> =
            named.filter_map(|(name, value)| Some((name.clone(), Value::from(value.as_deref()?)))).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", Value::Object(members));
    }
    text
}

/// As RFC 4180 has it, with lines that end as lines do here.
pub(super) fn csv(answer: &Answer) -> String {
    let line = |cells: Vec<&str>| {
        let cells: Vec<_> = cells.into_iter().map(quoted).collect();
        format!("{}\n", cells.join(","))
    };
    let mut text = line(answer.columns.iter().map(String::as_str).collect());
    for row in &answer.rows {
        text.push_str(&line(row.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect()));
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A table, and below it what was read.
pub(super) fn table(answer: &Answer, query: &str) -> String {
    let screen = Term::stdout();
    let width = screen.is_term().then(|| screen.size().1);
    table_of(answer, query, width)
}

fn table_of(answer: &Answer, query: &str, width: Option<u16>) -> String {
    let read = answer.read;
    let rows = if answer.rows.len() == 1 { "row" } else { "rows" };
    let footer = format!(
        "{} {rows}; {} of {} log events matched, {} bytes read\n",
        answer.rows.len(),
        read.matched,
        read.scanned,
        read.bytes
    );
    if answer.rows.is_empty() {
        return footer;
    }
    let bars = bars(answer, query);
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let chart = bars.as_ref().map(|_| String::new());
    table.set_header(answer.columns.iter().cloned().chain(chart));
    for (place, row) in answer.rows.iter().enumerate() {
        let cells = row.iter().map(|cell| cell.clone().unwrap_or_default());
        table.add_row(cells.chain(bars.as_ref().and_then(|bars| bars.get(place).cloned())));
    }
    for place in (0..answer.columns.len()).filter(|place| is_numeric(answer, *place)) {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n\n{footer}", lines.join("\n"))
}

/// A bar for each row of `stats … by bin()`: of the first number, when time is the only group.
fn bars(answer: &Answer, query: &str) -> Option<Vec<String>> {
    let is_binned = query.to_lowercase().contains("bin(");
    let places = 0..answer.columns.len();
    let times: Vec<_> = places.clone().filter(|place| answer.column(*place).all(is_time)).collect();
    let numbers: Vec<_> = places.filter(|place| is_numeric(answer, *place)).collect();
    if !is_binned || times.len() != 1 || times.len() + numbers.len() != answer.columns.len() {
        return None;
    }
    let first = *numbers.first()?;
    let value = |row: &Vec<Option<String>>| row.get(first)?.as_deref()?.parse::<f64>().ok();
    let values: Vec<_> = answer.rows.iter().map(|row| value(row).unwrap_or_default()).collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    Some(values.iter().map(|value| chart::bar(*value, largest, BAR)).collect())
}

fn is_numeric(answer: &Answer, place: usize) -> bool {
    answer.column(place).next().is_some()
        && answer.column(place).all(|value| value.parse::<f64>().is_ok_and(f64::is_finite))
}

/// `2026-09-25 09:20:00.000`
fn is_time(text: &str) -> bool {
    text.len() == 23 && text.parse::<jiff::civil::DateTime>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::rows::Read;
    use super::*;

    fn answer(rows: &[&[(&str, &str)]]) -> Answer {
        let cell = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let rows = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Answer::new(rows, Read { matched: 2.0, scanned: 5.0, bytes: 812.0 })
    }

    #[test]
    fn missing_values_leave_their_cells_empty_and_pointers_are_not_shown() {
        let answer = answer(&[
            &[("a", "1"), ("c", "x,\"y\""), ("@ptr", "p")],
            &[("a", "20"), ("b", "z"), ("@ptr", "q")],
        ]);
        let table =
            "  a  b  c\n  1     x,\"y\"\n 20  z\n\n2 rows; 2 of 5 log events matched, 812 bytes read\n";
        assert_eq!(table_of(&answer, "fields a, b, c", None), table);
        assert_eq!(csv(&answer), "a,b,c\n1,,\"x,\"\"y\"\"\"\n20,z,\n");
        let lines = "{\"a\":\"1\",\"c\":\"x,\\\"y\\\"\"}\n{\"a\":\"20\",\"b\":\"z\"}\n";
        assert_eq!(json(&answer), lines);
    }

    #[test]
    fn a_value_for_each_time_has_a_bar() {
        let binned = answer(&[
            &[("bin(1h)", "2026-09-25 09:00:00.000"), ("c", "4")],
            &[("bin(1h)", "2026-09-25 10:00:00.000"), ("c", "1")],
        ]);
        let text = table_of(&binned, "stats count(*) as c by bin(1h)", None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], format!(" 2026-09-25 09:00:00.000  4  {}", "█".repeat(40)));
        assert_eq!(lines[2], format!(" 2026-09-25 10:00:00.000  1  {}", "█".repeat(10)));
        assert_eq!(bars(&binned, "fields @timestamp, c"), None, "no bins");
        let grouped = answer(&[&[("bin(1h)", "2026-09-25 09:00:00.000"), ("route", "x"), ("c", "4")]]);
        assert_eq!(bars(&grouped, "stats count(*) as c by bin(1h), route"), None, "a second group");
    }

    #[test]
    fn an_answer_without_rows_tells_what_was_read() {
        let text = table_of(&answer(&[]), "limit 1", None);
        assert_eq!(text, "0 rows; 2 of 5 log events matched, 812 bytes read\n");
    }
}
