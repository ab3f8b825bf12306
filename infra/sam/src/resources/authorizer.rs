//! `AWS::ApiGatewayV2::Authorizer`, and what the `$connect` route says of it.

use std::collections::BTreeMap;

use super::integration::{self, StageVariables};
use crate::app::{Authorization, Authorizer, Function, IdentitySource};
use crate::properties::Properties;

const MEMBERS: [&str; 11] = [
    "ApiId",
    "AuthorizerCredentialsArn",
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "AuthorizerType",
    "AuthorizerUri",
    "EnableSimpleResponses",
    "IdentitySource",
    "IdentityValidationExpression",
    "JwtConfiguration",
    "Name",
];

/// What HTTP APIs have and API Gateway refuses for a WebSocket API, whose verdicts are never cached.
const REFUSED: [&str; 4] = [
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "EnableSimpleResponses",
    "JwtConfiguration",
];

pub(super) fn read(
    properties: &Properties<'_>,
    functions: &BTreeMap<String, Function>,
    stages: &StageVariables,
) -> Authorizer {
    properties.check_names(&MEMBERS);
    for name in REFUSED {
        if let Some(value) = properties.get(name) {
            properties.report(value.at, &format!("{name} cannot be set for WEBSOCKET protocol Apis."));
        }
    }
    properties.require("AuthorizerType");
    if let (Some(kind), Some(value)) = (properties.text("AuthorizerType"), properties.get("AuthorizerType"))
        && kind != "REQUEST"
    {
        let message = "Invalid authorizer type. Only REQUEST authorizer type is supported on WEBSOCKET \
                       protocol Apis.";
        properties.report(value.at, message);
    }
    let uri = properties.required_text("AuthorizerUri");
    Authorizer {
        name: properties.required_text("Name"),
        target: integration::function_by_stage("AuthorizerUri", &uri, functions, stages),
        identity_sources: identity_sources(properties),
    }
}

fn identity_sources(properties: &Properties<'_>) -> Vec<IdentitySource> {
    if !properties.has("IdentitySource") {
        return Vec::new();
    }
    let texts = properties.texts("IdentitySource");
    if texts.as_slice() == [""] {
        // API Gateway takes a list of one empty text for none.
        return Vec::new();
    }
    let mut sources = Vec::new();
    for text in &texts {
        match identity_source(text) {
            Some(source) => sources.push(source),
            None => properties.report(
                properties.get("IdentitySource").map_or(properties.at(), |value| value.at),
                &format!(
                    "an identity source is route.request.header.NAME, route.request.querystring.NAME, \
                     context.NAME or stageVariables.NAME, not `{text}`"
                ),
            ),
        }
    }
    sources
}

fn identity_source(text: &str) -> Option<IdentitySource> {
    type Kind = fn(String) -> IdentitySource;
    let kinds: [(&str, Kind); 4] = [
        ("route.request.header.", IdentitySource::Header),
        ("route.request.querystring.", IdentitySource::QueryString),
        ("context.", IdentitySource::Context),
        ("stageVariables.", IdentitySource::StageVariable),
    ];
    let (name, kind) = kinds.iter().find_map(|(prefix, kind)| Some((text.strip_prefix(prefix)?, kind)))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!name.is_empty() && name.chars().all(is_name)).then(|| kind(name.to_owned()))
}

/// A route's `AuthorizationType` and `AuthorizerId`, with the API's authorizers by id. A mistake is
/// reported, never read as an open route.
pub(super) fn of_route(
    route: &Properties<'_>,
    key: &str,
    authorizers: &BTreeMap<String, Authorizer>,
) -> Authorization {
    let report = |property: &str, message: &str| {
        let at = route.get(property).map_or(route.at(), |value| value.at);
        route.report(at, message);
    };
    let kind = route.text("AuthorizationType");
    if kind.as_deref() == Some("JWT") {
        report(
            "AuthorizationType",
            "JWT is an authorization of HTTP APIs; a WebSocket API has NONE, AWS_IAM or CUSTOM",
        );
        return Authorization::Iam;
    }
    let kind = route.one_of("AuthorizationType", &["NONE", "AWS_IAM", "CUSTOM"]);
    let kind = kind.as_deref().unwrap_or("NONE");
    if kind != "NONE" && key != "$connect" {
        report(
            "AuthorizationType",
            "`AuthorizationType` stands on the `$connect` route; the other routes inherit its verdict",
        );
    }
    let id = route.text("AuthorizerId");
    match (kind, id) {
        ("CUSTOM", None) => {
            route.require("AuthorizerId");
            Authorization::Iam
        }
        ("CUSTOM", Some(id)) => {
            if let Some(authorizer) = authorizers.get(&id) {
                return Authorization::Custom(authorizer.clone());
            }
            report(
                "AuthorizerId",
                &format!("`AuthorizerId` must be the id of one of the API's authorizers, not `{id}`"),
            );
            Authorization::Iam
        }
        (kind, Some(_)) => {
            let message = format!(
                "the route names an authorizer, and its `AuthorizationType` is {kind}; an authorizer is asked \
                 when it is CUSTOM"
            );
            report("AuthorizerId", &message);
            Authorization::Iam
        }
        ("AWS_IAM", None) => Authorization::Iam,
        _ => Authorization::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_source_names_a_place_and_a_name() {
        let check = |text: &str, expected: Option<IdentitySource>| {
            assert_eq!(identity_source(text), expected, "{text}");
        };
        check("route.request.header.X-Token", Some(IdentitySource::Header("X-Token".to_owned())));
        check("route.request.querystring.token", Some(IdentitySource::QueryString("token".to_owned())));
        check("context.identity.sourceIp", Some(IdentitySource::Context("identity.sourceIp".to_owned())));
        check("stageVariables.key", Some(IdentitySource::StageVariable("key".to_owned())));
        for not in ["", "route.request.header.", "$request.header.X", "route.request.body.x", "context.a b"] {
            check(not, None);
        }
    }
}
