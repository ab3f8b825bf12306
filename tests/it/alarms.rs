//! The template's alarms and its dashboard, compared with the metrics that a conversation leaves.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Metric, MetricAlarm};
use harness::{Stack, root};
use serde_json::Value;

/// DynamoDB's own metrics are AWS's; the local one has none.
const NOT_HERE: &str = "AWS/DynamoDB";

/// What an alarm reads.
fn metrics(alarm: &MetricAlarm) -> Vec<Metric> {
    let one = alarm.metric_name().map(|name| {
        let dimensions = Some(alarm.dimensions().to_vec());
        Metric::builder()
            .set_namespace(alarm.namespace.clone())
            .metric_name(name)
            .set_dimensions(dimensions)
            .build()
    });
    let several = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric().cloned());
    one.into_iter().chain(several).collect()
}

/// A metric as one text, its dimensions in their order.
fn shown(metric: &Metric) -> String {
    let dimensions = metric.dimensions().iter().map(|one| (one.name().unwrap(), one.value().unwrap()));
    let dimensions: BTreeSet<_> = dimensions.collect();
    format!("{} {} {dimensions:?}", metric.namespace().unwrap(), metric.metric_name().unwrap())
}

/// All metrics that are there once somebody has connected, published, and gone.
async fn seen(stack: &Stack) -> BTreeSet<String> {
    let mut client = stack.connect().await;
    client.ask("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}").await;
    client.send(r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#).await;
    while !client.text().await.contains("\"id\":3") {}
    client.close(None).await;
    let gone = |lines: &[Value]| lines.iter().any(|line| line["DisconnectCount"] == 1).then_some(());
    stack.logs().wait("/aws/lambda", gone).await;
    let mut pages = Client::new(stack.sdk()).list_metrics().into_paginator().send();
    let mut seen = BTreeSet::new();
    while let Some(page) = pages.next().await {
        seen.extend(page.unwrap().metrics().iter().map(shown));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alarm_reads_metrics_that_are_there() {
    let stack = Stack::start().await;
    let seen = seen(&stack).await;
    let described = Client::new(stack.sdk()).describe_alarms().send().await.unwrap();
    let names: Vec<_> = described.metric_alarms().iter().filter_map(MetricAlarm::alarm_name).collect();
    let expected =
        ["callback-failures", "function-errors", "gateway-errors", "latency", "table-throttles", "throttles"];
    assert_eq!(names, expected.map(|name| format!("switchboard-{name}")));
    for metric in described.metric_alarms().iter().flat_map(metrics) {
        let metric = shown(&metric);
        assert!(metric.starts_with(NOT_HERE) || seen.contains(&metric), "{metric} in {seen:#?}");
    }
    stack.stop().await;
}

/// The body is text for `Fn::Sub`, and nobody reads it before CloudWatch does.
#[tokio::test(flavor = "multi_thread")]
async fn every_widget_shows_metrics_that_are_there() {
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let (_, body) = template.split_once("DashboardBody: !Sub |-\n").unwrap();
    let body: String = body.lines().take_while(|line| line.starts_with("        ")).collect();
    let body: Value = serde_json::from_str(&body).unwrap();
    let stack = Stack::start().await;
    let seen = seen(&stack).await;
    for row in body["widgets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().into_iter().flatten())
    {
        let [namespace, name] = [0, 1].map(|at| row[at].as_str().unwrap());
        let namespace = namespace.replace("${MetricsNamespace}", "Switchboard");
        let metric = format!("{namespace} {name} ");
        assert!(
            namespace == NOT_HERE || seen.iter().any(|seen| seen.starts_with(&metric)),
            "{metric} in {seen:#?}"
        );
    }
    stack.stop().await;
}
