//! Functions are held to their roles: what the template's policies do not allow is refused in AWS's words.

use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use harness::{Options, Socket, Stack, root};

/// Who calls, in a refusal.
fn caller(function: &str) -> String {
    format!("User: arn:aws:sts::123456789012:assumed-role/switchboard-{function}Role/switchboard-{function}")
}

/// The code and the message of a refusal. CloudWatch's SDK gives the code that its oldest protocol has.
#[track_caller]
fn check<E: ProvideErrorMetadata>(error: &E, function: &str, action: &str, resource: &str) {
    let is_cloudwatch = action.starts_with("cloudwatch:");
    assert_eq!(error.code(), Some(if is_cloudwatch { "AccessDenied" } else { "AccessDeniedException" }));
    let caller = caller(function);
    let expected = format!(
        "{caller} is not authorized to perform: {action} on resource: {resource} because no identity-based \
         policy allows the {action} action"
    );
    assert_eq!(error.message(), Some(expected.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_refuse_what_a_functions_policy_does_not_allow() {
    let stack = Stack::start().await;
    let sdk = stack.sdk_of("ConnectFunction");
    let (tables, name) = (aws_sdk_dynamodb::Client::new(&sdk), stack.table());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = tables.put_item().table_name(name).item("PK", text("a")).item("SK", text("b"));
    put.send().await.unwrap();
    let get = tables.get_item().table_name(name).key("PK", text("a")).key("SK", text("b"));
    let error = get.send().await.unwrap_err().into_service_error();
    let table = format!("arn:aws:dynamodb:us-east-1:123456789012:table/{name}");
    check(&error, "ConnectFunction", "dynamodb:GetItem", &table);
    let other = tables.put_item().table_name("other").item("PK", text("a")).send().await;
    let error = other.unwrap_err().into_service_error();
    check(&error, "ConnectFunction", "dynamodb:PutItem", &table.replace(name, "other"));

    let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
    let error = logs.describe_log_groups().send().await.unwrap_err().into_service_error();
    let groups = "arn:aws:logs:us-east-1:123456789012:log-group::log-stream:";
    check(&error, "ConnectFunction", "logs:DescribeLogGroups", groups);
    let metrics = aws_sdk_cloudwatch::Client::new(&sdk);
    let error = metrics.list_metrics().send().await.unwrap_err().into_service_error();
    check(&error, "ConnectFunction", "cloudwatch:ListMetrics", "*");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_managed_by_who_may() {
    let stack = Stack::start().await;
    let post = async |function: &str| {
        let client = stack.management_as(Stack::credentials_of(function));
        let data = Blob::new("x");
        client.post_to_connection().connection_id("L0SM9cOFvHcCIhw=").data(data).send().await
    };
    let error = post("DefaultFunction").await.unwrap_err().into_service_error();
    assert!(error.is_gone_exception(), "it may, and there is no such connection: {error:?}");
    let error = post("ConnectFunction").await.unwrap_err().into_service_error();
    let endpoint = stack.endpoint();
    let resource = format!(
        "arn:aws:execute-api:us-east-1:123456789012:{}/{}/POST/@connections/{{connectionId}}",
        endpoint.api_id, endpoint.stage
    );
    check(&error, "ConnectFunction", "execute-api:ManageConnections", &resource);
    let client = stack.management_as(Stack::credentials_of("DefaultFunction"));
    let get = client.get_connection().connection_id("L0SM9cOFvHcCIhw=").send().await;
    let error = get.unwrap_err().into_service_error();
    let resource = resource.replace("POST", "GET");
    check(&error, "DefaultFunction", "execute-api:ManageConnections", &resource);
    stack.stop().await;
}

/// The repository's template with a line of it taken out.
fn without(line: &str) -> Options {
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    assert!(template.contains(line), "{line:?}");
    let functions = format!("CodeUri: {}/functions", root().display());
    let template = template.replacen(line, "", 1).replace("CodeUri: ../functions", &functions);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("iam");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["samconfig.toml", "namespaces.schema.json"] {
        std::fs::copy(root().join("infra").join(file), folder.join(file)).unwrap();
    }
    std::fs::write(folder.join("template.yaml"), template).unwrap();
    Options { template: folder.join("template.yaml"), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_policy_lacks_an_action_fails_and_says_so() {
    let options = without("                - dynamodb:PutItem\n");
    let stack = Stack::with(options.clone()).await;
    let refused = Socket::try_open(stack.endpoint().websocket.as_str()).await;
    assert!(refused.is_err(), "$connect cannot write its row");
    let denied = |lines: &[serde_json::Value]| {
        let error = lines.iter().find_map(|line| line["error"].as_str())?;
        error.contains("is not authorized to perform: dynamodb:PutItem").then_some(())
    };
    stack.logs().wait("/aws/lambda", denied).await;
    stack.stop().await;

    let stack = Stack::with(Options { enforce_iam: false, ..options }).await;
    stack.connect().await.close(None).await;
    stack.stop().await;
}
