//! `$default`: one frame of commands in, one frame of replies out.

use std::time::Duration;

use tokio::time::Instant;

use crate::channel::Channel;
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::{Connection, State};
use crate::ports::{
    AddSubscriptions, AdvanceHead, CloseConnection, CountDevices, DeleteConnection, DeleteIndex, ExtendIndex,
    GreetConnection, LeaseHead, ListMembers, NoteMissing, Post, PostToConnection, PutEntry, PutIndex,
    ReadConnection, ReadHead, ReadHistory, ReadSpread, RefreshConnection, RemoveSubscription,
    RenewSubscription, SpendRate, SpreadMembers, StoreError, WelcomeMember,
};
use crate::protocol::codec::{Refused, decode, encode, encode_push};
use crate::protocol::command::Publish;
use crate::protocol::reply::{Empty, Place, Reason};
use crate::protocol::{Command, DisconnectCode, ErrorCode, Method, Push, Reply, ReplyBody};
use crate::telemetry::FrameRecord;

use super::deliver::{Delivery, Fanout, News, count};
use super::forget::Change;
use super::greet::refresh;
use super::history::{Track, history};
use super::members::members;
use super::order::Goal;
use super::outbox::{NOTHING, Outbox};
use super::presence::{presence, presence_stats};
use super::publish::{Accepted, accept};
use super::recover::{Promise, catch_up};
use super::subscribe::{sub_refresh, unsubscribe};
use super::{Failure, Settings};

/// The time for telling a client to go away.
const KICK_WITHIN: Duration = Duration::from_secs(2);

/// How often frames of one connection that come at once may get in each other's way.
const SPEND_ATTEMPTS: u32 = 8;

/// What a frame may do to the table.
pub trait FrameStore:
    ReadConnection
    + GreetConnection
    + RefreshConnection
    + CloseConnection
    + AddSubscriptions
    + RemoveSubscription
    + SpendRate
    + RenewSubscription
    + PutIndex
    + ExtendIndex
    + DeleteIndex
    + ListMembers
    + ReadSpread
    + SpreadMembers
    + CountDevices
    + NoteMissing
    + WelcomeMember
    + AdvanceHead
    + LeaseHead
    + ReadHead
    + PutEntry
    + ReadHistory
    + Sync
{
}

impl<T> FrameStore for T where
    T: ReadConnection
        + GreetConnection
        + RefreshConnection
        + CloseConnection
        + AddSubscriptions
        + RemoveSubscription
        + SpendRate
        + RenewSubscription
        + PutIndex
        + ExtendIndex
        + DeleteIndex
        + ListMembers
        + ReadSpread
        + SpreadMembers
        + CountDevices
        + NoteMissing
        + WelcomeMember
        + AdvanceHead
        + LeaseHead
        + ReadHead
        + PutEntry
        + ReadHistory
        + Sync
{
}

/// What a frame may ask of the management API.
pub trait FrameCallbacks: PostToConnection + DeleteConnection + Sync {}
impl<T: PostToConnection + DeleteConnection + Sync> FrameCallbacks for T {}

/// The parts of the service that a frame needs.
#[derive(Debug)]
pub struct Frames<'a, S, C> {
    /// The table.
    pub store: &'a S,
    /// The management API.
    pub callbacks: &'a C,
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The hour.
    pub clock: &'a dyn Clock,
}

/// One frame as it came.
#[derive(Debug)]
pub struct Request {
    /// Whose it is.
    pub connection: ConnectionId,
    /// API Gateway's id of the message: no two frames have the same.
    pub message: String,
    /// The text.
    pub text: String,
    /// When API Gateway got it: milliseconds since the epoch.
    pub received_at: i64,
    /// When the answer must be ready.
    pub deadline: Instant,
}

