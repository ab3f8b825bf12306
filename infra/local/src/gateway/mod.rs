//! API Gateway: the WebSocket APIs of a template and their management API, on one port.
//!
//! Every connection has one task that owns it from its handshake to its `$disconnect`
//! (`connection`). Others reach a connection through the registry: they put messages in its outbox
//! and can delete it. Deciding is pure (`route`, `event`, `answer`, `error`,
//! `sigv4`); `socket`, `integration` and `authorizer` do the waiting.

mod access_log;
mod address;
mod admission;
mod answer;
mod api;
mod api_key;
mod authorizer;
mod canonical_request;
mod connection;
mod error;
mod event;
mod execution_log;
mod fault;
mod handshake;
pub(crate) mod ids;
mod integration;
mod invocation;
mod limits;
mod management;
mod metrics;
mod mock;
mod model;
mod outbox;
mod registry;
mod route;
mod server;
mod sigv4;
mod socket;
mod tasks;
#[cfg(test)]
mod tests;
mod throttle;
pub(crate) mod time;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;
use http::StatusCode;
use http::header::AUTHORIZATION;
use sam::app::WebSocketApi;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::address::Address;
use self::api::{Api, Stage};
use self::connection::{Connection, Identity};
pub use self::execution_log::{execution_log_group, is_execution_failure};
pub(crate) use self::fault::{Faults, Killing};
use self::handshake::Handshake;
use self::ids::ConnectionId;
use self::invocation::Functions;
use self::limits::Timers;
use self::management::Call;
use self::registry::Registry;
use self::sigv4::{Caller, Verifier};
use self::tasks::Tasks;
pub use self::throttle::Quotas;
use self::throttle::Throttles;
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::iam::{Iam, Principal};
use crate::lambda::Invoke;

/// How long open connections and running functions may take to end when the gateway stops.
const STOPPING: Duration = Duration::from_secs(10);

/// How long HTTP connections may take to end after that.
const HTTP_STOPPING: Duration = Duration::from_secs(1);

/// What the gateway serves, and what it uses.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The template's APIs.
    pub(crate) apis: Vec<WebSocketApi>,
    /// Lambda.
    pub(crate) invoke: Arc<dyn Invoke>,
    /// The functions' names by logical id, for the logs.
    pub(crate) functions: BTreeMap<String, String>,
    /// Where access logs and execution logs go.
    pub(crate) logs: LogStore,
    /// Where metrics go.
    pub(crate) metrics: MetricStore,
    pub(crate) clock: Arc<dyn Clock>,
    /// How many times faster than AWS's the 10-minute and 2-hour clocks run.
    pub(crate) time_scale: f64,
    pub(crate) quotas: Quotas,
    /// What goes wrong on purpose.
    pub(crate) faults: Arc<Faults>,
    /// Account and region.
    pub(crate) deployment: sam::Settings,
    /// The credentials that signatures are checked with; `None` takes every request as it is.
    pub(crate) signers: Option<Credentials>,
    /// What functions may do, when they are held to it.
    pub(crate) iam: Option<Arc<Iam>>,
}

/// Why the gateway cannot start.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A selection expression of an API reads what it cannot, or a model is no schema.
    #[error("The API {api}: {reason}.")]
    Api {
        /// Its logical id.
        api: String,
        /// What is wrong, in words.
        reason: String,
    },
    /// Not a number above zero.
    #[error("The time scale {0} is not a number above zero.")]
    TimeScale(f64),
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    apis: Vec<Arc<Api>>,
    invoke: Arc<dyn Invoke>,
    functions: Functions,
    clock: Arc<dyn Clock>,
    timers: Timers,
    /// `arn:aws:execute-api:us-east-1:123456789012`.
    execute_api_arn: String,
    /// Checks signatures, unless that is switched off.
    verifier: Option<Verifier>,
    /// What functions may do, when they are held to it.
    iam: Option<Arc<Iam>>,
    registry: Registry,
    throttles: Throttles,
    faults: Arc<Faults>,
    /// Connections and messages that run.
    tasks: Tasks,
    /// Set once, when the gateway stops.
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Result<Self, SettingsError> {
        let api = |declared: &WebSocketApi| {
            let api = Api::new(declared, &settings.logs, &settings.metrics, &settings.quotas);
            match api {
                Ok(api) => Ok(Arc::new(api)),
                Err(reason) => Err(SettingsError::Api { api: declared.logical_id.clone(), reason }),
            }
        };
        let sam::Settings { region, account_id, .. } = &settings.deployment;
        let partition = settings.deployment.partition();
        let iam = settings.iam.as_deref();
        let verifier = |credentials| Verifier::new(credentials, iam, &settings.deployment);
        Ok(Self {
            execute_api_arn: format!("arn:{partition}:execute-api:{region}:{account_id}"),
            verifier: settings.signers.map(verifier),
            iam: settings.iam,
            apis: settings.apis.iter().map(api).collect::<Result<_, _>>()?,
            timers: Timers::scaled(settings.time_scale)
                .ok_or(SettingsError::TimeScale(settings.time_scale))?,
            functions: Functions::new(&settings.functions, &settings.deployment),
            invoke: settings.invoke,
            clock: settings.clock,
            registry: Registry::default(),
            throttles: Throttles::new(&settings.quotas),
            faults: settings.faults,
            tasks: Tasks::default(),
            stopping: watch::Sender::new(false),
        })
    }

    /// The function whose key a caller has; `None` for anybody else, and when functions are not held to
    /// what they may do.
    fn function(&self, caller: &Caller) -> Option<&Principal> {
        self.iam.as_deref()?.principal(&caller.access_key)
    }

    /// The APIs, with their stages, that an address can mean: the one that the host names as
    /// `{api-id}.execute-api…`, unless that host is disabled, or else all that have a stage of this name.
    fn candidates(&self, stage: &str, host: &str) -> Vec<(Arc<Api>, Arc<Stage>)> {
        let named = host.split_once(".execute-api.").map(|(id, _)| id);
        let is_meant =
            |api: &&Arc<Api>| named.is_none_or(|id| api.id == id && !api.disable_execute_api_endpoint);
        let apis = self.apis.iter().filter(is_meant);
        apis.filter_map(|api| Some((Arc::clone(api), Arc::clone(api.stage(stage)?)))).collect()
    }
}

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    shared: Arc<Shared>,
    stop_http: watch::Sender<bool>,
    http: JoinHandle<()>,
}

