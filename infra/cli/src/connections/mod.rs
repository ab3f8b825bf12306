//! `switchboard connections`: who is connected to the service, as its table says.

mod show;
mod table;

use std::io::Write;
use std::num::NonZeroUsize;

use aws_sdk_dynamodb::Client;
use cloudwatch::clock::{Clock, SystemClock};
use shared::adapters::{Connections, Table};
use shared::channel::Channel;
use shared::ids::UserId;
use shared::ports::StoreError;
use shared::telemetry::Usage;

use crate::endpoint::{self, ConnectArgs, EndpointError};

/// Whose connections to show.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectionsOptions {
    /// Only those that are subscribed to this channel.
    #[arg(long, value_name = "CHANNEL", value_parser = channel, conflicts_with = "user")]
    channel: Option<Channel>,
    /// Only those of this user.
    #[arg(long, value_name = "USER", value_parser = user)]
    user: Option<UserId>,
    /// How many to show at most.
    #[arg(long, value_name = "N", default_value = "1000")]
    limit: NonZeroUsize,
    /// The service's table by its name or a part of it, such as the stack's name [default: the only table].
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// A line of JSON for each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionsError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Table(#[from] table::TableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

/// Shows the connections.
pub(crate) fn run(options: &ConnectionsOptions) -> Result<(), ConnectionsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let text = runtime.map_err(ConnectionsError::Runtime)?.block_on(Box::pin(text(options)))?;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

async fn text(options: &ConnectionsOptions) -> Result<String, ConnectionsError> {
    let client = Client::new(&endpoint::config(&options.connect).await?);
    let name = table::find(&client, options.table.as_deref()).await?;
    let usage = Usage::default();
    let connections = Connections::of(Table::new(client, name, usage.clone()));
    let (now_s, most) = (SystemClock.now_ms().div_euclid(1000), options.limit.get());
    let found = match (&options.channel, &options.user) {
        (Some(channel), _) => connections.of_channel(channel, now_s, most).await?,
        (None, Some(user)) => connections.of_user(user, now_s, most).await?,
        (None, None) => connections.all(now_s, most).await?,
    };
    Ok(if options.json { show::json(&found) } else { show::table(&found, usage.take().read) })
}

fn channel(text: &str) -> Result<Channel, String> {
    Channel::parse(text).ok_or_else(|| "expected the name of a channel, such as room:1".to_owned())
}

fn user(text: &str) -> Result<UserId, String> {
    if text.is_empty() { Err("expected a user's id".to_owned()) } else { Ok(text.into()) }
}
