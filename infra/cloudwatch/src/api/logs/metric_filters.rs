//! Metric filters.

use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, page};
use crate::filter::Pattern;
use crate::logs::{MetricFilter, Transformation};

/// Metric filters of a page.
const PAGE: usize = 50;

/// Metric filters of a group.
const MAX_FILTERS: usize = 100;

/// Dimensions of a metric filter.
const MAX_DIMENSIONS: usize = 3;

/// Messages of one TestMetricFilter.
const MAX_MESSAGES: usize = 50;

pub(super) fn put(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = input.group_name()?;
    let name = input.name("filterName")?;
    let pattern = input.required("filterPattern")?;
    let filter = MetricFilter {
        filter_name: name.to_owned(),
        filter_pattern: pattern.to_owned(),
        metric_transformations: vec![transformation(input)?],
        creation_time: 0,
    };
    let others = api.logs.metric_filters(group)?;
    if others.len() >= MAX_FILTERS && others.iter().all(|other| other.filter_name != name) {
        return Err(ApiError::limit("Resource limit exceeded."));
    }
    api.logs.put_metric_filter(group, filter)?;
    Ok(Value::Null)
}

fn transformation(input: &Input) -> Result<Transformation, ApiError> {
    const MEMBER: &str = "metricTransformations";
    let list = input.list(MEMBER)?.ok_or_else(|| ApiError::missing(MEMBER))?;
    let [one] = list.as_slice() else {
        let rule = "have length equal to 1";
        return Err(ApiError::constraint("[...]", MEMBER, rule));
    };
    let read: Transformation =
        serde_json::from_value(one.clone()).map_err(|error| ApiError::serialization(error.to_string()))?;
    if !read.metric_value.starts_with('$') && read.metric_value.parse::<f64>().is_err() {
        return Err(ApiError::invalid(
            "Invalid metric transformation: the metric value must be a number or a name of the pattern.",
        ));
    }
    if read.dimensions.len() > MAX_DIMENSIONS {
        return Err(ApiError::invalid("Invalid metric transformation: more than 3 dimensions."));
    }
    if read.default_value.is_some() && !read.dimensions.is_empty() {
        return Err(ApiError::invalid(
            "Invalid metric transformation: dimensions and a default value cannot go together.",
        ));
    }
    Ok(read)
}

pub(super) fn delete(api: &Api, input: &Input) -> Result<Value, ApiError> {
    api.logs.delete_metric_filter(input.group_name()?, input.name("filterName")?)?;
    Ok(Value::Null)
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let prefix = input.text("filterNamePrefix")?.unwrap_or_default();
    let metric = (input.text("metricName")?, input.text("metricNamespace")?);
    if metric.0.is_some() != metric.1.is_some() {
        return Err(ApiError::invalid("metricName and metricNamespace must be given together."));
    }
    let limit = input.limit(PAGE)?;
    let after = input.page_after()?;
    let groups = match input.text("logGroupName")? {
        Some(_) => vec![input.group_name()?.to_owned()],
        None => api.logs.groups().iter().map(|group| group.to_string()).collect(),
    };
    let one = groups.len() == 1;
    let mut found = Vec::new();
    for group in groups {
        let filters = match api.logs.metric_filters(&group) {
            Err(error) if one => return Err(error.into()),
            filters => filters.unwrap_or_default(),
        };
        found.extend(
            filters
                .into_iter()
                .map(|filter| (format!("{group}:{}", filter.filter_name), group.clone(), filter)),
        );
    }
    let is_meant = |filter: &MetricFilter| {
        let makes = |one: &Transformation| {
            metric == (Some(one.metric_name.as_str()), Some(one.metric_namespace.as_str()))
        };
        filter.filter_name.starts_with(prefix)
            && (metric.0.is_none() || filter.metric_transformations.iter().any(makes))
    };
    let found = found
        .into_iter()
        .filter(|(place, _, filter)| is_meant(filter) && after.as_ref().is_none_or(|after| place > after));
    let (filters, token) = page(found, limit, |(place, _, _)| place);
    let described: Vec<Value> = filters.iter().map(|(_, group, filter)| described(group, filter)).collect();
    let mut answer = json!({ "metricFilters": described });
    put_token(&mut answer, token);
    Ok(answer)
}

fn described(group: &str, filter: &MetricFilter) -> Value {
    let mut described = json!(filter);
    if let Some(members) = described.as_object_mut() {
        members.insert("logGroupName".to_owned(), json!(group));
    }
    described
}

pub(super) fn test(_: &Api, input: &Input) -> Result<Value, ApiError> {
    let pattern = Pattern::parse(input.required("filterPattern")?)?;
    let messages = input.texts("logEventMessages")?.ok_or_else(|| ApiError::missing("logEventMessages"))?;
    if messages.is_empty() || messages.len() > MAX_MESSAGES {
        let rule = "have length between 1 and 50";
        return Err(ApiError::constraint("[...]", "logEventMessages", rule));
    }
    let found = messages.iter().enumerate().filter_map(|(at, message)| {
        let found = pattern.find(message)?;
        let extracted = pattern.extracted(&found);
        Some(json!({ "eventNumber": at + 1, "eventMessage": message, "extractedValues": extracted }))
    });
    Ok(json!({ "matches": found.collect::<Vec<_>>() }))
}
