//! Files of SQLite, as the stores here keep theirs.
//!
//! The journal is a write-ahead log: what is committed survives the end of this process at any
//! moment, and an unfinished transaction is as if it had never begun. After a crash of the machine
//! itself the last transactions can be missing, whole.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

#[cfg(test)]
pub(crate) mod testing;

/// Why logs, metrics or alarms cannot be kept in a folder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or its lock cannot be made.
    #[error("cannot keep data in {}: {cause}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Another process has it open.
    #[error("another process keeps its data in {}", .0.display())]
    Taken(PathBuf),
    /// A file is not one of ours, or is broken.
    #[error("cannot read the data in {}: {cause}", folder.display())]
    Database {
        /// The folder.
        folder: PathBuf,
        /// What SQLite says.
        cause: rusqlite::Error,
    },
}

/// How long to wait for whoever has the folder, who may be about to end: a restart follows at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Opens or makes a file of a folder for this process alone; `read` says what is in it.
pub(crate) fn open<T>(
    folder: &Path,
    file: &str,
    versions: &[&str],
    read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<(Connection, T), OpenError> {
    std::fs::create_dir_all(folder)
        .map_err(|cause| OpenError::Folder { folder: folder.to_owned(), cause })?;
    let opened = || {
        let connection = Connection::open(folder.join(file))?;
        connection.busy_timeout(PATIENCE)?;
        // The lock is held until the connection is closed, or its process has ended.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        prepare(&connection, versions)?;
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT;")?;
        let content = read(&connection)?;
        Ok((connection, content))
    };
    opened().map_err(|cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => OpenError::Taken(folder.to_owned()),
        _ => OpenError::Database { folder: folder.to_owned(), cause },
    })
}

/// Sets a connection up, and brings its file to the newest version: `versions` has what each adds
/// to the one before, beginning with an empty file.
pub(crate) fn prepare(connection: &Connection, versions: &[&str]) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Enough to survive the end of the process; FULL would wait for the disk in every transaction.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let there: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let Some(missing) = versions.get(there..) else {
        return Err(rusqlite::Error::InvalidParameterName("a file of another version".to_owned()));
    };
    for (version, statements) in (there + 1..).zip(missing) {
        connection.execute_batch(&format!("BEGIN; {statements} PRAGMA user_version = {version}; COMMIT;"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &Path, versions: &[&str], expected: Result<i64, &str>) {
        let sum = |connection: &Connection| {
            connection.query_row("SELECT sum(a) FROM t", [], |row| row.get::<_, i64>(0))
        };
        let found = open(folder, "x.sqlite", versions, sum).map(|(_, sum)| sum);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_file_grows_from_version_to_version_and_one_of_the_future_is_left_alone() {
        let folder = testing::Folder::new("sqlite");
        let first = "CREATE TABLE t (a); INSERT INTO t VALUES (1);";
        let second = "INSERT INTO t VALUES (2);";
        check(&folder, &[first], Ok(1));
        check(&folder, &[first], Ok(1));
        check(&folder, &[first, second], Ok(3));
        check(&folder, &[first, second], Ok(3));
        check(&folder, &[first], Err("a file of another version"));
        let _held = open(&folder, "x.sqlite", &[first, second], |_| Ok(())).unwrap();
        check(&folder, &[first, second], Err("another process keeps its data in"));
    }
}
