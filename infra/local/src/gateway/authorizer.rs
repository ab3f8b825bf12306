//! REQUEST authorizers: what a handshake must have, asking the function, and reading its answer.
//!
//! [Create an API Gateway Lambda REQUEST authorizer function] for WebSocket APIs in API Gateway's
//! developer guide. Nothing is cached: the function is asked once for every handshake.
//!
//! [Create an API Gateway Lambda REQUEST authorizer function]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sam::app::{Authorizer, IdentitySource, Target};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::admission::{Check, Checks};
use super::connection::{Connection, Request};
use super::error::GatewayError;
use super::event::{Event, Kind, MultiMap};
use super::execution_log::Execution;
use super::handshake::Handshake;
use crate::iam::policy::{Decision, Policy};
use crate::lambda::{Invoke, InvokeError};

/// The permission that a client needs.
const ACTION: &str = "execute-api:Invoke";

/// Bytes of an authorizer's answer.
const LARGEST_ANSWER: usize = 8 * 1024;

/// How long an authorizer may take: as long as an integration.
const LIMIT: Duration = Duration::from_secs(29);

/// The message by which a function says that it does not know the client.
const UNAUTHORIZED: &str = "Unauthorized";

/// What an authorizer said of a client. All later events have it.
#[derive(Debug)]
pub(crate) struct Principal {
    /// `principalId`.
    pub(crate) id: String,
    /// `context`, with every value as text.
    pub(crate) context: BTreeMap<String, String>,
    /// How long the function took, in milliseconds.
    pub(crate) latency: u128,
    /// `usageIdentifierKey`: the client's API key.
    pub(crate) usage_identifier_key: Option<String>,
}

impl Principal {
    /// `$context.authorizer.{name}`.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        match name {
            "principalId" => Some(&self.id),
            _ => self.context.get(name).map(String::as_str),
        }
    }
}

/// A handshake that an authorizer judges.
pub(crate) struct Asking<'a> {
    pub(crate) invoke: &'a dyn Invoke,
    pub(crate) authorizer: &'a Authorizer,
    pub(crate) connection: &'a Connection,
    pub(crate) request: &'a Request,
    pub(crate) handshake: &'a Handshake,
    pub(crate) execution: &'a Execution<'a>,
    /// The ARN of `$connect`: `arn:aws:execute-api:…/$connect`.
    pub(crate) method_arn: String,
}

impl Asking<'_> {
    /// Asks the authorizer, and notes in `checks` how that went.
    ///
    /// # Errors
    /// What the client is told.
    pub(crate) async fn verdict(&self, checks: &mut Checks) -> Result<Principal, GatewayError> {
        self.execution.authorizing(&self.authorizer.name);
        let verdict = self.ask(checks).await;
        match &verdict {
            Ok(principal) => self.execution.authorized(&principal.id),
            Err(GatewayError::Unauthorized) => self.execution.unauthorized(),
            Err(_) => {}
        }
        verdict
    }

    async fn ask(&self, checks: &mut Checks) -> Result<Principal, GatewayError> {
        let mut headers =
            self.handshake.event_headers(&self.connection.identity.source_ip, self.request.time);
        let query = self.handshake.query();
        if !self.authorizer.identity_sources.iter().all(|source| self.has(source, &headers, &query)) {
            checks.authorizer = Some(Check::failed(0, GatewayError::Unauthorized));
            return Err(GatewayError::Unauthorized);
        }
        // An authorizer sees these, and the integration does not.
        for (name, value) in [("Connection", "upgrade"), ("Upgrade", "websocket"), ("content-length", "0")] {
            headers.insert(name.to_owned(), vec![value.to_owned()]);
        }
        let kind = Kind::Authorize { method_arn: &self.method_arn, headers: &headers, query: &query };
        let (connection, request) = (self.connection, self.request);
        let event = Event { connection, request, route_key: "$connect", kind };
        let started = Instant::now();
        let answer = self.call(&event).await;
        let latency = started.elapsed().as_millis();
        let answer = answer.inspect_err(|error| checks.authorizer = Some(Check::failed(latency, *error)))?;
        checks.authorizer = Some(Check::passed(latency));
        let judged = self.judge(&answer);
        checks.authorize = Some(match judged {
            Ok(()) => Check::passed(0),
            Err(error) => Check::failed(0, error),
        });
        judged?;
        let Answer { id, context, usage_identifier_key, .. } = answer;
        Ok(Principal { id, context, latency, usage_identifier_key })
    }

    /// Whether an identity source is there, and not empty.
    fn has(&self, source: &IdentitySource, headers: &MultiMap, query: &MultiMap) -> bool {
        let filled = |values: &Vec<String>| values.iter().any(|value| !value.is_empty());
        match source {
            IdentitySource::Header(name) => {
                let mut named = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                named.any(|(_, values)| filled(values))
            }
            IdentitySource::QueryString(name) => query.get(name).is_some_and(filled),
            IdentitySource::StageVariable(name) => {
                self.connection.stage.variables.get(name).is_some_and(|value| !value.is_empty())
            }
            IdentitySource::Context(name) => {
                let mut row = self.connection.row(self.request, "CONNECT");
                row.route_key = Some("$connect");
                row.value(name).is_some_and(|value| !value.is_empty())
            }
        }
    }

    async fn call(&self, event: &Event<'_>) -> Result<Answer, GatewayError> {
        let failed = |error: GatewayError, reason: &str| {
            tracing::warn!(authorizer = self.authorizer.name, reason, "the authorizer failed");
            error
        };
        let function = match self.authorizer.target.in_stage(&self.connection.stage.name) {
            Target::Function(function) => function,
            Target::Unsupported(reason) => return Err(failed(GatewayError::AuthorizerFailed, reason)),
            Target::Mock(_) | Target::ByStage(_) => {
                return Err(failed(GatewayError::AuthorizerFailed, "its target is no function"));
            }
        };
        let invocation = self.invoke.invoke(function, Bytes::from(event.to_json()));
        let result = timeout(LIMIT, invocation).await;
        let Ok(result) = result else {
            return Err(failed(GatewayError::AuthorizerFailed, "no answer in time"));
        };
        let bytes = result.map_err(|error| match error {
            InvokeError::Function { message, .. } if message == UNAUTHORIZED => GatewayError::Unauthorized,
            error => failed(GatewayError::AuthorizerFailed, &error.to_string()),
        })?;
        let body = String::from_utf8_lossy(&bytes);
        self.execution.trace(format_args!("Authorizer result body before parsing: {body}"));
        parse(&bytes).map_err(|reason| failed(GatewayError::AuthorizerInvalid, &reason))
    }

    fn judge(&self, answer: &Answer) -> Result<(), GatewayError> {
        match answer.policy.decide(ACTION, &self.method_arn) {
            Decision::Allowed => Ok(()),
            Decision::Denied => Err(GatewayError::Denied),
            Decision::NotAllowed => Err(GatewayError::NotAllowed),
        }
    }
}

