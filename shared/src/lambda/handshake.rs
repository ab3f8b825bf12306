//! What a handshake brings besides its connection: where it comes from, and a token or a ticket.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;

/// How a token is written among the subprotocols, which are all that a browser can set.
const BEARER_PROTOCOL: &str = "bearer.";

/// The request of a handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// `Origin`, which every browser sends.
    pub origin: Option<String>,
    /// A token: in `Authorization: Bearer`, in the query parameter `token`, or as the subprotocol
    /// `bearer.<token>`.
    pub token: Option<String>,
    /// A one-time ticket, in the query parameter `ticket`.
    pub ticket: Option<String>,
    /// The first subprotocol that was offered and is no token.
    pub protocol: Option<String>,
}

impl Handshake {
    /// Of a `CONNECT` event.
    #[must_use]
    pub fn of(event: &ApiGatewayWebsocketProxyRequest) -> Self {
        let header = |name: &str| event.headers.get(name).and_then(|value| value.to_str().ok());
        let protocols =
            || header("sec-websocket-protocol").into_iter().flat_map(|all| all.split(',')).map(str::trim);
        let in_header = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let in_query = event.query_string_parameters.first("token");
        let token = in_header
            .or(in_query)
            .or_else(|| protocols().find_map(|protocol| protocol.strip_prefix(BEARER_PROTOCOL)));
        let protocol = protocols().find(|protocol| !protocol.starts_with(BEARER_PROTOCOL));
        Self {
            origin: header("origin").map(str::to_owned),
            token: token.filter(|token| !token.is_empty()).map(str::to_owned),
            ticket: event.query_string_parameters.first("ticket").map(str::to_owned),
            protocol: protocol.filter(|protocol| !protocol.is_empty()).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(headers: &Value, query: &Value, token: Option<&str>, protocol: Option<&str>) {
        let context = json!({"connectedAt": 1, "requestTimeEpoch": 2});
        let event = json!({"headers": headers, "queryStringParameters": query, "requestContext": context});
        let seen = Handshake::of(&serde_json::from_value(event).unwrap());
        assert_eq!((seen.token.as_deref(), seen.protocol.as_deref()), (token, protocol));
    }

    #[test]
    fn a_token_stands_where_the_client_can_put_it() {
        check(&json!({"Authorization": "Bearer a.b.c"}), &json!({}), Some("a.b.c"), None);
        check(&json!({}), &json!({"token": "a.b.c"}), Some("a.b.c"), None);
        let offered = json!({"Sec-WebSocket-Protocol": "centrifuge-json, bearer.a.b.c"});
        check(&offered, &json!({}), Some("a.b.c"), Some("centrifuge-json"));
        check(&json!({"Authorization": "Basic eA=="}), &json!({"token": ""}), None, None);
        check(&json!({}), &Value::Null, None, None);
    }

    #[test]
    fn a_ticket_stands_in_the_query() {
        let context = json!({"connectedAt": 1, "requestTimeEpoch": 2});
        let event = json!({"queryStringParameters": {"ticket": "ab12"}, "requestContext": context});
        let seen = Handshake::of(&serde_json::from_value(event).unwrap());
        assert_eq!((seen.ticket.as_deref(), seen.token), (Some("ab12"), None));
    }
}
