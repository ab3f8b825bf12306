//! The ports in memory: what a model check runs the service on.
//!
//! Every call gives way once before it acts, so that a test which polls several use cases by
//! turns sees every order of their calls; one that is dropped there has crashed between two.

mod index;
mod server;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::auth::ticket::Pass;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::ids::ConnectionId;
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::history::{Claim, Entry, Head, Page, Step};
use crate::model::keys::{self, Key};
use crate::model::spread::Spread;
use crate::model::{self, Connection, Mark, Member, Subscription};
use crate::ports::{
    AddSubscriptions, AdvanceHead, CloseConnection, Conditional, DeleteConnection, GreetConnection,
    LeaseHead, OpenConnection, Post, PostToConnection, PutEntry, ReadConnection, ReadHead, ReadHistory,
    RefreshConnection, Refusal, RemoveSubscription, RenewSubscription, SpendRate, StoreError, Subscriptions,
};

/// Bytes of one answer to a Query.
const PAGE_BYTES: usize = 1024 * 1024;

/// A table and the sockets of one stage, in memory. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

/// What is in memory.
#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Member and device rows with their hour.
    index: BTreeMap<Key, i64>,
    /// Rows that list connections by their time, with that time.
    opened: BTreeMap<Key, i64>,
    /// Member rows that hear joins and leaves.
    hearing: BTreeSet<Key>,
    /// What member rows say that did not reach them.
    missing: BTreeMap<Key, BTreeSet<u64>>,
    /// Over how many shards channels are spread.
    spreads: BTreeMap<Channel, Spread>,
    /// By hash, each with its hour.
    tickets: BTreeMap<String, (Pass, i64)>,
    heads: BTreeMap<Channel, Head>,
    /// By channel, epoch and offset.
    history: BTreeMap<(Channel, String, u64), Entry>,
    /// What times posts out.
    clock: Option<Arc<dyn Clock>>,
    /// What every call of the table gets instead of an answer.
    fault: Option<StoreError>,
    /// Member rows whose reply is on its way, and until when.
    waiting: BTreeMap<Key, i64>,
    /// What is remembered by channel and idempotency key.
    marks: BTreeMap<(Channel, String), Mark>,
    /// Who delivers ordered channels.
    owners: BTreeMap<Channel, String>,
    /// Sockets that answer 410.
    gone: BTreeSet<ConnectionId>,
    /// Sockets that answer 429.
    refusing: BTreeSet<ConnectionId>,
    /// What was posted to sockets that were there, in order.
    posted: Vec<(ConnectionId, Bytes)>,
}

impl Memory {
    /// From now on the table fails, or works again.
    pub fn fail(&self, fault: Option<StoreError>) {
        self.state().fault = fault;
    }

    /// From now on posts that take longer than they may fail, by this clock.
    pub fn time_out(&self, clock: Arc<dyn Clock>) {
        self.state().clock = Some(clock);
    }

    /// From now on the socket answers 410.
    pub fn lose(&self, id: &ConnectionId) {
        self.state().gone.insert(id.clone());
    }

    /// From now on the socket answers 429, or takes what is posted again.
    pub fn refuse(&self, id: &ConnectionId, refuses: bool) {
        let refusing = &mut self.state().refusing;
        if refuses {
            refusing.insert(id.clone())
        } else {
            refusing.remove(id)
        };
    }

    /// Hands a frame to a socket that is there, as the gateway does with a function's answer.
    pub fn hand(&self, id: &ConnectionId, frame: Bytes) {
        let mut state = self.state();
        if !state.gone.contains(id) {
            state.posted.push((id.clone(), frame));
        }
    }

    /// A connection's row.
    #[must_use]
    pub fn connection(&self, id: &ConnectionId) -> Option<Connection> {
        self.state().connections.get(id).cloned()
    }

    /// The keys of all member and device rows, with their hour in seconds since the epoch.
    #[must_use]
    pub fn index(&self) -> BTreeMap<Key, i64> {
        self.state().index.clone()
    }

    /// The keys of the rows that list connections by their time, with that time in milliseconds
    /// since the epoch.
    #[must_use]
    pub fn opened(&self) -> BTreeMap<Key, i64> {
        self.state().opened.clone()
    }

    /// What stands in a channel's history, of all its epochs.
    #[must_use]
    pub fn history(&self, channel: &Channel) -> Vec<Entry> {
        let state = self.state();
        state.history.iter().filter(|((of, ..), _)| of == channel).map(|(_, entry)| entry.clone()).collect()
    }

    /// Deletes all of a channel's rows, as if its time to live had passed.
    pub fn forget_channel(&self, channel: &Channel) {
        self.state().heads.remove(channel);
        self.forget_history(channel);
    }

    /// Deletes a channel's publications, as if their time to live had passed.
    pub fn forget_history(&self, channel: &Channel) {
        self.state().history.retain(|(of, ..), _| of != channel);
    }

