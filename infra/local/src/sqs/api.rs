//! The API: AWS JSON 1.0, one small function an operation.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::error::SqsError;
use super::message::{self, Outgoing};
use super::queue::{MAX_VISIBILITY, Message, Queue, Received, Sent};
use super::{Entry, Sqs, Wanted};

/// Entries of a batch.
const MAX_ENTRIES: usize = 10;

/// An entry of a batch with its id.
type BatchEntry<'a> = (&'a str, &'a Map<String, Value>);

/// Bytes of all messages of a batch.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Seconds that a receive may wait.
const MAX_WAIT: i64 = 20;

/// Who sent a message, which nobody knows here.
const SENDER: &str = "AIDAIENQZJOLO23YVJ4VO";

impl Sqs {
    /// Answers one call: `operation` is what stands behind `AmazonSQS.` in its target.
    pub(crate) async fn call(&self, operation: &str, body: &[u8]) -> Response<Bytes> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let answer = match serde_json::from_slice(body) {
            Ok(Value::Object(request)) => self.dispatch(operation, &request).await,
            Ok(_) => Err(SqsError::malformed("The request is not a JSON object.")),
            Err(error) => Err(SqsError::malformed(format!("The request is not JSON: {error}."))),
        };
        let (status, body, error) = match answer {
            Ok(body) => (StatusCode::OK, body, None),
            Err(error) => {
                (StatusCode::BAD_REQUEST, error.body(), HeaderValue::from_str(&error.query_error()).ok())
            }
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert("x-amzn-RequestId", id);
        }
        if let Some(error) = error {
            headers.insert("x-amzn-query-error", error);
        }
        response
    }

    async fn dispatch(&self, operation: &str, request: &Map<String, Value>) -> Result<Value, SqsError> {
        match operation {
            "ChangeMessageVisibility" => self.change_visibility(request),
            "ChangeMessageVisibilityBatch" => self.each(request, |entry| self.change_visibility(entry)),
            "DeleteMessage" => self.delete(request),
            "DeleteMessageBatch" => self.each(request, |entry| self.delete(entry)),
            "GetQueueAttributes" => self.attributes(request),
            "GetQueueUrl" => self.queue_url(request),
            "ListQueues" => self.list(request),
            "PurgeQueue" => self.purge(request),
            "ReceiveMessage" => self.receive_message(request).await,
            "SendMessage" => self.send(request),
            "SendMessageBatch" => self.send_batch(request),
            other => Err(SqsError::operation(other)),
        }
    }

    fn queue_url(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let name = text(request, "QueueName")?;
        self.entry(name)?;
        Ok(json!({ "QueueUrl": self.url(name) }))
    }

    fn list(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let prefix = optional_text(request, "QueueNamePrefix")?.unwrap_or_default();
        let names = self.shared.queues.keys().filter(|name| name.starts_with(prefix));
        let urls: Vec<String> = names.map(|name| self.url(name)).collect();
        Ok(if urls.is_empty() { json!({}) } else { json!({ "QueueUrls": urls }) })
    }

    fn purge(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        self.with(self.named(request)?, |queue, _| queue.purge());
        Ok(json!({}))
    }

    fn send(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let entry = self.named(request)?;
        self.send_one(entry, outgoing(request)?)
    }

    fn send_one(&self, entry: &Entry, outgoing: Outgoing) -> Result<Value, SqsError> {
        let body = message::md5_of_body(&outgoing.body);
        let attributes = message::md5_of_attributes(&outgoing.attributes);
        let sent = self.with(entry, |queue, now| queue.send(outgoing, now))?;
        entry.changed.notify_waiters();
        Ok(told(&sent, &body, attributes))
    }

    fn send_batch(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let entry = self.named(request)?;
        let bytes = |entry: &Map<String, Value>| outgoing(entry).map_or(0, |outgoing| outgoing.bytes());
        let total = entries(request)?.into_iter().map(|(_, entry)| bytes(entry)).sum();
        if total > MAX_BATCH_BYTES {
            return Err(SqsError::batch_too_long(MAX_BATCH_BYTES, total));
        }
        self.each(request, |message| self.send_one(entry, outgoing(message)?))
    }

    async fn receive_message(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let name = self.name(request)?;
        let (visibility, wait) = {
            let own_wait =
                self.with(self.entry(name)?, |queue, _| i64::from(queue.declared().receive_wait_seconds));
            let wait = number(request, "WaitTimeSeconds", 0, MAX_WAIT)?.unwrap_or(own_wait);
            (number(request, "VisibilityTimeout", 0, MAX_VISIBILITY)?, wait)
        };
        let most = number(request, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
        let most = usize::try_from(most).unwrap_or(1);
        let wanted = Wanted { most, visibility, wait: Duration::from_secs(wait.unsigned_abs()) };
        let shown = Shown::of(request);
        let received = self.receive(name, wanted).await?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<Value> = received.iter().map(|received| shown.message(received)).collect();
        Ok(json!({ "Messages": messages }))
    }

    fn delete(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let entry = self.named(request)?;
        let handle = text(request, "ReceiptHandle")?;
        self.with(entry, |queue, now| queue.delete(handle, now))?;
        // The next message of its group may be free now.
        entry.changed.notify_waiters();
        Ok(json!({}))
    }

    fn change_visibility(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let entry = self.named(request)?;
        let handle = text(request, "ReceiptHandle")?;
        let seconds = number(request, "VisibilityTimeout", 0, MAX_VISIBILITY)?;
        let seconds = seconds.ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
        self.with(entry, |queue, now| queue.change_visibility(handle, seconds, now))?;
        entry.changed.notify_waiters();
        Ok(json!({}))
    }

    fn attributes(&self, request: &Map<String, Value>) -> Result<Value, SqsError> {
        let entry = self.named(request)?;
        let all = self.with(entry, |queue, now| attributes(queue, now, self.shared.started));
        let wanted = texts(request, "AttributeNames");
        if let Some(unknown) = wanted.iter().find(|name| !is_attribute(name)) {
            return Err(SqsError::attribute(unknown));
        }
        let is_wanted = |name: &str| wanted.iter().any(|wanted| *wanted == "All" || *wanted == name);
        let shown: Map<String, Value> = all.into_iter().filter(|(name, _)| is_wanted(name)).collect();
        Ok(if shown.is_empty() { json!({}) } else { json!({ "Attributes": shown }) })
    }

    /// Does each entry of a batch on its own; what fails is told beside what did not.
    fn each(
        &self,
        request: &Map<String, Value>,
        work: impl Fn(&Map<String, Value>) -> Result<Value, SqsError>,
    ) -> Result<Value, SqsError> {
        let url = request.get("QueueUrl").cloned().unwrap_or_default();
        self.named(request)?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in entries(request)? {
            let mut entry = entry.clone();
            entry.insert("QueueUrl".to_owned(), url.clone());
            match work(&entry) {
                Ok(Value::Object(mut told)) => {
                    told.insert("Id".to_owned(), json!(id));
                    successful.push(Value::Object(told));
                }
                Ok(_) => successful.push(json!({ "Id": id })),
                Err(error) => failed.push(error.entry(id)),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn named(&self, request: &Map<String, Value>) -> Result<&Entry, SqsError> {
        self.entry(self.name(request)?)
    }

    /// The queue's name: what stands last in its URL, whatever host that names.
    fn name<'a>(&self, request: &'a Map<String, Value>) -> Result<&'a str, SqsError> {
        let url = text(request, "QueueUrl")?;
        let name = url.rsplit('/').next().unwrap_or_default();
        self.entry(name)?;
        Ok(name)
    }
}

fn told(sent: &Sent, body: &str, attributes: Option<String>) -> Value {
    let mut told = Map::new();
    told.insert("MessageId".to_owned(), json!(sent.id.to_string()));
    told.insert("MD5OfMessageBody".to_owned(), json!(body));
    if let Some(attributes) = attributes {
        told.insert("MD5OfMessageAttributes".to_owned(), json!(attributes));
    }
    if let Some(sequence) = sent.sequence {
        told.insert("SequenceNumber".to_owned(), json!(sequence.to_string()));
    }
    Value::Object(told)
}

fn outgoing(request: &Map<String, Value>) -> Result<Outgoing, SqsError> {
    let own = |name: &str| Ok::<_, SqsError>(optional_text(request, name)?.map(ToOwned::to_owned));
    Ok(Outgoing {
        body: text(request, "MessageBody")?.to_owned(),
        attributes: message::attributes(request.get("MessageAttributes"))?,
        delay: request.get("DelaySeconds").and_then(Value::as_i64),
        group: own("MessageGroupId")?,
        deduplication: own("MessageDeduplicationId")?,
    })
}

/// Which attributes of a message a consumer wants to see.
struct Shown<'a> {
    system: Vec<&'a str>,
    own: Vec<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(request: &'a Map<String, Value>) -> Self {
        let system =
            ["AttributeNames", "MessageSystemAttributeNames"].map(|name| texts(request, name)).concat();
        Self { system, own: texts(request, "MessageAttributeNames") }
    }

    fn message(&self, received: &Received) -> Value {
        let Received { message, handle } = received;
        let mut shown = Map::new();
        shown.insert("MessageId".to_owned(), json!(message.id.to_string()));
        shown.insert("ReceiptHandle".to_owned(), json!(handle));
        shown.insert("MD5OfBody".to_owned(), json!(message::md5_of_body(&message.body)));
        shown.insert("Body".to_owned(), json!(message.body));
        let wants = |name: &str| self.system.iter().any(|wanted| *wanted == "All" || *wanted == name);
        let system: Map<String, Value> =
            system(message).into_iter().filter(|(name, _)| wants(name)).collect();
        if !system.is_empty() {
            shown.insert("Attributes".to_owned(), Value::Object(system));
        }
        let own = || message.attributes.iter().filter(|(name, _)| self.wants_own(name));
        if let Some(md5) = message::md5_of_attributes(own()) {
            shown.insert("MD5OfMessageAttributes".to_owned(), json!(md5));
            let own: Map<String, Value> = own().map(|(name, a)| (name.clone(), a.to_json())).collect();
            shown.insert("MessageAttributes".to_owned(), Value::Object(own));
        }
        Value::Object(shown)
    }

    fn wants_own(&self, name: &str) -> bool {
        self.own.iter().any(|wanted| {
            let prefix = wanted.strip_suffix(".*");
            *wanted == "All" || *wanted == name || prefix.is_some_and(|prefix| name.starts_with(prefix))
        })
    }
}

