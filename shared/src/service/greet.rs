//! `connect` and `refresh`: lets a client in, and lets it stay.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::auth::{Identity, TokenError};
use crate::ids::UserId;
use crate::model::Connection;
use crate::ports::{
    CountDevices, DeleteIndex, ExtendIndex, GreetConnection, PutIndex, RefreshConnection, Refusal,
    StoreError, Subscriptions,
};
use crate::protocol::command::{Connect, Refresh};
use crate::protocol::reply::{Lease, RefreshResult};
use crate::protocol::{DisconnectCode, ErrorCode, ReplyBody};

use super::{Failure, Settings};

/// Writes at a time: enough to hide latency, not enough to look like a flood.
const CONCURRENT_WRITES: usize = 16;

/// A client that was let in.
#[derive(Debug)]
pub struct Greeting {
    /// For how long.
    pub lease: Lease,
    /// The channels that its token subscribes it to.
    pub channels: BTreeSet<String>,
}

/// Lets the client in as whom its token names, or as whom the authorizer has named, or as nobody
/// where that is allowed. By rule A.
///
/// # Errors
/// What the client is told.
pub async fn greet(
    store: &(impl GreetConnection + CountDevices + PutIndex + ExtendIndex + DeleteIndex),
    settings: &Settings,
    connection: &mut Connection,
    command: &Connect,
    now_s: i64,
) -> Result<Greeting, Failure> {
    let mut known = connection.clone();
    let mut channels = BTreeSet::new();
    if !command.token.is_empty() {
        let mut identity = identify(settings, connection, &command.token, now_s).await?;
        channels = std::mem::take(&mut identity.channels);
        assume(&mut known, identity);
    }
    if known.user.is_none() && !settings.allow_anonymous {
        return Err(Failure::command(ErrorCode::Unauthorized, "the client did not say who it is"));
    }
    // A user whom the authorizer has named got the row in `$connect`.
    let new = known.user.as_ref().filter(|_| connection.user.is_none());
    if let Some(user) = new {
        store.put_device(user, &known).await?;
    }
    if let (Some(user), true) = (&connection.user, known.expires_at() > connection.expires_at()) {
        store.extend_device(user, &known).await?;
    }
    let crowded = is_crowded(store, settings, known.user.as_ref(), now_s).await;
    let greeted = match crowded {
        Ok(false) => Some(store.greet(&known).await),
        Ok(true) | Err(_) => None,
    };
    if let (Some(user), false) = (new, matches!(greeted, Some(Ok(Ok(()))))) {
        store.delete_device(user, &known.id).await?;
    }
    crowded?;
    let Some(greeted) = greeted else {
        let cause = "the user has as many connections as it may have".to_owned();
        return Err(Failure::Connection(DisconnectCode::CONNECTION_LIMIT, cause));
    };
    greeted?.map_err(|refusal| match refusal {
        Refusal::Already => Failure::Connection(DisconnectCode::BAD_REQUEST, "a second connect".into()),
        Refusal::Closed | Refusal::Full | Refusal::Refreshed => stale(),
    })?;
    let lease = Lease::until(known.token_expires_at, now_s);
    *connection = Connection { greeted: true, ..known };
    Ok(Greeting { lease, channels })
}

/// Whether the user has more connections than it may have, this one among them. Its row is there
/// before they are counted: of several that come at once, none is overlooked.
async fn is_crowded(
    store: &impl CountDevices,
    settings: &Settings,
    user: Option<&UserId>,
    now_s: i64,
) -> Result<bool, StoreError> {
    match (settings.max_connections_per_user, user) {
        (Some(most), Some(user)) => Ok(store.devices(user, now_s).await? > most),
        _ => Ok(false),
    }
}

/// Lets the client stay as long as its new token says.
///
/// The rows that the connection lists are extended before its own row says so, since a row that
/// ends too early loses publications; those that were added or renewed meanwhile, after.
///
/// # Errors
/// What the client is told.
pub async fn refresh(
    store: &(impl RefreshConnection + ExtendIndex + Sync),
    settings: &Settings,
    connection: &mut Connection,
    command: &Refresh,
    now_s: i64,
) -> Result<ReplyBody, Failure> {
    let identity = identify(settings, connection, &command.token, now_s).await?;
    if identity.user != connection.user {
        return Err(invalid("the token is another user's"));
    }
    let refreshed =
        Connection { token_expires_at: identity.expires_at, caps: identity.caps, ..connection.clone() };
    extend(store, &refreshed, &refreshed.subscriptions).await?;
    if let Some(user) = &refreshed.user {
        store.extend_device(user, &refreshed).await?;
    }
    let mut listed = store.refresh(&refreshed).await?.map_err(|_| stale())?;
    listed.retain(|channel, subscription| refreshed.subscriptions.get(channel) != Some(subscription));
    extend(store, &refreshed, &listed).await?;
    let lease = Lease::until(refreshed.token_expires_at, now_s);
    *connection = refreshed;
    Ok(ReplyBody::Refresh(RefreshResult { client: connection.id.to_string(), lease }))
}

/// Whom a token names. It cannot be another than the authorizer has let in.
async fn identify(
    settings: &Settings,
    connection: &Connection,
    token: &str,
    now_s: i64,
) -> Result<Identity, Failure> {
    let identity = settings.tokens.verify(token, now_s).await.map_err(|error| match error {
        TokenError::Expired => Failure::command(ErrorCode::TokenExpired, error.to_string()),
        TokenError::Unknown(_) => Failure::command(ErrorCode::Internal, error.to_string()),
        TokenError::Invalid(_) => invalid(&error.to_string()),
    })?;
    if connection.user.is_some() && identity.user != connection.user {
        return Err(invalid("the token is another user's"));
    }
    Ok(identity)
}

fn assume(connection: &mut Connection, identity: Identity) {
    connection.user = identity.user;
    connection.info = identity.info;
    connection.token_expires_at = identity.expires_at;
    connection.caps = identity.caps;
}

async fn extend(
    store: &(impl ExtendIndex + Sync),
    connection: &Connection,
    subscriptions: &Subscriptions,
) -> Result<(), StoreError> {
    stream::iter(subscriptions)
        .map(|(channel, subscription)| store.extend_member(channel, connection, subscription))
        .buffer_unordered(CONCURRENT_WRITES)
        .try_collect()
        .await
}

fn invalid(cause: &str) -> Failure {
    Failure::Connection(DisconnectCode::INVALID_TOKEN, cause.to_owned())
}

fn stale() -> Failure {
    Failure::Connection(DisconnectCode::STALE, "the connection's row is closed".to_owned())
}
