//! Calls on the wire.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::metrics::MetricStore;

/// 2026-09-25T09:20:12Z.
pub(super) const NOW: i64 = 1_790_328_012_000;

#[derive(Debug)]
struct At;

impl Clock for At {
    fn now_ms(&self) -> i64 {
        NOW
    }
}

pub(super) fn api() -> Api {
    let account = Account {
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        id: "123456789012".to_owned(),
    };
    Api::new(LogStore::new(MetricStore::default(), Arc::new(At)), account)
}

/// An API with the group `g` and its stream `s`.
pub(super) fn prepared() -> Api {
    let api = api();
    api.logs.create_group("g").unwrap();
    api.logs.create_stream("g", "s").unwrap();
    api
}

pub(super) async fn send(api: &Api, operation: &str, body: String) -> (u16, Value) {
    let request = http::Request::post("/").header("x-amz-target", format!("{TARGET}{operation}"));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let response = api.call(&parts, Bytes::from(body)).await;
    let body = response.body();
    let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() };
    (response.status().as_u16(), value)
}

/// The answer of a call that is taken.
pub(super) async fn call(api: &Api, operation: &str, input: Value) -> Value {
    let (status, value) = send(api, operation, input.to_string()).await;
    assert_eq!(status, 200, "{operation}: {value}");
    value
}

/// A call that is refused, with its code and words.
pub(super) async fn refuse(api: &Api, operation: &str, input: Value, code: &str, message: &str) {
    let (status, value) = send(api, operation, input.to_string()).await;
    assert_eq!((status, value), (400, json!({ "__type": code, "message": message })), "{operation}");
}

pub(super) fn put_of(events: &[(i64, &str)]) -> Value {
    let events: Vec<_> =
        events.iter().map(|(at, message)| json!({ "timestamp": at, "message": message })).collect();
    json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events })
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn groups_and_streams_come_and_go() {
    let api = api();
    let group = json!({ "logGroupName": "/aws/lambda/f", "tags": { "a": "b" } });
    assert_eq!(call(&api, "CreateLogGroup", group.clone()).await, Value::Null);
    let exists = "The specified log group already exists";
    refuse(&api, "CreateLogGroup", group.clone(), "ResourceAlreadyExistsException", exists).await;
    let stream = json!({ "logGroupName": "/aws/lambda/f", "logStreamName": "s" });
    call(&api, "CreateLogStream", stream.clone()).await;
    let exists = "The specified log stream already exists";
    refuse(&api, "CreateLogStream", stream.clone(), "ResourceAlreadyExistsException", exists).await;
    let retention = json!({ "logGroupName": "/aws/lambda/f", "retentionInDays": 14 });
    call(&api, "PutRetentionPolicy", retention).await;
    let described = call(&api, "DescribeLogGroups", json!({ "logGroupNamePrefix": "/aws/" })).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f";
    assert_eq!(
        described,
        json!({ "logGroups": [{
            "logGroupName": "/aws/lambda/f", "creationTime": NOW, "retentionInDays": 14,
            "metricFilterCount": 0, "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0,
            "logGroupClass": "STANDARD",
        }] })
    );
    let resource = json!({ "resourceArn": arn, "tags": { "c": "d" } });
    call(&api, "TagResource", resource).await;
    call(&api, "UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] })).await;
    let tags = call(&api, "ListTagsForResource", json!({ "resourceArn": format!("{arn}:*") })).await;
    assert_eq!(tags, json!({ "tags": { "c": "d" } }));
    call(&api, "DeleteLogStream", stream.clone()).await;
    let gone = "The specified log stream does not exist.";
    refuse(&api, "DeleteLogStream", stream, "ResourceNotFoundException", gone).await;
    call(&api, "DeleteLogGroup", json!({ "logGroupName": "/aws/lambda/f" })).await;
    let gone = "The specified log group does not exist.";
    refuse(
        &api,
        "DeleteLogGroup",
        json!({ "logGroupName": "/aws/lambda/f" }),
        "ResourceNotFoundException",
        gone,
    )
    .await;
}

#[tokio::test]
async fn what_breaks_the_model_is_refused_in_its_words() {
    let api = prepared();
    let invalid = "InvalidParameterException";
    let refused = [
        (
            "CreateLogGroup",
            json!({}),
            "Value null at 'logGroupName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateLogGroup",
            json!({ "logGroupName": "a b" }),
            r"Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
        ),
        (
            "CreateLogStream",
            json!({ "logGroupName": "g", "logStreamName": "a:b" }),
            "Value 'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*",
        ),
        (
            "DescribeLogGroups",
            json!({ "limit": 51 }),
            "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "g", "limit": 0 }),
            "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "PutLogEvents",
            put_of(&[(NOW, "")]),
            "Value '' at 'logEvents.1.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ];
    for (operation, input, message) in refused {
        refuse(&api, operation, input, invalid, &format!("1 validation error detected: {message}")).await;
    }
    let (status, value) =
        send(&api, "PutRetentionPolicy", json!({ "logGroupName": "g", "retentionInDays": 4 }).to_string())
            .await;
    assert_eq!((status, &value["__type"]), (400, &json!(invalid)));
    let (status, value) = send(&api, "CreateLogGroup", "{".to_owned()).await;
    assert_eq!((status, &value["__type"]), (400, &json!("SerializationException")));
    let (status, value) = send(&api, "PutDestination", "{}".to_owned()).await;
    assert_eq!((status, value), (400, json!({ "__type": "UnknownOperationException" })));
}

#[tokio::test]
async fn a_batch_is_checked_as_a_whole() {
    let api = prepared();
    let invalid = "InvalidParameterException";
    let order = "Log events in a single PutLogEvents request must be in chronological order.";
    refuse(&api, "PutLogEvents", put_of(&[(NOW, "b"), (NOW - 1, "a")]), invalid, order).await;
    let span = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
    refuse(&api, "PutLogEvents", put_of(&[(NOW - 86_400_001, "a"), (NOW, "b")]), invalid, span).await;
    let large = "x".repeat(1_048_551);
    let size = "Upload too large: 1048577 bytes exceeds limit of 1048576";
    refuse(&api, "PutLogEvents", put_of(&[(NOW, &large)]), invalid, size).await;
    let mut elsewhere = put_of(&[(NOW, "a")]);
    elsewhere["logStreamName"] = json!("none");
    let gone = "The specified log stream does not exist.";
    refuse(&api, "PutLogEvents", elsewhere, "ResourceNotFoundException", gone).await;
    assert!(api.logs.events("g").is_empty(), "nothing was kept");
}

#[tokio::test]
async fn events_outside_the_window_are_rejected_and_the_rest_is_kept() {
    let api = prepared();
    let hour = 3_600_000;
    let answer = call(&api, "PutLogEvents", put_of(&[(NOW, "now"), (NOW + 3 * hour, "new")])).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({ "tooNewLogEventStartIndex": 1 }));
    let old = NOW - 14 * 24 * hour;
    let answer = call(&api, "PutLogEvents", put_of(&[(old - 2, "a"), (old - 1, "b"), (old, "c")])).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({ "tooOldLogEventEndIndex": 2 }));
    api.logs.set_retention("g", Some(1)).unwrap();
    let answer = call(&api, "PutLogEvents", put_of(&[(NOW - 25 * hour, "d"), (NOW - 2 * hour, "e")])).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({ "expiredLogEventEndIndex": 1 }));
    let kept: Vec<_> = api.logs.events("g").iter().map(|event| event.message.to_string()).collect();
    assert_eq!(kept, ["c", "e", "now"]);
    api.logs.tick();
    assert_eq!(api.logs.events("g").len(), 2, "what is too old for the retention goes");
}

