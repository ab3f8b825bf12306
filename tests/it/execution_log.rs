//! The gateway's execution log beside the function's own log.

use harness::{Options, Stack};
use local::execution_log_group;

#[tokio::test(flavor = "multi_thread")]
async fn both_logs_call_a_failed_invocation_by_the_same_id() {
    let stack = Stack::with(Options::fixture("probe.yaml")).await;
    let mut client = stack.connect().await;
    client.ask(r#"{"route":"one-way","do":"error","message":"no such channel"}"#).await;
    let endpoint = stack.endpoint();
    let group = execution_log_group(&endpoint.api_id, &endpoint.stage);
    let lines: Vec<_> = stack.logs().events(&group).into_iter().map(|event| event.message).collect();
    let failure = "Lambda execution failed with status 200 due to customer function error: no such channel. \
                   Lambda request id: ";
    let id = lines.iter().find_map(|line| Some(line.split_once(failure)?.1)).unwrap();
    let function = stack.logs().events("/aws/lambda/probe");
    let started = format!("START RequestId: {id} Version: $LATEST");
    assert!(function.iter().any(|event| *event.message == *started), "{function:#?}");
    let uri = "Endpoint request URI: https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/\
               arn:aws:lambda:us-east-1:123456789012:function:probe/invocations";
    assert!(lines.iter().any(|line| line.ends_with(uri)), "{lines:#?}");
    drop(client);
    stack.stop().await;
}
