//! Answers to API Gateway.

use serde::Serialize;

/// A proxy answer. API Gateway takes nothing but these members: others make it malformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status: of the handshake for `$connect`, otherwise for the access log only.
    pub status_code: u16,
    /// The body of a refused handshake, or the frame that goes back to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Response {
    /// 200 and nothing else.
    #[must_use]
    pub const fn ok() -> Self {
        Self { status_code: 200, body: None }
    }

    /// 200 with a frame.
    #[must_use]
    pub const fn frame(body: String) -> Self {
        Self { status_code: 200, body: Some(body) }
    }

    /// A refusal, in the shape of API Gateway's own.
    #[must_use]
    pub fn refused(status_code: u16, message: &str) -> Self {
        Self { status_code, body: Some(serde_json::json!({ "message": message }).to_string()) }
    }
}