/// An authorizer's answer, checked.
#[derive(Debug)]
struct Answer {
    id: String,
    policy: Policy,
    context: BTreeMap<String, String>,
    usage_identifier_key: Option<String>,
}

/// Other members are let pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    principal_id: String,
    policy_document: Value,
    context: Option<BTreeMap<String, Value>>,
    usage_identifier_key: Option<String>,
}

fn parse(bytes: &[u8]) -> Result<Answer, String> {
    if bytes.len() > LARGEST_ANSWER {
        return Err(format!("its answer is larger than {LARGEST_ANSWER} bytes"));
    }
    let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let policy = Policy::parse(&written.policy_document).map_err(|error| format!("its policy: {error}"))?;
    let mut context = BTreeMap::new();
    for (name, value) in written.context.unwrap_or_default() {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(format!("{name} in its context is no text, number or boolean"));
            }
        };
        context.insert(name, text);
    }
    let usage_identifier_key = written.usage_identifier_key;
    Ok(Answer { id: written.principal_id, policy, context, usage_identifier_key })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(change: impl FnOnce(&mut Value)) -> Result<Answer, String> {
        let statement = json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let mut answer = json!({ "principalId": "u1", "policyDocument": policy });
        change(&mut answer);
        parse(answer.to_string().as_bytes())
    }

    #[test]
    fn context_values_become_text() {
        let given = json!({ "plan": "gold", "n": 1, "half": 0.5, "ok": true, "none": null });
        let answer = answer(|answer| answer["context"] = given).unwrap();
        let context: Vec<_> =
            answer.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(context, [("half", "0.5"), ("n", "1"), ("ok", "true"), ("plan", "gold")]);
    }

    #[test]
    fn an_answer_that_breaks_a_rule_is_refused() {
        let check = |change: fn(&mut Value), expected: &str| {
            let error = answer(change).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(|answer| answer["principalId"] = Value::Null, "invalid type: null");
        check(|answer| *answer = json!({ "isAuthorized": true }), "missing field `principalId`");
        check(|answer| answer["policyDocument"] = json!({}), "missing field `Statement`");
        check(|answer| answer["context"] = json!({ "list": [] }), "list in its context");
        check(|answer| answer["context"] = json!({ "map": {} }), "map in its context");
        check(|answer| answer["context"] = json!({ "x": "x".repeat(8 * 1024) }), "larger than 8192 bytes");
        assert!(parse(b"Unauthorized").is_err());
        assert!(answer(|answer| answer["more"] = true.into()).is_ok());
    }
}
