//! Policies that a template names and AWS has written: those about the services that run here.
//!
//! "AWS managed policies for Lambda" in Lambda's developer guide, the AWS managed policy reference, and
//! "Policy template list" in SAM's developer guide.

use serde_json::{Value as Json, json};

use crate::settings::Settings;

const LOGS: [&str; 3] = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
const QUEUE: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// An AWS managed policy by its name.
pub(super) fn managed(name: &str) -> Option<Json> {
    Some(match name {
        "AdministratorAccess" => allow(&["*"], &["*".to_owned()]),
        "AWSLambdaBasicExecutionRole" => allow(&LOGS, &["*".to_owned()]),
        "AWSLambdaSQSQueueExecutionRole" => allow(&[QUEUE, LOGS].concat(), &["*".to_owned()]),
        "AmazonDynamoDBFullAccess" => allow(&["dynamodb:*"], &["*".to_owned()]),
        "AmazonSQSFullAccess" => allow(&["sqs:*"], &["*".to_owned()]),
        "AmazonAPIGatewayInvokeFullAccess" => {
            let actions = ["execute-api:Invoke", "execute-api:ManageConnections"];
            allow(&actions, &["arn:aws:execute-api:*:*:*".to_owned()])
        }
        "CloudWatchLogsFullAccess" => allow(&["logs:*"], &["*".to_owned()]),
        _ => return None,
    })
}

/// One of SAM's policy templates; `None` for one that is not known here or lacks a parameter.
pub(super) fn template(
    name: &str,
    parameter: &dyn Fn(&str) -> Option<String>,
    settings: &Settings,
) -> Option<Json> {
    let place = |service: &str, resource: &str| {
        let (partition, region, account) = (settings.partition(), &settings.region, &settings.account_id);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    };
    let table = || {
        let table = place("dynamodb", &format!("table/{}", parameter("TableName")?));
        let indexes = format!("{table}/index/*");
        Some([table, indexes])
    };
    let queue = || Some([place("sqs", &parameter("QueueName")?)]);
    Some(match name {
        "DynamoDBCrudPolicy" => allow(&CRUD, &table()?),
        "DynamoDBReadPolicy" => allow(&READ, &table()?),
        "DynamoDBWritePolicy" => allow(&WRITE, &table()?),
        "SQSSendMessagePolicy" => allow(&["sqs:SendMessage*"], &queue()?),
        "SQSPollerPolicy" => allow(&POLL, &queue()?),
        "CloudWatchPutMetricPolicy" => allow(&["cloudwatch:PutMetricData"], &["*".to_owned()]),
        "FilterLogEventsPolicy" => {
            let group = format!("log-group:{}:log-stream:*", parameter("LogGroupName")?);
            allow(&["logs:FilterLogEvents"], &[place("logs", &group)])
        }
        _ => return None,
    })
}

const READ: [&str; 5] = [
    "dynamodb:BatchGetItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const WRITE: [&str; 3] = ["dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
const CRUD: [&str; 10] = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
];
const POLL: [&str; 6] = [
    "sqs:ChangeMessageVisibility",
    "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage",
    "sqs:DeleteMessageBatch",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

fn allow(actions: &[&str], resources: &[String]) -> Json {
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}
