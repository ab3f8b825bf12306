//! The checked application: what a template declares, resolved, as the local AWS runs it.

mod alarm;
mod authorization;
mod logging;
mod role;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use alarm::Alarm;
pub use authorization::{ApiKey, ApiKeySource, Authorization, Authorizer, IdentitySource};
pub use logging::{LogFormat, LogLevel, LoggingLevel, RouteSettings};
pub use role::Role;

/// Everything of a template that the local AWS can run, with what it leaves out.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The WebSocket APIs (`AWS::ApiGatewayV2::Api` with `ProtocolType: WEBSOCKET`,
    /// `AWS::Serverless::WebSocketApi`), in the template's order.
    pub apis: Vec<WebSocketApi>,
    /// The HTTP APIs (`AWS::ApiGatewayV2::Api` with `ProtocolType: HTTP`, `AWS::Serverless::HttpApi`) that
    /// have routes, in the template's order.
    pub http_apis: Vec<HttpApi>,
    /// Lambda functions by logical id.
    pub functions: BTreeMap<String, Function>,
    /// DynamoDB tables, in the template's order.
    pub tables: Vec<Table>,
    /// SQS queues, in the template's order.
    pub queues: Vec<Queue>,
    /// What invokes functions with the messages of those queues.
    pub event_sources: Vec<EventSource>,
    /// What invokes functions again and again.
    pub schedules: Vec<Schedule>,
    /// CloudWatch log groups, in the template's order.
    pub log_groups: Vec<LogGroup>,
    /// Metric filters of log groups, in the template's order.
    pub metric_filters: Vec<MetricFilter>,
    /// Saved queries of Logs Insights.
    pub query_definitions: Vec<QueryDefinition>,
    /// CloudWatch alarms, in the template's order.
    pub alarms: Vec<Alarm>,
    /// `Outputs` by name, resolved.
    pub outputs: BTreeMap<String, String>,
    /// Resources that deploy to AWS and that the local AWS does not run.
    pub ignored: Vec<Ignored>,
}

/// One WebSocket API with its routes and stages.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketApi {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `!Ref` gives: ten characters like AWS's, derived from the stack and the logical id.
    pub id: String,
    /// `Name`, or the logical id.
    pub name: String,
    /// `RouteSelectionExpression`, unparsed: `$request.body.action`.
    pub route_selection_expression: String,
    /// `DisableSchemaValidation`: a model that is no JSON schema does not stop the deployment.
    pub disable_schema_validation: bool,
    /// `ApiKeySelectionExpression`.
    pub api_key_source: ApiKeySource,
    /// `DisableExecuteApiEndpoint`: whether the host `{api-id}.execute-api…` answers nobody.
    pub disable_execute_api_endpoint: bool,
    /// The routes by `RouteKey`.
    pub routes: BTreeMap<String, Route>,
    /// The stages by name.
    pub stages: BTreeMap<String, Stage>,
    /// The functions, by logical id, that an `AWS::Lambda::Permission` lets it invoke. Permissions of
    /// the routes that SAM makes are not among them.
    pub permitted: BTreeSet<String>,
}

/// One route and what it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// `$connect`, `$disconnect`, `$default` or the API's own.
    pub key: String,
    /// Who may use it.
    pub authorization: Authorization,
    /// `ApiKeyRequired`.
    pub api_key_required: bool,
    /// What runs for it; `None` when the route has no target.
    pub integration: Option<Integration>,
    /// Whether the integration's answer goes back to the client: the route names
    /// `RouteResponseSelectionExpression` and has a `RouteResponse` with the key `$default`.
    pub two_way: bool,
    /// What a message must be like; `None` when the route has no `ModelSelectionExpression`.
    pub validation: Option<Validation>,
}

/// One HTTP API with its routes and its stage.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpApi {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `!Ref` gives: ten characters like AWS's, derived from the stack and the logical id.
    pub id: String,
    /// Routes by route key: `$default`, `POST /api/publish`, `ANY /{proxy+}`.
    pub routes: BTreeMap<String, HttpRoute>,
    /// The stage's name; `$default` has no path of its own.
    pub stage: String,
    /// `StageVariables`.
    pub variables: BTreeMap<String, String>,
}

/// One route of an HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRoute {
    /// `RouteKey`.
    pub key: String,
    /// What it calls, with payload format 2.0.
    pub integration: Integration,
}

