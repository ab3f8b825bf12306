//! Shows log lines as they come, and warns of metrics in them that CloudWatch would not take.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use cloudwatch::emf::{self, Entry, Ledger};
use cloudwatch::logs::{LogEvent, LogStore};
use console::Style;
use local::lambda::is_routine;
use local::{execution_log_group, is_execution_failure};
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
    let mut screen = Screen {
        sources: sources(app),
        execution: execution_groups(app).collect(),
        json: options.json,
        form: options.logs,
        ledger: logs.ledger().clone(),
        warned: 0,
    };
    std::thread::spawn(move || {
        loop {
            let lines = match events.blocking_recv() {
                Ok(event) if screen.leaves_out(&event) => continue,
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
    /// The groups of execution logs.
    execution: BTreeSet<String>,
    json: bool,
    form: LogLines,
    /// What is wrong with metrics in log lines.
    ledger: Ledger,
    /// How many of its entries have been warned of. Once is enough: every line of a function has
    /// the same fault.
    warned: usize,
}

impl Screen {
    /// Whether a line is one of the many that only tell that all is well: steps of the gateway, and
    /// Lambda's lines about every invocation.
    fn leaves_out(&self, event: &LogEvent) -> bool {
        if self.form == LogLines::Full {
            return false;
        }
        if self.execution.contains(&*event.group) {
            return !is_execution_failure(&event.message);
        }
        is_routine(&event.message)
    }

    /// What is shown for one event: its line, and warnings that are new.
    fn lines(&mut self, event: &LogEvent) -> Vec<String> {
        let mut lines = vec![self.line(event)];
        let faults = self.ledger.since(self.warned);
        self.warned += faults.len();
        lines.extend(faults.iter().map(|fault| self.warning(fault)));
        lines
    }

    fn line(&self, event: &LogEvent) -> String {
        if self.json {
            let LogEvent { group, stream, timestamp, message, .. } = event;
            let line = json!({"group": &**group, "stream": &**stream, "timestamp": timestamp, "message": &**message});
            return line.to_string();
        }
        let source = self.source(&event.group);
        match self.form {
            LogLines::Full => format!("{source}: {}", event.message),
            LogLines::Short | LogLines::None => {
                short::line(event, source, emf::extract(&event.message, event.timestamp).as_ref())
            }
        }
    }

    fn warning(&self, fault: &Entry) -> String {
        let Entry { group, reason, place, .. } = fault;
        if self.json {
            return json!({"group": &**group, "metricFault": reason.as_str(), "place": place}).to_string();
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

/// The groups of the stages' execution logs.
fn execution_groups(app: &App) -> impl Iterator<Item = String> {
    let stages = app.apis.iter().flat_map(|api| api.stages.keys().map(move |stage| (api, stage)));
    stages.map(|(api, stage)| execution_log_group(&api.id, stage))
}

/// Short names of log groups: the functions' logical ids without `Function`, and those of the gateway.
fn sources(app: &App) -> BTreeMap<String, String> {
    let functions = app.functions.values().map(|function| {
        let name = function.logical_id.strip_suffix("Function").unwrap_or(&function.logical_id);
        (function.log_group.clone(), name.to_owned())
    });
    let stages = app.apis.iter().flat_map(|api| api.stages.values());
    let access =
        stages.filter_map(|stage| Some((stage.access_log.as_ref()?.group.clone(), "access".to_owned())));
    let execution = execution_groups(app).map(|group| (group, "execution".to_owned()));
    functions.chain(access).chain(execution).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXECUTION: &str = "/aws/apigateway/a1b2c3d4e5/local";

    fn screen(json: bool, ledger: &Ledger) -> Screen {
        let sources = BTreeMap::from([("/aws/lambda/f".to_owned(), "Chat".to_owned())]);
        let execution = BTreeSet::from([EXECUTION.to_owned()]);
        Screen { sources, execution, json, form: LogLines::Short, ledger: ledger.clone(), warned: 0 }
    }

    /// A store to which a function has written a line, and that line as followers get it.
    fn written(message: &str) -> (LogStore, LogEvent) {
        let logs = LogStore::default();
        let mut events = logs.follow();
        logs.append("/aws/lambda/f", "s", 1_790_328_012_000, message);
        let event = events.try_recv().unwrap();
        (logs, event)
    }

    #[test]
    fn a_function_that_writes_bad_metrics_is_warned_of_once() {
        let bad = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"Latency"}]}]}}"#;
        let (logs, event) = written(bad);
        let mut plain = screen(false, logs.ledger());
        let warning = "Chat writes metrics that CloudWatch does not take: timestamp-missing (_aws.Timestamp)";
        assert_eq!(console::strip_ansi_codes(&plain.lines(&event)[1]), warning);
        assert_eq!(plain.lines(&event).len(), 1, "not again");
        let lines = screen(true, logs.ledger()).lines(&event);
        assert_eq!(
            lines[1],
            r#"{"group":"/aws/lambda/f","metricFault":"timestamp-missing","place":"_aws.Timestamp"}"#
        );
        let (logs, event) = written("just text");
        assert_eq!(screen(false, logs.ledger()).lines(&event).len(), 1);
    }

    #[test]
    fn only_full_shows_that_all_is_well() {
        let check = |group: &str, message: &str, left_out: bool| {
            let (logs, event) = written(message);
            let event = LogEvent { group: group.into(), ..event };
            let mut screen = screen(false, logs.ledger());
            assert_eq!(screen.leaves_out(&event), left_out, "{message}");
            screen.form = LogLines::Full;
            assert!(!screen.leaves_out(&event), "{message}");
        };
        check("/aws/lambda/f", "START RequestId: 1 Version: $LATEST", true);
        check("/aws/lambda/f", "1 Task timed out after 3.00 seconds", false);
        check("/aws/lambda/f", r#"{"level":"INFO"}"#, false);
        check(EXECUTION, "(1) Starting execution for request: 1", true);
        check(EXECUTION, "(1) Execution failed due to a timeout error", false);
    }
}
