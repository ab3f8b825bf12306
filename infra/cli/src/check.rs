//! `switchboard check`: what the local AWS would run.

use std::fmt::Write as _;
use std::io::Write as _;

use sam::App;
use sam::app::{Authorization, Code, Route, Target};

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

fn shown(target: &Target) -> String {
    match target {
        Target::Function(function) => format!("function {function}"),
        Target::Mock(_) => "the gateway itself (MOCK)".to_owned(),
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
