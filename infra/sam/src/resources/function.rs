//! `AWS::Lambda::Function` and `AWS::Serverless::Function`: their properties are the same, but for
//! where the code is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Created, code, role};
use crate::app::{Function, LogFormat, LogLevel, Role};
use crate::error::Problems;
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::schemas::Schemas;
use crate::scope::Scope;

const MEMBERS: [&str; 30] = [
    "Architectures",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionScalingConfig",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PermissionsBoundary",
    "ProvisionedConcurrencyConfig",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "VpcConfig",
];

const LAMBDA_ONLY: [&str; 3] = ["Code", "DeadLetterConfig", "TracingConfig"];

const SAM_ONLY: [&str; 18] = [
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "EventInvokeConfig",
    "FunctionUrlConfig",
    "ImageUri",
    "InlineCode",
    "Policies",
    "PropagateTags",
    "RolePath",
    "SourceKMSKeyArn",
    "Tracing",
    "VersionDeletionPolicy",
    "VersionDescription",
];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>, folder: &Path) -> BTreeMap<String, Function> {
    let mut functions = BTreeMap::new();
    let schemas = Schemas::read(scope.template, folder, scope.problems);
    for one in created {
        let own: &[&str] = match one.resource.kind.as_str() {
            "AWS::Lambda::Function" => &LAMBDA_ONLY,
            "AWS::Serverless::Function" => &SAM_ONLY,
            _ => continue,
        };
        let properties = one.properties(scope);
        properties.check_names(&[own, MEMBERS.as_slice()].concat());
        let environment = environment(&properties, &schemas, scope.problems);
        let function = function(one, &properties, scope, folder, environment);
        let function = Function { role: role::read(one, created, scope), ..function };
        functions.insert(function.logical_id.clone(), function);
    }
    functions
}

fn function(
    created: &Created<'_>,
    properties: &Properties<'_>,
    scope: &Scope<'_>,
    folder: &Path,
    environment: BTreeMap<String, String>,
) -> Function {
    let name = physical_name(scope, created.resource);
    let logging = properties.map("LoggingConfig");
    if let Some(logging) = &logging {
        logging.check_names(&["ApplicationLogLevel", "LogFormat", "LogGroup", "SystemLogLevel"]);
    }
    let log_group = logging.and_then(|logging| logging.text("LogGroup"));
    Function {
        logical_id: created.resource.id.clone(),
        handler: properties.text("Handler").unwrap_or_default(),
        timeout: Duration::from_secs(u64::from(properties.number("Timeout", 1..=900).unwrap_or(3))),
        memory_mb: properties.number("MemorySize", 128..=32_768).unwrap_or(128),
        environment,
        log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
        log_format: logging.map(|logging| log_format(&logging)).unwrap_or_default(),
        reserved_concurrency: properties.number("ReservedConcurrentExecutions", 0..=u32::MAX),
        role: Role::default(),
        code: code::read(created.resource, properties, folder),
        name,
    }
}

/// Lambda developer guide, "Configuring advanced logging controls": both levels are `INFO` unless
/// told, and only JSON has them.
fn log_format(logging: &Properties<'_>) -> LogFormat {
    let format = logging.one_of("LogFormat", &["JSON", "Text"]);
    let level = |name: &str, allowed: &[&str]| {
        let level = logging.one_of(name, allowed);
        level.and_then(|level| LogLevel::parse(&level)).unwrap_or(LogLevel::Info)
    };
    let application = level("ApplicationLogLevel", &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]);
    let system = level("SystemLogLevel", &["DEBUG", "INFO", "WARN"]);
    match format.as_deref() {
        Some("JSON") => LogFormat::Json { application, system },
        _ => LogFormat::Text,
    }
}

fn environment(
    properties: &Properties<'_>,
    schemas: &Schemas,
    problems: &Problems,
) -> BTreeMap<String, String> {
    let Some(environment) = properties.map("Environment") else { return BTreeMap::new() };
    for (name, at) in environment.names().filter(|(name, _)| *name != "Variables") {
        properties.report(at, &format!("`Environment` has only `Variables`; move `{name}` under it"));
    }
    let Some(variables) = environment.map("Variables") else { return BTreeMap::new() };
    let values = variables.variables();
    for (name, at) in variables.names() {
        if let Some(text) = values.get(name) {
            schemas.check(name, text, at, problems);
        }
    }
    values
}
