//! Lookup tables, over the wire.

use serde_json::json;

use super::query_tests::{answered, malformed, query, started, with};
use super::tests::{NOW, call, prepared, refuse};
use super::*;

const CSV: &str = "id,name\n1,Ann\n2,Bo\n";
const ARN: &str = "arn:aws:logs:us-east-1:123456789012:lookup-table:people";
const INVALID: &str = "InvalidParameterException";

/// An API with three events and the table `people`.
async fn api() -> Api {
    let api = with(&[r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]).await;
    let input = json!({ "lookupTableName": "people", "tableBody": CSV, "description": "who" });
    let made = call(&api, "CreateLookupTable", input).await;
    assert_eq!(made, json!({ "lookupTableArn": ARN, "createdAt": NOW }));
    api
}

/// The first cells of the rows of a query.
async fn cells(api: &Api, text: &str) -> Vec<String> {
    let answer = answered(api, text).await;
    let rows = answer["results"].as_array().unwrap().clone();
    rows.iter().filter_map(|row| Some(row[0]["value"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_query_looks_into_the_table_as_it_is_when_it_starts() {
    let api = api().await;
    let text = "lookup people id OUTPUT name | filter ispresent(name) | sort name | display name";
    assert_eq!(cells(&api, text).await, ["Ann", "Bo"]);
    let input = json!({ "lookupTableArn": ARN, "tableBody": "id,name\n3,Cy\n" });
    let updated = call(&api, "UpdateLookupTable", input).await;
    assert_eq!(updated, json!({ "lookupTableArn": ARN, "lastUpdatedTime": NOW }));
    assert_eq!(cells(&api, text).await, ["Cy"]);
    call(&api, "DeleteLookupTable", json!({ "lookupTableArn": ARN })).await;
    assert_eq!(malformed(&api, text).await, "the lookup table 'people' does not exist");
}

#[tokio::test]
async fn tables_are_described_and_given_back() {
    let api = api().await;
    let table = json!({
        "lookupTableArn": ARN, "lookupTableName": "people", "description": "who",
        "sizeBytes": CSV.len(), "lastUpdatedTime": NOW,
    });
    let (mut got, mut listed) = (table.clone(), table);
    got["tableBody"] = CSV.into();
    (listed["recordsCount"], listed["tableFields"]) = (2.into(), json!(["id", "name"]));
    assert_eq!(call(&api, "GetLookupTable", json!({ "lookupTableArn": ARN })).await, got);
    let input = json!({ "lookupTableName": "zones", "tableBody": "zone\n" });
    call(&api, "CreateLookupTable", input).await;
    let page = call(&api, "DescribeLookupTables", json!({ "maxResults": 1 })).await;
    assert_eq!(page["lookupTables"], json!([listed]));
    let next = call(&api, "DescribeLookupTables", json!({ "nextToken": page["nextToken"] })).await;
    let names = (&next["lookupTables"][0]["lookupTableName"], next.get("nextToken"));
    assert_eq!(names, (&json!("zones"), None));
    let found = call(&api, "DescribeLookupTables", json!({ "lookupTableNamePrefix": "z" })).await;
    assert_eq!(found["lookupTables"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_rows_of_a_query_make_a_table() {
    let api = api().await;
    let id = started(&api, query("stats count(*) as n by id, concat(\"a,\\\"\", id) as t | sort id")).await;
    super::query_tests::ended(&api, &id).await;
    let input = json!({ "lookupTableName": "seen", "queryId": id });
    call(&api, "CreateLookupTable", input).await;
    let arn = ARN.replace("people", "seen");
    let body = call(&api, "GetLookupTable", json!({ "lookupTableArn": arn })).await;
    let rows: String = (1..=3).map(|id| format!("\"{id}\",\"a,\"\"{id}\",\"1\"\n")).collect();
    assert_eq!(body["tableBody"], format!("\"id\",\"t\",\"n\"\n{rows}"));
    assert_eq!(cells(&api, "filter id = 2 | lookup seen id OUTPUT t | display t").await, ["a,\"2"]);
}

#[tokio::test]
async fn what_is_no_table_is_refused() {
    let api = api().await;
    let refused = async |input: Value, code: &str, words: &str| {
        refuse(&api, "CreateLookupTable", input, code, words).await;
    };
    let one = "Specify either tableBody or queryId, but not both.";
    refused(json!({ "lookupTableName": "t" }), INVALID, one).await;
    refused(json!({ "lookupTableName": "t", "tableBody": "a\n", "queryId": "q" }), INVALID, one).await;
    let uneven = "row 2 of the lookup table has 2 columns, and the first one 1";
    refused(json!({ "lookupTableName": "t", "tableBody": "a\n1,2\n" }), INVALID, uneven).await;
    let twice = "The specified lookup table already exists.";
    let input = json!({ "lookupTableName": "people", "tableBody": "a\n" });
    refused(input, "ResourceAlreadyExistsException", twice).await;
    let rule = "1 validation error detected: Value 'a-b' at 'lookupTableName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9_]+$";
    refused(json!({ "lookupTableName": "a-b", "tableBody": "a\n" }), INVALID, rule).await;
    let tags = "Tags of lookup tables are not available here.";
    refused(json!({ "lookupTableName": "t", "tableBody": "a\n", "tags": { "k": "v" } }), INVALID, tags).await;
    let unknown = "The specified lookup table does not exist.";
    for operation in ["GetLookupTable", "DeleteLookupTable"] {
        let input = json!({ "lookupTableArn": "arn:aws:logs:us-east-1:123456789012:lookup-table:x" });
        refuse(&api, operation, input, "ResourceNotFoundException", unknown).await;
    }
}

#[tokio::test]
async fn an_account_has_a_hundred_tables() {
    let api = prepared();
    let make = |at: usize| json!({ "lookupTableName": format!("t{at}"), "tableBody": "a\n" });
    for at in 0..100 {
        call(&api, "CreateLookupTable", make(at)).await;
    }
    let words = "Resource limit exceeded.";
    refuse(&api, "CreateLookupTable", make(100), "LimitExceededException", words).await;
}
