//! The tables, and what is in them.

use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::{Content, Found, GroupRecord, value_of};
use crate::logs::group::Stream;
use crate::sqlite;

/// What each version of the file adds. Events stand in the order in which they are read.
const VERSIONS: [&str; 2] = [TABLES, DEFINITIONS];

const TABLES: &str = "
    CREATE TABLE groups (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
        retention INTEGER, tags TEXT NOT NULL, filters TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE streams (
        number INTEGER PRIMARY KEY, grp INTEGER NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
        first INTEGER, last INTEGER, ingestion INTEGER, UNIQUE (grp, name));
    CREATE TABLE events (
        grp INTEGER NOT NULL, timestamp INTEGER NOT NULL, id INTEGER NOT NULL, stream INTEGER NOT NULL,
        ingestion INTEGER NOT NULL, message TEXT NOT NULL,
        PRIMARY KEY (grp, timestamp, id)) WITHOUT ROWID;
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counters VALUES ('next_id', 1);
";

const DEFINITIONS: &str =
    "CREATE TABLE definitions (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;";

pub(super) const READ_FORWARD: &str = "
    SELECT timestamp, id, (SELECT name FROM streams WHERE number = stream) AS name, ingestion, message
    FROM events WHERE grp = ?1 AND (timestamp, id) >= (?2, ?3) AND (timestamp, id) <= (?4, ?5)
    AND name IS NOT NULL ORDER BY timestamp, id LIMIT ?6";

pub(super) const READ_BACKWARD: &str = "
    SELECT timestamp, id, (SELECT name FROM streams WHERE number = stream) AS name, ingestion, message
    FROM events WHERE grp = ?1 AND (timestamp, id) >= (?2, ?3) AND (timestamp, id) <= (?4, ?5)
    AND name IS NOT NULL ORDER BY timestamp DESC, id DESC LIMIT ?6";

/// Sets the connection up, and makes the tables that are missing.
pub(super) fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    sqlite::prepare(connection, &VERSIONS)
}

/// Everything but the events.
pub(super) fn content(connection: &Connection) -> Result<Content, rusqlite::Error> {
    let mut statement =
        connection.prepare("SELECT number, name, created, retention, tags, filters, bytes FROM groups")?;
    let group = |row: &Row<'_>| {
        let filters: String = row.get(5)?;
        let record = GroupRecord {
            number: row.get(0)?,
            name: Arc::from(row.get_ref(1)?.as_str()?),
            created: row.get(2)?,
            retention_days: row.get(3)?,
            tags: row.get(4)?,
            filters: serde_json::from_str(&filters).unwrap_or_default(),
        };
        let bytes: i64 = row.get(6)?;
        Ok(Found { record, stored_bytes: u64::try_from(bytes).unwrap_or(0), streams: Vec::new() })
    };
    let mut groups: Vec<Found> = statement.query_map([], group)?.collect::<Result<_, _>>()?;
    for group in &mut groups {
        group.streams = streams(connection, group.record.number)?;
    }
    let mut statement = connection.prepare("SELECT record FROM definitions")?;
    let definitions = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let counter = |sql: &str| Ok::<_, rusqlite::Error>(value_of(connection, sql)?.unwrap_or(0));
    let next_id = counter("SELECT value FROM counters WHERE name = 'next_id'")?;
    // Numbers of what was deleted do not come again for as long as an event has them.
    let numbers = [
        counter("SELECT max(number) FROM groups")?,
        counter("SELECT max(number) FROM streams")?,
        counter("SELECT max(grp) FROM events")?,
    ];
    Ok(Content {
        groups,
        definitions,
        next_id: next_id.unsigned_abs().max(1),
        next_number: numbers.into_iter().max().unwrap_or(0) + 1,
    })
}

fn streams(connection: &Connection, group: i64) -> Result<Vec<Stream>, rusqlite::Error> {
    let mut statement = connection
        .prepare("SELECT number, name, created, first, last, ingestion FROM streams WHERE grp = ?1")?;
    let stream = |row: &Row<'_>| {
        Ok(Stream {
            number: row.get(0)?,
            name: Arc::from(row.get_ref(1)?.as_str()?),
            created: row.get(2)?,
            first_event: row.get(3)?,
            last_event: row.get(4)?,
            last_ingestion: row.get(5)?,
        })
    };
    statement.query_map([group], stream)?.collect()
}
