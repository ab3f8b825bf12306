//! `subscribe`, `unsubscribe` and `disconnect`: what a server does to a user's connections.

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use crate::channel::{Channel, Namespace};
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::{Connection, State, Subscription};
use crate::ports::Post;
use crate::protocol::codec::encode_push;
use crate::protocol::reply::{Empty, Reason, Subscribed};
use crate::protocol::server::{Answer, Disconnect, Subscribe, SubscribeOptions, Unsubscribe, Whom};
use crate::protocol::{DisconnectCode, ErrorCode, Push, UnsubscribeCode};
use crate::service::Failure;
use crate::service::deliver::post_within;
use crate::service::forget::Change;
use crate::service::frame::{FrameCallbacks, Session, ended};
use crate::service::outbox::Outbox;
use crate::service::subscribe::{Wanted, channel, leave};
use crate::telemetry::FrameRecord;

use super::{AT_ONCE, Api, ApiStore, add};

impl<S: ApiStore, C: FrameCallbacks> Api<'_, S, C> {
    /// Subscribes connections without their asking. One that is subscribed already stays as it is.
    pub(super) async fn subscribe(
        &self,
        number: usize,
        call: &Subscribe,
        record: &mut FrameRecord,
    ) -> Result<Answer, Failure> {
        let place = &channel(&call.options.channel, self.settings)?;
        let targets = self.greeted(&call.whom).await?;
        let parts = stream::iter(targets.into_iter().enumerate())
            .map(|(part, connection)| self.bring_in((number, part), connection, place, &call.options))
            .buffer_unordered(AT_ONCE);
        all(parts, record).await
    }

    async fn bring_in(
        &self,
        part: (usize, usize),
        connection: Connection,
        (channel, namespace): &(Channel, Namespace),
        options: &SubscribeOptions,
    ) -> Result<FrameRecord, Failure> {
        let (frames, mut record) = (self.frames(), FrameRecord::default());
        let request = self.part(part, connection.id.clone());
        let subscription = Subscription {
            id: SubscriptionId::from(request.message.as_str()),
            expires_at: Some(options.expire_at).filter(|at| *at > 0),
            hears_joins: namespace.force_push_join_leave,
        };
        let (channel, since) = (channel.clone(), options.recover_since.clone());
        let wanted = Wanted { channel, namespace: *namespace, subscription, positioned: true, since };
        let outbox = Outbox::new(self.callbacks, &request.connection, request.deadline);
        let mut session =
            Session { request: &request, connection, outbox, promises: Vec::new(), changes: Vec::new() };
        match self.enter(&mut session, wanted, options, &mut record).await {
            Ok(()) => frames.announce(&mut session, &mut record).await,
            Err(
                Failure::Command(ErrorCode::AlreadySubscribed, _)
                | Failure::Connection(DisconnectCode::STALE, _),
            ) => {}
            Err(failure @ Failure::Command(..)) => return Err(failure),
            // The client cannot know what it has: it comes back and asks.
            Err(failure) => {
                let (code, cause) = ended(failure, &mut record);
                frames.kick(&request, code, &cause, &mut record).await;
            }
        }
        Ok(record)
    }

    /// Makes the subscription, tells the client of it, and gives what came meanwhile.
    async fn enter(
        &self,
        session: &mut Session<'_, C>,
        wanted: Wanted,
        options: &SubscribeOptions,
        record: &mut FrameRecord,
    ) -> Result<(), Failure> {
        let frames = self.frames();
        let result = frames.enter(session, wanted, record).await?;
        let subscribe = Subscribed {
            recoverable: result.recoverable,
            positioned: result.positioned,
            position: result.position,
            data: options.data.as_deref(),
        };
        let channel = options.channel.as_str();
        session.outbox.line(&encode_push(&Push::Subscribe { channel, subscribe })).await?;
        for publication in &result.publications {
            session.outbox.line(&encode_push(&Push::Kept { channel, publication })).await?;
        }
        frames
            .keep_promises(session, record)
            .await
            .map_err(|(code, cause)| Failure::Connection(code, cause))?;
        session.outbox.post().await
    }

    /// Ends subscriptions; connections without one stay as they are.
    pub(super) async fn unsubscribe(
        &self,
        number: usize,
        call: &Unsubscribe,
        record: &mut FrameRecord,
    ) -> Result<Answer, Failure> {
        let channel = Channel::parse(&call.channel).ok_or_else(|| {
            Failure::command(ErrorCode::BadRequest, "the channel's name breaks the grammar")
        })?;
        let targets = self.greeted(&call.whom).await?;
        let parts = stream::iter(targets.into_iter().enumerate())
            .map(|(part, connection)| self.take_out((number, part), connection, &channel))
            .buffer_unordered(AT_ONCE);
        all(parts, record).await
    }

    async fn take_out(
        &self,
        part: (usize, usize),
        mut connection: Connection,
        channel: &Channel,
    ) -> Result<FrameRecord, Failure> {
        let mut record = FrameRecord::default();
        if !leave(self.store, &mut connection, channel).await? {
            return Ok(record);
        }
        let request = self.part(part, connection.id.clone());
        let push = Push::Unsubscribe { channel: channel.as_str(), unsubscribe: UnsubscribeCode::SERVER };
        let within = post_within(self.deadline);
        // A client that is not told notices nothing but silence; the end of its connection will tell it.
        let posted = self.callbacks.post(&request.connection, encode_push(&push).into(), within).await;
        let outbox = Outbox::new(self.callbacks, &request.connection, request.deadline);
        let changes = vec![(channel.clone(), Change::Leave)];
        let mut session = Session { request: &request, connection, outbox, promises: Vec::new(), changes };
        self.frames().announce(&mut session, &mut record).await;
        if posted != Post::Posted {
            let cause = "the client could not be told that it was unsubscribed";
            self.frames().kick(&request, DisconnectCode::INSUFFICIENT_STATE, cause, &mut record).await;
        }
        Ok(record)
    }

    /// Ends connections.
    pub(super) async fn disconnect(
        &self,
        number: usize,
        call: &Disconnect,
        record: &mut FrameRecord,
    ) -> Result<Answer, Failure> {
        let own = call.options.disconnect.as_ref();
        let why =
            own.map_or(DisconnectCode::FORCED.into(), |own| Reason { code: own.code, reason: &own.reason });
        let mut targets = self.connections(&call.whom).await?;
        targets.retain(|connection| !call.options.whitelist.contains(connection.id.as_str()));
        let parts = stream::iter(targets.into_iter().enumerate())
            .map(|(part, connection)| async move {
                let mut record = FrameRecord::default();
                let request = self.part((number, part), connection.id);
                self.frames().send_away(&request, why, &mut record).await;
                Ok(record)
            })
            .buffer_unordered(AT_ONCE);
        all(parts, record).await
    }

    /// The connections that are meant and whose clients were let in.
    async fn greeted(&self, whom: &Whom) -> Result<Vec<Connection>, Failure> {
        let mut connections = self.connections(whom).await?;
        connections.retain(|connection| connection.greeted);
        Ok(connections)
    }

    /// The open connections that are meant: all of a user, or one.
    async fn connections(&self, whom: &Whom) -> Result<Vec<Connection>, Failure> {
        let user = Some(&whom.user).filter(|user| !user.is_empty()).map(|user| UserId::from(user.as_str()));
        let ids = match (&whom.client, &user) {
            (Some(client), _) if !client.is_empty() => vec![ConnectionId::from(client.as_str())],
            (_, Some(user)) => self.store.connections(user, self.clock.now_s()).await?,
            _ => return Err(Failure::command(ErrorCode::BadRequest, "whose connections is not said")),
        };
        let mut connections: Vec<Connection> = stream::iter(&ids)
            .map(|id| self.store.read(id))
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|row| async move { Ok(row) })
            .try_collect()
            .await?;
        connections.retain(|connection| connection.state == State::Open && connection.user == user);
        Ok(connections)
    }
}

/// Sees all parts to their end, whatever comes of one: to drop the others would be to crash in
/// the middle of them.
async fn all(
    parts: impl Stream<Item = Result<FrameRecord, Failure>>,
    record: &mut FrameRecord,
) -> Result<Answer, Failure> {
    let mut parts = std::pin::pin!(parts);
    let mut outcome = Ok(Answer::Done(Empty {}));
    while let Some(part) = parts.next().await {
        match part {
            Ok(part) => add(record, part),
            Err(failure) => outcome = outcome.and(Err(failure)),
        }
    }
    outcome
}
