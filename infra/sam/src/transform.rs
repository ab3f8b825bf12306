//! What SAM's transform makes of a template: `Globals` laid under each resource, and SAM's own
//! resource types written out as CloudFormation's.
//!
//! After this a WebSocket API is always `AWS::ApiGatewayV2::*` and a table `AWS::DynamoDB::Table`,
//! with the logical ids that SAM documents ("Generated CloudFormation resources"), so that a template
//! can refer to them. Functions stay `AWS::Serverless::Function`, whose properties are Lambda's.

mod websocket_api;

use std::collections::BTreeMap;

use crate::error::{Position, Problems, did_you_mean, nearest};
use crate::template::{Resource, Template, map};
use crate::value::Value;
use crate::yaml::{Data, Entry, Node};

/// Sections that `Globals` may have.
const GLOBALS: [&str; 10] = [
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "MicroVMImage",
    "NetworkConnector",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];

/// What only one function can have.
const NOT_GLOBAL: [&str; 4] = ["Events", "FunctionName", "Policies", "Role"];

/// Applies the transform to a template that asks for it.
pub(crate) fn expand(
    template: Template,
    parameters: &BTreeMap<String, Value>,
    problems: &Problems,
) -> Template {
    check_globals(&template, problems);
    let mut resources = Vec::new();
    for resource in &template.resources {
        if resource.kind.starts_with("AWS::Serverless::") && !template.is_sam {
            let message = format!(
                "{} needs the line `Transform: AWS::Serverless-2016-10-31` at the top of the template",
                resource.kind
            );
            problems.report(resource.kind_at, message);
        }
        let resource = with_globals(resource.clone(), &template.globals);
        match resource.kind.as_str() {
            "AWS::Serverless::Function" => function(resource, &mut resources),
            "AWS::Serverless::SimpleTable" => resources.push(simple_table(resource)),
            "AWS::Serverless::WebSocketApi" => {
                websocket_api::expand(&resource, parameters, problems, &mut resources);
            }
            _ => resources.push(resource),
        }
    }
    implicit_apis(&mut resources);
    Template { resources, ..template }
}

fn check_globals(template: &Template, problems: &Problems) {
    for section in &template.globals {
        if !GLOBALS.contains(&section.key.as_str()) {
            let hint = did_you_mean(&section.key, GLOBALS);
            problems.report(section.at, format!("`Globals` has no section `{}`{hint}", section.key));
        }
        let members = map(&section.value, &format!("`Globals.{}`", section.key), problems);
        for member in members.unwrap_or_default() {
            if section.key == "Function" && NOT_GLOBAL.contains(&member.key.as_str()) {
                let message = format!("`{}` belongs to one function and cannot be global", member.key);
                problems.report(member.at, message);
            }
        }
    }
}

fn with_globals(mut resource: Resource, globals: &[Entry]) -> Resource {
    let section = resource.kind.strip_prefix("AWS::Serverless::").unwrap_or_default();
    let Some(global) = globals.iter().find(|global| global.key == section) else { return resource };
    let takes = |name: &str| !resource.ignore_globals.iter().any(|not| not.name == "*" || not.name == name);
    if let Data::Map(entries) = &global.value.data {
        let taken = entries.iter().filter(|entry| takes(&entry.key)).cloned().collect();
        let global = Node { at: global.value.at, data: Data::Map(taken) };
        resource.properties = merge(&global, &resource.properties);
    }
    resource
}

/// Maps are merged, lists are joined, anything else of the resource wins.
fn merge(global: &Node, own: &Node) -> Node {
    let data = match (&global.data, &own.data) {
        (Data::Map(global), Data::Map(own)) => {
            let mut merged: Vec<Entry> = Vec::new();
            for entry in global {
                let value = own.iter().find(|other| other.key == entry.key);
                let value = value.map_or(entry.value.clone(), |other| merge(&entry.value, &other.value));
                merged.push(Entry { value, ..entry.clone() });
            }
            let only_own = own.iter().filter(|entry| !global.iter().any(|other| other.key == entry.key));
            merged.extend(only_own.cloned());
            Data::Map(merged)
        }
        (Data::Seq(global), Data::Seq(own)) => Data::Seq(global.iter().chain(own).cloned().collect()),
        _ => own.data.clone(),
    };
    Node { at: own.at, data }
}

/// The function, its role when it names none, and its events and its deployment as resources of their
/// own: on AWS they are, and a function does not wait for what those refer to.
fn function(mut resource: Resource, resources: &mut Vec<Resource>) {
    let events = take(&mut resource.properties, "Events");
    if let Some(preference) = take(&mut resource.properties, "DeploymentPreference") {
        let id = format!("{}DeploymentGroup", resource.id);
        let properties = vec![entry("DeploymentPreference", preference)];
        resources.push(generated(&resource, id, "AWS::CodeDeploy::DeploymentGroup", resource.at, properties));
    }
    if resource.properties.get("Role").is_none() {
        let id = format!("{}Role", resource.id);
        resources.push(generated(&resource, id, "AWS::IAM::Role", resource.at, Vec::new()));
    }
    for event in events.as_ref().and_then(Node::entries).unwrap_or_default() {
        let kind = event.value.get("Type").and_then(Node::as_text).unwrap_or("Unknown");
        let properties = event.value.get("Properties").and_then(Node::entries).unwrap_or_default();
        let id = format!("{}{}", resource.id, event.key);
        let (kind, properties) = match kind {
            "SQS" => ("AWS::Lambda::EventSourceMapping".to_owned(), mapping(&resource, event.at, properties)),
            "Schedule" => ("AWS::Events::Rule".to_owned(), rule(&resource, event.at, properties)),
            kind => (format!("{kind} event"), properties.to_vec()),
        };
        resources.push(generated(&resource, id, &kind, event.at, properties));
    }
    resources.push(resource);
}

