//! `AWS::Serverless::WebSocketApi` written out: an API, a stage that deploys by itself, and a route
//! and an integration for each of `Routes`.
//!
//! SAM makes no `RouteResponse`: a route is one-way unless the template adds that resource.

use std::collections::BTreeMap;

use super::{check_names, entry, generated};
use crate::error::Problems;
use crate::template::{Resource, map};
use crate::value::{self, Value};
use crate::yaml::{Data, Entry, Node};

const MEMBERS: [&str; 18] = [
    "AccessLogSettings",
    "ApiKeySelectionExpression",
    "Auth",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "Domain",
    "FailOnWarnings",
    "IpAddressType",
    "Name",
    "PropagateTags",
    "RouteSelectionExpression",
    "RouteSettings",
    "Routes",
    "StageName",
    "StageVariables",
    "Tags",
];

const ROUTE_MEMBERS: [&str; 8] = [
    "ApiKeyRequired",
    "FunctionArn",
    "IntegrationTimeout",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];

const AUTH_MEMBERS: [&str; 5] = ["AuthArn", "AuthType", "IdentitySource", "InvokeRole", "Name"];

const FUNCTION_URI: &str = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/\
                            ${FunctionArn}/invocations";

pub(super) fn expand(
    resource: &Resource,
    parameters: &BTreeMap<String, Value>,
    problems: &Problems,
    resources: &mut Vec<Resource>,
) {
    let owner = format!("`{}` ({})", resource.id, resource.kind);
    check_names(resource.properties.entries().unwrap_or_default(), &MEMBERS, &owner, problems);
    resources.push(api(resource));
    let routes = resource.properties.get("Routes");
    let entries = routes.and_then(|routes| map(routes, &format!("`Routes` of {owner}"), problems));
    if routes.is_none() || entries.is_some_and(<[Entry]>::is_empty) {
        problems.report(resource.at, format!("{owner} must have `Routes` with at least one route"));
    }
    for route in entries.unwrap_or_default() {
        expand_route(resource, route, problems, resources);
    }
    if let Some(auth) = resource.properties.get("Auth") {
        check_auth(auth, entries.unwrap_or_default(), &owner, problems);
    }
    resources.push(stage(resource, parameters));
}

/// An `Auth` that guards nothing would let everybody in; SAM refuses it as well.
fn check_auth(auth: &Node, routes: &[Entry], owner: &str, problems: &Problems) {
    let what = format!("`Auth` of {owner}");
    let Some(members) = map(auth, &what, problems) else { return };
    check_names(members, &AUTH_MEMBERS, &what, problems);
    match auth.get("AuthType") {
        None => problems.report(auth.at, format!("{what} must have `AuthType`, which is missing")),
        Some(kind) if matches!(kind.as_text(), Some("NONE" | "AWS_IAM")) && members.len() > 1 => {
            let name = kind.as_text().unwrap_or_default();
            let message = format!("{what} is of type {name} and has settings of an authorizer beside it");
            problems.report(kind.at, message);
        }
        Some(kind) if kind.as_text() == Some("CUSTOM") && auth.get("AuthArn").is_none() => {
            problems.report(auth.at, format!("{what} is of type CUSTOM and has no `AuthArn`"));
        }
        Some(_) => {}
    }
    if !routes.iter().any(|route| route.key == "$connect") {
        problems
            .report(auth.at, format!("{what} needs a `$connect` route, which is where clients are admitted"));
    }
}

fn api(resource: &Resource) -> Resource {
    const OF_THE_API: [&str; 8] = [
        "ApiKeySelectionExpression",
        "Description",
        "DisableExecuteApiEndpoint",
        "DisableSchemaValidation",
        "IpAddressType",
        "Name",
        "RouteSelectionExpression",
        "Tags",
    ];
    let mut properties = pick(&resource.properties, &OF_THE_API);
    properties.push(entry("ProtocolType", Node::text(resource.at, "WEBSOCKET")));
    Resource {
        kind: "AWS::ApiGatewayV2::Api".to_owned(),
        properties: Node { at: resource.properties.at, data: Data::Map(properties) },
        ..resource.clone()
    }
}

