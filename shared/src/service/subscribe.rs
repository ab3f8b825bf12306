//! `subscribe`, `sub_refresh` and `unsubscribe`.

use crate::auth::TokenError;
use crate::auth::caps::Capability;
use crate::channel::{Channel, Namespace};
use crate::ids::{SubscriptionId, UserId};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::{Connection, Subscription};
use crate::ports::{
    AddSubscription, Conditional, DeleteIndex, ExtendIndex, PutIndex, ReadConnection, ReadSpread, Refusal,
    RemoveSubscription, RenewSubscription, SpreadMembers, StoreError,
};
use crate::protocol::command::{Position, SubRefresh, Subscribe, Unsubscribe};
use crate::protocol::reply::Lease;
use crate::protocol::{DisconnectCode, ErrorCode};

use super::members::shard;
use super::{Failure, Settings};

/// How long the reply to a `subscribe` may take: no function lives as long.
const REPLY_WITHIN_S: i64 = 60;

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
pub fn wanted(
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
        granted(settings, connection, &channel, &command.token, now_s).map_err(|error| match error {
            TokenError::Expired => Failure::command(ErrorCode::TokenExpired, error.to_string()),
            TokenError::Invalid(_) => denied(error.to_string()),
        })?
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
fn granted(
    settings: &Settings,
    connection: &Connection,
    channel: &Channel,
    token: &str,
    now_s: i64,
) -> Result<Option<i64>, TokenError> {
    let grant = settings.tokens.verify_subscription(token, now_s)?;
    if grant.user != connection.user {
        return Err(TokenError::Invalid("it is another user's".to_owned()));
    }
    if grant.channel != channel.as_str() {
        return Err(TokenError::Invalid("it is for another channel".to_owned()));
    }
    Ok(grant.expires_at)
}

/// Makes the connection a member of the channel, by rule A: from the reply on, every
/// publication is sent to it.
///
/// # Errors
/// What the client is told; nothing is left behind then.
pub async fn subscribe(
    store: &(impl ReadConnection + ReadSpread + SpreadMembers + AddSubscription + PutIndex + DeleteIndex),
    connection: &mut Connection,
    wanted: &mut Wanted,
    now_s: i64,
) -> Result<(), Failure> {
    if connection.subscriptions.contains_key(&wanted.channel) {
        return Err(refused(Refusal::Already));
    }
    let shard = shard(store, &wanted.channel, &connection.id, now_s).await?;
    let id = &mut wanted.subscription.id;
    *id = id.clone().in_shard(shard);
    let wanted = &*wanted;
    let Wanted { channel, subscription, .. } = wanted;
    let mut added = join(store, connection, wanted, now_s).await;
    if matches!(added, Ok(Err(Refusal::Refreshed))) {
        // The row was made for the old token: once more for the new one. Nobody brings a third
        // within the same moment.
        if let Some(now) = store.read(&connection.id).await? {
            *connection = now;
        }
        added = join(store, connection, wanted, now_s).await;
    }
    if !matches!(added, Ok(Ok(()))) {
        store.delete_member(channel, &connection.id, &subscription.id).await?;
    }
    added?.map_err(refused)?;
    connection.subscriptions.insert(channel.clone(), subscription.clone());
    Ok(())
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
    let expires_at =
        granted(settings, connection, &channel, &command.token, now_s).map_err(|error| match error {
            TokenError::Expired => Failure::command(ErrorCode::Expired, error.to_string()),
            TokenError::Invalid(_) => denied(error.to_string()),
        })?;
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

/// Writes the member row, then the connection's.
async fn join(
    store: &(impl AddSubscription + PutIndex),
    connection: &Connection,
    wanted: &Wanted,
    now_s: i64,
) -> Conditional {
    let Wanted { channel, namespace, subscription, .. } = wanted;
    let waits_until = namespace.ordered.then_some(now_s + REPLY_WITHIN_S);
    store.put_member(channel, connection, subscription, waits_until).await?;
    store.add(connection, channel, subscription).await
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
