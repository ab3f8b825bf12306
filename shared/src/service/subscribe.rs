//! `subscribe`, `sub_refresh` and `unsubscribe`.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::auth::TokenError;
use crate::auth::caps::Capability;
use crate::channel::{Channel, Namespace};
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::{Connection, Subscription};
use crate::ports::{
    AddSubscriptions, Conditional, DeleteIndex, ExtendIndex, MAX_TOGETHER, PutIndex, ReadConnection,
    ReadSpread, Refusal, RemoveSubscription, RenewSubscription, SpreadMembers, StoreError,
};
use crate::protocol::command::{Position, SubRefresh, Subscribe, Unsubscribe};
use crate::protocol::reply::Lease;
use crate::protocol::{DisconnectCode, ErrorCode};

use super::members::shard;
use super::{Failure, Settings};

/// How long the reply to a `subscribe` may take: no function lives as long.
const REPLY_WITHIN_S: i64 = 60;

/// Calls at a time for one frame: enough to hide latency, not enough to look like a flood.
const CONCURRENT_CALLS: usize = 16;

/// What subscribing asks of the table.
pub trait SubscribeStore:
    ReadConnection + ReadSpread + SpreadMembers + AddSubscriptions + PutIndex + DeleteIndex + Sync
{
}
impl<T> SubscribeStore for T where
    T: ReadConnection + ReadSpread + SpreadMembers + AddSubscriptions + PutIndex + DeleteIndex + Sync
{
}

/// The channel of a command and what its namespace allows.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a name that breaks the grammar, [`ErrorCode::UnknownChannel`]
/// for a namespace that is not configured.
pub fn channel(name: &str, settings: &Settings) -> Result<(Channel, Namespace), Failure> {
    let channel = Channel::parse(name)
        .ok_or_else(|| Failure::command(ErrorCode::BadRequest, "the channel's name breaks the grammar"))?;
    let namespace = settings
        .namespaces
        .of(&channel)
        .ok_or_else(|| Failure::command(ErrorCode::UnknownChannel, "the namespace is not configured"))?;
    Ok((channel, namespace))
}

/// A subscription that is to be.
#[derive(Debug)]
pub struct Wanted {
    /// To what.
    pub channel: Channel,
    /// What its namespace says.
    pub namespace: Namespace,
    /// How it is listed.
    pub subscription: Subscription,
    /// Whether it is to have a position.
    pub positioned: bool,
    /// From where the client asks for what it has missed.
    pub since: Option<Position>,
}

/// What a client that asks for a subscription may have.
///
/// # Errors
/// What the client is told: [`ErrorCode::PermissionDenied`], or [`ErrorCode::TokenExpired`] for a
/// subscription token that its client library fetches again.
pub async fn wanted(
    settings: &Settings,
    connection: &Connection,
    command: &Subscribe,
    id: SubscriptionId,
    now_s: i64,
) -> Result<Wanted, Failure> {
    let (channel, namespace) = channel(&command.channel, settings)?;
    let expires_at = if command.token.is_empty() {
        if !may_subscribe(connection, &channel, &namespace) {
            return Err(denied("the namespace does not allow subscribing"));
        }
        None
    } else {
        let granted = granted(settings, connection, &channel, &command.token, now_s).await;
        granted.map_err(|error| refused_token(&error, ErrorCode::TokenExpired))?
    };
    let hears_joins = namespace.join_leave && (command.join_leave || namespace.force_push_join_leave);
    let positioned = namespace.ordered || namespace.force_recovery || command.recoverable || command.recover;
    let subscription = Subscription { id, expires_at, hears_joins };
    Ok(Wanted { channel, namespace, subscription, positioned, since: command.since() })
}

/// Whether a client may subscribe without a subscription token.
fn may_subscribe(connection: &Connection, channel: &Channel, namespace: &Namespace) -> bool {
    if connection.caps.allow(channel, Capability::Subscribe) {
        return true;
    }
    if channel.lists_users() && namespace.limits_users() {
        let user = connection.user.as_ref().map(UserId::as_str);
        return channel.users().any(|listed| Some(listed) == user);
    }
    namespace.allow_subscribe_for_client
}

/// Until when a subscription token allows the client the channel.
async fn granted(
    settings: &Settings,
    connection: &Connection,
    channel: &Channel,
    token: &str,
    now_s: i64,
) -> Result<Option<i64>, TokenError> {
    let grant = settings.tokens.verify_subscription(token, now_s).await?;
    if grant.user != connection.user {
        return Err(TokenError::Invalid("it is another user's".to_owned()));
    }
    if grant.channel != channel.as_str() {
        return Err(TokenError::Invalid("it is for another channel".to_owned()));
    }
    Ok(grant.expires_at)
}

