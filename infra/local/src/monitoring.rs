//! CloudWatch of a running stack: logs, metrics and alarms, what the template declares of them, and
//! their APIs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cloudwatch::alarms::AlarmStore;
use cloudwatch::api::{self, Account};
use cloudwatch::logs::{LogStore, OpenError};
use cloudwatch::metrics::MetricStore;
use sam::app::App;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::alarming::{self, Alarming};
use crate::clock::Clock;
use crate::logging::{self, Logging};
use crate::stack::StartError;

/// How often what was recorded is kept, and alarms' states are: nobody waits for those.
const TICK: Duration = Duration::from_secs(1);

/// The stores, and the tasks that look after them.
#[derive(Debug)]
pub(crate) struct Monitoring {
    logging: Logging,
    metrics: MetricStore,
    alarms: AlarmStore,
    /// Evaluates the alarms for as long as this is here.
    _alarming: Alarming,
    keeping: JoinHandle<()>,
    logs_api: api::logs::Api,
    metrics_api: api::metrics::Api,
}

impl Monitoring {
    /// Makes what the template declares. All is in `folder`, or in memory.
    pub(crate) async fn start(
        app: &App,
        settings: &sam::Settings,
        folder: Option<PathBuf>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let sam::Settings { region, account_id, .. } = settings;
        let (metrics, alarms) = stores(folder.as_deref(), region, account_id).await?;
        let logging = Logging::start(folder, metrics.clone(), Arc::clone(clock)).await?;
        logging::declare(logging.store(), app).map_err(StartError::MetricFilter)?;
        let metrics_api = api::metrics::Api::new(metrics.clone(), alarms.clone(), Arc::clone(clock));
        alarming::declare(&metrics_api, &app.alarms)?;
        let account = Account {
            partition: settings.partition().to_owned(),
            region: region.clone(),
            id: account_id.clone(),
        };
        let logs_api = api::logs::Api::new(logging.store().clone(), account);
        let _alarming = Alarming::start(alarms.clone(), metrics.clone());
        let keeping = tokio::spawn(keep(metrics.clone(), alarms.clone(), Arc::clone(clock)));
        Ok(Self { logging, metrics, alarms, _alarming, keeping, logs_api, metrics_api })
    }

    pub(crate) const fn logs(&self) -> &LogStore {
        self.logging.store()
    }

    pub(crate) const fn metrics(&self) -> &MetricStore {
        &self.metrics
    }

    pub(crate) const fn alarms(&self) -> &AlarmStore {
        &self.alarms
    }

    pub(crate) const fn logs_api(&self) -> &api::logs::Api {
        &self.logs_api
    }

    pub(crate) const fn metrics_api(&self) -> &api::metrics::Api {
        &self.metrics_api
    }

    /// Waits until everything is kept.
    pub(crate) async fn shutdown(self) {
        self.keeping.abort();
        self.logging.shutdown().await;
        let Self { metrics, alarms, .. } = self;
        let flushed =
            tokio::task::spawn_blocking(move || metrics.flush().and_then(|()| alarms.flush())).await;
        if let Ok(Err(error)) = flushed {
            tracing::error!(error, "the last metrics and alarms could not be written");
        }
    }
}

/// The stores of metrics and of alarms: in a folder, or in memory.
async fn stores(
    folder: Option<&Path>,
    region: &str,
    account_id: &str,
) -> Result<(MetricStore, AlarmStore), OpenError> {
    let Some(folder) = folder.map(Path::to_owned) else {
        return Ok((MetricStore::default(), AlarmStore::new(region, account_id)));
    };
    let (region, account_id, path) = (region.to_owned(), account_id.to_owned(), folder.clone());
    let open = move || Ok((MetricStore::open(&path)?, AlarmStore::open(&path, &region, &account_id)?));
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|cause| OpenError::Folder { folder, cause: cause.into() })?
}

async fn keep(metrics: MetricStore, alarms: AlarmStore, clock: Arc<dyn Clock>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (metrics, alarms, now_ms) = (metrics.clone(), alarms.clone(), clock.now_ms());
        let work = move || {
            metrics.tick(now_ms);
            // The writer has logged what went wrong.
            let _ = alarms.flush();
        };
        let _ = tokio::task::spawn_blocking(work).await;
    }
}
