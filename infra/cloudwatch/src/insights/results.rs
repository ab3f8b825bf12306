//! Results as `GetQueryResults` gives them.

use std::sync::Arc;

use super::discover::Pointer;
use super::exec::row::Row;
use super::plan::{Plan, Slot};
use super::value::Value;

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

/// Keeps where each event is, before a command over all rows gives them an order of its own.
pub(super) fn keep_pointers(plan: &Plan, rows: &mut [Row<'static>]) {
    let (Some(group), Some(kept)) = (plan.pointer, plan.kept_pointer) else { return };
    for row in rows {
        if let (true, Some(pointer)) = (row.get(kept).is_null(), pointer(row, group)) {
            row.set(kept, Value::text(pointer));
        }
    }
}

fn pointer(row: &Row<'_>, group: Slot) -> Option<String> {
    let (timestamp, id, _) = row.tie;
    let group = row.get(group).as_text()?.into_owned();
    Some(Pointer { group, timestamp: !timestamp, id: !id }.encode())
}

pub(super) fn collect(plan: &Plan, rows: &[Row<'_>], statistics: Statistics) -> Results {
    let names: Vec<Arc<str>> = plan.columns.iter().map(|(name, _)| Arc::from(name.as_str())).collect();
    let ptr: Arc<str> = Arc::from("@ptr");
    let cells = |row: &Row<'_>| {
        let named = names.iter().zip(&plan.columns);
        let mut cells: Vec<(Arc<str>, String)> = named
            .filter_map(|(name, (_, slot))| Some((Arc::clone(name), row.get(*slot).display()?)))
            .collect();
        let kept = plan.kept_pointer.and_then(|slot| row.get(slot).display());
        if let Some(pointer) = plan.pointer.and_then(|group| kept.or_else(|| pointer(row, group))) {
            cells.push((Arc::clone(&ptr), pointer));
        }
        cells
    };
    let rows = rows.iter().map(cells).filter(|cells| !cells.is_empty()).collect();
    Results { columns: names, rows, statistics }
}
