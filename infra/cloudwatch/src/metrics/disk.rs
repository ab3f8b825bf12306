//! Metrics in a file.
//!
//! New data are appended as they come, those of one time put together once for each flush. What is
//! ten minutes old is settled: one row for each minute of a series, which grows coarse and goes as
//! CloudWatch's retention says. Each step is one transaction, so that nothing counts twice or never.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row, Transaction, params};

use super::bucket::Bucket;
use super::journal::{MINUTE, Place, SECOND};
use super::series::{AGEING, FIVES_KEPT, HOURS_KEPT, Identity, MINUTES_KEPT, SECONDS_KEPT, Series};
use super::unit;
use crate::sqlite::{self, OpenError};

const FIVE: i64 = 5 * MINUTE;
const HOUR: i64 = 60 * MINUTE;

/// How old data are when they are settled, in seconds, and how many different samples a row keeps:
/// the first step that ageing data take in memory.
const SETTLED_AFTER: i64 = AGEING[0].0;
const SAMPLES: usize = AGEING[0].1;

/// Rows that wait for a file that cannot be written; beyond, the oldest go.
const WAITING: usize = 200_000;

const VERSIONS: [&str; 1] = ["
    CREATE TABLE series (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
    CREATE TABLE fresh (
        start INTEGER NOT NULL, length INTEGER NOT NULL, unit TEXT NOT NULL, series INTEGER NOT NULL,
        data BLOB NOT NULL);
    CREATE TABLE settled (
        length INTEGER NOT NULL, start INTEGER NOT NULL, series INTEGER NOT NULL, unit TEXT NOT NULL,
        data BLOB NOT NULL, PRIMARY KEY (length, start, series, unit)) WITHOUT ROWID;
"];

const EVERYTHING: &str = "
    SELECT start, length, unit, series, data FROM settled
    UNION ALL SELECT start, length, unit, series, data FROM fresh";

/// Data of a series that were kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) identity: Identity,
    pub(super) place: Place,
    pub(super) bucket: Bucket,
}

/// New data of a series.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) series: Arc<Series>,
    pub(super) place: Place,
    pub(super) bucket: Bucket,
}

/// The file.
#[derive(Debug)]
pub(super) struct Disk(Mutex<Writer>);

#[derive(Debug)]
struct Writer {
    connection: Connection,
    /// What was taken from the series and is not written: one that waits for the writer must not
    /// believe that somebody else has written its data when that went wrong.
    waiting: Vec<Part>,
    /// When data were last settled, in seconds.
    settled: i64,
}