/// `Attributes` of a message: what SQS itself says of it.
pub(super) fn system(message: &Message) -> Map<String, Value> {
    let mut system = Map::new();
    let mut add = |name: &str, value: String| system.insert(name.to_owned(), Value::String(value));
    add("SenderId", SENDER.to_owned());
    add("SentTimestamp", message.sent.to_string());
    add("ApproximateReceiveCount", message.receives.to_string());
    if let Some(first) = message.first_received {
        add("ApproximateFirstReceiveTimestamp", first.to_string());
    }
    if let Some(source) = &message.dead_letter_source {
        add("DeadLetterQueueSourceArn", source.clone());
    }
    if let Some(fifo) = &message.fifo {
        add("MessageGroupId", fifo.group.clone());
        add("MessageDeduplicationId", fifo.deduplication.clone());
        add("SequenceNumber", fifo.sequence.to_string());
    }
    system
}

/// Every attribute of a queue.
fn attributes(queue: &Queue, now: i64, started: i64) -> Vec<(String, Value)> {
    let (declared, counts) = (queue.declared(), queue.counts(now));
    let created = (started / 1000).to_string();
    let mut all = vec![
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("CreatedTimestamp", created.clone()),
        ("DelaySeconds", declared.delay_seconds.to_string()),
        ("LastModifiedTimestamp", created),
        ("MaximumMessageSize", declared.maximum_message_size.to_string()),
        ("MessageRetentionPeriod", declared.message_retention_period.to_string()),
        ("QueueArn", queue.arn().to_owned()),
        ("ReceiveMessageWaitTimeSeconds", declared.receive_wait_seconds.to_string()),
        ("SqsManagedSseEnabled", "true".to_owned()),
        ("VisibilityTimeout", declared.visibility_timeout.to_string()),
    ];
    if declared.fifo {
        all.push(("FifoQueue", "true".to_owned()));
        all.push(("ContentBasedDeduplication", declared.content_based_deduplication.to_string()));
        all.push(("DeduplicationScope", "queue".to_owned()));
        all.push(("FifoThroughputLimit", "perQueue".to_owned()));
    }
    if let Some(redrive) = &declared.redrive {
        let own = queue.arn().rsplit_once(':').map_or("", |(before, _)| before);
        let policy = json!({
            "deadLetterTargetArn": format!("{own}:{}", redrive.queue),
            "maxReceiveCount": redrive.max_receive_count,
        });
        all.push(("RedrivePolicy", policy.to_string()));
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

/// The names that a queue's attributes can have, whether this one has them or not.
fn is_attribute(name: &str) -> bool {
    matches!(
        name,
        "All"
            | "ApproximateNumberOfMessages"
            | "ApproximateNumberOfMessagesDelayed"
            | "ApproximateNumberOfMessagesNotVisible"
            | "ContentBasedDeduplication"
            | "CreatedTimestamp"
            | "DeduplicationScope"
            | "DelaySeconds"
            | "FifoQueue"
            | "FifoThroughputLimit"
            | "KmsDataKeyReusePeriodSeconds"
            | "KmsMasterKeyId"
            | "LastModifiedTimestamp"
            | "MaximumMessageSize"
            | "MessageRetentionPeriod"
            | "Policy"
            | "QueueArn"
            | "ReceiveMessageWaitTimeSeconds"
            | "RedriveAllowPolicy"
            | "RedrivePolicy"
            | "SqsManagedSseEnabled"
            | "VisibilityTimeout"
    )
}

/// The entries of a batch with their ids, which are one to ten and differ.
fn entries(request: &Map<String, Value>) -> Result<Vec<BatchEntry<'_>>, SqsError> {
    let list = request.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return Err(SqsError::empty_batch());
    }
    if list.len() > MAX_ENTRIES {
        return Err(SqsError::too_many_entries(list.len()));
    }
    let mut ids = BTreeSet::new();
    list.iter()
        .map(|entry| {
            let entry = entry.as_object().ok_or_else(|| SqsError::malformed("An entry is not an object."))?;
            let id = text(entry, "Id")?;
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if id.is_empty() || id.len() > 80 || !id.chars().all(is_allowed) {
                return Err(SqsError::entry_id());
            }
            if !ids.insert(id) {
                return Err(SqsError::repeated_entry(id));
            }
            Ok((id, entry))
        })
        .collect()
}

fn text<'a>(request: &'a Map<String, Value>, name: &str) -> Result<&'a str, SqsError> {
    optional_text(request, name)?.ok_or_else(|| SqsError::missing(name))
}

fn optional_text<'a>(request: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, SqsError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SqsError::malformed(format!("{name} is not a text."))),
    }
}

fn texts<'a>(request: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let list = request.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

fn number(request: &Map<String, Value>, name: &str, least: i64, most: i64) -> Result<Option<i64>, SqsError> {
    let Some(value) = request.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_i64() {
        Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(SqsError::out_of_range(&value.to_string(), name, least, most)),
    }
}
