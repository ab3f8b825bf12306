//! Results as `GetQueryResults` gives them.

use std::sync::Arc;

use super::discover::Pointer;
use super::exec::row::Row;
use super::plan::{Columns, Slot};

/// A finished query, or one that is still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The columns in their order, without `@ptr`.
    pub columns: Vec<Arc<str>>,
    /// Cells as (field, value), in the order of the columns; missing values are left out, and a
    /// row that stands for an event ends with `@ptr`.
    pub rows: Vec<Vec<(Arc<str>, String)>>,
    /// What was read.
    pub statistics: Statistics,
}

/// What a query has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Events that passed the filters.
    pub records_matched: u64,
    /// Events that were looked at.
    pub records_scanned: u64,
    /// Bytes of their messages.
    pub bytes_scanned: u64,
    /// Log groups that they came from.
    pub log_groups_scanned: u64,
}

impl Statistics {
    pub(super) fn add(&mut self, other: &Self) {
        self.records_matched += other.records_matched;
        self.records_scanned += other.records_scanned;
        self.bytes_scanned += other.bytes_scanned;
    }
}

pub(super) fn collect(
    columns: &Columns,
    pointer: Option<Slot>,
    rows: &[Row<'_>],
    statistics: Statistics,
) -> Results {
    let names: Vec<Arc<str>> = columns.iter().map(|(name, _)| Arc::from(name.as_str())).collect();
    let ptr: Arc<str> = Arc::from("@ptr");
    let cells = |row: &Row<'_>| {
        let named = names.iter().zip(columns);
        let mut cells: Vec<(Arc<str>, String)> = named
            .filter_map(|(name, (_, slot))| Some((Arc::clone(name), row.get(*slot).display()?)))
            .collect();
        if let Some(group) = pointer.and_then(|slot| row.get(slot).as_text()) {
            let (timestamp, id, _) = row.tie;
            let pointer = Pointer { group: group.into_owned(), timestamp: !timestamp, id: !id };
            cells.push((Arc::clone(&ptr), pointer.encode()));
        }
        cells
    };
    let rows = rows.iter().map(cells).filter(|cells| !cells.is_empty()).collect();
    Results { columns: names, rows, statistics }
}
