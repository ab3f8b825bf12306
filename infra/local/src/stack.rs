//! Starts and stops the parts of the local AWS in the right order.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use cloudwatch::alarms::AlarmStore;
use cloudwatch::logs::{LogStore, OpenError};
use cloudwatch::metrics::MetricStore;
use sam::app::{App, Function, WebSocketApi};
use tokio::net::TcpListener;

use crate::callback_endpoint;
use crate::clock::{Clock, SystemClock};
use crate::credentials::Credentials;
use crate::faults::Fault;
use crate::gateway::{self, Faults, Gateway, Killing, Quotas, SettingsError};
use crate::iam::Iam;
use crate::lambda::{Host, HostConfig, is_routine};
use crate::monitoring::Monitoring;
use crate::programs::Programs;
use crate::services::{Backends, Services};
use crate::sqs::{Place, Sqs};
use crate::tables::{TableError, Tables};
use crate::triggers::{Declared, Ground, Triggers};

/// Lines of a function that does not start that are worth showing.
const OUTPUT_LINES: usize = 3;

/// Where and how the local AWS runs.
#[derive(Debug)]
pub struct Config {
    /// For the WebSocket APIs and `@connections`.
    pub websocket: TcpListener,
    /// For the AWS services that SDKs call.
    pub aws: TcpListener,
    /// For the HTTP APIs. They have no address without it.
    pub http: Option<TcpListener>,
    /// The account and region that functions see.
    pub settings: sam::Settings,
    /// How many times faster than AWS's the 10-minute and 2-hour clocks of a connection run.
    pub time_scale: f64,
    /// The rate limits of the account.
    pub quotas: Quotas,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// What functions sign their calls with, and what signatures are checked with.
    pub credentials: Credentials,
    /// Whether calls of `@connections` and handshakes of `AWS_IAM` routes must be signed, as on AWS.
    pub verify_signatures: bool,
    /// Whether functions may do only what their roles allow. Signatures are then checked in any case.
    pub enforce_iam: bool,
    /// A folder that keeps tables and logs over restarts; `None` keeps them in memory.
    pub data: Option<PathBuf>,
}

/// Where one stage of one API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The API's name in the template.
    pub api: String,
    /// The API's ten characters.
    pub api_id: String,
    /// The stage's name.
    pub stage: String,
    /// Where clients connect: `ws://127.0.0.1:3001/local`.
    pub websocket: String,
    /// The endpoint of `@connections`: `http://127.0.0.1:3001/local`.
    pub management: String,
}

