//! A stage's access log: one line for each event of a socket and each management call.
//!
//! [Set up logging for WebSocket APIs] in API Gateway's developer guide names the variables. The
//! format is pure text with variables in it: nothing is escaped, and what is absent is a `-`.
//!
//! [Set up logging for WebSocket APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html

use std::borrow::Cow;

use cloudwatch::logs::LogStore;

use super::admission::Checks;
use super::authorizer::Principal;
use super::connection::Identity;
use super::error::GatewayError;
use super::integration::Outcome;
use super::{ids, time};

/// What a variable without a value prints.
const ABSENT: &str = "-";

/// Where a stage's lines go.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: Format,
    group: String,
    stream: String,
    logs: LogStore,
}

impl AccessLog {
    /// The log of `AccessLogSettings`; its stream is new.
    pub(crate) fn new(settings: &sam::app::AccessLog, logs: LogStore) -> Self {
        let format = Format::parse(&settings.format);
        Self { format, group: settings.group.clone(), stream: ids::log_stream(), logs }
    }

    /// Writes a row.
    pub(crate) fn write(&self, row: &Row<'_>, now_ms: i64) {
        self.logs.append(&self.group, &self.stream, now_ms, self.format.render(row));
    }
}

/// `AccessLogSettings.Format`, parsed.
#[derive(Debug, PartialEq, Eq)]
struct Format(Vec<Part>);

/// A piece of a format.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Text that stands for itself.
    Text(String),
    /// The name of a `$context` variable, without `$context.`.
    Variable(String),
}

impl Format {
    /// Parses any text: what is no variable stands for itself.
    fn parse(format: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some(dollar) = rest.find('$') {
            let (before, from) = rest.split_at_checked(dollar).unwrap_or((rest, ""));
            text.push_str(before);
            if let Some((name, after)) = variable(from) {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Variable(name.to_owned()));
                rest = after;
            } else {
                text.push('$');
                rest = from.get(1..).unwrap_or_default();
            }
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self(parts)
    }

    fn render(&self, row: &Row<'_>) -> String {
        let mut line = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Variable(name) => {
                    let value = row.value(name).filter(|value| !value.is_empty());
                    line.push_str(value.as_deref().unwrap_or(ABSENT));
                }
            }
        }
        line
    }
}

/// The name and the rest, when the text starts with `$context.name` or `${context.name}`.
fn variable(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix("${context.") {
        return braced.split_once('}');
    }
    let name = text.strip_prefix("$context.")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
    // A dot at the end is text: "$context.requestId."
    let end = name.get(..end)?.trim_end_matches('.').len();
    if end == 0 { None } else { name.split_at_checked(end) }
}

/// What one line is about.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) api_id: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) domain_name: &'a str,
    pub(crate) connection_id: &'a str,
    /// Milliseconds since the epoch; a management call has none.
    pub(crate) connected_at: Option<i64>,
    /// `CONNECT`, `MESSAGE`, `DISCONNECT` or `CONNECTION_API`.
    pub(crate) event_type: &'static str,
    /// The selected route, if one was.
    pub(crate) route_key: Option<&'a str>,
    /// Messages have one.
    pub(crate) message_id: Option<&'a str>,
    pub(crate) request_id: &'a str,
    /// The same as `request_id`, except for a management call.
    pub(crate) extended_request_id: &'a str,
    /// When the request came: milliseconds since the epoch.
    pub(crate) request_time: i64,
    pub(crate) status: u16,
    /// Milliseconds; absent when no integration ran.
    pub(crate) integration_latency: Option<u128>,
    /// What the gateway answered in the integration's place.
    pub(crate) error: Option<GatewayError>,
    /// What is wrong with the message, by the route's models.
    pub(crate) validation_error: Option<String>,
    /// The client, or the caller of a management call.
    pub(crate) identity: &'a Identity,
    /// What an authorizer said of the client.
    pub(crate) principal: Option<&'a Principal>,
    /// How a handshake's checks went.
    pub(crate) checks: Option<&'a Checks>,
    /// Whether its integration was called.
    pub(crate) reached: bool,
    /// Whether the integration's answer was sent to the client.
    pub(crate) replied: bool,
}

