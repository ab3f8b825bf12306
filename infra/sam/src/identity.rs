//! What `Ref` and `Fn::GetAtt` give for each type of resource, as CloudFormation documents it under
//! "Return values".
//!
//! Identifiers that AWS makes up (API ids, suffixes) are derived from the stack and the logical id,
//! so that the same template has the same ids at every start.

use crate::error::{Position, did_you_mean};
use crate::scope::Scope;
use crate::template::Resource;
use crate::value::{Data, Value};
use crate::yaml;

/// The parts of an API that have a short id of their own, and no name.
fn is_api_part(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::ApiGateway::ApiKey"
            | "AWS::ApiGateway::UsagePlan"
            | "AWS::ApiGateway::UsagePlanKey"
            | "AWS::ApiGatewayV2::Authorizer"
            | "AWS::ApiGatewayV2::Deployment"
            | "AWS::ApiGatewayV2::Integration"
            | "AWS::ApiGatewayV2::IntegrationResponse"
            | "AWS::ApiGatewayV2::Model"
            | "AWS::ApiGatewayV2::Route"
            | "AWS::ApiGatewayV2::RouteResponse"
    )
}

/// `Ref` of a resource.
pub(crate) fn reference(scope: &Scope<'_>, resource: &Resource, at: Position) -> Value {
    let text = match resource.kind.as_str() {
        "AWS::ApiGatewayV2::Api" | "AWS::Serverless::HttpApi" => api_id(scope, resource),
        kind if is_api_part(kind) => short_id(scope, resource),
        "AWS::ApiGatewayV2::Stage" => return property(scope, resource, "StageName", at),
        "AWS::IAM::ManagedPolicy" => {
            global_arn(scope, "iam", &format!("policy/{}", physical_name(scope, resource)))
        }
        "AWS::Lambda::Alias" | "AWS::Lambda::Version" => return qualified_function(scope, resource, at),
        "AWS::SNS::Topic" => arn(scope, "sns", &physical_name(scope, resource)),
        "AWS::SQS::Queue" => queue_url(scope, resource),
        _ => physical_name(scope, resource),
    };
    Value::text(at, text)
}

/// `Fn::GetAtt` of a resource.
pub(crate) fn attribute(scope: &Scope<'_>, resource: &Resource, attribute: &str, at: Position) -> Value {
    let known = attributes(&resource.kind);
    if let Some(value) = generated_by_sam(scope, resource, attribute, at) {
        return value;
    }
    if known.is_some_and(|known| !known.contains(&attribute)) {
        let known = known.unwrap_or_default();
        let hint = match did_you_mean(attribute, known.iter().copied()) {
            hint if !hint.is_empty() => hint,
            _ if known.is_empty() => "; it has none".to_owned(),
            _ => format!("; it has {}", known.join(", ")),
        };
        let message = format!("`{}` ({}) has no attribute `{attribute}`{hint}", resource.id, resource.kind);
        scope.problems.report(at, message);
        return Value::reported(at);
    }
    let text = match (resource.kind.as_str(), attribute) {
        ("AWS::DynamoDB::Table", "StreamArn") => match stream_arn(scope, resource) {
            Some(arn) => arn,
            None => {
                let message = format!("`{}` has no stream: it has no `StreamSpecification`", resource.id);
                scope.problems.report(at, message);
                return Value::reported(at);
            }
        },
        (kind, attribute) => plain_attribute(scope, resource, kind, attribute),
    };
    Value::text(at, text)
}

/// The attributes of the types that are run here, or that stand beside them often.
fn attributes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "AWS::ApiGateway::ApiKey" => &["APIKeyId"],
        "AWS::ApiGateway::UsagePlan" | "AWS::ApiGateway::UsagePlanKey" => &["Id"],
        "AWS::ApiGatewayV2::Api" => &["ApiEndpoint", "ApiId", "ExecuteApiArn"],
        "AWS::ApiGatewayV2::Authorizer" => &["AuthorizerId"],
        "AWS::ApiGatewayV2::Deployment" => &["DeploymentId"],
        "AWS::ApiGatewayV2::Integration" => &["IntegrationId"],
        "AWS::ApiGatewayV2::IntegrationResponse" => &["IntegrationResponseId"],
        "AWS::ApiGatewayV2::Model" => &["ModelId"],
        "AWS::ApiGatewayV2::Route" => &["RouteId"],
        "AWS::ApiGatewayV2::RouteResponse" => &["RouteResponseId"],
        "AWS::ApiGatewayV2::Stage" => &[],
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => &["Arn"],
        "AWS::DynamoDB::Table" => &["Arn", "StreamArn"],
        "AWS::IAM::Role" => &["Arn", "RoleId"],
        "AWS::Lambda::Function" => {
            &["Arn", "SnapStartResponse", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"]
        }
        "AWS::Serverless::Function" => &["Arn", "DestinationQueue", "DestinationTopic"],
        "AWS::Logs::LogGroup" => &["Arn"],
        "AWS::Logs::QueryDefinition" => &["QueryDefinitionId"],
        "AWS::SNS::Topic" => &["TopicArn", "TopicName"],
        "AWS::SQS::Queue" => &["Arn", "QueueName", "QueueUrl"],
        _ => return None,
    })
}

