//! One invocation of a function for the gateway: its request id, and what the logs tell of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use uuid::Uuid;

use super::execution_log::Execution;
use crate::lambda::{Invoke, InvokeError};

/// The ARNs of functions, by logical id.
#[derive(Debug)]
pub(crate) struct Functions {
    arns: BTreeMap<String, String>,
    region: String,
}

impl Functions {
    /// The functions of these names, by logical id.
    pub(crate) fn new(names: &BTreeMap<String, String>, deployment: &sam::Settings) -> Self {
        let sam::Settings { region, account_id, .. } = deployment;
        let partition = deployment.partition();
        let arn = |name: &String| format!("arn:{partition}:lambda:{region}:{account_id}:function:{name}");
        let arns = names.iter().map(|(id, name)| (id.clone(), arn(name)));
        Self { arns: arns.collect(), region: region.clone() }
    }

    /// Where API Gateway invokes a function.
    fn uri(&self, function: &str) -> String {
        let (region, arn) = (&self.region, self.arns.get(function).map_or(function, String::as_str));
        format!("https://lambda.{region}.amazonaws.com/2015-03-31/functions/{arn}/invocations")
    }
}

/// Lambda, as it is called for one event: it notes what happens, and tells the execution log.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    invoke: &'a dyn Invoke,
    functions: &'a Functions,
    /// Authorizers have none.
    execution: Option<&'a Execution<'a>>,
    request_id: OnceLock<String>,
    status: OnceLock<u16>,
}

impl<'a> Invocation<'a> {
    /// An invocation that is about to happen.
    pub(crate) fn new(
        invoke: &'a dyn Invoke,
        functions: &'a Functions,
        execution: Option<&'a Execution<'a>>,
    ) -> Self {
        Self { invoke, functions, execution, request_id: OnceLock::new(), status: OnceLock::new() }
    }

    /// Lambda's id of the request, when the function was called.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.get().map(String::as_str)
    }

    /// The status that Lambda answered, when it did: 200 for a function that failed, too.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status.get().copied()
    }

    async fn run(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let request_id = self.request_id.get_or_init(|| Uuid::new_v4().to_string());
        let uri = self.execution.filter(|execution| execution.traces()).map(|_| self.functions.uri(function));
        if let (Some(execution), Some(uri)) = (self.execution, &uri) {
            asking(execution, uri, &payload);
        }
        let started = Instant::now();
        let result = self.invoke.invoke_as(function, payload, request_id).await;
        if let Some(status) = status(&result) {
            // Once for one event.
            let _ = self.status.set(status);
            if let Some(execution) = self.execution {
                if uri.is_some() {
                    answered(execution, request_id, status, started.elapsed().as_millis(), &result);
                }
                execution.info(format_args!("AWS Integration Endpoint RequestId : {request_id}"));
            }
        }
        if let (Some(execution), Err(error)) = (self.execution, &result) {
            failed(execution, request_id, error);
        }
        result
    }
}

impl Invoke for Invocation<'_> {
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(self.run(function, payload))
    }
}

/// The status of Lambda's answer; none where nothing can be asked.
fn status(result: &Result<Bytes, InvokeError>) -> Option<u16> {
    match result {
        Ok(_) | Err(InvokeError::Function { .. } | InvokeError::Exited(_) | InvokeError::TimedOut { .. }) => {
            Some(200)
        }
        Err(InvokeError::Throttled) => Some(429),
        Err(InvokeError::NotRunnable(_)) => None,
    }
}

fn asking(execution: &Execution<'_>, uri: &str, payload: &Bytes) {
    let (id, api) = (execution.request_id(), execution.api_id());
    execution.trace(format_args!("Endpoint request URI: {uri}"));
    execution.trace(format_args!(
        "Endpoint request headers: {{x-amzn-lambda-integration-tag={id}, x-amzn-apigateway-api-id={api}, \
         Accept=application/json, Content-Type=application/json, User-Agent=AmazonAPIGateway_{api}}}"
    ));
    let body = String::from_utf8_lossy(payload);
    execution.trace(format_args!("Endpoint request body after transformations: {body}"));
    execution.trace(format_args!("Sending request to {uri}"));
}

fn answered(
    execution: &Execution<'_>,
    request_id: &str,
    status: u16,
    latency: u128,
    result: &Result<Bytes, InvokeError>,
) {
    let body = match result {
        Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Err(InvokeError::Function { error_type, message }) => {
            serde_json::json!({ "errorMessage": message, "errorType": error_type }).to_string()
        }
        Err(error) => serde_json::json!({ "errorMessage": error.to_string() }).to_string(),
    };
    let (length, unhandled) =
        (body.len(), if result.is_err() { ", X-Amz-Function-Error=Unhandled" } else { "" });
    execution.trace(format_args!("Received response. Status: {status}, Integration latency: {latency} ms"));
    execution.trace(format_args!(
        "Endpoint response headers: {{Content-Type=application/json, Content-Length={length}, \
         x-amzn-RequestId={request_id}{unhandled}}}"
    ));
    execution.trace(format_args!("Endpoint response body before transformations: {body}"));
}

fn failed(execution: &Execution<'_>, request_id: &str, error: &InvokeError) {
    let message = match error {
        InvokeError::Function { message, .. } => message.clone(),
        InvokeError::NotRunnable(reason) => {
            execution.error(format_args!("Execution failed due to configuration error: {reason}"));
            return;
        }
        InvokeError::Throttled => {
            execution.error(format_args!(
                "Lambda execution failed with status 429: {error} Lambda request id: {request_id}"
            ));
            return;
        }
        error => error.to_string(),
    };
    execution.error(format_args!(
        "Lambda execution failed with status 200 due to customer function error: {message}. Lambda request id: \
         {request_id}"
    ));
}
