//! `IntegrationType: MOCK`, with its integration responses: what the gateway answers by itself.
//!
//! "Set up WebSocket API integration requests" and "integration responses" in API Gateway's
//! developer guide. What cannot be rendered locally makes the integration unsupported.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::mapping;
use crate::app::{MappingTemplate, Mock, MockResponse, Target};
use crate::properties::Properties;

const DEFAULT: &str = "$default";

/// The statuses that an answer can have.
const STATUSES: std::ops::Range<u16> = 200..600;

/// Reads a mock. `responses` are the integration's responses, in the template's order.
pub(super) fn target(integration: &Properties<'_>, responses: &[Properties<'_>]) -> Target {
    let mock = mock(integration, responses);
    mock.map_or_else(|reason| Target::Unsupported(format!("a MOCK integration: {reason}")), Target::Mock)
}

fn mock(integration: &Properties<'_>, responses: &[Properties<'_>]) -> Result<Mock, String> {
    for name in ["ContentHandlingStrategy", "RequestParameters", "ResponseParameters"] {
        refuse(integration, name)?;
    }
    let request_templates = templates(integration, "RequestTemplates")?;
    let behaviors = ["NEVER", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES"];
    let passes_through = match integration.one_of("PassthroughBehavior", &behaviors).as_deref() {
        Some("NEVER") => false,
        Some("WHEN_NO_TEMPLATES") => request_templates.is_empty(),
        _ => true,
    };
    Ok(Mock {
        template_selection_expression: selection(integration),
        request_templates,
        passes_through,
        responses: in_order(responses)?,
    })
}

fn refuse(properties: &Properties<'_>, name: &str) -> Result<(), String> {
    if properties.has(name) { Err(format!("`{name}` is not run locally")) } else { Ok(()) }
}

fn selection(properties: &Properties<'_>) -> String {
    properties.text("TemplateSelectionExpression").unwrap_or_else(|| DEFAULT.to_owned())
}

fn templates(properties: &Properties<'_>, name: &str) -> Result<BTreeMap<String, MappingTemplate>, String> {
    let texts = properties.map(name).map(|templates| templates.variables()).unwrap_or_default();
    texts.into_iter().map(|(key, text)| Ok((key, mapping::parse(&text)?))).collect()
}

/// The responses, `$default` last: it takes what no pattern does.
fn in_order(responses: &[Properties<'_>]) -> Result<Vec<MockResponse>, String> {
    let (mut with_pattern, mut default) = (Vec::new(), None);
    for properties in responses {
        for name in ["ContentHandlingStrategy", "ResponseParameters"] {
            refuse(properties, name)?;
        }
        let key = properties.required_text("IntegrationResponseKey");
        let template = response_template(properties)?;
        if key == DEFAULT {
            default = Some(MockResponse { statuses: STATUSES.collect(), template });
        } else {
            with_pattern.push(MockResponse { statuses: statuses(&key)?, template });
        }
    }
    Ok(with_pattern.into_iter().chain(default).collect())
}

/// The statuses that a key like `/2\d\d/` takes.
fn statuses(key: &str) -> Result<BTreeSet<u16>, String> {
    let pattern = key.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let regex = pattern.and_then(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok());
    let regex = regex
        .ok_or_else(|| format!("the IntegrationResponseKey `{key}` is neither $default nor a /pattern/"))?;
    Ok(STATUSES.filter(|status| regex.is_match(&status.to_string())).collect())
}

fn response_template(properties: &Properties<'_>) -> Result<Option<MappingTemplate>, String> {
    let mut templates = templates(properties, "ResponseTemplates")?;
    if templates.values().any(mapping::reads_input) {
        return Err("what `$input` is in a response template is not known".to_owned());
    }
    let expression = selection(properties);
    let key = expression.replace("\\$", "$");
    if key != DEFAULT && key.contains('$') {
        let reason = format!(
            "an integration response is answered locally with one template, and `{expression}` selects any"
        );
        return Err(reason);
    }
    Ok(templates.remove(&key).or_else(|| templates.remove(DEFAULT)))
}
