//! Queries that are saved under a name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::LogStore;
use super::disk::Change;

/// A saved query, as `DescribeQueryDefinitions` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When it was put: milliseconds since the epoch. The store sets it.
    pub last_modified: i64,
}

/// All of them, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Mutex<BTreeMap<String, QueryDefinition>>);

impl Definitions {
    /// Those that were kept, each as JSON.
    pub(super) fn found(records: &[String]) -> Self {
        // What is no definition was not written here.
        let read = records.iter().filter_map(|record| serde_json::from_str::<QueryDefinition>(record).ok());
        Self(Mutex::new(read.map(|one| (one.query_definition_id.clone(), one)).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, QueryDefinition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogStore {
    /// Has a saved query in the place of the one with its id, for as long as this process runs: a
    /// template declares it again.
    pub fn declare_query_definition(&self, mut definition: QueryDefinition) {
        definition.last_modified = self.now_ms();
        let id = definition.query_definition_id.clone();
        self.inner.definitions.lock().insert(id, definition);
    }

    /// Keeps a saved query, in the place of the one with its id.
    pub(crate) fn put_query_definition(&self, mut definition: QueryDefinition) {
        definition.last_modified = self.now_ms();
        let id = definition.query_definition_id.clone();
        // Text and numbers always are JSON.
        let record = serde_json::to_string(&definition).ok();
        let mut all = self.inner.definitions.lock();
        self.send(|| Change::Definition { id: id.clone(), record });
        all.insert(id, definition);
    }

    /// All saved queries, by their names.
    pub(crate) fn query_definitions(&self) -> Vec<QueryDefinition> {
        let mut all: Vec<_> = self.inner.definitions.lock().values().cloned().collect();
        all.sort_by(|a, b| (&a.name, &a.query_definition_id).cmp(&(&b.name, &b.query_definition_id)));
        all
    }

    /// Whether there was one of that id.
    pub(crate) fn delete_query_definition(&self, id: &str) -> bool {
        let mut all = self.inner.definitions.lock();
        self.send(|| Change::Definition { id: id.to_owned(), record: None });
        all.remove(id).is_some()
    }
}