/// The properties of an `SQS` event as those of the event source mapping that SAM makes of it.
fn mapping(function: &Resource, at: Position, properties: &[Entry]) -> Vec<Entry> {
    let renamed = |own: &Entry| match own.key.as_str() {
        "Queue" => Entry { key: "EventSourceArn".to_owned(), ..own.clone() },
        _ => own.clone(),
    };
    let mut mapping: Vec<Entry> = properties.iter().map(renamed).collect();
    mapping.push(entry("FunctionName", Node::call("Ref", Node::text(at, function.id.clone()))));
    mapping
}

/// The properties of a `Schedule` event as those of the rule that SAM makes of it.
fn rule(function: &Resource, at: Position, properties: &[Entry]) -> Vec<Entry> {
    let arn = Node::call("GetAtt", Node::text(at, format!("{}.Arn", function.id)));
    let mut target = vec![entry("Id", Node::text(at, "Function")), entry("Arn", arn)];
    let mut rule = Vec::new();
    for own in properties {
        match own.key.as_str() {
            "Schedule" => rule.push(Entry { key: "ScheduleExpression".to_owned(), ..own.clone() }),
            "Input" => target.push(own.clone()),
            "Enabled" => {
                let is_off = own.value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("false"));
                rule.push(entry("State", Node::text(own.at, if is_off { "DISABLED" } else { "ENABLED" })));
            }
            _ => rule.push(own.clone()),
        }
    }
    rule.push(entry("Targets", list(at, target)));
    rule
}

fn take(properties: &mut Node, name: &str) -> Option<Node> {
    let Data::Map(entries) = &mut properties.data else { return None };
    let index = entries.iter().position(|entry| entry.key == name)?;
    Some(entries.remove(index).value)
}

/// `Api` and `HttpApi` events without an API of their own share one that SAM makes.
fn implicit_apis(resources: &mut Vec<Resource>) {
    let implicit = [
        ("Api event", "RestApiId", "ServerlessRestApi", "AWS::ApiGateway::RestApi"),
        ("HttpApi event", "ApiId", "ServerlessHttpApi", "AWS::ApiGatewayV2::Api"),
    ];
    for (event, property, id, kind) in implicit {
        let user = resources.iter().find(|r| r.kind == event && r.properties.get(property).is_none());
        if let Some(user) = user.cloned() {
            let protocol = Node::text(user.at, "HTTP");
            let properties = vec![entry("ProtocolType", protocol)];
            resources.push(generated(&user, id.to_owned(), kind, user.at, properties));
        }
    }
}

/// `PrimaryKey` is a string `id` when it is not given; the table is on demand unless it is provisioned.
fn simple_table(resource: Resource) -> Resource {
    let at = resource.at;
    let key = resource.properties.get("PrimaryKey");
    let key_at = key.map_or(at, |key| key.at);
    let name = key.and_then(|key| key.get("Name")).cloned().unwrap_or_else(|| Node::text(key_at, "id"));
    let kind = key.and_then(|key| key.get("Type"));
    // Anything else goes on as it is, to be refused where a table's attributes are read.
    let kind = match kind.and_then(Node::as_text) {
        None => Node::text(key_at, "S"),
        Some("String") => Node::text(key_at, "S"),
        Some("Number") => Node::text(key_at, "N"),
        Some("Binary") => Node::text(key_at, "B"),
        Some(_) => kind.cloned().unwrap_or_else(|| Node::text(key_at, "S")),
    };
    let element =
        list(at, vec![entry("AttributeName", name.clone()), entry("KeyType", Node::text(at, "HASH"))]);
    let attribute = list(at, vec![entry("AttributeName", name), entry("AttributeType", kind)]);
    let mut properties = vec![entry("KeySchema", element), entry("AttributeDefinitions", attribute)];
    if resource.properties.get("ProvisionedThroughput").is_none() {
        properties.push(entry("BillingMode", Node::text(at, "PAY_PER_REQUEST")));
    }
    let own = resource.properties.entries().unwrap_or_default();
    properties.extend(own.iter().filter(|entry| entry.key != "PrimaryKey").cloned());
    Resource {
        kind: "AWS::DynamoDB::Table".to_owned(),
        properties: Node { at: resource.properties.at, data: Data::Map(properties) },
        ..resource
    }
}

fn list(at: Position, entries: Vec<Entry>) -> Node {
    Node { at, data: Data::Seq(vec![Node { at, data: Data::Map(entries) }]) }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), at: value.at, value }
}

/// A resource that SAM makes for another one, and that exists when that one does.
fn generated(source: &Resource, id: String, kind: &str, at: Position, properties: Vec<Entry>) -> Resource {
    Resource {
        id,
        at,
        kind: kind.to_owned(),
        kind_at: source.kind_at,
        properties: Node { at, data: Data::Map(properties) },
        metadata: None,
        condition: source.condition.clone(),
        depends_on: Vec::new(),
        ignore_globals: Vec::new(),
    }
}

/// Reports members that look like misspelled ones of `known`.
fn check_names(entries: &[Entry], known: &[&str], owner: &str, problems: &Problems) {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        if let Some(meant) = nearest(&entry.key, known.iter().copied()) {
            let message = format!("{owner} has no `{}`; did you mean `{meant}`?", entry.key);
            problems.report(entry.at, message);
        }
    }
}
