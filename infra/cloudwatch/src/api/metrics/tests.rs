//! Requests in all three protocols, and the answers.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::{Api, cbor};
use crate::alarms::AlarmStore;
use crate::clock::Clock;
use crate::document::Document;
use crate::metrics::MetricStore;

/// 2026-09-25 09:20 UTC.
const NOW: i64 = 1_790_328_000_000;

/// A clock that stands still.
#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now_ms(&self) -> i64 {
        NOW
    }
}

fn api() -> Api {
    let alarms = AlarmStore::new("us-east-1", "123456789012");
    Api::new(MetricStore::default(), alarms, Arc::new(Standing))
}

fn send(api: &Api, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    api.call(&parts, &body)
}

/// Calls by JSON: the status, and the answer.
fn call(api: &Api, operation: &str, input: &Value) -> (u16, Value) {
    let request = Request::post("/")
        .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
        .header("content-type", "application/x-amz-json-1.0");
    let response = send(api, request.body(Bytes::from(input.to_string())).unwrap());
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

/// The answer of a call that goes well.
#[track_caller]
fn ask(api: &Api, operation: &str, input: &Value) -> Value {
    let (status, answer) = call(api, operation, input);
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The error of a call that does not: `code: message`.
#[track_caller]
fn refused(operation: &str, input: &Value, expected: &str) {
    let api = api();
    let request =
        Request::post("/").header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"));
    let response = send(&api, request.body(Bytes::from(input.to_string())).unwrap());
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    let code = response.headers().get("x-amzn-query-error").map(|code| code.to_str().unwrap().to_owned());
    let code = code.unwrap_or_default();
    let code = code.trim_end_matches(";Sender");
    assert_eq!(format!("{code}: {}", answer["message"].as_str().unwrap_or_default()), expected, "{input}");
    assert_ne!(response.status(), 200);
    assert_eq!(ask(&api, "ListMetrics", &json!({}))["Metrics"], json!([]), "nothing has changed");
    assert_eq!(ask(&api, "DescribeAlarms", &json!({}))["MetricAlarms"], json!([]), "nothing has changed");
}

/// A request of `PutMetricData` with one datum.
fn put(datum: &Value) -> Value {
    json!({ "Namespace": "N", "MetricData": [datum] })
}

fn data_query(stat: &str) -> Value {
    json!({
        "StartTime": NOW / 1000 - 60, "EndTime": NOW / 1000 + 60,
        "MetricDataQueries": [{ "Id": "m1", "MetricStat": {
            "Metric": { "Namespace": "N", "MetricName": "M" }, "Period": 60, "Stat": stat,
        }}],
    })
}

#[test]
fn data_put_by_each_protocol_are_read_by_each() {
    let api = api();
    ask(&api, "PutMetricData", &put(&json!({ "MetricName": "M", "Value": 1, "Unit": "Count" })));
    let form = "Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=M\
                &MetricData.member.1.Value=2.5&MetricData.member.1.Unit=Count\
                &MetricData.member.1.Timestamp=2026-09-25T09:20:00Z&MetricData.member.1.Dimensions=";
    let response = send(&api, Request::post("/").body(Bytes::from_static(form.as_bytes())).unwrap());
    assert_eq!(response.status(), 200);
    let datum = Document::map([
        ("MetricName", Document::text("M")),
        ("Unit", Document::text("Count")),
        ("Timestamp", Document::Time(NOW)),
        ("Values", Document::List(vec![Document::Double(3.0), Document::Double(4.0)])),
        ("Counts", Document::List(vec![Document::Double(1.0), Document::Double(2.0)])),
    ]);
    let body = cbor::encode(&Document::map([
        ("Namespace", Document::text("N")),
        ("MetricData", Document::List(vec![datum])),
    ]));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&body).unwrap();
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    let request = Request::post(path).header("content-encoding", "gzip");
    let response = send(&api, request.body(Bytes::from(packed.finish().unwrap())).unwrap());
    assert_eq!(
        (response.status().as_u16(), &response.headers()["smithy-protocol"]),
        (200, &"rpc-v2-cbor".parse().unwrap())
    );

    let answer = ask(&api, "GetMetricData", &data_query("Sum"));
    assert_eq!(
        answer,
        json!({ "Messages": [], "MetricDataResults": [{
            "Id": "m1", "Label": "M", "StatusCode": "Complete",
            "Timestamps": [NOW as f64 / 1000.0], "Values": [14.5],
        }]})
    );
    let query = "Action=GetMetricStatistics&Namespace=N&MetricName=M&Period=60&StartTime=2026-09-25T09:20:00Z\
                 &EndTime=2026-09-25T09:21:00Z&Statistics.member.1=Maximum&ExtendedStatistics.member.1=p50";
    let response = send(&api, Request::post("/").body(Bytes::from_static(query.as_bytes())).unwrap());
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(
        text.contains(
            "<GetMetricStatisticsResult><Label>M</Label><Datapoints><member><Timestamp>2026-09-25T09:20:00Z</Timestamp>\
             <Maximum>4.0</Maximum><Unit>Count</Unit><ExtendedStatistics><p50>3.0</p50></ExtendedStatistics></member></Datapoints>"
        ),
        "{text}"
    );
    let request = Request::post("/service/GraniteServiceVersion20100801/operation/ListMetrics");
    let response = send(&api, request.body(Bytes::new()).unwrap());
    let listed = cbor::decode(response.body()).unwrap();
    let Some(Document::List(metrics)) = listed.get("Metrics") else { panic!("{listed:?}") };
    assert_eq!(metrics[0].get("MetricName"), Some(&Document::text("M")));
}

#[test]
fn errors_have_the_shape_of_their_protocol() {
    let api = api();
    let response =
        send(&api, Request::post("/").body(Bytes::from_static(b"Action=GetMetricWidgetImage")).unwrap());
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(
        text.contains("<Code>InvalidAction</Code><Message>Could not find operation GetMetricWidgetImage"),
        "{text}"
    );
    let request = Request::post("/service/GraniteServiceVersion20100801/operation/GetMetricWidgetImage");
    let response = send(&api, request.body(Bytes::new()).unwrap());
    let shape = cbor::decode(response.body()).unwrap();
    let name = "com.amazonaws.cloudwatch.v2010_08_01#UnknownOperationException";
    assert_eq!((response.status().as_u16(), shape.get("__type")), (400, Some(&Document::text(name))));
    let input = json!({ "AlarmName": "gone", "StateValue": "OK", "StateReason": "r" });
    let (status, answer) = call(&api, "SetAlarmState", &input);
    let name = "com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound";
    assert_eq!((status, answer), (404, json!({ "__type": name })));
    let request = Request::post("/service/GraniteServiceVersion20100801/operation/ListMetrics");
    let response =
        send(&api, request.header("content-encoding", "gzip").body(Bytes::from_static(b"x")).unwrap());
    assert_eq!(response.status(), 400);
}

#[test]
fn data_that_are_wrong_are_refused_and_nothing_is_kept() {
    let both = json!({ "MetricName": "M", "Value": 1, "Values": [1] });
    refused(
        "PutMetricData",
        &put(&both),
        "InvalidParameterCombination: The parameters MetricData.member.1.Value and MetricData.member.1.Values \
         are mutually exclusive and you have specified both.",
    );
    refused(
        "PutMetricData",
        &put(&json!({ "MetricName": "M", "Values": [1, 2], "Counts": [1] })),
        "InvalidParameterValue: The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
    );
    let good = json!({ "MetricName": "good", "Value": 1 });
    for (datum, expected) in [
        (
            json!({ "Value": 1 }),
            "MissingParameter: The parameter MetricData.member.2.MetricName is required.",
        ),
        (
            json!({ "MetricName": "M" }),
            "InvalidParameterCombination: At least one of the parameters must be specified.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1, "Unit": "Fortnights" }),
            "InvalidParameterValue: The value Fortnights for parameter MetricData.member.2.Unit is invalid.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1, "StorageResolution": 5 }),
            "InvalidParameterValue: The value 5 for parameter MetricData.member.2.StorageResolution is invalid.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1, "Dimensions": [{ "Name": "D", "Value": "" }] }),
            "MissingParameter: The parameter MetricData.member.2.Dimensions.member.1.Value is required.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1, "Timestamp": NOW / 1000 + 7201 }),
            "InvalidParameterValue: The parameter MetricData.member.2.Timestamp must specify a time no more than two hours in the future.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1, "Timestamp": "2026-09-01T00:00:00Z" }),
            "InvalidParameterValue: The parameter MetricData.member.2.Timestamp must specify a time no more than two weeks in the past.",
        ),
        (
            json!({ "MetricName": "M", "Value": 1e109 }),
            &format!(
                "InvalidParameterValue: The value {} for parameter MetricData.member.2.Value is invalid.",
                1e109
            ),
        ),
        (
            json!({ "MetricName": "M", "StatisticValues": { "SampleCount": 2, "Sum": 3, "Minimum": 2, "Maximum": 1 } }),
            "InvalidParameterCombination: The parameter MetricData.member.2.StatisticValues.Minimum must be less than or \
             equal to the parameter MetricData.member.2.StatisticValues.Maximum.",
        ),
    ] {
        refused("PutMetricData", &json!({ "Namespace": "N", "MetricData": [good, datum] }), expected);
    }
}

#[test]
fn requests_of_data_that_are_wrong_as_a_whole() {
    let good = json!({ "MetricName": "good", "Value": 1 });
    let reserved = json!({ "Namespace": "AWS/Lambda", "MetricData": [good] });
    refused(
        "PutMetricData",
        &reserved,
        "InvalidParameterValue: The value AWS/Lambda for parameter Namespace is invalid.",
    );
    let many = json!({ "Namespace": "N", "MetricData": vec![good; 1001] });
    refused(
        "PutMetricData",
        &many,
        "ValidationError: The collection MetricData must not have a size greater than 1000.",
    );
    refused(
        "PutMetricData",
        &json!({ "Namespace": "N" }),
        "MissingParameter: The parameter MetricData is required.",
    );
}

#[test]
fn questions_that_are_wrong_are_refused() {
    let mut backwards = data_query("Sum");
    backwards["EndTime"] = json!(NOW / 1000 - 60);
    refused(
        "GetMetricData",
        &backwards,
        "ValidationError: The parameter StartTime must be less than the parameter EndTime.",
    );
    refused(
        "GetMetricData",
        &data_query("median"),
        "InvalidParameterValue: The value median for parameter MetricDataQueries.member.1.MetricStat.Stat is invalid.",
    );
    let mut token = data_query("Sum");
    token["NextToken"] = json!("mine");
    refused("GetMetricData", &token, "InvalidNextToken: The next token is not valid.");
    let mut expression = data_query("Sum");
    expression["MetricDataQueries"][0] = json!({ "Id": "e1", "Expression": "m9 * 2" });
    refused(
        "GetMetricData",
        &expression,
        "ValidationError: Error in expression 'e1': there is no id `m9` (at character 1)",
    );
    let mut id = data_query("Sum");
    id["MetricDataQueries"][0]["Id"] = json!("M1");
    refused(
        "GetMetricData",
        &id,
        "ValidationError: The value M1 for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
    );
    let statistics = |period: i64, names: Value| {
        json!({
            "Namespace": "N", "MetricName": "M", "Period": period, "Statistics": names,
            "StartTime": NOW / 1000 - 86_460, "EndTime": NOW / 1000,
        })
    };
    refused(
        "GetMetricStatistics",
        &statistics(60, json!(["Sum"])),
        "InvalidParameterCombination: You have requested up to 1441 datapoints, which exceeds the limit of 1440. You may \
         reduce the datapoints requested by increasing Period, or decreasing the time range.",
    );
    refused(
        "GetMetricStatistics",
        &statistics(7, json!(["Sum"])),
        "InvalidParameterValue: The value 7 for parameter Period is invalid.",
    );
    refused(
        "GetMetricStatistics",
        &statistics(300, json!([])),
        "InvalidParameterCombination: At least one of the parameters Statistics and ExtendedStatistics must be specified.",
    );
}

#[test]
fn a_metric_that_is_not_there_is_empty() {
    let answer = ask(&api(), "GetMetricData", &data_query("p99"));
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([]));
    assert_eq!(answer["MetricDataResults"][0]["StatusCode"], "Complete");
}

