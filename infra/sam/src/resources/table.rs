//! `AWS::DynamoDB::Table` as the body of a `CreateTable` call.
//!
//! CloudFormation's properties are the API's members in most places, with texts for numbers and a
//! few names of its own.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::Created;
use crate::app::Table;
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::scope::Scope;

const MEMBERS: [&str; 21] = [
    "AttributeDefinitions",
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "ImportSourceSpecification",
    "KeySchema",
    "KinesisStreamSpecification",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "ResourcePolicy",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
    "VectorIndexes",
    "WarmThroughput",
];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<Table> {
    let tables = created.iter().filter(|created| created.resource.kind == "AWS::DynamoDB::Table");
    let read = |created: &Created<'_>| {
        let properties = created.properties(scope);
        properties.check_names(&MEMBERS);
        let name = physical_name(scope, created.resource);
        Table {
            logical_id: created.resource.id.clone(),
            create: create(&properties, &name),
            name,
            ttl_attribute: ttl_attribute(&properties),
        }
    };
    tables.map(read).collect()
}

fn create(properties: &Properties<'_>, name: &str) -> Json {
    let mut body = Map::new();
    body.insert("TableName".to_owned(), json!(name));
    body.insert("KeySchema".to_owned(), key_schema(properties));
    body.insert("AttributeDefinitions".to_owned(), attributes(properties));
    let mode = properties.one_of("BillingMode", &["PAY_PER_REQUEST", "PROVISIONED"]);
    let provisioned = mode.as_deref() != Some("PAY_PER_REQUEST");
    body.insert("BillingMode".to_owned(), json!(mode.unwrap_or_else(|| "PROVISIONED".to_owned())));
    if provisioned {
        properties.require("ProvisionedThroughput");
    }
    if let Some(throughput) = throughput(properties) {
        body.insert("ProvisionedThroughput".to_owned(), throughput);
    }
    for name in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let indexes: Vec<Json> = properties.maps(name).iter().map(index).collect();
        if !indexes.is_empty() {
            body.insert(name.to_owned(), Json::Array(indexes));
        }
    }
    if let Some(stream) = properties.map("StreamSpecification") {
        let views = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"];
        stream.require("StreamViewType");
        let view = stream.one_of("StreamViewType", &views);
        body.insert(
            "StreamSpecification".to_owned(),
            json!({ "StreamEnabled": true, "StreamViewType": view.unwrap_or_default() }),
        );
    }
    check_attributes(properties);
    Json::Object(body)
}

fn key_schema(properties: &Properties<'_>) -> Json {
    properties.require("KeySchema");
    let element = |element: &Properties<'_>| {
        element.check_names(&["AttributeName", "KeyType"]);
        element.require("KeyType");
        let kind = element.one_of("KeyType", &["HASH", "RANGE"]).unwrap_or_default();
        json!({ "AttributeName": element.required_text("AttributeName"), "KeyType": kind })
    };
    Json::Array(properties.maps("KeySchema").iter().map(element).collect())
}

fn attributes(properties: &Properties<'_>) -> Json {
    properties.require("AttributeDefinitions");
    let attribute = |attribute: &Properties<'_>| {
        attribute.check_names(&["AttributeName", "AttributeType"]);
        attribute.require("AttributeType");
        let kind = attribute.one_of("AttributeType", &["B", "N", "S"]).unwrap_or_default();
        json!({ "AttributeName": attribute.required_text("AttributeName"), "AttributeType": kind })
    };
    Json::Array(properties.maps("AttributeDefinitions").iter().map(attribute).collect())
}

fn throughput(properties: &Properties<'_>) -> Option<Json> {
    let throughput = properties.map("ProvisionedThroughput")?;
    throughput.require("ReadCapacityUnits");
    throughput.require("WriteCapacityUnits");
    let units = |name: &str| throughput.number(name, 1..=u32::MAX).unwrap_or(1);
    let (read, write) = (units("ReadCapacityUnits"), units("WriteCapacityUnits"));
    Some(json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write }))
}

fn index(index: &Properties<'_>) -> Json {
    let mut body = Map::new();
    body.insert("IndexName".to_owned(), json!(index.required_text("IndexName")));
    body.insert("KeySchema".to_owned(), key_schema(index));
    index.require("Projection");
    if let Some(projection) = index.map("Projection") {
        let mut projected = Map::new();
        let kinds = ["ALL", "INCLUDE", "KEYS_ONLY"];
        if let Some(kind) = projection.one_of("ProjectionType", &kinds) {
            projected.insert("ProjectionType".to_owned(), json!(kind));
        }
        let others = projection.texts("NonKeyAttributes");
        if !others.is_empty() {
            projected.insert("NonKeyAttributes".to_owned(), json!(others));
        }
        body.insert("Projection".to_owned(), Json::Object(projected));
    }
    if let Some(throughput) = throughput(index) {
        body.insert("ProvisionedThroughput".to_owned(), throughput);
    }
    Json::Object(body)
}

/// DynamoDB wants exactly the attributes that keys use to be defined, and refuses others.
fn check_attributes(properties: &Properties<'_>) {
    let definitions = properties.maps("AttributeDefinitions");
    let defined: BTreeSet<String> = definitions.iter().filter_map(|d| d.text("AttributeName")).collect();
    let mut used = BTreeSet::new();
    let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].map(|name| properties.maps(name));
    for owner in indexes.iter().flatten().chain([properties]) {
        for element in owner.maps("KeySchema") {
            let Some(name) = element.text("AttributeName") else { continue };
            if !defined.contains(&name) {
                let message = format!("the key attribute `{name}` is not among the `AttributeDefinitions`");
                element.report(element.at(), &message);
            }
            used.insert(name);
        }
    }
    for definition in &definitions {
        if let Some(name) = definition.text("AttributeName").filter(|name| !used.contains(name)) {
            let message = format!("`{name}` is defined and no key uses it; DynamoDB refuses such a table");
            definition.report(definition.at(), &message);
        }
    }
}

fn ttl_attribute(properties: &Properties<'_>) -> Option<String> {
    let ttl = properties.map("TimeToLiveSpecification")?;
    ttl.check_names(&["AttributeName", "Enabled"]);
    ttl.require("Enabled");
    if ttl.truth("Enabled")? { Some(ttl.required_text("AttributeName")) } else { None }
}
