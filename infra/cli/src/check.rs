//! `switchboard check`: what the local AWS would run.

use std::fmt::Write as _;
use std::io::Write as _;

use sam::App;
use sam::app::{Authorization, Code, Queue, Route, Target};

use crate::args::ProjectOptions;
use crate::{CommandError, project};

/// Prints what the template would run.
pub(crate) fn run(options: &ProjectOptions) -> Result<(), CommandError> {
    let (app, _) = project::load(options)?;
    std::io::stdout().write_all(describe(&app).as_bytes())?;
    Ok(())
}

/// A line for each thing that runs, then what does not.
fn describe(app: &App) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_description(&mut text, app);
    text
}

fn write_description(text: &mut String, app: &App) -> std::fmt::Result {
    for api in &app.apis {
        let stages = api.stages.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        writeln!(text, "WebSocket API {} ({}), stage {stages}", api.logical_id, api.id)?;
        for route in api.routes.values() {
            let integration = route.integration.as_ref();
            let target = integration.map_or_else(|| "nothing".to_owned(), |called| shown(&called.target));
            let two_way = if route.two_way { ", two-way" } else { "" };
            writeln!(text, "  {:<12} {target}{two_way}{}", route.key, guards(route))?;
        }
        for stage in api.stages.values() {
            for key in &stage.api_keys {
                writeln!(text, "  API key of stage {}: {}", stage.name, key.value)?;
            }
        }
    }
    for api in &app.http_apis {
        writeln!(text, "HTTP API {} ({}), stage {}", api.logical_id, api.id, api.stage)?;
        for route in api.routes.values() {
            writeln!(text, "  {:<12} {}", route.key, shown(&route.integration.target))?;
        }
    }
    for function in app.functions.values() {
        let code = match &function.code {
            Code::Cargo { package, .. } => format!("built by cargo from {}", package.display()),
            Code::Bootstrap(folder) => format!("{}/bootstrap", folder.display()),
            Code::Unrunnable(reason) => format!("not run: {reason}"),
        };
        writeln!(
            text,
            "Function {}, {} MB, {} s: {code}",
            function.logical_id,
            function.memory_mb,
            function.timeout.as_secs()
        )?;
    }
    for table in &app.tables {
        writeln!(text, "Table {}", table.name)?;
    }
    for queue in &app.queues {
        let kind = if queue.fifo { "FIFO queue" } else { "Queue" };
        writeln!(text, "{kind} {}{}", queue.name, consumers(app, queue))?;
    }
    for schedule in app.schedules.iter().filter(|schedule| schedule.enabled) {
        let seconds = schedule.every.as_secs();
        writeln!(text, "Schedule {}, every {seconds} s: function {}", schedule.name, schedule.function)?;
    }
    for alarm in &app.alarms {
        writeln!(text, "Alarm {}", alarm.name)?;
    }
    for ignored in &app.ignored {
        writeln!(
            text,
            "Not run locally: {} ({}, line {})",
            ignored.logical_id, ignored.resource_type, ignored.line
        )?;
    }
    Ok(())
}

/// The functions that a queue feeds.
fn consumers(app: &App, queue: &Queue) -> String {
    let ours = app.event_sources.iter().filter(|source| source.queue == queue.name && source.enabled);
    let names: Vec<_> = ours.map(|source| source.function.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(": function {}", names.join(", ")) }
}

fn shown(target: &Target) -> String {
    match target {
        Target::Function(function) => format!("function {function}"),
        Target::Mock(_) => "the gateway itself (MOCK)".to_owned(),
        Target::ByStage(targets) => {
            let of_stage = |(stage, target)| format!("{} in stage {stage}", shown(target));
            targets.iter().map(of_stage).collect::<Vec<_>>().join("; ")
        }
        Target::Unsupported(reason) => format!("not run: {reason}"),
    }
}

/// What a client needs to use a route.
fn guards(route: &Route) -> String {
    let mut guards = match &route.authorization {
        Authorization::Open => String::new(),
        Authorization::Iam => ", signed (AWS_IAM)".to_owned(),
        Authorization::Custom(authorizer) => {
            format!(", authorizer {} ({})", authorizer.name, shown(&authorizer.target))
        }
    };
    if route.api_key_required {
        guards.push_str(", API key");
    }
    guards
}