    /// What was posted so far, in order.
    #[must_use]
    pub fn posted(&self) -> Vec<(ConnectionId, Bytes)> {
        self.state().posted.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives way, then acts on the table in one step, unless the table fails.
    async fn table<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        match state.fault.clone() {
            Some(fault) => Err(fault),
            None => Ok(act(&mut state)),
        }
    }

    /// Gives way, then acts on the sockets in one step.
    async fn sockets<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        tokio::task::yield_now().await;
        act(&mut self.state())
    }
}

impl State {
    /// The row when it is open.
    fn open(&mut self, id: &ConnectionId) -> Result<&mut Connection, Refusal> {
        let row = self.connections.get_mut(id).filter(|row| row.state == model::State::Open);
        row.ok_or(Refusal::Closed)
    }

    /// The member of a member row.
    fn member(&self, key: &Key) -> Option<Member> {
        let (connection, subscription) = keys::to_member(&key.sort)?;
        // The rows here hold no attributes: user and info are those of the connection.
        let row = self.connections.get(&connection);
        let (user, info) = (row.and_then(|row| row.user.clone()), row.and_then(|row| row.info.clone()));
        let missing = self.missing.get(key).cloned().unwrap_or_default();
        let (hears_joins, waits_until) = (self.hearing.contains(key), self.waiting.get(key).copied());
        Some(Member { connection, subscription, user, info, hears_joins, missing, waits_until })
    }

    /// A row that is there lives until `expires_at` at least.
    fn extend(&mut self, key: &Key, expires_at: i64) {
        if let Some(x) = self.index.get_mut(key) {
            *x = expires_at.max(*x);
        }
    }
}

impl OpenConnection for Memory {
    async fn open(&self, connection: &Connection) -> Conditional {
        self.table(|state| {
            if state.connections.contains_key(&connection.id) {
                return state.open(&connection.id).and(Err(Refusal::Already));
            }
            state.connections.insert(connection.id.clone(), connection.clone());
            Ok(())
        })
        .await
    }
}

impl ReadConnection for Memory {
    async fn read(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.table(|state| state.connections.get(id).cloned()).await
    }
}

impl GreetConnection for Memory {
    async fn greet(&self, connection: &Connection) -> Conditional {
        self.table(|state| {
            let row = state.open(&connection.id)?;
            if std::mem::replace(&mut row.greeted, true) {
                return Err(Refusal::Already);
            }
            row.user.clone_from(&connection.user);
            row.info.clone_from(&connection.info);
            row.token_expires_at = connection.token_expires_at;
            row.caps.clone_from(&connection.caps);
            Ok(())
        })
        .await
    }
}

impl RefreshConnection for Memory {
    async fn refresh(&self, connection: &Connection) -> Result<Result<Subscriptions, Refusal>, StoreError> {
        self.table(|state| {
            let row = state.open(&connection.id)?;
            row.token_expires_at = connection.token_expires_at;
            row.caps.clone_from(&connection.caps);
            Ok(row.subscriptions.clone())
        })
        .await
    }
}

impl SpendRate for Memory {
    async fn spend(&self, id: &ConnectionId, from: i64, to: i64) -> Result<Option<i64>, StoreError> {
        self.table(|state| {
            let row = state.open(id).ok()?;
            if row.busy_until == from {
                row.busy_until = to;
            }
            Some(row.busy_until)
        })
        .await
    }
}

impl CloseConnection for Memory {
    async fn close(&self, id: &ConnectionId, _tombstone_ttl: i64) -> Result<Option<Connection>, StoreError> {
        self.table(|state| {
            let before = state.connections.get(id).cloned();
            let tombstone = before.clone().unwrap_or_else(|| Connection::opened(id.clone(), None, 0));
            let tombstone = Connection { state: model::State::Closed, ..tombstone };
            state.connections.insert(id.clone(), tombstone);
            before
        })
        .await
    }
}

impl AddSubscriptions for Memory {
    async fn add(&self, connection: &Connection, subscriptions: &Subscriptions) -> Conditional {
        self.table(|state| {
            let row = state.open(&connection.id)?;
            if row.token_expires_at != connection.token_expires_at {
                return Err(Refusal::Refreshed);
            }
            if subscriptions.keys().any(|channel| row.subscriptions.contains_key(channel)) {
                return Err(Refusal::Already);
            }
            if row.subscriptions.len() + subscriptions.len() > MAX_SUBSCRIPTIONS {
                return Err(Refusal::Full);
            }
            row.subscriptions.extend(subscriptions.clone());
            Ok(())
        })
        .await
    }
}

