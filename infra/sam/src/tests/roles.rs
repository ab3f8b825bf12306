//! What functions may do.

use crate::app::Role;

use super::load;

fn role(resources: &str) -> Role {
    let head = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n  Table:\n    \
                Type: AWS::Serverless::SimpleTable\n";
    let app = load(&format!("{head}{resources}"));
    app.functions["F"].role.clone()
}

/// What the role of a function with these policies allows, beside the log: `action resource` a line.
fn check(policies: &str, expected: &[&str]) {
    let role = role(&format!(
        "  F:\n    Type: AWS::Serverless::Function\n    Properties: {{Runtime: provided.al2023, CodeUri: ., Policies: {policies}}}\n"
    ));
    assert_eq!(role.name, "switchboard-FRole");
    assert_eq!(allowed(&role)[3..], *expected);
    assert_eq!(role.unknown, [""; 0]);
}

fn allowed(role: &Role) -> Vec<String> {
    let texts = |value: &serde_json::Value| match value.as_array() {
        Some(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        None => vec![value.as_str().unwrap().to_owned()],
    };
    let mut lines = Vec::new();
    for policy in &role.policies {
        for statement in policy["Statement"].as_array().unwrap() {
            for action in texts(&statement["Action"]) {
                let resources = texts(&statement["Resource"]).join(" ");
                lines.push(format!("{} {action} {resources}", statement["Effect"].as_str().unwrap()));
            }
        }
    }
    lines
}

const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/switchboard-Table";

#[test]
fn policies_are_documents_templates_and_names() {
    check("[]", &[]);
    let get = format!("Allow dynamodb:GetItem {TABLE}");
    let document = "{Statement: [{Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt Table.Arn}]}";
    check(document, &[&get]);
    check(&format!("[!Ref AWS::NoValue, {document}]"), &[&get]);
    let write = |action: &str| format!("Allow dynamodb:{action} {TABLE} {TABLE}/index/*");
    check(
        "[DynamoDBWritePolicy: {TableName: !Ref Table}]",
        &[&write("BatchWriteItem"), &write("PutItem"), &write("UpdateItem")],
    );
    let send = "Allow sqs:SendMessage* arn:aws:sqs:us-east-1:123456789012:switchboard-Queue";
    check("[SQSSendMessagePolicy: {QueueName: !GetAtt Queue.QueueName}]", &[send]);
    check("AmazonSQSFullAccess", &["Allow sqs:* *"]);
    check("[arn:aws:iam::aws:policy/AdministratorAccess]", &["Allow * *"]);
}

#[test]
fn what_is_not_known_is_said() {
    let unknown = |properties: &str| {
        role(&format!(
            "  F:\n    Type: AWS::Serverless::Function\n    Properties: {{CodeUri: ., {properties}}}\n"
        ))
        .unknown
    };
    let check = |properties: &str, expected: &str| assert_eq!(unknown(properties), [expected]);
    check("Policies: [SESCrudPolicy: {}]", "what its policy template SESCrudPolicy allows is not known here");
    check(
        "Policies: AmazonS3FullAccess",
        "what its managed policy AmazonS3FullAccess allows is not known here",
    );
    check(
        "Role: arn:aws:iam::123456789012:role/other",
        "its role arn:aws:iam::123456789012:role/other is not one of the template",
    );
    check(
        "Policies: [DynamoDBReadPolicy: {}]",
        "what its policy template DynamoDBReadPolicy allows is not known here",
    );
}

#[test]
fn a_role_of_the_template_has_what_is_attached_to_it() {
    let policy =
        |action: &str| format!("{{Statement: [{{Effect: Allow, Action: '{action}', Resource: '*'}}]}}");
    let template = format!(
        "  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: provided.al2023\n      Role: !GetAtt R.Arn\n      \
         Code: {{S3Bucket: b, S3Key: k}}\n  \
         R:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies: [{{PolicyName: p, PolicyDocument: {}}}]\n      \
         ManagedPolicyArns: [!Ref M, arn:aws:iam::aws:policy/AmazonSQSFullAccess]\n  \
         M:\n    Type: AWS::IAM::ManagedPolicy\n    Properties: {{PolicyDocument: {}}}\n  \
         P:\n    Type: AWS::IAM::Policy\n    Properties: {{PolicyName: q, Roles: [!Ref R], PolicyDocument: {}}}\n  \
         Other:\n    Type: AWS::IAM::Policy\n    Properties: {{PolicyName: o, Roles: [other], PolicyDocument: {}}}\n",
        policy("a:One"),
        policy("a:Two"),
        policy("a:Three"),
        policy("a:Four"),
    );
    let role = role(&template);
    assert_eq!((role.name.as_str(), role.unknown.len()), ("switchboard-R", 0));
    assert_eq!(allowed(&role), ["Allow a:One *", "Allow a:Two *", "Allow sqs:* *", "Allow a:Three *"]);
}

#[test]
fn a_function_that_a_queue_feeds_may_poll_it() {
    let fed = "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: provided.al2023\n      CodeUri: .\n      \
               Events:\n        Feed: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}\n";
    assert!(allowed(&role(fed)).contains(&"Allow sqs:ReceiveMessage *".to_owned()));
}