/// Why the local AWS cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener does not know its address.
    #[error("A listener has no address: {0}.")]
    Listener(#[from] std::io::Error),
    /// An API's selection expressions or models, or the time scale, are not usable.
    #[error("{0}")]
    Gateway(String),
    /// A fault is about a function that is not there.
    #[error("the fault kill-function={0} names a function that the template does not have")]
    Fault(String),
    /// The logs cannot be kept.
    #[error(transparent)]
    Logs(#[from] OpenError),
    /// A function's role has a policy that cannot be evaluated.
    #[error("{0}; leave --enforce-iam out to run without looking at policies")]
    Policy(String),
    /// A metric filter of the template is not one that CloudWatch takes.
    #[error("{0}")]
    MetricFilter(String),
    /// CloudWatch would not take an alarm.
    #[error("the alarm {alarm} cannot be made: {reason}")]
    Alarm {
        /// Its logical id.
        alarm: String,
        /// CloudWatch's message.
        reason: String,
    },
    /// The tables cannot be served.
    #[error(transparent)]
    Tables(#[from] TableError),
    /// A function's process does not come to ask for its first event.
    #[error("the function {function} does not start: {reason}{}", wrote(.output))]
    Function {
        /// Its logical id.
        function: String,
        /// What happened to the process.
        reason: String,
        /// The last lines that it wrote.
        output: Vec<String>,
    },
}

/// What a function wrote, for the end of a sentence about it.
fn wrote(output: &[String]) -> String {
    if output.is_empty() { String::new() } else { format!("; it wrote:\n{}", output.join("\n")) }
}

impl From<SettingsError> for StartError {
    fn from(error: SettingsError) -> Self {
        Self::Gateway(error.to_string())
    }
}

/// The running local AWS. Dropping it ends its listeners and tells no one: see
/// [`Running::shutdown`].
#[derive(Debug)]
pub struct Running {
    endpoints: Vec<Endpoint>,
    aws: String,
    http: Option<String>,
    monitoring: Monitoring,
    gateway: Gateway,
    triggers: Triggers,
    host: Host,
    tables: Tables,
    services: Services,
}

/// Starts an app: its tables, its functions' host, and its APIs.
///
/// The functions get `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` with the
/// endpoint of their API: the one that their own variable of this name means, or else the one that
/// calls them, or may; or else the first. That endpoint also finds the connections of other APIs that
/// have a stage of the same name.
///
/// # Errors
/// See [`StartError`].
pub async fn start(mut app: App, programs: Programs, config: Config) -> Result<Running, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let monitoring = Monitoring::start(&app, &config.settings, config.data.clone(), &clock).await?;
    let (logs, metrics) = (monitoring.logs().clone(), monitoring.metrics().clone());
    let endpoints = endpoints(&app.apis, config.websocket.local_addr()?);
    let aws = url(config.aws.local_addr()?);
    let http = config.http.as_ref().map(TcpListener::local_addr).transpose()?.map(url);
    let faults = faults(&config.faults, &app)?;
    let names = of_functions(&app, |function| &function.name);
    let groups = of_functions(&app, |function| &function.log_group);
    callback_endpoint::give(&mut app.functions, &app.apis, &endpoints);
    let iam = enforced(&mut app, &config)?;
    let declared = Declared::take(&mut app);
    let host = Host::new(HostConfig {
        functions: app.functions,
        programs,
        logs: logs.clone(),
        metrics: metrics.clone(),
        region: config.settings.region.clone(),
        account_id: config.settings.account_id.clone(),
        credentials: config.credentials.clone(),
        environment: BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), aws.clone())]),
        clock: Arc::clone(&clock),
    });
    let sqs = Sqs::new(app.queues, Place::new(&config.settings, &aws), Arc::clone(&clock));
    let private = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let backends = Backends {
        logs: monitoring.logs_api().clone(),
        metrics: monitoring.metrics_api().clone(),
        sqs: sqs.clone(),
        tables: private.local_addr()?,
        iam: iam.clone(),
    };
    let file = config.data.map(|folder| folder.join("tables.sqlite"));
    let tables = Tables::start(private, app.tables, file).await?;
    let services = Services::start(config.aws, backends);
    host.warm().await.map_err(|(function, reason)| {
        let output = last_lines(&logs, groups.get(&function).map_or("", String::as_str));
        StartError::Function { function, reason, output }
    })?;
    let ground = Ground::new(Arc::new(host.clone()), Arc::clone(&clock), &config.settings);
    let ground = Ground { time_scale: config.time_scale, ..ground };
    let settings = gateway::Settings {
        apis: app.apis,
        invoke: Arc::new(Killing { host: host.clone(), faults: Arc::clone(&faults) }),
        functions: names,
        logs,
        metrics,
        clock,
        time_scale: config.time_scale,
        quotas: config.quotas,
        faults,
        deployment: config.settings,
        signers: (config.verify_signatures || iam.is_some()).then_some(config.credentials),
        iam,
    };
    let gateway = Gateway::start(config.websocket, settings)?;
    let triggers = declared.start(&sqs, ground, config.http);
    Ok(Running { endpoints, aws, http, monitoring, gateway, triggers, host, tables, services })
}

