//! Errors as CloudWatch Logs answers them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::filter::PatternError;
use crate::insights::QueryError;
use crate::logs::StoreError;

/// An error's code and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    message: String,
    /// Members besides the words.
    detail: Option<(&'static str, Value)>,
}

impl ApiError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into(), detail: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// A member breaks a rule of the service's model.
    pub(super) fn constraint(value: &str, member: &str, rule: &str) -> Self {
        Self::invalid(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
        ))
    }

    /// A member that must be there is not.
    pub(super) fn missing(member: &str) -> Self {
        Self::invalid(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    }

    pub(super) fn limit(message: &str) -> Self {
        Self::new("LimitExceededException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self::new("ResourceAlreadyExistsException", message)
    }

    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "")
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, ..Self::new("ServiceUnavailableException", message) }
    }

    pub(super) fn body(&self) -> String {
        if self.message.is_empty() {
            return json!({ "__type": self.code }).to_string();
        }
        let mut body = json!({ "__type": self.code, "message": self.message });
        if let (Some((name, value)), Some(members)) = (&self.detail, body.as_object_mut()) {
            members.insert((*name).to_owned(), value.clone());
        }
        body.to_string()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NoGroup | StoreError::NoStream | StoreError::NoFilter => {
                Self::not_found(error.to_string())
            }
            StoreError::GroupExists | StoreError::StreamExists => Self::exists(error.to_string()),
            StoreError::Pattern(error) => Self::invalid(error.to_string()),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let detail = json!({
            "location": { "startCharOffset": error.start, "endCharOffset": error.end },
            "message": error.message,
        });
        Self {
            detail: Some(("queryCompileError", detail)),
            ..Self::new("MalformedQueryException", error.message)
        }
    }
}

impl From<PatternError> for ApiError {
    fn from(error: PatternError) -> Self {
        Self::invalid(error.to_string())
    }
}
