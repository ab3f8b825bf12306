//! Which permissions a call needs: the actions, each with the resource that IAM is asked about.
//!
//! The service authorization reference, "Actions, resources, and condition keys" of Amazon DynamoDB,
//! Amazon CloudWatch Logs, Amazon CloudWatch and Amazon SQS. A batch of SQS needs what its single call
//! does, and a transaction of DynamoDB what each of its parts does. CloudWatch is asked about `*` only.

use std::collections::BTreeMap;

use sam::app::Table;
use serde_json::Value;

/// An action and a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `dynamodb:GetItem`
    pub(crate) action: String,
    /// Its ARN, or `*` where the action has none.
    pub(crate) resource: String,
    /// `dynamodb:LeadingKeys`: the partition keys of the rows, where they are known. Only calls on one row of
    /// a table of the template say them.
    pub(crate) leading_keys: Option<Vec<String>>,
}

/// Where resources are, for their ARNs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    partition: &'static str,
    region: String,
    account: String,
    /// The partition key's attribute of each table.
    keys: BTreeMap<String, String>,
}

impl Place {
    pub(crate) fn new(deployment: &sam::Settings, tables: &[Table]) -> Self {
        let sam::Settings { region, account_id, .. } = deployment;
        let partition_key = |table: &Table| {
            let keys = table.create.get("KeySchema")?.as_array()?;
            let hash = keys.iter().find(|key| key.get("KeyType").is_some_and(|kind| kind == "HASH"))?;
            Some((table.name.clone(), hash.get("AttributeName")?.as_str()?.to_owned()))
        };
        Self {
            partition: deployment.partition(),
            region: region.clone(),
            account: account_id.clone(),
            keys: tables.iter().filter_map(partition_key).collect(),
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// What a call of DynamoDB or of its streams needs.
    pub(crate) fn dynamodb(&self, operation: &str, body: &Value) -> Vec<Asked> {
        let table = |name: &str| match name.starts_with("arn:") {
            true => name.to_owned(),
            false => self.arn("dynamodb", &format!("table/{name}")),
        };
        let own = |resource: String| vec![asked("dynamodb", operation, resource)];
        match operation {
            "BatchGetItem" | "BatchWriteItem" => {
                let names = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.keys());
                names.map(|name| asked("dynamodb", operation, table(name))).collect()
            }
            "TransactGetItems" | "TransactWriteItems" => {
                let parts = body["TransactItems"].as_array().into_iter().flatten();
                let parts = parts.filter_map(Value::as_object).flatten();
                let part = |(kind, part): (&String, &Value)| {
                    let action = if kind == "ConditionCheck" {
                        "ConditionCheckItem".into()
                    } else {
                        format!("{kind}Item")
                    };
                    asked("dynamodb", &action, table(text(part, "TableName")))
                };
                parts.map(part).collect()
            }
            "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction" => self.partiql(body),
            "ListTables" | "ListStreams" | "DescribeLimits" | "DescribeEndpoints" => own("*".to_owned()),
            // The iterator says which stream, and only DynamoDB can read it.
            "GetRecords" => own(table("*/stream/*")),
            "DescribeStream" | "GetShardIterator" => own(text(body, "StreamArn").to_owned()),
            "ListTagsOfResource" | "TagResource" | "UntagResource" => {
                own(text(body, "ResourceArn").to_owned())
            }
            "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" => {
                let name = text(body, "TableName");
                let row = if operation == "PutItem" { &body["Item"] } else { &body["Key"] };
                let leading_keys = self.leading_key(name, row).map(|key| vec![key]);
                vec![Asked { leading_keys, ..asked("dynamodb", operation, table(name)) }]
            }
            _ => {
                let table = table(text(body, "TableName"));
                match body["IndexName"].as_str() {
                    Some(index) => own(format!("{table}/index/{index}")),
                    None => own(table),
                }
            }
        }
    }

    /// The partition key of a row; numbers and bytes as they are written.
    fn leading_key(&self, table: &str, row: &Value) -> Option<String> {
        let name = table.rsplit('/').next()?;
        let value = row.get(self.keys.get(name)?)?.as_object()?.values().next()?;
        value.as_str().map(str::to_owned)
    }

    /// A statement's first word is its action. Which table it means is not read: it has to be allowed on
    /// all of them.
    fn partiql(&self, body: &Value) -> Vec<Asked> {
        let many =
            ["Statements", "TransactStatements"].iter().filter_map(|name| body[name].as_array()).flatten();
        let one = body.get("Statement").is_some().then_some(body);
        let action = |statement: &Value| {
            let word = text(statement, "Statement").split_whitespace().next().unwrap_or_default();
            let action = match word.to_ascii_lowercase().as_str() {
                "insert" => "PartiQLInsert",
                "update" => "PartiQLUpdate",
                "delete" => "PartiQLDelete",
                _ => "PartiQLSelect",
            };
            asked("dynamodb", action, self.arn("dynamodb", "table/*"))
        };
        many.chain(one).map(action).collect()
    }

    /// What a call of SQS needs.
    pub(crate) fn sqs(&self, operation: &str, body: &Value) -> Vec<Asked> {
        let action = operation.strip_suffix("Batch").unwrap_or(operation);
        let url = text(body, "QueueUrl").rsplit('/').next().unwrap_or_default();
        let queue = if url.is_empty() { text(body, "QueueName") } else { url };
        let resource = match text(body, "SourceArn") {
            _ if operation == "ListQueues" => "*".to_owned(),
            "" => self.arn("sqs", queue),
            arn => arn.to_owned(),
        };
        vec![asked("sqs", action, resource)]
    }

    /// What a call of CloudWatch Logs needs: on its groups, with the stream when it names one.
    pub(crate) fn logs(&self, operation: &str, body: &Value) -> Vec<Asked> {
        let lists = ["logGroupNames", "logGroupIdentifiers"];
        let many = lists.iter().filter_map(|name| body[name].as_array()).flatten().filter_map(Value::as_str);
        let one = ["logGroupName", "logGroupIdentifier"].into_iter().filter_map(|name| body[name].as_str());
        let mut groups: Vec<_> = many.chain(one).collect();
        if groups.is_empty() {
            // Those of queries, which are no resources, name no group.
            if operation.contains("Quer") {
                return vec![asked("logs", operation, "*".to_owned())];
            }
            groups.push("");
        }
        let stream = text(body, "logStreamName");
        let resource = |group: &&str| {
            let group = match group.starts_with("arn:") {
                true => group.trim_end_matches(":*").to_owned(),
                false => self.arn("logs", &format!("log-group:{group}")),
            };
            asked("logs", operation, format!("{group}:log-stream:{stream}"))
        };
        groups.iter().map(resource).collect()
    }

    /// What a call of CloudWatch needs.
    pub(crate) fn cloudwatch(operation: &str) -> Vec<Asked> {
        vec![asked("cloudwatch", operation, "*".to_owned())]
    }
}

fn asked(service: &str, operation: &str, resource: String) -> Asked {
    Asked { action: format!("{service}:{operation}"), resource, leading_keys: None }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = ":us-east-1:123456789012:";

    /// `action resource`, the account's part of ARNs left out.
    fn check(asked: &[Asked], expected: &[&str]) {
        let lines = asked.iter().map(|one| format!("{} {}", one.action, one.resource.replace(ARN, ":")));
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    fn place() -> Place {
        Place::new(&sam::Settings::default(), &[])
    }

    #[test]
    fn calls_on_one_row_say_its_partition_key() {
        let create = json!({ "KeySchema": [
            { "AttributeName": "SK", "KeyType": "RANGE" }, { "AttributeName": "PK", "KeyType": "HASH" },
        ] });
        let table = Table { logical_id: "T".to_owned(), name: "t".to_owned(), create, ttl_attribute: None };
        let place = Place::new(&sam::Settings::default(), &[table]);
        let check = |operation, body: Value, expected: Option<&str>| {
            let keys = place.dynamodb(operation, &body).remove(0).leading_keys;
            assert_eq!(keys, expected.map(|key| vec![key.to_owned()]), "{operation} {body}");
        };
        let row = json!({ "PK": { "S": "K#1" }, "SK": { "S": "K" } });
        check("DeleteItem", json!({ "TableName": "t", "Key": row }), Some("K#1"));
        check("PutItem", json!({ "TableName": "t", "Item": row }), Some("K#1"));
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/t";
        check("GetItem", json!({ "TableName": arn, "Key": { "PK": { "N": "7" } } }), Some("7"));
        check("GetItem", json!({ "TableName": "other", "Key": row }), None);
        check("Query", json!({ "TableName": "t", "KeyConditionExpression": "PK = :pk" }), None);
    }

    #[test]
    fn calls_of_dynamodb_are_about_tables_and_indexes() {
        let check =
            |operation, body: Value, expected: &[&str]| check(&place().dynamodb(operation, &body), expected);
        check("GetItem", json!({ "TableName": "t" }), &["dynamodb:GetItem arn:aws:dynamodb:table/t"]);
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/t";
        check("GetItem", json!({ "TableName": arn }), &["dynamodb:GetItem arn:aws:dynamodb:table/t"]);
        let index = json!({ "TableName": "t", "IndexName": "i" });
        check("Query", index, &["dynamodb:Query arn:aws:dynamodb:table/t/index/i"]);
        check(
            "BatchWriteItem",
            json!({ "RequestItems": { "a": [], "b": [] } }),
            &[
                "dynamodb:BatchWriteItem arn:aws:dynamodb:table/a",
                "dynamodb:BatchWriteItem arn:aws:dynamodb:table/b",
            ],
        );
        check(
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Put": { "TableName": "a" } }, { "ConditionCheck": { "TableName": "b" } }] }),
            &[
                "dynamodb:PutItem arn:aws:dynamodb:table/a",
                "dynamodb:ConditionCheckItem arn:aws:dynamodb:table/b",
            ],
        );
        check(
            "ExecuteStatement",
            json!({ "Statement": "DELETE FROM t WHERE a = 1" }),
            &["dynamodb:PartiQLDelete arn:aws:dynamodb:table/*"],
        );
        check(
            "BatchExecuteStatement",
            json!({ "Statements": [{ "Statement": "select * from t" }] }),
            &["dynamodb:PartiQLSelect arn:aws:dynamodb:table/*"],
        );
        check("ListTables", json!({}), &["dynamodb:ListTables *"]);
        check("GetRecords", json!({}), &["dynamodb:GetRecords arn:aws:dynamodb:table/*/stream/*"]);
    }

    #[test]
    fn calls_of_sqs_are_about_one_queue() {
        let check =
            |operation, body: Value, expected: &str| check(&place().sqs(operation, &body), &[expected]);
        let url = json!({ "QueueUrl": "http://127.0.0.1:4566/123456789012/q" });
        check("SendMessageBatch", url, "sqs:SendMessage arn:aws:sqs:q");
        check("GetQueueUrl", json!({ "QueueName": "q" }), "sqs:GetQueueUrl arn:aws:sqs:q");
        check("ListQueues", json!({}), "sqs:ListQueues *");
    }

    #[test]
    fn calls_of_logs_are_about_groups_and_streams() {
        let check =
            |operation, body: Value, expected: &[&str]| check(&place().logs(operation, &body), expected);
        let put = json!({ "logGroupName": "/g", "logStreamName": "s" });
        check("PutLogEvents", put, &["logs:PutLogEvents arn:aws:logs:log-group:/g:log-stream:s"]);
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/g:*";
        check(
            "StartQuery",
            json!({ "logGroupNames": ["/a"], "logGroupIdentifiers": [arn] }),
            &[
                "logs:StartQuery arn:aws:logs:log-group:/a:log-stream:",
                "logs:StartQuery arn:aws:logs:log-group:/g:log-stream:",
            ],
        );
        check("GetQueryResults", json!({ "queryId": "q" }), &["logs:GetQueryResults *"]);
        check(
            "DescribeLogGroups",
            json!({}),
            &["logs:DescribeLogGroups arn:aws:logs:log-group::log-stream:"],
        );
    }
}