#[tokio::test]
async fn a_filter_reads_pages_of_what_its_pattern_takes() {
    let api = prepared();
    let lines: Vec<_> = (0..5).map(|at| (NOW + at, if at == 2 { "other" } else { "ERROR" })).collect();
    call(&api, "PutLogEvents", put_of(&lines)).await;
    let input = json!({ "logGroupName": "g", "filterPattern": "ERROR", "limit": 3 });
    let page = call(&api, "FilterLogEvents", input.clone()).await;
    let times: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| &event["timestamp"]).collect();
    assert_eq!(times, [NOW, NOW + 1, NOW + 3]);
    assert_eq!(page["events"][0]["eventId"].as_str().unwrap().len(), 56);
    let mut next = input.clone();
    next["nextToken"] = page["nextToken"].clone();
    let page = call(&api, "FilterLogEvents", next).await;
    assert_eq!((page["events"].as_array().unwrap().len(), &page["nextToken"]), (1, &Value::Null));
    let range = json!({ "logGroupIdentifier": api.group_arn("g"), "startTime": NOW + 1, "endTime": NOW + 2, "startFromHead": false });
    assert_eq!(messages(&call(&api, "FilterLogEvents", range).await), ["other", "ERROR"]);
    let streams = json!({ "logGroupName": "g", "logStreamNames": ["none"] });
    let gone = "The specified log stream does not exist.";
    refuse(&api, "FilterLogEvents", streams, "ResourceNotFoundException", gone).await;
    let broken = json!({ "logGroupName": "g", "filterPattern": "{ $.a }" });
    assert_eq!(send(&api, "FilterLogEvents", broken.to_string()).await.0, 400);
}