/// Something of each function, by logical id.
fn of_functions(app: &App, what: impl Fn(&Function) -> &String) -> BTreeMap<String, String> {
    app.functions.iter().map(|(id, function)| (id.clone(), what(function).clone())).collect()
}

impl Running {
    /// Every stage of every API.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint of the AWS services: `http://127.0.0.1:4566`.
    #[must_use]
    pub fn aws(&self) -> &str {
        &self.aws
    }

    /// The address of the HTTP APIs, when there are any: `http://127.0.0.1:3002`.
    #[must_use]
    pub fn http(&self) -> Option<&str> {
        self.http.as_deref()
    }

    /// The metrics of the gateway, of Lambda, and in the functions' log lines.
    #[must_use]
    pub fn metrics(&self) -> &MetricStore {
        self.monitoring.metrics()
    }

    /// The logs of the gateway and of the functions.
    #[must_use]
    pub fn logs(&self) -> &LogStore {
        self.monitoring.logs()
    }

    /// The alarms.
    #[must_use]
    pub fn alarms(&self) -> &AlarmStore {
        self.monitoring.alarms()
    }

    /// Stops everything: sockets are closed with 1001 and `$disconnect` is told, functions that run
    /// may finish for a bounded time, and then their processes and the listeners end.
    pub async fn shutdown(self) {
        self.triggers.shutdown().await;
        self.gateway.shutdown().await;
        self.host.shutdown().await;
        self.services.shutdown().await;
        self.tables.shutdown().await;
        self.monitoring.shutdown().await;
    }
}

/// The faults that are switched on, each about something that there is.
fn faults(switched_on: &[Fault], app: &App) -> Result<Arc<Faults>, StartError> {
    let faults = Arc::new(Faults::new(switched_on));
    if let Some(unknown) = faults.functions().find(|function| !app.functions.contains_key(*function)) {
        return Err(StartError::Fault(unknown.to_owned()));
    }
    if !faults.is_empty() {
        tracing::warn!("faults are switched on: {faults}");
    }
    Ok(faults)
}

/// What functions may do, when they are held to it; each has a key of its own then.
fn enforced(app: &mut App, config: &Config) -> Result<Option<Arc<Iam>>, StartError> {
    if !config.enforce_iam {
        return Ok(None);
    }
    let iam = Iam::of(&mut app.functions, &app.tables, &config.settings).map_err(StartError::Policy)?;
    Ok(Some(Arc::new(iam)))
}

/// The last lines of a log group, oldest first, but for those that Lambda writes at every start.
fn last_lines(logs: &LogStore, group: &str) -> Vec<String> {
    let events = logs.events(group);
    let said = events.iter().map(|event| event.message.to_string()).filter(|line| !is_routine(line));
    let lines: Vec<_> = said.collect();
    lines.iter().skip(lines.len().saturating_sub(OUTPUT_LINES)).cloned().collect()
}

fn endpoints(apis: &[WebSocketApi], address: SocketAddr) -> Vec<Endpoint> {
    let address = reachable(address);
    let stages = apis.iter().flat_map(|api| api.stages.keys().map(move |stage| (api, stage)));
    let endpoint = |(api, stage): (&WebSocketApi, &String)| Endpoint {
        api: api.logical_id.clone(),
        api_id: api.id.clone(),
        stage: stage.clone(),
        websocket: format!("ws://{address}/{stage}"),
        management: format!("http://{address}/{stage}"),
    };
    stages.map(endpoint).collect()
}

fn url(address: SocketAddr) -> String {
    format!("http://{}", reachable(address))
}

