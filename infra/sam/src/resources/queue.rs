//! `AWS::SQS::Queue`.

use super::Created;
use crate::app::{Queue, Redrive};
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::scope::Scope;

const MEMBERS: [&str; 16] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueName",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "Tags",
    "VisibilityTimeout",
];

/// `MaximumMessageSize` of a queue that names none: 1 MiB.
const MAX_MESSAGE: u32 = 1024 * 1024;

/// Four days.
const RETENTION: u32 = 345_600;

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<Queue> {
    let queues = created.iter().filter(|created| created.resource.kind == "AWS::SQS::Queue");
    let queues: Vec<Queue> = queues.map(|created| queue(created, scope)).collect();
    for created in created.iter().filter(|created| created.resource.kind == "AWS::SQS::Queue") {
        check_dead_letters(created, scope, &queues);
    }
    queues
}

fn queue(created: &Created<'_>, scope: &Scope<'_>) -> Queue {
    let properties = created.properties(scope);
    properties.check_names(&MEMBERS);
    let name = physical_name(scope, created.resource);
    let fifo = properties.truth("FifoQueue").unwrap_or(false);
    if fifo != name.ends_with(".fifo") {
        let message = if fifo {
            format!("a FIFO queue's `QueueName` ends with .fifo, and `{name}` does not")
        } else {
            format!("`{name}` ends with .fifo, which only a queue with `FifoQueue: true` may")
        };
        properties.report(properties.at(), &message);
    }
    let number = |name: &str, range, default| properties.number(name, range).unwrap_or(default);
    Queue {
        logical_id: created.resource.id.clone(),
        fifo,
        content_based_deduplication: properties.truth("ContentBasedDeduplication").unwrap_or(false),
        delay_seconds: number("DelaySeconds", 0..=900, 0),
        maximum_message_size: number("MaximumMessageSize", 1024..=MAX_MESSAGE, MAX_MESSAGE),
        message_retention_period: number("MessageRetentionPeriod", 60..=1_209_600, RETENTION),
        receive_wait_seconds: number("ReceiveMessageWaitTimeSeconds", 0..=20, 0),
        visibility_timeout: number("VisibilityTimeout", 0..=43_200, 30),
        redrive: redrive(&properties),
        name,
    }
}

fn redrive(properties: &Properties<'_>) -> Option<Redrive> {
    let policy = properties.map("RedrivePolicy")?;
    policy.check_names(&["deadLetterTargetArn", "maxReceiveCount"]);
    policy.require("maxReceiveCount");
    let arn = policy.required_text("deadLetterTargetArn");
    let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
    Some(Redrive { queue: name, max_receive_count: policy.number("maxReceiveCount", 1..=1000)? })
}

/// A dead-letter queue is of the same kind, and one that the template does not have takes nothing here.
fn check_dead_letters(created: &Created<'_>, scope: &Scope<'_>, queues: &[Queue]) {
    let Some(queue) = queues.iter().find(|queue| queue.logical_id == created.resource.id) else { return };
    let Some(redrive) = &queue.redrive else { return };
    let properties = created.properties(scope);
    let Some(policy) = properties.map("RedrivePolicy") else { return };
    match queues.iter().find(|other| other.name == redrive.queue) {
        Some(target) if target.fifo == queue.fifo => {}
        Some(target) => {
            let kind = if queue.fifo { "a FIFO queue" } else { "a standard queue" };
            let message =
                format!("the dead-letter queue of {kind} is one as well, and `{}` is not", target.name);
            policy.report(policy.at(), &message);
        }
        None => {
            let message = format!("the dead-letter queue `{}` is not part of this template", redrive.queue);
            policy.report(policy.at(), &message);
        }
    }
}
