//! Looks into the logs.

use cloudwatch::logs::{LogEvent, LogStore};
use local::lambda::is_routine;
use serde_json::Value;

use crate::socket::PATIENCE;

/// The logs of a stack.
#[derive(Debug, Clone, Copy)]
pub struct Logs<'a>(&'a LogStore);

impl<'a> Logs<'a> {
    pub(crate) const fn new(store: &'a LogStore) -> Self {
        Self(store)
    }

    /// Every event so far whose group's name contains `group`.
    #[must_use]
    pub fn events(self, group: &str) -> Vec<LogEvent> {
        let groups = self.0.groups().into_iter().filter(|name| name.contains(group));
        groups.flat_map(|name| self.0.events(&name)).collect()
    }

    /// The lines so far of such groups, as JSON, without those that Lambda writes for every invocation.
    ///
    /// # Panics
    /// When a line is not JSON.
    #[must_use]
    pub fn lines(self, group: &str) -> Vec<Value> {
        let parse = |event: LogEvent| {
            serde_json::from_str(&event.message).unwrap_or_else(|_| panic!("not JSON: {}", event.message))
        };
        let own = self.events(group).into_iter().filter(|event| !is_routine(&event.message));
        own.map(parse).collect()
    }

    /// Waits until `found` finds something in the lines of such groups. A function's output may
    /// come a moment after its answer.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn wait<T>(self, group: &str, found: impl Fn(&[Value]) -> Option<T>) -> T {
        let mut follower = self.0.follow();
        let search = async {
            loop {
                if let Some(found) = found(&self.lines(group)) {
                    return found;
                }
                // A follower that fell behind has something new to look at all the same.
                let _ = follower.recv().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, search).await;
        waited.unwrap_or_else(|_| panic!("no such line; there are: {:#?}", self.lines(group)))
    }
}
