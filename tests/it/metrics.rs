//! CloudWatch's metrics and alarms, through AWS's own SDK and through our command.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Credentials;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::operation::set_alarm_state::SetAlarmStateError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, HistoryItemType, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy,
    StandardUnit, StateValue, Statistic, StatisticSet,
};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use cloudwatch::alarms::AlarmStore;
use cloudwatch::api::metrics::Api;
use cloudwatch::clock::{Clock, SystemClock};
use cloudwatch::metrics::MetricStore;
use harness::{root, switchboard};
use serde_json::Value;
use tokio::net::TcpListener;

/// A CloudWatch of its own; it ends with the test's runtime.
async fn serve() -> SdkConfig {
    let alarms = AlarmStore::new("us-east-1", "123456789012");
    let api = Api::new(MetricStore::default(), alarms, Arc::new(SystemClock));
    let answer = move |request: Request| {
        let api = api.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            api.call(&parts, &body).map(Body::from)
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .load()
        .await
}

/// The start of this minute, in seconds.
fn minute() -> i64 {
    SystemClock.now_ms().div_euclid(60_000) * 60
}

fn stage(name: &str) -> Dimension {
    Dimension::builder().name("Stage").value(name).build()
}

fn datum(name: &str) -> aws_sdk_cloudwatch::types::builders::MetricDatumBuilder {
    MetricDatum::builder()
        .metric_name(name)
        .dimensions(stage("prod"))
        .timestamp(DateTime::from_secs(minute()))
}

fn query(id: &str, name: &str, statistic: &str) -> MetricDataQuery {
    let metric = Metric::builder().namespace("App").metric_name(name).dimensions(stage("prod")).build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(statistic).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

/// Two metrics and a statistic set of this minute.
async fn put_some(client: &Client) {
    let set = StatisticSet::builder().sample_count(2.0).sum(6.0).minimum(1.0).maximum(5.0).build();
    client
        .put_metric_data()
        .namespace("App")
        .metric_data(
            datum("Latency")
                .unit(StandardUnit::Milliseconds)
                .values(10.0)
                .values(20.0)
                .counts(9.0)
                .counts(1.0)
                .build(),
        )
        .metric_data(datum("Errors").value(3.0).build())
        .metric_data(datum("Set").statistic_values(set).build())
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_put_is_read_and_calculated_with() {
    let client = Client::new(&serve().await);
    put_some(&client).await;
    let expression =
        MetricDataQuery::builder().id("e1").expression("100 * errors / FILL(latency, 1)").label("share");
    let answer = client
        .get_metric_data()
        .start_time(DateTime::from_secs(minute() - 60))
        .end_time(DateTime::from_secs(minute() + 60))
        .scan_by(ScanBy::TimestampAscending)
        .metric_data_queries(query("latency", "Latency", "p90"))
        .metric_data_queries(query("errors", "Errors", "Sum"))
        .metric_data_queries(query("set", "Set", "Average"))
        .metric_data_queries(query("gone", "Gone", "Sum"))
        .metric_data_queries(expression.build())
        .send()
        .await
        .unwrap();
    let results: HashMap<&str, (&str, &[f64])> = answer
        .metric_data_results()
        .iter()
        .map(|result| (result.id().unwrap(), (result.label().unwrap(), result.values())))
        .collect();
    assert_eq!(results["latency"], ("Latency p90", &[10.0][..]));
    assert_eq!(results["errors"], ("Errors Sum", &[3.0][..]));
    assert_eq!(results["set"], ("Set Average", &[3.0][..]));
    assert_eq!(results["gone"], ("Gone Sum", &[][..]));
    // Where there is no latency it is filled with 1, and no errors are 0.
    assert_eq!(results["e1"], ("share", &[0.0, 30.0][..]));
}

#[tokio::test]
async fn what_is_put_has_statistics_and_is_listed() {
    let client = Client::new(&serve().await);
    put_some(&client).await;
    let statistics = client
        .get_metric_statistics()
        .namespace("App")
        .metric_name("Latency")
        .dimensions(stage("prod"))
        .start_time(DateTime::from_secs(minute()))
        .end_time(DateTime::from_secs(minute() + 60))
        .period(60)
        .statistics(Statistic::SampleCount)
        .extended_statistics("p99")
        .send()
        .await
        .unwrap();
    let [point] = statistics.datapoints() else { panic!("one datapoint") };
    assert_eq!((point.sample_count(), point.unit()), (Some(10.0), Some(&StandardUnit::Milliseconds)));
    assert_eq!(point.extended_statistics().unwrap()["p99"], 20.0);
    let listed = client.list_metrics().namespace("App").send().await.unwrap();
    let names: Vec<_> = listed.metrics().iter().map(|metric| metric.metric_name().unwrap()).collect();
    assert_eq!(names, ["Errors", "Latency", "Set"]);
}

#[tokio::test]
async fn bodies_that_the_sdk_compresses_are_read() {
    let client = Client::new(&serve().await);
    let data = (0..1000).map(|number| datum("Many").value(f64::from(number)).build());
    client.put_metric_data().namespace("App").set_metric_data(Some(data.collect())).send().await.unwrap();
    let answer = client
        .get_metric_data()
        .start_time(DateTime::from_secs(minute() - 60))
        .end_time(DateTime::from_secs(minute() + 60))
        .metric_data_queries(query("m", "Many", "SampleCount"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.metric_data_results()[0].values().iter().sum::<f64>(), 1000.0);
}

#[tokio::test]
async fn errors_are_those_that_the_sdk_knows() {
    let client = Client::new(&serve().await);
    let both = datum("Both").value(1.0).values(1.0).build();
    let error = client.put_metric_data().namespace("App").metric_data(both).send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(matches!(error, PutMetricDataError::InvalidParameterCombinationException(_)), "{error:?}");
    assert_eq!(
        error.message().unwrap(),
        "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you \
         have specified both."
    );
    let set = client.set_alarm_state().alarm_name("gone").state_value(StateValue::Ok).state_reason("r");
    let error = set.send().await.unwrap_err().into_service_error();
    assert!(matches!(error, SetAlarmStateError::ResourceNotFound(_)), "{error:?}");
    let error = client.list_dashboards().send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidAction"), "an operation that is not there");
}

#[tokio::test]
async fn an_alarm_goes_to_alarm_and_back() {
    let client = Client::new(&serve().await);
    client
        .put_metric_alarm()
        .alarm_name("errors")
        .namespace("App")
        .metric_name("Errors")
        .dimensions(stage("prod"))
        .statistic(Statistic::Sum)
        .period(60)
        .evaluation_periods(1)
        .threshold(0.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .send()
        .await
        .unwrap();
    client.put_composite_alarm().alarm_name("any").alarm_rule("ALARM(errors)").send().await.unwrap();
    for state in [StateValue::Alarm, StateValue::Ok] {
        let set = client.set_alarm_state().alarm_name("errors").state_reason("a test");
        set.state_value(state.clone()).send().await.unwrap();
        let types = ["MetricAlarm", "CompositeAlarm"].map(Into::into).to_vec();
        let described = client.describe_alarms().set_alarm_types(Some(types)).send().await.unwrap();
        assert_eq!(described.metric_alarms()[0].state_value(), Some(&state));
        assert_eq!(described.metric_alarms()[0].threshold(), Some(0.0));
        assert_eq!(described.composite_alarms()[0].state_value(), Some(&state));
    }
    let history = client.describe_alarm_history().alarm_name("errors");
    let history = history.history_item_type(HistoryItemType::StateUpdate).send().await.unwrap();
    let summaries: Vec<_> =
        history.alarm_history_items().iter().map(|item| item.history_summary().unwrap()).collect();
    assert_eq!(
        summaries,
        ["Alarm updated from ALARM to OK", "Alarm updated from INSUFFICIENT_DATA to ALARM"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_metrics() {
    let sdk = serve().await;
    let data = [datum("Errors").value(2.0).build(), datum("Errors").value(3.0).build()];
    let put = Client::new(&sdk).put_metric_data().namespace("App").set_metric_data(Some(data.to_vec()));
    put.send().await.unwrap();
    let endpoint = sdk.endpoint_url().unwrap().to_owned();
    let run = move |arguments: &[&str]| {
        let output = Command::new(switchboard())
            .args(["metrics", "--namespace", "App"])
            .args(arguments)
            .current_dir(root())
            .envs([("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_REGION", "us-east-1")])
            .envs([("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")])
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let checks = tokio::task::spawn_blocking(move || {
        let (status, text) = run(&["--json"]);
        let total: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!((status, &total["sum"], &total["samples"]), (Some(0), &5.0.into(), &2.0.into()));
        let (_, text) = run(&[]);
        assert!(text.contains("Stage=prod") && text.contains("2.5"), "{text}");
        let (_, text) = run(&["Errors", "--stat", "Maximum", "--json", "--period", "1m"]);
        let series: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!((&series["points"][0]["value"], &series["period"]), (&3.0.into(), &60.into()));
        let (_, text) = run(&["Errors"]);
        assert!(text.contains("Sum of every minute") && text.contains("████"), "{text}");
        let (status, text) = run(&["Erors"]);
        assert_eq!((status, text.as_str()), (Some(1), "error: there is no metric Erors; there are Errors\n"));
    });
    checks.await.unwrap();
}
