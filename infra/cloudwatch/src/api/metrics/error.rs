//! The service's errors.

use http::StatusCode;

/// An error that a client sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .message.as_deref().unwrap_or(.code))]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// The code of the Query protocol, which SDKs of all protocols go by.
    pub(super) code: &'static str,
    /// The name of the error's shape in the service's model.
    pub(super) shape: &'static str,
    pub(super) message: Option<String>,
}

impl ApiError {
    const fn new(
        status: StatusCode,
        code: &'static str,
        shape: &'static str,
        message: Option<String>,
    ) -> Self {
        Self { status, code, shape, message }
    }

    pub(super) fn invalid_value(message: impl Into<String>) -> Self {
        let shape = "InvalidParameterValueException";
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameterValue", shape, Some(message.into()))
    }

    pub(super) fn invalid_combination(message: impl Into<String>) -> Self {
        let shape = "InvalidParameterCombinationException";
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameterCombination", shape, Some(message.into()))
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("The parameter {parameter} is required.");
        let shape = "MissingRequiredParameterException";
        Self::new(StatusCode::BAD_REQUEST, "MissingParameter", shape, Some(message))
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", "ValidationError", Some(message.into()))
    }

    /// A value that is none of a few; the path is the one in a request, in the model's spelling.
    pub(super) fn not_of_set(value: &str, path: &str, set: &[&str]) -> Self {
        let mut path = path.to_owned();
        if let Some(first) = path.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}]",
            set.join(", ")
        ))
    }

    pub(super) fn invalid_token() -> Self {
        let message = Some("The next token is not valid.".to_owned());
        Self::new(StatusCode::BAD_REQUEST, "InvalidNextToken", "InvalidNextToken", message)
    }

    pub(super) fn invalid_format(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidFormat", "InvalidFormatFault", Some(message.into()))
    }

    /// `SetAlarmState` of an alarm that is not there; the service says no more than this.
    pub(super) const fn no_such_alarm() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", "ResourceNotFound", None)
    }

    pub(super) fn no_such_resource(arn: &str) -> Self {
        let code = "ResourceNotFoundException";
        Self::new(StatusCode::NOT_FOUND, code, code, Some(format!("The resource {arn} does not exist.")))
    }

    /// What IAM does not let the caller do.
    pub(super) fn access_denied(message: &str) -> Self {
        let shape = "AccessDeniedException";
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", shape, Some(message.to_owned()))
    }

    /// A body that is not what the protocol says.
    pub(super) fn serialization(message: impl Into<String>) -> Self {
        let code = "SerializationException";
        Self::new(StatusCode::BAD_REQUEST, code, code, Some(message.into()))
    }

    pub(super) fn too_large() -> Self {
        let code = "RequestEntityTooLarge";
        let message = "The request is larger than the service takes.".to_owned();
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, code, Some(message))
    }

    /// What was done is not kept for good.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        let (code, shape) = ("InternalServiceError", "InternalServiceFault");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, shape, Some(message.into()))
    }

    /// Whose fault it is, in the Query protocol's words.
    pub(super) fn fault(&self) -> &'static str {
        if self.status.is_server_error() { "Receiver" } else { "Sender" }
    }

    pub(super) fn unknown_operation(name: &str) -> Self {
        let message = format!("Could not find operation {name} for version 2010-08-01");
        Self::new(StatusCode::BAD_REQUEST, "InvalidAction", "UnknownOperationException", Some(message))
    }
}
