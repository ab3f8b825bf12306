//! Queries that are saved under a name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::LogStore;

/// A saved query, as `DescribeQueryDefinitions` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryDefinition {
    /// Its id.
    pub query_definition_id: String,
    /// Its name. It may have folders, with `/` between them, and need not be unique.
    pub name: String,
    /// The query.
    pub query_string: String,
    /// The groups that it is meant for.
    pub log_group_names: Vec<String>,
    /// When it was put: milliseconds since the epoch. [`LogStore::put_query_definition`] sets it.
    pub last_modified: i64,
}

/// All of them, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Mutex<BTreeMap<String, QueryDefinition>>);

impl Definitions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, QueryDefinition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogStore {
    /// Keeps a saved query, in the place of the one with its id.
    pub fn put_query_definition(&self, mut definition: QueryDefinition) {
        definition.last_modified = self.now_ms();
        let id = definition.query_definition_id.clone();
        self.inner.definitions.lock().insert(id, definition);
    }

    /// All saved queries, by their names.
    pub(crate) fn query_definitions(&self) -> Vec<QueryDefinition> {
        let mut all: Vec<_> = self.inner.definitions.lock().values().cloned().collect();
        all.sort_by(|a, b| (&a.name, &a.query_definition_id).cmp(&(&b.name, &b.query_definition_id)));
        all
    }

    /// Whether there was one of that id.
    pub(crate) fn delete_query_definition(&self, id: &str) -> bool {
        self.inner.definitions.lock().remove(id).is_some()
    }
}
