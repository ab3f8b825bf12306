//! Templates in, applications or errors out.

mod alarms;
mod apis;
mod authorization;
mod code;
mod config;
mod dynamic;
mod errors;
mod guards;
mod http_apis;
mod intrinsics;
mod logging;
mod mocks;
mod parameters;
mod properties;
mod queries;
mod queues;
mod repository;
mod roles;
mod rules;
mod schedules;
mod schemas;
mod syntax;

use std::path::Path;

use crate::{App, Errors, Settings};

/// Reads a template as `template.yaml` of a folder that is not there.
fn load_with(text: &str, settings: &Settings) -> Result<App, Errors> {
    crate::read(text, Path::new("template.yaml"), Path::new("/nowhere/infra"), settings)
}

fn load(text: &str) -> App {
    load_with(text, &Settings::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The errors of a template, one a line.
fn errors(text: &str) -> String {
    load_with(text, &Settings::default()).expect_err("errors").to_string()
}

/// Settings that give parameters.
fn given(parameters: &[(&str, &str)]) -> Settings {
    let owned = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings { parameters: owned.collect(), ..Settings::default() }
}
