//! The open connections, by id.
//!
//! A connection's own task puts it in when `$connect` has let it in and takes it out at its end;
//! `DeleteConnection` takes it out at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::connection::Connection;
use super::ids::ConnectionId;
use super::outbox::{Outbox, Refused};

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Never held across an await.
    open: Mutex<HashMap<ConnectionId, Arc<OpenConnection>>>,
}

/// One open connection, as others see it.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    /// What its handshake fixed.
    pub(crate) connection: Arc<Connection>,
    /// The messages on their way to its client.
    pub(crate) outbox: Outbox,
    /// Tells its task that it has been deleted.
    pub(crate) deleted: Notify,
    /// When a message last went either way: milliseconds since the epoch.
    last_active_at: AtomicI64,
}

impl OpenConnection {
    /// A connection that has just been let in.
    pub(crate) fn new(connection: Arc<Connection>, outbox: Outbox) -> Arc<Self> {
        let last_active_at = AtomicI64::new(connection.connected_at);
        Arc::new(Self { connection, outbox, deleted: Notify::new(), last_active_at })
    }

    /// `lastActiveAt`, in milliseconds since the epoch.
    pub(crate) fn last_active_at(&self) -> i64 {
        self.last_active_at.load(Ordering::Relaxed)
    }

    /// Remembers that a message came or went.
    pub(crate) fn active(&self, now_ms: i64) {
        self.last_active_at.store(now_ms, Ordering::Relaxed);
    }

    /// Takes a message for the client.
    pub(crate) fn post(&self, text: Utf8Bytes, now_ms: i64) -> Result<(), Refused> {
        self.outbox.try_push(text)?;
        self.active(now_ms);
        Ok(())
    }
}

impl Registry {
    /// Lets others find a connection.
    pub(crate) fn insert(&self, open: &Arc<OpenConnection>) {
        self.lock().insert(open.connection.id.clone(), Arc::clone(open));
    }

    /// The open connection of this id.
    pub(crate) fn get(&self, id: &ConnectionId) -> Option<Arc<OpenConnection>> {
        self.lock().get(id).cloned()
    }

    /// Hides a connection: from now on it is gone.
    pub(crate) fn remove(&self, id: &ConnectionId) {
        self.lock().remove(id);
    }

    /// How many are open.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<OpenConnection>>> {
        // Every critical section leaves the map whole, so a poisoned lock is still good.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
