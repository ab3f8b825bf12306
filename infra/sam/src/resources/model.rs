//! `AWS::ApiGatewayV2::Model`, and the models that a route validates its messages with.
//!
//! "Request validation for WebSocket APIs in API Gateway" in API Gateway's developer guide: messages
//! are validated when a route has a `ModelSelectionExpression`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::Validation;
use crate::properties::Properties;
use crate::value::Data;

/// Reads a model: its name, by which routes mean it, and its schema.
pub(super) fn read(properties: &Properties<'_>) -> (String, Value) {
    properties.check_names(&["ApiId", "ContentType", "Description", "Name", "Schema"]);
    properties.require("Schema");
    (properties.required_text("Name"), schema(properties).unwrap_or_default())
}

/// A schema is JSON, or JSON in a text.
fn schema(properties: &Properties<'_>) -> Option<Value> {
    let value = properties.get("Schema")?;
    let schema = match &value.data {
        Data::Text(scalar) => serde_json::from_str(&scalar.text).ok(),
        Data::Map(_) => Some(value.json()?),
        _ => None,
    };
    let schema = schema.filter(Value::is_object);
    if schema.is_none() && !value.is_unknown() {
        properties.report(value.at, "`Schema` must be a JSON schema: a map");
    }
    schema
}

/// What a route's messages must be like.
pub(super) fn validation(route: &Properties<'_>, models: &BTreeMap<String, Value>) -> Option<Validation> {
    let chosen = route.map("RequestModels");
    let mut schemas = BTreeMap::new();
    for (key, at) in chosen.iter().flat_map(Properties::names) {
        let Some(name) = chosen.as_ref().and_then(|chosen| chosen.text(key)) else { continue };
        match models.get(&name) {
            Some(schema) => {
                schemas.insert(key.to_owned(), schema.clone());
            }
            None => {
                route.report(
                    at,
                    &format!("`RequestModels` names the model `{name}`, which the API does not have"),
                );
            }
        }
    }
    let model_selection_expression = route.text("ModelSelectionExpression")?;
    Some(Validation { model_selection_expression, models: schemas })
}
