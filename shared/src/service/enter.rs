//! How a frame brings a client into channels: those that it asks for, and those that its token or
//! the operator subscribes it to.

use std::collections::BTreeMap;

use crate::channel::Channel;
use crate::ids::SubscriptionId;
use crate::model::{Member, Subscription};
use crate::protocol::codec::encode_push;
use crate::protocol::command::{Connect, Subscribe};
use crate::protocol::reply::{ConnectResult, Lease, SubscribeResult};
use crate::protocol::{DisconnectCode, Push, UnsubscribeCode};
use crate::telemetry::FrameRecord;

use super::Failure;
use super::deliver::count;
use super::forget::Change;
use super::frame::{FrameCallbacks, FrameStore, Frames, Session};
use super::greet::greet;
use super::history::Track;
use super::recover::{Promise, begin};
use super::subscribe::{Wanted, channel, leave, subscribe, wanted};

impl<S: FrameStore, C: FrameCallbacks> Frames<'_, S, C> {
    /// Lets the client in, into the channels of its token and its own.
    pub(super) async fn connect(
        &self,
        session: &mut Session<'_, C>,
        position: usize,
        command: &Connect,
        record: &mut FrameRecord,
    ) -> Result<ConnectResult, Failure> {
        let now_s = self.clock.now_s();
        let greeting = greet(self.store, self.settings, &mut session.connection, command, now_s).await?;
        let mut channels = greeting.channels;
        if let Some(user) = &session.connection.user {
            let own = self.settings.namespaces.personal_channels(user.as_str());
            channels.extend(own.map(|channel| channel.to_string()));
        }
        let mut subs = BTreeMap::new();
        for (number, name) in channels.into_iter().enumerate() {
            let (channel, namespace) = channel(&name, self.settings)?;
            let id = SubscriptionId::from(format!("{}.{position}.{number}", session.request.message));
            let hears_joins = namespace.force_push_join_leave;
            let subscription = Subscription { id, expires_at: None, hears_joins };
            let since = command.subs.get(&name).and_then(Subscribe::since);
            let wanted = Wanted { channel, namespace, subscription, positioned: true, since };
            subs.insert(name, self.enter(session, wanted, record).await?);
        }
        Ok(ConnectResult::new(session.connection.id.as_str(), greeting.lease, subs))
    }

    /// Subscribes the client to what it asks for.
    pub(super) async fn subscribe(
        &self,
        session: &mut Session<'_, C>,
        position: usize,
        command: &Subscribe,
        record: &mut FrameRecord,
    ) -> Result<SubscribeResult, Failure> {
        let id = SubscriptionId::from(format!("{}.{position}", session.request.message));
        let wanted = wanted(self.settings, &session.connection, command, id, self.clock.now_s())?;
        self.enter(session, wanted, record).await
    }

    /// Makes the subscription, with a position where it is to have one.
    async fn enter(
        &self,
        session: &mut Session<'_, C>,
        mut wanted: Wanted,
        record: &mut FrameRecord,
    ) -> Result<SubscribeResult, Failure> {
        let Session { request, connection, promises, changes, .. } = session;
        let now_s = self.clock.now_s();
        subscribe(self.store, connection, &mut wanted, now_s).await?;
        let Wanted { channel, namespace, subscription, positioned, since } = wanted;
        let lease = Lease::until(subscription.expires_at, now_s);
        let Some(retention) = namespace.retention().filter(|_| positioned) else {
            changes.push((channel, Change::Join));
            return Ok(SubscribeResult { lease, ..SubscribeResult::default() });
        };
        let track = Track { channel: &channel, retention, message: &request.message, clock: self.clock };
        match begin(self.store, track, since.as_ref()).await {
            Ok((result, promise)) => {
                record.recovered_publications += count(result.publications.len());
                record.recovery_failed += u64::from(result.was_recovering && !result.recovered);
                let waiting = namespace.ordered.then(|| Member::of(connection, &subscription));
                promises.push(Promise { waiting, ..promise });
                changes.push((channel, Change::Join));
                Ok(SubscribeResult { lease, ..result })
            }
            Err(failure) => {
                // The client tries again, and must not find that it is subscribed already.
                leave(self.store, connection, &channel).await.map_err(|error| {
                    Failure::Connection(DisconnectCode::INSUFFICIENT_STATE, error.to_string())
                })?;
                Err(failure)
            }
        }
    }

    /// Ends subscriptions whose tokens have expired: their clients receive nothing any more, and
    /// are told so with the next frame that they send.
    pub(super) async fn drop_expired(&self, session: &mut Session<'_, C>) -> Result<(), Failure> {
        let now_s = self.clock.now_s();
        let Session { connection, outbox, changes, .. } = session;
        let subscriptions = connection.subscriptions.iter();
        let expired: Vec<Channel> = subscriptions
            .filter(|(_, subscription)| subscription.has_expired(now_s))
            .map(|(channel, _)| channel.clone())
            .collect();
        for channel in expired {
            if leave(self.store, connection, &channel).await? {
                let unsubscribe = UnsubscribeCode::EXPIRED;
                let push = Push::Unsubscribe { channel: channel.as_str(), unsubscribe };
                outbox.line(&encode_push(&push)).await?;
                changes.push((channel, Change::Leave));
            }
        }
        Ok(())
    }
}