/// How a route's messages are validated before its integration runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// `ModelSelectionExpression`, unparsed: `$request.body.kind`.
    pub model_selection_expression: String,
    /// `RequestModels`: the `Schema` of each model (`AWS::ApiGatewayV2::Model`), by the keys that
    /// the expression selects.
    pub models: BTreeMap<String, serde_json::Value>,
}

/// An integration and its time limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// What is called.
    pub target: Target,
    /// `TimeoutInMillis`, 29 s when absent.
    pub timeout: Duration,
}

/// What an integration calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `AWS_PROXY` to a function of this template, by logical id.
    Function(String),
    /// `MOCK`: the gateway answers by itself.
    Mock(Mock),
    /// `AWS_PROXY` to a function that the stage's variables name, by the stages' names.
    ByStage(BTreeMap<String, Self>),
    /// Anything that the local AWS does not call yet, with the reason in words; the route
    /// answers as AWS does for a broken integration.
    Unsupported(String),
}

impl Target {
    /// What is called in one of the API's stages.
    #[must_use]
    pub fn in_stage(&self, stage: &str) -> &Self {
        match self {
            Self::ByStage(targets) => targets.get(stage).unwrap_or(self),
            _ => self,
        }
    }
}

/// A `MOCK` integration: its request template says the status, and the integration response of that
/// status says the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Mock {
    /// `TemplateSelectionExpression`, unparsed; `$default` when absent.
    pub template_selection_expression: String,
    /// `RequestTemplates` by the keys that the expression selects.
    pub request_templates: BTreeMap<String, MappingTemplate>,
    /// Whether the message stands in for a template that is not there (`PassthroughBehavior`).
    pub passes_through: bool,
    /// The integration responses; the first one with the status is the answer's.
    pub responses: Vec<MockResponse>,
}

/// An `AWS::ApiGatewayV2::IntegrationResponse` of a mock.
#[derive(Debug, Clone, PartialEq)]
pub struct MockResponse {
    /// The statuses from 200 to 599 that its `IntegrationResponseKey` takes.
    pub statuses: BTreeSet<u16>,
    /// The one of its `ResponseTemplates` that its `TemplateSelectionExpression` selects.
    pub template: Option<MappingTemplate>,
}

/// A mapping template, as far as it is text with variables in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingTemplate(pub Vec<TemplatePart>);

/// A piece of a mapping template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// Text that stands for itself.
    Text(String),
    /// `$context.identity.sourceIp`, without `$context.`.
    Context(String),
    /// `$input.body`.
    Body,
    /// `$input.json('$.a.b')`: the names on the path.
    Json(Vec<String>),
}

/// One stage of an API.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// `StageName`.
    pub name: String,
    /// `StageVariables`.
    pub variables: BTreeMap<String, String>,
    /// The API keys that are valid here: enabled, and of a usage plan that names the stage.
    pub api_keys: Vec<ApiKey>,
    /// `AccessLogSettings`, when the stage has them.
    pub access_log: Option<AccessLog>,
    /// `DefaultRouteSettings`: what holds for each route that does not say otherwise.
    pub default_route_settings: RouteSettings,
    /// `RouteSettings`, by route key.
    pub route_settings: BTreeMap<String, RouteSettings>,
}

/// How many requests a route takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Throttle {
    /// `ThrottlingRateLimit`, a second.
    pub rate: Option<f64>,
    /// `ThrottlingBurstLimit`: how many at once.
    pub burst: Option<u32>,
}

/// `AccessLogSettings` of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// The log group's name, from `DestinationArn`.
    pub group: String,
    /// The line with its `$context` variables, one line.
    pub format: String,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `!Ref` gives: `FunctionName`, or `{stack}-{logical id}`.
    pub name: String,
    /// `Handler`.
    pub handler: String,
    /// `Timeout`, 3 s when absent.
    pub timeout: Duration,
    /// `MemorySize` in MB, 128 when absent.
    pub memory_mb: u32,
    /// `Environment.Variables`, resolved, `Globals` included.
    pub environment: BTreeMap<String, String>,
    /// `LoggingConfig.LogGroup`, or `/aws/lambda/{name}`.
    pub log_group: String,
    /// `LoggingConfig`: its `LogFormat` and the levels.
    pub log_format: LogFormat,
    /// `ReservedConcurrentExecutions`.
    pub reserved_concurrency: Option<u32>,
    /// `Role`, or what SAM makes of `Policies`.
    pub role: Role,
    /// Where its program comes from.
    pub code: Code,
}

