//! Events in a file: SQLite, written by a thread of its own, many events a transaction. Saved queries
//! are in it as well.

mod schema;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::event::{Key, LogEvent};
use super::group::{Order, Stream};
use super::metric_filter::MetricFilter;
use crate::sqlite::{OpenError, PATIENCE};

/// Changes that may wait for the writer; who has one more waits, too.
const WAITING: usize = 64 * 1024;

/// A group as it is kept, without its events.
#[derive(Debug, Clone)]
pub(super) struct GroupRecord {
    pub(super) number: i64,
    pub(super) name: Arc<str>,
    pub(super) created: i64,
    pub(super) retention_days: Option<u32>,
    /// Tags, as a JSON object.
    pub(super) tags: String,
    pub(super) filters: Vec<MetricFilter>,
}

/// Something that the writer does. Groups and streams have numbers.
#[derive(Debug)]
pub(super) enum Change {
    Group(GroupRecord),
    DropGroup(i64),
    Stream {
        group: i64,
        number: i64,
        name: Arc<str>,
        created: i64,
    },
    DropStream {
        group: i64,
        number: i64,
    },
    Event {
        group: i64,
        stream: i64,
        key: Key,
        ingestion: i64,
        message: Arc<str>,
    },
    /// A saved query, as JSON; `None` when it was deleted.
    Definition {
        id: String,
        record: Option<String>,
    },
    /// Events of before a time go; the answer is how many bytes those were.
    Expire {
        group: i64,
        before_ms: i64,
        freed: SyncSender<u64>,
    },
    /// Answered when everything before it is kept, with what went wrong since the last one.
    Flush(SyncSender<Result<(), String>>),
}

/// A group that was there when the file was opened.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: GroupRecord,
    pub(super) stored_bytes: u64,
    pub(super) streams: Vec<Stream>,
}

/// What was there when the file was opened.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) groups: Vec<Found>,
    /// Saved queries, each as JSON.
    pub(super) definitions: Vec<String>,
    pub(super) next_id: u64,
    pub(super) next_number: i64,
}

impl Default for Content {
    fn default() -> Self {
        Self { groups: Vec::new(), definitions: Vec::new(), next_id: 1, next_number: 1 }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Disk {
    changes: SyncSender<Change>,
    /// For reading only; never held across an await.
    reader: Mutex<Connection>,
    /// Held for as long as the store lives.
    _lock: File,
}

impl Disk {
    /// Opens or makes the file of a folder.
    pub(super) fn open(folder: &Path) -> Result<(Self, Content), OpenError> {
        let in_folder = |cause| OpenError::Folder { folder: folder.to_owned(), cause };
        std::fs::create_dir_all(folder).map_err(in_folder)?;
        let lock = File::create(folder.join("logs.lock")).map_err(in_folder)?;
        let (locked, waiting) = sync_channel(1);
        std::thread::spawn(move || locked.send(lock.lock().map(|()| lock)));
        let lock = match waiting.recv_timeout(PATIENCE) {
            Ok(locked) => locked.map_err(in_folder)?,
            Err(_) => return Err(OpenError::Taken(folder.to_owned())),
        };
        Self::connect(&folder.join("logs.sqlite"), lock)
            .map_err(|cause| OpenError::Database { folder: folder.to_owned(), cause })
    }

    fn connect(path: &Path, lock: File) -> Result<(Self, Content), rusqlite::Error> {
        let writer = Connection::open(path)?;
        schema::prepare(&writer)?;
        let content = schema::content(&writer)?;
        let reader = Connection::open(path)?;
        let (changes, waiting) = sync_channel(WAITING);
        std::thread::spawn(move || writer::run(writer, &waiting));
        Ok((Self { changes, reader: Mutex::new(reader), _lock: lock }, content))
    }

    pub(super) fn send(&self, change: Change) {
        // The writer lives for as long as this sender does.
        let _ = self.changes.send(change);
    }

    /// Waits until everything sent so far is kept.
    pub(super) fn flush(&self) -> Result<(), String> {
        let (done, waiting) = sync_channel(1);
        self.send(Change::Flush(done));
        waiting.recv().unwrap_or_else(|_| Err("the writer of the logs has ended".to_owned()))
    }

    /// Removes a group's events of before a time; gives how many bytes those were.
    pub(super) fn expire(&self, group: i64, before_ms: i64) -> u64 {
        let (freed, waiting) = sync_channel(1);
        self.send(Change::Expire { group, before_ms, freed });
        waiting.recv().unwrap_or(0)
    }

    /// The first events of a range of places, both ends in it, of those that are written.
    pub(super) fn read(
        &self,
        (group, name): (i64, &Arc<str>),
        (from, to): (Key, Key),
        order: Order,
        limit: usize,
    ) -> Vec<LogEvent> {
        let _ = self.flush();
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> Result<Vec<LogEvent>, rusqlite::Error> {
            let mut statement = reader.prepare_cached(match order {
                Order::Forward => schema::READ_FORWARD,
                Order::Backward => schema::READ_BACKWARD,
            })?;
            let values = params![group, from.0, number(from.1), to.0, number(to.1), number(limit as u64)];
            let mut stream: Arc<str> = Arc::from("");
            let event = |row: &Row<'_>| {
                let name_of_stream = row.get_ref(2)?.as_str()?;
                if *stream != *name_of_stream {
                    stream = Arc::from(name_of_stream);
                }
                Ok(LogEvent {
                    group: Arc::clone(name),
                    stream: Arc::clone(&stream),
                    timestamp: row.get(0)?,
                    id: row.get::<_, i64>(1)?.unsigned_abs(),
                    ingestion: row.get(3)?,
                    message: Arc::from(row.get_ref(4)?.as_str()?),
                })
            };
            statement.query_map(values, event)?.collect()
        };
        read().unwrap_or_else(|error| {
            tracing::error!(%error, "the logs cannot be read");
            Vec::new()
        })
    }
}

/// An id as SQLite keeps numbers; there are never as many events as would not fit.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// One value of a query, when there is one.
fn value_of(connection: &Connection, sql: &str) -> Result<Option<i64>, rusqlite::Error> {
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.flatten())
}
