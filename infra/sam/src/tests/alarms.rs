//! Alarms: the calls that make them.

use serde_json::json;

use super::{errors, load};

#[test]
fn alarms_are_the_calls_that_make_them() {
    let app = load(
        "
Resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/ApiGateway
      MetricName: IntegrationError
      Dimensions: [{Name: ApiId, Value: !Ref Api}, {Name: Stage, Value: 5}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: '3'
      Threshold: 0.5
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic, !Ref AWS::NoValue]
  Any:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmName: any, AlarmRule: !Sub 'ALARM(\"${Errors}\")', ActionsEnabled: true}
  Topic: {Type: AWS::SNS::Topic}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Name: a}}
Outputs: {Arn: {Value: !GetAtt Errors.Arn}}
",
    );
    let [errors, any] = app.alarms.as_slice() else { panic!("two alarms") };
    assert_eq!((errors.name.as_str(), errors.composite), ("switchboard-Errors", false));
    let api = errors.put["Dimensions"][0]["Value"].clone();
    assert_eq!(api.as_str().unwrap().len(), 10);
    assert_eq!(
        errors.put,
        json!({
            "AlarmName": "switchboard-Errors", "Namespace": "AWS/ApiGateway", "MetricName": "IntegrationError",
            "Dimensions": [{ "Name": "ApiId", "Value": api }, { "Name": "Stage", "Value": "5" }],
            "Statistic": "Sum", "Period": "60", "EvaluationPeriods": "3", "Threshold": "0.5",
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
            "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:switchboard-Topic"],
        })
    );
    let composite =
        json!({ "AlarmName": "any", "AlarmRule": "ALARM(\"switchboard-Errors\")", "ActionsEnabled": "true" });
    assert_eq!((any.composite, &any.put), (true, &composite));
    assert_eq!(app.outputs["Arn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:switchboard-Errors");
    assert!(app.ignored.iter().all(|ignored| !ignored.resource_type.contains("CloudWatch")));
}

#[test]
fn mistakes_of_alarms_are_named_where_they_are() {
    let check = |properties: &str, expected: &str| {
        let text =
            format!("Resources:\n  A:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {{{properties}}}\n");
        let errors = errors(&text);
        assert!(errors.contains(expected), "{errors}");
    };
    check(
        "EvaluationPeriods: 1",
        "`A` (AWS::CloudWatch::Alarm) must have `ComparisonOperator`, which is missing",
    );
    check("EvaluationPeriods: 0", "`EvaluationPeriods` must be a whole number from 1, not `0`");
    check("Statistics: Sum", "has no `Statistics`; did you mean `Statistic`?");
    check(
        "TreatMissingData: breach",
        "`TreatMissingData` must be one of breaching, ignore, missing, notBreaching",
    );
    check("Dimensions: [{Name: A, Value: !ImportValue x}]", "a part of `Dimensions` cannot be known");
}