/// Where a function's program comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `Metadata: BuildMethod: rust-cargolambda`: cargo builds it.
    Cargo {
        /// `CodeUri`, absolute: the folder of the package's `Cargo.toml`.
        package: PathBuf,
        /// `Metadata.BuildProperties.Binary`, or else `Handler` (as SAM does) unless it is
        /// `bootstrap`; `None`: the package's only binary.
        binary: Option<String>,
    },
    /// A folder that holds an executable `bootstrap`.
    Bootstrap(PathBuf),
    /// Not runnable here, with the reason in words.
    Unrunnable(String),
}

/// One DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `!Ref` gives: `TableName`, or `{stack}-{logical id}`.
    pub name: String,
    /// The body of a `CreateTable` call: `TableName`, `KeySchema`, `AttributeDefinitions`,
    /// `BillingMode`, indexes and stream, as DynamoDB's API spells them.
    pub create: serde_json::Value,
    /// `TimeToLiveSpecification.AttributeName`, when enabled.
    pub ttl_attribute: Option<String>,
}

/// One SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The resource's name in the template.
    pub logical_id: String,
    /// `QueueName`, or `{stack}-{logical id}`; a FIFO queue's ends with `.fifo`.
    pub name: String,
    /// `FifoQueue`.
    pub fifo: bool,
    /// `ContentBasedDeduplication`: the body's hash stands for a deduplication id that is not given.
    pub content_based_deduplication: bool,
    /// `DelaySeconds`, 0 when absent.
    pub delay_seconds: u32,
    /// `MaximumMessageSize` in bytes, 1 MB when absent.
    pub maximum_message_size: u32,
    /// `MessageRetentionPeriod` in seconds, four days when absent.
    pub message_retention_period: u32,
    /// `ReceiveMessageWaitTimeSeconds`, 0 when absent.
    pub receive_wait_seconds: u32,
    /// `VisibilityTimeout` in seconds, 30 when absent.
    pub visibility_timeout: u32,
    /// `RedrivePolicy`.
    pub redrive: Option<Redrive>,
}

/// Where a queue's messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue's name, from `deadLetterTargetArn`.
    pub queue: String,
    /// `maxReceiveCount`, from 1.
    pub max_receive_count: u32,
}

/// A mapping that invokes a function with the messages of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    /// The mapping's name in the template: that of `AWS::Lambda::EventSourceMapping`, or the function's
    /// and its event's.
    pub logical_id: String,
    /// The function, by logical id.
    pub function: String,
    /// The queue, by name.
    pub queue: String,
    /// `BatchSize`, 10 when absent.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`, none when absent.
    pub batching_window: Duration,
    /// `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// `ScalingConfig.MaximumConcurrency`.
    pub maximum_concurrency: Option<u32>,
    /// `Enabled`, true when absent.
    pub enabled: bool,
}

/// A rule that invokes a function again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The rule's name in the template: that of `AWS::Events::Rule`, or the function's and its event's.
    pub logical_id: String,
    /// What `!Ref` gives: `Name`, or `{stack}-{logical id}`.
    pub name: String,
    /// The function, by logical id.
    pub function: String,
    /// `ScheduleExpression`, as a rate.
    pub every: Duration,
    /// `Input`: the whole event in place of EventBridge's own.
    pub input: Option<serde_json::Value>,
    /// `State`: whether it runs.
    pub enabled: bool,
}

/// One CloudWatch log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// The resource's name in the template.
    pub logical_id: String,
    /// `LogGroupName`, or `{stack}-{logical id}`.
    pub name: String,
    /// `RetentionInDays`; `None` keeps for ever.
    pub retention_days: Option<u32>,
}

/// One metric filter of a log group.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFilter {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The group's name.
    pub log_group: String,
    /// `filterName`, `filterPattern` and `metricTransformations`, as the API of CloudWatch Logs
    /// spells them.
    pub filter: serde_json::Value,
}

/// A saved query of Logs Insights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryDefinition {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `Ref` gives.
    pub id: String,
    /// `Name`, perhaps with folders before it: `folder/name`.
    pub name: String,
    /// `QueryString`
    pub query: String,
    /// The names of the groups that it is meant for.
    pub log_groups: Vec<String>,
}

/// A resource that the local AWS leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its `Type`.
    pub resource_type: String,
    /// Where it stands: 1-based line in the template.
    pub line: usize,
}
