//! JSON Schemas of functions' variables, which a template can name:
//!
//! ```yaml
//! Metadata:
//!   Switchboard:
//!     EnvironmentSchemas:
//!       NAMESPACES: namespaces.schema.json
//! ```
//!
//! CloudFormation lets `Metadata` hold anything. A function that reads a JSON document from its
//! environment says with it what such a document is: a mistake is then found before it is deployed.

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value as Json;

use crate::error::{Position, Problems};
use crate::template::{Template, map};
use crate::yaml::Entry;

/// The schemas by the variable's name.
#[derive(Default)]
pub(crate) struct Schemas(BTreeMap<String, Schema>);

/// One schema.
struct Schema {
    /// The file, as the template names it.
    file: String,
    validator: Validator,
}

impl Schemas {
    /// Reads the schemas that the template names; `folder` is the template's.
    pub(crate) fn read(template: &Template, folder: &Path, problems: &Problems) -> Self {
        let ours = template.metadata.iter().find(|entry| entry.key == "Switchboard");
        let Some(named) = ours.and_then(|ours| ours.value.get("EnvironmentSchemas")) else {
            return Self::default();
        };
        let named = map(named, "`EnvironmentSchemas`", problems).unwrap_or_default();
        let schema = |entry: &Entry| match schema(entry, folder) {
            Ok(schema) => Some((entry.key.clone(), schema)),
            Err(fault) => {
                let message = format!("the schema of the variable {} {fault}", entry.key);
                problems.report(entry.value.at, message);
                None
            }
        };
        Self(named.iter().filter_map(schema).collect())
    }

    /// Reports what does not fit in a variable's value. An empty one is as good as none.
    pub(crate) fn check(&self, variable: &str, text: &str, at: Position, problems: &Problems) {
        let Some(Schema { file, validator }) = self.0.get(variable) else { return };
        if text.is_empty() {
            return;
        }
        match serde_json::from_str::<Json>(text) {
            Err(error) => problems.report(at, format!("the variable {variable} is not JSON: {error}")),
            Ok(document) => {
                for error in validator.iter_errors(&document) {
                    let place = error.instance_path().to_string();
                    let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
                    let message = format!("the variable {variable} does not fit {file}{place}: {error}");
                    problems.report(at, message);
                }
            }
        }
    }
}

fn schema(entry: &Entry, folder: &Path) -> Result<Schema, String> {
    let file = entry.value.as_text().ok_or("must be the name of a file")?;
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot be read from {}: {}", path.display(), crate::error_text(&error)))?;
    let json: Json =
        serde_json::from_str(&text).map_err(|error| format!("in {file} is not JSON: {error}"))?;
    let validator =
        jsonschema::validator_for(&json).map_err(|error| format!("in {file} is not one: {error}"))?;
    Ok(Schema { file: file.to_owned(), validator })
}
