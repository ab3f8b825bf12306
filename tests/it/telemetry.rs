//! What a connection's life leaves in the logs: one access log line an event, one wide event an
//! invocation.

use harness::{Options, Stack};
use serde_json::Value;

/// The fields of the access log, in the template's order.
const ACCESS_FIELDS: [&str; 19] = [
    "apiId",
    "routeKey",
    "authorizer",
    "messageId",
    "integrationLatency",
    "eventType",
    "error",
    "extendedRequestId",
    "requestTime",
    "stage",
    "connectedAt",
    "requestTimeEpoch",
    "requestId",
    "connectionId",
    "status",
    "sourceIp",
    "userAgent",
    "errorResponseType",
    "authorizerLatency",
];

/// Connects, sends two frames, and closes; gives the access log and the functions' lines.
async fn life(options: Options) -> (Vec<Value>, Vec<Value>) {
    let stack = Stack::with(options).await;
    let mut client = stack.connect().await;
    client
        .ask("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:secret-plans\"}}")
        .await;
    client.text().await;
    client.send(r#"{"id":3,"publish":{"channel":"room:secret-plans","data":"attack at dawn"}}"#).await;
    client.text().await;
    client.text().await;
    client.close(None).await;
    let four = |lines: &[Value]| (lines.len() == 4).then(|| lines.to_vec());
    let functions = stack.logs().wait("/aws/lambda", four).await;
    // The replies' callback and the publication's have lines of their own.
    let six = |lines: &[Value]| (lines.len() == 6).then(|| lines.to_vec());
    let access = stack.logs().wait("/access", six).await;
    stack.stop().await;
    (access, functions)
}

fn of<'a>(lines: &'a [Value], event_type: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["eventType"] == event_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_has_one_line_in_each_log_and_the_two_agree() {
    let (access, functions) = life(Options::default()).await;
    for (event, count) in [("CONNECT", 1), ("MESSAGE", 2), ("DISCONNECT", 1), ("CONNECTION_API", 2)] {
        assert_eq!(of(&access, event).len(), count, "{event} in the access log");
    }
    for line in &access {
        let fields: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = ACCESS_FIELDS.to_vec();
        expected.sort_unstable();
        assert_eq!(fields, expected);
    }
    for line in &functions {
        let same = |row: &&Value| row["requestId"] == line["requestId"];
        let row = access.iter().find(same).unwrap_or_else(|| panic!("no access log line for {line}"));
        for field in [
            "apiId",
            "stage",
            "routeKey",
            "eventType",
            "connectionId",
            "connectedAt",
            "requestTime",
            "requestTimeEpoch",
            "extendedRequestId",
        ] {
            assert_eq!(row[field], line[field], "{field}");
        }
        assert_eq!((&row["status"], &line["status"]), (&"200".into(), &"200".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wide_events_are_what_the_published_schema_accepts() {
    let schema: Value = serde_json::from_str(include_str!("emf.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let (_, functions) =
        life(Options { parameters: vec![("DetailedMetrics", "true".to_owned())], ..Options::default() })
            .await;
    for line in functions {
        let faults: Vec<_> = schema.iter_errors(&line).map(|error| error.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{line}");
        assert!(line.to_string().len() <= 8 * 1024);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            directive["Dimensions"],
            serde_json::json!([["ApiId"], ["ApiId", "Stage"], ["ApiId", "Stage", "Route"]])
        );
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric} has its value");
        }
        let timestamp = line["_aws"]["Timestamp"].as_i64().unwrap();
        let extraction = cloudwatch::emf::extract(&line.to_string(), timestamp).unwrap();
        assert_eq!(extraction.faults, []);
        assert_eq!(extraction.data.len(), 3 * directive["Metrics"].as_array().unwrap().len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wide_events_tell_what_was_done_and_never_what_was_said() {
    let (_, functions) = life(Options::default()).await;
    let connect = of(&functions, "CONNECT")[0];
    assert_eq!((&connect["ConnectAccepted"], &connect["ConnectRejected"]), (&1.into(), &0.into()));
    assert_eq!((&connect["ColdStart"], &connect["coldStart"]), (&1.into(), &"true".into()));
    assert_eq!(connect["WriteUnits"], 2, "the connection's row, and the list of open connections");
    let [first, second] = of(&functions, "MESSAGE")[..] else { panic!("two messages") };
    assert_eq!((&first["command"], &first["Commands"]), (&"connect,subscribe".into(), &2.into()));
    assert_eq!(first["channelNamespace"], "room");
    assert_eq!((&first["RecoveredPublications"], &first["RecoveryFailed"]), (&0.into(), &0.into()));
    // A member, the subscription in the connection's row, its greeting; and the channel begins.
    assert_eq!(first["WriteUnits"], 4);
    assert_eq!(second["WriteUnits"], 2, "a publication moves the head and is kept");
    for (metric, value) in [
        ("PublicationsIn", 1),
        ("PublicationBytes", 16),
        ("Recipients", 1),
        ("CallbackCount", 1),
        ("CallbackGone", 0),
    ] {
        assert_eq!(second[metric], value, "{metric}");
    }
    assert!(second["CallbackLatency"].as_f64() > Some(0.0) && second["ReadUnits"].as_f64() > Some(0.0));
    let disconnect = of(&functions, "DISCONNECT")[0];
    assert_eq!(
        (&disconnect["DisconnectCount"], &disconnect["disconnectStatusCode"]),
        (&1.into(), &"1005".into())
    );
    for line in &functions {
        let text = line.to_string();
        assert!(!text.contains("dawn") && !text.contains("secret"), "{text}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z') && line["level"] == "INFO");
    }
}
