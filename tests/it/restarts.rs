//! What a real `up --data` keeps when it is killed.

use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::config::Credentials;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricDatum, StateValue, Statistic};
use cloudwatch::clock::{Clock, SystemClock};
use rustix::process::Signal;

use crate::up::{LOGGED, Up, switchboard, temporary};

/// The alarm of the template.
const DECLARED: &str = "
  Declared:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: declared, Namespace: N, MetricName: M, Statistic: Sum, Period: 60,
      EvaluationPeriods: 1, Threshold: 5, ComparisonOperator: GreaterThanThreshold}
";

fn up(template: &Path, data: &Path) -> Up {
    let paths = ["--template", template.to_str().unwrap(), "--data", data.to_str().unwrap()];
    Up::run(&mut switchboard(&[&Up::ARGUMENTS[..], &paths].concat()))
}

async fn config(up: &Up) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(up.text("aws"))
        .load()
        .await
}

/// Puts a metric, an alarm, a state and a saved query; each is acknowledged.
async fn put_all(config: &SdkConfig, seconds: i64) {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
    let datum = MetricDatum::builder().metric_name("M").value(7.0).timestamp(DateTime::from_secs(seconds));
    cloudwatch.put_metric_data().namespace("N").metric_data(datum.build()).send().await.unwrap();
    cloudwatch
        .put_metric_alarm()
        .alarm_name("put")
        .namespace("N")
        .metric_name("M")
        .statistic(Statistic::Sum)
        .period(60)
        .evaluation_periods(1)
        .threshold(5.0)
        .comparison_operator(ComparisonOperator::LessThanThreshold)
        .send()
        .await
        .unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(config);
    logs.put_query_definition().name("mine").query_string("limit 1").send().await.unwrap();
    let state = cloudwatch.set_alarm_state().alarm_name("declared").state_value(StateValue::Alarm);
    state.state_reason("by hand").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_alarms_and_saved_queries_survive_a_kill() {
    let template = temporary("restarts", &format!("{LOGGED}{DECLARED}"));
    let data = template.with_file_name("data");
    let _ = std::fs::remove_dir_all(&data);
    let seconds = SystemClock.now_ms().div_euclid(60_000) * 60;
    let first = up(&template, &data);
    put_all(&config(&first).await, seconds).await;
    assert_eq!(first.stop(Signal::KILL), None, "it was killed");

    let second = up(&template, &data);
    let config = config(&second).await;
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let sums = cloudwatch
        .get_metric_statistics()
        .namespace("N")
        .metric_name("M")
        .statistics(Statistic::Sum)
        .period(60)
        .start_time(DateTime::from_secs(seconds))
        .end_time(DateTime::from_secs(seconds + 60))
        .send()
        .await
        .unwrap();
    assert_eq!(sums.datapoints()[0].sum(), Some(7.0));
    let alarms = cloudwatch.describe_alarms().send().await.unwrap();
    let [declared, put] = alarms.metric_alarms() else { panic!("two alarms: {alarms:?}") };
    assert_eq!((declared.alarm_name(), put.alarm_name()), (Some("declared"), Some("put")));
    assert_eq!(
        (declared.state_value(), declared.state_reason()),
        (Some(&StateValue::Alarm), Some("by hand"))
    );
    let history = cloudwatch.describe_alarm_history().alarm_name("declared").send().await.unwrap();
    let summaries: Vec<_> =
        history.alarm_history_items().iter().map(|item| item.history_summary().unwrap()).collect();
    assert_eq!(
        summaries,
        ["Alarm updated from INSUFFICIENT_DATA to ALARM", "Alarm \"declared\" created"],
        "that the template declares it again is no change"
    );
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let saved = logs.describe_query_definitions().send().await.unwrap();
    let names: Vec<_> = saved.query_definitions().iter().map(|one| one.name().unwrap()).collect();
    assert_eq!(names, ["mine", "queries/connects"]);
    assert_eq!(second.stop(Signal::TERM), Some(0));
}
