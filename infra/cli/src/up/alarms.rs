//! Shows the alarms that change their state.

use std::io::{self, Write};

use cloudwatch::alarms::{AlarmStore, State, StateChange};
use console::Style;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::args::{LogLines, UpOptions};

/// Shows every change from now on, in a thread of its own, as log lines are shown.
pub(super) fn follow(alarms: &AlarmStore, options: &UpOptions) {
    if options.logs == LogLines::None {
        return;
    }
    let (mut changes, json) = (alarms.follow(), options.json);
    std::thread::spawn(move || {
        loop {
            let change = match changes.blocking_recv() {
                Ok(change) => change,
                // Later ones say more than those that were missed.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let written = if json {
                writeln!(io::stderr(), "{}", in_json(&change))
            } else {
                writeln!(io::stdout(), "{}", line(&change))
            };
            // A closed output ends the showing, not the running.
            if written.is_err() {
                return;
            }
        }
    });
}

fn line(change: &StateChange) -> String {
    let StateChange { alarm, timestamp, old, new, reason } = change;
    let time = jiff::Timestamp::from_millisecond(*timestamp)
        .map(|time| time.strftime("%H:%M:%S%.3f").to_string())
        .unwrap_or_default();
    let style = match new {
        State::Alarm => Style::new().red().bold(),
        State::Ok => Style::new().green(),
        State::InsufficientData => Style::new().yellow(),
    };
    let (time, source) = (Style::new().dim().apply_to(time), Style::new().cyan().apply_to("alarm"));
    format!("{time} {source:<12} {alarm} {old} -> {}: {reason}", style.apply_to(new))
}

fn in_json(change: &StateChange) -> serde_json::Value {
    let StateChange { alarm, timestamp, old, new, reason } = change;
    json!({
        "alarm": alarm, "timestamp": timestamp, "old": old.as_str(), "new": new.as_str(), "reason": reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_line() {
        let change = StateChange {
            alarm: "errors".to_owned(),
            timestamp: 1_790_328_012_000,
            old: State::Ok,
            new: State::Alarm,
            reason: "Threshold Crossed: …".to_owned(),
        };
        assert_eq!(
            console::strip_ansi_codes(&line(&change)),
            "09:20:12.000 alarm        errors OK -> ALARM: Threshold Crossed: …"
        );
        assert_eq!(in_json(&change)["new"], "ALARM");
    }
}
