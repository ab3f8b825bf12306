//! `AWS::Lambda::EventSourceMapping` of SQS queues, which SAM makes of a function's `SQS` events too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Created;
use crate::app::{EventSource, Function, Queue};
use crate::properties::Properties;
use crate::scope::Scope;

const KIND: &str = "AWS::Lambda::EventSourceMapping";

/// Members that the mapping of a queue can have; others belong to streams.
const MEMBERS: [&str; 12] = [
    "BatchSize",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MetricsConfig",
    "ProvisionedPollerConfig",
    "ScalingConfig",
    "Tags",
];

/// The mappings that run here. One of another source, or of something outside of the template, is not
/// among them.
pub(super) fn read(
    created: &[Created<'_>],
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
    queues: &[Queue],
) -> Vec<EventSource> {
    let mappings = created.iter().filter(|created| created.resource.kind == KIND);
    mappings.filter_map(|created| mapping(created, scope, functions, queues)).collect()
}

fn mapping(
    created: &Created<'_>,
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
    queues: &[Queue],
) -> Option<EventSource> {
    let properties = created.properties(scope);
    let arn = properties.text("EventSourceArn")?;
    let name = arn.strip_prefix("arn:")?.split_once(":sqs:")?.1.rsplit(':').next()?.to_owned();
    properties.check_names(&MEMBERS);
    if properties.has("FilterCriteria") {
        return None;
    }
    let queue = queues.iter().find(|queue| queue.name == name)?;
    let function = function(&properties.required_text("FunctionName"), functions)?;
    let most = if queue.fifo { 10 } else { 10_000 };
    let batch_size = properties.number("BatchSize", 1..=most).unwrap_or(10);
    let window = properties.number("MaximumBatchingWindowInSeconds", 0..=300).unwrap_or(0);
    check(&properties, queue, function, batch_size, window);
    let scaling = properties.map("ScalingConfig");
    Some(EventSource {
        logical_id: created.resource.id.clone(),
        function: function.logical_id.clone(),
        queue: name,
        batch_size: usize::try_from(batch_size).unwrap_or(10),
        batching_window: Duration::from_secs(u64::from(window)),
        reports_failures: properties
            .texts("FunctionResponseTypes")
            .iter()
            .any(|t| t == "ReportBatchItemFailures"),
        maximum_concurrency: scaling.and_then(|scaling| scaling.number("MaximumConcurrency", 2..=1000)),
        enabled: properties.truth("Enabled").unwrap_or(true),
    })
}

/// What Lambda refuses when the mapping is made.
fn check(properties: &Properties<'_>, queue: &Queue, function: &Function, batch_size: u32, window: u32) {
    if batch_size > 10 && window == 0 {
        let message = "a `BatchSize` above 10 needs a `MaximumBatchingWindowInSeconds` of at least 1";
        properties.report(properties.at(), message);
    }
    if queue.fifo && window > 0 {
        properties.report(properties.at(), "a FIFO queue has no batching window");
    }
    if u64::from(queue.visibility_timeout) < function.timeout.as_secs() {
        let message = format!(
            "the queue's `VisibilityTimeout` ({} s) is below the function's `Timeout` ({} s): a message would be \
             received again while the function works on it",
            queue.visibility_timeout,
            function.timeout.as_secs()
        );
        properties.report(properties.at(), &message);
    }
}

/// A function by its name or its ARN, with or without a version or an alias.
fn function<'a>(named: &str, functions: &'a BTreeMap<String, Function>) -> Option<&'a Function> {
    let name = named.split_once(":function:").map_or(named, |(_, name)| name);
    let name = name.split(':').next().unwrap_or_default();
    functions.values().find(|function| function.name == name)
}