impl Row<'_> {
    /// The row after its integration has been called.
    pub(crate) fn after(self, outcome: &Outcome) -> Self {
        Self {
            status: outcome.status(),
            integration_latency: outcome.latency,
            error: outcome.error(),
            reached: outcome.error().is_none_or(GatewayError::is_of_integration),
            ..self
        }
    }

    /// A variable's text; `None` for one that has none here and for an unknown one.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        Some(match name {
            "apiId" => self.api_id.into(),
            "stage" => self.stage.into(),
            "domainName" => self.domain_name.into(),
            "connectionId" => self.connection_id.into(),
            "connectedAt" => self.connected_at?.to_string().into(),
            "eventType" => self.event_type.into(),
            "routeKey" => self.route_key?.into(),
            "messageId" => self.message_id?.into(),
            "requestId" => self.request_id.into(),
            "extendedRequestId" => self.extended_request_id.into(),
            "requestTime" => time::common_log(self.request_time).into(),
            "requestTimeEpoch" => self.request_time.to_string().into(),
            "status" => self.status.to_string().into(),
            "integrationLatency" => self.integration_latency?.to_string().into(),
            "error.message" => self.error?.message().into(),
            "error.messageString" => format!("\"{}\"", self.error?.message()).into(),
            "error.responseType" => self.error?.response_type().into(),
            "error.validationErrorString" => self.validation_error.as_deref()?.into(),
            _ => return self.checked(name),
        })
    }

    /// A variable of the client or of what was checked of it.
    fn checked(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(name) = name.strip_prefix("identity.") {
            return self.identity.get(name).map(Cow::Borrowed);
        }
        let check = self.checks.and_then(|checks| checks.variable(name));
        check.or_else(|| {
            let name = name.strip_prefix("authorizer.")?;
            self.principal?.variable(name).map(Cow::Borrowed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            source_ip: "203.0.113.7".to_owned(),
            user_agent: Some("ws/8 \"x\"".to_owned()),
            ..Identity::default()
        }
    }

    fn row(identity: &Identity) -> Row<'_> {
        Row {
            api_id: "a1b2c3d4e5",
            stage: "prod",
            domain_name: "localhost",
            connection_id: "gbikqi-vWQAYKEiHxA==",
            connected_at: Some(1_790_328_012_000),
            event_type: "MESSAGE",
            route_key: Some("echo"),
            message_id: Some("gbikq0-weQAYKEiHxA=="),
            request_id: "EP5tfFQooAMEuog=",
            extended_request_id: "EP5tfFQooAMEuog=",
            request_time: 1_790_328_013_100,
            status: 200,
            integration_latency: Some(24),
            error: None,
            validation_error: None,
            identity,
            principal: None,
            checks: None,
            reached: true,
            replied: false,
        }
    }

    #[track_caller]
    fn check(format: &str, change: impl FnOnce(&mut Row<'_>), expected: &str) {
        let identity = identity();
        let mut row = row(&identity);
        change(&mut row);
        assert_eq!(Format::parse(format).render(&row), expected);
    }

    #[test]
    fn variables_stand_with_and_without_braces_and_text_stays() {
        check("$context.stage/${context.routeKey}x", |_| {}, "prod/echox");
        check("at $context.stage. cost $5 $$context.stage", |_| {}, "at prod. cost $5 $prod");
        check(
            "$context $context. ${context.stage $stage €",
            |_| {},
            "$context $context. ${context.stage $stage €",
        );
    }

    #[test]
    fn every_variable_of_a_message_has_its_text() {
        check(
            "$context.apiId $context.domainName $context.connectionId $context.connectedAt $context.messageId \
             $context.requestId $context.extendedRequestId [$context.requestTime] $context.requestTimeEpoch \
             $context.identity.sourceIp",
            |_| {},
            "a1b2c3d4e5 localhost gbikqi-vWQAYKEiHxA== 1790328012000 gbikq0-weQAYKEiHxA== \
             EP5tfFQooAMEuog= EP5tfFQooAMEuog= [25/Sep/2026:09:20:13 +0000] 1790328013100 203.0.113.7",
        );
    }

    #[test]
    fn nothing_is_escaped() {
        check(r#"{"ua":"$context.identity.userAgent"}"#, |_| {}, r#"{"ua":"ws/8 "x""}"#);
    }

    #[test]
    fn what_is_absent_or_unknown_is_a_dash() {
        check("$context.httpMethod $context.error $context.nonsense.x", |_| {}, "- - -");
        check("$context.integrationLatency", |row| row.integration_latency = None, "-");
        check("$context.error.messageString", |_| {}, "-");
        check("$context.domainName", |row| row.domain_name = "", "-");
        check("$context.integration.status $context.authorizer.principalId", |_| {}, "- -");
    }

    #[test]
    fn what_a_websocket_never_has_is_a_dash() {
        check(
            "$context.integration.error $context.integration.integrationStatus $context.integration.latency \
             $context.integration.requestId $context.integration.status $context.waf.error $context.waf.latency \
             $context.waf.status $context.identity.principalOrgId $context.identity.cognitoIdentityId",
            |_| {},
            "- - - - - - - - - -",
        );
        check(
            "$context.resourcePath $context.responseLength $context.responseLatency $context.integrationStatus \
             $context.protocol $context.path $context.authorizer",
            |_| {},
            "- - - - - - -",
        );
    }

    /// Event, route, status, message, opening, latency and error: the fields of the rows that were
    /// recorded from the service.
    const RECORDED: &str = "$context.eventType $context.routeKey $context.status $context.messageId \
                            $context.connectedAt $context.integrationLatency $context.error.message \
                            $context.error.responseType";

    fn socket(row: &mut Row<'_>, event_type: &'static str, route_key: &'static str, status: u16) {
        (row.event_type, row.route_key, row.status, row.message_id) =
            (event_type, Some(route_key), status, None);
    }

    fn management(row: &mut Row<'_>, route_key: &'static str, status: u16) {
        socket(row, "CONNECTION_API", route_key, status);
        (row.connected_at, row.integration_latency) = (None, Some(0));
    }

    #[test]
    fn the_recorded_rows_of_connect_and_disconnect() {
        check(
            RECORDED,
            |row| socket(row, "CONNECT", "$connect", 200),
            "CONNECT $connect 200 - 1790328012000 24 - -",
        );
        check(
            RECORDED,
            |row| socket(row, "CONNECT", "$connect", 403),
            "CONNECT $connect 403 - 1790328012000 24 - -",
        );
        check(
            RECORDED,
            |row| socket(row, "DISCONNECT", "$disconnect", 200),
            "DISCONNECT $disconnect 200 - 1790328012000 24 - -",
        );
    }

    #[test]
    fn the_recorded_rows_of_messages() {
        check(RECORDED, |_| {}, "MESSAGE echo 200 gbikq0-weQAYKEiHxA== 1790328012000 24 - -");
        check(RECORDED, |row| row.status = 503, "MESSAGE echo 503 gbikq0-weQAYKEiHxA== 1790328012000 24 - -");
        check(
            RECORDED,
            |row| (row.status, row.error) = (502, Some(GatewayError::IntegrationFailed)),
            "MESSAGE echo 502 gbikq0-weQAYKEiHxA== 1790328012000 24 Internal server error INTEGRATION_FAILURE",
        );
    }

    #[test]
    fn the_recorded_rows_of_management_calls() {
        check(
            RECORDED,
            |row| management(row, "DELETE /@connections/{connectionId}", 204),
            "CONNECTION_API DELETE /@connections/{connectionId} 204 - - 0 - -",
        );
        check(
            RECORDED,
            |row| management(row, "POST /@connections/{connectionId}", 410),
            "CONNECTION_API POST /@connections/{connectionId} 410 - - 0 - -",
        );
    }
}
