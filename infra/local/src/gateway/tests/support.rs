//! What the tests share: a Lambda of named behaviours, a gateway on a free port, and transcripts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use sam::app::{
    AccessLog, ApiKeySource, Authorization, Integration, Route, RouteSettings, Stage, Target, WebSocketApi,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::authorizers;
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::gateway::{Faults, Gateway, Quotas, Settings};
use crate::lambda::Invoke;
use crate::lambda::InvokeError;
use crate::raw_http::{Reply, http};

pub(super) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// 25 September 2026, 09:20:12 UTC.
pub(super) const NOW: i64 = 1_790_328_012_000;

#[derive(Debug)]
pub(super) struct FixedClock;

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        NOW
    }
}

/// Functions by name; every one does what its name says.
#[derive(Debug)]
pub(super) struct Lambda {
    events: mpsc::UnboundedSender<(String, Value)>,
    /// A permit lets one `held` function go on.
    pub(super) release: Semaphore,
    /// Where `posts` finds the management API.
    address: OnceLock<SocketAddr>,
}

impl Lambda {
    /// A Lambda, and the function and event of every invocation.
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<(String, Value)>) {
        let (events, received) = mpsc::unbounded_channel();
        (Arc::new(Self { events, release: Semaphore::new(0), address: OnceLock::new() }), received)
    }

    async fn run(&self, function: &str, event: &Value) -> Result<Value, InvokeError> {
        let ok = json!({ "statusCode": 200 });
        Ok(match function {
            "ok" => ok,
            "echo" => json!({ "statusCode": 200, "body": event["body"] }),
            "null-body" => json!({ "statusCode": 200, "body": null }),
            "encoded" => json!({ "statusCode": 200, "body": "aGVsbG8=", "isBase64Encoded": true }),
            "busy" => json!({ "statusCode": 503, "body": "busy" }),
            "large" => json!({ "statusCode": 200, "body": "x".repeat(128 * 1024 + 1) }),
            "refuses" => json!({
                "statusCode": 401, "body": "who?",
                "headers": { "X-Why": "no token", "Connection": "close", "Content-Length": "9" },
                "multiValueHeaders": { "Set-Cookie": ["a=1", "b=2"] },
            }),
            "chooses-v2" => json!({ "statusCode": 200, "headers": { "sec-websocket-PROTOCOL": "v2" } }),
            "malformed" => Value::Null,
            "throws" => {
                let (error_type, message) = ("Error".to_owned(), "boom".to_owned());
                return Err(InvokeError::Function { error_type, message });
            }
            "throttled" => return Err(InvokeError::Throttled),
            "hangs" => std::future::pending().await,
            "held" => {
                self.release.acquire().await.unwrap().forget();
                json!({ "statusCode": 200, "body": "released" })
            }
            "posts" => {
                let reply = self.post_to_caller(event).await;
                json!({ "statusCode": 200, "body": format!("posted: {}", reply.status) })
            }
            other => return authorizers::answer(other, event),
        })
    }

    async fn post_to_caller(&self, event: &Value) -> Reply {
        let context = &event["requestContext"];
        let id = context["connectionId"].as_str().unwrap().replace('=', "%3D");
        let path = format!("/{}/@connections/{id}", context["stage"].as_str().unwrap());
        http(*self.address.get().unwrap(), "POST", &path, &[], b"from the function").await
    }
}

impl Invoke for Lambda {
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&payload).unwrap();
            let _ = self.events.send((function.to_owned(), event.clone()));
            Ok(Bytes::from(self.run(function, &event).await?.to_string()))
        })
    }
}

/// An API with the stage `prod`. One route in a line: key, function, and then `->` for a route
/// response and `…ms` for the integration's timeout.
pub(super) fn api(routes: &str) -> WebSocketApi {
    let stage = Stage {
        name: "prod".to_owned(),
        variables: BTreeMap::new(),
        api_keys: Vec::new(),
        access_log: Some(AccessLog {
            group: "access".to_owned(),
            format: "$context.eventType $context.routeKey $context.status $context.error.message \
                     $context.error.responseType"
                .to_owned(),
        }),
        default_route_settings: RouteSettings::default(),
        route_settings: BTreeMap::new(),
    };
    WebSocketApi {
        logical_id: "Api".to_owned(),
        id: "a1b2c3d4e5".to_owned(),
        name: "Api".to_owned(),
        route_selection_expression: "$request.body.action".to_owned(),
        disable_schema_validation: false,
        api_key_source: ApiKeySource::Header,
        disable_execute_api_endpoint: false,
        routes: routes.lines().filter(|line| !line.trim().is_empty()).map(route).collect(),
        stages: BTreeMap::from([(stage.name.clone(), stage)]),
        permitted: BTreeSet::new(),
    }
}

fn route(line: &str) -> (String, Route) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let limit = words.iter().find_map(|word| word.strip_suffix("ms")?.parse().ok());
    let target = match words[1] {
        "unsupported" => Target::Unsupported("a MOCK integration".to_owned()),
        function => Target::Function(function.to_owned()),
    };
    let timeout = Duration::from_millis(limit.unwrap_or(29_000));
    let integration = (words[1] != "nothing").then_some(Integration { target, timeout });
    let route = Route {
        key: words[0].to_owned(),
        authorization: Authorization::Open,
        api_key_required: false,
        integration,
        two_way: words.contains(&"->"),
        validation: None,
    };
    (route.key.clone(), route)
}

