//! The log store of a running stack: in memory or in a folder, and what it has to do every second.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloudwatch::insights;
use cloudwatch::logs::{LogStore, MetricFilter, OpenError, QueryDefinition};
use cloudwatch::metrics::MetricStore;
use sam::app::App;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;

/// How often the store puts the metrics of what came in.
const TICK: Duration = Duration::from_secs(1);

/// A log store that is looked after.
#[derive(Debug)]
pub(crate) struct Logging {
    store: LogStore,
    ticking: JoinHandle<()>,
}

impl Logging {
    /// Opens the store: in memory, or in a folder.
    pub(crate) async fn start(
        folder: Option<PathBuf>,
        metrics: MetricStore,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let store = match folder {
            None => LogStore::new(metrics, clock),
            Some(folder) => {
                let path = folder.clone();
                let opened = tokio::task::spawn_blocking(move || LogStore::open(&path, metrics, clock)).await;
                opened.map_err(|cause| OpenError::Folder { folder, cause: cause.into() })??
            }
        };
        let ticking = tokio::spawn(tick(store.clone()));
        Ok(Self { store, ticking })
    }

    pub(crate) const fn store(&self) -> &LogStore {
        &self.store
    }

    /// Waits until everything is kept.
    pub(crate) async fn shutdown(self) {
        self.ticking.abort();
        let flushed = tokio::task::spawn_blocking(move || self.store.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::error!(error, "the last log events could not be written");
        }
    }
}

async fn tick(store: LogStore) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let store = store.clone();
        // It may wait for the disk.
        let _ = tokio::task::spawn_blocking(move || store.tick()).await;
    }
}

/// Makes what the template declares: groups, also those of the functions, their retention, their
/// metric filters, and saved queries.
pub(crate) fn declare(logs: &LogStore, app: &App) -> Result<(), String> {
    let functions = app.functions.values().map(|function| (function.log_group.as_str(), None));
    let declared = app.log_groups.iter().map(|group| (group.name.as_str(), group.retention_days));
    for (group, retention) in functions.chain(declared) {
        // One that is there already is as good.
        let _ = logs.create_group(group);
        if retention.is_some() {
            let _ = logs.set_retention(group, retention);
        }
    }
    for declared in &app.metric_filters {
        let told = |reason: &dyn std::fmt::Display| {
            format!("the metric filter {} cannot be made: {reason}", declared.logical_id)
        };
        let filter: MetricFilter =
            serde_json::from_value(declared.filter.clone()).map_err(|error| told(&error))?;
        logs.put_metric_filter(&declared.log_group, filter).map_err(|error| told(&error))?;
    }
    app.query_definitions.iter().for_each(|declared| save(logs, declared));
    Ok(())
}

/// Saves a query. CloudWatch takes one that does not compile, too: it fails when it is run.
fn save(logs: &LogStore, declared: &sam::app::QueryDefinition) {
    let sam::app::QueryDefinition { logical_id, id, name, query, log_groups } = declared;
    if let Err(error) = insights::compile(query) {
        tracing::warn!(logical_id, error = %error, "a saved query of the template does not compile");
    }
    logs.declare_query_definition(QueryDefinition {
        query_definition_id: id.clone(),
        name: name.clone(),
        query_string: query.clone(),
        log_group_names: log_groups.clone(),
        last_modified: 0,
    });
}