#[test]
fn labels_have_the_values_of_their_points() {
    let api = api();
    let dimensions = json!([{ "Name": "Route", "Value": "$default" }]);
    for (name, at, value) in [("M", 0, 1), ("M", -60, 4), ("L", 0, 2)] {
        let at = NOW / 1000 + at;
        let datum = json!({ "MetricName": name, "Value": value, "Timestamp": at, "Dimensions": dimensions });
        ask(&api, "PutMetricData", &put(&datum));
    }
    let request = |query: Value, zone: &str| {
        json!({
            "StartTime": NOW / 1000 - 60, "EndTime": NOW / 1000 + 60, "MetricDataQueries": [query],
            "LabelOptions": { "Timezone": zone },
        })
    };
    let check = |query: Value, expected: &[&str]| {
        let answer = ask(&api, "GetMetricData", &request(query, "-0200"));
        let results = answer["MetricDataResults"].as_array().unwrap();
        let labels: Vec<_> = results.iter().map(|result| result["Label"].as_str().unwrap()).collect();
        assert_eq!(labels, expected);
    };
    let metric = json!({ "Namespace": "N", "MetricName": "M", "Dimensions": dimensions });
    let label = "${LABEL} of ${PROP('Dim.Route')} in ${PROP('Region')}: ${MAX} at ${MAX_TIME}";
    let stat = json!({ "Period": 60, "Stat": "Sum", "Metric": metric });
    check(
        json!({ "Id": "m1", "Label": label, "MetricStat": stat }),
        &["M of $default in us-east-1: 4 at 2026-09-25T07:19:00-02:00"],
    );
    let search =
        |label| json!({ "Id": "e1", "Label": label, "Expression": "SEARCH('{N,Route}', 'Sum', 60)" });
    check(search("${PROP('MetricName')} max ${MAX}"), &["L max 2", "M max 4"]);
    for zone in ["UTC", "+01:30", "+9900", "0130"] {
        assert_eq!(call(&api, "GetMetricData", &request(search("l"), zone)).0, 400, "{zone}");
    }
}

