//! The environment variables of a function's processes.
//!
//! Lambda's developer guide, "Defined runtime environment variables". `AWS_EXECUTION_ENV` is not
//! set: Lambda leaves it out for OS-only runtimes, and only such programs run here. Nothing of the
//! host's own environment is passed on, `HOME` included: Lambda sets none, and an SDK
//! would find the laptop's credentials there.

use std::collections::BTreeMap;
use std::path::Path;

use sam::app::LogFormat;

use super::HostConfig;
use crate::programs::Program;

/// What all processes of a function get.
pub(super) fn of_function(
    function: &sam::app::Function,
    program: &Program,
    host: &HostConfig,
) -> BTreeMap<String, String> {
    let root = match program {
        Program::Executable(path) => path.parent().unwrap_or(Path::new("/")).display().to_string(),
        Program::Unrunnable(_) => String::new(),
    };
    let credentials = &host.credentials;
    let memory = function.memory_mb.to_string();
    let (format, level) = match function.log_format {
        LogFormat::Text => ("Text", None),
        LogFormat::Json { application, .. } => ("JSON", Some(application.as_str())),
    };
    let defined = [
        // Lambda's value without /opt: layers do not exist here.
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("LAMBDA_TASK_ROOT", root.as_str()),
        ("LAMBDA_RUNTIME_DIR", root.as_str()),
        ("AWS_REGION", host.region.as_str()),
        ("AWS_DEFAULT_REGION", host.region.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.as_str()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.as_str()),
        ("AWS_LAMBDA_LOG_FORMAT", format),
        ("_HANDLER", function.handler.as_str()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.as_str()),
        ("AWS_SESSION_TOKEN", credentials.session_token.as_str()),
    ];
    let level = level.map(|level| ("AWS_LAMBDA_LOG_LEVEL", level));
    let defined = defined.into_iter().chain(level).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = function.environment.iter().chain(&host.environment);
    defined.chain(own.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// What one process gets on top.
pub(super) fn of_environment(runtime_api: &str, log_stream: &str) -> [(&'static str, String); 2] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned()),
    ]
}
