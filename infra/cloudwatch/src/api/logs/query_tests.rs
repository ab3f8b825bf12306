//! Calls of Logs Insights on the wire.

use serde_json::json;

use super::tests::{NOW, call, prepared, put_of, refuse, send};
use super::*;

const SECOND: i64 = NOW / 1000;

/// An API whose group `g` has these lines, a millisecond apart.
pub(super) async fn with(lines: &[&str]) -> Api {
    let api = prepared();
    let events: Vec<_> = lines.iter().zip(NOW..).map(|(line, at)| (at, *line)).collect();
    call(&api, "PutLogEvents", put_of(&events)).await;
    api
}

pub(super) fn query(text: &str) -> Value {
    json!({ "queryString": text, "startTime": SECOND, "endTime": SECOND, "logGroupName": "g" })
}

pub(super) async fn started(api: &Api, input: Value) -> String {
    call(api, "StartQuery", input).await["queryId"].as_str().unwrap().to_owned()
}

/// The answer of a query that has ended.
pub(super) async fn ended(api: &Api, id: &str) -> Value {
    loop {
        let answer = call(api, "GetQueryResults", json!({ "queryId": id })).await;
        if answer["status"] != "Running" {
            return answer;
        }
    }
}

pub(super) async fn answered(api: &Api, text: &str) -> Value {
    ended(api, &started(api, query(text)).await).await
}

