//! Says where everything answers.

use std::collections::BTreeMap;
use std::io::{self, Write};

use console::style;
use local::{Endpoint, Running};
use sam::App;
use sam::app::Code;
use serde::Serialize;

use crate::args::UpOptions;

/// The line of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    websocket: &'a str,
    management: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a str>,
    aws: &'a str,
    api_id: &'a str,
    stage: &'a str,
}

/// Prints the addresses, for a person or as JSON (of the first API's first stage).
pub(super) fn print(running: &Running, app: &App, options: &UpOptions) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if options.json {
        let Some(endpoint) = running.endpoints().first() else { return Ok(()) };
        writeln!(out, "{}", json(running, endpoint)?)?;
    } else {
        for_a_person(&mut out, running, app)?;
    }
    out.flush()
}

fn json(running: &Running, endpoint: &Endpoint) -> io::Result<String> {
    let line = Line {
        websocket: &endpoint.websocket,
        management: &endpoint.management,
        http: running.http(),
        aws: running.aws(),
        api_id: &endpoint.api_id,
        stage: &endpoint.stage,
    };
    Ok(serde_json::to_string(&line)?)
}

fn for_a_person(out: &mut impl Write, running: &Running, app: &App) -> io::Result<()> {
    writeln!(out, "\n{}\n", style("Switchboard is up.").bold())?;
    for endpoint in running.endpoints() {
        writeln!(out, "  WebSocket    {}", style(&endpoint.websocket).green())?;
        writeln!(out, "  Callbacks    {}/@connections/{{connectionId}}", endpoint.management)?;
    }
    if let Some(http) = running.http() {
        writeln!(out, "  HTTP API     {}", style(http).green())?;
    }
    let tables = app.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
    let tables = if tables.is_empty() { "no tables".to_owned() } else { tables };
    writeln!(out, "  DynamoDB     {} {}", running.aws(), style(format!("({tables})")).dim())?;
    writeln!(out, "  CloudWatch   {} {}", running.aws(), style("(logs and metrics)").dim())?;
    if !app.queues.is_empty() {
        let queues = app.queues.iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>().join(", ");
        writeln!(out, "  SQS          {} {}", running.aws(), style(format!("({queues})")).dim())?;
    }
    for line in left_out(app) {
        writeln!(out, "  {} {line}", style("Not run:").yellow())?;
    }
    if let Some(endpoint) = running.endpoints().first() {
        writeln!(out, "\n  Try it:      npx wscat -c {}", endpoint.websocket)?;
    }
    writeln!(out, "  Ctrl-C stops it. Log lines follow, times in UTC.\n")
}

/// What the template has that does not run here: a line for each kind.
fn left_out(app: &App) -> Vec<String> {
    let mut lines: Vec<_> = app
        .functions
        .values()
        .filter_map(|function| match &function.code {
            Code::Unrunnable(reason) => Some(format!("{}: {reason}", function.logical_id)),
            Code::Cargo { .. } | Code::Bootstrap(_) => None,
        })
        .collect();
    let mut kinds = BTreeMap::<&str, Vec<&str>>::new();
    for ignored in &app.ignored {
        kinds.entry(&ignored.resource_type).or_default().push(&ignored.logical_id);
    }
    lines.extend(kinds.into_iter().map(|(kind, ids)| format!("{kind} ({})", ids.join(", "))));
    lines
}