fn expand_route(api: &Resource, route: &Entry, problems: &Problems, resources: &mut Vec<Resource>) {
    let what = format!("the route `{}` of `{}`", route.key, api.id);
    let Some(members) = map(&route.value, &what, problems) else { return };
    check_names(members, &ROUTE_MEMBERS, &what, problems);
    let Some(name) = id_part(&route.key) else {
        let message = format!("{what} needs a key of letters and digits only: SAM makes logical ids of it");
        problems.report(route.at, message);
        return;
    };
    let Some(function) = route.value.get("FunctionArn") else {
        problems.report(route.at, format!("{what} must have `FunctionArn`, which is missing"));
        return;
    };
    let at = route.at;
    let integration_id = format!("{}{name}Integration", api.id);

    let mut properties = pick(
        &route.value,
        &[
            "ApiKeyRequired",
            "ModelSelectionExpression",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RouteResponseSelectionExpression",
        ],
    );
    let target = [Node::text(at, "integrations"), Node::call("Ref", Node::text(at, &integration_id))];
    let target = [Node::text(at, "/"), Node { at, data: Data::Seq(target.into()) }];
    properties.push(entry("ApiId", Node::call("Ref", Node::text(at, &api.id))));
    properties.push(entry("RouteKey", Node::text(at, &route.key)));
    properties.push(entry("Target", Node::call("Join", Node { at, data: Data::Seq(target.into()) })));
    if let Some(auth) = api.properties.get("Auth").filter(|_| route.key == "$connect") {
        let kind = auth.get("AuthType").cloned().unwrap_or_else(|| Node::text(auth.at, "CUSTOM"));
        properties.push(entry("AuthorizationType", kind));
        if let Some(function) = auth.get("AuthArn") {
            let id = format!("{}ConnectAuthorizer", api.id);
            properties.push(entry("AuthorizerId", Node::call("Ref", Node::text(function.at, &id))));
            resources.push(authorizer(api, id, auth, function));
            let id = format!("{}AuthorizerPermission", api.id);
            resources.push(generated(api, id, "AWS::Lambda::Permission", at, Vec::new()));
        }
    }
    let id = format!("{}{name}Route", api.id);
    resources.push(generated(api, id, "AWS::ApiGatewayV2::Route", at, properties));
    resources.push(integration(api, integration_id, route, function));
    let id = format!("{}{name}Permission", api.id);
    resources.push(generated(api, id, "AWS::Lambda::Permission", at, Vec::new()));
}

/// The authorizer that `Auth` describes.
fn authorizer(api: &Resource, id: String, auth: &Node, function: &Node) -> Resource {
    let name = auth.get("Name").cloned().unwrap_or_else(|| Node::text(auth.at, &id));
    let mut properties = pick(auth, &["IdentitySource"]);
    properties.extend([
        entry("ApiId", Node::call("Ref", Node::text(auth.at, &api.id))),
        entry("AuthorizerType", Node::text(auth.at, "REQUEST")),
        entry("AuthorizerUri", invocation(function)),
        entry("Name", name),
    ]);
    generated(api, id, "AWS::ApiGatewayV2::Authorizer", auth.at, properties)
}

/// The URI by which API Gateway invokes a function.
fn invocation(function: &Node) -> Node {
    let at = function.at;
    let variables = Node { at, data: Data::Map(vec![entry("FunctionArn", function.clone())]) };
    Node::call("Sub", Node { at, data: Data::Seq(vec![Node::text(at, FUNCTION_URI), variables]) })
}

fn integration(api: &Resource, id: String, route: &Entry, function: &Node) -> Resource {
    let at = function.at;
    let mut properties = vec![
        entry("ApiId", Node::call("Ref", Node::text(at, &api.id))),
        entry("IntegrationType", Node::text(at, "AWS_PROXY")),
        entry("IntegrationUri", invocation(function)),
    ];
    if let Some(timeout) = route.value.get("IntegrationTimeout") {
        properties.push(entry("TimeoutInMillis", timeout.clone()));
    }
    generated(api, id, "AWS::ApiGatewayV2::Integration", route.at, properties)
}

fn stage(api: &Resource, parameters: &BTreeMap<String, Value>) -> Resource {
    const OF_THE_STAGE: [&str; 4] =
        ["AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables"];
    let name = api.properties.get("StageName").cloned().unwrap_or_else(|| Node::text(api.at, "default"));
    let id = match known_name(&name, parameters) {
        Some("default") => format!("{}DefaultStage", api.id),
        Some(name) => format!("{}{name}Stage", api.id),
        None => format!("{}Stage", api.id),
    };
    let mut properties = pick(&api.properties, &OF_THE_STAGE);
    properties.push(entry("ApiId", Node::call("Ref", Node::text(api.at, &api.id))));
    properties.push(entry("StageName", name));
    properties.push(entry("AutoDeploy", Node::text(api.at, "true")));
    generated(api, id, "AWS::ApiGatewayV2::Stage", api.at, properties)
}

/// The stage's name as SAM knows it when it makes the stage's logical id: it sees parameters, and no
/// other function.
fn known_name<'a>(name: &'a Node, parameters: &'a BTreeMap<String, Value>) -> Option<&'a str> {
    match &name.data {
        Data::Scalar(scalar) => Some(&scalar.text),
        Data::Call(call) if call.name == "Ref" => match &parameters.get(call.args.as_text()?)?.data {
            value::Data::Text(scalar) => Some(&scalar.text),
            _ => None,
        },
        Data::Call(_) | Data::Seq(_) | Data::Map(_) => None,
    }
}

/// What a route's key contributes to the logical ids: the first letter large, the others small.
fn id_part(key: &str) -> Option<String> {
    let special = ["$connect", "$disconnect", "$default"].contains(&key);
    let name = if special { key.trim_start_matches('$') } else { key };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let (first, rest) = name.split_at(1);
    Some(format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()))
}

fn pick(node: &Node, names: &[&str]) -> Vec<Entry> {
    let entries = node.entries().unwrap_or_default();
    entries.iter().filter(|entry| names.contains(&entry.key.as_str())).cloned().collect()
}
