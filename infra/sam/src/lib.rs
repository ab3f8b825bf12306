//! SAM template -> checked [`App`]: what a template declares, resolved, with errors that
//! name file, line and column.
//!
//! One way: text -> tree with positions (`yaml`) -> sections (`template`) -> SAM's own types written
//! out (`transform`) -> functions and names evaluated (`evaluate`, `scope`, `identity`) -> the parts of
//! the application (`resources`). Errors are gathered on the way and reported together.

pub mod app;
mod conditions;
pub mod config;
mod dynamic;
mod error;
mod evaluate;
mod identity;
mod parameters;
mod properties;
mod resources;
mod rules;
mod schemas;
mod scope;
mod settings;
mod sub;
mod template;
mod transform;
mod value;
mod yaml;

use std::path::Path;

pub use app::App;
pub use error::{Error, Errors};
pub use settings::Settings;

use error::Problems;
use scope::Scope;
use template::Template;

/// Reads a template and checks it: the application as these settings deploy it.
///
/// Paths of code are relative to the template's folder and come out absolute.
///
/// # Errors
/// Everything found wrong with the template, with the places.
pub fn load(template: &Path, settings: &Settings) -> Result<App, Errors> {
    let unreadable = |error: std::io::Error| {
        Errors::one(template, format!("the template cannot be read: {}", error_text(&error)))
    };
    let text = std::fs::read_to_string(template).map_err(unreadable)?;
    let file = std::path::absolute(template).map_err(unreadable)?;
    read(&text, template, file.parent().unwrap_or(&file), settings)
}

fn error_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn read(text: &str, path: &Path, folder: &Path, settings: &Settings) -> Result<App, Errors> {
    let problems = Problems::default();
    let Some(root) = yaml::parse(text, &problems) else {
        problems.check(path)?;
        return Err(Errors::one(path, "the template is empty".to_owned()));
    };
    let template = Template::read(&root, &problems);
    let parameters = parameters::read(&template.parameters, settings, &problems);
    let template = transform::expand(template, &parameters, &problems);
    let scope = Scope::new(&template, settings, &problems, parameters);
    scope.check_rules();
    let app = resources::read(&scope, folder);
    problems.check(path)?;
    Ok(app)
}

#[cfg(test)]
mod tests;
