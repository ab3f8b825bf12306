//! Functions, tables and log groups: what their properties come to.

use std::time::Duration;

use serde_json::json;

use super::{errors, load};
use crate::app::{LogFormat, LogLevel};

#[test]
fn a_function_has_globals_under_its_own_properties() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: nodejs22.x
    Timeout: 7
    MemorySize: 512
    Environment: {Variables: {A: global, B: global}}
Resources:
  Chat:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: ''
      Handler: index.handler
      MemorySize: '256'
      ReservedConcurrentExecutions: 2
      LoggingConfig: {LogFormat: JSON, LogGroup: !Ref Log}
      Environment: {Variables: {B: own, C: 010, D: true}}
  Bare:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout, MemorySize, Environment]
    Properties: {InlineCode: '', FunctionName: named}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /chat, RetentionInDays: 7}}
";
    let app = load(text);
    let chat = &app.functions["Chat"];
    assert_eq!((chat.timeout, chat.memory_mb), (Duration::from_secs(7), 256));
    let json = LogFormat::Json { application: LogLevel::Info, system: LogLevel::Info };
    assert_eq!(
        (chat.handler.as_str(), chat.log_group.as_str(), chat.log_format),
        ("index.handler", "/chat", json)
    );
    assert_eq!(chat.reserved_concurrency, Some(2));
    let environment = chat.environment.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(environment.collect::<Vec<_>>().join(" "), "A=global B=own C=010 D=true");
    let bare = &app.functions["Bare"];
    assert_eq!((bare.timeout, bare.memory_mb), (Duration::from_secs(3), 128));
    assert_eq!((bare.name.as_str(), bare.log_group.as_str()), ("named", "/aws/lambda/named"));
    assert!(bare.environment.is_empty() && bare.log_format == LogFormat::Text);
    assert_eq!(app.log_groups[0].retention_days, Some(7));
}

#[test]
fn mistakes_of_a_function_are_named_where_they_are() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 901
      MemorySize: [1]
      Environment: {TABLE: x}
      LoggingConfig: {LogFormat: json}
      Handler: {a: b}
";
    insta::assert_snapshot!(errors(text), @r"
    template.yaml:4:3: `Chat` (AWS::Serverless::Function) must have `CodeUri`, which is missing
    template.yaml:7:16: `Chat` (AWS::Serverless::Function): `Timeout` must be a whole number from 1 to 900, not `901`
    template.yaml:8:19: `Chat` (AWS::Serverless::Function): `MemorySize` must be a whole number from 128 to 32768, not a list
    template.yaml:9:21: `Chat` (AWS::Serverless::Function): `Environment` has only `Variables`; move `TABLE` under it
    template.yaml:10:34: `Chat` (AWS::Serverless::Function): `LogFormat` must be one of JSON, Text, not `json`
    template.yaml:11:16: `Chat` (AWS::Serverless::Function): `Handler` must be a text, not a map
    ");
}

#[test]
fn a_table_is_the_body_of_create_table() {
    let text = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub '${AWS::StackName}-t'
      AttributeDefinitions:
        - {AttributeName: PK, AttributeType: S}
        - {AttributeName: SK, AttributeType: N}
      KeySchema:
        - {AttributeName: PK, KeyType: HASH}
      ProvisionedThroughput: {ReadCapacityUnits: '5', WriteCapacityUnits: 1}
      GlobalSecondaryIndexes:
        - IndexName: by-sk
          KeySchema: [{AttributeName: SK, KeyType: HASH}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [a]}
          ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 1}
      StreamSpecification: {StreamViewType: KEYS_ONLY}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: 'true'}
      SSESpecification: {SSEEnabled: true}
";
    let table = load(text).tables.remove(0);
    assert_eq!(table.name, "switchboard-t");
    assert_eq!(table.ttl_attribute.as_deref(), Some("ttl"));
    let units = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    let expected = json!({
        "TableName": "switchboard-t",
        "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "PK", "AttributeType": "S"},
            {"AttributeName": "SK", "AttributeType": "N"},
        ],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 1},
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-sk",
            "KeySchema": [{"AttributeName": "SK", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
            "ProvisionedThroughput": units,
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
    });
    assert_eq!(table.create, expected);
}

#[test]
fn a_simple_table_is_on_demand_with_one_key() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Table: {Type: AWS::Serverless::SimpleTable, Properties: {PrimaryKey: {Name: n, Type: Number}}}
  Plain: {Type: AWS::Serverless::SimpleTable}
";
    let app = load(text);
    let attributes = |index: usize| app.tables[index].create["AttributeDefinitions"].clone();
    assert_eq!(attributes(0), json!([{"AttributeName": "n", "AttributeType": "N"}]));
    assert_eq!(attributes(1), json!([{"AttributeName": "id", "AttributeType": "S"}]));
    assert_eq!(app.tables[1].create["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(app.ignored, []);
}

#[test]
fn mistakes_of_a_table_are_named_where_they_are() {
    let text = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BilingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: PK, AttributeType: String}
        - {AttributeName: other, AttributeType: S}
      KeySchema:
        - {AttributeName: PK, KeyType: HASH}
        - {AttributeName: SK, KeyType: RANGE}
";
    insta::assert_snapshot!(errors(text), @r"
    template.yaml:3:3: `Table` (AWS::DynamoDB::Table) must have `ProvisionedThroughput`, which is missing
    template.yaml:6:7: `Table` (AWS::DynamoDB::Table) has no `BilingMode`; did you mean `BillingMode`?
    template.yaml:8:46: `Table` (AWS::DynamoDB::Table): `AttributeType` must be one of B, N, S, not `String`
    template.yaml:9:11: `Table` (AWS::DynamoDB::Table): `other` is defined and no key uses it; DynamoDB refuses such a table
    template.yaml:12:11: `Table` (AWS::DynamoDB::Table): the key attribute `SK` is not among the `AttributeDefinitions`
    ");
}