/// Carries out the frame's commands in their order and gives the frame to answer with.
///
/// A frame that is not the protocol's, or that comes before the client was let in, ends the
/// connection: the client is told by a push, as the WebSocket API cannot choose close codes.
pub async fn frame<S: FrameStore, C: FrameCallbacks>(
    frames: &Frames<'_, S, C>,
    request: Request,
    record: &mut FrameRecord,
) -> String {
    let commands = match decode(&request.text) {
        Ok(commands) => commands,
        Err(bad) => {
            return frames.kick(&request, bad.code(), &bad.to_string(), record).await;
        }
    };
    record.commands = count(commands.len());
    record.command = Some(names(&commands));
    let connection = match frames.store.read(&request.connection).await {
        Ok(Some(connection)) if connection.state == State::Open => connection,
        Ok(_) => {
            let cause = "there is no open row of the connection";
            return frames.kick(&request, DisconnectCode::STALE, cause, record).await;
        }
        Err(error) => return refuse_store(&commands, &error, record),
    };
    match frames.spend(&connection, commands.len()).await {
        Ok(None) => {}
        Ok(Some(cause)) => {
            note_error(record, ErrorCode::TooManyRequests, &cause);
            record.command_errors += record.commands;
            return refuse_all(&commands, |id| {
                Reply::error_with(id, ErrorCode::TooManyRequests, cause.clone())
            });
        }
        Err(error) => return refuse_store(&commands, &error, record),
    }
    let outbox = Outbox::new(frames.callbacks, &request.connection, request.deadline);
    let mut session =
        Session { request: &request, connection, outbox, promises: Vec::new(), changes: Vec::new() };
    if let Err(failure) = frames.drop_expired(&mut session).await {
        let (code, cause) = ended(failure, record);
        return frames.kick(&request, code, &cause, record).await;
    }
    if let Err((code, cause)) = frames.carry_out(&mut session, commands, record).await {
        return frames.kick(&request, code, &cause, record).await;
    }
    frames.announce(&mut session, record).await;
    record.sender.clone_from(&session.connection.user);
    session.outbox.answer()
}

/// What is known of the client while its frame is carried out.
#[derive(Debug)]
pub(super) struct Session<'a, C> {
    pub(super) request: &'a Request,
    pub(super) connection: Connection,
    pub(super) outbox: Outbox<'a, C>,
    /// Subscriptions with a position whose replies are in the outbox.
    pub(super) promises: Vec<Promise>,
    /// What others are to be told of the client when the frame is done.
    pub(super) changes: Vec<(Channel, Change)>,
}

/// Why the client is told to go away.
pub(super) type Ended = (DisconnectCode, String);

