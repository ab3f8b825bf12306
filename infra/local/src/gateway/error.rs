//! What the gateway itself answers when a route cannot.

use super::ids::ConnectionId;

/// A failure that the gateway reports, to the client and in the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GatewayError {
    /// No route has the message's key, and there is no `$default`.
    NoRoute,
    /// The message is not what the route's models say.
    InvalidBody,
    /// More than a route, the account or its quota of new connections takes.
    Throttled,
    /// The function reported an error, ended, or answered what is not a proxy response.
    IntegrationFailed,
    /// There is nothing to invoke, or the invocation was refused.
    IntegrationUnavailable,
    /// The integration took longer than its `TimeoutInMillis`.
    IntegrationTimedOut,
}

impl GatewayError {
    /// The text that the client sees, `$context.error.message` in the access log.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NoRoute => "Forbidden",
            Self::InvalidBody => "Invalid request body",
            Self::Throttled => "Too Many Requests",
            Self::IntegrationFailed | Self::IntegrationUnavailable => "Internal server error",
            Self::IntegrationTimedOut => "Endpoint request timed out",
        }
    }

    /// `$context.error.responseType`.
    pub(crate) fn response_type(self) -> &'static str {
        match self {
            Self::NoRoute => "ACCESS_DENIED",
            Self::InvalidBody => "BAD_REQUEST_BODY",
            Self::Throttled => "THROTTLED",
            Self::IntegrationFailed | Self::IntegrationUnavailable => "INTEGRATION_FAILURE",
            Self::IntegrationTimedOut => "INTEGRATION_TIMEOUT",
        }
    }

    /// `$context.status`, and the status of a refused handshake.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::InvalidBody => 400,
            Self::NoRoute => 403,
            Self::Throttled => 429,
            Self::IntegrationUnavailable => 500,
            Self::IntegrationFailed => 502,
            Self::IntegrationTimedOut => 504,
        }
    }

    /// The JSON that the client gets, spaced as API Gateway spaces it.
    pub(crate) fn body(self, connection: &ConnectionId, request_id: &str) -> String {
        format!(
            r#"{{"message": "{}", "connectionId":"{connection}", "requestId":"{request_id}"}}"#,
            self.message()
        )
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