impl RenewSubscription for Memory {
    async fn renew(
        &self,
        connection: &Connection,
        channel: &Channel,
        from: &Subscription,
        to: &Subscription,
    ) -> Conditional {
        self.table(|state| {
            let row = state.open(&connection.id)?;
            let same_token = row.token_expires_at == connection.token_expires_at;
            match row.subscriptions.get_mut(channel) {
                Some(there) if same_token && there == from => {
                    *there = to.clone();
                    Ok(())
                }
                _ => Err(Refusal::Refreshed),
            }
        })
        .await
    }
}

impl RemoveSubscription for Memory {
    async fn remove(&self, id: &ConnectionId, channel: &Channel) -> Result<Option<Subscription>, StoreError> {
        self.table(|state| state.connections.get_mut(id).and_then(|row| row.subscriptions.remove(channel)))
            .await
    }
}

impl AdvanceHead for Memory {
    async fn advance(&self, channel: &Channel, step: &Step<'_>) -> Result<Head, StoreError> {
        self.table(|state| {
            let new = || Head { epoch: step.new_epoch.to_owned(), ..Head::default() };
            let head = state.heads.entry(channel.clone()).or_insert_with(new);
            head.offset += step.by;
            head.moved_at = step.now_ms;
            head.clone()
        })
        .await
    }
}

impl ReadHead for Memory {
    async fn head(&self, channel: &Channel) -> Result<Option<Head>, StoreError> {
        self.table(|state| state.heads.get(channel).cloned()).await
    }
}

impl LeaseHead for Memory {
    async fn take(&self, channel: &Channel, claim: &Claim<'_>) -> Result<Option<Head>, StoreError> {
        self.table(|state| {
            let head = state.heads.get_mut(channel)?;
            let is_free = head.busy_until.is_none_or(|until| until <= claim.now_ms);
            let owner = state.owners.entry(channel.clone()).or_default();
            if !is_free && owner != claim.owner {
                return None;
            }
            claim.owner.clone_into(owner);
            head.busy_until = Some(claim.until_ms);
            Some(head.clone())
        })
        .await
    }

    async fn release(&self, channel: &Channel, owner: &str, delivered: u64) -> Result<(), StoreError> {
        self.table(|state| {
            let is_own = state.owners.get(channel).is_some_and(|own| own == owner);
            if let Some(head) = state.heads.get_mut(channel).filter(|_| is_own) {
                head.delivered = Some(delivered);
                head.busy_until = None;
                state.owners.remove(channel);
            }
        })
        .await
    }
}

impl PutEntry for Memory {
    async fn put_entry(
        &self,
        channel: &Channel,
        epoch: &str,
        entry: &Entry,
        _ttl: i64,
    ) -> Result<bool, StoreError> {
        let key = (channel.clone(), epoch.to_owned(), entry.offset);
        self.table(|state| {
            let there = state.history.entry(key).or_insert_with(|| entry.clone());
            there.kept.is_some() == entry.kept.is_some()
        })
        .await
    }
}

impl ReadHistory for Memory {
    async fn entries(
        &self,
        channel: &Channel,
        epoch: &str,
        offsets: RangeInclusive<u64>,
        reverse: bool,
    ) -> Result<Page, StoreError> {
        if offsets.is_empty() {
            return Ok(Page::default());
        }
        let at = |offset: &u64| (channel.clone(), epoch.to_owned(), *offset);
        self.table(|state| {
            let rows = state.history.range(at(offsets.start())..=at(offsets.end())).map(|(_, entry)| entry);
            if reverse { page(rows.rev()) } else { page(rows) }
        })
        .await
    }
}

/// As many as DynamoDB would give at once, roughly: the sizes of keys and numbers are left out.
fn page<'a>(rows: impl Iterator<Item = &'a Entry>) -> Page {
    let (mut page, mut bytes) = (Page::default(), 0);
    for entry in rows {
        bytes += entry.kept.as_ref().map_or(0, |kept| kept.data.len());
        if bytes > PAGE_BYTES {
            page.more = true;
            break;
        }
        page.entries.push(entry.clone());
    }
    page
}

impl PostToConnection for Memory {
    async fn post(&self, id: &ConnectionId, frame: Bytes, within: Duration) -> Post {
        let now = |state: &State| state.clock.as_ref().map_or(0, |clock| clock.now_ms());
        let began = now(&self.state());
        self.sockets(|state| {
            if u128::from(now(state).abs_diff(began)) > within.as_millis() {
                return Post::Failed("it took too long".to_owned());
            }
            if state.gone.contains(id) {
                return Post::Gone;
            }
            if state.refusing.contains(id) {
                return Post::Throttled;
            }
            state.posted.push((id.clone(), frame));
            Post::Posted
        })
        .await
    }
}

impl DeleteConnection for Memory {
    async fn delete(&self, id: &ConnectionId) -> Post {
        self.sockets(|state| if state.gone.insert(id.clone()) { Post::Posted } else { Post::Gone }).await
    }
}