/// Makes the connection a member of channels, by rule A: from the replies on, every publication is
/// sent to it. Gives for each, in order, what became of it: an error is what the client is told,
/// and nothing is left behind then.
///
/// What one frame asks for is written to the connection's row at once: each channel costs one write
/// and not two.
pub async fn subscribe(
    store: &impl SubscribeStore,
    connection: &mut Connection,
    wanted: Vec<Wanted>,
    now_s: i64,
) -> Vec<Result<Wanted, Failure>> {
    let mut taken: BTreeSet<Channel> = connection.subscriptions.keys().cloned().collect();
    let new = wanted.into_iter().map(|wanted| {
        if taken.insert(wanted.channel.clone()) { Ok(wanted) } else { Err(refused(Refusal::Already)) }
    });
    let id = &connection.id.clone();
    let placed: Vec<_> = stream::iter(new.collect::<Vec<_>>())
        .map(|wanted| async move { place(store, id, wanted?, now_s).await })
        .buffered(CONCURRENT_CALLS)
        .collect()
        .await;
    let mut outcomes = Vec::with_capacity(placed.len());
    let mut placed = placed.into_iter().peekable();
    while placed.peek().is_some() {
        let part = placed.by_ref().take(MAX_TOGETHER).collect();
        outcomes.append(&mut enter(store, connection, part, now_s).await);
    }
    outcomes
}

/// Finds the shard for the new member.
async fn place(
    store: &impl SubscribeStore,
    id: &ConnectionId,
    mut wanted: Wanted,
    now_s: i64,
) -> Result<Wanted, Failure> {
    let shard = shard(store, &wanted.channel, id, now_s).await?;
    wanted.subscription.id = wanted.subscription.id.in_shard(shard);
    Ok(wanted)
}

/// Enters all of them at once; or one after another, when the connection's row refuses one.
async fn enter(
    store: &impl SubscribeStore,
    connection: &mut Connection,
    part: Vec<Result<Wanted, Failure>>,
    now_s: i64,
) -> Vec<Result<Wanted, Failure>> {
    let good: Vec<_> = part.iter().flatten().collect();
    if good.len() > 1 {
        match together(store, connection, &good, now_s).await {
            Ok(()) => return part,
            Err(Failure::Store(error)) => {
                return part.into_iter().map(|wanted| wanted.and(Err(error.clone().into()))).collect();
            }
            Err(Failure::Command(..) | Failure::Connection(..)) => {}
        }
    }
    let mut outcomes = Vec::with_capacity(part.len());
    for wanted in part {
        let outcome = match wanted {
            Ok(wanted) => together(store, connection, &[&wanted], now_s).await.map(|()| wanted),
            Err(failure) => Err(failure),
        };
        outcomes.push(outcome);
    }
    outcomes
}

async fn together(
    store: &impl SubscribeStore,
    connection: &mut Connection,
    wanted: &[&Wanted],
    now_s: i64,
) -> Result<(), Failure> {
    let mut added = join(store, connection, wanted, now_s).await;
    if matches!(added, Ok(Err(Refusal::Refreshed))) {
        // The rows were made for the old token: once more for the new one. Nobody brings a third
        // within the same moment.
        if let Some(now) = store.read(&connection.id).await? {
            *connection = now;
        }
        added = join(store, connection, wanted, now_s).await;
    }
    if !matches!(added, Ok(Ok(()))) {
        stream::iter(wanted)
            .map(|wanted| store.delete_member(&wanted.channel, &connection.id, &wanted.subscription.id))
            .buffer_unordered(CONCURRENT_CALLS)
            .try_collect::<()>()
            .await?;
    }
    added?.map_err(refused)?;
    connection.subscriptions.extend(listed(wanted));
    Ok(())
}

/// Writes the member rows, then the connection's.
async fn join(
    store: &impl SubscribeStore,
    connection: &Connection,
    wanted: &[&Wanted],
    now_s: i64,
) -> Conditional {
    stream::iter(wanted)
        .map(|Wanted { channel, namespace, subscription, .. }| {
            let waits_until = namespace.ordered.then_some(now_s + REPLY_WITHIN_S);
            store.put_member(channel, connection, subscription, waits_until)
        })
        .buffer_unordered(CONCURRENT_CALLS)
        .try_collect::<()>()
        .await?;
    store.add(connection, &listed(wanted).collect()).await
}

