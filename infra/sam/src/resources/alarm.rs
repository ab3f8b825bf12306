//! `AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm`.
//!
//! Their properties are the members of the API's calls. CloudWatch itself checks what depends on
//! several of them.

use serde_json::{Map, Value as Json};

use super::Created;
use crate::app::Alarm;
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::scope::Scope;

const METRIC: [&str; 23] = [
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Tags",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
    "EvaluationWindow",
];

const COMPOSITE: [&str; 11] = [
    "ActionsEnabled",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "AlarmRule",
    "InsufficientDataActions",
    "OKActions",
    "Tags",
];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<Alarm> {
    let alarm = |created: &Created<'_>| {
        let properties = created.properties(scope);
        let composite = match created.resource.kind.as_str() {
            "AWS::CloudWatch::Alarm" => false,
            "AWS::CloudWatch::CompositeAlarm" => true,
            _ => return None,
        };
        let name = physical_name(scope, created.resource);
        let mut put = if composite { composite_alarm(&properties) } else { metric_alarm(&properties) };
        put.insert("AlarmName".to_owned(), Json::String(name.clone()));
        Some(Alarm { logical_id: created.resource.id.clone(), name, composite, put: Json::Object(put) })
    };
    created.iter().filter_map(alarm).collect()
}

fn metric_alarm(properties: &Properties<'_>) -> Map<String, Json> {
    properties.check_names(&METRIC);
    properties.require("ComparisonOperator");
    properties.require("EvaluationPeriods");
    for number in ["EvaluationPeriods", "DatapointsToAlarm", "Period"] {
        properties.number(number, 1..=u32::MAX);
    }
    properties.one_of("Statistic", &["Average", "Maximum", "Minimum", "SampleCount", "Sum"]);
    properties.one_of("TreatMissingData", &["breaching", "ignore", "missing", "notBreaching"]);
    properties.truth("ActionsEnabled");
    members(properties)
}

fn composite_alarm(properties: &Properties<'_>) -> Map<String, Json> {
    properties.check_names(&COMPOSITE);
    properties.require("AlarmRule");
    properties.truth("ActionsEnabled");
    members(properties)
}

/// The properties as members of a call.
fn members(properties: &Properties<'_>) -> Map<String, Json> {
    let member = |(name, _): (&str, _)| {
        let value = properties.get(name)?;
        let json = value.texts();
        if json.is_none() && !value.is_unknown() {
            properties.report(value.at, &format!("a part of `{name}` cannot be known"));
        }
        Some((name.to_owned(), json?))
    };
    properties.names().filter_map(member).collect()
}
