//! Queues as their consumers see them, with the time paused, and functions that are fed from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sam::app::{EventSource, Queue as Declared, Redrive};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::lambda::{Invoke, InvokeError};

/// The time of tokio, which tests pause, as a time of day.
#[derive(Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now_ms(&self) -> i64 {
        1_790_328_012_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

fn declared(name: &str) -> Declared {
    Declared {
        logical_id: name.to_owned(),
        name: name.to_owned(),
        fifo: name.ends_with(".fifo"),
        content_based_deduplication: true,
        delay_seconds: 0,
        maximum_message_size: 1024,
        message_retention_period: 345_600,
        receive_wait_seconds: 0,
        visibility_timeout: 30,
        redrive: None,
    }
}

fn sqs(queues: Vec<Declared>) -> Sqs {
    let place = Place::new(&sam::Settings::default(), "http://127.0.0.1:4566");
    Sqs::new(queues, place, Arc::new(Paused(Instant::now())))
}

/// The answer of a call about the queue `q`, or about the one that it names.
async fn call(sqs: &Sqs, operation: &str, mut request: Value) -> Value {
    let url = request.get("QueueUrl").and_then(Value::as_str).unwrap_or("q");
    request["QueueUrl"] = json!(format!("http://any.host/123456789012/{url}"));
    let response = sqs.call(operation, request.to_string().as_bytes()).await;
    let error = response.headers().get("x-amzn-query-error").map(|code| code.to_str().unwrap().to_owned());
    let mut body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(response.status().is_success(), error.is_none());
    if let Some(error) = error {
        body["code"] = json!(error);
    }
    body
}

async fn send(sqs: &Sqs, body: &str) {
    let sent = call(sqs, "SendMessage", json!({ "MessageBody": body })).await;
    assert!(sent["MessageId"].is_string(), "{sent}");
}

async fn send_to_group(sqs: &Sqs, group: &str, body: &str) -> Value {
    let request = json!({ "QueueUrl": "q.fifo", "MessageBody": body, "MessageGroupId": group });
    call(sqs, "SendMessage", request).await
}

/// The bodies of a receive and its handles.
async fn receive(sqs: &Sqs, request: Value) -> (Vec<String>, Vec<Value>) {
    let received = call(sqs, "ReceiveMessage", request).await;
    let messages = received["Messages"].as_array().cloned().unwrap_or_default();
    let bodies = messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned());
    (bodies.collect(), messages.iter().map(|message| message["ReceiptHandle"].clone()).collect())
}