#[test]
fn answers_come_in_pages_and_in_either_order() {
    let api = api();
    for minute in 0..5 {
        let timestamp = NOW / 1000 - 60 * minute;
        ask(
            &api,
            "PutMetricData",
            &put(&json!({ "MetricName": "M", "Value": minute, "Timestamp": timestamp })),
        );
    }
    let mut query = data_query("Sum");
    query["StartTime"] = json!(NOW / 1000 - 600);
    query["MaxDatapoints"] = json!(2);
    let other = json!({ "Id": "e1", "Expression": "m1 * 10" });
    query["MetricDataQueries"].as_array_mut().unwrap().push(other);
    let mut pages = Vec::new();
    loop {
        let answer = ask(&api, "GetMetricData", &query);
        for result in answer["MetricDataResults"].as_array().unwrap() {
            pages.push(
                format!("{} {} {}", result["Id"], result["Values"], result["StatusCode"]).replace('"', ""),
            );
        }
        if answer["NextToken"].is_null() {
            break;
        }
        query["NextToken"] = answer["NextToken"].clone();
    }
    assert_eq!(
        pages,
        [
            "m1 [0.0,1.0] PartialData",
            "m1 [2.0,3.0] PartialData",
            "m1 [4.0] Complete",
            "e1 [0.0] PartialData",
            "e1 [10.0,20.0] PartialData",
            "e1 [30.0,40.0] Complete",
        ]
    );
    let mut ascending = data_query("Sum");
    ascending["StartTime"] = json!(NOW / 1000 - 600);
    ascending["ScanBy"] = json!("TimestampAscending");
    let answer = ask(&api, "GetMetricData", &ascending);
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([4.0, 3.0, 2.0, 1.0, 0.0]));
}

