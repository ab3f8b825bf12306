//! `subscribe` and `unsubscribe`.

use crate::channel::{Channel, Namespace};
use crate::ids::SubscriptionId;
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::{Connection, Subscription};
use crate::ports::{
    AddSubscription, Conditional, DeleteIndex, PutIndex, ReadConnection, Refusal, RemoveSubscription,
    StoreError,
};
use crate::protocol::command::{Subscribe, Unsubscribe};
use crate::protocol::{DisconnectCode, ErrorCode};

use super::{Failure, Settings};

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

/// Makes the connection a member of the channel, by rule A: from the reply on, every
/// publication is sent to it.
///
/// # Errors
/// What the client is told; nothing is left behind then.
pub async fn subscribe(
    store: &(impl ReadConnection + AddSubscription + PutIndex + DeleteIndex),
    settings: &Settings,
    connection: &mut Connection,
    command: &Subscribe,
    id: SubscriptionId,
) -> Result<(Channel, Namespace), Failure> {
    let (channel, namespace) = channel(&command.channel, settings)?;
    if !command.token.is_empty() {
        return Err(Failure::command(ErrorCode::PermissionDenied, "no subscription token is expected"));
    }
    if !namespace.allow_subscribe_for_client {
        return Err(Failure::command(
            ErrorCode::PermissionDenied,
            "the namespace does not allow subscribing",
        ));
    }
    if connection.subscriptions.contains_key(&channel) {
        return Err(refused(Refusal::Already));
    }
    let hears_joins = namespace.join_leave && (command.join_leave || namespace.force_push_join_leave);
    let subscription = Subscription { id, expires_at: None, hears_joins };
    let mut added = join(store, connection, &channel, &subscription).await;
    if matches!(added, Ok(Err(Refusal::Refreshed))) {
        // The row was made for the old token: once more for the new one. Nobody brings a third
        // within the same moment.
        if let Some(now) = store.read(&connection.id).await? {
            *connection = now;
        }
        added = join(store, connection, &channel, &subscription).await;
    }
    if !matches!(added, Ok(Ok(()))) {
        store.delete_member(&channel, &connection.id, &subscription.id).await?;
    }
    added?.map_err(refused)?;
    connection.subscriptions.insert(channel.clone(), subscription);
    Ok((channel, namespace))
}

/// Writes the member row, then the connection's.
async fn join(
    store: &(impl AddSubscription + PutIndex),
    connection: &Connection,
    channel: &Channel,
    subscription: &Subscription,
) -> Conditional {
    store.put_member(channel, connection, subscription).await?;
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
