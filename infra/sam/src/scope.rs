//! What names mean: parameters, pseudo parameters, conditions, resources, and who refers to whom.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Position, Problems, did_you_mean};
use crate::identity;
use crate::settings::Settings;
use crate::template::{Named, Resource, Template};
use crate::value::{Data, Value};

const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Everything that evaluation needs to know.
pub(crate) struct Scope<'a> {
    pub(crate) template: &'a Template,
    pub(crate) settings: &'a Settings,
    pub(crate) problems: &'a Problems,
    pub(crate) parameters: BTreeMap<String, Value>,
    /// Conditions already decided; `None` is one that is being decided, or that is broken.
    pub(crate) decided: RefCell<BTreeMap<String, Option<bool>>>,
    /// The resource whose properties are being evaluated, innermost last.
    within: RefCell<Vec<String>>,
    references: RefCell<BTreeSet<Reference>>,
}

/// One resource needs another one to be there first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    from: String,
    to: String,
    at: Position,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        template: &'a Template,
        settings: &'a Settings,
        problems: &'a Problems,
        parameters: BTreeMap<String, Value>,
    ) -> Self {
        Self {
            template,
            settings,
            problems,
            parameters,
            decided: RefCell::default(),
            within: RefCell::default(),
            references: RefCell::default(),
        }
    }

    pub(crate) fn resource(&self, id: &str) -> Option<&'a Resource> {
        self.template.resources.iter().find(|resource| resource.id == id)
    }

    /// Whether the resource exists under these parameters.
    pub(crate) fn is_created(&self, resource: &Resource) -> bool {
        match &resource.condition {
            // A broken condition is reported where it is; the resource is then read as well.
            Some(condition) => self.condition(&condition.name, condition.at).unwrap_or(true),
            None => true,
        }
    }

    /// Evaluates for a resource: what is referred to meanwhile is what that resource needs.
    /// `None` when the resource is already being evaluated, which `check_cycles` reports.
    pub(crate) fn inside<T>(&self, id: &str, evaluate: impl FnOnce() -> T) -> Option<T> {
        if self.within.borrow().iter().any(|outer| outer == id) {
            return None;
        }
        self.within.borrow_mut().push(id.to_owned());
        let result = evaluate();
        self.within.borrow_mut().pop();
        Some(result)
    }

    /// `Ref`. What stands in a branch that is not taken (`live` is false) is checked for its name only.
    pub(crate) fn reference(&self, name: &str, at: Position, live: bool) -> Value {
        if let Some(value) = self.parameters.get(name) {
            return Value { at, ..value.clone() };
        }
        if name.starts_with("AWS::") {
            return self.pseudo_parameter(name, at);
        }
        match (self.resource(name), name.split_once('.')) {
            (Some(resource), _) => self.refer(resource, at, live, || identity::reference(self, resource, at)),
            // SAM lets `!Ref Function.Alias` name what it generates.
            (None, Some((id, attribute))) if self.template.is_sam => self.attribute(id, attribute, at, live),
            (None, _) => self.unknown_name(name, at),
        }
    }

    /// `Fn::GetAtt`.
    pub(crate) fn attribute(&self, id: &str, attribute: &str, at: Position, live: bool) -> Value {
        match self.resource(id) {
            Some(resource) => {
                self.refer(resource, at, live, || identity::attribute(self, resource, attribute, at))
            }
            None if self.parameters.contains_key(id) => {
                let message = format!("`{id}` is a parameter and has no attributes such as `{attribute}`");
                self.problems.report(at, message);
                Value::reported(at)
            }
            None => self.unknown_name(id, at),
        }
    }

    fn refer(
        &self,
        resource: &Resource,
        at: Position,
        live: bool,
        identity: impl FnOnce() -> Value,
    ) -> Value {
        if !live {
            return identity();
        }
        if !self.is_created(resource) {
            let condition = resource.condition.as_ref().map_or("", |condition| &condition.name);
            let message = format!(
                "`{}` is not created, because its condition `{condition}` is false under these parameters",
                resource.id
            );
            self.problems.report(at, message);
            return Value::reported(at);
        }
        self.needs(&resource.id, at);
        self.inside(&resource.id, identity).unwrap_or_else(|| Value::reported(at))
    }

    /// Notes that the resource being evaluated needs another one.
    fn needs(&self, to: &str, at: Position) {
        if let Some(from) = self.within.borrow().last() {
            let reference = Reference { from: from.clone(), to: to.to_owned(), at };
            self.references.borrow_mut().insert(reference);
        }
    }

    /// `DependsOn`.
    pub(crate) fn depends_on(&self, resource: &Resource, on: &Named) {
        if self.resource(&on.name).is_none() {
            let hint = did_you_mean(&on.name, self.template.resources.iter().map(|r| r.id.as_str()));
            if hint.is_empty() && self.may_be_generated(&on.name) {
                return;
            }
            let message = format!(
                "`{}` depends on `{}`, which is no resource of this template{hint}",
                resource.id, on.name
            );
            self.problems.report(on.at, message);
            return;
        }
        let reference = Reference { from: resource.id.clone(), to: on.name.clone(), at: on.at };
        self.references.borrow_mut().insert(reference);
    }

    fn unknown_name(&self, name: &str, at: Position) -> Value {
        let names = self.template.resources.iter().map(|resource| resource.id.as_str());
        let names = names.chain(self.template.parameters.iter().map(|parameter| parameter.key.as_str()));
        let hint = did_you_mean(name, names);
        if hint.is_empty() && self.may_be_generated(name) {
            return Value::text(at, format!("{}-{name}", self.settings.stack_name));
        }
        let message = format!("`{name}` is neither a parameter nor a resource of this template{hint}");
        self.problems.report(at, message);
        Value::reported(at)
    }

    /// SAM makes further resources for most of its own types, with ids that start with the type's: roles,
    /// permissions, stages, versions. None of them is run here, and so they are not all written out.
    fn may_be_generated(&self, name: &str) -> bool {
        let makes =
            |resource: &Resource| resource.kind.starts_with("AWS::Serverless::") || is_event(resource);
        let mut resources = self.template.resources.iter();
        self.template.is_sam && resources.any(|resource| makes(resource) && name.starts_with(&resource.id))
    }

    fn pseudo_parameter(&self, name: &str, at: Position) -> Value {
        let settings = self.settings;
        let text = match name {
            "AWS::AccountId" => settings.account_id.clone(),
            "AWS::Partition" => settings.partition().to_owned(),
            "AWS::Region" => settings.region.clone(),
            "AWS::StackId" => settings.stack_id(),
            "AWS::StackName" => settings.stack_name.clone(),
            "AWS::URLSuffix" => settings.url_suffix().to_owned(),
            "AWS::NoValue" => return Value { at, data: Data::Absent },
            "AWS::NotificationARNs" => return Value { at, data: Data::Seq(Vec::new()) },
            unknown => {
                let hint = did_you_mean(unknown, PSEUDO_PARAMETERS);
                self.problems.report(at, format!("there is no pseudo parameter `{unknown}`{hint}"));
                return Value::reported(at);
            }
        };
        Value::text(at, text)
    }

    /// Reports each circle of resources that need one another, where it closes.
    pub(crate) fn check_cycles(&self) {
        let references = self.references.borrow();
        let mut cleared = BTreeSet::new();
        for resource in &self.template.resources {
            let mut path = Vec::new();
            if let Some((circle, at)) = circle(&references, &resource.id, &mut path, &mut cleared) {
                let message = format!("these resources need one another: {}", circle.join(" -> "));
                self.problems.report(at, message);
            }
        }
    }
}

/// What SAM makes of a function's event.
fn is_event(resource: &Resource) -> bool {
    resource.kind.ends_with(" event")
}

/// Walks from a resource along its needs; the circle that the walk runs into first, if any.
fn circle(
    references: &BTreeSet<Reference>,
    id: &str,
    path: &mut Vec<String>,
    cleared: &mut BTreeSet<String>,
) -> Option<(Vec<String>, Position)> {
    if !cleared.insert(id.to_owned()) {
        return None;
    }
    path.push(id.to_owned());
    for reference in references.iter().filter(|reference| reference.from == id) {
        if let Some(start) = path.iter().position(|step| *step == reference.to) {
            let steps = path.iter().skip(start).chain([&reference.to]).cloned().collect();
            return Some((steps, reference.at));
        }
        if let Some(found) = circle(references, &reference.to, path, cleared) {
            return Some(found);
        }
    }
    path.pop();
    None
}