fn plain_attribute(scope: &Scope<'_>, resource: &Resource, kind: &str, attribute: &str) -> String {
    let name = physical_name(scope, resource);
    match (kind, attribute) {
        ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => api_endpoint(scope, resource),
        ("AWS::ApiGatewayV2::Api", "ExecuteApiArn") => arn(scope, "execute-api", &api_id(scope, resource)),
        ("AWS::ApiGatewayV2::Api", _) => api_id(scope, resource),
        ("AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm", _) => {
            arn(scope, "cloudwatch", &format!("alarm:{name}"))
        }
        ("AWS::DynamoDB::Table", _) => table_arn(scope, resource),
        ("AWS::IAM::Role", "Arn") => global_arn(scope, "iam", &format!("role/{name}")),
        ("AWS::Lambda::Function" | "AWS::Serverless::Function", "Arn") => function_arn(scope, &name),
        ("AWS::Logs::LogGroup", _) => arn(scope, "logs", &format!("log-group:{name}:*")),
        ("AWS::Logs::QueryDefinition", _) => name,
        ("AWS::SNS::Topic", "TopicArn") => arn(scope, "sns", &name),
        ("AWS::SNS::Topic", _) | ("AWS::SQS::Queue", "QueueName") => name,
        ("AWS::SQS::Queue", "Arn") => arn(scope, "sqs", &name),
        ("AWS::SQS::Queue", _) => queue_url(scope, resource),
        ("AWS::IAM::Role", _) => short_id(scope, resource),
        (kind, _) if is_api_part(kind) => short_id(scope, resource),
        // A stand-in: nothing here runs the resource, and who reads the value gets a name for it.
        (_, attribute) if attribute.ends_with("Arn") => arn(scope, &service(kind), &name),
        (_, attribute) => format!("{name}.{attribute}"),
    }
}

/// What SAM lets a template name without declaring it: `Function.Alias`, `Function.Version`, `Api.Stage`.
fn generated_by_sam(scope: &Scope<'_>, resource: &Resource, attribute: &str, at: Position) -> Option<Value> {
    match (resource.kind.as_str(), attribute) {
        ("AWS::Serverless::Function", "Alias" | "Alias.Name" | "Version" | "Version.Version") => {
            let alias = resource.properties.get("AutoPublishAlias")?;
            let alias = scope.evaluate(alias, true);
            let Data::Text(alias) = alias.data else { return Some(Value::reported(at)) };
            let function = function_arn(scope, &physical_name(scope, resource));
            Some(Value::text(
                at,
                match attribute {
                    "Alias" => format!("{function}:{}", alias.text),
                    "Alias.Name" => alias.text,
                    "Version" => format!("{function}:1"),
                    _ => "1".to_owned(),
                },
            ))
        }
        ("AWS::ApiGatewayV2::Api", "Stage") if scope.template.is_sam => {
            let stage = scope.template.resources.iter().find(|other| is_stage_of(other, &resource.id))?;
            Some(reference(scope, stage, at))
        }
        _ => None,
    }
}

fn is_stage_of(stage: &Resource, api: &str) -> bool {
    let Some(node) = stage.properties.get("ApiId") else { return false };
    let yaml::Data::Call(call) = &node.data else { return false };
    stage.kind == "AWS::ApiGatewayV2::Stage" && call.name == "Ref" && call.args.as_text() == Some(api)
}

/// The name of a resource: the one it gives itself, or one of the stack and the logical id.
pub(crate) fn physical_name(scope: &Scope<'_>, resource: &Resource) -> String {
    let property = match resource.kind.as_str() {
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => "AlarmName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::Events::Rule" => "Name",
        "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Lambda::Function" | "AWS::Serverless::Function" => "FunctionName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::SQS::Queue" => "QueueName",
        _ => "",
    };
    let given = resource.properties.get(property).map(|node| scope.evaluate(node, true));
    let problem = match &given {
        Some(Value { data: Data::Text(scalar), .. }) if !scalar.is_null() => return scalar.text.clone(),
        Some(Value { data: Data::Unavailable(reason), .. }) => Some(format!("cannot be known: {reason}")),
        Some(Value { data: Data::Absent | Data::Reported, .. }) | None => None,
        Some(value) => Some(format!("must be a text, not {}", value.describe())),
    };
    if let (Some(problem), Some(value)) = (problem, given) {
        let message = format!("`{}` ({}): `{property}` {problem}", resource.id, resource.kind);
        scope.problems.report(value.at, message);
    }
    let suffix = if is_fifo(scope, resource) { ".fifo" } else { "" };
    format!("{}-{}{suffix}", scope.settings.stack_name, resource.id)
}