#[tokio::test]
async fn a_stream_is_read_from_either_end() {
    let api = prepared();
    api.logs.create_stream("g", "empty").unwrap();
    call(&api, "PutLogEvents", put_of(&[(NOW, "a"), (NOW + 1, "b"), (NOW + 2, "c")])).await;
    let input = |more: Value| {
        let mut input = json!({ "logGroupName": "g", "logStreamName": "s", "limit": 2 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let last = call(&api, "GetLogEvents", input(json!({}))).await;
    assert_eq!(messages(&last), ["b", "c"]);
    let back = call(&api, "GetLogEvents", input(json!({ "nextToken": last["nextBackwardToken"] }))).await;
    assert_eq!(messages(&back), ["a"]);
    let end = call(&api, "GetLogEvents", input(json!({ "nextToken": back["nextBackwardToken"] }))).await;
    assert_eq!((messages(&end).len(), &end["nextBackwardToken"]), (0, &back["nextBackwardToken"]));
    let forth = call(&api, "GetLogEvents", input(json!({ "nextToken": end["nextForwardToken"] }))).await;
    assert_eq!(messages(&forth), ["a", "b"]);
    let head = call(&api, "GetLogEvents", input(json!({ "startFromHead": true, "endTime": NOW + 1 }))).await;
    assert_eq!(messages(&head), ["a"], "the end is out");
    let ended = call(&api, "GetLogEvents", input(json!({ "nextToken": last["nextForwardToken"] }))).await;
    assert_eq!(ended["nextForwardToken"], last["nextForwardToken"]);
    let empty = call(&api, "GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "empty" })).await;
    assert!(empty["nextForwardToken"].is_string() && empty["nextBackwardToken"].is_string());
    let bad = input(json!({ "nextToken": "x" }));
    refuse(&api, "GetLogEvents", bad, "InvalidParameterException", "The specified nextToken is invalid.")
        .await;
}

#[tokio::test]
async fn lists_have_pages() {
    let api = api();
    for name in ["a", "b", "c"] {
        api.logs.create_group(name).unwrap();
        api.logs.create_stream("a", name).unwrap();
    }
    let page = call(&api, "DescribeLogGroups", json!({ "limit": 2 })).await;
    let page = call(&api, "DescribeLogGroups", json!({ "limit": 2, "nextToken": page["nextToken"] })).await;
    assert_eq!((&page["logGroups"][0]["logGroupName"], &page["nextToken"]), (&json!("c"), &Value::Null));
    api.logs.append("a", "b", NOW, "x");
    let by_time = json!({ "logGroupName": "a", "orderBy": "LastEventTime", "descending": true, "limit": 1 });
    let page = call(&api, "DescribeLogStreams", by_time).await;
    assert_eq!(page["logStreams"][0]["logStreamName"], "b");
    assert_eq!(page["logStreams"][0]["lastEventTimestamp"], NOW);
    let wrong = json!({ "logGroupName": "a", "orderBy": "LastEventTime", "logStreamNamePrefix": "b" });
    let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
    refuse(&api, "DescribeLogStreams", wrong, "InvalidParameterException", message).await;
}

#[tokio::test]
async fn metric_filters_are_put_told_and_tested() {
    let api = prepared();
    let filter = json!({
        "logGroupName": "g", "filterName": "slow", "filterPattern": "{ $.ms > 10 }",
        "metricTransformations": [{ "metricName": "Slow", "metricNamespace": "N", "metricValue": "$.ms" }],
    });
    call(&api, "PutMetricFilter", filter.clone()).await;
    let mut told =
        call(&api, "DescribeMetricFilters", json!({ "metricName": "Slow", "metricNamespace": "N" })).await;
    let mut expected = filter.clone();
    expected["creationTime"] = json!(NOW);
    assert_eq!(told["metricFilters"][0].take(), expected);
    let groups = call(&api, "DescribeLogGroups", json!({})).await;
    assert_eq!(groups["logGroups"][0]["metricFilterCount"], 1);
    let tested = json!({ "filterPattern": "[ip, ..., bytes > 5]", "logEventMessages": ["1.1.1.1 x 9", "1.1.1.1 x 3"] });
    assert_eq!(
        call(&api, "TestMetricFilter", tested).await,
        json!({ "matches": [{ "eventNumber": 1, "eventMessage": "1.1.1.1 x 9", "extractedValues": { "$ip": "1.1.1.1", "$bytes": "9" } }] })
    );
    let mut broken = filter;
    broken["filterPattern"] = json!("a.b");
    refuse(
        &api,
        "PutMetricFilter",
        broken,
        "InvalidParameterException",
        "Invalid character(s) in term 'a.b'",
    )
    .await;
    call(&api, "DeleteMetricFilter", json!({ "logGroupName": "g", "filterName": "slow" })).await;
    let gone = "The specified metric filter does not exist.";
    refuse(
        &api,
        "DeleteMetricFilter",
        json!({ "logGroupName": "g", "filterName": "slow" }),
        "ResourceNotFoundException",
        gone,
    )
    .await;
}