async fn bodies(sqs: &Sqs, queue: &str) -> Vec<String> {
    receive(sqs, json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10 })).await.0
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_received_is_hidden_until_it_is_deleted_or_time_is_over() {
    let sqs = sqs(vec![declared("q")]);
    send(&sqs, "one").await;
    let (first, handles) = receive(&sqs, json!({})).await;
    assert_eq!(first, ["one"]);
    assert_eq!(bodies(&sqs, "q").await, [""; 0]);
    pass(30).await;
    assert_eq!(bodies(&sqs, "q").await, ["one"]);
    // The handle of the first receive is not the latest: no error, and no deletion.
    assert_eq!(call(&sqs, "DeleteMessage", json!({ "ReceiptHandle": handles[0] })).await, json!({}));
    pass(30).await;
    let (again, handles) = receive(&sqs, json!({})).await;
    assert_eq!(again, ["one"]);
    call(&sqs, "DeleteMessage", json!({ "ReceiptHandle": handles[0] })).await;
    pass(30).await;
    assert_eq!(bodies(&sqs, "q").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_hold_a_message_longer_or_let_it_go() {
    let sqs = sqs(vec![declared("q")]);
    send(&sqs, "one").await;
    let (_, handles) = receive(&sqs, json!({})).await;
    let change = |seconds: i64| json!({ "ReceiptHandle": handles[0], "VisibilityTimeout": seconds });
    call(&sqs, "ChangeMessageVisibility", change(60)).await;
    pass(59).await;
    assert_eq!(bodies(&sqs, "q").await, [""; 0]);
    call(&sqs, "ChangeMessageVisibility", change(0)).await;
    assert_eq!(bodies(&sqs, "q").await, ["one"]);
    let refused = call(&sqs, "ChangeMessageVisibility", change(1)).await;
    assert_eq!(refused["code"], "AWS.SimpleQueueService.MessageNotInflight;Sender");
}

#[tokio::test(start_paused = true)]
async fn a_receive_waits_for_what_comes() {
    let sqs = sqs(vec![declared("q")]);
    let waiting = tokio::spawn({
        let sqs = sqs.clone();
        async move { receive(&sqs, json!({ "WaitTimeSeconds": 20 })).await.0 }
    });
    tokio::task::yield_now().await;
    send(&sqs, "late").await;
    assert_eq!(waiting.await.unwrap(), ["late"]);
    let begun = Instant::now();
    let delayed = json!({ "MessageBody": "delayed", "DelaySeconds": 5 });
    call(&sqs, "SendMessage", delayed).await;
    assert_eq!(receive(&sqs, json!({ "WaitTimeSeconds": 20 })).await.0, ["delayed"]);
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(receive(&sqs, json!({ "WaitTimeSeconds": 3 })).await.0, [""; 0]);
    assert_eq!(begun.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_received_too_often_goes_to_the_dead_letters() {
    let redrive = Some(Redrive { queue: "dead".to_owned(), max_receive_count: 2 });
    let sqs = sqs(vec![Declared { redrive, ..declared("q") }, declared("dead")]);
    send(&sqs, "poison").await;
    for _ in 0..2 {
        assert_eq!(bodies(&sqs, "q").await, ["poison"]);
        pass(30).await;
    }
    assert_eq!(bodies(&sqs, "q").await, [""; 0]);
    let request = json!({ "QueueUrl": "dead", "MessageSystemAttributeNames": ["All"] });
    let dead = call(&sqs, "ReceiveMessage", request).await;
    assert_eq!(dead["Messages"][0]["Body"], "poison");
    let attributes = &dead["Messages"][0]["Attributes"];
    assert_eq!(attributes["ApproximateReceiveCount"], "3");
    assert_eq!(attributes["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:123456789012:q");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_gone() {
    let sqs = sqs(vec![Declared { message_retention_period: 60, ..declared("q") }]);
    send(&sqs, "old").await;
    pass(61).await;
    assert_eq!(bodies(&sqs, "q").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_a_fifo_queue_keeps_its_order() {
    let sqs = sqs(vec![declared("q.fifo")]);
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        send_to_group(&sqs, group, body).await;
    }
    let one = json!({ "QueueUrl": "q.fifo", "MaxNumberOfMessages": 1 });
    let (first, handles) = receive(&sqs, one.clone()).await;
    assert_eq!(first, ["a1"]);
    assert_eq!(bodies(&sqs, "q.fifo").await, ["b1"], "group a waits for a1");
    let done = json!({ "QueueUrl": "q.fifo", "ReceiptHandle": handles[0] });
    call(&sqs, "DeleteMessage", done.clone()).await;
    assert_eq!(receive(&sqs, one).await.0, ["a2"]);
    pass(30).await;
    assert_eq!(bodies(&sqs, "q.fifo").await, ["b1", "a2"], "in the order of sending");
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_takes_a_message_once_in_five_minutes() {
    let sqs = sqs(vec![declared("q.fifo")]);
    let first = send_to_group(&sqs, "g", "same").await;
    assert_eq!(first["SequenceNumber"].as_str().unwrap().len(), 20);
    pass(299).await;
    assert_eq!(send_to_group(&sqs, "g", "same").await, first);
    pass(1).await;
    assert_ne!(send_to_group(&sqs, "g", "same").await, first);
    let (_, handles) = receive(&sqs, json!({ "QueueUrl": "q.fifo" })).await;
    pass(30).await;
    let late =
        call(&sqs, "DeleteMessage", json!({ "QueueUrl": "q.fifo", "ReceiptHandle": handles[0] })).await;
    assert_eq!(
        late["message"],
        "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_done_entry_by_entry() {
    let sqs = sqs(vec![declared("q")]);
    let entries = json!([
        { "Id": "1", "MessageBody": "good" },
        { "Id": "2", "MessageBody": "x".repeat(1025) },
        { "Id": "3", "MessageBody": "" },
    ]);
    let sent = call(&sqs, "SendMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(sent["Successful"][0]["Id"], "1");
    assert_eq!(
        sent["Failed"][0]["Message"],
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    );
    assert_eq!(sent["Failed"][1]["Code"], "MissingParameter");
    let (received, handles) = receive(&sqs, json!({ "MaxNumberOfMessages": 10 })).await;
    assert_eq!(received, ["good"]);
    let entries = json!([{ "Id": "a", "ReceiptHandle": handles[0] }, { "Id": "b", "ReceiptHandle": "none" }]);
    let deleted = call(&sqs, "DeleteMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(deleted["Successful"], json!([{ "Id": "a" }]));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
}

#[tokio::test(start_paused = true)]
async fn bad_requests_get_the_services_codes() {
    let sqs = sqs(vec![declared("q"), declared("q.fifo")]);
    let check = async |operation: &str, request: Value, code: &str| {
        assert_eq!(call(&sqs, operation, request).await["code"], format!("{code};Sender"), "{operation}");
    };
    let service = |name: &str| format!("AWS.SimpleQueueService.{name}");
    check("SendMessage", json!({ "QueueUrl": "none", "MessageBody": "x" }), &service("NonExistentQueue"))
        .await;
    check("SendMessage", json!({}), "MissingParameter").await;
    check("SendMessage", json!({ "MessageBody": "\u{1}" }), "InvalidParameterValue").await;
    check("SendMessage", json!({ "MessageBody": "x", "DelaySeconds": 901 }), "InvalidParameterValue").await;
    check("SendMessage", json!({ "QueueUrl": "q.fifo", "MessageBody": "x" }), "MissingParameter").await;
    check("ReceiveMessage", json!({ "MaxNumberOfMessages": 11 }), "InvalidParameterValue").await;
    check("ReceiveMessage", json!({ "WaitTimeSeconds": 21 }), "InvalidParameterValue").await;
    check("SendMessageBatch", json!({}), &service("EmptyBatchRequest")).await;
    let twice = json!({ "Entries": [{ "Id": "a", "MessageBody": "x" }, { "Id": "a", "MessageBody": "x" }] });
    check("SendMessageBatch", twice, &service("BatchEntryIdsNotDistinct")).await;
    check("GetQueueAttributes", json!({ "AttributeNames": ["Size"] }), "InvalidAttributeName").await;
    check("CreateQueue", json!({}), "InvalidAction").await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_tells_of_itself() {
    let sqs = sqs(vec![declared("q")]);
    for body in ["one", "two"] {
        send(&sqs, body).await;
    }
    call(&sqs, "SendMessage", json!({ "MessageBody": "later", "DelaySeconds": 60 })).await;
    receive(&sqs, json!({})).await;
    let told = call(&sqs, "GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await;
    let attribute = |name: &str| told["Attributes"][name].as_str().unwrap().to_owned();
    assert_eq!(attribute("ApproximateNumberOfMessages"), "1");
    assert_eq!(attribute("ApproximateNumberOfMessagesNotVisible"), "1");
    assert_eq!(attribute("ApproximateNumberOfMessagesDelayed"), "1");
    assert_eq!(attribute("QueueArn"), "arn:aws:sqs:us-east-1:123456789012:q");
    let url = call(&sqs, "GetQueueUrl", json!({ "QueueName": "q" })).await;
    assert_eq!(url["QueueUrl"], "http://127.0.0.1:4566/123456789012/q");
}

/// A function that tells what it gets and answers what it is told to.
#[derive(Debug)]
struct Worker {
    events: mpsc::UnboundedSender<Value>,
    /// Invocations that fail before one succeeds.
    failing: AtomicI64,
    /// Whether it reports the message with the body `bad`.
    picky: bool,
}

impl Invoke for Worker {
    fn invoke<'a>(&'a self, _: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let bad = event["Records"].as_array().unwrap().iter().filter(|record| record["body"] == "bad");
        let bad: Vec<Value> = bad.map(|record| json!({ "itemIdentifier": record["messageId"] })).collect();
        let answer = if self.picky { json!({ "batchItemFailures": bad }) } else { json!(null) };
        self.events.send(event).unwrap();
        let fails = self.failing.fetch_sub(1, Ordering::Relaxed) > 0;
        let answer =
            if fails { Err(InvokeError::Exited("x".to_owned())) } else { Ok(answer.to_string().into()) };
        Box::pin(async move { answer })
    }
}

/// A running mapping of `q`, and the bodies of each event that comes of it.
fn mapping(sqs: &Sqs, change: impl FnOnce(&mut EventSource), failing: i64) -> (Sources, Events) {
    let mut source = EventSource {
        logical_id: "M".to_owned(),
        function: "F".to_owned(),
        queue: "q".to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        reports_failures: false,
        maximum_concurrency: None,
        enabled: true,
    };
    change(&mut source);
    let (events, received) = mpsc::unbounded_channel();
    let worker = Worker { events, failing: AtomicI64::new(failing), picky: source.reports_failures };
    let invoke: Arc<dyn Invoke> = Arc::new(worker);
    (Sources::start(sqs, vec![source], &invoke), Events(received))
}

struct Events(mpsc::UnboundedReceiver<Value>);

impl Events {
    async fn next(&mut self) -> Vec<String> {
        let event = self.0.recv().await.unwrap();
        let records = event["Records"].as_array().unwrap();
        records.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect()
    }
}

async fn left(sqs: &Sqs) -> (String, String) {
    let told = call(sqs, "GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await;
    let attribute = |name: &str| told["Attributes"][name].as_str().unwrap().to_owned();
    (attribute("ApproximateNumberOfMessages"), attribute("ApproximateNumberOfMessagesNotVisible"))
}

#[tokio::test(start_paused = true)]
async fn a_function_gets_messages_and_they_are_deleted() {
    let sqs = sqs(vec![declared("q")]);
    let (sources, mut events) = mapping(&sqs, |_| {}, 0);
    let request = json!({
        "MessageBody": "one",
        "MessageAttributes": { "kind": { "DataType": "String", "StringValue": "x" } },
    });
    call(&sqs, "SendMessage", request).await;
    let event = events.0.recv().await.unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["body"], "one");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:q");
    assert_eq!(record["messageAttributes"]["kind"]["stringValue"], "x");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    sources.shutdown().await;
    assert_eq!(left(&sqs).await, ("0".to_owned(), "0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_a_function_fails_at_comes_again_after_the_visibility_timeout() {
    let sqs = sqs(vec![declared("q")]);
    let (sources, mut events) = mapping(&sqs, |_| {}, 1);
    let begun = Instant::now();
    send(&sqs, "one").await;
    assert_eq!(events.next().await, ["one"]);
    assert_eq!(events.next().await, ["one"]);
    assert_eq!(begun.elapsed().as_secs(), 30);
    sources.shutdown().await;
    assert_eq!(left(&sqs).await, ("0".to_owned(), "0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_reported_comes_again() {
    let sqs = sqs(vec![declared("q")]);
    for body in ["good", "bad"] {
        send(&sqs, body).await;
    }
    let (sources, mut events) = mapping(&sqs, |source| source.reports_failures = true, 0);
    assert_eq!(events.next().await, ["good", "bad"]);
    assert_eq!(events.next().await, ["bad"]);
    sources.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_gathers_a_batch() {
    let sqs = sqs(vec![declared("q")]);
    let window = |source: &mut EventSource| {
        (source.batch_size, source.batching_window) = (15, Duration::from_secs(5));
    };
    let (sources, mut events) = mapping(&sqs, window, 0);
    let begun = Instant::now();
    for number in 0..12 {
        send(&sqs, &number.to_string()).await;
    }
    assert_eq!(events.next().await.len(), 12);
    assert_eq!(begun.elapsed().as_secs(), 5);
    for number in 0..15 {
        send(&sqs, &number.to_string()).await;
    }
    assert_eq!(events.next().await.len(), 15);
    assert_eq!(begun.elapsed().as_secs(), 5, "a full batch does not wait");
    sources.shutdown().await;
}
