//! The event that a function gets: "Using Lambda with Amazon SQS" in Lambda's developer guide.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::api::system;
use super::message::md5_of_body;
use super::queue::Received;

/// One event with a record for each message.
pub(super) fn of(messages: &[Received], arn: &str, region: &str) -> Bytes {
    let records: Vec<Value> = messages.iter().map(|received| record(received, arn, region)).collect();
    Bytes::from(json!({ "Records": records }).to_string())
}

fn record(received: &Received, arn: &str, region: &str) -> Value {
    let Received { message, handle } = received;
    let own: Map<String, Value> =
        message.attributes.iter().map(|(name, a)| (name.clone(), a.to_event())).collect();
    json!({
        "messageId": message.id.to_string(),
        "receiptHandle": handle,
        "body": message.body,
        "attributes": system(message),
        "messageAttributes": own,
        "md5OfBody": md5_of_body(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    })
}
