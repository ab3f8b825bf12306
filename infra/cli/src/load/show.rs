//! A load's figures, for a person and as JSON.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::figures::Outcome;

/// The percentiles that are told.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Characters of the longest bar.
const BAR: u64 = 40;

/// Bars begin at a tenth of a millisecond; each is twice as wide as the one before.
const FIRST_BAR: u64 = 100;

/// A line of JSON; times in milliseconds.
pub(super) fn json(outcome: &Outcome) -> String {
    json!({
        "connections": {
            "wanted": outcome.wanted,
            "opened": outcome.connects.len(),
            "seconds": outcome.connected_in.as_secs_f64(),
            "rate": outcome.connect_rate(),
            "latency": latency(&outcome.connects),
        },
        "publications": {
            "sent": outcome.published,
            "accepted": outcome.accepted,
            "refused": outcome.refused,
            "seconds": outcome.took.as_secs_f64(),
            "rate": outcome.publish_rate(),
        },
        "deliveries": {
            "expected": outcome.expected,
            "received": outcome.deliveries.len(),
            "lost": outcome.lost(),
            "latency": latency(&outcome.deliveries),
            "histogram": bars(&outcome.deliveries)
                .into_iter()
                .map(|bar| json!({"to": millis(bar.to), "count": bar.count}))
                .collect::<Vec<_>>(),
        },
        "errors": outcome.errors,
    })
    .to_string()
}

/// Lines for a terminal.
pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, outcome);
    text.trim_end().to_owned()
}

fn write_text(text: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(
        text,
        "Connections   {} of {} in {:.1} s, {:.0} a second",
        outcome.connects.len(),
        outcome.wanted,
        outcome.connected_in.as_secs_f64(),
        outcome.connect_rate(),
    )?;
    writeln!(text, "  subscribed  {}", percentiles(&outcome.connects))?;
    writeln!(
        text,
        "Publications  {} in {:.1} s, {:.1} a second; {} accepted, {} refused",
        outcome.published,
        outcome.took.as_secs_f64(),
        outcome.publish_rate(),
        outcome.accepted,
        outcome.refused,
    )?;
    let received = outcome.deliveries.len();
    writeln!(text, "Deliveries    {received} of {}, {} lost", outcome.expected, outcome.lost())?;
    writeln!(text, "  latency     {}", percentiles(&outcome.deliveries))?;
    let bars = bars(&outcome.deliveries);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    for bar in bars {
        let length = usize::try_from((bar.count * BAR).div_ceil(most)).unwrap_or_default();
        writeln!(text, "  {:>9} {} {}", format!("{} ms", millis(bar.to)), "█".repeat(length), bar.count)?;
    }
    for (number, (kind, count)) in outcome.errors.iter().enumerate() {
        writeln!(text, "{:<13} {count} × {kind}", if number == 0 { "Errors" } else { "" })?;
    }
    Ok(())
}

/// So many up to so long, in microseconds.
#[derive(Debug, PartialEq, Eq)]
struct Bar {
    to: u64,
    count: u64,
}

/// The histogram in bars, from the first that has something to the last.
fn bars(histogram: &Histogram<u64>) -> Vec<Bar> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let (mut bars, mut from, mut to) = (Vec::new(), 0, FIRST_BAR);
    while from <= histogram.max() {
        let count = histogram.count_between(from, to - 1);
        if count > 0 || !bars.is_empty() {
            bars.push(Bar { to, count });
        }
        (from, to) = (to, to * 2);
    }
    bars
}

fn percentiles(histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return "nothing".to_owned();
    }
    let told =
        PERCENTILES.iter().map(|(name, at)| format!("{name} {}", shown(histogram.value_at_quantile(*at))));
    let told: Vec<_> = told.chain([format!("max {}", shown(histogram.max()))]).collect();
    format!("{} ms", told.join(", "))
}

fn latency(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let told = PERCENTILES
        .iter()
        .map(|(name, at)| ((*name).to_owned(), json!(millis(histogram.value_at_quantile(*at)))));
    told.chain([("max".to_owned(), json!(millis(histogram.max())))]).collect()
}

fn shown(micros: u64) -> String {
    format!("{:.1}", millis(micros))
}

#[expect(clippy::cast_precision_loss, reason = "a minute of microseconds is far below what a double counts")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::figures::Figures;
    use super::*;

    fn outcome() -> Outcome {
        let mut figures = Figures::new();
        figures.connected(Duration::from_millis(5));
        figures.connected_in(Duration::from_millis(500));
        figures.failed("connect: status 403".to_owned());
        figures.published(3);
        figures.accepted();
        for took in [150, 300, 310] {
            figures.delivered(Duration::ZERO, Duration::from_micros(took));
        }
        figures.outcome(2, Duration::from_secs(2))
    }

    #[test]
    fn figures_are_lines() {
        insta::assert_snapshot!(text(&outcome()), @r"
        Connections   1 of 2 in 0.5 s, 2 a second
          subscribed  p50 5.0, p90 5.0, p99 5.0, p99.9 5.0, max 5.0 ms
        Publications  1 in 2.0 s, 0.5 a second; 1 accepted, 0 refused
        Deliveries    3 of 3, 0 lost
          latency     p50 0.3, p90 0.3, p99 0.3, p99.9 0.3, max 0.3 ms
             0.2 ms ████████████████████ 1
             0.4 ms ████████████████████████████████████████ 2
        Errors        1 × connect: status 403
        ");
    }

    #[test]
    fn figures_are_json() {
        let told: Value = serde_json::from_str(&json(&outcome())).unwrap();
        assert_eq!(told["connections"]["rate"], 2.0);
        assert_eq!(told["deliveries"]["latency"]["max"], 0.31);
        assert_eq!(told["deliveries"]["histogram"][0], json!({"to": 0.2, "count": 1}));
        assert_eq!(told["errors"], json!({"connect: status 403": 1}));
        let nothing = Figures::new().outcome(1, Duration::ZERO);
        assert_eq!(
            serde_json::from_str::<Value>(&json(&nothing)).unwrap()["deliveries"]["latency"],
            Value::Null
        );
        assert!(text(&nothing).contains("latency     nothing"));
    }
}
