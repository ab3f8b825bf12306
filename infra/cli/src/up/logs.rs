//! Shows log lines as they come.

use std::collections::BTreeMap;
use std::io::{self, Write};

use cloudwatch::logs::{LogEvent, LogStore};
use sam::App;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::args::{LogLines, UpOptions};
use crate::short;

/// Shows every line from now on, in a thread of its own: a terminal or a pipe that takes
/// nothing must not hold up the functions. Lines that it is too slow for are counted and left out.
pub(super) fn follow(logs: &LogStore, app: &App, options: &UpOptions) {
    if options.logs == LogLines::None {
        return;
    }
    let (mut events, sources) = (logs.follow(), sources(app));
    let (json, form) = (options.json, options.logs);
    std::thread::spawn(move || {
        while let Some(line) = next(&mut events, json, |event| show(event, &sources, json, form)) {
            // A closed output ends the showing, not the running.
            let written =
                if json { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
            if written.is_err() {
                return;
            }
        }
    });
}

/// The next line; `None` when no more can come.
fn next(events: &mut Receiver<LogEvent>, json: bool, show: impl Fn(&LogEvent) -> String) -> Option<String> {
    match events.blocking_recv() {
        Ok(event) => Some(show(&event)),
        Err(RecvError::Lagged(missed)) if json => Some(json!({ "missed": missed }).to_string()),
        Err(RecvError::Lagged(missed)) => Some(format!("({missed} log lines were not shown)")),
        Err(RecvError::Closed) => None,
    }
}

fn show(event: &LogEvent, sources: &BTreeMap<String, String>, json: bool, form: LogLines) -> String {
    if json {
        let LogEvent { group, stream, timestamp, message } = event;
        return json!({"group": &**group, "stream": &**stream, "timestamp": timestamp, "message": message})
            .to_string();
    }
    let source = sources.get(&*event.group).map_or(&*event.group, String::as_str);
    if form == LogLines::Full { format!("{source}: {}", event.message) } else { short::line(event, source) }
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
