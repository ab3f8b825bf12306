//! From evaluated resources to the parts of the [`App`].

mod access_log;
mod alarm;
mod api_key;
mod authorizer;
mod code;
mod event_source;
mod function;
mod http_api;
mod integration;
mod log_group;
mod mapping;
mod metric_filter;
mod mock;
mod model;
mod permission;
mod query_definition;
mod queue;
mod role;
mod route_settings;
mod schedule;
mod table;
mod websocket;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::app::{App, EventSource, Ignored, Schedule};
use crate::dynamic;
use crate::error::Position;
use crate::properties::{Owner, Properties};
use crate::scope::Scope;
use crate::template::{Resource, map};
use crate::value::{Data, Value};

/// Types that need nothing locally: permissions are not checked, and a stage serves what is declared.
const HARMLESS: [&str; 10] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::SQS::QueuePolicy",
];

/// A resource that exists under these parameters, its properties evaluated.
pub(crate) struct Created<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) value: Value,
}

impl Created<'_> {
    pub(crate) fn properties<'b>(&'b self, scope: &Scope<'b>) -> Properties<'b> {
        let owner = Owner { id: &self.resource.id, kind: &self.resource.kind };
        Properties::new(owner, self.resource.at, &self.value, scope.problems)
    }
}

/// Reads all resources and outputs. `folder` is the template's: code paths are relative to it.
pub(crate) fn read(scope: &Scope<'_>, folder: &Path) -> App {
    scope.check_conditions();
    let created = evaluate(scope);
    let functions = function::read(&created, scope, folder);
    let apis = websocket::read(&created, scope, &functions);
    let http = http_api::read(&created, scope, &functions);
    let queues = queue::read(&created, scope);
    let schedules = schedule::read(&created, scope, &functions);
    let event_sources = event_source::read(&created, scope, &functions, &queues);
    let app = App {
        tables: table::read(&created, scope),
        log_groups: log_group::read(&created, scope),
        metric_filters: metric_filter::read(&created, scope),
        query_definitions: query_definition::read(&created, scope),
        alarms: alarm::read(&created, scope),
        outputs: outputs(scope),
        ignored: ignored(&created, &(&apis.used | &http.used), &event_sources, &schedules),
        queues,
        event_sources,
        schedules,
        apis: apis.apis,
        http_apis: http.apis,
        functions,
    };
    scope.check_cycles();
    app
}

/// Evaluates every resource, so that the errors of each are known, and keeps those that are created.
fn evaluate<'a>(scope: &Scope<'a>) -> Vec<Created<'a>> {
    let mut created = Vec::new();
    for resource in &scope.template.resources {
        let live = scope.is_created(resource);
        for on in &resource.depends_on {
            scope.depends_on(resource, on);
        }
        let evaluate = || scope.evaluate(&resource.properties, live);
        let value = match resource.kind.as_str() {
            "AWS::Serverless::Function" => scope.inside(&resource.id, evaluate),
            // SAM makes several resources of it, and which of them needs what is not known here.
            kind if kind.starts_with("AWS::Serverless::") => Some(evaluate()),
            _ => scope.inside(&resource.id, evaluate),
        };
        if let (Some(value), true) = (value, live) {
            let value = dynamic::resolve(value, &scope.settings.ssm);
            created.push(Created { resource, value });
        }
    }
    created
}

fn outputs(scope: &Scope<'_>) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for entry in &scope.template.outputs {
        let what = format!("the output `{}`", entry.key);
        if map(&entry.value, &what, scope.problems).is_none() {
            continue;
        }
        let condition = entry.value.get("Condition").and_then(|node| Some((node.as_text()?, node.at)));
        let live = condition.is_none_or(|(name, at)| scope.condition(name, at).unwrap_or(true));
        let Some(value) = entry.value.get("Value") else {
            scope.problems.report(entry.at, format!("{what} has no `Value`"));
            continue;
        };
        match scope.evaluate(value, live) {
            Value { data: Data::Text(scalar), .. } if live => {
                outputs.insert(entry.key.clone(), scalar.text);
            }
            value if live && !value.is_unknown() => not_text(scope, &what, &value, value.at),
            _ => {}
        }
    }
    outputs
}

fn not_text(scope: &Scope<'_>, what: &str, value: &Value, at: Position) {
    scope.problems.report(at, format!("the value of {what} must be a text, not {}", value.describe()));
}

fn ignored(
    created: &[Created<'_>],
    used: &BTreeSet<String>,
    event_sources: &[EventSource],
    schedules: &[Schedule],
) -> Vec<Ignored> {
    let runs = |created: &&Created<'_>| {
        let kind = created.resource.kind.as_str();
        match kind {
            "AWS::CloudWatch::Alarm"
            | "AWS::CloudWatch::CompositeAlarm"
            | "AWS::DynamoDB::Table"
            | "AWS::Lambda::Function"
            | "AWS::Logs::LogGroup"
            | "AWS::Logs::MetricFilter"
            | "AWS::Logs::QueryDefinition"
            | "AWS::SQS::Queue"
            | "AWS::Serverless::Function" => true,
            "AWS::Events::Rule" => {
                schedules.iter().any(|schedule| schedule.logical_id == created.resource.id)
            }
            "AWS::Lambda::EventSourceMapping" => {
                event_sources.iter().any(|source| source.logical_id == created.resource.id)
            }
            _ => HARMLESS.contains(&kind) || used.contains(&created.resource.id),
        }
    };
    let ignored = created.iter().filter(|created| !runs(created)).map(|created| Ignored {
        logical_id: created.resource.id.clone(),
        resource_type: created.resource.kind.clone(),
        line: created.resource.at.line,
    });
    ignored.collect()
}
