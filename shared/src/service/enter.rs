//! How a frame brings a client into channels: those that it asks for, and those that its token or
//! the operator subscribes it to.

use std::collections::BTreeMap;

use crate::channel::Channel;
use crate::ids::SubscriptionId;
use crate::model::{Member, Subscription};
use crate::protocol::codec::encode_push;
use crate::protocol::command::{Connect, Subscribe};
use crate::protocol::reply::{ConnectResult, Lease, SubscribeResult};
use crate::protocol::{Command, DisconnectCode, ErrorCode, Method, Push, ReplyBody, UnsubscribeCode};
use crate::telemetry::FrameRecord;

use super::Failure;
use super::deliver::count;
use super::forget::Change;
use super::frame::{Ended, FrameCallbacks, FrameStore, Frames, Session};
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
        let mut wanted = Vec::new();
        for (number, name) in channels.into_iter().enumerate() {
            let (channel, namespace) = channel(&name, self.settings)?;
            let id = SubscriptionId::from(format!("{}.{position}.{number}", session.request.message));
            let hears_joins = namespace.force_push_join_leave;
            let subscription = Subscription { id, expires_at: None, hears_joins };
            let since = command.subs.get(&name).and_then(Subscribe::since);
            wanted.push(Wanted { channel, namespace, subscription, positioned: true, since });
        }
        let mut subs = BTreeMap::new();
        for entered in subscribe(self.store, &mut session.connection, wanted, now_s).await {
            let entered = entered?;
            let name = entered.channel.to_string();
            subs.insert(name, self.begin(session, entered, record).await?);
        }
        Ok(ConnectResult::new(session.connection.id.as_str(), greeting.lease, subs))
    }

    /// Subscribes the client to what it asks for, and replies to each.
    pub(super) async fn subscribe(
        &self,
        session: &mut Session<'_, C>,
        commands: Vec<(usize, Command)>,
        record: &mut FrameRecord,
    ) -> Result<(), Ended> {
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        for (position, command) in commands {
            let refused = match self.ask(session, position, &command.method, record).await {
                Ok(one) => {
                    wanted.push(one);
                    None
                }
                Err(failure) => Some(failure),
            };
            asked.push((command.id, refused));
        }
        let now_s = self.clock.now_s();
        let mut entered = subscribe(self.store, &mut session.connection, wanted, now_s).await.into_iter();
        for (id, refused) in asked {
            let outcome = match refused.map_or_else(|| entered.next(), |failure| Some(Err(failure))) {
                Some(Ok(entered)) => self.begin(session, entered, record).await.map(ReplyBody::Subscribe),
                Some(Err(failure)) => Err(failure),
                // There is one for each that was wanted.
                None => continue,
            };
            self.reply(session, id, outcome.map(Some), record).await?;
        }
        Ok(())
    }

    /// What the client may have of what it asks for.
    async fn ask(
        &self,
        session: &Session<'_, C>,
        position: usize,
        command: &Method,
        record: &mut FrameRecord,
    ) -> Result<Wanted, Failure> {
        let Session { request, connection, .. } = session;
        self.admit(connection, command)?;
        self.note_namespace(command.channel(), record);
        let Method::Subscribe(command) = command else {
            return Err(Failure::command(ErrorCode::MethodNotFound, "this is no subscribe"));
        };
        let id = SubscriptionId::from(format!("{}.{position}", request.message));
        wanted(self.settings, connection, command, id, self.clock.now_s()).await
    }

    /// Makes one subscription, with a position where it is to have one.
    pub(super) async fn enter(
        &self,
        session: &mut Session<'_, C>,
        wanted: Wanted,
        record: &mut FrameRecord,
    ) -> Result<SubscribeResult, Failure> {
        let now_s = self.clock.now_s();
        match subscribe(self.store, &mut session.connection, vec![wanted], now_s).await.pop() {
            Some(entered) => self.begin(session, entered?, record).await,
            // There is one for each that was wanted.
            None => Err(Failure::command(ErrorCode::Internal, "a subscribe had no outcome")),
        }
    }

    /// Gives a subscription that is made a position, where it is to have one.
    async fn begin(
        &self,
        session: &mut Session<'_, C>,
        entered: Wanted,
        record: &mut FrameRecord,
    ) -> Result<SubscribeResult, Failure> {
        let Session { request, connection, promises, changes, .. } = session;
        let now_s = self.clock.now_s();
        let Wanted { channel, namespace, subscription, positioned, since } = entered;
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
