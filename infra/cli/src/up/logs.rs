//! Shows log lines as they come, and warns of metrics in them that CloudWatch would not take.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use cloudwatch::emf::{self, Extraction, Reason};
use cloudwatch::logs::{LogEvent, LogStore};
use console::Style;
use sam::App;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::args::{LogLines, UpOptions};
use crate::short;

/// Shows every line from now on, in a thread of its own: a terminal or a pipe that takes
/// nothing must not hold up the functions. Lines that it is too slow for are counted and left out.
pub(super) fn follow(logs: &LogStore, app: &App, options: &UpOptions) {
    if options.logs == LogLines::None {
        return;
    }
    let mut events = logs.follow();
    let mut screen =
        Screen { sources: sources(app), json: options.json, form: options.logs, warned: BTreeSet::new() };
    std::thread::spawn(move || {
        loop {
            let lines = match events.blocking_recv() {
                Ok(event) => screen.lines(&event),
                Err(RecvError::Lagged(missed)) => vec![screen.missed(missed)],
                Err(RecvError::Closed) => return,
            };
            // A closed output ends the showing, not the running.
            if screen.write(&lines).is_err() {
                return;
            }
        }
    });
}

/// How lines are shown, and what has been warned of.
struct Screen {
    /// Short names of log groups.
    sources: BTreeMap<String, String>,
    json: bool,
    form: LogLines,
    /// Once is enough: every line of a function has the same fault.
    warned: BTreeSet<(String, Reason, String)>,
}

impl Screen {
    /// What is shown for one event: its line, and warnings that are new.
    fn lines(&mut self, event: &LogEvent) -> Vec<String> {
        let extraction = emf::extract(&event.message, event.timestamp);
        let mut lines = vec![self.line(event, extraction.as_ref())];
        for fault in extraction.into_iter().flat_map(|extraction| extraction.faults) {
            if self.warned.insert((event.group.to_string(), fault.reason, fault.place.clone())) {
                lines.push(self.warning(&event.group, fault.reason, &fault.place));
            }
        }
        lines
    }

    fn line(&self, event: &LogEvent, extraction: Option<&Extraction>) -> String {
        if self.json {
            let LogEvent { group, stream, timestamp, message } = event;
            let line =
                json!({"group": &**group, "stream": &**stream, "timestamp": timestamp, "message": message});
            return line.to_string();
        }
        let source = self.source(&event.group);
        match self.form {
            LogLines::Full => format!("{source}: {}", event.message),
            LogLines::Short | LogLines::None => short::line(event, source, extraction),
        }
    }

    fn warning(&self, group: &str, reason: Reason, place: &str) -> String {
        if self.json {
            return json!({"group": group, "metricFault": reason.as_str(), "place": place}).to_string();
        }
        let source = self.source(group);
        let told = format!("{source} writes metrics that CloudWatch does not take: {reason} ({place})");
        Style::new().yellow().apply_to(told).to_string()
    }

    fn missed(&self, missed: u64) -> String {
        if self.json {
            return json!({ "missed": missed }).to_string();
        }
        format!("({missed} log lines were not shown)")
    }

    fn source<'a>(&'a self, group: &'a str) -> &'a str {
        self.sources.get(group).map_or(group, String::as_str)
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        let text = lines.join("\n");
        if self.json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") }
    }
}

/// Short names of log groups: the functions' logical ids without `Function`, and the access logs.
fn sources(app: &App) -> BTreeMap<String, String> {
    let functions = app.functions.values().map(|function| {
        let name = function.logical_id.strip_suffix("Function").unwrap_or(&function.logical_id);
        (function.log_group.clone(), name.to_owned())
    });
    let stages = app.apis.iter().flat_map(|api| api.stages.values());
    let access =
        stages.filter_map(|stage| Some((stage.access_log.as_ref()?.group.clone(), "access".to_owned())));
    functions.chain(access).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(json: bool) -> Screen {
        let sources = BTreeMap::from([("/aws/lambda/f".to_owned(), "Chat".to_owned())]);
        Screen { sources, json, form: LogLines::Short, warned: BTreeSet::new() }
    }

    fn event(message: &str) -> LogEvent {
        let timestamp = 1_790_328_012_000;
        LogEvent { group: "/aws/lambda/f".into(), stream: "s".into(), timestamp, message: message.to_owned() }
    }

    #[test]
    fn a_function_that_writes_bad_metrics_is_warned_of_once() {
        let bad = r#"{"_aws":{"Timestamp":1790328012000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"Latency"}]}]}}"#;
        let mut plain = screen(false);
        let warning = "Chat writes metrics that CloudWatch does not take: metric-target-missing (Latency)";
        assert_eq!(console::strip_ansi_codes(&plain.lines(&event(bad))[1]), warning);
        assert_eq!(plain.lines(&event(bad)).len(), 1, "not again");
        let lines = screen(true).lines(&event(bad));
        assert_eq!(
            lines[1],
            r#"{"group":"/aws/lambda/f","metricFault":"metric-target-missing","place":"Latency"}"#
        );
        assert_eq!(plain.lines(&event("just text")).len(), 1);
    }
}