impl Gateway {
    /// Serves the APIs on a listener.
    pub(crate) fn start(listener: TcpListener, settings: Settings) -> Result<Self, SettingsError> {
        let shared = Arc::new(Shared::new(settings)?);
        let stop_http = watch::Sender::new(false);
        let http = tokio::spawn(server::serve(listener, Arc::clone(&shared), stop_http.subscribe()));
        Ok(Self { shared, stop_http, http })
    }

    /// Closes every socket with 1001, waits for `$disconnect` and for functions that run, and stops
    /// listening. The management API answers until the end, because those functions use it.
    pub(crate) async fn shutdown(mut self) {
        self.shared.stopping.send_replace(true);
        if timeout(STOPPING, self.shared.tasks.finished()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        self.stop_http.send_replace(true);
        if timeout(HTTP_STOPPING, &mut self.http).await.is_err() {
            self.http.abort();
        }
    }
}

/// Where every request comes in.
async fn front_door(shared: Arc<Shared>, peer: SocketAddr, mut request: Request) -> Response {
    if request.uri().path_and_query().is_some_and(|url| url.as_str().len() > limits::URL) {
        let body = serde_json::json!({ "message": "Request-URI Too Long" }).to_string();
        return handshake::json(StatusCode::URI_TOO_LONG, body);
    }
    if request.headers().get_all(AUTHORIZATION).iter().count() > 1 {
        return handshake::bad_request();
    }
    let domain_name = handshake::host(request.headers());
    let source_ip = peer.ip().to_canonical();
    let identity = Identity {
        source_ip: source_ip.to_string(),
        user_agent: handshake::user_agent(request.headers()),
        ..Identity::default()
    };
    match Address::parse(request.uri().path()) {
        None => management::forbidden(),
        Some(Address::Connection { stage, id }) => {
            let candidates = shared.candidates(&stage, &domain_name);
            if candidates.is_empty() {
                return management::forbidden();
            }
            let (parts, body) = request.into_parts();
            let call = Call { candidates, parts, connection_id: id, domain_name, identity, body };
            management::handle(&shared, call).await
        }
        Some(Address::Socket { stage }) => {
            let mut candidates = shared.candidates(&stage, &domain_name);
            // Several APIs have this stage and the host does not say which: there is no such address.
            let (Some((api, stage)), true) = (candidates.pop(), candidates.is_empty()) else {
                return management::forbidden();
            };
            let Some(handshake) = Handshake::of(&mut request) else { return management::forbidden() };
            let connected_at = shared.clock.now_ms();
            let id = ConnectionId::random();
            let connection =
                Connection { id, api, stage, domain_name, connected_at, identity, principal: None };
            open(shared, connection, handshake).await
        }
    }
}

/// Gives a connection its task, and waits for what that answers the handshake.
async fn open(shared: Arc<Shared>, connection: Connection, handshake: Handshake) -> Response {
    let unavailable = || {
        let body = serde_json::json!({ "message": "Service Unavailable" }).to_string();
        handshake::json(StatusCode::SERVICE_UNAVAILABLE, body)
    };
    if *shared.stopping.borrow() {
        return unavailable();
    }
    let (respond, response) = oneshot::channel();
    let task = connection::run(Arc::clone(&shared), connection, handshake, respond);
    shared.tasks.spawn(task);
    response.await.unwrap_or_else(|_| unavailable())
}
