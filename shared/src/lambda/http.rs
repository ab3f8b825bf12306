//! The server API over API Gateway's HTTP APIs: the event of payload format 2.0, the key, the answer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::service::api::{Api, ApiStore, NoCall, api};
use crate::service::frame::FrameCallbacks;
use crate::telemetry::{FrameRecord, RequestFields, UserHash, Work};

use super::event::{BadEvent, EventType, Input, unknown};
use super::response::Response;
use super::run::{Invoked, Outcome};

/// A request to an HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    path_parameters: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    api_id: Option<String>,
    stage: Option<String>,
    route_key: Option<String>,
    request_id: Option<String>,
    time: Option<String>,
    #[serde(default)]
    time_epoch: i64,
    /// Only HTTP APIs have it.
    #[serde(rename = "http")]
    _http: serde::de::IgnoredAny,
}

impl Input for HttpRequest {
    fn parse(event: Value, _: EventType) -> Result<Self, BadEvent> {
        serde_json::from_value(event).map_err(|error| BadEvent::Http(error.to_string()))
    }

    fn fields(&self, _: &UserHash, detailed: bool) -> RequestFields {
        let context = self.request_context.clone();
        RequestFields {
            api_dimension: context.api_id.clone().unwrap_or_else(unknown),
            stage_dimension: context.stage.clone().unwrap_or_else(unknown),
            route_dimension: context.route_key.clone().filter(|_| detailed),
            api_id: context.api_id,
            stage: context.stage,
            route_key: context.route_key,
            event_type: Some(EventType::Http.as_str().to_owned()),
            request_id: context.request_id,
            request_time: context.time,
            request_time_epoch: Some(context.time_epoch.to_string()),
            ..RequestFields::default()
        }
    }
}

impl HttpRequest {
    /// The key that the caller has brought, in either of the places that Centrifugo looks at.
    fn key(&self) -> Option<&str> {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        let authorization = || {
            let (scheme, key) = header("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("apikey").then(|| key.trim())
        };
        header("x-api-key").or_else(authorization)
    }

    /// The body's text; `None` when it is none. API Gateway encodes what is not of a text's type.
    fn text(&self) -> Option<String> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded {
            String::from_utf8(STANDARD.decode(body).ok()?).ok()
        } else {
            Some(body.to_owned())
        }
    }
}

/// The key of the server API. Without one nobody may call it.
#[derive(Clone, Default)]
pub struct ApiKey(Option<[u8; 32]>);

impl ApiKey {
    /// With the key of the configuration.
    #[must_use]
    pub fn new(key: Option<&str>) -> Self {
        Self(key.filter(|key| !key.is_empty()).map(digest))
    }

    /// Whether a caller's key is this one. It takes as long for every key, so that nobody can find
    /// it out by the time: digests have one length, and all of them is compared.
    fn is(&self, key: Option<&str>) -> bool {
        self.0.is_some_and(|own| own.ct_eq(&digest(key.unwrap_or_default())).into())
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.debug_struct("ApiKey").finish_non_exhaustive()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// The server API: carries out what the path names, `/api/{method}`, with the body's content.
pub async fn serve_api<S: ApiStore, C: FrameCallbacks>(
    store: &S,
    callbacks: &C,
    invoked: &Invoked<'_, HttpRequest>,
) -> Outcome {
    let event = invoked.event;
    let mut record = FrameRecord::default();
    let answered = if invoked.api_key().is(event.key()) {
        let request = Api {
            store,
            callbacks,
            settings: invoked.settings,
            clock: invoked.clock,
            request: event.request_context.request_id.as_deref().unwrap_or_default(),
            received_at: event.request_context.time_epoch,
            deadline: invoked.deadline,
        };
        let method = event.path_parameters.get("method").map_or("", String::as_str);
        match event.text() {
            Some(text) => api(&request, method, &text, &mut record).await.map_err(Refusal::from),
            None => Err(NoCall::Content.into()),
        }
    } else {
        Err(Refusal {
            status: 401,
            message: "Unauthorized",
            cause: "the key is not that of the API".to_owned(),
        })
    };
    let response = match answered {
        Ok(body) => Response::json(body),
        Err(Refusal { status, message, cause }) => {
            record.command_errors += 1;
            record.error = Some(cause);
            Response::refused(status, message)
        }
    };
    Outcome {
        response,
        error: record.error.take(),
        internal_error: record.internal_error,
        work: Work::Frame(record),
    }
}

/// Why a request was not carried out at all.
struct Refusal {
    status: u16,
    message: &'static str,
    cause: String,
}

impl From<NoCall> for Refusal {
    fn from(no_call: NoCall) -> Self {
        let (status, message) = match no_call {
            NoCall::Method => (404, "Not Found"),
            NoCall::Content => (400, "Bad Request"),
        };
        Self { status, message, cause: no_call.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_brought_in_either_header() {
        #[track_caller]
        fn check(headers: &Value, expected: Option<&str>) {
            let event = json!({"headers": headers, "requestContext": {"http": {"method": "POST"}}});
            let request = HttpRequest::parse(event, EventType::Http).unwrap();
            assert_eq!(request.key(), expected, "{headers}");
        }
        check(&json!({"x-api-key": "k"}), Some("k"));
        check(&json!({"authorization": "apikey k"}), Some("k"));
        check(&json!({"authorization": "ApiKey k"}), Some("k"));
        check(&json!({"authorization": "Bearer k"}), None);
        check(&json!({}), None);
    }

    #[test]
    fn without_a_key_nobody_is_let_in() {
        assert!(ApiKey::new(Some("k")).is(Some("k")));
        for wrong in [None, Some(""), Some("K"), Some("kk")] {
            assert!(!ApiKey::new(Some("k")).is(wrong), "{wrong:?}");
        }
        for nothing in [ApiKey::default(), ApiKey::new(None), ApiKey::new(Some(""))] {
            assert!(!nothing.is(None) && !nothing.is(Some("")) && !nothing.is(Some("k")));
        }
    }

    #[test]
    fn a_body_of_another_type_comes_encoded() {
        let event = |body: &str, encoded: bool| {
            let event = json!({"body": body, "isBase64Encoded": encoded, "requestContext": {"http": {}}});
            HttpRequest::parse(event, EventType::Http).unwrap().text()
        };
        assert_eq!(event("{}", false).as_deref(), Some("{}"));
        assert_eq!(event("e30=", true).as_deref(), Some("{}"));
        assert_eq!((event("/w==", true), event("?", true)), (None, None));
    }
}