/// A FIFO queue's name ends with it, the one that CloudFormation makes as well.
fn is_fifo(scope: &Scope<'_>, resource: &Resource) -> bool {
    let fifo = resource.properties.get("FifoQueue").map(|node| scope.evaluate(node, true).data);
    resource.kind == "AWS::SQS::Queue"
        && matches!(fifo, Some(Data::Text(scalar)) if scalar.text.eq_ignore_ascii_case("true"))
}

/// The ten characters that name an API in its address.
pub(crate) fn api_id(scope: &Scope<'_>, resource: &Resource) -> String {
    stable_id(&[&scope.settings.stack_name, &resource.id], 10)
}

fn short_id(scope: &Scope<'_>, resource: &Resource) -> String {
    stable_id(&[&scope.settings.stack_name, &resource.id], 7)
}

fn api_endpoint(scope: &Scope<'_>, resource: &Resource) -> String {
    let protocol = resource.properties.get("ProtocolType").map(|node| scope.evaluate(node, true).data);
    let scheme = match protocol {
        Some(Data::Text(scalar)) if scalar.text == "HTTP" => "https",
        _ => "wss",
    };
    let id = api_id(scope, resource);
    format!("{scheme}://{id}.execute-api.{}.{}", scope.settings.region, scope.settings.url_suffix())
}

/// The ARN of a function by its name.
pub(crate) fn function_arn(scope: &Scope<'_>, name: &str) -> String {
    arn(scope, "lambda", &format!("function:{name}"))
}

fn table_arn(scope: &Scope<'_>, resource: &Resource) -> String {
    arn(scope, "dynamodb", &format!("table/{}", physical_name(scope, resource)))
}

fn stream_arn(scope: &Scope<'_>, resource: &Resource) -> Option<String> {
    resource.properties.get("StreamSpecification")?;
    Some(format!("{}/stream/2026-01-01T00:00:00.000", table_arn(scope, resource)))
}

fn queue_url(scope: &Scope<'_>, resource: &Resource) -> String {
    let settings = scope.settings;
    let name = physical_name(scope, resource);
    format!("https://sqs.{}.{}/{}/{name}", settings.region, settings.url_suffix(), settings.account_id)
}

/// An alias or a version: the function's ARN with its qualifier.
fn qualified_function(scope: &Scope<'_>, resource: &Resource, at: Position) -> Value {
    let qualifier = match resource.kind.as_str() {
        "AWS::Lambda::Alias" => property(scope, resource, "Name", at),
        _ => Value::text(at, "1"),
    };
    let function = property(scope, resource, "FunctionName", at);
    match (function.data, qualifier.data) {
        (Data::Text(function), Data::Text(qualifier)) => {
            let function = function.text.rsplit("function:").next().unwrap_or_default().to_owned();
            Value::text(at, format!("{}:{}", function_arn(scope, &function), qualifier.text))
        }
        _ => Value::reported(at),
    }
}

fn property(scope: &Scope<'_>, resource: &Resource, name: &str, at: Position) -> Value {
    match resource.properties.get(name) {
        Some(node) => Value { at, ..scope.evaluate(node, true) },
        None => {
            let message = format!("`{}` ({}) must have `{name}`", resource.id, resource.kind);
            scope.problems.report(resource.at, message);
            Value::reported(at)
        }
    }
}

fn arn(scope: &Scope<'_>, service: &str, resource: &str) -> String {
    let settings = scope.settings;
    let (partition, region, account) = (settings.partition(), &settings.region, &settings.account_id);
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

/// IAM's ARNs name no region.
fn global_arn(scope: &Scope<'_>, service: &str, resource: &str) -> String {
    let settings = scope.settings;
    format!("arn:{}:{service}::{}:{resource}", settings.partition(), settings.account_id)
}

fn service(kind: &str) -> String {
    kind.split("::").nth(1).unwrap_or("custom").to_lowercase()
}

/// Lower-case letters and digits that depend on the words only: FNV-1a, in base 36.
pub(crate) fn stable_id(words: &[&str], length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |byte: u8| {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        hash
    };
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        mix(byte);
    }
    (0..length)
        .map(|_| {
            // The upper bits of an FNV hash are the well mixed ones.
            let digit = usize::try_from((mix(1) >> 32) % 36).unwrap_or(0);
            char::from(ALPHABET.get(digit).copied().unwrap_or(b'a'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::stable_id;

    #[test]
    fn ids_are_stable_and_differ() {
        let id = stable_id(&["stack", "Api"], 10);
        assert_eq!(id, stable_id(&["stack", "Api"], 10));
        assert_ne!(id, stable_id(&["stackA", "pi"], 10));
        assert_eq!(id.len(), 10);
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{id}");
    }
}
