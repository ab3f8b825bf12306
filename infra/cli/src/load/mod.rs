//! `switchboard load`: opens connections, subscribes them, publishes at a rate, and tells how long
//! that took. It speaks the Centrifuge protocol itself, to any address that does.

mod client;
mod figures;
mod plot;
mod protocol;
mod show;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use self::client::{Client, Shared};
use self::figures::{Figures, Outcome};
use crate::endpoint::{self, EndpointError};
use crate::{https, tail};

/// How long to wait for what is still on its way after the last publication.
const LAST_ONES: Duration = Duration::from_secs(5);

/// How often it is looked at whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What to do, and to whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LoadOptions {
    /// The WebSocket API's address: the output WebSocketUrl of the stack.
    #[arg(long, value_name = "URL", required_unless_present = "local")]
    url: Option<String>,
    /// Connect to the `switchboard up` that runs in this folder, or in one above it.
    #[arg(long, conflicts_with = "url")]
    local: bool,
    /// Connections to open.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Connections to open a second.
    #[arg(long, value_name = "N", default_value_t = 100.0, value_parser = rate)]
    connect_rate: f64,
    /// The channel; with --channels a number follows.
    #[arg(long, value_name = "CHANNEL", default_value = "room:load")]
    channel: String,
    /// Spread the connections over so many channels.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    channels: u32,
    /// Publications a second, of all connections together.
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// How long to publish: 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = tail::duration)]
    duration: Duration,
    /// Bytes of each publication's data, at least.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    size: usize,
    /// A token for every connection.
    #[arg(long, value_name = "JWT")]
    token: Option<String>,
    /// Print the figures as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Draw how long deliveries took into a file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the `switchboard up` of this folder runs no WebSocket API")]
    NoApi,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("no connection could be opened: {0}")]
    NoConnection(String),
    #[error("cannot draw {}: {cause}", .file.display())]
    Plot { file: PathBuf, cause: String },
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("cannot write the figures: {0}")]
    Output(io::Error),
}

/// Does it, and prints the figures.
pub(crate) fn run(options: &LoadOptions) -> Result<(), LoadError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(LoadError::Runtime)?;
    let outcome = runtime.block_on(Box::pin(load(options)))?;
    if let Some(file) = &options.svg {
        plot::draw(file, &outcome).map_err(|cause| LoadError::Plot { file: file.clone(), cause })?;
    }
    let text = if options.json { show::json(&outcome) } else { show::text(&outcome) };
    writeln!(io::stdout().lock(), "{text}").map_err(LoadError::Output)
}

async fn load(options: &LoadOptions) -> Result<Outcome, LoadError> {
    let url = match &options.url {
        Some(url) => url.clone(),
        None => endpoint::local()?.websocket.ok_or(LoadError::NoApi)?,
    };
    let figures = Arc::new(Mutex::new(Figures::new()));
    let shared = Shared {
        url,
        tls: https::tls()?,
        token: options.token.clone(),
        figures: Arc::clone(&figures),
        epoch: Instant::now(),
    };
    let bar = bar();
    let clients = connect(options, &shared, &bar).await;
    if clients.is_empty() {
        return Err(LoadError::NoConnection(lock(&figures).first_error()));
    }
    let took = publish(options, &clients, &bar).await;
    settle(&figures, &bar).await;
    bar.finish_and_clear();
    for client in clients {
        client.close().await;
    }
    Ok(lock(&figures).outcome(options.connections, took))
}

/// Opens all connections, and gives those that were let in and subscribed.
async fn connect(options: &LoadOptions, shared: &Shared, bar: &ProgressBar) -> Vec<Client> {
    bar.set_length(u64::from(options.connections));
    bar.set_message("connecting");
    let mut ticks = ticks(options.connect_rate);
    let mut opening = JoinSet::new();
    let began = Instant::now();
    for number in 0..options.connections {
        ticks.tick().await;
        let (shared, channel) = (shared.clone(), channel(options, number));
        opening.spawn(async move { Client::open(shared, channel).await });
    }
    let mut clients = Vec::new();
    while let Some(opened) = opening.join_next().await {
        bar.inc(1);
        clients.extend(opened.ok().flatten());
    }
    lock(&shared.figures).connected_in(began.elapsed());
    clients
}

/// Publishes by turns, at the rate, and gives how long that took.
async fn publish(options: &LoadOptions, clients: &[Client], bar: &ProgressBar) -> Duration {
    let began = Instant::now();
    bar.reset();
    bar.set_length(options.duration.as_secs().max(1));
    bar.set_message("publishing");
    let mut ticks = ticks(options.rate);
    for client in clients.iter().cycle() {
        if timeout_at(began + options.duration, ticks.tick()).await.is_err() {
            break;
        }
        bar.set_position(began.elapsed().as_secs());
        if !client.is_open() {
            continue;
        }
        let members = clients.iter().filter(|other| other.channel() == client.channel() && other.is_open());
        client.publish(options.size, members.count());
    }
    began.elapsed()
}

/// Waits for what is on its way, but not for ever.
async fn settle(figures: &Mutex<Figures>, bar: &ProgressBar) {
    bar.set_message("waiting for the last ones");
    let ends = Instant::now() + LAST_ONES;
    while Instant::now() < ends && !lock(figures).is_complete() {
        sleep_until(Instant::now() + LOOK_EVERY).await;
    }
}

fn channel(options: &LoadOptions, number: u32) -> String {
    if options.channels == 1 {
        return options.channel.clone();
    }
    format!("{}{}", options.channel, number % options.channels)
}

/// Even steps; those that are late are made up for.
fn ticks(rate: f64) -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} [{elapsed}]") {
        bar.set_style(style);
    }
    bar
}

fn lock(figures: &Mutex<Figures>) -> std::sync::MutexGuard<'_, Figures> {
    // Figures are numbers: whatever a panic left of them is still counted.
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    // The shortest step of a clock that is worth it.
    if (0.001..=100_000.0).contains(&rate) { Ok(rate) } else { Err("expected 0.001 to 100000".to_owned()) }
}
