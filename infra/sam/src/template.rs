//! The template's sections and resources, their shape checked, nothing evaluated yet.

use crate::error::{Position, Problems, did_you_mean};
use crate::yaml::{Data, Entry, Node};

/// The value of `Transform` that makes a CloudFormation template a SAM template.
const SAM: &str = "AWS::Serverless-2016-10-31";

const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

const RESOURCE_MEMBERS: [&str; 12] = [
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// The sections that mean something here.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) metadata: Vec<Entry>,
    pub(crate) parameters: Vec<Entry>,
    pub(crate) mappings: Vec<Entry>,
    pub(crate) conditions: Vec<Entry>,
    pub(crate) rules: Vec<Entry>,
    pub(crate) globals: Vec<Entry>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: Vec<Entry>,
    pub(crate) is_sam: bool,
}

/// One resource as it is declared.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) at: Position,
    pub(crate) kind: String,
    pub(crate) kind_at: Position,
    pub(crate) properties: Node,
    pub(crate) metadata: Option<Node>,
    pub(crate) condition: Option<Named>,
    pub(crate) depends_on: Vec<Named>,
    /// `IgnoreGlobals`: the `Globals` members that it does not take; `*` is all of them.
    pub(crate) ignore_globals: Vec<Named>,
}

/// A name and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) at: Position,
}

impl Template {
    /// Reads the sections; what has the wrong shape is reported and left out.
    pub(crate) fn read(root: &Node, problems: &Problems) -> Self {
        let mut template = Self {
            metadata: Vec::new(),
            parameters: Vec::new(),
            mappings: Vec::new(),
            conditions: Vec::new(),
            rules: Vec::new(),
            globals: Vec::new(),
            resources: Vec::new(),
            outputs: Vec::new(),
            is_sam: false,
        };
        let Some(sections) = map(root, "a template", problems) else { return template };
        for section in sections {
            let members = || map(&section.value, &format!("`{}`", section.key), problems).unwrap_or_default();
            match section.key.as_str() {
                // Anything may stand there, a list too.
                "Metadata" => template.metadata = section.value.entries().unwrap_or_default().to_vec(),
                "Parameters" => template.parameters = members().to_vec(),
                "Mappings" => template.mappings = members().to_vec(),
                "Conditions" => template.conditions = members().to_vec(),
                "Rules" => template.rules = members().to_vec(),
                "Globals" => template.globals = members().to_vec(),
                "Outputs" => template.outputs = members().to_vec(),
                "Resources" => {
                    template.resources = members().iter().filter_map(|r| resource(r, problems)).collect();
                }
                "Transform" => {
                    template.is_sam = names(&section.value, problems).iter().any(|t| t.name == SAM)
                }
                known if SECTIONS.contains(&known) => {}
                unknown => {
                    let hint = did_you_mean(unknown, SECTIONS);
                    problems.report(section.at, format!("a template has no section `{unknown}`{hint}"));
                }
            }
        }
        if !sections.iter().any(|section| section.key == "Resources") {
            problems.report(root.at, "a template must have `Resources`, and this one has none");
        }
        template
    }
}

fn resource(entry: &Entry, problems: &Problems) -> Option<Resource> {
    if let Some(name) = entry.key.strip_prefix("Fn::ForEach::") {
        let message = format!("`Fn::ForEach` is not run locally: write the resources of `{name}` out");
        problems.report(entry.at, message);
        return None;
    }
    check_logical_id(entry, problems);
    let members = map(&entry.value, &format!("the resource `{}`", entry.key), problems)?;
    check_members(&entry.key, members, problems);
    let find = |name: &str| members.iter().find(|member| member.key == name);
    let list = |name: &str| find(name).map(|member| names(&member.value, problems)).unwrap_or_default();
    let Some(kind) = find("Type") else {
        problems.report(entry.at, format!("the resource `{}` has no `Type`", entry.key));
        return None;
    };
    let Some(kind_text) = kind.value.as_text() else {
        problems.report(
            kind.value.at,
            format!(
                "`Type` must be a resource type like AWS::DynamoDB::Table, not {}",
                kind.value.describe()
            ),
        );
        return None;
    };
    Some(Resource {
        id: entry.key.clone(),
        at: entry.at,
        kind: kind_text.to_owned(),
        kind_at: kind.value.at,
        properties: properties(entry, find("Properties"), problems),
        metadata: find("Metadata").map(|member| member.value.clone()),
        condition: list("Condition").into_iter().next(),
        depends_on: list("DependsOn"),
        ignore_globals: list("IgnoreGlobals"),
    })
}

fn properties(resource: &Entry, member: Option<&Entry>, problems: &Problems) -> Node {
    let what = format!("`Properties` of `{}`", resource.key);
    match member {
        Some(member) if map(&member.value, &what, problems).is_some() => member.value.clone(),
        Some(_) | None => Node { at: resource.at, data: Data::Map(Vec::new()) },
    }
}

fn check_logical_id(entry: &Entry, problems: &Problems) {
    if entry.key.is_empty() || !entry.key.chars().all(|c| c.is_ascii_alphanumeric()) {
        let message =
            format!("a resource's name is made of letters and digits only, and `{}` is not", entry.key);
        problems.report(entry.at, message);
    }
}

fn check_members(id: &str, members: &[Entry], problems: &Problems) {
    for member in members {
        if !RESOURCE_MEMBERS.contains(&member.key.as_str()) {
            let hint = match did_you_mean(&member.key, RESOURCE_MEMBERS) {
                hint if hint.is_empty() => "; does it belong under its `Properties`?".to_owned(),
                hint => hint,
            };
            let message = format!("the resource `{id}` has no member `{}`{hint}", member.key);
            problems.report(member.at, message);
        }
    }
}

/// The members of a map, or an error that says what should be one.
pub(crate) fn map<'a>(node: &'a Node, what: &str, problems: &Problems) -> Option<&'a [Entry]> {
    let entries = node.entries();
    if entries.is_none() {
        problems.report(node.at, format!("{what} must be a map of names to values, not {}", node.describe()));
    }
    entries
}

/// One name or a list of names.
fn names(node: &Node, problems: &Problems) -> Vec<Named> {
    let items = match &node.data {
        Data::Seq(items) => items.iter().collect(),
        Data::Scalar(_) | Data::Map(_) | Data::Call(_) => vec![node],
    };
    let mut names = Vec::new();
    for item in items {
        match &item.data {
            Data::Scalar(scalar) if !scalar.is_null() => {
                names.push(Named { name: scalar.text.clone(), at: item.at });
            }
            // A transform may be a map with its own parameters: never SAM's.
            Data::Map(_) => {}
            Data::Scalar(_) | Data::Seq(_) | Data::Call(_) => {
                problems.report(item.at, format!("a name is expected here, not {}", item.describe()));
            }
        }
    }
    names
}
