//! `presence` and `presence_stats`: who is subscribed to a channel.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::auth::caps::Capability;
use crate::channel::{Channel, Namespace};
use crate::model::{Connection, Member};
use crate::ports::{ListMembers, SpreadMembers};
use crate::protocol::ErrorCode;
use crate::protocol::reply::{PresenceResult, PresenceStatsResult, Present};

use super::members::members;
use super::subscribe::channel;
use super::{Failure, Settings};

/// Members that a list may have: at a few hundred bytes each, more would not fit a frame.
pub const MAX_LISTED: usize = 250;

/// Everyone who is subscribed.
///
/// # Errors
/// What the client is told; [`ErrorCode::NotAvailable`] too when there are more than
/// [`MAX_LISTED`], whom [`presence_stats`] counts.
pub async fn presence(
    store: &(impl ListMembers + SpreadMembers + Sync),
    settings: &Settings,
    connection: &Connection,
    name: &str,
    now_s: i64,
) -> Result<PresenceResult, Failure> {
    listed(present_members(store, settings, connection, name, now_s).await?, MAX_LISTED)
}

/// The members, if they are no more than `most`.
pub(super) fn listed(members: Vec<Member>, most: usize) -> Result<PresenceResult, Failure> {
    if members.len() > most {
        let cause = format!("{} members, at most {most} are listed", members.len());
        return Err(Failure::command(ErrorCode::NotAvailable, cause));
    }
    let present = members.into_iter().map(|member| (member.connection.to_string(), present(member)));
    Ok(PresenceResult { presence: present.collect() })
}

/// How many are.
///
/// # Errors
/// What the client is told.
pub async fn presence_stats(
    store: &(impl ListMembers + SpreadMembers + Sync),
    settings: &Settings,
    connection: &Connection,
    name: &str,
    now_s: i64,
) -> Result<PresenceStatsResult, Failure> {
    Ok(counted(&present_members(store, settings, connection, name, now_s).await?))
}

/// How many the members are.
pub(super) fn counted(members: &[Member]) -> PresenceStatsResult {
    let users: BTreeSet<_> = members.iter().map(|member| member.user.as_ref()).collect();
    PresenceStatsResult { num_clients: members.len(), num_users: users.len() }
}

/// The channel, if it can be asked who is subscribed to it.
pub(super) fn watched(name: &str, settings: &Settings) -> Result<(Channel, Namespace), Failure> {
    let (channel, namespace) = channel(name, settings)?;
    if !namespace.presence {
        return Err(Failure::command(ErrorCode::NotAvailable, "the namespace has no presence"));
    }
    Ok((channel, namespace))
}

async fn present_members(
    store: &(impl ListMembers + SpreadMembers + Sync),
    settings: &Settings,
    connection: &Connection,
    name: &str,
    now_s: i64,
) -> Result<Vec<Member>, Failure> {
    let (channel, namespace) = watched(name, settings)?;
    let subscribed = connection.subscriptions.contains_key(&channel);
    let allowed = subscribed && namespace.allow_presence_for_subscriber;
    if !(allowed || connection.caps.allow(&channel, Capability::Presence)) {
        return Err(Failure::command(ErrorCode::PermissionDenied, "the namespace does not allow presence"));
    }
    Ok(members(store, &channel, now_s).await?)
}

fn present(member: Member) -> Present {
    Present {
        user: member.user.map(|user| user.to_string()).unwrap_or_default(),
        client: member.connection.to_string(),
        // What is in the row was JSON when the token was checked.
        conn_info: member.info.and_then(|info| RawValue::from_string(info).ok()),
    }
}