/// A gateway on a free port.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) gateway: Gateway,
    pub(super) lambda: Arc<Lambda>,
    pub(super) logs: LogStore,
    events: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Server {
    /// Starts one with an API of these routes.
    pub(super) async fn start(routes: &str) -> Self {
        Self::with(vec![api(routes)]).await
    }

    pub(super) async fn with(apis: Vec<WebSocketApi>) -> Self {
        Self::limited(apis, Quotas::default()).await
    }

    /// One whose account has other quotas.
    pub(super) async fn limited(apis: Vec<WebSocketApi>, quotas: Quotas) -> Self {
        Self::changed(apis, |settings| settings.quotas = quotas).await
    }

    /// One with faults switched on.
    pub(super) async fn faulty(routes: &str, rules: &[&str]) -> Self {
        let faults: Vec<_> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Self::changed(vec![api(routes)], |settings| settings.faults = Arc::new(Faults::new(&faults))).await
    }

    /// Starts one that checks signatures.
    pub(super) async fn verifying(apis: Vec<WebSocketApi>) -> Self {
        Self::changed(apis, |settings| settings.signers = Some(Credentials::default())).await
    }

    pub(super) async fn changed(apis: Vec<WebSocketApi>, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lambda, events) = Lambda::new();
        lambda.address.set(address).unwrap();
        let logs = LogStore::default();
        let mut settings = settings(apis, &lambda, &logs);
        change(&mut settings);
        let gateway = Gateway::start(listener, settings).unwrap();
        Self { address, gateway, lambda, logs, events }
    }

    pub(super) async fn connect(&self) -> Client {
        self.connect_with("/prod", &[]).await.0
    }

    /// A client and the subprotocol that it got.
    pub(super) async fn connect_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Client, Option<String>) {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::try_from(*name).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let (client, response) = connect_async(request).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol");
        (client, protocol.map(|value| value.to_str().unwrap().to_owned()))
    }

    pub(super) async fn http(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        http(self.address, method, path, &[], body).await
    }

    /// The answer to a handshake that is refused.
    pub(super) async fn refusal(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        handshake(self.address, path, headers).await
    }

    /// The event of the next invocation.
    pub(super) async fn event(&mut self) -> Value {
        self.events.recv().await.unwrap().1
    }

    /// Whether nothing was invoked since the last event that was taken.
    pub(super) fn no_event(&self) -> bool {
        self.events.is_empty()
    }

    /// The event of the next invocation of a route.
    pub(super) async fn event_of(&mut self, route_key: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["requestContext"]["routeKey"] == route_key {
                return event;
            }
        }
    }

    /// The path of the connection that an event is about.
    pub(super) fn path_of(event: &Value) -> String {
        let id = event["requestContext"]["connectionId"].as_str().unwrap();
        format!("/prod/@connections/{}", id.replace('=', "%3D"))
    }

    /// Stops the gateway; then what the access log holds is whole, and so are the events.
    pub(super) async fn stop(mut self) -> (Vec<String>, Vec<Value>) {
        self.gateway.shutdown().await;
        let rows = self.logs.events("access").into_iter().map(|event| event.message.to_string()).collect();
        let mut events = Vec::new();
        while let Ok((_, event)) = self.events.try_recv() {
            events.push(event);
        }
        (rows, events)
    }
}

/// The HTTP answer to a handshake.
pub(super) async fn handshake(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut upgrade = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    upgrade.extend_from_slice(headers);
    http(address, "GET", path, &upgrade, b"").await
}

pub(super) fn settings(apis: Vec<WebSocketApi>, lambda: &Arc<Lambda>, logs: &LogStore) -> Settings {
    Settings {
        apis,
        invoke: lambda.clone(),
        functions: BTreeMap::new(),
        logs: logs.clone(),
        metrics: MetricStore::default(),
        clock: Arc::new(FixedClock),
        time_scale: 1.0,
        quotas: Quotas::default(),
        faults: Arc::new(Faults::new(&[])),
        deployment: sam::Settings::default(),
        signers: None,
        iam: None,
    }
}

/// Plays a transcript with a gateway of these routes.
pub(super) async fn check(routes: &str, script: &str) {
    let server = Server::start(routes).await;
    play(&mut server.connect().await, script).await;
    server.stop().await;
}

/// Plays a transcript: `> text` and `< text` are messages, `>!` and `<!` are close frames with code
/// and reason, `>~` and `<~` are pings and pongs, `>b` is a binary message. Ids in what comes are `*`.
pub(super) async fn play(client: &mut Client, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            ">" => client.send(Message::text(rest)).await.unwrap(),
            ">b" => client.send(Message::binary(rest.to_owned())).await.unwrap(),
            ">~" => client.send(Message::Ping(rest.to_owned().into())).await.unwrap(),
            ">!" => client.send(Message::Close(close_frame(rest))).await.unwrap(),
            _ => {
                let received = client.next().await.expect("the socket ended").expect("the socket broke");
                assert_eq!(shown(&received), line);
            }
        }
    }
}

fn close_frame(text: &str) -> Option<CloseFrame> {
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    Some(CloseFrame { code: code.parse::<u16>().ok()?.into(), reason: reason.into() })
}

/// A received message as a line of a transcript.
pub(super) fn shown(message: &Message) -> String {
    let line = match message {
        Message::Text(text) => format!("< {}", without_ids(text)),
        Message::Close(None) => "<!".to_owned(),
        Message::Close(Some(frame)) => format!("<! {} {}", u16::from(frame.code), frame.reason),
        Message::Pong(data) => format!("<~ {}", String::from_utf8_lossy(data)),
        other => format!("{other:?}"),
    };
    line.trim_end().to_owned()
}

/// A gateway's error frame with `*` for its ids.
pub(super) fn without_ids(text: &str) -> String {
    let mut text = text.to_owned();
    for name in ["\"connectionId\":\"", "\"requestId\":\""] {
        if let Some((before, after)) = text.split_once(name)
            && let Some((_, after)) = after.split_once('"')
        {
            text = format!("{before}{name}*\"{after}");
        }
    }
    text
}
