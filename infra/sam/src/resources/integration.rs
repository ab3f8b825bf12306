//! `AWS::ApiGatewayV2::Integration`: what it calls, as far as the local AWS can call it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mock;
use crate::app::{Function, Integration, Target};
use crate::properties::Properties;

pub(super) const MEMBERS: [&str; 18] = [
    "ApiId",
    "ConnectionId",
    "ConnectionType",
    "ContentHandlingStrategy",
    "CredentialsArn",
    "Description",
    "IntegrationMethod",
    "IntegrationSubtype",
    "IntegrationType",
    "IntegrationUri",
    "PassthroughBehavior",
    "PayloadFormatVersion",
    "RequestParameters",
    "RequestTemplates",
    "ResponseParameters",
    "TemplateSelectionExpression",
    "TimeoutInMillis",
    "TlsConfig",
];

/// API Gateway's longest wait for a WebSocket integration, and the one when none is set.
const LONGEST_MILLIS: u32 = 29_000;

/// How a stage variable begins in a URI.
const VARIABLE: &str = "${stageVariables.";

/// The variables of each of an API's stages, by the stages' names.
pub(super) type StageVariables = BTreeMap<String, BTreeMap<String, String>>;

/// Reads an integration. `responses` are its integration responses.
pub(super) fn read(
    properties: &Properties<'_>,
    functions: &BTreeMap<String, Function>,
    stages: &StageVariables,
    responses: &[Properties<'_>],
) -> Integration {
    properties.check_names(&MEMBERS);
    properties.require("IntegrationType");
    let kinds = ["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];
    let kind = properties.one_of("IntegrationType", &kinds).unwrap_or_default();
    let millis = properties.number("TimeoutInMillis", 50..=LONGEST_MILLIS).unwrap_or(LONGEST_MILLIS);
    let target = match kind.as_str() {
        "AWS_PROXY" => proxy_target(properties, functions, stages),
        "MOCK" => mock::target(properties, responses),
        _ => Target::Unsupported(format!(
            "an integration of type {kind} is not run locally, only AWS_PROXY and MOCK are"
        )),
    };
    Integration { target, timeout: Duration::from_millis(u64::from(millis)) }
}

fn proxy_target(
    properties: &Properties<'_>,
    functions: &BTreeMap<String, Function>,
    stages: &StageVariables,
) -> Target {
    let uri = properties.required_text("IntegrationUri");
    let method = properties.text("IntegrationMethod").unwrap_or_else(|| "POST".to_owned());
    if method != "POST" {
        return Target::Unsupported(format!("Lambda is invoked with the method POST, and not {method}"));
    }
    if properties.has("ContentHandlingStrategy") {
        let reason = "an integration with a ContentHandlingStrategy is not run locally yet";
        return Target::Unsupported(reason.to_owned());
    }
    function_by_stage("IntegrationUri", &uri, functions, stages)
}

/// The function that a property names by a URI in which variables of the stage may stand.
pub(super) fn function_by_stage(
    property: &str,
    uri: &str,
    functions: &BTreeMap<String, Function>,
    stages: &StageVariables,
) -> Target {
    if !uri.contains(VARIABLE) {
        return function(property, uri, functions);
    }
    let in_stage = |variables| function(property, &with_variables(uri, variables), functions);
    Target::ByStage(stages.iter().map(|(stage, variables)| (stage.clone(), in_stage(variables))).collect())
}

/// An integration's URI with the variables of one stage ("Use stage variables": a part of the URI, as the
/// function's name or its alias). A variable that the stage does not have is empty.
fn with_variables(uri: &str, variables: &BTreeMap<String, String>) -> String {
    let mut parts = uri.split(VARIABLE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) => {
                text.push_str(variables.get(name).map_or("", String::as_str));
                text.push_str(rest);
            }
            None => text.push_str(part),
        }
    }
    text
}

/// The function that a property names by the URI of its invocation.
pub(super) fn function(property: &str, uri: &str, functions: &BTreeMap<String, Function>) -> Target {
    let Some(name) = function_name(uri) else {
        return Target::Unsupported(format!(
            "its {property} is not that of a Lambda invocation \
             (arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations): `{uri}`"
        ));
    };
    match functions.values().find(|function| function.name == name) {
        Some(function) => Target::Function(function.logical_id.clone()),
        None => Target::Unsupported(format!("the function `{name}` is not part of this template")),
    }
}

/// The function's name in `arn:…:lambda:path/…/functions/{function's ARN}/invocations`, whatever
/// version or alias the ARN ends with.
fn function_name(uri: &str) -> Option<&str> {
    let (start, rest) = uri.split_once("/functions/")?;
    let arn = rest.strip_suffix("/invocations")?;
    let gateway = start.split(':').nth(2)? == "apigateway" && start.contains(":lambda:path/");
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", name] | ["arn", _, "lambda", _, _, "function", name, _]
            if gateway =>
        {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: &str, expected: Option<&str>) {
        let uri =
            format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations");
        assert_eq!(function_name(&uri), expected, "{uri}");
    }

    #[test]
    fn a_function_is_named_by_its_arn_with_or_without_a_qualifier() {
        check("arn:aws:lambda:eu-west-1:123456789012:function:chat", Some("chat"));
        check("arn:aws:lambda:eu-west-1:123456789012:function:chat:live", Some("chat"));
        check("chat", None);
        assert_eq!(function_name("arn:aws:lambda:eu-west-1:123456789012:function:chat"), None);
        assert_eq!(function_name("https://example.com/functions/a/invocations"), None);
    }
}
