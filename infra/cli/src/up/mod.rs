//! `switchboard up`: builds the functions, starts the local AWS, and stays until it is told to stop.

mod addresses;
mod alarms;
mod build;
mod logs;

use std::io;
use std::net::IpAddr;

use local::{Config, Credentials, Quotas, Running};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sam::App;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::UpOptions;
use crate::endpoint::{self, Places};
use crate::project::{self, ProjectError};

/// Why it did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error("the template has no WebSocket API with a stage, so there is nothing to run")]
    NoApi,
    #[error("cannot listen on {host}:{port}, the {what}: {cause}; choose another port with {option}")]
    Port { host: IpAddr, port: u16, what: &'static str, option: &'static str, cause: io::Error },
    #[error(transparent)]
    Build(#[from] local::programs::BuildError),
    #[error(transparent)]
    Start(#[from] local::StartError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("stopped before everything had ended")]
    Impatient,
}

/// Comes up, stays, goes down.
pub(crate) fn run(options: &UpOptions) -> Result<(), UpError> {
    raise_open_files();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(UpError::Runtime)?;
    runtime.block_on(up(options))
}

/// Takes as many open files as it may have: every connection is one, and a shell's usual 1,024 are
/// soon used up.
fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // A refusal only means fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

async fn up(options: &UpOptions) -> Result<(), UpError> {
    warn_on_standard_error(options.json);
    let mut stop = Stop::new().map_err(UpError::Runtime)?;
    let (app, settings) = project::load(&options.project)?;
    if app.apis.iter().all(|api| api.stages.is_empty()) {
        return Err(UpError::NoApi);
    }
    // The ports first: that one is taken should not be learned after a long build.
    let websocket = listen(options.host, options.port, "WebSocket API", "--port").await?;
    let aws = listen(options.host, options.aws_port, "endpoint of the AWS services", "--aws-port").await?;
    let http = match app.http_apis.is_empty() {
        true => None,
        false => Some(listen(options.host, options.http_port, "HTTP API", "--http-port").await?),
    };
    let programs = tokio::select! {
        programs = build::build(&app, options) => programs?,
        () = stop.asked() => return Ok(()),
    };
    let shown = app.clone();
    let (region, api_key) = (settings.region.clone(), settings.parameters.get("ApiKey").cloned());
    let quotas = if options.no_quotas { Quotas::unlimited() } else { Quotas::default() };
    let config = Config {
        websocket,
        aws,
        http,
        data: options.data.clone(),
        settings,
        time_scale: options.time_scale,
        quotas,
        faults: options.faults.clone(),
        credentials: Credentials::default(),
        verify_signatures: !options.no_verify_signatures,
        enforce_iam: options.enforce_iam,
    };
    let running = tokio::select! {
        running = local::start(app, programs, config) => running?,
        () = stop.asked() => return Ok(()),
    };
    let places = Places {
        aws: running.aws().to_owned(),
        region,
        websocket: running.endpoints().first().map(|endpoint| endpoint.websocket.clone()),
        http: running.http().map(str::to_owned),
        api_key,
    };
    let announced = endpoint::announce(places)
        .inspect_err(|error| tracing::warn!(%error, "commands with --local will not find this"));
    stay(&running, &shown, options, &mut stop).await?;
    drop(announced);
    tokio::select! {
        () = running.shutdown() => Ok(()),
        () = stop.asked() => Err(UpError::Impatient),
    }
}

async fn stay(running: &Running, app: &App, options: &UpOptions, stop: &mut Stop) -> Result<(), UpError> {
    logs::follow(running.logs(), app, options);
    alarms::follow(running.alarms(), options);
    addresses::print(running, app, options).map_err(UpError::Output)?;
    stop.asked().await;
    Ok(())
}

async fn listen(
    host: IpAddr,
    port: u16,
    what: &'static str,
    option: &'static str,
) -> Result<TcpListener, UpError> {
    TcpListener::bind((host, port)).await.map_err(|cause| UpError::Port { host, port, what, option, cause })
}

/// Shows what the local AWS has to say of itself: an integration that failed, and why.
fn warn_on_standard_error(json: bool) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_target(false)
        .with_writer(io::stderr);
    // It fails when there is a subscriber already, as in a test.
    let _ = if json { subscriber.json().try_init() } else { subscriber.without_time().try_init() };
}

/// SIGINT and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
