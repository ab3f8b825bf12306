//! The execution role of a function: `AWS::IAM::Role` and what is attached to it, or the one that SAM
//! makes of `Policies`.
//!
//! "Defining Lambda function permissions with an execution role" in Lambda's developer guide, and
//! `AWS::Serverless::Function` in SAM's: `Policies` takes names and ARNs of managed policies, policy
//! templates and documents, and is ignored beside `Role`. SAM adds `AWSLambdaBasicExecutionRole`, and
//! what the poller of a queue needs.

mod known;

use super::Created;
use crate::app::Role;
use crate::identity::physical_name;
use crate::scope::Scope;
use crate::value::{Data, Value};

/// The role of a function.
pub(super) fn read(function: &Created<'_>, created: &[Created<'_>], scope: &Scope<'_>) -> Role {
    let mut reading = Reading { created, scope, role: Role::default() };
    match function.value.member("Role") {
        Some(role) => reading.named(role),
        None if function.resource.kind == "AWS::Serverless::Function" => reading.made_by_sam(function),
        None => reading.role.unknown.push("it names no role".to_owned()),
    }
    reading.role
}

struct Reading<'a, 'b> {
    created: &'a [Created<'b>],
    scope: &'a Scope<'b>,
    role: Role,
}

impl Reading<'_, '_> {
    /// A role that the function names by its ARN.
    fn named(&mut self, role: &Value) {
        let Some(arn) = text(role) else {
            self.role.unknown.push("its role cannot be known".to_owned());
            return;
        };
        arn.rsplit('/').next().unwrap_or(arn).clone_into(&mut self.role.name);
        let (created, scope) = (self.created, self.scope);
        let is_meant = |role: &&Created<'_>| {
            role.resource.kind == "AWS::IAM::Role" && physical_name(scope, role.resource) == self.role.name
        };
        let Some(found) = created.iter().find(is_meant) else {
            self.role.unknown.push(format!("its role {arn} is not one of the template"));
            return;
        };
        for policy in items(found.value.member("Policies")) {
            self.document(policy.member("PolicyDocument"));
        }
        for managed in items(found.value.member("ManagedPolicyArns")) {
            self.managed(managed);
        }
        self.attached();
    }

    /// Policies that name their roles themselves.
    fn attached(&mut self) {
        let created = self.created;
        for other in created {
            let roles = match other.resource.kind.as_str() {
                "AWS::IAM::ManagedPolicy" | "AWS::IAM::Policy" => items(other.value.member("Roles")),
                "AWS::IAM::RolePolicy" => other.value.member("RoleName").into_iter().collect(),
                _ => continue,
            };
            if roles.iter().any(|name| text(name) == Some(self.role.name.as_str())) {
                self.document(other.value.member("PolicyDocument"));
            }
        }
    }

    /// The role that SAM makes, with the logical id `{function}Role`.
    fn made_by_sam(&mut self, function: &Created<'_>) {
        let id = format!("{}Role", function.resource.id);
        let role = self.created.iter().find(|other| other.resource.id == id);
        self.role.name = role.map(|role| physical_name(self.scope, role.resource)).unwrap_or(id);
        self.role.policies.extend(known::managed("AWSLambdaBasicExecutionRole"));
        if self.is_fed_by_a_queue(function) {
            self.role.policies.extend(known::managed("AWSLambdaSQSQueueExecutionRole"));
        }
        for policy in items(function.value.member("Policies")) {
            match &policy.data {
                Data::Text(_) => self.managed(policy),
                Data::Map(members) if members.iter().any(|member| member.key == "Statement") => {
                    self.document(Some(policy));
                }
                Data::Map(members) => {
                    for member in members {
                        self.template(&member.key, &member.value);
                    }
                }
                Data::Absent => {}
                Data::Seq(_) | Data::Unavailable(_) | Data::Reported => self.document(None),
            }
        }
    }

    /// Whether SAM has made an event source mapping of one of its events.
    fn is_fed_by_a_queue(&self, function: &Created<'_>) -> bool {
        self.created.iter().any(|other| {
            other.resource.kind == "AWS::Lambda::EventSourceMapping"
                && other.resource.id.starts_with(&function.resource.id)
                && other.value.member("FunctionName").and_then(text)
                    == Some(physical_name(self.scope, function.resource).as_str())
        })
    }

    fn document(&mut self, document: Option<&Value>) {
        match document.and_then(Value::texts) {
            Some(document) => self.role.policies.push(document),
            None => self.role.unknown.push("a part of its policies cannot be known".to_owned()),
        }
    }

    /// A managed policy by its name or its ARN: AWS's own, or one of the template.
    fn managed(&mut self, policy: &Value) {
        let Some(arn) = text(policy) else { return self.document(None) };
        let name = arn.rsplit('/').next().unwrap_or(arn);
        if let Some(document) = known::managed(name) {
            self.role.policies.push(document);
            return;
        }
        let (created, scope) = (self.created, self.scope);
        let is_meant = |other: &&Created<'_>| {
            other.resource.kind == "AWS::IAM::ManagedPolicy" && physical_name(scope, other.resource) == name
        };
        match created.iter().find(is_meant) {
            Some(found) => self.document(found.value.member("PolicyDocument")),
            None => {
                self.role.unknown.push(format!("what its managed policy {name} allows is not known here"))
            }
        }
    }

    /// One of SAM's policy templates with its parameters.
    fn template(&mut self, name: &str, parameters: &Value) {
        let parameter = |name: &str| parameters.member(name).and_then(text).map(str::to_owned);
        match known::template(name, &parameter, self.scope.settings) {
            Some(document) => self.role.policies.push(document),
            None => {
                self.role.unknown.push(format!("what its policy template {name} allows is not known here"))
            }
        }
    }
}

/// A list's items; anything else stands for itself.
fn items(value: Option<&Value>) -> Vec<&Value> {
    match value.map(|value| &value.data) {
        Some(Data::Seq(items)) => items.iter().filter(|item| !matches!(item.data, Data::Absent)).collect(),
        Some(Data::Absent) | None => Vec::new(),
        Some(_) => value.into_iter().collect(),
    }
}

fn text(value: &Value) -> Option<&str> {
    match &value.data {
        Data::Text(scalar) => Some(&scalar.text),
        _ => None,
    }
}