impl<S: FrameStore, C: FrameCallbacks> Frames<'_, S, C> {
    /// Counts commands where there is a limit, and says so when they are too many, which costs no write.
    async fn spend(&self, connection: &Connection, commands: usize) -> Result<Option<String>, StoreError> {
        let Some(rate) = self.settings.rate else { return Ok(None) };
        let mut from = connection.busy_until;
        for _ in 0..SPEND_ATTEMPTS {
            let Some(to) = rate.spend(from, commands, self.clock.now_ms()) else { break };
            match self.store.spend(&connection.id, from, to).await? {
                Some(now) if now != to => from = now,
                // That a connection is closed is found out by its commands.
                Some(_) | None => return Ok(None),
            }
        }
        Ok(Some(format!("more than {} commands a second", rate.per_second)))
    }

    /// Carries out the commands and puts what comes of them into the outbox.
    async fn carry_out(
        &self,
        session: &mut Session<'_, C>,
        commands: Vec<Result<Command, Refused>>,
        record: &mut FrameRecord,
    ) -> Result<(), Ended> {
        let mut commands = commands.into_iter().enumerate().peekable();
        while let Some((position, command)) = commands.next() {
            // What a frame subscribes to is written together, and the replies are posted together;
            // what comes then waits for it.
            if let Ok(command @ Command { method: Method::Subscribe(_), .. }) = command {
                let mut all = vec![(position, command)];
                while let Some((at, Ok(next))) = commands.next_if(|(_, next)| is_subscribe(next)) {
                    all.push((at, next));
                }
                self.subscribe(session, all, record).await?;
                continue;
            }
            self.keep_promises(session, record).await?;
            let id = command.as_ref().map_or_else(|refused| refused.id, |command| command.id);
            let outcome = self.run(session, position, command, record).await;
            self.reply(session, id, outcome, record).await?;
        }
        self.keep_promises(session, record).await
    }

    /// Puts what came of a command into the outbox; `None` wants no reply.
    pub(super) async fn reply(
        &self,
        session: &mut Session<'_, C>,
        id: u32,
        outcome: Result<Option<ReplyBody>, Failure>,
        record: &mut FrameRecord,
    ) -> Result<(), Ended> {
        let reply = match outcome {
            Ok(Some(body)) => Reply { id, body },
            Ok(None) => return Ok(()),
            Err(Failure::Command(code, cause)) => {
                record.command_errors += 1;
                note_error(record, code, &cause);
                // A limit is ours, and told; other causes may be about what others may not know.
                let is_limit = code == ErrorCode::LimitExceeded;
                if is_limit { Reply::error_with(id, code, cause) } else { Reply::error(id, code) }
            }
            Err(Failure::Store(error)) => Reply::error(id, note_store_error(record, &error)),
            Err(Failure::Connection(code, cause)) => return Err((code, cause)),
        };
        session.outbox.line(&encode(&[reply])).await.map_err(|failure| ended(failure, record))
    }

    /// Whether the client may send commands.
    pub(super) fn admit(&self, connection: &Connection, command: &Method) -> Result<(), Failure> {
        if !connection.greeted && !matches!(command, Method::Connect(_)) {
            let cause = format!("{} before connect", command.name());
            return Err(Failure::Connection(DisconnectCode::BAD_REQUEST, cause));
        }
        if connection.has_expired(self.clock.now_s()) && !matches!(command, Method::Refresh(_)) {
            return Err(Failure::Connection(DisconnectCode::EXPIRED, "the token has expired".into()));
        }
        Ok(())
    }

    /// Sends the replies to subscribes with a position, and what came while they were made.
    pub(super) async fn keep_promises(
        &self,
        session: &mut Session<'_, C>,
        record: &mut FrameRecord,
    ) -> Result<(), Ended> {
        if session.promises.is_empty() {
            return Ok(());
        }
        session.outbox.post().await.map_err(|failure| ended(failure, record))?;
        for promise in std::mem::take(&mut session.promises) {
            let caught_up = catch_up(self.store, &mut session.outbox, &promise).await;
            let (sent, to) = caught_up.map_err(|failure| ended(failure, record))?;
            let welcomed = self.welcome(session, &promise, to, record).await;
            welcomed.map_err(|failure| ended(failure, record))?;
            record.recovered_publications += if promise.recovering { sent } else { 0 };
        }
        Ok(())
    }

    /// Carries out one command; `None` wants no reply.
    async fn run(
        &self,
        session: &mut Session<'_, C>,
        position: usize,
        command: Result<Command, Refused>,
        record: &mut FrameRecord,
    ) -> Result<Option<ReplyBody>, Failure> {
        let Session { request, connection, .. } = session;
        let command = command.map_err(|refused| Failure::Command(refused.code, refused.cause))?;
        self.admit(connection, &command.method)?;
        self.note_namespace(command.method.channel(), record);
        match command.method {
            Method::Connect(command) => {
                let result = self.connect(session, position, &command, record).await?;
                Ok(Some(ReplyBody::Connect(result)))
            }
            Method::Refresh(command) => {
                refresh(self.store, self.settings, connection, &command, self.clock.now_s()).await.map(Some)
            }
            // Those are taken together before.
            Method::Subscribe(_) => Ok(None),
            Method::SubRefresh(command) => {
                let now_s = self.clock.now_s();
                let lease = sub_refresh(self.store, self.settings, connection, &command, now_s).await?;
                Ok(Some(ReplyBody::SubRefresh(lease)))
            }
            Method::Unsubscribe(command) => {
                let left = unsubscribe(self.store, connection, &command).await?;
                session.changes.extend(left.map(|channel| (channel, Change::Leave)));
                Ok(Some(ReplyBody::Unsubscribe(Empty {})))
            }
            Method::Publish(command) => self.publish(request, connection, &command, record).await.map(Some),
            Method::History(command) => {
                let hour = (request.message.as_str(), self.clock);
                let result = history(self.store, self.settings, connection, &command, hour).await?;
                Ok(Some(ReplyBody::History(result)))
            }
            Method::Presence(command) => {
                let now_s = self.clock.now_s();
                let result = presence(self.store, self.settings, connection, &command.channel, now_s).await?;
                Ok(Some(ReplyBody::Presence(result)))
            }
            Method::PresenceStats(command) => {
                let now_s = self.clock.now_s();
                let result =
                    presence_stats(self.store, self.settings, connection, &command.channel, now_s).await?;
                Ok(Some(ReplyBody::PresenceStats(result)))
            }
            Method::Ping => Ok(Some(ReplyBody::Ping(Empty {}))),
            Method::Send => Ok(None),
            Method::Rpc => Err(Failure::command(ErrorCode::MethodNotFound, "there are no methods to call")),
        }
    }

    async fn publish(
        &self,
        request: &Request,
        publisher: &Connection,
        command: &Publish,
        record: &mut FrameRecord,
    ) -> Result<ReplyBody, Failure> {
        let accepted = accept(self.settings, publisher, command)?;
        let message = request.message.as_str();
        // The head moves before the members are read: whoever subscribes meanwhile either has a
        // position below this publication or is among them.
        let place = match accepted.retention {
            Some(retention) => {
                let track = Track { channel: &accepted.channel, retention, message, clock: self.clock };
                Some(track.append(self.store, accepted.kept()).await?)
            }
            None => None,
        };
        self.hand_out(request, &accepted, place, record).await?;
        Ok(ReplyBody::Publish(Empty {}))
    }

    /// Sends a publication that has its place to the members, or sees that others do.
    pub(super) async fn hand_out(
        &self,
        request: &Request,
        accepted: &Accepted<'_>,
        place: Option<Place>,
        record: &mut FrameRecord,
    ) -> Result<(), StoreError> {
        let (channel, message) = (&accepted.channel, request.message.as_str());
        let mut callbacks = match (&place, accepted.retention) {
            (Some(place), Some(retention)) if accepted.ordered => {
                let track = Track { channel, retention, message, clock: self.clock };
                self.deliver_in_order(request, &track, Goal::Offset(place.offset)).await?.callbacks
            }
            _ => {
                let members = &members(self.store, channel, self.clock.now_s()).await?;
                let offset = place.as_ref().map(|place| place.offset);
                let news = &[News { offset, line: accepted.frame(offset) }];
                self.fanout(request)
                    .deliver(&Delivery { channel, news, members, place: place.as_ref() })
                    .await
            }
        };
        record.publications += 1;
        record.publication_bytes += count(accepted.data_bytes());
        let took = self.clock.now_ms().saturating_sub(request.received_at);
        callbacks.delivery = Some(Duration::from_millis(u64::try_from(took).unwrap_or(0)));
        record.callbacks.get_or_insert_default().add(&callbacks);
        Ok(())
    }

    pub(super) const fn fanout(&self, request: &Request) -> Fanout<'_, S, C> {
        let Self { store, callbacks, settings, clock } = *self;
        let (namespaces, deadline) = (&settings.namespaces, request.deadline);
        Fanout { store, callbacks, namespaces, clock, deadline, lease_until: None }
    }

    /// Tells others that the client has joined or left channels.
    pub(super) async fn announce(&self, session: &mut Session<'_, C>, record: &mut FrameRecord) {
        let fanout = self.fanout(session.request);
        for (channel, change) in session.changes.drain(..) {
            let (mut told, ended) = fanout.announce(&channel, &session.connection, change).await;
            told.add(&fanout.tell_of_ends(ended.into()).await);
            if told.count > 0 {
                record.callbacks.get_or_insert_default().add(&told);
            }
        }
    }

    /// Tells the client to go away, forgets it and closes its socket.
    pub(super) async fn kick(
        &self,
        request: &Request,
        code: DisconnectCode,
        cause: &str,
        record: &mut FrameRecord,
    ) -> String {
        record.command_errors += u64::from(code.is_final());
        record.error_code.get_or_insert_with(|| code.code.to_string());
        record.error.get_or_insert_with(|| cause.to_owned());
        self.send_away(request, code.into(), record).await;
        NOTHING.to_owned()
    }

    /// Tells the request's client to go away, forgets it and closes its socket.
    pub(super) async fn send_away(&self, request: &Request, why: Reason<'_>, record: &mut FrameRecord) {
        let id = &request.connection;
        let push = encode_push(&Push::Disconnect { disconnect: why }).into();
        if let Post::Failed(cause) = self.callbacks.post(id, push, KICK_WITHIN).await {
            tracing::warn!(cause, "the client could not be told");
        }
        match self.fanout(request).part(id).await {
            Ok((_, told)) if told.count > 0 => record.callbacks.get_or_insert_default().add(&told),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the connection could not be forgotten"),
        }
        if let Post::Failed(cause) = self.callbacks.delete(id).await {
            tracing::warn!(cause, "the connection could not be closed");
        }
    }

    /// Only a configured namespace is noted: its name is the operator's, not the client's.
    pub(super) fn note_namespace(&self, channel: Option<&str>, record: &mut FrameRecord) {
        let Some(channel) = channel.and_then(Channel::parse) else { return };
        if record.channel_namespace.is_none() && self.settings.namespaces.of(&channel).is_some() {
            record.channel_namespace = Some(channel.namespace().to_owned());
        }
    }
}

