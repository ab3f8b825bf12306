//! Models: what a route's messages must be like before its integration runs.
//!
//! [Request validation for WebSocket APIs in API Gateway] in API Gateway's developer guide. A model is
//! a JSON schema of draft 4.
//!
//! [Request validation for WebSocket APIs in API Gateway]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html

use std::collections::BTreeMap;

use jsonschema::Validator;
use sam::app::Validation;
use serde_json::Value;

use super::route::{DEFAULT, Selection};

/// The models of one route.
#[derive(Debug)]
pub(crate) struct Models {
    selection: Selection,
    /// A model is a validator, or the reason why no message is valid.
    by_key: BTreeMap<String, Result<Validator, String>>,
}

impl Models {
    /// Makes a route's models ready. `unchecked`: a schema that is none is an error of the messages that
    /// select it (`DisableSchemaValidation`).
    ///
    /// # Errors
    /// The reason in words: the selection expression, or a schema.
    pub(crate) fn new(validation: &Validation, unchecked: bool) -> Result<Self, String> {
        let selection = Selection::parse_key(&validation.model_selection_expression)
            .map_err(|error| format!("its ModelSelectionExpression: {error}"))?;
        let mut by_key = BTreeMap::new();
        for (key, schema) in &validation.models {
            let model = jsonschema::draft4::new(schema)
                .map_err(|error| format!("the model of the key {key} is no JSON schema: {error}"));
            match model {
                Err(reason) if !unchecked => return Err(reason),
                model => by_key.insert(key.clone(), model),
            };
        }
        Ok(Self { selection, by_key })
    }

    /// Validates a message.
    ///
    /// # Errors
    /// What is wrong with it: `$context.error.validationErrorString`.
    pub(crate) fn validate(&self, message: &str) -> Result<(), String> {
        let body: Value =
            serde_json::from_str(message).map_err(|error| format!("[the body is not JSON: {error}]"))?;
        let key = self.selection.evaluate(message).unwrap_or_default();
        let model = self.by_key.get(&key).or_else(|| self.by_key.get(DEFAULT));
        let model = model.ok_or_else(|| format!("[no model has the key {key:?}]"))?;
        let model = model.as_ref().map_err(|reason| format!("[{reason}]"))?;
        let errors: Vec<_> = model.iter_errors(&body).map(|error| error.to_string()).collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("[{}]", errors.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn models(expression: &str, models: &Value) -> Models {
        Models::new(&validation(expression, models), false).unwrap()
    }

    fn validation(expression: &str, models: &Value) -> Validation {
        Validation {
            model_selection_expression: expression.to_owned(),
            models: serde_json::from_value(models.clone()).unwrap(),
        }
    }

    #[track_caller]
    fn check(models: &Models, message: &str, expected: Result<(), &str>) {
        assert_eq!(models.validate(message), expected.map_err(str::to_owned), "{message}");
    }

    #[test]
    fn the_expression_selects_the_model_and_default_takes_the_rest() {
        let models = models(
            "$request.body.kind",
            &json!({ "text": { "required": ["text"] }, "$default": { "required": ["kind"] } }),
        );
        check(&models, r#"{"kind":"text","text":"x"}"#, Ok(()));
        check(&models, r#"{"kind":"text"}"#, Err("[\"text\" is a required property]"));
        check(&models, r#"{"kind":"other"}"#, Ok(()));
        check(&models, "{}", Err("[\"kind\" is a required property]"));
    }

    #[test]
    fn without_a_model_nothing_is_valid() {
        let models = models("$request.body.kind", &json!({ "text": {} }));
        check(&models, r#"{"kind":"other"}"#, Err("[no model has the key \"other\"]"));
        check(&models, "{}", Err("[no model has the key \"\"]"));
        assert!(models.validate("not JSON").unwrap_err().starts_with("[the body is not JSON: "));
    }

    /// What later drafts say otherwise: `exclusiveMinimum` is a truth value.
    #[test]
    fn schemas_are_of_draft_4() {
        for expression in ["$default", r"\$default"] {
            let schema =
                json!({ "$default": { "properties": { "n": { "minimum": 1, "exclusiveMinimum": true } } } });
            let models = models(expression, &schema);
            check(&models, r#"{"n":2}"#, Ok(()));
            assert!(models.validate(r#"{"n":1}"#).is_err());
        }
    }

    #[test]
    fn every_error_is_told() {
        let schema = json!({ "a": { "required": ["b", "c"], "properties": { "n": { "type": "integer" } } } });
        check(
            &models("a", &schema),
            r#"{"n":"x"}"#,
            Err(
                "[\"b\" is a required property, \"c\" is a required property, \"x\" is not of type \"integer\"]",
            ),
        );
    }

    #[test]
    fn what_is_no_schema_is_an_error_unless_it_is_not_checked() {
        let broken = validation("a", &json!({ "a": { "type": "nothing" } }));
        let reason = Models::new(&broken, false).unwrap_err();
        assert!(reason.starts_with("the model of the key a is no JSON schema: "), "{reason}");
        assert!(Models::new(&broken, true).unwrap().validate("{}").is_err());
        // Nothing is fetched.
        let remote = validation("a", &json!({ "a": { "$ref": "https://example.com/schema" } }));
        assert!(Models::new(&remote, false).is_err());
        let unknown = validation("$context.stage", &json!({}));
        assert!(Models::new(&unknown, false).unwrap_err().starts_with("its ModelSelectionExpression: "));
    }
}