/// The words of the error that a query is answered with.
pub(super) async fn malformed(api: &Api, text: &str) -> String {
    let (status, answer) = send(api, "StartQuery", query(text).to_string()).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("MalformedQueryException")));
    answer["queryCompileError"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_query_is_started_and_answered() {
    let api = with(&[r#"{"a":1}"#, r#"{"a":2}"#, "plain"]).await;
    let answer = answered(&api, "stats sum(a) as s, count(*) as c").await;
    assert_eq!(
        answer,
        json!({
            "queryLanguage": "CWLI",
            "status": "Complete",
            "statistics": {
                "recordsMatched": 3.0, "recordsScanned": 3.0, "estimatedRecordsSkipped": 0.0,
                "bytesScanned": 19.0, "estimatedBytesSkipped": 0.0, "logGroupsScanned": 1.0,
            },
            "results": [[{ "field": "s", "value": "3" }, { "field": "c", "value": "3" }]],
        })
    );
}

#[tokio::test]
async fn groups_are_named_in_one_way() {
    let api = with(&["x"]).await;
    let ask = |member: &str, value: Value| {
        let mut input = query("stats count(*) as c");
        input.as_object_mut().unwrap().remove("logGroupName");
        input[member] = value;
        input
    };
    let arn = api.group_arn("g");
    for (member, value) in [
        ("logGroupName", json!("g")),
        ("logGroupNames", json!(["g"])),
        ("logGroupIdentifiers", json!([arn])),
        ("queryString", json!("SOURCE 'g' | stats count(*) as c")),
        ("queryString", json!("SOURCE logGroups(namePrefix: ['g']) | stats count(*) as c")),
    ] {
        let answer = ended(&api, &started(&api, ask(member, value.clone())).await).await;
        assert_eq!(answer["results"][0][0]["value"], "1", "{member} {value}");
    }
    let invalid = "InvalidParameterException";
    let many = vec!["g"; 51];
    let rule = "1 validation error detected: Value '[...]' at 'logGroupNames' failed to satisfy constraint: Member must have length less than or equal to 50";
    refuse(&api, "StartQuery", ask("logGroupNames", json!(many)), invalid, rule).await;
    let none = "Specify logGroupName, logGroupNames or logGroupIdentifiers, or SOURCE in the query.";
    refuse(&api, "StartQuery", ask("logGroupNames", json!([])), invalid, none).await;
    let both = "Log groups can be named by the query's SOURCE or by the call, not by both.";
    refuse(&api, "StartQuery", query("SOURCE 'g' | limit 1"), invalid, both).await;
    let mut twice = query("limit 1");
    twice["logGroupNames"] = json!(["g"]);
    let one =
        "Specify only one of the following parameters: logGroupName, logGroupNames, logGroupIdentifiers.";
    refuse(&api, "StartQuery", twice, invalid, one).await;
    let missing = "Log group 'none' does not exist for account ID '123456789012'";
    for input in [ask("logGroupName", json!("none")), query("filter a in (SOURCE 'none' | fields a)")] {
        refuse(&api, "StartQuery", input, "ResourceNotFoundException", missing).await;
    }
}

#[tokio::test]
async fn times_are_seconds_and_belong_to_the_range() {
    let api = with(&["x"]).await;
    let count = async |start: i64, end: i64| {
        let mut input = query("stats count(*)");
        (input["startTime"], input["endTime"]) = (start.into(), end.into());
        ended(&api, &started(&api, input).await).await["results"][0][0]["value"].clone()
    };
    assert_eq!(count(SECOND - 1, SECOND).await, "1");
    assert_eq!(count(SECOND, SECOND + 9).await, "1");
    assert_eq!(count(SECOND + 1, SECOND + 9).await, "0");
    let mut input = query("limit 1");
    input["endTime"] = (SECOND - 1).into();
    let words = "End time should not be before start time.";
    refuse(&api, "StartQuery", input, "InvalidParameterException", words).await;
    let mut input = query("limit 1");
    input["queryLanguage"] = "SQL".into();
    let words = "Queries of the language SQL are not available here, only CWLI.";
    refuse(&api, "StartQuery", input, "InvalidParameterException", words).await;
}

#[tokio::test]
async fn a_query_that_does_not_compile_is_refused_with_the_place() {
    let (status, answer) =
        send(&prepared(), "StartQuery", query("fields @message | sotr a").to_string()).await;
    let message = "unknown command 'sotr', did you mean 'sort'?";
    assert_eq!(status, 400);
    assert_eq!(
        answer,
        json!({
            "__type": "MalformedQueryException",
            "message": message,
            "queryCompileError": {
                "location": { "startCharOffset": 18, "endCharOffset": 22 },
                "message": message,
            },
        })
    );
}

#[tokio::test]
async fn groups_are_selected_by_their_tags_and_listed() {
    let api = with(&["x"]).await;
    for (name, team) in [("/a", "one"), ("/b", "two"), ("/c", "one")] {
        let input = json!({ "logGroupName": name, "tags": { "team": team } });
        call(&api, "CreateLogGroup", input).await;
    }
    let read = async |source: &str| {
        let mut input = query(&format!("SOURCE {source} | stats count(*)"));
        input.as_object_mut().unwrap().remove("logGroupName");
        let id = started(&api, input).await;
        let answer = call(&api, "ListLogGroupsForQuery", json!({ "queryId": id })).await;
        let arns = answer["logGroupIdentifiers"].as_array().unwrap().clone();
        arns.iter()
            .map(|arn| arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(read(r#"logGroupTags([{"key":"team","values":["one"]}])"#).await, ["/a", "/c"]);
    assert_eq!(
        read("logGroups(namePrefix: ['/'], accountIdentifier: ['123456789012'])").await,
        ["/a", "/b", "/c"]
    );
    assert_eq!(read("logGroups(accountIdentifier: ['210987654321'])").await, [""; 0]);
    assert_eq!(read("logGroups(class: ['INFREQUENT_ACCESS'])").await, [""; 0]);
    assert_eq!(read("'g'").await, ["g"]);
}

#[tokio::test]
async fn the_groups_of_a_query_come_in_pages() {
    let api = with(&["x"]).await;
    for at in 100..160 {
        call(&api, "CreateLogGroup", json!({ "logGroupName": format!("/p/{at}") })).await;
    }
    let mut input = query("SOURCE logGroups(namePrefix: ['/p/']) | limit 1");
    input.as_object_mut().unwrap().remove("logGroupName");
    let id = started(&api, input).await;
    let list = async |input: Value| call(&api, "ListLogGroupsForQuery", input).await;
    let first = list(json!({ "queryId": id, "maxResults": 50 })).await;
    assert_eq!(first["logGroupIdentifiers"].as_array().unwrap().len(), 50);
    assert_eq!(first["logGroupIdentifiers"][0], api.group_arn("/p/100"));
    let next = list(json!({ "queryId": id, "nextToken": first["nextToken"] })).await;
    let rest = (next["logGroupIdentifiers"].as_array().unwrap().len(), next.get("nextToken"));
    assert_eq!(rest, (10, None));
    let rule = "1 validation error detected: Value '49' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 50";
    let input = json!({ "queryId": id, "maxResults": 49 });
    refuse(&api, "ListLogGroupsForQuery", input, "InvalidParameterException", rule).await;
    let unknown = "The specified query does not exist.";
    let input = json!({ "queryId": "x" });
    refuse(&api, "ListLogGroupsForQuery", input, "ResourceNotFoundException", unknown).await;
}

#[tokio::test]
async fn the_callers_limit_is_about_the_outer_query() {
    let api = with(&[r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]).await;
    let mut input = query("filter id in (SOURCE 'g' | fields id) | stats count(*)");
    input["limit"] = 1.into();
    let answer = ended(&api, &started(&api, input).await).await;
    assert_eq!(answer["results"][0][0]["value"], "3");
    assert_eq!(answer["statistics"]["recordsScanned"], 6.0);
}

#[tokio::test]
async fn a_query_has_ten_thousand_characters_and_a_hundred_thousand_rows() {
    let api = with(&["x"]).await;
    let text = format!("limit 1 # {}", "x".repeat(9_990));
    assert_eq!(answered(&api, &text).await["status"], "Complete");
    assert_eq!(malformed(&api, &format!("{text}x")).await, "a query has at most 10000 characters");
    let mut input = query("fields @message");
    input["limit"] = 100_001.into();
    let rule = "1 validation error detected: Value '100001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100000";
    refuse(&api, "StartQuery", input, "InvalidParameterException", rule).await;
}

#[tokio::test]
async fn limit_and_pages() {
    let api = with(&["a", "b", "c"]).await;
    let mut input = query("fields @message | sort @message");
    input["limit"] = 2.into();
    assert_eq!(ended(&api, &started(&api, input).await).await["results"].as_array().unwrap().len(), 2);
    let id = started(&api, query("fields @message | sort @message | display @message")).await;
    ended(&api, &id).await;
    let first = call(&api, "GetQueryResults", json!({ "queryId": id, "maxItems": 2 })).await;
    assert_eq!(first["results"].as_array().unwrap().len(), 2);
    let input = json!({ "queryId": id, "maxItems": 2, "nextToken": first["nextToken"] });
    let second = call(&api, "GetQueryResults", input).await;
    assert_eq!((&second["results"][0][0]["value"], second.get("nextToken")), (&"c".into(), None));
}

#[tokio::test]
async fn queries_are_described_and_stopped_while_they_run() {
    let api = with(&["a"]).await;
    let first = started(&api, query("limit 1")).await;
    let second = started(&api, query("limit 2")).await;
    ended(&api, &first).await;
    ended(&api, &second).await;
    let page = call(&api, "DescribeQueries", json!({ "logGroupName": "g", "maxResults": 1 })).await;
    assert_eq!(
        page["queries"],
        json!([{
            "queryLanguage": "CWLI", "queryId": second, "queryString": "limit 2", "status": "Complete",
            "createTime": NOW, "logGroupName": "g",
        }])
    );
    let next = call(&api, "DescribeQueries", json!({ "nextToken": page["nextToken"] })).await;
    assert_eq!((&next["queries"][0]["queryId"], next.get("nextToken")), (&first.as_str().into(), None));
    let none = call(&api, "DescribeQueries", json!({ "status": "Running" })).await;
    assert_eq!(none, json!({ "queries": [] }));
    let over = "The specified query has already ended.";
    refuse(&api, "StopQuery", json!({ "queryId": first }), "InvalidParameterException", over).await;
    let unknown = "The specified query does not exist.";
    for operation in ["StopQuery", "GetQueryResults"] {
        refuse(&api, operation, json!({ "queryId": "x" }), "ResourceNotFoundException", unknown).await;
    }
}

#[tokio::test]
async fn a_pointer_leads_to_all_fields_of_its_event() {
    let api = with(&[r#"{"a":{"b":1}}"#, "other"]).await;
    let answer = answered(&api, "filter a.b = 1 | display a.b").await;
    assert_eq!(answer["results"][0][0], json!({ "field": "a.b", "value": "1" }));
    let pointer = &answer["results"][0][1]["value"];
    let record = call(&api, "GetLogRecord", json!({ "logRecordPointer": pointer })).await;
    assert_eq!(
        record,
        json!({ "logRecord": {
            "@ingestionTime": NOW.to_string(), "@log": "123456789012:g", "@logStream": "s",
            "@message": r#"{"a":{"b":1}}"#, "@timestamp": NOW.to_string(), "@ptr": pointer, "a.b": "1",
        }})
    );
    let words = "The specified logRecordPointer is invalid.";
    let input = json!({ "logRecordPointer": "x" });
    refuse(&api, "GetLogRecord", input, "InvalidParameterException", words).await;
}

#[tokio::test]
async fn a_groups_fields_have_their_share_of_the_events() {
    let api = with(&[r#"{"a":1,"b":1}"#, r#"{"a":1}"#, "x", "y"]).await;
    for input in [
        json!({ "logGroupName": "g", "time": SECOND + 100 }),
        json!({ "logGroupIdentifier": "g", "time": SECOND - 100 }),
    ] {
        let answer = call(&api, "GetLogGroupFields", input).await;
        let fields = answer["logGroupFields"].as_array().unwrap();
        assert_eq!(fields[0], json!({ "name": "@ingestionTime", "percent": 100 }));
        assert_eq!(
            fields[5..],
            [json!({ "name": "a", "percent": 50 }), json!({ "name": "b", "percent": 25 })]
        );
    }
    let early = call(&api, "GetLogGroupFields", json!({ "logGroupName": "g", "time": SECOND - 600 })).await;
    assert_eq!(early, json!({ "logGroupFields": [] }));
}

#[tokio::test]
async fn queries_are_saved_changed_found_and_deleted() {
    let api = prepared();
    let put = async |input: Value| {
        call(&api, "PutQueryDefinition", input).await["queryDefinitionId"].as_str().unwrap().to_owned()
    };
    let first = put(json!({ "name": "a/one", "queryString": "limit 1", "logGroupNames": ["g"] })).await;
    let other = put(json!({ "name": "b", "queryString": "limit 2" })).await;
    put(json!({ "name": "a/uno", "queryString": "limit 3", "queryDefinitionId": first })).await;
    let found = call(&api, "DescribeQueryDefinitions", json!({ "queryDefinitionNamePrefix": "a/" })).await;
    assert_eq!(
        found,
        json!({ "queryDefinitions": [{
            "queryDefinitionId": first, "name": "a/uno", "queryString": "limit 3", "logGroupNames": [],
            "lastModified": NOW,
        }]})
    );
    let page = call(&api, "DescribeQueryDefinitions", json!({ "maxResults": 1 })).await;
    let rest = call(&api, "DescribeQueryDefinitions", json!({ "nextToken": page["nextToken"] })).await;
    assert_eq!(rest["queryDefinitions"][0]["queryDefinitionId"], other);
    let gone = json!({ "queryDefinitionId": other });
    assert_eq!(call(&api, "DeleteQueryDefinition", gone.clone()).await, json!({ "success": true }));
    let words = "The specified query definition does not exist.";
    refuse(&api, "DeleteQueryDefinition", gone, "ResourceNotFoundException", words).await;
    let unknown = json!({ "name": "n", "queryString": "limit 1", "queryDefinitionId": "x" });
    refuse(&api, "PutQueryDefinition", unknown, "ResourceNotFoundException", words).await;
}
