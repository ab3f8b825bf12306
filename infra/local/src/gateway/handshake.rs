//! The HTTP half of a connection: the request to upgrade, and what it is answered.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::Answer;
use super::error::GatewayError;
use super::event::MultiMap;
use super::ids::{self, ConnectionId};
use super::sigv4::Signable;

/// The header that names a request of API Gateway in its answers.
pub(crate) const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-amz-apigw-id");

/// A function's headers that describe its own answer's way and not the client's.
const HOP_BY_HOP: [&str; 5] =
    ["connection", "upgrade", "content-length", "transfer-encoding", "sec-websocket-accept"];

/// Names that API Gateway passes on in this spelling. HTTP does not tell how the client spelled
/// them; any other name stays in lower case.
const STANDARD_NAMES: [&str; 22] = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Cookie",
    "DNT",
    "Host",
    "Origin",
    "Pragma",
    "Referer",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "User-Agent",
    "X-Amzn-Trace-Id",
    "X-Forwarded-For",
    "Via",
];

/// A valid request to upgrade to WebSocket.
#[derive(Debug)]
pub(crate) struct Handshake {
    headers: HeaderMap,
    uri: Uri,
    accept: String,
    /// Gives the connection's bytes once the answer is 101.
    pub(crate) upgrade: OnUpgrade,
}

impl Handshake {
    /// Takes the handshake out of a request; `None` when the request is not one.
    pub(crate) fn of(request: &mut Request) -> Option<Self> {
        let headers = request.headers();
        let has = |name: HeaderName, token: &str| {
            let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
        };
        let asks = request.method() == Method::GET
            && has(CONNECTION, "upgrade")
            && has(UPGRADE, "websocket")
            && has(SEC_WEBSOCKET_VERSION, "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asks)?;
        Some(Self {
            accept: derive_accept_key(key.as_bytes()),
            headers: headers.clone(),
            uri: request.uri().clone(),
            upgrade: hyper::upgrade::on(request),
        })
    }

    /// The headers of the `$connect` event: without those of the upgrade, with those that a load
    /// balancer adds.
    pub(crate) fn event_headers(&self, source_ip: &str, now_ms: i64) -> MultiMap {
        let mut headers = MultiMap::new();
        for (name, value) in &self.headers {
            if *name != CONNECTION && *name != UPGRADE {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                headers.entry(spelled(name.as_str())).or_default().push(value);
            }
        }
        let forwarded = headers.remove("X-Forwarded-For").unwrap_or_default();
        let forwarded = forwarded.into_iter().chain([source_ip.to_owned()]).collect::<Vec<_>>().join(", ");
        for (name, value) in [
            ("X-Forwarded-For", forwarded.as_str()),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Proto", "https"),
        ] {
            headers.insert(name.to_owned(), vec![value.to_owned()]);
        }
        headers.entry("X-Amzn-Trace-Id".to_owned()).or_insert_with(|| vec![ids::trace_id(now_ms)]);
        headers
    }

    /// The query string's parameters, decoded.
    pub(crate) fn query(&self) -> MultiMap {
        let mut query = MultiMap::new();
        for (name, value) in form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes()) {
            query.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        query
    }

    /// The value of a header, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What a signature is of.
    pub(crate) fn signable(&self) -> Signable<'_> {
        Signable { method: &Method::GET, uri: &self.uri, headers: &self.headers, body: b"" }
    }

    /// 101. The gateway never picks a subprotocol: it sends the one that `$connect` answered.
    pub(crate) fn accepted(&self, connect: Option<&Answer>) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        let chosen = connect.iter().flat_map(|answer| &answer.headers);
        let mut chosen =
            chosen.filter(|(name, _)| name.eq_ignore_ascii_case(SEC_WEBSOCKET_PROTOCOL.as_str()));
        if let Some(protocol) = chosen.next_back().and_then(|(_, value)| HeaderValue::from_str(value).ok()) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// The answer when `$connect` refuses: the function's own.
pub(crate) fn refused(answer: Answer) -> Response {
    let mut response = Response::new(answer.body.map(Body::from).unwrap_or_default());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in answer.headers {
        if HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The answer when the gateway refuses for `$connect`.
pub(crate) fn failed(error: GatewayError, connection: &ConnectionId, request_id: &str) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, error.body(connection, request_id));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    response
}

/// The answer to a request that the servers before API Gateway refuse.
pub(crate) fn bad_request() -> Response {
    let html = "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n\
                <center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n";
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The `Host` that a request names; empty when it names none.
pub(crate) fn host(headers: &HeaderMap) -> String {
    text(headers, HOST).unwrap_or_default()
}

/// The `User-Agent` of a request.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    text(headers, USER_AGENT)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

fn spelled(name: &str) -> String {
    let standard = STANDARD_NAMES.iter().find(|standard| standard.eq_ignore_ascii_case(name));
    (*standard.unwrap_or(&name)).to_owned()
}