fn is_subscribe(command: &Result<Command, Refused>) -> bool {
    matches!(command, Ok(Command { method: Method::Subscribe(_), .. }))
}

/// A client that may have missed something has to connect again.
pub(super) fn ended(failure: Failure, record: &mut FrameRecord) -> Ended {
    match failure {
        Failure::Connection(code, cause) => (code, cause),
        Failure::Command(_, cause) => (DisconnectCode::INSUFFICIENT_STATE, cause),
        Failure::Store(error) => {
            record.internal_error = true;
            (DisconnectCode::INSUFFICIENT_STATE, error.to_string())
        }
    }
}

fn refuse_store(
    commands: &[Result<Command, Refused>],
    error: &StoreError,
    record: &mut FrameRecord,
) -> String {
    let code = note_store_error(record, error);
    refuse_all(commands, |id| Reply::error(id, code))
}

/// Every command gets the same error; one that wants no reply gets none.
fn refuse_all(commands: &[Result<Command, Refused>], error: impl Fn(u32) -> Reply) -> String {
    let ids = commands.iter().map(|command| command.as_ref().map_or_else(|refused| refused.id, |c| c.id));
    let replies: Vec<_> = ids.filter(|id| *id != 0).map(error).collect();
    if replies.is_empty() { NOTHING.to_owned() } else { encode(&replies) }
}

/// Notes that the table failed, and gives what a client is told.
pub(super) fn note_store_error(record: &mut FrameRecord, error: &StoreError) -> ErrorCode {
    let code = match error {
        StoreError::Throttled(_) => ErrorCode::TooManyRequests,
        StoreError::Failed(_) => ErrorCode::Internal,
    };
    record.internal_error = true;
    note_error(record, code, &error.to_string());
    code
}

pub(super) fn note_error(record: &mut FrameRecord, code: ErrorCode, cause: &str) {
    record.error_code.get_or_insert_with(|| code.number().to_string());
    record.error.get_or_insert_with(|| cause.to_owned());
}

fn names(commands: &[Result<Command, Refused>]) -> String {
    let names = commands.iter().map(|command| command.as_ref().map_or("?", |command| command.method.name()));
    names.collect::<Vec<_>>().join(",")
}
