//! The thread that writes. A transaction has whatever waits when it begins, and what comes meanwhile.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender};

use rusqlite::{Connection, Transaction, params};

use super::{Change, GroupRecord, number};
use crate::logs::group::EVENT_OVERHEAD;

/// Changes of one transaction at most.
const BATCH: usize = 16 * 1024;

/// What a transaction adds to the numbers of groups and streams.
#[derive(Debug, Default)]
struct Totals {
    bytes: HashMap<i64, i64>,
    streams: HashMap<i64, Times>,
    next_id: i64,
}

/// The times of a stream's new events.
#[derive(Debug)]
struct Times {
    first: i64,
    last: i64,
    ingestion: i64,
}

/// Writes until nobody can send any more.
pub(super) fn run(mut connection: Connection, changes: &Receiver<Change>) {
    // What went wrong since the last flush: the one who flushes must not believe in what is lost.
    let mut failed: Option<String> = None;
    while let Ok(first) = changes.recv() {
        let mut flushes = Vec::new();
        if let Err(error) = batch(&mut connection, first, changes, &mut flushes) {
            tracing::error!(%error, "log events cannot be written");
            failed = Some(error.to_string());
        }
        if !flushes.is_empty() {
            let outcome = failed.take().map_or(Ok(()), Err);
            for flush in flushes {
                let _ = flush.send(outcome.clone());
            }
        }
    }
}

fn batch(
    connection: &mut Connection,
    first: Change,
    changes: &Receiver<Change>,
    flushes: &mut Vec<SyncSender<Result<(), String>>>,
) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    let mut totals = Totals::default();
    let mut next = Some(first);
    let mut count = 0;
    // After a failure the rest of the batch is still taken, so that its flushes are answered.
    let mut outcome = Ok(());
    while let Some(change) = next {
        match change {
            Change::Flush(flush) => flushes.push(flush),
            change if outcome.is_ok() => outcome = apply(&transaction, change, &mut totals),
            _ => {}
        }
        count += 1;
        next = if count < BATCH { changes.try_recv().ok() } else { None };
    }
    outcome?;
    totals.write(&transaction)?;
    transaction.commit()
}

fn apply(transaction: &Transaction<'_>, change: Change, totals: &mut Totals) -> Result<(), rusqlite::Error> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        transaction.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    match change {
        Change::Event { group, stream, key, ingestion, message } => {
            execute(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![group, key.0, number(key.1), stream, ingestion, &*message],
            )?;
            totals.add(group, stream, key, ingestion, message.len());
            Ok(())
        }
        Change::Group(record) => put_group(transaction, &record),
        Change::DropGroup(group) => {
            execute("DELETE FROM events WHERE grp = ?1", params![group])?;
            execute("DELETE FROM streams WHERE grp = ?1", params![group])?;
            execute("DELETE FROM groups WHERE number = ?1", params![group])
        }
        Change::Stream { group, number, name, created } => execute(
            "INSERT INTO streams (number, grp, name, created) VALUES (?1, ?2, ?3, ?4)",
            params![number, group, &*name, created],
        ),
        Change::DropStream { group, number } => {
            totals.write(transaction)?;
            let size = bytes(transaction, "grp = ?1 AND stream = ?2", group, number)?;
            execute("DELETE FROM events WHERE grp = ?1 AND stream = ?2", params![group, number])?;
            execute("DELETE FROM streams WHERE number = ?1", params![number])?;
            execute("UPDATE groups SET bytes = bytes - ?2 WHERE number = ?1", params![group, size])
        }
        Change::Definition { id, record: Some(record) } => {
            execute("INSERT OR REPLACE INTO definitions VALUES (?1, ?2)", params![id, record])
        }
        Change::Definition { id, record: None } => {
            execute("DELETE FROM definitions WHERE id = ?1", params![id])
        }
        Change::Expire { group, before_ms, freed } => {
            totals.write(transaction)?;
            let size = bytes(transaction, "grp = ?1 AND timestamp < ?2", group, before_ms)?;
            execute("DELETE FROM events WHERE grp = ?1 AND timestamp < ?2", params![group, before_ms])?;
            execute("UPDATE groups SET bytes = bytes - ?2 WHERE number = ?1", params![group, size])?;
            let _ = freed.send(u64::try_from(size).unwrap_or(0));
            Ok(())
        }
        Change::Flush(_) => Ok(()),
    }
}

fn put_group(transaction: &Transaction<'_>, record: &GroupRecord) -> Result<(), rusqlite::Error> {
    let GroupRecord { number, name, created, retention_days, tags, filters } = record;
    let filters = serde_json::to_string(filters).unwrap_or_default();
    transaction
        .prepare_cached(
            "INSERT INTO groups (number, name, created, retention, tags, filters) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) DO UPDATE \
             SET retention = excluded.retention, tags = excluded.tags, filters = excluded.filters",
        )?
        .execute(params![number, &**name, created, retention_days, tags, filters])?;
    Ok(())
}

/// The bytes of some events, as groups count them.
fn bytes(
    transaction: &Transaction<'_>,
    which: &str,
    first: i64,
    second: i64,
) -> Result<i64, rusqlite::Error> {
    let sum = format!(
        "SELECT coalesce(sum(octet_length(message) + {EVENT_OVERHEAD}), 0) FROM events WHERE {which}"
    );
    transaction.query_row(&sum, params![first, second], |row| row.get(0))
}

impl Totals {
    fn add(&mut self, group: i64, stream: i64, key: super::Key, ingestion: i64, length: usize) {
        let size = i64::try_from(length + EVENT_OVERHEAD).unwrap_or(i64::MAX);
        *self.bytes.entry(group).or_default() += size;
        let times = self.streams.entry(stream).or_insert(Times { first: key.0, last: key.0, ingestion });
        times.first = times.first.min(key.0);
        times.last = times.last.max(key.0);
        times.ingestion = ingestion;
        self.next_id = self.next_id.max(number(key.1).saturating_add(1));
    }

    /// Writes and forgets them.
    fn write(&mut self, transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        let totals = std::mem::take(self);
        for (group, bytes) in totals.bytes {
            transaction
                .prepare_cached("UPDATE groups SET bytes = bytes + ?2 WHERE number = ?1")?
                .execute(params![group, bytes])?;
        }
        for (stream, Times { first, last, ingestion }) in totals.streams {
            transaction
                .prepare_cached(
                    "UPDATE streams SET first = min(coalesce(first, ?2), ?2), \
                     last = max(coalesce(last, ?3), ?3), ingestion = ?4 WHERE number = ?1",
                )?
                .execute(params![stream, first, last, ingestion])?;
        }
        if totals.next_id > 0 {
            transaction
                .prepare_cached("UPDATE counters SET value = max(value, ?1) WHERE name = 'next_id'")?
                .execute(params![totals.next_id])?;
        }
        Ok(())
    }
}