fn listed<'a>(wanted: &'a [&Wanted]) -> impl Iterator<Item = (Channel, Subscription)> + 'a {
    wanted.iter().map(|wanted| (wanted.channel.clone(), wanted.subscription.clone()))
}

/// `sub_refresh`: lets the subscription last as long as its new token says. The member's row is
/// extended before the connection's own row says so, since a row that ends too early loses
/// publications.
///
/// # Errors
/// What the client is told: [`ErrorCode::PermissionDenied`] where there is no subscription or the
/// token is not good, [`ErrorCode::Expired`] when it has ended.
pub async fn sub_refresh(
    store: &(impl ReadConnection + RenewSubscription + ExtendIndex),
    settings: &Settings,
    connection: &mut Connection,
    command: &SubRefresh,
    now_s: i64,
) -> Result<Lease, Failure> {
    let (channel, _) = channel(&command.channel, settings)?;
    let granted = granted(settings, connection, &channel, &command.token, now_s).await;
    let expires_at = granted.map_err(|error| refused_token(&error, ErrorCode::Expired))?;
    let mut renewed = renew(store, connection, &channel, expires_at).await?;
    if renewed == Err(Refusal::Refreshed) {
        // As in a subscribe: once more with what the row says now.
        if let Some(now) = store.read(&connection.id).await? {
            *connection = now;
        }
        renewed = renew(store, connection, &channel, expires_at).await?;
    }
    renewed.map_err(refused)?;
    Ok(Lease::until(expires_at, now_s))
}

async fn renew(
    store: &(impl RenewSubscription + ExtendIndex),
    connection: &mut Connection,
    channel: &Channel,
    expires_at: Option<i64>,
) -> Result<Result<(), Refusal>, Failure> {
    let Some(from) = connection.subscriptions.get(channel).cloned() else {
        return Err(denied("there is no such subscription"));
    };
    let to = Subscription { expires_at, ..from.clone() };
    store.extend_member(channel, connection, &to).await?;
    let renewed = store.renew(connection, channel, &from, &to).await?;
    if renewed.is_ok() {
        connection.subscriptions.insert(channel.clone(), to);
    }
    Ok(renewed)
}

/// Ends the membership; gives the channel if there was one. A channel that is not subscribed to is
/// no error, as elsewhere in the protocol.
///
/// # Errors
/// What the client is told.
pub async fn unsubscribe(
    store: &(impl RemoveSubscription + DeleteIndex),
    connection: &mut Connection,
    command: &Unsubscribe,
) -> Result<Option<Channel>, Failure> {
    let channel = Channel::parse(&command.channel)
        .ok_or_else(|| Failure::command(ErrorCode::BadRequest, "the channel's name breaks the grammar"))?;
    Ok(leave(store, connection, &channel).await?.then_some(channel))
}

/// Ends the membership of a channel; gives whether there was one.
///
/// # Errors
/// [`StoreError`].
pub async fn leave(
    store: &(impl RemoveSubscription + DeleteIndex),
    connection: &mut Connection,
    channel: &Channel,
) -> Result<bool, StoreError> {
    // The connection's row first: it is the authority, and what it does not list is deleted by
    // the subscription that wrote it, or expires.
    let removed = store.remove(&connection.id, channel).await?;
    if let Some(subscription) = &removed {
        store.delete_member(channel, &connection.id, &subscription.id).await?;
    }
    connection.subscriptions.remove(channel);
    Ok(removed.is_some())
}

/// What a client is told of its subscription token.
fn refused_token(error: &TokenError, expired: ErrorCode) -> Failure {
    match error {
        TokenError::Expired => Failure::command(expired, error.to_string()),
        TokenError::Invalid(_) => denied(error.to_string()),
        TokenError::Unknown(_) => Failure::command(ErrorCode::Internal, error.to_string()),
    }
}

fn denied(cause: impl Into<String>) -> Failure {
    Failure::command(ErrorCode::PermissionDenied, cause)
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Closed => {
            Failure::Connection(DisconnectCode::STALE, "the connection's row is closed".into())
        }
        Refusal::Already => Failure::command(ErrorCode::AlreadySubscribed, "subscribed already"),
        Refusal::Refreshed => {
            Failure::command(ErrorCode::Internal, "the token was refreshed again and again")
        }
        Refusal::Full => {
            Failure::command(ErrorCode::LimitExceeded, format!("more than {MAX_SUBSCRIPTIONS} channels"))
        }
    }
}