/// An address to connect to: a listener on every interface is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{SinkExt, StreamExt};
    use sam::app::{ApiKeySource, Authorization, Integration, Route, RouteSettings, Stage, Target};
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    /// An app whose one route calls a function that cannot run.
    fn app() -> App {
        let integration =
            Integration { target: Target::Function("F".to_owned()), timeout: Duration::from_secs(29) };
        let key = "$default".to_owned();
        let route = Route {
            key: key.clone(),
            authorization: Authorization::Open,
            api_key_required: false,
            integration: Some(integration),
            two_way: false,
            validation: None,
        };
        let stage = Stage {
            name: "local".to_owned(),
            variables: BTreeMap::new(),
            api_keys: Vec::new(),
            access_log: None,
            default_route_settings: RouteSettings::default(),
            route_settings: BTreeMap::new(),
        };
        let api = WebSocketApi {
            logical_id: "Api".to_owned(),
            id: "a1b2c3d4e5".to_owned(),
            name: "Api".to_owned(),
            route_selection_expression: "$request.body.action".to_owned(),
            disable_schema_validation: false,
            api_key_source: ApiKeySource::Header,
            disable_execute_api_endpoint: false,
            routes: BTreeMap::from([(key, route)]),
            stages: BTreeMap::from([("local".to_owned(), stage)]),
            permitted: std::collections::BTreeSet::new(),
        };
        App {
            apis: vec![api],
            functions: BTreeMap::new(),
            tables: Vec::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            http_apis: Vec::new(),
            event_sources: Vec::new(),
            log_groups: Vec::new(),
            metric_filters: Vec::new(),
            query_definitions: Vec::new(),
            alarms: Vec::new(),
            outputs: BTreeMap::new(),
            ignored: Vec::new(),
        }
    }

    async fn config(time_scale: f64) -> Config {
        let listener = || TcpListener::bind("127.0.0.1:0");
        Config {
            websocket: listener().await.unwrap(),
            aws: listener().await.unwrap(),
            http: None,
            settings: sam::Settings::default(),
            time_scale,
            quotas: Quotas::default(),
            faults: Vec::new(),
            credentials: Credentials::default(),
            verify_signatures: true,
            enforce_iam: false,
            data: None,
        }
    }

    #[tokio::test]
    async fn starts_answers_and_stops() {
        let running = start(app(), Programs::default(), config(1.0).await).await.unwrap();
        let [endpoint] = running.endpoints() else { panic!("one endpoint") };
        assert_eq!(endpoint.management, endpoint.websocket.replace("ws://", "http://"));
        let url = endpoint.websocket.clone();
        let (mut client, _) = connect_async(&url).await.unwrap();
        client.send(Message::text("x")).await.unwrap();
        let frame = client.next().await.unwrap().unwrap();
        assert!(frame.to_text().unwrap().starts_with(r#"{"message": "Internal server error""#));
        let stopped = tokio::spawn(running.shutdown());
        assert!(client.next().await.unwrap().unwrap().is_close());
        assert!(client.next().await.is_none());
        stopped.await.unwrap();
        assert!(connect_async(&url).await.is_err());
    }

    #[tokio::test]
    async fn a_time_scale_makes_the_idle_clock_run_faster() {
        let running = start(app(), Programs::default(), config(60_000.0).await).await.unwrap();
        let (mut client, _) = connect_async(&running.endpoints()[0].websocket).await.unwrap();
        let Message::Close(Some(frame)) = client.next().await.unwrap().unwrap() else {
            panic!("a close frame")
        };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "Going away"));
    }

    #[tokio::test]
    async fn what_cannot_start_is_named() {
        let error = start(app(), Programs::default(), config(0.0).await).await.unwrap_err();
        assert_eq!(error.to_string(), "The time scale 0 is not a number above zero.");
        let mut killing = config(1.0).await;
        killing.faults = vec!["kill-function=Other".parse().unwrap()];
        let error = start(app(), Programs::default(), killing).await.unwrap_err();
        let expected = "the fault kill-function=Other names a function that the template does not have";
        assert_eq!(error.to_string(), expected);
        let mut app = app();
        app.apis[0].route_selection_expression = "$context.routeKey".to_owned();
        let error = start(app, Programs::default(), config(1.0).await).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "The API Api: \"context.routeKey\" is not a variable of a selection expression: \
             only $request.body can be read."
        );
    }
}
