//! CloudWatch Logs of the local AWS, through AWS's own SDK.

use std::path::Path;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::{InputLogEvent, MetricTransformation};
use harness::{Options, Stack};

/// A stack that runs no function, and a client of its logs.
async fn stack(options: Options) -> (Stack, Client) {
    let stack = Stack::with(options).await;
    let client = Client::new(stack.sdk());
    (stack, client)
}

fn event(timestamp: i64, message: &str) -> InputLogEvent {
    InputLogEvent::builder().timestamp(timestamp).message(message).build().unwrap()
}

fn now() -> i64 {
    use local::clock::Clock;
    local::clock::SystemClock.now_ms()
}

async fn create(client: &Client, group: &str) {
    client.create_log_group().log_group_name(group).send().await.unwrap();
    client.create_log_stream().log_group_name(group).log_stream_name("s").send().await.unwrap();
}

async fn put(client: &Client, group: &str, lines: &[(i64, &str)]) {
    let events = lines.iter().map(|(at, line)| event(*at, line)).collect();
    let call = client.put_log_events().log_group_name(group).log_stream_name("s");
    let answer = call.set_log_events(Some(events)).send().await.unwrap();
    assert_eq!(answer.rejected_log_events_info, None);
}

async fn filtered(client: &Client, group: &str, pattern: &str) -> Vec<String> {
    let call = client.filter_log_events().log_group_name(group).filter_pattern(pattern);
    let answer = call.send().await.unwrap();
    answer.events().iter().map(|event| event.message().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_puts_reads_filters_and_is_refused() {
    let (stack, client) = stack(Options::fixture("mock.yaml")).await;
    create(&client, "g").await;
    let now = now();
    put(&client, "g", &[(now, r#"{"level":"ERROR","ms":20}"#), (now + 1, "second line")]).await;
    let read = client.get_log_events().log_group_name("g").log_stream_name("s").send().await.unwrap();
    let lines: Vec<_> = read.events().iter().map(|event| event.message().unwrap()).collect();
    assert_eq!(lines, [r#"{"level":"ERROR","ms":20}"#, "second line"]);
    assert!(read.events()[0].ingestion_time().unwrap() >= now);
    assert_eq!(filtered(&client, "g", r#"{ $.level = "ERR*" && $.ms >= 20 }"#).await, [lines[0]]);
    assert_eq!(filtered(&client, "g", "[first = second, rest]").await, [lines[1]]);
    client.put_retention_policy().log_group_name("g").retention_in_days(7).send().await.unwrap();
    let groups = client.describe_log_groups().log_group_name_prefix("g").send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(7));
    let streams = client.describe_log_streams().log_group_name("g").send().await.unwrap();
    assert_eq!(streams.log_streams()[0].last_event_timestamp(), Some(now + 1));
    let error =
        client.delete_log_group().log_group_name("none").send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    assert_eq!(error.message(), Some("The specified log group does not exist."));
    let error = client.put_destination().destination_name("d").target_arn("a").role_arn("r").send().await;
    assert_eq!(error.unwrap_err().into_service_error().code(), Some("UnknownOperationException"));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_filters_and_metrics_in_lines_are_read_as_metrics() {
    let (stack, client) = stack(Options::fixture("mock.yaml")).await;
    create(&client, "g").await;
    let transformation =
        MetricTransformation::builder().metric_name("Slow").metric_namespace("N").metric_value("$.ms");
    let call =
        client.put_metric_filter().log_group_name("g").filter_name("f").filter_pattern("{ $.ms > 10 }");
    call.metric_transformations(transformation.build().unwrap()).send().await.unwrap();
    let now = now();
    let document = format!(
        r#"{{"_aws":{{"Timestamp":{now},"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[[]],"Metrics":[{{"Name":"Latency"}}]}}]}},"Latency":4,"ms":20}}"#
    );
    put(&client, "g", &[(now, &document)]).await;
    let metrics = aws_sdk_cloudwatch::Client::new(stack.sdk());
    let listed = metrics.list_metrics().namespace("N").send().await.unwrap();
    let mut names: Vec<_> = listed.metrics().iter().map(|metric| metric.metric_name().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Latency", "Slow"]);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_in_a_folder_outlive_the_stack() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("data");
    let _ = std::fs::remove_dir_all(&folder);
    let options = || Options { data: Some(folder.clone()), ..Options::fixture("mock.yaml") };
    let now = now();
    let (stack, client) = stack(options()).await;
    create(&client, "kept").await;
    put(&client, "kept", &[(now, "one"), (now, "two")]).await;
    stack.stop().await;
    let (stack, client) = self::stack(options()).await;
    assert_eq!(filtered(&client, "kept", "").await, ["one", "two"]);
    put(&client, "kept", &[(now + 1, "three")]).await;
    assert_eq!(filtered(&client, "kept", "").await, ["one", "two", "three"]);
    stack.stop().await;
}