impl Disk {
    /// Opens or makes the file of a folder.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Kept>), OpenError> {
        let (connection, kept) = sqlite::open(folder, "metrics.sqlite", &VERSIONS, content)?;
        Ok((Self(Mutex::new(Writer { connection, waiting: Vec::new(), settled: i64::MIN })), kept))
    }

    /// Writes what `take` adds to that which waits.
    pub(super) fn flush(&self, take: impl FnOnce(&mut Vec<Part>)) -> Result<(), String> {
        let mut writer = self.lock();
        let Writer { connection, waiting, .. } = &mut *writer;
        take(waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        if let Err(error) = append(connection, waiting) {
            tracing::error!(%error, "metrics cannot be written");
            waiting.drain(..waiting.len().saturating_sub(WAITING));
            return Err(error.to_string());
        }
        waiting.clear();
        Ok(())
    }

    /// Settles what is old enough, once a minute. The time is in seconds.
    pub(super) fn settle(&self, now: i64) {
        let mut writer = self.lock();
        if now.saturating_sub(writer.settled) < MINUTE {
            return;
        }
        writer.settled = now;
        if let Err(error) = settle(&mut writer.connection, now) {
            tracing::error!(%error, "metrics cannot be settled");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // What waits is whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(connection: &mut Connection, parts: &[Part]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    for Part { series, place: (start, length, unit), bucket } in parts {
        let Identity { namespace, name, dimensions } = &series.identity;
        let identity = serde_json::json!([namespace, name, dimensions]).to_string();
        transaction
            .prepare_cached("INSERT INTO series (identity) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute(params![identity])?;
        transaction
            .prepare_cached(
                "INSERT INTO fresh SELECT ?2, ?3, ?4, number, ?5 FROM series WHERE identity = ?1",
            )?
            .execute(params![identity, start, length, unit, bucket.to_bytes()])?;
    }
    transaction.commit()
}

fn settle(connection: &mut Connection, now: i64) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    merge(&transaction, "fresh", "start < ?1", params![now - SETTLED_AFTER], None)?;
    let coarser = [(MINUTE, MINUTES_KEPT, FIVE), (FIVE, FIVES_KEPT, HOUR)];
    for (length, kept, coarse) in coarser {
        // Whole periods only, as in memory.
        let until = now - kept - (now - kept).rem_euclid(coarse);
        let old = "length = ?1 AND start < ?2";
        merge(&transaction, "settled", old, params![length, until], Some(coarse))?;
    }
    for (length, kept) in [(SECOND, SECONDS_KEPT), (HOUR, HOURS_KEPT)] {
        transaction
            .execute("DELETE FROM settled WHERE length = ?1 AND start < ?2", params![length, now - kept])?;
    }
    transaction.commit()
}

/// Moves rows of a table to those of the settled ones that they belong to: of their own time, or of a
/// longer one.
fn merge(
    transaction: &Transaction<'_>,
    table: &str,
    which: &str,
    values: &[&dyn rusqlite::ToSql],
    length: Option<i64>,
) -> Result<(), rusqlite::Error> {
    let mut found: HashMap<(i64, i64, String, i64), Bucket> = HashMap::new();
    {
        let columns = "SELECT start, length, unit, series, data FROM";
        let mut statement = transaction.prepare_cached(&format!("{columns} {table} WHERE {which}"))?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let (start, own): (i64, i64) = (row.get(0)?, row.get(1)?);
            let length = length.unwrap_or(own);
            let place = (start - start.rem_euclid(length), length, row.get(2)?, row.get(3)?);
            found.entry(place).or_default().absorb(&bucket(row, 4)?, true);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    for ((start, length, unit, series), mut merged) in found {
        let place = params![length, start, series, unit];
        let mut there = transaction.prepare_cached(
            "SELECT data FROM settled WHERE length = ?1 AND start = ?2 AND series = ?3 AND unit = ?4",
        )?;
        let mut rows = there.query(place)?;
        if let Some(row) = rows.next()? {
            merged.absorb(&bucket(row, 0)?, true);
        }
        merged.shrink(SAMPLES);
        transaction
            .prepare_cached("INSERT OR REPLACE INTO settled VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![length, start, series, unit, merged.to_bytes()])?;
    }
    transaction.prepare_cached(&format!("DELETE FROM {table} WHERE {which}"))?.execute(values).map(|_| ())
}

/// All data, and no series any more that has none.
fn content(connection: &Connection) -> Result<Vec<Kept>, rusqlite::Error> {
    connection.execute_batch(
        "DELETE FROM series WHERE number NOT IN (SELECT series FROM settled UNION SELECT series FROM fresh)",
    )?;
    let mut statement = connection.prepare("SELECT number, identity FROM series")?;
    let series = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let identities: HashMap<i64, String> =
        statement.query_map([], series)?.collect::<Result<_, rusqlite::Error>>()?;
    // What cannot be read was not written here.
    let identities: HashMap<i64, Identity> = identities
        .into_iter()
        .filter_map(|(number, text)| {
            let (namespace, name, dimensions) = serde_json::from_str(&text).ok()?;
            Some((number, Identity { namespace, name, dimensions }))
        })
        .collect();
    let mut kept = Vec::new();
    let mut statement = connection.prepare(EVERYTHING)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (Some(unit), Some(identity)) =
            (unit(row.get_ref(2)?.as_str()?), identities.get(&row.get(3)?).cloned())
        else {
            continue;
        };
        kept.push(Kept { identity, place: (row.get(0)?, row.get(1)?, unit), bucket: bucket(row, 4)? });
    }
    Ok(kept)
}

fn bucket(row: &Row<'_>, column: usize) -> Result<Bucket, rusqlite::Error> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Bucket::from_bytes(bytes)
        .ok_or_else(|| rusqlite::Error::InvalidParameterName("data of another version".to_owned()))
}

#[cfg(test)]
mod tests;
