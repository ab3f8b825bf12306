//! Answers to API Gateway.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::auth::ticket::Pass;
use crate::ids::UserId;

/// What a function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To an event of a route.
    Proxy(Proxy),
    /// As an authorizer, to a handshake that it lets go on.
    Policy(Policy),
    /// As an authorizer, to one that it does not. API Gateway takes an error with exactly this
    /// word for it.
    #[serde(skip)]
    Unauthorized,
    /// As an authorizer, when it cannot tell: any other error makes API Gateway answer 500.
    #[serde(skip)]
    Unavailable,
}

/// A proxy answer. API Gateway takes nothing but these members: others make it malformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    status_code: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// An authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    principal_id: UserId,
    policy_document: Document,
    context: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

/// The key of an authorizer's context under which a token's `exp` stands.
pub const EXPIRES_AT: &str = "expiresAt";

/// The key under which its `info` stands.
pub const INFO: &str = "info";

impl Response {
    /// 200 and nothing else.
    #[must_use]
    pub const fn ok() -> Self {
        Self::proxy(200, None)
    }

    /// 200 with a frame.
    #[must_use]
    pub const fn frame(body: String) -> Self {
        Self::proxy(200, Some(body))
    }

    /// 200 with JSON, to a request of an HTTP API.
    #[must_use]
    pub fn json(body: String) -> Self {
        let headers = BTreeMap::from([("Content-Type", "application/json".to_owned())]);
        Self::Proxy(Proxy { status_code: 200, headers, body: Some(body) })
    }

    /// 200 to a handshake, with the subprotocol of those that were offered.
    #[must_use]
    pub fn accepted(protocol: Option<&str>) -> Self {
        let protocol = protocol.map(|protocol| ("Sec-WebSocket-Protocol", protocol.to_owned()));
        Self::Proxy(Proxy { status_code: 200, headers: protocol.into_iter().collect(), body: None })
    }

    /// A refusal, in the shape of API Gateway's own.
    #[must_use]
    pub fn refused(status_code: u16, message: &str) -> Self {
        Self::proxy(status_code, Some(serde_json::json!({ "message": message }).to_string()))
    }

    /// Lets a handshake go on; what the pass says reaches every later event of the connection.
    #[must_use]
    pub fn policy(pass: Pass, method_arn: &str) -> Self {
        let statement =
            Statement { action: "execute-api:Invoke", effect: "Allow", resource: method_arn.to_owned() };
        let expires_at = pass.expires_at.map(|at| (EXPIRES_AT, at.to_string()));
        let info = pass.info.map(|info| (INFO, info));
        Self::Policy(Policy {
            principal_id: pass.user,
            policy_document: Document { version: "2012-10-17", statement: [statement] },
            context: expires_at.into_iter().chain(info).collect(),
        })
    }

    /// The HTTP status, of a handshake or for the access log.
    #[must_use]
    pub const fn status_code(&self) -> u16 {
        match self {
            Self::Proxy(proxy) => proxy.status_code,
            Self::Policy(_) => 200,
            Self::Unauthorized => 401,
            Self::Unavailable => 500,
        }
    }

    const fn proxy(status_code: u16, body: Option<String>) -> Self {
        Self::Proxy(Proxy { status_code, headers: BTreeMap::new(), body })
    }
}
