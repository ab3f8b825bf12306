//! `AWS::Logs::MetricFilter` as the body of a `PutMetricFilter` call.

use serde_json::{Map, Value as Json, json};

use super::Created;
use crate::app::MetricFilter;
use crate::properties::Properties;
use crate::scope::Scope;

const MEMBERS: [&str; 7] = [
    "ApplyOnTransformedLogs",
    "EmitSystemFieldDimensions",
    "FieldSelectionCriteria",
    "FilterName",
    "FilterPattern",
    "LogGroupName",
    "MetricTransformations",
];

const TRANSFORMATION: [&str; 6] =
    ["DefaultValue", "Dimensions", "MetricName", "MetricNamespace", "MetricValue", "Unit"];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<MetricFilter> {
    let filters = created.iter().filter(|created| created.resource.kind == "AWS::Logs::MetricFilter");
    let read = |created: &Created<'_>| {
        let properties = created.properties(scope);
        properties.check_names(&MEMBERS);
        properties.require("MetricTransformations");
        let transformations: Vec<Json> =
            properties.maps("MetricTransformations").iter().map(transformation).collect();
        MetricFilter {
            logical_id: created.resource.id.clone(),
            log_group: properties.required_text("LogGroupName"),
            filter: json!({
                "filterName": properties.text("FilterName").unwrap_or_else(|| created.resource.id.clone()),
                // A pattern may be empty, and then takes everything.
                "filterPattern": properties.required_text("FilterPattern"),
                "metricTransformations": transformations,
            }),
        }
    };
    filters.map(read).collect()
}

fn transformation(properties: &Properties<'_>) -> Json {
    properties.check_names(&TRANSFORMATION);
    let mut body = Map::new();
    let required = [
        ("metricName", "MetricName"),
        ("metricNamespace", "MetricNamespace"),
        ("metricValue", "MetricValue"),
    ];
    for (name, property) in required {
        body.insert(name.to_owned(), json!(properties.required_text(property)));
    }
    if let Some(value) = properties.decimal("DefaultValue") {
        body.insert("defaultValue".to_owned(), json!(value));
    }
    if let Some(unit) = properties.text("Unit") {
        body.insert("unit".to_owned(), json!(unit));
    }
    let dimensions: Map<String, Json> = properties
        .maps("Dimensions")
        .iter()
        .map(|dimension| (dimension.required_text("Key"), json!(dimension.required_text("Value"))))
        .collect();
    if !dimensions.is_empty() {
        body.insert("dimensions".to_owned(), Json::Object(dimensions));
    }
    Json::Object(body)
}
