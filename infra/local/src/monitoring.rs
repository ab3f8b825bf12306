//! CloudWatch of a running stack: logs, metrics and alarms, what the template declares of them, and
//! their APIs.

use std::path::PathBuf;
use std::sync::Arc;

use cloudwatch::alarms::AlarmStore;
use cloudwatch::api::{self, Account};
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;
use sam::app::App;

use crate::alarming::{self, Alarming};
use crate::clock::Clock;
use crate::logging::{self, Logging};
use crate::stack::StartError;

/// The stores, and the tasks that look after them.
#[derive(Debug)]
pub(crate) struct Monitoring {
    logging: Logging,
    metrics: MetricStore,
    alarms: AlarmStore,
    /// Evaluates the alarms for as long as this is here.
    _alarming: Alarming,
    logs_api: api::logs::Api,
    metrics_api: api::metrics::Api,
}

impl Monitoring {
    /// Makes what the template declares. Logs are in `folder`, or in memory.
    pub(crate) async fn start(
        app: &App,
        settings: &sam::Settings,
        folder: Option<PathBuf>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let metrics = MetricStore::default();
        let logging = Logging::start(folder, metrics.clone(), Arc::clone(clock)).await?;
        logging::declare(logging.store(), app).map_err(StartError::MetricFilter)?;
        let sam::Settings { region, account_id, .. } = settings;
        let alarms = AlarmStore::new(region, account_id);
        let metrics_api = api::metrics::Api::new(metrics.clone(), alarms.clone(), Arc::clone(clock));
        alarming::declare(&metrics_api, &app.alarms)?;
        let account = Account {
            partition: settings.partition().to_owned(),
            region: region.clone(),
            id: account_id.clone(),
        };
        let logs_api = api::logs::Api::new(logging.store().clone(), account);
        let _alarming = Alarming::start(alarms.clone(), metrics.clone());
        Ok(Self { logging, metrics, alarms, _alarming, logs_api, metrics_api })
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
        self.logging.shutdown().await;
    }
}
