//! What happened to alarms.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Items that are kept; the oldest go first.
pub(super) const MAX_ITEMS: usize = 10_000;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ItemKind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl ItemKind {
    /// Its name in the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistoryItem {
    pub(crate) alarm: String,
    pub(crate) composite: bool,
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    pub(crate) kind: ItemKind,
    pub(crate) summary: String,
    /// JSON.
    pub(crate) data: String,
}

/// The history, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<HistoryItem>);

impl History {
    pub(super) fn push(&mut self, item: HistoryItem) {
        if self.0.len() >= MAX_ITEMS {
            self.0.pop_front();
        }
        self.0.push_back(item);
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &HistoryItem> {
        self.0.iter()
    }
}