#[test]
fn metrics_are_listed_by_what_they_have() {
    let api = api();
    let put = |name: &str, dimensions: Value, age: i64| {
        let datum = json!({ "MetricName": name, "Dimensions": dimensions, "Value": 1, "Timestamp": NOW / 1000 - age });
        ask(&api, "PutMetricData", &json!({ "Namespace": "N", "MetricData": [datum] }));
    };
    put("A", json!([{ "Name": "Stage", "Value": "prod" }, { "Name": "Route", "Value": "r" }]), 0);
    put("A", json!([{ "Name": "Stage", "Value": "dev" }]), 4 * 3600);
    put("B", json!([]), 0);
    let check = |filter: Value, expected: &[&str]| {
        let answer = ask(&api, "ListMetrics", &filter);
        let shown = |metric: &Value| {
            let dimensions = metric["Dimensions"].as_array().unwrap();
            let values: Vec<_> =
                dimensions.iter().map(|dimension| dimension["Value"].as_str().unwrap()).collect();
            format!("{} {}", metric["MetricName"].as_str().unwrap(), values.join(","))
        };
        let metrics: Vec<_> = answer["Metrics"].as_array().unwrap().iter().map(shown).collect();
        assert_eq!(metrics, expected, "{filter}");
    };
    check(json!({}), &["A r,prod", "A dev", "B "]);
    check(json!({ "MetricName": "A", "RecentlyActive": "PT3H" }), &["A r,prod"]);
    check(json!({ "Dimensions": [{ "Name": "Stage" }] }), &["A r,prod", "A dev"]);
    check(json!({ "Dimensions": [{ "Name": "Stage", "Value": "dev" }] }), &["A dev"]);
    check(json!({ "Namespace": "Other" }), &[]);
}

