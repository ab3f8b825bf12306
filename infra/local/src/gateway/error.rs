//! What the gateway itself answers when a route cannot.

use super::ids::ConnectionId;
use super::sigv4::SignatureError;

/// A failure that the gateway reports, to the client and in the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GatewayError {
    /// No route has the message's key, and there is no `$default`.
    NoRoute,
    /// The message is not what the route's models say.
    InvalidBody,
    /// More than a route, the account or its quota of new connections takes.
    Throttled,
    /// The signature of a route with AWS_IAM.
    Signature(SignatureError),
    /// An identity source is missing, or the authorizer does not know the client.
    Unauthorized,
    /// The authorizer's function failed, or there is none.
    AuthorizerFailed,
    /// The authorizer's answer is not one, or its policy is not.
    AuthorizerInvalid,
    /// The authorizer's policy denies.
    Denied,
    /// The authorizer's policy does not allow.
    NotAllowed,
    /// The API key is missing, or the stage does not take it.
    InvalidApiKey,
    /// The function reported an error, ended, or answered what is not a proxy response.
    IntegrationFailed,
    /// There is nothing to invoke, or the invocation was refused.
    IntegrationUnavailable,
    /// The integration took longer than its `TimeoutInMillis`.
    IntegrationTimedOut,
}

impl GatewayError {
    /// The text that the client sees, `$context.error.message` in the access log; empty for the one
    /// error that has none.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::InvalidBody => "Invalid request body",
            Self::Throttled => "Too Many Requests",
            Self::NoRoute | Self::InvalidApiKey => "Forbidden",
            Self::Signature(error) => error.message(),
            Self::Unauthorized => "Unauthorized",
            Self::AuthorizerInvalid => "",
            Self::Denied => {
                "User is not authorized to access this resource with an explicit deny in an identity-based policy"
            }
            Self::NotAllowed => {
                "User is not authorized to access this resource because no identity-based policy allows the \
                 execute-api:Invoke action"
            }
            Self::AuthorizerFailed | Self::IntegrationFailed | Self::IntegrationUnavailable => {
                "Internal server error"
            }
            Self::IntegrationTimedOut => "Endpoint request timed out",
        }
    }

    /// `$context.error.responseType`.
    pub(crate) fn response_type(self) -> &'static str {
        match self {
            Self::InvalidBody => "BAD_REQUEST_BODY",
            Self::Throttled => "THROTTLED",
            Self::NoRoute | Self::Denied | Self::NotAllowed => "ACCESS_DENIED",
            Self::Signature(SignatureError::Missing) => "MISSING_AUTHENTICATION_TOKEN",
            Self::Signature(_) => "INVALID_SIGNATURE",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::AuthorizerFailed => "AUTHORIZER_FAILURE",
            Self::AuthorizerInvalid => "AUTHORIZER_CONFIGURATION_ERROR",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::IntegrationFailed | Self::IntegrationUnavailable => "INTEGRATION_FAILURE",
            Self::IntegrationTimedOut => "INTEGRATION_TIMEOUT",
        }
    }

    /// `$context.status`, and the status of a refused handshake.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::InvalidBody => 400,
            Self::Throttled => 429,
            Self::Unauthorized => 401,
            Self::NoRoute | Self::Signature(_) | Self::Denied | Self::NotAllowed | Self::InvalidApiKey => 403,
            Self::AuthorizerFailed | Self::AuthorizerInvalid | Self::IntegrationUnavailable => 500,
            Self::IntegrationFailed => 502,
            Self::IntegrationTimedOut => 504,
        }
    }

    /// Whether it came of calling an integration, and not of what stands before one.
    pub(crate) fn is_of_integration(self) -> bool {
        matches!(self, Self::IntegrationFailed | Self::IntegrationUnavailable | Self::IntegrationTimedOut)
    }

    /// The JSON that the client gets, spaced as API Gateway spaces it.
    pub(crate) fn body(self, connection: &ConnectionId, request_id: &str) -> String {
        let message = match self.message() {
            "" => "null".to_owned(),
            text => format!("\"{text}\""),
        };
        format!(r#"{{"message": {message}, "connectionId":"{connection}", "requestId":"{request_id}"}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_recorded_bytes() {
        let connection = ConnectionId::parse("gbikqi-vWQAYKEiHxA==").unwrap();
        assert_eq!(
            GatewayError::IntegrationFailed.body(&connection, "EP5tfFQooAMEuog="),
            r#"{"message": "Internal server error", "connectionId":"gbikqi-vWQAYKEiHxA==", "requestId":"EP5tfFQooAMEuog="}"#
        );
    }
}
