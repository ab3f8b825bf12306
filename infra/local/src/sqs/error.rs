//! What Amazon SQS refuses, in its own codes and words.

use serde_json::{Value, json};

/// A refusal: `__type` of the JSON protocol, the older code that stands in a header for SDKs that
/// know it by that, and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqsError {
    shape: &'static str,
    code: &'static str,
    message: String,
}

impl SqsError {
    fn new(shape: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { shape, code, message: message.into() }
    }

    pub(crate) fn no_queue() -> Self {
        let message = "The specified queue does not exist.";
        Self::new("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}.");
        Self::new("MissingParameter", "MissingParameter", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", "InvalidParameterValue", message)
    }

    /// A number outside of its bounds.
    pub(crate) fn out_of_range(value: &str, parameter: &str, least: i64, most: i64) -> Self {
        Self::invalid(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be between {least} and {most}, if provided."
        ))
    }

    pub(crate) fn too_long(limit: usize) -> Self {
        Self::invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        ))
    }

    pub(crate) fn receipt_handle(handle: &str) -> Self {
        let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
        Self::new("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", message)
    }

    pub(crate) fn expired_handle() -> Self {
        Self::invalid("Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
    }

    pub(crate) fn not_in_flight() -> Self {
        let message = "The specified message isn't in flight.";
        Self::new("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", message)
    }

    pub(crate) fn over_limit(most: usize) -> Self {
        let message = format!("Too many messages in flight: a queue has at most {most}.");
        Self::new("OverLimit", "OverLimit", message)
    }

    pub(crate) fn empty_batch() -> Self {
        let message = "There should be at least one entry in the request.";
        Self::new("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", message)
    }

    pub(crate) fn too_many_entries(count: usize) -> Self {
        let message = format!("Maximum number of entries per request are 10. You have sent {count}.");
        Self::new(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            message,
        )
    }

    pub(crate) fn repeated_entry(id: &str) -> Self {
        let message = format!("Id {id} repeated.");
        Self::new("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", message)
    }

    pub(crate) fn entry_id() -> Self {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                       It can be at most 80 letters long.";
        Self::new("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", message)
    }

    pub(crate) fn batch_too_long(limit: usize, bytes: usize) -> Self {
        let message =
            format!("Batch requests cannot be longer than {limit} bytes. You have sent {bytes} bytes.");
        Self::new("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", message)
    }

    pub(crate) fn attribute(name: &str) -> Self {
        let message = format!("Unknown Attribute {name}.");
        Self::new("InvalidAttributeName", "InvalidAttributeName", message)
    }

    pub(crate) fn operation(name: &str) -> Self {
        let message = format!("The operation {name} is not one that the local Amazon SQS knows.");
        Self::new("UnknownOperationException", "InvalidAction", message)
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new("SerializationException", "MalformedInput", message)
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        json!({ "__type": format!("com.amazonaws.sqs#{}", self.shape), "message": self.message })
    }

    /// The header `x-amzn-query-error`.
    pub(crate) fn query_error(&self) -> String {
        format!("{};Sender", self.code)
    }

    /// An entry of a batch's `Failed`.
    pub(crate) fn entry(&self, id: &str) -> Value {
        json!({ "Id": id, "Code": self.code, "Message": self.message, "SenderFault": true })
    }
}
