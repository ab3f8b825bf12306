//! Alarms in a file: their definitions, states and tags, and the history.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::State;
use super::history::{HistoryItem, MAX_ITEMS};
use crate::sqlite::{self, OpenError};

const VERSIONS: [&str; 1] = ["
    CREATE TABLE alarms (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE history (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
"];

/// An alarm as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) composite: bool,
    /// What it was described with, as the API has it.
    pub(crate) description: Value,
    pub(crate) declared: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) actions_enabled: bool,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) reason_data: Option<String>,
    pub(crate) configured: i64,
    pub(crate) updated: i64,
    pub(crate) transitioned: i64,
}

/// What has changed since the last time.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Alarms by name; `None` when one was deleted.
    pub(super) alarms: BTreeMap<String, Option<Kept>>,
    pub(super) items: Vec<HistoryItem>,
}

/// What was there when the file was opened.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) alarms: Vec<Kept>,
    /// Oldest first.
    pub(super) items: Vec<HistoryItem>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Disk(Mutex<Writer>);

#[derive(Debug)]
struct Writer {
    connection: Connection,
    /// What was taken from the store and is not written, for whoever flushes next.
    waiting: Changes,
}

impl Disk {
    /// Opens or makes the file of a folder.
    pub(super) fn open(folder: &Path) -> Result<(Self, Content), OpenError> {
        let (connection, content) = sqlite::open(folder, "alarms.sqlite", &VERSIONS, content)?;
        Ok((Self(Mutex::new(Writer { connection, waiting: Changes::default() })), content))
    }

    /// Writes what `take` gives, and what waits.
    pub(super) fn flush(&self, take: impl FnOnce() -> Changes) -> Result<(), String> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Writer { connection, waiting } = &mut *writer;
        let Changes { alarms, items } = take();
        waiting.alarms.extend(alarms);
        waiting.items.extend(items);
        waiting.items.drain(..waiting.items.len().saturating_sub(MAX_ITEMS));
        if waiting.alarms.is_empty() && waiting.items.is_empty() {
            return Ok(());
        }
        if let Err(error) = write(connection, waiting) {
            tracing::error!(%error, "alarms cannot be written");
            return Err(error.to_string());
        }
        *waiting = Changes::default();
        Ok(())
    }
}

fn write(connection: &mut Connection, changes: &Changes) -> Result<(), rusqlite::Error> {
    let json = |failed: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(failed.into());
    let transaction = connection.transaction()?;
    for (name, kept) in &changes.alarms {
        match kept {
            Some(kept) => {
                let record = serde_json::to_string(kept).map_err(json)?;
                transaction.execute("INSERT OR REPLACE INTO alarms VALUES (?1, ?2)", params![name, record])?
            }
            None => transaction.execute("DELETE FROM alarms WHERE name = ?1", params![name])?,
        };
    }
    for item in &changes.items {
        let record = serde_json::to_string(item).map_err(json)?;
        transaction.execute("INSERT INTO history (record) VALUES (?1)", params![record])?;
    }
    transaction.execute(
        "DELETE FROM history WHERE number <= (SELECT max(number) FROM history) - ?1",
        params![MAX_ITEMS],
    )?;
    transaction.commit()
}

/// What cannot be read was not written here, and is left out.
fn content(connection: &Connection) -> Result<Content, rusqlite::Error> {
    let records = |sql: &str| -> Result<Vec<String>, rusqlite::Error> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let alarms = records("SELECT record FROM alarms ORDER BY name")?;
    let items = records("SELECT record FROM history ORDER BY number")?;
    Ok(Content {
        alarms: alarms.iter().filter_map(|record| serde_json::from_str(record).ok()).collect(),
        items: items.iter().filter_map(|record| serde_json::from_str(record).ok()).collect(),
    })
}

#[cfg(test)]
mod tests;
