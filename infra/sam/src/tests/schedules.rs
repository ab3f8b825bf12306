//! What invokes functions again and again.

use std::time::Duration;

use serde_json::json;

use super::{errors, load};
use crate::app::Schedule;

const APP: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: ''
      Runtime: nodejs22.x
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute), Input: '{\"a\":1}'}}
        Noon: {Type: Schedule, Properties: {Schedule: cron(0 12 * * ? *)}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: hourly
      State: DISABLED
      ScheduleExpression: rate(2 hours)
      Targets: [{Id: w, Arn: !GetAtt Worker.Arn}]
";

#[test]
fn rates_are_read_of_events_and_of_rules() {
    let app = load(APP);
    let tick = Schedule {
        logical_id: "WorkerTick".to_owned(),
        name: "switchboard-WorkerTick".to_owned(),
        function: "Worker".to_owned(),
        every: Duration::from_secs(60),
        input: Some(json!({ "a": 1 })),
        enabled: true,
    };
    let rule = Schedule {
        logical_id: "Rule".to_owned(),
        name: "hourly".to_owned(),
        every: Duration::from_secs(7200),
        input: None,
        enabled: false,
        ..tick.clone()
    };
    assert_eq!(app.schedules, [tick, rule]);
    let ignored: Vec<_> = app.ignored.iter().map(|ignored| ignored.logical_id.as_str()).collect();
    assert_eq!(ignored, ["WorkerNoon"]);
}

#[test]
fn a_rate_is_a_number_and_its_unit() {
    for wrong in ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "every minute", "rate(1 second)"] {
        let told = errors(&APP.replace("rate(1 minute)", wrong));
        assert!(told.contains(&format!("cron(0 12 * * ? *), not `{wrong}`")), "{told}");
    }
}