fn alarm(more: &Value) -> Value {
    let mut alarm = json!({
        "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": "60",
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
    });
    for (name, value) in more.as_object().unwrap() {
        alarm[name] = value.clone();
    }
    alarm
}

#[test]
fn an_alarm_is_told_as_it_was_put() {
    let api = api();
    let tags = json!([{ "Key": "team", "Value": "chat" }]);
    ask(&api, "PutMetricAlarm", &alarm(&json!({ "AlarmActions": ["arn:aws:sns:x"], "Tags": tags })));
    let answer = ask(&api, "DescribeAlarms", &json!({}));
    let seconds = NOW as f64 / 1000.0;
    assert_eq!(
        answer,
        json!({ "CompositeAlarms": [], "MetricAlarms": [{
            "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "Dimensions": [],
            "EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
            "ActionsEnabled": true, "OKActions": [], "AlarmActions": ["arn:aws:sns:x"], "InsufficientDataActions": [],
            "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
            "StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation",
            "AlarmConfigurationUpdatedTimestamp": seconds, "StateUpdatedTimestamp": seconds, "StateTransitionedTimestamp": seconds,
        }]})
    );
    let arn = json!({ "ResourceARN": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a" });
    assert_eq!(ask(&api, "ListTagsForResource", &arn)["Tags"], tags);
    ask(&api, "DisableAlarmActions", &json!({ "AlarmNames": ["a"] }));
    let for_metric = ask(&api, "DescribeAlarmsForMetric", &json!({ "Namespace": "N", "MetricName": "M" }));
    assert_eq!(for_metric["MetricAlarms"][0]["ActionsEnabled"], false);
    ask(&api, "DeleteAlarms", &json!({ "AlarmNames": ["a"] }));
    assert_eq!(ask(&api, "DescribeAlarms", &json!({}))["MetricAlarms"], json!([]));
}

#[test]
fn setting_a_state_leaves_history_and_turns_composite_alarms() {
    let api = api();
    ask(&api, "PutMetricAlarm", &alarm(&json!({ "AlarmActions": ["arn:aws:sns:x"] })));
    ask(&api, "PutCompositeAlarm", &json!({ "AlarmName": "both", "AlarmRule": "ALARM(a) AND NOT OK(a)" }));
    ask(&api, "SetAlarmState", &json!({ "AlarmName": "a", "StateValue": "ALARM", "StateReason": "trying" }));
    let types = json!({ "AlarmTypes": ["CompositeAlarm"], "StateValue": "ALARM" });
    let composite = ask(&api, "DescribeAlarms", &types)["CompositeAlarms"][0].clone();
    assert_eq!(
        composite["StateReason"],
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a transitioned to ALARM at Friday 25 September, 2026 09:20:00 UTC"
    );
    let history =
        ask(&api, "DescribeAlarmHistory", &json!({ "AlarmName": "a", "ScanBy": "TimestampAscending" }));
    let summaries: Vec<_> = history["AlarmHistoryItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            format!(
                "{}: {}",
                item["HistoryItemType"].as_str().unwrap(),
                item["HistorySummary"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        summaries,
        [
            "ConfigurationUpdate: Alarm \"a\" created",
            "StateUpdate: Alarm updated from INSUFFICIENT_DATA to ALARM",
            "Action: Action arn:aws:sns:x is due; the local CloudWatch carries out none",
        ]
    );
    let data: Value =
        serde_json::from_str(history["AlarmHistoryItems"][1]["HistoryData"].as_str().unwrap()).unwrap();
    assert_eq!(data["newState"], json!({ "stateValue": "ALARM", "stateReason": "trying" }));
    let (_, error) = call(&api, "DeleteAlarms", &json!({ "AlarmNames": ["a"] }));
    assert_eq!(error["message"], "Cannot delete a as there are composite alarm(s) depending on it.");
}

#[test]
fn alarms_that_are_wrong_are_refused() {
    let math = |metrics: Value| {
        json!({
            "AlarmName": "a", "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
            "Metrics": metrics,
        })
    };
    for (input, expected) in [
        (
            alarm(&json!({ "Period": 45 })),
            "ValidationError: Valid values for Period are 10, 20, 30 and any multiple of 60.",
        ),
        (
            alarm(&json!({ "EvaluationPeriods": 1441 })),
            "ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
        ),
        (
            alarm(&json!({ "TreatMissingData": "maybe" })),
            "ValidationError: The value maybe for TreatMissingData parameter is not supported.",
        ),
        (
            alarm(&json!({ "Statistic": "Median" })),
            "ValidationError: 1 validation error detected: Value 'Median' at 'statistic' failed to satisfy constraint: \
             Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]",
        ),
        (alarm(&json!({ "Threshold": null })), "MissingParameter: The parameter Threshold is required."),
        (
            alarm(&json!({ "DatapointsToAlarm": 2 })),
            "ValidationError: The value for DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ),
        (
            math(json!([{ "Id": "e1", "Expression": "SEARCH('x', 'Sum', 60)", "Period": 60 }])),
            "ValidationError: SEARCH is not supported on Metric Alarms.",
        ),
        (
            math(
                json!([{ "Id": "e1", "Expression": "TIME_SERIES(1)", "Period": 60 }, { "Id": "e2", "Expression": "e1" }]),
            ),
            "ValidationError: Exactly one element of the metrics list should return data.",
        ),
        (
            math(json!([{ "Id": "e1", "Expression": "1 +", "Period": 60 }])),
            "ValidationError: Error in expression 'e1': expected a value, found the end (at character 4)",
        ),
    ] {
        refused("PutMetricAlarm", &input, expected);
    }
    refused(
        "PutCompositeAlarm",
        &json!({ "AlarmName": "c", "AlarmRule": "ALARM(gone)" }),
        "ValidationError: Could not save the composite alarm as its rule uses an alarm that does not exist: gone",
    );
    refused(
        "SetAlarmState",
        &json!({ "AlarmName": "a", "StateValue": "INVALID", "StateReason": "r" }),
        "ValidationError: 1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: \
         Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
    );
}

#[test]
fn an_alarm_has_ten_metrics_and_as_many_expressions() {
    let metric = |number: usize| {
        json!({ "Id": format!("m{number}"), "ReturnData": false, "MetricStat": {
            "Metric": { "Namespace": "N", "MetricName": "M" }, "Period": 60, "Stat": "Sum",
        }})
    };
    let check = |metrics: usize, expected: u16| {
        let mut queries: Vec<_> = (0..metrics).map(metric).collect();
        queries.push(json!({ "Id": "e", "Expression": "SUM(METRICS())" }));
        let alarm = json!({
            "AlarmName": "a", "Metrics": queries, "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        });
        assert_eq!(call(&api(), "PutMetricAlarm", &alarm).0, expected, "{metrics}");
    };
    check(10, 200);
    check(11, 400);
}
